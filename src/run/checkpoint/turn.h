/* turn.h: one run at a time on a checkpoint whose place knows no locks: an object store, a volume.
 *
 * A turn is a file turns/N in the checkpoint, made only where it is not there yet, so that of two runs that take number N one
 * fails; the highest number is whose turn it is. Its holder writes it anew every few seconds, with one beat more. Who finds a
 * turn that is not ended watches it: a beat, and it is refused; none for HEDDLE_TURN_DEAD_MS, and the next number may be taken.
 * No clock of two machines is compared. A run of this very machine that is known to have ended is not waited for.
 *
 * A holder that was held up for so long that another took the next number finds out at its next beat, or at its next check():
 * it must stop then. What it writes meanwhile is fenced off by the load's epoch in the database (sink/neo4j/epoch.h), and by the
 * checkpoint's files, which nobody writes twice.
 *
 *   turns/N   {"format":1,"owner","machine","process","started","beat","ended"}
 *
 * Threads: one; the beat has its own.
 */
#ifndef HEDDLE_RUN_CHECKPOINT_TURN_H
#define HEDDLE_RUN_CHECKPOINT_TURN_H

#include "fs/depot.h"

struct heddle_turn;

enum {
    HEDDLE_TURN_BEAT_MS = 5000,  /* a request every five seconds costs nothing */
    HEDDLE_TURN_DEAD_MS = 30000, /* six beats: more than a store's own retries hold one up */
    HEDDLE_TURN_LOOK_MS = 1000,  /* between two looks at a turn that may be dead */
};

/* Intervals of another length, for tests; 0 = those above. */
struct heddle_turn_options {
    const char *owner;   /* this run's name */
    const char *machine; /* NULL = this one */
    unsigned beat_ms, dead_ms, look_ms;
};

/* Takes the next turn, waiting for a dead one where that must be. Errors: HEDDLE_IO (another run has it: its machine and
 * process are named; refused by the store), HEDDLE_NETWORK, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_turn_take(struct heddle_depot *depot, const struct heddle_turn_options *options,
                                       struct heddle_turn **turn_out, struct heddle_error *error);

/* Whether it is still this run's turn. Asks the store only where the last beat is old. Errors: HEDDLE_IO (another run took it
 * over), HEDDLE_NETWORK. */
HEDDLE_MUST_CHECK int heddle_turn_check(struct heddle_turn *turn, struct heddle_error *error);

/* Ends the turn: says so in its file, where that is possible. NULL is a no-op. */
void heddle_turn_end(struct heddle_turn *turn);

/* Who has the turn, for one who only looks. `known` = false where nobody ever had one, or the last one ended it. */
struct heddle_turn_holder {
    bool known;
    char machine[128];
    long process;
};
HEDDLE_MUST_CHECK int heddle_turn_look(struct heddle_depot *depot, struct heddle_turn_holder *holder_out,
                                       struct heddle_error *error);

#endif
