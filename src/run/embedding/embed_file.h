/* embed_file.h: a table in, the same table with a column of vectors out: `heddle embed IN OUT`.
 *
 * Rows come out in the order of the input, in bounded memory. A row without text has no vector (null); a row whose text could
 * not be embedded has none either and a reject that says why. The file appears when it is complete.
 */
#ifndef HEDDLE_RUN_EMBED_FILE_H
#define HEDDLE_RUN_EMBED_FILE_H

#include <stdatomic.h>

#include <heddle/embed.h>

#include "run/rejects/rejects.h"
#include "run/stores.h"

struct heddle_embed_file_options {
    const char *in;   /* Delta, Parquet, CSV or JSON lines: file, folder or pattern, here or in a store */
    const char *type; /* of `in`; NULL: as it looks */
    struct heddle_stores *stores; /* how stores are asked for `in`; NULL: without credentials */
    const char *out;              /* Parquet or JSON lines */
    const char *format;           /* of `out`; NULL: by its ending */
    const char *column;           /* the text; NULL: the only text column there is */
    const char *as;               /* name of the new column */
    uint64_t limit;               /* rows; UINT64_MAX: all */
    size_t threads;
    struct heddle_embedder *embedder;
    const char *rejects_folder; /* made when the first row is rejected */
    struct heddle_reject_limit reject_limit;
    int (*progress)(void *context, uint64_t rows, int64_t rows_expected); /* rows written; or NULL */
    void *context;
    const _Atomic bool *stop; /* or NULL */
};

struct heddle_embed_file_result {
    uint64_t rows;
    uint64_t rejected;
    struct heddle_embed_statistics embedded;
    double seconds;
    double embed_cpu_seconds; /* of the threads that embed */
};

/* Errors: HEDDLE_SOURCE (input, or no such text column: lists them), HEDDLE_INVALID (format, name of the new column taken),
 * HEDDLE_MODEL, HEDDLE_NETWORK, HEDDLE_REJECTED, HEDDLE_IO (output), HEDDLE_INTERRUPTED, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embed_file(const struct heddle_embed_file_options *options,
                                        struct heddle_embed_file_result *result_out,
                                        struct heddle_error *error);

#endif
