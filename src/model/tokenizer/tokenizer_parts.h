/* tokenizer_parts.h: what a tokenizer consists of; shared by loading and encoding only.
 *
 * Common to both algorithms: added tokens cut the raw text into stretches, ids go into a sink, the vocabulary is a
 * trie. What is done with a stretch is the algorithm's: one table of functions each (bert.c, unigram_encode.c).
 */
#ifndef HEDDLE_MODEL_TOKENIZER_TOKENIZER_PARTS_H
#define HEDDLE_MODEL_TOKENIZER_TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/tokenizer/added_tokens.h"
#include "model/tokenizer/bert.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/trie.h"
#include "model/tokenizer/unigram.h"

/* Where ids go. */
struct heddle_id_sink {
    uint32_t *ids;
    size_t count;
    size_t limit; /* ids that fit before the closing special token */
    bool truncated;
    bool out_of_memory;
};

static inline void heddle_id_push(struct heddle_id_sink *sink, uint32_t id)
{
    if (sink->count == sink->limit) {
        sink->truncated = true;
    } else {
        sink->ids[sink->count++] = id;
    }
}

struct heddle_tokenizer_algorithm {
    /* Appends the ids of a stretch in which no raw added token stands. `at_start`: it starts the text. */
    void (*encode)(const struct heddle_tokenizer *tokenizer, struct heddle_tokenizer_scratch *scratch,
                   const char *text, size_t length, bool at_start, struct heddle_id_sink *sink);
    /* Appends the normalized text to `out`: 0, or -1 when out of memory. */
    int (*normalize)(const struct heddle_tokenizer *tokenizer, const char *text, size_t length,
                     struct heddle_buffer *out);
    /* Frees what only this algorithm has. */
    void (*destroy)(struct heddle_tokenizer *tokenizer);
};

struct heddle_tokenizer {
    const struct heddle_tokenizer_algorithm *algorithm;
    struct heddle_trie *vocabulary;
    struct heddle_added_set added;            /* found in the raw text */
    struct heddle_added_set added_normalized; /* found in normalized text */
    struct heddle_bert bert;                  /* of WordPiece */
    struct heddle_unigram unigram;            /* of Unigram */
    uint32_t unknown_id;
    uint32_t start_id; /* [CLS] or <s> */
    uint32_t end_id;   /* [SEP] or </s> */
    uint32_t pad_id;
    bool has_pad;
    uint32_t id_max;
    size_t vocabulary_size;
};

#endif
