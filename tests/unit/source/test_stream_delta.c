/* test_stream_delta.c: Delta tables as micro-batches: offsets, limits, commits that change rows, schemas, gaps. The vectors of rows
 * and offsets are those of Delta's own DeltaSourceSuite. */
#include "stream_fixture.h"

#define SNAPSHOT(version, index) OFFSET(version, index, "true")
#define TAIL(version, index) OFFSET(version, index, "false")
#define OFFSET(version, index, snapshot)                                                                     \
    "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":" #version ",\"index\":" #index         \
    ",\"isStartingVersion\":" snapshot "}: "

/* A file n.parquet that holds the numbers first .. last. */
static void numbers_file(int first, int last)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "COPY (SELECT i::INTEGER AS n FROM range(%d, %d) r(i)) TO '%%s/%d.parquet' (FORMAT parquet)",
             first, last + 1, first);
    sql_run(sql);
}

static const char *add_of(int first, int size)
{
    static char lines[4][256];
    static unsigned turn;
    char *line = lines[turn++ % 4];
    snprintf(line, sizeof lines[0],
             "{\"add\":{\"path\":\"%d.parquet\",\"partitionValues\":{},\"size\":%d,\"modificationTime\":%d,"
             "\"dataChange\":true}}\n",
             first, size, first);
    return line;
}

/* A table of `files` commits, each of one file with one number, 0, 1, 2, …, of 100 bytes as the log says. */
static void appended_table(int files)
{
    for (int i = 0; i < files; i++) {
        numbers_file(i, i);
        if (i == 0) {
            numbers_table(add_of(0, 100));
        } else {
            commit_write(i, add_of(i, 100), NULL, NULL, NULL);
        }
    }
}

static void one_file_a_batch_ends_where_spark_says(void **state)
{
    (void)state;
    struct stream_case test = {0};
    stream_set(&test, "maxFilesPerTrigger", "1");
    appended_table(5);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test),
                        SNAPSHOT(4, 0) "1 rows 0-0\n" SNAPSHOT(4, 1) "1 rows 1-1\n" SNAPSHOT(
                            4, 2) "1 rows 2-2\n" SNAPSHOT(4, 3) "1 rows 3-3\n" TAIL(5, -1) "1 rows 4-4\n");
    assert_string_equal(stream_run(&test), "");
    for (int i = 5; i < 8; i++) {
        numbers_file(i, i);
        commit_write(i, add_of(i, 100), NULL, NULL, NULL);
    }
    assert_string_equal(stream_run(&test),
                        TAIL(6, -1) "1 rows 5-5\n" TAIL(7, -1) "1 rows 6-6\n" TAIL(8, -1) "1 rows 7-7\n");
    stream_end(&test);
}

static void without_limits_a_thousand_files_are_one_batch(void **state)
{
    (void)state;
    struct stream_case test = {0};
    appended_table(3);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), TAIL(3, -1) "3 rows 0-2\n");
    stream_end(&test);
}

static void a_commit_without_data_is_one_empty_batch(void **state)
{
    (void)state;
    struct stream_case test = {0};
    appended_table(1);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), TAIL(1, -1) "1 rows 0-0\n");
    commit_write(1, "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n",
                 "{\"add\":{\"path\":\"0.parquet\",\"partitionValues\":{},\"size\":1,\"modificationTime\":9,"
                 "\"dataChange\":false}}\n",
                 NULL, NULL);
    assert_string_equal(stream_run(&test), TAIL(2, -1) "0 rows\n");
    assert_string_equal(stream_run(&test), "");
    stream_end(&test);
}

