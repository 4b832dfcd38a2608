/* load.c: parcels on their way: taking them in, letting relationships follow their nodes, settling what was written. */
#include "sink/neo4j/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sink/neo4j/encode.h"
#include "sink/neo4j/ids_read.h"
#include "sink/neo4j/writer.h"

int heddle_load_start(struct heddle_load *load, struct heddle_error *error)
{
    const size_t targets = load->options->target_count;
    const struct heddle_schedule_options schedule = {
        .spaces = load->space_count > 0 ? load->space_count : 1,
        .parts = load->parts,
        .writers = heddle_writers_in_flight_max(load),
    };
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->work_changed, NULL);
    pthread_cond_init(&load->room_changed, NULL);
    load->locks_made = true;
    load->counts = heddle_calloc(targets + 1, sizeof *load->counts);
    load->ends_created = heddle_calloc(targets + 1, sizeof *load->ends_created);
    load->recalled = heddle_calloc(targets + 1, sizeof *load->recalled);
    load->samples = heddle_calloc(targets + 1, sizeof *load->samples);
    load->threads = heddle_calloc(load->writer_max, sizeof *load->threads);
    if (load->counts == NULL || load->ends_created == NULL || load->recalled == NULL ||
        load->samples == NULL || load->threads == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < targets; i++) {
        HEDDLE_TRY(heddle_samples_create(load->options->seed + i, &load->samples[i], error));
    }
    HEDDLE_TRY(heddle_fold_create(load->options->seed, 0, &load->fold, error));
    if (!load->options->ends_by_key) {
        HEDDLE_TRY(heddle_ids_create(0, &load->ids, error));
    }
    return heddle_scheduler_create(&schedule, &load->scheduler, error);
}

int heddle_load_add_streams(struct heddle_load *load, struct heddle_error *error)
{
    for (size_t i = 0; i < load->options->target_count; i++) {
        struct heddle_plan *plan = &load->plans[i];
        HEDDLE_TRY(heddle_scheduler_add_stream(load->scheduler, plan->batch_rows, plan->batch_bytes,
                                               &plan->stream, error));
    }
    return HEDDLE_OK;
}

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
    free(load->counts);
    free(load->threads);
    heddle_scheduler_destroy(load->scheduler);
    heddle_fold_destroy(load->fold);
    heddle_ids_destroy(load->ids);
    heddle_buffer_free(&load->key);
    if (load->locks_made) {
        pthread_mutex_destroy(&load->lock);
        pthread_cond_destroy(&load->work_changed);
        pthread_cond_destroy(&load->room_changed);
    }
}

void heddle_load_fail(struct heddle_load *load, const struct heddle_error *error)
{
    pthread_mutex_lock(&load->lock);
    if (!load->failed) {
        load->failed = true;
        load->failure = *error;
    }
    pthread_cond_broadcast(&load->work_changed);
    pthread_cond_broadcast(&load->room_changed);
    pthread_mutex_unlock(&load->lock);
}

