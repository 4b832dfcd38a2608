/* test_connection.c: opening, logging in, routing, statements and transactions, against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/connection.h"
#include "bolt/request.h"
#include "support/bolt_script.h"

#define LOGIN                                                                                                \
    "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\", \"connection_id\": \"bolt-7\"}",     \
        "S: SUCCESS {}"
#define HELLO_44                                                                                             \
    "C: HELLO",                                                                                              \
        "S: SUCCESS {\"server\": \"Neo4j/4.4.0\", \"connection_id\": \"bolt-7\", \"patch_bolt\": [\"utc\"]}"

static struct bolt_script script;
static struct heddle_bolt_connection *connection;
static struct heddle_arena *arena;

static int open_status(uint8_t major, uint8_t minor, const char *const *lines, struct heddle_error *error)
{
    bolt_script_init(&script, major, minor, lines);
    const struct heddle_bolt_options options = bolt_script_options(&script);
    return heddle_bolt_open(&options, &connection, error);
}

static void open_script(uint8_t major, uint8_t minor, const char *const *lines)
{
    struct heddle_error error = {0};
    if (open_status(major, minor, lines, &error) != HEDDLE_OK) {
        fail_msg("%s (%s)", error.message, script.complaint);
    }
}

static int query(const char *text, struct heddle_bolt_result *result, struct heddle_error *error)
{
    const struct heddle_bolt_query wanted = {.text = text};
    return heddle_bolt_query(connection, &wanted, arena, result, error);
}

/* Ends a test: the script must have been played to its end. */
static void finish(void)
{
    heddle_bolt_close(connection);
    connection = NULL;
    bolt_script_check(&script);
    bolt_script_free(&script);
}

static bool sent(int dial, const char *text)
{
    const struct heddle_buffer *bytes = &script.wires[dial].to_peer;
    return memmem(bytes->bytes, bytes->length, text, strlen(text)) != NULL;
}

static void opening_takes_two_round_trips_on_every_version(void **state)
{
    (void)state;
    static const char *const with_logon[] = {LOGIN, NULL};
    static const char *const without[] = {HELLO_44, NULL};
    const uint8_t versions[][2] = {{4, 1}, {4, 2}, {4, 3}, {4, 4}, {5, 0}, {5, 1}, {5, 2},
                                   {5, 3}, {5, 4}, {5, 6}, {5, 7}, {5, 8}, {6, 0}, {6, 1}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        const bool logon = versions[i][0] > 5 || (versions[i][0] == 5 && versions[i][1] >= 1);
        open_script(versions[i][0], versions[i][1], logon ? with_logon : without);
        assert_int_equal(heddle_bolt_connection_version(connection).major, versions[i][0]);
        assert_int_equal(heddle_bolt_connection_version(connection).minor, versions[i][1]);
        assert_int_equal(script.wires[0].turns, 2);
        assert_int_equal(heddle_bolt_connection_traffic(connection).round_trips, 2);
        assert_string_equal(heddle_bolt_server_agent(connection), logon ? "Neo4j/5.26.30" : "Neo4j/4.4.0");
        assert_string_equal(heddle_bolt_connection_id(connection), "bolt-7");
        assert_string_equal(heddle_bolt_connection_address(connection), "script:7687");
        assert_true(heddle_bolt_connection_dialect(connection).utc);
        assert_int_equal(heddle_bolt_connection_dialect(connection).native_vectors, versions[i][0] >= 6);
        assert_true(sent(0, "heddle/"));
        finish();
        assert_int_equal(script.wires[0].closed, true);
    }
}

static void a_4_4_server_that_does_not_agree_to_utc_gets_local_seconds(void **state)
{
    (void)state;
    static const char *const lines[] = {"C: HELLO utc", "S: SUCCESS {\"server\": \"Neo4j/4.4.0\"}", NULL};
    open_script(4, 4, lines);
    assert_false(heddle_bolt_connection_dialect(connection).utc);
    finish();
}

static void opening_survives_every_cut_and_keepalives_anywhere(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: RUN RETURN 1",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"1\"]}",
                                        "S: RECORD [1]",
                                        "S: SUCCESS {\"type\": \"r\"}",
                                        NULL};
    for (size_t piece = 1; piece < 40; piece++) {
        struct heddle_bolt_result result;
        bolt_script_init(&script, 5, 8, lines);
        script.piece = piece;
        script.noops = true;
        const struct heddle_bolt_options options = bolt_script_options(&script);
        assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
        assert_int_equal(query("RETURN 1", &result, NULL), HEDDLE_OK);
        assert_int_equal(result.records[0].items[0].integer, 1);
        finish();
    }
}

