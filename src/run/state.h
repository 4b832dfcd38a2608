/* state.h: what a run holds. Private to run/. */
#ifndef HEDDLE_RUN_STATE_H
#define HEDDLE_RUN_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "run/pipeline.h"
#include "run/rejects.h"
#include "run/run.h"

struct heddle_run_model {
    const char *name; /* as the job names it */
    struct heddle_embedder *embedder;
    struct heddle_text_cache *cache;
};

struct heddle_run_source {
    struct heddle_source *opened; /* ready for its next pass, or NULL */
    struct heddle_embedding_slot *slots;
    bool counted; /* its rows are in the receipt */
};

struct heddle_run {
    struct heddle_arena *arena;
    const struct heddle_job *job;
    const struct heddle_options *options;
    struct heddle_plan *plan;
    struct heddle_run_source *sources;
    struct heddle_run_model *models;
    size_t model_count;
    size_t embed_threads;
    const char *folder; /* checkpoint */
    struct heddle_rejects *rejects;

    pthread_mutex_t lock; /* guards `sink` against progress and stop, which come from other threads */
    struct heddle_sink *sink;
    struct heddle_sink_options sink_options; /* the sink borrows them until it is closed */

    _Atomic bool stop;
    _Atomic int phase;
    _Atomic size_t pass;
    _Atomic int64_t rows_expected;
    _Atomic bool pass_embeds;
    _Atomic uint64_t start_ns, pass_start_ns;
    struct heddle_pipeline_counters counters; /* of the pass that runs */

    struct heddle_receipt receipt;
};

/* Opens a source for a pass (its own first time, or again). */
HEDDLE_MUST_CHECK int heddle_run_open_source(struct heddle_run *run, size_t source,
                                             struct heddle_error *error);

/* A number setting, 0 where it is "auto" or not set. */
int64_t heddle_run_number(const struct heddle_run *run, enum heddle_option_id id);

/* A text setting, NULL where not set. */
const char *heddle_run_text(const struct heddle_run *run, enum heddle_option_id id);

#endif
