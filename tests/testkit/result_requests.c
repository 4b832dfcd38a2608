/* result_requests.c: results, and errors as the suite wants them. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What HEDDLE_INVALID is called depends on what was asked. */
static const char *misuse_type(const char *doing)
{
    if (begins(doing, "Transaction")) {
        return "<class 'neo4j.exceptions.TransactionError'>";
    }
    if (strcmp(doing, "ResultSingle") == 0) {
        return "<class 'neo4j.exceptions.ResultNotSingleError'>";
    }
    if (strcmp(doing, "NewDriver") == 0) {
        return "<class 'ValueError'>";
    }
    return begins(doing, "Result") ? "<class 'neo4j.exceptions.ResultConsumedError'>"
                                   : "<class 'neo4j.exceptions.ConfigurationError'>";
}

/* In a cluster a lost server is one of several: the session has expired. That nobody could be asked is another thing. */
static const char *network_type(const struct heddle_error *error, const struct backend *backend)
{
    const char *doing = backend->doing;
    const bool commits = strcmp(doing, "TransactionCommit") == 0 || begins(doing, "Retryable") ||
                         strcmp(doing, "ExecuteQuery") == 0;
    if (error->action == HEDDLE_ACTION_ASK && commits) {
        return "<class 'neo4j.exceptions.IncompleteCommit'>";
    }
    return backend->routed && !begins(error->message, "no server of the cluster could be asked")
               ? "<class 'neo4j.exceptions.SessionExpired'>"
               : "<class 'neo4j.exceptions.ServiceUnavailable'>";
}

/* The suite knows the error types of the existing drivers only, so ours answer to the names of the Python driver's. */
static const char *error_type(const struct heddle_error *error, const struct backend *backend)
{
    static const struct {
        const char *code;
        const char *name;
    } codes[] = {
        {"Neo.ClientError.Statement.SyntaxError", "<class 'neo4j.exceptions.CypherSyntaxError'>"},
        {"Neo.ClientError.Security.Unauthorized", "<class 'neo4j.exceptions.AuthError'>"},
        {"Neo.ClientError.Security.TokenExpired", "<class 'neo4j.exceptions.TokenExpired'>"},
        {"Neo.ClientError.Security.Forbidden", "<class 'neo4j.exceptions.Forbidden'>"},
        {"Neo.ClientError.Cluster.NotALeader", "<class 'neo4j.exceptions.NotALeader'>"},
        {"Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
         "<class 'neo4j.exceptions.ForbiddenOnReadOnlyDatabase'>"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(codes[i].code, error->code) == 0) {
            return codes[i].name;
        }
    }
    if (strncmp(error->code, "Neo.TransientError.", 19) == 0 ||
        strcmp(error->code, "Neo.ClientError.Security.AuthorizationExpired") == 0) {
        return "<class 'neo4j.exceptions.TransientError'>";
    }
    switch (error->status) {
    case HEDDLE_DATABASE: return "<class 'neo4j.exceptions.ClientError'>";
    case HEDDLE_PROTOCOL: return "<class 'neo4j._exceptions.BoltProtocolError'>";
    case HEDDLE_INVALID: return misuse_type(backend->doing);
    default: return network_type(error, backend);
    }
}

static json_t *cause_to_json(const struct heddle_failure *failure)
{
    if (failure == NULL) {
        return json_null();
    }
    json_t *data = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "msg", text_to_json(failure->message),
                             "gqlStatus", text_to_json(failure->gql_status), "statusDescription",
                             text_to_json(failure->description), "cause", cause_to_json(failure->cause),
                             "diagnosticRecord", map_to_json(failure->diagnostic_record), "classification",
                             text_to_json(failure->classification), "rawClassification",
                             text_to_json(failure->raw_classification));
    return json_pack("{s:s, s:o}", "name", "GqlError", "data", data);
}

/* What DriverError says about a server's failure. */
static json_t *details_of(const struct heddle_error *error, const struct heddle_failure *failure)
{
    if (failure == NULL) {
        return json_pack("{s:o, s:s}", "msg", text_to_json(error->message), "code", error->code);
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "msg", text_to_json(failure->message), "code",
        text_to_json(failure->code), "gqlStatus", text_to_json(failure->gql_status), "statusDescription",
        text_to_json(failure->description), "cause", cause_to_json(failure->cause), "diagnosticRecord",
        map_to_json(failure->diagnostic_record), "classification", text_to_json(failure->classification),
        "rawClassification", text_to_json(failure->raw_classification));
}

