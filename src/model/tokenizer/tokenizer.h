/* tokenizer.h: text to token ids as the HF library `tokenizers` does, for BERT (WordPiece) and XLM-R (Unigram) models.
 *
 * Order of the steps: added tokens are found in the raw text and cut it into stretches; each stretch is normalized;
 * added tokens that ask for it are found in the normalized text; what is left is split into words; each word goes
 * through the model; the ids are cut to what the model takes and wrapped in the two special tokens ([CLS] and [SEP],
 * <s> and </s>). Truncation and padding that tokenizer.json asks for are ignored: sentence-transformers overrides both.
 *
 * BERT: cleaning, spaces around Chinese characters, accents stripped (NFD without Mn), lower case; words end at white
 * space and around punctuation; WordPiece takes the longest piece first.
 * Unigram: a precompiled character map, replacements, stripping, lower case; words end at white space and start with
 * U+2581; the best-scored way to spell a word is found by Viterbi's algorithm.
 *
 * Threads: a tokenizer is immutable and shared; a scratch belongs to one thread.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_TOKENIZER_H
#define HEDDLE_MODEL_TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct heddle_tokenizer;

struct heddle_lattice_node; /* unigram.h */

/* Memory that encoding needs, kept between texts; {0} is an empty one. */
struct heddle_tokenizer_scratch {
    uint32_t *marks; /* combining marks waiting to be put into canonical order */
    size_t mark_count;
    size_t mark_capacity;
    struct heddle_buffer text[2]; /* normalized text */
    struct heddle_buffer piece;   /* a word as the model sees it */
    struct heddle_lattice_node *lattice;
    size_t lattice_capacity;
};

/* Reads tokenizer.json of a model directory, or vocab.txt and tokenizer_config.json where there is none.
 * Errors: HEDDLE_MODEL (missing, damaged, or of a kind that is not supported: named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_tokenizer_open(const char *directory, struct heddle_tokenizer **tokenizer_out,
                                            struct heddle_error *error);

/* The same from the text of a tokenizer.json; `label` names it in errors. */
HEDDLE_MUST_CHECK int heddle_tokenizer_from_json(const char *json, size_t length, const char *label,
                                                 struct heddle_tokenizer **tokenizer_out,
                                                 struct heddle_error *error);

/* NULL is a no-op. */
void heddle_tokenizer_destroy(struct heddle_tokenizer *tokenizer);

/* Tokens in the vocabulary, and the highest id that encoding can answer. */
size_t heddle_tokenizer_vocabulary_size(const struct heddle_tokenizer *tokenizer);
uint32_t heddle_tokenizer_id_max(const struct heddle_tokenizer *tokenizer);

/* The id of the padding token; false if the files name none. XLM-R counts positions from it: the first token's
 * position is pad id + 1. */
bool heddle_tokenizer_pad_id(const struct heddle_tokenizer *tokenizer, uint32_t *id_out);

/* Encodes well-formed UTF-8 into ids_out: [CLS], at most capacity - 2 tokens, [SEP]. `capacity` >= 2.
 * *truncated_out: there were more. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_tokenizer_encode(const struct heddle_tokenizer *tokenizer,
                                              struct heddle_tokenizer_scratch *scratch, const char *text,
                                              size_t length, uint32_t *ids_out, size_t capacity,
                                              size_t *count_out, bool *truncated_out,
                                              struct heddle_error *error);

/* Frees what the scratch holds. */
void heddle_tokenizer_scratch_free(struct heddle_tokenizer_scratch *scratch);

#endif
