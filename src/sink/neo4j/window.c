/* window.c: counting, dealing and changing the parts of a load's key spaces. */
#include "sink/neo4j/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "schedule/layout.h"
#include "schedule/table.h"
#include "schedule/verify.h"
#include "sink/neo4j/load.h"

/* A table in use stays while its fullest part has at most this much more than the mean, or than a new table's. */
static const double IMBALANCE_BORNE = 1.25;
static const double IMBALANCE_GAIN = 1.1;

/* What the check of a claim may remember: a million keys of a bipartite load, half as many with components. */
static const size_t VERIFY_MEMORY = (size_t)48 << 20;

/* Of a pass whose rows are known, so many keys at least, and one in so many of all, are counted before the first is sent:
 * more would keep the server waiting for a balance that is good enough, and is looked at again later. */
enum { FIRST_KEYS_LEAST = 8 * 1024, FIRST_KEYS_SHARE = 8 };

/* A touch of every row alike: who must not run beside each other at all. */
static const size_t TOUCH_ALL = SIZE_MAX;

static const uint64_t NS_PER_MS = 1000000;

struct window_space {
    struct heddle_counts *counts; /* of the window that is being counted; NULL before the first key */
    struct heddle_parts *now;
    struct heddle_parts *before;    /* while a change is under way: what `now` was, maybe the very same */
    struct heddle_parts *next;      /* dealt at this edge */
    enum heddle_layout_touch touch; /* the most that a row touches of it */
    size_t groups;                  /* parts that the job asks for, 0 = none */
    const char *label;              /* of what queries alone touch, else NULL */
};

/* Which touch of a row claims a part of which space. */
struct view {
    size_t count;
    struct {
        size_t space;
        size_t touch;
    } at[HEDDLE_TOUCHES_MAX];
};

struct window_plan {
    struct view keys;    /* by the keys of nodes: always safe */
    struct view claimed; /* by the user's word; count 0 = nothing was said that changes anything */
    bool follows_claim;  /* `claimed` is what rows follow now */
    bool followed_claim; /* and before the change under way */
    bool barred;         /* another target of the pass writes the same nodes */
    bool broken;         /* the claim is not proven any more */
    struct heddle_verify *verify;
    struct heddle_window_claim claim;
};

struct heddle_window {
    struct heddle_window_options options;
    struct window_space *spaces;
    size_t space_count;
    struct window_plan *plans;
    size_t parts_max;
    size_t rows_a_transaction;
    uint64_t first_keys; /* of the pass at hand */
    uint64_t later_keys;
    uint64_t rows_expected; /* of the pass at hand, UINT64_MAX = unknown */
    uint64_t counted;       /* keys, since the last edge */
    uint64_t rows;          /* and rows */
    uint64_t start_ns;      /* when the first of them came */
    bool breaks;            /* a claim was broken since the last edge */
    bool is_new;            /* before the first edge of a pass */
    bool holding;           /* rows that came after a broken claim wait */
    bool changing;          /* work from before may be in flight */
    bool in_turn;           /* the load is small and all there: its parts meet in order */
    size_t changes;
};

/* --- spaces and views of the plans --- */

static void view_add(struct view *view, size_t space, size_t touch)
{
    view->at[view->count].space = space;
    view->at[view->count++].touch = touch;
}

/* Makes the two ends of targets one space where the job says monopartite. `joined[space]` = the space that stands for it. */
static void join_spaces(const struct heddle_window_options *options, size_t *joined)
{
    for (size_t i = 0; i < options->space_count; i++) {
        joined[i] = i;
    }
    for (size_t i = 0; i < options->plan_count; i++) {
        const struct heddle_write_plan *plan = &options->plans[i];
        if (plan->target->kind != HEDDLE_TARGET_RELATIONSHIP ||
            plan->target->claim.scenario != HEDDLE_TARGET_SCENARIO_MONOPARTITE) {
            continue;
        }
        const size_t from = joined[plan->node_space_a];
        const size_t to = joined[plan->node_space_b];
        for (size_t j = 0; j < options->space_count; j++) {
            joined[j] = joined[j] == from ? to : joined[j];
        }
    }
}

