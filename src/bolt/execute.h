/* execute.h: one statement in a managed transaction: what the official drivers call executeRead and executeWrite.
 *
 * BEGIN + RUN + PULL + COMMIT in one round trip, repeated while the failure is a transient one. What a repetition
 * must never do is run a write twice: when the outcome is unknown (HEDDLE_ACTION_ASK) a write is given back to the
 * caller; a read is repeated.
 */
#ifndef HEDDLE_BOLT_EXECUTE_H
#define HEDDLE_BOLT_EXECUTE_H

#include "bolt/connection.h"

/* How long the official drivers go on trying, counted from the first failure. */
enum { HEDDLE_BOLT_RETRY_FOR_MS = 30000 };

struct heddle_bolt_execute_options {
    uint32_t retry_for_ms;                               /* 0 = HEDDLE_BOLT_RETRY_FOR_MS */
    void (*sleep)(void *context, uint32_t milliseconds); /* NULL = a real one; tests put theirs here */
    void *sleep_context;
};

/* Runs `query` on a connection without an open transaction, reopening it where it was lost. `options` may be NULL.
 * Errors: those of connection.h; the last failure when trying did not help. */
HEDDLE_MUST_CHECK int heddle_bolt_execute(struct heddle_bolt_connection *connection,
                                          const struct heddle_bolt_query *query,
                                          const struct heddle_bolt_execute_options *options,
                                          struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                                          struct heddle_error *error);

#endif
