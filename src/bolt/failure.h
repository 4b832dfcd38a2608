/* failure.h: what a failure means: one table from the server's code to what the caller should do, and how long to
 * wait.
 *
 *   RETRY   nothing was changed, the same request may go again after heddle_bolt_backoff_ms()
 *   SPLIT   too large for the server's memory: halve the batch
 *   REJECT  one row is at fault: bisect to find it
 *   ASK     the outcome is unknown (the connection was lost after COMMIT was sent): look it up first
 *   FATAL   stop
 *
 * Rules: those of the official drivers (retry Neo.TransientError.* but for two codes), refined for a loader.
 * Threads: pure functions, static data.
 */
#ifndef HEDDLE_BOLT_FAILURE_H
#define HEDDLE_BOLT_FAILURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* How to wait before trying again. */
enum heddle_bolt_backoff {
    HEDDLE_BOLT_BACKOFF_NONE = 0, /* not to be retried */
    HEDDLE_BOLT_BACKOFF_LOCK,     /* deadlocks and locks: milliseconds */
    HEDDLE_BOLT_BACKOFF_MEMORY, /* the server's memory pool is full: tenths of seconds; fewer writers help more */
    HEDDLE_BOLT_BACKOFF_DRIVER, /* everything else: 1 s, doubled, as the official drivers */
};

/* What else has to happen before a retry makes sense. */
enum heddle_bolt_remedy {
    HEDDLE_BOLT_REMEDY_NONE = 0,
    HEDDLE_BOLT_REMEDY_RECONNECT, /* the connection, or this server's role, is gone: heddle_bolt_reopen() first */
    HEDDLE_BOLT_REMEDY_SHRINK, /* fewer writers or smaller batches */
};

/* What to do, as a whole. */
struct heddle_bolt_failure {
    const char *code; /* of the table's row: a full code, or a prefix that ends in '.' */
    enum heddle_error_action action;
    enum heddle_bolt_backoff backoff;
    enum heddle_bolt_remedy remedy;
    const char *advice; /* one clause for messages ("check user and password"), or "" */
};

/* The row for a server's code and its GQL status ("" or NULL when the server sent none). Never NULL: unknown codes
 * give the last row, FATAL. Static memory. */
const struct heddle_bolt_failure *heddle_bolt_failure_find(const char *code, const char *gql_status);

/* The same for an error that a function of this room filled: lost connections (HEDDLE_NETWORK) included. */
const struct heddle_bolt_failure *heddle_bolt_failure_of(const struct heddle_error *error);

/* Milliseconds to wait before attempt `attempt` + 1 (attempt = how many have failed, from 1), with jitter taken
 * from *random_state (base/hash.h). LOCK: about 2, 4, 8 … at most 256; MEMORY: 50, 100 … at most 3,200; DRIVER:
 * 1,000, 2,000 … at most 16,000; each +-50 % for LOCK (writers that met must part), +-20 % for the others. NONE:
 * 0. */
uint32_t heddle_bolt_backoff_ms(enum heddle_bolt_backoff backoff, unsigned attempt, uint64_t *random_state);

#endif
