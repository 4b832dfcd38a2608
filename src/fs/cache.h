/* cache.h: the folder that all mirrors share: how much lies in it, and what goes out for what comes in. Private to src/fs. */
#ifndef HEDDLE_FS_CACHE_H
#define HEDDLE_FS_CACHE_H

#include <stdint.h>

#include "base/error.h"

/* Makes `bytes` more fit below `folder` within `limit`: unlinks the files that were used longest ago (access time), unless
 * somebody holds a lock on them. *total_out = bytes of files left. Parts of downloads that a killed process left behind
 * go out after an hour. Errors: HEDDLE_SOURCE (they do not fit: says why), HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_cache_make_room(const char *folder, uint64_t bytes, uint64_t limit,
                                             uint64_t *total_out, struct heddle_error *error);

/* Makes the folders of `path` that are not there yet (all but its last part), for this user alone. Errors: HEDDLE_IO,
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_cache_folders_make(const char *path, struct heddle_error *error);

/* What the names of unfinished downloads begin with. */
#define HEDDLE_CACHE_PART ".part-"

#endif
