/* stores.c: settings -> how object stores and catalogs are asked. */
#include "run/stores.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { RETRY_S = 30 }; /* between two questions to a catalog that does not answer */

static const uint64_t NS_PER_S = 1000000000;

static const char *variable(const void *context, const char *name)
{
    const struct heddle_stores_variables *variables = context;
    for (size_t i = 0; i < variables->table.variable_count; i++) {
        if (strcmp(variables->table.variables[i].name, name) == 0) {
            return variables->table.variables[i].value;
        }
    }
    return heddle_options_store_variable(variables->options, name);
}

void heddle_stores_fill(const struct heddle_options *options, struct heddle_stores *stores)
{
    const struct heddle_option_value *ca = &options->values[HEDDLE_OPTION_CA_FILE];
    const struct heddle_option_value *cache = &options->values[HEDDLE_OPTION_SOURCE_CACHE];
    const int64_t bytes = options->values[HEDDLE_OPTION_SOURCE_CACHE_BYTES].number;
    *stores = (struct heddle_stores){.first = {.options = options}, .lock = PTHREAD_MUTEX_INITIALIZER};
    stores->settings = (struct heddle_fs_settings){
        .variable = variable,
        .context = &stores->first,
        .ca_file = ca->text != NULL && ca->text[0] != '\0' ? ca->text : NULL,
        .cache_folder = cache->text != NULL && cache->text[0] != '\0' ? cache->text : NULL,
        .cache_bytes = bytes > 0 ? (uint64_t)bytes : 0,
    };
}

void heddle_stores_close(struct heddle_stores *stores)
{
    heddle_arena_destroy(stores->arena);
    stores->arena = NULL;
}

/* ---- renewing ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When a quarter of the time is left. */
static int64_t renewal_of(const struct heddle_unity_table *table)
{
    const int64_t now = now_ms();
    const int64_t left = table->expires_ms - now;
    if (table->expires_ms <= 0) {
        return INT64_MAX;
    }
    return left > 0 ? now + left / 4 * 3 : now;
}

static int ask_anew(struct heddle_stores *stores, struct heddle_error *error)
{
    if (stores->arena == NULL) {
        HEDDLE_TRY(heddle_arena_create(0, &stores->arena, error));
    }
    struct heddle_stores_variables *variables = heddle_arena_calloc(stores->arena, 1, sizeof *variables);
    if (variables == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *variables = stores->first;
    HEDDLE_TRY(heddle_unity_renew(&stores->unity, stores->name, stores->arena, &variables->table, error));
    stores->newest = variables;
    stores->renew_ms = renewal_of(&variables->table);
    return HEDDLE_OK;
}

/* As heddle_fs_renew. */
static int renew(void *owner, bool refused, const void **context, struct heddle_error *error)
{
    struct heddle_stores *stores = owner;
    int status = HEDDLE_OK;
    pthread_mutex_lock(&stores->lock);
    const bool refused_newest = refused && *context == stores->newest;
    const uint64_t now = heddle_clock_ns();
    const bool early = now_ms() >= stores->renew_ms && now >= stores->next_try_ns;
    if (refused_newest || early) {
        stores->next_try_ns = now + RETRY_S * NS_PER_S;
        status = ask_anew(stores, refused_newest ? error : NULL);
    }
    *context = stores->newest;
    pthread_mutex_unlock(&stores->lock);
    if (status == HEDDLE_OK || !refused_newest) {
        return HEDDLE_OK; /* the old ones hold for a while */
    }
    return error != NULL
               ? heddle_error_prefix(error, "the credentials of %s have ended, and there are no new ones",
                                     stores->name)
               : status;
}

int heddle_stores_resolve(struct heddle_stores *stores, const char **path, const char **type,
                          struct heddle_arena *arena, struct heddle_error *error)
{
    const struct heddle_options *settings = stores->first.options;
    const struct heddle_unity_options options = {
        .host = heddle_options_store_variable(settings, "DATABRICKS_HOST"),
        .token = heddle_options_store_variable(settings, "DATABRICKS_TOKEN"),
        .ca_file = stores->settings.ca_file,
    };
    const bool asked = *type == NULL || strcmp(*type, "delta") == 0;
    if (*path == NULL || !asked || options.host == NULL || !heddle_unity_is_name(*path) ||
        access(*path, F_OK) == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_unity_resolve(&options, *path, arena, &stores->first.table, error));
    stores->unity = options;
    stores->name = heddle_arena_copy_text(arena, *path, strlen(*path));
    if (stores->name == NULL) {
        return heddle_error_out_of_memory(error);
    }
    stores->newest = &stores->first;
    stores->renew_ms = renewal_of(&stores->first.table);
    stores->settings.renew = renew;
    stores->settings.owner = stores;
    *path = stores->first.table.location;
    *type = "delta";
    return HEDDLE_OK;
}

const char *heddle_stores_shown(const char *path, struct heddle_arena *arena)
{
    const bool is_web = strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0;
    return heddle_arena_copy_text(arena, path, is_web ? strcspn(path, "?") : strlen(path));
}

int heddle_stores_find(struct heddle_stores *stores, struct heddle_source_options *source,
                       struct heddle_arena *arena, struct heddle_error *error)
{
    const char *shown = heddle_stores_shown(source->path, arena);
    if (shown == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (stores != NULL) {
        source->stores = &stores->settings;
        HEDDLE_TRY(heddle_stores_resolve(stores, &source->path, &source->type, arena, error));
    }
    if (source->type == NULL) {
        HEDDLE_TRY(heddle_source_tell_type(source->path, source->stores, &source->type, error));
    }
    if (source->type == NULL) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "what kind of table %.300s is cannot be told: a Delta table is a folder with a _delta_log, a "
            "file ends in .parquet, .csv or .jsonl",
            shown);
    }
    return HEDDLE_OK;
}
