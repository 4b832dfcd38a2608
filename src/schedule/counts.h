/* counts.h: how many rows touch each virtual bucket of a key space, exactly, and which keys are hubs.
 *
 * 65,536 counters of 64 bits whatever the number of keys: a billion keys cost what ten cost. Every row counts once for
 * each of its keys in the space (twice for a relationship within one space, a loop included).
 *
 * Hubs come from hubs.h, behind a gate: a key is shown to it only while its bucket holds more than a
 * HEDDLE_COUNTS_GATE-th of the keys counted so far (and 64). Most keys never are, which keeps counting at memory speed.
 * What the gate holds back of a key was held back while the key's bucket, and so the key itself, had no more than that:
 * the bound only grows by it. A key with more rows than heddle_counts_error() is always found.
 *
 * Threads: one struct, one thread at a time; one a thread and a merge at the end counts with many.
 */
#ifndef HEDDLE_SCHEDULE_COUNTS_H
#define HEDDLE_SCHEDULE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "schedule/hubs.h"
#include "schedule/key.h"

/* Twice the error of the counters together: a key with a 512th of the rows is found. 64 parts have 64ths. */
enum { HEDDLE_COUNTS_GATE = 1024 };

struct heddle_counts;

HEDDLE_MUST_CHECK int heddle_counts_create(struct heddle_counts **counts_out, struct heddle_error *error);

/* Counts `count` keys by their hashes (heddle_hash_bytes of the canonical bytes under the load's seed). */
void heddle_counts_add(struct heddle_counts *counts, const uint64_t *hashes, size_t count);

/* As if everything that `other` counted had been counted by `counts`. */
void heddle_counts_merge(struct heddle_counts *counts, const struct heddle_counts *other);

/* Keys counted, and those of one bucket. */
uint64_t heddle_counts_total(const struct heddle_counts *counts);
uint64_t heddle_counts_bucket(const struct heddle_counts *counts, uint32_t bucket);

/* The bound: a key has at most this many rows more than its counter says. */
uint64_t heddle_counts_error(const struct heddle_counts *counts);

/* Fills `found` (room for 2 x HEDDLE_HUBS_COUNTERS) with the keys that may have `rows` rows or more, the largest first.
 * No bound exceeds the count of the key's bucket. Answers their number. */
size_t heddle_counts_hubs(const struct heddle_counts *counts, uint64_t rows, struct heddle_hub_rows *found);

/* As new: for the next window. */
void heddle_counts_clear(struct heddle_counts *counts);

/* NULL is a no-op. */
void heddle_counts_destroy(struct heddle_counts *counts);

#endif
