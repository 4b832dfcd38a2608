/* result.c: streaming results as batches. */
#include "duck/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Plans and names of a few dozen columns. */
enum { PLAN_ARENA_BLOCK = 8 * 1024 };

struct heddle_duck_result {
    struct heddle_duck *duck;
    struct heddle_duck_statement *statement; /* owned, or NULL where the caller owns it */
    struct heddle_arena *arena;              /* plans and schema */
    struct duck_result handle;
    bool open; /* handle is to be destroyed */
    struct heddle_duck_plan *plans;
    struct heddle_schema schema;
    struct duck_chunk *chunk; /* the chunk being handed out, and how far */
    uint64_t chunk_rows;
    uint64_t chunk_used;
};

int heddle_duck_stream_start(const struct heddle_duck_statement *statement, struct duck_result *handle,
                             struct heddle_error *error)
{
    const struct heddle_duck_api *api = &statement->duck->api;
    struct duck_pending *pending = NULL;
    int status = HEDDLE_OK;
    if (api->pending_prepared_streaming(statement->handle, &pending) != DUCK_OK) {
        status = heddle_duck_error(error, api->pending_error(pending));
    } else if (api->execute_pending(pending, handle) != DUCK_OK) {
        status = heddle_duck_error(error, api->result_error(handle));
        api->destroy_result(handle);
    }
    api->destroy_pending(&pending);
    return status;
}

static int plans_fill(struct heddle_duck_result *result, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &result->duck->api;
    const size_t count = (size_t)api->column_count(&result->handle);
    struct heddle_field *fields = heddle_arena_calloc(result->arena, count, sizeof *fields);
    result->plans = heddle_arena_calloc(result->arena, count, sizeof *result->plans);
    if (fields == NULL || result->plans == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const char *refused = NULL;
        const char *name = api->column_name(&result->handle, i);
        name = heddle_arena_copy_text(result->arena, name, strlen(name));
        struct duck_type *type = api->column_logical_type(&result->handle, i);
        if (name == NULL || type == NULL) {
            api->destroy_logical_type(&type);
            return heddle_error_out_of_memory(error);
        }
        const int status =
            heddle_duck_plan_fill(api, result->arena, type, &result->plans[i], &refused, error);
        api->destroy_logical_type(&type);
        HEDDLE_TRY(status);
        if (refused != NULL) {
            return heddle_error_set(
                error, HEDDLE_SOURCE,
                "column `%s` is of type %s, which cannot be loaded; leave it out or cast it", name, refused);
        }
        fields[i] = result->plans[i].field;
        fields[i].name = name;
    }
    result->schema.fields = fields;
    result->schema.count = count;
    return HEDDLE_OK;
}

int heddle_duck_stream(struct heddle_duck_statement *statement, struct heddle_duck_result **result_out,
                       struct heddle_error *error)
{
    struct heddle_duck_result *result = heddle_calloc(1, sizeof *result);
    if (result == NULL) {
        return heddle_error_out_of_memory(error);
    }
    result->duck = statement->duck;
    int status = heddle_arena_create(PLAN_ARENA_BLOCK, &result->arena, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_stream_start(statement, &result->handle, error);
        result->open = status == HEDDLE_OK;
    }
    if (status == HEDDLE_OK) {
        status = plans_fill(result, error);
    }
    if (status != HEDDLE_OK) {
        heddle_duck_result_destroy(result);
        return status;
    }
    *result_out = result;
    return HEDDLE_OK;
}

int heddle_duck_query(struct heddle_duck_connection *connection, const char *sql,
                      struct heddle_duck_result **result_out, struct heddle_error *error)
{
    struct heddle_duck_statement *statement = NULL;
    HEDDLE_TRY(heddle_duck_prepare(connection, sql, &statement, error));
    const int status = heddle_duck_stream(statement, result_out, error);
    if (status != HEDDLE_OK) {
        heddle_duck_statement_destroy(statement);
        return status;
    }
    (*result_out)->statement = statement;
    return HEDDLE_OK;
}

const struct heddle_schema *heddle_duck_result_schema(const struct heddle_duck_result *result)
{
    return &result->schema;
}

/* Makes result->chunk a chunk with rows left. HEDDLE_END after the last. */
static int chunk_next(struct heddle_duck_result *result, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &result->duck->api;
    while (result->chunk == NULL || result->chunk_used == result->chunk_rows) {
        if (result->chunk != NULL) {
            api->destroy_data_chunk(&result->chunk);
        }
        result->chunk = api->fetch_chunk(result->handle);
        if (result->chunk == NULL) {
            /* NULL is the end, or a failure: only the error text tells. */
            const char *reason = api->result_error(&result->handle);
            return reason != NULL && reason[0] != '\0' ? heddle_duck_error(error, reason) : HEDDLE_END;
        }
        result->chunk_rows = api->data_chunk_get_size(result->chunk);
        result->chunk_used = 0;
        if (result->chunk_rows == 0) {
            api->destroy_data_chunk(&result->chunk);
            return HEDDLE_END;
        }
    }
    return HEDDLE_OK;
}

