/* retry.h: the same bytes again, until a transaction is committed or known not to go through.
 *
 *   transient failure   wait (milliseconds for locks), send again
 *   connection lost     dial again, send again where nothing can have been committed
 *   outcome unknown     send again: the mark says whether it had come through (a load without marks: where writing twice
 *                       changes nothing, else stop and say so)
 *
 * Threads: of the writer that holds the transaction; its connection must have nothing else in flight.
 */
#ifndef HEDDLE_SINK_NEO4J_RETRY_H
#define HEDDLE_SINK_NEO4J_RETRY_H

#include "sink/neo4j/transaction.h"
#include "sink/neo4j/writer.h"

/* One try: send and receive. Answers transaction->status. */
int heddle_retry_once(struct heddle_writer *writer, struct heddle_transaction *transaction);

/* Goes on from the failure of the last try, which stands in the transaction, as long as there is hope. HEDDLE_OK:
 * committed. Else transaction->status, and transaction->reason says what is left to do: SPLIT, REJECT, or stop. */
HEDDLE_MUST_CHECK int heddle_retry_until_known(struct heddle_writer *writer,
                                               struct heddle_transaction *transaction);

#endif
