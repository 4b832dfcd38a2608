/* pacing.h: how many requests may be under way at once, and when none may: one state for all threads of an engine.
 *
 * Additive increase, multiplicative decrease (Chiu and Jain 1989), as TCP does: each answer makes room for a little more,
 * "too many requests" halves what may be under way, once for all requests that were sent before it was known. Until the
 * first such answer the room doubles with each round (slow start). A service that only queues never says "too many": where
 * a text takes over twice as long as it did at best, more requests bring nothing, and the room stays as it is.
 *
 * The breaker: after HEDDLE_PACING_TRIP failures in a row (a server that is down, not one that is busy) nothing is sent for
 * HEDDLE_PACING_REST_NS, then one request at a time, until one succeeds.
 *
 * Pure: the caller passes the clock and does the waiting. Threads: the caller's lock.
 */
#ifndef HEDDLE_MODEL_PROVIDER_PACING_H
#define HEDDLE_MODEL_PROVIDER_PACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEDDLE_PACING_START = 4, HEDDLE_PACING_TRIP = 16 };
#define HEDDLE_PACING_REST_NS UINT64_C(30000000000)

enum heddle_pacing_outcome {
    HEDDLE_PACING_SUCCESS = 0,
    HEDDLE_PACING_REFUSED,  /* the request was at fault (400, 413): tells nothing about room */
    HEDDLE_PACING_OVERLOAD, /* 429, 503 */
    HEDDLE_PACING_FAILURE,  /* no connection, cut, too slow, 500, 502, 504 */
};

struct heddle_pacing {
    double limit; /* requests that may be under way */
    double limit_max;
    size_t in_flight;
    bool starting; /* slow start */
    uint64_t pause_until_ns;
    uint64_t decreased_ns; /* when the limit was last halved */
    size_t failures;       /* in a row */
    bool tripped;
    size_t texts_most;     /* in a successful request so far */
    double text_ns_best;   /* time a text took at best; 0 = not known */
    double text_ns_lately; /* smoothed */
};

void heddle_pacing_init(struct heddle_pacing *pacing, size_t connections_max);

/* May one more request go? True: it is counted as under way and must be reported to done(). False: *wait_ns_out says for how
 * long to wait, 0 = until done() was called by somebody. */
bool heddle_pacing_admit(struct heddle_pacing *pacing, uint64_t now_ns, uint64_t *wait_ns_out);

/* Reports a request that was sent at `sent_ns` with `texts` texts. */
void heddle_pacing_done(struct heddle_pacing *pacing, uint64_t now_ns, uint64_t sent_ns, size_t texts,
                        enum heddle_pacing_outcome outcome);

/* Nobody sends before `until_ns`. */
void heddle_pacing_pause(struct heddle_pacing *pacing, uint64_t until_ns);

/* Requests that may be under way now. */
size_t heddle_pacing_limit(const struct heddle_pacing *pacing);

#endif
