/* test_layout.c: the number of parts follows writers and rows, and small loads are planned no worse than rounds.
 *
 * The property: over seven shapes of graphs, loads of 1,000 to 1,000,000 rows and 1 to 64 writers, the scheduler with the
 * parts that the layout says takes no longer than one writer, and at most 1 / 0.97 of what rounds with a barrier take on
 * a group a writer and end, as published. Nothing here has a clock: times are the simulator's.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "schedule/layout.h"
#include "schedule/parts.h"
#include "schedule/simulate.h"

enum { TRANSACTION_ROWS = 2000, ROWS_MAX = 1000000, SHAPES = 7, CHUNK = 4096 };

static const double ROW_US = 30;
static const double TRANSACTION_US = 0.15 * 30 * TRANSACTION_ROWS;
static const double BELOW_ROUNDS = 0.97;

/* The hashes of a graph's ends; `to` NULL where a row touches one part. */
struct shape {
    const char *name;
    enum heddle_layout_touch touch;
    size_t rows;
    uint64_t *from;
    uint64_t *to;
};

static uint64_t hash_of(uint64_t key)
{
    return heddle_hash_mix(key * 2 + 1);
}

/* 0 .. count-1, the first ones more often: about (i + 1)^-power by inverting the integral of the law. */
static uint64_t draw(uint64_t *random, uint64_t count, double power)
{
    const double unit = heddle_random_unit(random);
    const double beyond = pow((double)count + 1, 1 - power);
    return (uint64_t)(pow(1 + unit * (beyond - 1), 1 / (1 - power)) - 1);
}

static uint64_t draw_rmat(uint64_t *random, uint64_t *other)
{
    uint64_t from = 0;
    *other = 0;
    for (int i = 0; i < 18; i++) {
        const uint64_t dice = heddle_random_below(random, 100);
        from = from * 2 + (dice >= 76 ? 1 : 0);
        *other = *other * 2 + ((dice >= 57 && dice < 76) || dice >= 95 ? 1 : 0);
    }
    return from;
}

static void draw_row(size_t which, size_t row, size_t rows, uint64_t *random, uint64_t *from, uint64_t *to)
{
    switch (which) {
    case 0: /* the Spark loader's law */
        *from = (uint64_t)(10.0 / (heddle_random_unit(random) + 1e-9));
        *to = (uint64_t)(10.0 / (heddle_random_unit(random) + 1e-9));
        break;
    case 1: /* Chung-Lu */
        *from = draw(random, 168114, 0.7);
        *to = draw(random, 168114, 0.7);
        break;
    case 2: *from = draw_rmat(random, to); break;
    case 3: /* one hub with a fifth */
        *from = 1 + heddle_random_below(random, 200000);
        *to = heddle_random_below(random, 5) == 0 ? 0 : 1 + heddle_random_below(random, 200000);
        break;
    case 4: /* stars: leaves in one space, centres in the other */
        *from = row;
        *to = draw(random, 5000, 0.8);
        break;
    case 5: /* components */
        *from = draw(random, 20000, 0.9);
        *to = 0;
        break;
    default: /* packages: each needs some five others, which few are needed by most */
        *from = row / 5;
        *to = draw(random, rows / 5 + 10, 1.1);
        break;
    }
}

static void make_shape(size_t which, size_t rows, struct shape *shape)
{
    static const char *const names[SHAPES] = {"int(10/u)", "Chung-Lu",   "R-MAT",   "one hub",
                                              "stars",     "components", "packages"};
    uint64_t random = 42 + which;
    *shape = (struct shape){.name = names[which], .rows = rows, .touch = HEDDLE_LAYOUT_WITHIN};
    shape->touch = which == 4   ? HEDDLE_LAYOUT_BETWEEN
                   : which == 5 ? HEDDLE_LAYOUT_ALONE
                                : HEDDLE_LAYOUT_WITHIN;
    shape->from = calloc(rows, sizeof *shape->from);
    shape->to = calloc(rows, sizeof *shape->to);
    assert_true(shape->from != NULL && shape->to != NULL);
    for (size_t i = 0; i < rows; i++) {
        uint64_t from = 0;
        uint64_t to = 0;
        draw_row(which, i, rows, &random, &from, &to);
        shape->from[i] = hash_of(from);
        shape->to[i] = hash_of(to);
    }
}

