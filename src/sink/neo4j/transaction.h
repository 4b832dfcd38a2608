/* transaction.h: the rows that one transaction writes, encoded once and kept until their fate is known: sent, answered, and
 * sent again as they are.
 *
 *   heddle_transaction_create(&transaction, error);
 *   heddle_transaction_assign(transaction, plan, rows, count);        any number of times
 *   heddle_transaction_encode(load, dialect, transaction, error);     ahead of time; send() does it where nobody did
 *   heddle_transaction_send(writer, transaction, error);
 *   heddle_transaction_receive(writer, transaction);                  the oldest one sent; its fate is in the transaction
 *
 * What becomes of one that did not go through: retry.h (the same again), settle.h (halves, single rows). What a server's
 * answer says: answer.h.
 *
 * Ownership: rows and plan are borrowed. Bytes stay until the next assign(): a retry sends the very same.
 * Threads:   one transaction, one thread at a time; it may be encoded by one and sent by another.
 */
#ifndef HEDDLE_SINK_NEO4J_TRANSACTION_H
#define HEDDLE_SINK_NEO4J_TRANSACTION_H

#include "bolt/request.h"
#include "sink/neo4j/answer.h"
#include "sink/neo4j/load.h"
#include "sink/neo4j/wording.h"

struct heddle_writer;

struct heddle_transaction {
    struct heddle_schedule_work *work; /* that the rows belong to; NULL where the caller keeps it */
    const struct heddle_write_plan *plan;
    const struct heddle_schedule_row *rows;
    size_t count;
    struct heddle_bolt_request *request; /* owned */
    struct heddle_wording wording;       /* which statements say the rows */
    struct heddle_pack_dialect dialect;  /* that the request is encoded in */
    bool encoded;
    /* The token of its mark: one for all tries, made when it is first encoded; 0 before. */
    uint64_t token;
    bool noted;     /* the ledger has it */
    bool uncertain; /* a try ended without an answer to COMMIT: it may be in the graph, now or later */
    bool lost;      /* it is in the graph, and the answer that said so was lost */
    /* The last try, and what came of it. */
    uint64_t dials; /* writer->dials: on which connection it was */
    int status;
    struct heddle_error reason; /* where it failed: action RETRY, ASK, SPLIT, REJECT or FATAL */
    struct heddle_written written;

    /* Where the plan's rows take relationships along: the same rows as those of each of them, with a token and a mark of
     * their own, so that the ledger knows every target's rows by themselves. Without request. NULL before they are
     * needed; memory is kept. */
    struct heddle_transaction *riders;
    size_t rider_count; /* the plan's */
    struct heddle_schedule_row *rider_rows;
    size_t rider_capacity;
    bool riders_made;
    bool goes_apart; /* too many such transactions have failed: it is not tried together */
};

/* Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_transaction_create(struct heddle_transaction **transaction_out,
                                                struct heddle_error *error);
void heddle_transaction_destroy(struct heddle_transaction *transaction); /* NULL is a no-op */

/* Gives it rows[0 .. count) of a plan; what it held before is forgotten. */
void heddle_transaction_assign(struct heddle_transaction *transaction, const struct heddle_write_plan *plan,
                               const struct heddle_schedule_row *rows, size_t count);

/* Fills `riders`, where the plan has some. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_transaction_make_riders(struct heddle_transaction *transaction,
                                                     struct heddle_error *error);

/* Writes the request: BEGIN, the statements, COMMIT. Errors: HEDDLE_OUT_OF_MEMORY, HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_transaction_encode(struct heddle_load *load, struct heddle_pack_dialect dialect,
                                                struct heddle_transaction *transaction,
                                                struct heddle_error *error);

/* Connects where that is needed (patience.h), notes rows and token in the ledger, hands the request to the network. On failure nothing was
 * committed and `reason` of the transaction says what to do, as after receive(). */
HEDDLE_MUST_CHECK int heddle_transaction_send(struct heddle_writer *writer,
                                              struct heddle_transaction *transaction);

/* Waits for the answer to the oldest request of the writer's connection, which must be this one. A mark that is there
 * after an unknown outcome says that it is committed (`lost`). Answers transaction->status. */
int heddle_transaction_receive(struct heddle_writer *writer, struct heddle_transaction *transaction);

/* Tells the ledger that the transaction will never be in the graph: its rows go in others. Where a try may still come
 * through, it is closed first (marks.h); if it did come through, the transaction is `lost` and committed: status is
 * HEDDLE_OK, and the ledger was told nothing. Errors: of heddle_mark_close(). */
HEDDLE_MUST_CHECK int heddle_transaction_give_up(struct heddle_writer *writer,
                                                 struct heddle_transaction *transaction,
                                                 struct heddle_error *error);

#endif
