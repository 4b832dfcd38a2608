/* writer.h: the threads that write: each owns one connection, takes transactions, sends them, settles them.
 *
 * A writer takes full transactions while others are busy; smaller ones when somebody waits (flush, a full load), when
 * nothing else is in flight, or when nothing new came for a while. While the server works on what it has sent, it encodes
 * one more for whoever is free first (outbox.h). With a pipeline depth above 1 it sends so many before the first is
 * answered; the parts of all of them are held, so they meet nowhere. When one of them fails, the answers to the others are
 * taken in first (the server ignores what was sent behind a failure), then each is brought to its end on its own.
 *
 * How many of them are at work follows the server's answers (adapt.h): the others rest. While all that has come is no more
 * than a transaction or two, one writes it.
 *
 * A writer connects with its first work, so a small load does not pay for connections it does not use.
 */
#ifndef HEDDLE_SINK_NEO4J_WRITER_H
#define HEDDLE_SINK_NEO4J_WRITER_H

#include "bolt/request.h"
#include "sink/neo4j/load.h"

struct heddle_transaction;

struct heddle_writer {
    struct heddle_load *load;
    struct heddle_bolt_connection *connection; /* NULL until the first work */
    uint64_t dials;                            /* that succeeded: which connection it is */
    struct heddle_arena *arena;                /* of an answer */
    uint64_t random;                           /* of back-off jitter */
    uint64_t bytes_noted;                      /* of the connection's traffic that the progress has already */
    struct heddle_transaction *sent[HEDDLE_BOLT_IN_FLIGHT_MAX]; /* not yet answered, oldest first */
    size_t sent_count;
    bool at_work; /* counted in load->writers_at_work */
    size_t index; /* writers from load->adapt.now on rest */
};

/* Errors: HEDDLE_OUT_OF_MEMORY; destroy() is due even then. */
HEDDLE_MUST_CHECK int heddle_writer_init(struct heddle_load *load, struct heddle_writer *writer,
                                         struct heddle_error *error);
void heddle_writer_destroy(struct heddle_writer *writer);

/* Takes and writes until the load ends: HEDDLE_CLOSED, or the error that ends it. */
int heddle_writer_work(struct heddle_writer *writer, struct heddle_error *error);

/* Transactions that all writers of a load may hold at once, waiting ones included: writers x depth, and those ahead. */
size_t heddle_writers_in_flight_max(const struct heddle_load *load);

/* Of these, those that may be with the server at once: writers x depth. */
size_t heddle_writers_senders_max(const struct heddle_load *load);

/* Starts the writer threads. Errors: HEDDLE_OUT_OF_MEMORY; HEDDLE_INTERNAL where the system gives no thread at all (fewer
 * are no error). */
HEDDLE_MUST_CHECK int heddle_writers_start(struct heddle_load *load, struct heddle_error *error);

/* Tells them to end after what they have in flight, waits for that, and gives back what was not sent. */
void heddle_writers_join(struct heddle_load *load);

#endif
