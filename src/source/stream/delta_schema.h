/* delta_schema.h: whether a stream whose schema was fixed at one version can read through another version's metadata.
 *
 * Columns that were added since are read as nulls in older files. Anything else (a column renamed or dropped, another type, other
 * partitions, another table under the same path) is refused: rows would change their meaning within one load. A change that
 * comes while the stream runs stops it once; the next run knows the new columns.
 */
#ifndef HEDDLE_SOURCE_STREAM_DELTA_SCHEMA_H
#define HEDDLE_SOURCE_STREAM_DELTA_SCHEMA_H

#include "source/delta/snapshot.h"

/* `metadata` is that of `version`; `current` is what the stream reads with. Scratch memory is the arena's. Errors: HEDDLE_SOURCE
 * (both versions, the column and what became of it), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_schema_check(const struct heddle_delta_snapshot *current,
                                                const struct heddle_delta_metadata *metadata, int64_t version,
                                                struct heddle_arena *arena, struct heddle_error *error);

#endif
