/* test_simulate.c: the simulator's figures on loads small enough to work out by hand, and schedules against their bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/simulate.h"

static struct heddle_scheduler *new_scheduler(size_t parts, size_t writers, size_t rows_max)
{
    struct heddle_scheduler *scheduler = NULL;
    const struct heddle_schedule_options options = {.spaces = 1, .parts = parts, .writers = writers};
    size_t stream = 0;
    assert_int_equal(heddle_scheduler_create(&options, &scheduler, NULL), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_add_stream(scheduler, rows_max, UINT64_MAX, &stream, NULL), HEDDLE_OK);
    return scheduler;
}

static void add_pairs(struct heddle_scheduler *scheduler, uint32_t a, uint32_t b, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        const struct heddle_schedule_row row = {.row = (uint32_t)i, .bytes = 1};
        assert_int_equal(heddle_scheduler_add_row(scheduler, 0, 0, a, 0, b, row, NULL), HEDDLE_OK);
    }
}

static void near(double found, double wanted)
{
    if (fabs(found - wanted) > 1e-6 * (1 + fabs(wanted))) {
        fail_msg("%f is not %f", found, wanted);
    }
}

static struct heddle_simulation simulate(struct heddle_scheduler *scheduler,
                                         const struct heddle_simulate_options *options,
                                         const struct heddle_simulate_watch *watch)
{
    struct heddle_simulation simulation;
    assert_int_equal(heddle_simulate(scheduler, options, watch, &simulation, NULL), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pending_rows(scheduler), 0);
    return simulation;
}

static void two_free_tiles_run_side_by_side(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = new_scheduler(4, 2, 10);
    double together[16] = {0};
    add_pairs(scheduler, 0, 1, 20);
    add_pairs(scheduler, 2, 3, 20);
    const struct heddle_simulate_options options = {
        .writers = 2, .rows_max = 10, .row_us = 3, .transaction_us = 5, .critical_rows = 20};
    const struct heddle_simulate_watch watch = {.together = together, .parts = 4};
    const struct heddle_simulation simulation = simulate(scheduler, &options, &watch);
    near(simulation.makespan_us, 70); /* 2 transactions of 5 + 10 x 3 one after the other, twice at once */
    near(simulation.bound_us, 70);
    near(simulation.efficiency, 1);
    near(simulation.speed_up, 2);
    near(simulation.busy_us, 140);
    near(simulation.idle_us, 0);
    assert_int_equal(simulation.transactions, 4);
    assert_int_equal(simulation.rows, 40);
    near(together[0 * 4 + 2], 70);
    near(together[2 * 4 + 0], 70);
    near(together[1 * 4 + 3], 70);
    near(together[0 * 4 + 1], 0); /* held by the same transaction */
    heddle_scheduler_destroy(scheduler);
}

static void tiles_that_meet_run_one_after_the_other(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = new_scheduler(4, 2, 10);
    add_pairs(scheduler, 0, 1, 10);
    add_pairs(scheduler, 0, 2, 10);
    const struct heddle_simulate_options options = {
        .writers = 2, .rows_max = 10, .row_us = 3, .transaction_us = 5};
    const struct heddle_simulation simulation = simulate(scheduler, &options, NULL);
    near(simulation.makespan_us, 70);
    near(simulation.bound_us, 70); /* by the fullest part: no busiest node was named */
    near(simulation.speed_up, 1);
    near(simulation.idle_us, 70);
    heddle_scheduler_destroy(scheduler);
}

static void rollbacks_cost_time_and_keep_or_give_back_parts(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct heddle_scheduler *scheduler = new_scheduler(4, 2, 10);
        add_pairs(scheduler, 0, 1, 1000);
        const struct heddle_simulate_options options = {.writers = 1,
                                                        .rows_max = 10,
                                                        .row_us = 1,
                                                        .retry_share = 0.25,
                                                        .retry_keeps_parts = keeps == 1,
                                                        .seed = 3};
        const struct heddle_simulation simulation = simulate(scheduler, &options, NULL);
        assert_int_equal(simulation.transactions, 100);
        assert_true(simulation.retries > 10 && simulation.retries < 80);
        near(simulation.makespan_us, 10.0 * (double)(100 + simulation.retries));
        heddle_scheduler_destroy(scheduler);
    }
}

static void a_barrier_waits_for_the_largest_tile_of_its_round(void **state)
{
    (void)state;
    /* Colours of 2 x 2: {(0,0), (1,1)} and {(0,1), (1,0)}. */
    const uint64_t tiles[] = {30, 10, 10, 10};
    struct heddle_simulate_options options = {.writers = 2, .rows_max = 10, .row_us = 1};
    struct heddle_simulation simulation;
    assert_int_equal(heddle_simulate_rounds(tiles, 2, false, &options, &simulation, NULL), HEDDLE_OK);
    near(simulation.makespan_us, 40);
    near(simulation.bound_us, 40); /* part 0 has 30 + 10 rows */
    assert_int_equal(simulation.rounds, 2);
    assert_int_equal(simulation.transactions, 6);
    /* In one space (0,1) and (1,0) are one tile of 20 rows, alone in its round. */
    assert_int_equal(heddle_simulate_rounds(tiles, 2, true, &options, &simulation, NULL), HEDDLE_OK);
    near(simulation.makespan_us, 50);
    assert_int_equal(simulation.rows, 60);
    /* One writer never waits. */
    options.writers = 1;
    assert_int_equal(heddle_simulate_rounds(tiles, 2, false, &options, &simulation, NULL), HEDDLE_OK);
    near(simulation.makespan_us, 60);
    near(simulation.idle_us, 0);
}

