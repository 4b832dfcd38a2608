/* embedding.c: a text column in, a vector column out. */
#include "run/embedding/embedding.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "column/convert.h"

struct heddle_embedding_thread {
    const struct heddle_embedding_slot *slots;
    size_t slot_count;
    struct heddle_embedder_worker **workers;
    const struct heddle_embedding_memory *memory; /* or NULL */
    uint64_t remembered;                          /* texts whose vector came from a cache */
    uint64_t kept;                                /* texts whose vector an earlier run had computed */
};

/* A row whose text did not change: the graph has its vector. */
static bool is_unchanged(const struct heddle_batch *batch, size_t slot, size_t row)
{
    return batch->kept != NULL && batch->kept[slot] != NULL &&
           (batch->kept[slot][row >> 3] >> (row & 7) & 1) != 0;
}

int heddle_embedding_thread_create(const struct heddle_embedding_slot *slots, size_t slot_count,
                                   const struct heddle_embedding_memory *memory,
                                   struct heddle_embedding_thread **thread_out, struct heddle_error *error)
{
    struct heddle_embedding_thread *thread = heddle_calloc(1, sizeof *thread);
    if (thread == NULL) {
        return heddle_error_out_of_memory(error);
    }
    thread->slots = slots;
    thread->slot_count = slot_count;
    thread->memory = memory;
    thread->workers = heddle_calloc(slot_count, sizeof(struct heddle_embedder_worker *));
    int status = thread->workers == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    for (size_t i = 0; status == HEDDLE_OK && i < slot_count; i++) {
        status = heddle_embedder_worker_create(slots[i].embedder, &thread->workers[i], error);
    }
    if (status != HEDDLE_OK) {
        heddle_embedding_thread_destroy(thread);
        return status;
    }
    *thread_out = thread;
    return HEDDLE_OK;
}

static void set_null(uint8_t *valid, size_t row)
{
    valid[row >> 3] = (uint8_t)(valid[row >> 3] & ~(1u << (row & 7)));
}

/* The texts of a column, pointing into it. */
static struct heddle_embed_text *texts_of(struct heddle_arena *arena, const struct heddle_column *column)
{
    struct heddle_embed_text *texts = heddle_arena_calloc(arena, column->length, sizeof *texts);
    for (size_t row = 0; texts != NULL && row < column->length; row++) {
        if (!heddle_column_is_null(column, row)) {
            texts[row].text = heddle_column_text(column, row, &texts[row].length);
        }
    }
    return texts;
}

/* Where vectors are kept, a batch is embedded in shares of this many texts, and each is kept before the next is begun: a kill then
 * costs a share a thread. Some 1,400 tokens go through the layers in pieces of 256 anyway, so a share loses nothing. A service
 * takes whole batches: there requests are what costs. */
enum { SHARE_TEXTS = 32 };

/* The rows of a batch that the encoder has to see, packed together, and those whose vector the cache had. */
struct pending {
    struct heddle_embed_text *texts;
    size_t *rows;
    float *vectors;
    struct heddle_embed_status *fates;
    size_t count;
    size_t *cached;
    size_t cached_count;
};

/* Takes what was kept and what the cache knows, and lists the rest. A row that is done gets no vector: nobody asks for it. */
static int recall(struct heddle_embedding_thread *thread, size_t slot_index,
                  const struct heddle_embedding_rows *rows, const struct heddle_embed_text *texts,
                  float *vectors, uint8_t *valid, struct pending *pending, struct heddle_error *error)
{
    const struct heddle_embedding_slot *slot = &thread->slots[slot_index];
    const struct heddle_batch *batch = rows->batch;
    const size_t width = heddle_embedder_dimensions(slot->embedder);
    pending->texts = heddle_arena_calloc(batch->arena, batch->rows, sizeof *pending->texts);
    pending->rows = heddle_arena_calloc(batch->arena, batch->rows, sizeof *pending->rows);
    pending->cached = heddle_arena_calloc(batch->arena, batch->rows, sizeof *pending->cached);
    pending->fates = heddle_arena_calloc(batch->arena, batch->rows, sizeof *pending->fates);
    if (pending->texts == NULL || pending->rows == NULL || pending->cached == NULL ||
        pending->fates == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t row = 0; row < batch->rows; row++) {
        if (heddle_embedding_row_is_done(rows, row) || is_unchanged(batch, slot_index, row)) {
            set_null(valid, row);
        } else if (heddle_embedding_row_is_found(rows, row)) {
            thread->kept++;
        } else if (slot->cache != NULL && texts[row].text != NULL &&
                   heddle_text_cache_find(slot->cache, texts[row].text, texts[row].length,
                                          vectors + row * width)) {
            pending->cached[pending->cached_count++] = row;
            thread->remembered++;
        } else {
            pending->texts[pending->count] = texts[row];
            pending->rows[pending->count++] = row;
        }
    }
    return HEDDLE_OK;
}

