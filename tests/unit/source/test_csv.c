/* test_csv.c: every trap of CSV, and that no row is lost: read + rejected = records. */
#include "source_fixture.h"

#include <zlib.h>

#include "source/files/csv_parse.h"
#include "source/files/text_input.h"

static struct reject_log log_of_test;

static struct heddle_source_options csv(const char *name)
{
    return options_of("csv", path_of(name), &log_of_test);
}

static void quotes_newlines_and_nulls_arrive_as_meant(void **state)
{
    (void)state;
    text_write("a.csv", ":ID(RemovalEvent),\"say \"\"x\"\"\",c\n"
                        "1,\"a,b\",\"two\nlines\"\n"
                        "2,,\"\"\n"
                        "3,a 5\" pipe,\"he said \"\"no\"\"\"\n"
                        "4, kept ,last");
    const struct heddle_source_options options = csv("a.csv");
    expect_source(&options,
                  "a.csv:0|1|a,b|two\nlines\n"
                  "a.csv:1|2|null|\n"
                  "a.csv:2|3|a 5\" pipe|he said \"no\"\n"
                  "a.csv:3|4| kept |last\n",
                  "");
}

static void crlf_a_byte_order_mark_and_blank_lines_leave_no_trace(void **state)
{
    (void)state;
    text_write("a.csv", "\xef\xbb\xbf"
                        "a,b\r\n1,x\r\n\r\n2,\"y\"\r\n3,\r\n\n");
    const struct heddle_source_options options = csv("a.csv");
    expect_source(&options, "a.csv:0|1|x\na.csv:1|2|y\na.csv:2|3|null\n", "");
}

static void malformed_rows_are_rejected_with_their_place_and_text_and_the_rest_is_read(void **state)
{
    (void)state;
    text_write("a.csv", "a,b\n"
                        "0,good\n"
                        "1\n"
                        "2,too,many\n"
                        "3,good\n"
                        "4,\"closed\"then text\n"
                        "5,good\n"
                        "6,\xff\xfe\n"
                        "7,good\n"
                        "8,\"never closed\n"
                        "9,good\n");
    const struct heddle_source_options options = csv("a.csv");
    expect_source(&options,
                  "a.csv:0|0|good\na.csv:3|3|good\na.csv:5|5|good\na.csv:7|7|good\na.csv:9|9|good\n",
                  "a.csv:1 COLUMN_COUNT [1]\n"
                  "a.csv:2 COLUMN_COUNT [2,too,many]\n"
                  "a.csv:4 BAD_QUOTE [4,\"closed\"then text]\n"
                  "a.csv:6 BAD_ENCODING [6,??]\n"
                  "a.csv:8 BAD_QUOTE [8,\"never closed]\n");
}

static void read_and_rejected_rows_add_up_to_the_records_of_a_large_file(void **state)
{
    (void)state;
    enum { RECORDS = 50000 };
    struct heddle_buffer text = {0};
    uint64_t seen[2] = {0};
    heddle_buffer_append_text(&text, "n,text\n");
    for (unsigned i = 0; i < RECORDS;
         i++) { /* records of several lines, bad ones of three kinds between them */
        const unsigned kind = i % 7 < 2 ? i % 2 : i % 7 == 3 ? 2 + i % 3 : 0;
        char line[64];
        const int length = kind == 0 ? snprintf(line, sizeof line, "%u,plain\n", i)
                           : kind == 1
                               ? snprintf(line, sizeof line, "%u,\"quoted, \"\"twice\"\"\nover lines\"\n", i)
                           : kind == 2 ? snprintf(line, sizeof line, "%u\n", i)
                           : kind == 3 ? snprintf(line, sizeof line, "%u,\"x\"y\n", i)
                                       : snprintf(line, sizeof line, "%u,a,b\n", i);
        heddle_buffer_append(&text, line, (size_t)length);
        seen[kind >= 2 ? 1 : 0]++;
    }
    file_write("a.csv", text.bytes, text.length);
    heddle_buffer_free(&text);
    struct heddle_source_options options = csv("a.csv");
    options.batch_rows = 777;
    struct heddle_source *source = NULL;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    struct heddle_batch *batch = NULL;
    char key[32];
    char wanted[32];
    while (heddle_source_next(source, &batch, NULL) == HEDDLE_OK) {
        assert_true(batch->rows <= 777);
        for (size_t row = 0; row < batch->rows; row++) { /* the ordinal is the number that the record holds */
            snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)(batch->first_row + row));
            assert_string_equal(heddle_column_print(&batch->columns[0], row, key, sizeof key), wanted);
        }
        heddle_batch_release(batch);
    }
    assert_true(seen[0] > 10000 && seen[1] > 1000);
    assert_int_equal(heddle_source_rows_read(source), seen[0]);
    assert_int_equal(heddle_source_rows_rejected(source), seen[1]);
    assert_int_equal(seen[0] + seen[1], RECORDS);
    heddle_source_close(source);
    heddle_buffer_free(&log_of_test.text);
    log_of_test.count = 0;
}

