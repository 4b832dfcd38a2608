/* test_totals.c: the sums of a load over its runs: which of the two that stand in the file hold, and when none does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "run/checkpoint/totals.h"

enum { UNIT = 7 };

static char folder[64];
static char path[96];
static struct heddle_arena *arena;

static struct heddle_totals_target without_targets[2] = {
    {"removal", {.read = 70, .created = 60, .matched = 5, .folded = 4, .rejected = 1, .vectors = 59}},
    {"removed \"from\"", {.read = 70, .created = 70}},
};
static struct heddle_totals_target with_targets[2] = {
    {"removal", {.read = 80, .created = 68, .matched = 6, .folded = 4, .rejected = 2, .vectors = 66}},
    {"removed \"from\"", {.read = 80, .created = 80}},
};
static const struct heddle_totals without = {.first = 2,
                                             .micro_batches = 5,
                                             .rows_read = 70,
                                             .rows_unreadable = 3,
                                             .targets = without_targets,
                                             .target_count = 2};
static const struct heddle_totals with = {.first = 2,
                                          .micro_batches = 6,
                                          .rows_read = 80,
                                          .rows_unreadable = 4,
                                          .targets = with_targets,
                                          .target_count = 2};

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heddle-totals-XXXXXX");
    if (heddle_arena_create(0, &arena, NULL) != HEDDLE_OK || mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/totals.json", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    (void)unlink(path);
    return rmdir(folder);
}

static void assert_sums(const struct heddle_totals *seen, const struct heddle_totals *wanted)
{
    assert_int_equal(seen->first, wanted->first);
    assert_int_equal(seen->micro_batches, wanted->micro_batches);
    assert_int_equal(seen->rows_read, wanted->rows_read);
    assert_int_equal(seen->rows_unreadable, wanted->rows_unreadable);
    assert_int_equal(seen->target_count, wanted->target_count);
    for (size_t i = 0; i < wanted->target_count; i++) {
        assert_string_equal(seen->targets[i].name, wanted->targets[i].name);
        assert_memory_equal(&seen->targets[i].counts, &wanted->targets[i].counts,
                            sizeof seen->targets[i].counts);
    }
}

static struct heddle_totals read_after(const char *load, uint64_t units)
{
    struct heddle_totals totals;
    assert_int_equal(heddle_totals_read(NULL, folder, load, units, arena, &totals, NULL), HEDDLE_OK);
    return totals;
}

static void assert_uncounted(const char *load, uint64_t units)
{
    const struct heddle_totals totals = read_after(load, units);
    assert_int_equal(totals.first, units);
    assert_true(totals.micro_batches == 0 && totals.rows_read == 0 && totals.target_count == 0);
}

static void the_commit_decides_which_sums_hold(void **state)
{
    (void)state;
    assert_int_equal(heddle_totals_write(NULL, folder, "a7", UNIT, &without, &with, NULL), HEDDLE_OK);
    const struct heddle_totals before = read_after("a7", UNIT);
    assert_sums(&before, &without);
    const struct heddle_totals after = read_after("a7", UNIT + 1);
    assert_sums(&after, &with);
}

static void what_was_written_at_another_time_or_of_another_load_is_not_counted(void **state)
{
    (void)state;
    assert_uncounted("a7", 0); /* there is no file */
    assert_uncounted("a7", 3);
    assert_int_equal(heddle_totals_write(NULL, folder, "a7", UNIT, &without, &with, NULL), HEDDLE_OK);
    assert_uncounted("a7", UNIT - 1);
    assert_uncounted("a7", UNIT + 2);
    assert_uncounted("a8", UNIT);
}

static void a_file_that_is_cut_anywhere_says_nothing(void **state)
{
    (void)state;
    struct heddle_buffer text = {0};
    assert_int_equal(heddle_totals_write(NULL, folder, "a7", UNIT, &without, &with, NULL), HEDDLE_OK);
    assert_int_equal(heddle_file_read(path, 1 << 20, &text, NULL, NULL), HEDDLE_OK);
    for (size_t length = 0; length < text.length; length++) {
        struct heddle_totals totals = {0};
        bool says = true;
        assert_int_equal(
            heddle_totals_parse((const char *)text.bytes, length, "a7", UNIT, arena, &says, &totals, NULL),
            HEDDLE_OK);
        assert_false(says);
    }
    heddle_buffer_free(&text);
}

static void a_file_that_is_none_of_ours_says_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"format\":2,\"load\":\"a7\",\"unit\":7,\"without\":{},\"with\":{}}",
        "{\"format\":1,\"load\":\"a7\",\"unit\":\"7\",\"without\":{},\"with\":{}}",
        "{\"format\":1,\"load\":\"a7\",\"unit\":7}",
        "{\"format\":1,\"load\":\"a7\",\"unit\":7,\"without\":{\"first\":0,\"micro_batches\":-1,\"rows_"
        "read\":0,"
        "\"rows_unreadable\":0,\"targets\":[]}}",
        "{\"format\":1,\"load\":\"a7\",\"unit\":7,\"without\":{\"first\":0,\"micro_batches\":1,\"rows_read\":"
        "0,"
        "\"rows_unreadable\":0,\"targets\":[{\"target\":\"x\",\"read\":1}]}}",
        "{\"format\":1,\"load\":\"a7\",\"unit\":7,\"without\":{\"first\":0,\"micro_batches\":1,\"rows_read\":"
        "0,"
        "\"rows_unreadable\":0,\"targets\":[{\"read\":1,\"created\":1,\"matched\":0,\"folded\":0,"
        "\"rejected\":0,"
        "\"vectors\":0}]}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(heddle_file_write(path, texts[i], strlen(texts[i]), NULL), HEDDLE_OK);
        assert_uncounted("a7", UNIT);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        struct heddle_totals totals;
        heddle_memory_fail_at(at);
        int status = heddle_totals_write(NULL, folder, "a7", UNIT, &without, &with, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_totals_read(NULL, folder, "a7", UNIT, arena, &totals, NULL);
        }
        heddle_memory_fail_at(-1);
        failed = status != HEDDLE_OK;
        assert_true(!failed || status == HEDDLE_OUT_OF_MEMORY);
    }
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CLAIM(the_commit_decides_which_sums_hold),
        CLAIM(what_was_written_at_another_time_or_of_another_load_is_not_counted),
        CLAIM(a_file_that_is_cut_anywhere_says_nothing),
        CLAIM(a_file_that_is_none_of_ours_says_nothing),
        CLAIM(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
