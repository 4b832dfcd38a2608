/* embedding.c: a text column in, a vector column out. */
#include "run/embedding.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "column/convert.h"

struct heddle_embedding_thread {
    const struct heddle_embedding_slot *slots;
    size_t slot_count;
    struct heddle_embedder_worker **workers;
};

int heddle_embedding_thread_create(const struct heddle_embedding_slot *slots, size_t slot_count,
                                   struct heddle_embedding_thread **thread_out, struct heddle_error *error)
{
    struct heddle_embedding_thread *thread = heddle_calloc(1, sizeof *thread);
    if (thread == NULL) {
        return heddle_error_out_of_memory(error);
    }
    thread->slots = slots;
    thread->slot_count = slot_count;
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

static int embed_column(struct heddle_embedder_worker *worker, const struct heddle_embedder *embedder,
                        struct heddle_batch *batch, const struct heddle_column *text,
                        struct heddle_column *out, struct heddle_error *error)
{
    const size_t width = heddle_embedder_dimensions(embedder);
    const struct heddle_embed_text *texts = texts_of(batch->arena, text);
    struct heddle_embed_status *fates = heddle_arena_calloc(batch->arena, batch->rows, sizeof *fates);
    float *vectors = heddle_arena_alloc(batch->arena, batch->rows * width * sizeof *vectors);
    uint8_t *valid = heddle_arena_alloc(batch->arena, batch->rows / 8 + 1);
    if (texts == NULL || fates == NULL || vectors == NULL || valid == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_embedder_embed(worker, texts, batch->rows, vectors, fates, error));
    memset(valid, 0xff, batch->rows / 8 + 1);
    for (size_t row = 0; row < batch->rows; row++) {
        if (fates[row].result == HEDDLE_EMBED_NOT_UTF8) {
            return heddle_error_set(error, HEDDLE_MODEL, "the text in %s, row %llu, is not UTF-8",
                                    batch->file, (unsigned long long)(batch->first_row + row));
        }
        if (fates[row].no_text) {
            set_null(valid, row);
        }
    }
    *out = (struct heddle_column){.type = HEDDLE_TYPE_VECTOR,
                                  .length = batch->rows,
                                  .valid = valid,
                                  .values = vectors,
                                  .width = (uint32_t)width};
    return HEDDLE_OK;
}

int heddle_embedding_run(struct heddle_embedding_thread *thread, struct heddle_batch *batch,
                         struct heddle_error *error)
{
    struct heddle_column *vectors = heddle_arena_calloc(batch->arena, thread->slot_count, sizeof *vectors);
    if (vectors == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < thread->slot_count; i++) {
        struct heddle_column text;
        const uint8_t *bad = NULL;
        HEDDLE_TRY(heddle_column_convert(batch->arena, &batch->columns[thread->slots[i].plan->column],
                                         HEDDLE_TYPE_STRING, HEDDLE_TYPE_NULL, &text, &bad, error));
        HEDDLE_TRY(
            embed_column(thread->workers[i], thread->slots[i].embedder, batch, &text, &vectors[i], error));
    }
    batch->vectors = vectors;
    batch->vector_count = thread->slot_count;
    return HEDDLE_OK;
}

void heddle_embedding_statistics(const struct heddle_embedding_thread *thread,
                                 struct heddle_embed_statistics *total)
{
    for (size_t i = 0; i < thread->slot_count; i++) {
        struct heddle_embed_statistics one = {0};
        heddle_embedder_worker_statistics(thread->workers[i], &one);
        total->texts += one.texts;
        total->texts_embedded += one.texts_embedded;
        total->texts_folded += one.texts_folded;
        total->tokens += one.tokens;
        total->truncated += one.truncated;
        total->no_text += one.no_text;
        total->refused += one.refused;
        total->tokenize_ns += one.tokenize_ns;
        total->encode_ns += one.encode_ns;
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
