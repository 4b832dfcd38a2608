/* embedding_memory.c: asks ledger and kept vectors about the rows of a batch. */
#include "run/embedding/embedding_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

/* Leaves in `done` the rows that target `index` does not want: it has them, or another shard writes them. *none_out = it wants
 * all. `scratch` has a byte a row. */
static int keep_unwanted(const struct heddle_embedding_rows *rows, size_t index, uint8_t *done,
                         uint8_t *scratch, bool *none_out, struct heddle_error *error)
{
    const struct heddle_embedding_memory *memory = rows->memory;
    const struct heddle_batch *batch = rows->batch;
    const bool asks = memory->ledger != NULL && memory->ledger->recall != NULL;
    const size_t known =
        asks ? memory->ledger->recall(memory->ledger->context, index, batch->position, batch->rows, scratch)
             : 0;
    *none_out = known == 0 && heddle_share_is_whole(memory->share);
    if (*none_out) {
        return HEDDLE_OK;
    }
    if (known == 0) {
        memset(scratch, HEDDLE_FATE_NEW, batch->rows);
    }
    uint8_t *mine = heddle_arena_alloc(batch->arena, batch->rows + 1);
    if (mine == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_share_find(memory->share, batch, &memory->targets[index], batch->arena, mine, error));
    for (size_t row = 0; row < batch->rows; row++) {
        done[row] = done[row] != 0 && (scratch[row] == HEDDLE_FATE_DONE || mine[row] == 0);
    }
    return HEDDLE_OK;
}

/* A row is done where every target that takes this slot's vectors has it, or leaves it to another shard. */
static int find_done(struct heddle_embedding_rows *rows, size_t slot, struct heddle_error *error)
{
    const struct heddle_embedding_memory *memory = rows->memory;
    const struct heddle_batch *batch = rows->batch;
    if ((memory->ledger == NULL || memory->ledger->recall == NULL) && heddle_share_is_whole(memory->share)) {
        return HEDDLE_OK;
    }
    uint8_t *done = heddle_arena_alloc(batch->arena, batch->rows);
    uint8_t *fates = heddle_arena_alloc(batch->arena, batch->rows);
    if (done == NULL || fates == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memset(done, 1, batch->rows);
    size_t users = 0;
    for (size_t i = 0; i < memory->pass_target_count; i++) {
        const size_t index = memory->pass_targets[i];
        const struct heddle_target *target = &memory->targets[index];
        bool none = false;
        if (target->vector_property == NULL || target->vector_slot != slot) {
            continue;
        }
        users++;
        HEDDLE_TRY(keep_unwanted(rows, index, done, fates, &none, error));
        if (none) {
            return HEDDLE_OK; /* all are wanted */
        }
    }
    rows->done = users > 0 ? done : NULL;
    return HEDDLE_OK;
}

static int hash_texts(struct heddle_embedding_rows *rows, const struct heddle_embed_text *texts,
                      struct heddle_error *error)
{
    const struct heddle_batch *batch = rows->batch;
    rows->hashes = heddle_arena_calloc(batch->arena, batch->rows, sizeof *rows->hashes);
    rows->found = heddle_arena_calloc(batch->arena, batch->rows, sizeof *rows->found);
    if (rows->hashes == NULL || rows->found == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t row = 0; row < batch->rows; row++) {
        if (texts[row].text != NULL && !heddle_embedding_row_is_done(rows, row)) {
            /* 0 says that no vector is wanted */
            rows->hashes[row] = heddle_hash_bytes(texts[row].text, texts[row].length, 0) | 1;
        }
    }
    return HEDDLE_OK;
}

int heddle_embedding_rows_find(struct heddle_embedding_rows *rows,
                               const struct heddle_embedding_memory *memory, struct heddle_batch *batch,
                               size_t slot, size_t width, const struct heddle_embed_text *texts,
                               float *vectors, struct heddle_error *error)
{
    *rows = (struct heddle_embedding_rows){.memory = memory, .batch = batch, .column = {slot, width}};
    if (memory == NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(find_done(rows, slot, error));
    if (memory->kept == NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(hash_texts(rows, texts, error));
    (void)heddle_kept_vectors_find(memory->kept, &rows->column, batch->position, batch->rows, rows->hashes,
                                   vectors, rows->found);
    return HEDDLE_OK;
}

int heddle_embedding_rows_start(const struct heddle_embedding_rows *rows, const size_t *numbers, size_t count,
                                struct heddle_error *error)
{
    if (rows->hashes == NULL || count == 0) {
        return HEDDLE_OK;
    }
    uint64_t *positions = heddle_malloc(count * sizeof *positions);
    if (positions == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t texts = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows->hashes[numbers[i]] != 0) {
            positions[texts++] = rows->batch->position + numbers[i];
        }
    }
    heddle_kept_vectors_start(rows->memory->kept, &rows->column, positions, texts);
    free(positions);
    return HEDDLE_OK;
}

/* Rows that are kept, packed. */
struct packed {
    uint64_t *positions;
    uint64_t *hashes;
    float *vectors;
    size_t count;
};

static void pack_rows(const struct heddle_embedding_rows *rows, const size_t *numbers, size_t count,
                      const float *vectors, const uint8_t *valid, struct packed *packed)
{
    const size_t width = rows->column.width;
    for (size_t i = 0; i < count; i++) {
        const size_t row = numbers[i];
        const bool is_new = rows->hashes[row] != 0 && rows->found[row] == 0;
        if (is_new && (valid[row >> 3] >> (row & 7) & 1) != 0) {
            packed->positions[packed->count] = rows->batch->position + row;
            packed->hashes[packed->count] = rows->hashes[row];
            memcpy(packed->vectors + packed->count * width, vectors + row * width, width * sizeof *vectors);
            packed->count++;
        }
    }
}

int heddle_embedding_rows_keep(const struct heddle_embedding_rows *rows, const size_t *numbers, size_t count,
                               const float *vectors, const uint8_t *valid, struct heddle_error *error)
{
    if (rows->hashes == NULL || count == 0) {
        return HEDDLE_OK;
    }
    struct packed packed = {
        .positions = heddle_malloc(count * sizeof *packed.positions),
        .hashes = heddle_malloc(count * sizeof *packed.hashes),
        .vectors = heddle_malloc(count * rows->column.width * sizeof *packed.vectors),
    };
    const bool room = packed.positions != NULL && packed.hashes != NULL && packed.vectors != NULL;
    if (room) {
        pack_rows(rows, numbers, count, vectors, valid, &packed);
        heddle_kept_vectors_keep(rows->memory->kept, &rows->column, packed.positions, packed.hashes,
                                 packed.vectors, packed.count);
    }
    free(packed.positions);
    free(packed.hashes);
    free(packed.vectors);
    return room ? HEDDLE_OK : heddle_error_out_of_memory(error);
}
