/* test_request.c: the loader's path: one round trip a batch, the same bytes again, and what a loss at any place means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "bolt/request.h"
#include "bolt/stream.h"
#include "support/bolt_script.h"

#define LOGIN "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}", "S: SUCCESS {}"
#define BATCH "C: BEGIN people", "C: RUN HeddleTx", "C: DISCARD", "C: RUN UNWIND", "C: PULL", "C: COMMIT"
#define BATCH_ANSWERS                                                                                        \
    "S: SUCCESS {}", "S: SUCCESS {\"fields\": []}", "S: SUCCESS {\"stats\": {\"nodes-created\": 1}}",        \
        "S: SUCCESS {\"fields\": [\"ids\"]}", "S: RECORD [[7, 8]]",                                          \
        "S: SUCCESS {\"stats\": {\"nodes-created\": 2, \"properties-set\": 4}}",                             \
        "S: SUCCESS {\"bookmark\": \"bm:5\"}"
#define DEADLOCK                                                                                             \
    "S: FAILURE {\"neo4j_code\": \"Neo.TransientError.Transaction.DeadlockDetected\", \"message\": "         \
    "\"deadlock\", "                                                                                         \
    "\"gql_status\": \"50N05\"}"

static struct bolt_script script;
static struct heddle_bolt_connection *connection;
static struct heddle_bolt_request *request;
static struct heddle_arena *arena;

static void open_script(const char *const *lines)
{
    bolt_script_init(&script, 5, 8, lines);
    const struct heddle_bolt_options options = bolt_script_options(&script);
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
}

static void finish(void)
{
    heddle_bolt_close(connection);
    connection = NULL;
    bolt_script_check(&script);
    bolt_script_free(&script);
}

/* The mark and a batch of two rows. */
static int build(struct heddle_bolt_request *into, struct heddle_error *error)
{
    const struct heddle_bolt_request_options options = {.database = "people", .timeout_ms = 300000};
    heddle_bolt_request_begin(into, (struct heddle_pack_dialect){.utc = true}, &options);
    struct heddle_pack *pack = heddle_bolt_request_run_open(into, "CREATE (:HeddleTx {id: $id})", 1);
    heddle_pack_text(pack, "id");
    heddle_pack_text(pack, "load-1");
    heddle_bolt_request_run_close(into, HEDDLE_BOLT_DISCARD);
    pack = heddle_bolt_request_run_open(
        into, "UNWIND $rows AS r CREATE (n {k: r[0]}) RETURN collect(id(n)) AS ids", 1);
    heddle_pack_text(pack, "rows");
    const struct heddle_pack_mark rows = heddle_pack_list_open(pack);
    for (int64_t i = 0; i < 2; i++) {
        heddle_pack_list(pack, 1);
        heddle_pack_integer(pack, i);
    }
    heddle_pack_list_close(pack, rows, 2);
    heddle_bolt_request_run_close(into, HEDDLE_BOLT_PULL);
    return heddle_bolt_request_commit(into, error);
}

static void a_batch_takes_one_round_trip_and_sums_its_counters(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, BATCH, BATCH_ANSWERS, NULL};
    struct heddle_bolt_answer answer;
    open_script(lines);
    const int turns = script.wires[0].turns;
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_in_flight(connection), 1);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_in_flight(connection), 0);
    assert_int_equal(script.wires[0].turns - turns, 1);
    assert_int_equal(answer.counters.nodes_created, 3);
    assert_int_equal(answer.counters.properties_set, 4);
    assert_int_equal(answer.record_count, 1);
    assert_int_equal(answer.records[0].items[0].list.items[1].integer, 8);
    assert_string_equal(answer.bookmark, "bm:5");
    finish();
}