static void note_claim(struct window_plan *plan, bool holds, const char *text)
{
    plan->claim.claimed = true;
    plan->claim.holds = holds;
    snprintf(plan->claim.text, sizeof plan->claim.text, "%s", text);
}

/* The view that a claim asks for, over a space of its own. */
static int plan_claim(struct heddle_window *window, const struct heddle_target *target,
                      struct window_plan *plan, struct heddle_error *error)
{
    const size_t start = plan->keys.at[0].space;
    enum heddle_scenario scenario = HEDDLE_SCENARIO_BIPARTITE;
    if (target->claim.scenario == HEDDLE_TARGET_SCENARIO_PREDEFINED) {
        scenario = HEDDLE_SCENARIO_COMPONENTS;
        view_add(&plan->claimed, window->space_count, HEDDLE_TOUCH_COMPONENT);
    } else if (start != plan->keys.at[1].space) {
        note_claim(plan, true, "bipartite: the ends have different labels");
        return HEDDLE_OK;
    } else {
        view_add(&plan->claimed, start, 0);
        view_add(&plan->claimed, window->space_count, 1);
    }
    window->spaces[window->space_count++].groups = target->claim.groups;
    return heddle_verify_create(scenario, VERIFY_MEMORY, &plan->verify, error);
}

/* The space of a label that a query touches: that of a node target with this label, or one that the queries share. */
static size_t label_space(struct heddle_window *window, const char *label, const size_t *joined)
{
    for (size_t i = 0; i < window->options.plan_count; i++) {
        const struct heddle_target *target = window->options.plans[i].target;
        for (size_t j = 0; target->kind == HEDDLE_TARGET_NODE && j < target->label_count; j++) {
            if (strcmp(target->labels[j], label) == 0) {
                return joined[window->options.plans[i].node_space_a];
            }
        }
    }
    for (size_t i = 0; i < window->space_count; i++) {
        if (window->spaces[i].label != NULL && strcmp(window->spaces[i].label, label) == 0) {
            return i;
        }
    }
    window->spaces[window->space_count].label = label;
    return window->space_count++;
}

static void query_views(struct heddle_window *window, const struct heddle_target *target,
                        struct window_plan *made, const size_t *joined)
{
    for (size_t i = 0; i < target->touch_count && i < HEDDLE_TOUCHES_MAX; i++) {
        view_add(&made->keys, label_space(window, target->touches[i].label, joined), i);
    }
}

/* Two touches of one space make it monopartite: rows join its parts in pairs. */
static void note_pairs(struct heddle_window *window, const struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        for (size_t j = 0; j < view->count; j++) {
            struct window_space *space = &window->spaces[view->at[i].space];
            const enum heddle_layout_touch touch = i == j ? HEDDLE_LAYOUT_ALONE
                                                   : view->at[i].space == view->at[j].space
                                                       ? HEDDLE_LAYOUT_WITHIN
                                                       : HEDDLE_LAYOUT_BETWEEN;
            space->touch = touch > space->touch ? touch : space->touch;
        }
    }
}

static int plan_views(struct heddle_window *window, size_t index, const size_t *joined,
                      struct heddle_error *error)
{
    const struct heddle_write_plan *plan = &window->options.plans[index];
    const struct heddle_target *target = plan->target;
    struct window_plan *made = &window->plans[index];
    if (plan->claim == HEDDLE_CLAIM_NOTHING) {
        return HEDDLE_OK;
    }
    window->rows_a_transaction =
        plan->batch_rows > window->rows_a_transaction ? plan->batch_rows : window->rows_a_transaction;
    if (plan->claim == HEDDLE_CLAIM_TOUCHES) {
        query_views(window, target, made, joined);
    } else {
        view_add(&made->keys, joined[plan->space_a], plan->claim == HEDDLE_CLAIM_ONE ? TOUCH_ALL : 0);
    }
    if (plan->claim == HEDDLE_CLAIM_ENDS) {
        view_add(&made->keys, joined[plan->space_b], 1);
    }
    note_pairs(window, &made->keys);
    for (size_t i = 0; i < made->keys.count; i++) {
        struct window_space *space = &window->spaces[made->keys.at[i].space];
        space->groups = target->claim.groups > space->groups ? target->claim.groups : space->groups;
    }
    const bool claims = window->options.fixed_parts == 0 && plan->claim == HEDDLE_CLAIM_ENDS &&
                        (target->claim.scenario == HEDDLE_TARGET_SCENARIO_PREDEFINED ||
                         target->claim.scenario == HEDDLE_TARGET_SCENARIO_BIPARTITE);
    if (claims) {
        HEDDLE_TRY(plan_claim(window, target, made, error));
        note_pairs(window, &made->claimed);
    }
    return HEDDLE_OK;
}