static void bytes_and_files_limit_together(void **state)
{
    (void)state;
    struct stream_case test = {0};
    appended_table(6);
    stream_set(&test, "maxBytesPerTrigger", "101b"); /* room for one more after the first */
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), SNAPSHOT(5, 1) "2 rows 0-1\n" SNAPSHOT(5, 3) "2 rows 2-3\n" TAIL(
                                               6, -1) "2 rows 4-5\n");
    stream_end(&test);
    struct stream_case both = {0};
    stream_set(&both, "maxBytesPerTrigger", "101b");
    stream_set(&both, "maxFilesPerTrigger", "1");
    stream_begin(&both, "delta", folder);
    assert_non_null(strstr(stream_run(&both), SNAPSHOT(5, 0) "1 rows 0-0\n" SNAPSHOT(5, 1) "1 rows 1-1\n"));
    stream_end(&both);
    struct stream_case tiny = {0};
    stream_set(&tiny, "maxBytesPerTrigger", "1"); /* one file is always taken */
    stream_begin(&tiny, "delta", folder);
    assert_non_null(strstr(stream_run(&tiny), SNAPSHOT(5, 0) "1 rows 0-0\n" SNAPSHOT(5, 1) "1 rows 1-1\n"));
    stream_end(&tiny);
}

static void rows_that_are_done_are_passed_over(void **state)
{
    (void)state;
    struct stream_case test = {0};
    struct heddle_buffer out = {0};
    numbers_file(0, 99);
    numbers_table(add_of(0, 100));
    stream_begin(&test, "delta", folder);
    assert_non_null(strstr(stream_run(&test), "100 rows 0-99"));
    const struct heddle_stream_range range = {.end = test.offset, .skip = 30, .limit = 50};
    range_print(test.stream, &range, &out);
    assert_string_equal(heddle_buffer_text(&out), "50 rows 30-79");
    heddle_buffer_free(&out);
    stream_end(&test);
}

static void a_stream_begins_where_it_is_told(void **state)
{
    (void)state;
    struct heddle_buffer start = {0};
    static const struct {
        const char *version;
        const char *rows;
    } cases[] = {{"0", "4 rows 0-3"}, {"2", "2 rows 2-3"}, {"latest", ""}};
    appended_table(4);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stream_case test = {0};
        stream_set(&test, "startingVersion", cases[i].version);
        stream_begin(&test, "delta", folder);
        assert_int_equal(heddle_stream_begin(test.stream, &start, NULL), HEDDLE_OK);
        assert_non_null(strstr(heddle_buffer_text(&start), "\"index\":-1,\"isStartingVersion\":false}"));
        assert_non_null(strstr(stream_run(&test), cases[i].rows));
        stream_end(&test);
    }
    heddle_buffer_free(&start);
    struct stream_case late = {0};
    struct heddle_error error = {0};
    stream_set(&late, "startingVersion", "9");
    stream_begin(&late, "delta", folder);
    assert_int_equal(heddle_stream_begin(late.stream, &start, &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "the log has the commits 0 to 3"));
    stream_end(&late);
    heddle_buffer_free(&start);
}

/* [0,1,2], DELETE all, append [3,4], overwrite with [5,6,7], append [8,9]. */
static void changed_table(void)
{
    numbers_file(0, 2);
    numbers_file(3, 4);
    numbers_file(5, 7);
    numbers_file(8, 9);
    numbers_table(add_of(0, 1));
    commit_write(1, "{\"commitInfo\":{\"operation\":\"DELETE\"}}\n", REMOVE("0.parquet"), NULL, NULL);
    commit_write(2, add_of(3, 1), NULL, NULL, NULL);
    commit_write(3, "{\"commitInfo\":{\"operation\":\"WRITE\"}}\n", REMOVE("3.parquet"), add_of(5, 1), NULL);
    commit_write(4, add_of(8, 1), NULL, NULL, NULL);
}

