/* test_standing.c: what a checkpoint tells a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/folder.h"
#include "base/memory.h"
#include "run/checkpoint/claim.h"
#include "run/checkpoint/fresh.h"
#include "run/checkpoint/standing.h"

static char folder[64];
static struct heddle_arena *arena;

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heddle-standing-XXXXXX");
    return heddle_arena_create(0, &arena, NULL) == HEDDLE_OK && mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    char path[160];
    (void)state;
    heddle_arena_destroy(arena);
    snprintf(path, sizeof path, "%s/lock", folder);
    (void)unlink(path);
    return heddle_fresh(NULL, folder, NULL) == HEDDLE_OK ? rmdir(folder) : -1;
}

static void put(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *strrchr(path, '/') = '\0';
    assert_int_equal(heddle_folder_make(path, NULL), HEDDLE_OK);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(heddle_file_write(path, text, strlen(text), NULL), HEDDLE_OK);
}

#define ABOUT "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1,\"conf\":{}}\n"
#define DELTA(VERSION, INDEX)                                                                                \
    "{\"sourceVersion\":1,\"reservoirId\":\"t\",\"reservoirVersion\":" VERSION ",\"index\":" INDEX           \
    ",\"isStartingVersion\":false}"

/* Batches 0 and 1 are committed, 2 is begun. */
static void put_checkpoint(void)
{
    put("metadata", "{\"id\":\"7a3f2b1e-0000-4000-8000-000000000001\"}");
    put("offsets/0", ABOUT DELTA("3", "1"));
    put("offsets/1", ABOUT DELTA("4", "-1"));
    put("offsets/2", ABOUT DELTA("5", "0"));
    put("commits/0", "v1\n{\"nextBatchWatermarkMs\":0}");
    put("commits/1", "v1\n{\"nextBatchWatermarkMs\":0}");
}

static void offsets_are_said_in_words(void **state)
{
    (void)state;
    assert_string_equal(heddle_standing_offset("", arena), "");
    assert_string_equal(heddle_standing_offset(DELTA("3", "1"), arena), "version 3, up to its file number 2");
    assert_string_equal(heddle_standing_offset(DELTA("4", "-1"), arena), "version 3, all of it");
    assert_string_equal(heddle_standing_offset("{\"logOffset\":4}", arena), "the files of batches 0 to 4");
    assert_string_equal(heddle_standing_offset("17", arena), "17");
}

static void what_is_done_and_pending_is_told_apart(void **state)
{
    (void)state;
    struct heddle_standing standing;
    struct heddle_error error = {0};
    put_checkpoint();
    put("rejects/removal.jsonl", "{}\n{}\n{}\n");
    put("receipt.json", "{\"status\": \"interrupted\", \"rows_read\": 1200}");
    if (heddle_standing_read(folder, NULL, arena, &standing, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(standing.stream_count, 1);
    assert_int_equal(standing.streams[0].batches, 2);
    assert_string_equal(standing.streams[0].committed, "version 3, all of it");
    assert_true(standing.streams[0].open);
    assert_string_equal(standing.streams[0].offset, "version 5, up to its file number 1");
    assert_int_equal(standing.reject_count, 1);
    assert_string_equal(standing.rejects[0].target, "removal");
    assert_int_equal(standing.rejects[0].count, 3);
    assert_false(standing.running);
    struct heddle_buffer text = {0};
    heddle_standing_print(&standing, &text);
    assert_non_null(strstr(heddle_buffer_text(&text), "2 micro-batches committed: version 3, all of it"));
    assert_non_null(strstr(heddle_buffer_text(&text), "rejected   3 rows of removal"));
    assert_non_null(strstr(heddle_buffer_text(&text), "last run   interrupted, 1,200 rows read"));
    heddle_buffer_reset(&text);
    assert_int_equal(heddle_standing_json(&standing, &text, NULL), HEDDLE_OK);
    assert_non_null(
        strstr(heddle_buffer_text(&text), "\"pending_up_to\": \"version 5, up to its file number 1\""));
    heddle_buffer_free(&text);
}

static void a_run_that_has_the_checkpoint_is_named(void **state)
{
    (void)state;
    struct heddle_standing standing;
    struct heddle_claim *claim = NULL;
    assert_int_equal(heddle_claim_open(NULL, folder, "a7", false, &claim, NULL), HEDDLE_OK);
    assert_int_equal(heddle_claim_announce(claim, "bf16", NULL), HEDDLE_OK);
    assert_int_equal(heddle_standing_read(folder, NULL, arena, &standing, NULL), HEDDLE_OK);
    assert_true(standing.running);
    assert_int_equal(standing.process, getpid());
    assert_string_equal(standing.load, "a7");
    assert_string_equal(standing.precision, "bf16");
    heddle_claim_close(claim);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct heddle_standing standing;
    struct heddle_error error = {0};
    assert_int_equal(heddle_standing_read("/nonexistent/checkpoint", NULL, arena, &standing, &error),
                     HEDDLE_IO);
    assert_non_null(strstr(error.message, "there is no checkpoint at /nonexistent/checkpoint"));
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    put_checkpoint();
    for (; status != HEDDLE_OK && countdown < 500; countdown++) {
        struct heddle_standing standing;
        struct heddle_arena *small = NULL;
        heddle_memory_fail_at(countdown);
        status = heddle_arena_create(0, &small, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_standing_read(folder, NULL, small, &standing, NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_arena_destroy(small);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(countdown > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(offsets_are_said_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_done_and_pending_is_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_that_has_the_checkpoint_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
