/* wordpiece.h: one word into vocabulary pieces, greedy longest match first.
 *
 * The vocabulary is a trie with two roots: whole tokens, and continuations without their "##". Threads: pure function.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_WORDPIECE_H
#define HEDDLE_MODEL_TOKENIZER_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "model/tokenizer/trie.h"

/* Splits a word of `length` bytes (at least 1) into at most `length` pieces. Answers how many, 0 if it cannot be
 * spelled: the whole word is then unknown. */
size_t heddle_wordpiece_split(const struct heddle_trie *vocabulary, const char *word, size_t length,
                              uint32_t *pieces_out);

#endif
