/* test_scheduler.c: no two pieces of work in flight share a part; every row leaves once; a tile keeps its order.
 *
 * Large cases replay random loads against a model that knows nothing but the rows; small ones try every interleaving of
 * adding, picking and finishing. A negative control shows that the replay would see a scheduler that gets it wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/scheduler.h"

enum { NONE = -1 };

/* A row as the model knows it. */
struct edge {
    size_t stream;
    int space_a;
    int a; /* part, or NONE */
    int space_b;
    int b;
};

static struct heddle_scheduler *scheduler_of(size_t spaces, size_t parts, size_t writers)
{
    struct heddle_scheduler *scheduler = NULL;
    const struct heddle_schedule_options options = {.spaces = spaces, .parts = parts, .writers = writers};
    assert_int_equal(heddle_scheduler_create(&options, &scheduler, NULL), HEDDLE_OK);
    return scheduler;
}

static size_t stream_of(struct heddle_scheduler *scheduler, size_t rows_max, uint64_t bytes_max)
{
    size_t stream = 0;
    assert_int_equal(heddle_scheduler_add_stream(scheduler, rows_max, bytes_max, &stream, NULL), HEDDLE_OK);
    return stream;
}

static int try_add(struct heddle_scheduler *scheduler, const struct edge *edges, size_t index)
{
    const struct edge *edge = &edges[index];
    const struct heddle_schedule_row row = {.batch = NULL, .row = (uint32_t)index, .bytes = 10};
    return heddle_scheduler_add_row(scheduler, edge->stream, edge->space_a < 0 ? 0 : (size_t)edge->space_a,
                                    edge->a == NONE ? HEDDLE_SCHEDULE_NO_PART : (uint32_t)edge->a,
                                    edge->space_b < 0 ? 0 : (size_t)edge->space_b,
                                    edge->b == NONE ? HEDDLE_SCHEDULE_NO_PART : (uint32_t)edge->b, row, NULL);
}

/* True where two rows touch a common part. */
static int meet(const struct edge *one, const struct edge *other)
{
    const int ones[2][2] = {{one->space_a, one->a}, {one->space_b, one->b}};
    const int others[2][2] = {{other->space_a, other->a}, {other->space_b, other->b}};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            if (ones[i][1] != NONE && others[j][1] != NONE && ones[i][0] == others[j][0] &&
                ones[i][1] == others[j][1]) {
                return 1;
            }
        }
    }
    return 0;
}

/* True where any rows of two pieces of work touch a common part. */
static int works_meet(const struct edge *edges, const struct heddle_schedule_work *one,
                      const struct heddle_schedule_work *other)
{
    for (size_t i = 0; i < one->count; i++) {
        for (size_t j = 0; j < other->count; j++) {
            if (meet(&edges[one->rows[i].row], &edges[other->rows[j].row])) {
                return 1;
            }
        }
    }
    return 0;
}

static int same_tile(const struct edge *one, const struct edge *other)
{
    return one->stream == other->stream && one->space_a == other->space_a && one->a == other->a &&
           one->space_b == other->space_b && one->b == other->b;
}

/* What the replay of a load keeps. */
struct replay {
    const struct edge *edges;
    size_t count;
    size_t rows_max;
    size_t added;
    unsigned char *left; /* how often each row left */
    struct heddle_schedule_work *flying[8];
    size_t flying_count;
    size_t collisions;
    size_t most_flying;
};

static void note_pick(struct replay *replay, struct heddle_schedule_work *work)
{
    assert_true(work->count > 0);
    assert_true(work->count <= replay->rows_max);
    for (size_t i = 0; i < replay->flying_count; i++) {
        replay->collisions += (size_t)works_meet(replay->edges, work, replay->flying[i]);
    }
    for (size_t i = 0; i < work->count; i++) {
        const uint32_t row = work->rows[i].row;
        assert_int_equal(replay->edges[row].stream, work->stream);
        assert_int_equal(replay->left[row], 0);
        replay->left[row]++;
        /* Whatever came earlier into the same tile has left before, or is ahead in this very work. */
        for (uint32_t earlier = row > 40 ? row - 40 : 0; earlier < row; earlier++) {
            if (same_tile(&replay->edges[earlier], &replay->edges[row])) {
                assert_int_equal(replay->left[earlier], 1);
            }
        }
    }
    replay->flying[replay->flying_count++] = work;
    if (replay->flying_count > replay->most_flying) {
        replay->most_flying = replay->flying_count;
    }
}

