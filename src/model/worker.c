/* worker.c: one thread's way from texts to vectors.
 *
 * Texts are taken in the caller's order, stripped, and looked up among those of the same call: an equal one is
 * embedded already and its vector is copied at the end. The others are tokenized behind each other until a group is
 * full; the group goes through the encoder; so memory does not depend on the number of texts, but for some 50 bytes each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/embedder_parts.h"
#include "model/encoder/encoder.h"
#include "model/model.h"
#include "model/strip.h"

/* Slots of the fold table are 32-bit; a call of 2^28 texts would need 400 GB of vectors anyway. */
enum { TEXTS_MAX = 1 << 28, SHORTEST_TOKENS = 2 };

/* A text as it stands in this call. */
struct span {
    const char *text; /* stripped; NULL where there is nothing to embed */
    size_t length;
    uint32_t first; /* index of the first equal text, its own index if it is that */
    struct heddle_embed_status status;
};

struct heddle_embedder_worker {
    const struct heddle_embedder *embedder;
    struct heddle_tokenizer_scratch scratch;
    struct heddle_encoder_workspace *workspace;
    struct heddle_sequence *sequences; /* of the group being filled */
    size_t sequence_count;
    uint32_t *ids; /* room for a full group and one more text */
    size_t id_count;
    size_t group_tokens;
    struct span *spans;
    size_t span_capacity;
    uint32_t *slots; /* open addressing: index + 1 of a text, 0 = free */
    size_t slot_capacity;
    size_t slot_mask;
    struct heddle_embed_statistics statistics;
};

int heddle_embedder_worker_create(const struct heddle_embedder *embedder,
                                  struct heddle_embedder_worker **worker_out, struct heddle_error *error)
{
    struct heddle_embedder_worker *worker = heddle_calloc(1, sizeof *worker);
    if (worker == NULL) {
        return heddle_error_out_of_memory(error);
    }
    worker->embedder = embedder;
    worker->group_tokens = heddle_encoder_group_tokens(&embedder->config);
    worker->sequences = heddle_calloc(worker->group_tokens / SHORTEST_TOKENS, sizeof *worker->sequences);
    worker->ids = heddle_calloc(worker->group_tokens + embedder->config.max_tokens, sizeof *worker->ids);
    int status =
        worker->sequences == NULL || worker->ids == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status =
            heddle_encoder_workspace_create(&embedder->config, embedder->kernel, &worker->workspace, error);
    }
    if (status != HEDDLE_OK) {
        heddle_embedder_worker_destroy(worker);
        return status;
    }
    *worker_out = worker;
    return HEDDLE_OK;
}

void heddle_embedder_worker_destroy(struct heddle_embedder_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    heddle_encoder_workspace_destroy(worker->workspace);
    heddle_tokenizer_scratch_free(&worker->scratch);
    free(worker->sequences);
    free(worker->ids);
    free(worker->spans);
    free(worker->slots);
    free(worker);
}

/* Room for `count` texts; the fold table is emptied and at most half full afterwards. */
static int prepare(struct heddle_embedder_worker *worker, size_t count, struct heddle_error *error)
{
    size_t slots = 16;
    while (slots < 2 * count) {
        slots *= 2;
    }
    if (heddle_grow((void **)&worker->spans, &worker->span_capacity, count, sizeof *worker->spans) != 0 ||
        heddle_grow((void **)&worker->slots, &worker->slot_capacity, slots, sizeof *worker->slots) != 0) {
        return heddle_error_out_of_memory(error);
    }
    memset(worker->slots, 0, slots * sizeof *worker->slots);
    worker->slot_mask = slots - 1;
    worker->sequence_count = 0;
    worker->id_count = 0;
    return HEDDLE_OK;
}

/* Index of the first text of this call that equals text `index`; `index` itself is entered if there is none. */
static uint32_t find_first(struct heddle_embedder_worker *worker, uint32_t index)
{
    const struct span *span = &worker->spans[index];
    size_t slot = (size_t)heddle_hash_bytes(span->text, span->length, 0) & worker->slot_mask;
    while (worker->slots[slot] != 0) {
        const uint32_t candidate = worker->slots[slot] - 1;
        const struct span *other = &worker->spans[candidate];
        if (other->length == span->length && memcmp(other->text, span->text, span->length) == 0) {
            return candidate;
        }
        slot = (slot + 1) & worker->slot_mask;
    }
    worker->slots[slot] = index + 1;
    return index;
}

static void encode_group(struct heddle_embedder_worker *worker)
{
    if (worker->sequence_count == 0) {
        return;
    }
    const uint64_t start = heddle_clock_ns();
    heddle_encoder_run(worker->embedder->weights, worker->workspace, worker->sequences,
                       worker->sequence_count);
    worker->statistics.encode_ns += heddle_clock_ns() - start;
    worker->statistics.texts_embedded += worker->sequence_count;
    worker->sequence_count = 0;
    worker->id_count = 0;
}

