/* routing.c: which server of a cluster to use.
 *
 * A routing table lists addresses under the roles ROUTE, READ and WRITE. Where it names one server only, the one
 * we are connected to is it, whatever it calls itself: that is how a single server behind a tunnel or a
 * container's port works.
 */
#include "bolt/connection_parts.h"

#include <string.h>

static int route_success(struct heddle_channel_taker *taker, enum heddle_channel_request request,
                         struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_bolt_route *route = (struct heddle_bolt_route *)taker;
    (void)request;
    return heddle_unpack_value(unpack, route->arena, &route->map, error);
}

int heddle_bolt_route_write(struct heddle_channel *channel, void *context, struct heddle_error *error)
{
    struct heddle_bolt_route *route = context;
    const struct heddle_message_route fields = {.database = route->database};
    if (!heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_ROUTE)) {
        return HEDDLE_OK;
    }
    route->taker.success = route_success;
    heddle_message_route(&channel->pack, channel->version, &route->routing, &fields);
    return heddle_channel_expect(channel, HEDDLE_CHANNEL_ROUTE, &route->taker, error);
}

/* The addresses of a role, NULL if there is none. */
static const struct heddle_value *role_addresses(const struct heddle_value *servers, const char *role)
{
    if (servers == NULL || servers->type != HEDDLE_VALUE_LIST) {
        return NULL;
    }
    for (size_t i = 0; i < servers->list.count; i++) {
        const struct heddle_value *addresses = heddle_value_map_get(&servers->list.items[i], "addresses");
        if (strcmp(heddle_value_map_text(&servers->list.items[i], "role", ""), role) == 0 &&
            addresses != NULL && addresses->type == HEDDLE_VALUE_LIST && addresses->list.count > 0) {
            return addresses;
        }
    }
    return NULL;
}

static bool is_address(const struct heddle_value *value, const char *text)
{
    return value->type == HEDDLE_VALUE_STRING && strcmp(value->string.text, text) == 0;
}

/* True where every role names the same single address. */
static bool single_server(const struct heddle_value *servers)
{
    const char *only = NULL;
    for (size_t i = 0; i < servers->list.count; i++) {
        const struct heddle_value *addresses = heddle_value_map_get(&servers->list.items[i], "addresses");
        for (size_t a = 0;
             addresses != NULL && addresses->type == HEDDLE_VALUE_LIST && a < addresses->list.count; a++) {
            const struct heddle_value *address = &addresses->list.items[a];
            if (address->type != HEDDLE_VALUE_STRING ||
                (only != NULL && strcmp(only, address->string.text) != 0)) {
                return false;
            }
            only = address->string.text;
        }
    }
    return only != NULL;
}

int heddle_bolt_route_choose(const struct heddle_value *table, enum heddle_bolt_mode mode,
                             struct heddle_uri *peer, bool *elsewhere_out, struct heddle_error *error)
{
    char own[HEDDLE_URI_ADDRESS_MAX];
    const char *role = mode == HEDDLE_BOLT_READ ? "READ" : "WRITE";
    const struct heddle_value *servers = heddle_value_map_get(heddle_value_map_get(table, "rt"), "servers");
    const struct heddle_value *addresses = role_addresses(servers, role);
    *elsewhere_out = false;
    if (addresses == NULL) {
        heddle_error_set(error, HEDDLE_NETWORK, "the cluster has no server for role %s at the moment", role);
        if (error != NULL) {
            error->action = HEDDLE_ACTION_RETRY;
        }
        return HEDDLE_NETWORK;
    }
    heddle_uri_address(peer, own);
    for (size_t i = 0; i < addresses->list.count; i++) {
        if (is_address(&addresses->list.items[i], own)) {
            return HEDDLE_OK;
        }
    }
    if (single_server(servers)) {
        return HEDDLE_OK;
    }
    if (addresses->list.items[0].type != HEDDLE_VALUE_STRING) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the routing table holds an address that is no text");
    }
    HEDDLE_TRY(heddle_uri_parse_address(addresses->list.items[0].string.text, peer, error));
    *elsewhere_out = true;
    return HEDDLE_OK;
}
