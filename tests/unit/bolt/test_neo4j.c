/* test_neo4j.c: the public connection class over a real loopback socket, and results as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/bolt.h>

#include "bolt/json.h"
#include "bolt/packstream/decode.h"
#include "support/bolt_script.h"

#define LOGIN "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}", "S: SUCCESS {}"
#define WORK "C: BEGIN", "C: RUN", "C: PULL"
#define DONE "C: COMMIT", "S: SUCCESS {}"

static struct bolt_script script;

static struct heddle_neo4j *open_script(const char *const *lines)
{
    char uri[64];
    struct heddle_neo4j *neo4j = NULL;
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 8, lines);
    snprintf(uri, sizeof uri, "bolt://127.0.0.1:%u", bolt_script_listen(&script, 1));
    if (heddle_neo4j_open(uri, "neo4j", "secret", "people", &neo4j, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return neo4j;
}

static void finish(struct heddle_neo4j *neo4j)
{
    heddle_neo4j_close(neo4j);
    bolt_script_join(&script);
    bolt_script_check(&script);
    bolt_script_free(&script);
}

static void reading_brings_rows_columns_and_json(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: BEGIN people",
                                        "C: RUN who",
                                        "C: PULL",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": [\"name\", \"age\", \"height\", \"alive\"]}",
                                        "S: RECORD [\"Ada\", 36, 1.5, true]",
                                        "S: RECORD [null, 7, 2, false]",
                                        "S: SUCCESS {\"type\": \"r\"}",
                                        "C: COMMIT",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_neo4j_result *result = NULL;
    int64_t age = 0;
    double height = 0;
    bool alive = false;
    const char *name = NULL;
    struct heddle_neo4j *neo4j = open_script(lines);
    assert_string_equal(heddle_neo4j_server(neo4j), "Neo4j/5.26.30");
    assert_int_equal(
        heddle_neo4j_read(neo4j, "MATCH who", "{\"who\": [1, 2.5, null, {\"a\": \"b\"}]}", &result, NULL),
        HEDDLE_OK);
    assert_int_equal(heddle_neo4j_result_rows(result), 2);
    assert_int_equal(heddle_neo4j_result_columns(result), 4);
    assert_string_equal(heddle_neo4j_result_column_name(result, 1), "age");
    assert_null(heddle_neo4j_result_column_name(result, 4));
    assert_true(heddle_neo4j_result_text(result, 0, 0, &name));
    assert_string_equal(name, "Ada");
    assert_true(heddle_neo4j_result_integer(result, 0, 1, &age));
    assert_int_equal(age, 36);
    assert_true(heddle_neo4j_result_float(result, 1, 2, &height)); /* the integer 2 */
    assert_true(height == 2.0);
    assert_true(heddle_neo4j_result_boolean(result, 0, 3, &alive));
    assert_true(alive);
    assert_true(heddle_neo4j_result_is_null(result, 1, 0));
    assert_true(heddle_neo4j_result_is_null(result, 2, 0));
    assert_false(heddle_neo4j_result_text(result, 0, 1, &name));
    assert_false(heddle_neo4j_result_integer(result, 9, 9, &age));
    assert_string_equal(heddle_neo4j_result_json(result),
                        "[{\"name\":\"Ada\",\"age\":36,\"height\":1.5,\"alive\":true},"
                        "{\"name\":null,\"age\":7,\"height\":2,\"alive\":false}]");
    heddle_neo4j_result_destroy(result);
    finish(neo4j);
}

static void writing_brings_counters(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        WORK,
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {\"stats\": {\"nodes-created\": 3}}",
                                        DONE,
                                        WORK,
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        DONE,
                                        "C: RUN",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_neo4j_result *result = NULL;
    struct heddle_neo4j *neo4j = open_script(lines);
    assert_int_equal(heddle_neo4j_write(neo4j, "CREATE", NULL, &result, NULL), HEDDLE_OK);
    assert_int_equal(heddle_neo4j_result_counter(result, "nodes-created"), 3);
    assert_int_equal(heddle_neo4j_result_counter(result, "no-such-thing"), 0);
    assert_string_equal(heddle_neo4j_result_json(result), "[]");
    heddle_neo4j_result_destroy(result);
    assert_int_equal(heddle_neo4j_write(neo4j, "CREATE", "", NULL, NULL),
                     HEDDLE_OK); /* nobody wants the result */
    assert_int_equal(heddle_neo4j_run(neo4j, "CALL {} IN TRANSACTIONS", NULL, NULL, NULL), HEDDLE_OK);
    finish(neo4j);
}

static void wrong_parameters_are_explained_and_nothing_is_sent(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NULL};
    struct heddle_error error = {0};
    struct heddle_neo4j *neo4j = open_script(lines);
    assert_int_equal(heddle_neo4j_read(neo4j, "X", "{\"a\": ", NULL, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "line 1"));
    assert_int_equal(heddle_neo4j_read(neo4j, "X", "[1]", NULL, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "object"));
    assert_int_equal(heddle_neo4j_read(neo4j, "X", "{\"a\": 1, \"a\": 2}", NULL, &error), HEDDLE_INVALID);
    assert_int_equal(heddle_neo4j_read(neo4j, "X", "{\"a\": 9223372036854775808}", NULL, &error),
                     HEDDLE_INVALID);
    assert_int_equal(heddle_neo4j_read(neo4j, "", NULL, NULL, &error), HEDDLE_INVALID);
    finish(neo4j);
}

