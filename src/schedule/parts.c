/* parts.c: longest-processing-time assignment of buckets and hubs to parts, and the table that comes of it. */
#include "schedule/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schedule/scheduler.h"

/* A hub below this share of a mean part balances as well inside its bucket. */
enum { HUB_SHARE = 16 };

/* Keys that are looked up together. */
enum { BLOCK_KEYS = 256 };

/* In the table beside the part: some key of this bucket has a part of its own. */
#define BUCKET_HAS_HUB 0x8000u

/* While the table is made; no part has this number. */
#define BUCKET_IS_UNDEALT UINT16_MAX

struct heddle_parts {
    uint16_t table[HEDDLE_KEY_BUCKETS];
    size_t count;
    uint64_t *loads;
    uint64_t total;
    struct heddle_hub *hubs;
    size_t hub_count;
    uint32_t *slots; /* open addressing over the hubs' hashes: index + 1, 0 = free */
    size_t slot_count;
};

/* A bucket, or (from HEDDLE_KEY_BUCKETS on) a hub. */
struct item {
    uint64_t rows;
    uint32_t index;
};

/* What the dealing needs. `heap` holds the parts, the one with the least weight on top. */
struct deal {
    struct item *items;
    size_t item_count;
    uint64_t *weights;
    uint32_t *heap;
    uint32_t *filled; /* a part: items with rows in it */
    struct heddle_hub_rows *found;
};

static size_t hub_slot(const struct heddle_parts *parts, uint64_t hash)
{
    size_t at = (size_t)(hash >> 32) & (parts->slot_count - 1);
    while (parts->slots[at] != 0 && parts->hubs[parts->slots[at] - 1].hash != hash) {
        at = (at + 1) & (parts->slot_count - 1);
    }
    return at;
}

uint32_t heddle_parts_of(const struct heddle_parts *parts, uint64_t hash)
{
    const uint16_t entry = parts->table[heddle_key_bucket(hash)];
    if ((entry & BUCKET_HAS_HUB) == 0) {
        return entry;
    }
    const uint32_t hub = parts->slots[hub_slot(parts, hash)];
    return hub != 0 ? parts->hubs[hub - 1].part : (uint32_t)(entry & ~BUCKET_HAS_HUB);
}

void heddle_parts_of_all(const struct heddle_parts *parts, const uint64_t *hashes, size_t count,
                         uint32_t *parts_out)
{
    /* In two steps, because whether a key shares a hub's bucket cannot be foretold where there are hubs. */
    for (size_t done = 0; done < count; done += BLOCK_KEYS) {
        const size_t end = count - done < BLOCK_KEYS ? count : done + BLOCK_KEYS;
        uint32_t asked[BLOCK_KEYS];
        size_t asked_count = 0;
        for (size_t i = done; i < end; i++) {
            const uint16_t entry = parts->table[heddle_key_bucket(hashes[i])];
            parts_out[i] = entry;
            asked[asked_count] = (uint32_t)(i - done);
            asked_count += entry / BUCKET_HAS_HUB;
        }
        for (size_t i = 0; i < asked_count; i++) {
            parts_out[done + asked[i]] = heddle_parts_of(parts, hashes[done + asked[i]]);
        }
    }
}

