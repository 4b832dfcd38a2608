/* trie.h: texts to numbers, as a trie of bytes kept as a double array (Aoe, 1989): one addition and one comparison a
 * byte. It serves the vocabularies of both models and the search for added tokens.
 *
 * Two roots: all texts, and the texts that start with a prefix (WordPiece's "##"), stored without it.
 *
 * Threads: immutable after create().
 */
#ifndef HEDDLE_MODEL_TOKENIZER_TRIE_H
#define HEDDLE_MODEL_TOKENIZER_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { HEDDLE_TRIE_ROOT = 0, HEDDLE_TRIE_SUFFIX = 1, HEDDLE_TRIE_NO_TOKEN = -1 };

/* The child of state s by byte c stands at states[s].base + c, if that state's parent is s. */
struct heddle_trie_state {
    int32_t base;
    int32_t parent; /* negative where unused */
    int32_t token;  /* the number of the text that ends here, or HEDDLE_TRIE_NO_TOKEN */
};

struct heddle_trie {
    struct heddle_trie_state *states;
    size_t capacity; /* always a full alphabet behind the last base: stepping needs no bounds check */
};

/* One text and its number; the text is borrowed during create() only. */
struct heddle_vocabulary_entry {
    const char *text;
    size_t length;
    uint32_t id;
};

/* `entries` is sorted in place. Of equal texts the highest number wins. `prefix` NULL: one root only.
 * Errors: HEDDLE_MODEL (no entry), HEDDLE_OUT_OF_MEMORY (also for a vocabulary beyond any that exists). */
HEDDLE_MUST_CHECK int heddle_trie_create(struct heddle_vocabulary_entry *entries, size_t count,
                                         const char *prefix, struct heddle_trie **trie_out,
                                         struct heddle_error *error);

/* NULL is a no-op. */
void heddle_trie_destroy(struct heddle_trie *trie);

/* Goes from *state to its child by `byte`; false, and *state unchanged, if there is none. */
static inline bool heddle_trie_step(const struct heddle_trie *trie, int32_t *state, uint8_t byte)
{
    const int32_t next = trie->states[*state].base + byte;
    if (trie->states[next].parent != *state || next == *state) { /* a root is its own parent */
        return false;
    }
    *state = next;
    return true;
}

/* Length of the longest text below `root` that starts `text`, 0 if none; *value_out is its number. */
size_t heddle_trie_longest(const struct heddle_trie *trie, int32_t root, const char *text, size_t length,
                           uint32_t *value_out);

/* The number of exactly this text; false if it is not there. */
bool heddle_trie_find(const struct heddle_trie *trie, const char *text, size_t length, uint32_t *value_out);

#endif