static void after_a_deadlock_the_same_bytes_go_again(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        BATCH,
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        DEADLOCK,
                                        "S: IGNORED",
                                        "S: IGNORED",
                                        "C: RESET",
                                        "S: SUCCESS {}",
                                        BATCH,
                                        BATCH_ANSWERS,
                                        NULL};
    struct heddle_bolt_answer answer;
    struct heddle_error error = {0};
    open_script(lines);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    const size_t bytes = heddle_bolt_request_bytes(request);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_string_equal(error.code, "Neo.TransientError.Transaction.DeadlockDetected");
    assert_string_equal(answer.gql_status, "50N05");
    assert_int_equal(answer.failed_run, 1);
    assert_int_equal(answer.counters.nodes_created, 0);
    const int turns = script.wires[0].turns;
    const size_t before = script.wires[0].to_peer.length;
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, NULL), HEDDLE_OK);
    assert_int_equal(script.wires[0].turns - turns, 1);
    assert_int_equal(script.wires[0].to_peer.length - before, bytes + 6); /* RESET and the same again */
    assert_memory_equal(script.wires[0].to_peer.bytes + before + 6,
                        script.wires[0].to_peer.bytes + before - bytes, bytes);
    finish();
}

static void where_a_request_fails_is_told(void **state)
{
    (void)state;
    static const char *const at_begin[] = {
        LOGIN, BATCH, DEADLOCK, "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED", NULL};
    static const char *const at_mark[] = {
        LOGIN,    BATCH,        "S: SUCCESS {}", "S: SUCCESS {\"fields\": []}",
        DEADLOCK, "S: IGNORED", "S: IGNORED",    "S: IGNORED",
        NULL};
    static const char *const at_commit[] = {LOGIN,           BATCH,           "S: SUCCESS {}",
                                            "S: SUCCESS {}", "S: SUCCESS {}", "S: SUCCESS {}",
                                            "S: SUCCESS {}", DEADLOCK,        NULL};
    const struct {
        const char *const *lines;
        int run;
    } cases[] = {{at_begin, -1}, {at_mark, 0}, {at_commit, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heddle_bolt_answer answer;
        struct heddle_error error = {0};
        open_script(cases[i].lines);
        assert_int_equal(build(request, NULL), HEDDLE_OK);
        assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
        assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_DATABASE);
        assert_int_equal(answer.failed_run, cases[i].run);
        assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
        finish();
    }
}

/* The batch's answers cut after each of them: COMMIT was sent, so nobody knows, unless a FAILURE came first. */
static void a_connection_lost_at_any_answer_leaves_the_outcome_unknown(void **state)
{
    (void)state;
    static const char *const answers[] = {BATCH_ANSWERS};
    enum { ANSWERS = sizeof answers / sizeof answers[0], LOGIN_LINES = 4, BATCH_LINES = 6 };
    static const char *const start[] = {LOGIN, BATCH};
    for (size_t kept = 0; kept < ANSWERS; kept++) {
        const char *lines[LOGIN_LINES + BATCH_LINES + ANSWERS + 2] = {NULL};
        struct heddle_bolt_answer answer;
        struct heddle_error error = {0};
        memcpy(lines, start, sizeof start);
        memcpy(lines + LOGIN_LINES + BATCH_LINES, answers, kept * sizeof answers[0]);
        lines[LOGIN_LINES + BATCH_LINES + kept] = "S: CLOSE";
        open_script(lines);
        assert_int_equal(build(request, NULL), HEDDLE_OK);
        assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
        assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_NETWORK);
        assert_int_equal(error.action, HEDDLE_ACTION_ASK);
        assert_int_equal(answer.record_count, 0);
        assert_false(heddle_bolt_is_open(connection));
        finish();
    }
}

static void a_failure_before_the_loss_makes_the_outcome_known(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, BATCH, "S: SUCCESS {}", DEADLOCK, "S: CLOSE", NULL};
    struct heddle_bolt_answer answer;
    struct heddle_error error = {0};
    open_script(lines);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_false(heddle_bolt_is_open(connection));
    finish();
}

