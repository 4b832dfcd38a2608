/* plan.c: statements and key spaces of all targets. */
#include "sink/neo4j/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sink/fold.h"
#include "sink/neo4j/query_target.h"

/* Numbers the key spaces: node targets that a node could belong to together get one. Joining is repeated until nothing
 * changes, since A and C may meet only through B. Answers the number of spaces. */
static size_t number_spaces(const struct heddle_target *targets, struct heddle_write_plan *plans,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        plans[i].space_a = i;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (plans[i].space_a != plans[j].space_a &&
                    heddle_targets_share_label(&targets[i], &targets[j])) {
                    const size_t low =
                        plans[i].space_a < plans[j].space_a ? plans[i].space_a : plans[j].space_a;
                    plans[i].space_a = low;
                    plans[j].space_a = low;
                    changed = true;
                }
            }
        }
    }
    size_t spaces = 0;
    for (size_t i = 0; i < count; i++) {
        if (targets[i].kind == HEDDLE_TARGET_NODE) {
            /* The lowest member carries its own index until here; the others follow it. */
            plans[i].space_a = plans[i].space_a == i ? spaces++ : plans[plans[i].space_a].space_a;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const bool is_node = targets[i].kind == HEDDLE_TARGET_NODE;
        plans[i].node_space_a = plans[is_node ? i : targets[i].start.node].space_a;
        plans[i].node_space_b = plans[is_node ? i : targets[i].end.node].space_a;
    }
    return spaces;
}

/* Labels and key properties as one number: what has the same is found by the same key. */
static uint64_t id_space_of(const struct heddle_target *node, uint64_t seed)
{
    uint64_t space = heddle_hash_bytes(node->labels[0], strlen(node->labels[0]), seed);
    for (size_t i = 0; i < node->key_count; i++) {
        const char *name = node->properties[node->key[i]].name;
        space = heddle_hash_bytes(name, strlen(name), space);
    }
    return space;
}

/* Ids are asked for where a relationship of the job can use them. */
static void number_id_spaces(const struct heddle_sink_options *options, struct heddle_write_plan *plans)
{
    const struct heddle_target *targets = options->targets;
    for (size_t i = 0; i < options->target_count; i++) {
        const struct heddle_target *target = &targets[i];
        const bool is_node = target->kind == HEDDLE_TARGET_NODE;
        if (target->kind == HEDDLE_TARGET_QUERY) {
            continue;
        }
        plans[i].id_space_a = id_space_of(is_node ? target : &targets[target->start.node], options->seed);
        plans[i].id_space_b = id_space_of(is_node ? target : &targets[target->end.node], options->seed);
        plans[i].uses_ids = !is_node && !target->merge_ends && !target->removes && !options->ends_by_key;
    }
    for (size_t i = 0; i < options->target_count; i++) {
        for (size_t j = 0; j < options->target_count; j++) {
            if (targets[i].kind == HEDDLE_TARGET_NODE && !targets[i].removes && plans[j].uses_ids &&
                (plans[i].id_space_a == plans[j].id_space_a || plans[i].id_space_a == plans[j].id_space_b)) {
                plans[i].returns_ids = true;
            }
        }
    }
}

static bool is_key(const struct heddle_target *target, size_t property)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (target->key[i] == property) {
            return true;
        }
    }
    return false;
}

size_t *heddle_plan_order(const struct heddle_target *target)
{
    size_t *order = heddle_calloc(target->property_count + 1, sizeof *order);
    if (order == NULL) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < target->key_count; i++) {
        order[count++] = target->key[i];
    }
    for (size_t i = 0; i < target->property_count; i++) {
        if (!is_key(target, i)) {
            order[count++] = i;
        }
    }
    return order;
}

static int take_text(struct heddle_buffer *text, char **out, struct heddle_error *error)
{
    const char *whole = heddle_buffer_text(text);
    *out = whole == NULL ? NULL : heddle_strdup(whole);
    heddle_buffer_free(text);
    return *out == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

static int check_target(const struct heddle_sink_options *options, const struct heddle_target *target,
                        struct heddle_error *error)
{
    if (target->kind == HEDDLE_TARGET_NODE && target->label_count == 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "target %s: a node needs a label", target->name);
    }
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP &&
        (target->start.node >= options->target_count || target->end.node >= options->target_count ||
         target->start.key_count == 0 || target->end.key_count == 0 || target->type == NULL)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "target %s: a relationship needs a type and keys of both ends", target->name);
    }
    for (size_t i = 0; i < target->property_count; i++) {
        if (target->properties[i].typed && target->properties[i].type == HEDDLE_TYPE_MAP) {
            return heddle_error_set(
                error, HEDDLE_INVALID,
                "target %s: property %s would be a map, which a graph does not store: name its "
                "fields one by one",
                target->name, target->properties[i].name);
        }
    }
    return heddle_cypher_check_names(target, error);
}