static void finish_one(struct heddle_scheduler *scheduler, struct replay *replay, uint64_t *random)
{
    const size_t which = (size_t)heddle_random_below(random, replay->flying_count);
    heddle_scheduler_done(scheduler, replay->flying[which]);
    replay->flying[which] = replay->flying[--replay->flying_count];
}

/* Adds, picks and finishes in random order until everything is through. */
static void replay_load(struct heddle_scheduler *scheduler, struct replay *replay, uint64_t seed)
{
    uint64_t random = seed;
    while (replay->added < replay->count || heddle_scheduler_pending_rows(scheduler) > 0 ||
           replay->flying_count > 0) {
        const uint64_t dice = heddle_random_below(&random, 100);
        if (dice < 50 && replay->added < replay->count) {
            for (int i = 0; i < 20 && replay->added < replay->count; i++) {
                assert_int_equal(try_add(scheduler, replay->edges, replay->added++), HEDDLE_OK);
            }
        } else if (dice < 80) {
            struct heddle_schedule_work *work = NULL;
            const size_t wanted = replay->added < replay->count ? SIZE_MAX : 1;
            const int status = heddle_scheduler_pick(scheduler, wanted, &work, NULL);
            assert_true(status == HEDDLE_OK || status == HEDDLE_END);
            if (status == HEDDLE_OK) {
                note_pick(replay, work);
            } else if (replay->added == replay->count && replay->flying_count == 0) {
                fail_msg("rows are left, nothing is in flight, and nothing is picked");
            }
        } else if (replay->flying_count > 0) {
            finish_one(scheduler, replay, &random);
        }
        assert_int_equal(heddle_scheduler_in_flight(scheduler), replay->flying_count);
    }
    for (size_t i = 0; i < replay->count; i++) {
        assert_int_equal(replay->left[i], 1);
    }
}

/* A skewed choice of 0 .. bound-1. */
static int skewed(uint64_t *random, uint64_t bound)
{
    return (int)heddle_random_below(random, heddle_random_below(random, bound) + 1);
}

enum shape { NODES, BIPARTITE, MONOPARTITE, MIXED };

static struct edge random_edge(enum shape shape, uint64_t *random, uint64_t parts)
{
    const enum shape kind = shape == MIXED ? (enum shape)heddle_random_below(random, 3) : shape;
    struct edge edge = {.space_a = 0, .a = skewed(random, parts), .space_b = 0, .b = NONE};
    if (kind == BIPARTITE) {
        edge.space_b = 1;
        edge.b = skewed(random, parts);
    } else if (kind == MONOPARTITE) {
        edge.b = skewed(random, parts);
    }
    edge.stream = shape == MIXED ? (size_t)kind : 0;
    return edge;
}

static size_t run_replay(enum shape shape, size_t parts, size_t writers, uint64_t seed, size_t *most_flying)
{
    enum { ROWS = 3000, ROWS_MAX = 50 };
    uint64_t random = seed;
    struct edge *edges = calloc(ROWS, sizeof *edges);
    struct replay replay = {.edges = edges, .count = ROWS, .rows_max = ROWS_MAX};
    replay.left = calloc(ROWS, 1);
    assert_true(edges != NULL && replay.left != NULL);
    for (size_t i = 0; i < ROWS; i++) {
        edges[i] = random_edge(shape, &random, parts);
    }
    struct heddle_scheduler *scheduler = scheduler_of(2, parts, writers);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stream_of(scheduler, ROWS_MAX, 1 << 20), i);
    }
    replay_load(scheduler, &replay, seed + 1);
    *most_flying = replay.most_flying > *most_flying ? replay.most_flying : *most_flying;
    heddle_scheduler_destroy(scheduler);
    free(edges);
    free(replay.left);
    return replay.collisions;
}

