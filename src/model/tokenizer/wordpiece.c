/* wordpiece.c: building the double array, and walking it. */
#include "model/tokenizer/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* States 0 and 1 are the roots; children of state s by byte c stand at base[s] + c. */
enum { ROOT_WHOLE = 0, ROOT_SUFFIX = 1, ROOTS = 2, FREE = -1, NO_TOKEN = -1, ALPHABET = 256 };

/* 64 M states are 768 MB of trie: no vocabulary is near it. */
enum { STATES_MAX = 1 << 26 };

struct state {
    int32_t base;
    int32_t parent; /* FREE where unused */
    int32_t token;  /* id of the token that ends here, or NO_TOKEN */
};

struct heddle_wordpiece {
    struct state *states;
    size_t capacity; /* always a full alphabet behind the last base: stepping needs no bounds check */
};

/* A run of sorted keys that share their first `depth` bytes and so one state. */
struct run {
    int32_t state;
    size_t first;
    size_t last; /* one behind */
    size_t depth;
};

struct builder {
    struct heddle_wordpiece *wordpiece;
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

static int grow_states(struct heddle_wordpiece *wordpiece, size_t needed)
{
    if (needed <= wordpiece->capacity) {
        return 0;
    }
    const size_t before = wordpiece->capacity;
    if (needed > STATES_MAX || heddle_grow((void **)&wordpiece->states, &wordpiece->capacity, needed,
                                           sizeof *wordpiece->states) != 0) {
        return -1;
    }
    for (size_t i = before; i < wordpiece->capacity; i++) {
        wordpiece->states[i] = (struct state){0, FREE, NO_TOKEN};
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
    struct heddle_wordpiece *wordpiece = builder->wordpiece;
    size_t taken = 0;
    for (size_t base = builder->search_from;; base++) {
        if (grow_states(wordpiece, base + 2 * ALPHABET) != 0) {
            return -1;
        }
        size_t i = 0;
        while (i < count && wordpiece->states[base + bytes[i]].parent == FREE) {
            i++;
        }
        if (i == count) {
            if (taken * 20 > (base - builder->search_from + 1) * 19) {
                builder->search_from = base;
            }
            *base_out = base;
            return 0;
        }
        taken += wordpiece->states[base + bytes[0]].parent != FREE;
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
    struct heddle_wordpiece *wordpiece = builder->wordpiece;
    /* Keys that end here come first; of equal ones the highest id is last and wins. */
    while (run.first < run.last && builder->keys[run.first].length == run.depth) {
        wordpiece->states[run.state].token = (int32_t)builder->keys[run.first].id;
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
    wordpiece->states[run.state].base = (int32_t)base;
    size_t first = run.first;
    for (size_t i = 0; i < count; i++) {
        size_t last = first;
        while (last < run.last && (uint8_t)builder->keys[last].text[run.depth] == bytes[i]) {
            last++;
        }
        const int32_t child = (int32_t)(base + bytes[i]);
        wordpiece->states[child].parent = run.state;
        if (push_run(builder, (struct run){child, first, last, run.depth + 1}) != 0) {
            return -1;
        }
        first = last;
    }
    return 0;
}

static int build(struct heddle_wordpiece *wordpiece, struct heddle_vocabulary_entry *keys, size_t count,
                 const char *prefix)
{
    struct builder builder = {.wordpiece = wordpiece, .keys = keys, .search_from = ROOTS};
    qsort(keys, count, sizeof *keys, compare_entries);
    const size_t prefix_length = strlen(prefix);
    size_t first = 0;
    while (first < count &&
           (keys[first].length < prefix_length || memcmp(keys[first].text, prefix, prefix_length) != 0)) {
        first++;
    }
    size_t last = first;
    while (last < count && keys[last].length >= prefix_length &&
           memcmp(keys[last].text, prefix, prefix_length) == 0) {
        last++;
    }
    int failed = grow_states(wordpiece, ROOTS + ALPHABET) != 0;
    if (!failed) {
        wordpiece->states[ROOT_WHOLE].parent = ROOT_WHOLE;
        wordpiece->states[ROOT_SUFFIX].parent = ROOT_SUFFIX;
        failed = push_run(&builder, (struct run){ROOT_WHOLE, 0, count, 0}) != 0 ||
                 push_run(&builder, (struct run){ROOT_SUFFIX, first, last, prefix_length}) != 0;
    }
    for (size_t i = 0; !failed && i < builder.queue_count; i++) {
        failed = place_children(&builder, builder.queue[i]) != 0;
    }
    free(builder.queue);
    return failed ? -1 : 0;
}

int heddle_wordpiece_create(struct heddle_vocabulary_entry *entries, size_t count, const char *prefix,
                            struct heddle_wordpiece **wordpiece_out, struct heddle_error *error)
{
    if (count == 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "the tokenizer's vocabulary is empty");
    }
    struct heddle_wordpiece *wordpiece = heddle_calloc(1, sizeof *wordpiece);
    if (wordpiece == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (build(wordpiece, entries, count, prefix) != 0) {
        heddle_wordpiece_destroy(wordpiece);
        return heddle_error_out_of_memory(error);
    }
    *wordpiece_out = wordpiece;
    return HEDDLE_OK;
}

void heddle_wordpiece_destroy(struct heddle_wordpiece *wordpiece)
{
    if (wordpiece == NULL) {
        return;
    }
    free(wordpiece->states);
    free(wordpiece);
}

/* Length of the longest token that starts `text` below `root`, 0 if none; *token_out is its id. */
static size_t longest_match(const struct state *states, int32_t root, const char *text, size_t length,
                            uint32_t *token_out)
{
    int32_t at = root;
    size_t matched = 0;
    for (size_t i = 0; i < length; i++) {
        const int32_t next = states[at].base + (uint8_t)text[i];
        if (states[next].parent != at || next == at) {
            break;
        }
        at = next;
        if (states[at].token != NO_TOKEN) {
            matched = i + 1;
            *token_out = (uint32_t)states[at].token;
        }
    }
    return matched;
}

size_t heddle_wordpiece_split(const struct heddle_wordpiece *wordpiece, const char *word, size_t length,
                              uint32_t *pieces_out)
{
    size_t count = 0;
    for (size_t at = 0; at < length;) {
        const int32_t root = at == 0 ? ROOT_WHOLE : ROOT_SUFFIX;
        const size_t matched =
            longest_match(wordpiece->states, root, word + at, length - at, &pieces_out[count]);
        if (matched == 0) {
            return 0;
        }
        count++;
        at += matched;
    }
    return count;
}
