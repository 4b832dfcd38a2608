/* volume.h: folders of this machine that may lack what a disk can do: volumes of object stores and network file systems. Private
 * to src/fs. Threads: any. */
#ifndef HEDDLE_FS_VOLUME_H
#define HEDDLE_FS_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct heddle_volume {
    bool appends; /* a file can be opened again and written on */
    bool locks;   /* flock() keeps a second one out */
    bool renames; /* a file can be given another name */
};

/* Finds out what the folder can do, with a small file that is removed again. Errors: HEDDLE_IO (nothing can be written). */
HEDDLE_MUST_CHECK int heddle_volume_try(const char *folder, struct heddle_volume *volume_out,
                                        struct heddle_error *error);

/* Writes a file where nothing can be renamed, from its first byte to its last under its own name; `replace`: in place of one
 * that is there. Where such volumes are object stores, it appears when it is closed. Errors: HEDDLE_CLOSED (it is there),
 * HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_volume_write(const char *path, bool replace, const void *bytes, size_t length,
                                          struct heddle_error *error);

#endif
