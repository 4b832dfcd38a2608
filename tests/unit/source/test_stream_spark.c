/* test_stream_spark.c: the same micro-batches as Spark 3.5.9 with Delta 3.3.3 made of the same tables (tests/golden/spark). */
#include "stream_fixture.h"

#define GOLDEN "tests/golden/spark/"

/* Copies the table of a scenario with its commits up to `version` into the test's folder. */
static void golden_copy(const char *scenario, int version)
{
    char path[512];
    char name[512];
    snprintf(path, sizeof path, "%s/%s%s/table", HEDDLE_SOURCE_DIR, GOLDEN, scenario);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (strstr(entry->d_name, ".parquet") != NULL) {
            size_t length = 0;
            snprintf(name, sizeof name, GOLDEN "%s/table/%s", scenario, entry->d_name);
            char *bytes = project_file(name, &length);
            file_write(entry->d_name, bytes, length);
            free(bytes);
        }
    }
    closedir(listing);
    for (int i = 0; i <= version; i++) {
        size_t length = 0;
        char commit[64];
        snprintf(commit, sizeof commit, "_delta_log/%020d.json", i);
        snprintf(name, sizeof name, GOLDEN "%s/table/%s", scenario, commit);
        char *bytes = project_file(name, &length);
        file_write(commit, bytes, length);
        free(bytes);
    }
}

/* The offset that Spark wrote for a batch: the third line. */
static const char *golden_offset(const char *scenario, const char *checkpoint, int batch)
{
    static char offset[512];
    char name[256];
    snprintf(name, sizeof name, GOLDEN "%s/%s/offsets/%d", scenario, checkpoint, batch);
    char *text = project_file(name, NULL);
    char *line = strchr(text, '\n');
    line = line != NULL ? strchr(line + 1, '\n') : NULL;
    assert_non_null(line);
    snprintf(offset, sizeof offset, "%s", line + 1);
    free(text);
    return offset;
}

/* Asserts that a run gives Spark's offsets first .. last, with these rows. */
static void expect_spark(struct stream_case *test, const char *scenario, int first, const char *const *rows)
{
    struct heddle_buffer wanted = {0};
    for (int i = 0; rows[i] != NULL; i++) {
        heddle_buffer_append_format(&wanted, "%s: %s\n", golden_offset(scenario, "checkpoint", first + i),
                                    rows[i]);
    }
    const char *text = heddle_buffer_text(&wanted);
    assert_string_equal(stream_run(test), text != NULL ? text : "");
    heddle_buffer_free(&wanted);
}

static void one_file_a_batch_and_then_what_was_appended(void **state)
{
    (void)state;
    static const char *const first[] = {"25 rows 0-24", "25 rows 25-49", "25 rows 50-74", "25 rows 75-99",
                                        NULL};
    static const char *const second[] = {"25 rows 100-124", "25 rows 125-149", NULL};
    static const char *const nothing[] = {NULL};
    struct stream_case test = {0};
    stream_set(&test, "maxFilesPerTrigger", "1");
    golden_copy("s1_append", 0);
    stream_begin(&test, "delta", folder);
    expect_spark(&test, "s1_append", 0, first);
    golden_copy("s1_append", 1);
    expect_spark(&test, "s1_append", 4, second);
    expect_spark(&test, "s1_append", 6, nothing);
    stream_end(&test);
}

static void a_new_process_goes_on_from_an_offset_of_spark(void **state)
{
    (void)state;
    static const char *const rows[] = {"25 rows 100-124", "25 rows 125-149", NULL};
    struct stream_case test = {0};
    stream_set(&test, "maxFilesPerTrigger", "1");
    golden_copy("s1_append", 1);
    snprintf(test.offset, sizeof test.offset, "%s", golden_offset("s1_append", "checkpoint", 3));
    stream_begin(&test, "delta", folder);
    expect_spark(&test, "s1_append", 4, rows);
    stream_end(&test);
}

static void bytes_are_a_soft_limit(void **state)
{
    (void)state;
    static const char *const rows[] = {"40 rows 0-39", "40 rows 40-79", "40 rows 80-119", NULL};
    struct stream_case test = {0};
    stream_set(&test, "maxBytesPerTrigger", "2500b");
    golden_copy("s2_maxbytes", 0);
    stream_begin(&test, "delta", folder);
    expect_spark(&test, "s2_maxbytes", 0, rows);
    stream_end(&test);
}

static void files_come_by_modification_time_and_not_by_name(void **state)
{
    (void)state;
    static const char *const rows[] = {"20 rows 20-39", "20 rows 0-19",  "20 rows 60-79",
                                       "20 rows 40-59", "20 rows 80-99", NULL};
    struct stream_case test = {0};
    stream_set(&test, "maxFilesPerTrigger", "1");
    golden_copy("s3_fail_resume", 0);
    stream_begin(&test, "delta", folder);
    expect_spark(&test, "s3_fail_resume", 0, rows);
    stream_end(&test);
}

static void a_batch_that_spark_left_is_the_same_range_again(void **state)
{
    (void)state;
    char start[512];
    struct stream_case test = {0};
    struct heddle_buffer out = {0};
    golden_copy("s3_fail_resume", 0);
    snprintf(start, sizeof start, "%s", golden_offset("s3_fail_resume", "checkpoint_after_failure", 1));
    const struct heddle_stream_range range = {
        .start = start,
        .end = golden_offset("s3_fail_resume", "checkpoint_after_failure", 2),
        .limit = UINT64_MAX};
    snprintf(test.offset, sizeof test.offset, "%s", range.end);
    stream_begin(&test, "delta", folder);
    range_print(test.stream, &range, &out);
    assert_string_equal(heddle_buffer_text(&out), "20 rows 60-79");
    heddle_buffer_free(&out);
    stream_end(&test);
}

static void another_limit_counts_from_the_next_batch_on(void **state)
{
    (void)state;
    static const char *const rows[] = {"60 rows 40-99", "20 rows 100-119", NULL};
    struct stream_case test = {0};
    stream_set(&test, "maxFilesPerTrigger", "3");
    golden_copy("s8_resume_other_limit", 0);
    snprintf(test.offset, sizeof test.offset, "%s", golden_offset("s8_resume_other_limit", "checkpoint", 1));
    stream_begin(&test, "delta", folder);
    expect_spark(&test, "s8_resume_other_limit", 2, rows);
    stream_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, table_make, table_remove)
        TEST(one_file_a_batch_and_then_what_was_appended),
        TEST(a_new_process_goes_on_from_an_offset_of_spark),
        TEST(bytes_are_a_soft_limit),
        TEST(files_come_by_modification_time_and_not_by_name),
        TEST(a_batch_that_spark_left_is_the_same_range_again),
        TEST(another_limit_counts_from_the_next_batch_on),
    };
    return duck_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
