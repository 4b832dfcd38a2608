/* transaction.c: one transaction, its retries, halves and rejects. */
#include "sink/neo4j/transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/failure.h"
#include "sink/neo4j/ask.h"
#include "sink/neo4j/encode.h"

static const uint64_t NS_PER_MS = 1000000;

/* While waiting, a writer looks this often whether the load is ending. */
enum { LOOK_EVERY_MS = 50 };

/* What a writer hands down while one transaction is under way. */
struct attempt {
    struct heddle_writer *writer;
    const struct heddle_plan *plan;
    const struct heddle_schedule_row *rows;
    size_t count;
    struct heddle_bolt_answer answer;
};

static int interrupted(struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped while waiting for the server");
}

/* Sleeps, but not through the end of the load. */
static int wait_ms(struct heddle_writer *writer, uint32_t milliseconds, struct heddle_error *error)
{
    while (milliseconds > 0) {
        if (heddle_load_is_ending(writer->load)) {
            return interrupted(error);
        }
        const uint32_t nap = milliseconds < LOOK_EVERY_MS ? milliseconds : LOOK_EVERY_MS;
        heddle_clock_sleep_ms(nap);
        milliseconds -= nap;
    }
    return HEDDLE_OK;
}

static int connect_once(struct heddle_writer *writer, struct heddle_error *error)
{
    if (writer->connection == NULL) {
        return heddle_bolt_open(&writer->load->bolt, &writer->connection, error);
    }
    return heddle_bolt_reopen(writer->connection, error);
}

int heddle_transaction_connect(struct heddle_writer *writer, struct heddle_error *error)
{
    const uint64_t start = heddle_clock_ns();
    for (unsigned attempt = 1;; attempt++) {
        struct heddle_error reason = {0};
        const int status = connect_once(writer, &reason);
        if (status == HEDDLE_OK) {
            return HEDDLE_OK;
        }
        const struct heddle_bolt_failure *failure = heddle_bolt_failure_of(&reason);
        const bool away = status == HEDDLE_NETWORK || failure->action == HEDDLE_ACTION_RETRY;
        const uint64_t waited_ms = (heddle_clock_ns() - start) / NS_PER_MS;
        if (!away || waited_ms >= HEDDLE_TRANSACTION_ABSENCE_MS) {
            if (away) {
                heddle_error_prefix(&reason, "the server was away for %u s", (unsigned)(waited_ms / 1000));
            }
            reason.action = HEDDLE_ACTION_FATAL; /* enough was tried */
            if (error != NULL) {
                *error = reason;
            }
            return status;
        }
        /* A server that restarts is back within seconds: look soon at first. */
        const enum heddle_bolt_backoff backoff =
            attempt <= 3 ? HEDDLE_BOLT_BACKOFF_MEMORY : HEDDLE_BOLT_BACKOFF_DRIVER;
        uint32_t pause =
            heddle_bolt_backoff_ms(backoff, attempt <= 3 ? attempt : attempt - 3, &writer->random);
        pause = pause > HEDDLE_TRANSACTION_ABSENCE_MS / 8 ? HEDDLE_TRANSACTION_ABSENCE_MS / 8 : pause;
        HEDDLE_TRY(wait_ms(writer, pause, error));
    }
}

static int encode(struct attempt *attempt, struct heddle_error *error)
{
    static const char *const metadata[] = {"app", "heddle"};
    struct heddle_writer *writer = attempt->writer;
    const struct heddle_bolt_request_options options = {
        .database = writer->load->ability.database,
        .timeout_ms = writer->load->options->tx_timeout_ms,
        .metadata = metadata,
        .metadata_count = 1,
    };
    heddle_bolt_request_begin(writer->request, heddle_bolt_connection_dialect(writer->connection), &options);
    struct heddle_pack *pack = heddle_bolt_request_run_open(writer->request, attempt->plan->write, 1);
    heddle_pack_text(pack, "rows");
    heddle_encode_rows(pack, attempt->plan, attempt->rows, attempt->count);
    heddle_bolt_request_run_close(writer->request, HEDDLE_BOLT_PULL);
    return heddle_bolt_request_commit(writer->request, error);
}

static int hook_before(struct attempt *attempt, uint64_t *token_out, struct heddle_error *error)
{
    struct heddle_load *load = attempt->writer->load;
    const struct heddle_transaction_hooks *hooks = &load->options->hooks;
    pthread_mutex_lock(&load->lock);
    *token_out = load->next_token++;
    pthread_mutex_unlock(&load->lock);
    if (hooks->before_send == NULL) {
        return HEDDLE_OK;
    }
    struct heddle_transaction_rows rows = {
        .target = attempt->plan->index,
        .rows = attempt->count,
        .first_sequence = UINT64_MAX,
    };
    for (size_t i = 0; i < attempt->count; i++) {
        const struct heddle_lot *lot = attempt->rows[i].batch;
        const uint64_t sequence = lot->ready->owner->batch->sequence;
        rows.first_sequence = sequence < rows.first_sequence ? sequence : rows.first_sequence;
        rows.last_sequence = sequence > rows.last_sequence ? sequence : rows.last_sequence;
    }
    return hooks->before_send(hooks->context, *token_out, &rows, error);
}

