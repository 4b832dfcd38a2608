/* read.h: any files of a Delta table as a source: the live files of a version, or those of a micro-batch. */
#ifndef HEDDLE_SOURCE_DELTA_READ_H
#define HEDDLE_SOURCE_DELTA_READ_H

#include "duck/duck.h"
#include "source/delta/snapshot.h"
#include "source/reader.h"

/* Which rows of a file are read. */
enum heddle_delta_rows {
    HEDDLE_DELTA_ROWS_NOW =
        0, /* those that no vector deletes; of a change file what is new or was updated, as it is now */
    HEDDLE_DELTA_ROWS_BEFORE, /* of a change file: what is gone or was updated, as it was */
    HEDDLE_DELTA_ROWS_GONE,   /* those that the file's vector deletes, and `before` did not */
    HEDDLE_DELTA_ROWS_BACK,   /* those that `before` deleted, and the file's vector does not */
};

/* What a file of a change feed is read for. */
struct heddle_delta_take {
    enum heddle_delta_rows rows;
    enum heddle_change change; /* of its batches */
    int64_t version;
    struct heddle_delta_vector before; /* storage 0 = no row was deleted */
};

struct heddle_delta_read {
    const struct heddle_delta_snapshot
        *snapshot;                        /* whose schema, column mapping and folder hold for all files */
    const struct heddle_delta_add *files; /* both are borrowed until close, */
    size_t file_count;
    const struct heddle_delta_take
        *takes; /* one a file; NULL = the rows that are there now. Borrowed as the files are */
    struct heddle_delta_snapshot
        *owned; /* but for these, closed with the source: NULL = none; on failure the caller's */
    struct heddle_arena *arena;
    struct heddle_duck *duck; /* borrowed until close; NULL = a database of its own */
};

/* Opens the files in the order given. Errors: as heddle_source_open. */
HEDDLE_MUST_CHECK int heddle_delta_read_open(const struct heddle_source_options *options,
                                             const struct heddle_delta_read *read,
                                             struct heddle_source **source_out, struct heddle_error *error);

/* The version that the settings versionAsOf, timestampAsOf and library name. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_delta_as_of_read(const struct heddle_source_options *options,
                                              struct heddle_delta_as_of *as_of, struct heddle_error *error);

#endif