static void random_loads_never_put_a_part_into_two_transactions(void **state)
{
    (void)state;
    size_t most_flying = 0;
    for (int shape = NODES; shape <= MIXED; shape++) {
        for (size_t writers = 1; writers <= 8; writers *= 2) {
            for (uint64_t seed = 0; seed < 3; seed++) {
                assert_int_equal(
                    run_replay((enum shape)shape, writers * 4, writers, seed * 77 + writers, &most_flying),
                    0);
            }
        }
    }
    /* Or the claim above would be empty. */
    assert_int_equal(most_flying, 8);
}

/* The negative control: rows are told to touch other parts than they do, so two transactions must meet. */
static void a_scheduler_that_is_lied_to_is_caught_by_the_replay(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    struct edge truth[ROWS];
    uint64_t random = 5;
    struct heddle_scheduler *scheduler = scheduler_of(2, 16, 4);
    stream_of(scheduler, 20, 1 << 20);
    struct replay replay = {.edges = truth, .count = ROWS, .rows_max = 20};
    for (size_t i = 0; i < ROWS; i++) {
        truth[i] = (struct edge){.space_a = 0, .a = skewed(&random, 16), .space_b = 0, .b = NONE};
        const struct heddle_schedule_row row = {.row = (uint32_t)i, .bytes = 1};
        const uint32_t lie = (uint32_t)heddle_random_below(&random, 16);
        assert_int_equal(
            heddle_scheduler_add_row(scheduler, 0, 0, lie, 0, HEDDLE_SCHEDULE_NO_PART, row, NULL), HEDDLE_OK);
    }
    for (int i = 0; i < 4; i++) {
        struct heddle_schedule_work *work = NULL;
        assert_int_equal(heddle_scheduler_pick(scheduler, 1, &work, NULL), HEDDLE_OK);
        for (size_t j = 0; j < replay.flying_count; j++) {
            replay.collisions += (size_t)works_meet(truth, work, replay.flying[j]);
        }
        replay.flying[replay.flying_count++] = work;
    }
    assert_true(replay.collisions > 0);
    while (replay.flying_count > 0) {
        finish_one(scheduler, &replay, &random);
    }
    heddle_scheduler_destroy(scheduler);
}

/* All interleavings: at each step a row may be added, work picked, or any work in flight finished. Schedulers cannot be
 * copied, so each path is played again from its start: a path is a list of steps. */
enum { PATH_MAX_STEPS = 20, SMALL_ROWS = 4 };

struct explorer {
    const struct edge *edges;
    size_t rows;
    size_t parts;
    size_t writers;
    size_t rows_max;
    unsigned char path[PATH_MAX_STEPS];
    size_t paths;
    size_t concurrent; /* paths in which two were in flight */
};

enum { STEP_ADD, STEP_PICK, STEP_FINISH }; /* STEP_FINISH + n = the n-th in flight */

/* Plays a path and answers which steps may follow as a bit set; checks all claims on the way. */
static unsigned play(struct explorer *explorer, size_t length)
{
    struct heddle_scheduler *scheduler = scheduler_of(1, explorer->parts, explorer->writers);
    stream_of(scheduler, explorer->rows_max, 1 << 20);
    unsigned char left[SMALL_ROWS + 2] = {0};
    struct replay replay = {
        .edges = explorer->edges, .count = explorer->rows, .rows_max = explorer->rows_max, .left = left};
    unsigned next = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char step = explorer->path[i];
        if (step == STEP_ADD) {
            assert_int_equal(try_add(scheduler, explorer->edges, replay.added++), HEDDLE_OK);
        } else if (step == STEP_PICK) {
            struct heddle_schedule_work *work = NULL;
            assert_int_equal(heddle_scheduler_pick(scheduler, 1, &work, NULL), HEDDLE_OK);
            note_pick(&replay, work);
        } else {
            const size_t which = (size_t)(step - STEP_FINISH);
            heddle_scheduler_done(scheduler, replay.flying[which]);
            replay.flying[which] = replay.flying[--replay.flying_count];
        }
    }
    assert_int_equal(replay.collisions, 0);
    assert_true(replay.flying_count <= explorer->writers);
    next |= replay.added < replay.count ? 1u << STEP_ADD : 0;
    for (size_t i = 0; i < replay.flying_count; i++) {
        next |= 1u << (STEP_FINISH + i);
    }
    struct heddle_schedule_work *work = NULL;
    if (heddle_scheduler_pick(scheduler, 1, &work, NULL) == HEDDLE_OK) {
        next |= 1u << STEP_PICK;
        heddle_scheduler_done(scheduler, work);
    } else if (heddle_scheduler_pending_rows(scheduler) > 0) {
        assert_true(replay.flying_count > 0); /* rows wait for nothing but parts */
    }
    if (next == 0) {
        for (size_t i = 0; i < explorer->rows; i++) {
            assert_int_equal(left[i], 1);
        }
    }
    explorer->concurrent += replay.flying_count > 1 ? 1 : 0;
    for (size_t i = 0; i < replay.flying_count; i++) {
        heddle_scheduler_done(scheduler, replay.flying[i]);
    }
    heddle_scheduler_destroy(scheduler);
    return next;
}

