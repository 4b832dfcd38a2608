/* writer.h: the threads that write: each owns one connection and one request, takes work, sends it, settles it.
 *
 * A writer takes full transactions while others are busy; smaller ones when somebody waits (flush, a full load), when
 * nothing else is in flight, or when nothing new came for a while. It connects with its first work, so a small load does
 * not pay for connections it does not use.
 */
#ifndef HEDDLE_SINK_NEO4J_WRITER_H
#define HEDDLE_SINK_NEO4J_WRITER_H

#include "bolt/request.h"
#include "sink/neo4j/load.h"

struct heddle_writer {
    struct heddle_load *load;
    struct heddle_bolt_connection *connection; /* NULL until the first work */
    struct heddle_bolt_request *request;
    struct heddle_arena *arena; /* of an answer */
    uint64_t random;            /* of back-off jitter */
    uint64_t bytes_noted;       /* of the connection's traffic that the progress has already */
};

/* Starts the writer threads. Errors: HEDDLE_INTERNAL where the system gives no thread at all (fewer are no error). */
HEDDLE_MUST_CHECK int heddle_writers_start(struct heddle_load *load, struct heddle_error *error);

/* Tells them to end after what they have in flight, and waits for that. */
void heddle_writers_join(struct heddle_load *load);

#endif