static void hook_outcome(const struct attempt *attempt, uint64_t token, enum heddle_outcome outcome)
{
    const struct heddle_transaction_hooks *hooks = &attempt->writer->load->options->hooks;
    if (hooks->outcome != NULL) {
        hooks->outcome(hooks->context, token, outcome);
    }
}

/* Sends the request and waits for its answer. */
static int exchange(struct attempt *attempt, struct heddle_error *error)
{
    struct heddle_writer *writer = attempt->writer;
    if (!heddle_bolt_is_open(writer->connection)) {
        HEDDLE_TRY(heddle_transaction_connect(writer, error));
    }
    heddle_arena_reset(writer->arena);
    const uint64_t start = heddle_clock_ns();
    int status = heddle_bolt_send(writer->connection, writer->request, error);
    if (status == HEDDLE_OK) {
        status = heddle_bolt_receive(writer->connection, writer->arena, &attempt->answer, error);
    }
    const uint64_t waited = heddle_clock_ns() - start;
    const uint64_t sent = heddle_bolt_connection_traffic(writer->connection).bytes_sent;
    struct heddle_load *load = writer->load;
    pthread_mutex_lock(&load->lock);
    load->progress.wait_ns += waited;
    load->progress.bytes_sent += sent - (sent < writer->bytes_noted ? 0 : writer->bytes_noted);
    writer->bytes_noted = sent;
    pthread_mutex_unlock(&load->lock);
    return status;
}

/* True where writing the same rows once more changes nothing. */
static bool may_repeat(const struct heddle_plan *plan)
{
    const struct heddle_target *target = plan->target;
    return target->merge && (target->kind == HEDDLE_TARGET_RELATIONSHIP || target->key_count > 0);
}

static int refuse_unknown(const struct attempt *attempt, const struct heddle_error *reason,
                          struct heddle_error *error)
{
    heddle_error_set(
        error, HEDDLE_DATABASE,
        "target %s: the connection to %s broke while a transaction of %zu rows was being committed, so "
        "nobody knows whether they were created: count them in the graph before loading again, or use "
        "write_mode merge (%.120s)",
        attempt->plan->target->name, heddle_bolt_connection_address(attempt->writer->connection),
        attempt->count, reason->message);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_ASK;
    }
    return HEDDLE_DATABASE;
}

static void note_retry(struct heddle_load *load, const struct heddle_error *reason)
{
    pthread_mutex_lock(&load->lock);
    load->progress.retries++;
    load->progress.deadlocks += strstr(reason->code, "DeadlockDetected") != NULL ? 1 : 0;
    pthread_mutex_unlock(&load->lock);
}

/* One try, told to the hooks. Answers the status, and in *action what to do next. */
static int try_once(struct attempt *attempt, enum heddle_error_action *action, struct heddle_error *reason)
{
    uint64_t token = 0;
    *action = HEDDLE_ACTION_FATAL;
    HEDDLE_TRY(hook_before(attempt, &token, reason));
    const int status = exchange(attempt, reason);
    if (status == HEDDLE_OK) {
        hook_outcome(attempt, token, HEDDLE_OUTCOME_COMMITTED);
        return HEDDLE_OK;
    }
    /* Every exchange fails with the action that the Bolt room set: only it knows how far COMMIT got. */
    *action = reason->action;
    hook_outcome(attempt, token,
                 *action == HEDDLE_ACTION_ASK ? HEDDLE_OUTCOME_UNKNOWN : HEDDLE_OUTCOME_FAILED);
    return status;
}

/* Sends the encoded request until it is committed or known not to go through. On failure *action says what is left to
 * do: SPLIT, REJECT, or stop. */
