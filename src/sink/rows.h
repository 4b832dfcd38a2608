/* rows.h: the rows of a batch made ready for one target: columns in the types the target asks for, the rows that can be
 * written, and a reject for each that cannot (run-contract section 2). Both sinks use it; nothing here knows where the
 * rows go.
 *
 *   heddle_rows_create(batch, &rows, error);                                    once a batch
 *   heddle_rows_convert(rows, &targets[i], i, &options->rejects, &ready, error);     once a target
 *   heddle_fold_rows(fold, ready, error);                                       fold.h: rows that repeat an identity
 *   for (size_t i = 0; i < ready->row_count; i++) { … ready->rows[i] … }        an index into the columns
 *   heddle_rows_release(rows);
 *
 * Codes of rejects, stage convert: KEY_NULL (null, NaN), KEY_TYPE, END_KEY_NULL, END_KEY_TYPE, VALUE_TYPE; stage embed:
 * EMBED_FAILED (batch->failures).
 *
 * Ownership: struct heddle_rows is counted. It holds a reference to its batch and an arena with the converted columns;
 *            the last release frees all. What convert() answers lies in it.
 * Threads:   made by one thread, then read by many; release() from any.
 */
#ifndef HEDDLE_SINK_ROWS_H
#define HEDDLE_SINK_ROWS_H

#include "base/buffer.h"
#include "column/reject.h"
#include "schedule/key.h"
#include "sink/share.h"
#include "sink/target.h"

struct heddle_rows {
    struct heddle_batch *batch;
    struct heddle_arena *arena;
    const struct heddle_share *share; /* whose rows are wanted; NULL, as create() leaves it = all of them */
    _Atomic uint32_t references;
};

/* Every column has batch->rows values; look only at the rows named in `rows`. */
struct heddle_target_rows {
    struct heddle_rows *owner;
    const struct heddle_target *target;
    size_t target_index;
    const struct heddle_column *properties; /* target->property_count, keys included */
    const struct heddle_column *keys; /* target->key_count: those of `properties` that `target->key` names */
    const struct heddle_column *start_keys; /* relationships: start.key_count */
    const struct heddle_column *end_keys;   /* relationships: end.key_count */
    const struct heddle_column *vector;     /* nodes with an embedding, else NULL; a null row = no vector */
    uint32_t *rows;                         /* to be written, ascending */
    size_t row_count;
    size_t rejected; /* rows that went to the reject sink */
    size_t others;   /* rows that another shard writes or rejects (share.h) */
    size_t left_out; /* rows that are none of the target's (batch->left_out) */
    size_t folded;   /* rows taken out by heddle_fold_rows() because writing them would change nothing */
    uint8_t *
        repeats; /* bit = row repeats an identity of this load and is still to be written; NULL = none does */
    size_t repeat_count;
    const uint8_t *fates; /* enum heddle_fate by row (recall.h); NULL = every row is new */
    bool firsts_known;    /* every row that is not marked is known to be the first of its identity (fold.h) */
};

/* Takes a reference to `batch`. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rows_create(struct heddle_batch *batch, struct heddle_rows **rows_out,
                                         struct heddle_error *error);
void heddle_rows_release(struct heddle_rows *rows); /* NULL is a no-op */

/* The column of one property or end key, of the type that the target asks for. *bad_out: bit = the row's value cannot become that;
 * NULL = none. What is made lies in `arena`. Errors: as heddle_rows_convert(). */
HEDDLE_MUST_CHECK int heddle_rows_convert_property(const struct heddle_batch *batch,
                                                   const struct heddle_target *target,
                                                   const struct heddle_target_property *property,
                                                   struct heddle_arena *arena, struct heddle_column *out,
                                                   const uint8_t **bad_out, struct heddle_error *error);

/* Converts the columns of `target` and sorts its rows into those to be written and rejects.
 * Errors: HEDDLE_INVALID (a column's type can never become the property's, a column or vector slot is not there: names
 * target and property), HEDDLE_REJECTED (from the reject sink: too many), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rows_convert(struct heddle_rows *rows, const struct heddle_target *target,
                                          size_t target_index, const struct heddle_reject_sink *rejects,
                                          struct heddle_target_rows **ready_out, struct heddle_error *error);

/* Canonical bytes of what identifies row `row` (schedule/key.h): a node's key; a relationship's two ends and its key
 * properties. The type or label is not in them. For a row of ready->rows this is always a usable key. */
enum heddle_key_state heddle_rows_identity(const struct heddle_target_rows *ready, size_t row,
                                           struct heddle_buffer *buffer);

static inline bool heddle_rows_is_repeat(const struct heddle_target_rows *ready, size_t row)
{
    return ready->repeats != NULL && (ready->repeats[row >> 3] >> (row & 7) & 1) != 0;
}

static inline bool heddle_rows_has_vector(const struct heddle_target_rows *ready, size_t row)
{
    return ready->vector != NULL && !heddle_column_is_null(ready->vector, row);
}

/* Keys longer than this are cut in rejects and messages. */
enum { HEDDLE_ROWS_KEY_TEXT_MAX = 201 };

/* The row's key for a person: "17", "17, B"; for a relationship "17 -> N102". Answers `out`. */
char *heddle_rows_key_text(const struct heddle_target_rows *ready, size_t row,
                           char out[static HEDDLE_ROWS_KEY_TEXT_MAX]);

/* The key of one end of a relationship's row: its start, or its end where `at_end`. Answers `out`. */
char *heddle_rows_end_text(const struct heddle_target_rows *ready, size_t row, bool at_end,
                           char out[static HEDDLE_ROWS_KEY_TEXT_MAX]);

/* Sends row `row` to the reject sink with its key. `ready->rejected` is not changed: the caller counts.
 * Errors: what the reject sink answers. */
HEDDLE_MUST_CHECK int heddle_rows_reject(const struct heddle_target_rows *ready, size_t row,
                                         const struct heddle_reject_sink *rejects, enum heddle_stage stage,
                                         const char *code, const char *reason, struct heddle_error *error);

#endif
