/* answer.c: reading the answer to a transaction, naming the rows that miss an end, rejects of the server. */
#include "sink/neo4j/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sink/neo4j/ask.h"
#include "sink/neo4j/encode.h"
#include "sink/neo4j/transaction.h"
#include "sink/neo4j/writer.h"

bool heddle_answer_asks(const struct heddle_transaction *transaction)
{
    return (transaction->lost || transaction->written.matched < transaction->wording.sent) &&
           transaction->plan->missing != NULL;
}

/* The reason for a person: which end of which key is not there. */
static void describe_missing(const struct heddle_writer *writer, const struct heddle_transaction *transaction,
                             size_t at, bool start, bool end, char *reason, size_t size)
{
    const struct heddle_lot *lot = transaction->rows[at].batch;
    const struct heddle_target *target = transaction->plan->target;
    const struct heddle_target *targets = writer->load->options->targets;
    char key[HEDDLE_ROWS_KEY_TEXT_MAX];
    snprintf(reason, size, "there is no %s%s%s%s%s for %s", start ? "" : "start node ",
             start ? "" : targets[target->start.node].labels[0], !start && !end ? " and no " : "",
             end ? "" : "end node ", end ? "" : targets[target->end.node].labels[0],
             heddle_rows_key_text(lot->ready, transaction->rows[at].row, key));
}

/* One item of the answer to plan->missing: [ordinal, start exists, end exists]. */
static int reject_missing_row(struct heddle_writer *writer, const struct heddle_transaction *transaction,
                              const struct heddle_value *item, bool *is_rejected, struct heddle_error *error)
{
    if (item->type != HEDDLE_VALUE_LIST || item->list.count != 3 ||
        item->list.items[0].type != HEDDLE_VALUE_INTEGER || item->list.items[0].integer < 0 ||
        (uint64_t)item->list.items[0].integer >= transaction->count) {
        return heddle_error_set(error, HEDDLE_PROTOCOL,
                                "target %s: the server names a missing end in an unknown way",
                                transaction->plan->target->name);
    }
    const size_t at = (size_t)item->list.items[0].integer;
    if (is_rejected[at]) {
        return HEDDLE_OK;
    }
    const bool start = item->list.items[1].type == HEDDLE_VALUE_BOOLEAN && item->list.items[1].boolean;
    const bool end = item->list.items[2].type == HEDDLE_VALUE_BOOLEAN && item->list.items[2].boolean;
    char reason[400];
    describe_missing(writer, transaction, at, start, end, reason, sizeof reason);
    is_rejected[at] = true;
    const struct heddle_lot *lot = transaction->rows[at].batch;
    return heddle_rows_reject(lot->ready, transaction->rows[at].row, &writer->load->options->rejects,
                              HEDDLE_STAGE_MATCH, "END_MISSING", reason, error);
}

static void write_ends(struct heddle_pack *pack, const void *context)
{
    const struct heddle_transaction *transaction = context;
    heddle_encode_ends(pack, transaction->plan, transaction->rows, transaction->count);
}

/* Fewer rows came back than were sent: asks which ones miss an end, and rejects those. */
static int reject_missing(struct heddle_writer *writer, const struct heddle_transaction *transaction,
                          bool *is_rejected, size_t *rejected_out, struct heddle_error *error)
{
    const struct heddle_ask_parameter parameter = {
        .name = "rows",
        .kind = HEDDLE_ASK_WRITTEN,
        .write = write_ends,
        .context = transaction,
    };
    const struct heddle_ask ask = {
        .text = transaction->plan->missing,
        .parameters = &parameter,
        .parameter_count = 1,
        /* A write connection, so that the read sees what this very server has committed. */
        .mode = HEDDLE_BOLT_WRITE,
        .database = writer->load->ability.database,
        .timeout_ms = writer->load->options->tx_timeout_ms,
    };
    struct heddle_bolt_result result;
    heddle_arena_reset(writer->arena);
    HEDDLE_TRY(heddle_ask_run(writer->connection, &ask, writer->arena, &result, error));
    const struct heddle_value *missing = heddle_ask_cell(&result, 0, 0);
    const size_t count = missing->type == HEDDLE_VALUE_LIST ? missing->list.count : 0;
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(reject_missing_row(writer, transaction, &missing->list.items[i], is_rejected, error));
    }
    *rejected_out = count;
    return HEDDLE_OK;
}

/* Between the write and the read that names missing ends somebody else may have made one: then nobody can say which rows
 * were passed over, and the load stops. */
