/* test_driver_routing.c: which server of a cluster is asked, and what the driver remembers of databases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver_fixture.h"

static void a_busy_database_costs_its_server_the_place_in_the_table_but_not_the_connection(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,
        "C: ROUTE",
        "S: SUCCESS {\"rt\": {\"ttl\": 300, \"servers\": [{\"role\": \"ROUTE\", \"addresses\": "
        "[\"router:7687\"]}, "
        "{\"role\": \"READ\", \"addresses\": [\"busy:1\", \"other:2\"]}, {\"role\": \"WRITE\", "
        "\"addresses\": []}]}}",
        LOGIN,
        "C: RUN RETURN 1",
        "C: PULL",
        "S: FAILURE {\"code\": \"Neo.TransientError.General.DatabaseUnavailable\", \"message\": \"m\"}",
        "S: IGNORED",
        "C: RESET",
        "S: SUCCESS {}",
        LOGIN,
        "C: RUN RETURN 1",
        "C: PULL",
        "S: SUCCESS {\"fields\": []}",
        "S: SUCCESS {}",
        NULL};
    struct heddle_cursor *cursor = NULL;
    size_t in_use = 0;
    size_t idle = 0;
    bolt_script_init(&script, 5, 4, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, NULL);
    const struct heddle_session_options options = {.read = true, .database = "people"};
    struct heddle_session *session = session_of(driver, &options);
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_DATABASE);
    heddle_driver_pool(driver, "busy:1", &in_use, &idle);
    assert_int_equal(idle, 1);
    struct heddle_error error = {0};
    if (heddle_session_run(session, &query, NULL, &cursor, &error) != HEDDLE_OK) {
        fail_msg("%s; %s", error.message, script.complaint);
    }
    assert_string_equal(script.dialled[2], "other:2");
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    finish(driver);
}

static void the_routing_table_decides_who_is_asked(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        "C: ROUTE",
                                        "S: SUCCESS {\"rt\": {\"ttl\": 300, \"db\": \"home\", \"servers\": "
                                        "[{\"role\": \"ROUTE\", \"addresses\": "
                                        "[\"router:7687\"]}, {\"role\": \"READ\", \"addresses\": "
                                        "[\"reader\"]}, {\"role\": \"WRITE\", \"addresses\": "
                                        "[\"writer:7689\"]}]}}",
                                        LOGIN,
                                        "C: RUN home",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_cursor *cursor = NULL;
    bolt_script_init(&script, 5, 4, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, NULL);
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_OK);
    assert_string_equal(script.dialled[0], "router:7687");
    assert_string_equal(script.dialled[1], "writer:7689");
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
    finish(driver);
}

static void run_and_read(struct heddle_driver *driver, const struct heddle_session_options *options)
{
    struct heddle_cursor *cursor = NULL;
    struct heddle_error error = {0};
    struct heddle_session *session = session_of(driver, options);
    if (heddle_session_run(session, &query, NULL, &cursor, &error) != HEDDLE_OK) {
        fail_msg("%s; %s", error.message, script.complaint);
    }
    heddle_cursor_destroy(cursor);
    heddle_session_close(session);
}

/* One auto-commit statement, and what its server says about the database. */
#define RUN(text, answer) "C: RUN " text, "C: PULL", "S: SUCCESS {\"fields\": []" answer "}", "S: SUCCESS {}"

static void a_home_that_is_known_is_found_without_asking_for_it(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN_ROUTING, "C: ROUTE", ROUTES("one", "\"first:1\""), LOGIN_ROUTING, RUN("one", ""),
        /* The guess stays out of the request: the server knows best, and tells. */
        RUN("!one", ", \"db\": \"one\""), RUN("!one", ", \"db\": \"two\""),
        /* Moved, and nobody knows the routes of the new home. */
        "C: ROUTE !two", ROUTES("two", "\"second:2\""), LOGIN_ROUTING, RUN("two", ""),
        /* Another user has a home of his own, and who is asked about by name needs no guess. */
        "C: ROUTE guest", ROUTES("one", "\"first:1\""), RUN("one", ""), RUN("!two", ", \"db\": \"two\""),
        RUN("!one", ", \"db\": \"one\""), RUN("one", ""), NULL};
    const struct heddle_session_options guest = {.impersonated_user = "guest"};
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, NULL);
    for (int i = 0; i < 4; i++) {
        run_and_read(driver, &(struct heddle_session_options){0});
    }
    run_and_read(driver, &guest);
    run_and_read(driver, &(struct heddle_session_options){0});
    run_and_read(driver, &guest);
    run_and_read(driver, &(struct heddle_session_options){.database = "one"});
    assert_string_equal(script.dialled[1], "first:1");
    assert_string_equal(script.dialled[2], "second:2");
    finish(driver);
}

static void a_transaction_keeps_the_home_that_it_began_in(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN_ROUTING, "C: ROUTE", ROUTES("one", "\"first:1\""),
                                        LOGIN_ROUTING, RUN("one", ""), "C: BEGIN !one",
                                        "S: SUCCESS {\"db\": \"two\"}", "C: COMMIT", "S: SUCCESS {}",
                                        /* The session is settled, whatever comes later. */
                                        "C: ROUTE two", ROUTES("two", "\"first:1\""), "C: BEGIN two",
                                        "S: SUCCESS {\"db\": \"three\"}", "C: COMMIT", "S: SUCCESS {}", NULL};
    struct heddle_transaction *transaction = NULL;
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, NULL);
    run_and_read(driver, &(struct heddle_session_options){0});
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    for (int i = 0; i < 2; i++) {
        assert_int_equal(heddle_session_begin(session, NULL, &transaction, NULL), HEDDLE_OK);
        assert_int_equal(heddle_transaction_commit(transaction, NULL), HEDDLE_OK);
    }
    heddle_session_close(session);
    finish(driver);
}

