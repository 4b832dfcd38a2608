/* recall.h: what a resume knows of the rows of a batch: both sinks ask the ledger through this, before rows are folded,
 * and take out of the way what must not be sent again.
 *
 *   heddle_recall_ask(&options->ledger, ready, error);        fills ready->fates where anything is known
 *   heddle_fold_rows(fold, ready, error);                     learns every identity, folds only new rows
 *   heddle_recall_split(ready, &written, error);              ready->rows keeps the new rows
 *
 * Threads: as rows.h.
 */
#ifndef HEDDLE_SINK_RECALL_H
#define HEDDLE_SINK_RECALL_H

#include "sink/ledger.h"
#include "sink/rows.h"

/* Rows that a transaction wrote whose answer was lost: to be counted, not to be sent. In the arena of the rows. */
struct heddle_recalled {
    uint32_t *written;
    size_t written_count;
    size_t done_count; /* rows that are counted already, in the sums that the ledger remembers */
};

/* Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_recall_ask(const struct heddle_ledger *ledger, struct heddle_target_rows *ready,
                                        struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_recall_split(struct heddle_target_rows *ready, struct heddle_recalled *out,
                                          struct heddle_error *error);

#endif
