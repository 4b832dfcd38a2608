/* delta_changes.h: what a Delta table's log adds, version by version: the files that a stream reads, each with its place.
 *
 * A walk begins behind one offset and hands out one version after the other: first, where the offset stands in the snapshot,
 * the rest of the snapshot's files, then each commit's. Every version opens and closes with a place that has no file, so that
 * a stream moves on over commits that add nothing. Each commit is checked on its way: what it does to rows that are already
 * there (delta_policy), and to the schema.
 */
#ifndef HEDDLE_SOURCE_STREAM_DELTA_CHANGES_H
#define HEDDLE_SOURCE_STREAM_DELTA_CHANGES_H

#include "source/delta/snapshot.h"
#include "source/source.h"
#include "source/stream/delta_offset.h"

/* What to do with commits that do more than append. */
struct heddle_delta_policy {
    bool ignore_deletes;      /* commits that only remove files pass */
    bool ignore_changes;      /* commits that remove and add: their adds are read, rows may come again */
    bool skip_change_commits; /* commits that remove files are passed over */
    bool fail_on_data_loss;   /* a missing commit is an error */
    bool read_change_feed;    /* removes and cdc files are read too: nothing is refused here */
};

/* Reads the settings of that name; `ignoreFileDeletion` is ignoreChanges under its old name. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_delta_policy_read(const struct heddle_source_options *options,
                                               struct heddle_delta_policy *policy,
                                               struct heddle_error *error);

enum heddle_delta_change {
    HEDDLE_DELTA_ADDED = 0, /* rows that are new */
    HEDDLE_DELTA_REMOVED,   /* rows that go */
    HEDDLE_DELTA_CDC,       /* rows that say themselves what became of them: column _change_type */
};

/* A place of a version; `file` is NULL at its first and last. */
struct heddle_delta_place {
    int64_t index;
    enum heddle_delta_change change;
    const struct heddle_delta_add *file;
};

/* The places of one version that the walk covers, in order. */
struct heddle_delta_version {
    int64_t version;
    int64_t time; /* of the commit, milliseconds since 1970 */
    bool in_snapshot;
    bool has_change_files; /* of a change feed: the whole commit has some, whatever the walk covers of it; */
    bool has_vectors;      /* or deletion vectors, */
    bool
        replaces_rows; /* or files that go beside files that come: its places are taken together or not at all */
    bool is_whole;     /* the walk covers all of its places */
    const struct heddle_delta_place *places;
    size_t count;
};

struct heddle_delta_walk {
    const struct heddle_delta_log *log;
    const struct heddle_delta_snapshot
        *snapshot; /* of version from.version where from.in_snapshot, else NULL */
    const struct heddle_delta_snapshot *current; /* whose schema the stream has */
    const struct heddle_delta_policy *policy;
    struct heddle_delta_offset from;        /* exclusive */
    const struct heddle_delta_offset *upto; /* inclusive, NULL = to the end of the log */
    struct heddle_arena *arena;             /* files' texts */
    bool keep;                              /* files stay valid behind take(), until the arena is reset */
    /* HEDDLE_END ends the walk, which then answers HEDDLE_OK. */
    int (*take)(void *context, const struct heddle_delta_version *version, struct heddle_error *error);
    void *context;
};

/* Errors: HEDDLE_SOURCE (commit missing or unreadable; a commit that the policy refuses; a change of schema), HEDDLE_OUT_OF_MEMORY,
 * and those of take(). */
HEDDLE_MUST_CHECK int heddle_delta_walk(const struct heddle_delta_walk *walk, struct heddle_error *error);

#endif
