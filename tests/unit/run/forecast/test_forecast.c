/* test_forecast.c: what a plan says of a load, against rows whose shape is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "run/forecast/forecast.h"
#include "run/forecast/probe.h"

static char folder[] = "build/forecast-XXXXXX";

static const char JOB[] =
    "version: \"1\"\n"
    "sources: [{name: s, type: csv, path: %s/rows.csv}]\n"
    "targets:\n"
    "  nodes:\n"
    "    - {name: a, source: s, labels: [A], write_mode: merge, properties: [{source_field: aid, "
    "target_property: id, "
    "target_property_type: integer}], schema: {unique_constraints: [{name: ca, label: A, properties: "
    "[id]}]}}\n"
    "    - {name: b, source: s, labels: [%s], write_mode: merge, properties: [{source_field: bid, "
    "target_property: id, "
    "target_property_type: integer}], schema: {unique_constraints: [{name: cb, label: %s, properties: "
    "[id]}]}}\n"
    "  relationships:\n"
    "    - {name: r, source: s, type: R, write_mode: %s, node_match_mode: match, start_node_reference: "
    "{name: a, "
    "key_mappings: [{source_field: aid, node_property: id}]}, end_node_reference: {name: b, key_mappings: "
    "[{source_field: bid, node_property: id}]}}\n";

struct forecast {
    struct heddle_job *job;
    struct heddle_plan *plan;
    struct heddle_forecast *made;
};

/* `end` is the label of the second node: "A" makes one key space of both. */
static int forecast(const char *end, const char *mode, const struct heddle_forecast_options *options,
                    struct forecast *out, struct heddle_error *error)
{
    char yaml[2048];
    memset(out, 0, sizeof *out);
    snprintf(yaml, sizeof yaml, JOB, folder, end, end, mode);
    HEDDLE_TRY(heddle_job_parse("test.yaml", yaml, strlen(yaml), &out->job, NULL, error));
    HEDDLE_TRY(heddle_plan_create(out->job, &out->plan, error));
    return heddle_forecast_make(out->plan, options, &out->made, error);
}

static void forget(struct forecast *forecast)
{
    heddle_forecast_destroy(forecast->made);
    heddle_plan_destroy(forecast->plan);
    heddle_job_destroy(forecast->job);
}

/* Rows whose ends `row` answers, into rows.csv. */
static void write_rows(size_t rows, void (*row)(size_t i, long *from, long *to))
{
    char path[128];
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "aid,bid\n");
    for (size_t i = 0; i < rows; i++) {
        long from = 0;
        long to = 0;
        row(i, &from, &to);
        fprintf(file, "%ld,%ld\n", from, to);
    }
    assert_int_equal(fclose(file), 0);
}

static void even(size_t i, long *from, long *to)
{
    *from = (long)(i % 3000);
    *to = (long)(i * 7919 % 5003);
}

/* Every fourth row ends at node 7. */
static void one_hub(size_t i, long *from, long *to)
{
    *from = (long)i;
    *to = i % 4 == 0 ? 7 : (long)(1000 + i);
}

static const struct heddle_forecast_options PLAIN = {
    .writers = 4, .batch_rows = 100, .limit = UINT64_MAX, .seed = 11};

static uint64_t sum_of(const uint64_t *tiles, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += tiles[i];
    }
    return sum;
}

static void every_row_is_counted_once_and_stands_in_one_tile(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    write_rows(20000, even);
    assert_int_equal(forecast("B", "merge", &PLAIN, &planned, &error), HEDDLE_OK);
    const struct heddle_forecast_target *nodes = &planned.made->targets[0];
    const struct heddle_forecast_target *pairs = &planned.made->targets[2];
    assert_int_equal(planned.made->sources[0].rows, 20000);
    assert_int_equal(nodes->rows, 20000);
    assert_int_equal(nodes->transactions, 200);
    assert_true(nodes->keys > 2900 && nodes->keys < 3100);
    assert_int_equal(sum_of(nodes->tiles, nodes->parts), 20000);
    assert_int_equal(pairs->scenario, HEDDLE_SCENARIO_BIPARTITE);
    assert_int_equal(sum_of(pairs->tiles, pairs->parts * pairs->parts), 20000);
    assert_true(pairs->imbalance >= 1 && pairs->imbalance < 1.2);
    forget(&planned);
}

