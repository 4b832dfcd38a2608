/* dense.h: the Dense module of sentence-transformers: activation(W x + b) on the pooled vector.
 *
 * Its folder holds config.json {in_features, out_features, bias, activation_function} and model.safetensors with linear.weight
 * (out, in) and linear.bias (out). Activations: Identity, Tanh (also where none is named), ReLU, GELU (erf), Sigmoid.
 *
 * Threads: immutable after loading.
 */
#ifndef HEDDLE_MODEL_DENSE_H
#define HEDDLE_MODEL_DENSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_dense;

/* Reads DIRECTORY/FOLDER, which must take `inputs` numbers. Errors: HEDDLE_MODEL (file, key or tensor named),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_dense_load(const char *directory, const char *folder, size_t inputs,
                                        struct heddle_dense **dense_out, struct heddle_error *error);

/* NULL is a no-op. */
void heddle_dense_destroy(struct heddle_dense *dense);

/* out_features, and the number of weights. */
size_t heddle_dense_outputs(const struct heddle_dense *dense);
uint64_t heddle_dense_count(const struct heddle_dense *dense);

/* input (in_features) -> output (out_features), which must not overlap. Sums go in a fixed order. */
void heddle_dense_apply(const struct heddle_dense *dense, const float *input, float *output);

#endif