static void a_wrong_password_is_said_so_without_the_password(void **state)
{
    (void)state;
    static const char *const new_shape[] = {
        "C: HELLO",
        "C: LOGON secret",
        "S: SUCCESS {}",
        "S: FAILURE {\"neo4j_code\": \"Neo.ClientError.Security.Unauthorized\", \"message\": "
        "\"authentication failure.\", "
        "\"gql_status\": \"42NFF\", \"diagnostic_record\": {\"_classification\": \"CLIENT_ERROR\"}, "
        "\"cause\": null}",
        "S: CLOSE",
        NULL};
    static const char *const old_shape[] = {
        "C: HELLO secret",
        "S: FAILURE {\"code\": \"Neo.ClientError.Security.Unauthorized\", \"message\": \"authentication "
        "failure.\"}",
        "S: CLOSE", NULL};
    for (int old = 0; old <= 1; old++) {
        struct heddle_error error = {0};
        assert_int_equal(open_status(old ? 4 : 5, old ? 4 : 8, old ? old_shape : new_shape, &error),
                         HEDDLE_DATABASE);
        assert_string_equal(error.code, "Neo.ClientError.Security.Unauthorized");
        assert_string_equal(error.message,
                            "login to script:7687 as \"neo4j\" refused: authentication failure; check user "
                            "and password (Neo.ClientError.Security.Unauthorized)");
        assert_int_equal(error.action, HEDDLE_ACTION_FATAL);
        assert_null(strstr(error.message, "secret"));
        finish();
    }
}

static void tokens_and_no_authentication_go_out_as_such(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NULL};
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_bolt_options options = bolt_script_options(&script);
    options.auth = HEDDLE_BOLT_AUTH_BEARER;
    options.secret = "tok";
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_true(sent(0, "\x86"
                        "bearer") &&
                sent(0, "\x83tok"));
    finish();
    bolt_script_init(&script, 5, 8, lines);
    options.auth = HEDDLE_BOLT_AUTH_NONE;
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_true(sent(0, "\x84none"));
    assert_false(sent(0, "tok"));
    finish();
}

static void options_that_cannot_work_are_refused_before_dialling(void **state)
{
    (void)state;
    static const char *const lines[] = {NULL};
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_bolt_options options = bolt_script_options(&script);
    options.user = NULL;
    assert_int_equal(heddle_bolt_open(&options, &connection, &error), HEDDLE_INVALID);
    options = bolt_script_options(&script);
    options.uri = "bolt://neo4j:secret@script";
    assert_int_equal(heddle_bolt_open(&options, &connection, &error), HEDDLE_INVALID);
    assert_null(strstr(error.message, "secret"));
    options.uri = NULL;
    assert_int_equal(heddle_bolt_open(&options, &connection, &error), HEDDLE_INVALID);
    assert_int_equal(script.dials, 0);
    finish();
}

static void other_services_are_named_with_the_address(void **state)
{
    (void)state;
    static const char *const lines[] = {NULL};
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 4, lines);
    memcpy(script.handshake, "HTTP", 4);
    const struct heddle_bolt_options options = bolt_script_options(&script);
    assert_int_equal(heddle_bolt_open(&options, &connection, &error), HEDDLE_PROTOCOL);
    assert_string_equal(error.message,
                        "script:7687: this port answers HTTP: Bolt is usually at 7687 (7474 is the "
                        "browser's port)");
    finish();
}

