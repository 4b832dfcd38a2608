/* session_requests.c: sessions and transactions. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

static void session_new(struct backend *backend, const json_t *data, struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_auth auth = {0};
    const json_t *token = json_object_get(data, "authorizationToken");
    const char *mode = data_text(data, "accessMode");
    struct driver *driver = backend_find(backend, KIND_DRIVER, json_object_get(data, "driverId"));
    struct bookmark_manager *manager =
        backend_find(backend, KIND_BOOKMARK_MANAGER, json_object_get(data, "bookmarkManagerId"));
    struct heddle_session_options options = {.database = data_text(data, "database"),
                                             .read = mode != NULL && strcmp(mode, "r") == 0,
                                             .bookmark_manager = manager != NULL ? manager->manager : NULL,
                                             .impersonated_user = data_text(data, "impersonatedUser"),
                                             .fetch_size = data_integer(data, "fetchSize", 0),
                                             .auth = json_is_object(token) ? &auth : NULL};
    auth_read(token, &auth, scratch);
    options.bookmarks = data_texts(data, "bookmarks", &options.bookmark_count, scratch);
    filter_read(data, &options.notifications, scratch);
    if (driver == NULL) {
        backend_respond_broken(backend, "no such driver");
        return;
    }
    struct session *session = calloc(1, sizeof *session);
    session->driver = driver;
    if (heddle_session_open(driver->driver, &options, &session->session, &error) != HEDDLE_OK) {
        free(session);
        backend_respond_error(backend, &error, NULL);
        return;
    }
    backend_respond_id(backend, "Session", backend_keep(backend, KIND_SESSION, session));
}

void sessions_close(struct backend *backend, const struct driver *driver)
{
    for (size_t i = 0; i < backend->object_count; i++) {
        struct session *session = backend->objects[i].pointer;
        if (backend->objects[i].kind == KIND_SESSION && session->driver == driver) {
            heddle_session_close(session->session);
            session->session = NULL;
        }
    }
}

static void session_close(struct backend *backend, struct session *session, const json_t *id)
{
    struct heddle_error error = {0};
    const int status = session->session != NULL ? heddle_session_settle(session->session, &error) : HEDDLE_OK;
    if (status != HEDDLE_OK) {
        session_respond_error(backend, session, &error);
    }
    heddle_session_close(session->session);
    session->session = NULL;
    if (status == HEDDLE_OK) {
        backend_respond_id(backend, "Session", json_integer_value(id));
    }
}

static void cursor_respond(struct backend *backend, struct heddle_cursor *cursor, struct session *session,
                           const json_t *data)
{
    size_t count = 0;
    const struct heddle_value_text *names = heddle_cursor_keys(cursor, &count);
    struct result *result = calloc(1, sizeof *result);
    json_t *keys = json_array();
    json_t *parameters = json_object_get(data, "params");
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(keys, text_to_json(names[i].text));
    }
    *result = (struct result){cursor, session,
                              json_pack("{s:s, s:O}", "text", data_text(data, "cypher"), "parameters",
                                        json_is_object(parameters) ? parameters : json_null())};
    if (!json_is_object(parameters)) {
        json_object_set_new(result->query, "parameters", json_object());
    }
    backend_respond(
        backend, "Result",
        json_pack("{s:I, s:o}", "id", (json_int_t)backend_keep(backend, KIND_RESULT, result), "keys", keys));
}

/* False where one of them is of a type that this program does not know; that is answered. */
static bool parameters_read(struct backend *backend, const json_t *data, struct heddle_query *query,
                            struct scratch *scratch)
{
    if (entries_from_json(json_object_get(data, "params"), &query->parameters, &query->parameter_count,
                          scratch)) {
        return true;
    }
    backend_respond_broken(backend, "a parameter is of a type that this backend does not know");
    return false;
}

static void session_run(struct backend *backend, struct session *session, const json_t *data,
                        struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_cursor *cursor = NULL;
    struct heddle_query query = {.text = data_text(data, "cypher")};
    const struct heddle_transaction_options options = transaction_options_read(data, scratch);
    if (!parameters_read(backend, data, &query, scratch)) {
        return;
    }
    if (heddle_session_run(session->session, &query, &options, &cursor, &error) != HEDDLE_OK) {
        session_respond_error(backend, session, &error);
        return;
    }
    cursor_respond(backend, cursor, session, data);
}

static int64_t transaction_keep(struct backend *backend, struct heddle_transaction *transaction,
                                struct session *session)
{
    struct transaction *kept = calloc(1, sizeof *kept);
    session->failed_as[0] = '\0';
    *kept = (struct transaction){transaction, session};
    return backend_keep(backend, KIND_TRANSACTION, kept);
}

static void session_begin(struct backend *backend, struct session *session, const json_t *data,
                          struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_transaction *transaction = NULL;
    const struct heddle_transaction_options options = transaction_options_read(data, scratch);
    if (heddle_session_begin(session->session, &options, &transaction, &error) != HEDDLE_OK) {
        session_respond_error(backend, session, &error);
        return;
    }
    backend_respond_id(backend, "Transaction", transaction_keep(backend, transaction, session));
}

/* The work of a managed transaction: the suite's function, at the other end of the connection. */
struct work {
    struct backend *backend;
    struct session *session;
};

