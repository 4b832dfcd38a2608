/* log.h: the files of a `_delta_log` folder, and those of them that make one version of the table.
 *
 * The folder is listed whole; `_last_checkpoint` is a hint that a listing does without, and a damaged one harms nobody.
 */
#ifndef HEDDLE_SOURCE_DELTA_LOG_H
#define HEDDLE_SOURCE_DELTA_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "source/delta/path.h"

struct heddle_delta_commit {
    int64_t version;
    int64_t time; /* modification time of the file, milliseconds since 1970 */
    const char *file;
};

/* A whole checkpoint: all its parts are there. */
struct heddle_delta_checkpoint {
    int64_t version;
    bool json;                /* a version 2 checkpoint written as JSON; else Parquet */
    const char *const *files; /* its parts */
    size_t file_count;
};

struct heddle_delta_log {
    struct heddle_delta_root root;
    const char *folder;
    const struct heddle_delta_commit *commits; /* ascending versions */
    size_t commit_count;
    const struct heddle_delta_checkpoint *checkpoints; /* ascending versions, the best of each */
    size_t checkpoint_count;
};

/* What is read for one version: a checkpoint (or NULL) and the commits behind it, without a gap. */
struct heddle_delta_segment {
    int64_t version;
    const struct heddle_delta_checkpoint *checkpoint;
    const struct heddle_delta_commit *commits;
    size_t commit_count;
};

/* True where `path` is a folder that holds a `_delta_log`. */
bool heddle_delta_is_table(const char *path);

/* Lists the log of the table in `path`, or in the store behind `mirror` (else NULL). Memory is the arena's. Errors: HEDDLE_SOURCE (no such folder, no log, an empty log),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_log_list(const char *path, struct heddle_mirror *mirror,
                                            struct heddle_arena *arena, struct heddle_delta_log *log,
                                            struct heddle_error *error);

/* The newest version that the log holds. */
int64_t heddle_delta_log_latest(const struct heddle_delta_log *log);

/* Finds what makes up `version` (-1 = the newest). Errors: HEDDLE_SOURCE (there is no such version; it is no longer there; a
 * commit is missing: named). */
HEDDLE_MUST_CHECK int heddle_delta_log_segment(const struct heddle_delta_log *log, int64_t version,
                                               struct heddle_delta_segment *segment,
                                               struct heddle_error *error);

#endif
