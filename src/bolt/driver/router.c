/* router.c: keeping the routing tables of a driver up to date.
 *
 * Whom to ask: the routers that the old table knows, then the first addresses (the URI's, or the resolver's); the other
 * way round where the old table had no writer, because its routers may be cut off from the majority. Where all that fails
 * and a first address is a name for several servers, those in turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/driver/driver_parts.h"

static bool same_name(const char *a, const char *b)
{
    return (a == NULL && b == NULL) || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* With table_lock held. */
static struct heddle_routing_table *table_find(const struct heddle_driver *driver, const char *database)
{
    struct heddle_routing_table *table = driver->tables;
    while (table != NULL && !same_name(table->database, database)) {
        table = table->next;
    }
    return table;
}

void heddle_driver_forget_server(struct heddle_driver *driver, const char *address, bool dead)
{
    pthread_mutex_lock(&driver->table_lock);
    for (struct heddle_routing_table *table = driver->tables; table != NULL; table = table->next) {
        heddle_routing_table_forget(table, address);
    }
    pthread_mutex_unlock(&driver->table_lock);
    if (dead) {
        heddle_pool_drop(&driver->pool, address);
    }
}

void heddle_driver_forget_writer(struct heddle_driver *driver, const char *database, const char *address)
{
    pthread_mutex_lock(&driver->table_lock);
    struct heddle_routing_table *table = table_find(driver, database);
    if (table != NULL) {
        heddle_addresses_remove(&table->writers, address);
    }
    pthread_mutex_unlock(&driver->table_lock);
}

bool heddle_driver_choose(struct heddle_driver *driver, const char *database, bool read,
                          char address_out[static HEDDLE_URI_ADDRESS_MAX])
{
    size_t least = SIZE_MAX;
    pthread_mutex_lock(&driver->table_lock);
    const struct heddle_routing_table *table = table_find(driver, database);
    const struct heddle_addresses none = {0};
    const struct heddle_addresses *servers = table == NULL ? &none : read ? &table->readers : &table->writers;
    for (size_t i = 0; i < servers->count; i++) {
        size_t in_use = 0;
        size_t idle = 0;
        heddle_pool_count(&driver->pool, servers->items[i], &in_use, &idle);
        if (in_use < least) {
            least = in_use;
            strncpy(address_out, servers->items[i], HEDDLE_URI_ADDRESS_MAX - 1);
            address_out[HEDDLE_URI_ADDRESS_MAX - 1] = '\0';
        }
    }
    pthread_mutex_unlock(&driver->table_lock);
    return least != SIZE_MAX;
}

static bool is_named(void *context, const char *address)
{
    const struct heddle_driver *driver = context;
    for (const struct heddle_routing_table *table = driver->tables; table != NULL; table = table->next) {
        if (heddle_routing_table_names(table, address)) {
            return true;
        }
    }
    return false;
}

/* Puts a fresh table in the place of the old one; takes its contents. */
static int table_store(struct heddle_driver *driver, struct heddle_routing_table *fresh,
                       struct heddle_error *error)
{
    pthread_mutex_lock(&driver->table_lock);
    struct heddle_routing_table *table = table_find(driver, fresh->database);
    if (table == NULL) {
        table = heddle_calloc(1, sizeof *table);
        if (table != NULL) {
            table->next = driver->tables;
            driver->tables = table;
        }
    }
    if (table != NULL) {
        struct heddle_routing_table *next = table->next;
        heddle_routing_table_free(table);
        *table = *fresh;
        table->next = next;
        *fresh = (struct heddle_routing_table){0};
        heddle_pool_prune(&driver->pool, is_named, driver);
    }
    pthread_mutex_unlock(&driver->table_lock);
    return table != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* Failures that every other router would answer with too. */
static bool is_final(const struct heddle_error *error)
{
    static const char *const codes[] = {"Neo.ClientError.Database.DatabaseNotFound",
                                        "Neo.ClientError.Transaction.InvalidBookmark",
                                        "Neo.ClientError.Transaction.InvalidBookmarkMixture",
                                        "Neo.ClientError.Statement.TypeError",
                                        "Neo.ClientError.Statement.ArgumentError",
                                        "Neo.ClientError.Request.Invalid"};
    static const char security[] = "Neo.ClientError.Security.";
    if (error->status != HEDDLE_DATABASE) {
        return error->status != HEDDLE_NETWORK && error->status != HEDDLE_PROTOCOL;
    }
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(error->code, codes[i]) == 0) {
            return true;
        }
    }
    return strncmp(error->code, security, sizeof security - 1) == 0 &&
           strcmp(error->code, "Neo.ClientError.Security.AuthorizationExpired") != 0;
}

/* One round of asking. */
struct asking {
    struct heddle_driver *driver;
    const struct heddle_need *need;
    struct heddle_addresses asked;
    struct heddle_routing_table *table; /* what comes of it */
    bool found;
    struct heddle_error *error;
};