static void ends_that_share_a_label_are_one_key_space(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    write_rows(5000, even);
    assert_int_equal(forecast("A", "merge", &PLAIN, &planned, &error), HEDDLE_OK);
    const struct heddle_forecast_target *pairs = &planned.made->targets[2];
    assert_int_equal(pairs->scenario, HEDDLE_SCENARIO_MONOPARTITE);
    assert_int_equal(pairs->together_parts, pairs->parts);
    forget(&planned);
}

static void a_hub_is_named_and_bounds_what_writers_gain(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    write_rows(20000, one_hub);
    assert_int_equal(forecast("B", "merge", &PLAIN, &planned, &error), HEDDLE_OK);
    const struct heddle_forecast_target *pairs = &planned.made->targets[2];
    assert_true(pairs->hub_count >= 1);
    assert_string_equal(pairs->hubs[0].key, "7");
    assert_string_equal(pairs->hubs[0].label, "B");
    assert_true(pairs->hubs[0].rows >= 4900 && pairs->hubs[0].rows <= 5000);
    assert_true(pairs->busiest >= 5000);
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        const struct heddle_forecast_speed *speed = &pairs->speeds[i];
        assert_true(speed->bound < 4.1);
        assert_true(speed->tiles <= speed->bound + 1e-9);
        assert_true(speed->rounds <= speed->bound + 1e-9);
    }
    assert_true(pairs->speeds[2].tiles > 3);
    forget(&planned);
}

static void no_part_is_written_to_by_two_at_once(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    write_rows(20000, even);
    assert_int_equal(forecast("B", "merge", &PLAIN, &planned, &error), HEDDLE_OK);
    const struct heddle_forecast_target *pairs = &planned.made->targets[2];
    double elsewhere = 0;
    for (size_t i = 0; i < pairs->together_parts; i++) {
        assert_true(pairs->together[i * pairs->together_parts + i] == 0);
        for (size_t j = 0; j < pairs->together_parts; j++) {
            elsewhere += pairs->together[i * pairs->together_parts + j];
        }
    }
    assert_true(elsewhere > 0);
    forget(&planned);
}

static void rows_that_cannot_be_loaded_are_told_with_an_example(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "aid,bid\n1,2\n,3\nx,4\n5,\n6,7\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(forecast("B", "merge", &PLAIN, &planned, &error), HEDDLE_OK);
    const struct heddle_forecast_target *nodes = &planned.made->targets[0];
    const struct heddle_forecast_target *pairs = &planned.made->targets[2];
    assert_int_equal(nodes->rejected, 2);
    assert_int_equal(pairs->rejected, 3);
    assert_int_equal(nodes->reason_count, 2);
    assert_string_equal(nodes->reasons[0].code, "KEY_NULL");
    assert_int_equal(sum_of(pairs->tiles, pairs->parts * pairs->parts), 2);
    forget(&planned);
}

static void a_table_without_rows_is_no_error(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    write_rows(0, even);
    assert_int_equal(forecast("B", "create", &PLAIN, &planned, &error), HEDDLE_OK);
    assert_false(planned.made->targets[2].parted);
    assert_int_equal(planned.made->targets[2].transactions, 0);
    forget(&planned);
}

static void thinned_rows_tell_nearly_what_all_rows_tell(void **state)
{
    (void)state;
    struct forecast some;
    struct forecast all;
    struct heddle_error error = {0};
    struct heddle_forecast_options every = PLAIN;
    every.simulate = true;
    every.batch_rows = 400;
    write_rows(40000, even);
    struct heddle_forecast_options thin = every;
    thin.simulate = false;
    thin.simulated_rows = 10000;
    assert_int_equal(forecast("B", "merge", &thin, &some, &error), HEDDLE_OK);
    assert_int_equal(forecast("B", "merge", &every, &all, &error), HEDDLE_OK);
    for (size_t i = 0; i < 4; i++) {
        const double a = some.made->targets[2].speeds[i].tiles;
        const double b = all.made->targets[2].speeds[i].tiles;
        assert_true(a > 0.95 * b && a < 1.05 * b);
    }
    forget(&some);
    forget(&all);
}

