/* statement.c: prepared statements and their parameters. */
#include "duck/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The widest vector that a parameter takes; models have at most a few thousand dimensions. */
enum { FLOATS_MAX = 65536 };

int heddle_duck_prepare(struct heddle_duck_connection *connection, const char *sql,
                        struct heddle_duck_statement **statement_out, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &connection->duck->api;
    struct heddle_duck_statement *statement = heddle_calloc(1, sizeof *statement);
    if (statement == NULL) {
        return heddle_error_out_of_memory(error);
    }
    statement->duck = connection->duck;
    if (api->prepare(connection->handle, sql, &statement->handle) != DUCK_OK) {
        const int status = heddle_duck_error(error, api->prepare_error(statement->handle));
        heddle_duck_statement_destroy(statement);
        return status;
    }
    *statement_out = statement;
    return HEDDLE_OK;
}

void heddle_duck_statement_destroy(struct heddle_duck_statement *statement)
{
    if (statement == NULL) {
        return;
    }
    statement->duck->api.destroy_prepare(&statement->handle);
    free(statement);
}

/* The answer of a bind call as a status. */
static int bound(const struct heddle_duck_statement *statement, size_t index, int state,
                 struct heddle_error *error)
{
    if (state == DUCK_OK) {
        return HEDDLE_OK;
    }
    const int status = heddle_duck_error(error, statement->duck->api.prepare_error(statement->handle));
    heddle_error_prefix(error, "parameter $%zu cannot be bound", index);
    return status;
}

int heddle_duck_bind_null(struct heddle_duck_statement *statement, size_t index, struct heddle_error *error)
{
    return bound(statement, index, statement->duck->api.bind_null(statement->handle, index), error);
}

int heddle_duck_bind_boolean(struct heddle_duck_statement *statement, size_t index, bool value,
                             struct heddle_error *error)
{
    return bound(statement, index, statement->duck->api.bind_boolean(statement->handle, index, value), error);
}

int heddle_duck_bind_integer(struct heddle_duck_statement *statement, size_t index, int64_t value,
                             struct heddle_error *error)
{
    return bound(statement, index, statement->duck->api.bind_int64(statement->handle, index, value), error);
}

int heddle_duck_bind_float(struct heddle_duck_statement *statement, size_t index, double value,
                           struct heddle_error *error)
{
    return bound(statement, index, statement->duck->api.bind_double(statement->handle, index, value), error);
}

int heddle_duck_bind_text(struct heddle_duck_statement *statement, size_t index, const char *text,
                          size_t length, struct heddle_error *error)
{
    return bound(statement, index,
                 statement->duck->api.bind_varchar_length(statement->handle, index, text, length), error);
}

int heddle_duck_bind_bytes(struct heddle_duck_statement *statement, size_t index, const void *bytes,
                           size_t length, struct heddle_error *error)
{
    return bound(statement, index, statement->duck->api.bind_blob(statement->handle, index, bytes, length),
                 error);
}

/* Binds and drops a value; NULL = out of memory. */
static int bind_value(struct heddle_duck_statement *statement, size_t index, struct duck_value *value,
                      struct heddle_error *error)
{
    if (value == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int state = statement->duck->api.bind_value(statement->handle, index, value);
    statement->duck->api.destroy_value(&value);
    return bound(statement, index, state, error);
}

int heddle_duck_bind_floats(struct heddle_duck_statement *statement, size_t index, const float *values,
                            size_t count, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &statement->duck->api;
    if (count == 0 || count > FLOATS_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "a vector parameter of %zu values is not in 1..%d",
                                count, FLOATS_MAX);
    }
    struct duck_value **items = heddle_calloc(count, sizeof(struct duck_value *));
    struct duck_type *type = api->create_logical_type(DUCK_FLOAT);
    struct duck_value *array = NULL;
    if (items != NULL && type != NULL) {
        for (size_t i = 0; i < count; i++) {
            items[i] = api->create_float(values[i]);
        }
        array = api->create_array_value(type, items, count);
        for (size_t i = 0; i < count; i++) {
            api->destroy_value(&items[i]);
        }
    }
    api->destroy_logical_type(&type);
    free(items);
    return bind_value(statement, index, array, error);
}

int heddle_duck_run(struct heddle_duck_statement *statement, uint64_t *rows_changed_out,
                    struct heddle_error *error)
{
    const struct heddle_duck_api *api = &statement->duck->api;
    struct duck_result result;
    memset(&result, 0, sizeof result);
    int status = HEDDLE_OK;
    if (api->execute_prepared(statement->handle, &result) != DUCK_OK) {
        status = heddle_duck_error(error, api->result_error(&result));
    } else if (rows_changed_out != NULL) {
        *rows_changed_out = api->rows_changed(&result);
    }
    api->destroy_result(&result);
    return status;
}
