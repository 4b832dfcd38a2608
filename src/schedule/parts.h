/* parts.h: the parts of a key space, balanced by what was counted.
 *
 * Buckets and hubs are dealt to P parts, the heaviest first, each to the part with the fewest rows so far (longest
 * processing time, Graham 1969). The part of a key is one look into a table, two for a key in the bucket of a hub.
 * A hub is an item of its own: one with more rows than the mean part has its part to itself, which then is what limits
 * the load. Buckets that were not counted are spread evenly, for the keys that come later.
 *
 * The result depends on the counts alone. Threads: read-only once made, any number of readers.
 */
#ifndef HEDDLE_SCHEDULE_PARTS_H
#define HEDDLE_SCHEDULE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schedule/counts.h"

struct heddle_parts;

/* A hub as the table treats it. */
struct heddle_hub {
    uint64_t hash;
    uint64_t rows_min; /* bounds of its rows */
    uint64_t rows_max;
    uint32_t part;
    bool exclusive; /* no bucket with rows and no other hub is in its part */
};

/* Makes a table of `parts` (1..HEDDLE_SCHEDULE_PARTS_MAX) parts; counts NULL = deal the buckets out evenly.
 * Errors: HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_parts_create(const struct heddle_counts *counts, size_t parts,
                                          struct heddle_parts **parts_out, struct heddle_error *error);

/* The part of one key's hash, and of many. */
uint32_t heddle_parts_of(const struct heddle_parts *parts, uint64_t hash);
void heddle_parts_of_all(const struct heddle_parts *parts, const uint64_t *hashes, size_t count,
                         uint32_t *parts_out);

size_t heddle_parts_count(const struct heddle_parts *parts);

/* Rows counted for a part; the fullest part's rows / the mean (1 where nothing was counted). */
uint64_t heddle_parts_load(const struct heddle_parts *parts, uint32_t part);
double heddle_parts_imbalance(const struct heddle_parts *parts);

/* The fullest part's rows / the mean, were the rows of `counts` (not those that the table was made of) dealt out by this
 * table: whether a table that is in use still fits. 1 where nothing was counted. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_parts_imbalance_under(const struct heddle_parts *parts,
                                                   const struct heddle_counts *counts, double *imbalance_out,
                                                   struct heddle_error *error);

/* The keys that were dealt out on their own, the largest first: those that may hold a sixteenth of a mean part. */
const struct heddle_hub *heddle_parts_hubs(const struct heddle_parts *parts, size_t *count_out);

/* NULL is a no-op. */
void heddle_parts_destroy(struct heddle_parts *parts);

#endif