static struct heddle_layout layout_wanted(const struct heddle_window *window,
                                          const struct window_space *space, uint64_t rows)
{
    if (window->options.fixed_parts > 0) {
        return (struct heddle_layout){.parts = window->options.fixed_parts};
    }
    if (space->groups > 0) {
        return (struct heddle_layout){
            .parts = space->groups < HEDDLE_SCHEDULE_PARTS_MAX ? space->groups : HEDDLE_SCHEDULE_PARTS_MAX};
    }
    return heddle_layout_of(space->touch, window->options.writers, rows, window->rows_a_transaction);
}

static int window_fill(struct heddle_window *window, struct heddle_error *error)
{
    const struct heddle_window_options *options = &window->options;
    size_t *joined = heddle_calloc(options->space_count + 1, sizeof *joined);
    size_t spaces =
        options->space_count + options->plan_count + 1; /* each may claim one, or run alone in one */
    for (size_t i = 0; i < options->plan_count; i++) {
        spaces += options->plans[i].target->touch_count;
    }
    window->spaces = heddle_calloc(spaces, sizeof *window->spaces);
    window->plans = heddle_calloc(options->plan_count + 1, sizeof *window->plans);
    if (joined == NULL || window->spaces == NULL || window->plans == NULL) {
        free(joined);
        return heddle_error_out_of_memory(error);
    }
    window->space_count = options->space_count > 0 ? options->space_count : 1;
    window->rows_a_transaction = 1;
    join_spaces(options, joined);
    int status = HEDDLE_OK;
    for (size_t i = 0; i < options->plan_count && status == HEDDLE_OK; i++) {
        status = plan_views(window, i, joined, error);
    }
    free(joined);
    window->parts_max = options->fixed_parts > 0 ? options->fixed_parts : options->parts_max;
    for (size_t i = 0; i < window->space_count && options->fixed_parts > 0 && status == HEDDLE_OK; i++) {
        status = heddle_parts_create(NULL, options->fixed_parts, &window->spaces[i].now, error);
    }
    for (size_t i = 0; i < window->space_count; i++) {
        const size_t parts = layout_wanted(window, &window->spaces[i], UINT64_MAX).parts;
        window->parts_max = parts > window->parts_max ? parts : window->parts_max;
    }
    return status;
}

int heddle_window_create(const struct heddle_window_options *options, struct heddle_window **window_out,
                         struct heddle_error *error)
{
    struct heddle_window *window = heddle_calloc(1, sizeof *window);
    if (window == NULL) {
        return heddle_error_out_of_memory(error);
    }
    window->options = *options;
    window->first_keys = options->keys > 0 ? options->keys : HEDDLE_WINDOW_FIRST_KEYS;
    window->later_keys = options->keys > 0 ? options->keys : HEDDLE_WINDOW_KEYS;
    const int status = window_fill(window, error);
    if (status != HEDDLE_OK) {
        heddle_window_destroy(window);
        return status;
    }
    *window_out = window;
    return HEDDLE_OK;
}

static void space_clear(struct window_space *space)
{
    heddle_counts_destroy(space->counts);
    heddle_parts_destroy(space->next);
    if (space->before != space->now) {
        heddle_parts_destroy(space->before);
    }
    heddle_parts_destroy(space->now);
}

void heddle_window_destroy(struct heddle_window *window)
{
    if (window == NULL) {
        return;
    }
    for (size_t i = 0; window->spaces != NULL && i < window->space_count; i++) {
        space_clear(&window->spaces[i]);
    }
    for (size_t i = 0; window->plans != NULL && i < window->options.plan_count; i++) {
        heddle_verify_destroy(window->plans[i].verify);
    }
    free(window->spaces);
    free(window->plans);
    free(window);
}

size_t heddle_window_spaces(const struct heddle_window *window)
{
    return window->space_count;
}

