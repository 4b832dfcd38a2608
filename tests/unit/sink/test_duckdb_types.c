/* test_duckdb_types.c: every type of a source's column arrives as the type of run-contract section 6, value for value. */
#include "duckdb_fixture.h"

static const char every_type[] =
    "SELECT i AS id, i % 2 = 0 AS bool, i * 1000000007 AS big, i / 4 AS real, 'text ' || i AS words, "
    "(i / 8)::DECIMAL(18, 3) AS exact, ('ab' || i)::BLOB AS raw, DATE '2024-05-01' + i::INTEGER AS day, "
    "TIME '01:02:03.000004' AS clock, TIMESTAMPTZ '2024-05-01 10:00:00+02' AS instant, "
    "TIMESTAMP '2024-05-01 10:00:00.5' AS local, [i, i + 1] AS list, ['a', 'b' || i] AS texts, "
    "MAP {'k': i, 'l': -i} AS pairs, CASE WHEN i = 1 THEN NULL ELSE i END AS gap, NULL AS nothing FROM "
    "range(3) t(i)";

static const char *const names[16] = {"id",    "bool",  "big",   "real",    "words", "exact",
                                      "raw",   "day",   "clock", "instant", "local", "list",
                                      "texts", "pairs", "gap",   "nothing"};

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_make(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

/* Loads what `every_type` answers, untyped, into "All". */
static void load_every_type(bool merge)
{
    struct heddle_error error = {0};
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = NULL;
    struct heddle_target_property properties[16];
    const char *const labels[1] = {"All"};
    const size_t key[1] = {0};
    const size_t only[1] = {0};
    for (int i = 0; i < 16; i++) {
        properties[i] = (struct heddle_target_property){.name = names[i], .field = names[i], .column = i};
    }
    const struct heddle_target target = {.kind = HEDDLE_TARGET_NODE,
                                         .name = "all",
                                         .merge = merge,
                                         .properties = properties,
                                         .property_count = 16,
                                         .key = key,
                                         .key_count = 1,
                                         .labels = labels,
                                         .label_count = 1};
    assert_int_equal(heddle_duck_open(&(struct heddle_duck_options){0}, &duck, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_connect(duck, &connection, NULL), HEDDLE_OK);
    if (heddle_duck_query(connection, every_type, &result, &error) != HEDDLE_OK ||
        heddle_duck_result_next(result, 0, &batch, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    batch->source = "types";
    batch->file = "";
    fixture_open(&fixture, &target, 1);
    const int status = heddle_sink_duckdb.write(fixture.sink, batch, only, 1, &error);
    heddle_batch_release(batch);
    heddle_duck_result_destroy(result);
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    if (status != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, 0), merge ? "0 3 0 0 0" : "3 0 0 0 0");
    fixture_close(&fixture);
}

static void types_and_values_arrive_as_they_are(void **state)
{
    (void)state;
    char sql[2048];
    load_every_type(false);
    assert_string_equal(file_ask(&fixture, "SELECT string_agg(data_type, ', ' ORDER BY column_index) FROM "
                                           "duckdb_columns() WHERE table_name = "
                                           "'All'"),
                        "BIGINT, BOOLEAN, BIGINT, DOUBLE, VARCHAR, DECIMAL(38,3), BLOB, DATE, TIME, "
                        "TIMESTAMP WITH TIME ZONE, TIMESTAMP, "
                        "BIGINT[], VARCHAR[], MAP(VARCHAR, BIGINT), BIGINT, BIGINT");
    snprintf(sql, sizeof sql, "SELECT count(*)::VARCHAR FROM (FROM \"All\" EXCEPT SELECT * FROM (%s))",
             every_type);
    assert_string_equal(file_ask(&fixture, sql), "0");
    snprintf(sql, sizeof sql, "SELECT count(*)::VARCHAR FROM (SELECT * FROM (%s) EXCEPT FROM \"All\")",
             every_type);
    assert_string_equal(file_ask(&fixture, sql), "0");
}

static void an_update_sets_lists_maps_and_decimals_too(void **state)
{
    (void)state;
    char sql[2048];
    load_every_type(false);
    file_change(&fixture, "UPDATE \"All\" SET list = [], texts = NULL, pairs = NULL, exact = 0, words = ''");
    load_every_type(true);
    snprintf(sql, sizeof sql, "SELECT count(*)::VARCHAR FROM (FROM \"All\" EXCEPT SELECT * FROM (%s))",
             every_type);
    assert_string_equal(file_ask(&fixture, sql), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(types_and_values_arrive_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(an_update_sets_lists_maps_and_decimals_too, setup, teardown),
    };
    const int missing = duckdb_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
