/* hash.c: see hash.h for the sources. */
#include "base/hash.h"

#include <string.h>

static uint64_t read_word(const unsigned char *bytes, size_t count)
{
    uint64_t word = 0;
    memcpy(&word, bytes, count);
    return word;
}

uint64_t heddle_hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    const unsigned char *at = bytes;
    uint64_t hash = seed ^ heddle_hash_fold(seed ^ HEDDLE_HASH_SECRET_A, HEDDLE_HASH_SECRET_B);
    size_t left = length;
    while (left > 16) {
        hash = heddle_hash_fold(read_word(at, 8) ^ HEDDLE_HASH_SECRET_A, read_word(at + 8, 8) ^ hash);
        at += 16;
        left -= 16;
    }
    const size_t low = left > 8 ? 8 : left;
    const uint64_t a = low > 0 ? read_word(at, low) : 0;
    const uint64_t b = left > 8 ? read_word(at + 8, left - 8) : 0;
    return heddle_hash_fold(HEDDLE_HASH_SECRET_A ^ (uint64_t)length,
                            heddle_hash_fold(a ^ HEDDLE_HASH_SECRET_B, b ^ hash));
}

uint64_t heddle_hash_mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31);
}

uint64_t heddle_random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15ULL;
    return heddle_hash_mix(*state);
}

uint64_t heddle_random_below(uint64_t *state, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)heddle_random_next(state) * bound) >> 64);
}

double heddle_random_unit(uint64_t *state)
{
    return (double)(heddle_random_next(state) >> 11) * 0x1.0p-53;
}