static void error_respond(struct backend *backend, const struct heddle_error *error, json_t *details,
                          const char *type)
{
    struct failure *kept = calloc(1, sizeof *kept);
    *kept = (struct failure){*error, details};
    json_t *data = json_deep_copy(kept->details);
    json_object_set_new(data, "id", json_integer(backend_keep(backend, KIND_ERROR, kept)));
    json_object_set_new(data, "errorType", json_string(type));
    json_object_set_new(data, "retryable", json_boolean(error->action == HEDDLE_ACTION_RETRY));
    backend_respond(backend, "DriverError", data);
}

void backend_respond_error(struct backend *backend, const struct heddle_error *error,
                           const struct heddle_failure *failure)
{
    failure = error->status == HEDDLE_DATABASE ? failure : NULL; /* else it is an earlier call's */
    error_respond(backend, error, details_of(error, failure), error_type(error, backend));
}

void session_respond_error(struct backend *backend, struct session *session, const struct heddle_error *error)
{
    const bool alive = session != NULL && session->session != NULL;
    if (alive && session->failed_as[0] != '\0' && begins(backend->doing, "Result") &&
        error->status != HEDDLE_INVALID) {
        /* Not this result's failure, but that of another one in its transaction. */
        char message[sizeof error->message + 80];
        snprintf(message, sizeof message, "this result failed with its transaction (%s): %s",
                 session->failed_as, error->message);
        error_respond(backend, error,
                      json_pack("{s:o, s:s}", "msg", text_to_json(message), "code", error->code),
                      "<class 'neo4j.exceptions.ResultFailedError'>");
        return;
    }
    if (alive && error->status != HEDDLE_INVALID) {
        snprintf(session->failed_as, sizeof session->failed_as, "%s", error_type(error, backend));
    }
    backend_respond_error(backend, error, alive ? heddle_session_failure(session->session) : NULL);
}

static void cursor_error(struct backend *backend, const struct result *result,
                         const struct heddle_error *error)
{
    session_respond_error(backend, result->session, error);
}

static void record_respond(struct backend *backend, const struct heddle_record *record)
{
    json_t *json = record_to_json(record);
    if (json != NULL) {
        backend_respond(backend, "Record", json);
        return;
    }
    struct heddle_error error = {.status = HEDDLE_INVALID,
                                 .message = "the record holds a value of an unknown type"};
    for (size_t i = 0; i < record->count; i++) {
        if (record->values[i].type == HEDDLE_VALUE_DATETIME_ZONE) {
            snprintf(error.message, sizeof error.message, "this machine does not know the time zone %s",
                     record->values[i].datetime->zone);
        }
    }
    backend_respond_error(backend, &error, NULL);
}

typedef int record_get(struct heddle_cursor *cursor, struct heddle_record *record_out,
                       struct heddle_error *error);

static void result_record(struct backend *backend, const struct result *result, record_get *get)
{
    struct heddle_error error = {0};
    struct heddle_record record;
    const int status = get(result->cursor, &record, &error);
    if (status == HEDDLE_OK) {
        record_respond(backend, &record);
    } else if (status == HEDDLE_END) {
        backend_respond(backend, "NullRecord", NULL);
    } else {
        cursor_error(backend, result, &error);
    }
}

static void result_single_optional(struct backend *backend, const struct result *result)
{
    struct heddle_error error = {0};
    struct heddle_record record;
    bool more = false;
    const int status = heddle_cursor_single_optional(result->cursor, &record, &more, &error);
    if (status != HEDDLE_OK && status != HEDDLE_END) {
        cursor_error(backend, result, &error);
        return;
    }
    json_t *warnings = json_array();
    if (more) {
        json_array_append_new(warnings, json_string("multiple records where at most one was expected"));
    }
    backend_respond(backend, "RecordOptional",
                    json_pack("{s:o, s:o}", "record",
                              status == HEDDLE_OK ? record_to_json(&record) : json_null(), "warnings",
                              warnings));
}

