/* share.h: which rows are one shard's, where several processes load one job (`heddle run --shard i/n`).
 *
 * Every shard reads every row and writes those whose *identity* is its own, target by target: a node's key, a relationship's
 * ends and key properties, the first node that a query touches. So all rows of one identity are in one shard, in the order of
 * the source: folding, later values that win, CREATE in place of MERGE and the receipts' sums are what they are in one
 * process. A row without identity (its key is null or cannot be converted, its target has none) belongs by its place in the
 * source: file name and ordinal. A query that touches nobody knows what belongs to shard 1 alone.
 *
 * Nothing depends on micro-batches, limits or threads, so shards need not have the same settings.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SINK_SHARE_H
#define HEDDLE_SINK_SHARE_H

#include "base/buffer.h"
#include "sink/target.h"

enum { HEDDLE_SHARDS_MAX = 256 };

struct heddle_share {
    size_t index;  /* from 0 */
    size_t count;  /* 0 = there are no shards; 1 = there is one: every row is its own */
    uint64_t seed; /* of the load: equal in all shards */
};

static inline bool heddle_share_is_whole(const struct heddle_share *share)
{
    return share == NULL || share->count <= 1;
}

/* Whether a row is the share's by its place. `file` may be "": only the name behind the last '/' counts, so that hosts may
 * have the source in different folders. */
bool heddle_share_has_place(const struct heddle_share *share, const char *file, uint64_t ordinal);

/* mine[row] = 1 for each row of the batch that the share writes to `target`, else 0; all 1 where the share is whole. Converted
 * keys lie in `arena`. Errors: HEDDLE_OUT_OF_MEMORY; HEDDLE_INVALID (as heddle_rows_convert). */
HEDDLE_MUST_CHECK int heddle_share_find(const struct heddle_share *share, const struct heddle_batch *batch,
                                        const struct heddle_target *target, struct heddle_arena *arena,
                                        uint8_t *mine, struct heddle_error *error);

#endif
