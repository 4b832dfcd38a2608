/* stores.h: how object stores and catalogs are asked, from the settings.
 *
 * Credentials of a catalog last about an hour. They are renewed when a quarter of their time is left, by whichever thread asks the
 * store then; a catalog that cannot be asked just now is asked again later, as long as the old ones hold. Where the store says that
 * they have ended, they are renewed at once.
 *
 * Threads: fill, resolve and close by one; the settings by any number.
 */
#ifndef HEDDLE_RUN_STORES_H
#define HEDDLE_RUN_STORES_H

#include <pthread.h>

#include "cloud/unity.h"
#include "fs/fs.h"
#include "source/source.h"
#include "spec/options.h"

/* What variables are answered from; never changed once it is handed out. */
struct heddle_stores_variables {
    const struct heddle_options *options;
    struct heddle_unity_table table; /* whose credentials come before those of the options */
};

/* {0} asks without credentials. Must not move once filled: `settings` points to it. */
struct heddle_stores {
    struct heddle_fs_settings settings;
    struct heddle_stores_variables first;

    /* Of a table of a catalog. */
    struct heddle_unity_options unity;
    const char *name;
    pthread_mutex_t lock;       /* guards all below */
    struct heddle_arena *arena; /* of what was renewed */
    const struct heddle_stores_variables *newest;
    int64_t
        renew_ms; /* since 1970: when new credentials are asked for; INT64_MAX = when the old ones are refused */
    uint64_t next_try_ns; /* not before */
};

/* Fills `stores` with what the options say: credentials, the CA file, the cache and its bound. Borrows the options. */
void heddle_stores_fill(const struct heddle_options *options, struct heddle_stores *stores);

/* Where *path is a name in Unity Catalog, and nothing of that name lies here: asks the catalog, changes *path to the table's
 * location (in the arena), *type to "delta", keeps its credentials and renews them. Else changes nothing. Errors: those of
 * heddle_unity_resolve(). */
HEDDLE_MUST_CHECK int heddle_stores_resolve(struct heddle_stores *stores, const char **path,
                                            const char **type, struct heddle_arena *arena,
                                            struct heddle_error *error);

/* Makes a table that a person named ready to be opened: source->path, a file, a folder, a URI or a name in Unity Catalog, is
 * resolved, source->type is told where it is NULL, source->stores is set. `stores` was filled and outlives the source; NULL asks
 * without credentials and knows no catalog. Errors: HEDDLE_SOURCE (what kind of table it is cannot be told), as above, those of
 * heddle_source_tell_type(). */
HEDDLE_MUST_CHECK int heddle_stores_find(struct heddle_stores *stores, struct heddle_source_options *source,
                                         struct heddle_arena *arena, struct heddle_error *error);

/* The path as it may be shown and kept: without what stands behind the ? of a web address, which may be a secret. In the arena;
 * NULL when out of memory. */
const char *heddle_stores_shown(const char *path, struct heddle_arena *arena);

/* Frees what renewals keep. Nobody may ask with the settings any more. */
void heddle_stores_close(struct heddle_stores *stores);

#endif