static void a_statement_takes_one_round_trip_and_brings_everything(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,
        "C: RUN CREATE",
        "C: PULL",
        "S: SUCCESS {\"fields\": [\"a\", \"b\"], \"t_first\": 1, \"db\": \"neo4j\"}",
        "S: RECORD [1, \"x\"]",
        "S: RECORD [null, [true]]",
        "S: SUCCESS {\"type\": \"rw\", \"bookmark\": \"bm:1\", \"new-key\": {\"a\": [1]}, \"stats\": "
        "{\"contains-updates\": "
        "true, \"nodes-created\": 2, \"properties-set\": 3, \"brand-new\": 4}}",
        NULL};
    struct heddle_bolt_result result;
    open_script(5, 8, lines);
    const int turns = script.wires[0].turns;
    assert_int_equal(query("CREATE", &result, NULL), HEDDLE_OK);
    assert_int_equal(script.wires[0].turns - turns, 1);
    assert_int_equal(result.field_count, 2);
    assert_string_equal(result.fields[1].text, "b");
    assert_int_equal(result.record_count, 2);
    assert_string_equal(result.records[0].items[1].string.text, "x");
    assert_int_equal(result.records[1].items[0].type, HEDDLE_VALUE_NULL);
    assert_int_equal(result.counters.nodes_created, 2);
    assert_int_equal(result.counters.properties_set, 3);
    assert_string_equal(result.type, "rw");
    assert_string_equal(result.bookmark, "bm:1");
    assert_string_equal(result.database, "neo4j");
    finish();
}

static void after_a_failure_reset_goes_ahead_of_the_next_statement(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,
        "C: RUN WRONG",
        "C: PULL",
        "S: FAILURE {\"neo4j_code\": \"Neo.ClientError.Statement.SyntaxError\", \"message\": \"Invalid input "
        "'WRONG'\\n"
        "line 2\", \"gql_status\": \"42001\"}",
        "S: IGNORED",
        "C: RESET",
        "S: SUCCESS {}",
        "C: RUN RETURN 1",
        "C: PULL",
        "S: SUCCESS {\"fields\": [\"1\"]}",
        "S: RECORD [1]",
        "S: SUCCESS {}",
        "C: RUN RETURN 2",
        "C: PULL",
        "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}",
        NULL};
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    open_script(5, 8, lines);
    assert_int_equal(query("WRONG", &result, &error), HEDDLE_DATABASE);
    assert_string_equal(error.message, "Invalid input 'WRONG' (Neo.ClientError.Statement.SyntaxError)");
    assert_true(heddle_bolt_is_open(connection));
    const uint64_t trips = heddle_bolt_connection_traffic(connection).round_trips;
    assert_int_equal(query("RETURN 1", &result, &error), HEDDLE_OK);
    assert_int_equal(heddle_bolt_connection_traffic(connection).round_trips - trips, 1);
    assert_int_equal(query("RETURN 2", &result, &error), HEDDLE_OK); /* and no second RESET */
    finish();
}

static int broken_parameters(struct heddle_pack *pack, void *context, struct heddle_error *error)
{
    (void)context;
    heddle_pack_map(pack, 1);
    return heddle_error_set(error, HEDDLE_INVALID, "no such parameter");
}

static void parameters_that_fail_leave_the_connection_as_it_was(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, "C: RUN FINE", "C: PULL", "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}", NULL};
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    const struct heddle_bolt_query broken = {.text = "BROKEN", .parameters = broken_parameters};
    open_script(5, 8, lines);
    assert_int_equal(heddle_bolt_query(connection, &broken, arena, &result, &error), HEDDLE_INVALID);
    assert_string_equal(error.message, "no such parameter");
    assert_int_equal(query("FINE", &result, NULL), HEDDLE_OK);
    finish();
}

static void losing_an_auto_commit_statement_leaves_its_outcome_unknown_unless_it_reads(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,      "C: RUN", "C: PULL", "S: SUCCESS {\"fields\": []}",
                                        "S: CLOSE", NULL};
    for (int mode = HEDDLE_BOLT_WRITE; mode <= HEDDLE_BOLT_READ; mode++) {
        struct heddle_bolt_result result;
        struct heddle_error error = {0};
        const struct heddle_bolt_query wanted = {.text = "X", .mode = (enum heddle_bolt_mode)mode};
        open_script(5, 8, lines);
        assert_int_equal(heddle_bolt_query(connection, &wanted, arena, &result, &error), HEDDLE_NETWORK);
        assert_int_equal(error.action, mode == HEDDLE_BOLT_READ ? HEDDLE_ACTION_RETRY : HEDDLE_ACTION_ASK);
        assert_false(heddle_bolt_is_open(connection));
        assert_int_equal(query("X", &result, &error), HEDDLE_NETWORK);
        assert_int_equal(error.action, HEDDLE_ACTION_RETRY); /* this one was never sent */
        finish();
    }
}

#define ROUTED_LOGIN                                                                                         \
    "C: HELLO routing", "C: LOGON", "C: ROUTE", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}", "S: SUCCESS {}"