static void explore(struct explorer *explorer, size_t length)
{
    const unsigned next = play(explorer, length);
    explorer->paths++;
    assert_true(next == 0 || length < PATH_MAX_STEPS);
    for (unsigned step = 0; step < 8; step++) {
        if ((next & 1u << step) != 0) {
            explorer->path[length] = (unsigned char)step;
            explore(explorer, length + 1);
        }
    }
}

static void every_interleaving_of_small_loads_is_safe(void **state)
{
    (void)state;
    static const struct edge loads[][SMALL_ROWS] = {
        {{0, 0, 0, 0, 1}, {0, 0, 1, 0, 2}, {0, 0, 2, 0, 3}, {0, 0, 3, 0, 0}},             /* a ring */
        {{0, 0, 0, 0, 1}, {0, 0, 2, 0, 3}, {0, 0, 0, 0, 1}, {0, 0, 2, 0, 3}},             /* two tiles */
        {{0, 0, 0, 0, 0}, {0, 0, 0, 0, NONE}, {0, 0, 1, 0, NONE}, {0, 0, 1, 0, 0}},       /* loops, nodes */
        {{0, 0, 0, 0, 1}, {0, 0, 0, 0, 2}, {0, 0, 0, 0, 3}, {0, 0, 1, 0, 2}},             /* a hub */
        {{0, 0, NONE, 0, NONE}, {0, 0, 0, 0, 1}, {0, 0, NONE, 0, NONE}, {0, 0, 1, 0, 0}}, /* free rows */
    };
    size_t concurrent = 0;
    for (size_t load = 0; load < sizeof loads / sizeof loads[0]; load++) {
        for (size_t writers = 1; writers <= 3; writers++) {
            for (size_t rows_max = 1; rows_max <= 2; rows_max++) {
                struct explorer explorer = {.edges = loads[load],
                                            .rows = SMALL_ROWS,
                                            .parts = 4,
                                            .writers = writers,
                                            .rows_max = rows_max};
                explore(&explorer, 0);
                assert_true(explorer.paths > 10);
                concurrent += explorer.concurrent;
            }
        }
    }
    assert_true(concurrent > 100);
}

static void six_rows_over_three_parts_interleave_safely_too(void **state)
{
    (void)state;
    static const struct edge edges[SMALL_ROWS + 2] = {{0, 0, 0, 0, NONE}, {0, 0, 1, 0, NONE},
                                                      {0, 0, 0, 0, 1},    {0, 0, 2, 0, NONE},
                                                      {0, 0, 1, 0, 2},    {0, 0, 0, 0, NONE}};
    struct explorer explorer = {.edges = edges, .rows = 6, .parts = 3, .writers = 2, .rows_max = 3};
    explore(&explorer, 0);
    assert_true(explorer.concurrent > 0);
}

static void full_transactions_are_waited_for_unless_fewer_rows_will_do(void **state)
{
    (void)state;
    struct edge edges[10];
    struct heddle_scheduler *scheduler = scheduler_of(1, 4, 2);
    struct heddle_schedule_work *work = NULL;
    stream_of(scheduler, 8, 1 << 20);
    for (size_t i = 0; i < 10; i++) {
        edges[i] = (struct edge){.a = 1, .b = NONE};
    }
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(try_add(scheduler, edges, i), HEDDLE_OK);
    }
    assert_int_equal(heddle_scheduler_pick(scheduler, SIZE_MAX, &work, NULL), HEDDLE_END);
    assert_int_equal(heddle_scheduler_pick(scheduler, 8, &work, NULL), HEDDLE_END);
    assert_int_equal(try_add(scheduler, edges, 7), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pick(scheduler, SIZE_MAX, &work, NULL), HEDDLE_OK);
    assert_int_equal(work->count, 8);
    assert_int_equal(work->bytes, 80);
    heddle_scheduler_done(scheduler, work);
    assert_int_equal(try_add(scheduler, edges, 8), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pick(scheduler, 1, &work, NULL), HEDDLE_OK);
    assert_int_equal(work->count, 1);
    heddle_scheduler_done(scheduler, work);
    assert_int_equal(heddle_scheduler_pending_bytes(scheduler), 0);
    heddle_scheduler_destroy(scheduler);
}

