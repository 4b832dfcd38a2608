/* test_driver.c: the public driver against a scripted server: what goes over the wire, and what its user gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver_fixture.h"

static void records_stream_in_batches_of_the_fetch_size(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: RUN RETURN 1",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"n\", \"s\"], \"t_first\": 3}",
                                        "S: RECORD [1, \"one\"]",
                                        "S: RECORD [2, \"two\"]",
                                        "S: SUCCESS {\"has_more\": true}",
                                        "C: PULL",
                                        "S: RECORD [3, null]",
                                        "S: SUCCESS {\"type\": \"r\", \"t_last\": 5, \"db\": \"people\", "
                                        "\"bookmark\": \"b1\"}",
                                        NULL};
    struct heddle_driver *driver = driver_for(lines, 8);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){.read = true});
    struct heddle_cursor *cursor = NULL;
    struct heddle_record record;
    const struct heddle_summary *summary = NULL;
    size_t count = 0;
    size_t in_use = 0;
    size_t idle = 0;
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
    assert_string_equal(heddle_cursor_keys(cursor, &count)[1].text, "s");
    assert_int_equal(count, 2);
    assert_int_equal(heddle_cursor_next(cursor, &record, NULL), HEDDLE_OK);
    const struct heddle_value *first = record.values;
    assert_int_equal(first[0].integer, 1);
    assert_int_equal(heddle_cursor_peek(cursor, &record, NULL), HEDDLE_OK);
    assert_string_equal(record.values[1].string.text, "two");
    assert_string_equal(first[1].string.text, "one"); /* peeking leaves the current record alone */
    assert_int_equal(heddle_cursor_next(cursor, &record, NULL), HEDDLE_OK);
    assert_int_equal(record.values[0].integer, 2);
    heddle_driver_pool(driver, "script:7687", &in_use, &idle);
    assert_int_equal(in_use, 1);
    assert_int_equal(heddle_cursor_next(cursor, &record, NULL), HEDDLE_OK);
    assert_int_equal(record.values[1].type, HEDDLE_VALUE_NULL);
    assert_int_equal(heddle_cursor_next(cursor, &record, NULL), HEDDLE_END);
    heddle_driver_pool(driver, "script:7687", &in_use, &idle);
    assert_int_equal(in_use, 0);
    assert_int_equal(idle, 1);
    assert_int_equal(heddle_cursor_consume(cursor, &summary, NULL), HEDDLE_OK);
    assert_int_equal(summary->available_after_ms, 3);
    assert_int_equal(summary->consumed_after_ms, 5);
    assert_string_equal(summary->database, "people");
    assert_string_equal(summary->server.agent, "Neo4j/5.26.30");
    assert_string_equal(heddle_session_bookmarks(session, &count)[0], "b1");
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    finish(driver);
}

static void the_first_of_several_records_ends_a_result_that_should_have_one(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: RUN",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"n\"]}",
                                        "S: RECORD [1]",
                                        "S: RECORD [2]",
                                        "S: SUCCESS {\"has_more\": true}",
                                        "C: DISCARD",
                                        "S: SUCCESS {}",
                                        "C: RUN",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"n\"]}",
                                        "S: RECORD [3]",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){.read = true});
    for (int i = 0; i < 2; i++) {
        struct heddle_cursor *cursor = NULL;
        struct heddle_record record;
        bool more = false;
        assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
        assert_int_equal(heddle_cursor_single_optional(cursor, &record, &more, NULL), HEDDLE_OK);
        assert_int_equal(record.values[0].integer, i == 0 ? 1 : 3);
        assert_int_equal(more, i == 0);
        assert_int_equal(heddle_cursor_single_optional(cursor, &record, &more, NULL), HEDDLE_END);
        assert_int_equal(heddle_cursor_single(cursor, &record, NULL), HEDDLE_INVALID);
        heddle_cursor_destroy(cursor);
    }
    heddle_session_close(session);
    finish(driver);
}