static void result_list(struct backend *backend, const struct result *result)
{
    struct heddle_error error = {0};
    const struct heddle_record *records = NULL;
    size_t count = 0;
    if (heddle_cursor_list(result->cursor, &records, &count, &error) != HEDDLE_OK) {
        cursor_error(backend, result, &error);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, record_to_json(&records[i]));
    }
    backend_respond(backend, "RecordList", json_pack("{s:o}", "records", list));
}

static void result_consume(struct backend *backend, const struct result *result)
{
    struct heddle_error error = {0};
    const struct heddle_summary *summary = NULL;
    if (heddle_cursor_consume(result->cursor, &summary, &error) != HEDDLE_OK) {
        cursor_error(backend, result, &error);
        return;
    }
    backend_respond(backend, "Summary", summary_to_json(summary, result->query));
}

/* One field of a value of the next record: "id", "nodes", "props.name" …, as JSON of the whole value has it. */
static void type_field(struct backend *backend, const struct result *result, const json_t *data)
{
    struct heddle_error error = {0};
    struct heddle_record record;
    size_t count = 0;
    size_t place = 0;
    const char *wanted = data_text(data, "recordKey");
    const struct heddle_value_text *keys = heddle_cursor_keys(result->cursor, &count);
    if (heddle_cursor_next(result->cursor, &record, &error) != HEDDLE_OK) {
        cursor_error(backend, result, &error);
        return;
    }
    while (place < count && strcmp(keys[place].text, wanted) != 0) {
        place++;
    }
    json_t *value = place < count ? value_to_json(&record.values[place]) : NULL;
    json_t *field = json_object_get(json_object_get(value, "data"), data_text(data, "field"));
    const json_t *plain = json_object_get(json_object_get(field, "data"), "value");
    if (plain != NULL) {
        char *text =
            json_is_string(plain) ? strdup(json_string_value(plain)) : json_dumps(plain, JSON_ENCODE_ANY);
        backend_respond(backend, "Field", json_pack("{s:s}", "value", text));
        free(text);
    } else {
        error = (struct heddle_error){.status = HEDDLE_INVALID, .message = "no such field in this value"};
        backend_respond_error(backend, &error, NULL);
    }
    json_decref(value);
}

bool result_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch)
{
    (void)scratch;
    struct result *result = backend_find(backend, KIND_RESULT, json_object_get(data, "resultId"));
    if (result == NULL) {
        return false;
    }
    if (strcmp(name, "ResultNext") == 0) {
        result_record(backend, result, heddle_cursor_next);
    } else if (strcmp(name, "ResultPeek") == 0) {
        result_record(backend, result, heddle_cursor_peek);
    } else if (strcmp(name, "ResultSingle") == 0) {
        result_record(backend, result, heddle_cursor_single);
    } else if (strcmp(name, "ResultSingleOptional") == 0) {
        result_single_optional(backend, result);
    } else if (strcmp(name, "ResultList") == 0) {
        result_list(backend, result);
    } else if (strcmp(name, "ResultConsume") == 0) {
        result_consume(backend, result);
    } else if (strcmp(name, "CypherTypeField") == 0) {
        type_field(backend, result, data);
    } else {
        return false;
    }
    return true;
}

static void driver_free(struct driver *driver)
{
    heddle_driver_close(driver->driver);
    scratch_free(&driver->certificate);
    free(driver);
}

void object_free(struct object object)
{
    struct result *result = object.pointer;
    struct session *session = object.pointer;
    struct failure *failure = object.pointer;
    struct auth_manager *auth = object.pointer;
    struct bookmark_manager *bookmarks = object.pointer;
    switch (object.kind) {
    case KIND_RESULT:
        heddle_cursor_destroy(result->cursor);
        json_decref(result->query);
        break;
    case KIND_SESSION: heddle_session_close(session->session); break;
    case KIND_ERROR: json_decref(failure->details); break;
    case KIND_DRIVER: driver_free(object.pointer); return;
    case KIND_AUTH_MANAGER:
        heddle_auth_manager_destroy(auth->manager);
        scratch_free(&auth->kept);
        break;
    case KIND_BOOKMARK_MANAGER: heddle_bookmark_manager_destroy(bookmarks->manager); break;
    default: break;
    }
    free(object.pointer);
}
