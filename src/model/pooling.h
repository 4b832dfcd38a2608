/* pooling.h: what stands behind the encoder in a sentence-transformers directory: from the states of a text's tokens to one
 * vector. The same for every engine that answers token states.
 *
 * Threads: pure functions on the caller's memory.
 */
#ifndef HEDDLE_MODEL_POOLING_H
#define HEDDLE_MODEL_POOLING_H

#include "model/directory.h"

/* rows (tokens, hidden), tokens >= 1 -> vector_out: pooled, and of unit length where the model asks for it. */
void heddle_pool(const struct heddle_model_config *config, const float *rows, size_t tokens,
                 float *vector_out);

/* Gives a vector unit length: x / max(|x|, 1e-12), as sentence-transformers does. */
void heddle_vector_normalize(float *vector, size_t width);

#endif
