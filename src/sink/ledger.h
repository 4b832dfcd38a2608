/* ledger.h: the contract between a sink and the durable record of what it sends. run/ keeps the record (run/journal/journal.h
 * fills in struct heddle_ledger); a sink knows nothing of files.
 *
 * Rows are known by target and *position*: batch->position + row, the number of rows that the source handed out before
 * it in this micro-batch, equal at each replay. A transaction is known by its *token*, which the sink makes:
 *
 *   token = epoch << HEDDLE_TOKEN_COUNTER_BITS | counter
 *
 * The epoch of a load is counted up by the database (or the file) whenever a run takes the load, and the counter by the
 * sink, so that no token is ever used for two sets of rows, whatever becomes of the record. In the graph stands the mark
 * heddle_mark_text(load, micro-batch, token), written in the same transaction as the rows.
 *
 * The life of a transaction:
 *   before_send(token, rows)      durable when it returns: from here on the rows may be in the graph
 *   … sent, and sent again under the same token with the same bytes while nobody knows its outcome …
 *   outcome(token, SETTLED, sums) its rows are done: never send them again, never count them again
 *   outcome(token, VOID, NULL)    it is not in the graph and never will be: its rows are free, and stand in the
 *                                 transactions that follow (a split, a try without the rows that were rejected)
 *   neither                       unresolved: the process ended first
 *
 * On a resume the sink asks for the unresolved tokens of the micro-batch and asks the database for each mark. One that
 * is there is WRITTEN. One that is not there is made now, empty, which waits for a transaction still alive on the server
 * and makes one that comes late fail; then the token is VOID. So rows need not be sent again in the old grouping, and no
 * row has to be held back. Why this is safe stands in docs/decisions.
 *
 * Durability: only before_send() has to be on disk when it returns (group commit over the writers). An outcome that is
 * lost costs one question on the next start. Records keep the order of the calls for one token and its successors: a
 * record that is on disk implies all that were made before it.
 */
#ifndef HEDDLE_SINK_LEDGER_H
#define HEDDLE_SINK_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { HEDDLE_TOKEN_COUNTER_BITS = 40 };

/* Epochs 1 to 2^24 - 1; the counter starts at 1. */
static inline uint64_t heddle_token_make(uint32_t epoch, uint64_t counter)
{
    return (uint64_t)epoch << HEDDLE_TOKEN_COUNTER_BITS | counter;
}

static inline uint32_t heddle_token_epoch(uint64_t token)
{
    return (uint32_t)(token >> HEDDLE_TOKEN_COUNTER_BITS);
}

/* The rows of one transaction, in the order in which they are sent. Borrowed for the call. */
struct heddle_ledger_rows {
    size_t target;
    size_t count;
    const uint64_t *positions;
};

enum heddle_verdict {
    HEDDLE_VERDICT_SETTLED, /* the fate of every row is known and counted: in the graph, or rejected on its own */
    HEDDLE_VERDICT_VOID, /* not in the graph, and can never get there under this token */
    HEDDLE_VERDICT_WRITTEN, /* on a resume: in the graph, but its answer was lost; rows are counted as they come by */
};

/* What became of rows. created + matched + folded + rejected = the rows of the transaction. */
struct heddle_ledger_sums {
    uint64_t created;
    uint64_t matched;
    uint64_t folded;
    uint64_t rejected;
    uint64_t vectors;
};

/* What is known of a row at a resume. */
enum heddle_fate {
    HEDDLE_FATE_NEW = 0,
    HEDDLE_FATE_DONE, /* of a settled transaction: its sums are among those that remembered() answers */
    HEDDLE_FATE_WRITTEN, /* of a transaction that was found WRITTEN: in the graph, unless an end was missing; count it */
};

/* All functions, or none (before_send == NULL: nothing is recorded, every row is new). Those of one micro-batch: run/
 * opens its record before heddle_sink_begin() and closes it after heddle_sink_flush().
 *
 * Threads: before_send and outcome are called by all writers at once, and before_send may wait for the disk. recall is
 * called by any thread (run/ asks it too, so as not to embed what is written). The others by the caller of the sink. */
struct heddle_ledger {
    /* May refuse (disk full, record not writable): the load then stops with this error, nothing is sent. Answers the
     * error of a lost outcome too. */
    int (*before_send)(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                       struct heddle_error *error);

    /* `sums` is NULL but for SETTLED. Rejects of the rows were handed to the reject sink before. Cannot fail: what
     * cannot be recorded is told by the next before_send. */
    void (*outcome)(void *context, uint64_t token, enum heddle_verdict verdict,
                    const struct heddle_ledger_sums *sums);

    /* The unresolved token number `index` (0, 1, … as they were when the record was opened, whatever outcome() says
     * meanwhile) and its target. HEDDLE_END behind the last. */
    int (*unresolved)(void *context, size_t index, uint64_t *token_out, size_t *target_out);

    /* The fates (enum heddle_fate) of rows `position` .. position + rows - 1 of a target. Asked once all unresolved
     * tokens have their outcome. Answers how many are not NEW, so that the common case costs nothing. */
    size_t (*recall)(void *context, size_t target, uint64_t position, size_t rows, uint8_t *fates);

    /* Sums of the settled transactions of a target. */
    void (*remembered)(void *context, size_t target, struct heddle_ledger_sums *out);

    void *context;
};

/* Room for the longest mark: a load id of HEDDLE_LOAD_ID_MAX bytes and three numbers. */
enum { HEDDLE_LOAD_ID_MAX = 64, HEDDLE_MARK_TEXT_MAX = HEDDLE_LOAD_ID_MAX + 3 * 20 + 4 };

/* The text of a mark: "LOAD/MICRO-BATCH/EPOCH.COUNTER". A load id holds no '/', so the marks of one load, or of one
 * micro-batch, are those that start with "LOAD/" or "LOAD/MICRO-BATCH/". `text` has HEDDLE_MARK_TEXT_MAX bytes and is
 * answered. */
const char *heddle_mark_text(char *text, const char *load, uint64_t micro_batch, uint64_t token);

#endif