static void each_policy_says_what_becomes_of_changes(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        const char *seen;
    } cases[] = {
        {"skipChangeCommits",
         TAIL(2, -1) "3 rows 0-2\n" TAIL(4, -1) "2 rows 3-4\n" TAIL(5, -1) "2 rows 8-9\n"},
        {"ignoreChanges", TAIL(2, -1) "3 rows 0-2\n" TAIL(3, -1) "2 rows 3-4\n" TAIL(
                              4, -1) "3 rows 5-7\n" TAIL(5, -1) "2 rows 8-9\n"},
        {"ignoreFileDeletion", TAIL(2, -1) "3 rows 0-2\n" TAIL(3, -1) "2 rows 3-4\n" TAIL(
                                   4, -1) "3 rows 5-7\n" TAIL(5, -1) "2 rows 8-9\n"},
        {"ignoreDeletes", "version 3 of the table changes rows (WRITE)"},
        {"failOnDataLoss", "version 1 of the table deletes rows (DELETE)"},
    };
    changed_table();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stream_case test = {0};
        stream_set(&test, "startingVersion", "0");
        stream_set(&test, "maxFilesPerTrigger", "1");
        stream_set(&test, cases[i].policy, "true");
        stream_begin(&test, "delta", folder);
        const char *seen = stream_run(&test);
        if (strstr(seen, cases[i].seen) == NULL) {
            fail_msg("%s: %s", cases[i].policy, seen);
        }
        stream_end(&test);
    }
}

/* 0, 1, 2 are loaded; 1 becomes 11 and 20 is new; then a deletion. */
static void changed_feed(void)
{
    numbers_file(0, 2);
    numbers_table(add_of(0, 1));
    sql_run("COPY (SELECT * FROM (VALUES (1::INTEGER, 'update_preimage'), (11, 'update_postimage'), (20, "
            "'insert')) "
            "t(n, _change_type)) TO '%s/cdc.parquet' (FORMAT parquet)");
    sql_run("COPY (SELECT 2::INTEGER AS n, 'delete' AS _change_type) TO '%s/gone.parquet' (FORMAT parquet)");
    commit_write(
        1, "{\"cdc\":{\"path\":\"cdc.parquet\",\"partitionValues\":{},\"size\":1,\"dataChange\":false}}\n",
        REMOVE("0.parquet"), ADD("whole.parquet"), NULL);
}

static void a_change_feed_gives_rows_as_they_are_now_between_those_that_were(void **state)
{
    (void)state;
    struct stream_case test = {0};
    stream_set(&test, "readChangeFeed", "true");
    changed_feed();
    numbers_file(30, 31);
    commit_write(2, add_of(30, 1), NULL, NULL, NULL);
    snprintf(test.offset, sizeof test.offset,
             "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":1,\"index\":-1,"
             "\"isStartingVersion\":false}");
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), TAIL(3, -1) "4 rows 11-31, looks 1 1-1, removes 1 1-1\n");
    stream_end(&test);
}

#define FROM(version)                                                                                        \
    "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":" #version ",\"index\":-1,"             \
    "\"isStartingVersion\":false}"

/* What a change feed shows from a version on. */
static void assert_feed(const char *from, const char *policy, const char *seen)
{
    struct stream_case test = {0};
    stream_set(&test, "readChangeFeed", "true");
    if (policy != NULL) {
        stream_set(&test, policy, "true");
    }
    snprintf(test.offset, sizeof test.offset, "%s", from);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), seen);
    assert_string_equal(stream_run(&test), "");
    stream_end(&test);
}

static void a_change_feed_shows_what_is_deleted_unless_rows_may_stay(void **state)
{
    (void)state;
    changed_feed();
    commit_write(
        2, "{\"cdc\":{\"path\":\"gone.parquet\",\"partitionValues\":{},\"size\":1,\"dataChange\":false}}\n",
        NULL, NULL, NULL);
    /* The end of a commit with change files is its last file, as Spark has it; nothing new follows. */
    assert_feed(FROM(2), NULL, TAIL(2, 0) "0 rows, looks 1 2-2, removes 1 2-2\n");
    assert_feed(FROM(2), "ignoreDeletes", TAIL(2, 0) "0 rows, looks 1 2-2\n");
}

static void whole_files_that_go_are_removed_without_a_look(void **state)
{
    (void)state;
    changed_feed();
    commit_write(2, REMOVE("0.parquet"), NULL, NULL, NULL);
    assert_feed(FROM(2), NULL, TAIL(3, -1) "0 rows, removes 3 0-2\n");
    assert_feed(FROM(2), "ignoreDeletes", TAIL(3, -1) "0 rows\n");
}