/* Notes why a row has no vector. */
static int note_failure(struct heddle_batch *batch, size_t slot, size_t row, const char *reason,
                        struct heddle_error *error)
{
    const char **reasons = (const char **)batch->failures[slot];
    if (reasons == NULL) {
        reasons = heddle_arena_calloc(batch->arena, batch->rows, sizeof *reasons);
        batch->failures[slot] = reasons;
    }
    const char *copy = reasons == NULL ? NULL : heddle_arena_copy_text(batch->arena, reason, strlen(reason));
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    reasons[row] = copy;
    return HEDDLE_OK;
}

/* Puts what the encoder made into its rows, and into the cache. */
static int put_back(struct heddle_embedding_thread *thread, size_t slot_index, struct heddle_batch *batch,
                    const struct pending *pending, float *vectors, uint8_t *valid, struct heddle_error *error)
{
    const struct heddle_embedding_slot *slot = &thread->slots[slot_index];
    const size_t width = heddle_embedder_dimensions(slot->embedder);
    for (size_t i = 0; i < pending->count; i++) {
        const struct heddle_embed_status *fate = &pending->fates[i];
        const float *vector = pending->vectors + i * width;
        const size_t row = pending->rows[i];
        memcpy(vectors + row * width, vector, width * sizeof *vector);
        if (fate->result != HEDDLE_EMBED_DONE) {
            set_null(valid, row);
            HEDDLE_TRY(note_failure(batch, slot_index, row, fate->reason, error));
        } else if (fate->no_text) {
            set_null(valid, row);
        } else if (slot->cache != NULL &&
                   !fate->truncated) { /* so that truncated texts are counted each time */
            heddle_text_cache_keep(slot->cache, pending->texts[i].text, pending->texts[i].length, vector);
        }
    }
    return HEDDLE_OK;
}

static size_t share_of(const struct heddle_embedding_thread *thread, const struct heddle_embedding_slot *slot)
{
    struct heddle_embedder_info info;
    if (thread->memory == NULL || thread->memory->kept == NULL) {
        return SIZE_MAX;
    }
    heddle_embedder_describe(slot->embedder, &info);
    return strcmp(info.provider, "native") == 0 || strcmp(info.provider, "onnx") == 0 ? SHARE_TEXTS
                                                                                      : SIZE_MAX;
}

/* Embeds what is pending, share by share. */
static int embed_pending(struct heddle_embedding_thread *thread, size_t slot_index,
                         struct heddle_batch *batch, const struct heddle_embedding_rows *rows,
                         const struct pending *pending, float *vectors, uint8_t *valid,
                         struct heddle_error *error)
{
    const size_t most = share_of(thread, &thread->slots[slot_index]);
    for (size_t from = 0; from < pending->count;) {
        const size_t left = pending->count - from;
        const struct pending share = {
            .texts = pending->texts + from,
            .rows = pending->rows + from,
            .vectors = pending->vectors,
            .fates = pending->fates + from,
            .count = left < most ? left : most,
        };
        HEDDLE_TRY(heddle_embedding_rows_start(rows, share.rows, share.count, error));
        HEDDLE_TRY(heddle_embedder_embed(thread->workers[slot_index], share.texts, share.count, share.vectors,
                                         share.fates, error));
        HEDDLE_TRY(put_back(thread, slot_index, batch, &share, vectors, valid, error));
        HEDDLE_TRY(heddle_embedding_rows_keep(rows, share.rows, share.count, vectors, valid, error));
        from += share.count;
    }
    return heddle_embedding_rows_keep(rows, pending->cached, pending->cached_count, vectors, valid, error);
}

