/* embedder_parts.h: what an embedder consists of; shared by embedder.c and worker.c only. */
#ifndef HEDDLE_MODEL_EMBEDDER_PARTS_H
#define HEDDLE_MODEL_EMBEDDER_PARTS_H

#include "model/directory.h"
#include "model/encoder/kernel.h"
#include "model/encoder/weights.h"
#include "model/tokenizer/tokenizer.h"

struct heddle_embedder {
    char *name;
    struct heddle_model_config config;
    const struct heddle_kernel *kernel;
    struct heddle_tokenizer *tokenizer;
    struct heddle_weights *weights;
};

#endif