static int send_until_known(struct attempt *attempt, enum heddle_error_action *action,
                            struct heddle_error *error)
{
    struct heddle_writer *writer = attempt->writer;
    const uint64_t start = heddle_clock_ns();
    for (unsigned tries = 1;; tries++) {
        struct heddle_error reason = {0};
        const int status = try_once(attempt, action, &reason);
        if (status == HEDDLE_OK) {
            return HEDDLE_OK;
        }
        if (*action == HEDDLE_ACTION_ASK && !may_repeat(attempt->plan)) {
            *action = HEDDLE_ACTION_FATAL;
            return refuse_unknown(attempt, &reason, error);
        }
        const bool again = *action == HEDDLE_ACTION_RETRY || *action == HEDDLE_ACTION_ASK;
        const uint64_t waited_ms = (heddle_clock_ns() - start) / NS_PER_MS;
        if (!again || waited_ms > HEDDLE_TRANSACTION_PATIENCE_MS) {
            if (again) {
                *action = HEDDLE_ACTION_FATAL;
                heddle_error_prefix(&reason, "target %s: given up after %u tries in %u s",
                                    attempt->plan->target->name, tries, (unsigned)(waited_ms / 1000));
            }
            if (error != NULL) {
                *error = reason;
            }
            return status;
        }
        note_retry(writer->load, &reason);
        const struct heddle_bolt_failure *failure = heddle_bolt_failure_of(&reason);
        if (failure->remedy == HEDDLE_BOLT_REMEDY_RECONNECT && heddle_bolt_is_open(writer->connection)) {
            HEDDLE_TRY(heddle_transaction_connect(writer, error));
        }
        if (heddle_bolt_is_open(writer->connection)) {
            HEDDLE_TRY(
                wait_ms(writer, heddle_bolt_backoff_ms(failure->backoff, tries, &writer->random), error));
        }
    }
}

/* Records of a missing end: [ordinal, start exists, end exists]. */
static int reject_missing_row(struct attempt *attempt, const struct heddle_value *item, bool *is_rejected,
                              struct heddle_error *error)
{
    if (item->type != HEDDLE_VALUE_LIST || item->list.count != 3 ||
        item->list.items[0].type != HEDDLE_VALUE_INTEGER || item->list.items[0].integer < 0 ||
        (uint64_t)item->list.items[0].integer >= attempt->count) {
        return heddle_error_set(error, HEDDLE_PROTOCOL,
                                "target %s: the server names a missing end in an unknown way",
                                attempt->plan->target->name);
    }
    const size_t at = (size_t)item->list.items[0].integer;
    const bool start = item->list.items[1].type == HEDDLE_VALUE_BOOLEAN && item->list.items[1].boolean;
    const bool end = item->list.items[2].type == HEDDLE_VALUE_BOOLEAN && item->list.items[2].boolean;
    const struct heddle_lot *lot = attempt->rows[at].batch;
    const struct heddle_target *target = attempt->plan->target;
    const struct heddle_target *targets = attempt->writer->load->options->targets;
    char key[HEDDLE_ROWS_KEY_TEXT_MAX];
    char reason[400];
    snprintf(reason, sizeof reason, "there is no %s%s%s%s%s for %s", start ? "" : "start node ",
             start ? "" : targets[target->start.node].labels[0], !start && !end ? " and no " : "",
             end ? "" : "end node ", end ? "" : targets[target->end.node].labels[0],
             heddle_rows_key_text(lot->ready, attempt->rows[at].row, key));
    if (is_rejected[at]) {
        return HEDDLE_OK;
    }
    is_rejected[at] = true;
    return heddle_rows_reject(lot->ready, attempt->rows[at].row, &attempt->writer->load->options->rejects,
                              HEDDLE_STAGE_MATCH, "END_MISSING", reason, error);
}

static void write_ends(struct heddle_pack *pack, const void *context)
{
    const struct attempt *attempt = context;
    heddle_encode_ends(pack, attempt->plan, attempt->rows, attempt->count);
}

/* Fewer rows came back than were sent: asks which ones miss an end, and rejects those. */
static int reject_missing(struct attempt *attempt, bool *is_rejected, size_t *rejected_out,
                          struct heddle_error *error)
{
    struct heddle_writer *writer = attempt->writer;
    const struct heddle_ask_parameter parameter = {
        .name = "rows",
        .kind = HEDDLE_ASK_WRITTEN,
        .write = write_ends,
        .context = attempt,
    };
    const struct heddle_ask ask = {
        .text = attempt->plan->missing,
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
        HEDDLE_TRY(reject_missing_row(attempt, &missing->list.items[i], is_rejected, error));
    }
    *rejected_out = count;
    return HEDDLE_OK;
}

/* Between the write and the read that names missing ends somebody else may have made one: then nobody can say which rows
 * were passed over, and the load stops. */
static int find_missing(struct attempt *attempt, size_t written, bool *is_rejected, size_t *rejected_out,
                        struct heddle_error *error)
{
    HEDDLE_TRY(reject_missing(attempt, is_rejected, rejected_out, error));
    if (*rejected_out + written == attempt->count) {
        return HEDDLE_OK;
    }
    heddle_error_set(
        error, HEDDLE_DATABASE,
        "target %s: of %zu rows %zu were written and %zu miss an end: somebody else changes these nodes "
        "at the same time, or a key is not unique; load again when nobody does",
        attempt->plan->target->name, attempt->count, written, *rejected_out);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_ASK;
    }
    return HEDDLE_DATABASE;
}

