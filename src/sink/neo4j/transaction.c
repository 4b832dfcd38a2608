/* transaction.c: encoding a transaction, one try of it, and what the ledger is told of it. */
#include "sink/neo4j/transaction.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sink/neo4j/marks.h"
#include "sink/neo4j/patience.h"
#include "sink/neo4j/shards.h"
#include "sink/neo4j/writer.h"

int heddle_transaction_create(struct heddle_transaction **transaction_out, struct heddle_error *error)
{
    struct heddle_transaction *transaction = heddle_calloc(1, sizeof *transaction);
    if (transaction == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_bolt_request_create(&transaction->request, error);
    if (status != HEDDLE_OK) {
        free(transaction);
        return status;
    }
    *transaction_out = transaction;
    return HEDDLE_OK;
}

void heddle_transaction_destroy(struct heddle_transaction *transaction)
{
    if (transaction != NULL) {
        heddle_bolt_request_destroy(transaction->request);
        heddle_wording_free(&transaction->wording);
        free(transaction->riders);
        free(transaction->rider_rows);
        free(transaction);
    }
}

void heddle_transaction_assign(struct heddle_transaction *transaction, const struct heddle_write_plan *plan,
                               const struct heddle_schedule_row *rows, size_t count)
{
    *transaction = (struct heddle_transaction){.plan = plan,
                                               .rows = rows,
                                               .count = count,
                                               .request = transaction->request,
                                               .wording = transaction->wording,
                                               .riders = transaction->riders,
                                               .rider_count = plan->rider_count,
                                               .rider_rows = transaction->rider_rows,
                                               .rider_capacity = transaction->rider_capacity};
    heddle_wording_start(&transaction->wording, plan, rows, count, false);
}

static int make_rider_room(struct heddle_transaction *transaction, struct heddle_error *error)
{
    const size_t wanted = transaction->count * transaction->rider_count;
    if (transaction->riders == NULL) {
        transaction->riders = heddle_calloc(HEDDLE_ROAD_RIDERS_MAX, sizeof *transaction->riders);
    }
    if (wanted > transaction->rider_capacity) {
        free(transaction->rider_rows);
        transaction->rider_rows = heddle_calloc(wanted, sizeof *transaction->rider_rows);
        transaction->rider_capacity = transaction->rider_rows == NULL ? 0 : wanted;
    }
    return transaction->riders == NULL || wanted > transaction->rider_capacity
               ? heddle_error_out_of_memory(error)
               : HEDDLE_OK;
}

int heddle_transaction_make_riders(struct heddle_transaction *transaction, struct heddle_error *error)
{
    if (transaction->riders_made || transaction->rider_count == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(make_rider_room(transaction, error));
    for (size_t i = 0; i < transaction->rider_count; i++) {
        struct heddle_schedule_row *rows = transaction->rider_rows + i * transaction->count;
        for (size_t j = 0; j < transaction->count; j++) {
            const struct heddle_lot *lot = transaction->rows[j].batch;
            rows[j] = (struct heddle_schedule_row){lot->riders[i], transaction->rows[j].row, 0};
        }
        transaction->riders[i] = (struct heddle_transaction){
            .plan = transaction->plan->riders[i],
            .rows = rows,
            .count = transaction->count,
            .wording = {.plan = transaction->plan->riders[i], .sent = transaction->count},
        };
    }
    transaction->riders_made = true;
    return HEDDLE_OK;
}

/* All that travelled together is in the graph: none of it could have been there before. */
static void note_together(struct heddle_transaction *transaction)
{
    const struct heddle_written all = {.matched = transaction->count, .created = transaction->count};
    if (transaction->rider_count > 0) {
        transaction->written = all;
    }
    for (size_t i = 0; i < transaction->rider_count; i++) {
        transaction->riders[i].written = all;
    }
}

static void make_tokens(struct heddle_load *load, struct heddle_transaction *transaction)
{
    if (transaction->token != 0) {
        return;
    }
    transaction->token = heddle_mark_token(load);
    for (size_t i = 0; i < transaction->rider_count; i++) {
        transaction->riders[i].token = heddle_mark_token(load);
    }
}

static int put_mark(const struct heddle_load *load, struct heddle_transaction *transaction,
                    struct heddle_error *error)
{
    struct heddle_buffer parts = {0};
    const size_t count = heddle_shards_locks(load, transaction, &parts);
    const int status = heddle_buffer_check(&parts, error);
    if (status == HEDDLE_OK) {
        heddle_mark_put(transaction->request, load, transaction->token,
                        (const uint32_t *)(const void *)parts.bytes, count);
    }
    heddle_buffer_free(&parts);
    return status;
}

int heddle_transaction_encode(struct heddle_load *load, struct heddle_pack_dialect dialect,
                              struct heddle_transaction *transaction, struct heddle_error *error)
{
    static const char *const metadata[] = {"app", "heddle"};
    const struct heddle_bolt_request_options options = {
        .database = load->ability.database,
        .timeout_ms = load->options->tx_timeout_ms,
        .metadata = metadata,
        .metadata_count = 1,
    };
    const uint64_t start = heddle_clock_ns();
    HEDDLE_TRY(heddle_wording_choose(&transaction->wording, load->ids, error));
    HEDDLE_TRY(heddle_transaction_make_riders(transaction, error));
    make_tokens(load, transaction);
    heddle_bolt_request_begin(transaction->request, dialect, &options);
    HEDDLE_TRY(put_mark(load, transaction, error));
    for (size_t i = 0; i < transaction->rider_count; i++) {
        heddle_mark_put(transaction->request, load, transaction->riders[i].token, NULL, 0);
    }
    heddle_wording_write(&transaction->wording, transaction->request);
    HEDDLE_TRY(heddle_bolt_request_commit(transaction->request, error));
    transaction->dialect = dialect;
    transaction->encoded = true;
    pthread_mutex_lock(&load->lock);
    load->progress.encode_ns += heddle_clock_ns() - start;
    pthread_mutex_unlock(&load->lock);
    return HEDDLE_OK;
}

static bool same_dialect(struct heddle_pack_dialect a, struct heddle_pack_dialect b)
{
    return a.utc == b.utc && a.native_vectors == b.native_vectors && a.uuids == b.uuids;
}

/* Rows and token of one target on disk, once, before anything of them can be in the graph. */
static int note_target(struct heddle_load *load, struct heddle_transaction *transaction,
                       struct heddle_error *error)
{
    const struct heddle_ledger *ledger = &load->options->ledger;
    if (ledger->before_send == NULL || transaction->noted) {
        return HEDDLE_OK;
    }
    uint64_t *positions = heddle_malloc(transaction->count * sizeof *positions);
    if (positions == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < transaction->count; i++) {
        const struct heddle_lot *lot = transaction->rows[i].batch;
        positions[i] = lot->ready->owner->batch->position + transaction->rows[i].row;
    }
    const struct heddle_ledger_rows rows = {
        .target = transaction->plan->index, .count = transaction->count, .positions = positions};
    const int status = ledger->before_send(ledger->context, transaction->token, &rows, error);
    transaction->noted = status == HEDDLE_OK;
    free(positions);
    return status;
}

static int note_rows(struct heddle_load *load, struct heddle_transaction *transaction,
                     struct heddle_error *error)
{
    HEDDLE_TRY(note_target(load, transaction, error));
    for (size_t i = 0; i < transaction->rider_count; i++) {
        HEDDLE_TRY(note_target(load, &transaction->riders[i], error));
    }
    return HEDDLE_OK;
}

/* Adds to the progress what a call to the server took. */
static void note_exchange(struct heddle_writer *writer, uint64_t since)
{
    struct heddle_load *load = writer->load;
    const uint64_t waited = heddle_clock_ns() - since;
    const uint64_t sent = heddle_bolt_connection_traffic(writer->connection).bytes_sent;
    pthread_mutex_lock(&load->lock);
    load->progress.wait_ns += waited;
    load->progress.bytes_sent += sent - (sent < writer->bytes_noted ? 0 : writer->bytes_noted);
    writer->bytes_noted = sent;
    pthread_mutex_unlock(&load->lock);
}

/* All that must stand before the request may leave. */
static int make_ready(struct heddle_writer *writer, struct heddle_transaction *transaction,
                      struct heddle_error *error)
{
    if (writer->connection == NULL || !heddle_bolt_is_open(writer->connection)) {
        HEDDLE_TRY(heddle_patience_connect(writer, error));
    }
    /* Behind one address there may be servers of two versions, while a cluster is being upgraded. */
    const struct heddle_pack_dialect dialect = heddle_bolt_connection_dialect(writer->connection);
    if (!transaction->encoded || !same_dialect(transaction->dialect, dialect)) {
        HEDDLE_TRY(heddle_transaction_encode(writer->load, dialect, transaction, error));
    }
    return note_rows(writer->load, transaction, error);
}

int heddle_transaction_send(struct heddle_writer *writer, struct heddle_transaction *transaction)
{
    transaction->reason = (struct heddle_error){0};
    transaction->status = make_ready(writer, transaction, &transaction->reason);
    if (transaction->status != HEDDLE_OK) {
        transaction->reason.action = HEDDLE_ACTION_FATAL; /* what could be tried was tried */
        return transaction->status;
    }
    transaction->dials = writer->dials;
    const uint64_t start = heddle_clock_ns();
    transaction->status = heddle_bolt_send(writer->connection, transaction->request, &transaction->reason);
    note_exchange(writer, start);
    transaction->uncertain = transaction->uncertain || transaction->reason.action == HEDDLE_ACTION_ASK;
    return transaction->status;
}

/* What the failure of a try says about the transaction. Only the Bolt room knows how far COMMIT got: ASK. */
static void judge_failure(const struct heddle_load *load, const struct heddle_bolt_answer *answer,
                          struct heddle_transaction *transaction)
{
    switch (heddle_mark_judge(load, answer, 1 + transaction->rider_count, &transaction->reason)) {
    case HEDDLE_MARK_INNOCENT: break;
    case HEDDLE_MARK_LOST: transaction->status = heddle_mark_lost(load, &transaction->reason); return;
    case HEDDLE_MARK_THERE:
        if (transaction->uncertain) {
            transaction->lost = transaction->rider_count == 0;
            note_together(transaction);
            transaction->status = HEDDLE_OK;
            transaction->reason = (struct heddle_error){0};
            return;
        }
        transaction->status = heddle_error_set(
            &transaction->reason, HEDDLE_INTERNAL,
            "target %s: a transaction that was never sent before has its mark in the database already (%s)",
            transaction->plan->target->name, load->options->load.id);
        transaction->reason.action = HEDDLE_ACTION_FATAL;
        return;
    }
    const bool unknown = transaction->reason.action == HEDDLE_ACTION_ASK;
    transaction->uncertain = transaction->uncertain || unknown;
    /* With a mark the very same may be said twice; without, only what may run twice. */
    if (!(unknown && load->epoch != 0) &&
        heddle_wording_reword(&transaction->wording, answer, &transaction->reason)) {
        transaction->encoded = false; /* the next send says the rows in other words */
        transaction->reason.action = unknown ? HEDDLE_ACTION_ASK : HEDDLE_ACTION_RETRY;
    }
}

int heddle_transaction_receive(struct heddle_writer *writer, struct heddle_transaction *transaction)
{
    struct heddle_bolt_answer answer;
    const uint64_t start = heddle_clock_ns();
    heddle_arena_reset(writer->arena);
    transaction->status =
        heddle_bolt_receive(writer->connection, writer->arena, &answer, &transaction->reason);
    note_exchange(writer, start);
    if (transaction->status == HEDDLE_OK) {
        answer.counters.nodes_created -= writer->load->epoch != 0 ? 1 : 0; /* the mark */
        transaction->written = heddle_wording_read(&transaction->wording, &answer);
        note_together(transaction);
    } else {
        judge_failure(writer->load, &answer, transaction);
    }
    return transaction->status;
}

int heddle_transaction_give_up(struct heddle_writer *writer, struct heddle_transaction *transaction,
                               struct heddle_error *error)
{
    struct heddle_load *load = writer->load;
    const struct heddle_ledger *ledger = &load->options->ledger;
    if (transaction->uncertain && load->epoch != 0) {
        bool written = false;
        heddle_arena_reset(writer->arena);
        HEDDLE_TRY(
            heddle_mark_close(load, writer->connection, writer->arena, transaction->token, &written, error));
        if (written) {
            transaction->lost = transaction->rider_count == 0;
            note_together(transaction);
            transaction->status = HEDDLE_OK;
            return HEDDLE_OK;
        }
    }
    if (ledger->outcome != NULL && transaction->noted) {
        ledger->outcome(ledger->context, transaction->token, HEDDLE_VERDICT_VOID, NULL);
    }
    /* One mark that can never be made is enough for all of them. */
    for (size_t i = 0; i < transaction->rider_count; i++) {
        if (ledger->outcome != NULL && transaction->riders[i].noted) {
            ledger->outcome(ledger->context, transaction->riders[i].token, HEDDLE_VERDICT_VOID, NULL);
        }
    }
    return HEDDLE_OK;
}
