/* plan_queries.c: query targets, claims of users, and columns of sources that are read whole. */
#include "run/plan/plan_queries.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "run/plan/plan_targets.h"

static enum heddle_target_scenario scenario_of(const char *word)
{
    if (word == NULL || strcmp(word, "auto") == 0) {
        return HEDDLE_TARGET_SCENARIO_AUTO;
    }
    if (strcmp(word, "predefined") == 0) {
        return HEDDLE_TARGET_SCENARIO_PREDEFINED;
    }
    return strcmp(word, "bipartite") == 0 ? HEDDLE_TARGET_SCENARIO_BIPARTITE
                                          : HEDDLE_TARGET_SCENARIO_MONOPARTITE;
}

int heddle_plan_resolve_claim(struct heddle_plan *plan, const struct heddle_job_target *base,
                              struct heddle_target *target, struct heddle_error *error)
{
    const struct heddle_job_schedule *schedule = &base->schedule;
    target->claim.scenario = scenario_of(schedule->scenario);
    target->claim.groups = schedule->groups;
    if (target->claim.scenario != HEDDLE_TARGET_SCENARIO_PREDEFINED) {
        return HEDDLE_OK;
    }
    struct heddle_target_property *component = heddle_arena_calloc(plan->arena, 1, sizeof *component);
    size_t column = 0;
    if (component == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_plan_column_of(plan, base->source, schedule->component, &column, error));
    component->name = schedule->component;
    component->field = schedule->component;
    component->column = (int)column;
    target->claim.component = component;
    return HEDDLE_OK;
}

int heddle_plan_resolve_query(struct heddle_plan *plan, const struct heddle_job_query *query,
                              struct heddle_target *target, struct heddle_error *error)
{
    struct heddle_target_touch *touches =
        heddle_arena_calloc(plan->arena, query->touch_count + 1, sizeof *touches);
    if (touches == NULL) {
        return heddle_error_out_of_memory(error);
    }
    target->kind = HEDDLE_TARGET_QUERY;
    HEDDLE_TRY(heddle_plan_resolve_base(plan, &query->base, target, error));
    target->merge = false;
    target->query = query->query;
    for (size_t i = 0; i < query->touch_count; i++) {
        size_t column = 0;
        HEDDLE_TRY(
            heddle_plan_column_of(plan, query->base.source, query->touches[i].source_field, &column, error));
        touches[i] = (struct heddle_target_touch){
            .label = query->touches[i].label,
            .field = query->touches[i].source_field,
            .column = (int)column,
        };
    }
    target->touches = touches;
    target->touch_count = query->touch_count;
    target->claim.groups = query->base.schedule.groups;
    plan->sources[query->base.source].whole_rows = true;
    return HEDDLE_OK;
}

static int bind_field(const struct heddle_plan *plan, const char *target, const char *field,
                      const struct heddle_schema *schema, int *column, struct heddle_error *error)
{
    *column = heddle_schema_find(schema, field);
    if (*column >= 0) {
        return HEDDLE_OK;
    }
    const char *nearest = NULL;
    for (size_t i = 0; i < schema->count; i++) {
        const char *candidates[2] = {schema->fields[i].name, nearest};
        const char *better = heddle_text_nearest(field, candidates, nearest == NULL ? 1 : 2);
        nearest = better == NULL ? nearest : better;
    }
    return heddle_error_set(error, HEDDLE_JOB, "%s: target '%s': its source has no column '%s'%s%s%s",
                            plan->job->path, target, field, nearest == NULL ? "" : "; did you mean '",
                            nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

/* The plan made these arrays and hands them out read-only. */
static int bind_properties(const struct heddle_plan *plan, const char *target,
                           const struct heddle_target_property *properties, size_t count,
                           const struct heddle_schema *schema, struct heddle_error *error)
{
    struct heddle_target_property *own = (struct heddle_target_property *)(uintptr_t)properties;
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(bind_field(plan, target, own[i].field, schema, &own[i].column, error));
    }
    return HEDDLE_OK;
}

static int bind_target(const struct heddle_plan *plan, const struct heddle_target *target,
                       const struct heddle_schema *schema, struct heddle_error *error)
{
    struct heddle_target_touch *touches = (struct heddle_target_touch *)(uintptr_t)target->touches;
    HEDDLE_TRY(
        bind_properties(plan, target->name, target->properties, target->property_count, schema, error));
    HEDDLE_TRY(
        bind_properties(plan, target->name, target->start.keys, target->start.key_count, schema, error));
    HEDDLE_TRY(bind_properties(plan, target->name, target->end.keys, target->end.key_count, schema, error));
    HEDDLE_TRY(bind_properties(plan, target->name, target->claim.component,
                               target->claim.component == NULL ? 0 : 1, schema, error));
    for (size_t i = 0; i < target->touch_count; i++) {
        HEDDLE_TRY(bind_field(plan, target->name, touches[i].field, schema, &touches[i].column, error));
    }
    return HEDDLE_OK;
}

int heddle_plan_bind(struct heddle_plan *plan, size_t source, const struct heddle_schema *schema,
                     struct heddle_error *error)
{
    struct heddle_plan_source *bound = &plan->sources[source];
    if (!bound->whole_rows) {
        return HEDDLE_OK;
    }
    for (size_t i = 0; i < plan->sink_target_count; i++) {
        if (plan->targets[i].source == source) {
            HEDDLE_TRY(bind_target(plan, &plan->targets[i], schema, error));
        }
    }
    for (size_t i = 0; i < bound->slot_count; i++) {
        int column = -1;
        HEDDLE_TRY(bind_field(plan, bound->slots[i].model, bound->slots[i].field, schema, &column, error));
        bound->slots[i].column = (size_t)column;
    }
    return HEDDLE_OK;
}
