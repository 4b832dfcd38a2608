/* refusal.h: everything that a FAILURE said, kept: struct heddle_failure of the public API with memory of its own.
 *
 * Ownership: whoever holds a refusal destroys it. Threads: one thread at a time.
 */
#ifndef HEDDLE_BOLT_REFUSAL_H
#define HEDDLE_BOLT_REFUSAL_H

#include <heddle/bolt.h>

#include "base/arena.h"
#include "bolt/packstream/decode.h"

struct heddle_refusal {
    struct heddle_arena *arena;
    struct heddle_failure failure;
    bool of_run; /* it was RUN that the server refused */
};

/* Reads the one map of a FAILURE, in the shape before or since Bolt 5.7. `error` gets code, message and action by the
 * failure table, where codes that mean "ended on purpose" have lost their TransientError, and what is left of it may be retried.
 * Answers HEDDLE_DATABASE with
 * *refusal_out set, or why it could not be read. */
HEDDLE_MUST_CHECK int heddle_refusal_read(struct heddle_unpack *unpack, struct heddle_refusal **refusal_out,
                                          struct heddle_error *error);

/* NULL is a no-op. */
void heddle_refusal_destroy(struct heddle_refusal *refusal);

#endif
