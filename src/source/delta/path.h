/* path.h: the paths that a Delta log names, and the files that they may mean.
 *
 * A log comes from outside: a path in it may point anywhere. Only files inside the table's own folder are read, after
 * symbolic links are followed; everything else is refused with a sentence.
 */
#ifndef HEDDLE_SOURCE_DELTA_PATH_H
#define HEDDLE_SOURCE_DELTA_PATH_H

#include "base/arena.h"
#include "fs/mirror.h"

/* The folder of a table. */
struct heddle_delta_root {
    const char *given; /* as the user wrote it, without a slash at the end */
    const char *real;  /* absolute, links followed */
    struct heddle_mirror
        *mirror; /* of a table in a store: `given` and `real` are then its folder; else NULL */
};

/* Fills `root` from the user's path, or from the mirror of a table in a store (then `path` is its folder); memory is the
 * arena's. Errors: HEDDLE_SOURCE (no such folder),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_root_fill(const char *path, struct heddle_mirror *mirror,
                                             struct heddle_arena *arena, struct heddle_delta_root *root,
                                             struct heddle_error *error);

/* A path of the log, percent-decoded once (RFC 3986 section 2.1), in the form in which replay compares paths: relative as it
 * is; absolute as "/a/b" whether it was "/a/b", "file:/a/b", "file:///a/b" or had doubled slashes; other schemes whole. Does
 * not say that the path may be read. Errors: HEDDLE_SOURCE (empty, a broken %XX, a NUL, another host), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_path_decode(const char *uri, size_t length, struct heddle_arena *arena,
                                               const char **path_out, struct heddle_error *error);

/* The name under which a decoded path can be opened, begun with the root as the user wrote it. Looks only at the text. Errors:
 * HEDDLE_SOURCE (leaves the root, or is on another kind of store), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_path_join(const struct heddle_delta_root *root, const char *path,
                                             struct heddle_arena *arena, const char **file_out,
                                             struct heddle_error *error);

/* The table as people know it: its path or URI. */
const char *heddle_delta_root_shown(const struct heddle_delta_root *root);

/* The same for a file of join(): its path or URI, in the arena (a path as it is). NULL when out of memory. */
const char *heddle_delta_file_shown(const struct heddle_delta_root *root, const char *file,
                                    struct heddle_arena *arena);

/* Makes sure that a file of join() is on this machine until the hold is released; `size` = its bytes, -1 = not known. Does
 * nothing for a local table. Errors: those of heddle_mirror_hold(). */
HEDDLE_MUST_CHECK int heddle_delta_file_hold(const struct heddle_delta_root *root, const char *file,
                                             int64_t size, struct heddle_mirror_hold *hold,
                                             struct heddle_error *error);

/* Checks that `file` is an ordinary file whose links do not lead out of the root. Errors: HEDDLE_SOURCE (not there, no file,
 * leads out). Of a table in a store nothing is asked here: hold() finds out. */
HEDDLE_MUST_CHECK int heddle_delta_path_check(const struct heddle_delta_root *root, const char *file,
                                              struct heddle_error *error);

#endif
