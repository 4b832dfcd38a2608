/* test_driver_pool.c: what becomes of connections that are kept: their age, their silence, what the server has told them, and
 * the login that they were opened with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "driver_fixture.h"

#define NOTHING_RETURNED "C: RUN RETURN 1", "C: PULL", "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}"

enum { MINUTE_MS = 60000 };
static const uint64_t MINUTE_NS = 60000000000;

static int run_once(struct heddle_driver *driver, struct heddle_error *error)
{
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    struct heddle_cursor *cursor = NULL;
    int status = heddle_session_run(session, &query, NULL, &cursor, error);
    if (status == HEDDLE_OK) {
        status = heddle_cursor_consume(cursor, NULL, error);
    }
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    return status;
}

static void must_run(struct heddle_driver *driver)
{
    struct heddle_error error = {0};
    if (run_once(driver, &error) != HEDDLE_OK) {
        fail_msg("%s; %s", error.message, script.complaint);
    }
}

/* The one connection of the driver. */
static struct heddle_channel *kept(struct heddle_driver *driver)
{
    struct heddle_channel *channel = driver->pool.buckets->channels;
    assert_non_null(channel);
    assert_null(channel->next);
    return channel;
}

static struct heddle_driver *driver_of(const char *const *lines, const struct heddle_driver_options *options)
{
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_driver *driver = driver_with(options, NULL);
    assert_non_null(driver);
    return driver;
}

/* ---- age ----------------------------------------------------------------------------------------------------------- */

static void a_connection_that_has_lived_long_enough_is_replaced(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NOTHING_RETURNED, NOTHING_RETURNED,
                                        LOGIN, NOTHING_RETURNED, NULL};
    struct heddle_driver *driver =
        driver_of(lines, &(struct heddle_driver_options){.max_connection_life_ms = 10 * MINUTE_MS});
    must_run(driver);
    kept(driver)->born_ns -= 9 * MINUTE_NS;
    must_run(driver);
    assert_int_equal(script.dials, 1);
    kept(driver)->born_ns -= MINUTE_NS;
    must_run(driver);
    assert_int_equal(script.dials, 2);
    assert_true(script.wires[0].closed);
    finish(driver);
}

static void by_default_an_hour_is_enough_and_never_is_never(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NOTHING_RETURNED, LOGIN, NOTHING_RETURNED, NULL};
    static const char *const one_login[] = {LOGIN, NOTHING_RETURNED, NOTHING_RETURNED, NULL};
    struct heddle_driver *driver = driver_of(lines, &(struct heddle_driver_options){0});
    must_run(driver);
    kept(driver)->born_ns -= 60 * MINUTE_NS;
    must_run(driver);
    finish(driver);
    driver = driver_of(one_login, &(struct heddle_driver_options){.max_connection_life_ms = UINT32_MAX});
    must_run(driver);
    kept(driver)->born_ns -= 6000 * MINUTE_NS;
    must_run(driver);
    finish(driver);
}

/* ---- silence ------------------------------------------------------------------------------------------------------- */

static void a_connection_that_was_idle_is_asked_for_a_sign_of_life(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, NOTHING_RETURNED, NOTHING_RETURNED, "C: RESET", "S: SUCCESS {}", NOTHING_RETURNED, NULL};
    struct heddle_driver *driver =
        driver_of(lines, &(struct heddle_driver_options){.liveness_check_ms = 10 * MINUTE_MS});
    must_run(driver);
    kept(driver)->idle_since_ns -= 9 * MINUTE_NS;
    must_run(driver); /* not long enough */
    kept(driver)->idle_since_ns -= 10 * MINUTE_NS;
    must_run(driver);
    assert_int_equal(script.dials, 1);
    finish(driver);
}

static void a_connection_that_gives_no_sign_of_life_is_replaced_and_nothing_else_is_noticed(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, NOTHING_RETURNED, "C: RESET", "S: CLOSE",
                                        LOGIN, NOTHING_RETURNED, NULL};
    struct heddle_driver *driver =
        driver_of(lines, &(struct heddle_driver_options){.liveness_check_ms = MINUTE_MS});
    must_run(driver);
    kept(driver)->idle_since_ns -= MINUTE_NS;
    must_run(driver);
    assert_int_equal(script.dials, 2);
    finish(driver);
}

