/* fold.c: an open-addressed table of 128-bit hashes of identities. */
#include "sink/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sink/ledger.h"

/* A load of a few thousand rows stays in one page or two. */
enum { FOLD_SLOTS_FIRST = 1024 };

/* Both words 0 = free. A hash that is 0 twice is stored as 1: it shares a slot with one other identity in 2^128. */
struct fold_slot {
    uint64_t low;
    uint64_t high;
};

struct heddle_fold {
    struct fold_slot *slots;
    size_t capacity; /* power of two */
    size_t count;
    size_t limit;
    bool overflowed; /* some identity was not remembered */
    uint64_t seed;
    struct heddle_buffer identity; /* of the row at hand */
};

enum fold_answer { FOLD_NEW, FOLD_SEEN, FOLD_OUT_OF_MEMORY };

int heddle_fold_create(uint64_t seed, size_t limit, struct heddle_fold **fold_out, struct heddle_error *error)
{
    struct heddle_fold *fold = heddle_calloc(1, sizeof *fold);
    if (fold == NULL) {
        return heddle_error_out_of_memory(error);
    }
    fold->slots = heddle_calloc(FOLD_SLOTS_FIRST, sizeof *fold->slots);
    if (fold->slots == NULL) {
        free(fold);
        return heddle_error_out_of_memory(error);
    }
    fold->capacity = FOLD_SLOTS_FIRST;
    fold->limit = limit == 0 ? HEDDLE_FOLD_IDENTITIES_MAX : limit;
    fold->seed = seed;
    *fold_out = fold;
    return HEDDLE_OK;
}

void heddle_fold_destroy(struct heddle_fold *fold)
{
    if (fold != NULL) {
        heddle_buffer_free(&fold->identity);
        free(fold->slots);
        free(fold);
    }
}

void heddle_fold_clear(struct heddle_fold *fold)
{
    memset(fold->slots, 0, fold->capacity * sizeof *fold->slots);
    fold->count = 0;
    fold->overflowed = false;
}

size_t heddle_fold_count(const struct heddle_fold *fold)
{
    return fold->count;
}

bool heddle_fold_target_is_bare(const struct heddle_target *target)
{
    return target->property_count == target->key_count &&
           (target->kind == HEDDLE_TARGET_RELATIONSHIP || target->vector_property == NULL);
}

/* The slot that holds `wanted`, or the free one where it belongs. */
static struct fold_slot *fold_find(struct fold_slot *slots, size_t capacity, struct fold_slot wanted)
{
    size_t at = (size_t)wanted.low & (capacity - 1);
    while ((slots[at].low != 0 || slots[at].high != 0) &&
           (slots[at].low != wanted.low || slots[at].high != wanted.high)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static bool fold_grow(struct heddle_fold *fold)
{
    const size_t capacity = fold->capacity * 2;
    struct fold_slot *slots = heddle_calloc(capacity, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < fold->capacity; i++) {
        if (fold->slots[i].low != 0 || fold->slots[i].high != 0) {
            *fold_find(slots, capacity, fold->slots[i]) = fold->slots[i];
        }
    }
    free(fold->slots);
    fold->slots = slots;
    fold->capacity = capacity;
    return true;
}

static enum fold_answer fold_add(struct heddle_fold *fold, uint64_t space)
{
    const uint64_t seed = heddle_hash_mix(fold->seed ^ space);
    struct fold_slot wanted = {
        .low = heddle_hash_bytes(fold->identity.bytes, fold->identity.length, seed),
        .high = heddle_hash_bytes(fold->identity.bytes, fold->identity.length, ~seed),
    };
    if (wanted.low == 0 && wanted.high == 0) {
        wanted.low = 1;
    }
    struct fold_slot *slot = fold_find(fold->slots, fold->capacity, wanted);
    if (slot->low != 0 || slot->high != 0) {
        return FOLD_SEEN;
    }
    if (fold->count >= fold->limit) {
        fold->overflowed = true;
        return FOLD_NEW;
    }
    if ((fold->count + 1) * 8 > fold->capacity * 7) {
        if (!fold_grow(fold)) {
            return FOLD_OUT_OF_MEMORY;
        }
        slot = fold_find(fold->slots, fold->capacity, wanted);
    }
    *slot = wanted;
    fold->count++;
    return FOLD_NEW;
}

static int mark_repeat(struct heddle_target_rows *ready, size_t row, struct heddle_error *error)
{
    if (ready->repeats == NULL) {
        ready->repeats = heddle_arena_calloc(ready->owner->arena, ready->owner->batch->rows / 8 + 1, 1);
        if (ready->repeats == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    ready->repeats[row >> 3] = (uint8_t)(ready->repeats[row >> 3] | 1u << (row & 7));
    ready->repeat_count++;
    return HEDDLE_OK;
}

int heddle_fold_rows(struct heddle_fold *fold, struct heddle_target_rows *ready, struct heddle_error *error)
{
    const struct heddle_target *target = ready->target;
    if (!target->merge || (target->kind == HEDDLE_TARGET_NODE && target->key_count == 0)) {
        return HEDDLE_OK;
    }
    const bool bare = heddle_fold_target_is_bare(target);
    size_t kept = 0;
    for (size_t i = 0; i < ready->row_count; i++) {
        const uint32_t row = ready->rows[i];
        heddle_buffer_reset(&fold->identity);
        const enum heddle_key_state state = heddle_rows_identity(ready, row, &fold->identity);
        HEDDLE_TRY(heddle_buffer_check(&fold->identity, error));
        const enum fold_answer answer =
            state == HEDDLE_KEY_USABLE ? fold_add(fold, ready->target_index) : FOLD_NEW;
        if (answer == FOLD_OUT_OF_MEMORY) {
            return heddle_error_out_of_memory(error);
        }
        const bool is_new = ready->fates == NULL || ready->fates[row] == HEDDLE_FATE_NEW;
        if (answer == FOLD_SEEN && bare && is_new) {
            ready->folded++;
            continue;
        }
        if (answer == FOLD_SEEN) {
            HEDDLE_TRY(mark_repeat(ready, row, error));
        }
        ready->rows[kept++] = row;
    }
    ready->row_count = kept;
    ready->firsts_known = !fold->overflowed;
    return HEDDLE_OK;
}
