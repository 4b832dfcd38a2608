/* The names under which transactions stand in the graph. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sink/ledger.h"

static void a_mark_names_load_micro_batch_epoch_and_counter(void **state)
{
    (void)state;
    char text[HEDDLE_MARK_TEXT_MAX];
    assert_string_equal(heddle_mark_text(text, "a7", 12, heddle_token_make(3, 41)), "a7/12/3.41");
}

static void epochs_keep_equal_counters_apart(void **state)
{
    (void)state;
    char first[HEDDLE_MARK_TEXT_MAX];
    char second[HEDDLE_MARK_TEXT_MAX];
    heddle_mark_text(first, "a7", 0, heddle_token_make(1, 1));
    heddle_mark_text(second, "a7", 0, heddle_token_make(2, 1));
    assert_string_not_equal(first, second);
    assert_int_equal(heddle_token_epoch(heddle_token_make(16777215, (UINT64_C(1) << 40) - 1)), 16777215);
}

static void the_longest_mark_fits(void **state)
{
    (void)state;
    char load[HEDDLE_LOAD_ID_MAX + 1];
    char text[HEDDLE_MARK_TEXT_MAX];
    memset(load, 'x', HEDDLE_LOAD_ID_MAX);
    load[HEDDLE_LOAD_ID_MAX] = '\0';
    heddle_mark_text(text, load, UINT64_MAX, UINT64_MAX);
    const char *end = strrchr(text, '/');
    assert_non_null(end);
    assert_string_equal(end, "/16777215.1099511627775");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_names_load_micro_batch_epoch_and_counter),
        cmocka_unit_test(epochs_keep_equal_counters_apart),
        cmocka_unit_test(the_longest_mark_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
