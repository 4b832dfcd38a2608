/* epoch.h: whose a load is. (:HeddleLoad {id, epoch, owner, host, heartbeat, done, parts, seed, precision, format}) is one
 * node a load; each run that takes it raises `epoch`, and every transaction looks at it (marks.h), so that what a former
 * run still has under way cannot get in any more.
 *
 * A run may take the load if its checkpoint knows the last owner (a random text that is on the run's disk before it
 * stands in the database), so neither a copy of a checkpoint, nor an empty one, nor the checkpoint of another database can
 * continue a load. While the owner lives, it renews `heartbeat` from a thread of its own; a run on another machine is
 * refused until that is HEDDLE_EPOCH_LEASE_MS old. On one machine the lock on the checkpoint says more: who holds it knows
 * that the former owner is dead, and does not wait.
 *
 * Threads: take() and release() on the caller's thread; the heartbeat has a connection of its own, dialled when first
 * due.
 */
#ifndef HEDDLE_SINK_NEO4J_EPOCH_H
#define HEDDLE_SINK_NEO4J_EPOCH_H

#include "sink/neo4j/load.h"

/* A beat may be late by a long pause of the server's and one reconnection before anybody takes over. */
enum { HEDDLE_EPOCH_BEAT_MS = 10000, HEDDLE_EPOCH_LEASE_MS = 45000 };

struct heddle_heartbeat;

/* Makes the two constraints and takes the load: load->epoch is set. Nothing where options->load.owner is NULL: then the
 * load has no marks. Errors: HEDDLE_DATABASE with a sentence for each refusal (it is running elsewhere; the checkpoint is
 * missing, or is another load's, or a copy; the database has no record; begun with another job or precision; an unknown
 * format), those of the connection. */
HEDDLE_MUST_CHECK int heddle_epoch_take(struct heddle_load *load, struct heddle_error *error);

/* Says that nobody has the load any more, so that a run elsewhere need not wait. One try; errors do not matter. */
void heddle_epoch_release(struct heddle_load *load);

/* Starts the thread; one that finds the load taken by somebody else makes the load fail (heddle_load_fail). Nothing where
 * the load has no epoch. */
HEDDLE_MUST_CHECK int heddle_heartbeat_start(struct heddle_load *load,
                                             struct heddle_heartbeat **heartbeat_out,
                                             struct heddle_error *error);
void heddle_heartbeat_stop(struct heddle_heartbeat *heartbeat); /* NULL is a no-op */

#endif
