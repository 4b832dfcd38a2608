/* transaction.h: rows to the server and back, whatever happens on the way.
 *
 *   transient failure        wait (milliseconds for locks), send the same bytes again
 *   connection lost          dial again; the same bytes again where nothing can have been committed
 *   outcome unknown          the same again where writing twice changes nothing (MERGE), else stop and say so
 *   too large for the server two halves
 *   one row at fault         halves until the row is found: reject
 *   an end is missing        count(*) below the rows sent: a read names the rows: rejects
 *   anything else            stop
 */
#ifndef HEDDLE_SINK_NEO4J_TRANSACTION_H
#define HEDDLE_SINK_NEO4J_TRANSACTION_H

#include "sink/neo4j/writer.h"

/* How long one transaction is tried again before the load stops, and how long a server may be away. */
enum { HEDDLE_TRANSACTION_PATIENCE_MS = 60000, HEDDLE_TRANSACTION_ABSENCE_MS = 30000 };

/* Writes rows[0 .. count) of a plan and settles each (heddle_load_settle). On failure some may be settled and others
 * not. Errors: HEDDLE_DATABASE, HEDDLE_NETWORK (both: stop), HEDDLE_REJECTED, HEDDLE_INTERRUPTED (asked to end while
 * waiting), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_transaction_write(struct heddle_writer *writer, const struct heddle_plan *plan,
                                               const struct heddle_schedule_row *rows, size_t count,
                                               struct heddle_error *error);

/* Opens or reopens the writer's connection, patiently. Errors: as above, and a refused login. */
HEDDLE_MUST_CHECK int heddle_transaction_connect(struct heddle_writer *writer, struct heddle_error *error);

#endif
