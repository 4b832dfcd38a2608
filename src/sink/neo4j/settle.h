/* settle.h: the end of a transaction, whatever happened to it.
 *
 *   committed                 counted; rows that miss an end rejected (answer.h)
 *   may go through yet        the same again (retry.h)
 *   too large for the server  two halves
 *   one row at fault          halves until the row is found: reject
 *   anything else             stop
 *
 * Threads: of the writer that holds the transaction; its connection must have nothing else in flight.
 */
#ifndef HEDDLE_SINK_NEO4J_SETTLE_H
#define HEDDLE_SINK_NEO4J_SETTLE_H

#include "sink/neo4j/transaction.h"
#include "sink/neo4j/writer.h"

/* Brings a transaction that was tried once to its end, and settles each of its rows (heddle_load_settle). On failure some
 * may be settled and others not. Errors: HEDDLE_DATABASE, HEDDLE_NETWORK (both: stop), HEDDLE_REJECTED,
 * HEDDLE_INTERRUPTED (asked to end while waiting), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_settle(struct heddle_writer *writer, struct heddle_transaction *transaction,
                                    struct heddle_error *error);

/* Writes rows[0 .. count) of a plan, in a transaction of its own in the memory of `transaction`, and settles them.
 * Errors: as heddle_settle(). */
HEDDLE_MUST_CHECK int heddle_settle_rows(struct heddle_writer *writer, struct heddle_transaction *transaction,
                                         const struct heddle_write_plan *plan,
                                         const struct heddle_schedule_row *rows, size_t count,
                                         struct heddle_error *error);

#endif