/* Asks these routers in order. HEDDLE_OK with ->found, or without where all of them failed; else a final failure. */
static int ask_each(struct asking *asking, const struct heddle_need *need,
                    const struct heddle_addresses *routers)
{
    for (size_t i = 0; i < routers->count && !asking->found; i++) {
        const char *address = routers->items[i];
        if (heddle_addresses_hold(&asking->asked, address)) {
            continue;
        }
        heddle_addresses_add(&asking->asked, address);
        HEDDLE_TRY(heddle_addresses_check(&asking->asked, asking->error));
        const int status =
            heddle_driver_route_fetch(asking->driver, address, need, asking->table, asking->error);
        if (status == HEDDLE_OK) {
            asking->found = true;
        } else if (is_final(asking->error)) {
            return status;
        } else {
            heddle_driver_forget_server(asking->driver, address, asking->error->status != HEDDLE_DATABASE);
        }
    }
    return HEDDLE_OK;
}

/* Addresses in the form of the tables: "host:port". */
static int first_addresses(struct heddle_driver *driver, struct heddle_addresses *list,
                           struct heddle_error *error)
{
    struct heddle_addresses given = {0};
    int status = HEDDLE_OK;
    if (driver->options.resolve == NULL) {
        heddle_addresses_add(&given, driver->address);
    } else {
        driver->options.resolve(driver->options.resolve_context, driver->address, &given);
    }
    for (size_t i = 0; i < given.count && status == HEDDLE_OK; i++) {
        char text[HEDDLE_URI_ADDRESS_MAX];
        struct heddle_uri uri = driver->uri;
        status = heddle_uri_parse_address(given.items[i], &uri, error);
        if (status == HEDDLE_OK) {
            heddle_addresses_add(list, heddle_uri_address(&uri, text));
        }
    }
    if (status == HEDDLE_OK) {
        status = given.failed ? heddle_error_out_of_memory(error) : heddle_addresses_check(list, error);
    }
    heddle_addresses_free(&given);
    return status;
}

/* Copies what the old table knows. */
static int known_routers(struct heddle_driver *driver, const char *database, struct heddle_addresses *list,
                         bool *first_addresses_first, struct heddle_error *error)
{
    pthread_mutex_lock(&driver->table_lock);
    const struct heddle_routing_table *table = table_find(driver, database);
    for (size_t i = 0; table != NULL && i < table->routers.count; i++) {
        heddle_addresses_add(list, table->routers.items[i]);
    }
    *first_addresses_first = table != NULL && table->began_without_writers;
    pthread_mutex_unlock(&driver->table_lock);
    return heddle_addresses_check(list, error);
}

/* "host:port" for each literal address of a router's host. */
static int literals_of(struct heddle_driver *driver, const struct heddle_uri *router,
                       struct heddle_addresses *list, struct heddle_error *error)
{
    const struct heddle_wire_options options = {.lookup = driver->options.lookup,
                                                .lookup_context = driver->options.lookup_context};
    struct heddle_addresses found = {0};
    int status = heddle_wire_resolve(router->host, &options, &found, error);
    for (size_t i = 0; i < found.count && status == HEDDLE_OK; i++) {
        char text[HEDDLE_URI_ADDRESS_MAX];
        struct heddle_uri literal = *router;
        snprintf(literal.host, sizeof literal.host, "%s", found.items[i]);
        heddle_addresses_add(list, heddle_uri_address(&literal, text));
    }
    heddle_addresses_free(&found);
    return status == HEDDLE_OK ? heddle_addresses_check(list, error) : status;
}

/* The first addresses could not help by name, that is over a connection that was kept, or at the first of their hosts'
 * addresses that took a new one. Behind one name there may be many servers, or another one by now: asks them all. */
static int ask_literals(struct asking *asking, const struct heddle_addresses *first)
{
    int status = HEDDLE_OK;
    for (size_t i = 0; i < first->count && status == HEDDLE_OK && !asking->found; i++) {
        struct heddle_error unresolved = {0}; /* told already, by whoever tried to connect */
        struct heddle_addresses literals = {0};
        struct heddle_uri router = asking->driver->uri;
        struct heddle_need need = *asking->need;
        HEDDLE_TRY(heddle_uri_parse_address(first->items[i], &router, asking->error));
        need.host = router.host;
        status = literals_of(asking->driver, &router, &literals, &unresolved);
        if (status == HEDDLE_OK) {
            status = ask_each(asking, &need, &literals);
        } else if (status == HEDDLE_NETWORK) {
            status = HEDDLE_OK;
        } else if (status != HEDDLE_OK) {
            *asking->error = unresolved;
        }
        heddle_addresses_free(&literals);
    }
    return status;
}