bool heddle_load_is_ending(struct heddle_load *load)
{
    pthread_mutex_lock(&load->lock);
    const bool ending = load->failed || load->stopping || load->closing;
    pthread_mutex_unlock(&load->lock);
    return ending;
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
    while (status == HEDDLE_OK &&
           (load->open_bytes >= HEDDLE_LOAD_BYTES_MAX || load->open_rows >= HEDDLE_LOAD_ROWS_MAX)) {
        if (!load->pressed) {
            load->pressed = true;
            pthread_cond_broadcast(&load->work_changed);
        }
        pthread_cond_wait(&load->room_changed, &load->lock);
        status = load_state(load, error);
    }
    load->pressed = false;
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* The part of each row's key in one list of columns. */
static uint32_t *find_parts(struct heddle_load *load, const struct heddle_target_rows *ready,
                            const struct heddle_column *keys, size_t key_count, struct heddle_error *error)
{
    uint32_t *parts = heddle_arena_calloc(ready->owner->arena, ready->row_count + 1, sizeof *parts);
    if (parts == NULL) {
        heddle_error_out_of_memory(error);
        return NULL;
    }
    for (size_t i = 0; i < ready->row_count; i++) {
        heddle_buffer_reset(&load->key);
        /* A list with NaN inside is the one key that is not usable here: it meets nothing, so any part will do. */
        (void)heddle_key_append(&load->key, keys, key_count, ready->rows[i]);
        if (heddle_buffer_check(&load->key, error) != HEDDLE_OK) {
            return NULL;
        }
        const uint64_t hash = heddle_hash_bytes(load->key.bytes, load->key.length, load->options->seed);
        parts[i] = heddle_key_part(hash, load->parts);
    }
    return parts;
}

/* The part of each row's identity. */
static uint32_t *find_identity_parts(struct heddle_load *load, const struct heddle_target_rows *ready,
                                     struct heddle_error *error)
{
    uint32_t *parts = heddle_arena_calloc(ready->owner->arena, ready->row_count + 1, sizeof *parts);
    if (parts == NULL) {
        heddle_error_out_of_memory(error);
        return NULL;
    }
    for (size_t i = 0; i < ready->row_count; i++) {
        heddle_buffer_reset(&load->key);
        (void)heddle_rows_identity(ready, ready->rows[i], &load->key);
        if (heddle_buffer_check(&load->key, error) != HEDDLE_OK) {
            return NULL;
        }
        const uint64_t hash = heddle_hash_bytes(load->key.bytes, load->key.length, load->options->seed);
        parts[i] = heddle_key_part(hash, load->parts);
    }
    return parts;
}

/* What each row of a lot claims (plan.h). */
static int lot_claim(struct heddle_load *load, struct heddle_lot *lot, struct heddle_error *error)
{
    const struct heddle_target *target = lot->plan->target;
    const struct heddle_target_rows *ready = lot->ready;
    switch (lot->plan->claim) {
    case HEDDLE_CLAIM_NOTHING: return HEDDLE_OK;
    case HEDDLE_CLAIM_KEY:
        lot->part_a = find_parts(load, ready, ready->keys, target->key_count, error);
        break;
    case HEDDLE_CLAIM_ENDS:
        lot->part_b = find_parts(load, ready, ready->end_keys, target->end.key_count, error);
        if (lot->part_b == NULL) {
            return HEDDLE_OUT_OF_MEMORY;
        }
        lot->part_a = find_parts(load, ready, ready->start_keys, target->start.key_count, error);
        break;
    case HEDDLE_CLAIM_IDENTITY: lot->part_a = find_identity_parts(load, ready, error); break;
    case HEDDLE_CLAIM_ONE:
        lot->part_a = heddle_arena_calloc(ready->owner->arena, ready->row_count + 1, sizeof *lot->part_a);
        if (lot->part_a == NULL) {
            return heddle_error_out_of_memory(error);
        }
        break;
    }
    return lot->part_a == NULL ? HEDDLE_OUT_OF_MEMORY : HEDDLE_OK;
}

static int lot_prepare(struct heddle_load *load, struct heddle_parcel *parcel, struct heddle_lot *lot,
                       size_t target_index, struct heddle_error *error)
{
    struct heddle_plan *plan = &load->plans[target_index];
    lot->parcel = parcel;
    lot->plan = plan;
    HEDDLE_TRY(heddle_rows_convert(parcel->rows, plan->target, target_index, &load->options->rejects,
                                   &lot->ready, error));
    HEDDLE_TRY(heddle_encode_check(lot->ready, error));
    HEDDLE_TRY(heddle_fold_rows(load->fold, lot->ready, error));
    return lot_claim(load, lot, error);
}

/* Puts the rows of a lot into the scheduler; with the lock held. */
static int lot_schedule(struct heddle_load *load, struct heddle_lot *lot, struct heddle_error *error)
{
    const struct heddle_target_rows *ready = lot->ready;
    for (size_t i = 0; i < ready->row_count; i++) {
        const struct heddle_schedule_row row = {
            .batch = lot,
            .row = ready->rows[i],
            .bytes = heddle_encode_row_bytes(ready, ready->rows[i]),
        };
        HEDDLE_TRY(heddle_scheduler_add_row(
            load->scheduler, lot->plan->stream, lot->plan->space_a,
            lot->part_a == NULL ? HEDDLE_SCHEDULE_NO_PART : lot->part_a[i], lot->plan->space_b,
            lot->part_b == NULL ? HEDDLE_SCHEDULE_NO_PART : lot->part_b[i], row, error));
    }
    return HEDDLE_OK;
}

/* Lets the relationships of all parcels go whose nodes, and those of all before them, are written; with the lock held. */
static int open_gates(struct heddle_load *load, struct heddle_error *error)
{
    while (load->gate != NULL && load->gate->open_nodes == 0) {
        struct heddle_parcel *parcel = load->gate;
        parcel->nodes_done = true;
        load->gate = parcel->next;
        for (size_t i = 0; i < parcel->lot_count; i++) {
            if (parcel->lots[i].waits) {
                parcel->lots[i].waits = false;
                HEDDLE_TRY(lot_schedule(load, &parcel->lots[i], error));
            }
        }
    }
    return HEDDLE_OK;
}

static void parcel_unlink(struct heddle_load *load, struct heddle_parcel *parcel)
{
    if (load->gate == parcel) {
        load->gate = parcel->next;
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
    if (load->gate == NULL) {
        load->gate = parcel;
    }
    load->open_bytes += parcel->bytes;
    load->open_rows += parcel->open;
}

/* Counts what conversion found and puts the parcel on its way; with the lock held. */
static int parcel_admit(struct heddle_load *load, struct heddle_parcel *parcel, struct heddle_error *error)
{
    const size_t read = parcel->rows->batch->rows;
    for (size_t i = 0; i < parcel->lot_count; i++) {
        const struct heddle_lot *lot = &parcel->lots[i];
        struct heddle_target_counts *counts = &load->counts[lot->plan->index];
        counts->read += read;
        counts->rejected += lot->ready->rejected;
        counts->folded += lot->ready->folded;
        load->progress.rows_done += lot->ready->rejected + lot->ready->folded;
        parcel->open += lot->ready->row_count;
        if (lot->plan->target->kind == HEDDLE_TARGET_NODE) {
            parcel->open_nodes += lot->ready->row_count;
        }
    }
    parcel_link(load, parcel);
    for (size_t i = 0; i < parcel->lot_count; i++) {
        struct heddle_lot *lot = &parcel->lots[i];
        lot->waits =
            lot->plan->target->kind == HEDDLE_TARGET_RELATIONSHIP && lot->plan->target->follows_its_nodes;
        if (!lot->waits) {
            HEDDLE_TRY(lot_schedule(load, lot, error));
        }
    }
    HEDDLE_TRY(open_gates(load, error));
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
        parcel->lots = heddle_arena_calloc(parcel->rows->arena, target_count + 1, sizeof *parcel->lots);
        parcel->lot_count = target_count;
        status = parcel->lots == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    }
    for (size_t i = 0; i < target_count && status == HEDDLE_OK; i++) {
        status = lot_prepare(load, parcel, &parcel->lots[i], targets[i], error);
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

int heddle_load_add(struct heddle_load *load, struct heddle_batch *batch, const size_t *targets,
                    size_t target_count, struct heddle_error *error)
{
    HEDDLE_TRY(wait_for_room(load, error));
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i] >= load->options->target_count) {
            return heddle_error_set(error, HEDDLE_INVALID, "there is no target number %zu", targets[i]);
        }
    }
    for (size_t i = 0; i < target_count; i++) {
        heddle_ids_consider(load, &load->plans[targets[i]], batch->rows);
    }
    struct heddle_parcel *parcel = NULL;
    HEDDLE_TRY(parcel_create(load, batch, targets, target_count, &parcel, error));
    struct heddle_error reason = {0};
    pthread_mutex_lock(&load->lock);
    const int status = parcel_admit(load, parcel, &reason);
    pthread_mutex_unlock(&load->lock);
    if (status != HEDDLE_OK) {
        /* Some of its rows may be on their way already: nobody could say which. */
        heddle_load_fail(load, &reason);
        if (error != NULL) {
            *error = reason;
        }
    }
    return status;
}