static void tiles_of_one_colour_meet_at_no_part(void **state)
{
    (void)state;
    for (size_t parts = 1; parts <= 9; parts++) {
        for (size_t a = 0; a < parts; a++) {
            for (size_t b = 0; b < parts; b++) {
                for (size_t c = 0; c < parts; c++) {
                    for (size_t d = 0; d < parts; d++) {
                        const bool same = (a == c && b == d) || (a == d && b == c);
                        const bool meet = a == c || b == d || a == d || b == c;
                        /* What a round relies on, for one space; for two it follows. */
                        assert_true(same || !meet || (a + b) % parts != (c + d) % parts);
                    }
                }
            }
        }
    }
}

/* Even pairs over 8 parts a writer, some seven transactions' worth of tiles a writer: small, so that the end weighs. */
static void loads_over_balanced_parts_come_near_their_bound(void **state)
{
    (void)state;
    enum { ROWS = 120000, TRANSACTION = 60 };
    for (size_t writers = 8; writers <= 16; writers *= 2) {
        struct heddle_scheduler *scheduler = new_scheduler(8 * writers, writers, TRANSACTION);
        uint64_t seed = 1;
        for (size_t i = 0; i < ROWS; i++) {
            const uint32_t a = (uint32_t)heddle_random_below(&seed, 8 * writers);
            const uint32_t b = (uint32_t)heddle_random_below(&seed, 8 * writers);
            add_pairs(scheduler, a, b, 1);
        }
        const struct heddle_simulate_options options = {.writers = writers,
                                                        .rows_max = TRANSACTION,
                                                        .row_us = 30,
                                                        .transaction_us = 0.15 * 30 * TRANSACTION};
        const struct heddle_simulation simulation = simulate(scheduler, &options, NULL);
        assert_true(simulation.efficiency >= (writers == 8 ? 0.97 : 0.92));
        assert_true(simulation.efficiency <= 1);
        heddle_scheduler_destroy(scheduler);
    }
}

static void jitter_changes_times_but_not_their_mean(void **state)
{
    (void)state;
    struct heddle_scheduler *scheduler = new_scheduler(4, 1, 1);
    add_pairs(scheduler, 0, 1, 20000);
    const struct heddle_simulate_options options = {
        .writers = 1, .rows_max = 1, .row_us = 1, .jitter = 0.5, .seed = 8};
    const struct heddle_simulation simulation = simulate(scheduler, &options, NULL);
    assert_true(fabs(simulation.makespan_us - 20000) > 0.001);
    assert_true(fabs(simulation.makespan_us - 20000) < 400);
    heddle_scheduler_destroy(scheduler);
}

static void bad_models_and_failing_allocations_are_answered(void **state)
{
    (void)state;
    struct heddle_simulation simulation;
    const struct heddle_simulate_options bad[] = {
        {.writers = 0, .rows_max = 1},
        {.writers = 1, .rows_max = 0},
        {.writers = 1, .rows_max = 1, .row_us = -1},
        {.writers = 1, .rows_max = 1, .retry_share = 1},
        {.writers = 1, .rows_max = 1, .row_us = (double)INFINITY},
        {.writers = 1, .rows_max = 1, .jitter = (double)NAN},
    };
    struct heddle_scheduler *scheduler = new_scheduler(4, 1, 10);
    const uint64_t tiles[] = {1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(heddle_simulate(scheduler, &bad[i], NULL, &simulation, NULL), HEDDLE_INVALID);
        assert_int_equal(heddle_simulate_rounds(tiles, 1, true, &bad[i], &simulation, NULL), HEDDLE_INVALID);
    }
    const struct heddle_simulate_options good = {.writers = 1, .rows_max = 10, .row_us = 1};
    int status = HEDDLE_OUT_OF_MEMORY;
    add_pairs(scheduler, 0, 1, 100);
    for (int64_t at = 0; status != HEDDLE_OK; at++) {
        heddle_memory_fail_at(at);
        status = heddle_simulate(scheduler, &good, NULL, &simulation, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        assert_int_equal(heddle_scheduler_in_flight(scheduler), 0);
    }
    status = HEDDLE_OUT_OF_MEMORY;
    for (int64_t at = 0; status != HEDDLE_OK; at++) {
        heddle_memory_fail_at(at);
        status = heddle_simulate_rounds(tiles, 1, true, &good, &simulation, NULL);
        heddle_memory_fail_at(-1);
    }
    heddle_scheduler_destroy(scheduler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_free_tiles_run_side_by_side),
        cmocka_unit_test(tiles_that_meet_run_one_after_the_other),
        cmocka_unit_test(rollbacks_cost_time_and_keep_or_give_back_parts),
        cmocka_unit_test(a_barrier_waits_for_the_largest_tile_of_its_round),
        cmocka_unit_test(tiles_of_one_colour_meet_at_no_part),
        cmocka_unit_test(loads_over_balanced_parts_come_near_their_bound),
        cmocka_unit_test(jitter_changes_times_but_not_their_mean),
        cmocka_unit_test(bad_models_and_failing_allocations_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