static void what_is_not_read_is_discarded_and_bookmarks_chain(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: BEGIN",
                                        "S: SUCCESS {}",
                                        "C: RUN RETURN 1",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"n\"], \"qid\": 0}",
                                        "S: RECORD [1]",
                                        "S: RECORD [2]",
                                        "S: SUCCESS {\"has_more\": true}",
                                        "C: DISCARD",
                                        "S: SUCCESS {\"type\": \"w\"}",
                                        "C: COMMIT",
                                        "S: SUCCESS {\"bookmark\": \"first-bookmark\"}",
                                        "C: BEGIN first-bookmark",
                                        "S: SUCCESS {}",
                                        "C: ROLLBACK",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    struct heddle_transaction *transaction = NULL;
    struct heddle_cursor *cursor = NULL;
    struct heddle_record record;
    struct heddle_error error = {0};
    assert_int_equal(heddle_session_begin(session, NULL, &transaction, NULL), HEDDLE_OK);
    assert_int_equal(heddle_transaction_run(transaction, &query, &cursor, NULL), HEDDLE_OK);
    assert_int_equal(heddle_cursor_next(cursor, &record, NULL), HEDDLE_OK);
    assert_int_equal(heddle_transaction_commit(transaction, NULL), HEDDLE_OK);
    assert_int_equal(heddle_cursor_next(cursor, &record, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "closed"));
    assert_int_equal(heddle_transaction_commit(transaction, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "committed"));
    heddle_cursor_destroy(cursor);
    assert_int_equal(heddle_session_begin(session, NULL, &transaction, NULL), HEDDLE_OK);
    assert_int_equal(heddle_transaction_rollback(transaction, NULL), HEDDLE_OK);
    assert_int_equal(heddle_transaction_close(transaction, NULL), HEDDLE_OK); /* nothing left to do */
    heddle_session_close(session);
    finish(driver);
}

static void a_failure_is_told_in_full_and_costs_one_reset(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,
        "C: BEGIN",
        "S: SUCCESS {}",
        "C: RUN RETURN 1",
        "C: PULL",
        "S: FAILURE {\"neo4j_code\": \"Neo.ClientError.Statement.SyntaxError\", \"message\": \"no\\nway\", "
        "\"gql_status\": \"42001\", \"description\": \"error: syntax\", \"diagnostic_record\": "
        "{\"_classification\": \"CLIENT_ERROR\", \"OPERATION_CODE\": \"7\"}, \"cause\": {\"message\": "
        "\"deep\", "
        "\"gql_status\": \"42I06\", \"description\": \"d\"}}",
        "S: IGNORED",
        "C: RESET",
        "S: SUCCESS {}",
        NULL};
    struct heddle_driver *driver = driver_for(lines, 7);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    struct heddle_transaction *transaction = NULL;
    struct heddle_cursor *cursor = NULL;
    struct heddle_error error = {0};
    assert_null(heddle_session_failure(session));
    assert_int_equal(heddle_session_begin(session, NULL, &transaction, NULL), HEDDLE_OK);
    assert_int_equal(heddle_transaction_run(transaction, &query, &cursor, &error), HEDDLE_DATABASE);
    assert_string_equal(error.code, "Neo.ClientError.Statement.SyntaxError");
    assert_int_equal(error.action, HEDDLE_ACTION_FATAL);
    const struct heddle_failure *failure = heddle_session_failure(session);
    assert_string_equal(failure->message, "no\nway");
    assert_string_equal(failure->gql_status, "42001");
    assert_string_equal(failure->classification, "CLIENT_ERROR");
    const struct heddle_value record = {.type = HEDDLE_VALUE_MAP, .map = failure->diagnostic_record};
    assert_string_equal(heddle_value_map_text(&record, "OPERATION_CODE", ""), "7");
    assert_string_equal(heddle_value_map_text(&record, "CURRENT_SCHEMA", ""),
                        "/"); /* left out by the server */
    assert_string_equal(failure->cause->message, "deep");
    assert_string_equal(failure->cause->classification, "UNKNOWN");
    assert_null(failure->cause->cause);
    assert_int_equal(heddle_transaction_run(transaction, &query, &cursor, NULL), HEDDLE_INVALID);
    assert_int_equal(heddle_transaction_commit(transaction, NULL), HEDDLE_INVALID);
    assert_int_equal(heddle_transaction_rollback(transaction, NULL), HEDDLE_OK); /* the server has done it */
    heddle_session_close(session);
    finish(driver);
}

