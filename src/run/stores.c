/* stores.c: settings -> how object stores and catalogs are asked. */
#include "run/stores.h"

#include <string.h>
#include <unistd.h>

static const char *variable(const void *context, const char *name)
{
    const struct heddle_stores *stores = context;
    for (size_t i = 0; i < stores->table.variable_count; i++) {
        if (strcmp(stores->table.variables[i].name, name) == 0) {
            return stores->table.variables[i].value;
        }
    }
    return heddle_options_store_variable(stores->options, name);
}

void heddle_stores_fill(const struct heddle_options *options, struct heddle_stores *stores)
{
    const struct heddle_option_value *ca = &options->values[HEDDLE_OPTION_CA_FILE];
    const struct heddle_option_value *cache = &options->values[HEDDLE_OPTION_SOURCE_CACHE];
    const int64_t bytes = options->values[HEDDLE_OPTION_SOURCE_CACHE_BYTES].number;
    *stores = (struct heddle_stores){.options = options};
    stores->settings = (struct heddle_fs_settings){
        .variable = variable,
        .context = stores,
        .ca_file = ca->text != NULL && ca->text[0] != '\0' ? ca->text : NULL,
        .cache_folder = cache->text != NULL && cache->text[0] != '\0' ? cache->text : NULL,
        .cache_bytes = bytes > 0 ? (uint64_t)bytes : 0,
    };
}

int heddle_stores_resolve(struct heddle_stores *stores, const char **path, const char **type,
                          struct heddle_arena *arena, struct heddle_error *error)
{
    const struct heddle_unity_options options = {
        .host = heddle_options_store_variable(stores->options, "DATABRICKS_HOST"),
        .token = heddle_options_store_variable(stores->options, "DATABRICKS_TOKEN"),
        .ca_file = stores->settings.ca_file,
    };
    const bool asked = *type == NULL || strcmp(*type, "delta") == 0;
    if (*path == NULL || !asked || options.host == NULL || !heddle_unity_is_name(*path) ||
        access(*path, F_OK) == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_unity_resolve(&options, *path, arena, &stores->table, error));
    *path = stores->table.location;
    *type = "delta";
    return HEDDLE_OK;
}
