/* tokenizer.c: from a text to its ids: added tokens cut it into stretches, the algorithm encodes each. */
#include "model/tokenizer/tokenizer.h"

#include <stdlib.h>

#include "model/tokenizer/tokenizer_parts.h"

int heddle_tokenizer_encode(const struct heddle_tokenizer *tokenizer,
                            struct heddle_tokenizer_scratch *scratch, const char *text, size_t length,
                            uint32_t *ids_out, size_t capacity, size_t *count_out, bool *truncated_out,
                            struct heddle_error *error)
{
    struct heddle_id_sink sink = {.ids = ids_out, .limit = capacity - 1};
    struct heddle_added_walk walk = {.set = &tokenizer->added, .text = text, .length = length};
    struct heddle_added_part part;
    heddle_id_push(&sink, tokenizer->start_id);
    while (!sink.truncated && !sink.out_of_memory && heddle_added_walk_next(&walk, &part)) {
        if (part.token != NULL) {
            heddle_id_push(&sink, part.token->id);
        } else {
            tokenizer->algorithm->encode(tokenizer, scratch, text + part.start, part.end - part.start,
                                         part.start == 0, &sink);
        }
    }
    if (sink.out_of_memory) {
        return heddle_error_out_of_memory(error);
    }
    ids_out[sink.count++] = tokenizer->end_id;
    *count_out = sink.count;
    *truncated_out = sink.truncated;
    return HEDDLE_OK;
}

void heddle_tokenizer_scratch_free(struct heddle_tokenizer_scratch *scratch)
{
    free(scratch->marks);
    heddle_buffer_free(&scratch->text[0]);
    heddle_buffer_free(&scratch->text[1]);
    heddle_buffer_free(&scratch->piece);
    free(scratch->lattice);
    *scratch = (struct heddle_tokenizer_scratch){0};
}

void heddle_tokenizer_destroy(struct heddle_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    if (tokenizer->algorithm != NULL) {
        tokenizer->algorithm->destroy(tokenizer);
    }
    heddle_trie_destroy(tokenizer->vocabulary);
    heddle_added_set_free(&tokenizer->added);
    heddle_added_set_free(&tokenizer->added_normalized);
    free(tokenizer);
}

size_t heddle_tokenizer_vocabulary_size(const struct heddle_tokenizer *tokenizer)
{
    return tokenizer->vocabulary_size;
}

uint32_t heddle_tokenizer_id_max(const struct heddle_tokenizer *tokenizer)
{
    return tokenizer->id_max;
}

bool heddle_tokenizer_pad_id(const struct heddle_tokenizer *tokenizer, uint32_t *id_out)
{
    *id_out = tokenizer->pad_id;
    return tokenizer->has_pad;
}