static int run_once(struct heddle_transaction *transaction, void *context, struct heddle_error *error)
{
    struct heddle_cursor *cursor = NULL;
    ++*(int *)context;
    HEDDLE_TRY(heddle_transaction_run(transaction, &query, &cursor, error));
    const int status = heddle_cursor_consume(cursor, NULL, error);
    heddle_cursor_destroy(cursor);
    return status;
}

#define WORK_BEGINS "C: BEGIN", "S: SUCCESS {}", "C: RUN RETURN 1", "C: PULL"

static void managed_work_is_done_again_after_a_deadlock_and_telemetry_is_told_once(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "C: HELLO",
        "C: LOGON",
        "S: SUCCESS {\"server\": \"Neo4j/5.26.30\", \"hints\": {\"telemetry.enabled\": true}}",
        "S: SUCCESS {}",
        "C: TELEMETRY",
        "C: BEGIN",
        "S: SUCCESS {}",
        "S: SUCCESS {}",
        "C: RUN RETURN 1",
        "C: PULL",
        "S: FAILURE {\"code\": \"Neo.TransientError.Transaction.DeadlockDetected\", \"message\": \"m\"}",
        "S: IGNORED",
        "C: RESET",
        "S: SUCCESS {}",
        WORK_BEGINS,
        "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {\"stats\": {\"nodes-created\": 1}}",
        "C: COMMIT",
        "S: SUCCESS {}",
        NULL};
    int runs = 0;
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_execute(session, false, run_once, &runs, NULL, NULL), HEDDLE_OK);
    assert_int_equal(runs, 2);
    heddle_session_close(session);
    finish(driver);
}

static void managed_work_is_not_done_again_where_that_cannot_help(void **state)
{
    (void)state;
#define FAILS(code)                                                                                          \
    "C: BEGIN", "S: SUCCESS {}", "C: RUN", "C: PULL",                                                        \
        "S: FAILURE {\"code\": \"" code "\", \"message\": \"no\"}", "S: IGNORED", "C: RESET",                \
        "S: SUCCESS {}"
    static const char *const mistaken[] = {LOGIN, FAILS("Neo.ClientError.Statement.SyntaxError"), NULL};
    static const char *const ended[] = {LOGIN, FAILS("Neo.TransientError.Transaction.Terminated"), NULL};
    static const char *const impatient[] = {LOGIN, FAILS("Neo.TransientError.General.Busy"), NULL};
    static const char *const *const cases[] = {mistaken, ended, impatient};
    for (size_t i = 0; i < 3; i++) {
        int calls = 0;
        struct heddle_error error = {0};
        bolt_script_init(&script, 5, 4, cases[i]);
        /* Half a second is less than the first wait for a server that is busy. */
        struct heddle_driver *driver =
            driver_with(&(struct heddle_driver_options){.retry_for_ms = i == 2 ? 500 : 0}, NULL);
        struct heddle_session *session =
            session_of(driver, &(struct heddle_session_options){.database = "d"});
        assert_int_equal(heddle_session_execute(session, false, run_once, &calls, NULL, &error),
                         HEDDLE_DATABASE);
        assert_int_equal(calls, 1);
        heddle_session_close(session);
        finish(driver);
    }
}

