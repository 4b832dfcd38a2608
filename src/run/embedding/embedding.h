/* embedding.h: the stage that gives a batch its vectors. */
#ifndef HEDDLE_RUN_EMBEDDING_H
#define HEDDLE_RUN_EMBEDDING_H

#include <heddle/embed.h>

#include "column/batch.h"
#include "run/embedding/embedding_memory.h"
#include "run/plan/plan.h"
#include "run/embedding/text_cache.h"

/* One text column of a source and the model that reads it. */
struct heddle_embedding_slot {
    size_t column;                    /* of the batch: the text */
    struct heddle_embedder *embedder; /* borrowed; slots of one model share it */
    struct heddle_text_cache *cache;  /* borrowed; or NULL: every text is embedded */
};

/* The workspaces of one thread: one worker a slot. `memory` is borrowed, or NULL: every text is embedded. */
struct heddle_embedding_thread;

HEDDLE_MUST_CHECK int heddle_embedding_thread_create(const struct heddle_embedding_slot *slots,
                                                     size_t slot_count,
                                                     const struct heddle_embedding_memory *memory,
                                                     struct heddle_embedding_thread **thread_out,
                                                     struct heddle_error *error);

/* Fills batch->vectors: one VECTOR column a slot, null where the row has no text, where its text could not be embedded (why not
 * stands in batch->failures), where the memory says that the row is done, and where
 * batch->kept says that the graph has the vector. The batch must belong to this thread alone for the call. Errors: those of
 * heddle_embedder_embed(). */
HEDDLE_MUST_CHECK int heddle_embedding_run(struct heddle_embedding_thread *thread, struct heddle_batch *batch,
                                           struct heddle_error *error);

/* Adds what this thread has done to *total. */
void heddle_embedding_statistics(const struct heddle_embedding_thread *thread,
                                 struct heddle_embed_statistics *total);

void heddle_embedding_thread_destroy(struct heddle_embedding_thread *thread); /* NULL is a no-op */

#endif
