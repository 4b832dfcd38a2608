/* test_pipeline.c: order, failures and stopping of a pass, with a source, an embedder and an outlet of the test's own: this
 * file defines the few functions that pipeline.c calls, so the real ones are not linked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/pipeline.h"

enum { BATCHES = 60, ROWS = 3, NEVER = -1 };

/* What the doubles are told to do and what they saw. */
static struct {
    int source_fails_at, embedder_fails_at, sink_fails_at, stop_at;
    int given;
    int taken;
    bool in_order;
    bool all_embedded;
    bool flushed;

    _Atomic bool stop;
} world;

static const struct heddle_schema no_columns = {NULL, 0};

int heddle_source_next(struct heddle_source *source, struct heddle_batch **batch_out,
                       struct heddle_error *error)
{
    (void)source;
    if (world.given == world.source_fails_at) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the disk is gone");
    }
    if (world.given == BATCHES) {
        return HEDDLE_END;
    }
    HEDDLE_TRY(heddle_batch_create(&no_columns, batch_out, error));
    (*batch_out)->rows = ROWS;
    (*batch_out)->sequence = (uint64_t)world.given++;
    return HEDDLE_OK;
}

struct heddle_embedding_thread {
    uint64_t random;
};

int heddle_embedding_thread_create(const struct heddle_embedding_slot *slots, size_t slot_count,
                                   const struct heddle_embedding_memory *memory,
                                   struct heddle_embedding_thread **thread_out, struct heddle_error *error)
{
    (void)slots;
    (void)memory;
    (void)slot_count;
    *thread_out = heddle_calloc(1, sizeof **thread_out);
    return *thread_out == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

int heddle_embedding_run(struct heddle_embedding_thread *thread, struct heddle_batch *batch,
                         struct heddle_error *error)
{
    (void)thread;
    if ((int)batch->sequence == world.embedder_fails_at) {
        return heddle_error_set(error, HEDDLE_MODEL, "no vector");
    }
    /* Later batches are often ready earlier. */
    heddle_clock_sleep_ms(batch->sequence % 3 == 0 ? 2 : 0);
    batch->vector_count = 1;
    return HEDDLE_OK;
}

void heddle_embedding_statistics(const struct heddle_embedding_thread *thread,
                                 struct heddle_embed_statistics *total)
{
    (void)thread;
    total->texts++;
}

void heddle_embedding_thread_destroy(struct heddle_embedding_thread *thread)
{
    free(thread);
}

static int take(void *context, struct heddle_batch *batch, struct heddle_error *error)
{
    (void)context;
    if (world.taken == world.sink_fails_at) {
        return heddle_error_set(error, HEDDLE_DATABASE, "read-only");
    }
    if (world.taken == world.stop_at) {
        atomic_store(&world.stop, true);
    }
    world.in_order = world.in_order && batch->sequence == (uint64_t)world.taken;
    world.all_embedded = world.all_embedded && batch->vector_count == 1;
    world.taken++;
    return HEDDLE_OK;
}

static int flush(void *context, struct heddle_error *error)
{
    (void)context;
    (void)error;
    world.flushed = true;
    return HEDDLE_OK;
}

static int new_world(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.source_fails_at = world.embedder_fails_at = world.sink_fails_at = world.stop_at = NEVER;
    world.in_order = world.all_embedded = true;
    return 0;
}

static int run_pass(size_t threads, struct heddle_pipeline_counters *counters, struct heddle_error *error)
{
    static const struct heddle_embedding_slot slot;
    struct heddle_pipeline pipeline = {.slots = &slot,
                                       .slot_count = threads > 0 ? 1 : 0,
                                       .threads = threads,
                                       .outlet = {.take = take, .flush = flush},
                                       .stop = &world.stop,
                                       .counters = counters};
    return heddle_pipeline_run(&pipeline, error);
}

static void batches_reach_the_sink_in_source_order_whatever_the_threads(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 4; threads++) {
        struct heddle_pipeline_counters counters = {0};
        new_world(NULL);
        assert_int_equal(run_pass(threads, &counters, NULL), HEDDLE_OK);
        assert_int_equal(world.taken, BATCHES);
        assert_true(world.in_order);
        assert_true(world.all_embedded);
        assert_true(world.flushed);
        assert_int_equal(counters.rows_read, BATCHES * ROWS);
        assert_int_equal(counters.rows_embedded, BATCHES * ROWS);
    }
}