static void the_byte_limit_ends_a_transaction_and_a_huge_row_goes_alone(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = scheduler_of(1, 1, 1);
    struct heddle_schedule_work *work = NULL;
    stream_of(scheduler, 100, 1000);
    const uint32_t sizes[] = {400, 400, 400, 5000, 10};
    const size_t wanted[] = {2, 1, 1, 1};
    for (uint32_t i = 0; i < 5; i++) {
        const struct heddle_schedule_row row = {.row = i, .bytes = sizes[i]};
        assert_int_equal(heddle_scheduler_add_row(scheduler, 0, 0, 0, 0, HEDDLE_SCHEDULE_NO_PART, row, NULL),
                         HEDDLE_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(heddle_scheduler_pick(scheduler, 1, &work, NULL), HEDDLE_OK);
        assert_int_equal(work->count, wanted[i]);
        heddle_scheduler_done(scheduler, work);
    }
    heddle_scheduler_destroy(scheduler);
}

static void rows_without_parts_never_wait_for_each_other(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = scheduler_of(1, 4, 2);
    struct heddle_schedule_work *one = NULL;
    struct heddle_schedule_work *other = NULL;
    const struct edge free_rows[] = {{0, 0, NONE, 0, NONE}, {0, 0, NONE, 0, NONE}};
    stream_of(scheduler, 1, 1000);
    assert_int_equal(try_add(scheduler, free_rows, 0), HEDDLE_OK);
    assert_int_equal(try_add(scheduler, free_rows, 1), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pick(scheduler, 1, &one, NULL), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pick(scheduler, 1, &other, NULL), HEDDLE_OK);
    assert_true(one->id != other->id);
    heddle_scheduler_done(scheduler, one);
    heddle_scheduler_done(scheduler, other);
    heddle_scheduler_destroy(scheduler);
}

static void the_part_with_most_rows_goes_first(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = scheduler_of(1, 8, 4);
    struct heddle_schedule_work *work = NULL;
    struct edge edges[40];
    stream_of(scheduler, 5, 1 << 20);
    for (size_t i = 0; i < 40; i++) {
        edges[i] = (struct edge){.a = i % 4 == 0 ? (int)(i % 7) : 7, .b = NONE};
        assert_int_equal(try_add(scheduler, edges, i), HEDDLE_OK);
    }
    assert_int_equal(heddle_scheduler_pick(scheduler, 1, &work, NULL), HEDDLE_OK);
    for (size_t i = 0; i < work->count; i++) {
        assert_int_equal(edges[work->rows[i].row].a, 7);
    }
    heddle_scheduler_done(scheduler, work);
    heddle_scheduler_destroy(scheduler);
}

/* Rows of every pair of 12 parts, 10 each; of the other space 4 parts are in use. Two writers share 12 parts: six each. */
static void few_parts_in_one_space_leave_transactions_of_another_full(void **state)
{
    (void)state;
    enum { PARTS = 12, OTHER_PARTS = 4, WRITERS = 2, ROWS_EACH = 10, ROWS_MAX = 200 };
    static struct edge edges[PARTS * PARTS * ROWS_EACH];
    struct heddle_scheduler *scheduler = scheduler_of(2, PARTS, WRITERS);
    const size_t stream = stream_of(scheduler, ROWS_MAX, UINT64_MAX);
    struct heddle_schedule_work *work = NULL;
    heddle_scheduler_share(scheduler, 0, PARTS, WRITERS);
    heddle_scheduler_share(scheduler, 1, OTHER_PARTS, WRITERS);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        edges[i] = (struct edge){
            .stream = stream, .a = (int)(i / ROWS_EACH % PARTS), .b = (int)(i / ROWS_EACH / PARTS)};
        assert_int_equal(try_add(scheduler, edges, i), HEDDLE_OK);
    }
    assert_int_equal(heddle_scheduler_pick(scheduler, 1, &work, NULL), HEDDLE_OK);
    assert_int_equal(work->count, ROWS_MAX);
    assert_true(work->part_count <= PARTS / WRITERS);
    heddle_scheduler_done(scheduler, work);
    heddle_scheduler_destroy(scheduler);
}

