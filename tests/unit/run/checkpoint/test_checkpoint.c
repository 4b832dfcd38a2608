/* test_checkpoint.c: Spark's checkpoint folder read, written and gone on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/fresh.h"
#include "run/checkpoint/trigger.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heddle-checkpoint-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return heddle_fresh(NULL, folder, NULL) == HEDDLE_OK ? rmdir(folder) : -1;
}

/* A path below the folder; valid until the next but one. */
static const char *path_of(const char *name)
{
    static char paths[2][256];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void text_write(const char *name, const char *text)
{
    assert_int_equal(heddle_file_write(path_of(name), text, strlen(text), NULL), HEDDLE_OK);
}

/* The text of a file; valid until the next call. */
static const char *text_of(const char *path)
{
    static struct heddle_buffer text;
    struct heddle_error error = {0};
    heddle_buffer_reset(&text);
    if (heddle_file_read(path, 1 << 20, &text, NULL, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return heddle_buffer_text(&text);
}

static bool is_there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static struct heddle_checkpoint *checkpoint_open(void)
{
    struct heddle_checkpoint *checkpoint = NULL;
    struct heddle_error error = {0};
    if (heddle_checkpoint_open(NULL, folder, &checkpoint, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return checkpoint;
}

static void expect_refused(const char *part)
{
    struct heddle_checkpoint *checkpoint = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_checkpoint_open(NULL, folder, &checkpoint, &error), HEDDLE_IO);
    if (strstr(error.message, part) == NULL) {
        fail_msg("`%s` is not in `%s`", part, error.message);
    }
}

static void folders_make(void)
{
    assert_int_equal(heddle_folder_make(path_of("offsets"), NULL), HEDDLE_OK);
    assert_int_equal(heddle_folder_make(path_of("commits"), NULL), HEDDLE_OK);
    text_write("metadata", "{\"id\":\"x\"}");
}

static void batch_write(int number, const char *offset, bool committed)
{
    char name[64];
    char text[256];
    snprintf(name, sizeof name, "offsets/%d", number);
    snprintf(text, sizeof text,
             "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1,\"conf\":{\"a\":\"b\"}}\n%s", offset);
    text_write(name, text);
    if (committed) {
        snprintf(name, sizeof name, "commits/%d", number);
        text_write(name, "v1\n{\"nextBatchWatermarkMs\":0}");
    }
}

static void opening_writes_nothing(void **state)
{
    (void)state;
    struct heddle_checkpoint_batch batch;
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    assert_false(heddle_checkpoint_pending(checkpoint, &batch));
    assert_int_equal(batch.number, 0);
    assert_string_equal(batch.start, "");
    assert_string_equal(heddle_checkpoint_newest(checkpoint), "");
    heddle_checkpoint_close(checkpoint);
    assert_false(is_there("metadata"));
    assert_false(is_there("offsets"));
}

/* The golden file of Spark and one of ours differ in the time, in a setting of that session, and in nothing else. */
static void a_batch_is_written_as_spark_writes_it(void **state)
{
    (void)state;
    char spark[4096];
    char ours[4096];
    static const char golden[] = HEDDLE_SOURCE_DIR "/tests/golden/spark/s1_append/checkpoint/";
    static const char offset[] =
        "{\"sourceVersion\":1,\"reservoirId\":\"b26bfc82-94f1-4c30-be1b-e6a5f5184d9d\","
        "\"reservoirVersion\":0,\"index\":0,\"isStartingVersion\":true}";
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    assert_int_equal(heddle_checkpoint_begin(checkpoint, offset, NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_commit(checkpoint, NULL), HEDDLE_OK);
    heddle_checkpoint_close(checkpoint);
    snprintf(spark, sizeof spark, "%soffsets/0", golden);
    snprintf(spark, sizeof spark, "%s", text_of(spark));
    snprintf(ours, sizeof ours, "%s", text_of(path_of("offsets/0")));
    char *times[] = {strstr(spark, "\"batchTimestampMs\":"), strstr(ours, "\"batchTimestampMs\":")};
    char *shuffles[] = {strstr(spark, "partitions\":\"4\""), strstr(ours, "partitions\":\"200\"")};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(times[i]);
        assert_non_null(shuffles[i]);
        memset(times[i] + strlen("\"batchTimestampMs\":"), '0', strlen("1795260131168"));
        memmove(shuffles[i], shuffles[i] + strlen(i == 0 ? "partitions\":\"4\"" : "partitions\":\"200\""),
                strlen(shuffles[i]) - strlen(i == 0 ? "partitions\":\"4\"" : "partitions\":\"200\"") + 1);
    }
    assert_string_equal(ours, spark);
    snprintf(spark, sizeof spark, "%scommits/0", golden);
    snprintf(spark, sizeof spark, "%s", text_of(spark));
    assert_string_equal(text_of(path_of("commits/0")), spark);
    const char *metadata = text_of(path_of("metadata"));
    assert_int_equal(strlen(metadata), strlen("{\"id\":\"ead1a074-d23a-4c9d-b5b1-afae7c927178\"}"));
    assert_memory_equal(metadata, "{\"id\":\"", 7);
}

static void a_begun_batch_is_the_same_batch_after_a_restart(void **state)
{
    (void)state;
    struct heddle_checkpoint_batch batch;
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    assert_int_equal(heddle_checkpoint_begin(checkpoint, "{\"a\":0}", NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_commit(checkpoint, NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_begin(checkpoint, "{\"a\":1}", NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_advance(checkpoint, 30, NULL), HEDDLE_OK);
    heddle_checkpoint_close(checkpoint);
    checkpoint = checkpoint_open();
    assert_true(heddle_checkpoint_pending(checkpoint, &batch));
    assert_int_equal(batch.number, 1);
    assert_string_equal(batch.start, "{\"a\":0}");
    assert_string_equal(batch.end, "{\"a\":1}");
    assert_int_equal(batch.rows_done, 30);
    assert_false(batch.foreign);
    assert_int_equal(heddle_checkpoint_units(checkpoint), 2); /* one batch, and one part */
    assert_int_equal(heddle_checkpoint_commit(checkpoint, NULL), HEDDLE_OK);
    assert_false(heddle_checkpoint_pending(checkpoint, &batch));
    assert_int_equal(batch.number, 2);
    assert_string_equal(batch.start, "{\"a\":1}");
    assert_int_equal(batch.rows_done, 0);
    assert_int_equal(heddle_checkpoint_units(checkpoint), 3);
    heddle_checkpoint_close(checkpoint);
}

static void where_batch_0_begins_is_kept(void **state)
{
    (void)state;
    struct heddle_checkpoint_batch batch;
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    assert_int_equal(heddle_checkpoint_set_start(checkpoint, "{\"a\":-1}", NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_begin(checkpoint, "{\"a\":1}", NULL), HEDDLE_OK);
    heddle_checkpoint_close(checkpoint);
    checkpoint = checkpoint_open();
    assert_true(heddle_checkpoint_pending(checkpoint, &batch));
    assert_string_equal(batch.start, "{\"a\":-1}");
    heddle_checkpoint_close(checkpoint);
}

static void a_batch_that_spark_left_is_told_from_ours(void **state)
{
    (void)state;
    struct heddle_checkpoint_batch batch;
    folders_make();
    batch_write(0, "{\"a\":0}", true);
    batch_write(1, "{\"a\":1}", false);
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    assert_true(heddle_checkpoint_pending(checkpoint, &batch));
    assert_true(batch.foreign);
    assert_string_equal(batch.start, "{\"a\":0}");
    assert_int_equal(heddle_checkpoint_commit(checkpoint, NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_begin(checkpoint, "{\"a\":2}", NULL), HEDDLE_OK);
    assert_true(heddle_checkpoint_pending(checkpoint, &batch));
    assert_false(batch.foreign);
    heddle_checkpoint_close(checkpoint);
    assert_non_null(
        strstr(text_of(path_of("offsets/2")), "\"conf\":{\"a\":\"b\"}}\n")); /* Spark's settings stay */
}

static void a_second_writer_stops(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct heddle_checkpoint *first = checkpoint_open();
    assert_int_equal(heddle_checkpoint_begin(first, "{\"a\":0}", NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_commit(first, NULL), HEDDLE_OK);
    struct heddle_checkpoint *second = checkpoint_open();
    assert_int_equal(heddle_checkpoint_begin(first, "{\"a\":1}", NULL), HEDDLE_OK);
    assert_int_equal(heddle_checkpoint_begin(second, "{\"a\":1}", &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "another run writes this checkpoint"));
    heddle_checkpoint_close(second);
    heddle_checkpoint_close(first);
}

static void the_newest_hundred_batches_stay(void **state)
{
    (void)state;
    char offset[64];
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    for (int i = 0; i <= 104; i++) {
        snprintf(offset, sizeof offset, "{\"a\":%d}", i);
        assert_int_equal(heddle_checkpoint_begin(checkpoint, offset, NULL), HEDDLE_OK);
        if (i == 1) {
            text_write("offsets/.1.crc", "stale");
        }
        assert_int_equal(heddle_checkpoint_commit(checkpoint, NULL), HEDDLE_OK);
    }
    heddle_checkpoint_close(checkpoint);
    assert_false(is_there("offsets/3"));
    assert_false(is_there("commits/3"));
    assert_false(is_there("offsets/.1.crc"));
    assert_true(is_there("offsets/4"));
    assert_true(is_there("commits/4"));
    heddle_checkpoint_close(checkpoint_open());
}

static void files_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    folders_make();
    batch_write(0, "{\"a\":0}", true);
    batch_write(2, "{\"a\":2}", false);
    expect_refused("offsets/2, but its newest commit is 0");
    assert_int_equal(unlink(path_of("offsets/2")), 0);
    text_write("commits/1", "v1\n{}");
    expect_refused("commits/1 without its offsets/1");
    assert_int_equal(unlink(path_of("commits/1")), 0);
    assert_int_equal(unlink(path_of("metadata")), 0);
    expect_refused("no file `metadata`");
}

static void what_is_no_checkpoint_of_spark_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"", "only version v1"},
        {"v2\n{}\n{}", "begins with `v2`"},
        {"v1", "ends after its first line"},
        {"v1\n{}", "it has no offset"},
        {"v1\n{}\n{\"a\":1}\n{\"b\":1}", "several sources"},
    };
    folders_make();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_write("offsets/0", cases[i].text);
        expect_refused(cases[i].part);
    }
    text_write("offsets/0", "v1\n{}\n-");
    struct heddle_checkpoint *checkpoint = checkpoint_open();
    assert_string_equal(heddle_checkpoint_newest(checkpoint), "");
    heddle_checkpoint_close(checkpoint);
    text_write("progress", "{\"format\":2,\"batch\":0,\"rows\":0,\"parts\":0}");
    expect_refused("of format 2");
    text_write("progress", "{\"format\":1,\"batch\":0,\"rows\":-5,\"parts\":0}");
    expect_refused("lacks format, batch, rows or parts");
    text_write("progress", "[");
    expect_refused("not JSON");
}

static int whole_life(void)
{
    struct heddle_checkpoint *checkpoint = NULL;
    int status = heddle_checkpoint_open(NULL, folder, &checkpoint, NULL);
    if (status == HEDDLE_OK) {
        status = heddle_checkpoint_set_start(checkpoint, "{\"a\":-1}", NULL);
    }
    if (status == HEDDLE_OK) {
        status = heddle_checkpoint_begin(checkpoint, "{\"a\":1}", NULL);
    }
    if (status == HEDDLE_OK) {
        status = heddle_checkpoint_advance(checkpoint, 10, NULL);
    }
    if (status == HEDDLE_OK) {
        status = heddle_checkpoint_commit(checkpoint, NULL);
    }
    heddle_checkpoint_close(checkpoint);
    return status;
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    for (long i = 1; status == HEDDLE_OUT_OF_MEMORY; i++) {
        assert_true(i < 1000);
        assert_int_equal(heddle_fresh(NULL, folder, NULL), HEDDLE_OK);
        heddle_memory_fail_at(i);
        status = whole_life();
        heddle_memory_fail_at(0);
    }
    assert_int_equal(status, HEDDLE_OK);
}

static void triggers_are_read_as_spark_names_them(void **state)
{
    (void)state;
    struct heddle_trigger trigger;
    assert_int_equal(heddle_trigger_parse("availableNow", &trigger, NULL), HEDDLE_OK);
    assert_int_equal(trigger.kind, HEDDLE_TRIGGER_AVAILABLE_NOW);
    assert_int_equal(heddle_trigger_parse("once", &trigger, NULL), HEDDLE_OK);
    assert_int_equal(trigger.kind, HEDDLE_TRIGGER_ONCE);
    static const struct {
        const char *text;
        uint64_t interval;
    } cases[] = {{"processingTime=10 seconds", 10000}, {"processingTime=500ms", 500},
                 {"processingTime=2m", 120000},        {"processingTime: 1 minute", 60000},
                 {"processingTime=250", 250},          {"processingTime=1h", 3600000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(heddle_trigger_parse(cases[i].text, &trigger, NULL), HEDDLE_OK);
        assert_int_equal(trigger.kind, HEDDLE_TRIGGER_PROCESSING_TIME);
        assert_int_equal(trigger.interval_ms, cases[i].interval);
    }
    static const char *const wrong[] = {"",
                                        "always",
                                        "processingTime",
                                        "processingTime=",
                                        "processingTime=5 weeks",
                                        "processingTime=99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(heddle_trigger_parse(wrong[i], &trigger, NULL), HEDDLE_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(opening_writes_nothing),
        TEST(a_batch_is_written_as_spark_writes_it),
        TEST(a_begun_batch_is_the_same_batch_after_a_restart),
        TEST(where_batch_0_begins_is_kept),
        TEST(a_batch_that_spark_left_is_told_from_ours),
        TEST(a_second_writer_stops),
        TEST(the_newest_hundred_batches_stay),
        TEST(files_that_do_not_fit_together_are_refused),
        TEST(what_is_no_checkpoint_of_spark_is_refused),
        TEST(every_failed_allocation_is_reported_and_nothing_leaks),
        TEST(triggers_are_read_as_spark_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
