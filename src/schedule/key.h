/* key.h: the canonical bytes of a key, and the part they fall into.
 *
 * Two keys that Cypher calls equal have equal bytes, so a node is always named by the same bytes whatever column, type or
 * source its key came from: INTEGER 7 and FLOAT 7.0 are one key, -0.0 is 0, STRING and DECIMAL text are compared byte by
 * byte, lists item by item. One value is a tag followed by its bytes; texts and lists carry their length, so the values of
 * a composite key can stand one after the other without ever being read as something else.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SCHEDULE_KEY_H
#define HEDDLE_SCHEDULE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "column/batch.h"

/* What a key turned out to be. Only a HEDDLE_KEY_USABLE one names a node. */
enum heddle_key_state {
    HEDDLE_KEY_USABLE = 0,
    HEDDLE_KEY_IS_NULL,     /* a value, or an item of a list, is null */
    HEDDLE_KEY_IS_NAN,      /* NaN equals nothing, itself included */
    HEDDLE_KEY_UNSUPPORTED, /* a map cannot be a key */
};

/* Appends the canonical bytes of row `row` of `count` columns, in order. What is appended for a key that is not usable has
 * no meaning. Running out of memory is noted in the buffer. */
enum heddle_key_state heddle_key_append(struct heddle_buffer *buffer, const struct heddle_column *columns,
                                        size_t count, size_t row);

/* Virtual buckets between hash and part: a table of exact counts over them is what balances parts. */
enum { HEDDLE_KEY_BUCKETS = 65536 };

/* The bucket of a key's hash (heddle_hash_bytes of its canonical bytes under the load's seed). Here in the open because it
 * is asked for every end of every row. */
static inline uint32_t heddle_key_bucket(uint64_t hash)
{
    return (uint32_t)(hash & (HEDDLE_KEY_BUCKETS - 1));
}

/* The hashes of `count` whole numbers, each what heddle_hash_bytes answers for its canonical bytes: the short way for
 * the most common keys, equal to the long one. */
void heddle_key_hash_integers(const int64_t *values, size_t count, uint64_t seed, uint64_t *hashes);

/* The part of a key's hash where no counts are known (schedule/parts.h balances by counts), 0 .. parts-1 (parts > 0). Every writer of a load must ask with the same `parts`. */
uint32_t heddle_key_part(uint64_t hash, size_t parts);

#endif
