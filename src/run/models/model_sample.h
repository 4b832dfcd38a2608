/* model_sample.h: texts to try a model on: the first of a table's, or made-up removal reasons where no table is named. */
#ifndef HEDDLE_RUN_MODEL_SAMPLE_H
#define HEDDLE_RUN_MODEL_SAMPLE_H

#include <heddle/embed.h>

#include "base/arena.h"
#include "base/error.h"
#include "run/stores.h"

struct heddle_model_sample_options {
    const char *path;             /* Delta, Parquet, CSV or JSON lines; NULL: `heddle generate removals` */
    struct heddle_stores *stores; /* how stores are asked for `path`; NULL: without credentials */
    const char *column;           /* of the texts; NULL: the only text column there is */
    uint64_t rows;                /* at most this many texts; rows without one are left out */
};

/* *texts_out (*count_out >= 1) lie in the arena. Errors: HEDDLE_SOURCE (file, column, or no text at all). */
HEDDLE_MUST_CHECK int heddle_model_sample(const struct heddle_model_sample_options *options,
                                          struct heddle_arena *arena, struct heddle_embed_text **texts_out,
                                          size_t *count_out, struct heddle_error *error);

#endif