static void without_server_side_routing_a_home_is_asked_for_every_time(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN_ROUTING,
                                        "C: ROUTE",
                                        ROUTES("one", "\"first:1\""),
                                        LOGIN,
                                        RUN("one", ""),
                                        "C: ROUTE !one",
                                        ROUTES("one", "\"first:1\""),
                                        RUN("one", ""),
                                        NULL};
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, NULL);
    run_and_read(driver, &(struct heddle_session_options){0});
    run_and_read(driver, &(struct heddle_session_options){0});
    finish(driver);
}

static void a_guess_that_leads_to_an_older_server_is_given_up(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN_ROUTING, "C: ROUTE", ROUTES("one", "\"first:1\", \"second:2\""),
                                        LOGIN_ROUTING, RUN("one", ""), "C: RUN !one", "C: PULL", "S: CLOSE",
                                        /* The guess leads to the second one, which cannot put it right. */
                                        LOGIN, "C: ROUTE !one", ROUTES("two", "\"second:2\""), RUN("two", ""),
                                        NULL};
    struct heddle_cursor *cursor = NULL;
    bolt_script_init(&script, 5, 8, lines);
    struct heddle_driver *driver =
        driver_with(&(struct heddle_driver_options){.uri = "neo4j://router"}, NULL);
    run_and_read(driver, &(struct heddle_session_options){0});
    struct heddle_session *session = session_of(driver, &(struct heddle_session_options){0});
    assert_int_equal(heddle_session_run(session, &query, NULL, &cursor, NULL), HEDDLE_NETWORK);
    heddle_session_close(session);
    run_and_read(driver, &(struct heddle_session_options){0});
    assert_string_equal(script.dialled[2], "second:2");
    finish(driver);
}

/* A machine that takes connections and closes them. */
struct closer {
    int listener;
    int closed;
};

static void *close_each(void *context)
{
    struct closer *closer = context;
    int socket = -1;
    while ((socket = accept(closer->listener, NULL, NULL)) >= 0) {
        closer->closed++;
        close(socket);
    }
    return NULL;
}

static void two_machines(void *context, const char *host, struct heddle_addresses *addresses)
{
    assert_string_equal(host, "cluster");
    (void)context;
    heddle_addresses_add(addresses, "127.0.0.2");
    heddle_addresses_add(addresses, "127.0.0.1");
}

static void every_machine_behind_a_name_is_asked_for_routes(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, "C: ROUTE", ROUTES("one", "\"one:1\""), NULL};
    char uri[64];
    pthread_t thread;
    struct heddle_error error = {0};
    bolt_script_init(&script, 5, 4, lines);
    const uint16_t port = bolt_script_listen(&script, 1);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK + 1)}};
    struct closer closer = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(closer.listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(closer.listener, 4), 0);
    assert_int_equal(pthread_create(&thread, NULL, close_each, &closer), 0);
    snprintf(uri, sizeof uri, "neo4j://cluster:%u", port);
    struct heddle_driver *driver = NULL;
    assert_int_equal(heddle_driver_open(&(struct heddle_driver_options){.uri = uri, .lookup = two_machines},
                                        &driver, NULL),
                     HEDDLE_OK);
    if (heddle_driver_routing_refresh(driver, NULL, NULL, 0, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    heddle_driver_close(driver);
    bolt_script_join(&script);
    shutdown(closer.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(closer.listener);
    assert_int_equal(closer.closed, 2); /* by name, and by its number */
    bolt_script_check(&script);
    bolt_script_free(&script);
}

static void homes_of_many_users_take_a_bounded_place(void **state)
{
    (void)state;
    struct heddle_homes homes = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct heddle_auth token = heddle_auth_bearer("t");
    const struct heddle_auth password = heddle_auth_basic("user 7", "p");
    char *guess = NULL;
    char user[32];
    assert_int_equal(heddle_homes_tell(&homes, heddle_home_owner(NULL, &token), "tokens", NULL), HEDDLE_OK);
    for (int i = 0; i < HEDDLE_HOMES_MAX; i++) {
        snprintf(user, sizeof user, "user %d", i);
        assert_int_equal(heddle_homes_tell(&homes, heddle_home_owner(user, &token), user, NULL), HEDDLE_OK);
    }
    assert_int_equal(homes.count, HEDDLE_HOMES_MAX);
    assert_int_equal(heddle_homes_guess(&homes, heddle_home_owner(NULL, &token), &guess, NULL), HEDDLE_OK);
    assert_null(guess);
    assert_int_equal(heddle_homes_guess(&homes, heddle_home_owner(NULL, NULL), &guess, NULL), HEDDLE_OK);
    assert_null(guess);
    assert_int_equal(heddle_homes_guess(&homes, heddle_home_owner(NULL, &password), &guess, NULL), HEDDLE_OK);
    assert_string_equal(guess, "user 7");
    free(guess);
    heddle_homes_free(&homes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_database_costs_its_server_the_place_in_the_table_but_not_the_connection),
        cmocka_unit_test(the_routing_table_decides_who_is_asked),
        cmocka_unit_test(a_home_that_is_known_is_found_without_asking_for_it),
        cmocka_unit_test(a_transaction_keeps_the_home_that_it_began_in),
        cmocka_unit_test(without_server_side_routing_a_home_is_asked_for_every_time),
        cmocka_unit_test(a_guess_that_leads_to_an_older_server_is_given_up),
        cmocka_unit_test(every_machine_behind_a_name_is_asked_for_routes),
        cmocka_unit_test(homes_of_many_users_take_a_bounded_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
