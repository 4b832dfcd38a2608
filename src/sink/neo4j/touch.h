/* touch.h: the nodes that a row touches, each as the hash of its canonical key (schedule/key.h).
 *
 *   node            0 its key
 *   relationship    0 its start   1 its end   2 its component, where the job names a column
 *                   or 0 its identity, on a road that writes without the ends' locks (plan.h)
 *   query           what the job says it touches, in that order
 *
 * Which key space a touch belongs to, and so whether it claims a part at all, is window.h's business: claims of the user
 * can turn out wrong, hashes cannot.
 *
 * Threads: pure functions; one scratch buffer, one thread.
 */
#ifndef HEDDLE_SINK_NEO4J_TOUCH_H
#define HEDDLE_SINK_NEO4J_TOUCH_H

#include "base/buffer.h"
#include "sink/neo4j/plan.h"
#include "sink/rows.h"

enum { HEDDLE_TOUCHES_MAX = 16, HEDDLE_TOUCH_COMPONENT = 2 };

/* hashes[i][row]: touch i of row `row` of the batch; only of the rows in ready->rows. */
struct heddle_touches {
    uint64_t *hashes[HEDDLE_TOUCHES_MAX];
    size_t count;
};

/* Hashes under `seed`; the arrays lie in the arena of the rows. A key that is no key (null, NaN) touches nobody: all of
 * them share one hash. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_touches_find(const struct heddle_target_rows *ready,
                                          enum heddle_plan_claim claim, uint64_t seed,
                                          struct heddle_buffer *scratch, struct heddle_touches *touches_out,
                                          struct heddle_error *error);

#endif