static int stop(void *context, const char *source, unsigned reading, uint64_t rows, int64_t rows_expected)
{
    (void)context;
    (void)source;
    (void)reading;
    (void)rows;
    (void)rows_expected;
    return HEDDLE_INTERRUPTED;
}

static void reading_can_be_stopped(void **state)
{
    (void)state;
    struct forecast planned;
    struct heddle_error error = {0};
    struct heddle_forecast_options options = PLAIN;
    options.progress = stop;
    write_rows(60000, even);
    assert_int_equal(forecast("B", "merge", &options, &planned, &error), HEDDLE_INTERRUPTED);
    assert_null(planned.made);
    forget(&planned);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    write_rows(50, even);
    int status = HEDDLE_OUT_OF_MEMORY;
    /* Early allocations one by one, later ones in growing steps: a whole forecast takes a while. */
    for (long nth = 1; status != HEDDLE_OK && nth < 100000; nth += 1 + nth / 8) {
        struct forecast planned;
        struct heddle_error error = {0};
        heddle_memory_fail_at(nth);
        status = forecast("B", "merge", &PLAIN, &planned, &error);
        heddle_memory_fail_at(0);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        forget(&planned);
    }
    assert_int_equal(status, HEDDLE_OK);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    unlink(path);
    return rmdir(folder);
}

static void a_disk_that_is_too_small_is_refused(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct heddle_prediction prediction = {.spill_bytes = 5000000, .spill_free = 4999999};
    assert_int_equal(heddle_probe_check_disk(&prediction, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "5.0 MB free"));
    assert_non_null(strstr(error.message, "--checkpoint"));
    prediction.spill_free = 5000000;
    assert_int_equal(heddle_probe_check_disk(&prediction, &error), HEDDLE_OK);
    prediction.spill_free = UINT64_MAX; /* nobody knows */
    assert_int_equal(heddle_probe_check_disk(&prediction, &error), HEDDLE_OK);
}

/* The disk is that of the place of the checkpoint, which a first run will only make. */
static void the_disk_asked_is_that_of_the_checkpoint(void **state)
{
    (void)state;
    static const char *const places[] = {
        "build", "build/not/there/yet", "not-there", "s3://bucket/folder", "/not-there/at-all", "."};
    struct forecast planned;
    struct heddle_error error = {0};
    write_rows(1000, even);
    assert_int_equal(forecast("B", "merge", &PLAIN, &planned, &error), HEDDLE_OK);
    const struct heddle_probe probe = {.rows = 100, .load_s = 1, .write_s = 0.5, .fixed_write_s = 2};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct heddle_prediction prediction;
        heddle_probe_predict(&probe, planned.made, places[i], &prediction);
        assert_true(prediction.spill_bytes > 0);
        assert_true(prediction.spill_free > 0 && prediction.spill_free < UINT64_MAX);
        assert_true(prediction.load_s > 9.9 && prediction.load_s < 10.1);
        assert_true(prediction.write_s > 6.9 &&
                    prediction.write_s < 7.1);              /* 2 once, and 5 for ten times the rows */
        prediction.spill_bytes = prediction.spill_free + 1; /* a load one byte too large for it */
        assert_int_equal(heddle_probe_check_disk(&prediction, &error), HEDDLE_IO);
    }
    forget(&planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_counted_once_and_stands_in_one_tile),
        cmocka_unit_test(ends_that_share_a_label_are_one_key_space),
        cmocka_unit_test(a_hub_is_named_and_bounds_what_writers_gain),
        cmocka_unit_test(no_part_is_written_to_by_two_at_once),
        cmocka_unit_test(rows_that_cannot_be_loaded_are_told_with_an_example),
        cmocka_unit_test(a_table_without_rows_is_no_error),
        cmocka_unit_test(thinned_rows_tell_nearly_what_all_rows_tell),
        cmocka_unit_test(a_disk_that_is_too_small_is_refused),
        cmocka_unit_test(the_disk_asked_is_that_of_the_checkpoint),
        cmocka_unit_test(reading_can_be_stopped),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
