/* plan.c: levels and passes; targets.c resolves each target. */
#include "run/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "column/convert.h"
#include "run/plan/plan_targets.h"
#include "sink/road.h"

/* Cycles are refused when the job is read, so levels settle; this only bounds a mistake of ours. */
enum { LEVELS_MAX = 1024 };

static bool depends_on(const struct heddle_job_target *base, const char *name)
{
    for (size_t i = 0; i < base->depends_on_count; i++) {
        if (strcmp(base->depends_on[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* True where the node at an end of a row is written when the rows of `level` come: by the row itself, or by an earlier
 * pass. */
static bool is_there(const struct heddle_plan *plan, const struct heddle_target *target,
                     const struct heddle_target_end *end, size_t end_level, size_t level)
{
    return end_level < level || (end_level == level && heddle_target_end_is_own(plan->targets, target, end));
}

/* True where a node target stays where it is: it depends on nothing and starts no relationship that could lift it. */
static bool stands_still(const struct heddle_plan *plan, const struct heddle_job_target *const *bases,
                         size_t node)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct heddle_target *other = &plan->targets[i];
        if (other->kind == HEDDLE_TARGET_RELATIONSHIP && other->start.node == node &&
            heddle_plan_starts_own(plan, other)) {
            return false;
        }
    }
    return bases[node]->depends_on_count == 0;
}

/* A node that is the start of a relationship of its own row waits for ends that other rows write: then both can be
 * written together (sink/road.h), and the source is read once for them. Such ends stand still, so nothing goes in a circle. */
static size_t level_behind_ends(const struct heddle_plan *plan, const struct heddle_job_target *const *bases,
                                const size_t *levels, size_t node, size_t level)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct heddle_target *other = &plan->targets[i];
        if (other->kind == HEDDLE_TARGET_RELATIONSHIP && other->start.node == node && !other->merge_ends &&
            heddle_plan_starts_own(plan, other) && other->end.node != node &&
            stands_still(plan, bases, other->end.node) && levels[other->end.node] + 1 > level) {
            level = levels[other->end.node] + 1;
        }
    }
    return level;
}

/* The lowest level a target may have, given the present levels of the others. */
static size_t lowest_level(const struct heddle_plan *plan, const struct heddle_job_target *const *bases,
                           const size_t *levels, size_t index)
{
    struct heddle_target *target = &plan->targets[index];
    size_t level = 0;
    for (size_t i = 0; i < plan->target_count; i++) {
        const bool after_all =
            target->kind == HEDDLE_TARGET_QUERY && plan->targets[i].kind != HEDDLE_TARGET_QUERY;
        if ((after_all || depends_on(bases[index], plan->targets[i].name)) && levels[i] + 1 > level) {
            level = levels[i] + 1;
        }
    }
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        const size_t start = levels[target->start.node];
        const size_t end = levels[target->end.node];
        const size_t higher = start > end ? start : end;
        target->follows_its_nodes = !plan->apart && is_there(plan, target, &target->start, start, higher) &&
                                    is_there(plan, target, &target->end, end, higher) && level <= higher;
        const size_t nodes = higher + (target->follows_its_nodes ? 0 : 1);
        level = nodes > level ? nodes : level;
    }
    return target->kind == HEDDLE_TARGET_NODE && !plan->apart
               ? level_behind_ends(plan, bases, levels, index, level)
               : level;
}

static int find_levels(struct heddle_plan *plan, const struct heddle_job_target *const *bases, size_t *levels,
                       struct heddle_error *error)
{
    bool moved = true;
    for (size_t round = 0; moved; round++) {
        if (round > LEVELS_MAX) {
            return heddle_error_set(error, HEDDLE_JOB, "the targets of %s depend on each other in a circle",
                                    plan->job->path);
        }
        moved = false;
        for (size_t i = 0; i < plan->target_count; i++) {
            const size_t level = lowest_level(plan, bases, levels, i);
            moved = moved || level != levels[i];
            levels[i] = level;
        }
    }
    return HEDDLE_OK;
}

