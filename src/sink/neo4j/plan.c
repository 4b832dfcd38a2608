/* plan.c: statements and key spaces of all targets. */
#include "sink/neo4j/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool share_a_label(const struct heddle_target *one, const struct heddle_target *other)
{
    for (size_t i = 0; i < one->label_count; i++) {
        for (size_t j = 0; j < other->label_count; j++) {
            if (strcmp(one->labels[i], other->labels[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Numbers the key spaces: node targets that a node could belong to together get one. Joining is repeated until nothing
 * changes, since A and C may meet only through B. Answers the number of spaces. */
static size_t number_spaces(const struct heddle_target *targets, struct heddle_plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        plans[i].space_a = i;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (plans[i].space_a != plans[j].space_a && share_a_label(&targets[i], &targets[j])) {
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
        if (targets[i].kind == HEDDLE_TARGET_RELATIONSHIP) {
            plans[i].space_a = plans[targets[i].start.node].space_a;
            plans[i].space_b = plans[targets[i].end.node].space_a;
        }
    }
    return spaces;
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

static size_t *order_of(const struct heddle_target *target)
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

static int fill_plan(const struct heddle_sink_options *options, const struct heddle_cypher_dialect *dialect,
                     struct heddle_plan *plan, struct heddle_error *error)
{
    const struct heddle_target *target = plan->target;
    struct heddle_buffer text = {0};
    plan->order = order_of(target);
    if (plan->order == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (target->kind == HEDDLE_TARGET_NODE) {
        plan->parted = target->merge && target->key_count > 0;
        heddle_cypher_write_nodes(&text, target, dialect);
        return take_text(&text, &plan->write, error);
    }
    plan->parted = target->merge || target->merge_ends;
    heddle_cypher_write_relationships(&text, options->targets, target);
    HEDDLE_TRY(take_text(&text, &plan->write, error));
    if (target->merge_ends) {
        return HEDDLE_OK;
    }
    text = (struct heddle_buffer){0};
    heddle_cypher_missing_ends(&text, options->targets, target);
    return take_text(&text, &plan->missing, error);
}

int heddle_plans_create(const struct heddle_sink_options *options,
                        const struct heddle_cypher_dialect *dialect, struct heddle_plan **plans_out,
                        size_t *space_count_out, struct heddle_error *error)
{
    const size_t count = options->target_count;
    struct heddle_plan *plans = heddle_calloc(count + 1, sizeof *plans);
    if (plans == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    for (size_t i = 0; i < count && status == HEDDLE_OK; i++) {
        plans[i].target = &options->targets[i];
        plans[i].index = i;
        status = check_target(options, plans[i].target, error);
    }
    if (status == HEDDLE_OK) {
        *space_count_out = number_spaces(options->targets, plans, count);
    }
    for (size_t i = 0; i < count && status == HEDDLE_OK; i++) {
        heddle_plan_set_limits(&plans[i], options, false);
        status = fill_plan(options, dialect, &plans[i], error);
    }
    if (status != HEDDLE_OK) {
        heddle_plans_destroy(plans, count);
        return status;
    }
    *plans_out = plans;
    return HEDDLE_OK;
}

void heddle_plans_destroy(struct heddle_plan *plans, size_t count)
{
    if (plans == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        free(plans[i].write);
        free(plans[i].missing);
        free((void *)plans[i].order);
    }
    free(plans);
}

void heddle_plan_set_limits(struct heddle_plan *plan, const struct heddle_sink_options *options,
                            bool live_index)
{
    const struct heddle_target *target = plan->target;
    size_t rows = HEDDLE_PLAN_ROWS;
    if (target->kind == HEDDLE_TARGET_NODE && target->vector_property != NULL) {
        rows = live_index ? HEDDLE_PLAN_ROWS_LIVE_INDEX : HEDDLE_PLAN_ROWS_VECTORS;
    }
    rows = options->batch_rows > 0 ? options->batch_rows : rows;
    plan->batch_rows = target->batch_rows > 0 ? target->batch_rows : rows;
    const size_t bytes = options->batch_bytes > 0 ? options->batch_bytes : HEDDLE_PLAN_BYTES;
    plan->batch_bytes = target->batch_bytes > 0 ? target->batch_bytes : bytes;
}
