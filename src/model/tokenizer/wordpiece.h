/* wordpiece.h: one word into vocabulary pieces, greedy longest match first.
 *
 * The vocabulary is a trie of bytes kept as a double array (Aoe, 1989): one addition and one comparison a byte. Two
 * roots: whole tokens, and the tokens that start with the continuation prefix ("##"), stored without it.
 *
 * Threads: immutable after create(); any number of threads may split words.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_WORDPIECE_H
#define HEDDLE_MODEL_TOKENIZER_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_wordpiece;

/* One token of the vocabulary; the text is borrowed during create() only. */
struct heddle_vocabulary_entry {
    const char *text;
    size_t length;
    uint32_t id;
};

/* `entries` is sorted in place. Of equal texts the highest id wins.
 * Errors: HEDDLE_MODEL (no token, or a vocabulary too large for the trie), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_wordpiece_create(struct heddle_vocabulary_entry *entries, size_t count,
                                              const char *prefix, struct heddle_wordpiece **wordpiece_out,
                                              struct heddle_error *error);

/* NULL is a no-op. */
void heddle_wordpiece_destroy(struct heddle_wordpiece *wordpiece);

/* Splits a word of `length` bytes (at least 1) into at most `length` pieces. Answers how many, 0 if it cannot be
 * spelled: the whole word is then unknown. */
size_t heddle_wordpiece_split(const struct heddle_wordpiece *wordpiece, const char *word, size_t length,
                              uint32_t *pieces_out);

#endif