static int write_form(const struct heddle_sink_options *options, const struct heddle_cypher_dialect *dialect,
                      const struct heddle_target *target, const struct heddle_cypher_form *form,
                      char **text_out, struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    if (target->kind == HEDDLE_TARGET_NODE) {
        heddle_cypher_write_nodes(&text, target, dialect, form);
    } else {
        heddle_cypher_write_relationships(&text, options->targets, target, dialect, form);
    }
    return take_text(&text, text_out, error);
}

/* All forms of one rewrite. */
static int write_rewrite(const struct heddle_sink_options *options,
                         const struct heddle_cypher_dialect *dialect, struct heddle_write_plan *plan,
                         enum heddle_cypher_rewrite rewrite, struct heddle_error *error)
{
    struct heddle_cypher_form form = {.rewrite = rewrite, .returns_ids = plan->returns_ids};
    for (int by_id = 0; by_id <= (plan->uses_ids ? 1 : 0); by_id++) {
        form.by_id = by_id != 0;
        HEDDLE_TRY(
            write_form(options, dialect, plan->target, &form, &plan->write_forms[rewrite][by_id], error));
    }
    if (plan->target->kind != HEDDLE_TARGET_NODE || plan->target->vector_property == NULL) {
        return HEDDLE_OK;
    }
    form.by_id = false;
    form.all_vectors = true;
    return write_form(options, dialect, plan->target, &form, &plan->vector_forms[rewrite], error);
}

/* The statements that stand for a MERGE on some road; as written always. */
static int write_forms(const struct heddle_sink_options *options, const struct heddle_cypher_dialect *dialect,
                       struct heddle_write_plan *plan, struct heddle_error *error)
{
    const struct heddle_target *target = plan->target;
    const bool is_node = target->kind == HEDDLE_TARGET_NODE;
    const bool rewritten[3] = {
        [HEDDLE_CYPHER_AS_WRITTEN] = true,
        [HEDDLE_CYPHER_CREATE] = target->merge && !target->merge_ends,
        [HEDDLE_CYPHER_GUARDED] =
            target->merge && !target->merge_ends && !is_node && heddle_fold_target_is_bare(target),
    };
    for (int i = 0; i < 3; i++) {
        if (rewritten[i]) {
            HEDDLE_TRY(write_rewrite(options, dialect, plan, (enum heddle_cypher_rewrite)i, error));
        }
    }
    if (is_node || target->merge_ends) {
        return HEDDLE_OK;
    }
    struct heddle_buffer text = {0};
    heddle_cypher_missing_ends(&text, options->targets, target);
    return take_text(&text, &plan->missing, error);
}

/* What rows claim on the plan's road. */
static void settle_claim(struct heddle_write_plan *plan, size_t identity_space)
{
    const struct heddle_target *target = plan->target;
    const bool is_node = target->kind == HEDDLE_TARGET_NODE;
    const bool merges = target->merge ? !is_node || target->key_count > 0 : target->merge_ends;
    plan->space_a = plan->node_space_a;
    plan->space_b = plan->node_space_b;
    if (target->kind == HEDDLE_TARGET_QUERY) {
        plan->claim = target->touch_count == 0 ? HEDDLE_CLAIM_ONE : HEDDLE_CLAIM_TOUCHES;
        plan->space_a = identity_space;
    } else if (plan->road.road == HEDDLE_ROAD_SERIAL) {
        plan->claim = HEDDLE_CLAIM_ONE;
        plan->space_a = identity_space;
    } else if (is_node) {
        plan->claim = merges ? HEDDLE_CLAIM_KEY : HEDDLE_CLAIM_NOTHING;
    } else if (heddle_plan_rewrites(plan)) {
        plan->claim = HEDDLE_CLAIM_IDENTITY;
        plan->space_a = identity_space;
    } else {
        plan->claim =
            merges || plan->road.road == HEDDLE_ROAD_TILES ? HEDDLE_CLAIM_ENDS : HEDDLE_CLAIM_NOTHING;
    }
}

static int write_query(struct heddle_write_plan *plan, struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    const int status = heddle_query_wrap(&text, plan->target, &plan->parameter, error);
    if (status != HEDDLE_OK) {
        heddle_buffer_free(&text);
        return status;
    }
    return take_text(&text, &plan->write_forms[HEDDLE_CYPHER_AS_WRITTEN][0], error);
}

static int write_removal(const struct heddle_sink_options *options, struct heddle_write_plan *plan,
                         struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    heddle_cypher_remove(&text, options->targets, plan->target);
    return take_text(&text, &plan->write_forms[HEDDLE_CYPHER_AS_WRITTEN][0], error);
}