size_t heddle_window_parts(const struct heddle_window *window)
{
    return window->parts_max;
}

size_t heddle_window_changes(const struct heddle_window *window)
{
    return window->changes;
}

/* --- counting, and checking claims --- */

/* True where another target of the pass has a node space in common with `plan`: its rows would not know of the claim. */
static bool is_barred(const struct heddle_window *window, size_t plan, const size_t *targets, size_t count)
{
    const struct view *mine = &window->plans[plan].keys;
    for (size_t i = 0; i < count; i++) {
        const struct view *other = &window->plans[targets[i]].keys;
        for (size_t j = 0; targets[i] != plan && j < other->count; j++) {
            for (size_t k = 0; k < mine->count; k++) {
                if (other->at[j].space == mine->at[k].space) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void finish_change(struct heddle_window *window)
{
    for (size_t i = 0; i < window->space_count; i++) {
        struct window_space *space = &window->spaces[i];
        if (space->before != space->now) {
            heddle_parts_destroy(space->before);
        }
        space->before = NULL;
    }
    window->changing = false;
}

/* How much is to come, and how much of it is counted first. A row has two keys at most, or few more. */
static void expect(struct heddle_window *window, const size_t *targets, size_t target_count)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < target_count && rows != UINT64_MAX; i++) {
        const uint64_t more = window->options.plans[targets[i]].target->rows_expected;
        rows = more == 0 ? UINT64_MAX : rows + more;
    }
    window->rows_expected = rows;
    window->first_keys = window->options.keys > 0 ? window->options.keys : HEDDLE_WINDOW_FIRST_KEYS;
    const uint64_t some = 2 * (rows / FIRST_KEYS_SHARE);
    if (rows != UINT64_MAX && some < window->first_keys) {
        window->first_keys = some > FIRST_KEYS_LEAST ? some : FIRST_KEYS_LEAST;
    }
}

void heddle_window_begin(struct heddle_window *window, const size_t *targets, size_t target_count)
{
    expect(window, targets, target_count);
    window->is_new = window->options.fixed_parts == 0;
    window->start_ns = 0;
    window->counted = 0;
    window->rows = 0;
    window->breaks = false;
    window->holding = false;
    finish_change(window); /* the fate of all rows is known: nothing holds an old part any more */
    for (size_t i = 0; i < window->space_count; i++) {
        if (window->spaces[i].counts != NULL) {
            heddle_counts_clear(window->spaces[i].counts);
        }
    }
    for (size_t i = 0; i < target_count; i++) {
        struct window_plan *plan = &window->plans[targets[i]];
        if (plan->claimed.count == 0) {
            continue;
        }
        plan->barred = is_barred(window, targets[i], targets, target_count);
        if (!plan->broken) {
            note_claim(plan, !plan->barred,
                       plan->barred
                           ? "the scenario is not used: another target writes the same nodes beside this one"
                           : "true of all rows so far");
        }
        plan->follows_claim = !plan->barred && !plan->broken;
    }
}

bool heddle_window_is_new(const struct heddle_window *window)
{
    return window->is_new;
}

static void count_touch(struct heddle_window *window, size_t space, const uint64_t *hashes,
                        const struct heddle_target_rows *ready)
{
    enum { CHUNK = 256 };
    uint64_t gathered[CHUNK];
    struct window_space *counted = &window->spaces[space];
    if (counted->counts == NULL && heddle_counts_create(&counted->counts, NULL) != HEDDLE_OK) {
        return; /* without counts the buckets are dealt out evenly: slower, as safe */
    }
    for (size_t done = 0; done < ready->row_count; done += CHUNK) {
        const size_t left = ready->row_count - done;
        const size_t some = left < CHUNK ? left : CHUNK;
        for (size_t i = 0; i < some; i++) {
            gathered[i] = hashes[ready->rows[done + i]];
        }
        heddle_counts_add(counted->counts, gathered, some);
    }
    window->counted += ready->row_count;
}

static void count_view(struct heddle_window *window, const struct view *view, const struct heddle_lot *lot)
{
    for (size_t i = 0; i < view->count; i++) {
        if (view->at[i].touch < lot->touches.count) {
            count_touch(window, view->at[i].space, lot->touches.hashes[view->at[i].touch], lot->ready);
        }
    }
}

static void check_claim(struct heddle_window *window, struct window_plan *plan, const struct heddle_lot *lot)
{
    uint64_t *const *hashes = lot->touches.hashes;
    const bool components = plan->claimed.at[0].touch == HEDDLE_TOUCH_COMPONENT;
    for (size_t i = 0; i < lot->ready->row_count; i++) {
        const uint32_t row = lot->ready->rows[i];
        if (components) {
            heddle_verify_member(plan->verify, hashes[HEDDLE_TOUCH_COMPONENT][row], hashes[0][row]);
            heddle_verify_member(plan->verify, hashes[HEDDLE_TOUCH_COMPONENT][row], hashes[1][row]);
        } else {
            heddle_verify_ends(plan->verify, hashes[0][row], hashes[1][row]);
        }
    }
    if (heddle_verify_is_proven(plan->verify)) {
        return;
    }
    struct heddle_verify_report report;
    heddle_verify_report(plan->verify, &report);
    plan->broken = true;
    window->breaks = true;
    note_claim(plan, false,
               !report.refuted
                   ? "the scenario is not proven: more keys than its check remembers; loaded as monopartite"
               : components ? "the scenario is wrong: a node is in two components; loaded as monopartite"
                            : "the scenario is wrong: a node is a start and an end; loaded as monopartite");
}

void heddle_window_count(struct heddle_window *window, const struct heddle_lot *lot)
{
    struct window_plan *plan = &window->plans[lot->plan->index];
    if (window->options.fixed_parts > 0) {
        return;
    }
    if (window->start_ns == 0) {
        window->start_ns = heddle_clock_ns();
    }
    window->rows += lot->ready->row_count;
    count_view(window, &plan->keys, lot);
    if (plan->claimed.count == 0 || plan->barred || plan->broken) {
        return;
    }
    count_view(window, &plan->claimed, lot);
    check_claim(window, plan, lot);
}

bool heddle_window_is_due(const struct heddle_window *window)
{
    if (window->is_new) {
        return window->counted >= window->first_keys ||
               (window->start_ns != 0 &&
                heddle_clock_ns() - window->start_ns >= HEDDLE_WINDOW_FIRST_MS * NS_PER_MS);
    }
    return window->breaks || window->counted >= window->later_keys;
}

/* --- edges --- */

/* Deals a space anew where the table in use does not fit what was counted. */
static int deal_space(struct heddle_window *window, struct window_space *space, uint64_t rows,
                      struct heddle_error *error)
{
    const struct heddle_layout layout = layout_wanted(window, space, rows);
    const size_t wanted = layout.parts;
    window->in_turn = window->in_turn && layout.in_turn;
    double imbalance = 0.0;
    if (space->now != NULL) {
        const bool fits = heddle_parts_count(space->now) == wanted || !window->is_new;
        HEDDLE_TRY(heddle_parts_imbalance_under(space->now, space->counts, &imbalance, error));
        if (fits && imbalance <= IMBALANCE_BORNE) {
            return HEDDLE_OK;
        }
    }
    HEDDLE_TRY(heddle_parts_create(space->counts, wanted, &space->next, error));
    if (space->now != NULL && heddle_parts_count(space->now) == wanted &&
        imbalance <= heddle_parts_imbalance(space->next) * IMBALANCE_GAIN) {
        heddle_parts_destroy(space->next);
        space->next = NULL;
    }
    return HEDDLE_OK;
}

static int deal(struct heddle_window *window, bool last, struct heddle_error *error)
{
    const uint64_t most = window->options.rows_waiting_max;
    const uint64_t expected = last ? 0 : window->rows_expected < most ? window->rows_expected : most;
    const uint64_t rows = window->rows > expected ? window->rows : expected;
    window->in_turn = last && window->is_new; /* more rows would come out of turn */
    for (size_t i = 0; i < window->space_count; i++) {
        struct window_space *space = &window->spaces[i];
        if (space->counts != NULL && heddle_counts_total(space->counts) > 0) {
            HEDDLE_TRY(deal_space(window, space, rows, error));
            heddle_counts_clear(space->counts);
        } else if (space->now == NULL) {
            HEDDLE_TRY(
                heddle_parts_create(NULL, layout_wanted(window, space, rows).parts, &space->next, error));
        }
    }
    window->counted = 0;
    window->rows = 0;
    return HEDDLE_OK;
}

static bool claim_row(const struct heddle_window *window, const struct heddle_lot *lot, size_t row,
                      struct heddle_claim *claim)
{
    const struct window_plan *plan = &window->plans[lot->plan->index];
    bool fits = true;
    for (int before = 0; before <= (window->changing ? 1 : 0); before++) {
        const bool claimed = before == 0 ? plan->follows_claim : plan->followed_claim;
        const struct view *view = claimed ? &plan->claimed : &plan->keys;
        for (size_t i = 0; i < view->count; i++) {
            const struct window_space *space = &window->spaces[view->at[i].space];
            const struct heddle_table table = {
                .first_part = (uint32_t)(view->at[i].space * window->parts_max),
                .now = before == 0 ? space->now : space->before,
            };
            const size_t touch = view->at[i].touch;
            fits = fits && heddle_table_claim(
                               &table, touch == TOUCH_ALL ? 0 : lot->touches.hashes[touch][row], claim);
        }
    }
    return fits;
}

static int route(void *context, size_t stream, const struct heddle_schedule_row *row,
                 struct heddle_claim *claim, struct heddle_error *error)
{
    const struct heddle_lot *lot = row->batch;
    (void)stream;
    if (lot->claims && !claim_row(context, lot, row->row, claim)) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "target %s: a row touches more parts than %d",
                                lot->plan->target->name, HEDDLE_CLAIM_PARTS_MAX);
    }
    return HEDDLE_OK;
}