static void shape_free(struct shape *shape)
{
    free(shape->from);
    free(shape->to);
}

/* The tiles of a deal into `parts` parts: [a * parts + b], of components [a * parts]. */
static uint64_t *deal(const struct shape *shape, size_t parts)
{
    struct heddle_counts *counts[2] = {NULL, NULL};
    struct heddle_parts *tables[2] = {NULL, NULL};
    uint64_t *tiles = calloc(parts * parts, sizeof *tiles);
    assert_non_null(tiles);
    const size_t ends = shape->touch == HEDDLE_LAYOUT_ALONE ? 1 : 2;
    const size_t other = shape->touch == HEDDLE_LAYOUT_BETWEEN ? 1 : 0;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(heddle_counts_create(&counts[i], NULL), HEDDLE_OK);
    }
    heddle_counts_add(counts[0], shape->from, shape->rows);
    if (ends == 2) {
        heddle_counts_add(counts[other], shape->to, shape->rows);
    }
    for (size_t i = 0; i <= other; i++) {
        assert_int_equal(heddle_parts_create(counts[i], parts, &tables[i], NULL), HEDDLE_OK);
    }
    for (size_t i = 0; i < shape->rows; i++) {
        const size_t a = heddle_parts_of(tables[0], shape->from[i]);
        tiles[a * parts + (ends == 2 ? heddle_parts_of(tables[other], shape->to[i]) : 0)]++;
    }
    for (size_t i = 0; i < 2; i++) {
        heddle_parts_destroy(tables[i]);
        heddle_counts_destroy(counts[i]);
    }
    return tiles;
}

static struct heddle_simulate_options model(size_t writers)
{
    return (struct heddle_simulate_options){
        .writers = writers, .rows_max = TRANSACTION_ROWS, .row_us = ROW_US, .transaction_us = TRANSACTION_US};
}

static void add_tile(struct heddle_scheduler *scheduler, const struct shape *shape, size_t a, size_t b,
                     uint64_t rows)
{
    static const struct heddle_schedule_row nameless[CHUNK];
    static uint32_t parts_a[CHUNK];
    static uint32_t parts_b[CHUNK];
    for (size_t i = 0; i < CHUNK && i < rows; i++) {
        parts_a[i] = (uint32_t)a;
        parts_b[i] = (uint32_t)b;
    }
    while (rows > 0) {
        const size_t some = rows < CHUNK ? (size_t)rows : CHUNK;
        size_t added = 0;
        assert_int_equal(heddle_scheduler_add_rows(scheduler, 0, 0, parts_a,
                                                   shape->touch == HEDDLE_LAYOUT_BETWEEN ? 1 : 0,
                                                   shape->touch == HEDDLE_LAYOUT_ALONE ? NULL : parts_b,
                                                   nameless, some, &added, NULL),
                         HEDDLE_OK);
        rows -= some;
    }
}

static double tiles_us(const struct shape *shape, size_t writers)
{
    const struct heddle_layout layout =
        heddle_layout_of(shape->touch, writers, shape->rows, TRANSACTION_ROWS);
    const struct heddle_schedule_options options = {.spaces = 2, .parts = layout.parts, .writers = writers};
    const struct heddle_simulate_options costs = model(writers);
    uint64_t *tiles = deal(shape, layout.parts);
    struct heddle_scheduler *scheduler = NULL;
    struct heddle_simulation simulation;
    size_t stream = 0;
    assert_int_equal(heddle_scheduler_create(&options, &scheduler, NULL), HEDDLE_OK);
    heddle_scheduler_in_turn(scheduler, layout.in_turn);
    assert_int_equal(heddle_scheduler_add_stream(scheduler, TRANSACTION_ROWS, UINT64_MAX, &stream, NULL),
                     HEDDLE_OK);
    for (size_t at = 0; at < layout.parts * layout.parts; at++) {
        add_tile(scheduler, shape, at / layout.parts, at % layout.parts, tiles[at]);
    }
    assert_int_equal(heddle_simulate(scheduler, &costs, NULL, &simulation, NULL), HEDDLE_OK);
    assert_int_equal(simulation.rows, shape->rows);
    heddle_scheduler_destroy(scheduler);
    free(tiles);
    return simulation.makespan_us;
}

