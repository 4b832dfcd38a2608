/* test_flight.c: the set of keys in flight knows what is shared and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "schedule/flight.h"

static void work_that_shares_a_key_is_seen_while_the_other_is_in_flight(void **state)
{
    (void)state;
    struct heddle_flight *flight = NULL;
    struct heddle_flight_clash clash;
    uint64_t first[] = {9, 3, 3, 7};
    uint64_t second[] = {1, 8};
    uint64_t third[] = {2, 7, 11};
    assert_int_equal(heddle_flight_create(&flight, NULL), HEDDLE_OK);
    assert_true(heddle_flight_enter(flight, 1, first, 4, &clash));
    assert_true(heddle_flight_enter(flight, 2, second, 2, &clash));
    assert_int_equal(heddle_flight_count(flight), 2);
    assert_false(heddle_flight_enter(flight, 3, third, 3, &clash));
    assert_true(clash.key == 7 && clash.work == 3 && clash.other == 1);
    heddle_flight_leave(flight, 1);
    heddle_flight_leave(flight, 99);
    assert_true(heddle_flight_enter(flight, 3, third, 3, &clash));
    assert_int_equal(heddle_flight_count(flight), 2);
    heddle_flight_destroy(flight);
    heddle_flight_destroy(NULL);
}

static void without_memory_work_is_not_noted_and_nothing_breaks(void **state)
{
    (void)state;
    struct heddle_flight *flight = NULL;
    struct heddle_flight_clash clash;
    uint64_t keys[] = {1, 2};
    assert_int_equal(heddle_flight_create(&flight, NULL), HEDDLE_OK);
    for (int64_t at = 0; at < 2; at++) {
        heddle_memory_fail_at(at);
        assert_true(heddle_flight_enter(flight, 1, keys, 2, &clash));
        heddle_memory_fail_at(-1);
    }
    assert_int_equal(heddle_flight_count(flight), 0);
    heddle_flight_destroy(flight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_shares_a_key_is_seen_while_the_other_is_in_flight),
        cmocka_unit_test(without_memory_work_is_not_noted_and_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