static void what_runs_ahead_reaches_the_sink_only_when_it_is_finished(void **state)
{
    (void)state;
    enum { AHEAD_ROWS = 8 * ROWS }; /* as many as the queues hold */
    static const struct heddle_embedding_slot slot;
    struct heddle_pipeline_counters counters = {0};
    struct heddle_pipeline_running *running = NULL;
    struct heddle_error error = {0};
    struct heddle_pipeline pipeline = {.slots = &slot,
                                       .slot_count = 1,
                                       .threads = 2,
                                       .outlet = {.take = take, .flush = flush},
                                       .stop = &world.stop,
                                       .counters = &counters};
    assert_int_equal(heddle_pipeline_start(&pipeline, &running, &error), HEDDLE_OK);
    while (atomic_load(&counters.rows_read) < AHEAD_ROWS ||
           atomic_load(&counters.rows_embedded) < AHEAD_ROWS) {
        heddle_clock_sleep_ms(1);
    }
    assert_int_equal(world.taken, 0);
    assert_false(world.flushed);
    assert_true(atomic_load(&counters.rows_read) < BATCHES * ROWS); /* the queues are bounded */
    assert_int_equal(heddle_pipeline_finish(running, &error), HEDDLE_OK);
    assert_int_equal(world.taken, BATCHES);
    assert_true(world.in_order && world.all_embedded && world.flushed);
}

static void what_runs_ahead_can_be_dropped_and_its_failure_waits(void **state)
{
    (void)state;
    static const struct heddle_embedding_slot slot;
    struct heddle_pipeline_counters counters = {0};
    struct heddle_pipeline_running *running = NULL;
    struct heddle_error error = {0};
    struct heddle_pipeline pipeline = {
        .slots = &slot, .slot_count = 1, .threads = 2, .outlet = {.take = take}, .counters = &counters};
    assert_int_equal(heddle_pipeline_start(&pipeline, &running, &error), HEDDLE_OK);
    heddle_pipeline_abandon(running);
    assert_int_equal(world.taken, 0);
    assert_true(world.given < BATCHES);
    heddle_pipeline_abandon(NULL);
    new_world(NULL);
    world.embedder_fails_at = 0;
    assert_int_equal(heddle_pipeline_start(&pipeline, &running, &error), HEDDLE_OK);
    assert_int_equal(heddle_pipeline_finish(running, &error), HEDDLE_MODEL);
    assert_string_equal(error.message, "no vector");
    assert_int_equal(world.taken, 0);
}

static void a_pass_without_text_needs_no_embedder(void **state)
{
    (void)state;
    struct heddle_pipeline_counters counters = {0};
    assert_int_equal(run_pass(0, &counters, NULL), HEDDLE_OK);
    assert_int_equal(world.taken, BATCHES);
    assert_true(world.in_order);
    assert_int_equal(counters.rows_embedded, 0);
}

/* Leaks and threads left behind are found by the sanitizers that this test also runs under. */
static void the_first_failure_of_any_stage_ends_the_pass_with_its_own_reason(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++) {
        for (int at = 0; at < BATCHES; at += 7) {
            struct heddle_pipeline_counters counters = {0};
            struct heddle_error error = {0};
            new_world(NULL);
            world.source_fails_at = at;
            assert_int_equal(run_pass(threads, &counters, &error), HEDDLE_SOURCE);
            assert_string_equal(error.message, "the disk is gone");
            new_world(NULL);
            world.embedder_fails_at = at;
            assert_int_equal(run_pass(threads, &counters, &error), HEDDLE_MODEL);
            assert_true(world.taken <= at);
            new_world(NULL);
            world.sink_fails_at = at;
            assert_int_equal(run_pass(threads, &counters, &error), HEDDLE_DATABASE);
            assert_int_equal(world.taken, at);
            assert_false(world.flushed);
        }
    }
}

static void a_stop_ends_the_pass_soon_and_says_so(void **state)
{
    (void)state;
    for (size_t threads = 0; threads <= 2; threads++) {
        struct heddle_pipeline_counters counters = {0};
        struct heddle_error error = {0};
        new_world(NULL);
        world.stop_at = 5;
        assert_int_equal(run_pass(threads, &counters, &error), HEDDLE_INTERRUPTED);
        assert_in_range(world.taken, 6, BATCHES);
        assert_true(world.in_order);
        assert_false(world.flushed);
    }
}

static void running_out_of_memory_anywhere_ends_the_pass(void **state)
{
    (void)state;
    int failures = 0;
    for (int at = 0; at < 400; at++) {
        struct heddle_pipeline_counters counters = {0};
        new_world(NULL);
        heddle_memory_fail_at(at);
        const int status = run_pass(2, &counters, NULL);
        heddle_memory_fail_at(-1);
        if (status == HEDDLE_OK) {
            break;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        failures++;
    }
    assert_true(failures > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(batches_reach_the_sink_in_source_order_whatever_the_threads, new_world),
        cmocka_unit_test_setup(what_runs_ahead_reaches_the_sink_only_when_it_is_finished, new_world),
        cmocka_unit_test_setup(what_runs_ahead_can_be_dropped_and_its_failure_waits, new_world),
        cmocka_unit_test_setup(a_pass_without_text_needs_no_embedder, new_world),
        cmocka_unit_test_setup(the_first_failure_of_any_stage_ends_the_pass_with_its_own_reason, new_world),
        cmocka_unit_test_setup(a_stop_ends_the_pass_soon_and_says_so, new_world),
        cmocka_unit_test_setup(running_out_of_memory_anywhere_ends_the_pass, new_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
