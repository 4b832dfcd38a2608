/* delta_offset.h: a place in the history of a Delta table, as Spark's Delta source writes it.
 *
 * {"sourceVersion":1,"reservoirId":ID,"reservoirVersion":V,"index":I,"isStartingVersion":B}
 *
 * isStartingVersion (a name of old): the place is inside the first snapshot, of version V; then `index` is the rank of a file by
 * (modificationTime, path). Else it is inside commit V, and `index` counts its adds that change data. Both begin at 0; the place
 * before all files is -100 in memory and -1 on disk. A place behind the last file is written as the place before the files of
 * V + 1. -20 and -19 are barriers at a change of the schema: they alone need sourceVersion 3.
 * Format: https://github.com/delta-io/delta, DeltaSourceOffset.
 */
#ifndef HEDDLE_SOURCE_STREAM_DELTA_OFFSET_H
#define HEDDLE_SOURCE_STREAM_DELTA_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

enum {
    HEDDLE_DELTA_INDEX_BASE = -100,
    HEDDLE_DELTA_INDEX_SCHEMA_CHANGE = -20,
    HEDDLE_DELTA_INDEX_SCHEMA_CHANGED = -19,
};

/* Behind the last file of a version. Never written. */
#define HEDDLE_DELTA_INDEX_END (INT64_MAX - 100)

struct heddle_delta_offset {
    const char *table; /* metaData.id */
    int64_t version;
    int64_t index;
    bool in_snapshot;
};

/* Reads an offset; `table` of it is the arena's. Errors: HEDDLE_SOURCE (no such JSON, a version of the format that is not
 * known, values that no offset has), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_offset_parse(const char *text, struct heddle_arena *arena,
                                                struct heddle_delta_offset *offset,
                                                struct heddle_error *error);

/* Appends the offset as one line without its end. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_offset_write(const struct heddle_delta_offset *offset,
                                                struct heddle_buffer *out, struct heddle_error *error);

/* < 0, 0, > 0: by version, then index. */
int heddle_delta_offset_compare(const struct heddle_delta_offset *left,
                                const struct heddle_delta_offset *right);

/* Checks that `end` may follow `start`. Errors: HEDDLE_SOURCE (moves back, or back into the snapshot). */
HEDDLE_MUST_CHECK int heddle_delta_offset_check_order(const struct heddle_delta_offset *start,
                                                      const struct heddle_delta_offset *end,
                                                      struct heddle_error *error);

#endif
