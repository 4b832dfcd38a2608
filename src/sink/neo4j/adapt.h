/* adapt.h: how many writers are at work: what the server's answers say about one more or one less.
 *
 * Hill climbing on throughput, one step a window. A window is some transactions of one target (rows of different targets
 * cost the server differently) over some time. A step up stays if it brought enough, else it is taken back and tried again
 * after a while, each time a longer one; deadlocks and falling throughput take a step down. Pure: the caller has the clock.
 *
 * Threads: one at a time.
 */
#ifndef HEDDLE_SINK_NEO4J_ADAPT_H
#define HEDDLE_SINK_NEO4J_ADAPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A window has at least so many transactions a writer and lasts so long: shorter ones measure chance. */
enum { HEDDLE_ADAPT_TRANSACTIONS = 6, HEDDLE_ADAPT_WINDOW_MS = 500 };

struct heddle_adapt {
    size_t now;    /* writers that may be at work */
    size_t most;   /* bounds of it: 1 .. most */
    bool fixed;    /* `now` stays as it is */
    size_t target; /* of the window; SIZE_MAX = none has begun */
    uint64_t start_ns;
    uint64_t rows;
    uint64_t transactions;
    uint64_t deadlocks;   /* when the window began */
    double rate;          /* rows a second of the last window; 0 = none to compare with */
    int step;             /* that the window under way tries: 1, -1, 0 */
    unsigned patience;    /* windows until the next try upwards */
    unsigned patience_up; /* how long that wait was last */
};

/* `start` writers of at most `most`; fixed where both are what the user asked for. */
void heddle_adapt_start(struct heddle_adapt *adapt, size_t start, size_t most, bool fixed);

/* A transaction of a target was committed; `deadlocks` = all of the load so far. True where `now` has changed. */
bool heddle_adapt_note(struct heddle_adapt *adapt, size_t target, uint64_t rows, uint64_t deadlocks,
                       uint64_t now_ns);

#endif
