/* model_open.h: the embedder that the settings ask for: provider, precision, kernel, prompt, dimensions, cache, service. */
#ifndef HEDDLE_RUN_MODEL_OPEN_H
#define HEDDLE_RUN_MODEL_OPEN_H

#include <heddle/embed.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/options.h"

enum heddle_model_use {
    HEDDLE_MODEL_FOR_DOCUMENTS, /* texts that go into the graph */
    HEDDLE_MODEL_FOR_QUERIES,   /* questions that are asked of it */
};

/* Opens the model called `name`: a directory or a name that heddle_model_find() knows, or what a service calls it. NULL is the
 * default model here (HEDDLE_JOB_MODEL_DEFAULT), and of a service what its address says.
 * `use` decides which of a model's own prompts goes in front of a text where the settings name none.
 * Errors: those of heddle_embedder_open(), heddle_model_find() and heddle_options_embedding_key(). */
HEDDLE_MUST_CHECK int heddle_model_open(const struct heddle_options *options, const char *name,
                                        enum heddle_model_use use, struct heddle_arena *arena,
                                        struct heddle_embedder **embedder_out, struct heddle_error *error);

/* Threads that embed: the setting, or one a core that this process may use. */
size_t heddle_embed_threads(const struct heddle_options *options);

#endif
