/* entry_sort.h: the order in which a trie takes its texts.
 *
 * Threads: pure function.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_ENTRY_SORT_H
#define HEDDLE_MODEL_TOKENIZER_ENTRY_SORT_H

#include <stddef.h>

#include "model/tokenizer/trie.h"

/* Sorts by the bytes of the text (a text before those that it starts), equal texts by their number. Time grows with the bytes
 * that tell the texts apart, the stack with the logarithm of `count`, whatever the texts are. */
void heddle_entries_sort(struct heddle_vocabulary_entry *entries, size_t count);

#endif
