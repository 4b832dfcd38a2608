/* test_failure.c: what each failure asks for, and how long to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "bolt/failure.h"

static void codes_lead_to_their_actions(void **state)
{
    (void)state;
    const struct {
        const char *code;
        enum heddle_error_action action;
        enum heddle_bolt_backoff backoff;
    } cases[] = {
        {"Neo.TransientError.Transaction.DeadlockDetected", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK},
        {"Neo.TransientError.Transaction.LockAcquisitionTimeout", HEDDLE_ACTION_RETRY,
         HEDDLE_BOLT_BACKOFF_LOCK},
        {"Neo.TransientError.General.DatabaseUnavailable", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER},
        {"Neo.TransientError.General.MemoryPoolOutOfMemoryError", HEDDLE_ACTION_RETRY,
         HEDDLE_BOLT_BACKOFF_MEMORY},
        {"Neo.TransientError.Something.New", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER},
        {"Neo.TransientError.Transaction.Terminated", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE},
        {"Neo.TransientError.Transaction.LockClientStopped", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE},
        {"Neo.ClientError.General.TransactionOutOfMemoryError", HEDDLE_ACTION_SPLIT,
         HEDDLE_BOLT_BACKOFF_NONE},
        {"Neo.ClientError.Schema.ConstraintValidationFailed", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE},
        {"Neo.ClientError.Cluster.NotALeader", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER},
        {"Neo.ClientError.Statement.SyntaxError", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE},
        {"Neo.ClientError.Security.Unauthorized", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE},
        {"Neo.DatabaseError.General.UnknownError", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE},
        {"", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct heddle_bolt_failure *failure = heddle_bolt_failure_find(cases[i].code, NULL);
        assert_int_equal(failure->action, cases[i].action);
        assert_int_equal(failure->backoff, cases[i].backoff);
    }
}

static void a_code_that_only_begins_like_a_known_one_is_another(void **state)
{
    (void)state;
    assert_int_equal(
        heddle_bolt_failure_find("Neo.ClientError.Schema.ConstraintValidationFailedX", "")->action,
        HEDDLE_ACTION_FATAL);
}

static void the_gql_status_speaks_where_the_code_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(heddle_bolt_failure_find("Neo.Brand.New", "50N05")->action, HEDDLE_ACTION_RETRY);
    assert_int_equal(heddle_bolt_failure_find("Neo.Brand.New", "51N73")->action, HEDDLE_ACTION_SPLIT);
    assert_int_equal(heddle_bolt_failure_find(NULL, "99N99")->action, HEDDLE_ACTION_FATAL);
    assert_int_equal(heddle_bolt_failure_find("Neo.ClientError.Security.Forbidden", "50N05")->action,
                     HEDDLE_ACTION_FATAL);
}

static void waits_grow_to_a_limit_within_their_jitter(void **state)
{
    (void)state;
    const struct {
        enum heddle_bolt_backoff backoff;
        uint32_t first;
        uint32_t most;
        uint32_t jitter_percent;
    } cases[] = {
        {HEDDLE_BOLT_BACKOFF_LOCK, 2, 256, 50},
        {HEDDLE_BOLT_BACKOFF_MEMORY, 50, 3200, 20},
        {HEDDLE_BOLT_BACKOFF_DRIVER, 1000, 16000, 20},
    };
    uint64_t random_state = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned attempt = 1; attempt < 40; attempt++) {
            const uint64_t doubled = attempt < 20 ? (uint64_t)cases[i].first << (attempt - 1) : cases[i].most;
            const uint64_t middle = doubled < cases[i].most ? doubled : cases[i].most;
            const uint64_t spread = middle * cases[i].jitter_percent / 100 + 1;
            const uint32_t wait = heddle_bolt_backoff_ms(cases[i].backoff, attempt, &random_state);
            assert_in_range(wait, middle - (spread < middle ? spread : middle), middle + spread);
        }
    }
    assert_int_equal(heddle_bolt_backoff_ms(HEDDLE_BOLT_BACKOFF_NONE, 3, &random_state), 0);
}

static void two_writers_that_met_wait_differently(void **state)
{
    (void)state;
    uint64_t one = 1;
    uint64_t other = 2;
    int different = 0;
    for (unsigned attempt = 5; attempt < 15; attempt++) {
        different += heddle_bolt_backoff_ms(HEDDLE_BOLT_BACKOFF_LOCK, attempt, &one) !=
                     heddle_bolt_backoff_ms(HEDDLE_BOLT_BACKOFF_LOCK, attempt, &other);
    }
    assert_in_range(different, 5, 10);
}

static void errors_lead_back_to_the_table(void **state)
{
    (void)state;
    struct heddle_error error = {.status = HEDDLE_DATABASE,
                                 .action = HEDDLE_ACTION_RETRY,
                                 .code = "Neo.TransientError.Transaction.DeadlockDetected"};
    assert_int_equal(heddle_bolt_failure_of(&error)->backoff, HEDDLE_BOLT_BACKOFF_LOCK);
    const struct heddle_error lost = {.status = HEDDLE_NETWORK, .action = HEDDLE_ACTION_RETRY};
    assert_int_equal(heddle_bolt_failure_of(&lost)->remedy, HEDDLE_BOLT_REMEDY_RECONNECT);
    assert_int_equal(heddle_bolt_failure_of(&lost)->action, HEDDLE_ACTION_RETRY);
    const struct heddle_error unknown = {.status = HEDDLE_NETWORK, .action = HEDDLE_ACTION_ASK};
    assert_int_equal(heddle_bolt_failure_of(&unknown)->action, HEDDLE_ACTION_ASK);
    const struct heddle_error ignored = {.status = HEDDLE_DATABASE, .action = HEDDLE_ACTION_RETRY};
    assert_int_equal(heddle_bolt_failure_of(&ignored)->action, HEDDLE_ACTION_RETRY);
    assert_int_equal(heddle_bolt_failure_of(&ignored)->remedy, HEDDLE_BOLT_REMEDY_NONE);
    const struct heddle_error other = {.status = HEDDLE_INVALID};
    assert_int_equal(heddle_bolt_failure_of(&other)->action, HEDDLE_ACTION_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_lead_to_their_actions),
        cmocka_unit_test(a_code_that_only_begins_like_a_known_one_is_another),
        cmocka_unit_test(the_gql_status_speaks_where_the_code_is_unknown),
        cmocka_unit_test(waits_grow_to_a_limit_within_their_jitter),
        cmocka_unit_test(two_writers_that_met_wait_differently),
        cmocka_unit_test(errors_lead_back_to_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