static void a_projection_orders_the_columns_as_asked(void **state)
{
    (void)state;
    static const char *const columns[] = {"c", "a"};
    text_write("a.csv", "a,b,c\n1,2,3\n");
    struct heddle_source_options options = csv("a.csv");
    options.columns = columns;
    options.column_count = 2;
    expect_source(&options, "a.csv:0|3|1\n", "");
}

static void an_unknown_column_gets_the_nearest_name_and_the_list(void **state)
{
    (void)state;
    static const char *const columns[] = {"aircraft"};
    text_write("a.csv", "aircraft_id,b\n1,2\n");
    struct heddle_source_options options = csv("a.csv");
    options.columns = columns;
    options.column_count = 1;
    expect_refused(&options, HEDDLE_SOURCE, "no column `aircraft`");
    static const char *const close[] = {"aircraft_id2"};
    options.columns = close;
    expect_refused(&options, HEDDLE_SOURCE, "did you mean `aircraft_id`; its columns are: aircraft_id, b");
}

static void files_of_a_folder_come_in_order_with_ordinals_of_their_own(void **state)
{
    (void)state;
    text_write("b.csv", "x,y\n3,c\n");
    text_write("a.csv", "y,x\na,1\nb,2\n");
    text_write("_SUCCESS.csv", "not a table");
    text_write("notes.md", "nor this");
    const struct heddle_source_options options = options_of("csv", folder, &log_of_test);
    expect_source(&options, "a.csv:0|a|1\na.csv:1|b|2\nb.csv:0|c|3\n", "");
    const struct heddle_source_options pattern = options_of("csv", path_of("b*.csv"), &log_of_test);
    expect_source(&pattern, "b.csv:0|3|c\n", "");
}

static void files_with_other_columns_are_refused_by_name(void **state)
{
    (void)state;
    text_write("a.csv", "x,y\n1,2\n");
    text_write("b.csv", "x,z\n1,2\n");
    const struct heddle_source_options options = options_of("csv", folder, &log_of_test);
    expect_refused(&options, HEDDLE_SOURCE, "b.csv has no column `y`");
    text_write("b.csv", "x,y,z\n1,2,3\n");
    expect_refused(&options, HEDDLE_SOURCE, "b.csv has a column `z`");
}

static void settings_change_the_dialect(void **state)
{
    (void)state;
    static const struct heddle_source_setting settings[] = {
        {"delimiter", ";"}, {"quote", "'"}, {"escape", "\\"}, {"header", "false"}, {"null_text", "NA"}};
    text_write("a.csv", "1;'it\\'s; a \\n';NA\n;'NA';x\n");
    struct heddle_source_options options = csv("a.csv");
    options.settings = settings;
    options.setting_count = 5;
    expect_source(&options, "a.csv:0|1|it's; a \\n|null\na.csv:1||NA|x\n", "");
}

static void bad_settings_are_refused(void **state)
{
    (void)state;
    static const struct heddle_source_setting bad[][1] = {{{"delimiter", "ab"}},
                                                          {{"encoding", "latin1"}},
                                                          {{"header", "maybe"}},
                                                          {{"delimiter", "\""}},
                                                          {{"delimitr", ","}}};
    static const char *const parts[] = {"not one ASCII character", "only UTF-8", "not true or false",
                                        "the same character", "did you mean `delimiter`"};
    text_write("a.csv", "a\n1\n");
    for (size_t i = 0; i < 5; i++) {
        struct heddle_source_options options = csv("a.csv");
        options.settings = bad[i];
        options.setting_count = 1;
        expect_refused(&options, HEDDLE_INVALID, parts[i]);
    }
}

