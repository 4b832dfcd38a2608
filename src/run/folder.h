/* folder.h: folders and small files that a run keeps. Threads: any. */
#ifndef HEDDLE_RUN_FOLDER_H
#define HEDDLE_RUN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* True where `path` names a folder, through links; NULL does not. */
bool heddle_folder_is(const char *path);

/* Makes `path` and the folders above it (mode 0777 less umask). Errors: HEDDLE_IO (the folder named). */
HEDDLE_MUST_CHECK int heddle_folder_make(const char *path, struct heddle_error *error);

/* Deletes a folder with all that is in it; links are deleted, not followed. What cannot be deleted stays. */
void heddle_folder_remove(const char *path);

/* Writes a whole file: to a temporary name beside it, flushed to disk, then renamed over `path`, so that a reader sees the
 * old or the new one. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_write(const char *path, const void *bytes, size_t length,
                                        struct heddle_error *error);

#endif