static void each_connection_of_the_pool_may_be_asked_and_by_default_none_is(void **state)
{
    (void)state;
    static const char *const asked[] = {LOGIN,           NOTHING_RETURNED, "C: RESET",
                                        "S: SUCCESS {}", NOTHING_RETURNED, NULL};
    static const char *const not_asked[] = {LOGIN, NOTHING_RETURNED, NOTHING_RETURNED, NULL};
    struct heddle_driver *driver =
        driver_of(asked, &(struct heddle_driver_options){.liveness_check_always = true});
    must_run(driver);
    must_run(driver);
    finish(driver);
    driver = driver_of(not_asked, &(struct heddle_driver_options){0});
    must_run(driver);
    kept(driver)->idle_since_ns -= 59 * MINUTE_NS;
    must_run(driver);
    finish(driver);
}

/* ---- what the server has told -------------------------------------------------------------------------------------- */

#define LOGIN_WITH(hints)                                                                                    \
    "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\", \"hints\": " hints "}",              \
        "S: SUCCESS {}"

static void the_servers_hints_are_followed(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN_WITH("{\"connection.recv_timeout_seconds\": 7, \"ssr.enabled\": true, \"unheard.of\": [1]}"),
        NOTHING_RETURNED, NULL};
    struct heddle_driver *driver = driver_of(lines, &(struct heddle_driver_options){0});
    must_run(driver);
    assert_int_equal(kept(driver)->read_timeout_ms, 7000);
    assert_true(kept(driver)->server_side_routing);
    assert_false(kept(driver)->telemetry);
    finish(driver);
}

static void a_hint_does_not_overrule_what_the_user_has_set(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN_WITH("{\"connection.recv_timeout_seconds\": 7}"),
                                        NOTHING_RETURNED, NULL};
    struct heddle_driver *driver = driver_of(lines, &(struct heddle_driver_options){.read_timeout_ms = 1234});
    must_run(driver);
    assert_int_equal(kept(driver)->read_timeout_ms, 1234);
    finish(driver);
}

