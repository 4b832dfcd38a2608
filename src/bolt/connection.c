/* connection.c: opening, reopening and closing. */
#include "bolt/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/version.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/connection_parts.h"

/* A routing table is small. */
enum { NANOSECONDS_A_MILLISECOND = 1000000, ROUTE_ARENA_SIZE = 8 * 1024 };

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

static struct heddle_auth auth_of(const struct heddle_bolt_options *options)
{
    switch (options->auth) {
    case HEDDLE_BOLT_AUTH_BASIC: return heddle_auth_basic(options->user, options->secret);
    case HEDDLE_BOLT_AUTH_BEARER: return heddle_auth_bearer(options->secret);
    default: return (struct heddle_auth){.scheme = "none"};
    }
}

/* Puts a channel in the place of the one before. */
static void channel_replace(struct heddle_bolt_connection *connection, struct heddle_channel *channel)
{
    if (connection->channel != NULL) {
        const struct heddle_bolt_traffic *gone = &connection->channel->stream.traffic;
        connection->before.bytes_sent += gone->bytes_sent;
        connection->before.bytes_received += gone->bytes_received;
        connection->before.round_trips += gone->round_trips;
        heddle_channel_close(connection->channel);
    }
    connection->channel = channel;
}

/* Reads what came of the question for routes that went out with the login. */
static int route_read(struct heddle_bolt_connection *connection, const struct heddle_bolt_route *route,
                      uint64_t deadline_ns, bool *elsewhere_out, struct heddle_error *error)
{
    struct heddle_error failure = {0};
    struct heddle_channel *channel = connection->channel;
    if (channel->queue_length == 0) {
        return HEDDLE_OK; /* its version knows no such question */
    }
    channel->stream.deadline_ns = deadline_ns;
    const int status = heddle_channel_settle(channel, &failure);
    channel->stream.deadline_ns = 0;
    if (status == HEDDLE_OK) {
        return heddle_bolt_route_choose(&route->map, connection->options.mode, &connection->peer,
                                        elsewhere_out, error);
    }
    heddle_refusal_destroy(heddle_channel_take_refusal(channel));
    /* A server without routing serves everything itself. */
    if (status == HEDDLE_DATABASE &&
        strcmp(failure.code, "Neo.ClientError.Procedure.ProcedureNotFound") == 0) {
        return HEDDLE_OK;
    }
    if (error != NULL) {
        *error = failure;
    }
    return status == HEDDLE_DATABASE
               ? heddle_error_prefix(error, "asking %s for its routing table", channel->address)
               : status;
}

/* Dials connection->peer and logs in; asks for routes along with it. */
static int connect_peer(struct heddle_bolt_connection *connection, struct heddle_bolt_route *route,
                        bool *elsewhere_out, struct heddle_error *error)
{
    char address[HEDDLE_URI_ADDRESS_MAX];
    struct heddle_channel *channel = NULL;
    const struct heddle_bolt_options *options = &connection->options;
    const struct heddle_auth auth = auth_of(options);
    const struct heddle_message_routing routing = {heddle_uri_address(&connection->uri, address),
                                                   connection->uri.query};
    const int limit_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : HEDDLE_WIRE_CONNECT_TIMEOUT_MS;
    const struct heddle_channel_options wanted = {
        .uri = &connection->peer,
        .routing = connection->uri.routing ? &routing : NULL,
        .user_agent = options->user_agent,
        .filter = {.minimum_severity = "OFF"},
        .filter_is_a_wish = true,
        .any_product = true,
        .wire = {.connect_timeout_ms = options->connect_timeout_ms, .ca_file = options->ca_file},
        .dial = options->dial,
        .dial_context = options->dial_context,
        .read_timeout_ms = options->read_timeout_ms,
        .auth = &auth,
        .more = route != NULL ? heddle_bolt_route_write : NULL,
        .more_context = route};
    if (route != NULL) {
        route->routing = routing;
    }
    HEDDLE_TRY(heddle_channel_open(&wanted, &channel, error));
    channel_replace(connection, channel);
    const uint64_t deadline_ns = heddle_clock_ns() + (uint64_t)limit_ms * NANOSECONDS_A_MILLISECOND;
    const int status =
        route != NULL ? route_read(connection, route, deadline_ns, elsewhere_out, error) : HEDDLE_OK;
    if (status != HEDDLE_OK) {
        heddle_bolt_drop(connection);
    }
    return status;
}

static int connect_routed(struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    bool elsewhere = false;
    struct heddle_bolt_route route = {.database = connection->options.database};
    HEDDLE_TRY(heddle_arena_create(ROUTE_ARENA_SIZE, &route.arena, error));
    int status = connect_peer(connection, &route, &elsewhere, error);
    if (status == HEDDLE_OK && elsewhere) {
        status = connect_peer(connection, NULL, &elsewhere, error);
    }
    heddle_arena_destroy(route.arena);
    return status;
}

int heddle_bolt_reopen(struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    bool elsewhere = false;
    heddle_bolt_drop(connection);
    connection->flight_count = 0;
    connection->peer = connection->uri;
    return connection->uri.routing ? connect_routed(connection, error)
                                   : connect_peer(connection, NULL, &elsewhere, error);
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

void heddle_bolt_close(struct heddle_bolt_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    heddle_channel_close(connection->channel);
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
    return connection->channel != NULL && !connection->channel->broken;
}

struct heddle_bolt_version heddle_bolt_connection_version(const struct heddle_bolt_connection *connection)
{
    return connection->channel->version;
}

struct heddle_pack_dialect heddle_bolt_connection_dialect(const struct heddle_bolt_connection *connection)
{
    return heddle_channel_dialect(connection->channel);
}

const char *heddle_bolt_server_agent(const struct heddle_bolt_connection *connection)
{
    return connection->channel->server_agent;
}

const char *heddle_bolt_connection_id(const struct heddle_bolt_connection *connection)
{
    return connection->channel->connection_id;
}

const char *heddle_bolt_connection_address(const struct heddle_bolt_connection *connection)
{
    return connection->channel->address;
}

struct heddle_bolt_traffic heddle_bolt_connection_traffic(const struct heddle_bolt_connection *connection)
{
    const struct heddle_bolt_traffic *now = &connection->channel->stream.traffic;
    return (struct heddle_bolt_traffic){.bytes_sent = connection->before.bytes_sent + now->bytes_sent,
                                        .bytes_received =
                                            connection->before.bytes_received + now->bytes_received,
                                        .round_trips = connection->before.round_trips + now->round_trips};
}
