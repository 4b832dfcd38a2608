/* load.c: parcels on their way: taking them in, letting relationships follow their nodes, settling what was written. */
#include "sink/neo4j/load.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/layout.h"
#include "schedule/parts.h"
#include "sink/neo4j/encode.h"
#include "sink/neo4j/ids_read.h"
#include "sink/neo4j/resume.h"
#include "sink/neo4j/shards.h"
#include "sink/neo4j/writer.h"

void heddle_load_end(struct heddle_load *load)
{
    while (load->first != NULL) {
        struct heddle_parcel *parcel = load->first;
        load->first = parcel->next;
        heddle_rows_release(parcel->rows);
        free(parcel);
    }
    for (size_t i = 0; load->samples != NULL && i < load->options->target_count; i++) {
        heddle_samples_destroy(load->samples[i]);
    }
    free(load->samples);
    free(load->ends_created);
    free(load->recalled);
    free(load->perhaps);
    free(load->counts);
    free(load->threads);
    free(load->streams);
    free(load->avoided);
    heddle_scheduler_destroy(load->scheduler);
    heddle_window_destroy(load->window);
    heddle_flight_destroy(load->flight);
    heddle_buffer_free(&load->flight_keys);
    heddle_fold_destroy(load->fold);
    heddle_ids_destroy(load->ids);
    heddle_buffer_free(&load->key);
    if (load->locks_made) {
        pthread_mutex_destroy(&load->lock);
        pthread_cond_destroy(&load->work_changed);
        pthread_cond_destroy(&load->room_changed);
    }
}

/* The first failure is the one that counts; with the lock held. */
static void note_failure(struct heddle_load *load, const struct heddle_error *error)
{
    if (!load->failed) {
        load->failed = true;
        load->failure = *error;
    }
    pthread_cond_broadcast(&load->work_changed);
    pthread_cond_broadcast(&load->room_changed);
}

void heddle_load_fail(struct heddle_load *load, const struct heddle_error *error)
{
    pthread_mutex_lock(&load->lock);
    note_failure(load, error);
    pthread_mutex_unlock(&load->lock);
}

bool heddle_load_is_ending(struct heddle_load *load)
{
    pthread_mutex_lock(&load->lock);
    const bool ending = load->failed || load->stopping || load->closing;
    pthread_mutex_unlock(&load->lock);
    return ending;
}

/* Puts the rows of a lot into the scheduler, or leaves them with the window; with the lock held. */
static int lot_schedule(struct heddle_load *load, struct heddle_lot *lot, struct heddle_error *error)
{
    const size_t count = lot->row_count;
    lot->held = lot->claims && heddle_window_holds(load->window);
    load->holds = load->holds || lot->held;
    if (lot->held || count == 0) {
        return HEDDLE_OK;
    }
    if (lot->claims) {
        return heddle_window_schedule(load->window, load->scheduler, lot, lot->rows, count, error);
    }
    size_t added = 0;
    return heddle_scheduler_add_rows(load->scheduler, lot->plan->stream, 0, NULL, 0, NULL, lot->rows, count,
                                     &added, error);
}

/* Schedules what the window held, if it does so no longer; with the lock held. */
static int let_go(struct heddle_load *load, struct heddle_error *error)
{
    if (!load->holds || heddle_window_holds(load->window)) {
        return HEDDLE_OK;
    }
    load->holds = false;
    for (struct heddle_parcel *parcel = load->first; parcel != NULL; parcel = parcel->next) {
        for (size_t i = 0; i < parcel->lot_count; i++) {
            if (parcel->lots[i].held) {
                HEDDLE_TRY(lot_schedule(load, &parcel->lots[i], error));
            }
        }
    }
    pthread_cond_broadcast(&load->work_changed);
    return HEDDLE_OK;
}

/* An edge of the window; with the lock held, by the caller's thread. */
static int turn(struct heddle_load *load, bool last, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_window_edge(load->window, load->scheduler, last, error));
    return let_go(load, error);
}