static int find_missing(struct heddle_writer *writer, const struct heddle_transaction *transaction,
                        bool *is_rejected, size_t *rejected_out, struct heddle_error *error)
{
    HEDDLE_TRY(reject_missing(writer, transaction, is_rejected, rejected_out, error));
    if (transaction->lost) {
        return HEDDLE_OK; /* nobody knows how many were written: all that miss no end */
    }
    /* Rows that repeat another one's identity did not travel, and are rejected with it. */
    const size_t travelled = heddle_wording_count_marked(&transaction->wording, is_rejected);
    if (travelled + transaction->written.matched == transaction->wording.sent) {
        return HEDDLE_OK;
    }
    heddle_error_set(
        error, HEDDLE_DATABASE,
        "target %s: of %zu rows %zu were written and %zu miss an end: somebody else changes these nodes "
        "at the same time, or a key is not unique; load again when nobody does",
        transaction->plan->target->name, transaction->count, transaction->written.matched, *rejected_out);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_ASK;
    }
    return HEDDLE_DATABASE;
}

static void note_committed(struct heddle_load *load, size_t rows)
{
    pthread_mutex_lock(&load->lock);
    load->progress.transactions++;
    if (rows > load->progress.batch_rows) {
        load->progress.batch_rows = rows;
    }
    pthread_mutex_unlock(&load->lock);
}

/* Rows of this run that merged and may have made something, nobody knows; a resume counted its own before it began. */
static void note_perhaps(struct heddle_load *load, const struct heddle_transaction *transaction, size_t rows)
{
    if (transaction->plan->target->merge && transaction->token != 0) {
        pthread_mutex_lock(&load->lock);
        load->perhaps[transaction->plan->index] += rows;
        pthread_mutex_unlock(&load->lock);
    }
}

static int account_target(struct heddle_writer *writer, struct heddle_transaction *transaction,
                          struct heddle_error *error)
{
    struct heddle_load_result result = {
        .rows = transaction->rows,
        .count = transaction->count,
        .token = transaction->noted ? transaction->token : 0,
    };
    bool *is_rejected = NULL;
    int status = HEDDLE_OK;
    if (heddle_answer_asks(transaction)) {
        is_rejected = heddle_calloc(transaction->count, sizeof *is_rejected);
        if (is_rejected == NULL) {
            return heddle_error_out_of_memory(error);
        }
        status = find_missing(writer, transaction, is_rejected, &result.rejected, error);
        result.is_rejected = is_rejected;
    }
    if (transaction->lost) {
        const size_t written = transaction->count - result.rejected;
        note_perhaps(writer->load, transaction, written);
        transaction->written = (struct heddle_written){
            .matched = written,
            .created = transaction->plan->target->merge ? 0 : written,
            .ends_created = transaction->plan->target->merge_ends ? 2 * written : 0}; /* at most */
    }
    result.created = transaction->written.created;
    result.ends_created = transaction->written.ends_created;
    if (status == HEDDLE_OK) {
        heddle_load_settle(writer->load, transaction->plan, &result);
    }
    free(is_rejected);
    return status;
}

int heddle_answer_account(struct heddle_writer *writer, struct heddle_transaction *transaction,
                          struct heddle_error *error)
{
    note_committed(writer->load, transaction->count);
    HEDDLE_TRY(account_target(writer, transaction, error));
    for (size_t i = 0; i < transaction->rider_count; i++) {
        HEDDLE_TRY(account_target(writer, &transaction->riders[i], error));
    }
    return HEDDLE_OK;
}

int heddle_answer_reject(struct heddle_writer *writer, const struct heddle_transaction *transaction,
                         struct heddle_error *error)
{
    struct heddle_load *load = writer->load;
    const struct heddle_error *reason = &transaction->reason;
    const struct heddle_lot *lot = transaction->rows[0].batch;
    const bool constraint = strstr(reason->code, "ConstraintValidation") != NULL;
    HEDDLE_TRY(heddle_rows_reject(lot->ready, transaction->rows[0].row, &load->options->rejects,
                                  HEDDLE_STAGE_WRITE, constraint ? "CONSTRAINT" : "WRITE_REFUSED",
                                  reason->message, error));
    const bool yes = true;
    const struct heddle_load_result result = {
        .rows = transaction->rows,
        .count = 1,
        .rejected = 1,
        .is_rejected = &yes,
        .token = transaction->noted ? transaction->token : 0,
    };
    heddle_load_settle(load, transaction->plan, &result);
    return HEDDLE_OK;
}