static bool shares_pass(const struct heddle_plan *plan, const size_t *levels, size_t level, size_t source,
                        size_t target)
{
    return levels[target] == level && plan->targets[target].source == source &&
           plan->targets[target].kind != HEDDLE_TARGET_QUERY;
}

static int add_query_pass(struct heddle_plan *plan, size_t target, struct heddle_error *error)
{
    size_t *member = heddle_arena_calloc(plan->arena, 1, sizeof *member);
    if (member == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *member = target;
    plan->passes[plan->pass_count++] = (struct heddle_plan_pass){
        .source = plan->targets[target].source, .targets = member, .target_count = 1};
    return HEDDLE_OK;
}

static int add_pass(struct heddle_plan *plan, const size_t *levels, size_t level, size_t source,
                    struct heddle_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->target_count; i++) {
        count += shares_pass(plan, levels, level, source, i);
    }
    if (count == 0) {
        return HEDDLE_OK;
    }
    size_t *members = heddle_arena_calloc(plan->arena, count, sizeof *members);
    if (members == NULL) {
        return heddle_error_out_of_memory(error);
    }
    struct heddle_plan_pass *pass = &plan->passes[plan->pass_count++];
    *pass = (struct heddle_plan_pass){.source = source, .targets = members};
    for (size_t i = 0; i < plan->target_count; i++) {
        if (shares_pass(plan, levels, level, source, i)) {
            members[pass->target_count++] = i;
            pass->embeds = pass->embeds || plan->targets[i].vector_property != NULL;
        }
    }
    return HEDDLE_OK;
}

/* Passes of one level make a stage, but queries one each: nobody knows what they would do to each other. */
static void number_stages(struct heddle_plan *plan, const size_t *levels)
{
    size_t stage = 0;
    for (size_t i = 0; i < plan->pass_count; i++) {
        struct heddle_plan_pass *pass = &plan->passes[i];
        const size_t first = pass->targets[0];
        const bool begins = i > 0 && (plan->targets[first].kind == HEDDLE_TARGET_QUERY ||
                                      levels[first] != levels[plan->passes[i - 1].targets[0]]);
        stage += begins ? 1 : 0;
        pass->stage = stage;
        for (size_t j = 0; j < pass->target_count; j++) {
            plan->targets[pass->targets[j]].level = stage;
        }
    }
}

static int make_passes(struct heddle_plan *plan, const struct heddle_job_target *const *bases,
                       struct heddle_error *error)
{
    size_t *levels = heddle_arena_calloc(plan->arena, plan->target_count, sizeof *levels);
    plan->passes = heddle_arena_calloc(plan->arena, plan->target_count, sizeof *plan->passes);
    if (levels == NULL || plan->passes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(find_levels(plan, bases, levels, error));
    size_t highest = 0;
    for (size_t i = 0; i < plan->target_count; i++) {
        highest = levels[i] > highest ? levels[i] : highest;
    }
    for (size_t level = 0; level <= highest; level++) {
        for (size_t source = 0; source < plan->job->source_count; source++) {
            HEDDLE_TRY(add_pass(plan, levels, level, source, error));
        }
        for (size_t i = 0; i < plan->target_count; i++) {
            if (plan->targets[i].kind == HEDDLE_TARGET_QUERY && levels[i] == level) {
                HEDDLE_TRY(add_query_pass(plan, i, error));
            }
        }
    }
    number_stages(plan, levels);
    return HEDDLE_OK;
}

static int fill(struct heddle_plan *plan, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_plan_refuse_what_is_missing(plan->job, error));
    const struct heddle_job_target **bases = NULL;
    HEDDLE_TRY(heddle_plan_resolve_targets(plan, &bases, error));
    HEDDLE_TRY(make_passes(plan, bases, error));
    return heddle_plan_add_removals(plan, bases, error);
}

