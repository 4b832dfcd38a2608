/* state.h: what a run holds. Private to run/. */
#ifndef HEDDLE_RUN_STATE_H
#define HEDDLE_RUN_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "fs/mirror.h"
#include "run/checkpoint/claim.h"
#include "run/checkpoint/micro_batches.h"
#include "run/gate.h"
#include "run/pipeline.h"
#include "run/journal/recorder.h"
#include "run/rejects/rejects.h"
#include "run/run.h"
#include "run/stores.h"
#include "run/tally.h"
#include "run/checkpoint/trigger.h"

struct heddle_run_model {
    const char *name; /* as the job names it */
    struct heddle_embedder *embedder;
    struct heddle_text_cache *cache;
};

struct heddle_run_source {
    struct heddle_embedding_slot *slots;
};

/* One pass's source, as micro-batches. */
struct heddle_run_stream {
    struct heddle_source_options source;
    struct heddle_stores stores;
    struct heddle_mirror *mirror; /* of a source in a store, else NULL */
    const char *folder;           /* its checkpoint */
    struct heddle_micro_batches *batches;
    struct heddle_gate gate; /* its rejects pass through it */
    bool is_first;           /* of its source: its rows are the run's rows */
    uint64_t rows;           /* good and bad, read by this run */
    uint64_t unreadable;     /* of this pass over it */
};

/* A micro-batch on its way to the sink, or its rows on their way to it, ahead. */
struct heddle_run_unit {
    struct heddle_run *run;
    size_t pass;
    struct heddle_source *source;
    struct heddle_embedding_memory memory;
    struct heddle_pipeline pipeline;
    struct heddle_changes *changes;          /* of a source that reads a change feed; or NULL */
    struct heddle_pipeline_running *running; /* NULL = nothing of it was begun */
};

struct heddle_run {
    struct heddle_arena *arena;
    const struct heddle_job *job;
    const struct heddle_options *options;
    struct heddle_plan *plan;
    struct heddle_run_source *sources;
    struct heddle_run_stream *streams; /* one a pass */
    struct heddle_trigger trigger;
    uint64_t unit;                   /* the micro-batch that is under way, as the load counts them */
    struct heddle_run_unit units[2]; /* that one at unit % 2, and the one behind it */
    struct heddle_run_model *models;
    size_t model_count;
    size_t embed_threads;
    struct heddle_share share; /* of several processes that load this job; count 0 = the only one */
    const char *group;         /* id of the load that all of them are of */
    const char *folder;        /* checkpoint: of this machine, or in a store */
    const char *local; /* a folder of this machine: the checkpoint itself where that can be appended to */
    struct heddle_stores stores; /* how that store is asked */
    struct heddle_depot *depot;  /* of the checkpoint */
    struct heddle_claim *claim;
    struct heddle_rejects *rejects;
    struct heddle_recorder *recorder;
    struct heddle_options settled; /* the options, with what the load's first run decided */

    pthread_mutex_t
        lock; /* guards `sink` and `waits` against progress and stop, which come from other threads */
    pthread_cond_t stopped;
    bool waits; /* nothing is in flight: a stop ends the run in good order */
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
    struct heddle_tally tally;
};

/* Opens the streams of all passes and looks at what is there. */
HEDDLE_MUST_CHECK int heddle_run_open_streams(struct heddle_run *run, struct heddle_error *error);
void heddle_run_close_streams(struct heddle_run *run);

/* Looks again at what is there for a pass. */
HEDDLE_MUST_CHECK int heddle_run_refresh_stream(struct heddle_run *run, size_t pass,
                                                struct heddle_error *error);

/* Tells every target how many rows are to come, where the sources know: before the sink is opened, which chooses roads and
 * the way to internal ids by it. */
void heddle_run_expect_rows(struct heddle_run *run);

/* The number under which the load knows the micro-batch that comes next: each one of all its streams counts it up by one, over
 * runs too. */
uint64_t heddle_run_unit(const struct heddle_run *run);

/* All passes, as the trigger says. */
HEDDLE_MUST_CHECK int heddle_run_passes(struct heddle_run *run, struct heddle_error *error);

/* A number setting, 0 where it is "auto" or not set. */
int64_t heddle_run_number(const struct heddle_run *run, enum heddle_option_id id);

/* A text setting, NULL where not set. */
const char *heddle_run_text(const struct heddle_run *run, enum heddle_option_id id);

#endif
