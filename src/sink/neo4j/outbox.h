/* outbox.h: transactions that are encoded and wait for the first connection that is free, and the memory of those that are
 * done, to be used again.
 *
 * A writer that has sent something encodes one transaction more before it waits for the answer, and posts it here. Whoever
 * is free first sends it: so the parts of a waiting transaction are never held while a connection idles, and the server
 * never waits for an encoder.
 *
 * Ownership: the outbox owns what it made; a transaction belongs to whoever took it until it is put back.
 * Threads:   the caller holds the load's lock.
 */
#ifndef HEDDLE_SINK_NEO4J_OUTBOX_H
#define HEDDLE_SINK_NEO4J_OUTBOX_H

#include "sink/neo4j/transaction.h"

struct heddle_outbox;

/* Room for `total` transactions in all, of which `waiting_max` may wait. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_outbox_create(size_t total, size_t waiting_max,
                                           struct heddle_outbox **outbox_out, struct heddle_error *error);

/* An unused transaction. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_outbox_get(struct heddle_outbox *outbox,
                                        struct heddle_transaction **transaction_out,
                                        struct heddle_error *error);

/* Takes back what get() or take() answered; its rows are no longer its. */
void heddle_outbox_put(struct heddle_outbox *outbox, struct heddle_transaction *transaction);

/* True where another transaction may wait. */
bool heddle_outbox_has_room(const struct heddle_outbox *outbox);

/* Lets an encoded transaction wait; there must be room. */
void heddle_outbox_post(struct heddle_outbox *outbox, struct heddle_transaction *transaction);

/* The one that has waited longest, or NULL. */
struct heddle_transaction *heddle_outbox_take(struct heddle_outbox *outbox);

/* NULL is a no-op. All transactions must have been put back. */
void heddle_outbox_destroy(struct heddle_outbox *outbox);

#endif
