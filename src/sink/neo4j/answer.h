/* answer.h: what the answer to a transaction says about its rows: how many were written, which of them miss an end, and what
 * is told to the load and to the reject sink.
 *
 * Threads: of the writer that holds the transaction.
 */
#ifndef HEDDLE_SINK_NEO4J_ANSWER_H
#define HEDDLE_SINK_NEO4J_ANSWER_H

#include <stdbool.h>

#include "base/error.h"

struct heddle_transaction;
struct heddle_writer;

/* True where account() has to ask the server for the rows that miss an end: the connection must then have nothing else in
 * flight. */
bool heddle_answer_asks(const struct heddle_transaction *transaction);

/* Settles the rows of a committed transaction: rejects those that miss an end, counts the others. Of one whose answer was
 * lost nobody knows how many rows it made: where rows are created, all that miss no end; where they are merged, none, they
 * count as matched. Fills transaction->written then. Errors: those of the
 * connection; HEDDLE_DATABASE with ASK where nobody can name the missing ends; HEDDLE_REJECTED. */
HEDDLE_MUST_CHECK int heddle_answer_account(struct heddle_writer *writer,
                                            struct heddle_transaction *transaction,
                                            struct heddle_error *error);

/* Settles the only row of a transaction that the server refuses for that row's sake. Errors: of the reject sink. */
HEDDLE_MUST_CHECK int heddle_answer_reject(struct heddle_writer *writer,
                                           const struct heddle_transaction *transaction,
                                           struct heddle_error *error);

#endif
