/* recall.h: what the journal of an unfinished micro-batch says about its rows.
 *
 * Memory: sets of positions a target (positions.h), and the lists of the transactions whose outcome is not known: a few writers'.
 * Threads: one at a time.
 */
#ifndef HEDDLE_RUN_JOURNAL_RECALL_H
#define HEDDLE_RUN_JOURNAL_RECALL_H

#include "run/journal/segment.h"

/* A transaction that was sent and whose outcome was not noted. */
struct heddle_recall_open {
    uint64_t token;
    size_t target;
    uint64_t rows;
    uint8_t *positions; /* as positions.h writes them, in the order in which they were sent */
    size_t positions_length;
    bool resolved; /* since the journal was opened */
};

struct heddle_recall_target {
    struct heddle_position_set done;
    struct heddle_position_set written;
    struct heddle_ledger_sums sums;
};

struct heddle_recall {
    bool begun; /* false: nothing is known */
    bool finished;
    uint64_t batch;
    uint32_t epoch; /* the newest */
    uint64_t runs;  /* that have taken the micro-batch up */
    struct heddle_recall_target *targets;
    size_t target_count;
    size_t target_capacity;
    struct heddle_recall_open *open; /* ascending by token */
    size_t open_count;
    size_t open_capacity;
};

/* Takes one record in, in the order of the journal. Errors: HEDDLE_IO (a record that contradicts those before it),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_recall_take(struct heddle_recall *recall,
                                         const struct heddle_journal_record *record,
                                         struct heddle_error *error);

/* The outcome of a transaction: nothing happens where it is not one of `open`. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_recall_resolve(struct heddle_recall *recall, uint64_t token,
                                            enum heddle_verdict verdict,
                                            const struct heddle_ledger_sums *sums,
                                            struct heddle_error *error);

/* As heddle_ledger's recall. */
size_t heddle_recall_fates(const struct heddle_recall *recall, size_t target, uint64_t position, size_t rows,
                           uint8_t *fates);

void heddle_recall_free(struct heddle_recall *recall); /* leaves {0} */

#endif
