/* trie.c: building the double array, and walking it. */
#include "model/tokenizer/trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/tokenizer/entry_sort.h"

enum { FREE = -1, ALPHABET = 256, WORD_BITS = 64 };

/* 64 M states are 768 MB of trie: no vocabulary is near it. */
enum { STATES_MAX = 1 << 26 };

/* Words of 64 bases that a search looks at behind the first free state, and then before the end: that bounds the time for any
 * vocabulary, and makes the array of a real one hardly larger. */
enum { SEARCH_WORDS = 64 };

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
    uint64_t *free_states; /* a bit a state */
    size_t free_capacity;
    size_t first_free; /* the words before it are full */
    size_t used;       /* one behind the last state in use */
};

/* The bytes that lead on from a state, in order, and where the keys of each start; one more start is the end. */
struct branches {
    size_t count;
    uint8_t bytes[ALPHABET];
    size_t firsts[ALPHABET + 1];
};

static int grow_states(struct builder *builder, size_t needed)
{
    struct heddle_trie *trie = builder->trie;
    if (needed <= trie->capacity) {
        return 0;
    }
    const size_t before = trie->capacity;
    const size_t words_before = builder->free_capacity;
    if (needed > STATES_MAX ||
        heddle_grow((void **)&trie->states, &trie->capacity, needed, sizeof *trie->states) != 0 ||
        heddle_grow((void **)&builder->free_states, &builder->free_capacity, trie->capacity / WORD_BITS + 1,
                    sizeof *builder->free_states) != 0) {
        return -1;
    }
    for (size_t i = before; i < trie->capacity; i++) {
        trie->states[i] = (struct heddle_trie_state){0, FREE, HEDDLE_TRIE_NO_TOKEN};
    }
    memset(builder->free_states + words_before, 0xff,
           (builder->free_capacity - words_before) * sizeof *builder->free_states);
    return 0;
}

/* Bit j: from base 64 x word + j on, the places of all branches are free. */
static uint64_t fitting_bases(const struct builder *builder, const struct branches *branches, size_t word)
{
    uint64_t fitting = UINT64_MAX;
    for (size_t i = 0; i < branches->count && fitting != 0; i++) {
        const uint64_t *places = builder->free_states + word + branches->bytes[i] / WORD_BITS;
        const unsigned shift = branches->bytes[i] % WORD_BITS;
        fitting &= shift == 0 ? places[0] : places[0] >> shift | places[1] << (WORD_BITS - shift);
    }
    return fitting;
}

/* The lowest base that fits, of those near the first free state and those near the end. */
static int find_base(struct builder *builder, const struct branches *branches, size_t *base_out)
{
    size_t word = (builder->first_free * WORD_BITS - branches->bytes[0]) / WORD_BITS;
    for (size_t tried = 0;; tried++, word++) {
        if (tried == SEARCH_WORDS && builder->used / WORD_BITS > word + SEARCH_WORDS) {
            word = builder->used / WORD_BITS - SEARCH_WORDS;
        }
        if (grow_states(builder, (word + 1) * WORD_BITS + 2 * ALPHABET) != 0) {
            return -1;
        }
        const uint64_t fitting = fitting_bases(builder, branches, word);
        if (fitting != 0) {
            *base_out = word * WORD_BITS + (size_t)__builtin_ctzll(fitting);
            return 0;
        }
    }
}

static void occupy(struct builder *builder, size_t state, int32_t parent)
{
    builder->trie->states[state].parent = parent;
    builder->free_states[state / WORD_BITS] &= ~((uint64_t)1 << state % WORD_BITS);
    builder->used = state >= builder->used ? state + 1 : builder->used;
    while (builder->free_states[builder->first_free] == 0) { /* the words behind the last state are free */
        builder->first_free++;
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

static void find_branches(const struct builder *builder, const struct run *run, struct branches *branches)
{
    branches->count = 0;
    for (size_t i = run->first; i < run->last; i++) {
        const uint8_t byte = (uint8_t)builder->keys[i].text[run->depth];
        if (branches->count == 0 || branches->bytes[branches->count - 1] != byte) {
            branches->bytes[branches->count] = byte;
            branches->firsts[branches->count++] = i;
        }
    }
    branches->firsts[branches->count] = run->last;
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
    struct branches branches;
    size_t base = 0;
    find_branches(builder, &run, &branches);
    if (find_base(builder, &branches, &base) != 0) {
        return -1;
    }
    trie->states[run.state].base = (int32_t)base;
    for (size_t i = 0; i < branches.count; i++) {
        const size_t child = base + branches.bytes[i];
        const struct run next = {(int32_t)child, branches.firsts[i], branches.firsts[i + 1], run.depth + 1};
        occupy(builder, child, run.state);
        if (push_run(builder, next) != 0) {
            return -1;
        }
    }
    return 0;
}

static int build(struct heddle_trie *trie, struct heddle_vocabulary_entry *keys, size_t count,
                 const char *prefix)
{
    /* The states of the first alphabet are the roots', so that no base is negative. */
    struct builder builder = {.trie = trie, .keys = keys, .first_free = ALPHABET / WORD_BITS};
    heddle_entries_sort(keys, count);
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
    int failed = grow_states(&builder, 2 * ALPHABET) != 0;
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
    free(builder.free_states);
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
