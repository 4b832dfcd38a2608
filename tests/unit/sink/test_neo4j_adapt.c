/* test_neo4j_adapt.c: the number of writers finds what a modelled server can use, and leaves what hurts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hash.h"
#include "sink/neo4j/adapt.h"

/* A server: rows a second at so many writers, with noise of a few percent; a share of the transactions deadlocks. */
struct server {
    double alone;      /* rows a second of one writer */
    size_t cores;      /* beyond them another writer brings nothing */
    double contention; /* and each costs this share */
    double deadlocks;  /* a transaction, a writer beside it */
    uint64_t random;
};

enum { ROWS = 2000 };

/* Runs for so many transactions; answers the mean number of writers over the second half. */
static double run(struct heddle_adapt *adapt, struct server *server, size_t transactions)
{
    double clock_ns = 0;
    double deadlocks = 0;
    double sum = 0;
    for (size_t i = 0; i < transactions; i++) {
        const double useful = (double)(adapt->now < server->cores ? adapt->now : server->cores);
        const double rate = server->alone * useful / (1 + server->contention * (double)(adapt->now - 1));
        const double noise = 0.97 + 0.06 * heddle_random_unit(&server->random);
        clock_ns += 1e9 * ROWS / rate * noise;
        deadlocks += server->deadlocks * (double)(adapt->now - 1);
        (void)heddle_adapt_note(adapt, 0, ROWS, (uint64_t)deadlocks, (uint64_t)clock_ns);
        assert_true(adapt->now >= 1 && adapt->now <= adapt->most);
        sum += i >= transactions / 2 ? (double)adapt->now : 0;
    }
    return sum / (double)(transactions - transactions / 2);
}

static void writers_grow_to_what_the_server_can_use_and_stay_there(void **state)
{
    (void)state;
    for (size_t cores = 1; cores <= 8; cores++) {
        struct server server = {.alone = 25000, .cores = cores, .contention = 0.01, .random = cores};
        struct heddle_adapt adapt;
        heddle_adapt_start(&adapt, 1, 16, false);
        const double mean = run(&adapt, &server, 12000);
        assert_true(mean > (double)cores - 1.0 && mean < (double)cores + 1.0);
    }
}

static void deadlocks_take_writers_away(void **state)
{
    (void)state;
    struct server server = {.alone = 25000, .cores = 8, .contention = 0.6, .deadlocks = 0.2, .random = 3};
    struct heddle_adapt adapt;
    heddle_adapt_start(&adapt, 8, 8, false);
    assert_true(run(&adapt, &server, 4000) < 2.0);
}

static void what_the_user_asked_for_stays(void **state)
{
    (void)state;
    struct server server = {.alone = 25000, .cores = 2, .contention = 1, .deadlocks = 1, .random = 3};
    struct heddle_adapt adapt;
    heddle_adapt_start(&adapt, 6, 6, true);
    assert_true(run(&adapt, &server, 500) > 5.99);
}

static void the_bounds_hold(void **state)
{
    (void)state;
    struct heddle_adapt adapt;
    heddle_adapt_start(&adapt, 0, 0, false);
    assert_true(adapt.now == 1 && adapt.fixed);
    heddle_adapt_start(&adapt, 9, 4, false);
    assert_int_equal(adapt.now, 4);
}

/* A target whose rows cost ten times as much is no reason to change anything. */
static void another_target_begins_a_new_window(void **state)
{
    (void)state;
    struct heddle_adapt adapt;
    heddle_adapt_start(&adapt, 2, 2, false);
    uint64_t clock_ns = 0;
    for (size_t i = 0; i < 2000; i++) {
        const size_t target = i / 500 % 2;
        clock_ns += target == 0 ? 40000000 : 400000000;
        (void)heddle_adapt_note(&adapt, target, ROWS, 0, clock_ns);
        assert_int_equal(adapt.now, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_grow_to_what_the_server_can_use_and_stay_there),
        cmocka_unit_test(deadlocks_take_writers_away),
        cmocka_unit_test(what_the_user_asked_for_stays),
        cmocka_unit_test(the_bounds_hold),
        cmocka_unit_test(another_target_begins_a_new_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