/* An overwrite has no change files: what it replaces is told from what comes beside it, so it is never cut. */
static void an_overwrite_is_one_micro_batch_that_shows_both_sides(void **state)
{
    (void)state;
    struct stream_case test = {0};
    struct heddle_error error = {0};
    struct heddle_source *source = NULL;
    numbers_file(0, 2);
    numbers_file(5, 7);
    numbers_table(add_of(0, 1));
    commit_write(1, add_of(5, 1), REMOVE("0.parquet"), NULL, NULL);
    stream_set(&test, "readChangeFeed", "true");
    stream_set(&test, "maxFilesPerTrigger", "1");
    snprintf(test.offset, sizeof test.offset, "%s", FROM(1));
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), TAIL(2, -1) "3 rows 5-7, looks 3 0-2, removes 3 0-2\n");
    const struct heddle_stream_range cut = {
        .start = FROM(1),
        .end = "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":1,\"index\":0,"
               "\"isStartingVersion\":false}",
        .limit = UINT64_MAX};
    assert_int_equal(heddle_stream_read(test.stream, &cut, &source, &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "the checkpoint ends between them"));
    const struct heddle_stream_range part = {.start = FROM(1), .end = test.offset, .limit = 2};
    assert_int_equal(heddle_stream_read(test.stream, &part, &source, &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "is not cut by rows"));
    stream_end(&test);
}

static void a_version_that_is_named_is_read_and_no_other(void **state)
{
    (void)state;
    struct stream_case test = {0};
    stream_set(&test, "versionAsOf", "1");
    appended_table(4);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), TAIL(2, -1) "2 rows 0-1\n");
    assert_string_equal(stream_run(&test), "");
    stream_end(&test);
    struct stream_case both = {0};
    struct heddle_error error = {0};
    stream_set(&both, "versionAsOf", "1");
    stream_set(&both, "startingVersion", "1");
    assert_int_equal(stream_try(&both, "delta", folder, &error), HEDDLE_INVALID);
}

static void files_that_a_pattern_excludes_keep_their_index(void **state)
{
    (void)state;
    struct stream_case test = {0};
    stream_set(&test, "excludeRegex", "^1");
    stream_set(&test, "maxFilesPerTrigger", "1");
    appended_table(3);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test),
                        SNAPSHOT(2, 0) "1 rows 0-0\n" SNAPSHOT(2, 1) "0 rows\n" TAIL(3, -1) "1 rows 2-2\n");
    stream_end(&test);
}

static void expect_open_refused(struct stream_case *test, const char *part)
{
    struct heddle_error error = {0};
    if (stream_try(test, "delta", folder, &error) == HEDDLE_OK) {
        const char *seen = stream_run(test);
        if (strstr(seen, part) == NULL) {
            fail_msg("`%s` is not in `%s`", part, seen);
        }
    } else if (strstr(error.message, part) == NULL) {
        fail_msg("`%s` is not in `%s`", part, error.message);
    }
    stream_end(test);
}

static void offsets_of_elsewhere_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *offset;
        const char *part;
    } cases[] = {
        {"{\"sourceVersion\":1,\"reservoirId\":\"other\",\"reservoirVersion\":1,\"index\":-1,"
         "\"isStartingVersion\":false}",
         "belongs to another table (id other; this one is t)"},
        {"{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":7,\"index\":-1,"
         "\"isStartingVersion\":false}",
         "the checkpoint has read up to version 6"},
        {"{\"sourceVersion\":2,\"reservoirId\":\"t\",\"reservoirVersion\":1,\"index\":-1,"
         "\"isStartingVersion\":false}",
         "of format 2"},
        {"{\"sourceVersion\":4,\"reservoirId\":\"t\",\"reservoirVersion\":1,\"index\":-1,"
         "\"isStartingVersion\":false}",
         "of format 4"},
        {"{\"logOffset\":3}", "not one of a Delta table"},
        {"3", "is not JSON"},
        {"{", "is not JSON"},
    };
    appended_table(3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stream_case test = {0};
        snprintf(test.offset, sizeof test.offset, "%s", cases[i].offset);
        expect_open_refused(&test, cases[i].part);
    }
}

