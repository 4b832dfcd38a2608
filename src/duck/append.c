/* append.c: rows gathered in a chunk of our own and handed to DuckDB's appender when it is full. */
#include "duck/append.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "duck/internal.h"

struct heddle_duck_appender {
    struct heddle_duck *duck;
    struct duck_appender *handle;
    struct duck_chunk *chunk;
    struct duck_type **types;
    struct heddle_duck_slot *slots;
    size_t column_count;
    size_t filled; /* rows in `chunk` */
    uint64_t rows;
    bool failed;
};

static int columns_prepare(struct heddle_duck_appender *appender, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &appender->duck->api;
    appender->column_count = (size_t)api->appender_column_count(appender->handle);
    appender->types = heddle_calloc(appender->column_count, sizeof *appender->types);
    appender->slots = heddle_calloc(appender->column_count, sizeof *appender->slots);
    if (appender->types == NULL || appender->slots == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < appender->column_count; i++) {
        appender->types[i] = api->appender_column_type(appender->handle, i);
        if (!heddle_duck_slot_fill(api, appender->types[i], &appender->slots[i])) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "column %zu of the table is a %s, which cannot be appended to", i + 1,
                                    heddle_duck_type_id_name((int)appender->slots[i].self.id));
        }
    }
    appender->chunk = api->create_data_chunk(appender->types, appender->column_count);
    return appender->chunk != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_duck_appender_create(struct heddle_duck_connection *connection, const char *table,
                                struct heddle_duck_appender **appender_out, struct heddle_error *error)
{
    struct heddle_duck_appender *appender = heddle_calloc(1, sizeof *appender);
    if (appender == NULL) {
        return heddle_error_out_of_memory(error);
    }
    appender->duck = connection->duck;
    int status = HEDDLE_OK;
    if (connection->duck->api.appender_create(connection->handle, NULL, table, &appender->handle) !=
        DUCK_OK) {
        status = heddle_duck_error(error, connection->duck->api.appender_error(appender->handle));
    } else {
        status = columns_prepare(appender, error);
    }
    if (status != HEDDLE_OK) {
        heddle_duck_appender_destroy(appender);
        return status;
    }
    *appender_out = appender;
    return HEDDLE_OK;
}

/* Hands the gathered chunk over and empties it. */
static int chunk_hand_over(struct heddle_duck_appender *appender, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &appender->duck->api;
    if (appender->filled == 0) {
        return HEDDLE_OK;
    }
    api->data_chunk_set_size(appender->chunk, appender->filled);
    if (api->append_data_chunk(appender->handle, appender->chunk) != DUCK_OK) {
        return heddle_duck_error(error, api->appender_error(appender->handle));
    }
    api->data_chunk_reset(appender->chunk);
    appender->filled = 0;
    return HEDDLE_OK;
}

static int rows_append(struct heddle_duck_appender *appender, const struct heddle_column *const *columns,
                       const uint32_t *rows, size_t row_count, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &appender->duck->api;
    size_t done = 0;
    while (done < row_count) {
        size_t part = DUCK_CHUNK_ROWS - appender->filled;
        if (part > row_count - done) {
            part = row_count - done;
        }
        for (size_t i = 0; i < appender->column_count; i++) {
            const int status = heddle_duck_vector_write(
                api, &appender->slots[i], api->data_chunk_get_vector(appender->chunk, i), appender->filled,
                columns[i], rows != NULL ? rows + done : NULL, done, part, error);
            if (status != HEDDLE_OK) {
                heddle_error_prefix(error, "column %zu of the table", i + 1);
                return status;
            }
        }
        appender->filled += part;
        appender->rows += part;
        done += part;
        if (appender->filled == DUCK_CHUNK_ROWS) {
            HEDDLE_TRY(chunk_hand_over(appender, error));
        }
    }
    return HEDDLE_OK;
}

int heddle_duck_appender_append(struct heddle_duck_appender *appender,
                                const struct heddle_column *const *columns, size_t column_count,
                                const uint32_t *rows, size_t row_count, struct heddle_error *error)
{
    if (appender->failed) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the appender failed before and can only be destroyed");
    }
    if (column_count != appender->column_count) {
        return heddle_error_set(error, HEDDLE_INVALID, "%zu columns do not fit a table of %zu", column_count,
                                appender->column_count);
    }
    const int status = rows_append(appender, columns, rows, row_count, error);
    appender->failed = status != HEDDLE_OK;
    return status;
}

int heddle_duck_appender_flush(struct heddle_duck_appender *appender, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &appender->duck->api;
    int status = HEDDLE_OK;
    if (appender->failed) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the appender failed before and can only be destroyed");
    }
    status = chunk_hand_over(appender, error);
    if (status == HEDDLE_OK && api->appender_flush(appender->handle) != DUCK_OK) {
        status = heddle_duck_error(error, api->appender_error(appender->handle));
    }
    appender->failed = status != HEDDLE_OK;
    return status;
}

uint64_t heddle_duck_appender_rows(const struct heddle_duck_appender *appender)
{
    return appender->rows;
}

void heddle_duck_appender_destroy(struct heddle_duck_appender *appender)
{
    if (appender == NULL) {
        return;
    }
    const struct heddle_duck_api *api = &appender->duck->api;
    if (appender->handle != NULL) {
        /* Without clear, destroying would flush what is left behind the caller's back. */
        api->appender_clear(appender->handle);
        api->appender_destroy(&appender->handle);
    }
    if (appender->chunk != NULL) {
        api->destroy_data_chunk(&appender->chunk);
    }
    for (size_t i = 0; appender->types != NULL && i < appender->column_count; i++) {
        api->destroy_logical_type(&appender->types[i]);
    }
    free(appender->types);
    free(appender->slots);
    free(appender);
}
