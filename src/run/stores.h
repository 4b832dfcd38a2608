/* stores.h: how object stores and catalogs are asked, from the settings. */
#ifndef HEDDLE_RUN_STORES_H
#define HEDDLE_RUN_STORES_H

#include "cloud/unity.h"
#include "fs/fs.h"
#include "spec/options.h"

/* {0} asks without credentials. Must not move once filled: `settings` points to it. */
struct heddle_stores {
    struct heddle_fs_settings settings;
    const struct heddle_options *options;
    struct heddle_unity_table table; /* whose credentials come before those of the options */
};

/* Fills `stores` with what the options say: credentials, the CA file, the cache and its bound. Borrows the options. */
void heddle_stores_fill(const struct heddle_options *options, struct heddle_stores *stores);

/* Where *path is a name in Unity Catalog, and nothing of that name lies here: asks the catalog, changes *path to the table's
 * location (in the arena), *type to "delta" and keeps its credentials. Else changes nothing. Errors: those of
 * heddle_unity_resolve(). */
HEDDLE_MUST_CHECK int heddle_stores_resolve(struct heddle_stores *stores, const char **path,
                                            const char **type, struct heddle_arena *arena,
                                            struct heddle_error *error);

#endif
