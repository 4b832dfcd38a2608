/* test_execute.c: managed transactions: what is repeated, what never is, and how long it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "bolt/execute.h"
#include "support/bolt_script.h"

#define LOGIN "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}", "S: SUCCESS {}"
#define WORK "C: BEGIN", "C: RUN", "C: PULL", "C: COMMIT"
#define DONE                                                                                                 \
    "S: SUCCESS {}", "S: SUCCESS {\"fields\": [\"a\"]}", "S: RECORD [1]", "S: SUCCESS {\"type\": \"rw\"}",   \
        "S: SUCCESS {\"bookmark\": \"bm:1\"}"
#define FAILS(code)                                                                                          \
    "S: SUCCESS {}", "S: FAILURE {\"code\": \"" code "\", \"message\": \"m\"}", "S: IGNORED", "S: IGNORED"
#define RESET "C: RESET", "S: SUCCESS {}"

static struct bolt_script script;
static struct heddle_arena *arena;
static uint32_t retry_for_ms; /* 0 = the default */

/* What would have been slept. */
struct slept {
    unsigned times;
    uint64_t milliseconds;
};

static void note_sleep(void *context, uint32_t milliseconds)
{
    struct slept *slept = context;
    slept->times++;
    slept->milliseconds += milliseconds;
}

static int execute(const char *const *lines, enum heddle_bolt_mode mode, struct slept *slept,
                   struct heddle_error *error)
{
    struct heddle_bolt_connection *connection = NULL;
    struct heddle_bolt_result result;
    bolt_script_init(&script, 5, 4, lines);
    const struct heddle_bolt_options options = bolt_script_options(&script);
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    *slept = (struct slept){0};
    const struct heddle_bolt_execute_options how = {
        .retry_for_ms = retry_for_ms, .sleep = note_sleep, .sleep_context = slept};
    const struct heddle_bolt_query query = {.text = "X", .mode = mode};
    const int status = heddle_bolt_execute(connection, &query, &how, arena, &result, error);
    if (status == HEDDLE_OK) {
        assert_int_equal(result.records[0].items[0].integer, 1);
        assert_string_equal(result.bookmark, "bm:1");
    }
    heddle_bolt_close(connection);
    bolt_script_check(&script);
    bolt_script_free(&script);
    return status;
}

static void a_transaction_is_one_round_trip(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, WORK, DONE, NULL};
    struct slept slept;
    assert_int_equal(execute(lines, HEDDLE_BOLT_WRITE, &slept, NULL), HEDDLE_OK);
    assert_int_equal(slept.times, 0);
}

static void transient_failures_are_repeated_with_growing_waits(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, WORK, FAILS("Neo.TransientError.General.X"),
                                        RESET, WORK, FAILS("Neo.TransientError.General.X"),
                                        RESET, WORK, DONE,
                                        NULL};
    struct slept slept;
    assert_int_equal(execute(lines, HEDDLE_BOLT_WRITE, &slept, NULL), HEDDLE_OK);
    assert_int_equal(slept.times, 2);
    assert_in_range(slept.milliseconds, 2400, 3600); /* 1 s and 2 s, 20 % around */
}

static void deadlocks_are_repeated_within_milliseconds(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, WORK, FAILS("Neo.TransientError.Transaction.DeadlockDetected"), RESET, WORK, DONE, NULL};
    struct slept slept;
    assert_int_equal(execute(lines, HEDDLE_BOLT_WRITE, &slept, NULL), HEDDLE_OK);
    assert_in_range(slept.milliseconds, 1, 3);
}

static void other_failures_are_not_repeated(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, WORK, FAILS("Neo.ClientError.Statement.SyntaxError"), NULL};
    static const char *const ended[] = {LOGIN, WORK, FAILS("Neo.TransientError.Transaction.Terminated"),
                                        NULL};
    struct slept slept;
    struct heddle_error error = {0};
    assert_int_equal(execute(lines, HEDDLE_BOLT_WRITE, &slept, &error), HEDDLE_DATABASE);
    assert_int_equal(execute(ended, HEDDLE_BOLT_WRITE, &slept, &error), HEDDLE_DATABASE);
    assert_int_equal(slept.times, 0);
}

static void a_write_of_unknown_outcome_is_never_repeated_but_a_read_is(void **state)
{
    (void)state;
    static const char *const write[] = {LOGIN, WORK, "S: SUCCESS {}", "S: CLOSE", NULL};
    static const char *const read[] = {LOGIN, WORK, "S: SUCCESS {}", "S: CLOSE", LOGIN, WORK, DONE, NULL};
    struct slept slept;
    struct heddle_error error = {0};
    assert_int_equal(execute(write, HEDDLE_BOLT_WRITE, &slept, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    assert_int_equal(execute(read, HEDDLE_BOLT_READ, &slept, &error), HEDDLE_OK);
}

static void a_leader_that_moved_means_a_new_connection(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, WORK, FAILS("Neo.ClientError.Cluster.NotALeader"), LOGIN, WORK,
                                        DONE,  NULL};
    struct slept slept;
    assert_int_equal(execute(lines, HEDDLE_BOLT_WRITE, &slept, NULL), HEDDLE_OK);
    assert_int_equal(slept.times, 1);
}

static void it_gives_up_when_its_time_is_over(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, WORK, FAILS("Neo.TransientError.General.X"),
                                        RESET, WORK, FAILS("Neo.TransientError.General.X"),
                                        RESET, WORK, FAILS("Neo.TransientError.General.X"),
                                        RESET, WORK, FAILS("Neo.TransientError.General.X"),
                                        NULL};
    struct slept slept;
    struct heddle_error error = {0};
    retry_for_ms = 10000; /* 1 + 2 + 4 s fit, whatever the jitter; another 8 do not */
    assert_int_equal(execute(lines, HEDDLE_BOLT_WRITE, &slept, &error), HEDDLE_DATABASE);
    retry_for_ms = 0;
    assert_string_equal(error.code, "Neo.TransientError.General.X");
    assert_int_equal(slept.times, 3);
}

static int set_up(void **state)
{
    (void)state;
    return heddle_arena_create(0, &arena, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_one_round_trip),
        cmocka_unit_test(transient_failures_are_repeated_with_growing_waits),
        cmocka_unit_test(deadlocks_are_repeated_within_milliseconds),
        cmocka_unit_test(other_failures_are_not_repeated),
        cmocka_unit_test(a_write_of_unknown_outcome_is_never_repeated_but_a_read_is),
        cmocka_unit_test(a_leader_that_moved_means_a_new_connection),
        cmocka_unit_test(it_gives_up_when_its_time_is_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
