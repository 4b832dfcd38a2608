/* hash.h: seeded 64-bit hashing of bytes, and a small seeded generator of random numbers.
 *
 * heddle_hash_bytes is wyhash final version 4 in outline (Wang Yi, public domain): multiply-and-fold over 16-byte
 * steps. It is not cryptographic: keys from outside are hashed under a seed of the load.
 * heddle_random_next is splitmix64 (Steele, Lea, Flood, OOPSLA 2014): one word of state, equal on every machine.
 */
#ifndef HEDDLE_BASE_HASH_H
#define HEDDLE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t heddle_hash_bytes(const void *bytes, size_t length, uint64_t seed);

/* The generator's odd constants, with as many ones as zeros. */
#define HEDDLE_HASH_SECRET_A UINT64_C(0xa0761d6478bd642f)
#define HEDDLE_HASH_SECRET_B UINT64_C(0xe7037ed1a0b428db)

/* Both halves of a product in one word: every bit of the answer hangs on every bit of `a` and `b`. */
static inline uint64_t heddle_hash_fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* What heddle_hash_bytes answers for `length` (at most 16) bytes that are at hand as words: bytes 0 to 7 in `low`, the
 * others in `high`, the first byte in the lowest bits, zeros beyond `length`. Here in the open, so that in a loop over
 * keys what hangs on the seed alone is done once. */
static inline uint64_t heddle_hash_short(uint64_t low, uint64_t high, size_t length, uint64_t seed)
{
    const uint64_t hash = seed ^ heddle_hash_fold(seed ^ HEDDLE_HASH_SECRET_A, HEDDLE_HASH_SECRET_B);
    return heddle_hash_fold(HEDDLE_HASH_SECRET_A ^ (uint64_t)length,
                            heddle_hash_fold(low ^ HEDDLE_HASH_SECRET_B, high ^ hash));
}

/* One well-mixed word from another (the finaliser of splitmix64). */
uint64_t heddle_hash_mix(uint64_t word);

/* The next number of the sequence whose state is *state. */
uint64_t heddle_random_next(uint64_t *state);

/* Uniform in 0 .. bound-1 (bound > 0), by multiply-shift (Lemire 2019), bias below 2^-32 for small bounds. */
uint64_t heddle_random_below(uint64_t *state, uint64_t bound);

/* Uniform in [0, 1). */
double heddle_random_unit(uint64_t *state);

#endif
