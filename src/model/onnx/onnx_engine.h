/* onnx_engine.h: the engine for models that the encoder here does not know: their ONNX file in ONNX Runtime. */
#ifndef HEDDLE_MODEL_ONNX_ONNX_ENGINE_H
#define HEDDLE_MODEL_ONNX_ONNX_ENGINE_H

#include "model/engine.h"

/* Opens onnx/model.onnx or model.onnx of `directory` and runs one text through it. The tokenizer is ours, and so is what
 * stands behind the encoder (head.h), unless the file has an output sentence_embedding. Of config.json only the width, the
 * positions and the padding id are read, so any architecture will do. `library`: as heddle_onnx_load() takes it.
 * `prompt` stands in front of each text that will come ("" for none): some models leave its tokens out of the vector.
 * Errors: HEDDLE_MODEL (named, with the remedy), HEDDLE_INVALID (such a model, and the prompt is not UTF-8), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_onnx_open(const char *directory, const char *library, const char *prompt,
                                       struct heddle_engine **engine_out, struct heddle_error *error);

#endif