static void a_read_is_done_again_whatever_became_of_it(void **state)
{
    (void)state;
#define WORK                                                                                                 \
    "C: BEGIN", "S: SUCCESS {}", "C: RUN", "C: PULL", "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}",        \
        "C: COMMIT"
    static const char *const lines[] = {LOGIN, WORK, "S: CLOSE", LOGIN, WORK, "S: SUCCESS {}", NULL};
    int calls = 0;
    struct heddle_error error = {0};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){.database = "d"});
    assert_int_equal(heddle_session_execute(session, true, run_once, &calls, NULL, &error), HEDDLE_OK);
    assert_int_equal(calls, 2);
    heddle_session_close(session);
    finish(driver);
}

static void a_commit_without_an_answer_is_an_unknown_outcome_and_not_repeated(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, WORK_BEGINS, "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}", "C: COMMIT", "S: CLOSE", NULL};
    int runs = 0;
    struct heddle_error error = {0};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_execute(session, false, run_once, &runs, NULL, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    assert_int_equal(runs, 1);
    heddle_session_close(session);
    finish(driver);
}

static void a_lost_auto_commit_write_is_an_unknown_outcome_too(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, "C: RUN RETURN 1", "C: PULL", "S: CLOSE", NULL};
    struct heddle_error error = {0};
    struct heddle_cursor *cursor = NULL;
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    heddle_session_close(session);
    finish(driver);
}

static void a_statement_that_was_refused_without_effect_is_sent_once_more(void **state)
{
    (void)state;
#define REFUSED                                                                                              \
    "S: FAILURE {\"neo4j_code\": \"Neo.TransientError.Request.NoThreadsAvailable\", \"message\": \"busy\", " \
    "\"gql_status\": \"50N42\", \"description\": \"busy\", \"diagnostic_record\": {\"_idempotent\": true}}", \
        "S: IGNORED", "C: RESET", "S: SUCCESS {}"
    static const char *const lines[] = {LOGIN, "C: RUN", "C: PULL", REFUSED, "C: RUN", "C: PULL",
                                        "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}",
                                        /* Not for ever. */
                                        "C: RUN", "C: PULL", REFUSED, "C: RUN", "C: PULL", REFUSED, NULL};
    struct heddle_cursor *cursor = NULL;
    struct heddle_driver *driver = driver_for(lines, 8);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
    heddle_cursor_destroy(cursor);
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_DATABASE);
    heddle_session_close(session);
    finish(driver);
}

static int write_three(struct heddle_writer *writer, void *context, struct heddle_error *error)
{
    const float *vector = context;
    const struct heddle_value value = heddle_string("written");
    heddle_write_map(writer, 3);
    heddle_write_name(writer, "bytes");
    heddle_write_bytes(writer, "\x01\x02", 2);
    heddle_write_name(writer, "vector");
    heddle_write_vector(writer, vector, 2);
    heddle_write_name(writer, "value");
    return heddle_write_value(writer, &value, error);
}

static void one_call_executes_pipelined_and_keeps_all_records(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: BEGIN people",
                                        "C: RUN written",
                                        "C: PULL",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": [\"n\"], \"qid\": 0}",
                                        "S: RECORD [1]",
                                        "S: RECORD [2]",
                                        "S: SUCCESS {\"has_more\": true}",
                                        "C: PULL",
                                        "S: RECORD [3]",
                                        "S: SUCCESS {\"type\": \"r\"}",
                                        "C: COMMIT",
                                        "S: SUCCESS {\"bookmark\": \"kept\"}",
                                        "C: BEGIN kept",
                                        "C: RUN RETURN 1",
                                        "C: PULL",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        "C: COMMIT",
                                        "S: SUCCESS {}",
                                        NULL};
    static float vector[] = {1, 2};
    const struct heddle_query written = {.text = "RETURN $value", .write = write_three, .context = vector};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_cursor *cursor = NULL;
    const struct heddle_record *records = NULL;
    size_t count = 0;
    assert_int_equal(heddle_driver_execute(driver, &(struct heddle_execute_options){.database = "people"},
                                           &written, &cursor, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_cursor_list(cursor, &records, &count, NULL), HEDDLE_OK);
    assert_int_equal(count, 3);
    assert_int_equal(records[0].values[0].integer, 1);
    assert_int_equal(records[2].values[0].integer, 3);
    heddle_cursor_destroy(cursor);
    assert_int_equal(heddle_driver_execute(driver, NULL, &query, &cursor, NULL), HEDDLE_OK);
    heddle_cursor_destroy(cursor);
    finish(driver);
}

