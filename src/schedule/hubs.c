/* hubs.c: Misra-Gries counters in an open-addressed table; see hubs.h for the bound. */
#include "schedule/hubs.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Twice as many slots as counters: a probe ends after two steps on average. */
enum { COUNTERS_MAX = 2 * HEDDLE_HUBS_COUNTERS, SLOTS = 2 * COUNTERS_MAX };

/* rows == 0: free. */
struct slot {
    uint64_t hash;
    uint64_t rows;
};

struct heddle_hubs {
    struct slot slots[SLOTS];
    struct slot kept[COUNTERS_MAX]; /* room for a purge */
    uint64_t values[COUNTERS_MAX];
    size_t used;
    uint64_t error;
};

int heddle_hubs_create(struct heddle_hubs **hubs_out, struct heddle_error *error)
{
    struct heddle_hubs *hubs = heddle_calloc(1, sizeof *hubs);
    if (hubs == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *hubs_out = hubs;
    return HEDDLE_OK;
}

void heddle_hubs_clear(struct heddle_hubs *hubs)
{
    *hubs = (struct heddle_hubs){0};
}

void heddle_hubs_destroy(struct heddle_hubs *hubs)
{
    free(hubs);
}

/* The low bits of a hash are its bucket (schedule/key.h) and alike for keys that share one: the high ones choose. */
static struct slot *slot_of(struct heddle_hubs *hubs, uint64_t hash)
{
    size_t at = (size_t)(hash >> 32) & (SLOTS - 1);
    while (hubs->slots[at].rows != 0 && hubs->slots[at].hash != hash) {
        at = (at + 1) & (SLOTS - 1);
    }
    return &hubs->slots[at];
}

static int fall(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

static void purge(struct heddle_hubs *hubs)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (hubs->slots[i].rows != 0) {
            hubs->kept[count] = hubs->slots[i];
            hubs->values[count++] = hubs->slots[i].rows;
        }
    }
    qsort(hubs->values, count, sizeof hubs->values[0], fall);
    const uint64_t taken = hubs->values[HEDDLE_HUBS_COUNTERS];
    memset(hubs->slots, 0, sizeof hubs->slots);
    hubs->used = 0;
    hubs->error += taken;
    for (size_t i = 0; i < count; i++) {
        if (hubs->kept[i].rows > taken) {
            struct slot *slot = slot_of(hubs, hubs->kept[i].hash);
            slot->hash = hubs->kept[i].hash;
            slot->rows = hubs->kept[i].rows - taken;
            hubs->used++;
        }
    }
}

void heddle_hubs_add(struct heddle_hubs *hubs, uint64_t hash, uint64_t rows)
{
    if (rows == 0) {
        return;
    }
    struct slot *slot = slot_of(hubs, hash);
    if (slot->rows == 0) {
        slot->hash = hash;
        hubs->used++;
    }
    slot->rows += rows;
    if (hubs->used == COUNTERS_MAX) {
        purge(hubs);
    }
}

void heddle_hubs_merge(struct heddle_hubs *hubs, const struct heddle_hubs *other)
{
    for (size_t i = 0; i < SLOTS; i++) {
        heddle_hubs_add(hubs, other->slots[i].hash, other->slots[i].rows);
    }
    hubs->error += other->error;
}

uint64_t heddle_hubs_error(const struct heddle_hubs *hubs)
{
    return hubs->error;
}

static int most_rows_first(const void *left, const void *right)
{
    const struct heddle_hub_rows *a = left;
    const struct heddle_hub_rows *b = right;
    if (a->rows_min != b->rows_min) {
        return a->rows_min < b->rows_min ? 1 : -1;
    }
    return (a->hash > b->hash) - (a->hash < b->hash);
}

size_t heddle_hubs_find(const struct heddle_hubs *hubs, uint64_t rows, struct heddle_hub_rows *found)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *slot = &hubs->slots[i];
        if (slot->rows != 0 && slot->rows + hubs->error >= rows) {
            found[count++] = (struct heddle_hub_rows){slot->hash, slot->rows, slot->rows + hubs->error};
        }
    }
    qsort(found, count, sizeof *found, most_rows_first);
    return count;
}
