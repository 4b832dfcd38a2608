/* channel_open.c: from an address to a channel that is logged in: two round trips. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/channel.h"
#include "bolt/greeting.h"

enum { NANOSECONDS_A_MILLISECOND = 1000000, ANSWER_ARENA_SIZE = 2048 };

/* Takes what the server says about itself. */
struct hello_taker {
    struct heddle_channel_taker base;
    struct heddle_channel *channel;
};

static bool list_holds(const struct heddle_value *list, const char *text)
{
    for (size_t i = 0; list != NULL && list->type == HEDDLE_VALUE_LIST && i < list->list.count; i++) {
        const struct heddle_value *item = &list->list.items[i];
        if (item->type == HEDDLE_VALUE_STRING && strcmp(item->string.text, text) == 0) {
            return true;
        }
    }
    return false;
}

static void hello_keep(struct heddle_channel *channel, const struct heddle_value *map)
{
    enum { MILLISECONDS = 1000, SECONDS_MAX = 1000000 };
    const struct heddle_value *hints = heddle_value_map_get(map, "hints");
    snprintf(channel->server_agent, sizeof channel->server_agent, "%s",
             heddle_value_map_text(map, "server", ""));
    snprintf(channel->connection_id, sizeof channel->connection_id, "%s",
             heddle_value_map_text(map, "connection_id", ""));
    channel->utc = channel->utc || list_holds(heddle_value_map_get(map, "patch_bolt"), "utc");
    channel->telemetry = heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_TELEMETRY) &&
                         heddle_value_map_boolean(hints, "telemetry.enabled", false);
    channel->server_side_routing = heddle_value_map_boolean(hints, "ssr.enabled", false);
    const int64_t seconds = heddle_value_map_integer(hints, "connection.recv_timeout_seconds", 0);
    if (channel->read_timeout_ms == 0 && seconds > 0 && seconds < SECONDS_MAX) {
        channel->read_timeout_ms = (int)seconds * MILLISECONDS;
    }
}

static int hello_success(struct heddle_channel_taker *taker, enum heddle_channel_request request,
                         struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct hello_taker *hello = (struct hello_taker *)taker;
    struct heddle_arena *arena = NULL;
    struct heddle_value map;
    if (request != HEDDLE_CHANNEL_HELLO) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(ANSWER_ARENA_SIZE, &arena, error));
    const int status = heddle_unpack_value(unpack, arena, &map, error);
    if (status == HEDDLE_OK) {
        hello_keep(hello->channel, &map);
    }
    heddle_arena_destroy(arena);
    return status;
}

static int login_write(struct heddle_channel *channel, const struct heddle_channel_options *options,
                       const struct heddle_handshake *handshake, struct hello_taker *taker,
                       struct heddle_error *error)
{
    struct heddle_bolt_agent agent;
    const struct heddle_message_auth auth = heddle_login_message(&channel->login->auth);
    struct heddle_message_hello hello = {.user_agent = options->user_agent,
                                         .filter = options->filter,
                                         .routing = options->routing,
                                         .auth = auth};
    heddle_bolt_agent_fill(&agent, &hello);
    channel->holds_secret = true;
    heddle_buffer_append(&channel->outbox, handshake->reply, handshake->reply_length);
    heddle_message_hello(&channel->pack, channel->version, &hello);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_HELLO, &taker->base, error));
    if (heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_LOGON)) {
        heddle_message_logon(&channel->pack, &auth);
        HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_LOGON, &taker->base, error));
    }
    return HEDDLE_OK;
}

static int refused(const struct heddle_channel *channel, struct heddle_error *error)
{
    const struct heddle_auth *auth = &channel->login->auth;
    if (auth->principal != NULL && auth->principal[0] != '\0') {
        return heddle_error_prefix(error, "login to %s as \"%s\" refused", channel->address, auth->principal);
    }
    return heddle_error_prefix(error, "login to %s (%s) refused", channel->address, auth->scheme);
}

int heddle_channel_check_filter(const struct heddle_channel *channel, bool given, struct heddle_error *error)
{
    if (given && !heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_NOTIFICATIONS)) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "%s speaks Bolt %u.%u, which knows no notification filter (5.2 does): leave it out",
            channel->address, channel->version.major, channel->version.minor);
    }
    return HEDDLE_OK;
}

