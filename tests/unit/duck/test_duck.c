/* test_duck.c: libduckdb through its one door: loading, parameters, every type there and back, appending,
 * feeding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "column/convert.h"
#include "duck/append.h"
#include "duck/duck.h"
#include "duck/feed.h"

static struct heddle_duck *duck;
static struct heddle_duck_connection *connection;

static int duck_open(void **state)
{
    (void)state;
    const struct heddle_duck_options options = {0};
    return heddle_duck_open(&options, &duck, NULL) == HEDDLE_OK &&
                   heddle_duck_connect(duck, &connection, NULL) == HEDDLE_OK
               ? 0
               : -1;
}

static int duck_close(void **state)
{
    (void)state;
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    connection = NULL;
    duck = NULL;
    return 0;
}

static void run(const char *sql)
{
    struct heddle_error error = {0};
    if (heddle_duck_execute(connection, sql, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", sql, error.message);
    }
}

/* Asserts what each row of the first column of a query prints as. */
static void expect_rows(const char *sql, enum heddle_type type, const char *const *wanted, size_t count)
{
    struct heddle_duck_result *result = NULL;
    struct heddle_error error = {0};
    char text[256];
    size_t seen = 0;
    if (heddle_duck_query(connection, sql, &result, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", sql, error.message);
    }
    assert_int_equal(heddle_duck_result_schema(result)->fields[0].type, type);
    for (;;) {
        struct heddle_batch *batch = NULL;
        const int status = heddle_duck_result_next(result, 0, &batch, &error);
        if (status == HEDDLE_END) {
            break;
        }
        assert_int_equal(status, HEDDLE_OK);
        for (size_t row = 0; row < batch->rows; row++, seen++) {
            assert_true(seen < count);
            assert_string_equal(heddle_column_print(&batch->columns[0], row, text, sizeof text),
                                wanted[seen]);
        }
        heddle_batch_release(batch);
    }
    assert_int_equal(seen, count);
    heddle_duck_result_destroy(result);
}

#define EXPECT(sql, type, ...)                                                                               \
    do {                                                                                                     \
        static const char *const expected[] = {__VA_ARGS__};                                                 \
        expect_rows(sql, type, expected, sizeof expected / sizeof expected[0]);                              \
    } while (0)

static void every_scalar_type_arrives_with_its_extremes_and_nulls(void **state)
{
    (void)state;
    EXPECT("SELECT * FROM (VALUES (true), (NULL), (false))", HEDDLE_TYPE_BOOLEAN, "true", "null", "false");
    EXPECT("SELECT x::TINYINT FROM (VALUES (-128), (NULL), (127)) t(x)", HEDDLE_TYPE_INTEGER, "-128", "null",
           "127");
    EXPECT("SELECT 32767::SMALLINT", HEDDLE_TYPE_INTEGER, "32767");
    EXPECT("SELECT (-2147483648)::INTEGER", HEDDLE_TYPE_INTEGER, "-2147483648");
    EXPECT("SELECT 9223372036854775807", HEDDLE_TYPE_INTEGER, "9223372036854775807");
    EXPECT("SELECT 4294967295::UINTEGER", HEDDLE_TYPE_INTEGER, "4294967295");
    EXPECT("SELECT 18446744073709551615::UBIGINT", HEDDLE_TYPE_DECIMAL, "18446744073709551615");
    EXPECT("SELECT (-170141183460469231731687303715884105728)::HUGEINT", HEDDLE_TYPE_DECIMAL,
           "-170141183460469231731687303715884105728");
    EXPECT("SELECT 340282366920938463463374607431768211455::UHUGEINT", HEDDLE_TYPE_DECIMAL,
           "340282366920938463463374607431768211455");
    EXPECT("SELECT * FROM (VALUES (1.5::FLOAT), (NULL))", HEDDLE_TYPE_FLOAT, "1.5", "null");
    EXPECT("SELECT 'nan'::DOUBLE", HEDDLE_TYPE_FLOAT, "NaN");
    EXPECT("SELECT * FROM (VALUES ('short'), (NULL), ('a text of more than twelve bytes'), (''))",
           HEDDLE_TYPE_STRING, "short", "null", "a text of more than twelve bytes", "");
    EXPECT("SELECT '\\x00\\xFF'::BLOB", HEDDLE_TYPE_BYTES, "0x00ff");
    EXPECT("SELECT 'b'::ENUM('a', 'b')", HEDDLE_TYPE_STRING, "b");
    EXPECT("SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", HEDDLE_TYPE_STRING,
           "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    EXPECT("SELECT NULL", HEDDLE_TYPE_INTEGER, "null"); /* DuckDB types a bare NULL as INTEGER */
}

static void decimals_of_every_width_keep_every_digit(void **state)
{
    (void)state;
    EXPECT("SELECT (-1.25)::DECIMAL(4,2)", HEDDLE_TYPE_DECIMAL, "-1.25");
    EXPECT("SELECT 0.001::DECIMAL(9,3)", HEDDLE_TYPE_DECIMAL, "0.001");
    EXPECT("SELECT (-12345678901234.5678)::DECIMAL(18,4)", HEDDLE_TYPE_DECIMAL, "-12345678901234.5678");
    EXPECT("SELECT 99999999999999999999999999999999999.999::DECIMAL(38,3)", HEDDLE_TYPE_DECIMAL,
           "99999999999999999999999999999999999.999");
    EXPECT("SELECT 7::DECIMAL(5,0)", HEDDLE_TYPE_DECIMAL, "7");
}

static void moments_of_every_unit_arrive_as_microseconds(void **state)
{
    (void)state;
    EXPECT("SELECT DATE '1582-10-15'", HEDDLE_TYPE_DATE, "1582-10-15");
    EXPECT("SELECT TIME '23:59:59.999999'", HEDDLE_TYPE_TIME, "23:59:59.999999");
    EXPECT("SELECT TIMESTAMP '1969-12-31 23:59:59.5'", HEDDLE_TYPE_DATETIME, "1969-12-31T23:59:59.5");
    EXPECT("SELECT TIMESTAMP_S '2024-05-01 10:00:00'", HEDDLE_TYPE_DATETIME, "2024-05-01T10:00:00");
    EXPECT("SELECT TIMESTAMP_MS '2024-05-01 10:00:00.123'", HEDDLE_TYPE_DATETIME, "2024-05-01T10:00:00.123");
    EXPECT("SELECT TIMESTAMP_NS '1969-12-31 23:59:59.999999999'", HEDDLE_TYPE_DATETIME,
           "1969-12-31T23:59:59.999999");
    EXPECT("SELECT TIMESTAMPTZ '2024-05-01 02:00:00+02'", HEDDLE_TYPE_TIMESTAMP, "2024-05-01T00:00:00Z");
}

static void lists_maps_and_vectors_arrive_with_their_nulls(void **state)
{
    (void)state;
    EXPECT("SELECT * FROM (VALUES ([1, NULL, 3]), (NULL), ([]::INTEGER[]))", HEDDLE_TYPE_LIST, "[1, null, 3]",
           "null", "[]");
    EXPECT("SELECT ['a', 'longer than twelve bytes']", HEDDLE_TYPE_LIST, "[a, longer than twelve bytes]");
    EXPECT("SELECT array_value(1, 2)", HEDDLE_TYPE_LIST, "[1, 2]");
    EXPECT("SELECT * FROM (VALUES ([1.5, 2]::FLOAT[2]), (NULL), ([3, 4]::FLOAT[2]))", HEDDLE_TYPE_VECTOR,
           "[1.5, 2]", "null", "[3, 4]");
    EXPECT("SELECT * FROM (VALUES (MAP {'k': 1.5::DOUBLE, 'l': NULL}), (NULL))", HEDDLE_TYPE_MAP,
           "{k: 1.5, l: null}", "null");
}

static void a_type_without_a_column_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const sql[] = {"SELECT INTERVAL 1 DAY AS x", "SELECT [[1]] AS x",
                                      "SELECT MAP {1: 2} AS x", "SELECT {'a': 1} AS x"};
    static const char *const named[] = {"INTERVAL", "LIST", "MAP whose keys are not VARCHAR", "STRUCT"};
    for (size_t i = 0; i < 4; i++) {
        struct heddle_duck_result *result = NULL;
        struct heddle_error error = {0};
        assert_int_equal(heddle_duck_query(connection, sql[i], &result, &error), HEDDLE_SOURCE);
        assert_non_null(strstr(error.message, "`x`"));
        assert_non_null(strstr(error.message, named[i]));
    }
}

static void a_null_inside_a_vector_is_an_error_and_not_a_zero(void **state)
{
    (void)state;
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_duck_query(connection, "SELECT [1, NULL]::FLOAT[2] AS v", &result, &error),
                     HEDDLE_OK);
    assert_int_equal(heddle_duck_result_next(result, 0, &batch, &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "`v`"));
    heddle_duck_result_destroy(result);
}