/* Tokenizes a text behind the group being filled; the group goes first where both are too many. */
static int add_text(struct heddle_embedder_worker *worker, struct span *span, float *vector,
                    struct heddle_error *error)
{
    const struct heddle_embedder *embedder = worker->embedder;
    uint32_t *ids = worker->ids + worker->id_count;
    size_t count = 0;
    HEDDLE_TRY(heddle_tokenizer_encode(embedder->tokenizer, &worker->scratch, span->text, span->length, ids,
                                       embedder->config.max_tokens, &count, &span->status.truncated, error));
    if (worker->id_count + count > worker->group_tokens) {
        encode_group(worker);
        memmove(worker->ids, ids, count * sizeof *ids);
        ids = worker->ids;
    }
    worker->sequences[worker->sequence_count++] = (struct heddle_sequence){ids, count, vector};
    worker->id_count += count;
    worker->statistics.tokens += count;
    span->status.tokens = (uint32_t)count;
    return HEDDLE_OK;
}

/* Strips and judges one text; answers false if there is nothing to embed. */
static bool take_text(const struct heddle_embed_text *text, struct span *span)
{
    *span = (struct span){0};
    if (text->text == NULL) {
        span->status.no_text = true;
        return false;
    }
    if (!heddle_text_is_utf8(text->text, text->length)) {
        span->status.result = HEDDLE_EMBED_NOT_UTF8;
        return false;
    }
    span->text = text->text;
    span->length = text->length;
    heddle_strip(&span->text, &span->length);
    span->status.no_text = span->length == 0;
    return true;
}

/* Embeds each different text. */
static int embed_firsts(struct heddle_embedder_worker *worker, const struct heddle_embed_text *texts,
                        size_t count, float *vectors_out, struct heddle_error *error)
{
    const size_t width = worker->embedder->config.hidden;
    for (uint32_t i = 0; i < count; i++) {
        struct span *span = &worker->spans[i];
        const bool is_text = take_text(&texts[i], span);
        span->first = is_text ? find_first(worker, i) : i;
        if (!is_text) {
            memset(vectors_out + i * width, 0, width * sizeof *vectors_out);
        } else if (span->first == i) {
            HEDDLE_TRY(add_text(worker, span, vectors_out + i * width, error));
        }
    }
    encode_group(worker);
    return HEDDLE_OK;
}

/* Copies vector and status of the first to the texts that equal it, and counts. */
static void finish(struct heddle_embedder_worker *worker, size_t count, float *vectors_out,
                   struct heddle_embed_status *status_out)
{
    const size_t width = worker->embedder->config.hidden;
    struct heddle_embed_statistics *statistics = &worker->statistics;
    for (size_t i = 0; i < count; i++) {
        const size_t first = worker->spans[i].first;
        const struct heddle_embed_status *status = &worker->spans[first].status;
        if (first != i) {
            memcpy(vectors_out + i * width, vectors_out + first * width, width * sizeof *vectors_out);
            statistics->texts_folded++;
        }
        statistics->texts++;
        statistics->truncated += status->truncated;
        statistics->no_text += status->no_text;
        statistics->refused += status->result == HEDDLE_EMBED_NOT_UTF8;
        if (status_out != NULL) {
            status_out[i] = *status;
        }
    }
}

int heddle_embedder_embed(struct heddle_embedder_worker *worker, const struct heddle_embed_text *texts,
                          size_t count, float *vectors_out, struct heddle_embed_status *status_out,
                          struct heddle_error *error)
{
    if (count > TEXTS_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "%zu texts in one call are over %d", count, TEXTS_MAX);
    }
    const uint64_t start = heddle_clock_ns();
    const uint64_t encoded = worker->statistics.encode_ns;
    HEDDLE_TRY(prepare(worker, count, error));
    HEDDLE_TRY(embed_firsts(worker, texts, count, vectors_out, error));
    finish(worker, count, vectors_out, status_out);
    worker->statistics.tokenize_ns += heddle_clock_ns() - start - (worker->statistics.encode_ns - encoded);
    return HEDDLE_OK;
}

void heddle_embedder_worker_statistics(const struct heddle_embedder_worker *worker,
                                       struct heddle_embed_statistics *statistics_out)
{
    *statistics_out = worker->statistics;
}

int heddle_embedder_tokenize(struct heddle_embedder_worker *worker, const char *text, size_t length,
                             const uint32_t **ids_out, size_t *count_out,
                             struct heddle_embed_status *status_out, struct heddle_error *error)
{
    const struct heddle_embed_text given = {text, length};
    struct span span;
    size_t count = 0;
    if (!take_text(&given, &span)) {
        return heddle_error_set(error, HEDDLE_INVALID, "the text is null or not UTF-8");
    }
    HEDDLE_TRY(heddle_tokenizer_encode(worker->embedder->tokenizer, &worker->scratch, span.text, span.length,
                                       worker->ids, worker->embedder->config.max_tokens, &count,
                                       &span.status.truncated, error));
    span.status.tokens = (uint32_t)count;
    *ids_out = worker->ids;
    *count_out = count;
    if (status_out != NULL) {
        *status_out = span.status;
    }
    return HEDDLE_OK;
}
