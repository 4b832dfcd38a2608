/* embed_all.c: one call, many threads: each takes the next chunk of texts until none is left. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/embed.h>

#include "base/cores.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    THREADS_MAX = 256,
    CHUNK_TEXTS = 256, /* some thousand tokens: many groups, yet the last chunk is short */
};

struct shared {
    const struct heddle_embedder *embedder;
    const struct heddle_embed_text *texts;
    size_t count;
    float *vectors;
    struct heddle_embed_status *status;
    atomic_size_t next;
    atomic_bool stop;
};

struct lane {
    pthread_t thread;
    struct shared *shared;
    struct heddle_embedder_worker *worker;
    int result;
    struct heddle_error error;
};

static void *work(void *context)
{
    struct lane *lane = context;
    struct shared *shared = lane->shared;
    const size_t width = heddle_embedder_dimensions(shared->embedder);
    while (!atomic_load(&shared->stop)) {
        const size_t first = atomic_fetch_add(&shared->next, CHUNK_TEXTS);
        if (first >= shared->count) {
            break;
        }
        const size_t count = shared->count - first < CHUNK_TEXTS ? shared->count - first : CHUNK_TEXTS;
        lane->result =
            heddle_embedder_embed(lane->worker, shared->texts + first, count, shared->vectors + first * width,
                                  shared->status == NULL ? NULL : shared->status + first, &lane->error);
        if (lane->result != HEDDLE_OK) {
            atomic_store(&shared->stop, true);
        }
    }
    return NULL;
}

/* The caller's own thread is the first lane; a thread that cannot be started is done without. */
static void run(struct lane *lanes, size_t count)
{
    size_t started = 1;
    while (started < count && pthread_create(&lanes[started].thread, NULL, work, &lanes[started]) == 0) {
        started++;
    }
    work(&lanes[0]);
    for (size_t i = 1; i < started; i++) {
        pthread_join(lanes[i].thread, NULL);
    }
}

static int collect(struct lane *lanes, size_t count, struct heddle_embed_statistics *statistics,
                   struct heddle_error *error)
{
    int status = HEDDLE_OK;
    for (size_t i = 0; i < count; i++) {
        struct heddle_embed_statistics one = {0};
        if (lanes[i].worker != NULL) {
            heddle_embedder_worker_statistics(lanes[i].worker, &one);
        }
        heddle_embed_statistics_add(statistics, &one);
        if (lanes[i].result != HEDDLE_OK && status == HEDDLE_OK) {
            status = lanes[i].result;
            if (error != NULL) {
                *error = lanes[i].error;
            }
        }
        heddle_embedder_worker_destroy(lanes[i].worker);
    }
    return status;
}

int heddle_embedder_embed_all(const struct heddle_embedder *embedder, size_t threads,
                              const struct heddle_embed_text *texts, size_t count, float *vectors_out,
                              struct heddle_embed_status *status_out,
                              struct heddle_embed_statistics *statistics_out, struct heddle_error *error)
{
    struct heddle_embed_statistics statistics = {0};
    struct shared shared = {
        .embedder = embedder, .texts = texts, .count = count, .vectors = vectors_out, .status = status_out};
    const size_t chunks = (count + CHUNK_TEXTS - 1) / CHUNK_TEXTS;
    size_t wanted = threads == 0 ? heddle_cores() : threads;
    wanted = wanted > THREADS_MAX ? THREADS_MAX : wanted;
    wanted = wanted > chunks ? chunks : wanted;
    struct lane *lanes = heddle_calloc(wanted, sizeof *lanes);
    if (lanes == NULL && wanted > 0) {
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    for (size_t i = 0; i < wanted && status == HEDDLE_OK; i++) {
        lanes[i].shared = &shared;
        status = heddle_embedder_worker_create(embedder, &lanes[i].worker, error);
    }
    if (status == HEDDLE_OK && wanted > 0) {
        run(lanes, wanted);
    }
    const int done = collect(lanes, wanted, &statistics, error);
    free(lanes);
    if (statistics_out != NULL) {
        *statistics_out = statistics;
    }
    return status == HEDDLE_OK ? done : status;
}