static void a_session_of_another_user_logs_in_again_on_the_same_connection(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: RUN RETURN 1",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        "C: LOGOFF",
                                        "C: LOGON other",
                                        "C: RUN RETURN 1",
                                        "C: PULL",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_driver *driver = driver_for(lines, 4);
    const struct heddle_auth other = heddle_auth_basic("other", "pass");
    const struct heddle_session_options options[] = {{0}, {.auth = &other}};
    for (size_t i = 0; i < 2; i++) {
        struct heddle_cursor *cursor = NULL;
        struct heddle_session *session = session_of(driver, &options[i]);
        assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
        assert_int_equal(heddle_cursor_consume(cursor, NULL, NULL), HEDDLE_OK);
        heddle_cursor_destroy(cursor);
        heddle_session_close(session);
    }
    finish(driver);
}

static void an_expired_login_is_renewed_on_the_connection_that_has_it(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,
        "C: RUN RETURN 1",
        "C: PULL",
        "S: FAILURE {\"code\": \"Neo.ClientError.Security.AuthorizationExpired\", \"message\": \"m\"}",
        "S: IGNORED",
        "C: RESET",
        "S: SUCCESS {}",
        "C: LOGOFF",
        "C: LOGON neo4j",
        "C: RUN RETURN 1",
        "C: PULL",
        "S: SUCCESS {}",
        "S: SUCCESS {}",
        "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}",
        NULL};
    struct heddle_cursor *cursor = NULL;
    struct heddle_error error = {0};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    finish(driver);
}

static void a_server_that_is_no_neo4j_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"FooBar/4.3.0\"}",
                                        "S: SUCCESS {}", NULL};
    struct heddle_error error = {0};
    struct heddle_driver *driver = driver_for(lines, 4);
    assert_int_equal(heddle_driver_verify(driver, NULL, &error), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "FooBar/4.3.0"));
    finish(driver);
}

static void mistakes_are_refused_before_anything_is_sent(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NULL};
    const struct heddle_value_entry node[] = {{heddle_text("n"), {.type = HEDDLE_VALUE_NODE}}};
    const struct heddle_query bad = {.text = "RETURN $n", .parameters = node, .parameter_count = 1};
    struct heddle_driver *driver = driver_for(lines, 4);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    struct heddle_cursor *cursor = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_session_run(session, &bad, NULL, &cursor, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "a node cannot be sent"));
    assert_int_equal(heddle_session_run(session, &query,
                                        &(struct heddle_transaction_options){.timeout_ms = -2}, &cursor,
                                        &error),
                     HEDDLE_INVALID);
    heddle_session_close(session);
    finish(driver);
    assert_null(driver_with(
        &(struct heddle_driver_options){.uri = "bolt+s://a", .encryption = HEDDLE_ENCRYPTION_VERIFIED},
        &error));
    assert_null(driver_with(&(struct heddle_driver_options){.uri = "nowhere"}, &error));
}

enum { SHARING_THREADS = 4, RUNS_A_THREAD = 5 };

/* Sessions of one thread, one after the other. */
static void *use_shared_driver(void *context)
{
    for (int i = 0; i < RUNS_A_THREAD; i++) {
        struct heddle_session *session = NULL;
        struct heddle_cursor *cursor = NULL;
        if (heddle_session_open(context, &(struct heddle_session_options){0}, &session, NULL) != HEDDLE_OK ||
            heddle_session_run(session, &query, NULL, &cursor, NULL) != HEDDLE_OK ||
            heddle_cursor_consume(cursor, NULL, NULL) != HEDDLE_OK) {
            return NULL;
        }
        heddle_cursor_destroy(cursor);
        heddle_session_close(session);
    }
    return context;
}

