/* deletions.h: the rows of one file that are deleted: a RoaringBitmapArray, read where it lies.
 *
 * The format is Delta's (PROTOCOL.md, "Deletion Vector Format"): u32 LE magic 1681511377, u64 LE number of buckets, for each a
 * u32 LE with bits 32 .. 63 of its rows and a 32-bit Roaring bitmap (https://github.com/RoaringBitmap/RoaringFormatSpec).
 * Nothing is expanded: a vector of two thousand million rows in runs costs what its bytes cost.
 */
#ifndef HEDDLE_SOURCE_DELTA_DELETIONS_H
#define HEDDLE_SOURCE_DELTA_DELETIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct heddle_delta_deletions;

/* Checks all of `bytes` and makes an index over them, in the arena; `bytes` are borrowed. Errors: HEDDLE_SOURCE (says what is
 * wrong with the vector), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_deletions_parse(const uint8_t *bytes, size_t length,
                                                   struct heddle_arena *arena,
                                                   struct heddle_delta_deletions **deletions_out,
                                                   struct heddle_error *error);

/* Rows deleted, and the ordinal of the last of them (0 where there is none). */
uint64_t heddle_delta_deletions_count(const struct heddle_delta_deletions *deletions);
uint64_t heddle_delta_deletions_last(const struct heddle_delta_deletions *deletions);

/* True where row `row` (0-based in the file) is deleted. */
bool heddle_delta_deletions_has(const struct heddle_delta_deletions *deletions, uint64_t row);

/* Of the rows first .. first+count-1, those that are kept: writes their distances from `first` to `kept` and answers how
 * many. */
size_t heddle_delta_deletions_keep(const struct heddle_delta_deletions *deletions, uint64_t first,
                                   size_t count, uint64_t *kept);

#endif
