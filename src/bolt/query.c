/* query.c: one statement at a time, in a transaction of its own. */
#include "bolt/connection_parts.h"

static int parameters_write(const struct heddle_bolt_query *query, struct heddle_pack *pack,
                            struct heddle_error *error)
{
    if (query->parameters == NULL) {
        heddle_pack_map(pack, 0);
        return HEDDLE_OK;
    }
    return query->parameters(pack, query->parameters_context, error);
}

/* RUN + PULL into the connection's own request. */
static int run_write(struct heddle_bolt_request *own, const struct heddle_bolt_query *query,
                     const struct heddle_message_transaction *transaction, struct heddle_error *error)
{
    heddle_message_run_open(&own->pack, query->text);
    HEDDLE_TRY(parameters_write(query, &own->pack, error));
    heddle_message_run_close(&own->pack, transaction);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_RUN);
    heddle_message_pull_all(&own->pack);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_PULL);
    return heddle_bolt_request_seal(own, error);
}

int heddle_bolt_query(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                      struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                      struct heddle_error *error)
{
    struct heddle_bolt_outcome outcome;
    struct heddle_bolt_request *own = connection->own;
    if (connection->flight_count > 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "this connection still waits for the answers of a request");
    }
    const struct heddle_message_transaction transaction = {
        .timeout_ms = query->timeout_ms,
        .read = query->mode == HEDDLE_BOLT_READ,
        .database = query->database != NULL ? query->database : connection->options.database};
    heddle_bolt_request_clear(own, heddle_bolt_connection_dialect(connection));
    own->uncertain = !transaction.read;
    HEDDLE_TRY(run_write(own, query, &transaction, error));
    HEDDLE_TRY(heddle_bolt_send(connection, own, error));
    const int status = heddle_bolt_receive_outcome(connection, arena, &outcome, error);
    *result_out = outcome.result;
    return status;
}