static void threads_share_a_driver_and_wait_for_its_one_connection(void **state)
{
    (void)state;
    static const char *const one_run[] = {"C: RUN RETURN 1", "C: PULL", "S: SUCCESS {\"fields\": []}",
                                          "S: SUCCESS {}"};
    static const char *const login[] = {LOGIN};
    enum { LOGIN_LINES = sizeof login / sizeof login[0], RUN_LINES = sizeof one_run / sizeof one_run[0] };
    static const char *lines[LOGIN_LINES + RUN_LINES * SHARING_THREADS * RUNS_A_THREAD + 1];
    char uri[64];
    pthread_t threads[SHARING_THREADS];
    struct heddle_driver *driver = NULL;
    memcpy(lines, login, sizeof login);
    for (size_t i = 0; i < SHARING_THREADS * RUNS_A_THREAD; i++) {
        memcpy(lines + LOGIN_LINES + i * RUN_LINES, one_run, sizeof one_run);
    }
    bolt_script_init(&script, 5, 4, lines);
    snprintf(uri, sizeof uri, "bolt://127.0.0.1:%u", bolt_script_listen(&script, 1));
    assert_int_equal(
        heddle_driver_open(&(struct heddle_driver_options){.uri = uri, .max_pool_size = 1}, &driver, NULL),
        HEDDLE_OK);
    for (size_t i = 0; i < SHARING_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_shared_driver, driver), 0);
    }
    for (size_t i = 0; i < SHARING_THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, driver);
    }
    heddle_driver_close(driver);
    bolt_script_join(&script);
    bolt_script_check(&script);
    bolt_script_free(&script);
}

static void nobody_waits_longer_for_a_connection_than_allowed(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,         "C: BEGIN",      "S: SUCCESS {}",
                                        "C: ROLLBACK", "S: SUCCESS {}", NULL};
    struct heddle_error error = {0};
    struct heddle_transaction *transaction = NULL;
    struct heddle_cursor *cursor = NULL;
    bolt_script_init(&script, 5, 4, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.max_pool_size = 1, .acquire_timeout_ms = 20}, NULL);
    struct heddle_session *holder = session_of(driver, &(struct heddle_session_options){0});
    struct heddle_session *waiting = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_begin(holder, NULL, &transaction, NULL), HEDDLE_OK);
    assert_int_equal(heddle_session_run(waiting, &query, NULL, &cursor, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "max_pool_size"));
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    heddle_session_close(waiting);
    heddle_session_close(holder); /* rolls back */
    finish(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_stream_in_batches_of_the_fetch_size),
        cmocka_unit_test(the_first_of_several_records_ends_a_result_that_should_have_one),
        cmocka_unit_test(what_is_not_read_is_discarded_and_bookmarks_chain),
        cmocka_unit_test(a_failure_is_told_in_full_and_costs_one_reset),
        cmocka_unit_test(managed_work_is_done_again_after_a_deadlock_and_telemetry_is_told_once),
        cmocka_unit_test(managed_work_is_not_done_again_where_that_cannot_help),
        cmocka_unit_test(a_read_is_done_again_whatever_became_of_it),
        cmocka_unit_test(a_commit_without_an_answer_is_an_unknown_outcome_and_not_repeated),
        cmocka_unit_test(a_lost_auto_commit_write_is_an_unknown_outcome_too),
        cmocka_unit_test(a_statement_that_was_refused_without_effect_is_sent_once_more),
        cmocka_unit_test(one_call_executes_pipelined_and_keeps_all_records),
        cmocka_unit_test(a_session_of_another_user_logs_in_again_on_the_same_connection),
        cmocka_unit_test(an_expired_login_is_renewed_on_the_connection_that_has_it),
        cmocka_unit_test(a_server_that_is_no_neo4j_is_refused),
        cmocka_unit_test(mistakes_are_refused_before_anything_is_sent),
        cmocka_unit_test(threads_share_a_driver_and_wait_for_its_one_connection),
        cmocka_unit_test(nobody_waits_longer_for_a_connection_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
