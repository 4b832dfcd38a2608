/* reject.h: the record of a row that could not be loaded: which row, at which stage, why.
 *
 * Every stage can make one; the run's reject writer (run/rejects/rejects.h) is the only place that keeps them
 * (run-contract section 3). A stage hands rejects to a callback and counts nothing itself.
 */
#ifndef HEDDLE_COLUMN_REJECT_H
#define HEDDLE_COLUMN_REJECT_H

#include <stdint.h>

#include "column/batch.h"

enum heddle_stage {
    HEDDLE_STAGE_READ,
    HEDDLE_STAGE_CONVERT,
    HEDDLE_STAGE_EMBED,
    HEDDLE_STAGE_MATCH,
    HEDDLE_STAGE_WRITE,
};

/* One rejected row. All pointers are borrowed for the duration of the call that receives it. */
struct heddle_reject {
    const char *target; /* name of the target, or "" for a row that no target saw (stage read) */
    const struct heddle_batch
        *batch;         /* the row's batch, or NULL where the row never became one (stage read) */
    size_t row;         /* index in `batch` */
    const char *source; /* with batch == NULL: source, file and ordinal of the row, and its raw text */
    const char *file;
    uint64_t ordinal;
    const char *raw;
    enum heddle_stage stage;
    const char *code;   /* KEY_NULL, KEY_TYPE, END_KEY_NULL, END_KEY_TYPE, END_MISSING, VALUE_TYPE, … */
    const char *reason; /* one sentence for a person */
    const char *key;    /* the row's key as text, or NULL */
};

/* Takes note of one reject. May be called from any thread, several at once: the receiver locks.
 * Answers HEDDLE_OK, or HEDDLE_REJECTED when the limit is passed and the load must stop. */
typedef int (*heddle_reject_function)(void *context, const struct heddle_reject *reject,
                                      struct heddle_error *error);

/* Where a stage sends its rejects. `add` is never NULL. */
struct heddle_reject_sink {
    heddle_reject_function add;
    void *context;
};

/* "read", "convert", … Static memory. */
const char *heddle_stage_name(enum heddle_stage stage);

#endif