static int fill_plan(const struct heddle_sink_options *options, const struct heddle_cypher_dialect *dialect,
                     struct heddle_write_plan *plan, size_t identity_space, struct heddle_error *error)
{
    plan->order = heddle_plan_order(plan->target);
    if (plan->order == NULL) {
        return heddle_error_out_of_memory(error);
    }
    plan->seed = options->seed;
    plan->parameter = "rows";
    plan->element_ids = dialect->element_ids;
    plan->road.road = plan->target->merge ? HEDDLE_ROAD_TILES : HEDDLE_ROAD_CREATE;
    settle_claim(plan, identity_space);
    if (plan->target->removes) {
        return write_removal(options, plan, error);
    }
    return plan->target->kind == HEDDLE_TARGET_QUERY ? write_query(plan, error)
                                                     : write_forms(options, dialect, plan, error);
}

int heddle_plans_create(const struct heddle_sink_options *options,
                        const struct heddle_cypher_dialect *dialect, struct heddle_write_plan **plans_out,
                        size_t *space_count_out, struct heddle_error *error)
{
    const size_t count = options->target_count;
    struct heddle_write_plan *plans = heddle_calloc(count + 1, sizeof *plans);
    if (plans == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    size_t spaces = 0;
    for (size_t i = 0; i < count && status == HEDDLE_OK; i++) {
        plans[i].target = &options->targets[i];
        plans[i].index = i;
        status = check_target(options, plans[i].target, error);
    }
    if (status == HEDDLE_OK) {
        spaces = number_spaces(options->targets, plans, count);
        number_id_spaces(options, plans);
    }
    for (size_t i = 0; i < count && status == HEDDLE_OK; i++) {
        heddle_plan_set_limits(&plans[i], options, false);
        status = fill_plan(options, dialect, &plans[i], spaces + i, error);
    }
    if (status != HEDDLE_OK) {
        heddle_plans_destroy(plans, count);
        return status;
    }
    *space_count_out = spaces + count;
    *plans_out = plans;
    return HEDDLE_OK;
}

/* Relationships travel with their start where that one has taken the road for it. */
static int take_together(struct heddle_write_plan *plans, const struct heddle_sink_options *options,
                         const struct heddle_cypher_dialect *dialect, struct heddle_error *error)
{
    for (size_t i = 0; i < options->target_count; i++) {
        const struct heddle_target *target = &options->targets[i];
        if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
            heddle_road_join(options->targets, options->target_count, i, &plans[target->start.node].road,
                             &plans[i].road);
        }
    }
    for (size_t i = 0; i < options->target_count; i++) {
        if (plans[i].road.road == HEDDLE_ROAD_ONE_STATEMENT && plans[i].together == NULL) {
            HEDDLE_TRY(heddle_plan_make_together(plans, i, options, dialect, error));
        }
    }
    return HEDDLE_OK;
}

int heddle_plans_take_roads(struct heddle_write_plan *plans, const struct heddle_sink_options *options,
                            const struct heddle_ability *ability, const int64_t *there_before, size_t writers,
                            bool resumes, struct heddle_error *error)
{
    size_t spaces = 0;
    for (size_t i = 0; i < options->target_count; i++) {
        spaces = plans[i].node_space_a >= spaces ? plans[i].node_space_a + 1 : spaces;
        spaces = plans[i].node_space_b >= spaces ? plans[i].node_space_b + 1 : spaces;
    }
    for (size_t i = 0; i < options->target_count; i++) {
        const struct heddle_road_facts facts = {
            .targets = options->targets,
            .target_count = options->target_count,
            .target = i,
            .there_before = there_before[i],
            .rows_expected = options->targets[i].rows_expected,
            .remembered_rows = HEDDLE_FOLD_IDENTITIES_MAX,
            .resumes = resumes,
            .chain_locks = ability->major > 4 || (ability->major == 4 && ability->minor >= 3),
            .writers = writers,
            .batch_rows = plans[i].batch_rows,
        };
        if (options->targets[i].kind == HEDDLE_TARGET_QUERY) {
            continue; /* its statement is the user's, and so is its claim */
        }
        heddle_road_choose(&facts, &plans[i].road);
        settle_claim(&plans[i], spaces + i);
    }
    return take_together(plans, options, &ability->dialect, error);
}

static void plan_clear(struct heddle_write_plan *plan)
{
    for (size_t i = 0; i < 3; i++) {
        free(plan->write_forms[i][0]);
        free(plan->write_forms[i][1]);
        free(plan->vector_forms[i]);
    }
    free(plan->missing);
    free((void *)plan->order);
}

void heddle_plans_destroy(struct heddle_write_plan *plans, size_t count)
{
    if (plans == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (plans[i].together != NULL) {
            plan_clear(plans[i].together);
            free(plans[i].together);
        }
        plan_clear(&plans[i]);
    }
    free(plans);
}

void heddle_plan_set_limits(struct heddle_write_plan *plan, const struct heddle_sink_options *options,
                            bool live_index)
{
    const struct heddle_target *target = plan->target;
    plan->batch_rows = heddle_limits_rows(target, options->batch_rows, live_index);
    const size_t bytes = options->batch_bytes > 0 ? options->batch_bytes : HEDDLE_PLAN_BYTES;
    plan->batch_bytes = target->batch_bytes > 0 ? target->batch_bytes : bytes;
}