/* Work has ended: a change of parts may be complete, and what waited for that may go. With the lock held. */
static void work_ended(void *context, const struct heddle_schedule_work *work)
{
    struct heddle_load *load = context;
    struct heddle_error error = {0};
    heddle_flight_leave(load->flight, work->id);
    int status = heddle_window_advance(load->window, load->scheduler, &error);
    if (status == HEDDLE_OK) {
        status = let_go(load, &error);
    }
    if (status != HEDDLE_OK) {
        note_failure(load, &error);
    }
    if (heddle_scheduler_in_flight(load->scheduler) == 0) {
        pthread_cond_broadcast(&load->room_changed);
    }
}

#ifndef NDEBUG
/* Debug builds: no two transactions in flight may touch one node. */
static void work_picked(void *context, const struct heddle_schedule_work *work)
{
    struct heddle_load *load = context;
    struct heddle_flight_clash clash;
    heddle_buffer_reset(&load->flight_keys);
    size_t count = 0;
    for (size_t i = 0; i < work->count; i++) {
        const struct heddle_lot *lot = work->rows[i].batch;
        uint64_t row_keys[HEDDLE_TOUCHES_MAX];
        const size_t some =
            !lot->claims ? 0 : heddle_window_keys(load->window, lot, work->rows[i].row, row_keys);
        heddle_buffer_append(&load->flight_keys, row_keys, some * sizeof row_keys[0]);
        count += some;
    }
    if (load->flight_keys.failed) {
        return; /* no memory to check with */
    }
    uint64_t *keys = (uint64_t *)(void *)load->flight_keys.bytes;
    const bool alone = heddle_flight_enter(load->flight, work->id, keys, count, &clash);
    assert(alone);
    (void)alone;
}
#endif

static struct heddle_schedule_watch load_watch(struct heddle_load *load)
{
    return (struct heddle_schedule_watch){
        .context = load,
#ifndef NDEBUG
        .picked = work_picked,
#endif
        .ended = work_ended,
    };
}

int heddle_load_start(struct heddle_load *load, struct heddle_error *error)
{
    const size_t targets = load->options->target_count;
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->work_changed, NULL);
    pthread_cond_init(&load->room_changed, NULL);
    load->locks_made = true;
    load->counts = heddle_calloc(targets + 1, sizeof *load->counts);
    load->ends_created = heddle_calloc(targets + 1, sizeof *load->ends_created);
    load->recalled = heddle_calloc(targets + 1, sizeof *load->recalled);
    load->perhaps = heddle_calloc(targets + 1, sizeof *load->perhaps);
    load->samples = heddle_calloc(targets + 1, sizeof *load->samples);
    load->threads = heddle_calloc(load->writer_max, sizeof *load->threads);
    if (load->counts == NULL || load->ends_created == NULL || load->recalled == NULL ||
        load->perhaps == NULL || load->samples == NULL || load->threads == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < targets; i++) {
        HEDDLE_TRY(heddle_samples_create(load->options->seed + i, &load->samples[i], error));
    }
    HEDDLE_TRY(heddle_fold_create(load->options->seed, 0, &load->fold, error));
    load->times = (load->writer_max + HEDDLE_LOAD_WRITERS_EACH - 1) / HEDDLE_LOAD_WRITERS_EACH;
    load->times = load->times > HEDDLE_LOAD_TIMES_MAX ? HEDDLE_LOAD_TIMES_MAX : load->times;
    /* Where the server does not tell its cores, two writers are a start. */
    const size_t start = load->ability.cores > 0 || load->writer_max < 2 ? load->writer_max : 2;
    const bool asked = load->options->writers > 0;
    heddle_adapt_start(&load->adapt, asked ? load->writer_max : start, load->writer_max, asked);
    load->parts =
        heddle_layout_of(HEDDLE_LAYOUT_WITHIN, heddle_writers_in_flight_max(load), UINT64_MAX, 1).parts;
    if (!load->options->ends_by_key) {
        HEDDLE_TRY(heddle_ids_create(0, &load->ids, error));
    }
    return heddle_flight_create(&load->flight, error);
}

