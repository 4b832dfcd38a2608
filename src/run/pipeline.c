/* pipeline.c: threads and queues of one pass. */
#include "run/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lane_queue.h"
#include "base/memory.h"

enum {
    /* Batches that may wait before the outlet: enough to ride out a slow one, little memory (a batch is about 1 MB). */
    QUEUE_BATCHES = 8,
    EMBED_THREADS_MAX = 256,
};

/* A batch on its way. `done` is set under the stage's lock. */
struct item {
    struct heddle_batch *batch;
    bool done;
};

struct heddle_pipeline_running {
    struct heddle_pipeline *pipeline;
    struct heddle_lane_queue *order; /* every item, in source order */
    struct heddle_lane_queue *work;  /* items that wait for an embedder */
    pthread_mutex_t lock;
    pthread_cond_t item_done;
    bool failed; /* no stage need go on; `error` holds the first reason */
    struct heddle_error error;
    pthread_t reader;
    pthread_t embedders[EMBED_THREADS_MAX];
    size_t embedder_count;
    bool embeds; /* items wait for an embedder before the outlet takes them */
    bool reader_started;
    struct item *held; /* the item at which the pass failed: an embedder may still be at work on it */
};

void heddle_pipeline_counters_reset(struct heddle_pipeline_counters *counters)
{
    atomic_store(&counters->rows_read, 0);
    atomic_store(&counters->rows_removed, 0);
    atomic_store(&counters->rows_embedded, 0);
    atomic_store(&counters->read_ns, 0);
    atomic_store(&counters->read_cpu_ns, 0);
    atomic_store(&counters->embed_ns, 0);
    atomic_store(&counters->embed_cpu_ns, 0);
}

static bool stop_asked(const struct heddle_pipeline_running *stage)
{
    return stage->pipeline->stop != NULL && atomic_load(stage->pipeline->stop);
}

/* Notes the first failure and wakes everybody. */
static void fail(struct heddle_pipeline_running *stage, const struct heddle_error *error)
{
    pthread_mutex_lock(&stage->lock);
    if (!stage->failed) {
        stage->failed = true;
        stage->error = *error;
    }
    pthread_cond_broadcast(&stage->item_done);
    pthread_mutex_unlock(&stage->lock);
    heddle_lane_queue_close(stage->work);
    heddle_lane_queue_close(stage->order);
}

static bool has_failed(struct heddle_pipeline_running *stage)
{
    pthread_mutex_lock(&stage->lock);
    const bool failed = stage->failed;
    pthread_mutex_unlock(&stage->lock);
    return failed;
}

/* Hands one batch on. HEDDLE_CLOSED when the pass ended early: the item, if it got into `order`, is drained there. */
static int pass_on(struct heddle_pipeline_running *stage, struct heddle_batch *batch,
                   struct heddle_error *error)
{
    struct item *item = heddle_calloc(1, sizeof *item);
    if (item == NULL) {
        heddle_batch_release(batch);
        return heddle_error_out_of_memory(error);
    }
    item->batch = batch;
    /* What goes has no vector. */
    const bool embeds = stage->embeds && batch->change == HEDDLE_CHANGE_UPSERT;
    item->done = !embeds;
    if (heddle_lane_queue_push(stage->order, item) != HEDDLE_OK) {
        heddle_batch_release(batch);
        free(item);
        return HEDDLE_CLOSED;
    }
    return embeds ? heddle_lane_queue_push(stage->work, item) : HEDDLE_OK;
}

/* Gives a batch its place and hands it on. Rows as they are now, and rows that go, are counted apart: where a job says later
 * that deleted rows are kept, the others stand where they stood. */
static int place(struct heddle_pipeline_running *stage, struct heddle_batch *batch, uint64_t *positions,
                 struct heddle_error *error)
{
    bool wanted = true;
    if (stage->pipeline->changes != NULL) {
        const int status = heddle_changes_take(stage->pipeline->changes, batch, &wanted, error);
        if (status != HEDDLE_OK) {
            heddle_batch_release(batch);
            return status;
        }
    }
    if (batch->change != HEDDLE_CHANGE_LOOK) {
        batch->position = positions[batch->change];
        positions[batch->change] += batch->rows;
    }
    if (batch->change == HEDDLE_CHANGE_UPSERT) {
        atomic_fetch_add(&stage->pipeline->counters->rows_read, batch->rows);
    }
    if (!wanted) {
        heddle_batch_release(batch);
        return HEDDLE_OK;
    }
    if (batch->change == HEDDLE_CHANGE_REMOVE) {
        atomic_fetch_add(&stage->pipeline->counters->rows_removed, batch->rows);
    }
    return pass_on(stage, batch, error);
}