/* Each pick takes its share of a space. What waits for its turn is full, and takes no more parts than that needs, so those
 * with the server share all: towards the end of a load, when rows are few in every part, they would else leave in small
 * transactions, of which each costs the server as much as 400 rows. */
static void set_share(const struct heddle_window *window, struct heddle_scheduler *scheduler)
{
    for (size_t i = 0; i < window->space_count; i++) {
        const struct heddle_parts *now = window->spaces[i].now;
        heddle_scheduler_share(scheduler, i, now != NULL ? heddle_parts_count(now) : window->parts_max,
                               window->options.senders);
    }
    heddle_scheduler_in_turn(scheduler, window->in_turn);
}

/* Takes the new tables into use, and the keys in place of broken claims. */
static int change(struct heddle_window *window, struct heddle_scheduler *scheduler,
                  struct heddle_error *error)
{
    bool changed = window->breaks;
    for (size_t i = 0; i < window->space_count; i++) {
        changed = changed || window->spaces[i].next != NULL;
    }
    /* Before the first edge nothing that claims parts is in the scheduler. */
    const bool still = window->is_new || !changed;
    for (size_t i = 0; i < window->space_count && changed; i++) {
        struct window_space *space = &window->spaces[i];
        space->before = still ? NULL : space->now;
        if (space->next != NULL) {
            if (still) {
                heddle_parts_destroy(space->now);
            }
            space->now = space->next;
            space->next = NULL;
        }
    }
    for (size_t i = 0; i < window->options.plan_count; i++) {
        struct window_plan *plan = &window->plans[i];
        plan->followed_claim = plan->follows_claim;
        plan->follows_claim = plan->follows_claim && !plan->broken;
    }
    window->holding = !still && window->breaks;
    window->breaks = false;
    window->is_new = false;
    set_share(window, scheduler);
    if (still) {
        return HEDDLE_OK;
    }
    window->changing = true;
    window->changes++;
    HEDDLE_TRY(heddle_scheduler_reroute(scheduler, route, window, error));
    return heddle_window_advance(window, scheduler, error);
}

