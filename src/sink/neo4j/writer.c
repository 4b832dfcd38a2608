/* writer.c: the loop of a writer thread. */
#include "sink/neo4j/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "sink/neo4j/outbox.h"
#include "sink/neo4j/settle.h"
#include "sink/neo4j/shards.h"

/* Rows that wait longer than this for company are sent as they are. */
static const long IDLE_NS = 200L * 1000 * 1000;

/* With nothing in flight, this share of a transaction is enough to start: the server would idle else. */
enum { EAGER_SHARE = 4 };

/* A second writer would connect while the first is done. */
enum { SMALL_LOAD_ROWS = 2 * HEDDLE_PLAN_ROWS };

/* Encoding takes a small part of the time that the server takes, so a few transactions ahead feed many writers; each may
 * hold 4 MiB. */
enum { AHEAD_MAX = 4 };

static size_t pipeline_depth(const struct heddle_load *load)
{
    const size_t depth = load->options->pipeline_depth;
    return depth < 1 ? 1 : depth > HEDDLE_BOLT_IN_FLIGHT_MAX ? HEDDLE_BOLT_IN_FLIGHT_MAX : depth;
}

static size_t ahead_max(const struct heddle_load *load)
{
    return load->writer_max < AHEAD_MAX ? load->writer_max : AHEAD_MAX;
}

size_t heddle_writers_senders_max(const struct heddle_load *load)
{
    return load->writer_max * pipeline_depth(load);
}

size_t heddle_writers_in_flight_max(const struct heddle_load *load)
{
    return heddle_writers_senders_max(load) + ahead_max(load);
}

int heddle_writer_init(struct heddle_load *load, struct heddle_writer *writer, struct heddle_error *error)
{
    *writer = (struct heddle_writer){.load = load};
    pthread_mutex_lock(&load->lock);
    writer->random = heddle_hash_mix(load->options->seed + load->next_token++);
    pthread_mutex_unlock(&load->lock);
    return heddle_arena_create(0, &writer->arena, error);
}