static void a_missing_commit_stops_the_stream_unless_it_may_be_lost(void **state)
{
    (void)state;
    struct stream_case test = {0};
    appended_table(5);
    stream_set(&test, "startingVersion", "0");
    stream_begin(&test, "delta", folder);
    assert_int_equal(unlink(path_of("_delta_log/00000000000000000002.json")), 0);
    assert_non_null(strstr(stream_run(&test), "commit 2 is missing"));
    stream_end(&test);
}

static void added_columns_pass_and_other_changes_do_not(void **state)
{
    (void)state;
    static const char from_0[] = "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":1,"
                                 "\"index\":-1,\"isStartingVersion\":false}";
    static const struct {
        const char *fields;
        const char *part;
    } cases[] = {
        {FIELD("n", "integer") "," FIELD("m", "string"), TAIL(3, -1) "1 rows 1-1\n"},
        {FIELD("n", "long"), "the column `n` has another type"},
        {FIELD("m", "integer"), "the column `n` is dropped between version 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stream_case test = {0};
        numbers_file(0, 0);
        numbers_file(1, 1);
        numbers_table(add_of(0, 1));
        commit_write(1, "{\"commitInfo\":{}}\n", NULL, NULL, NULL);
        commit_write(2, metadata_of(cases[i].fields, "", ""), add_of(1, 1), NULL, NULL);
        snprintf(test.offset, sizeof test.offset, "%s", from_0);
        expect_open_refused(&test, cases[i].part);
    }
}

static void a_column_that_comes_while_the_stream_runs_stops_it_once(void **state)
{
    (void)state;
    struct stream_case test = {0};
    appended_table(1);
    stream_begin(&test, "delta", folder);
    assert_non_null(strstr(stream_run(&test), "1 rows 0-0"));
    numbers_file(1, 1);
    commit_write(1, metadata_of(FIELD("n", "integer") "," FIELD("m", "string"), "", ""), add_of(1, 1), NULL,
                 NULL);
    assert_non_null(strstr(stream_run(&test), "adds the column `m`"));
    stream_end(&test);
    stream_begin(&test, "delta", folder);
    assert_string_equal(stream_run(&test), TAIL(2, -1) "1 rows 1-1\n");
    stream_end(&test);
}

static void what_is_frozen_does_not_grow(void **state)
{
    (void)state;
    struct stream_case test = {0};
    struct heddle_buffer end = {0};
    appended_table(2);
    stream_begin(&test, "delta", folder);
    assert_int_equal(heddle_stream_refresh(test.stream, NULL, true, NULL, NULL), HEDDLE_OK);
    numbers_file(2, 2);
    commit_write(2, add_of(2, 100), NULL, NULL, NULL);
    assert_int_equal(heddle_stream_plan(test.stream, NULL, false, &end, NULL), HEDDLE_OK);
    snprintf(test.offset, sizeof test.offset, "%s", heddle_buffer_text(&end));
    assert_non_null(strstr(test.offset, "\"reservoirVersion\":2,\"index\":-1"));
    assert_int_equal(heddle_stream_plan(test.stream, test.offset, false, &end, NULL), HEDDLE_END);
    assert_string_equal(stream_run(&test), TAIL(3, -1) "1 rows 2-2\n");
    heddle_buffer_free(&end);
    stream_end(&test);
}

static void a_follower_sees_what_its_leader_saw(void **state)
{
    (void)state;
    struct stream_case leader = {0};
    struct stream_case follower = {0};
    struct heddle_buffer end = {0};
    appended_table(2);
    stream_begin(&leader, "delta", folder);
    assert_int_equal(heddle_stream_refresh(leader.stream, NULL, true, NULL, NULL), HEDDLE_OK);
    numbers_file(2, 2);
    commit_write(2, add_of(2, 100), NULL, NULL, NULL);
    stream_set(&follower, "startingVersion", "0");
    stream_begin(&follower, "delta", folder);
    assert_int_equal(heddle_stream_refresh(follower.stream, NULL, true, leader.stream, NULL), HEDDLE_OK);
    assert_int_equal(heddle_stream_plan(follower.stream, NULL, false, &end, NULL), HEDDLE_OK);
    assert_non_null(strstr(heddle_buffer_text(&end), "\"reservoirVersion\":2,\"index\":-1"));
    heddle_buffer_free(&end);
    stream_end(&follower);
    stream_end(&leader);
}

static void settings_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *part;
    } cases[] = {
        {"maxFilesPerTrigger", "0", "at least 1"},
        {"maxFilesPerTrigger", "many", "not a number"},
        {"maxBytesPerTrigger", "64 bananas", "not a size"},
        {"ignoreDeletes", "yes", "not true or false"},
        {"excludeRegex", "(", "not a regular expression"},
        {"maxFilePerTrigger", "1", "did you mean `maxFilesPerTrigger`"},
    };
    appended_table(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stream_case test = {0};
        stream_set(&test, cases[i].name, cases[i].value);
        expect_open_refused(&test, cases[i].part);
    }
}

