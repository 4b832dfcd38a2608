/* hubs.h: which keys hold a large share of the rows, from a fixed number of counters.
 *
 * The counters of Misra and Gries (1982) in the form that purges in bulk (Anderson et al., IMC 2017) and merges (Agarwal
 * et al., PODS 2012). Up to 2 K keys have a counter. When there are more, the (K+1)th largest value is taken from every
 * counter, and those that reach nothing are dropped. Each such purge takes that value from at least K+1 counters, and
 * what is taken can not be more than what was added. Hence, after N rows,
 *
 *     rows of a key - N / (K+1)  <=  its counter (0 where it has none)  <=  rows of that key
 *
 * so every key with more than N / (K+1) rows is found, whatever the order. A purge frees K counters and costs O(K):
 * adding a row costs O(1).
 *
 * Threads: one struct, one thread at a time; one a thread and a merge at the end is the way to count with many.
 */
#ifndef HEDDLE_SCHEDULE_HUBS_H
#define HEDDLE_SCHEDULE_HUBS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* K above: a key with more than a 1025th of the rows is always found; 64 KiB of counters stay in the near caches. */
enum { HEDDLE_HUBS_COUNTERS = 1024 };

struct heddle_hubs;

/* A key (its hash) and the bounds of its rows. */
struct heddle_hub_rows {
    uint64_t hash;
    uint64_t rows_min;
    uint64_t rows_max;
};

HEDDLE_MUST_CHECK int heddle_hubs_create(struct heddle_hubs **hubs_out, struct heddle_error *error);

/* `rows` more rows of the key. */
void heddle_hubs_add(struct heddle_hubs *hubs, uint64_t hash, uint64_t rows);

/* As if everything that `other` was given had been given to `hubs`, with the same bound. */
void heddle_hubs_merge(struct heddle_hubs *hubs, const struct heddle_hubs *other);

/* By how much any counter may be too low: what the purges took, at most N / (K+1). */
uint64_t heddle_hubs_error(const struct heddle_hubs *hubs);

/* Fills `found` (room for 2 x HEDDLE_HUBS_COUNTERS) with the keys that may have `rows` rows or more, the largest first
 * (the hash breaks ties). Answers their number. */
size_t heddle_hubs_find(const struct heddle_hubs *hubs, uint64_t rows, struct heddle_hub_rows *found);

/* Forgets all. */
void heddle_hubs_clear(struct heddle_hubs *hubs);

/* NULL is a no-op. */
void heddle_hubs_destroy(struct heddle_hubs *hubs);

#endif
