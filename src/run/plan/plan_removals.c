/* plan_removals.c: for each target that a change feed feeds, the target that removes what it writes. */
#include "run/plan/plan_targets.h"

/* The key properties of a target, alone. */
static int keys_copy(struct heddle_plan *plan, const struct heddle_target *target,
                     struct heddle_target *removal, struct heddle_error *error)
{
    struct heddle_target_property *properties =
        heddle_arena_calloc(plan->arena, target->key_count, sizeof *properties);
    size_t *key = heddle_arena_calloc(plan->arena, target->key_count, sizeof *key);
    if (properties == NULL || key == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < target->key_count; i++) {
        properties[i] = target->properties[target->key[i]];
        key[i] = i;
    }
    removal->properties = properties;
    removal->property_count = target->key_count;
    removal->key = key;
    removal->key_count = target->key_count;
    return HEDDLE_OK;
}

/* The key properties of an end. Each target binds its own to the columns of its source. */
static int end_copy(struct heddle_plan *plan, const struct heddle_target_end *end,
                    struct heddle_target_end *copy, struct heddle_error *error)
{
    struct heddle_target_property *keys = heddle_arena_calloc(plan->arena, end->key_count, sizeof *keys);
    if (keys == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < end->key_count; i++) {
        keys[i] = end->keys[i];
    }
    *copy = (struct heddle_target_end){.node = end->node, .keys = keys, .key_count = end->key_count};
    return HEDDLE_OK;
}

static int removal_add(struct heddle_plan *plan, const struct heddle_target *target,
                       struct heddle_error *error)
{
    struct heddle_target *removal = &plan->targets[plan->sink_target_count++];
    *removal = (struct heddle_target){
        .kind = target->kind,
        .name = target->name,
        .source = target->source,
        .merge = true,
        .removes = true,
        .batch_rows = target->batch_rows,
        .batch_bytes = target->batch_bytes,
        .labels = target->labels,
        .label_count = target->label_count,
        .type = target->type,
    };
    HEDDLE_TRY(end_copy(plan, &target->start, &removal->start, error));
    HEDDLE_TRY(end_copy(plan, &target->end, &removal->end, error));
    return keys_copy(plan, target, removal, error);
}

/* Whether rows of a target can be found again by what they say. */
static bool is_found_again(const struct heddle_target *target)
{
    return target->merge && target->kind != HEDDLE_TARGET_QUERY &&
           (target->kind == HEDDLE_TARGET_RELATIONSHIP || target->key_count > 0);
}

/* The targets that delete what those of a pass wrote. */
static int list_removals(struct heddle_plan *plan, struct heddle_plan_pass *pass, struct heddle_error *error)
{
    size_t *removals = heddle_arena_calloc(plan->arena, pass->target_count, sizeof *removals);
    if (removals == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < pass->target_count; i++) {
        const size_t target = pass->targets[i];
        if (plan->removals[target] != HEDDLE_PLAN_NO_REMOVAL &&
            plan->on_delete[target] == HEDDLE_ON_DELETE_DELETE) {
            removals[pass->removal_count++] = plan->removals[target];
        }
    }
    pass->removals = removals;
    return HEDDLE_OK;
}

int heddle_plan_add_removals(struct heddle_plan *plan, const struct heddle_job_target *const *bases,
                             struct heddle_error *error)
{
    const size_t count = plan->target_count;
    size_t *removals = heddle_arena_calloc(plan->arena, count, sizeof *removals);
    enum heddle_on_delete *on_delete = heddle_arena_calloc(plan->arena, count, sizeof *on_delete);
    if (removals == NULL || on_delete == NULL) {
        return heddle_error_out_of_memory(error);
    }
    plan->sink_target_count = count;
    for (size_t i = 0; i < count; i++) {
        struct heddle_target *target = &plan->targets[i];
        removals[i] = HEDDLE_PLAN_NO_REMOVAL;
        on_delete[i] = bases[i]->on_delete;
        /* All of them, whatever on_delete says: their places must not move when a job that stopped is told to go on. */
        if (is_found_again(target) && heddle_job_reads_changes(plan->sources[target->source].job)) {
            removals[i] = plan->sink_target_count;
            target->removed = true;
            HEDDLE_TRY(removal_add(plan, target, error));
        }
    }
    plan->removals = removals;
    plan->on_delete = on_delete;
    for (size_t i = 0; i < plan->pass_count; i++) {
        HEDDLE_TRY(list_removals(plan, &plan->passes[i], error));
    }
    return HEDDLE_OK;
}