int heddle_window_edge(struct heddle_window *window, struct heddle_scheduler *scheduler, bool last,
                       struct heddle_error *error)
{
    if (window->changing) {
        /* One change at a time; what a broken claim let in waits for the next. */
        window->holding = window->holding || window->breaks;
        return HEDDLE_OK;
    }
    HEDDLE_TRY(deal(window, last, error));
    return change(window, scheduler, error);
}

int heddle_window_advance(struct heddle_window *window, struct heddle_scheduler *scheduler,
                          struct heddle_error *error)
{
    if (!window->changing || heddle_scheduler_before(scheduler) > 0) {
        return HEDDLE_OK;
    }
    finish_change(window);
    window->holding = false;
    HEDDLE_TRY(heddle_scheduler_reroute(scheduler, route, window, error));
    return window->breaks ? change(window, scheduler, error) : HEDDLE_OK;
}

bool heddle_window_holds(const struct heddle_window *window)
{
    return window->is_new || window->holding;
}

/* --- rows --- */

/* The quick way: two parts at most, no change under way. */
static int schedule_plain(const struct heddle_window *window, struct heddle_scheduler *scheduler,
                          const struct heddle_lot *lot, const struct view *view,
                          const struct heddle_schedule_row *rows, size_t count, struct heddle_error *error)
{
    enum { CHUNK = 512 };
    uint32_t parts[2][CHUNK];
    for (size_t done = 0; done < count; done += CHUNK) {
        const size_t some = count - done < CHUNK ? count - done : CHUNK;
        for (size_t side = 0; side < view->count; side++) {
            const struct heddle_parts *table = window->spaces[view->at[side].space].now;
            const size_t touch = view->at[side].touch;
            for (size_t i = 0; i < some; i++) {
                parts[side][i] = heddle_parts_of(
                    table, touch == TOUCH_ALL ? 0 : lot->touches.hashes[touch][rows[done + i].row]);
            }
        }
        size_t added = 0;
        HEDDLE_TRY(heddle_scheduler_add_rows(scheduler, lot->plan->stream, view->at[0].space, parts[0],
                                             view->count > 1 ? view->at[1].space : 0,
                                             view->count > 1 ? parts[1] : NULL, rows + done, some, &added,
                                             error));
    }
    return HEDDLE_OK;
}