/* One group a writer, two where both ends are in one space; components are one colour. */
static double rounds_us(const struct shape *shape, size_t writers)
{
    const size_t parts = shape->touch == HEDDLE_LAYOUT_WITHIN ? 2 * writers : writers;
    const struct heddle_simulate_options costs = model(writers);
    uint64_t *tiles = deal(shape, parts);
    struct heddle_simulation simulation;
    for (size_t a = 1; shape->touch == HEDDLE_LAYOUT_ALONE && a < parts; a++) {
        tiles[a * parts + (parts - a)] = tiles[a * parts];
        tiles[a * parts] = 0;
    }
    assert_int_equal(
        heddle_simulate_rounds(tiles, parts, shape->touch == HEDDLE_LAYOUT_WITHIN, &costs, &simulation, NULL),
        HEDDLE_OK);
    assert_int_equal(simulation.rows, shape->rows);
    free(tiles);
    return simulation.makespan_us;
}

/* Full transactions one after the other. */
static double serial_us(size_t rows)
{
    const size_t transactions = (rows + TRANSACTION_ROWS - 1) / TRANSACTION_ROWS;
    return (double)rows * ROW_US + (double)transactions * TRANSACTION_US;
}

static void compare(const struct shape *shape, size_t writers, size_t *faster)
{
    const double ours = tiles_us(shape, writers);
    const double serial = serial_us(shape->rows);
    const double rounds = rounds_us(shape, writers);
    if (ours > serial * 1.000001) {
        fail_msg("%s, %zu rows, %zu writers: %.0f us, one writer %.0f", shape->name, shape->rows, writers,
                 ours, serial);
    }
    if (ours * BELOW_ROUNDS > rounds) {
        fail_msg("%s, %zu rows, %zu writers: %.0f us, rounds %.0f", shape->name, shape->rows, writers, ours,
                 rounds);
    }
    *faster += ours < rounds * 0.95 ? 1 : 0;
}

static void small_loads_are_no_slower_than_one_writer_or_rounds(void **state)
{
    (void)state;
    static const size_t rows[] = {1000, 5000, 30000, 100000};
    static const size_t writers[] = {1, 2, 3, 8, 16, 64};
    size_t compared = 0;
    size_t faster = 0;
    for (size_t which = 0; which < SHAPES; which++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct shape shape;
            make_shape(which, rows[i], &shape);
            for (size_t j = 0; j < sizeof writers / sizeof writers[0]; j++) {
                compare(&shape, writers[j], &faster);
                compared++;
            }
            shape_free(&shape);
        }
    }
    assert_true(faster * 4 > compared); /* a scheduler that made rounds would pass the rest */
}

static void large_loads_are_no_slower_than_one_writer_or_rounds(void **state)
{
    (void)state;
    static const size_t writers[] = {4, 16, 64};
    size_t faster = 0;
    for (size_t which = 0; which < SHAPES; which++) {
        struct shape shape;
        make_shape(which, which == 4 ? ROWS_MAX : ROWS_MAX / 3, &shape);
        compare(&shape, writers[which % 3], &faster);
        shape_free(&shape);
    }
}

enum { TURN_PARTS = 9 };

/* Parts held by work in flight. */
struct held {
    bool busy[2 * TURN_PARTS];
    size_t works;
};

static void note_picked(void *context, const struct heddle_schedule_work *work)
{
    struct held *held = context;
    for (size_t i = 0; i < work->part_count; i++) {
        assert_false(held->busy[work->parts[i]]);
        held->busy[work->parts[i]] = true;
    }
    held->works++;
}

static void note_ended(void *context, const struct heddle_schedule_work *work)
{
    struct held *held = context;
    for (size_t i = 0; i < work->part_count; i++) {
        assert_true(held->busy[work->parts[i]]);
        held->busy[work->parts[i]] = false;
    }
}

static double in_turn_us(const struct shape *shape, const uint64_t *tiles, struct held *held)
{
    const struct heddle_schedule_options options = {
        .spaces = 2, .parts = TURN_PARTS, .writers = TURN_PARTS, .watch = {held, note_picked, note_ended}};
    const struct heddle_simulate_options costs = model(TURN_PARTS);
    struct heddle_scheduler *scheduler = NULL;
    struct heddle_simulation simulation;
    size_t stream = 0;
    assert_int_equal(heddle_scheduler_create(&options, &scheduler, NULL), HEDDLE_OK);
    heddle_scheduler_in_turn(scheduler, true);
    assert_int_equal(heddle_scheduler_add_stream(scheduler, TRANSACTION_ROWS, UINT64_MAX, &stream, NULL),
                     HEDDLE_OK);
    for (size_t at = 0; at < (size_t)TURN_PARTS * TURN_PARTS; at++) {
        add_tile(scheduler, shape, at / TURN_PARTS, at % TURN_PARTS, tiles[at]);
    }
    assert_int_equal(heddle_simulate(scheduler, &costs, NULL, &simulation, NULL), HEDDLE_OK);
    heddle_scheduler_destroy(scheduler);
    return simulation.makespan_us;
}

