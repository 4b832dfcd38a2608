/* road.c: the choice of a road, from what is known before the first row. */
#include "sink/road.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sink/fold.h"

static const char *const names[] = {
    [HEDDLE_ROAD_AUTO] = "auto",
    [HEDDLE_ROAD_CREATE] = "create",
    [HEDDLE_ROAD_GUARDED] = "guarded",
    [HEDDLE_ROAD_TILES] = "tiles",
    [HEDDLE_ROAD_ONE_STATEMENT] = "one_statement",
    [HEDDLE_ROAD_SERIAL] = "serial",
};

enum { ROADS = sizeof names / sizeof names[0] };

const char *heddle_road_name(enum heddle_road road)
{
    return (size_t)road < ROADS ? names[road] : "";
}

int heddle_road_parse(const char *name, enum heddle_road *road_out, struct heddle_error *error)
{
    for (size_t i = 0; i < ROADS; i++) {
        if (strcmp(names[i], name) == 0) {
            *road_out = (enum heddle_road)i;
            return HEDDLE_OK;
        }
    }
    return heddle_error_set(error, HEDDLE_INVALID,
                            "road %.40s: there are auto, create, guarded, tiles, one_statement and serial",
                            name);
}

bool heddle_targets_share_label(const struct heddle_target *one, const struct heddle_target *other)
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

const char *heddle_road_choice_name(const struct heddle_road_choice *choice)
{
    return heddle_road_name(choice->rides ? HEDDLE_ROAD_ONE_STATEMENT : choice->road);
}

/* True where `other` writes nodes that could carry a label of node target `node`. */
static bool writes_its_nodes(const struct heddle_target *targets, const struct heddle_target *node,
                             const struct heddle_target *other)
{
    if (other->kind == HEDDLE_TARGET_NODE) {
        return heddle_targets_share_label(node, other);
    }
    return other->merge_ends && (heddle_targets_share_label(node, &targets[other->start.node]) ||
                                 heddle_targets_share_label(node, &targets[other->end.node]));
}

bool heddle_road_is_alone(const struct heddle_target *targets, size_t target_count, size_t target)
{
    const struct heddle_target *mine = &targets[target];
    for (size_t i = 0; i < target_count; i++) {
        if (i == target || targets[i].removes) { /* what removes never runs beside what writes */
            continue;
        }
        const struct heddle_target *other = &targets[i];
        const bool meets = mine->kind == HEDDLE_TARGET_NODE ? writes_its_nodes(targets, mine, other)
                                                            : other->kind == HEDDLE_TARGET_RELATIONSHIP &&
                                                                  strcmp(mine->type, other->type) == 0;
        if (meets) {
            return false;
        }
    }
    return true;
}

__attribute__((format(printf, 3, 4))) static void take(struct heddle_road_choice *choice,
                                                       enum heddle_road road, const char *format, ...)
{
    va_list arguments;
    choice->road = road;
    va_start(arguments, format);
    vsnprintf(choice->reason, sizeof choice->reason, format, arguments);
    va_end(arguments);
}

static bool merges(const struct heddle_target *target)
{
    return target->merge && (target->kind == HEDDLE_TARGET_RELATIONSHIP || target->key_count > 0);
}

static const char *thing_of(const struct heddle_target *target)
{
    return target->kind == HEDDLE_TARGET_NODE ? "nodes of this label" : "relationships of this type";
}

/* Why CREATE may not stand in for MERGE; NULL = it may. */
static const char *no_create(const struct heddle_road_facts *facts)
{
    const struct heddle_target *target = &facts->targets[facts->target];
    const bool is_node = target->kind == HEDDLE_TARGET_NODE;
    if (target->merge_ends) {
        return "its rows merge their ends too";
    }
    if (facts->there_before != 0) {
        return facts->there_before < 0
                   ? "nobody knows what is there already"
                   : (is_node ? "there are nodes of this label" : "there are relationships of this type");
    }
    if (facts->resumes) {
        return "a part of this load may be there already";
    }
    if (!heddle_road_is_alone(facts->targets, facts->target_count, facts->target)) {
        return is_node ? "another target writes nodes of this label"
                       : "another target writes relationships of this type";
    }
    if (target->removed) {
        return "rows that its source deletes are removed again";
    }
    /* What comes after the table is full is merged by the parts it claims, or guarded; other rows would claim the wrong ones. */
    if (facts->rows_expected > facts->remembered_rows && !is_node && !heddle_fold_target_is_bare(target)) {
        return "there are more rows than identities can be remembered";
    }
    return NULL;
}

/* Why a guard cannot stand in for MERGE; NULL = it can. */
static const char *no_guard(const struct heddle_road_facts *facts)
{
    const struct heddle_target *target = &facts->targets[facts->target];
    if (target->kind == HEDDLE_TARGET_NODE) {
        return "nodes are merged by their constraint";
    }
    if (target->merge_ends) {
        return "its rows merge their ends too";
    }
    if (!heddle_fold_target_is_bare(target)) {
        return "it sets properties of what is there";
    }
    if (!heddle_road_is_alone(facts->targets, facts->target_count, facts->target)) {
        return "another target writes relationships of this type";
    }
    return NULL;
}

/* Why a node and the relationships of its row cannot be one statement; NULL = they can. */
static const char *no_one_statement(const struct heddle_road_facts *facts)
{
    const struct heddle_target *target = &facts->targets[facts->target];
    size_t riders[HEDDLE_ROAD_RIDERS_MAX];
    if (target->kind != HEDDLE_TARGET_NODE) {
        return NULL; /* heddle_road_join() says it */
    }
    if (heddle_road_riders(facts->targets, facts->target_count, facts->target, riders) == 0) {
        return "no relationship of its own rows can travel with it";
    }
    if (facts->resumes) {
        return "a part of this load may be there already";
    }
    return merges(target) ? no_create(facts) : NULL;
}