int heddle_duck_result_next(struct heddle_duck_result *result, size_t rows_max,
                            struct heddle_batch **batch_out, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &result->duck->api;
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(chunk_next(result, error));
    HEDDLE_TRY(heddle_batch_create(&result->schema, &batch, error));
    uint64_t count = result->chunk_rows - result->chunk_used;
    if (rows_max > 0 && count > rows_max) {
        count = rows_max;
    }
    for (size_t i = 0; i < result->schema.count; i++) {
        const int status = heddle_duck_vector_read(
            api, batch->arena, &result->plans[i], api->data_chunk_get_vector(result->chunk, i),
            result->chunk_used, (size_t)count, &batch->columns[i], error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "column `%s`", result->schema.fields[i].name);
            heddle_batch_release(batch);
            return status;
        }
    }
    batch->rows = (size_t)count;
    result->chunk_used += count;
    *batch_out = batch;
    return HEDDLE_OK;
}

int heddle_duck_result_ready(struct heddle_duck_result *result, size_t *rows_out, struct heddle_error *error)
{
    HEDDLE_TRY(chunk_next(result, error));
    *rows_out = (size_t)(result->chunk_rows - result->chunk_used);
    return HEDDLE_OK;
}

/* Reads the rows of the chunk at hand that index[0 .. count-1] names into a new batch. */
static int rows_pick(struct heddle_duck_result *result, const uint64_t *index, size_t count,
                     struct heddle_batch **batch_out, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &result->duck->api;
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(heddle_batch_create(&result->schema, &batch, error));
    for (size_t i = 0; i < result->schema.count; i++) {
        const int status = heddle_duck_vector_pick(api, batch->arena, &result->plans[i],
                                                   api->data_chunk_get_vector(result->chunk, i), index, count,
                                                   &batch->columns[i], error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "column `%s`", result->schema.fields[i].name);
            heddle_batch_release(batch);
            return status;
        }
    }
    batch->rows = count;
    *batch_out = batch;
    return HEDDLE_OK;
}

int heddle_duck_result_take(struct heddle_duck_result *result, size_t rows, const uint64_t *kept,
                            size_t count, struct heddle_batch **batch_out, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    *batch_out = NULL;
    if (count > 0) {
        uint64_t *index = heddle_malloc(count * sizeof *index);
        if (index == NULL) {
            return heddle_error_out_of_memory(error);
        }
        for (size_t i = 0; i < count; i++) {
            index[i] = result->chunk_used + kept[i];
        }
        status = rows_pick(result, index, count, batch_out, error);
        free(index);
    }
    if (status == HEDDLE_OK) {
        result->chunk_used += rows;
    }
    return status;
}

void heddle_duck_result_destroy(struct heddle_duck_result *result)
{
    if (result == NULL) {
        return;
    }
    const struct heddle_duck_api *api = &result->duck->api;
    if (result->chunk != NULL) {
        api->destroy_data_chunk(&result->chunk);
    }
    if (result->open) {
        api->destroy_result(&result->handle);
    }
    heddle_duck_statement_destroy(result->statement);
    heddle_arena_destroy(result->arena);
    free(result);
}

/* The first batch of a query that has a value in its first cell. */
static int fetch_first(struct heddle_duck_connection *connection, const char *sql,
                       struct heddle_batch **batch_out, struct heddle_duck_result **result_out,
                       struct heddle_error *error)
{
    HEDDLE_TRY(heddle_duck_query(connection, sql, result_out, error));
    int status = heddle_duck_result_next(*result_out, 1, batch_out, error);
    if (status == HEDDLE_OK && heddle_column_is_null(&(*batch_out)->columns[0], 0)) {
        heddle_batch_release(*batch_out);
        status = HEDDLE_END;
    }
    if (status != HEDDLE_OK) {
        heddle_duck_result_destroy(*result_out);
    }
    return status;
}

int heddle_duck_fetch_integer(struct heddle_duck_connection *connection, const char *sql, int64_t *value_out,
                              struct heddle_error *error)
{
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(fetch_first(connection, sql, &batch, &result, error));
    int status = HEDDLE_OK;
    if (batch->columns[0].type == HEDDLE_TYPE_INTEGER) {
        *value_out = heddle_column_integer(&batch->columns[0], 0);
    } else {
        status = heddle_error_set(error, HEDDLE_INVALID, "the query answers a %s, not an integer: %s",
                                  heddle_type_name(batch->columns[0].type), sql);
    }
    heddle_batch_release(batch);
    heddle_duck_result_destroy(result);
    return status;
}

int heddle_duck_fetch_text(struct heddle_duck_connection *connection, const char *sql, char **text_out,
                           struct heddle_error *error)
{
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(fetch_first(connection, sql, &batch, &result, error));
    int status = HEDDLE_OK;
    if (batch->columns[0].type == HEDDLE_TYPE_STRING) {
        size_t length = 0;
        const char *text = heddle_column_text(&batch->columns[0], 0, &length);
        *text_out = heddle_strndup(text, length);
        status = *text_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    } else {
        status = heddle_error_set(error, HEDDLE_INVALID, "the query answers a %s, not a text: %s",
                                  heddle_type_name(batch->columns[0].type), sql);
    }
    heddle_batch_release(batch);
    heddle_duck_result_destroy(result);
    return status;
}