static void a_packed_file_is_unpacked_and_a_damaged_one_is_named(void **state)
{
    (void)state;
    char bytes[4096];
    gzFile file = gzopen(path_of("a.csv.gz"), "wb");
    gzputs(file, "a,b\n1,2\n3,4\n");
    assert_int_equal(gzclose(file), Z_OK);
    const struct heddle_source_options options = csv("a.csv.gz");
    expect_source(&options, "a.csv.gz:0|1|2\na.csv.gz:1|3|4\n", "");
    FILE *packed = fopen(path_of("a.csv.gz"), "rb");
    const size_t length = fread(bytes, 1, sizeof bytes, packed);
    fclose(packed);
    file_write("cut.csv.gz", bytes, length - 10);
    const struct heddle_source_options cut = csv("cut.csv.gz");
    struct heddle_source *source = NULL;
    struct heddle_error error = {0};
    struct heddle_buffer out = {0};
    int status = heddle_source_open(&cut, &source, &error);
    if (status == HEDDLE_OK) {
        status = source_print(source, &out, &error);
        heddle_source_close(source);
    }
    heddle_buffer_free(&out);
    heddle_buffer_free(&log_of_test.text);
    log_of_test.count = 0;
    assert_int_equal(status, HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "damaged or cut short"));
}

static void what_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct heddle_source_options options = csv("absent.csv");
    expect_refused(&options, HEDDLE_SOURCE, "there is no file or folder");
    options = options_of("csv", folder, &log_of_test);
    expect_refused(&options, HEDDLE_SOURCE, "holds no file that ends in .csv");
    options = csv("no*.csv");
    expect_refused(&options, HEDDLE_SOURCE, "no file matches");
    text_write("empty.csv", "");
    options = csv("empty.csv");
    expect_refused(&options, HEDDLE_SOURCE, "is empty");
    file_write("wide.csv",
               "\xff\xfe"
               "a\0",
               4);
    options = csv("wide.csv");
    expect_refused(&options, HEDDLE_SOURCE, "UTF-16");
    text_write("a.csv.zst", "x");
    options = csv("a.csv.zst");
    expect_refused(&options, HEDDLE_SOURCE, "packed in a way that is not read");
    options = options_of("cvs", "x", &log_of_test);
    expect_refused(&options, HEDDLE_INVALID, "did you mean `csv`");
}

static void a_limit_counts_rows_good_and_bad_and_stops_there(void **state)
{
    (void)state;
    text_write("a.csv", "a,b\n1,x\nbad\n3,z\n4,w\n");
    struct heddle_source_options options = csv("a.csv");
    options.limit = 3;
    expect_source(&options, "a.csv:0|1|x\na.csv:2|3|z\n", "a.csv:1 COLUMN_COUNT [bad]\n");
    options.limit = 0;
    expect_source(&options, "", "");
}

static void a_reject_sink_that_has_enough_stops_the_source(void **state)
{
    (void)state;
    struct heddle_source *source = NULL;
    struct heddle_buffer out = {0};
    text_write("a.csv", "a,b\nbad\nbad\nbad\n");
    log_of_test.limit = 2;
    const struct heddle_source_options options = csv("a.csv");
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_int_equal(source_print(source, &out, NULL), HEDDLE_REJECTED);
    assert_int_equal(log_of_test.count, 2);
    heddle_source_close(source);
    heddle_buffer_free(&log_of_test.text);
    heddle_buffer_free(&out);
    memset(&log_of_test, 0, sizeof log_of_test);
}

