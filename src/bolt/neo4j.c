/* neo4j.c: the easy API of heddle/bolt.h over connection.h. */
#include <heddle/bolt.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/connection.h"
#include "bolt/counters.h"
#include "bolt/execute.h"
#include "bolt/json.h"

struct heddle_neo4j {
    struct heddle_bolt_connection *connection;
};

struct heddle_neo4j_result {
    struct heddle_arena *arena;
    struct heddle_bolt_result result;
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

int heddle_neo4j_open_trusting(const char *uri, const char *user, const char *password, const char *database,
                               const char *ca_file, struct heddle_neo4j **neo4j_out,
                               struct heddle_error *error)
{
    enum heddle_bolt_auth auth = HEDDLE_BOLT_AUTH_NONE;
    if (is_given(user)) {
        auth = HEDDLE_BOLT_AUTH_BASIC;
    } else if (is_given(password)) {
        auth = HEDDLE_BOLT_AUTH_BEARER;
    }
    const struct heddle_bolt_options options = {
        .uri = uri, .auth = auth, .user = user, .secret = password, .database = database, .ca_file = ca_file};
    struct heddle_neo4j *neo4j = heddle_calloc(1, sizeof *neo4j);
    if (neo4j == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_bolt_open(&options, &neo4j->connection, error);
    if (status != HEDDLE_OK) {
        heddle_neo4j_close(neo4j);
        return status;
    }
    *neo4j_out = neo4j;
    return HEDDLE_OK;
}

static int write_parameters(struct heddle_pack *pack, void *context, struct heddle_error *error)
{
    (void)error;
    heddle_pack_json(pack, context);
    return HEDDLE_OK;
}

/* How a statement is run. */
enum manner { MANNER_READ, MANNER_WRITE, MANNER_ONCE };

static int result_json(struct heddle_neo4j_result *result, struct heddle_error *error)
{
    json_t *array = heddle_bolt_result_to_json(&result->result);
    if (array != NULL) {
        result->json = json_dumps(array, JSON_COMPACT | JSON_REAL_PRECISION(17));
    }
    json_decref(array);
    return result->json != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int run_into(struct heddle_neo4j *neo4j, enum manner manner, const char *text, json_t *parameters,
                    struct heddle_neo4j_result *result, struct heddle_error *error)
{
    const struct heddle_bolt_query query = {.text = text,
                                            .parameters = write_parameters,
                                            .parameters_context = parameters,
                                            .mode =
                                                manner == MANNER_READ ? HEDDLE_BOLT_READ : HEDDLE_BOLT_WRITE};
    HEDDLE_TRY(heddle_arena_create(0, &result->arena, error));
    if (manner != MANNER_ONCE) {
        return heddle_bolt_execute(neo4j->connection, &query, NULL, result->arena, &result->result, error);
    }
    if (!heddle_bolt_is_open(neo4j->connection)) {
        HEDDLE_TRY(heddle_bolt_reopen(neo4j->connection, error));
    }
    return heddle_bolt_query(neo4j->connection, &query, result->arena, &result->result, error);
}

static int run(struct heddle_neo4j *neo4j, enum manner manner, const char *query, const char *parameters,
               struct heddle_neo4j_result **result_out, struct heddle_error *error)
{
    json_t *object = NULL;
    if (!is_given(query)) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no statement to run");
    }
    HEDDLE_TRY(heddle_json_parameters(parameters, &object, error));
    struct heddle_neo4j_result *result = heddle_calloc(1, sizeof *result);
    int status = result != NULL ? run_into(neo4j, manner, query, object, result, error)
                                : heddle_error_out_of_memory(error);
    json_decref(object);
    if (status == HEDDLE_OK && result_out != NULL) {
        status = result_json(result, error);
        if (status != HEDDLE_OK && error != NULL) {
            error->action = HEDDLE_ACTION_ASK; /* the statement has run, only its result is gone */
        }
    }
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
    return heddle_bolt_server_agent(neo4j->connection);
}

void heddle_neo4j_close(struct heddle_neo4j *neo4j)
{
    if (neo4j != NULL) {
        heddle_bolt_close(neo4j->connection);
        free(neo4j);
    }
}

size_t heddle_neo4j_result_rows(const struct heddle_neo4j_result *result)
{
    return result->result.record_count;
}

size_t heddle_neo4j_result_columns(const struct heddle_neo4j_result *result)
{
    return result->result.field_count;
}

const char *heddle_neo4j_result_column_name(const struct heddle_neo4j_result *result, size_t column)
{
    return column < result->result.field_count ? result->result.fields[column].text : NULL;
}

/* NULL where there is no such cell. */
static const struct heddle_value *cell(const struct heddle_neo4j_result *result, size_t row, size_t column)
{
    if (row >= result->result.record_count || column >= result->result.records[row].count) {
        return NULL;
    }
    return &result->result.records[row].items[column];
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
    struct heddle_counters counters = result->result.counters;
    const int64_t *counter = heddle_counters_field(&counters, name, strlen(name));
    return counter != NULL ? *counter : 0;
}

void heddle_neo4j_result_destroy(struct heddle_neo4j_result *result)
{
    if (result != NULL) {
        heddle_arena_destroy(result->arena);
        free(result->json);
        free(result);
    }
}