/* Other products speak a little Bolt too; with them nothing is as this driver expects it. */
static int product_check(const struct heddle_channel *channel, struct heddle_error *error)
{
    static const char product[] = "Neo4j/";
    if (strncmp(channel->server_agent, product, sizeof product - 1) != 0) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "%s is no Neo4j server: it calls itself \"%s\"",
                                channel->address, channel->server_agent);
    }
    return HEDDLE_OK;
}

static int greet(struct heddle_channel *channel, const struct heddle_channel_options *options,
                 struct heddle_error *error)
{
    struct heddle_handshake handshake;
    struct hello_taker taker = {.base = {.success = hello_success}, .channel = channel};
    HEDDLE_TRY(heddle_bolt_shake_hands(&channel->stream, channel->address, &handshake, error));
    channel->version = handshake.version;
    channel->utc = heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_UTC);
    const struct heddle_message_filter *filter = &options->filter;
    HEDDLE_TRY(heddle_channel_check_filter(
        channel, (filter->minimum_severity != NULL || filter->disabled_given) && !options->filter_is_a_wish,
        error));
    HEDDLE_TRY(login_write(channel, options, &handshake, &taker, error));
    const uint64_t logged_in = channel->asked;
    if (options->more != NULL) {
        HEDDLE_TRY(options->more(channel, options->more_context, error));
    }
    const int status = heddle_channel_wait(channel, logged_in, error);
    if (status == HEDDLE_DATABASE) {
        return refused(channel, error);
    }
    return status == HEDDLE_OK && !options->any_product ? product_check(channel, error) : status;
}

static int milliseconds_left(uint64_t deadline_ns, int most)
{
    if (deadline_ns == 0) {
        return most;
    }
    const uint64_t now = heddle_clock_ns();
    const uint64_t left = now >= deadline_ns ? 0 : (deadline_ns - now) / NANOSECONDS_A_MILLISECOND;
    return left < (uint64_t)most ? (int)left : most;
}

static int channel_connect(struct heddle_channel *channel, const struct heddle_channel_options *options,
                           struct heddle_error *error)
{
    struct heddle_wire *wire = NULL;
    struct heddle_wire_options wire_options = options->wire;
    const int wanted = wire_options.connect_timeout_ms > 0 ? wire_options.connect_timeout_ms
                                                           : HEDDLE_WIRE_CONNECT_TIMEOUT_MS;
    const int left = milliseconds_left(options->deadline_ns, wanted);
    wire_options.connect_timeout_ms = left > 0 ? left : 1;
    HEDDLE_TRY(heddle_login_create(options->auth, &channel->login, error));
    HEDDLE_TRY(options->dial != NULL ? options->dial(options->dial_context, options->uri, &wire, error)
                                     : heddle_wire_connect(options->uri, &wire_options, &wire, error));
    heddle_bolt_stream_attach(&channel->stream, wire);
    channel->stream.deadline_ns = options->deadline_ns != 0
                                      ? options->deadline_ns
                                      : heddle_clock_ns() + (uint64_t)wanted * NANOSECONDS_A_MILLISECOND;
    channel->stream.silence_ms = options->read_timeout_ms;
    channel->read_timeout_ms = options->read_timeout_ms;
    HEDDLE_TRY(greet(channel, options, error));
    channel->stream.deadline_ns = 0;
    channel->stream.silence_ms = channel->read_timeout_ms;
    heddle_pack_init(&channel->pack, &channel->outbox, heddle_channel_dialect(channel));
    channel->born_ns = heddle_clock_ns();
    channel->idle_since_ns = channel->born_ns;
    return HEDDLE_OK;
}

int heddle_channel_open(const struct heddle_channel_options *options, struct heddle_channel **channel_out,
                        struct heddle_error *error)
{
    struct heddle_channel *channel = heddle_calloc(1, sizeof *channel);
    if (channel == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_uri_address(options->uri, channel->address);
    if (options->address != NULL) {
        snprintf(channel->address, sizeof channel->address, "%s", options->address);
    }
    heddle_pack_init(&channel->pack, &channel->outbox, (struct heddle_pack_dialect){0});
    const int status = channel_connect(channel, options, error);
    if (status != HEDDLE_OK) {
        heddle_channel_close(channel);
        return status;
    }
    *channel_out = channel;
    return HEDDLE_OK;
}
