/* execute.c: managed transactions. */
#include "bolt/execute.h"

#include "base/clock.h"
#include "bolt/connection_parts.h"
#include "bolt/failure.h"

enum { NANOSECONDS_A_MILLISECOND = 1000000 };

static void sleep_for_real(void *context, uint32_t milliseconds)
{
    (void)context;
    heddle_clock_sleep_ms(milliseconds);
}

static int transaction_write(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                             struct heddle_error *error)
{
    struct heddle_bolt_request *own = connection->own;
    const struct heddle_bolt_request_options options = {
        .database = query->database != NULL ? query->database : connection->options.database,
        .timeout_ms = query->timeout_ms,
        .mode = query->mode};
    heddle_bolt_request_begin(own, heddle_bolt_connection_dialect(connection), &options);
    heddle_message_run_open(&own->pack, query->text);
    if (query->parameters != NULL) {
        HEDDLE_TRY(query->parameters(&own->pack, query->parameters_context, error));
    } else {
        heddle_pack_map(&own->pack, 0);
    }
    heddle_message_run_close(&own->pack, NULL);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_RUN);
    heddle_message_pull_all(&own->pack);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_PULL);
    own->runs = 1;
    return heddle_bolt_request_commit(own, error);
}

/* One attempt, on a new connection where the old one is gone. */
static int attempt_once(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                        struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                        struct heddle_error *error)
{
    struct heddle_bolt_outcome outcome;
    if (!heddle_bolt_is_open(connection)) {
        HEDDLE_TRY(heddle_bolt_reopen(connection, error));
    }
    HEDDLE_TRY(transaction_write(connection, query, error));
    HEDDLE_TRY(heddle_bolt_send(connection, connection->own, error));
    const int status = heddle_bolt_receive_outcome(connection, arena, &outcome, error);
    *result_out = outcome.result;
    return status;
}

int heddle_bolt_execute(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                        const struct heddle_bolt_execute_options *options, struct heddle_arena *arena,
                        struct heddle_bolt_result *result_out, struct heddle_error *error)
{
    const struct heddle_bolt_execute_options defaults = {0};
    options = options != NULL ? options : &defaults;
    void (*sleep)(void *, uint32_t) = options->sleep != NULL ? options->sleep : sleep_for_real;
    uint64_t left_ms = options->retry_for_ms > 0 ? options->retry_for_ms : HEDDLE_BOLT_RETRY_FOR_MS;
    uint64_t random_state = heddle_clock_ns();
    struct heddle_error own_error = {0};
    error = error != NULL ? error : &own_error;
    if (connection->flight_count > 0 || connection->transaction == HEDDLE_BOLT_TRANSACTION_PENDING ||
        connection->transaction == HEDDLE_BOLT_TRANSACTION_OPEN) {
        return heddle_error_set(error, HEDDLE_INVALID, "this connection is in the middle of something else");
    }
    HEDDLE_TRY(heddle_bolt_rollback(connection, error));
    for (unsigned attempt = 1;; attempt++) {
        const uint64_t start = heddle_clock_ns();
        const int status = attempt_once(connection, query, arena, result_out, error);
        if (status == HEDDLE_OK) {
            return status;
        }
        const struct heddle_bolt_failure *failure = heddle_bolt_failure_of(error);
        const bool again = error->action == HEDDLE_ACTION_RETRY ||
                           (error->action == HEDDLE_ACTION_ASK && query->mode == HEDDLE_BOLT_READ);
        const uint32_t wait_ms = heddle_bolt_backoff_ms(failure->backoff, attempt, &random_state);
        /* Time is counted from the first failure on. */
        const uint64_t gone_ms = attempt == 1 ? 0 : (heddle_clock_ns() - start) / NANOSECONDS_A_MILLISECOND;
        if (!again || gone_ms + wait_ms >= left_ms) {
            return status;
        }
        left_ms -= gone_ms + wait_ms;
        sleep(options->sleep_context, wait_ms);
        if (failure->remedy == HEDDLE_BOLT_REMEDY_RECONNECT) {
            heddle_bolt_drop(connection);
        }
    }
}
