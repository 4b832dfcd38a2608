/* wordpiece.c: greedy longest match, from the left. */
#include "model/tokenizer/wordpiece.h"

size_t heddle_wordpiece_split(const struct heddle_trie *vocabulary, const char *word, size_t length,
                              uint32_t *pieces_out)
{
    size_t count = 0;
    for (size_t at = 0; at < length;) {
        const int32_t root = at == 0 ? HEDDLE_TRIE_ROOT : HEDDLE_TRIE_SUFFIX;
        const size_t matched =
            heddle_trie_longest(vocabulary, root, word + at, length - at, &pieces_out[count]);
        if (matched == 0) {
            return 0;
        }
        count++;
        at += matched;
    }
    return count;
}