static void a_connection_lost_before_commit_was_sent_is_safe_to_retry(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, "C: BEGIN", "S: CLOSE", NULL};
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 8, lines);
    script.piece = 30; /* BEGIN is heard while COMMIT is still unsent */
    const struct heddle_bolt_options options = bolt_script_options(&script);
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_int_equal(heddle_bolt_in_flight(connection), 0);
    assert_int_equal(heddle_bolt_send(connection, request, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    finish();
}

static void a_server_that_hangs_up_in_the_middle_is_heard_out(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, "C: BEGIN",
        "S: FAILURE {\"code\": \"Neo.ClientError.Request.Invalid\", \"message\": \"too long\"}", "S: CLOSE",
        NULL};
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 4, lines);
    script.piece = 30;
    const struct heddle_bolt_options options = bolt_script_options(&script);
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, &error), HEDDLE_DATABASE);
    assert_string_equal(error.code, "Neo.ClientError.Request.Invalid");
    assert_int_equal(error.action, HEDDLE_ACTION_FATAL);
    assert_false(heddle_bolt_is_open(connection));
    finish();
}

static void a_request_goes_to_a_reopened_connection_as_it_is(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, BATCH, "S: CLOSE", LOGIN, BATCH, BATCH_ANSWERS, NULL};
    struct heddle_bolt_answer answer;
    open_script(lines);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, NULL), HEDDLE_NETWORK);
    assert_int_equal(heddle_bolt_reopen(connection, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, NULL), HEDDLE_OK);
    assert_int_equal(answer.counters.nodes_created, 3);
    finish();
}

static void two_in_flight_are_answered_in_order(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, BATCH, BATCH, BATCH_ANSWERS, BATCH_ANSWERS, NULL};
    struct heddle_bolt_answer answer;
    struct heddle_bolt_request *second = NULL;
    open_script(lines);
    assert_int_equal(heddle_bolt_request_create(&second, NULL), HEDDLE_OK);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(build(second, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, second, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_in_flight(connection), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(heddle_bolt_receive(connection, arena, &answer, NULL), HEDDLE_OK);
        assert_int_equal(answer.counters.nodes_created, 3);
    }
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, NULL), HEDDLE_INVALID);
    heddle_bolt_request_destroy(second);
    finish();
}

#define SIX_IGNORED "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED"

