/* neo4j.c: the easy functions of heddle/bolt.h: a driver, its records as JSON. */
#include <heddle/bolt.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/counters.h"
#include "bolt/json.h"

struct heddle_neo4j {
    struct heddle_driver *driver;
    char *database;              /* NULL = the home database */
    struct heddle_server server; /* its texts are the driver's */
};

struct heddle_neo4j_result {
    struct heddle_cursor *cursor;
    const struct heddle_value_text *keys;
    size_t key_count;
    const struct heddle_record *records;
    size_t record_count;
    const struct heddle_summary *summary;
    char *json;
};

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

int heddle_neo4j_open(const char *uri, const char *user, const char *password, const char *database,
                      struct heddle_neo4j **neo4j_out, struct heddle_error *error)
{
    return heddle_neo4j_open_trusting(uri, user, password, database, NULL, neo4j_out, error);
}

static struct heddle_auth auth_of(const char *user, const char *password)
{
    if (is_given(user)) {
        return heddle_auth_basic(user, password);
    }
    return is_given(password) ? heddle_auth_bearer(password) : (struct heddle_auth){0};
}

static int open_with(struct heddle_neo4j *neo4j, const struct heddle_driver_options *options,
                     const char *database, struct heddle_error *error)
{
    if (is_given(database)) {
        neo4j->database = heddle_strdup(database);
        if (neo4j->database == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    HEDDLE_TRY(heddle_driver_open(options, &neo4j->driver, error));
    return heddle_driver_verify(neo4j->driver, &neo4j->server, error);
}

int heddle_neo4j_open_trusting(const char *uri, const char *user, const char *password, const char *database,
                               const char *ca_file, struct heddle_neo4j **neo4j_out,
                               struct heddle_error *error)
{
    if (is_given(user) && password == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "a login with password needs both user and password");
    }
    const struct heddle_driver_options options = {
        .uri = uri, .auth = auth_of(user, password), .ca_file = ca_file, .fetch_size = -1};
    struct heddle_neo4j *neo4j = heddle_calloc(1, sizeof *neo4j);
    if (neo4j == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = open_with(neo4j, &options, database, error);
    if (status != HEDDLE_OK) {
        heddle_neo4j_close(neo4j);
        return status;
    }
    *neo4j_out = neo4j;
    return HEDDLE_OK;
}

static int write_parameters(struct heddle_writer *writer, void *context, struct heddle_error *error)
{
    (void)error;
    heddle_pack_json((struct heddle_pack *)writer, context);
    return HEDDLE_OK;
}

/* How a statement is run. */
enum manner { MANNER_READ, MANNER_WRITE, MANNER_ONCE };

/* Everything that the cursor brings, decoded once. */
static int result_fill(struct heddle_neo4j_result *result, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_cursor_list(result->cursor, &result->records, &result->record_count, error));
    HEDDLE_TRY(heddle_cursor_consume(result->cursor, &result->summary, error));
    result->keys = heddle_cursor_keys(result->cursor, &result->key_count);
    json_t *array =
        heddle_records_to_json(result->keys, result->key_count, result->records, result->record_count);
    if (array != NULL) {
        result->json = json_dumps(array, JSON_COMPACT | JSON_REAL_PRECISION(17));
    }
    json_decref(array);
    return result->json != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* In a transaction of its own, sent once. */
static int run_once(const struct heddle_neo4j *neo4j, const struct heddle_query *query,
                    struct heddle_neo4j_result *result, struct heddle_error *error)
{
    struct heddle_session *session = NULL;
    HEDDLE_TRY(heddle_session_open(
        neo4j->driver, &(struct heddle_session_options){.database = neo4j->database}, &session, error));
    int status = heddle_session_run(session, query, NULL, &result->cursor, error);
    if (status == HEDDLE_OK) {
        status = result_fill(result, error);
    }
    heddle_session_close(session);
    return status;
}

static int run_managed(const struct heddle_neo4j *neo4j, bool read, const struct heddle_query *query,
                       struct heddle_neo4j_result *result, struct heddle_error *error)
{
    const struct heddle_execute_options options = {.read = read, .database = neo4j->database};
    HEDDLE_TRY(heddle_driver_execute(neo4j->driver, &options, query, &result->cursor, error));
    const int status = result_fill(result, error);
    if (status != HEDDLE_OK && error != NULL) {
        error->action = HEDDLE_ACTION_ASK; /* the statement has run, only its result is gone */
    }
    return status;
}

static int run(const struct heddle_neo4j *neo4j, enum manner manner, const char *text, const char *parameters,
               struct heddle_neo4j_result **result_out, struct heddle_error *error)
{
    json_t *object = NULL;
    if (!is_given(text)) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no statement to run");
    }
    HEDDLE_TRY(heddle_json_parameters(parameters, &object, error));
    const struct heddle_query query = {.text = text, .write = write_parameters, .context = object};
    struct heddle_neo4j_result *result = heddle_calloc(1, sizeof *result);
    int status = HEDDLE_OK;
    if (result == NULL) {
        status = heddle_error_out_of_memory(error);
    } else if (manner == MANNER_ONCE) {
        status = run_once(neo4j, &query, result, error);
    } else {
        status = run_managed(neo4j, manner == MANNER_READ, &query, result, error);
    }
    json_decref(object);
    if (status != HEDDLE_OK || result_out == NULL) {
        heddle_neo4j_result_destroy(result);
        return status;
    }
    *result_out = result;
    return HEDDLE_OK;
}

int heddle_neo4j_read(struct heddle_neo4j *neo4j, const char *query, const char *parameters,
                      struct heddle_neo4j_result **result_out, struct heddle_error *error)
{
    return run(neo4j, MANNER_READ, query, parameters, result_out, error);
}

int heddle_neo4j_write(struct heddle_neo4j *neo4j, const char *query, const char *parameters,
                       struct heddle_neo4j_result **result_out, struct heddle_error *error)
{
    return run(neo4j, MANNER_WRITE, query, parameters, result_out, error);
}

int heddle_neo4j_run(struct heddle_neo4j *neo4j, const char *query, const char *parameters,
                     struct heddle_neo4j_result **result_out, struct heddle_error *error)
{
    return run(neo4j, MANNER_ONCE, query, parameters, result_out, error);
}

const char *heddle_neo4j_server(const struct heddle_neo4j *neo4j)
{
    return neo4j->server.agent;
}

void heddle_neo4j_close(struct heddle_neo4j *neo4j)
{
    if (neo4j != NULL) {
        heddle_driver_close(neo4j->driver);
        free(neo4j->database);
        free(neo4j);
    }
}

size_t heddle_neo4j_result_rows(const struct heddle_neo4j_result *result)
{
    return result->record_count;
}

size_t heddle_neo4j_result_columns(const struct heddle_neo4j_result *result)
{
    return result->key_count;
}

const char *heddle_neo4j_result_column_name(const struct heddle_neo4j_result *result, size_t column)
{
    return column < result->key_count ? result->keys[column].text : NULL;
}

/* NULL where there is no such cell. */
static const struct heddle_value *cell(const struct heddle_neo4j_result *result, size_t row, size_t column)
{
    if (row >= result->record_count || column >= result->records[row].count) {
        return NULL;
    }
    return &result->records[row].values[column];
}

bool heddle_neo4j_result_is_null(const struct heddle_neo4j_result *result, size_t row, size_t column)
{
    const struct heddle_value *value = cell(result, row, column);
    return value == NULL || value->type == HEDDLE_VALUE_NULL;
}

bool heddle_neo4j_result_boolean(const struct heddle_neo4j_result *result, size_t row, size_t column,
                                 bool *value_out)
{
    const struct heddle_value *value = cell(result, row, column);
    if (value == NULL || value->type != HEDDLE_VALUE_BOOLEAN) {
        return false;
    }
    *value_out = value->boolean;
    return true;
}

bool heddle_neo4j_result_integer(const struct heddle_neo4j_result *result, size_t row, size_t column,
                                 int64_t *value_out)
{
    const struct heddle_value *value = cell(result, row, column);
    if (value == NULL || value->type != HEDDLE_VALUE_INTEGER) {
        return false;
    }
    *value_out = value->integer;
    return true;
}

bool heddle_neo4j_result_float(const struct heddle_neo4j_result *result, size_t row, size_t column,
                               double *value_out)
{
    const struct heddle_value *value = cell(result, row, column);
    if (value == NULL || (value->type != HEDDLE_VALUE_FLOAT && value->type != HEDDLE_VALUE_INTEGER)) {
        return false;
    }
    *value_out = value->type == HEDDLE_VALUE_FLOAT ? value->real : (double)value->integer;
    return true;
}

bool heddle_neo4j_result_text(const struct heddle_neo4j_result *result, size_t row, size_t column,
                              const char **text_out)
{
    const struct heddle_value *value = cell(result, row, column);
    if (value == NULL || value->type != HEDDLE_VALUE_STRING) {
        return false;
    }
    *text_out = value->string.text;
    return true;
}

const char *heddle_neo4j_result_json(const struct heddle_neo4j_result *result)
{
    return result->json;
}

int64_t heddle_neo4j_result_counter(const struct heddle_neo4j_result *result, const char *name)
{
    struct heddle_counters counters = result->summary->counters;
    const int64_t *counter = heddle_counters_field(&counters, name, strlen(name));
    return counter != NULL ? *counter : 0;
}

void heddle_neo4j_result_destroy(struct heddle_neo4j_result *result)
{
    if (result != NULL) {
        heddle_cursor_destroy(result->cursor);
        free(result->json);
        free(result);
    }
}
