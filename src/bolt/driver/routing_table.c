/* routing_table.c: reading routing tables. */
#include "bolt/driver/routing_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/uri.h"

enum { NANOSECONDS_A_SECOND = 1000000000 };

/* A day: longer is as good as for ever, and must not overflow a clock. */
enum { TTL_MAX_S = 24 * 3600 };

static int malformed(const char *what, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_PROTOCOL, "the routing table that a server sent has %s", what);
}

static int address_add(struct heddle_addresses *list, const struct heddle_value *value,
                       struct heddle_error *error)
{
    char text[HEDDLE_URI_ADDRESS_MAX];
    struct heddle_uri uri = {0};
    if (value->type != HEDDLE_VALUE_STRING) {
        return malformed("an address that is no text", error);
    }
    const int status = heddle_uri_parse_address(value->string.text, &uri, error);
    if (status != HEDDLE_OK) {
        return malformed("an address that cannot be read", error);
    }
    heddle_addresses_add(list, heddle_uri_address(&uri, text));
    return heddle_addresses_check(list, error);
}

static int server_read(const struct heddle_value *server, struct heddle_routing_table *table,
                       struct heddle_error *error)
{
    const char *role = heddle_value_map_text(server, "role", NULL);
    const struct heddle_value *addresses = heddle_value_map_get(server, "addresses");
    if (role == NULL || addresses == NULL || addresses->type != HEDDLE_VALUE_LIST) {
        return malformed("a server without role or addresses", error);
    }
    struct heddle_addresses *list = NULL;
    if (strcmp(role, "ROUTE") == 0) {
        list = &table->routers;
    } else if (strcmp(role, "READ") == 0) {
        list = &table->readers;
    } else if (strcmp(role, "WRITE") == 0) {
        list = &table->writers;
    }
    for (size_t i = 0; list != NULL && i < addresses->list.count; i++) {
        HEDDLE_TRY(address_add(list, &addresses->list.items[i], error));
    }
    return HEDDLE_OK;
}

int heddle_routing_table_read(const struct heddle_value *map, const char *database, uint64_t now_ns,
                              struct heddle_routing_table *table_out, struct heddle_error *error)
{
    const struct heddle_value *ttl = heddle_value_map_get(map, "ttl");
    const struct heddle_value *servers = heddle_value_map_get(map, "servers");
    const char *name = database != NULL ? database : heddle_value_map_text(map, "db", NULL);
    *table_out = (struct heddle_routing_table){0};
    if (ttl == NULL || ttl->type != HEDDLE_VALUE_INTEGER || ttl->integer < 0) {
        return malformed("no time to live", error);
    }
    if (servers == NULL || servers->type != HEDDLE_VALUE_LIST) {
        return malformed("no servers", error);
    }
    for (size_t i = 0; i < servers->list.count; i++) {
        HEDDLE_TRY(server_read(&servers->list.items[i], table_out, error));
    }
    if (table_out->routers.count == 0 || table_out->readers.count == 0) {
        return malformed(table_out->routers.count == 0 ? "no router" : "no reader", error);
    }
    if (name != NULL) {
        table_out->database = heddle_strdup(name);
        if (table_out->database == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    table_out->ttl_s = ttl->integer;
    table_out->expires_ns =
        now_ns + (uint64_t)(ttl->integer < TTL_MAX_S ? ttl->integer : TTL_MAX_S) * NANOSECONDS_A_SECOND;
    table_out->began_without_writers = table_out->writers.count == 0;
    return HEDDLE_OK;
}

bool heddle_routing_table_fresh(const struct heddle_routing_table *table, bool read, uint64_t now_ns)
{
    return now_ns < table->expires_ns && table->routers.count > 0 &&
           (read ? table->readers.count > 0 : table->writers.count > 0);
}

void heddle_routing_table_forget(struct heddle_routing_table *table, const char *address)
{
    heddle_addresses_remove(&table->routers, address);
    heddle_addresses_remove(&table->readers, address);
    heddle_addresses_remove(&table->writers, address);
}

bool heddle_routing_table_names(const struct heddle_routing_table *table, const char *address)
{
    return heddle_addresses_hold(&table->routers, address) ||
           heddle_addresses_hold(&table->readers, address) || heddle_addresses_hold(&table->writers, address);
}

void heddle_routing_table_free(struct heddle_routing_table *table)
{
    free(table->database);
    heddle_addresses_free(&table->routers);
    heddle_addresses_free(&table->readers);
    heddle_addresses_free(&table->writers);
    *table = (struct heddle_routing_table){0};
}
