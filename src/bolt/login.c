/* login.c: from a fresh wire to READY in two round trips: version offer; version + HELLO + LOGON (+ ROUTE) in one
 * write. */
#include <stdio.h>
#include <string.h>

#include "bolt/connection_parts.h"
#include "bolt/failure.h"
#include "bolt/greeting.h"

/* The answers to a login are small; the server itself allows 8 KiB before it. */
enum { LOGIN_ARENA_SIZE = 8 * 1024 };

static struct heddle_message_auth auth_of(const struct heddle_bolt_options *options)
{
    switch (options->auth) {
    case HEDDLE_BOLT_AUTH_BASIC:
        return (struct heddle_message_auth){
            .scheme = "basic", .principal = options->user, .credentials = options->secret};
    case HEDDLE_BOLT_AUTH_BEARER:
        return (struct heddle_message_auth){.scheme = "bearer", .credentials = options->secret};
    default: return (struct heddle_message_auth){.scheme = "none"};
    }
}

/* Writes the reply of a manifest and the login's messages into the connection's own request. */
static int login_write(struct heddle_bolt_connection *connection, const struct heddle_handshake *handshake,
                       bool ask_route, struct heddle_error *error)
{
    char address[HEDDLE_URI_ADDRESS_MAX];
    struct heddle_bolt_agent agent;
    struct heddle_bolt_request *own = connection->own;
    const struct heddle_message_auth auth = auth_of(&connection->options);
    const struct heddle_message_routing routing = {heddle_uri_address(&connection->uri, address),
                                                   connection->uri.query};
    struct heddle_message_hello hello = {.user_agent = connection->options.user_agent,
                                         .filter = {.minimum_severity = "OFF"},
                                         .routing = connection->uri.routing ? &routing : NULL,
                                         .auth = auth};
    heddle_bolt_agent_fill(&agent, &hello);
    heddle_bolt_request_clear(own, heddle_bolt_connection_dialect(connection));
    heddle_buffer_append(&own->buffer, handshake->reply, handshake->reply_length);
    heddle_message_hello(&own->pack, connection->version, &hello);
    if (heddle_bolt_has(connection->version, HEDDLE_BOLT_FEATURE_LOGON)) {
        heddle_message_logon(&own->pack, &auth);
    }
    if (ask_route) {
        const struct heddle_message_route route = {.database = connection->options.database};
        heddle_message_route(&own->pack, connection->version, &routing, &route);
    }
    return heddle_buffer_check(&own->buffer, error);
}

/* One answer: the map of a SUCCESS in *map_out, HEDDLE_DATABASE for a FAILURE. */
static int login_answer(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                        struct heddle_value *map_out, struct heddle_error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    uint8_t tag = 0;
    uint8_t fields = 0;
    char gql_status[HEDDLE_BOLT_GQL_STATUS_SIZE];
    struct heddle_unpack unpack;
    HEDDLE_TRY(heddle_bolt_stream_next(&connection->stream, &bytes, &length, error));
    heddle_unpack_init(&unpack, bytes, length);
    HEDDLE_TRY(heddle_unpack_struct(&unpack, &tag, &fields, error));
    if (tag == HEDDLE_MESSAGE_FAILURE && fields == 1) {
        return heddle_bolt_failure_read(&unpack, gql_status, error);
    }
    if (tag != HEDDLE_MESSAGE_SUCCESS || fields != 1) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "0x%02X is no answer to a login", tag);
    }
    HEDDLE_TRY(heddle_unpack_value(&unpack, arena, map_out, error));
    return map_out->type == HEDDLE_VALUE_MAP
               ? HEDDLE_OK
               : heddle_error_set(error, HEDDLE_PROTOCOL, "the answer to a login holds no map");
}

