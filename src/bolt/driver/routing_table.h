/* routing_table.h: which servers of a cluster hold a database: reading what a router answers. Pure: no I/O, no clock.
 *
 * Source: https://neo4j.com/docs/bolt/current/bolt/message/#messages-route
 * Threads: one table, one thread at a time.
 */
#ifndef HEDDLE_BOLT_DRIVER_ROUTING_TABLE_H
#define HEDDLE_BOLT_DRIVER_ROUTING_TABLE_H

#include <heddle/value.h>

#include <stdint.h>

#include "net/addresses.h"

/* {0} is an empty one, already too old. */
struct heddle_routing_table {
    char *database; /* NULL: the default of servers that know one database only */
    struct heddle_addresses routers;
    struct heddle_addresses readers;
    struct heddle_addresses writers;
    int64_t ttl_s;
    uint64_t expires_ns;
    bool
        began_without_writers; /* then its routers may be cut off from the rest: ask the first address next time */
    struct heddle_routing_table *next;
};

/* Reads {ttl, db, servers} into an empty table. `database` is what was asked for; NULL = the home database, whose
 * name the server says. Addresses get the port 7687 where they have none. Errors: HEDDLE_PROTOCOL (no sense, or no router or
 * no reader in it), HEDDLE_OUT_OF_MEMORY. The table is to be freed in any case. */
HEDDLE_MUST_CHECK int heddle_routing_table_read(const struct heddle_value *map, const char *database,
                                                uint64_t now_ns, struct heddle_routing_table *table_out,
                                                struct heddle_error *error);

/* Is it good for such a transaction still? */
bool heddle_routing_table_fresh(const struct heddle_routing_table *table, bool read, uint64_t now_ns);

/* Takes a server out of every role. */
void heddle_routing_table_forget(struct heddle_routing_table *table, const char *address);
bool heddle_routing_table_names(const struct heddle_routing_table *table, const char *address);

/* Frees what it holds and leaves {0}. */
void heddle_routing_table_free(struct heddle_routing_table *table);

#endif