static int embed_column(struct heddle_embedding_thread *thread, size_t slot_index, struct heddle_batch *batch,
                        const struct heddle_column *text, struct heddle_column *out,
                        struct heddle_error *error)
{
    const struct heddle_embedding_slot *slot = &thread->slots[slot_index];
    const size_t width = heddle_embedder_dimensions(slot->embedder);
    const struct heddle_embed_text *texts = texts_of(batch->arena, text);
    float *vectors = heddle_arena_alloc(batch->arena, batch->rows * width * sizeof *vectors);
    uint8_t *valid = heddle_arena_alloc(batch->arena, batch->rows / 8 + 1);
    if (texts == NULL || vectors == NULL || valid == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memset(valid, 0xff, batch->rows / 8 + 1);
    struct heddle_embedding_rows rows;
    struct pending pending = {0};
    HEDDLE_TRY(
        heddle_embedding_rows_find(&rows, thread->memory, batch, slot_index, width, texts, vectors, error));
    HEDDLE_TRY(recall(thread, slot_index, &rows, texts, vectors, valid, &pending, error));
    const size_t most = share_of(thread, slot);
    const size_t room = pending.count < most ? pending.count : most;
    pending.vectors = heddle_malloc(room * width * sizeof *pending.vectors);
    const int status = pending.vectors == NULL
                           ? heddle_error_out_of_memory(error)
                           : embed_pending(thread, slot_index, batch, &rows, &pending, vectors, valid, error);
    free(pending.vectors);
    *out = (struct heddle_column){.type = HEDDLE_TYPE_VECTOR,
                                  .length = batch->rows,
                                  .valid = valid,
                                  .values = vectors,
                                  .width = (uint32_t)width};
    return status;
}

int heddle_embedding_run(struct heddle_embedding_thread *thread, struct heddle_batch *batch,
                         struct heddle_error *error)
{
    struct heddle_column *vectors = heddle_arena_calloc(batch->arena, thread->slot_count, sizeof *vectors);
    batch->failures = heddle_arena_calloc(batch->arena, thread->slot_count, sizeof(const char *const *));
    if (vectors == NULL || batch->failures == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < thread->slot_count; i++) {
        struct heddle_column text;
        const uint8_t *bad = NULL;
        HEDDLE_TRY(heddle_column_convert(batch->arena, &batch->columns[thread->slots[i].column],
                                         HEDDLE_TYPE_STRING, HEDDLE_TYPE_NULL, &text, &bad, error));
        HEDDLE_TRY(embed_column(thread, i, batch, &text, &vectors[i], error));
    }
    batch->vectors = vectors;
    batch->vector_count = thread->slot_count;
    return HEDDLE_OK;
}

void heddle_embedding_statistics(const struct heddle_embedding_thread *thread,
                                 struct heddle_embed_statistics *total)
{
    total->texts += thread->remembered + thread->kept;
    total->texts_folded += thread->remembered;
    total->texts_remembered += thread->kept;
    for (size_t i = 0; i < thread->slot_count; i++) {
        struct heddle_embed_statistics one = {0};
        heddle_embedder_worker_statistics(thread->workers[i], &one);
        heddle_embed_statistics_add(total, &one);
    }
}

void heddle_embedding_thread_destroy(struct heddle_embedding_thread *thread)
{
    if (thread == NULL) {
        return;
    }
    for (size_t i = 0; thread->workers != NULL && i < thread->slot_count; i++) {
        heddle_embedder_worker_destroy(thread->workers[i]);
    }
    free(thread->workers);
    free(thread);
}
