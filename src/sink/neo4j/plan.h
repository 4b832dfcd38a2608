/* plan.h: how each target is written: its statements, the order of a row's values, its limits, and what its rows touch.
 *
 * Roads: nodes that are created, and relationships that are created, meet nobody (parallel CREATE hardly ever deadlocks)
 * and touch no part; merged nodes touch the part of their key, merged relationships those of both ends. Node targets that
 * share a label share a key space.
 */
#ifndef HEDDLE_SINK_NEO4J_PLAN_H
#define HEDDLE_SINK_NEO4J_PLAN_H

#include "sink/neo4j/ability.h"
#include "sink/rows.h"
#include "sink/sink.h"

/* Rows and bytes a transaction where nobody set them; see the measurements in DESIGN 9. */
enum {
    HEDDLE_PLAN_ROWS = 2000,
    HEDDLE_PLAN_ROWS_VECTORS = 1000,
    HEDDLE_PLAN_ROWS_LIVE_INDEX = 250, /* while a vector index is ONLINE each node costs half a millisecond */
    HEDDLE_PLAN_BYTES = 4 * 1024 * 1024,
};

struct heddle_plan {
    const struct heddle_target *target;
    size_t index;
    char *write;         /* statement */
    char *missing;       /* names rows without their ends; NULL where that cannot be */
    const size_t *order; /* indices of properties in the order of a row: keys, then the rest */
    size_t batch_rows;
    size_t batch_bytes;
    bool parted;    /* its rows touch parts */
    size_t space_a; /* of the node, or of the start */
    size_t space_b; /* of the end */
    size_t stream;  /* in the scheduler */
};

/* Fills plans[0 .. target_count), allocated here; *space_count_out = number of key spaces
 * (0 without node targets). Errors: HEDDLE_INVALID (a name, a map as property), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plans_create(const struct heddle_sink_options *options,
                                          const struct heddle_cypher_dialect *dialect,
                                          struct heddle_plan **plans_out, size_t *space_count_out,
                                          struct heddle_error *error);
void heddle_plans_destroy(struct heddle_plan *plans, size_t count);

/* Sets the limits of a transaction; after the indexes are known. */
void heddle_plan_set_limits(struct heddle_plan *plan, const struct heddle_sink_options *options,
                            bool live_index);

#endif
