/* worker.c: one thread's way from texts to vectors.
 *
 * Texts are taken in the caller's order, given their prompt, stripped, and looked up among those of the same call: an equal
 * one is embedded already and its vector is copied at the end. Of the others those that the cache file knows are done; the
 * rest goes to the engine, and then into the file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/embedder_parts.h"
#include "model/pooling.h"
#include "model/strip.h"
#include "model/utf8_repair.h"

/* Slots of the fold table are 32-bit; a call of 2^28 texts would need 400 GB of vectors anyway. */
enum { TEXTS_MAX = 1 << 28 };

/* A text as it stands in this call. */
struct span {
    const char *text; /* prompt in front, stripped; NULL where there is nothing to embed */
    size_t length;
    uint32_t first; /* index of the first equal text, its own index if it is that */
    struct heddle_embed_status status;
};

struct heddle_embedder_worker {
    const struct heddle_embedder *embedder;
    struct heddle_engine_session *session;
    struct heddle_arena *texts; /* of this call, where they are not the caller's own bytes */
    struct heddle_buffer repaired;
    struct span *spans;
    size_t span_capacity;
    struct heddle_engine_item *items;
    size_t item_capacity;
    size_t item_count;
    struct heddle_cache_session *cache; /* or NULL */
    struct heddle_cache_entry *entries; /* of the cache: what is looked up, then what is kept */
    size_t entry_capacity;
    float *whole; /* vectors of the engine's width, where that is more than asked for */
    size_t whole_capacity;
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
    int status = heddle_arena_create(0, &worker->texts, error);
    if (status == HEDDLE_OK) {
        status = embedder->engine->class->session_create(embedder->engine, &worker->session, error);
    }
    if (status == HEDDLE_OK && embedder->cache != NULL) {
        status = heddle_cache_session_create(embedder->cache, &worker->cache, error);
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
    worker->embedder->engine->class->session_destroy(worker->session);
    heddle_cache_session_destroy(worker->cache);
    heddle_arena_destroy(worker->texts);
    heddle_buffer_free(&worker->repaired);
    free(worker->spans);
    free(worker->items);
    free(worker->entries);
    free(worker->whole);
    free(worker->slots);
    free(worker);
}

/* Room for `count` texts; the fold table is emptied and at most half full afterwards. */
static int prepare(struct heddle_embedder_worker *worker, size_t count, struct heddle_error *error)
{
    const struct heddle_embedder *embedder = worker->embedder;
    const size_t whole =
        embedder->engine->dimensions > embedder->dimensions ? embedder->engine->dimensions : 0;
    size_t slots = 16;
    while (slots < 2 * count) {
        slots *= 2;
    }
    if (heddle_grow((void **)&worker->spans, &worker->span_capacity, count, sizeof *worker->spans) != 0 ||
        heddle_grow((void **)&worker->items, &worker->item_capacity, count, sizeof *worker->items) != 0 ||
        heddle_grow((void **)&worker->entries, &worker->entry_capacity, worker->cache == NULL ? 0 : count,
                    sizeof *worker->entries) != 0 ||
        heddle_grow((void **)&worker->whole, &worker->whole_capacity, count * whole, sizeof *worker->whole) !=
            0 ||
        heddle_grow((void **)&worker->slots, &worker->slot_capacity, slots, sizeof *worker->slots) != 0) {
        return heddle_error_out_of_memory(error);
    }
    memset(worker->slots, 0, slots * sizeof *worker->slots);
    worker->slot_mask = slots - 1;
    worker->item_count = 0;
    heddle_arena_reset(worker->texts);
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

/* Puts the prompt in front: PROMPT + text, as sentence-transformers does before it strips. */
static int add_prompt(struct heddle_embedder_worker *worker, struct span *span, struct heddle_error *error)
{
    const char *prompt = worker->embedder->prompt;
    const size_t front = strlen(prompt);
    if (front == 0) {
        return HEDDLE_OK;
    }
    char *both = heddle_arena_alloc_small(worker->texts, front + span->length);
    if (both == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(both, prompt, front);
    memcpy(both + front, span->text, span->length);
    span->text = both;
    span->length += front;
    return HEDDLE_OK;
}

/* Puts U+FFFD where the text is no UTF-8; the repaired text lives until the next call. */
static int repair(struct heddle_embedder_worker *worker, struct span *span, struct heddle_error *error)
{
    heddle_buffer_reset(&worker->repaired);
    span->status.replaced = (uint32_t)heddle_text_repair(span->text, span->length, &worker->repaired);
    HEDDLE_TRY(heddle_buffer_check(&worker->repaired, error));
    span->length = worker->repaired.length;
    span->text =
        heddle_arena_copy_text(worker->texts, (const char *)worker->repaired.bytes, worker->repaired.length);
    return span->text == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

/* Repairs, judges and strips one text; span->text stays NULL if there is nothing to embed. */
static int take_text(struct heddle_embedder_worker *worker, const struct heddle_embed_text *text,
                     struct span *span, struct heddle_error *error)
{
    *span = (struct span){0};
    if (text->text == NULL) {
        span->status.no_text = true;
        return HEDDLE_OK;
    }
    span->text = text->text;
    span->length = text->length;
    if (!heddle_text_is_utf8(text->text, text->length)) {
        HEDDLE_TRY(repair(worker, span, error));
    }
    const char *bare = span->text;
    size_t bare_length = span->length;
    heddle_strip(&bare, &bare_length);
    span->status.no_text = bare_length == 0;
    HEDDLE_TRY(add_prompt(worker, span, error));
    heddle_strip(&span->text, &span->length);
    return HEDDLE_OK;
}

/* Strips all texts and finds the first of each; zeroes the vectors of those without a text. */
static int take_texts(struct heddle_embedder_worker *worker, const struct heddle_embed_text *texts,
                      size_t count, float *vectors_out, struct heddle_error *error)
{
    const size_t width = worker->embedder->dimensions;
    for (uint32_t i = 0; i < count; i++) {
        struct span *span = &worker->spans[i];
        HEDDLE_TRY(take_text(worker, &texts[i], span, error));
        span->first = span->text == NULL ? i : find_first(worker, i);
        if (span->text == NULL) {
            memset(vectors_out + i * width, 0, width * sizeof *vectors_out);
        }
    }
    return HEDDLE_OK;
}

/* True for a text that stands for itself and those that equal it. */
static bool is_first(const struct heddle_embedder_worker *worker, size_t index)
{
    return worker->spans[index].text != NULL && worker->spans[index].first == index;
}

/* True for a text that goes, or went, through the engine. */
static bool is_item(const struct heddle_embedder_worker *worker, size_t index)
{
    return is_first(worker, index) && !worker->spans[index].status.remembered;
}

/* Takes the vectors of texts that were embedded before. */
static void recall(struct heddle_embedder_worker *worker, size_t count, float *vectors_out)
{
    const size_t width = worker->embedder->dimensions;
    size_t listed = 0;
    for (size_t i = 0; i < count && worker->cache != NULL; i++) {
        const struct span *span = &worker->spans[i];
        if (is_first(worker, i)) {
            worker->entries[listed++] = (struct heddle_cache_entry){
                .text = span->text, .length = span->length, .vector = vectors_out + i * width};
        }
    }
    if (listed == 0) {
        return;
    }
    worker->statistics.cache_failures += heddle_cache_find(worker->cache, worker->entries, listed);
    listed = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_first(worker, i)) {
            const struct heddle_cache_entry *entry = &worker->entries[listed++];
            struct heddle_embed_status *status = &worker->spans[i].status;
            status->remembered = entry->found;
            status->tokens = entry->found ? entry->tokens : 0;
            status->truncated = entry->found && entry->truncated;
        }
    }
}

/* Keeps the vectors that the engine made. */
static void keep(struct heddle_embedder_worker *worker, size_t count, float *vectors_out)
{
    const size_t width = worker->embedder->dimensions;
    size_t listed = 0;
    for (size_t i = 0; i < count && worker->cache != NULL; i++) {
        const struct span *span = &worker->spans[i];
        if (is_item(worker, i) && span->status.result == HEDDLE_EMBED_DONE) {
            worker->entries[listed++] = (struct heddle_cache_entry){
                .text = span->text,
                .length = span->length,
                .vector = vectors_out + i * width,
                .tokens = span->status.tokens,
                .truncated = span->status.truncated,
            };
        }
    }
    if (listed > 0) {
        worker->statistics.cache_failures += heddle_cache_keep(worker->cache, worker->entries, listed);
    }
}

/* Lists each different text that is not known yet for the engine. */
static void list_items(struct heddle_embedder_worker *worker, size_t count, float *vectors_out)
{
    const size_t width = worker->embedder->dimensions;
    const size_t whole = worker->embedder->engine->dimensions;
    for (size_t i = 0; i < count; i++) {
        struct span *span = &worker->spans[i];
        if (is_item(worker, i)) {
            float *vector =
                whole > width ? worker->whole + worker->item_count * whole : vectors_out + i * width;
            worker->items[worker->item_count++] =
                (struct heddle_engine_item){span->text, span->length, vector, &span->status};
        }
    }
}

/* Matryoshka: the first numbers of a vector, at unit length again (Kusupati et al. 2022). */
static void cut_vectors(struct heddle_embedder_worker *worker, size_t count, float *vectors_out)
{
    const size_t width = worker->embedder->dimensions;
    size_t item = 0;
    for (size_t i = 0; i < count && worker->embedder->engine->dimensions > width; i++) {
        if (is_item(worker, i)) {
            memcpy(vectors_out + i * width, worker->items[item++].vector, width * sizeof *vectors_out);
            heddle_vector_normalize(vectors_out + i * width, width);
        }
    }
}

static void count_text(struct heddle_embed_statistics *statistics, const struct span *span, bool is_folded)
{
    const struct heddle_embed_status *status = &span->status;
    const bool failed = status->result == HEDDLE_EMBED_FAILED;
    statistics->texts++;
    statistics->truncated += status->truncated;
    statistics->no_text += status->no_text;
    statistics->repaired += status->replaced > 0;
    statistics->failed += failed;
    if (span->text == NULL || failed) {
        return;
    }
    if (is_folded) {
        statistics->texts_folded++;
    } else if (status->remembered) {
        statistics->texts_remembered++;
    } else {
        statistics->texts_embedded++;
        statistics->tokens += status->tokens;
    }
}

/* Copies vector and status of the first to the texts that equal it, zeroes what failed, and counts. */
static void finish(struct heddle_embedder_worker *worker, size_t count, float *vectors_out,
                   struct heddle_embed_status *status_out)
{
    const size_t width = worker->embedder->dimensions;
    for (size_t i = 0; i < count; i++) {
        struct span *span = &worker->spans[i];
        const size_t first = span->first;
        if (span->status.result == HEDDLE_EMBED_FAILED) {
            memset(vectors_out + i * width, 0, width * sizeof *vectors_out);
        }
        if (first != i) {
            const uint32_t replaced = span->status.replaced;
            memcpy(vectors_out + i * width, vectors_out + first * width, width * sizeof *vectors_out);
            span->status = worker->spans[first].status;
            span->status.replaced = replaced;
        }
        count_text(&worker->statistics, span, first != i);
        if (status_out != NULL) {
            status_out[i] = span->status;
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
    const uint64_t encoded = worker->session->encode_ns;
    HEDDLE_TRY(prepare(worker, count, error));
    HEDDLE_TRY(take_texts(worker, texts, count, vectors_out, error));
    recall(worker, count, vectors_out);
    list_items(worker, count, vectors_out);
    HEDDLE_TRY(worker->session->class->embed(worker->session, worker->items, worker->item_count, error));
    cut_vectors(worker, count, vectors_out);
    keep(worker, count, vectors_out);
    finish(worker, count, vectors_out, status_out);
    const uint64_t in_model = worker->session->encode_ns - encoded;
    worker->statistics.encode_ns += in_model;
    worker->statistics.tokenize_ns += heddle_clock_ns() - start - in_model;
    return HEDDLE_OK;
}

void heddle_embedder_worker_statistics(const struct heddle_embedder_worker *worker,
                                       struct heddle_embed_statistics *statistics_out)
{
    *statistics_out = worker->statistics;
}

void heddle_embed_statistics_add(struct heddle_embed_statistics *total,
                                 const struct heddle_embed_statistics *one)
{
    total->texts += one->texts;
    total->texts_embedded += one->texts_embedded;
    total->texts_folded += one->texts_folded;
    total->texts_remembered += one->texts_remembered;
    total->tokens += one->tokens;
    total->truncated += one->truncated;
    total->no_text += one->no_text;
    total->repaired += one->repaired;
    total->failed += one->failed;
    total->cache_failures += one->cache_failures;
    total->tokenize_ns += one->tokenize_ns;
    total->encode_ns += one->encode_ns;
}

int heddle_embedder_tokenize(struct heddle_embedder_worker *worker, const char *text, size_t length,
                             const uint32_t **ids_out, size_t *count_out,
                             struct heddle_embed_status *status_out, struct heddle_error *error)
{
    const struct heddle_embed_text given = {text, length};
    const struct heddle_engine_class *class = worker->session->class;
    struct span span;
    if (class->tokenize == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the tokens of this provider's models are not known here");
    }
    heddle_arena_reset(worker->texts);
    HEDDLE_TRY(take_text(worker, &given, &span, error));
    if (span.text == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no text: null");
    }
    HEDDLE_TRY(class->tokenize(worker->session, span.text, span.length, ids_out, count_out,
                               &span.status.truncated, error));
    span.status.tokens = (uint32_t)*count_out;
    if (status_out != NULL) {
        *status_out = span.status;
    }
    return HEDDLE_OK;
}
