/* native.h: the engine that computes in this process: tokenizer, encoder kernels, pooling. */
#ifndef HEDDLE_MODEL_NATIVE_H
#define HEDDLE_MODEL_NATIVE_H

#include "model/directory.h"
#include "model/encoder/kernel.h"
#include "model/engine.h"

/* Opens the model in `directory`, of which `config` was read. `prompt` stands in front of each text that will come ("" for
 * none): some models leave its tokens out of the vector. Errors: HEDDLE_MODEL, HEDDLE_INVALID (such a model, and the prompt
 * is not UTF-8), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_native_open(const char *directory, const struct heddle_model_config *config,
                                         const struct heddle_kernel *kernel, const char *prompt,
                                         struct heddle_engine **engine_out, struct heddle_error *error);

#endif