/* Between two spaces and with a writer for each part that holds for every load, hubs and empty tiles included: a tile's
 * turn comes when its two parts are free, which is never later than when all are. */
static void in_turn_nothing_ends_later_than_behind_barriers(void **state)
{
    (void)state;
    const struct heddle_simulate_options costs = model(TURN_PARTS);
    const struct shape shape = {.touch = HEDDLE_LAYOUT_BETWEEN};
    uint64_t random = 9;
    size_t earlier = 0;
    for (size_t round = 0; round < 60; round++) {
        uint64_t tiles[TURN_PARTS * TURN_PARTS];
        struct held held = {0};
        struct heddle_simulation rounds;
        for (size_t i = 0; i < (size_t)TURN_PARTS * TURN_PARTS; i++) {
            const uint64_t most = heddle_random_below(&random, 5) == 0 ? 6 * TRANSACTION_ROWS : 300;
            tiles[i] = heddle_random_below(&random, 3) == 0 ? 0 : heddle_random_below(&random, most);
        }
        assert_int_equal(heddle_simulate_rounds(tiles, TURN_PARTS, false, &costs, &rounds, NULL), HEDDLE_OK);
        const double ours = in_turn_us(&shape, tiles, &held);
        assert_true(ours <= rounds.makespan_us * 1.000001);
        assert_true(held.works > TURN_PARTS);
        earlier += ours < rounds.makespan_us * 0.999 ? 1 : 0;
    }
    assert_true(earlier > 30);
}

static void the_number_of_parts_follows_writers_and_rows(void **state)
{
    (void)state;
    const struct {
        enum heddle_layout_touch touch;
        size_t writers;
        uint64_t rows;
        size_t parts;
        bool in_turn;
    } cases[] = {
        {HEDDLE_LAYOUT_BETWEEN, 8, 10000000, 32, false}, /* four a writer and end */
        {HEDDLE_LAYOUT_WITHIN, 8, 10000000, 64, false},  {HEDDLE_LAYOUT_WITHIN, 8, UINT64_MAX, 64, false},
        {HEDDLE_LAYOUT_WITHIN, 8, 1000, 4, true}, /* few rows: work for two writers */
        {HEDDLE_LAYOUT_BETWEEN, 8, 1000, 3, true},       {HEDDLE_LAYOUT_WITHIN, 64, 10000, 12, true},
        {HEDDLE_LAYOUT_WITHIN, 1, 10, 1, false}, /* one transaction, one writer */
        {HEDDLE_LAYOUT_ALONE, 8, 1000, 8, false},        {HEDDLE_LAYOUT_ALONE, 8, 10000000, 32, false},
        {HEDDLE_LAYOUT_ALONE, 1, 10000000, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct heddle_layout layout =
            heddle_layout_of(cases[i].touch, cases[i].writers, cases[i].rows, 1000);
        assert_int_equal(layout.parts, cases[i].parts);
        assert_int_equal(layout.in_turn, cases[i].in_turn);
    }
    for (int touch = HEDDLE_LAYOUT_ALONE; touch <= HEDDLE_LAYOUT_WITHIN; touch++) {
        for (uint64_t rows = 1; rows < UINT64_MAX / 8; rows *= 7) {
            const struct heddle_layout layout =
                heddle_layout_of((enum heddle_layout_touch)touch, 10000, rows, 1);
            assert_true(layout.parts >= 1 && layout.parts <= HEDDLE_SCHEDULE_PARTS_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_loads_are_no_slower_than_one_writer_or_rounds),
        cmocka_unit_test(large_loads_are_no_slower_than_one_writer_or_rounds),
        cmocka_unit_test(in_turn_nothing_ends_later_than_behind_barriers),
        cmocka_unit_test(the_number_of_parts_follows_writers_and_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
