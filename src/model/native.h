/* native.h: the engine that computes in this process: tokenizer, encoder kernels, pooling. */
#ifndef HEDDLE_MODEL_NATIVE_H
#define HEDDLE_MODEL_NATIVE_H

#include "model/directory.h"
#include "model/encoder/kernel.h"
#include "model/engine.h"

/* Opens the model in `directory`, of which `config` was read. Errors: HEDDLE_MODEL, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_native_open(const char *directory, const struct heddle_model_config *config,
                                         const struct heddle_kernel *kernel,
                                         struct heddle_engine **engine_out, struct heddle_error *error);

#endif
