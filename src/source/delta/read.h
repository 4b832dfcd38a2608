/* read.h: any files of a Delta table as a source: the live files of a version, or those of a micro-batch. */
#ifndef HEDDLE_SOURCE_DELTA_READ_H
#define HEDDLE_SOURCE_DELTA_READ_H

#include "duck/duck.h"
#include "source/delta/snapshot.h"
#include "source/reader.h"

struct heddle_delta_read {
    const struct heddle_delta_snapshot
        *snapshot;                        /* whose schema, column mapping and folder hold for all files */
    const struct heddle_delta_add *files; /* both are borrowed until close, */
    size_t file_count;
    bool ignore_deletes; /* deleted rows in change files are passed over, not an error */
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
