/* embedder_parts.h: what an embedder consists of; shared by embedder.c and worker.c only. */
#ifndef HEDDLE_MODEL_EMBEDDER_PARTS_H
#define HEDDLE_MODEL_EMBEDDER_PARTS_H

#include "model/cache/cache.h"
#include "model/engine.h"

struct heddle_embedder {
    char *name;
    char *prompt; /* put in front of each text; "" for none */
    struct heddle_engine *engine;
    struct heddle_cache *cache; /* or NULL */
    size_t dimensions;          /* of the vectors that come out: at most the engine's */
};

#endif