static struct heddle_bolt_options routed_options(void)
{
    struct heddle_bolt_options options = bolt_script_options(&script);
    options.uri = "neo4j://script:7687";
    return options;
}

static void routing_moves_to_the_server_that_writes(void **state)
{
    (void)state;
    static const char *const lines[] = {ROUTED_LOGIN,
                                        "S: SUCCESS {\"rt\": {\"ttl\": 300, \"db\": \"neo4j\", \"servers\": "
                                        "[{\"addresses\": [\"script:7687\", \"b:7688\"], "
                                        "\"role\": \"ROUTE\"}, {\"addresses\": [\"script:7687\"], \"role\": "
                                        "\"READ\"}, {\"addresses\": [\"b:7688\"], "
                                        "\"role\": \"WRITE\"}]}}",
                                        LOGIN, NULL};
    bolt_script_init(&script, 5, 8, lines);
    const struct heddle_bolt_options options = routed_options();
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_int_equal(script.dials, 2);
    assert_int_equal(script.wires[0].turns, 2); /* ROUTE went with the login */
    assert_string_equal(script.dialled[1], "b:7688");
    assert_string_equal(heddle_bolt_connection_address(connection), "b:7688");
    finish();
}

static void a_single_server_is_kept_whatever_it_calls_itself(void **state)
{
    (void)state;
    static const char *const lines[] = {
        ROUTED_LOGIN,
        "S: SUCCESS {\"rt\": {\"servers\": [{\"addresses\": [\"inside:7687\"], \"role\": \"ROUTE\"}, "
        "{\"addresses\": "
        "[\"inside:7687\"], \"role\": \"READ\"}, {\"addresses\": [\"inside:7687\"], \"role\": \"WRITE\"}]}}",
        NULL};
    bolt_script_init(&script, 5, 8, lines);
    const struct heddle_bolt_options options = routed_options();
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_int_equal(script.dials, 1);
    finish();
}

static void a_cluster_without_a_writer_is_worth_another_try(void **state)
{
    (void)state;
    static const char *const lines[] = {ROUTED_LOGIN,
                                        "S: SUCCESS {\"rt\": {\"servers\": [{\"addresses\": [\"a:1\", "
                                        "\"b:1\"], \"role\": \"READ\"}, {\"addresses\": [], "
                                        "\"role\": \"WRITE\"}]}}",
                                        NULL};
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 8, lines);
    const struct heddle_bolt_options options = routed_options();
    assert_int_equal(heddle_bolt_open(&options, &connection, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    finish();
}

static void a_server_without_routing_serves_itself(void **state)
{
    (void)state;
    static const char *const lines[] = {
        ROUTED_LOGIN,
        "S: FAILURE {\"code\": \"Neo.ClientError.Procedure.ProcedureNotFound\", \"message\": \"no\"}",
        "C: RESET",
        "S: SUCCESS {}",
        "C: RUN",
        "C: PULL",
        "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}",
        NULL};
    struct heddle_bolt_result result;
    bolt_script_init(&script, 5, 4, lines);
    const struct heddle_bolt_options options = routed_options();
    assert_int_equal(heddle_bolt_open(&options, &connection, NULL), HEDDLE_OK);
    assert_int_equal(query("X", &result, NULL), HEDDLE_OK);
    finish();
}

static void a_lost_connection_is_dialled_again_on_request(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,           "C: RUN", "S: CLOSE", LOGIN, "C: RUN", "C: PULL", "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}", NULL};
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    open_script(5, 8, lines);
    assert_int_equal(query("X", &result, &error), HEDDLE_NETWORK);
    script.dials_refused = 1;
    assert_int_equal(heddle_bolt_reopen(connection, &error), HEDDLE_NETWORK);
    assert_false(heddle_bolt_is_open(connection));
    assert_int_equal(heddle_bolt_reopen(connection, &error), HEDDLE_OK);
    assert_int_equal(query("X", &result, &error), HEDDLE_OK);
    finish();
}