static bool takes_one_statement(const struct heddle_road_facts *facts, struct heddle_road_choice *choice)
{
    size_t riders[HEDDLE_ROAD_RIDERS_MAX];
    if (facts->targets[facts->target].kind != HEDDLE_TARGET_NODE || no_one_statement(facts) != NULL) {
        return false;
    }
    const size_t count = heddle_road_riders(facts->targets, facts->target_count, facts->target, riders);
    take(choice, HEDDLE_ROAD_ONE_STATEMENT,
         "each node is new, so it is created together with its %s%.60s%s, which need not look it up",
         count == 1 ? "relationship " : "relationships, such as ", facts->targets[riders[0]].name,
         count == 1 ? "" : ",");
    return true;
}

static bool is_small(const struct heddle_road_facts *facts)
{
    return facts->rows_expected > 0 &&
           facts->rows_expected <= (uint64_t)facts->batch_rows * HEDDLE_ROAD_SERIAL_TRANSACTIONS;
}

static void choose_for_create(const struct heddle_road_facts *facts, struct heddle_road_choice *choice)
{
    if (takes_one_statement(facts, choice)) {
        return;
    }
    if (facts->writers <= 1) {
        take(choice, HEDDLE_ROAD_SERIAL, "there is one writer");
    } else if (is_small(facts)) {
        take(choice, HEDDLE_ROAD_SERIAL, "%llu rows are one writer's work",
             (unsigned long long)facts->rows_expected);
    } else if (facts->targets[facts->target].kind == HEDDLE_TARGET_RELATIONSHIP && !facts->chain_locks) {
        take(choice, HEDDLE_ROAD_TILES, "this server locks both nodes for each new relationship");
    } else {
        take(choice, HEDDLE_ROAD_CREATE, "creating hardly ever meets a lock");
    }
}

/* The most that tiles can gain is what is left beside the busiest node's rows, which follow one another. */
static bool hub_binds(const struct heddle_road_facts *facts)
{
    return facts->busiest_share > 0.0 && facts->busiest_share * (double)facts->writers > 1.0;
}

static void choose_for_merge(const struct heddle_road_facts *facts, struct heddle_road_choice *choice)
{
    const struct heddle_target *target = &facts->targets[facts->target];
    const char *obstacle = no_create(facts);
    if (takes_one_statement(facts, choice)) {
        return;
    }
    if (obstacle == NULL) {
        take(choice, HEDDLE_ROAD_CREATE,
             "there are no %s yet, and each row is known to be the first of its identity", thing_of(target));
    } else if (facts->writers <= 1) {
        take(choice, HEDDLE_ROAD_SERIAL, "there is one writer");
    } else if (is_small(facts)) {
        take(choice, HEDDLE_ROAD_SERIAL, "%llu rows are one writer's work",
             (unsigned long long)facts->rows_expected);
    } else if (no_guard(facts) == NULL && hub_binds(facts)) {
        take(choice, HEDDLE_ROAD_GUARDED,
             "%.0f %% of the rows touch one node, which would hold %zu writers to %.1f",
             100.0 * facts->busiest_share, facts->writers, 1.0 / facts->busiest_share);
    } else if (no_guard(facts) == NULL) {
        take(choice, HEDDLE_ROAD_GUARDED,
             "%s, and a guard costs the server less than MERGE and lets rows of one node run at once",
             obstacle);
    } else {
        take(choice, HEDDLE_ROAD_TILES, "%s, so the rows are merged, and writers share no node", obstacle);
    }
}

/* Why the road that was asked for would write another graph; NULL = it would not. */
static const char *obstacle_of(const struct heddle_road_facts *facts, enum heddle_road road)
{
    const bool merging = merges(&facts->targets[facts->target]);
    switch (road) {
    case HEDDLE_ROAD_CREATE: return merging ? no_create(facts) : NULL;
    case HEDDLE_ROAD_GUARDED: return merging ? no_guard(facts) : "it creates, so there is nothing to guard";
    case HEDDLE_ROAD_ONE_STATEMENT: return no_one_statement(facts);
    case HEDDLE_ROAD_AUTO:
    case HEDDLE_ROAD_TILES:
    case HEDDLE_ROAD_SERIAL: break;
    }
    return NULL;
}

void heddle_road_choose(const struct heddle_road_facts *facts, struct heddle_road_choice *choice_out)
{
    const struct heddle_target *target = &facts->targets[facts->target];
    *choice_out = (struct heddle_road_choice){.as_asked = true};
    if (target->removes) {
        take(choice_out, HEDDLE_ROAD_TILES, "what is deleted is nobody else's meanwhile");
        return;
    }
    const enum heddle_road asked = target->road;
    const char *obstacle = obstacle_of(facts, asked);
    const bool joins = asked == HEDDLE_ROAD_ONE_STATEMENT && target->kind == HEDDLE_TARGET_RELATIONSHIP;
    if (asked != HEDDLE_ROAD_AUTO && !joins && obstacle == NULL) {
        take(choice_out, asked, "the job asks for it");
        return;
    }
    if (merges(target) || target->merge_ends) {
        choose_for_merge(facts, choice_out);
    } else {
        choose_for_create(facts, choice_out);
    }
    if (obstacle != NULL) {
        const struct heddle_road_choice chosen = *choice_out;
        take(choice_out, chosen.road, "%s cannot be taken (%s): %.140s", heddle_road_name(asked), obstacle,
             chosen.reason);
        choice_out->as_asked = false;
    }
}