static void a_row_longer_than_the_limit_is_one_reject_and_the_next_is_read(void **state)
{
    (void)state;
    const size_t length = (size_t)HEDDLE_TEXT_RECORD_MAX + (1 << 20);
    char *text = malloc(length + 64);
    memcpy(text, "a,b\n0,", 6);
    memset(text + 6, 'x', length);
    memcpy(text + 6 + length, "\n1,y\n", 5);
    file_write("a.csv", text, length + 11);
    free(text);
    struct heddle_source_options options = csv("a.csv");
    struct heddle_source *source = NULL;
    struct heddle_buffer out = {0};
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_int_equal(source_print(source, &out, NULL), HEDDLE_END);
    assert_string_equal(heddle_buffer_text(&out), "a.csv:1|1|y\n");
    assert_int_equal(log_of_test.count, 1);
    assert_non_null(strstr(heddle_buffer_text(&log_of_test.text), "a.csv:0 ROW_TOO_LONG"));
    heddle_source_close(source);
    heddle_buffer_free(&out);
    heddle_buffer_free(&log_of_test.text);
    log_of_test.count = 0;
}

static void the_parser_gives_the_same_records_wherever_the_window_ends(void **state)
{
    (void)state;
    const char *const text = "a,\"b\"\"c\"\r\n,\"x\ny\"\n\"\",z";
    const struct heddle_csv_dialect dialect = {.delimiter = ',', .quote = '"', .escape = '"'};
    const size_t length = strlen(text);
    static const size_t steps[] = {10, 7, 4};
    struct heddle_csv_record record = {0};
    size_t start = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(heddle_csv_parse(&dialect, text + start, length - start, true, &record),
                         HEDDLE_CSV_RECORD);
        assert_int_equal(record.step, steps[i]);
        assert_int_equal(record.count, 2);
        for (size_t window = 1; window < length - start; window++) {
            const enum heddle_csv_answer answer =
                heddle_csv_parse(&dialect, text + start, window, false, &record);
            assert_true(answer == HEDDLE_CSV_MORE ||
                        (answer == HEDDLE_CSV_RECORD && record.step == steps[i]));
        }
        start += steps[i];
    }
    heddle_csv_record_free(&record);
}

static void reading_survives_the_failure_of_every_allocation(void **state)
{
    (void)state;
    text_write("a.csv", "a,b\n1,\"x\"\"y\"\nbad\n2,\n");
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_END; failures++) {
        assert_true(failures < 500);
        struct heddle_source *source = NULL;
        struct heddle_batch *batch = NULL;
        const struct heddle_source_options options = csv("a.csv");
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
    memset(&log_of_test, 0, sizeof log_of_test);
}

static void the_kind_of_a_path_is_guessed_by_its_ending(void **state)
{
    (void)state;
    assert_string_equal(heddle_source_guess_type("x/removals.PARQUET"), "parquet");
    assert_string_equal(heddle_source_guess_type("a.csv.gz"), "csv");
    assert_string_equal(heddle_source_guess_type("a.ndjson"), "jsonl");
    assert_null(heddle_source_guess_type("a.xlsx"));
    assert_null(heddle_source_guess_type(folder));
    text_write("_SUCCESS", "");
    text_write("part-0.parquet", "");
    assert_string_equal(heddle_source_guess_type(folder), "parquet");
    text_write("b.csv", "");
    assert_null(heddle_source_guess_type(folder));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quotes_newlines_and_nulls_arrive_as_meant),
        TEST(crlf_a_byte_order_mark_and_blank_lines_leave_no_trace),
        TEST(malformed_rows_are_rejected_with_their_place_and_text_and_the_rest_is_read),
        TEST(read_and_rejected_rows_add_up_to_the_records_of_a_large_file),
        TEST(a_projection_orders_the_columns_as_asked),
        TEST(an_unknown_column_gets_the_nearest_name_and_the_list),
        TEST(files_of_a_folder_come_in_order_with_ordinals_of_their_own),
        TEST(files_with_other_columns_are_refused_by_name),
        TEST(settings_change_the_dialect),
        TEST(bad_settings_are_refused),
        TEST(a_packed_file_is_unpacked_and_a_damaged_one_is_named),
        TEST(what_cannot_be_read_says_why),
        TEST(a_limit_counts_rows_good_and_bad_and_stops_there),
        TEST(a_reject_sink_that_has_enough_stops_the_source),
        TEST(a_row_longer_than_the_limit_is_one_reject_and_the_next_is_read),
        TEST(the_parser_gives_the_same_records_wherever_the_window_ends),
        TEST(reading_survives_the_failure_of_every_allocation),
        TEST(the_kind_of_a_path_is_guessed_by_its_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
