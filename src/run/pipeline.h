/* pipeline.h: one pass: a source read, embedded and handed on, each stage on threads of its own.
 *
 *   reader (1 thread) -> [work queue] -> embedders (n threads)
 *           \-> [order queue] ---------------------------------> the caller's thread -> outlet
 *
 * Batches reach the outlet (the sink of a load, the file of `heddle embed`) in source order, so that a later row of a key is written later. The queues are short and bounded:
 * they are the backpressure, and memory is flat whatever the input.
 */
#ifndef HEDDLE_RUN_PIPELINE_H
#define HEDDLE_RUN_PIPELINE_H

#include <stdatomic.h>

#include "run/changes/changes.h"
#include "run/embedding/embedding.h"
#include "source/source.h"

/* What is counted while a pass runs; read by the progress display at any time. */
struct heddle_pipeline_counters {
    _Atomic uint64_t rows_read;     /* but for those that a change feed shows as they were */
    _Atomic uint64_t rows_removed;  /* of batches of which some row goes */
    _Atomic uint64_t rows_embedded; /* rows that went through the embedding stage */
    _Atomic uint64_t read_ns, read_cpu_ns;
    _Atomic uint64_t embed_ns, embed_cpu_ns; /* summed over threads */
};

/* All zero, while others may be reading them. */
void heddle_pipeline_counters_reset(struct heddle_pipeline_counters *counters);

/* Where the batches go, on the caller's thread. */
struct heddle_pipeline_outlet {
    /* The batch is the pipeline's; what keeps it retains it. */
    int (*take)(void *context, struct heddle_batch *batch, struct heddle_error *error);
    /* Behind the last batch of a pass that did not fail; or NULL. */
    int (*flush)(void *context, struct heddle_error *error);
    void *context;
};

struct heddle_pipeline {
    struct heddle_source *source;
    const struct heddle_embedding_slot *slots; /* of the pass's source; none = no embedding in this pass */
    size_t slot_count;
    size_t threads;                               /* that embed */
    const struct heddle_embedding_memory *memory; /* what need not be embedded again; or NULL */
    struct heddle_changes *changes;               /* of a source that reads a change feed; or NULL */
    struct heddle_pipeline_outlet outlet;
    const _Atomic bool *stop; /* set from another thread: no more batches are read */
    struct heddle_pipeline_counters *counters;
    struct heddle_embed_statistics embedded; /* out */
    uint64_t rows;                           /* out: that were read */
};

/* Runs the pass and flushes the outlet. On any error all threads have ended when it returns.
 * Errors: those of the stages; HEDDLE_INTERRUPTED when `stop` was set. */
HEDDLE_MUST_CHECK int heddle_pipeline_run(struct heddle_pipeline *pipeline, struct heddle_error *error);

/* The same in two steps. From start() on its threads read and embed, until the queues are full; nothing reaches the outlet before
 * finish(), which frees it, whatever it answers. The pipeline is borrowed until then. */
struct heddle_pipeline_running;

HEDDLE_MUST_CHECK int heddle_pipeline_start(struct heddle_pipeline *pipeline,
                                            struct heddle_pipeline_running **running_out,
                                            struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_pipeline_finish(struct heddle_pipeline_running *running,
                                             struct heddle_error *error);

/* Ends it without a word to the outlet; what was read and embedded is dropped. NULL is a no-op. */
void heddle_pipeline_abandon(struct heddle_pipeline_running *running);

#endif