/* The transaction is in the graph: names missing ends, counts, settles. */
static int settle_committed(struct attempt *attempt, struct heddle_error *error)
{
    struct heddle_load *load = attempt->writer->load;
    const bool is_node = attempt->plan->target->kind == HEDDLE_TARGET_NODE;
    const struct heddle_bolt_counters counters = attempt->answer.counters;
    struct heddle_load_result result = {
        .rows = attempt->rows,
        .count = attempt->count,
        .created = (size_t)(is_node ? counters.nodes_created : counters.relationships_created),
        .ends_created = is_node ? 0 : (size_t)counters.nodes_created,
    };
    pthread_mutex_lock(&load->lock);
    load->progress.transactions++;
    if (attempt->count > load->progress.batch_rows) {
        load->progress.batch_rows = attempt->count;
    }
    pthread_mutex_unlock(&load->lock);
    size_t matched = attempt->count;
    if (!is_node && attempt->answer.record_count > 0 && attempt->answer.records[0].count > 0 &&
        attempt->answer.records[0].items[0].type == HEDDLE_VALUE_INTEGER) {
        const int64_t n = attempt->answer.records[0].items[0].integer;
        matched = n < 0 ? 0 : (size_t)n;
    }
    bool *is_rejected = NULL;
    int status = HEDDLE_OK;
    if (matched < attempt->count && attempt->plan->missing != NULL) {
        is_rejected = heddle_calloc(attempt->count, sizeof *is_rejected);
        if (is_rejected == NULL) {
            return heddle_error_out_of_memory(error);
        }
        status = find_missing(attempt, matched, is_rejected, &result.rejected, error);
        result.is_rejected = is_rejected;
    }
    if (status == HEDDLE_OK) {
        heddle_load_settle(load, attempt->plan, &result);
    }
    free(is_rejected);
    return status;
}

/* A row that the server refuses on its own. */
static int reject_row(struct attempt *attempt, const struct heddle_error *reason, struct heddle_error *error)
{
    struct heddle_load *load = attempt->writer->load;
    const struct heddle_lot *lot = attempt->rows[0].batch;
    const bool constraint = strstr(reason->code, "ConstraintValidation") != NULL;
    HEDDLE_TRY(heddle_rows_reject(lot->ready, attempt->rows[0].row, &load->options->rejects,
                                  HEDDLE_STAGE_WRITE, constraint ? "CONSTRAINT" : "WRITE_REFUSED",
                                  reason->message, error));
    const bool yes = true;
    const struct heddle_load_result result = {
        .rows = attempt->rows,
        .count = 1,
        .rejected = 1,
        .is_rejected = &yes,
    };
    heddle_load_settle(load, attempt->plan, &result);
    return HEDDLE_OK;
}

int heddle_transaction_write(struct heddle_writer *writer, const struct heddle_plan *plan,
                             const struct heddle_schedule_row *rows, size_t count, struct heddle_error *error)
{
    struct attempt attempt = {.writer = writer, .plan = plan, .rows = rows, .count = count};
    struct heddle_error reason = {0};
    enum heddle_error_action action = HEDDLE_ACTION_FATAL;
    if (writer->connection == NULL) {
        HEDDLE_TRY(heddle_transaction_connect(writer, error));
    }
    const uint64_t start = heddle_clock_ns();
    HEDDLE_TRY(encode(&attempt, error));
    pthread_mutex_lock(&writer->load->lock);
    writer->load->progress.encode_ns += heddle_clock_ns() - start;
    pthread_mutex_unlock(&writer->load->lock);
    const int status = send_until_known(&attempt, &action, &reason);
    if (status == HEDDLE_OK) {
        return settle_committed(&attempt, error);
    }
    if ((action == HEDDLE_ACTION_SPLIT || action == HEDDLE_ACTION_REJECT) && count > 1) {
        /* In order, one after the other, by the writer that holds the parts. Depth: log2 of the rows. */
        HEDDLE_TRY(heddle_transaction_write(writer, plan, rows, count / 2, error));
        return heddle_transaction_write(writer, plan, rows + count / 2, count - count / 2, error);
    }
    if (action == HEDDLE_ACTION_REJECT) {
        return reject_row(&attempt, &reason, error);
    }
    if (action == HEDDLE_ACTION_SPLIT) {
        heddle_error_prefix(&reason,
                            "target %s: a single row is too much for the server's transaction memory",
                            plan->target->name);
    }
    if (error != NULL) {
        *error = reason;
    }
    return status;
}