static int work_of_suite(struct heddle_transaction *transaction, void *context, struct heddle_error *error)
{
    const struct work *work = context;
    struct session *session = work->session;
    struct backend *backend = work->backend;
    session->answered = false;
    backend_respond_id(backend, "RetryableTry", transaction_keep(backend, transaction, session));
    while (!session->answered) {
        if (!backend_serve(backend)) {
            session->frontend_failed = true;
            break;
        }
    }
    if (session->answered && session->positive) {
        return HEDDLE_OK;
    }
    json_t *id = json_integer(session->retry_error);
    const struct failure *failure = backend_find(backend, KIND_ERROR, id);
    json_decref(id);
    if (failure == NULL) {
        session->frontend_failed = true;
        *error = (struct heddle_error){.status = HEDDLE_INTERRUPTED,
                                       .message = "the client's own function failed"};
        return HEDDLE_INTERRUPTED;
    }
    *error = failure->error;
    return failure->error.status;
}

static void session_managed(struct backend *backend, struct session *session, const json_t *data, bool read,
                            struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct work work = {backend, session};
    const struct heddle_transaction_options options = transaction_options_read(data, scratch);
    session->frontend_failed = false;
    const int status = heddle_session_execute(session->session, read, work_of_suite, &work, &options, &error);
    if (status == HEDDLE_OK) {
        backend_respond(backend, "RetryableDone", NULL);
    } else if (session->frontend_failed) {
        backend_respond(backend, "FrontendError", json_pack("{s:s}", "msg", error.message));
    } else {
        session_respond_error(backend, session, &error);
    }
}

static void session_retry(struct backend *backend, struct session *session, const json_t *data, bool positive)
{
    const json_t *error = json_object_get(data, "errorId");
    (void)backend;
    session->answered = true;
    session->positive = positive;
    session->retry_error =
        json_is_string(error) ? strtoll(json_string_value(error), NULL, 10) : json_integer_value(error);
}

static void session_bookmarks(struct backend *backend, const struct session *session)
{
    size_t count = 0;
    const char *const *bookmarks = heddle_session_bookmarks(session->session, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(bookmarks[i]));
    }
    backend_respond(backend, "Bookmarks", json_pack("{s:o}", "bookmarks", list));
}

static void transaction_run(struct backend *backend, struct transaction *transaction, const json_t *data,
                            struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_cursor *cursor = NULL;
    struct heddle_query query = {.text = data_text(data, "cypher")};
    if (!parameters_read(backend, data, &query, scratch)) {
        return;
    }
    if (heddle_transaction_run(transaction->transaction, &query, &cursor, &error) != HEDDLE_OK) {
        session_respond_error(backend, transaction->session, &error);
        return;
    }
    cursor_respond(backend, cursor, transaction->session, data);
}

typedef int transaction_end(struct heddle_transaction *transaction, struct heddle_error *error);

static void transaction_finish(struct backend *backend, struct transaction *transaction, const json_t *id,
                               transaction_end *end)
{
    struct heddle_error error = {0};
    if (end(transaction->transaction, &error) != HEDDLE_OK) {
        session_respond_error(backend, transaction->session, &error);
        return;
    }
    backend_respond_id(backend, "Transaction", json_integer_value(id));
}

static bool about_transaction(struct backend *backend, const char *name, json_t *data,
                              struct scratch *scratch)
{
    json_t *id = json_object_get(data, "txId");
    struct transaction *transaction = backend_find(backend, KIND_TRANSACTION, id);
    if (transaction == NULL) {
        return false;
    }
    if (transaction->session->session == NULL) { /* the session is closed, and the transaction with it */
        const struct heddle_error error = {.status = HEDDLE_INVALID, .message = "this transaction is closed"};
        if (strcmp(name, "TransactionClose") == 0) {
            backend_respond_id(backend, "Transaction", json_integer_value(id));
        } else {
            backend_respond_error(backend, &error, NULL);
        }
        return true;
    }
    if (strcmp(name, "TransactionRun") == 0) {
        transaction_run(backend, transaction, data, scratch);
    } else if (strcmp(name, "TransactionCommit") == 0) {
        transaction_finish(backend, transaction, id, heddle_transaction_commit);
    } else if (strcmp(name, "TransactionRollback") == 0) {
        transaction_finish(backend, transaction, id, heddle_transaction_rollback);
    } else if (strcmp(name, "TransactionClose") == 0) {
        transaction_finish(backend, transaction, id, heddle_transaction_close);
    } else {
        return false;
    }
    return true;
}

bool session_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch)
{
    json_t *id = json_object_get(data, "sessionId");
    struct session *session = backend_find(backend, KIND_SESSION, id);
    if (strcmp(name, "NewSession") == 0) {
        session_new(backend, data, scratch);
        return true;
    }
    if (session == NULL) {
        return about_transaction(backend, name, data, scratch);
    }
    if (session->session == NULL && strcmp(name, "SessionClose") != 0) {
        const struct heddle_error error = {.status = HEDDLE_INVALID, .message = "this session is closed"};
        backend_respond_error(backend, &error, NULL);
    } else if (strcmp(name, "SessionClose") == 0) {
        session_close(backend, session, id);
    } else if (strcmp(name, "SessionRun") == 0) {
        session_run(backend, session, data, scratch);
    } else if (strcmp(name, "SessionBeginTransaction") == 0) {
        session_begin(backend, session, data, scratch);
    } else if (strcmp(name, "SessionReadTransaction") == 0 || strcmp(name, "SessionWriteTransaction") == 0) {
        session_managed(backend, session, data, name[7] == 'R', scratch);
    } else if (strcmp(name, "RetryablePositive") == 0 || strcmp(name, "RetryableNegative") == 0) {
        session_retry(backend, session, data, name[9] == 'P');
    } else if (strcmp(name, "SessionLastBookmarks") == 0) {
        session_bookmarks(backend, session);
    } else {
        return false;
    }
    return true;
}