static void hints_that_make_no_sense_are_passed_over(void **state)
{
    (void)state;
    static const char *const wrong[][5] = {
        {LOGIN_WITH("{\"connection.recv_timeout_seconds\": 0}"), NULL},
        {LOGIN_WITH("{\"connection.recv_timeout_seconds\": -7}"), NULL},
        {LOGIN_WITH("{\"connection.recv_timeout_seconds\": \"7\"}"), NULL},
        {LOGIN_WITH("{\"connection.recv_timeout_seconds\": 9223372036854775807}"), NULL},
        {LOGIN_WITH("[]"), NULL},
        {LOGIN_WITH("null"), NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const lines[] = {wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL};
        struct heddle_server server;
        struct heddle_driver *driver = driver_of(lines, &(struct heddle_driver_options){0});
        assert_int_equal(heddle_driver_verify(driver, &server, NULL), HEDDLE_OK);
        assert_int_equal(kept(driver)->read_timeout_ms, 0);
        finish(driver);
    }
}

/* ---- logins -------------------------------------------------------------------------------------------------------- */

/* Tokens one after the other; the last one lasts. */
struct tokens {
    const char *const *texts;
    size_t fetched;
    int64_t expires_in_ms; /* of the first */
};

static int tokens_fetch(void *context, struct heddle_auth *auth_out, int64_t *expires_in_ms_out,
                        struct heddle_error *error)
{
    struct tokens *tokens = context;
    (void)error;
    *auth_out = heddle_auth_bearer(tokens->texts[tokens->fetched]);
    *expires_in_ms_out = tokens->fetched == 0 ? tokens->expires_in_ms : *expires_in_ms_out;
    tokens->fetched++;
    return HEDDLE_OK;
}

static struct heddle_driver *driver_with_tokens(const char *const *lines, struct tokens *tokens,
                                                struct heddle_auth_manager **manager_out)
{
    assert_int_equal(heddle_auth_manager_create(true, tokens_fetch, tokens, manager_out, NULL), HEDDLE_OK);
    return driver_of(
        lines, &(struct heddle_driver_options){.auth_provider = heddle_auth_manager_provider(*manager_out)});
}

static void a_refused_token_is_fetched_anew_and_the_connection_logs_in_again(void **state)
{
    (void)state;
    static const char *const texts[] = {"token-1", "token-2"};
    static const char *const lines[] = {
        "C: HELLO",
        "C: LOGON token-1",
        "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}",
        "S: SUCCESS {}",
        "C: RUN RETURN 1",
        "C: PULL",
        "S: FAILURE {\"neo4j_code\": \"Neo.ClientError.Security.TokenExpired\", \"message\": \"m\", "
        "\"gql_status\": \"42NFF\"}",
        "S: IGNORED",
        "C: RESET",
        "S: SUCCESS {}",
        "C: LOGOFF",
        "C: LOGON token-2",
        "C: RUN RETURN 1",
        "C: PULL",
        "S: SUCCESS {}",
        "S: SUCCESS {}",
        "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}",
        NULL};
    struct tokens tokens = {.texts = texts, .expires_in_ms = -1};
    struct heddle_auth_manager *manager = NULL;
    struct heddle_error error = {0};
    struct heddle_driver *driver = driver_with_tokens(lines, &tokens, &manager);
    assert_int_equal(run_once(driver, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_null(strstr(error.message, "token-1"));
    must_run(driver);
    assert_int_equal(tokens.fetched, 2);
    finish(driver);
    heddle_auth_manager_destroy(manager);
}

static void an_old_token_is_replaced_before_the_server_has_to_say_so(void **state)
{
    (void)state;
    static const char *const texts[] = {"token-1", "token-2"};
    static const char *const lines[] = {
        "C: HELLO",         "C: LOGON token-1", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}",
        "S: SUCCESS {}",    NOTHING_RETURNED,   "C: LOGOFF",
        "C: LOGON token-2", "C: RUN RETURN 1",  "C: PULL",
        "S: SUCCESS {}",    "S: SUCCESS {}",    "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}",    NOTHING_RETURNED,   NULL};
    struct tokens tokens = {.texts = texts, .expires_in_ms = 0};
    struct heddle_auth_manager *manager = NULL;
    struct heddle_driver *driver = driver_with_tokens(lines, &tokens, &manager);
    must_run(driver);
    must_run(driver); /* the same connection, one round trip */
    must_run(driver); /* the second token lasts */
    assert_int_equal(tokens.fetched, 2);
    assert_int_equal(script.dials, 1);
    finish(driver);
    heddle_auth_manager_destroy(manager);
}

/* Bytes that went out on the first connection. */
static bool was_sent(const char *bytes)
{
    const struct heddle_buffer *sent = &script.wires[0].to_peer;
    return memmem(sent->bytes, sent->length, bytes, strlen(bytes)) != NULL;
}

static void tickets_and_schemes_of_ones_own_are_passed_through(void **state)
{
    (void)state;
    static const struct heddle_value_entry more[] = {
        {{"shelf", 5}, {.type = HEDDLE_VALUE_INTEGER, .integer = 7}}};
    static const struct heddle_value_map parameters = {more, 1};
    static const char *const lines[] = {LOGIN, NOTHING_RETURNED, NULL};
    const struct heddle_auth auths[] = {
        heddle_auth_kerberos("dGlja2V0"),
        {"of-my-own", "who", "what", "where", &parameters},
    };
    /* Each text behind its header. */
    static const char *const wanted[][5] = {
        {"\x86scheme\x88kerberos",
         "\x8B"
         "credentials\x88"
         "dGlja2V0",
         "\x89principal\x80", NULL},
        {"\x86scheme\x89of-my-own",
         "\x8B"
         "credentials\x84what",
         "\x85realm\x85where", "\x85shelf\x07", NULL},
    };
    for (size_t i = 0; i < 2; i++) {
        struct heddle_driver *driver = driver_of(lines, &(struct heddle_driver_options){0});
        struct heddle_session *session =
            session_of(driver, &(struct heddle_session_options){.auth = &auths[i]});
        struct heddle_cursor *cursor = NULL;
        assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
        heddle_cursor_destroy(cursor);
        heddle_session_close(session);
        for (size_t j = 0; wanted[i][j] != NULL; j++) {
            if (!was_sent(wanted[i][j])) {
                fail_msg("\"%s\" was not sent", wanted[i][j]);
            }
        }
        finish(driver);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_has_lived_long_enough_is_replaced),
        cmocka_unit_test(by_default_an_hour_is_enough_and_never_is_never),
        cmocka_unit_test(a_connection_that_was_idle_is_asked_for_a_sign_of_life),
        cmocka_unit_test(a_connection_that_gives_no_sign_of_life_is_replaced_and_nothing_else_is_noticed),
        cmocka_unit_test(each_connection_of_the_pool_may_be_asked_and_by_default_none_is),
        cmocka_unit_test(the_servers_hints_are_followed),
        cmocka_unit_test(a_hint_does_not_overrule_what_the_user_has_set),
        cmocka_unit_test(hints_that_make_no_sense_are_passed_over),
        cmocka_unit_test(a_refused_token_is_fetched_anew_and_the_connection_logs_in_again),
        cmocka_unit_test(an_old_token_is_replaced_before_the_server_has_to_say_so),
        cmocka_unit_test(tickets_and_schemes_of_ones_own_are_passed_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
