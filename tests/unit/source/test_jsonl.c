/* test_jsonl.c: types told from a sample, values that fit them and values that do not, and that no line is
 * lost. */
#include "source_fixture.h"

#include "source/files/text_input.h"

static struct reject_log log_of_test;

static struct heddle_source_options jsonl(const char *name)
{
    return options_of("jsonl", path_of(name), &log_of_test);
}

static void objects_are_flattened_and_absent_names_are_null(void **state)
{
    (void)state;
    text_write("a.jsonl",
               "{\"id\": 1, \"a\": {\"b\": \"x\", \"c\": {\"d\": 1.5}}, \"tags\": [\"p\", \"q\"]}\n"
               "\n  \r\n"
               "{\"id\": 2, \"tags\": []}\r\n"
               "{\"a\": {\"b\": null}, \"id\": 3, \"tags\": null}");
    const struct heddle_source_options options = jsonl("a.jsonl");
    expect_source(&options,
                  "a.jsonl:0|1|x|1.5|[p, q]\n"
                  "a.jsonl:1|2|null|null|[]\n"
                  "a.jsonl:2|3|null|null|null\n",
                  "");
}

static void types_widen_over_the_sample(void **state)
{
    (void)state;
    text_write("a.jsonl",
               "{\"f\": 1, \"s\": 1, \"b\": true, \"n\": null, \"l\": [1], \"i\": 9223372036854775807}\n"
               "{\"f\": 2.5, \"s\": \"x\", \"b\": false, \"n\": null, \"l\": [2.5], \"i\": -1}\n");
    struct heddle_source *source = NULL;
    const struct heddle_source_options options = jsonl("a.jsonl");
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    const struct heddle_field *fields = heddle_source_schema(source)->fields;
    static const enum heddle_type types[] = {HEDDLE_TYPE_FLOAT,  HEDDLE_TYPE_STRING, HEDDLE_TYPE_BOOLEAN,
                                             HEDDLE_TYPE_STRING, HEDDLE_TYPE_LIST,   HEDDLE_TYPE_INTEGER};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(fields[i].type, types[i]);
    }
    assert_int_equal(fields[4].item_type, HEDDLE_TYPE_FLOAT);
    heddle_source_close(source);
    expect_source(&options,
                  "a.jsonl:0|1.0|1|true|null|[1.0]|9223372036854775807\n"
                  "a.jsonl:1|2.5|x|false|null|[2.5]|-1\n",
                  "");
}

static void later_values_are_converted_where_exact_and_rejected_where_not(void **state)
{
    (void)state;
    static const struct heddle_source_setting settings[] = {{"sample_lines", "1"}};
    text_write("a.jsonl", "{\"n\": 1, \"l\": [1]}\n"
                          "{\"n\": 2.0}\n"
                          "{\"n\": \"3\"}\n"
                          "{\"n\": 4.5}\n"
                          "{\"n\": \"x\"}\n"
                          "{\"n\": [5]}\n"
                          "{\"n\": true}\n"
                          "{\"n\": 6, \"l\": [\"7\"], \"new\": 1}\n"
                          "{\"n\": 7, \"l\": [{}]}\n"
                          "{\"n\": 8, \"l\": 1}\n");
    struct heddle_source_options options = jsonl("a.jsonl");
    options.settings = settings;
    options.setting_count = 1;
    expect_source(&options, "a.jsonl:0|1|[1]\na.jsonl:1|2|null\na.jsonl:2|3|null\na.jsonl:7|6|[7]\n",
                  "a.jsonl:3 VALUE_TYPE [{\"n\": 4.5}]\n"
                  "a.jsonl:4 VALUE_TYPE [{\"n\": \"x\"}]\n"
                  "a.jsonl:5 VALUE_TYPE [{\"n\": [5]}]\n"
                  "a.jsonl:6 VALUE_TYPE [{\"n\": true}]\n"
                  "a.jsonl:8 VALUE_TYPE [{\"n\": 7, \"l\": [{}]}]\n"
                  "a.jsonl:9 VALUE_TYPE [{\"n\": 8, \"l\": 1}]\n");
}

static void malformed_lines_are_rejected_with_their_place_and_text(void **state)
{
    (void)state;
    text_write("a.jsonl", "{\"n\": 1}\n"
                          "{\"n\": \n"
                          "[1]\n"
                          "{\"n\": 3, \"n\": 4}\n"
                          "{\"n\": 99999999999999999999}\n"
                          "{\"n\": 5} trailing\n"
                          "{\"n\": \"\xff\"}\n"
                          "{\"n\": 7}\n");
    const struct heddle_source_options options = jsonl("a.jsonl");
    expect_source(&options, "a.jsonl:0|1\na.jsonl:7|7\n",
                  "a.jsonl:1 MALFORMED [{\"n\": ]\n"
                  "a.jsonl:2 MALFORMED [[1]]\n"
                  "a.jsonl:3 MALFORMED [{\"n\": 3, \"n\": 4}]\n"
                  "a.jsonl:4 MALFORMED [{\"n\": 99999999999999999999}]\n"
                  "a.jsonl:5 MALFORMED [{\"n\": 5} trailing]\n"
                  "a.jsonl:6 MALFORMED [{\"n\": \"?\"}]\n");
}

