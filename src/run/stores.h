/* stores.h: how object stores are asked, from the settings. */
#ifndef HEDDLE_RUN_STORES_H
#define HEDDLE_RUN_STORES_H

#include "fs/fs.h"
#include "spec/options.h"

/* Fills `stores` with what the options say: credentials, the CA file, the cache and its bound. Borrows the options. */
void heddle_stores_fill(const struct heddle_options *options, struct heddle_fs_settings *stores);

#endif
