/* counts.c: exact counts over virtual buckets, and the gate in front of the hubs' counters. */
#include "schedule/counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The gate is set anew after so many keys; small loads see it open late enough to cost nothing. */
enum { GATE_KEYS = 1024, GATE_FIRST = 64 };

struct heddle_counts {
    uint64_t buckets[HEDDLE_KEY_BUCKETS];
    uint64_t total;
    uint64_t held_back; /* no more of any key than this was kept from the hubs' counters */
    struct heddle_hubs *hubs;
};

int heddle_counts_create(struct heddle_counts **counts_out, struct heddle_error *error)
{
    struct heddle_counts *counts = heddle_calloc(1, sizeof *counts);
    if (counts == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_hubs_create(&counts->hubs, error);
    if (status != HEDDLE_OK) {
        free(counts);
        return status;
    }
    *counts_out = counts;
    return HEDDLE_OK;
}

void heddle_counts_destroy(struct heddle_counts *counts)
{
    if (counts == NULL) {
        return;
    }
    heddle_hubs_destroy(counts->hubs);
    free(counts);
}

void heddle_counts_clear(struct heddle_counts *counts)
{
    memset(counts->buckets, 0, sizeof counts->buckets);
    counts->total = 0;
    counts->held_back = 0;
    heddle_hubs_clear(counts->hubs);
}

void heddle_counts_add(struct heddle_counts *counts, const uint64_t *hashes, size_t count)
{
    size_t done = 0;
    while (done < count) {
        const size_t some = count - done < GATE_KEYS ? count - done : GATE_KEYS;
        const uint64_t gate = GATE_FIRST + counts->total / HEDDLE_COUNTS_GATE;
        counts->held_back = gate > counts->held_back ? gate : counts->held_back;
        /* In two steps, because whether a key passes the gate cannot be foretold where there are hubs. */
        uint64_t passed[GATE_KEYS];
        size_t passed_count = 0;
        for (size_t i = done; i < done + some; i++) {
            passed[passed_count] = hashes[i];
            passed_count += ++counts->buckets[heddle_key_bucket(hashes[i])] > gate ? 1 : 0;
        }
        for (size_t i = 0; i < passed_count; i++) {
            heddle_hubs_add(counts->hubs, passed[i], 1);
        }
        counts->total += some;
        done += some;
    }
}

void heddle_counts_merge(struct heddle_counts *counts, const struct heddle_counts *other)
{
    for (size_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        counts->buckets[i] += other->buckets[i];
    }
    counts->total += other->total;
    counts->held_back += other->held_back;
    heddle_hubs_merge(counts->hubs, other->hubs);
}

uint64_t heddle_counts_total(const struct heddle_counts *counts)
{
    return counts->total;
}

uint64_t heddle_counts_bucket(const struct heddle_counts *counts, uint32_t bucket)
{
    return counts->buckets[bucket];
}

uint64_t heddle_counts_error(const struct heddle_counts *counts)
{
    return heddle_hubs_error(counts->hubs) + counts->held_back;
}

size_t heddle_counts_hubs(const struct heddle_counts *counts, uint64_t rows, struct heddle_hub_rows *found)
{
    const uint64_t less = rows > counts->held_back ? rows - counts->held_back : 0;
    const size_t count = heddle_hubs_find(counts->hubs, less, found);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bucket = counts->buckets[heddle_key_bucket(found[i].hash)];
        const uint64_t most = found[i].rows_max + counts->held_back;
        found[i].rows_max = most < bucket ? most : bucket;
        if (found[i].rows_max >= rows) {
            found[kept++] = found[i];
        }
    }
    return kept;
}
