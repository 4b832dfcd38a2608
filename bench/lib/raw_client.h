/* raw_client.h: a client that does nothing but send: transactions are encoded before the clock starts, threads send them and
 * wait. The ceiling for anything that prepares its rows while it loads.
 *
 * Transactions may carry two parts (`a`, `b`): no two in flight then share one, in the order they stand.
 */
#ifndef HEDDLE_BENCH_RAW_CLIENT_H
#define HEDDLE_BENCH_RAW_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bolt/failure.h"
#include "bolt/request.h"

enum { RAW_PARTS_MAX = 256, RAW_WRITERS_MAX = 64, RAW_TRIES_MAX = 1000 };
#define RAW_NO_PART UINT32_MAX

struct raw_transaction {
    struct heddle_bolt_request *request;
    size_t rows;
    uint32_t a;
    uint32_t b;
    bool taken;
};

struct raw_result {
    double seconds;
    double wasted; /* seconds of tries that failed, summed over the writers */
    size_t retries;
    size_t deadlocks;
    int64_t relationships_created;
    int64_t nodes_created;
};

struct raw_run {
    struct raw_transaction *list;
    size_t count;
    size_t next;
    bool busy[RAW_PARTS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct raw_result result;
    bool failed;
};

struct raw_writer {
    struct raw_run *run;
    struct heddle_bolt_connection *connection;
    pthread_t thread;
};

static inline bool raw_part_is_busy(const struct raw_run *run, uint32_t part)
{
    return part != RAW_NO_PART && run->busy[part];
}

static inline void raw_part_mark(struct raw_run *run, uint32_t part, bool busy)
{
    if (part != RAW_NO_PART) {
        run->busy[part] = busy;
    }
}

/* The first transaction whose parts are free; waits while all of them are busy; NULL at the end. */
static inline struct raw_transaction *raw_take(struct raw_run *run)
{
    struct raw_transaction *taken = NULL;
    pthread_mutex_lock(&run->lock);
    while (taken == NULL && !run->failed) {
        while (run->next < run->count && run->list[run->next].taken) {
            run->next++;
        }
        if (run->next == run->count) {
            break;
        }
        for (size_t i = run->next; i < run->count && taken == NULL; i++) {
            struct raw_transaction *one = &run->list[i];
            if (!one->taken && !raw_part_is_busy(run, one->a) && !raw_part_is_busy(run, one->b)) {
                taken = one;
            }
        }
        if (taken == NULL) {
            pthread_cond_wait(&run->changed, &run->lock);
        }
    }
    if (taken != NULL) {
        taken->taken = true;
        raw_part_mark(run, taken->a, true);
        raw_part_mark(run, taken->b, true);
    }
    pthread_mutex_unlock(&run->lock);
    return taken;
}

static inline int raw_send(struct raw_writer *writer, struct heddle_arena *arena, uint64_t *random,
                           const struct raw_transaction *one)
{
    struct raw_run *run = writer->run;
    struct heddle_bolt_answer answer = {0};
    for (unsigned tries = 1; tries < RAW_TRIES_MAX; tries++) {
        struct heddle_error error = {0};
        const uint64_t start = heddle_clock_ns();
        heddle_arena_reset(arena);
        int status = heddle_bolt_send(writer->connection, one->request, &error);
        status =
            status != HEDDLE_OK ? status : heddle_bolt_receive(writer->connection, arena, &answer, &error);
        pthread_mutex_lock(&run->lock);
        if (status == HEDDLE_OK) {
            run->result.relationships_created += answer.counters.relationships_created;
            run->result.nodes_created += answer.counters.nodes_created;
        } else {
            run->result.wasted += (double)(heddle_clock_ns() - start) / 1e9;
            run->result.retries++;
            run->result.deadlocks += strstr(error.code, "Deadlock") != NULL ? 1 : 0;
        }
        pthread_mutex_unlock(&run->lock);
        if (status == HEDDLE_OK) {
            return HEDDLE_OK;
        }
        if (error.action != HEDDLE_ACTION_RETRY) {
            fprintf(stderr, "%s: %s\n", error.code, error.message);
            return status;
        }
        heddle_clock_sleep_ms(heddle_bolt_backoff_ms(heddle_bolt_failure_of(&error)->backoff, tries, random));
    }
    return HEDDLE_DATABASE;
}

static inline void *raw_writer_main(void *context)
{
    struct raw_writer *writer = context;
    struct raw_run *run = writer->run;
    struct heddle_arena *arena = NULL;
    uint64_t random = (uint64_t)(uintptr_t)writer;
    bool failed = heddle_arena_create(0, &arena, NULL) != HEDDLE_OK;
    struct raw_transaction *one = NULL;
    while (!failed && (one = raw_take(run)) != NULL) {
        failed = raw_send(writer, arena, &random, one) != HEDDLE_OK;
        pthread_mutex_lock(&run->lock);
        raw_part_mark(run, one->a, false);
        raw_part_mark(run, one->b, false);
        pthread_cond_broadcast(&run->changed);
        pthread_mutex_unlock(&run->lock);
    }
    pthread_mutex_lock(&run->lock);
    run->failed = run->failed || failed;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    heddle_arena_destroy(arena);
    return NULL;
}

/* Sends all transactions over open connections, a thread each. False where one failed for good (said on stderr). */
static inline bool raw_load(struct heddle_bolt_connection **connections, size_t writers,
                            struct raw_transaction *list, size_t count, struct raw_result *result_out)
{
    struct raw_writer threads[RAW_WRITERS_MAX];
    struct raw_run run = {.list = list, .count = count};
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    const uint64_t start = heddle_clock_ns();
    size_t started = 0;
    for (; started < writers && started < RAW_WRITERS_MAX; started++) {
        threads[started] = (struct raw_writer){.run = &run, .connection = connections[started]};
        if (pthread_create(&threads[started].thread, NULL, raw_writer_main, &threads[started]) != 0) {
            break;
        }
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i].thread, NULL);
    }
    run.result.seconds = (double)(heddle_clock_ns() - start) / 1e9;
    pthread_mutex_destroy(&run.lock);
    pthread_cond_destroy(&run.changed);
    *result_out = run.result;
    return started > 0 && !run.failed;
}

#endif
