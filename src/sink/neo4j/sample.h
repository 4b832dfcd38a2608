/* sample.h: a few keys of written rows, drawn evenly from all of them, to be looked up again when the load is verified.
 *
 * Reservoir sampling (Vitter 1985, algorithm R): after n rows each was kept with probability size/n.
 * Threads: one at a time.
 */
#ifndef HEDDLE_SINK_NEO4J_SAMPLE_H
#define HEDDLE_SINK_NEO4J_SAMPLE_H

#include "bolt/packstream/encode.h"
#include "sink/rows.h"

/* Rows kept a target: a fault in one of a hundred rows is seen with probability 0.47, one in ten with 0.998. */
enum { HEDDLE_SAMPLES_MAX = 64 };

struct heddle_samples;

HEDDLE_MUST_CHECK int heddle_samples_create(uint64_t seed, struct heddle_samples **samples_out,
                                            struct heddle_error *error);
void heddle_samples_destroy(struct heddle_samples *samples); /* NULL is a no-op */

/* Offers a written row. Running out of memory only loses that sample. */
void heddle_samples_offer(struct heddle_samples *samples, const struct heddle_target_rows *ready, size_t row);

size_t heddle_samples_count(const struct heddle_samples *samples);

/* Writes the samples as a list of lists of key values (a node's key; start keys, then end keys, of a relationship); at
 * most `limit`, and only those with a vector where `with_vector`. */
void heddle_samples_pack(struct heddle_pack *pack, const struct heddle_samples *samples, size_t limit,
                         bool with_vector);

/* Samples that had a vector. */
size_t heddle_samples_vectors(const struct heddle_samples *samples);

#endif
