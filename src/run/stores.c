/* stores.c: settings -> how object stores are asked. */
#include "run/stores.h"

static const char *variable(const void *context, const char *name)
{
    return heddle_options_store_variable(context, name);
}

void heddle_stores_fill(const struct heddle_options *options, struct heddle_fs_settings *stores)
{
    const struct heddle_option_value *ca = &options->values[HEDDLE_OPTION_CA_FILE];
    const struct heddle_option_value *cache = &options->values[HEDDLE_OPTION_SOURCE_CACHE];
    const int64_t bytes = options->values[HEDDLE_OPTION_SOURCE_CACHE_BYTES].number;
    *stores = (struct heddle_fs_settings){
        .variable = variable,
        .context = options,
        .ca_file = ca->text != NULL && ca->text[0] != '\0' ? ca->text : NULL,
        .cache_folder = cache->text != NULL && cache->text[0] != '\0' ? cache->text : NULL,
        .cache_bytes = bytes > 0 ? (uint64_t)bytes : 0,
    };
}
