/* path.h: paths of files as a log has them (absolute) and as the user writes them, and Spark's spans of time. */
#ifndef HEDDLE_SOURCE_STREAM_PATH_H
#define HEDDLE_SOURCE_STREAM_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* The part of a source's path before its first wildcard. */
struct heddle_stream_root {
    const char *given;
    const char *absolute; /* of files in a store: the URI that `given`, the mirror's folder, stands for */
    bool stored;
};

/* The absolute path, `.`, `..` and doubled slashes resolved in the text alone, as Hadoop does. Errors: HEDDLE_IO (no working
 * directory), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_stream_path_absolute(const char *path, struct heddle_arena *arena,
                                                  const char **absolute_out, struct heddle_error *error);

/* Takes a path apart, or, where `uri` is not NULL, notes the URI that the folder `path` stands for. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_stream_root_fill(const char *path, const char *uri, struct heddle_arena *arena,
                                              struct heddle_stream_root *root, struct heddle_error *error);

/* The form for the log of a path as the user (or the mirror) has it. Errors: those of path_absolute(). */
HEDDLE_MUST_CHECK int heddle_stream_path_logged(const struct heddle_stream_root *root, const char *given,
                                                struct heddle_arena *arena, const char **logged_out,
                                                struct heddle_error *error);

/* The user's form of an absolute path. A log comes from outside: errors HEDDLE_SOURCE where the path is not inside the root. */
HEDDLE_MUST_CHECK int heddle_stream_path_given(const struct heddle_stream_root *root, const char *absolute,
                                               struct heddle_arena *arena, const char **given_out,
                                               struct heddle_error *error);

/* A span of time as Spark reads it: a number with us, ms, s, m, min, h or d; without a unit milliseconds. */
bool heddle_stream_age_parse(const char *text, int64_t *milliseconds_out);

#endif
