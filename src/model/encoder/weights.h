/* weights.h: the weights of a BERT encoder, packed once for one kernel.
 *
 * Everything but the word table lies in one block of memory, in the order of use. 1/sqrt(head width) is folded into
 * the query weights; the embedding of token type 0, the only one used, is folded into the positions. The word table
 * stays in the mapped file (46 MB for MiniLM, of which a load touches a fraction), and a row is converted when it is looked
 * up.
 *
 * Threads: immutable after loading.
 */
#ifndef HEDDLE_MODEL_ENCODER_WEIGHTS_H
#define HEDDLE_MODEL_ENCODER_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "model/directory.h"
#include "model/encoder/kernel.h"

struct heddle_layer {
    struct heddle_linear qkv;    /* H -> 3H: queries, keys, values */
    struct heddle_linear mix;    /* H -> H, behind attention */
    struct heddle_linear widen;  /* H -> F, GELU */
    struct heddle_linear narrow; /* F -> H */
    float *mix_gain;             /* LayerNorm behind attention and behind the feed-forward block, (H) each */
    float *mix_bias;
    float *output_gain;
    float *output_bias;
};

struct heddle_weights;

/* Reads DIRECTORY/model.safetensors or its shards (weight_files.h). Errors: HEDDLE_MODEL (file, tensor and remedy named; also
 * a number that is NaN or infinite), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_weights_load(const char *directory, const struct heddle_model_config *config,
                                          const struct heddle_kernel *kernel,
                                          struct heddle_weights **weights_out, struct heddle_error *error);

/* NULL is a no-op. */
void heddle_weights_destroy(struct heddle_weights *weights);

const struct heddle_layer *heddle_weights_layer(const struct heddle_weights *weights, size_t layer);

/* rows_out (tokens, H): the embeddings of a text's tokens, each below the vocabulary's size, at most max_tokens of them: word
 * + position + token type 0. Positions go 0, 1, …; in RoBERTa a padding token that stands in the text has a position of its
 * own and does not count. */
void heddle_weights_embed(const struct heddle_weights *weights, const uint32_t *ids, size_t tokens,
                          float *rows_out);

/* Gain and bias (H) of the LayerNorm behind the embeddings. */
const float *heddle_weights_embedding_gain(const struct heddle_weights *weights);
const float *heddle_weights_embedding_bias(const struct heddle_weights *weights);

/* Size of the file, memory held by packed weights, and number of weights that take part. */
uint64_t heddle_weights_file_bytes(const struct heddle_weights *weights);
uint64_t heddle_weights_packed_bytes(const struct heddle_weights *weights);
uint64_t heddle_weights_count(const struct heddle_weights *weights);

#endif
