/* encoder.h: a group of token sequences through all layers of a BERT encoder.
 *
 * The sequences of a group stand one behind the other without padding: the dense layers see one matrix of tokens,
 * attention goes sequence by sequence. One thread takes one group from end to end, so nothing is ever waited for.
 *
 * Threads: weights are shared, a workspace belongs to one thread.
 */
#ifndef HEDDLE_MODEL_ENCODER_ENCODER_H
#define HEDDLE_MODEL_ENCODER_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "model/encoder/weights.h"

/* Tokens of a group. Weights are read once a group: below 128 that costs, above 512 activations leave the cache. */
enum { HEDDLE_GROUP_TOKENS = 256 };

struct heddle_encoder_workspace;

/* One sequence of a group. */
struct heddle_sequence {
    const uint32_t *ids; /* each below the vocabulary's size */
    size_t tokens;       /* 1 .. max_tokens */
};

/* Makes the activations for groups of at most heddle_encoder_group_tokens(). Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_encoder_workspace_create(const struct heddle_model_config *config,
                                                      const struct heddle_kernel *kernel,
                                                      struct heddle_encoder_workspace **workspace_out,
                                                      struct heddle_error *error);

/* NULL is a no-op. */
void heddle_encoder_workspace_destroy(struct heddle_encoder_workspace *workspace);

/* Tokens that fit a group: HEDDLE_GROUP_TOKENS, or one longest text where that is more. */
size_t heddle_encoder_group_tokens(const struct heddle_model_config *config);

/* Encodes `count` sequences, together at most heddle_encoder_group_tokens(). Answers the states of their tokens, (tokens of
 * all sequences, H), sequence behind sequence; they belong to the workspace and are valid until its next run. Cannot fail. */
const float *heddle_encoder_run(const struct heddle_weights *weights,
                                struct heddle_encoder_workspace *workspace,
                                const struct heddle_sequence *sequences, size_t count);

#endif
