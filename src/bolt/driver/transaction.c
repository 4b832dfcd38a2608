/* transaction.c: explicit transactions. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/driver/driver_parts.h"

static int transaction_success(struct heddle_channel_taker *taker, enum heddle_channel_request request,
                               struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_transaction *transaction = (struct heddle_transaction *)taker;
    struct heddle_arena *arena = NULL;
    struct heddle_value map;
    enum { ARENA_SIZE = 1024 };
    transaction->telemetry_told = transaction->telemetry_told || request == HEDDLE_CHANNEL_TELEMETRY;
    if (request != HEDDLE_CHANNEL_COMMIT &&
        (request != HEDDLE_CHANNEL_BEGIN || heddle_session_database(transaction->session) != NULL)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(ARENA_SIZE, &arena, error));
    int status = heddle_unpack_value(unpack, arena, &map, error);
    const char *bookmark = status == HEDDLE_OK ? heddle_value_map_text(&map, "bookmark", NULL) : NULL;
    const char *database = status == HEDDLE_OK ? heddle_value_map_text(&map, "db", NULL) : NULL;
    if (database != NULL && request == HEDDLE_CHANNEL_BEGIN) {
        status = heddle_session_settle_home(transaction->session, database, error);
    }
    if (bookmark != NULL && request == HEDDLE_CHANNEL_COMMIT) {
        free(transaction->bookmark);
        transaction->bookmark = heddle_strdup(bookmark);
        status = transaction->bookmark != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    heddle_arena_destroy(arena);
    return status;
}

static int begin_write(struct heddle_session *session, const struct heddle_transaction_options *options,
                       enum heddle_telemetry_api api, struct heddle_error *error)
{
    struct heddle_message_transaction fields;
    struct heddle_channel *channel = session->channel;
    HEDDLE_TRY(heddle_session_fields(session, options, &session->transaction.before, &fields, error));
    if (!session->driver->options.no_telemetry && api != HEDDLE_TELEMETRY_TOLD) {
        HEDDLE_TRY(heddle_channel_telemetry(channel, api, &session->transaction.taker, error));
    }
    heddle_message_begin(&channel->pack, &fields);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_BEGIN, &session->transaction.taker, error));
    return HEDDLE_OK;
}

/* After any error on the way: the channel goes back, so that the server lets go of its locks at once. */
static int transaction_failed(struct heddle_transaction *transaction, int status, struct heddle_error *error)
{
    struct heddle_session *session = transaction->session;
    const bool lost = session->channel == NULL || session->channel->broken;
    const bool alive =
        session->channel != NULL && !session->channel->broken && !session->channel->needs_reset;
    if (alive && status != HEDDLE_DATABASE) {
        return status; /* a mistake on our side of the wire: the server's transaction is as it was */
    }
    status = heddle_session_failed(session, status, error);
    transaction->state = lost ? HEDDLE_TRANSACTION_LOST : HEDDLE_TRANSACTION_FAILED;
    heddle_session_release(session);
    return status;
}

int heddle_transaction_begin(struct heddle_session *session, bool read,
                             const struct heddle_transaction_options *options, enum heddle_telemetry_api api,
                             bool lazy, struct heddle_error *error)
{
    struct heddle_transaction *transaction = &session->transaction;
    if (transaction->state == HEDDLE_TRANSACTION_OPEN) {
        return heddle_error_set(error, HEDDLE_INVALID, "this session has an open transaction already");
    }
    if (session->cursors != NULL) {
        HEDDLE_TRY(heddle_cursor_drain(session->cursors, false, error));
    }
    heddle_session_release(session);
    heddle_bookmarks_clear(&transaction->before);
    free(transaction->bookmark);
    *transaction = (struct heddle_transaction){.taker = {.success = transaction_success}, .session = session};
    HEDDLE_TRY(heddle_session_connect(session, read, &transaction->before, error));
    int status = begin_write(session, options, api, error);
    if (status == HEDDLE_OK && !lazy) {
        status = heddle_channel_settle(session->channel, error);
    }
    if (status != HEDDLE_OK) {
        status = heddle_session_failed(session, status, error);
        heddle_session_release(session);
        return status;
    }
    transaction->state = HEDDLE_TRANSACTION_OPEN;
    transaction->last_qid = -1;
    return HEDDLE_OK;
}

int heddle_session_begin(struct heddle_session *session, const struct heddle_transaction_options *options,
                         struct heddle_transaction **transaction_out, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_transaction_begin(session, session->options.read, options, HEDDLE_TELEMETRY_EXPLICIT,
                                        false, error));
    *transaction_out = &session->transaction;
    return HEDDLE_OK;
}