static void hostile_logs_end_in_a_sentence(void **state)
{
    (void)state;
    static char deep[20002];
    static const struct {
        const char *action;
        const char *part;
    } cases[] = {
        {ADD("..%2f..%2fetc%2fpasswd"), "outside the table"},
        {ADD("file:///etc/passwd"), "outside the table"},
        {ADD("nowhere.parquet"), "nowhere.parquet"},
        {deep, "not JSON"},
    };
    memset(deep, '[', sizeof deep - 2);
    deep[sizeof deep - 2] = '\n';
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stream_case test = {0};
        struct heddle_error error = {0};
        struct heddle_buffer end = {0};
        struct heddle_source *source = NULL;
        appended_table(1);
        stream_begin(&test, "delta", folder);
        commit_write(1, cases[i].action, NULL, NULL, NULL);
        snprintf(test.offset, sizeof test.offset,
                 "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":1,\"index\":-1,"
                 "\"isStartingVersion\":false}");
        int status = heddle_stream_refresh(test.stream, test.offset, true, NULL, &error);
        if (status == HEDDLE_OK) {
            status = heddle_stream_plan(test.stream, test.offset, false, &end, &error);
        }
        if (status == HEDDLE_OK) {
            const struct heddle_stream_range range = {
                .start = test.offset, .end = heddle_buffer_text(&end), .limit = UINT64_MAX};
            status = heddle_stream_read(test.stream, &range, &source, &error);
        }
        if (status != HEDDLE_SOURCE || strstr(error.message, cases[i].part) == NULL) {
            fail_msg("`%s` is not in `%s` (%d)", cases[i].part, error.message, status);
        }
        heddle_buffer_free(&end);
        stream_end(&test);
        assert_int_equal(unlink(path_of("_delta_log/00000000000000000001.json")), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, table_make, table_remove)
        TEST(one_file_a_batch_ends_where_spark_says),
        TEST(without_limits_a_thousand_files_are_one_batch),
        TEST(a_commit_without_data_is_one_empty_batch),
        TEST(bytes_and_files_limit_together),
        TEST(rows_that_are_done_are_passed_over),
        TEST(a_stream_begins_where_it_is_told),
        TEST(each_policy_says_what_becomes_of_changes),
        TEST(a_change_feed_gives_rows_as_they_are_now_between_those_that_were),
        TEST(a_change_feed_shows_what_is_deleted_unless_rows_may_stay),
        TEST(whole_files_that_go_are_removed_without_a_look),
        TEST(an_overwrite_is_one_micro_batch_that_shows_both_sides),
        TEST(a_version_that_is_named_is_read_and_no_other),
        TEST(files_that_a_pattern_excludes_keep_their_index),
        TEST(offsets_of_elsewhere_are_refused),
        TEST(a_missing_commit_stops_the_stream_unless_it_may_be_lost),
        TEST(added_columns_pass_and_other_changes_do_not),
        TEST(a_column_that_comes_while_the_stream_runs_stops_it_once),
        TEST(what_is_frozen_does_not_grow),
        TEST(a_follower_sees_what_its_leader_saw),
        TEST(settings_that_mean_nothing_are_refused),
        TEST(hostile_logs_end_in_a_sentence),
    };
    return duck_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
