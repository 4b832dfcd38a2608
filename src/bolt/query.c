/* query.c: one statement at a time: auto-commit, and explicit transactions. */
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

/* RUN + PULL into the connection's own request; `transaction` NULL inside an explicit one. */
static int run_write(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                     const struct heddle_message_transaction *transaction, struct heddle_error *error)
{
    struct heddle_bolt_request *own = connection->own;
    heddle_message_run_open(&own->pack, query->text);
    HEDDLE_TRY(parameters_write(query, &own->pack, error));
    heddle_message_run_close(&own->pack, transaction);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_RUN);
    heddle_message_pull_all(&own->pack);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_PULL);
    return heddle_bolt_request_seal(own, error);
}

static int exchange(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                    struct heddle_bolt_result *result_out, struct heddle_error *error)
{
    struct heddle_bolt_outcome outcome;
    HEDDLE_TRY(heddle_bolt_send(connection, connection->own, error));
    const int status = heddle_bolt_receive_outcome(connection, arena, &outcome, error);
    *result_out = outcome.result;
    return status;
}

/* Leaves a failed transaction behind. Where it failed on our side only, the server's half is still open. */
static void abandon(struct heddle_bolt_connection *connection)
{
    connection->transaction = HEDDLE_BOLT_TRANSACTION_NONE;
    connection->channel->needs_reset = heddle_bolt_is_open(connection);
}

/* Between transactions, with nothing in flight? */
static int check_idle(struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    if (connection->transaction == HEDDLE_BOLT_TRANSACTION_FAILED) {
        abandon(connection);
    }
    if (connection->flight_count > 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "this connection still waits for the answers of a request");
    }
    if (connection->transaction != HEDDLE_BOLT_TRANSACTION_NONE) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "this connection has an open transaction: commit or roll back first");
    }
    return HEDDLE_OK;
}

static const char *database_of(const struct heddle_bolt_connection *connection, const char *database)
{
    return database != NULL ? database : connection->options.database;
}

int heddle_bolt_query(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                      struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                      struct heddle_error *error)
{
    HEDDLE_TRY(check_idle(connection, error));
    const struct heddle_message_transaction transaction = {.timeout_ms = query->timeout_ms,
                                                           .read = query->mode == HEDDLE_BOLT_READ,
                                                           .database =
                                                               database_of(connection, query->database)};
    heddle_bolt_request_clear(connection->own, heddle_bolt_connection_dialect(connection));
    connection->own->uncertain = !transaction.read;
    HEDDLE_TRY(run_write(connection, query, &transaction, error));
    return exchange(connection, arena, result_out, error);
}

int heddle_bolt_begin(struct heddle_bolt_connection *connection, enum heddle_bolt_mode mode,
                      const char *database, uint32_t timeout_ms, struct heddle_error *error)
{
    HEDDLE_TRY(check_idle(connection, error));
    const struct heddle_message_transaction transaction = {.timeout_ms = timeout_ms,
                                                           .read = mode == HEDDLE_BOLT_READ,
                                                           .database = database_of(connection, database)};
    struct heddle_bolt_request *own = connection->own;
    heddle_bolt_request_clear(own, heddle_bolt_connection_dialect(connection));
    heddle_message_begin(&own->pack, &transaction);
    heddle_bolt_request_add_part(own, HEDDLE_BOLT_PART_BEGIN);
    HEDDLE_TRY(heddle_buffer_check(&own->buffer, error));
    connection->transaction = HEDDLE_BOLT_TRANSACTION_PENDING;
    return HEDDLE_OK;
}

int heddle_bolt_run(struct heddle_bolt_connection *connection, const struct heddle_bolt_query *query,
                    struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                    struct heddle_error *error)
{
    if (connection->transaction != HEDDLE_BOLT_TRANSACTION_PENDING &&
        connection->transaction != HEDDLE_BOLT_TRANSACTION_OPEN) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no open transaction on this connection");
    }
    if (connection->transaction == HEDDLE_BOLT_TRANSACTION_OPEN) {
        heddle_bolt_request_clear(connection->own, heddle_bolt_connection_dialect(connection));
    }
    int status = run_write(connection, query, NULL, error);
    if (status == HEDDLE_OK) {
        connection->transaction = HEDDLE_BOLT_TRANSACTION_OPEN;
        status = exchange(connection, arena, result_out, error);
    }
    if (status != HEDDLE_OK && heddle_bolt_is_open(connection)) {
        connection->transaction = HEDDLE_BOLT_TRANSACTION_FAILED;
    }
    return status;
}

/* COMMIT or ROLLBACK alone. */
static int finish(struct heddle_bolt_connection *connection, enum heddle_bolt_part part,
                  struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                  struct heddle_error *error)
{
    struct heddle_bolt_request *own = connection->own;
    heddle_bolt_request_clear(own, heddle_bolt_connection_dialect(connection));
    if (part == HEDDLE_BOLT_PART_COMMIT) {
        heddle_message_commit(&own->pack);
    } else {
        heddle_message_rollback(&own->pack);
    }
    heddle_bolt_request_add_part(own, part);
    own->uncertain = part == HEDDLE_BOLT_PART_COMMIT;
    HEDDLE_TRY(heddle_bolt_request_seal(own, error));
    connection->transaction = HEDDLE_BOLT_TRANSACTION_NONE;
    return exchange(connection, arena, result_out, error);
}

int heddle_bolt_commit(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                       const char **bookmark_out, struct heddle_error *error)
{
    struct heddle_bolt_result result = {.bookmark = ""};
    switch (connection->transaction) {
    case HEDDLE_BOLT_TRANSACTION_OPEN:
        HEDDLE_TRY(finish(connection, HEDDLE_BOLT_PART_COMMIT, arena, &result, error));
        break;
    case HEDDLE_BOLT_TRANSACTION_PENDING: connection->transaction = HEDDLE_BOLT_TRANSACTION_NONE; break;
    default:
        return heddle_error_set(error, HEDDLE_INVALID,
                                "there is no transaction to commit on this connection");
    }
    if (bookmark_out != NULL) {
        *bookmark_out = result.bookmark;
    }
    return HEDDLE_OK;
}

int heddle_bolt_rollback(struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    if (connection->transaction == HEDDLE_BOLT_TRANSACTION_FAILED) {
        abandon(connection);
    }
    if (connection->transaction != HEDDLE_BOLT_TRANSACTION_OPEN) {
        connection->transaction = HEDDLE_BOLT_TRANSACTION_NONE; /* nothing was sent */
        return HEDDLE_OK;
    }
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result result;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = finish(connection, HEDDLE_BOLT_PART_ROLLBACK, arena, &result, error);
    heddle_arena_destroy(arena);
    return status;
}
