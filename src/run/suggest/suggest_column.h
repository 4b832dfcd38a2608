/* suggest_column.h: what suggest.c saw and suggest_write.c puts into words. Private to run/. */
#ifndef HEDDLE_RUN_SUGGEST_COLUMN_H
#define HEDDLE_RUN_SUGGEST_COLUMN_H

#include "base/buffer.h"
#include "column/batch.h"

struct heddle_suggest_column {
    const char *name;
    enum heddle_type type; /* of the column, or what all its texts read as */
    uint64_t *seen;        /* open-addressed set of value hashes */
    uint32_t reads_as;     /* bit set = every text so far reads as this type */
    uint64_t nulls, values, distinct, length, with_spaces;
    double mean_length;
    bool is_unique;   /* no nulls, no value twice */
    bool is_key_like; /* integer or short text */
    bool is_prose;    /* sentences: worth embedding */
};

struct heddle_suggest_file {
    const char *path;
    const char *shown; /* the path without what may be a secret (heddle_stores_shown) */
    const char *type;
    const char *model;
};

/* Writes the job. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_suggest_write(const struct heddle_suggest_file *file,
                                           const struct heddle_suggest_column *columns, size_t count,
                                           struct heddle_arena *arena, struct heddle_buffer *out,
                                           struct heddle_error *error);

#endif
