/* plan_together.c: the plan for rows that write a node and its relationships in one statement. */
#include <stdlib.h>

#include "base/memory.h"
#include "sink/neo4j/plan.h"

/* Missing ends are looked for in some transactions before anything is concluded from them. A transaction that fails costs
 * about what it would have saved three times over. */
enum { FAILED_LEAST = 4, FAILED_SHARE = 4 };

bool heddle_plan_goes_apart(const struct heddle_write_plan *together)
{
    return together->failed >= FAILED_LEAST && together->failed * FAILED_SHARE >= together->tried;
}

/* True where a relationship that does not travel along can use the ids of the nodes. */
static bool others_use_ids(const struct heddle_write_plan *plans, size_t count,
                           const struct heddle_write_plan *node, const struct heddle_write_plan *together)
{
    for (size_t i = 0; i < count; i++) {
        bool rides = false;
        for (size_t j = 0; j < together->rider_count; j++) {
            rides = rides || together->riders[j] == &plans[i];
        }
        if (!rides && plans[i].uses_ids &&
            (plans[i].id_space_a == node->id_space_a || plans[i].id_space_b == node->id_space_a)) {
            return true;
        }
    }
    return false;
}

static int write_form(struct heddle_write_plan *together, const struct heddle_sink_options *options,
                      const size_t *riders, const struct heddle_cypher_dialect *dialect, bool by_id,
                      struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    const struct heddle_cypher_form form = {
        .rewrite = HEDDLE_CYPHER_CREATE, .by_id = by_id, .returns_ids = together->returns_ids};
    heddle_cypher_write_together(&text, options->targets, together->target, riders, together->rider_count,
                                 dialect, &form);
    const char *whole = heddle_buffer_text(&text);
    char *copy = whole == NULL ? NULL : heddle_strdup(whole);
    heddle_buffer_free(&text);
    together->write_forms[HEDDLE_CYPHER_CREATE][by_id ? 1 : 0] = copy;
    return copy == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

int heddle_plan_make_together(struct heddle_write_plan *plans, size_t node,
                              const struct heddle_sink_options *options,
                              const struct heddle_cypher_dialect *dialect, struct heddle_error *error)
{
    struct heddle_write_plan *alone = &plans[node];
    size_t riders[HEDDLE_ROAD_RIDERS_MAX];
    struct heddle_write_plan *together = heddle_calloc(1, sizeof *together);
    if (together == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *together = *alone;
    alone->together = together; /* owned from here on, so nothing of `alone` may stay in it */
    together->together = NULL;
    together->missing = NULL;
    for (size_t i = 0; i < 3; i++) {
        together->write_forms[i][0] = NULL;
        together->write_forms[i][1] = NULL;
        together->vector_forms[i] = NULL;
    }
    together->order = heddle_plan_order(alone->target);
    if (together->order == NULL) {
        return heddle_error_out_of_memory(error);
    }
    together->rider_count = heddle_road_riders(options->targets, options->target_count, node, riders);
    together->uses_ids = true;
    for (size_t i = 0; i < together->rider_count; i++) {
        together->riders[i] = &plans[riders[i]];
        together->uses_ids = together->uses_ids && plans[riders[i]].uses_ids;
    }
    together->returns_ids = others_use_ids(plans, options->target_count, alone, together);
    for (int by_id = 0; by_id <= (together->uses_ids ? 1 : 0); by_id++) {
        HEDDLE_TRY(write_form(together, options, riders, dialect, by_id != 0, error));
    }
    return HEDDLE_OK;
}