static void *read_all(void *argument)
{
    struct heddle_pipeline_running *stage = argument;
    struct heddle_pipeline_counters *counters = stage->pipeline->counters;
    struct heddle_error error = {0};
    int status = HEDDLE_OK;
    uint64_t positions[HEDDLE_CHANGE_REMOVE + 1] = {0};
    while (status == HEDDLE_OK && !stop_asked(stage)) {
        const uint64_t start = heddle_clock_ns();
        struct heddle_batch *batch = NULL;
        status = heddle_source_next(stage->pipeline->source, &batch, &error);
        atomic_fetch_add(&counters->read_ns, heddle_clock_ns() - start);
        if (status == HEDDLE_OK) {
            status = place(stage, batch, positions, &error);
        }
    }
    stage->pipeline->rows = positions[HEDDLE_CHANGE_UPSERT];
    atomic_fetch_add(&counters->read_cpu_ns, heddle_clock_thread_cpu_ns());
    if (status != HEDDLE_OK && status != HEDDLE_END && status != HEDDLE_CLOSED) {
        fail(stage, &error);
    }
    heddle_lane_queue_close(stage->work);
    heddle_lane_queue_close(stage->order);
    return NULL;
}

static void mark_done(struct heddle_pipeline_running *stage, struct item *item)
{
    pthread_mutex_lock(&stage->lock);
    item->done = true;
    pthread_cond_broadcast(&stage->item_done);
    pthread_mutex_unlock(&stage->lock);
}

static int embed_items(struct heddle_pipeline_running *stage, struct heddle_embedding_thread *thread,
                       struct heddle_error *error)
{
    struct heddle_pipeline_counters *counters = stage->pipeline->counters;
    void *next = NULL;
    while (heddle_lane_queue_pop(stage->work, &next) == HEDDLE_OK && !has_failed(stage)) {
        struct item *item = next;
        if (stop_asked(stage)) {
            return heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped on request");
        }
        const uint64_t start = heddle_clock_ns();
        const size_t rows = item->batch->rows;
        HEDDLE_TRY(heddle_embedding_run(thread, item->batch, error));
        atomic_fetch_add(&counters->embed_ns, heddle_clock_ns() - start);
        atomic_fetch_add(&counters->rows_embedded, rows);
        mark_done(stage, item);
    }
    return HEDDLE_OK;
}

static void *embed_all(void *argument)
{
    struct heddle_pipeline_running *stage = argument;
    struct heddle_pipeline *pipeline = stage->pipeline;
    struct heddle_error error = {0};
    struct heddle_embedding_thread *thread = NULL;
    int status = heddle_embedding_thread_create(pipeline->slots, pipeline->slot_count, pipeline->memory,
                                                &thread, &error);
    if (status == HEDDLE_OK) {
        status = embed_items(stage, thread, &error);
        pthread_mutex_lock(&stage->lock);
        heddle_embedding_statistics(thread, &pipeline->embedded);
        pthread_mutex_unlock(&stage->lock);
    }
    if (status != HEDDLE_OK) {
        fail(stage, &error);
    }
    heddle_embedding_thread_destroy(thread);
    atomic_fetch_add(&pipeline->counters->embed_cpu_ns, heddle_clock_thread_cpu_ns());
    return NULL;
}

static int start_threads(struct heddle_pipeline_running *stage, struct heddle_error *error)
{
    struct heddle_pipeline *pipeline = stage->pipeline;
    size_t wanted = stage->embeds ? pipeline->threads : 0;
    wanted = wanted > EMBED_THREADS_MAX ? EMBED_THREADS_MAX : wanted;
    while (stage->embedder_count < wanted) {
        if (pthread_create(&stage->embedders[stage->embedder_count], NULL, embed_all, stage) != 0) {
            return heddle_error_set(error, HEDDLE_OUT_OF_MEMORY, "cannot start a thread to embed with");
        }
        stage->embedder_count++;
    }
    if (pthread_create(&stage->reader, NULL, read_all, stage) != 0) {
        return heddle_error_set(error, HEDDLE_OUT_OF_MEMORY, "cannot start a thread to read with");
    }
    stage->reader_started = true;
    return HEDDLE_OK;
}

/* Waits for the item's embedding. False when the pass has failed. */
static bool wait_for(struct heddle_pipeline_running *stage, const struct item *item)
{
    pthread_mutex_lock(&stage->lock);
    while (!item->done && !stage->failed) {
        pthread_cond_wait(&stage->item_done, &stage->lock);
    }
    const bool good = !stage->failed;
    pthread_mutex_unlock(&stage->lock);
    return good;
}