static int ask_all(struct asking *asking)
{
    struct heddle_addresses known = {0};
    struct heddle_addresses first = {0};
    bool first_first = false;
    int status = known_routers(asking->driver, asking->need->database, &known, &first_first, asking->error);
    if (status == HEDDLE_OK && !first_first) {
        status = ask_each(asking, asking->need, &known);
    }
    if (status == HEDDLE_OK && !asking->found) {
        status = first_addresses(asking->driver, &first, asking->error);
    }
    if (status == HEDDLE_OK && !asking->found) {
        status = ask_each(asking, asking->need, &first);
    }
    if (status == HEDDLE_OK && !asking->found && first_first) {
        status = ask_each(asking, asking->need, &known);
    }
    if (status == HEDDLE_OK && !asking->found) {
        status = ask_literals(asking, &first);
    }
    heddle_addresses_free(&known);
    heddle_addresses_free(&first);
    if (status == HEDDLE_OK && !asking->found) {
        const enum heddle_error_action action = HEDDLE_ACTION_RETRY;
        heddle_error_prefix(asking->error,
                            "no server of the cluster could be asked for its routing table; the last");
        asking->error->status = HEDDLE_NETWORK;
        asking->error->action = action;
        status = HEDDLE_NETWORK;
    }
    return status;
}

/* Fetches and stores; *name_out (to be freed) = the database that the table is for. */
static int fetch_and_store(struct heddle_driver *driver, const struct heddle_need *need, char **name_out,
                           struct heddle_error *error)
{
    struct heddle_routing_table table = {0};
    struct heddle_error own = {0};
    struct asking asking = {
        .driver = driver, .need = need, .table = &table, .error = error != NULL ? error : &own};
    int status = ask_all(&asking);
    heddle_addresses_free(&asking.asked);
    if (status == HEDDLE_OK && table.database != NULL) {
        *name_out = heddle_strdup(table.database);
        if (*name_out == NULL) {
            status = heddle_error_out_of_memory(error);
        }
    }
    if (status == HEDDLE_OK) {
        status = table_store(driver, &table, error);
    }
    heddle_routing_table_free(&table);
    return status;
}

/* The same with the bookmarks of the session that needs it: its supplier is only asked where they are wanted. */
static int refresh(struct heddle_driver *driver, const struct heddle_need *need, char **name_out,
                   struct heddle_error *error)
{
    struct heddle_need complete = *need;
    struct heddle_bookmarks set = {0};
    int status = need->session != NULL ? heddle_session_collect(need->session, &set, error) : HEDDLE_OK;
    if (need->session != NULL) {
        complete.bookmarks = (const char *const *)set.items;
        complete.bookmark_count = set.count;
    }
    if (status == HEDDLE_OK) {
        status = fetch_and_store(driver, &complete, name_out, error);
    }
    heddle_bookmarks_clear(&set);
    return status;
}

bool heddle_driver_has_routes(struct heddle_driver *driver, const char *database, bool read)
{
    pthread_mutex_lock(&driver->table_lock);
    const struct heddle_routing_table *table = table_find(driver, database);
    const bool fresh = table != NULL && heddle_routing_table_fresh(table, read, heddle_clock_ns());
    pthread_mutex_unlock(&driver->table_lock);
    return fresh;
}

int heddle_driver_route(struct heddle_driver *driver, const struct heddle_need *need, bool force,
                        char **database_out, struct heddle_error *error)
{
    char *name = NULL;
    int status = HEDDLE_OK;
    *database_out = NULL;
    pthread_mutex_lock(&driver->refresh_lock);
    if (force || !heddle_driver_has_routes(driver, need->database, need->read)) {
        status = refresh(driver, need, &name, error);
    }
    pthread_mutex_unlock(&driver->refresh_lock);
    if (status != HEDDLE_OK || need->database != NULL) {
        free(name);
    } else {
        *database_out = name;
    }
    return status;
}

int heddle_driver_routing_refresh(struct heddle_driver *driver, const char *database,
                                  const char *const *bookmarks, size_t bookmark_count,
                                  struct heddle_error *error)
{
    char *name = NULL;
    const struct heddle_need need = {
        .read = true, .database = database, .bookmarks = bookmarks, .bookmark_count = bookmark_count};
    if (!driver->uri.routing) {
        return heddle_error_set(error, HEDDLE_INVALID, "a driver for bolt:// has no routing table");
    }
    const int status = heddle_driver_route(driver, &need, true, &name, error);
    free(name);
    return status;
}

int heddle_driver_routing_visit(struct heddle_driver *driver, const char *database,
                                void (*visit)(void *context, char role, const char *address), void *context,
                                int64_t *ttl_s_out, struct heddle_error *error)
{
    if (!driver->uri.routing) {
        return heddle_error_set(error, HEDDLE_INVALID, "a driver for bolt:// has no routing table");
    }
    *ttl_s_out = 0;
    pthread_mutex_lock(&driver->table_lock);
    const struct heddle_routing_table *table = table_find(driver, database);
    if (table == NULL && database == NULL) {
        table = driver->tables; /* the home database's, under its name */
    }
    if (table != NULL) {
        const struct heddle_addresses *lists[] = {&table->routers, &table->readers, &table->writers};
        for (size_t role = 0; role < sizeof lists / sizeof lists[0]; role++) {
            for (size_t i = 0; i < lists[role]->count; i++) {
                visit(context, "TRW"[role], lists[role] -> items[i]);
            }
        }
        *ttl_s_out = table->ttl_s;
    }
    pthread_mutex_unlock(&driver->table_lock);
    return HEDDLE_OK;
}
