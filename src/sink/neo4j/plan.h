/* plan.h: how each target is written: its road, its statements, the order of a row's values, its limits, and what its rows
 * touch.
 *
 * What rows claim in the scheduler follows from the road (sink/road.h):
 *   nothing       created nodes and relationships: they meet nobody
 *   own key       merged nodes
 *   both ends     merged relationships by tiles
 *   identity      guarded ones, and those created in place of merged: a repeat is never in flight beside its first
 *   one for all   serial, and queries that do not say what they touch
 *   touches       other queries
 * Node targets that share a label share a key space. Identities have a space a relationship target, behind the key spaces.
 */
#ifndef HEDDLE_SINK_NEO4J_PLAN_H
#define HEDDLE_SINK_NEO4J_PLAN_H

#include "sink/neo4j/ability.h"
#include "sink/neo4j/limits.h"
#include "sink/road.h"
#include "sink/rows.h"
#include "sink/sink.h"

enum heddle_plan_claim {
    HEDDLE_CLAIM_NOTHING,
    HEDDLE_CLAIM_KEY,      /* the node's: space_a */
    HEDDLE_CLAIM_ENDS,     /* start: space_a, end: space_b */
    HEDDLE_CLAIM_IDENTITY, /* heddle_rows_identity(): space_a */
    HEDDLE_CLAIM_ONE,      /* part 0 of space_a, whatever the row */
    HEDDLE_CLAIM_TOUCHES,  /* of a query, by label: window.h finds their spaces */
};

struct heddle_write_plan {
    const struct heddle_target *target;
    size_t index;
    struct heddle_road_choice road;
    char *write_forms[3][2]; /* by enum heddle_cypher_rewrite, by id or not; NULL = no such statement */
    char *vector_forms[3];   /* the same for nodes each of which has its vector; NULL = as write_forms */
    const char *parameter;   /* of the rows in the statements; static memory */
    char *missing;           /* names rows without their ends; NULL where that cannot be */
    const size_t *order;     /* indices of properties in the order of a row: keys, then the rest */
    size_t batch_rows;
    size_t batch_bytes;
    enum heddle_plan_claim claim;
    size_t space_a;      /* of what the rows claim */
    size_t space_b;      /* of the end */
    size_t node_space_a; /* of the node, or of the start, whatever the road */
    size_t node_space_b;
    size_t stream; /* in the scheduler */
    uint64_t seed;
    bool returns_ids; /* nodes: their ids are asked for */
    bool uses_ids;    /* relationships: their ends go by id where it is known */
    bool element_ids;
    bool
        ids_asked; /* nodes: those that were there before have been asked for (ids_read.h); the caller's thread */
    uint64_t id_space_a; /* for heddle_ids_hash(): of the node, or of the start */
    uint64_t id_space_b;

    /* Nodes on the road one_statement: how rows travel that take their relationships along; NULL on other roads, owned.
     * A plan for the same target, with a statement (HEDDLE_CYPHER_CREATE) and a stream of its own. */
    struct heddle_write_plan *together;
    struct heddle_write_plan *riders[HEDDLE_ROAD_RIDERS_MAX]; /* of such a plan: those of the relationships */
    size_t rider_count;                                       /* 0 in every other plan */
    /* Of such a plan, under the lock of the load: transactions that were tried, and those of them in which a row missed
     * an end, so that all of their rows had to go apart. */
    uint64_t tried;
    uint64_t failed;
};

/* Fills plans[0 .. target_count), allocated here, on roads that suit any graph: tiles for what merges, create for what
 * creates. *space_count_out = number of spaces. Errors: HEDDLE_INVALID (a name, a map as
 * property), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plans_create(const struct heddle_sink_options *options,
                                          const struct heddle_cypher_dialect *dialect,
                                          struct heddle_write_plan **plans_out, size_t *space_count_out,
                                          struct heddle_error *error);

/* Takes the roads that heddle_road_choose() answers, once it is known what is there: a count for each target, -1 =
 * unknown. `resumes`: an earlier run of this load may have written some rows. Before the first row. Errors:
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plans_take_roads(struct heddle_write_plan *plans,
                                              const struct heddle_sink_options *options,
                                              const struct heddle_ability *ability,
                                              const int64_t *there_before, size_t writers, bool resumes,
                                              struct heddle_error *error);

/* The order in which a row has its properties: keys, then the rest; NULL = out of memory. */
size_t *heddle_plan_order(const struct heddle_target *target);

/* plan_together.c: makes plans[node].together. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_make_together(struct heddle_write_plan *plans, size_t node,
                                                const struct heddle_sink_options *options,
                                                const struct heddle_cypher_dialect *dialect,
                                                struct heddle_error *error);

/* True where it is known by now that too many rows miss an end for trying together: under the lock of the load. */
bool heddle_plan_goes_apart(const struct heddle_write_plan *together);

/* True where another statement than the written one may stand for a MERGE. */
static inline bool heddle_plan_rewrites(const struct heddle_write_plan *plan)
{
    return plan->target->merge &&
           (plan->road.road == HEDDLE_ROAD_CREATE || plan->road.road == HEDDLE_ROAD_GUARDED ||
            plan->road.road == HEDDLE_ROAD_ONE_STATEMENT);
}

void heddle_plans_destroy(struct heddle_write_plan *plans, size_t count);

/* Sets the limits of a transaction; after the indexes are known. */
void heddle_plan_set_limits(struct heddle_write_plan *plan, const struct heddle_sink_options *options,
                            bool live_index);

#endif
