/* road_together.c: which relationships travel with their start node in one statement, by what the job says. */
#include <stdio.h>
#include <string.h>

#include "sink/road.h"

bool heddle_target_end_is_own(const struct heddle_target *targets, const struct heddle_target *target,
                              const struct heddle_target_end *end)
{
    const struct heddle_target *node = &targets[end->node];
    if (node->source != target->source || node->key_count != end->key_count) {
        return false;
    }
    for (size_t i = 0; i < end->key_count; i++) {
        const struct heddle_target_property *own = &node->properties[node->key[i]];
        const struct heddle_target_property *named = &end->keys[i];
        if (own->column != named->column || own->typed != named->typed ||
            (own->typed && (own->type != named->type || own->item_type != named->item_type))) {
            return false;
        }
    }
    return true;
}

static bool names_key(const struct heddle_target *node, const struct heddle_target_schema *schema)
{
    if (schema->property_count != node->key_count) {
        return false;
    }
    for (size_t i = 0; i < node->key_count; i++) {
        const char *key = node->properties[node->key[i]].name;
        bool found = false;
        for (size_t j = 0; j < schema->property_count; j++) {
            found = found || strcmp(schema->properties[j], key) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* True where a constraint of the job keeps the key of a node target unique. */
static bool key_is_unique(const struct heddle_target *node)
{
    for (size_t i = 0; node->key_count > 0 && i < node->schema_count; i++) {
        const struct heddle_target_schema *schema = &node->schema[i];
        if ((schema->kind == HEDDLE_TARGET_UNIQUE || schema->kind == HEDDLE_TARGET_NODE_KEY) &&
            names_key(node, schema)) {
            return true;
        }
    }
    return false;
}

static bool asks_for_another(const struct heddle_target *target)
{
    return target->road != HEDDLE_ROAD_AUTO && target->road != HEDDLE_ROAD_ONE_STATEMENT;
}

/* Why the rows of a relationship target cannot travel with their start nodes, whatever becomes of other nodes; NULL = they
 * can. Its type must be its own where it merges: another target could make, in the same statement, what MERGE would meet. */
static const char *no_ride(const struct heddle_target *targets, size_t target_count, size_t relationship)
{
    const struct heddle_target *target = &targets[relationship];
    if (target->kind != HEDDLE_TARGET_RELATIONSHIP) {
        return "it is no relationship";
    }
    const struct heddle_target *start = &targets[target->start.node];
    const struct heddle_target *end = &targets[target->end.node];
    if (asks_for_another(target) || asks_for_another(start)) {
        return "the job asks for another road";
    }
    if (target->merge_ends) {
        return "its rows merge their ends too";
    }
    if (!target->follows_its_nodes || !heddle_target_end_is_own(targets, target, &target->start)) {
        return "its rows do not write their own start";
    }
    if (heddle_targets_share_label(start, end)) {
        return "start and end have a label in common";
    }
    if (!key_is_unique(start) || !key_is_unique(end)) {
        return "no constraint of the job keeps the keys of both ends unique";
    }
    if (target->merge && !heddle_road_is_alone(targets, target_count, relationship)) {
        return "another target writes relationships of this type";
    }
    return heddle_road_is_alone(targets, target_count, target->start.node)
               ? NULL
               : "another target writes nodes with the label of its start";
}

/* Targets that are looked at; what stands behind them goes apart. */
enum { TARGETS_MAX = 64 };

/* True where relationship target `index` travels with its start, as far as the nodes in `travels` do. An end of the same
 * source that travels itself may not be written yet. */
static bool rides(const struct heddle_target *targets, size_t target_count, uint64_t travels, size_t index)
{
    const struct heddle_target *target = &targets[index];
    if (no_ride(targets, target_count, index) != NULL) {
        return false;
    }
    const size_t end = target->end.node;
    return targets[end].source != target->source || (end < TARGETS_MAX && (travels >> end & 1) == 0);
}

/* Which nodes take relationships along, a bit a target. In the order of the targets: one that is the end of another's does
 * not, since it has to be written before. */
static uint64_t travelling_nodes(const struct heddle_target *targets, size_t target_count)
{
    uint64_t travels = 0;
    for (size_t node = 0; node < target_count && node < TARGETS_MAX; node++) {
        bool takes_some = false;
        bool is_taken = false;
        for (size_t i = 0; i < target_count; i++) {
            if (targets[i].kind != HEDDLE_TARGET_RELATIONSHIP || !rides(targets, target_count, travels, i)) {
                continue;
            }
            const size_t start = targets[i].start.node;
            takes_some = takes_some || start == node;
            is_taken = is_taken || (targets[i].end.node == node && start < node &&
                                    targets[i].source == targets[node].source && (travels >> start & 1) != 0);
        }
        travels |= takes_some && !is_taken ? UINT64_C(1) << node : 0;
    }
    return travels;
}

size_t heddle_road_riders(const struct heddle_target *targets, size_t target_count, size_t node,
                          size_t riders[static HEDDLE_ROAD_RIDERS_MAX])
{
    const uint64_t travels = travelling_nodes(targets, target_count);
    size_t count = 0;
    if (node >= TARGETS_MAX || (travels >> node & 1) == 0) {
        return 0;
    }
    for (size_t i = 0; i < target_count && count < HEDDLE_ROAD_RIDERS_MAX; i++) {
        if (targets[i].kind == HEDDLE_TARGET_RELATIONSHIP && targets[i].start.node == node &&
            rides(targets, target_count, travels, i)) {
            riders[count++] = i;
        }
    }
    return count;
}

void heddle_road_join(const struct heddle_target *targets, size_t target_count, size_t relationship,
                      const struct heddle_road_choice *node_choice, struct heddle_road_choice *choice)
{
    const struct heddle_target *target = &targets[relationship];
    const struct heddle_road_choice alone = *choice;
    size_t riders[HEDDLE_ROAD_RIDERS_MAX];
    const bool taken = node_choice->road == HEDDLE_ROAD_ONE_STATEMENT;
    const size_t count = taken ? heddle_road_riders(targets, target_count, target->start.node, riders) : 0;
    for (size_t i = 0; i < count; i++) {
        choice->rides = choice->rides || riders[i] == relationship;
    }
    if (choice->rides) {
        choice->as_asked = true;
        snprintf(choice->reason, sizeof choice->reason,
                 "its rows travel with %.60s, which is new; rows that cannot: %s (%.110s)",
                 targets[target->start.node].name, heddle_road_name(alone.road), alone.reason);
    } else if (target->road == HEDDLE_ROAD_ONE_STATEMENT) {
        const char *why = no_ride(targets, target_count, relationship);
        choice->as_asked = false;
        snprintf(choice->reason, sizeof choice->reason, "one_statement cannot be taken (%s): %.140s",
                 why != NULL ? why : "its start node is not written so", alone.reason);
    }
}
