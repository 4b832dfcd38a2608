/* embedding_memory.h: what the embedding stage need not do: rows that are in the graph, and vectors that an earlier run computed.
 *
 * Threads: any number at once; each with a batch of its own.
 */
#ifndef HEDDLE_RUN_EMBEDDING_MEMORY_H
#define HEDDLE_RUN_EMBEDDING_MEMORY_H

#include <heddle/embed.h>

#include "column/batch.h"
#include "run/kept/kept_vectors.h"
#include "sink/ledger.h"
#include "sink/share.h"
#include "sink/target.h"

/* Of one pass over one micro-batch. All is borrowed; {0} remembers nothing. */
struct heddle_embedding_memory {
    struct heddle_kept_vectors *kept;    /* or NULL */
    const struct heddle_ledger *ledger;  /* or NULL; open for the micro-batch */
    const struct heddle_target *targets; /* of the load */
    const size_t *pass_targets;          /* those that the pass feeds */
    size_t pass_target_count;
    const struct heddle_share *share; /* whose rows are written; NULL = all of them are */
};

/* The rows of one batch and one slot. Arrays lie in the batch's arena; NULL where there is no memory of that kind. */
struct heddle_embedding_rows {
    const struct heddle_embedding_memory *memory;
    const struct heddle_batch *batch;
    struct heddle_kept_column column;
    uint8_t *done;    /* a row: every target that takes the vector has the row: it is not embedded */
    uint64_t *hashes; /* of each text that is wanted, 0 for others */
    uint8_t *found;   /* a row: its vector was kept */
};

/* Finds out about the rows of a batch, and puts the vectors that were kept into `vectors` (float[rows * width]).
 * `memory` may be NULL. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embedding_rows_find(struct heddle_embedding_rows *rows,
                                                 const struct heddle_embedding_memory *memory,
                                                 struct heddle_batch *batch, size_t slot, size_t width,
                                                 const struct heddle_embed_text *texts, float *vectors,
                                                 struct heddle_error *error);

static inline bool heddle_embedding_row_is_done(const struct heddle_embedding_rows *rows, size_t row)
{
    return rows->done != NULL && rows->done[row] != 0;
}

static inline bool heddle_embedding_row_is_found(const struct heddle_embedding_rows *rows, size_t row)
{
    return rows->found != NULL && rows->found[row] != 0;
}

/* These rows of the batch are about to be embedded. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embedding_rows_start(const struct heddle_embedding_rows *rows,
                                                  const size_t *numbers, size_t count,
                                                  struct heddle_error *error);

/* Keeps the vectors of these rows of the batch, but for rows without a bit in `valid`. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embedding_rows_keep(const struct heddle_embedding_rows *rows,
                                                 const size_t *numbers, size_t count, const float *vectors,
                                                 const uint8_t *valid, struct heddle_error *error);

#endif
