/* sample.c: a reservoir of keys, each copied out of its batch so that no batch is kept alive by it. */
#include "sink/neo4j/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

/* Ends with more key columns than this are not sampled. */
enum { SAMPLE_COLUMNS_MAX = 8 };

/* One value of a fixed-width type, or a text in `bytes` from offset to offset. */
struct sample_cell {
    struct heddle_column column; /* of length 1, over what stands below */
    union {
        int64_t integer;
        double real;
        uint8_t boolean;
    } value;
    uint32_t offsets[2];
    uint8_t *text;
};

struct sample {
    struct sample_cell cells[SAMPLE_COLUMNS_MAX];
    size_t start_count; /* cells of the node's key, or of the start */
    size_t end_count;
    bool has_vector;
};

struct heddle_samples {
    struct sample slots[HEDDLE_SAMPLES_MAX];
    size_t count;
    uint64_t offered;
    uint64_t random;
};

int heddle_samples_create(uint64_t seed, struct heddle_samples **samples_out, struct heddle_error *error)
{
    struct heddle_samples *samples = heddle_calloc(1, sizeof *samples);
    if (samples == NULL) {
        return heddle_error_out_of_memory(error);
    }
    samples->random = seed;
    *samples_out = samples;
    return HEDDLE_OK;
}

static void sample_clear(struct sample *sample)
{
    for (size_t i = 0; i < SAMPLE_COLUMNS_MAX; i++) {
        free(sample->cells[i].text);
    }
    *sample = (struct sample){0};
}

void heddle_samples_destroy(struct heddle_samples *samples)
{
    if (samples == NULL) {
        return;
    }
    for (size_t i = 0; i < HEDDLE_SAMPLES_MAX; i++) {
        sample_clear(&samples->slots[i]);
    }
    free(samples);
}

/* False for types that are not worth copying (lists) and when out of memory. */
static bool cell_copy(struct sample_cell *cell, const struct heddle_column *column, size_t row)
{
    cell->column = (struct heddle_column){.type = column->type, .length = 1};
    size_t length = 0;
    switch (column->type) {
    case HEDDLE_TYPE_BOOLEAN:
        cell->value.boolean = ((const uint8_t *)column->values)[row];
        cell->column.values = &cell->value.boolean;
        return true;
    case HEDDLE_TYPE_FLOAT:
        cell->value.real = heddle_column_float(column, row);
        cell->column.values = &cell->value.real;
        return true;
    case HEDDLE_TYPE_INTEGER:
    case HEDDLE_TYPE_DATE:
    case HEDDLE_TYPE_TIME:
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME:
        cell->value.integer = heddle_column_integer(column, row);
        cell->column.values = &cell->value.integer;
        return true;
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
    case HEDDLE_TYPE_BYTES: break;
    case HEDDLE_TYPE_NULL:
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP:
    case HEDDLE_TYPE_VECTOR: return false;
    }
    const char *text = heddle_column_text(column, row, &length);
    cell->text = heddle_malloc(length + 1);
    if (cell->text == NULL) {
        return false;
    }
    memcpy(cell->text, text, length);
    cell->offsets[1] = (uint32_t)length;
    cell->column.offsets = cell->offsets;
    cell->column.bytes = cell->text;
    return true;
}

static bool sample_fill(struct sample *sample, const struct heddle_target_rows *ready, size_t row)
{
    const struct heddle_target *target = ready->target;
    const bool is_node = target->kind == HEDDLE_TARGET_NODE;
    const struct heddle_column *starts = is_node ? ready->keys : ready->start_keys;
    const size_t start_count = is_node ? target->key_count : target->start.key_count;
    const size_t end_count = is_node ? 0 : target->end.key_count;
    sample_clear(sample);
    if (start_count == 0 || start_count + end_count > SAMPLE_COLUMNS_MAX) {
        return false;
    }
    for (size_t i = 0; i < start_count + end_count; i++) {
        const struct heddle_column *column = i < start_count ? &starts[i] : &ready->end_keys[i - start_count];
        if (!cell_copy(&sample->cells[i], column, row)) {
            return false;
        }
    }
    sample->start_count = start_count;
    sample->end_count = end_count;
    sample->has_vector = heddle_rows_has_vector(ready, row);
    return true;
}

void heddle_samples_offer(struct heddle_samples *samples, const struct heddle_target_rows *ready, size_t row)
{
    samples->offered++;
    size_t slot = samples->count;
    if (slot == HEDDLE_SAMPLES_MAX) {
        const uint64_t drawn = heddle_random_below(&samples->random, samples->offered);
        if (drawn >= HEDDLE_SAMPLES_MAX) {
            return;
        }
        slot = (size_t)drawn;
    }
    if (sample_fill(&samples->slots[slot], ready, row)) {
        samples->count += slot == samples->count ? 1 : 0;
        return;
    }
    /* The slot is lost: the last one moves into it. Cells point into themselves, so the move sets them right. */
    sample_clear(&samples->slots[slot]);
    if (slot < samples->count) {
        const size_t last = --samples->count;
        if (slot != last) {
            struct sample moved = samples->slots[last];
            samples->slots[last] = (struct sample){0};
            samples->slots[slot] = moved;
            for (size_t i = 0; i < SAMPLE_COLUMNS_MAX; i++) {
                struct sample_cell *cell = &samples->slots[slot].cells[i];
                cell->column.values = cell->column.values == NULL ? NULL : &cell->value;
                cell->column.offsets = cell->column.offsets == NULL ? NULL : cell->offsets;
            }
        }
    }
}

size_t heddle_samples_count(const struct heddle_samples *samples)
{
    return samples->count;
}

size_t heddle_samples_vectors(const struct heddle_samples *samples)
{
    size_t vectors = 0;
    for (size_t i = 0; i < samples->count; i++) {
        vectors += samples->slots[i].has_vector ? 1 : 0;
    }
    return vectors;
}

void heddle_samples_pack(struct heddle_pack *pack, const struct heddle_samples *samples, size_t limit,
                         bool with_vector)
{
    const size_t available = with_vector ? heddle_samples_vectors(samples) : samples->count;
    size_t left = available < limit ? available : limit;
    heddle_pack_list(pack, (uint32_t)left);
    for (size_t i = 0; i < samples->count && left > 0; i++) {
        const struct sample *sample = &samples->slots[i];
        if (with_vector && !sample->has_vector) {
            continue;
        }
        left--;
        heddle_pack_list(pack, (uint32_t)(sample->start_count + sample->end_count));
        for (size_t j = 0; j < sample->start_count + sample->end_count; j++) {
            heddle_pack_column_value(pack, &sample->cells[j].column, 0);
        }
    }
}