static void what_was_sent_behind_a_failure_was_ignored_and_may_go_again(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, BATCH, BATCH, DEADLOCK, "S: IGNORED", "S: IGNORED",
                                        "S: IGNORED", "S: IGNORED", "S: IGNORED", SIX_IGNORED,
                                        /* one RESET is enough for both */
                                        "C: RESET", "S: SUCCESS {}", BATCH, BATCH_ANSWERS, BATCH,
                                        BATCH_ANSWERS, NULL};
    struct heddle_bolt_answer answer;
    struct heddle_error error = {0};
    struct heddle_bolt_request *second = NULL;
    open_script(lines);
    assert_int_equal(heddle_bolt_request_create(&second, NULL), HEDDLE_OK);
    assert_int_equal(build(request, NULL), HEDDLE_OK);
    assert_int_equal(build(second, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_send(connection, second, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_DATABASE);
    /* The first goes again while the second's answers are still to come. */
    assert_int_equal(heddle_bolt_send(connection, request, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_int_equal(heddle_bolt_send(connection, second, NULL), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_OK);
    assert_int_equal(heddle_bolt_receive(connection, arena, &answer, &error), HEDDLE_OK);
    heddle_bolt_request_destroy(second);
    finish();
}

static void requests_out_of_order_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NULL};
    const struct heddle_bolt_request_options options = {0};
    struct heddle_error error = {0};
    open_script(lines);
    heddle_bolt_request_begin(request, (struct heddle_pack_dialect){0}, &options);
    assert_int_equal(heddle_bolt_send(connection, request, &error), HEDDLE_INVALID); /* not sealed */
    assert_int_equal(heddle_bolt_request_commit(request, &error), HEDDLE_INVALID);   /* no statement */
    heddle_bolt_request_begin(request, (struct heddle_pack_dialect){0}, &options);
    (void)heddle_bolt_request_run_open(request, "A", 0);
    (void)heddle_bolt_request_run_open(request, "B", 0);
    heddle_bolt_request_run_close(request, HEDDLE_BOLT_PULL);
    assert_int_equal(heddle_bolt_request_commit(request, &error), HEDDLE_INVALID);
    heddle_bolt_request_begin(request, (struct heddle_pack_dialect){0}, &options);
    for (int i = 0; i <= HEDDLE_BOLT_REQUEST_RUNS_MAX; i++) {
        (void)heddle_bolt_request_run_open(request, "A", 0);
        heddle_bolt_request_run_close(request, HEDDLE_BOLT_DISCARD);
    }
    assert_int_equal(heddle_bolt_request_commit(request, &error), HEDDLE_INVALID);
    assert_int_equal(build(request, &error), HEDDLE_OK); /* and the memory is good for another one */
    finish();
}

static void every_failing_allocation_of_a_request_is_told_at_commit(void **state)
{
    (void)state;
    int failures = 0;
    for (int64_t n = 0; n < 100; n++) {
        struct heddle_bolt_request *fresh = NULL;
        heddle_memory_fail_at(n);
        int status = heddle_bolt_request_create(&fresh, NULL);
        if (status == HEDDLE_OK) {
            status = build(fresh, NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_bolt_request_destroy(fresh);
        if (status == HEDDLE_OK) {
            break;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        failures++;
    }
    assert_in_range(failures, 3, 99);
}

/* A server that answers with as much as it hears and, like a real one, stops reading while nobody takes its answers. */
static void *echo_much(void *context)
{
    const int socket = *(const int *)context;
    static uint8_t bytes[65536];
    ssize_t received = 0;
    while ((received = recv(socket, bytes, sizeof bytes, 0)) > 0) {
        for (ssize_t at = 0; at < received;) {
            const ssize_t sent = send(socket, bytes + at, (size_t)(received - at), MSG_NOSIGNAL);
            if (sent <= 0) {
                return NULL;
            }
            at += sent;
        }
    }
    return NULL;
}

static void sending_never_waits_for_a_server_that_waits_for_us(void **state)
{
    (void)state;
    int pair[2];
    pthread_t server;
    struct heddle_wire *wire = NULL;
    static uint8_t bytes[8 * 1024 * 1024];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pthread_create(&server, NULL, echo_much, &pair[1]), 0);
    assert_int_equal(heddle_wire_from_socket(pair[0], "pair", &wire, NULL), HEDDLE_OK);
    struct heddle_bolt_stream stream = {0};
    heddle_bolt_stream_attach(&stream, wire);
    /* 8 MB, far more than two sockets' buffers hold: a client that only writes would hang here. */
    assert_int_equal(heddle_bolt_stream_send(&stream, bytes, sizeof bytes, NULL), HEDDLE_OK);
    assert_true(stream.inbox.length > 0);
    heddle_bolt_stream_free(&stream);
    pthread_join(server, NULL);
    close(pair[1]);
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(heddle_bolt_request_create(&request, NULL), HEDDLE_OK);
    return heddle_arena_create(0, &arena, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    heddle_bolt_request_destroy(request);
    heddle_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_takes_one_round_trip_and_sums_its_counters),
        cmocka_unit_test(after_a_deadlock_the_same_bytes_go_again),
        cmocka_unit_test(where_a_request_fails_is_told),
        cmocka_unit_test(a_connection_lost_at_any_answer_leaves_the_outcome_unknown),
        cmocka_unit_test(a_failure_before_the_loss_makes_the_outcome_known),
        cmocka_unit_test(a_connection_lost_before_commit_was_sent_is_safe_to_retry),
        cmocka_unit_test(a_server_that_hangs_up_in_the_middle_is_heard_out),
        cmocka_unit_test(a_request_goes_to_a_reopened_connection_as_it_is),
        cmocka_unit_test(two_in_flight_are_answered_in_order),
        cmocka_unit_test(what_was_sent_behind_a_failure_was_ignored_and_may_go_again),
        cmocka_unit_test(requests_out_of_order_are_refused),
        cmocka_unit_test(every_failing_allocation_of_a_request_is_told_at_commit),
        cmocka_unit_test(sending_never_waits_for_a_server_that_waits_for_us),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
