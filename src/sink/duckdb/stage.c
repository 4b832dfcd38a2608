/* stage.c: the rows of one transaction into its staging table.
 *
 * A MERGE must not meet one identity twice in a statement, so rows of one identity are staged once: the last of them,
 * since later SETs win, with the last vector that any of them has, since a row without vector leaves the earlier one. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "duck/append.h"
#include "sink/duckdb/internal.h"
#include "sink/duckdb/statements.h"

/* Identities of one transaction: open addressing over hashes, settled by comparing the bytes. */
struct identities {
    struct heddle_buffer bytes;
    size_t *ends; /* of each identity's bytes */
    uint64_t *hashes;
    uint32_t *slots; /* identity + 1, 0 = free */
    size_t slot_count;
    size_t count;
};

static bool identity_equal(const struct identities *set, size_t index, const uint8_t *bytes, size_t length)
{
    const size_t begin = index == 0 ? 0 : set->ends[index - 1];
    return set->ends[index] - begin == length && memcmp(set->bytes.bytes + begin, bytes, length) == 0;
}

/* Number of the identity whose bytes stand from `begin` to the buffer's end; a new one keeps them there. */
static uint32_t identity_find(struct identities *set, size_t begin)
{
    const uint8_t *bytes = set->bytes.bytes + begin;
    const size_t length = set->bytes.length - begin;
    const uint64_t hash = heddle_hash_bytes(bytes, length, 0);
    size_t slot = (size_t)hash & (set->slot_count - 1);
    while (set->slots[slot] != 0) {
        const uint32_t index = set->slots[slot] - 1;
        if (set->hashes[index] == hash && identity_equal(set, index, bytes, length)) {
            set->bytes.length = begin;
            return index;
        }
        slot = (slot + 1) & (set->slot_count - 1);
    }
    const uint32_t index = (uint32_t)set->count++;
    set->slots[slot] = index + 1;
    set->hashes[index] = hash;
    set->ends[index] = set->bytes.length;
    return index;
}

static int identities_make(struct heddle_arena *arena, size_t rows, struct identities *set,
                           struct heddle_error *error)
{
    set->slot_count = 16;
    while (set->slot_count < 2 * rows) {
        set->slot_count *= 2;
    }
    set->ends = heddle_arena_calloc(arena, rows, sizeof *set->ends);
    set->hashes = heddle_arena_calloc(arena, rows, sizeof *set->hashes);
    set->slots = heddle_arena_calloc(arena, set->slot_count, sizeof *set->slots);
    if (set->ends == NULL || set->hashes == NULL || set->slots == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return HEDDLE_OK;
}

/* Of each staged row: the batch's row with its values, and the one with its vector (UINT32_MAX = none has one). */
struct choice {
    uint32_t *rows;
    uint32_t *vectors;
};

static int rows_choose_distinct(struct heddle_duckdb_staged *staged, struct choice *choice,
                                struct heddle_error *error)
{
    struct identities set = {0};
    HEDDLE_TRY(identities_make(staged->arena, staged->count, &set, error));
    for (size_t i = 0; i < staged->count; i++) {
        const uint32_t row = staged->ready->rows[staged->first + i];
        const size_t begin = set.bytes.length;
        (void)heddle_rows_identity(staged->ready, row, &set.bytes);
        if (set.bytes.failed) {
            break;
        }
        const size_t known = set.count;
        const uint32_t ordinal = identity_find(&set, begin);
        const bool has_vector = heddle_rows_has_vector(staged->ready, row);
        staged->winner[i] = ordinal;
        choice->rows[ordinal] = row;
        if (has_vector || set.count > known) {
            choice->vectors[ordinal] = has_vector ? row : UINT32_MAX;
        }
    }
    staged->staged = set.count;
    const int status = heddle_buffer_check(&set.bytes, error);
    heddle_buffer_free(&set.bytes);
    return status;
}

static void rows_choose_all(struct heddle_duckdb_staged *staged, struct choice *choice)
{
    for (size_t i = 0; i < staged->count; i++) {
        const uint32_t row = staged->ready->rows[staged->first + i];
        staged->winner[i] = (uint32_t)i;
        choice->rows[i] = row;
        choice->vectors[i] = heddle_rows_has_vector(staged->ready, row) ? row : UINT32_MAX;
    }
    staged->staged = staged->count;
}

/* The vectors as the staged rows have them: the batch's own, or a copy where a row takes an earlier row's vector. */
static int vectors_choose(const struct heddle_duckdb_staged *staged, const struct choice *choice,
                          const struct heddle_column **out, struct heddle_error *error)
{
    const struct heddle_column *vectors = staged->ready->vector;
    *out = vectors;
    struct heddle_column *copy = NULL;
    float *values = NULL;
    uint8_t *valid = NULL;
    for (size_t i = 0; vectors != NULL && i < staged->staged; i++) {
        const uint32_t row = choice->rows[i];
        const uint32_t from = choice->vectors[i];
        if (from == row || from == UINT32_MAX) {
            continue;
        }
        if (copy == NULL) {
            const size_t size = vectors->length * vectors->width * sizeof *values;
            copy = heddle_arena_calloc(staged->arena, 1, sizeof *copy);
            values = heddle_arena_alloc(staged->arena, size);
            valid = heddle_arena_alloc(staged->arena, (vectors->length + 7) / 8);
            if (copy == NULL || values == NULL || valid == NULL) {
                return heddle_error_out_of_memory(error);
            }
            memcpy(values, vectors->values, size);
            memcpy(valid, vectors->valid,
                   (vectors->length + 7) / 8); /* some row is null: there is a bitmap */
            *copy = *vectors;
            copy->values = values;
            copy->valid = valid;
            *out = copy;
        }
        memcpy(values + (size_t)row * vectors->width, heddle_column_vector(vectors, from),
               vectors->width * sizeof *values);
        valid[row >> 3] = (uint8_t)(valid[row >> 3] | 1U << (row & 7));
    }
    return HEDDLE_OK;
}

/* ordinal[row] = number of the staged row, for the appender, which takes every column by the batch's rows. */
static int ordinals_make(const struct heddle_duckdb_staged *staged, const struct choice *choice,
                         struct heddle_column *out, struct heddle_error *error)
{
    const size_t rows = staged->ready->owner->batch->rows;
    int64_t *values = heddle_arena_alloc(staged->arena, rows * sizeof *values);
    if (values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < staged->staged; i++) {
        values[choice->rows[i]] = (int64_t)i;
    }
    *out = (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = rows, .values = values};
    return HEDDLE_OK;
}

static int stage_make(struct heddle_duckdb_sink *sink, size_t index, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_duckdb_sql_create_stage(&sql, &sink->layout, index);
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_execute(sink->connection, heddle_buffer_text(&sql), error);
    }
    heddle_buffer_free(&sql);
    return status;
}