static int not_open(const struct heddle_transaction *transaction, struct heddle_error *error)
{
    static const char *const reasons[] = {[HEDDLE_TRANSACTION_NONE] = "has not begun",
                                          [HEDDLE_TRANSACTION_OPEN] = "is open",
                                          [HEDDLE_TRANSACTION_FAILED] =
                                              "has failed: the server has rolled it back",
                                          [HEDDLE_TRANSACTION_LOST] = "is lost with its connection",
                                          [HEDDLE_TRANSACTION_COMMITTED] = "is committed and closed",
                                          [HEDDLE_TRANSACTION_ROLLED_BACK] = "is rolled back and closed"};
    return heddle_error_set(error, HEDDLE_INVALID, "this transaction %s", reasons[transaction->state]);
}

int heddle_transaction_run(struct heddle_transaction *transaction, const struct heddle_query *query,
                           struct heddle_cursor **cursor_out, struct heddle_error *error)
{
    struct heddle_cursor *cursor = NULL;
    if (transaction->state != HEDDLE_TRANSACTION_OPEN) {
        return not_open(transaction, error);
    }
    int status = heddle_cursor_start(transaction->session, query, NULL, &cursor, error);
    if (status != HEDDLE_OK) {
        return transaction_failed(transaction, status, error);
    }
    status = heddle_cursor_await_run(cursor, error);
    if (status != HEDDLE_OK) {
        heddle_cursor_destroy(cursor);
        return status;
    }
    *cursor_out = cursor;
    return HEDDLE_OK;
}

/* The results of a transaction that ends: what was not read is discarded. */
static int cursors_end(struct heddle_transaction *transaction, struct heddle_error *error)
{
    struct heddle_session *session = transaction->session;
    while (session->cursors != NULL) {
        struct heddle_cursor *cursor = session->cursors;
        HEDDLE_TRY(heddle_cursor_drain(cursor, true, error));
        cursor->out_of_scope = true;
        heddle_cursor_detach(cursor);
    }
    return HEDDLE_OK;
}

static int end_with(struct heddle_transaction *transaction, enum heddle_channel_request request,
                    struct heddle_error *error)
{
    struct heddle_channel *channel = transaction->session->channel;
    if (request == HEDDLE_CHANNEL_COMMIT) {
        heddle_message_commit(&channel->pack);
    } else {
        heddle_message_rollback(&channel->pack);
    }
    HEDDLE_TRY(heddle_channel_expect(channel, request, &transaction->taker, error));
    return heddle_channel_settle(channel, error);
}

int heddle_transaction_commit(struct heddle_transaction *transaction, struct heddle_error *error)
{
    struct heddle_session *session = transaction->session;
    if (transaction->state != HEDDLE_TRANSACTION_OPEN) {
        return not_open(transaction, error);
    }
    int status = cursors_end(transaction, error);
    if (status != HEDDLE_OK) {
        return transaction->state == HEDDLE_TRANSACTION_OPEN ? transaction_failed(transaction, status, error)
                                                             : status;
    }
    status = end_with(transaction, HEDDLE_CHANNEL_COMMIT, error);
    if (status != HEDDLE_OK) {
        status = transaction_failed(transaction, status, error);
        if (transaction->state == HEDDLE_TRANSACTION_LOST && status != HEDDLE_DATABASE && error != NULL) {
            /* A read changed nothing, whatever became of it. */
            error->action = session->reads ? HEDDLE_ACTION_RETRY : HEDDLE_ACTION_ASK;
        }
        return status;
    }
    transaction->state = HEDDLE_TRANSACTION_COMMITTED;
    heddle_session_release(session);
    return transaction->bookmark != NULL
               ? heddle_session_bookmark(session, &transaction->before, transaction->bookmark, error)
               : HEDDLE_OK;
}

int heddle_transaction_rollback(struct heddle_transaction *transaction, struct heddle_error *error)
{
    if (transaction->state == HEDDLE_TRANSACTION_FAILED || transaction->state == HEDDLE_TRANSACTION_LOST) {
        transaction->state = HEDDLE_TRANSACTION_ROLLED_BACK; /* the server has done it */
        return HEDDLE_OK;
    }
    if (transaction->state != HEDDLE_TRANSACTION_OPEN) {
        return not_open(transaction, error);
    }
    int status = cursors_end(transaction, error);
    if (status == HEDDLE_OK) {
        status = end_with(transaction, HEDDLE_CHANNEL_ROLLBACK, error);
    }
    if (status != HEDDLE_OK) {
        return transaction->state == HEDDLE_TRANSACTION_OPEN ? transaction_failed(transaction, status, error)
                                                             : status;
    }
    transaction->state = HEDDLE_TRANSACTION_ROLLED_BACK;
    heddle_session_release(transaction->session);
    return HEDDLE_OK;
}

int heddle_transaction_close(struct heddle_transaction *transaction, struct heddle_error *error)
{
    return transaction->state == HEDDLE_TRANSACTION_OPEN ? heddle_transaction_rollback(transaction, error)
                                                         : HEDDLE_OK;
}
