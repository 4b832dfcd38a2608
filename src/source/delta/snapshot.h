/* snapshot.h: one version of a Delta table: its protocol, its schema and its live files.
 *
 * Made by replay: the newest checkpoint at or below the version, then each commit behind it, its removes before its adds. A
 * file is told from others by its decoded path and its deletion vector.
 *
 * Threads: a snapshot is not changed once made; any thread may read it.
 */
#ifndef HEDDLE_SOURCE_DELTA_SNAPSHOT_H
#define HEDDLE_SOURCE_DELTA_SNAPSHOT_H

#include "source/delta/action.h"
#include "source/delta/log.h"
#include "source/delta/type.h"

/* Which version to read. {.version = -1} is the newest. */
struct heddle_delta_as_of {
    int64_t version; /* -1 = not given */
    bool by_time;
    int64_t time;        /* microseconds since 1970: the newest version that is not younger */
    const char *library; /* of DuckDB, for checkpoints; NULL = search */
    struct heddle_mirror
        *mirror; /* of a table in a store, which must outlive the snapshot; NULL = a local folder */
};

struct heddle_delta_snapshot {
    struct heddle_arena *arena; /* owns all */
    struct heddle_delta_log log;
    int64_t version;
    struct heddle_delta_protocol protocol;
    struct heddle_delta_metadata metadata;
    enum heddle_delta_mapping mapping;
    struct heddle_delta_type schema;
    struct heddle_delta_add
        *files; /* live, by modification time, then path: the order in which Spark streams them */
    size_t file_count;
};

/* Reads the table in the folder `path`. Errors: HEDDLE_SOURCE (every reason not to read it, in a sentence with the table's
 * name), HEDDLE_INVALID (no libduckdb for a checkpoint), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_snapshot_open(const char *path, const struct heddle_delta_as_of *as_of,
                                                 struct heddle_delta_snapshot **snapshot_out,
                                                 struct heddle_error *error);

/* A date, or a date-time with or without an offset (then UTC), in microseconds since 1970. false where it is neither. */
bool heddle_delta_time_parse(const char *text, int64_t *time_out);

/* The oldest version that was made at or after `time` (microseconds since 1970), as startingTimestamp means it. `snapshot` holds
 * the newest version. Errors: HEDDLE_SOURCE (all commits are older, no commits are left), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_version_since(struct heddle_delta_snapshot *snapshot, int64_t time,
                                                 int64_t *version_out, struct heddle_error *error);

void heddle_delta_snapshot_close(struct heddle_delta_snapshot *snapshot); /* NULL is a no-op */

#endif
