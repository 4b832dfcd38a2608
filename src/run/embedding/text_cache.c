/* text_cache.c: a direct-mapped table; replacing by slot needs no list of ages and is as good where repeats come soon. */
#include "run/embedding/text_cache.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

struct slot {
    char *text; /* NULL = free */
    size_t length;
};

struct heddle_text_cache {
    pthread_mutex_t lock;
    size_t dimensions;
    float *vectors; /* HEDDLE_TEXT_CACHE_SLOTS x dimensions */
    struct slot slots[HEDDLE_TEXT_CACHE_SLOTS];
};

int heddle_text_cache_create(size_t dimensions, struct heddle_text_cache **cache_out,
                             struct heddle_error *error)
{
    struct heddle_text_cache *cache = heddle_calloc(1, sizeof *cache);
    if (cache == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&cache->lock, NULL);
    cache->dimensions = dimensions;
    /* Pages of slots that are never used are never touched. */
    cache->vectors = heddle_calloc(HEDDLE_TEXT_CACHE_SLOTS, dimensions * sizeof *cache->vectors);
    if (cache->vectors == NULL) {
        heddle_text_cache_destroy(cache);
        return heddle_error_out_of_memory(error);
    }
    *cache_out = cache;
    return HEDDLE_OK;
}

static size_t slot_of(const char *text, size_t length)
{
    return heddle_hash_bytes(text, length, 0) % HEDDLE_TEXT_CACHE_SLOTS;
}

bool heddle_text_cache_find(struct heddle_text_cache *cache, const char *text, size_t length,
                            float *vector_out)
{
    if (length == 0 || length > HEDDLE_TEXT_CACHE_BYTES_MAX) {
        return false;
    }
    const size_t index = slot_of(text, length);
    const struct slot *slot = &cache->slots[index];
    pthread_mutex_lock(&cache->lock);
    const bool found = slot->text != NULL && slot->length == length && memcmp(slot->text, text, length) == 0;
    if (found) {
        memcpy(vector_out, cache->vectors + index * cache->dimensions,
               cache->dimensions * sizeof *vector_out);
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void heddle_text_cache_keep(struct heddle_text_cache *cache, const char *text, size_t length,
                            const float *vector)
{
    if (length == 0 || length > HEDDLE_TEXT_CACHE_BYTES_MAX) {
        return;
    }
    char *copy = heddle_malloc(length);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, text, length);
    const size_t index = slot_of(text, length);
    struct slot *slot = &cache->slots[index];
    pthread_mutex_lock(&cache->lock);
    char *old = slot->text;
    *slot = (struct slot){.text = copy, .length = length};
    memcpy(cache->vectors + index * cache->dimensions, vector, cache->dimensions * sizeof *vector);
    pthread_mutex_unlock(&cache->lock);
    free(old);
}

void heddle_text_cache_destroy(struct heddle_text_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < HEDDLE_TEXT_CACHE_SLOTS; i++) {
        free(cache->slots[i].text);
    }
    free(cache->vectors);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
