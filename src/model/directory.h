/* directory.h: what the files of a sentence-transformers directory say about the encoder of a model.
 *
 * config.json describes it, sentence_bert_config.json the number of tokens. Whatever the encoder here cannot do exactly is
 * refused by its name. What stands behind the encoder is head.h's, prompts are prompts.h's.
 */
#ifndef HEDDLE_MODEL_DIRECTORY_H
#define HEDDLE_MODEL_DIRECTORY_H

#include <stddef.h>

#include "base/error.h"

/* The last three are one architecture, but for the tokenizer: BERT whose positions are counted from the padding token's id. */
enum heddle_architecture {
    HEDDLE_ARCHITECTURE_BERT,
    HEDDLE_ARCHITECTURE_ROBERTA,
    HEDDLE_ARCHITECTURE_XLM_ROBERTA,
    HEDDLE_ARCHITECTURE_CAMEMBERT,
};

struct heddle_model_config {
    enum heddle_architecture architecture;
    size_t layers;
    size_t hidden; /* a multiple of 32 */
    size_t heads;
    size_t head_width;   /* hidden / heads, a multiple of 32 */
    size_t intermediate; /* a multiple of 32 */
    size_t vocabulary;
    size_t positions; /* rows of the position table */
    size_t
        first_position; /* row of a text's first token: 0, or the padding token's id + 1 (RoBERTa, XLM-R) */
    size_t token_types;
    size_t max_tokens; /* 3 .. positions - first_position */
    float layer_norm_epsilon;
};

/* Reads `directory`. Errors: HEDDLE_MODEL (file, key and remedy named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_model_config_read(const char *directory, struct heddle_model_config *config_out,
                                               struct heddle_error *error);

/* Tokens a text may have: max_seq_length; without it, as sentence-transformers does, the tokenizer's own maximum; never over
 * `positions`. Errors: HEDDLE_MODEL (also over 8,192 tokens), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_model_tokens_read(const char *directory, size_t positions, size_t *tokens_out,
                                               struct heddle_error *error);

/* "bert", "roberta", "xlm-roberta", "camembert": config.json's model_type. Static memory. */
const char *heddle_architecture_name(enum heddle_architecture architecture);

#endif