static void answers_that_make_no_sense_end_the_connection(void **state)
{
    (void)state;
    static const char *const lines[][8] = {
        {LOGIN, "C: RUN", "C: PULL", "S: RECORD [1]", NULL},         /* before SUCCESS of RUN */
        {LOGIN, "C: RUN", "C: PULL", "S: RAW 0003B17A010000", NULL}, /* an unknown message */
        {LOGIN, "C: RUN", "C: PULL", "S: RAW 0001010000", NULL},     /* no structure */
        {LOGIN, "C: RUN", "C: PULL", "S: SUCCESS [1]", NULL},        /* no map */
        {LOGIN, "C: RUN", "C: PULL", "S: FAILURE {\"code\": 1, \"message\": {}}", "S: RAW 0003B171010000"},
    };
    for (size_t i = 0; i < 4; i++) {
        struct heddle_bolt_result result;
        struct heddle_error error = {0};
        open_script(5, 8, lines[i]);
        assert_int_equal(query("X", &result, &error), HEDDLE_PROTOCOL);
        assert_false(heddle_bolt_is_open(connection));
        finish();
    }
}

static void every_failing_read_and_write_is_an_error_and_nothing_else(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,           "C: RUN",        "C: PULL", "S: SUCCESS {\"fields\": [\"1\"]}",
        "S: RECORD [1]", "S: SUCCESS {}", NULL};
    int failures = 0;
    for (int call = 0; call < 1000; call++) {
        struct heddle_bolt_result result;
        struct heddle_error error = {0};
        bolt_script_init(&script, 5, 8, lines);
        script.fail_at = call;
        script.piece = 16;
        const struct heddle_bolt_options options = bolt_script_options(&script);
        int status = heddle_bolt_open(&options, &connection, &error);
        if (status == HEDDLE_OK) {
            status = query("X", &result, &error);
        }
        heddle_bolt_close(connection);
        connection = NULL;
        bolt_script_free(&script);
        if (status == HEDDLE_OK) {
            break;
        }
        assert_int_equal(status, HEDDLE_NETWORK);
        assert_non_null(strstr(error.message, "on purpose"));
        failures++;
    }
    assert_in_range(failures, 20, 999);
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: RUN",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"1\"]}",
                                        "S: RECORD [1]",
                                        "S: SUCCESS {\"type\": \"r\", \"bookmark\": \"b\"}",
                                        NULL};
    int failures = 0;
    for (int64_t n = 0; n < 1000; n++) {
        struct heddle_bolt_result result;
        struct heddle_arena *own = NULL;
        bolt_script_init(&script, 5, 8, lines);
        const struct heddle_bolt_options options = bolt_script_options(&script);
        heddle_memory_fail_at(n);
        int status = heddle_arena_create(256, &own, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_bolt_open(&options, &connection, NULL);
        }
        if (status == HEDDLE_OK) {
            const struct heddle_bolt_query wanted = {.text = "X"};
            status = heddle_bolt_query(connection, &wanted, own, &result, NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_bolt_close(connection);
        connection = NULL;
        heddle_arena_destroy(own);
        bolt_script_free(&script);
        if (status == HEDDLE_OK) {
            break;
        }
        failures++;
    }
    assert_in_range(failures, 15, 999);
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
        cmocka_unit_test(opening_takes_two_round_trips_on_every_version),
        cmocka_unit_test(a_4_4_server_that_does_not_agree_to_utc_gets_local_seconds),
        cmocka_unit_test(opening_survives_every_cut_and_keepalives_anywhere),
        cmocka_unit_test(a_wrong_password_is_said_so_without_the_password),
        cmocka_unit_test(tokens_and_no_authentication_go_out_as_such),
        cmocka_unit_test(options_that_cannot_work_are_refused_before_dialling),
        cmocka_unit_test(other_services_are_named_with_the_address),
        cmocka_unit_test(a_statement_takes_one_round_trip_and_brings_everything),
        cmocka_unit_test(after_a_failure_reset_goes_ahead_of_the_next_statement),
        cmocka_unit_test(parameters_that_fail_leave_the_connection_as_it_was),
        cmocka_unit_test(losing_an_auto_commit_statement_leaves_its_outcome_unknown_unless_it_reads),
        cmocka_unit_test(routing_moves_to_the_server_that_writes),
        cmocka_unit_test(a_single_server_is_kept_whatever_it_calls_itself),
        cmocka_unit_test(a_cluster_without_a_writer_is_worth_another_try),
        cmocka_unit_test(a_server_without_routing_serves_itself),
        cmocka_unit_test(a_lost_connection_is_dialled_again_on_request),
        cmocka_unit_test(answers_that_make_no_sense_end_the_connection),
        cmocka_unit_test(every_failing_read_and_write_is_an_error_and_nothing_else),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
