/* settle.c: halving a transaction until each of its rows is written or rejected. */
#include "sink/neo4j/settle.h"

#include "sink/neo4j/retry.h"

/* In order, one half after the other, by the writer that holds the parts. Depth: log2 of the rows. */
static int settle_halves(struct heddle_writer *writer, struct heddle_transaction *transaction,
                         struct heddle_error *error)
{
    const struct heddle_write_plan *plan = transaction->plan;
    const struct heddle_schedule_row *rows = transaction->rows;
    const size_t count = transaction->count;
    const size_t half = count / 2;
    HEDDLE_TRY(heddle_settle_rows(writer, transaction, plan, rows, half, error));
    return heddle_settle_rows(writer, transaction, plan, rows + half, count - half, error);
}

/* A transaction that is never to be sent again as it is, for SPLIT or REJECT. */
static int settle_failed(struct heddle_writer *writer, struct heddle_transaction *transaction,
                         struct heddle_error *error)
{
    if (transaction->count == 1 && !transaction->uncertain) {
        return heddle_answer_reject(writer, transaction, error);
    }
    HEDDLE_TRY(heddle_transaction_give_up(writer, transaction, error));
    if (transaction->status == HEDDLE_OK) {
        return heddle_answer_account(writer, transaction, error);
    }
    transaction->noted = false; /* the ledger has its verdict */
    return transaction->count > 1 ? settle_halves(writer, transaction, error)
                                  : heddle_answer_reject(writer, transaction, error);
}

/* Nodes that could not be written together with their relationships: a row misses an end, or the server refuses one. Each
 * target's rows go by themselves, nodes first, as they do on other roads; the writer holds the parts of the nodes all the
 * while, and every relationship of this transaction starts at one of them. */
static int settle_apart(struct heddle_writer *writer, struct heddle_transaction *transaction,
                        struct heddle_error *error)
{
    const struct heddle_write_plan *together = transaction->plan;
    const struct heddle_schedule_row *rows = transaction->rows;
    const size_t count = transaction->count;
    const bool careful = transaction->wording.careful;
    HEDDLE_TRY(heddle_transaction_make_riders(transaction, error));
    HEDDLE_TRY(heddle_transaction_give_up(writer, transaction, error));
    if (transaction->status == HEDDLE_OK) {
        return heddle_answer_account(writer, transaction, error);
    }
    const struct heddle_schedule_row *rider_rows = transaction->rider_rows;
    HEDDLE_TRY(
        heddle_settle_rows(writer, transaction, &writer->load->plans[together->index], rows, count, error));
    for (size_t i = 0; i < together->rider_count; i++) {
        transaction->wording.careful = careful;
        HEDDLE_TRY(heddle_settle_rows(writer, transaction, together->riders[i], rider_rows + i * count, count,
                                      error));
    }
    return HEDDLE_OK;
}

/* Counts how often travelling together fails, which may end it (plan.h). */
static void note_together(struct heddle_load *load, const struct heddle_transaction *transaction, bool failed)
{
    if (transaction->plan->rider_count > 0 && !transaction->goes_apart) {
        struct heddle_write_plan *plan = load->plans[transaction->plan->index].together;
        pthread_mutex_lock(&load->lock);
        plan->tried++;
        plan->failed += failed ? 1 : 0;
        pthread_mutex_unlock(&load->lock);
    }
}

int heddle_settle(struct heddle_writer *writer, struct heddle_transaction *transaction,
                  struct heddle_error *error)
{
    const int status = heddle_retry_until_known(writer, transaction);
    const enum heddle_error_action action = transaction->reason.action;
    note_together(writer->load, transaction, status != HEDDLE_OK && action == HEDDLE_ACTION_REJECT);
    if (status == HEDDLE_OK) {
        return heddle_answer_account(writer, transaction, error);
    }
    if (transaction->rider_count > 0 && (action == HEDDLE_ACTION_REJECT || action == HEDDLE_ACTION_SPLIT)) {
        return settle_apart(writer, transaction, error);
    }
    if (action == HEDDLE_ACTION_REJECT || (action == HEDDLE_ACTION_SPLIT && transaction->count > 1)) {
        return settle_failed(writer, transaction, error);
    }
    if (error != NULL) {
        *error = transaction->reason;
        if (action == HEDDLE_ACTION_SPLIT) {
            heddle_error_prefix(error,
                                "target %s: a single row is too much for the server's transaction memory",
                                transaction->plan->target->name);
        }
    }
    return status;
}

int heddle_settle_rows(struct heddle_writer *writer, struct heddle_transaction *transaction,
                       const struct heddle_write_plan *plan, const struct heddle_schedule_row *rows,
                       size_t count, struct heddle_error *error)
{
    struct heddle_schedule_work *work = transaction->work;
    const bool careful = transaction->wording.careful; /* what is doubtful of the whole is so of its parts */
    heddle_transaction_assign(transaction, plan, rows, count);
    transaction->work = work;
    transaction->wording.careful = careful;
    (void)heddle_retry_once(writer, transaction);
    return heddle_settle(writer, transaction, error);
}