static void impossible_settings_and_rows_are_refused(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = NULL;
    const struct heddle_schedule_options bad[] = {
        {.spaces = 0, .parts = 1, .writers = 1},
        {.spaces = 1, .parts = 0, .writers = 1},
        {.spaces = 1, .parts = HEDDLE_SCHEDULE_PARTS_MAX + 1, .writers = 1},
        {.spaces = 1, .parts = 1, .writers = 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(heddle_scheduler_create(&bad[i], &scheduler, NULL), HEDDLE_INVALID);
    }
    scheduler = scheduler_of(1, 4, 1);
    size_t stream = 0;
    assert_int_equal(heddle_scheduler_add_stream(scheduler, 0, 1, &stream, NULL), HEDDLE_INVALID);
    stream_of(scheduler, 1, 1);
    const struct edge wrong[] = {{.stream = 1}, {.a = 4, .b = NONE}, {.space_a = 1, .b = NONE}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(try_add(scheduler, wrong, i), HEDDLE_INVALID);
    }
    heddle_scheduler_destroy(scheduler);
    heddle_scheduler_destroy(NULL);
}

/* One whole small load; answers the first status that is not OK. */
static int small_load(size_t *left)
{
    struct heddle_scheduler *scheduler = NULL;
    const struct heddle_schedule_options options = {.spaces = 2, .parts = 4, .writers = 2};
    int status = heddle_scheduler_create(&options, &scheduler, NULL);
    size_t stream = 0;
    *left = 0;
    if (status == HEDDLE_OK) {
        status = heddle_scheduler_add_stream(scheduler, 3, 1 << 20, &stream, NULL);
    }
    size_t added = 0;
    for (int i = 0; i < 12 && status == HEDDLE_OK; i++) {
        const struct edge edge = {.a = i % 4, .space_b = 1, .b = i % 3};
        status = try_add(scheduler, &edge, 0);
        added += status == HEDDLE_OK ? 1 : 0;
    }
    while (status == HEDDLE_OK && heddle_scheduler_pending_rows(scheduler) > 0) {
        struct heddle_schedule_work *work = NULL;
        const size_t before = heddle_scheduler_pending_rows(scheduler);
        status = heddle_scheduler_pick(scheduler, 1, &work, NULL);
        if (status == HEDDLE_OK) {
            *left += work->count;
            heddle_scheduler_done(scheduler, work);
        } else {
            assert_int_equal(heddle_scheduler_pending_rows(scheduler), before); /* nothing was taken */
        }
    }
    if (scheduler != NULL) {
        assert_int_equal(heddle_scheduler_pending_rows(scheduler), added - *left);
    }
    heddle_scheduler_destroy(scheduler);
    return status;
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    size_t left = 0;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    for (; status != HEDDLE_OK; countdown++) {
        heddle_memory_fail_at(countdown);
        status = small_load(&left);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_true(countdown > 10);
    assert_int_equal(left, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_loads_never_put_a_part_into_two_transactions),
        cmocka_unit_test(a_scheduler_that_is_lied_to_is_caught_by_the_replay),
        cmocka_unit_test(every_interleaving_of_small_loads_is_safe),
        cmocka_unit_test(six_rows_over_three_parts_interleave_safely_too),
        cmocka_unit_test(full_transactions_are_waited_for_unless_fewer_rows_will_do),
        cmocka_unit_test(the_byte_limit_ends_a_transaction_and_a_huge_row_goes_alone),
        cmocka_unit_test(rows_without_parts_never_wait_for_each_other),
        cmocka_unit_test(the_part_with_most_rows_goes_first),
        cmocka_unit_test(few_parts_in_one_space_leave_transactions_of_another_full),
        cmocka_unit_test(impossible_settings_and_rows_are_refused),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
