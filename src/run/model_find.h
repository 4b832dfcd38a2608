/* model_find.h: from the name of a model to the directory that holds it. Threads: any. */
#ifndef HEDDLE_RUN_MODEL_FIND_H
#define HEDDLE_RUN_MODEL_FIND_H

#include "base/arena.h"

/* Finds `name`: a directory as it stands, else (for a name without `/`) the first that exists of
 *   each folder of $HEDDLE_MODEL_PATH (separated by `:`), beside the program (../../deps/models in a build tree,
 *   ../share/heddle/models where installed), ~/.cache/heddle/models, and a Hugging Face cache ($HF_HOME or
 *   ~/.cache/huggingface) holding sentence-transformers/NAME.
 * *directory_out lies in `arena`. Errors: HEDDLE_MODEL (says where it looked and how to get the model),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_model_find(const char *name, struct heddle_arena *arena,
                                        const char **directory_out, struct heddle_error *error);

#endif