static int rows_append(struct heddle_duckdb_sink *sink, const struct heddle_duckdb_staged *staged,
                       const struct choice *choice, const struct heddle_column *const *columns,
                       struct heddle_error *error)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[staged->ready->target_index];
    struct heddle_duck_appender *appender = NULL;
    HEDDLE_TRY(stage_make(sink, staged->ready->target_index, error));
    HEDDLE_TRY(heddle_duck_appender_create(sink->connection, road->stage, &appender, error));
    int status = heddle_duck_appender_append(appender, columns, road->column_count + 1, choice->rows,
                                             staged->staged, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_appender_flush(appender, error);
    }
    heddle_duck_appender_destroy(appender);
    return status;
}

int heddle_duckdb_stage(struct heddle_duckdb_sink *sink, struct heddle_duckdb_staged *staged,
                        struct heddle_error *error)
{
    const struct heddle_target_rows *ready = staged->ready;
    const struct heddle_duckdb_road *road = &sink->layout.roads[ready->target_index];
    struct choice choice = {
        .rows = heddle_arena_calloc(staged->arena, staged->count, sizeof *choice.rows),
        .vectors = heddle_arena_calloc(staged->arena, staged->count, sizeof *choice.vectors),
    };
    const struct heddle_column **columns =
        heddle_arena_calloc(staged->arena, road->column_count + 1, sizeof *columns);
    staged->winner = heddle_arena_calloc(staged->arena, staged->count, sizeof *staged->winner);
    staged->gone = heddle_arena_calloc(staged->arena, staged->count, sizeof *staged->gone);
    if (choice.rows == NULL || choice.vectors == NULL || columns == NULL || staged->winner == NULL ||
        staged->gone == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (ready->target->merge) {
        HEDDLE_TRY(rows_choose_distinct(staged, &choice, error));
    } else {
        rows_choose_all(staged, &choice);
    }
    struct heddle_column ordinals;
    HEDDLE_TRY(ordinals_make(staged, &choice, &ordinals, error));
    size_t at = 0;
    columns[at++] = &ordinals;
    for (size_t i = 0; i < road->start_count; i++) {
        columns[at++] = &ready->start_keys[i];
    }
    for (size_t i = 0; i < road->end_count; i++) {
        columns[at++] = &ready->end_keys[i];
    }
    for (size_t i = 0; i < road->property_count; i++) {
        columns[at++] = &ready->properties[i];
    }
    if (road->vector) {
        HEDDLE_TRY(vectors_choose(staged, &choice, &columns[at], error));
    }
    return rows_append(sink, staged, &choice, columns, error);
}
