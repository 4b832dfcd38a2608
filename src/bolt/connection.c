/* connection.c: opening, reopening and closing. */
#include "bolt/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/version.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/connection_parts.h"

enum { NANOSECONDS_A_MILLISECOND = 1000000 };

static int dial_for_real(void *context, const struct heddle_uri *uri, struct heddle_wire **wire_out,
                         struct heddle_error *error)
{
    const struct heddle_bolt_options *options = context;
    const struct heddle_wire_options wire_options = {.connect_timeout_ms = options->connect_timeout_ms,
                                                     .ca_file = options->ca_file};
    return heddle_wire_connect(uri, &wire_options, wire_out, error);
}

static int copy_text(const char **text, struct heddle_error *error)
{
    if (*text != NULL) {
        *text = heddle_strdup(*text);
        if (*text == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

/* Replaces borrowed texts by copies. On failure those not reached are NULL, so that all can be freed. */
static int options_own(struct heddle_bolt_options *options, struct heddle_error *error)
{
    const char **texts[] = {&options->uri,      &options->user,       &options->secret,
                            &options->database, &options->user_agent, &options->ca_file};
    int status = HEDDLE_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (status == HEDDLE_OK) {
            status = copy_text(texts[i], error);
        } else {
            *texts[i] = NULL;
        }
    }
    return status;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void free_secret(const char *text)
{
    if (text != NULL) {
        explicit_bzero((void *)(uintptr_t)text, strlen(text));
        free_text(text);
    }
}

static int options_check(struct heddle_bolt_options *options, struct heddle_error *error)
{
    if (options->uri == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "no server address given: use neo4j://host:7687");
    }
    if (options->auth == HEDDLE_BOLT_AUTH_BASIC && (options->user == NULL || options->secret == NULL)) {
        return heddle_error_set(error, HEDDLE_INVALID, "a login with password needs both user and password");
    }
    if (options->auth == HEDDLE_BOLT_AUTH_BEARER && options->secret == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "a login by token needs the token");
    }
    return HEDDLE_OK;
}

/* Dials connection->peer and logs in. */
static int connect_peer(struct heddle_bolt_connection *connection, bool ask_route, bool *elsewhere_out,
                        struct heddle_error *error)
{
    struct heddle_wire *wire = NULL;
    const struct heddle_bolt_options *options = &connection->options;
    heddle_uri_address(&connection->peer, connection->address);
    if (options->dial != NULL) {
        HEDDLE_TRY(options->dial(options->dial_context, &connection->peer, &wire, error));
    } else {
        HEDDLE_TRY(dial_for_real(&connection->options, &connection->peer, &wire, error));
    }
    const int limit_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : HEDDLE_WIRE_CONNECT_TIMEOUT_MS;
    heddle_bolt_stream_attach(&connection->stream, wire);
    connection->stream.silence_ms = options->read_timeout_ms;
    connection->stream.deadline_ns = heddle_clock_ns() + (uint64_t)limit_ms * NANOSECONDS_A_MILLISECOND;
    const int status = heddle_bolt_login(connection, ask_route, elsewhere_out, error);
    connection->stream.deadline_ns = 0;
    if (status != HEDDLE_OK) {
        heddle_bolt_drop(connection);
    }
    return status;
}

int heddle_bolt_reopen(struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    bool elsewhere = false;
    heddle_bolt_drop(connection);
    connection->flight_count = 0;
    connection->peer = connection->uri;
    HEDDLE_TRY(connect_peer(connection, connection->uri.routing, &elsewhere, error));
    if (elsewhere) {
        heddle_bolt_drop(connection);
        HEDDLE_TRY(connect_peer(connection, false, &elsewhere, error));
    }
    return HEDDLE_OK;
}

static int open_with(struct heddle_bolt_connection *connection, const struct heddle_bolt_options *options,
                     const char *user_agent, struct heddle_error *error)
{
    connection->options = *options;
    if (connection->options.user_agent == NULL) {
        connection->options.user_agent = user_agent;
    }
    HEDDLE_TRY(options_own(&connection->options, error));
    HEDDLE_TRY(options_check(&connection->options, error));
    HEDDLE_TRY(heddle_uri_parse(connection->options.uri, &connection->uri, error));
    HEDDLE_TRY(heddle_bolt_request_create(&connection->own, error));
    return heddle_bolt_reopen(connection, error);
}

int heddle_bolt_open(const struct heddle_bolt_options *options,
                     struct heddle_bolt_connection **connection_out, struct heddle_error *error)
{
    char user_agent[64];
    snprintf(user_agent, sizeof user_agent, "heddle/%s", heddle_version());
    struct heddle_bolt_connection *connection = heddle_calloc(1, sizeof *connection);
    if (connection == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = open_with(connection, options, user_agent, error);
    if (status != HEDDLE_OK) {
        heddle_bolt_close(connection);
        return status;
    }
    *connection_out = connection;
    return HEDDLE_OK;
}

/* A courtesy: the server closes either way, so nobody waits and no failure counts. */
static void say_goodbye(struct heddle_bolt_connection *connection)
{
    static const uint8_t goodbye[] = {0x00, 0x02, 0xB0, 0x02, 0x00, 0x00};
    size_t sent = 0;
    if (connection->stream.wire != NULL) {
        (void)!heddle_wire_send(connection->stream.wire, goodbye, sizeof goodbye, &sent, NULL);
    }
}

void heddle_bolt_close(struct heddle_bolt_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    say_goodbye(connection);
    heddle_bolt_stream_free(&connection->stream);
    heddle_bolt_request_destroy(connection->own);
    free_text(connection->options.uri);
    free_text(connection->options.user);
    free_secret(connection->options.secret);
    free_text(connection->options.database);
    free_text(connection->options.user_agent);
    free_text(connection->options.ca_file);
    free(connection);
}

bool heddle_bolt_is_open(const struct heddle_bolt_connection *connection)
{
    return connection->stream.wire != NULL;
}

struct heddle_bolt_version heddle_bolt_connection_version(const struct heddle_bolt_connection *connection)
{
    return connection->version;
}

struct heddle_pack_dialect heddle_bolt_connection_dialect(const struct heddle_bolt_connection *connection)
{
    return (struct heddle_pack_dialect){
        .utc = connection->utc,
        .native_vectors = heddle_bolt_has(connection->version, HEDDLE_BOLT_FEATURE_NATIVE_VECTORS),
        .uuids = heddle_bolt_has(connection->version, HEDDLE_BOLT_FEATURE_UUIDS)};
}

const char *heddle_bolt_server_agent(const struct heddle_bolt_connection *connection)
{
    return connection->server_agent;
}

const char *heddle_bolt_connection_id(const struct heddle_bolt_connection *connection)
{
    return connection->connection_id;
}

const char *heddle_bolt_connection_address(const struct heddle_bolt_connection *connection)
{
    return connection->address;
}

struct heddle_bolt_traffic heddle_bolt_connection_traffic(const struct heddle_bolt_connection *connection)
{
    return connection->stream.traffic;
}