int heddle_load_drain(struct heddle_load *load, struct heddle_error *error)
{
    pthread_mutex_lock(&load->lock);
    load->draining = true;
    pthread_cond_broadcast(&load->work_changed);
    int status = load_state(load, error);
    while (status == HEDDLE_OK && load->first != NULL) {
        pthread_cond_wait(&load->room_changed, &load->lock);
        status = load_state(load, error);
    }
    load->draining = false;
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* Adds a result to the counters of its target: run-contract section 4. Rows known to repeat an identity are folded, as
 * long as the server did not create them (the first one may have been rejected); what is left had been there before. */
static void count_result(struct heddle_load *load, const struct heddle_plan *plan,
                         const struct heddle_load_result *result)
{
    struct heddle_target_counts *counts = &load->counts[plan->index];
    size_t repeats = 0;
    for (size_t i = 0; i < result->count; i++) {
        const struct heddle_lot *lot = result->rows[i].batch;
        if (result->is_rejected != NULL && result->is_rejected[i]) {
            continue;
        }
        repeats += heddle_rows_is_repeat(lot->ready, result->rows[i].row) ? 1 : 0;
        counts->vectors += heddle_rows_has_vector(lot->ready, result->rows[i].row) ? 1 : 0;
        heddle_samples_offer(load->samples[plan->index], lot->ready, result->rows[i].row);
    }
    const size_t written = result->count - result->rejected;
    const size_t created = result->created < written ? result->created : written;
    const size_t met = written - created;
    const size_t folded = repeats < met ? repeats : met;
    counts->created += created;
    counts->folded += folded;
    counts->matched += met - folded;
    counts->rejected += result->rejected;
    load->ends_created[plan->index] += (int64_t)result->ends_created;
    load->progress.rows_done += result->count;
}

void heddle_load_settle(struct heddle_load *load, const struct heddle_plan *plan,
                        const struct heddle_load_result *result)
{
    struct heddle_error error = {0};
    pthread_mutex_lock(&load->lock);
    count_result(load, plan, result);
    const bool nodes = plan->target->kind == HEDDLE_TARGET_NODE;
    for (size_t i = 0; i < result->count; i++) {
        struct heddle_parcel *parcel = ((struct heddle_lot *)result->rows[i].batch)->parcel;
        parcel->open--;
        parcel->open_nodes -= nodes ? 1 : 0;
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