static int most_rows_first(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    if (a->rows != b->rows) {
        return a->rows < b->rows ? 1 : -1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

static bool is_lighter(const struct deal *deal, uint32_t part, uint32_t other)
{
    return deal->weights[part] < deal->weights[other] ||
           (deal->weights[part] == deal->weights[other] && part < other);
}

/* The part on top became heavier: it sinks to its place. */
static void sink_top(struct deal *deal, size_t parts)
{
    size_t at = 0;
    for (size_t child = 1; child < parts; child = 2 * at + 1) {
        if (child + 1 < parts && is_lighter(deal, deal->heap[child + 1], deal->heap[child])) {
            child++;
        }
        if (!is_lighter(deal, deal->heap[child], deal->heap[at])) {
            break;
        }
        const uint32_t swapped = deal->heap[at];
        deal->heap[at] = deal->heap[child];
        deal->heap[child] = swapped;
        at = child;
    }
}

/* Keeps the hubs worth a place of their own and lists them and the buckets as items. */
static int list_items(struct heddle_parts *parts, const struct heddle_counts *counts, struct deal *deal,
                      struct heddle_error *error)
{
    for (uint32_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        deal->items[i] = (struct item){counts == NULL ? 0 : heddle_counts_bucket(counts, i), i};
    }
    deal->item_count = HEDDLE_KEY_BUCKETS;
    size_t found = 0;
    if (counts != NULL) {
        parts->total = heddle_counts_total(counts);
        found = heddle_counts_hubs(counts, parts->total / parts->count / HUB_SHARE + 1, deal->found);
    }
    parts->slot_count = 64;
    while (parts->slot_count < 4 * found) {
        parts->slot_count *= 2;
    }
    parts->hubs = heddle_calloc(found + 1, sizeof *parts->hubs);
    parts->slots = heddle_calloc(parts->slot_count, sizeof *parts->slots);
    if (parts->hubs == NULL || parts->slots == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < found; i++) {
        const struct heddle_hub_rows *rows = &deal->found[i];
        parts->hubs[i] = (struct heddle_hub){rows->hash, rows->rows_min, rows->rows_max, 0, false};
        parts->slots[hub_slot(parts, rows->hash)] = (uint32_t)i + 1;
        parts->hub_count = i + 1;
        deal->items[heddle_key_bucket(rows->hash)].rows -= rows->rows_min;
        deal->items[deal->item_count++] = (struct item){rows->rows_min, HEDDLE_KEY_BUCKETS + (uint32_t)i};
    }
    return HEDDLE_OK;
}

/* Gives an item to the lightest part. Each item weighs one more than its rows: empty buckets then spread evenly. */
static void deal_item(struct heddle_parts *parts, struct deal *deal, struct item item)
{
    const uint32_t part = deal->heap[0];
    deal->weights[part] += item.rows + 1;
    deal->filled[part] += item.rows > 0 ? 1 : 0;
    parts->loads[part] += item.rows;
    if (item.index < HEDDLE_KEY_BUCKETS) {
        parts->table[item.index] = (uint16_t)part;
    } else {
        parts->hubs[item.index - HEDDLE_KEY_BUCKETS].part = part;
    }
    sink_top(deal, parts->count);
}

/* Heaviest first. Most buckets of a small load are empty: sorting those would cost more than everything else. */
static void deal_out(struct heddle_parts *parts, struct deal *deal)
{
    size_t counted = 0;
    for (size_t i = 0; i < deal->item_count; i++) {
        if (deal->items[i].rows > 0 || deal->items[i].index >= HEDDLE_KEY_BUCKETS) {
            deal->items[counted++] = deal->items[i];
        }
    }
    qsort(deal->items, counted, sizeof *deal->items, most_rows_first);
    for (uint32_t i = 0; i < parts->count; i++) {
        deal->heap[i] = i;
    }
    for (uint32_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        parts->table[i] = BUCKET_IS_UNDEALT;
    }
    for (size_t i = 0; i < counted; i++) {
        deal_item(parts, deal, deal->items[i]);
    }
    for (uint32_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        if (parts->table[i] == BUCKET_IS_UNDEALT) {
            deal_item(parts, deal, (struct item){0, i});
        }
    }
    for (size_t i = 0; i < parts->hub_count; i++) {
        struct heddle_hub *hub = &parts->hubs[i];
        parts->table[heddle_key_bucket(hub->hash)] |= BUCKET_HAS_HUB;
        hub->exclusive = deal->filled[hub->part] == 1;
    }
}

int heddle_parts_create(const struct heddle_counts *counts, size_t parts, struct heddle_parts **parts_out,
                        struct heddle_error *error)
{
    if (parts == 0 || parts > HEDDLE_SCHEDULE_PARTS_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "parts: %zu parts (1..%d)", parts,
                                HEDDLE_SCHEDULE_PARTS_MAX);
    }
    enum { FOUND_MAX = 2 * HEDDLE_HUBS_COUNTERS };
    struct heddle_parts *made = heddle_calloc(1, sizeof *made);
    struct deal deal = {
        .items = heddle_calloc(HEDDLE_KEY_BUCKETS + FOUND_MAX, sizeof *deal.items),
        .weights = heddle_calloc(parts, sizeof *deal.weights),
        .heap = heddle_calloc(parts, sizeof *deal.heap),
        .filled = heddle_calloc(parts, sizeof *deal.filled),
        .found = heddle_calloc(FOUND_MAX, sizeof *deal.found),
    };
    int status = HEDDLE_OUT_OF_MEMORY;
    if (made != NULL) {
        made->count = parts;
        made->loads = heddle_calloc(parts, sizeof *made->loads);
    }
    if (made == NULL || made->loads == NULL || deal.items == NULL || deal.weights == NULL ||
        deal.heap == NULL || deal.filled == NULL || deal.found == NULL) {
        heddle_error_out_of_memory(error);
    } else {
        status = list_items(made, counts, &deal, error);
    }
    if (status == HEDDLE_OK) {
        deal_out(made, &deal);
        *parts_out = made;
    } else {
        heddle_parts_destroy(made);
    }
    free(deal.items);
    free(deal.weights);
    free(deal.heap);
    free(deal.filled);
    free(deal.found);
    return status;
}

void heddle_parts_destroy(struct heddle_parts *parts)
{
    if (parts == NULL) {
        return;
    }
    free(parts->loads);
    free(parts->hubs);
    free(parts->slots);
    free(parts);
}

size_t heddle_parts_count(const struct heddle_parts *parts)
{
    return parts->count;
}

uint64_t heddle_parts_load(const struct heddle_parts *parts, uint32_t part)
{
    return parts->loads[part];
}

double heddle_parts_imbalance(const struct heddle_parts *parts)
{
    uint64_t most = 0;
    for (size_t i = 0; i < parts->count; i++) {
        most = parts->loads[i] > most ? parts->loads[i] : most;
    }
    return parts->total == 0 ? 1.0 : (double)most * (double)parts->count / (double)parts->total;
}

int heddle_parts_imbalance_under(const struct heddle_parts *parts, const struct heddle_counts *counts,
                                 double *imbalance_out, struct heddle_error *error)
{
    enum { FOUND_MAX = 2 * HEDDLE_HUBS_COUNTERS };
    uint64_t *loads = heddle_calloc(parts->count, sizeof *loads);
    struct heddle_hub_rows *found = heddle_calloc(FOUND_MAX, sizeof *found);
    if (loads == NULL || found == NULL) {
        free(loads);
        free(found);
        return heddle_error_out_of_memory(error);
    }
    const uint64_t total = heddle_counts_total(counts);
    for (uint32_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        loads[parts->table[i] & ~BUCKET_HAS_HUB] += heddle_counts_bucket(counts, i);
    }
    /* What is known of a hub's rows lies where the table puts the hub, not where it puts the hub's bucket. */
    const size_t hubs = heddle_counts_hubs(counts, total / parts->count / HUB_SHARE + 1, found);
    for (size_t i = 0; i < hubs; i++) {
        loads[parts->table[heddle_key_bucket(found[i].hash)] & ~BUCKET_HAS_HUB] -= found[i].rows_min;
        loads[heddle_parts_of(parts, found[i].hash)] += found[i].rows_min;
    }
    uint64_t most = 0;
    for (size_t i = 0; i < parts->count; i++) {
        most = loads[i] > most ? loads[i] : most;
    }
    *imbalance_out = total == 0 ? 1.0 : (double)most * (double)parts->count / (double)total;
    free(loads);
    free(found);
    return HEDDLE_OK;
}

const struct heddle_hub *heddle_parts_hubs(const struct heddle_parts *parts, size_t *count_out)
{
    *count_out = parts->hub_count;
    return parts->hubs;
}
