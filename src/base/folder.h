/* folder.h: folders, made and removed whole. Threads: any. */
#ifndef HEDDLE_BASE_FOLDER_H
#define HEDDLE_BASE_FOLDER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/file.h"

/* True where `path` names a folder, through links; NULL does not. */
bool heddle_folder_is(const char *path);

/* Makes `path` and the folders above it (mode 0777 less umask). Errors: HEDDLE_IO (the folder named). */
HEDDLE_MUST_CHECK int heddle_folder_make(const char *path, struct heddle_error *error);

/* Deletes a folder with all that is in it; links are deleted, not followed. What cannot be deleted stays. */
void heddle_folder_remove(const char *path);

#endif