/* What schedules rows, now that it is known what they claim. */
static int make_scheduler(struct heddle_load *load, struct heddle_error *error)
{
    const struct heddle_window_options window = {
        .plans = load->plans,
        .plan_count = load->options->target_count,
        .space_count = load->space_count,
        .parts_max = load->parts,
        .writers = heddle_writers_in_flight_max(load),
        .senders = heddle_writers_senders_max(load),
        .rows_waiting_max = HEDDLE_LOAD_ROWS_MAX * load->times,
        .keys = load->window_keys,
        .fixed_parts = heddle_load_is_shard(load) ? load->parts : 0,
    };
    HEDDLE_TRY(heddle_window_create(&window, &load->window, error));
    if (heddle_load_is_shard(load)) {
        load->avoided =
            heddle_calloc(heddle_window_spaces(load->window) * heddle_window_parts(load->window), 1);
        if (load->avoided == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    const struct heddle_schedule_options schedule = {
        .spaces = heddle_window_spaces(load->window),
        .parts = heddle_window_parts(load->window),
        .writers = heddle_writers_in_flight_max(load),
        .watch = load_watch(load),
    };
    HEDDLE_TRY(heddle_scheduler_create(&schedule, &load->scheduler, error));
    for (size_t i = 0; heddle_load_is_shard(load) && i < schedule.spaces; i++) {
        heddle_scheduler_share(load->scheduler, i, load->parts,
                               window.senders * load->options->shard.share.count);
    }
    return HEDDLE_OK;
}

static int add_stream(struct heddle_load *load, struct heddle_write_plan *plan, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_scheduler_add_stream(load->scheduler, plan->batch_rows, plan->batch_bytes,
                                           &plan->stream, error));
    load->streams[plan->stream] = plan;
    return HEDDLE_OK;
}

int heddle_load_add_streams(struct heddle_load *load, struct heddle_error *error)
{
    HEDDLE_TRY(make_scheduler(load, error));
    load->streams = heddle_calloc(2 * load->options->target_count + 1, sizeof(struct heddle_write_plan *));
    if (load->streams == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < load->options->target_count; i++) {
        HEDDLE_TRY(add_stream(load, &load->plans[i], error));
        if (load->plans[i].together != NULL) {
            HEDDLE_TRY(add_stream(load, load->plans[i].together, error));
        }
    }
    return HEDDLE_OK;
}

/* What a waiting caller is told; with the lock held. */
static int load_state(const struct heddle_load *load, struct heddle_error *error)
{
    if (load->failed) {
        if (error != NULL) {
            *error = load->failure;
        }
        return load->failure.status;
    }
    if (load->stopping) {
        return heddle_error_set(
            error, HEDDLE_INTERRUPTED,
            "stopped on request: transactions under way were finished, the rest was not sent");
    }
    return HEDDLE_OK;
}

/* Waits until a new parcel may come in. */
static int wait_for_room(struct heddle_load *load, struct heddle_error *error)
{
    pthread_mutex_lock(&load->lock);
    int status = load_state(load, error);
    while (status == HEDDLE_OK && (load->open_bytes >= HEDDLE_LOAD_BYTES_MAX * load->times ||
                                   load->open_rows >= HEDDLE_LOAD_ROWS_MAX * load->times)) {
        if (!load->pressed) {
            load->pressed = true;
            pthread_cond_broadcast(&load->work_changed);
            if (heddle_window_is_new(load->window)) {
                status = turn(load, false, error); /* what it waits for is no longer coming */
                continue;
            }
        }
        pthread_cond_wait(&load->room_changed, &load->lock);
        status = load_state(load, error);
    }
    load->pressed = false;
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* Which rows a lot's rows wait for (load.h). */
static enum heddle_rank rank_of(const struct heddle_write_plan *plan)
{
    if (plan->rider_count > 0) {
        return HEDDLE_RANK_TOGETHER;
    }
    if (plan->together != NULL) {
        return HEDDLE_RANK_APART;
    }
    const bool follows = plan->target->kind == HEDDLE_TARGET_RELATIONSHIP && plan->target->follows_its_nodes;
    return follows ? HEDDLE_RANK_FOLLOW : HEDDLE_RANK_NODES;
}

static int lot_convert(struct heddle_load *load, struct heddle_parcel *parcel, struct heddle_lot *lot,
                       size_t target_index, struct heddle_error *error)
{
    struct heddle_write_plan *plan = &load->plans[target_index];
    lot->parcel = parcel;
    lot->plan = plan;
    lot->rank = rank_of(plan);
    HEDDLE_TRY(heddle_rows_convert(parcel->rows, plan->target, target_index, &load->options->rejects,
                                   &lot->ready, error));
    HEDDLE_TRY(heddle_encode_check(lot->ready, error));
    HEDDLE_TRY(heddle_recall_ask(&load->options->ledger, lot->ready, error));
    HEDDLE_TRY(heddle_fold_rows(load->fold, lot->ready, error));
    return heddle_recall_split(lot->ready, &lot->recalled, error);
}

int heddle_load_claim(struct heddle_load *load, struct heddle_lot *lot, struct heddle_error *error)
{
    /* One writer meets nobody in this process, and takes rows in the order they came. */
    if (lot->claims || lot->plan->claim == HEDDLE_CLAIM_NOTHING ||
        (load->writer_max == 1 && !heddle_shards_plan_locks(load, lot->plan))) {
        return HEDDLE_OK;
    }
    lot->claims = true;
    HEDDLE_TRY(heddle_touches_find(lot->ready, lot->plan->claim, load->options->seed, &load->key,
                                   &lot->touches, error));
    heddle_window_count(load->window, lot);
    return HEDDLE_OK;
}

/* The rows that are left to a target's own lot. */
static int lot_fill(struct heddle_load *load, struct heddle_lot *lot, struct heddle_error *error)
{
    const struct heddle_target_rows *ready = lot->ready;
    HEDDLE_TRY(heddle_load_claim(load, lot, error));
    lot->rows = heddle_arena_calloc(ready->owner->arena, ready->row_count + 1, sizeof *lot->rows);
    if (lot->rows == NULL) {
        return heddle_error_out_of_memory(error);
    }
    lot->row_count = ready->row_count;
    for (size_t i = 0; i < ready->row_count; i++) {
        const uint32_t row = ready->rows[i];
        lot->rows[i] = (struct heddle_schedule_row){lot, row, heddle_encode_row_bytes(ready, row)};
    }
    return HEDDLE_OK;
}

static bool is_clear(const struct heddle_parcel *parcel, size_t rank)
{
    for (size_t i = 0; i < rank; i++) {
        if (parcel->open_nodes[i] > 0) {
            return false;
        }
    }
    return true;
}

/* Lets the rows of a rank go, parcel by parcel, as far as all rows of the ranks before it are written, in the parcel and
 * in those before it; with the lock held. */
static int open_gate(struct heddle_load *load, size_t rank, struct heddle_error *error)
{
    while (load->gates[rank] != NULL && is_clear(load->gates[rank], rank)) {
        struct heddle_parcel *parcel = load->gates[rank];
        load->gates[rank] = parcel->next;
        for (size_t i = 0; i < parcel->lot_count; i++) {
            if (parcel->lots[i].waits && parcel->lots[i].rank == rank) {
                parcel->lots[i].waits = false;
                HEDDLE_TRY(lot_schedule(load, &parcel->lots[i], error));
            }
        }
    }
    return HEDDLE_OK;
}

static int open_gates(struct heddle_load *load, struct heddle_error *error)
{
    for (size_t rank = HEDDLE_RANK_NODES + 1; rank < HEDDLE_RANKS; rank++) {
        HEDDLE_TRY(open_gate(load, rank, error));
    }
    return HEDDLE_OK;
}

static void parcel_unlink(struct heddle_load *load, struct heddle_parcel *parcel)
{
    for (size_t rank = 0; rank < HEDDLE_RANKS; rank++) {
        if (load->gates[rank] == parcel) {
            load->gates[rank] = parcel->next;
        }
    }
    *(parcel->previous == NULL ? &load->first : &parcel->previous->next) = parcel->next;
    *(parcel->next == NULL ? &load->last : &parcel->next->previous) = parcel->previous;
    load->open_bytes -= parcel->bytes;
    heddle_rows_release(parcel->rows);
    free(parcel);
}

static void parcel_link(struct heddle_load *load, struct heddle_parcel *parcel)
{
    parcel->previous = load->last;
    *(load->last == NULL ? &load->first : &load->last->next) = parcel;
    load->last = parcel;
    for (size_t rank = 0; rank < HEDDLE_RANKS; rank++) {
        if (load->gates[rank] == NULL) {
            load->gates[rank] = parcel;
        }
    }
    load->open_bytes += parcel->bytes;
    load->open_rows += parcel->open;
    load->rows_taken_in += parcel->open;
}

/* Adds the rows of a lot to those whose fate is to be known. Those that take relationships along count once for each target. */
static void count_open(struct heddle_load *load, struct heddle_parcel *parcel, const struct heddle_lot *lot)
{
    const struct heddle_write_plan *plan = lot->plan;
    const size_t rows = lot->row_count + lot->recalled.written_count;
    parcel->open += rows * (1 + plan->rider_count);
    parcel->open_nodes[lot->rank] += plan->target->kind == HEDDLE_TARGET_NODE ? rows : 0;
    if (plan->rider_count > 0) {
        return; /* the target's own lot has counted what conversion found */
    }
    struct heddle_target_counts *counts = &load->counts[plan->index];
    counts->read += parcel->rows->batch->rows - lot->ready->others - lot->ready->left_out;
    counts->rejected += lot->ready->rejected;
    counts->folded += lot->ready->folded;
    load->progress.rows_done += lot->ready->rejected + lot->ready->folded + lot->recalled.done_count;
}

/* Counts what conversion found and puts the parcel on its way; with the lock held. */
static int parcel_admit(struct heddle_load *load, struct heddle_parcel *parcel, struct heddle_error *error)
{
    for (size_t i = 0; i < parcel->lot_count; i++) {
        count_open(load, parcel, &parcel->lots[i]);
    }
    parcel_link(load, parcel);
    for (size_t i = 0; i < parcel->lot_count; i++) {
        struct heddle_lot *lot = &parcel->lots[i];
        lot->waits = lot->rank > HEDDLE_RANK_NODES;
        if (!lot->waits) {
            HEDDLE_TRY(lot_schedule(load, lot, error));
        }
    }
    HEDDLE_TRY(open_gates(load, error));
    if (heddle_window_is_due(load->window)) {
        HEDDLE_TRY(turn(load, false, error));
    }
    if (parcel->open == 0) {
        parcel_unlink(load, parcel);
    }
    pthread_cond_broadcast(&load->work_changed);
    return HEDDLE_OK;
}

static int parcel_create(struct heddle_load *load, struct heddle_batch *batch, const size_t *targets,
                         size_t target_count, struct heddle_parcel **parcel_out, struct heddle_error *error)
{
    struct heddle_parcel *parcel = heddle_calloc(1, sizeof *parcel);
    if (parcel == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = heddle_rows_create(batch, &parcel->rows, error);
    if (status == HEDDLE_OK) {
        parcel->rows->share = &load->options->shard.share;
        /* Each node target may have two. */
        parcel->lots = heddle_arena_calloc(parcel->rows->arena, 2 * target_count + 1, sizeof *parcel->lots);
        parcel->lot_count = target_count;
        status = parcel->lots == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    }
    for (size_t i = 0; i < target_count && status == HEDDLE_OK; i++) {
        status = lot_convert(load, parcel, &parcel->lots[i], targets[i], error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_load_part_together(load, parcel, target_count, error);
    }
    for (size_t i = 0; i < target_count && status == HEDDLE_OK; i++) {
        status = lot_fill(load, &parcel->lots[i], error);
    }
    if (status != HEDDLE_OK) {
        heddle_rows_release(parcel->rows);
        free(parcel);
        return status;
    }
    parcel->bytes = heddle_arena_bytes(batch->arena) + heddle_arena_bytes(parcel->rows->arena);
    *parcel_out = parcel;
    return HEDDLE_OK;
}

static bool parcel_has_written(const struct heddle_parcel *parcel)
{
    for (size_t i = 0; i < parcel->lot_count; i++) {
        if (parcel->lots[i].recalled.written_count > 0) {
            return true;
        }
    }
    return false;
}

/* The first batch, and the first after a drain, begins a pass: its targets are what is written side by side. */
static void begin_pass(struct heddle_load *load, const size_t *targets, size_t target_count)
{
    if (load->under_way) {
        return;
    }
    pthread_mutex_lock(&load->lock);
    load->under_way = true;
    heddle_window_begin(load->window, targets, target_count);
    pthread_mutex_unlock(&load->lock);
}

static int batch_add(struct heddle_load *load, struct heddle_batch *batch, const size_t *targets,
                     size_t target_count, struct heddle_error *error)
{
    HEDDLE_TRY(wait_for_room(load, error));
    for (size_t i = 0; i < target_count; i++) {
        heddle_ids_consider(load, &load->plans[targets[i]], batch->rows);
    }
    begin_pass(load, targets, target_count);
    struct heddle_parcel *parcel = NULL;
    HEDDLE_TRY(parcel_create(load, batch, targets, target_count, &parcel, error));
    struct heddle_error reason = {0};
    /* A parcel with such rows stays until they are counted; without, it may be gone when it is admitted. */
    const bool counts_written = parcel_has_written(parcel);
    pthread_mutex_lock(&load->lock);
    int status = parcel_admit(load, parcel, &reason);
    pthread_mutex_unlock(&load->lock);
    if (status == HEDDLE_OK && counts_written) {
        status = heddle_resume_count(load, parcel, &reason);
    }
    if (status != HEDDLE_OK) {
        /* Some of its rows may be on their way already: nobody could say which. */
        heddle_load_fail(load, &reason);
        if (error != NULL) {
            *error = reason;
        }
    }
    return status;
}

/* What is known of rows may be gone: identities that were seen, rows to look up again. */
static int forget_rows(struct heddle_load *load, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    heddle_fold_clear(load->fold);
    pthread_mutex_lock(&load->lock);
    load->removed = true;
    for (size_t i = 0; i < load->options->target_count && status == HEDDLE_OK; i++) {
        heddle_samples_destroy(load->samples[i]);
        load->samples[i] = NULL;
        status = heddle_samples_create(load->options->seed + i, &load->samples[i], error);
    }
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* The relationships of a batch, then its nodes: a node takes its relationships along, and no two transactions should delete one. */
static int removals_add(struct heddle_load *load, struct heddle_batch *batch, const size_t *targets,
                        size_t target_count, struct heddle_error *error)
{
    HEDDLE_TRY(forget_rows(load, error));
    for (int kind = HEDDLE_TARGET_RELATIONSHIP; kind >= HEDDLE_TARGET_NODE; kind--) {
        for (size_t i = 0; i < target_count; i++) {
            if ((int)load->options->targets[targets[i]].kind == kind) {
                HEDDLE_TRY(batch_add(load, batch, &targets[i], 1, error));
            }
        }
        HEDDLE_TRY(heddle_load_drain(load, error));
    }
    return HEDDLE_OK;
}

int heddle_load_add(struct heddle_load *load, struct heddle_batch *batch, const size_t *targets,
                    size_t target_count, struct heddle_error *error)
{
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i] >= load->options->target_count) {
            return heddle_error_set(error, HEDDLE_INVALID, "there is no target number %zu", targets[i]);
        }
    }
    if (target_count > 0 && load->options->targets[targets[0]].removes) {
        HEDDLE_TRY(heddle_load_drain(load, error));
        return removals_add(load, batch, targets, target_count, error);
    }
    return batch_add(load, batch, targets, target_count, error);
}

int heddle_load_drain(struct heddle_load *load, struct heddle_error *error)
{
    pthread_mutex_lock(&load->lock);
    load->draining = true;
    pthread_cond_broadcast(&load->work_changed);
    int status = load_state(load, error);
    if (status == HEDDLE_OK && load->first != NULL && heddle_window_is_new(load->window)) {
        status = turn(load, true, error);
    }
    /* Parts are free again before the next pass deals them anew. */
    while (status == HEDDLE_OK && (load->first != NULL || heddle_scheduler_in_flight(load->scheduler) > 0)) {
        pthread_cond_wait(&load->room_changed, &load->lock);
        status = load_state(load, error);
    }
    load->draining = false;
    load->under_way = false;
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* Adds a result to the counters of its target: run-contract section 4. Rows known to repeat an identity are folded, as
 * long as the server did not create them (the first one may have been rejected); what is left had been there before. */
static struct heddle_ledger_sums count_result(struct heddle_load *load, const struct heddle_write_plan *plan,
                                              const struct heddle_load_result *result)
{
    struct heddle_ledger_sums sums = {.rejected = result->rejected};
    size_t repeats = 0;
    for (size_t i = 0; i < result->count; i++) {
        const struct heddle_lot *lot = result->rows[i].batch;
        if (result->is_rejected != NULL && result->is_rejected[i]) {
            continue;
        }
        repeats += heddle_rows_is_repeat(lot->ready, result->rows[i].row) ? 1 : 0;
        sums.vectors += heddle_rows_has_vector(lot->ready, result->rows[i].row) ? 1 : 0;
        if (!plan->target->removes) {
            heddle_samples_offer(load->samples[plan->index], lot->ready, result->rows[i].row);
        }
    }
    const size_t written = result->count - result->rejected;
    const size_t created = result->created < written ? result->created : written;
    const size_t met = written - created;
    const size_t folded = repeats < met ? repeats : met;
    sums.created = created;
    sums.folded = folded;
    sums.matched = met - folded;
    heddle_target_counts_add(&load->counts[plan->index], &sums);
    load->ends_created[plan->index] += (int64_t)result->ends_created;
    load->progress.rows_done += result->count;
    return sums;
}

void heddle_load_settle(struct heddle_load *load, const struct heddle_write_plan *plan,
                        const struct heddle_load_result *result)
{
    struct heddle_error error = {0};
    const struct heddle_ledger *ledger = &load->options->ledger;
    pthread_mutex_lock(&load->lock);
    const struct heddle_ledger_sums sums = count_result(load, plan, result);
    pthread_mutex_unlock(&load->lock);
    if (result->token != 0 && ledger->outcome != NULL) {
        ledger->outcome(ledger->context, result->token, HEDDLE_VERDICT_SETTLED, &sums);
    }
    pthread_mutex_lock(&load->lock);
    const bool nodes = plan->target->kind == HEDDLE_TARGET_NODE;
    for (size_t i = 0; i < result->count; i++) {
        const struct heddle_lot *lot = result->rows[i].batch;
        struct heddle_parcel *parcel = lot->parcel;
        parcel->open--;
        parcel->open_nodes[lot->rank] -= nodes ? 1 : 0;
        if (parcel->open == 0) {
            /* Waiting rows are open rows, so nothing waits here. */
            parcel_unlink(load, parcel);
        }
    }
    load->open_rows -= result->count;
    const int status = open_gates(load, &error);
    pthread_cond_broadcast(&load->work_changed);
    pthread_cond_broadcast(&load->room_changed);
    pthread_mutex_unlock(&load->lock);
    if (status != HEDDLE_OK) {
        heddle_load_fail(load, &error);
    }
}
