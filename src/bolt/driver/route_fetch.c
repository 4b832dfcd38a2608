/* route_fetch.c: one server's answer to "who is in the cluster?": ROUTE, or before Bolt 4.3 a procedure. */
#include <string.h>

#include "base/clock.h"
#include "bolt/driver/driver_parts.h"

enum { TABLE_ARENA_SIZE = 4096 };

/* Takes {rt: …} of ROUTE, or the one record of the procedure. */
struct route_taker {
    struct heddle_channel_taker base;
    struct heddle_arena *arena;
    struct heddle_value map; /* ROUTE's, or the record's as {ttl, servers} */
    struct heddle_value_entry entries[2];
    size_t records;
};

static int route_success(struct heddle_channel_taker *base, enum heddle_channel_request request,
                         struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct route_taker *taker = (struct route_taker *)base;
    struct heddle_value map;
    if (request != HEDDLE_CHANNEL_ROUTE) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_unpack_value(unpack, taker->arena, &map, error));
    const struct heddle_value *table = heddle_value_map_get(&map, "rt");
    if (table != NULL) {
        taker->map = *table;
    }
    return HEDDLE_OK;
}

static int route_record(struct heddle_channel_taker *base, const uint8_t *bytes, size_t length,
                        struct heddle_error *error)
{
    struct route_taker *taker = (struct route_taker *)base;
    struct heddle_unpack unpack;
    struct heddle_value row;
    heddle_unpack_init(&unpack, bytes, length);
    HEDDLE_TRY(heddle_unpack_value(&unpack, taker->arena, &row, error));
    if (row.type != HEDDLE_VALUE_LIST || row.list.count < 2 || taker->records++ > 0) {
        taker->map = (struct heddle_value){0};
        return HEDDLE_OK; /* no table to be read from that */
    }
    taker->entries[0] = (struct heddle_value_entry){heddle_text("ttl"), row.list.items[0]};
    taker->entries[1] = (struct heddle_value_entry){heddle_text("servers"), row.list.items[1]};
    taker->map = heddle_map(taker->entries, 2);
    return HEDDLE_OK;
}

static int procedure_write(struct heddle_channel *channel, const struct heddle_driver *driver,
                           const struct heddle_need *need, struct route_taker *taker,
                           struct heddle_error *error)
{
    struct heddle_pack *pack = &channel->pack;
    const struct heddle_message_transaction fields = {.read = true,
                                                      .database = "system",
                                                      .bookmarks = need->bookmarks,
                                                      .bookmark_count = need->bookmark_count};
    const bool named = need->database != NULL;
    heddle_message_run_open(pack, named ? "CALL dbms.routing.getRoutingTable($context, $database)"
                                        : "CALL dbms.routing.getRoutingTable($context)");
    heddle_pack_map(pack, named ? 2 : 1);
    heddle_pack_text(pack, "context");
    heddle_message_routing_context(pack, &driver->routing);
    if (named) {
        heddle_pack_text(pack, "database");
        heddle_pack_text(pack, need->database);
    }
    heddle_message_run_close(pack, &fields);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_RUN, &taker->base, error));
    heddle_message_pull_all(pack);
    return heddle_channel_expect(channel, HEDDLE_CHANNEL_PULL, &taker->base, error);
}

static int question_write(struct heddle_channel *channel, const struct heddle_driver *driver,
                          const struct heddle_need *need, struct route_taker *taker,
                          struct heddle_error *error)
{
    if (need->impersonated_user != NULL &&
        !heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_IMPERSONATION)) {
        return heddle_error_set(
            error, HEDDLE_INVALID, "%s speaks Bolt %u.%u, which knows no impersonation (of \"%s\"; 4.4 does)",
            channel->address, channel->version.major, channel->version.minor, need->impersonated_user);
    }
    if (!heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_ROUTE)) {
        return procedure_write(channel, driver, need, taker, error);
    }
    const struct heddle_message_route route = {.database = need->database,
                                               .impersonated_user = need->impersonated_user,
                                               .bookmarks = need->bookmarks,
                                               .bookmark_count = need->bookmark_count};
    heddle_message_route(&channel->pack, channel->version, &driver->routing, &route);
    return heddle_channel_expect(channel, HEDDLE_CHANNEL_ROUTE, &taker->base, error);
}

static int ask(struct heddle_driver *driver, struct heddle_channel *channel, const struct heddle_need *need,
               struct route_taker *taker, struct heddle_routing_table *table_out, struct heddle_error *error)
{
    HEDDLE_TRY(question_write(channel, driver, need, taker, error));
    HEDDLE_TRY(heddle_channel_settle(channel, error));
    return heddle_routing_table_read(&taker->map, need->database, heddle_clock_ns(), table_out, error);
}

int heddle_driver_route_fetch(struct heddle_driver *driver, const char *address,
                              const struct heddle_need *need, struct heddle_routing_table *table_out,
                              struct heddle_error *error)
{
    struct heddle_channel *channel = NULL;
    struct route_taker taker = {.base = {.success = route_success, .record = route_record}};
    HEDDLE_TRY(
        heddle_driver_acquire_at(driver, address, need, heddle_driver_deadline(driver), &channel, error));
    int status = heddle_arena_create(TABLE_ARENA_SIZE, &taker.arena, error);
    if (status == HEDDLE_OK) {
        status = ask(driver, channel, need, &taker, table_out, error);
    }
    if (status != HEDDLE_OK) {
        heddle_routing_table_free(table_out);
        heddle_driver_consequences(driver, channel, need->database, error);
    }
    heddle_pool_release(&driver->pool, channel);
    heddle_arena_destroy(taker.arena);
    return status;
}
