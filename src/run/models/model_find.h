/* model_find.h: from the name of a model to the directory that holds it. Threads: any. */
#ifndef HEDDLE_RUN_MODEL_FIND_H
#define HEDDLE_RUN_MODEL_FIND_H

#include "base/arena.h"

/* Finds `name`: a directory as it stands, else (for NAME or ORGANISATION/NAME) the first that exists of
 *   each folder of $HEDDLE_MODEL_PATH (separated by `:`), beside the program (../../deps/models in a build tree,
 *   ../share/heddle/models where installed), ~/.cache/heddle/models, and a cache of Hugging Face's library:
 *   $SENTENCE_TRANSFORMERS_HOME, then $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
 *   ~/.cache/huggingface/hub. A bare name there is one of sentence-transformers; refs/main says which snapshot.
 * *directory_out lies in `arena`. Errors: HEDDLE_MODEL (says where it looked and how to get the model),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_model_find(const char *name, struct heddle_arena *arena,
                                        const char **directory_out, struct heddle_error *error);

#endif
