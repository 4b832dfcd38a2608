/* onnx_model.h: one model file opened in ONNX Runtime: what it takes, what it answers, and running it on a padded batch.
 *
 * Threads: immutable after opening; heddle_onnx_model_run() may be called by any number of threads at once, each of which
 * computes for itself.
 */
#ifndef HEDDLE_MODEL_ONNX_ONNX_MODEL_H
#define HEDDLE_MODEL_ONNX_ONNX_MODEL_H

#include <stdbool.h>

#include "model/onnx/onnx_api.h"

/* What an encoder may ask for. */
enum heddle_onnx_input {
    HEDDLE_ONNX_IDS,
    HEDDLE_ONNX_MASK,
    HEDDLE_ONNX_TOKEN_TYPES,
    HEDDLE_ONNX_POSITIONS,
    HEDDLE_ONNX_INPUTS,
};

struct heddle_onnx_model {
    struct heddle_onnx_api api;
    struct onnx_env *env;
    struct onnx_session *session;
    struct onnx_memory_info *memory;
    const char *inputs[HEDDLE_ONNX_INPUTS]; /* names, as the file orders them; static memory */
    enum heddle_onnx_input kinds[HEDDLE_ONNX_INPUTS];
    bool is_int32[HEDDLE_ONNX_INPUTS];
    size_t input_count;
    char output[64];  /* its name */
    bool is_sentence; /* (texts, width); else token states (texts, tokens, width) */
    size_t width;     /* 0: the file does not say */
};

/* A batch: `rows` texts of at most `tokens` tokens each, row-major (rows, tokens). */
struct heddle_onnx_batch {
    size_t rows;
    size_t tokens;
    int64_t *values[HEDDLE_ONNX_INPUTS]; /* by enum heddle_onnx_input; int32 inputs are narrowed in place */
};

/* Loads ONNX Runtime (`library` as heddle_onnx_load() takes it) and the file. The caller closes *model also after an error.
 * Errors: HEDDLE_MODEL (what the library says, an input or output that is not understood: named). */
HEDDLE_MUST_CHECK int heddle_onnx_model_open(const char *library, const char *path,
                                             struct heddle_onnx_model *model, struct heddle_error *error);

/* Releases what is there; {0} is fine. */
void heddle_onnx_model_close(struct heddle_onnx_model *model);

/* Runs a batch; its values may be overwritten. *answer_out holds *data_out, (rows, width) or (rows, tokens, width) floats,
 * and is released by heddle_onnx_answer_release(). `width` is what the caller counts on.
 * Errors: HEDDLE_MODEL (what the library says, an answer of another shape or type). */
HEDDLE_MUST_CHECK int heddle_onnx_model_run(const struct heddle_onnx_model *model,
                                            const struct heddle_onnx_batch *batch, size_t width,
                                            struct onnx_value **answer_out, const float **data_out,
                                            struct heddle_error *error);

/* NULL is a no-op. */
void heddle_onnx_answer_release(const struct heddle_onnx_model *model, struct onnx_value *answer);

#endif
