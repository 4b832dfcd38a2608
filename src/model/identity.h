/* identity.h: telling one model from another by what its files hold. */
#ifndef HEDDLE_MODEL_IDENTITY_H
#define HEDDLE_MODEL_IDENTITY_H

#include <stdint.h>

#include "base/error.h"

/* A hash of the names and contents of the .json, .txt, .safetensors, .onnx and .onnx_data files in `directory` and in its folders (the
 * modules), one level down. Not cryptographic: it tells models apart, it does not prove where one comes from.
 * Errors: HEDDLE_MODEL (a file cannot be read), HEDDLE_OUT_OF_MEMORY. Threads: pure. */
HEDDLE_MUST_CHECK int heddle_model_identify(const char *directory, uint64_t identity_out[static 2],
                                            struct heddle_error *error);

#endif
