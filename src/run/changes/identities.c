/* identities.c: an open-addressed table; linear probing, grown by doubling. */
#include "run/changes/identities.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { SLOTS_FIRST = 1024 };

struct heddle_identity heddle_identity_hash(const struct heddle_identities *set, const uint8_t *bytes,
                                            size_t length)
{
    struct heddle_identity identity = {
        .low = heddle_hash_bytes(bytes, length, set->seed),
        .high = heddle_hash_bytes(bytes, length, ~set->seed) & ~UINT64_C(1),
    };
    identity.low = identity.low == 0 ? 1 : identity.low;
    return identity;
}

uint64_t heddle_identity_text(const struct heddle_identities *set, const char *text, size_t length)
{
    const uint64_t hash = heddle_hash_bytes(text, length, set->seed);
    return hash > HEDDLE_IDENTITY_MANY_TEXTS ? hash : hash + 2;
}

/* The slot that holds `wanted`, or the free one where it belongs. */
static size_t find(const struct heddle_identity *slots, size_t capacity, struct heddle_identity wanted)
{
    size_t at = (size_t)wanted.low & (capacity - 1);
    while (slots[at].low != 0 &&
           (slots[at].low != wanted.low || (slots[at].high & ~UINT64_C(1)) != wanted.high)) {
        at = (at + 1) & (capacity - 1);
    }
    return at;
}

static int grow(struct heddle_identities *set, struct heddle_error *error)
{
    const size_t capacity = set->capacity == 0 ? SLOTS_FIRST : set->capacity * 2;
    struct heddle_identity *slots = heddle_calloc(capacity, sizeof *slots);
    uint64_t *texts = heddle_calloc(capacity, sizeof *texts);
    if (slots == NULL || texts == NULL) {
        free(slots);
        free(texts);
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].low != 0) {
            const struct heddle_identity plain = {set->slots[i].low, set->slots[i].high & ~UINT64_C(1)};
            const size_t at = find(slots, capacity, plain);
            slots[at] = set->slots[i];
            texts[at] = set->texts[i];
        }
    }
    free(set->slots);
    free(set->texts);
    set->slots = slots;
    set->texts = texts;
    set->capacity = capacity;
    return HEDDLE_OK;
}

int heddle_identities_add(struct heddle_identities *set, struct heddle_identity identity, uint64_t text,
                          struct heddle_error *error)
{
    if ((set->count + 1) * 8 > set->capacity * 7) {
        HEDDLE_TRY(grow(set, error));
    }
    const size_t at = find(set->slots, set->capacity, identity);
    if (set->slots[at].low != 0) {
        set->texts[at] = set->texts[at] == text ? text : HEDDLE_IDENTITY_MANY_TEXTS;
        return HEDDLE_OK;
    }
    if (set->count >= set->limit) {
        return HEDDLE_END;
    }
    set->slots[at] = identity;
    set->texts[at] = text;
    set->count++;
    return HEDDLE_OK;
}

uint64_t heddle_identities_stand(struct heddle_identities *set, struct heddle_identity identity)
{
    if (set->count == 0) {
        return HEDDLE_IDENTITY_NO_TEXT;
    }
    const size_t at = find(set->slots, set->capacity, identity);
    if (set->slots[at].low == 0) {
        return HEDDLE_IDENTITY_NO_TEXT;
    }
    const bool again = (set->slots[at].high & 1) != 0;
    set->slots[at].high |= 1;
    return again ? HEDDLE_IDENTITY_MANY_TEXTS : set->texts[at];
}

bool heddle_identities_stands(const struct heddle_identities *set, struct heddle_identity identity)
{
    return set->count > 0 && (set->slots[find(set->slots, set->capacity, identity)].high & 1) != 0;
}

void heddle_identities_clear(struct heddle_identities *set)
{
    if (set->count > 0) {
        memset(set->slots, 0, set->capacity * sizeof *set->slots);
        set->count = 0;
    }
}

void heddle_identities_free(struct heddle_identities *set)
{
    free(set->slots);
    free(set->texts);
    *set = (struct heddle_identities){.seed = set->seed, .limit = set->limit};
}
