/* window.h: which parts the rows of a load claim: counted exactly, dealt out, dealt anew where they no longer balance.
 *
 * A window is a run of rows between two edges. Before the first edge of a pass rows are held back until there are enough
 * to count (or until nobody can wait); at each later edge the counts of the window say whether the tables in use still
 * balance, and only where they do not are new ones dealt and the waiting rows moved, under double locking (DESIGN 8,
 * schedule/table.h). Rows go on flowing all the while: there is no barrier between windows.
 *
 * A view says which spaces the touches of a plan's rows belong to. It follows the user's claim while that is proven over
 * all rows so far, and the keys themselves once it is not: then rows that came later wait until every transaction picked
 * under the claim has ended, since nobody knows what those two share.
 *
 * Rows whose plan touches nothing (plain CREATE) never come here.
 *
 * Threads: functions marked [caller] are called by the thread that writes to the sink, those marked [locked] with the
 * load's lock held; what they share is only touched under the lock.
 */
#ifndef HEDDLE_SINK_NEO4J_WINDOW_H
#define HEDDLE_SINK_NEO4J_WINDOW_H

#include "schedule/scheduler.h"
#include "sink/neo4j/plan.h"
#include "sink/neo4j/touch.h"

/* Keys that the first window of a pass waits for, and how long it waits; keys between two later edges. */
enum {
    HEDDLE_WINDOW_FIRST_KEYS = 128 * 1024,
    HEDDLE_WINDOW_FIRST_MS = 150,
    HEDDLE_WINDOW_KEYS = 512 * 1024,
};

struct heddle_lot;
struct heddle_window;

struct heddle_window_options {
    const struct heddle_write_plan *plans;
    size_t plan_count;
    size_t space_count; /* key spaces that the plans name */
    size_t parts_max;   /* of a space; groups of the job may ask for more */
    size_t writers;     /* pieces of work that can be held at once */
    size_t
        senders; /* of these, so many are with the server at once; the others wait, encoded, for their turn */
    size_t rows_waiting_max; /* rows that can wait at once */
    size_t keys;             /* a window, the first one too; 0 = as above */
    /* Parts a space where other processes must find the same (shards.h): nothing is counted or dealt, claims of the job are
     * not followed, and nothing ever changes. 0 = as above. */
    size_t fixed_parts;
};

/* What a claim of a target came to. */
struct heddle_window_claim {
    bool claimed;
    bool holds;     /* so far */
    char text[160]; /* one sentence; "" where nothing was claimed */
};

/* Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_window_create(const struct heddle_window_options *options,
                                           struct heddle_window **window_out, struct heddle_error *error);
void heddle_window_destroy(struct heddle_window *window); /* NULL is a no-op */

/* What the scheduler must be made with. */
size_t heddle_window_spaces(const struct heddle_window *window);
size_t heddle_window_parts(const struct heddle_window *window);

/* [caller, locked] A new pass: nothing waits, nothing is in flight; these targets are written beside each other. Rows are held
 * until the first edge. */
void heddle_window_begin(struct heddle_window *window, const size_t *targets, size_t target_count);

/* [caller] True between begin() and the first edge. */
bool heddle_window_is_new(const struct heddle_window *window);

/* [caller] Counts a lot's rows and checks them against the claims. */
void heddle_window_count(struct heddle_window *window, const struct heddle_lot *lot);

/* [caller] True where an edge has come: enough was counted, waited, or a claim broke. */
bool heddle_window_is_due(const struct heddle_window *window);

/* [caller, locked] An edge: deals new tables where that pays and takes them into use; `last`: the rows counted are all there
 * will be for now. The next window is counted from here. Errors: HEDDLE_OUT_OF_MEMORY, those of the scheduler; the load
 * cannot go on then. */
HEDDLE_MUST_CHECK int heddle_window_edge(struct heddle_window *window, struct heddle_scheduler *scheduler,
                                         bool last, struct heddle_error *error);

/* [locked] Ends a change once all work from before has ended. Errors: of the scheduler. */
HEDDLE_MUST_CHECK int heddle_window_advance(struct heddle_window *window, struct heddle_scheduler *scheduler,
                                            struct heddle_error *error);

/* [locked] True where rows must not be scheduled yet. */
bool heddle_window_holds(const struct heddle_window *window);

/* [locked] Puts the rows of a lot into the scheduler. Errors: of the scheduler; some rows may be in it then. */
HEDDLE_MUST_CHECK int heddle_window_schedule(struct heddle_window *window, struct heddle_scheduler *scheduler,
                                             const struct heddle_lot *lot,
                                             const struct heddle_schedule_row *rows, size_t count,
                                             struct heddle_error *error);

/* [locked] Adds the keys of a lot's row to `keys` (room for HEDDLE_TOUCHES_MAX), spaces mixed in; answers how many:
 * schedule/flight.h. */
size_t heddle_window_keys(const struct heddle_window *window, const struct heddle_lot *lot, size_t row,
                          uint64_t *keys);

/* The spaces that rows of a plan claim parts of, into `spaces` (room for HEDDLE_TOUCHES_MAX); answers how many. */
size_t heddle_window_plan_spaces(const struct heddle_window *window, size_t plan, size_t *spaces);

/* The parts that a row of a window with fixed parts claims, over all spaces, into `parts` (room for HEDDLE_TOUCHES_MAX); answers
 * how many. Any thread. */
size_t heddle_window_row_parts(const struct heddle_window *window, const struct heddle_lot *lot, size_t row,
                               uint32_t *parts);

/* [locked] */
void heddle_window_claim_of(const struct heddle_window *window, size_t plan, struct heddle_window_claim *out);

/* [locked] Times that tables changed while rows were waiting or in flight. */
size_t heddle_window_changes(const struct heddle_window *window);

#endif