int heddle_window_schedule(struct heddle_window *window, struct heddle_scheduler *scheduler,
                           const struct heddle_lot *lot, const struct heddle_schedule_row *rows, size_t count,
                           struct heddle_error *error)
{
    const struct window_plan *plan = &window->plans[lot->plan->index];
    const struct view *view = plan->follows_claim ? &plan->claimed : &plan->keys;
    if (!window->changing && view->count <= 2) {
        return schedule_plain(window, scheduler, lot, view, rows, count, error);
    }
    for (size_t i = 0; i < count; i++) {
        struct heddle_claim claim = {0};
        HEDDLE_TRY(route(window, lot->plan->stream, &rows[i], &claim, error));
        HEDDLE_TRY(heddle_scheduler_add_claim(scheduler, lot->plan->stream, &claim, rows[i], error));
    }
    return HEDDLE_OK;
}

size_t heddle_window_keys(const struct heddle_window *window, const struct heddle_lot *lot, size_t row,
                          uint64_t *keys)
{
    const struct view *view = &window->plans[lot->plan->index].keys;
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        const size_t touch = view->at[i].touch;
        const uint64_t hash = touch == TOUCH_ALL ? 0 : lot->touches.hashes[touch][row];
        keys[count++] = heddle_hash_mix(hash ^ heddle_hash_mix(view->at[i].space));
    }
    return count;
}

size_t heddle_window_plan_spaces(const struct heddle_window *window, size_t plan, size_t *spaces)
{
    const struct view *view = &window->plans[plan].keys;
    for (size_t i = 0; i < view->count; i++) {
        spaces[i] = view->at[i].space;
    }
    return view->count;
}

size_t heddle_window_row_parts(const struct heddle_window *window, const struct heddle_lot *lot, size_t row,
                               uint32_t *parts)
{
    const struct view *view = &window->plans[lot->plan->index].keys;
    for (size_t i = 0; i < view->count; i++) {
        const size_t space = view->at[i].space;
        const size_t touch = view->at[i].touch;
        const uint64_t hash = touch == TOUCH_ALL ? 0 : lot->touches.hashes[touch][row];
        parts[i] = (uint32_t)(space * window->parts_max) + heddle_parts_of(window->spaces[space].now, hash);
    }
    return view->count;
}

void heddle_window_claim_of(const struct heddle_window *window, size_t plan, struct heddle_window_claim *out)
{
    *out = window->plans[plan].claim;
}
