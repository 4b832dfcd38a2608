/* test_distinct.c: how far the estimate of different keys may be off. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "schedule/distinct.h"

static uint64_t count_of(uint64_t keys, unsigned times)
{
    struct heddle_distinct *distinct = calloc(1, sizeof *distinct);
    assert_non_null(distinct);
    for (unsigned t = 0; t < times; t++) {
        for (uint64_t i = 0; i < keys; i++) {
            heddle_distinct_add(distinct, heddle_hash_bytes(&i, sizeof i, 7));
        }
    }
    const uint64_t count = heddle_distinct_count(distinct);
    free(distinct);
    return count;
}

static void nothing_is_none(void **state)
{
    (void)state;
    assert_int_equal(count_of(0, 1), 0);
}

static void a_handful_is_counted_exactly(void **state)
{
    (void)state;
    assert_int_equal(count_of(1, 9), 1);
    assert_int_equal(count_of(40, 3), 40);
}

static void a_key_that_comes_again_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(count_of(20000, 1), count_of(20000, 4));
}

static void many_are_told_within_four_standard_errors(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1000, 20000, 45000, 300000, 2000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const double off = fabs((double)count_of(sizes[i], 1) / (double)sizes[i] - 1);
        assert_true(off < 4 * 1.04 / sqrt(HEDDLE_DISTINCT_REGISTERS));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_none),
        cmocka_unit_test(a_handful_is_counted_exactly),
        cmocka_unit_test(a_key_that_comes_again_changes_nothing),
        cmocka_unit_test(many_are_told_within_four_standard_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
