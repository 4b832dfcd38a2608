/* model_fetch_parts.h: the three ways to gather the files of a model, for model_fetch.c. Private to run/. */
#ifndef HEDDLE_RUN_MODEL_FETCH_PARTS_H
#define HEDDLE_RUN_MODEL_FETCH_PARTS_H

#include "run/models/model_fetch.h"

struct heddle_model_fetching {
    const struct heddle_model_fetch_options *options;
    const char *ca_file; /* or NULL */
    struct heddle_arena *arena;
    const char *work; /* an empty folder */
};

/* Each answers in *root_out the folder in `work` that holds the model. */
HEDDLE_MUST_CHECK int heddle_model_fetch_copy(const struct heddle_model_fetching *fetching, const char *from,
                                              const char **root_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_model_fetch_url(const struct heddle_model_fetching *fetching,
                                             const char **root_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_model_fetch_package(const struct heddle_model_fetching *fetching,
                                                 const char **root_out, struct heddle_error *error);

/* True for a name that is one part of a path and may be a folder's: no '/', not "." or "..", no control characters. */
bool heddle_model_is_plain_name(const char *name);

#endif