static void a_description_flattens_structs_and_its_expressions_select_them(void **state)
{
    (void)state;
    struct heddle_arena *arena = NULL;
    struct heddle_duck_description description;
    assert_int_equal(heddle_arena_create(0, &arena, NULL), HEDDLE_OK);
    run("CREATE TABLE t AS SELECT {'it''s': {'deep': 7}, 'b': 'x'} AS \"a\"\"q\", INTERVAL 1 DAY AS i");
    assert_int_equal(heddle_duck_describe(connection, "SELECT * FROM t", NULL, arena, &description, NULL),
                     HEDDLE_OK);
    assert_int_equal(description.count, 3);
    assert_string_equal(description.fields[0].name, "a\"q.it's.deep");
    assert_int_equal(description.fields[0].type, HEDDLE_TYPE_INTEGER);
    assert_string_equal(description.fields[1].name, "a\"q.b");
    assert_string_equal(description.refused[2], "INTERVAL");
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT %s FROM t", description.expressions[0]);
    EXPECT(sql, HEDDLE_TYPE_INTEGER, "7");
    heddle_arena_destroy(arena);
}

static void a_parameter_is_a_value_and_never_sql(void **state)
{
    (void)state;
    struct heddle_duck_statement *statement = NULL;
    uint64_t changed = 0;
    const char *const evil = "x'); DROP TABLE t; --";
    run("CREATE TABLE t(a VARCHAR, b BIGINT, c DOUBLE, d BOOLEAN, e BLOB, f FLOAT[3])");
    assert_int_equal(
        heddle_duck_prepare(connection, "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)", &statement, NULL),
        HEDDLE_OK);
    const float floats[] = {1, 2, 3};
    assert_int_equal(heddle_duck_bind_text(statement, 1, evil, strlen(evil), NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_bind_integer(statement, 2, INT64_MIN, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_bind_float(statement, 3, 0.5, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_bind_boolean(statement, 4, true, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_bind_bytes(statement, 5, "\0\1", 2, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_bind_floats(statement, 6, floats, 3, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_run(statement, &changed, NULL), HEDDLE_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(heddle_duck_bind_null(statement, 9, NULL), HEDDLE_DATABASE);
    heddle_duck_statement_destroy(statement);
    char *text = NULL;
    int64_t number = 0;
    assert_int_equal(heddle_duck_fetch_text(connection, "SELECT a FROM t", &text, NULL), HEDDLE_OK);
    assert_string_equal(text, evil);
    free(text);
    assert_int_equal(heddle_duck_fetch_integer(connection, "SELECT b FROM t", &number, NULL), HEDDLE_OK);
    assert_true(number == INT64_MIN);
    EXPECT("SELECT f FROM t", HEDDLE_TYPE_VECTOR, "[1, 2, 3]");
    assert_int_equal(heddle_duck_fetch_integer(connection, "SELECT b FROM t WHERE false", &number, NULL),
                     HEDDLE_END);
}

static void a_failed_statement_carries_the_reason_of_the_database(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    assert_int_equal(heddle_duck_execute(connection, "SELECT nothing FROM nowhere", &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "nowhere"));
}

/* Reads a whole query into one batch of at most 2,048 rows. */
static struct heddle_batch *batch_of(const char *sql, struct heddle_duck_result **result)
{
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_duck_query(connection, sql, result, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_result_next(*result, 0, &batch, NULL), HEDDLE_OK);
    return batch;
}

static const char *const matrix =
    "SELECT * FROM (VALUES (1::BIGINT, 1.5::DOUBLE, true, 'text of more than twelve', '\\x01'::BLOB, "
    "DATE '2024-05-01', TIME '10:11:12.5', TIMESTAMPTZ '2024-05-01 10:00:00Z', TIMESTAMP '2024-05-01 "
    "10:00:00', "
    "12.34::DECIMAL(38,2), ['a', NULL], MAP {'k': 1::BIGINT}, [1, 2, 3]::FLOAT[3]), "
    "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) "
    "t(a, b, c, d, e, f, g, h, i, j, k, l, m)";

static void a_batch_appended_to_a_table_comes_back_equal(void **state)
{
    (void)state;
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = batch_of(matrix, &result);
    struct heddle_buffer sql = {0};
    const struct heddle_column *columns[13];
    heddle_buffer_append_text(&sql, "CREATE TABLE t(");
    for (size_t i = 0; i < 13; i++) {
        heddle_duck_quote_name(&sql, batch->schema->fields[i].name);
        heddle_buffer_append_text(&sql, " ");
        heddle_duck_type_sql(&sql, &batch->schema->fields[i]);
        heddle_buffer_append_text(&sql, i < 12 ? ", " : ")");
        columns[i] = &batch->columns[i];
    }
    run(heddle_buffer_text(&sql));
    heddle_buffer_free(&sql);
    struct heddle_duck_appender *appender = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_duck_appender_create(connection, "t", &appender, &error), HEDDLE_OK);
    const uint32_t backwards[] = {1, 0};
    for (size_t i = 0; i < 3000; i++) { /* over several chunks */
        assert_int_equal(heddle_duck_appender_append(appender, columns, 13, backwards, 2, &error), HEDDLE_OK);
    }
    assert_int_equal(heddle_duck_appender_flush(appender, &error), HEDDLE_OK);
    assert_int_equal(heddle_duck_appender_rows(appender), 6000);
    heddle_duck_appender_destroy(appender);
    heddle_batch_release(batch);
    heddle_duck_result_destroy(result);
    char check[1024];
    int64_t same = 0;
    snprintf(check, sizeof check,
             "SELECT count(*) FROM t JOIN (%s) w USING (a, b, c, d, e, f, g, h, i, j, k, l, m)", matrix);
    assert_int_equal(heddle_duck_fetch_integer(connection, check, &same, NULL), HEDDLE_OK);
    assert_int_equal(same, 3000);
    assert_int_equal(
        heddle_duck_fetch_integer(
            connection,
            "SELECT count(*) FROM t WHERE COALESCE(a::VARCHAR, m::VARCHAR, l::VARCHAR, k::VARCHAR) IS NULL",
            &same, NULL),
        HEDDLE_OK);
    assert_int_equal(same, 3000);
}

static void what_does_not_fit_a_column_is_refused_with_its_place(void **state)
{
    (void)state;
    struct heddle_duck_appender *appender = NULL;
    struct heddle_error error = {0};
    const int64_t values[] = {40000};
    const struct heddle_column column = {.type = HEDDLE_TYPE_INTEGER, .length = 1, .values = values};
    const struct heddle_column *const columns[] = {&column};
    run("CREATE TABLE small(a SMALLINT); CREATE TABLE text(a VARCHAR)");
    assert_int_equal(heddle_duck_appender_create(connection, "small", &appender, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_appender_append(appender, columns, 1, NULL, 1, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "40000 does not fit SMALLINT"));
    assert_int_equal(heddle_duck_appender_flush(appender, &error), HEDDLE_INVALID);
    heddle_duck_appender_destroy(appender);
    assert_int_equal(heddle_duck_appender_create(connection, "text", &appender, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_appender_append(appender, columns, 1, NULL, 1, &error), HEDDLE_INVALID);
    heddle_duck_appender_destroy(appender);
    assert_int_equal(heddle_duck_appender_create(connection, "absent", &appender, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "absent"));
}

static void rows_that_were_not_flushed_are_dropped(void **state)
{
    (void)state;
    struct heddle_duck_appender *appender = NULL;
    const int64_t values[] = {1};
    const struct heddle_column column = {.type = HEDDLE_TYPE_INTEGER, .length = 1, .values = values};
    const struct heddle_column *const columns[] = {&column};
    int64_t count = -1;
    run("CREATE TABLE t(a BIGINT)");
    assert_int_equal(heddle_duck_appender_create(connection, "t", &appender, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_appender_append(appender, columns, 1, NULL, 1, NULL), HEDDLE_OK);
    heddle_duck_appender_destroy(appender);
    assert_int_equal(heddle_duck_fetch_integer(connection, "SELECT count(*) FROM t", &count, NULL),
                     HEDDLE_OK);
    assert_int_equal(count, 0);
}

/* A stream of `left` batches of 1,500 rows, then an end or a failure. */
struct stream {
    struct heddle_schema schema;
    size_t left;
    int last;
    int64_t next;
};

static int stream_next(void *context, struct heddle_batch **batch_out, struct heddle_error *error)
{
    struct stream *stream = context;
    if (stream->left == 0) {
        return stream->last == HEDDLE_END ? HEDDLE_END
                                          : heddle_error_set(error, stream->last, "the well is dry");
    }
    stream->left--;
    HEDDLE_TRY(heddle_batch_create(&stream->schema, batch_out, error));
    int64_t *values = heddle_arena_alloc((*batch_out)->arena, 1500 * sizeof *values);
    for (size_t i = 0; i < 1500; i++) {
        values[i] = stream->next++;
    }
    (*batch_out)->columns[0] =
        (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = 1500, .values = values};
    (*batch_out)->rows = 1500;
    return HEDDLE_OK;
}

static void a_feed_gives_all_rows_in_order(void **state)
{
    (void)state;
    const struct heddle_field field = {.name = "n", .type = HEDDLE_TYPE_INTEGER};
    struct stream stream = {.schema = {&field, 1}, .left = 10, .last = HEDDLE_END};
    struct heddle_duck_feed feed = {.schema = &stream.schema, .next = stream_next, .context = &stream};
    int64_t ordered = 0;
    assert_int_equal(heddle_duck_feed_register(connection, "fed", &feed, NULL), HEDDLE_OK);
    run("CREATE TABLE t AS SELECT * FROM fed()");
    assert_int_equal(
        heddle_duck_fetch_integer(connection, "SELECT count(*) FROM t WHERE n = rowid", &ordered, NULL),
        HEDDLE_OK);
    assert_int_equal(ordered, 15000);
    heddle_duck_feed_reset(&feed);
}

static void a_feed_that_fails_stops_the_statement_and_keeps_its_reason(void **state)
{
    (void)state;
    const struct heddle_field field = {.name = "n", .type = HEDDLE_TYPE_INTEGER};
    struct stream stream = {.schema = {&field, 1}, .left = 3, .last = HEDDLE_REJECTED};
    struct heddle_duck_feed feed = {.schema = &stream.schema, .next = stream_next, .context = &stream};
    struct heddle_error error = {0};
    assert_int_equal(heddle_duck_feed_register(connection, "failing", &feed, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_execute(connection, "CREATE TABLE t AS SELECT * FROM failing()", &error),
                     HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "the well is dry"));
    assert_int_equal(feed.failure.status, HEDDLE_REJECTED);
    heddle_duck_feed_reset(&feed);
}

static void a_library_that_is_not_there_is_named_with_the_remedy(void **state)
{
    (void)state;
    struct heddle_duck *other = NULL;
    struct heddle_error error = {0};
    const struct heddle_duck_options absent = {.library = "/nonexistent/libduckdb.so"};
    assert_int_equal(heddle_duck_open(&absent, &other, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "/nonexistent/libduckdb.so"));
    assert_non_null(strstr(error.message, "scripts/bootstrap"));
    assert_null(other);
}

static void a_library_that_is_something_else_is_refused(void **state)
{
    (void)state;
    struct heddle_duck *other = NULL;
    struct heddle_error error = {0};
    const struct heddle_duck_options text = {.library = HEDDLE_SOURCE_DIR "/CMakeLists.txt"};
    assert_int_equal(heddle_duck_open(&text, &other, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "cannot be loaded"));
    Dl_info info; /* a shared library that is not DuckDB: the one of the test framework */
    assert_int_not_equal(dladdr((void *)(uintptr_t)_cmocka_run_group_tests, &info), 0);
    const struct heddle_duck_options other_library = {.library = info.dli_fname};
    assert_int_equal(heddle_duck_open(&other_library, &other, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "has no function"));
}

static void a_file_that_is_no_database_is_named(void **state)
{
    (void)state;
    struct heddle_duck *other = NULL;
    struct heddle_error error = {0};
    const struct heddle_duck_options options = {.path = HEDDLE_SOURCE_DIR "/CMakeLists.txt",
                                                .read_only = true};
    assert_int_equal(heddle_duck_open(&options, &other, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "CMakeLists.txt"));
}

static void reading_survives_the_failure_of_every_allocation_of_ours(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_OK; failures++) {
        assert_true(failures < 1000);
        struct heddle_duck_result *result = NULL;
        struct heddle_batch *batch = NULL;
        heddle_memory_fail_at(failures);
        status = heddle_duck_query(connection, matrix, &result, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_duck_result_next(result, 0, &batch, NULL);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        heddle_batch_release(batch);
        heddle_duck_result_destroy(result);
    }
    assert_true(failures > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_scalar_type_arrives_with_its_extremes_and_nulls, duck_open,
                                        duck_close),
        cmocka_unit_test_setup_teardown(decimals_of_every_width_keep_every_digit, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(moments_of_every_unit_arrive_as_microseconds, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(lists_maps_and_vectors_arrive_with_their_nulls, duck_open,
                                        duck_close),
        cmocka_unit_test_setup_teardown(a_type_without_a_column_is_refused_by_name, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(a_null_inside_a_vector_is_an_error_and_not_a_zero, duck_open,
                                        duck_close),
        cmocka_unit_test_setup_teardown(a_description_flattens_structs_and_its_expressions_select_them,
                                        duck_open, duck_close),
        cmocka_unit_test_setup_teardown(a_parameter_is_a_value_and_never_sql, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(a_failed_statement_carries_the_reason_of_the_database, duck_open,
                                        duck_close),
        cmocka_unit_test_setup_teardown(a_batch_appended_to_a_table_comes_back_equal, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(what_does_not_fit_a_column_is_refused_with_its_place, duck_open,
                                        duck_close),
        cmocka_unit_test_setup_teardown(rows_that_were_not_flushed_are_dropped, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(a_feed_gives_all_rows_in_order, duck_open, duck_close),
        cmocka_unit_test_setup_teardown(a_feed_that_fails_stops_the_statement_and_keeps_its_reason, duck_open,
                                        duck_close),
        cmocka_unit_test_setup_teardown(reading_survives_the_failure_of_every_allocation_of_ours, duck_open,
                                        duck_close),
        cmocka_unit_test(a_library_that_is_not_there_is_named_with_the_remedy),
        cmocka_unit_test(a_library_that_is_something_else_is_refused),
        cmocka_unit_test(a_file_that_is_no_database_is_named),
    };
    struct heddle_error error = {0};
    const struct heddle_duck_options options = {0};
    if (heddle_duck_open(&options, &duck, &error) != HEDDLE_OK) {
        print_message("skipped: %s\n", error.message);
        return 77;
    }
    heddle_duck_close(duck);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
