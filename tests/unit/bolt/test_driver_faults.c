/* test_driver_faults.c: a driver whose every connect, read, write and allocation fails in turn, and whose server's bytes come
 * cut at every place: it ends with what it was asked for, or with the reason why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "driver_fixture.h"

/* Routes, a statement, another one by the home that is known then, and a transaction. */
static const char *const whole_life[] = {LOGIN_ROUTING,
                                         "C: ROUTE",
                                         ROUTES("one", "\"first:1\""),
                                         LOGIN_ROUTING,
                                         "C: RUN RETURN 1",
                                         "C: PULL",
                                         "S: SUCCESS {\"fields\": [\"n\"]}",
                                         "S: RECORD [\"a\"]",
                                         "S: SUCCESS {\"type\": \"r\", \"bookmark\": \"b:1\"}",
                                         "C: RUN !one",
                                         "C: PULL",
                                         "S: SUCCESS {\"fields\": [\"n\"], \"db\": \"one\"}",
                                         "S: RECORD [\"a\"]",
                                         "S: SUCCESS {\"type\": \"r\", \"bookmark\": \"b:2\"}",
                                         "C: BEGIN !one",
                                         "S: SUCCESS {\"db\": \"one\"}",
                                         "C: RUN RETURN 1",
                                         "C: PULL",
                                         "S: SUCCESS {\"fields\": [\"n\"], \"t_first\": 1}",
                                         "S: RECORD [[1, {\"k\": 2}]]",
                                         "S: SUCCESS {\"statuses\": [{\"gql_status\": \"00000\", "
                                         "\"status_description\": \"note\"}], \"type\": \"r\"}",
                                         "C: COMMIT",
                                         "S: SUCCESS {\"bookmark\": \"b:3\"}",
                                         NULL};

static int read_one(struct heddle_driver *driver, struct heddle_error *error)
{
    struct heddle_session *session = NULL;
    struct heddle_cursor *cursor = NULL;
    struct heddle_record record;
    HEDDLE_TRY(heddle_session_open(driver, &(struct heddle_session_options){0}, &session, error));
    int status = heddle_session_run(session, &query, NULL, &cursor, error);
    if (status == HEDDLE_OK) {
        status = heddle_cursor_single(cursor, &record, error);
    }
    if (status == HEDDLE_OK) {
        assert_string_equal(record.values[0].string.text, "a");
        status = heddle_cursor_consume(cursor, NULL, error);
    }
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    return status;
}

static int transact(struct heddle_driver *driver, struct heddle_error *error)
{
    struct heddle_session *session = NULL;
    struct heddle_transaction *transaction = NULL;
    struct heddle_cursor *cursor = NULL;
    const struct heddle_record *records = NULL;
    size_t count = 0;
    HEDDLE_TRY(heddle_session_open(driver, &(struct heddle_session_options){0}, &session, error));
    int status = heddle_session_begin(session, NULL, &transaction, error);
    if (status == HEDDLE_OK) {
        status = heddle_transaction_run(transaction, &query, &cursor, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_cursor_list(cursor, &records, &count, error);
    }
    if (status == HEDDLE_OK) {
        assert_int_equal(count, 1);
        status = heddle_cursor_consume(cursor, NULL, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_transaction_commit(transaction, error);
    }
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    return status;
}

static struct heddle_driver *routed_driver(struct heddle_error *error)
{
    return driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, error);
}

static int live(struct heddle_driver *driver, struct heddle_error *error)
{
    HEDDLE_TRY(read_one(driver, error));
    HEDDLE_TRY(read_one(driver, error));
    return transact(driver, error);
}

static void messages_may_be_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        struct heddle_error error = {0};
        bolt_script_init(&script, 5, 8, whole_life);
        script.piece = piece;
        script.noops = true;
        struct heddle_driver *driver = routed_driver(NULL);
        if (live(driver, &error) != HEDDLE_OK) {
            fail_msg("%s; %s", error.message, script.complaint);
        }
        finish(driver);
    }
}

static void every_read_and_every_write_may_fail(void **state)
{
    (void)state;
    int failures = 0;
    for (int status = HEDDLE_NETWORK; status != HEDDLE_OK; failures++) {
        struct heddle_error error = {0};
        bolt_script_init(&script, 5, 8, whole_life);
        script.piece = 8;
        script.fail_at = failures; /* of each of the two connections */
        struct heddle_driver *driver = routed_driver(NULL);
        status = live(driver, &error);
        heddle_driver_close(driver);
        if (status == HEDDLE_OK) {
            bolt_script_check(&script);
        } else {
            assert_int_equal(status, HEDDLE_NETWORK);
            assert_non_null(strstr(error.message, "on purpose"));
            assert_true(error.action == HEDDLE_ACTION_RETRY || error.action == HEDDLE_ACTION_ASK);
        }
        bolt_script_free(&script);
        assert_in_range(failures, 0, 500);
    }
    assert_in_range(failures, 40, 500);
}

/* Lets some dials pass, and refuses the one after them. */
static struct {
    heddle_bolt_dial *dial;
    void *context;
    int before;
} refusing;

static int dial_or_refuse(void *context, const struct heddle_uri *uri, struct heddle_wire **wire_out,
                          struct heddle_error *error)
{
    (void)context;
    if (refusing.before-- == 0) {
        return heddle_error_set(error, HEDDLE_NETWORK, "refused on purpose");
    }
    return refusing.dial(refusing.context, uri, wire_out, error);
}

static void every_connect_may_fail(void **state)
{
    (void)state;
    for (int before = 0; before <= 2; before++) {
        struct heddle_error error = {0};
        bolt_script_init(&script, 5, 8, whole_life);
        struct heddle_driver *driver = routed_driver(NULL);
        refusing.dial = driver->dial;
        refusing.context = driver->dial_context;
        refusing.before = before;
        driver->dial = dial_or_refuse;
        assert_int_equal(live(driver, &error), before < 2 ? HEDDLE_NETWORK : HEDDLE_OK);
        assert_int_equal(script.dials, before < 2 ? before : 2);
        heddle_driver_close(driver);
        bolt_script_free(&script);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int64_t failing = 0;
    for (int status = HEDDLE_OUT_OF_MEMORY; status != HEDDLE_OK; failing++) {
        struct heddle_error error = {0};
        bolt_script_init(&script, 5, 8, whole_life);
        heddle_memory_fail_at(failing);
        struct heddle_driver *driver = routed_driver(&error);
        status = driver != NULL ? live(driver, &error) : HEDDLE_OUT_OF_MEMORY;
        heddle_memory_fail_at(-1);
        heddle_driver_close(driver);
        if (status == HEDDLE_OK) {
            bolt_script_check(&script);
        } else { /* or the script's server ran out of memory, and hung up */
            assert_true(status == HEDDLE_OUT_OF_MEMORY || status == HEDDLE_NETWORK);
        }
        bolt_script_free(&script);
        assert_true(failing < 2000);
    }
    assert_true(failing > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_may_be_cut_at_every_byte),
        cmocka_unit_test(every_read_and_every_write_may_fail),
        cmocka_unit_test(every_connect_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
