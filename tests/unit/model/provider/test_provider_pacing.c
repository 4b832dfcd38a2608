/* test_provider_pacing.c: how many requests may be under way goes up with success, down with overload, and stops for a
 * service that is down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model/provider/pacing.h"

static const uint64_t MS = 1000000;

static struct heddle_pacing pacing;
static uint64_t now;
static uint64_t wait_ns;

/* One full round: as many requests as may go, each answered after `ms`. */
static size_t round_of(enum heddle_pacing_outcome outcome, uint64_t ms)
{
    const uint64_t sent = now;
    size_t count = 0;
    while (heddle_pacing_admit(&pacing, now, &wait_ns)) {
        count++;
    }
    now += ms * MS;
    for (size_t i = 0; i < count; i++) {
        heddle_pacing_done(&pacing, now, sent, 32, outcome);
    }
    return count;
}

static void begin(size_t connections_max)
{
    heddle_pacing_init(&pacing, connections_max);
    now = 1000 * MS;
}

static void room_doubles_until_the_first_overload_then_grows_by_one_a_round(void **state)
{
    (void)state;
    begin(64);
    while (heddle_pacing_admit(&pacing, now, &wait_ns)) {
    }
    for (int i = 0; i < HEDDLE_PACING_START; i++) { /* one round of answers, and the room is kept full */
        heddle_pacing_done(&pacing, now + 10 * MS, now, 32, HEDDLE_PACING_SUCCESS);
        while (heddle_pacing_admit(&pacing, now, &wait_ns)) {
        }
    }
    assert_int_equal(pacing.in_flight, 2 * HEDDLE_PACING_START);
    begin(64);
    size_t most = 0;
    for (int i = 0; i < 200; i++) {
        most = round_of(HEDDLE_PACING_SUCCESS, 10);
    }
    assert_int_equal(most, 64);
    assert_int_equal(round_of(HEDDLE_PACING_OVERLOAD, 10), 64);
    const size_t after = heddle_pacing_limit(&pacing);
    assert_int_equal(after, 32); /* 64 refusals of one round are one piece of news */
    (void)round_of(HEDDLE_PACING_SUCCESS, 10);
    assert_in_range(heddle_pacing_limit(&pacing), after, after + 1);
}

static void many_overloads_leave_one_and_success_brings_it_back(void **state)
{
    (void)state;
    begin(16);
    for (int i = 0; i < 20; i++) {
        (void)round_of(HEDDLE_PACING_OVERLOAD, 10);
        assert_in_range(heddle_pacing_limit(&pacing), 1, 16);
    }
    assert_int_equal(heddle_pacing_limit(&pacing), 1);
    assert_false(pacing.tripped); /* busy is not down */
    for (int i = 0; i < 200; i++) {
        (void)round_of(HEDDLE_PACING_SUCCESS, 10);
    }
    assert_int_equal(heddle_pacing_limit(&pacing), 16);
}

static void room_that_is_not_used_does_not_grow(void **state)
{
    (void)state;
    begin(16);
    for (int i = 0; i < 100; i++) {
        assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
        now += 10 * MS;
        heddle_pacing_done(&pacing, now, now - 10 * MS, 32, HEDDLE_PACING_SUCCESS);
    }
    assert_int_equal(heddle_pacing_limit(&pacing), HEDDLE_PACING_START);
}

static void a_service_that_only_queues_is_not_sent_more(void **state)
{
    (void)state;
    begin(64);
    size_t count = 4;
    for (int i = 0; i < 200; i++) {
        count = round_of(HEDDLE_PACING_SUCCESS, count <= 8 ? 10 : 10 * count / 8);
    }
    assert_in_range(count, 8, 24); /* at twice the best time it stops */
}

static void a_small_request_is_not_taken_for_a_slow_one(void **state)
{
    (void)state;
    begin(64);
    (void)round_of(HEDDLE_PACING_SUCCESS, 10);
    for (int i = 0; i < 50; i++) {
        assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
        now += 9 * MS;
        heddle_pacing_done(&pacing, now, now - 9 * MS, 1,
                           HEDDLE_PACING_SUCCESS); /* 29 times as long a text */
    }
    const size_t before = heddle_pacing_limit(&pacing);
    (void)round_of(HEDDLE_PACING_SUCCESS, 10);
    assert_true(heddle_pacing_limit(&pacing) > before);
}

static void a_pause_stops_everybody_for_its_time(void **state)
{
    (void)state;
    begin(16);
    heddle_pacing_pause(&pacing, now + 3000 * MS);
    heddle_pacing_pause(&pacing, now + 1000 * MS); /* a shorter one changes nothing */
    assert_false(heddle_pacing_admit(&pacing, now, &wait_ns));
    assert_int_equal(wait_ns, 3000 * MS);
    assert_false(heddle_pacing_admit(&pacing, now + 2999 * MS, &wait_ns));
    assert_true(heddle_pacing_admit(&pacing, now + 3000 * MS, &wait_ns));
}

static void a_full_room_says_to_wait_for_somebody(void **state)
{
    (void)state;
    begin(1);
    assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
    assert_false(heddle_pacing_admit(&pacing, now, &wait_ns));
    assert_int_equal(wait_ns, 0);
    heddle_pacing_done(&pacing, now, now, 1, HEDDLE_PACING_REFUSED);
    assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
}

static void a_service_that_is_down_is_left_alone_then_tried_by_one(void **state)
{
    (void)state;
    begin(16);
    for (int i = 0; i < HEDDLE_PACING_TRIP; i++) {
        assert_false(pacing.tripped);
        assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
        heddle_pacing_done(&pacing, now, now, 1, HEDDLE_PACING_FAILURE);
    }
    assert_true(pacing.tripped);
    assert_false(heddle_pacing_admit(&pacing, now, &wait_ns));
    assert_int_equal(wait_ns, HEDDLE_PACING_REST_NS);
    now += HEDDLE_PACING_REST_NS;
    assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
    assert_false(heddle_pacing_admit(&pacing, now, &wait_ns));
    heddle_pacing_done(&pacing, now, now, 1, HEDDLE_PACING_FAILURE); /* still down: rests again */
    assert_false(heddle_pacing_admit(&pacing, now, &wait_ns));
    assert_int_equal(wait_ns, HEDDLE_PACING_REST_NS);
    now += HEDDLE_PACING_REST_NS;
    assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
    heddle_pacing_done(&pacing, now, now, 1, HEDDLE_PACING_SUCCESS);
    assert_false(pacing.tripped);
    assert_true(heddle_pacing_admit(&pacing, now, &wait_ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_doubles_until_the_first_overload_then_grows_by_one_a_round),
        cmocka_unit_test(many_overloads_leave_one_and_success_brings_it_back),
        cmocka_unit_test(room_that_is_not_used_does_not_grow),
        cmocka_unit_test(a_service_that_only_queues_is_not_sent_more),
        cmocka_unit_test(a_small_request_is_not_taken_for_a_slow_one),
        cmocka_unit_test(a_pause_stops_everybody_for_its_time),
        cmocka_unit_test(a_full_room_says_to_wait_for_somebody),
        cmocka_unit_test(a_service_that_is_down_is_left_alone_then_tried_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
