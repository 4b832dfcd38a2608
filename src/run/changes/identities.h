/* identities.h: a bounded set of identities by hash, each with the hash of a text and a mark. Private to run/changes/.
 *
 * Two identities are confused with a probability of 2^-127 a pair, two texts with 2^-64; the seed is the load's.
 * Threads: one.
 */
#ifndef HEDDLE_RUN_IDENTITIES_H
#define HEDDLE_RUN_IDENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_identity {
    uint64_t low;  /* never 0 */
    uint64_t high; /* even */
};

/* Hashes of texts are neither of these. */
enum { HEDDLE_IDENTITY_NO_TEXT = 0, HEDDLE_IDENTITY_MANY_TEXTS = 1 };

/* {.seed, .limit} is empty. */
struct heddle_identities {
    struct heddle_identity *slots; /* open addressing; low 0 = free, bit 0 of high = it stands */
    uint64_t *texts;               /* a slot */
    size_t capacity;               /* a power of two */
    size_t count;
    size_t limit;
    uint64_t seed;
};

struct heddle_identity heddle_identity_hash(const struct heddle_identities *set, const uint8_t *bytes,
                                            size_t length);
uint64_t heddle_identity_text(const struct heddle_identities *set, const char *text, size_t length);

/* Adds one with its text; of one that comes with several texts nothing is known. Errors: HEDDLE_END (the set is full),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_identities_add(struct heddle_identities *set, struct heddle_identity identity,
                                            uint64_t text, struct heddle_error *error);

/* Marks it, if it is there, and answers its text the first time: HEDDLE_IDENTITY_NO_TEXT where it is not there,
 * HEDDLE_IDENTITY_MANY_TEXTS where it was marked before. */
uint64_t heddle_identities_stand(struct heddle_identities *set, struct heddle_identity identity);

/* True where it is there and marked. */
bool heddle_identities_stands(const struct heddle_identities *set, struct heddle_identity identity);

void heddle_identities_clear(struct heddle_identities *set); /* keeps the memory */
void heddle_identities_free(struct heddle_identities *set);

#endif
