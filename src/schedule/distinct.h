/* distinct.h: about how many different keys there were, in 16 KiB.
 *
 * HyperLogLog (Flajolet, Fusy, Gandouet and Meunier 2007) with 16,384 registers: a standard error of 0.8 %. While many
 * registers are still empty, the share of empty ones is counted instead (linear counting, Whang 1990), which is nearly exact
 * up to some thousands of keys.
 *
 * Threads: one struct, one thread at a time.
 */
#ifndef HEDDLE_SCHEDULE_DISTINCT_H
#define HEDDLE_SCHEDULE_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

enum { HEDDLE_DISTINCT_BITS = 14, HEDDLE_DISTINCT_REGISTERS = 1 << HEDDLE_DISTINCT_BITS };

/* {0} has seen nothing. */
struct heddle_distinct {
    uint8_t registers[HEDDLE_DISTINCT_REGISTERS];
};

/* One key by its hash (all 64 bits well mixed, as heddle_hash_bytes answers). */
static inline void heddle_distinct_add(struct heddle_distinct *distinct, uint64_t hash)
{
    const size_t at = (size_t)(hash & (HEDDLE_DISTINCT_REGISTERS - 1));
    const uint64_t rest = hash >> HEDDLE_DISTINCT_BITS;
    const uint8_t rank = rest == 0 ? 64 - HEDDLE_DISTINCT_BITS + 1 : (uint8_t)(__builtin_ctzll(rest) + 1);
    if (rank > distinct->registers[at]) {
        distinct->registers[at] = rank;
    }
}

/* About how many. */
uint64_t heddle_distinct_count(const struct heddle_distinct *distinct);

#endif