static int create(const struct heddle_job *job, bool apart, struct heddle_plan **plan_out,
                  struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    struct heddle_plan *plan = heddle_arena_calloc(arena, 1, sizeof *plan);
    int status = HEDDLE_OUT_OF_MEMORY;
    if (plan == NULL) {
        heddle_error_out_of_memory(error);
    } else {
        plan->arena = arena;
        plan->job = job;
        plan->apart = apart;
        status = fill(plan, error);
    }
    if (status != HEDDLE_OK) {
        heddle_arena_destroy(arena);
        return status;
    }
    *plan_out = plan;
    return HEDDLE_OK;
}

int heddle_plan_create(const struct heddle_job *job, struct heddle_plan **plan_out,
                       struct heddle_error *error)
{
    return create(job, false, plan_out, error);
}

int heddle_plan_create_for_shards(const struct heddle_job *job, struct heddle_plan **plan_out,
                                  struct heddle_error *error)
{
    return create(job, true, plan_out, error);
}

int heddle_plan_set_dimensions(struct heddle_plan *plan, size_t source, size_t slot, uint32_t dimensions,
                               struct heddle_error *error)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        struct heddle_target *target = &plan->targets[i];
        if (target->source != source || target->vector_property == NULL || target->vector_slot != slot) {
            continue;
        }
        target->vector_dimensions = dimensions;
        for (size_t j = 0; j < target->schema_count; j++) {
            const struct heddle_target_schema *item = &target->schema[j];
            if (item->kind == HEDDLE_TARGET_VECTOR_INDEX && item->dimensions != 0 &&
                item->dimensions != dimensions && item->property_count == 1 &&
                strcmp(item->properties[0], target->vector_property) == 0) {
                return heddle_error_set(
                    error, HEDDLE_MODEL,
                    "the model '%s' makes vectors of %u dimensions, but the vector index '%s' of "
                    "target '%s' is declared with %u: change vector.dimensions in the job",
                    plan->sources[source].slots[slot].model, dimensions, item->name, target->name,
                    item->dimensions);
            }
        }
    }
    return HEDDLE_OK;
}

static int check_columns(const struct heddle_plan *plan, const struct heddle_target *target,
                         const struct heddle_target_property *properties, size_t count,
                         const struct heddle_schema *schema, struct heddle_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const enum heddle_type from = schema->fields[properties[i].column].type;
        if (properties[i].typed && !heddle_column_can_convert(from, properties[i].type)) {
            return heddle_error_set(
                error, HEDDLE_JOB,
                "%s: target '%s' wants property '%s' as %s, but column '%s' holds %s values, which "
                "never become one: change target_property_type",
                plan->job->path, target->name, properties[i].name, heddle_type_name(properties[i].type),
                properties[i].field, heddle_type_name(from));
        }
    }
    return HEDDLE_OK;
}

int heddle_plan_check_types(const struct heddle_plan *plan, size_t source, const struct heddle_schema *schema,
                            struct heddle_error *error)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct heddle_target *target = &plan->targets[i];
        if (target->source == source) {
            HEDDLE_TRY(
                check_columns(plan, target, target->properties, target->property_count, schema, error));
            HEDDLE_TRY(
                check_columns(plan, target, target->start.keys, target->start.key_count, schema, error));
            HEDDLE_TRY(check_columns(plan, target, target->end.keys, target->end.key_count, schema, error));
        }
    }
    for (size_t i = 0; i < plan->sources[source].slot_count; i++) {
        const struct heddle_plan_slot *slot = &plan->sources[source].slots[i];
        const enum heddle_type from = schema->fields[slot->column].type;
        if (!heddle_column_can_convert(from, HEDDLE_TYPE_STRING)) {
            return heddle_error_set(error, HEDDLE_JOB,
                                    "%s: column '%s' holds %s values and cannot be embedded as text",
                                    plan->job->path, slot->field, heddle_type_name(from));
        }
    }
    return HEDDLE_OK;
}

void heddle_plan_destroy(struct heddle_plan *plan)
{
    if (plan != NULL) {
        heddle_arena_destroy(plan->arena);
    }
}
