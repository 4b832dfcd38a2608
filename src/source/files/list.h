/* list.h: the files behind a path: one file, a folder, or a pattern. */
#ifndef HEDDLE_SOURCE_FILES_LIST_H
#define HEDDLE_SOURCE_FILES_LIST_H

#include <stddef.h>

#include "base/arena.h"
#include "source/source.h"

/* Files in the order of their bytes. The strings are the arena's. */
struct heddle_file_list {
    const char **paths;
    size_t count;
};

/* Lists the files of `path`. A folder gives the files in it (not below it) that end in one of `endings`
 * (NULL-terminated, ".parquet"), but none whose name begins with `_` or `.` (markers such as _SUCCESS). A
 * path with `*`, `?` or `[` that is no file is a pattern. Errors: HEDDLE_SOURCE (nothing there, nothing that
 * matches, not readable), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_list_fill(const char *path, const char *const *endings,
                                            struct heddle_arena *arena, struct heddle_file_list *list,
                                            struct heddle_error *error);

/* The files of a source: options->files where given, else those behind options->path that end in heddle_file_endings() of its
 * type. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_file_list_open(const struct heddle_source_options *options,
                                            struct heddle_arena *arena, struct heddle_file_list *list,
                                            struct heddle_error *error);

/* The endings of a type's files, NULL-terminated, the usual one first; NULL where the type has no files. Static memory. */
const char *const *heddle_file_endings(const char *type);

/* The type of a file by its name alone, or NULL. Static memory. */
const char *heddle_file_type_of(const char *name);

/* The files of a source in a store: options->path is the mirror's folder, or a file or pattern in it. Errors: as open(), those
 * of heddle_fs_list(). */
HEDDLE_MUST_CHECK int heddle_stored_list_fill(const struct heddle_source_options *options,
                                              struct heddle_arena *arena, struct heddle_file_list *list,
                                              struct heddle_error *error);

/* True where `path` ends in one of `endings` (case ignored). */
int heddle_file_has_ending(const char *path, const char *const *endings);

#endif
