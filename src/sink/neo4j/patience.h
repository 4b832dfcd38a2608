/* patience.h: waiting for a server, and for how long: naps that end with the load, and dialling until it is back.
 *
 * Threads: of the writer.
 */
#ifndef HEDDLE_SINK_NEO4J_PATIENCE_H
#define HEDDLE_SINK_NEO4J_PATIENCE_H

#include "sink/neo4j/writer.h"

/* How long one transaction is tried again before the load stops, and how long a server may be away. */
enum { HEDDLE_PATIENCE_TRIES_MS = 60000, HEDDLE_PATIENCE_ABSENCE_MS = 30000 };

/* Sleeps, but not through the end of the load: HEDDLE_INTERRUPTED. */
HEDDLE_MUST_CHECK int heddle_patience_sleep(struct heddle_writer *writer, uint32_t milliseconds,
                                            struct heddle_error *error);

/* Opens or reopens the writer's connection; what was in flight on it is forgotten. Errors, all with action FATAL:
 * HEDDLE_NETWORK (away for too long), HEDDLE_DATABASE (a refused login), HEDDLE_INTERRUPTED, HEDDLE_PROTOCOL,
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_patience_connect(struct heddle_writer *writer, struct heddle_error *error);

#endif