static void read_and_rejected_lines_add_up_over_several_files(void **state)
{
    (void)state;
    enum { LINES = 20000 };
    for (int f = 0; f < 2; f++) {
        struct heddle_buffer text = {0};
        for (unsigned i = 0; i < LINES; i++) {
            heddle_buffer_append_format(&text, i % 11 == 5 ? "{\"n\": %u,\n" : "{\"n\": %u, \"o\": \"x\"}\n",
                                        i);
        }
        file_write(f == 0 ? "a.jsonl" : "b.jsonl", text.bytes, text.length);
        heddle_buffer_free(&text);
    }
    const struct heddle_source_options options = options_of("jsonl", folder, &log_of_test);
    struct heddle_source *source = NULL;
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    while (heddle_source_next(source, &batch, NULL) == HEDDLE_OK) {
        for (size_t row = 0; row < batch->rows; row++) { /* the ordinal is the number that the line holds */
            assert_true(heddle_column_integer(&batch->columns[0], row) == (int64_t)(batch->first_row + row));
        }
        heddle_batch_release(batch);
    }
    assert_int_equal(heddle_source_rows_rejected(source), 2 * 1818);
    assert_int_equal(heddle_source_rows_read(source) + heddle_source_rows_rejected(source), 2 * LINES);
    heddle_source_close(source);
    heddle_buffer_free(&log_of_test.text);
    log_of_test.count = 0;
}

static void a_line_longer_than_the_limit_is_one_reject(void **state)
{
    (void)state;
    const size_t length = (size_t)HEDDLE_TEXT_RECORD_MAX + (1 << 20);
    char *text = malloc(length + 64);
    const char *const begin = "{\"n\": 0}\n{\"n\": \"";
    memcpy(text, begin, strlen(begin));
    memset(text + strlen(begin), 'x', length);
    memcpy(text + strlen(begin) + length, "\"}\n{\"n\": 2}\n", 13);
    file_write("a.jsonl", text, strlen(begin) + length + 12);
    free(text);
    static const struct heddle_source_setting settings[] = {{"sample_lines", "1"}};
    struct heddle_source_options options = jsonl("a.jsonl");
    options.settings = settings;
    options.setting_count = 1;
    struct heddle_source *source = NULL;
    struct heddle_buffer out = {0};
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_int_equal(source_print(source, &out, NULL), HEDDLE_END);
    assert_string_equal(heddle_buffer_text(&out), "a.jsonl:0|0\na.jsonl:2|2\n");
    assert_int_equal(log_of_test.count, 1);
    heddle_source_close(source);
    heddle_buffer_free(&out);
    heddle_buffer_free(&log_of_test.text);
    log_of_test.count = 0;
}

static void columns_that_have_no_type_are_refused_only_where_asked_for(void **state)
{
    (void)state;
    static const char *const good[] = {"n"};
    text_write("a.jsonl", "{\"n\": 1, \"o\": [{\"x\": 1}], \"m\": [1]}\n{\"n\": 2, \"m\": 1}\n");
    struct heddle_source_options options = jsonl("a.jsonl");
    expect_refused(&options, HEDDLE_SOURCE, "column `o`");
    options.columns = good;
    options.column_count = 1;
    expect_source(&options, "a.jsonl:0|1\na.jsonl:1|2\n", "");
    static const char *const mixed[] = {"m"};
    options.columns = mixed;
    expect_refused(&options, HEDDLE_SOURCE, "lists in some rows and single values in others");
    static const char *const unknown[] = {"nn"};
    options.columns = unknown;
    expect_refused(&options, HEDDLE_SOURCE, "did you mean `n`");
}

static void deep_and_empty_files_are_refused_in_words(void **state)
{
    (void)state;
    struct heddle_buffer text = {0};
    for (int i = 0; i < 40; i++) {
        heddle_buffer_append_text(&text, "{\"a\":");
    }
    heddle_buffer_append_text(&text, "1");
    for (int i = 0; i < 40; i++) {
        heddle_buffer_append_text(&text, "}");
    }
    file_write("deep.jsonl", text.bytes, text.length);
    heddle_buffer_free(&text);
    struct heddle_source_options options = jsonl("deep.jsonl");
    expect_refused(&options, HEDDLE_SOURCE, "nested deeper");
    text_write("empty.jsonl", "\n\n");
    options = jsonl("empty.jsonl");
    expect_refused(&options, HEDDLE_SOURCE, "holds no JSON object");
}

static void reading_survives_the_failure_of_every_allocation(void **state)
{
    (void)state;
    text_write("a.jsonl", "{\"n\": 1, \"l\": [1, 2], \"s\": \"x\"}\nbad\n{\"n\": 2}\n");
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_END; failures++) {
        assert_true(failures < 500);
        struct heddle_source *source = NULL;
        struct heddle_batch *batch = NULL;
        const struct heddle_source_options options = jsonl("a.jsonl");
        heddle_memory_fail_at(failures);
        status = heddle_source_open(&options, &source, NULL);
        while (status == HEDDLE_OK) {
            status = heddle_source_next(source, &batch, NULL);
            if (status == HEDDLE_OK) {
                heddle_batch_release(batch);
            }
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_END || status == HEDDLE_OUT_OF_MEMORY);
        heddle_source_close(source);
    }
    assert_true(failures > 10);
    heddle_buffer_free(&log_of_test.text);
    log_of_test.count = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_are_flattened_and_absent_names_are_null),
        TEST(types_widen_over_the_sample),
        TEST(later_values_are_converted_where_exact_and_rejected_where_not),
        TEST(malformed_lines_are_rejected_with_their_place_and_text),
        TEST(read_and_rejected_lines_add_up_over_several_files),
        TEST(a_line_longer_than_the_limit_is_one_reject),
        TEST(columns_that_have_no_type_are_refused_only_where_asked_for),
        TEST(deep_and_empty_files_are_refused_in_words),
        TEST(reading_survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