static void hello_keep(struct heddle_bolt_connection *connection, const struct heddle_value *map)
{
    enum { MILLISECONDS = 1000, SECONDS_MAX = 1000000 };
    snprintf(connection->server_agent, sizeof connection->server_agent, "%s",
             heddle_value_map_text(map, "server", ""));
    snprintf(connection->connection_id, sizeof connection->connection_id, "%s",
             heddle_value_map_text(map, "connection_id", ""));
    const struct heddle_value *patches = heddle_value_map_get(map, "patch_bolt");
    for (size_t i = 0; patches != NULL && patches->type == HEDDLE_VALUE_LIST && i < patches->list.count;
         i++) {
        const struct heddle_value *patch = &patches->list.items[i];
        connection->utc =
            connection->utc || (patch->type == HEDDLE_VALUE_STRING && strcmp(patch->string.text, "utc") == 0);
    }
    const int64_t seconds =
        heddle_value_map_integer(heddle_value_map_get(map, "hints"), "connection.recv_timeout_seconds", 0);
    if (connection->options.read_timeout_ms == 0 && seconds > 0 && seconds < SECONDS_MAX) {
        connection->stream.silence_ms = (int)seconds * MILLISECONDS;
    }
}

static int login_refused(const struct heddle_bolt_connection *connection, int status,
                         struct heddle_error *error)
{
    if (status != HEDDLE_DATABASE) {
        return status;
    }
    const struct heddle_bolt_options *options = &connection->options;
    if (options->auth == HEDDLE_BOLT_AUTH_BASIC) {
        return heddle_error_prefix(error, "login to %s as \"%s\" refused", connection->address,
                                   options->user);
    }
    return heddle_error_prefix(error, "login to %s %s refused", connection->address,
                               options->auth == HEDDLE_BOLT_AUTH_BEARER ? "by token" : "without a user");
}

static int login_read(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                      struct heddle_error *error)
{
    struct heddle_value map;
    HEDDLE_TRY(login_answer(connection, arena, &map, error));
    hello_keep(connection, &map);
    if (heddle_bolt_has(connection->version, HEDDLE_BOLT_FEATURE_LOGON)) {
        HEDDLE_TRY(login_answer(connection, arena, &map, error));
    }
    return HEDDLE_OK;
}

static int route_read(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                      bool *elsewhere_out, struct heddle_error *error)
{
    struct heddle_value map;
    struct heddle_error failure = {0};
    const int status = login_answer(connection, arena, &map, &failure);
    if (status == HEDDLE_OK) {
        return heddle_bolt_route_choose(&map, connection->options.mode, &connection->peer, elsewhere_out,
                                        error);
    }
    /* A server without routing serves everything itself. */
    if (status == HEDDLE_DATABASE &&
        strcmp(failure.code, "Neo.ClientError.Procedure.ProcedureNotFound") == 0) {
        connection->needs_reset = true;
        return HEDDLE_OK;
    }
    if (error != NULL) {
        *error = failure;
    }
    return status == HEDDLE_DATABASE
               ? heddle_error_prefix(error, "asking %s for its routing table", connection->address)
               : status;
}

static int login_with(struct heddle_bolt_connection *connection, bool ask_route, struct heddle_arena *arena,
                      bool *elsewhere_out, struct heddle_error *error)
{
    struct heddle_handshake handshake;
    HEDDLE_TRY(heddle_bolt_shake_hands(&connection->stream, connection->address, &handshake, error));
    connection->version = handshake.version;
    connection->utc = heddle_bolt_has(connection->version, HEDDLE_BOLT_FEATURE_UTC);
    ask_route = ask_route && heddle_bolt_has(connection->version, HEDDLE_BOLT_FEATURE_ROUTE);
    HEDDLE_TRY(login_write(connection, &handshake, ask_route, error));
    int status = heddle_bolt_stream_send(&connection->stream, connection->own->buffer.bytes,
                                         connection->own->buffer.length, error);
    if (status == HEDDLE_OK) {
        status = login_read(connection, arena, error);
    }
    if (status != HEDDLE_OK) {
        return login_refused(connection, status, error);
    }
    return ask_route ? route_read(connection, arena, elsewhere_out, error) : HEDDLE_OK;
}

int heddle_bolt_login(struct heddle_bolt_connection *connection, bool ask_route, bool *elsewhere_out,
                      struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    *elsewhere_out = false;
    HEDDLE_TRY(heddle_arena_create(LOGIN_ARENA_SIZE, &arena, error));
    const int status = login_with(connection, ask_route, arena, elsewhere_out, error);
    heddle_arena_destroy(arena);
    /* The password has been in there. */
    if (connection->own->buffer.bytes != NULL) {
        explicit_bzero(connection->own->buffer.bytes, connection->own->buffer.capacity);
    }
    heddle_buffer_reset(&connection->own->buffer);
    return status;
}
