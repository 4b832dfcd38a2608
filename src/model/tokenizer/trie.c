/* trie.c: building the double array, and walking it. */
#include "model/tokenizer/trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { ROOTS = 2, FREE = -1, ALPHABET = 256 };

/* 64 M states are 768 MB of trie: no vocabulary is near it. */
enum { STATES_MAX = 1 << 26 };

/* A run of sorted keys that share their first `depth` bytes and so one state. */
struct run {
    int32_t state;
    size_t first;
    size_t last; /* one behind */
    size_t depth;
};

struct builder {
    struct heddle_trie *trie;
    const struct heddle_vocabulary_entry *keys;
    struct run *queue;
    size_t queue_count;
    size_t queue_capacity;
    size_t search_from; /* below it hardly a state is free */
};

static int compare_entries(const void *left, const void *right)
{
    const struct heddle_vocabulary_entry *a = left;
    const struct heddle_vocabulary_entry *b = right;
    const size_t common = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->text, b->text, common);
    if (order != 0) {
        return order;
    }
    if (a->length != b->length) {
        return a->length < b->length ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static int grow_states(struct heddle_trie *trie, size_t needed)
{
    if (needed <= trie->capacity) {
        return 0;
    }
    const size_t before = trie->capacity;
    if (needed > STATES_MAX ||
        heddle_grow((void **)&trie->states, &trie->capacity, needed, sizeof *trie->states) != 0) {
        return -1;
    }
    for (size_t i = before; i < trie->capacity; i++) {
        trie->states[i] = (struct heddle_trie_state){0, FREE, HEDDLE_TRIE_NO_TOKEN};
    }
    return 0;
}

/* The bytes that follow the first `depth` in a run of keys, each once, in order. */
static size_t next_bytes(const struct builder *builder, const struct run *run,
                         uint8_t bytes_out[static ALPHABET])
{
    size_t count = 0;
    for (size_t i = run->first; i < run->last; i++) {
        const uint8_t byte = (uint8_t)builder->keys[i].text[run->depth];
        if (count == 0 || bytes_out[count - 1] != byte) {
            bytes_out[count++] = byte;
        }
    }
    return count;
}

/* First base whose places for all `bytes` are free. The places before `search_from` are nearly full, so they are
 * not looked at again: that keeps building linear in practice. */
static int find_base(struct builder *builder, const uint8_t *bytes, size_t count, size_t *base_out)
{
    struct heddle_trie *trie = builder->trie;
    size_t taken = 0;
    for (size_t base = builder->search_from;; base++) {
        if (grow_states(trie, base + 2 * ALPHABET) != 0) {
            return -1;
        }
        size_t i = 0;
        while (i < count && trie->states[base + bytes[i]].parent == FREE) {
            i++;
        }
        if (i == count) {
            if (taken * 20 > (base - builder->search_from + 1) * 19) {
                builder->search_from = base;
            }
            *base_out = base;
            return 0;
        }
        taken += trie->states[base + bytes[0]].parent != FREE;
    }
}

static int push_run(struct builder *builder, struct run run)
{
    if (heddle_grow((void **)&builder->queue, &builder->queue_capacity, builder->queue_count + 1,
                    sizeof *builder->queue) != 0) {
        return -1;
    }
    builder->queue[builder->queue_count++] = run;
    return 0;
}

static int place_children(struct builder *builder, struct run run)
{
    struct heddle_trie *trie = builder->trie;
    /* Keys that end here come first; of equal ones the highest id is last and wins. */
    while (run.first < run.last && builder->keys[run.first].length == run.depth) {
        trie->states[run.state].token = (int32_t)builder->keys[run.first].id;
        run.first++;
    }
    if (run.first == run.last) {
        return 0;
    }
    uint8_t bytes[ALPHABET];
    const size_t count = next_bytes(builder, &run, bytes);
    size_t base = 0;
    if (find_base(builder, bytes, count, &base) != 0) {
        return -1;
    }
    trie->states[run.state].base = (int32_t)base;
    size_t first = run.first;
    for (size_t i = 0; i < count; i++) {
        size_t last = first;
        while (last < run.last && (uint8_t)builder->keys[last].text[run.depth] == bytes[i]) {
            last++;
        }
        const int32_t child = (int32_t)(base + bytes[i]);
        trie->states[child].parent = run.state;
        if (push_run(builder, (struct run){child, first, last, run.depth + 1}) != 0) {
            return -1;
        }
        first = last;
    }
    return 0;
}

static int build(struct heddle_trie *trie, struct heddle_vocabulary_entry *keys, size_t count,
                 const char *prefix)
{
    struct builder builder = {.trie = trie, .keys = keys, .search_from = ROOTS};
    qsort(keys, count, sizeof *keys, compare_entries);
    const size_t prefix_length = prefix == NULL ? 0 : strlen(prefix);
    size_t first = 0;
    while (prefix != NULL && first < count &&
           (keys[first].length < prefix_length || memcmp(keys[first].text, prefix, prefix_length) != 0)) {
        first++;
    }
    size_t last = first;
    while (prefix != NULL && last < count && keys[last].length >= prefix_length &&
           memcmp(keys[last].text, prefix, prefix_length) == 0) {
        last++;
    }
    int failed = grow_states(trie, ROOTS + ALPHABET) != 0;
    if (!failed) {
        trie->states[HEDDLE_TRIE_ROOT].parent = HEDDLE_TRIE_ROOT;
        trie->states[HEDDLE_TRIE_SUFFIX].parent = HEDDLE_TRIE_SUFFIX;
        failed = push_run(&builder, (struct run){HEDDLE_TRIE_ROOT, 0, count, 0}) != 0 ||
                 push_run(&builder, (struct run){HEDDLE_TRIE_SUFFIX, first, last, prefix_length}) != 0;
    }
    for (size_t i = 0; !failed && i < builder.queue_count; i++) {
        failed = place_children(&builder, builder.queue[i]) != 0;
    }
    free(builder.queue);
    return failed ? -1 : 0;
}

int heddle_trie_create(struct heddle_vocabulary_entry *entries, size_t count, const char *prefix,
                       struct heddle_trie **trie_out, struct heddle_error *error)
{
    if (count == 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "the tokenizer's vocabulary is empty");
    }
    struct heddle_trie *trie = heddle_calloc(1, sizeof *trie);
    if (trie == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (build(trie, entries, count, prefix) != 0) {
        heddle_trie_destroy(trie);
        return heddle_error_out_of_memory(error);
    }
    *trie_out = trie;
    return HEDDLE_OK;
}

void heddle_trie_destroy(struct heddle_trie *trie)
{
    if (trie == NULL) {
        return;
    }
    free(trie->states);
    free(trie);
}

size_t heddle_trie_longest(const struct heddle_trie *trie, int32_t root, const char *text, size_t length,
                           uint32_t *value_out)
{
    int32_t at = root;
    size_t matched = 0;
    for (size_t i = 0; i < length && heddle_trie_step(trie, &at, (uint8_t)text[i]); i++) {
        if (trie->states[at].token != HEDDLE_TRIE_NO_TOKEN) {
            matched = i + 1;
            *value_out = (uint32_t)trie->states[at].token;
        }
    }
    return matched;
}

bool heddle_trie_find(const struct heddle_trie *trie, const char *text, size_t length, uint32_t *value_out)
{
    int32_t at = HEDDLE_TRIE_ROOT;
    for (size_t i = 0; i < length; i++) {
        if (!heddle_trie_step(trie, &at, (uint8_t)text[i])) {
            return false;
        }
    }
    *value_out = (uint32_t)trie->states[at].token;
    return trie->states[at].token != HEDDLE_TRIE_NO_TOKEN;
}