void heddle_writer_destroy(struct heddle_writer *writer)
{
    heddle_bolt_close(writer->connection);
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

/* True where this writer has to rest; with the lock held. */
static bool rests(const struct heddle_writer *writer)
{
    const struct heddle_load *load = writer->load;
    const bool small = load->options->writers == 0 && load->rows_taken_in <= SMALL_LOAD_ROWS;
    const size_t wanted = small ? 1 : load->adapt.now;
    return writer->index >= wanted;
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

static bool is_ending(const struct heddle_load *load)
{
    return load->failed || load->stopping || load->closing;
}

/* Picks work of at least so many rows, in a transaction. HEDDLE_END where there is none now. With the lock held. */
static int pick(struct heddle_load *load, size_t rows, struct heddle_transaction **transaction_out,
                struct heddle_error *error)
{
    struct heddle_schedule_work *work = NULL;
    struct heddle_transaction *transaction = NULL;
    HEDDLE_TRY(heddle_outbox_get(load->outbox, &transaction, error));
    heddle_shards_phase(load);
    const int status = heddle_scheduler_pick(load->scheduler, rows, &work, error);
    if (status != HEDDLE_OK) {
        heddle_outbox_put(load->outbox, transaction);
        return status;
    }
    const struct heddle_write_plan *plan = load->streams[work->stream];
    heddle_transaction_assign(transaction, plan, work->rows, work->count);
    transaction->work = work;
    transaction->goes_apart = plan->rider_count > 0 && heddle_plan_goes_apart(plan);
    *transaction_out = transaction;
    return HEDDLE_OK;
}

/* Ends the work of a transaction: its parts are free. With the lock held. */
static void release(struct heddle_load *load, struct heddle_transaction *transaction)
{
    heddle_scheduler_done(load->scheduler, transaction->work);
    heddle_outbox_put(load->outbox, transaction);
    pthread_cond_broadcast(&load->work_changed);
}

/* Puts the rows of a transaction that was never sent back to where they came from; with the lock held. Errors:
 * HEDDLE_OUT_OF_MEMORY, the rows are lost then. */
static int give_back(struct heddle_load *load, struct heddle_transaction *transaction,
                     struct heddle_error *error)
{
    const int status = heddle_scheduler_give_back(load->scheduler, transaction->work, error);
    if (status != HEDDLE_OK) {
        release(load, transaction);
        return status;
    }
    heddle_outbox_put(load->outbox, transaction);
    pthread_cond_broadcast(&load->work_changed);
    return HEDDLE_OK;
}

/* Counts the writers that have something to do; with the lock held. */
static void note_at_work(struct heddle_writer *writer, bool at_work)
{
    struct heddle_load *load = writer->load;
    if (writer->at_work != at_work) {
        writer->at_work = at_work;
        load->writers_at_work += at_work ? 1 : (size_t)-1;
    }
    if (load->writers_at_work > load->progress.writers) {
        load->progress.writers = load->writers_at_work;
    }
}

/* The next transaction to send. Waits for one where nothing is in flight on the writer's connection; else HEDDLE_END where
 * there is none now. HEDDLE_CLOSED when the load ends. */
static int take(struct heddle_writer *writer, struct heddle_transaction **transaction_out,
                struct heddle_error *error)
{
    struct heddle_load *load = writer->load;
    bool waited = false;
    int status = HEDDLE_END;
    pthread_mutex_lock(&load->lock);
    note_at_work(writer, writer->sent_count > 0);
    for (;;) {
        if (is_ending(load)) {
            status = HEDDLE_CLOSED;
            break;
        }
        if (writer->sent_count == 0 && rests(writer)) {
            pthread_cond_wait(&load->work_changed, &load->lock);
            continue;
        }
        *transaction_out = heddle_outbox_take(load->outbox);
        status = *transaction_out != NULL ? HEDDLE_OK
                                          : pick(load, rows_wanted(load, waited), transaction_out, error);
        if (status != HEDDLE_END || writer->sent_count > 0) {
            break;
        }
        waited = wait_for_change(load);
    }
    note_at_work(writer, writer->sent_count > 0 || status == HEDDLE_OK);
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* Encodes one transaction for whoever is free first, while the server works. Full ones only: rows that are too few may yet
 * find company. */
static int encode_ahead(const struct heddle_writer *writer, struct heddle_error *error)
{
    struct heddle_load *load = writer->load;
    struct heddle_transaction *transaction = NULL;
    struct heddle_error reason = {0};
    pthread_mutex_lock(&load->lock);
    int status = is_ending(load) || !heddle_outbox_has_room(load->outbox)
                     ? HEDDLE_END
                     : pick(load, SIZE_MAX, &transaction, &reason);
    pthread_mutex_unlock(&load->lock);
    if (status != HEDDLE_OK) {
        return HEDDLE_OK; /* if memory is short, take() will say so when nothing else is left to do */
    }
    status = heddle_transaction_encode(load, heddle_bolt_connection_dialect(writer->connection), transaction,
                                       &reason);
    pthread_mutex_lock(&load->lock);
    /* Others may have filled the room meanwhile. */
    if (status == HEDDLE_OK && heddle_outbox_has_room(load->outbox)) {
        heddle_outbox_post(load->outbox, transaction);
        pthread_cond_broadcast(&load->work_changed);
    } else {
        status = give_back(load, transaction, error);
    }
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* Brings a transaction that nothing is in flight behind to its end. */
static int settle(struct heddle_writer *writer, struct heddle_transaction *transaction,
                  struct heddle_error *error)
{
    struct heddle_load *load = writer->load;
    const int status = heddle_settle(writer, transaction, error);
    pthread_mutex_lock(&load->lock);
    (void)heddle_adapt_note(&load->adapt, transaction->plan->index, transaction->count,
                            load->progress.deadlocks, heddle_clock_ns());
    release(load, transaction);
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* Lets go of a transaction that will not be brought to its end: the load has failed. */
static void abandon(struct heddle_writer *writer, struct heddle_transaction *transaction)
{
    pthread_mutex_lock(&writer->load->lock);
    release(writer->load, transaction);
    pthread_mutex_unlock(&writer->load->lock);
}

static struct heddle_transaction *oldest_sent(struct heddle_writer *writer)
{
    struct heddle_transaction *oldest = writer->sent[0];
    writer->sent_count--;
    for (size_t i = 0; i < writer->sent_count; i++) {
        writer->sent[i] = writer->sent[i + 1];
    }
    return oldest;
}

/* After `first` failed, or has a question to ask: takes in the answers to all that was sent behind it, then brings each
 * transaction to its end, in the order in which they were sent. */
static int settle_all(struct heddle_writer *writer, struct heddle_transaction *first,
                      struct heddle_error *error)
{
    struct heddle_transaction *answered[HEDDLE_BOLT_IN_FLIGHT_MAX + 1];
    size_t count = 0;
    answered[count++] = first;
    while (writer->sent_count > 0) {
        struct heddle_transaction *next = oldest_sent(writer);
        (void)heddle_transaction_receive(writer, next);
        answered[count++] = next;
    }
    int status = HEDDLE_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == HEDDLE_OK) {
            status = settle(writer, answered[i], error);
        } else {
            abandon(writer, answered[i]);
        }
    }
    return status;
}

/* Sends what there is, up to the pipeline's depth. */
static int send_more(struct heddle_writer *writer, struct heddle_error *error)
{
    while (writer->sent_count < pipeline_depth(writer->load)) {
        struct heddle_transaction *transaction = NULL;
        const int status = take(writer, &transaction, error);
        if (status != HEDDLE_OK) {
            return status;
        }
        if (transaction->goes_apart) {
            /* Said like a transaction that the server has refused. */
            transaction->status = HEDDLE_DATABASE;
            transaction->reason = (struct heddle_error){.action = HEDDLE_ACTION_REJECT};
            return settle_all(writer, transaction, error);
        }
        if (heddle_transaction_send(writer, transaction) != HEDDLE_OK) {
            return settle_all(writer, transaction, error);
        }
        writer->sent[writer->sent_count++] = transaction;
    }
    return HEDDLE_OK;
}

/* Waits for the oldest answer. */
static int receive_one(struct heddle_writer *writer, struct heddle_error *error)
{
    struct heddle_transaction *oldest = oldest_sent(writer);
    const int status = heddle_transaction_receive(writer, oldest);
    if (status == HEDDLE_OK && !heddle_answer_asks(oldest)) {
        return settle(writer, oldest, error);
    }
    return settle_all(writer, oldest, error);
}

/* Takes in and settles all that is in flight, since the loop ends with `status`. The first error counts. */
static int wind_up(struct heddle_writer *writer, int status, struct heddle_error *error)
{
    while (writer->sent_count > 0) {
        struct heddle_error later = {0};
        const int settled = receive_one(writer, &later);
        if (settled != HEDDLE_OK && status == HEDDLE_CLOSED) {
            status = settled;
            *error = later;
        }
    }
    return status;
}

int heddle_writer_work(struct heddle_writer *writer, struct heddle_error *error)
{
    for (;;) {
        int status = send_more(writer, error);
        if ((status == HEDDLE_OK || status == HEDDLE_END) && writer->sent_count > 0) {
            status = encode_ahead(writer, error);
            if (status == HEDDLE_OK) {
                status = receive_one(writer, error);
            }
        }
        if (status != HEDDLE_OK) {
            return wind_up(writer, status, error);
        }
    }
}

static void *writer_main(void *context)
{
    struct heddle_load *load = context;
    struct heddle_writer writer;
    struct heddle_error error = {0};
    int status = heddle_writer_init(load, &writer, &error);
    if (status == HEDDLE_OK) {
        pthread_mutex_lock(&load->lock);
        writer.index = load->writers_made++;
        pthread_mutex_unlock(&load->lock);
        status = heddle_writer_work(&writer, &error);
    }
    /* CLOSED is the ordinary end; INTERRUPTED comes from waiting while the load was already ending. */
    if (status != HEDDLE_CLOSED && status != HEDDLE_INTERRUPTED) {
        heddle_load_fail(load, &error);
    }
    heddle_writer_destroy(&writer);
    return NULL;
}

int heddle_writers_start(struct heddle_load *load, struct heddle_error *error)
{
    if (load->outbox == NULL) {
        /* One more than may be in flight: pick() takes it before it knows whether there is work. */
        HEDDLE_TRY(heddle_outbox_create(heddle_writers_in_flight_max(load) + 1, ahead_max(load),
                                        &load->outbox, error));
    }
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
    if (load->outbox == NULL) {
        return;
    }
    pthread_mutex_lock(&load->lock);
    for (struct heddle_transaction *unsent; (unsent = heddle_outbox_take(load->outbox)) != NULL;) {
        (void)!give_back(load, unsent, NULL); /* out of memory or not: nobody will write these rows */
    }
    pthread_mutex_unlock(&load->lock);
    heddle_outbox_destroy(load->outbox);
    load->outbox = NULL;
}