static void item_free(struct item *item)
{
    if (item != NULL) {
        heddle_batch_release(item->batch);
        free(item);
    }
}

static int feed_outlet(struct heddle_pipeline_running *stage, struct heddle_error *error)
{
    const struct heddle_pipeline_outlet *outlet = &stage->pipeline->outlet;
    void *next = NULL;
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && heddle_lane_queue_pop(stage->order, &next) == HEDDLE_OK) {
        struct item *item = next;
        if (wait_for(stage, item)) {
            status = outlet->take(outlet->context, item->batch, error);
        } else {
            status = HEDDLE_CLOSED;
        }
        if (status == HEDDLE_OK) {
            item_free(item);
        } else {
            stage->held = item;
        }
    }
    if (status != HEDDLE_OK && status != HEDDLE_CLOSED) {
        fail(stage, error);
    }
    return status;
}

static void end_threads(struct heddle_pipeline_running *stage)
{
    heddle_lane_queue_close(stage->work);
    heddle_lane_queue_close(stage->order);
    if (stage->reader_started) {
        pthread_join(stage->reader, NULL);
    }
    for (size_t i = 0; i < stage->embedder_count; i++) {
        pthread_join(stage->embedders[i], NULL);
    }
    item_free(stage->held);
    void *left = NULL;
    while (heddle_lane_queue_pop(stage->order, &left) == HEDDLE_OK) {
        item_free(left);
    }
}

static void stage_free(struct heddle_pipeline_running *stage)
{
    heddle_lane_queue_destroy(stage->work);
    heddle_lane_queue_destroy(stage->order);
    pthread_cond_destroy(&stage->item_done);
    pthread_mutex_destroy(&stage->lock);
    free(stage);
}

/* The first reason why it failed. */
static int tell_failure(const struct heddle_pipeline_running *stage, struct heddle_error *error)
{
    if (error != NULL) {
        *error = stage->error;
    }
    return stage->error.status;
}

/* What is left to do once the outlet has all, or the pass has failed. */
static int end_stage(struct heddle_pipeline_running *stage, int status, struct heddle_error *error)
{
    end_threads(stage);
    if (stage->failed) {
        return tell_failure(stage, error);
    }
    if (stop_asked(stage)) {
        return heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped on request");
    }
    const struct heddle_pipeline_outlet *outlet = &stage->pipeline->outlet;
    return status == HEDDLE_OK && outlet->flush != NULL ? outlet->flush(outlet->context, error) : status;
}

int heddle_pipeline_start(struct heddle_pipeline *pipeline, struct heddle_pipeline_running **running_out,
                          struct heddle_error *error)
{
    struct heddle_error reason = {0};
    struct heddle_pipeline_running *stage = heddle_calloc(1, sizeof *stage);
    if (stage == NULL) {
        return heddle_error_out_of_memory(error);
    }
    stage->pipeline = pipeline;
    stage->embeds = pipeline->slot_count > 0 && pipeline->threads > 0;
    pthread_mutex_init(&stage->lock, NULL);
    pthread_cond_init(&stage->item_done, NULL);
    int status = heddle_lane_queue_create(QUEUE_BATCHES, &stage->order, error);
    if (status == HEDDLE_OK) {
        status = heddle_lane_queue_create(QUEUE_BATCHES, &stage->work, error);
    }
    if (status == HEDDLE_OK && start_threads(stage, &reason) != HEDDLE_OK) {
        fail(stage, &reason);
        end_threads(stage);
        status = tell_failure(stage, error);
    }
    if (status != HEDDLE_OK) {
        stage_free(stage);
        return status;
    }
    *running_out = stage;
    return HEDDLE_OK;
}

int heddle_pipeline_finish(struct heddle_pipeline_running *running, struct heddle_error *error)
{
    struct heddle_error reason = {0};
    const int status = end_stage(running, feed_outlet(running, &reason), error);
    stage_free(running);
    return status;
}

void heddle_pipeline_abandon(struct heddle_pipeline_running *running)
{
    if (running != NULL) {
        struct heddle_error reason = {0};
        heddle_error_set(&reason, HEDDLE_CLOSED, "what was read ahead is not wanted");
        fail(running, &reason);
        end_threads(running);
        stage_free(running);
    }
}

int heddle_pipeline_run(struct heddle_pipeline *pipeline, struct heddle_error *error)
{
    struct heddle_pipeline_running *running = NULL;
    HEDDLE_TRY(heddle_pipeline_start(pipeline, &running, error));
    return heddle_pipeline_finish(running, error);
}
