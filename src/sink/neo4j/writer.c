/* writer.c: the loop of a writer thread. */
#include "sink/neo4j/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sink/neo4j/transaction.h"

/* Rows that wait longer than this for company are sent as they are. */
static const long IDLE_NS = 200L * 1000 * 1000;

/* With nothing in flight, this share of a transaction is enough to start: the server would idle else. */
enum { EAGER_SHARE = 4 };

static int writer_create(struct heddle_load *load, struct heddle_writer *writer, struct heddle_error *error)
{
    *writer = (struct heddle_writer){.load = load};
    pthread_mutex_lock(&load->lock);
    writer->random = heddle_hash_mix(load->options->seed + load->next_token++);
    pthread_mutex_unlock(&load->lock);
    HEDDLE_TRY(heddle_bolt_request_create(&writer->request, error));
    return heddle_arena_create(0, &writer->arena, error);
}

static void writer_destroy(struct heddle_writer *writer)
{
    heddle_bolt_close(writer->connection);
    heddle_bolt_request_destroy(writer->request);
    heddle_arena_destroy(writer->arena);
}

/* The least number of rows that is worth a transaction now; with the lock held. */
static size_t rows_wanted(const struct heddle_load *load, bool waited)
{
    if (load->draining || load->pressed || waited) {
        return 1;
    }
    if (heddle_scheduler_in_flight(load->scheduler) == 0) {
        return HEDDLE_PLAN_ROWS / EAGER_SHARE;
    }
    return SIZE_MAX;
}

/* Waits for a change; answers true where nothing happened for a while although rows are waiting. With the lock held. */
static bool wait_for_change(struct heddle_load *load)
{
    if (heddle_scheduler_pending_rows(load->scheduler) == 0) {
        pthread_cond_wait(&load->work_changed, &load->lock);
        return false;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += IDLE_NS;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_cond_timedwait(&load->work_changed, &load->lock, &until) == ETIMEDOUT;
}

/* The next piece of work. HEDDLE_CLOSED when the load ends. */
static int take_work(struct heddle_load *load, struct heddle_schedule_work **work_out,
                     struct heddle_error *error)
{
    int status = HEDDLE_END;
    bool waited = false;
    pthread_mutex_lock(&load->lock);
    while (status == HEDDLE_END) {
        if (load->failed || load->stopping || load->closing) {
            status = HEDDLE_CLOSED;
            break;
        }
        status = heddle_scheduler_pick(load->scheduler, rows_wanted(load, waited), work_out, error);
        if (status == HEDDLE_END) {
            waited = wait_for_change(load);
        }
    }
    pthread_mutex_unlock(&load->lock);
    return status;
}

static int writer_work(struct heddle_writer *writer, struct heddle_error *error)
{
    struct heddle_load *load = writer->load;
    for (;;) {
        struct heddle_schedule_work *work = NULL;
        HEDDLE_TRY(take_work(load, &work, error));
        pthread_mutex_lock(&load->lock);
        const size_t at_work = heddle_scheduler_in_flight(load->scheduler);
        load->progress.writers = at_work > load->progress.writers ? at_work : load->progress.writers;
        pthread_mutex_unlock(&load->lock);
        const int status =
            heddle_transaction_write(writer, &load->plans[work->stream], work->rows, work->count, error);
        pthread_mutex_lock(&load->lock);
        heddle_scheduler_done(load->scheduler, work);
        pthread_cond_broadcast(&load->work_changed);
        pthread_mutex_unlock(&load->lock);
        if (status != HEDDLE_OK) {
            return status;
        }
    }
}

static void *writer_main(void *context)
{
    struct heddle_load *load = context;
    struct heddle_writer writer;
    struct heddle_error error = {0};
    int status = writer_create(load, &writer, &error);
    if (status == HEDDLE_OK) {
        status = writer_work(&writer, &error);
    }
    /* CLOSED is the ordinary end; INTERRUPTED comes from waiting while the load was already ending. */
    if (status != HEDDLE_CLOSED && status != HEDDLE_INTERRUPTED) {
        heddle_load_fail(load, &error);
    }
    writer_destroy(&writer);
    return NULL;
}

int heddle_writers_start(struct heddle_load *load, struct heddle_error *error)
{
    while (load->thread_count < load->writer_max) {
        if (pthread_create(&load->threads[load->thread_count], NULL, writer_main, load) != 0) {
            break;
        }
        load->thread_count++;
    }
    if (load->thread_count == 0) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the system gives no thread to write with");
    }
    return HEDDLE_OK;
}

void heddle_writers_join(struct heddle_load *load)
{
    if (!load->locks_made) {
        return;
    }
    pthread_mutex_lock(&load->lock);
    load->closing = true;
    pthread_cond_broadcast(&load->work_changed);
    pthread_mutex_unlock(&load->lock);
    for (size_t i = 0; i < load->thread_count; i++) {
        pthread_join(load->threads[i], NULL);
    }
    load->thread_count = 0;
}
