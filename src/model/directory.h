/* directory.h: what the files of a sentence-transformers directory say about a model.
 *
 * modules.json lists the modules: Transformer, Pooling, and perhaps Normalize. config.json describes the encoder,
 * 1_Pooling/config.json the pooling, sentence_bert_config.json the number of tokens. Whatever the encoder here
 * cannot do exactly is refused by its name.
 */
#ifndef HEDDLE_MODEL_DIRECTORY_H
#define HEDDLE_MODEL_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum heddle_pooling {
    HEDDLE_POOLING_MEAN, /* of all tokens, [CLS] and [SEP] included */
    HEDDLE_POOLING_CLS,  /* the first token */
};

struct heddle_model_config {
    size_t layers;
    size_t hidden; /* a multiple of 32 */
    size_t heads;
    size_t head_width;   /* hidden / heads, a multiple of 32 */
    size_t intermediate; /* a multiple of 32 */
    size_t vocabulary;
    size_t positions;
    size_t token_types;
    size_t max_tokens; /* 3 .. positions */
    float layer_norm_epsilon;
    enum heddle_pooling pooling;
    bool normalize;
};

/* Reads `directory`. Errors: HEDDLE_MODEL (file, key and remedy named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_model_config_read(const char *directory, struct heddle_model_config *config_out,
                                               struct heddle_error *error);

/* "mean", "cls". Static memory. */
const char *heddle_pooling_name(enum heddle_pooling pooling);

#endif
