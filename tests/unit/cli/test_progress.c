/* test_progress.c: what a person reads while a load runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"

static void assert_line(const struct heddle_run_progress *progress, const char *expected)
{
    struct heddle_buffer line = {0};
    heddle_progress_line(progress, &line);
    assert_string_equal(heddle_buffer_text(&line), expected);
    heddle_buffer_free(&line);
}

static void a_load_shows_rows_rate_time_left_and_trouble(void **state)
{
    (void)state;
    struct heddle_run_progress progress = {
        .phase = HEDDLE_PHASE_LOADING,
        .pass = 1,
        .pass_count = 1,
        .rows_read = 6000,
        .rows_embedded = 5000,
        .embeds = true,
        .rows_expected = 20000,
        .pass_elapsed_s = 10,
        .rejected = 3,
        .sink = {.transactions = 9, .rows_done = 12345, .writers = 2, .batch_rows = 1000, .retries = 1},
    };
    assert_line(&progress,
                "loading    5,000 of 20,000 rows (25 %), 500 rows/s, left 30 s, written 12,345, 2 writers x "
                "1000, rejects 3, retries 1");
    progress.embeds = false; /* then reading tells how far it is */
    progress.pass = 2;
    progress.pass_count = 2;
    progress.sink = (struct heddle_sink_progress){0};
    progress.rejected = 0;
    assert_line(&progress, "loading    6,000 of 20,000 rows (30 %), pass 2 of 2, 600 rows/s, left 23 s");
}

static void an_unknown_number_of_rows_shows_no_share_and_no_end(void **state)
{
    (void)state;
    const struct heddle_run_progress progress = {.phase = HEDDLE_PHASE_LOADING,
                                                 .pass_count = 1,
                                                 .rows_read = 70,
                                                 .rows_expected = -1,
                                                 .pass_elapsed_s = 7};
    assert_line(&progress, "loading    70 rows, 10 rows/s");
}

static void a_rate_is_not_told_from_a_first_moment(void **state)
{
    (void)state;
    const struct heddle_run_progress progress = {.phase = HEDDLE_PHASE_LOADING,
                                                 .pass_count = 1,
                                                 .rows_read = 70,
                                                 .rows_expected = 100,
                                                 .pass_elapsed_s = 0.01};
    assert_line(&progress, "loading    70 of 100 rows (70 %)");
}

static void other_phases_show_how_long_it_has_been(void **state)
{
    (void)state;
    struct heddle_run_progress progress = {.phase = HEDDLE_PHASE_INDEXING, .elapsed_s = 75};
    assert_line(&progress, "indexing   1 min 15 s");
    progress.phase = HEDDLE_PHASE_VERIFYING;
    progress.elapsed_s = 3720;
    assert_line(&progress, "verifying  1 h 02 min");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_shows_rows_rate_time_left_and_trouble),
        cmocka_unit_test(an_unknown_number_of_rows_shows_no_share_and_no_end),
        cmocka_unit_test(a_rate_is_not_told_from_a_first_moment),
        cmocka_unit_test(other_phases_show_how_long_it_has_been),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