static void a_server_that_is_not_there_is_named_with_the_remedy(void **state)
{
    (void)state;
    char uri[64];
    static const char *const lines[] = {NULL};
    struct heddle_neo4j *neo4j = NULL;
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 8, lines);
    const uint16_t port = bolt_script_listen(&script, 0);
    bolt_script_join(&script); /* now nobody listens there */
    snprintf(uri, sizeof uri, "bolt://127.0.0.1:%u", port);
    assert_int_equal(heddle_neo4j_open(uri, "neo4j", "secret", NULL, &neo4j, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, uri + strlen("bolt://")));
    assert_non_null(strstr(error.message, "is the server running"));
    bolt_script_free(&script);
    heddle_neo4j_close(NULL);
    heddle_neo4j_result_destroy(NULL);
}

/* The JSON of one PackStream value. */
static void assert_json(const char *bytes, size_t length, const char *expected)
{
    struct heddle_arena *arena = NULL;
    struct heddle_unpack unpack;
    struct heddle_value value;
    assert_int_equal(heddle_arena_create(0, &arena, NULL), HEDDLE_OK);
    heddle_unpack_init(&unpack, bytes, length);
    assert_int_equal(heddle_unpack_value(&unpack, arena, &value, NULL), HEDDLE_OK);
    json_t *json = heddle_value_to_json(&value);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
    heddle_arena_destroy(arena);
}
#define JSON(bytes, expected) assert_json(bytes, sizeof(bytes) - 1, expected)

#define NODE(id)                                                                                             \
    "\xB4\x4E" id "\x91\x81L\xA1\x81k\x02\x82"                                                               \
    "n" id
#define UNBOUND(id)                                                                                          \
    "\xB4\x72" id "\x81T\xA0\x82"                                                                            \
    "r" id

static void every_kind_of_value_has_its_json(void **state)
{
    (void)state;
    JSON("\xC0", "null");
    JSON("\xC3", "true");
    JSON("\xC1\x3F\xF8\0\0\0\0\0\0", "1.5");
    JSON("\xC1\x7F\xF8\0\0\0\0\0\0", "\"NaN\"");
    JSON("\xC1\xFF\xF0\0\0\0\0\0\0", "\"-Infinity\"");
    JSON("\x82\xFF\xFE", "null"); /* not UTF-8 */
    JSON("\xCC\x04\x01\x02\x03\xFF", "\"AQID/w==\"");
    JSON("\xCC\x02\xFB\xF0", "\"+/A=\"");
    JSON("\xCC\x03"
         "abc",
         "\"YWJj\"");
    JSON("\x92\x01\x91\xC2", "[1,[false]]");
    JSON(NODE("1"), "{\"elementId\":\"n1\",\"labels\":[\"L\"],\"properties\":{\"k\":2}}");
    JSON("\xB8\x52\x07\x01\x02\x81T\xA0\x82r7\x82n1\x82n2",
         "{\"elementId\":\"r7\",\"type\":\"T\",\"properties\":{},\"start\":\"n1\",\"end\":\"n2\"}");
    JSON("\xB3\x50\x92" NODE("1") NODE("2") "\x91" UNBOUND("3") "\x92\xFF\x01",
         "{\"nodes\":[{\"elementId\":\"n1\",\"labels\":[\"L\"],\"properties\":{\"k\":2}},{\"elementId\":"
         "\"n2\",\"labels\":"
         "[\"L\"],\"properties\":{\"k\":2}}],\"relationships\":[{\"elementId\":\"r3\",\"type\":\"T\","
         "\"properties\":{}}]}");
    JSON("\xB3\x58\x07\xC1\x3F\xF8\0\0\0\0\0\0\xC1\x40\0\0\0\0\0\0\0", "{\"srid\":7,\"x\":1.5,\"y\":2.0}");
    JSON("\xB2\x56\xCC\x01\xC6\xCC\x04\x3F\xC0\0\0", "[1.5]");
    JSON("\xB2\x56\xCC\x01\xC8\xCC\x02\x01\xFF", "[1,-1]");
    JSON("\xE0\x12\x3E\x45\x67\xE8\x9B\x12\xD3\xA4\x56\x42\x66\x14\x17\x40\x00",
         "\"123e4567-e89b-12d3-a456-426614174000\"");
    JSON("\xB4\x3F\x81Q\x07\x01\xA0", "{\"unsupported\":\"Q\",\"message\":\"\"}");
    JSON("\xB1\x7B\x01", "{\"structure\":123,\"fields\":[1]}");
}

static void dates_and_times_are_iso_8601(void **state)
{
    (void)state;
    JSON("\xB1"
         "D\x00",
         "\"1970-01-01\"");
    JSON("\xB1"
         "D\xFF",
         "\"1969-12-31\"");
    JSON("\xB1"
         "D\xC9MF",
         "\"2024-02-29\"");
    JSON("\xB1"
         "D\xCA\x00\x00\xB9\xB5",
         "\"2100-03-01\"");
    JSON("\xB1"
         "D\xCA\xFF\xF5\x06\xC6",
         "\"0001-01-01\"");
    JSON("\xB1"
         "D\xCA\xFF\xF5\x05\x94",
         "\"0000-03-01\"");
    JSON("\xB1"
         "D\xCA\xFF\xF5\x05\x93",
         "\"0000-02-29\"");
    JSON("\xB1"
         "D\xCA\xFF\xF5\x05W",
         "\"-0001-12-31\"");
    JSON("\xB1"
         "D\xCA\x00,\xC0\xA0",
         "\"9999-12-31\"");
    JSON("\xB1"
         "D\xCA\x00,\xC0\xA1",
         "\"+10000-01-01\"");
    JSON("\xB1t\x00", "\"00:00:00\"");
    JSON("\xB1t\xCB\x00\x00N\x94\x91N\xFF\xFF", "\"23:59:59.999999999\"");
    JSON("\xB2T\xCB\x00\x00\x03"
         "F0\xB8\xA0\x00\xC9\x0E\x10",
         "\"01:00:00+01:00\"");
    JSON("\xB2T\xCAYh/\x00\xC9\xB2\xA8", "\"00:00:01.5-05:30\"");
    JSON("\xB3I\x00\x00\x00", "\"1970-01-01T00:00:00Z\"");
    JSON("\xB3I\xFF\xCA\x1D\xCD"
         "e\x00\x00",
         "\"1969-12-31T23:59:59.5Z\"");
    JSON("\xB3I\xCA"
         "e\x92\x9B"
         "0\x00\xC9\x0E\x10",
         "\"2024-01-01T12:00:00+01:00\"");
    JSON("\xB3I\x00\x00\xC9\x0EM", "\"1970-01-01T01:01:01+01:01:01\"");
    JSON("\xB3i\xCA"
         "e\x92\x9B"
         "0\x00\x8B"
         "Europe/Rome",
         "\"2024-01-01T11:00:00Z[Europe/Rome]\"");
    JSON("\xB3"
         "f\xCA"
         "e\x92\x9B"
         "0\x00\x8B"
         "Europe/Rome",
         "\"2024-01-01T11:00:00[Europe/Rome]\"");
    JSON("\xB2"
         "d\xCA"
         "e\x92\x9B"
         "0\xC9\x03\xE8",
         "\"2024-01-01T11:00:00.000001\"");
}

static void durations_are_iso_8601(void **state)
{
    (void)state;
    JSON("\xB4"
         "E\x0E\x03\xC9"
         "9r\xCA)\xB9'\x00",
         "\"P1Y2M3DT4H5M6.7S\"");
    JSON("\xB4"
         "E\x00\x00\x00\x00",
         "\"PT0S\"");
    JSON("\xB4"
         "E\x00\x00\xFF\x00",
         "\"PT-1S\"");
    JSON("\xB4"
         "E\x00\x00\xFF\xCA\x1D\xCD"
         "e\x00",
         "\"PT-0.5S\"");
    JSON("\xB4"
         "E\x00\x00\x00\xCA\xE2"
         "2\x9B\x00",
         "\"PT-0.5S\"");
    JSON("\xB4"
         "E\xF2\x00\x00\x00",
         "\"P-1Y-2M\"");
    JSON("\xB4"
         "E\x00\x01\x00\x00",
         "\"P1D\"");
    JSON("\xB4"
         "E\x00\x00<\x00",
         "\"PT1M\"");
    JSON("\xB4"
         "E\x00\x00\x01\xFF",
         "\"PT0.999999999S\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_brings_rows_columns_and_json),
        cmocka_unit_test(writing_brings_counters),
        cmocka_unit_test(wrong_parameters_are_explained_and_nothing_is_sent),
        cmocka_unit_test(a_server_that_is_not_there_is_named_with_the_remedy),
        cmocka_unit_test(every_kind_of_value_has_its_json),
        cmocka_unit_test(dates_and_times_are_iso_8601),
        cmocka_unit_test(durations_are_iso_8601),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
