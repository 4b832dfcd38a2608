/* database.c: opening databases and connections. */
#include "duck/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

int heddle_duck_error(struct heddle_error *error, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        text = "DuckDB failed without a reason";
    }
    /* "Binder Error: no such column\n\nLINE 1: SELECT ...\n   ^": the first paragraph is the message. */
    const char *end = strstr(text, "\n\n");
    size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
    length = heddle_text_cut(text, length, 400);
    return heddle_error_set(error, HEDDLE_DATABASE, "%.*s", (int)length, text);
}

static int setting_add(const struct heddle_duck *duck, struct duck_config *config, const char *name,
                       const char *value, struct heddle_error *error)
{
    if (duck->api.set_config(config, name, value) != DUCK_OK) {
        return heddle_error_set(error, HEDDLE_DATABASE, "DuckDB does not take %s = %s", name, value);
    }
    return HEDDLE_OK;
}

static int settings_fill(const struct heddle_duck *duck, const struct heddle_duck_options *options,
                         struct duck_config *config, struct heddle_error *error)
{
    char number[32];
    const char *folder = options->temp_directory;
    if (folder == NULL) {
        folder = getenv("TMPDIR");
    }
    if (folder == NULL || folder[0] == '\0') {
        folder = "/tmp";
    }
    /* Nothing is fetched from the network behind the user's back. */
    HEDDLE_TRY(setting_add(duck, config, "autoinstall_known_extensions", "false", error));
    HEDDLE_TRY(setting_add(duck, config, "autoload_known_extensions", "false", error));
    HEDDLE_TRY(setting_add(duck, config, "preserve_insertion_order", "true", error));
    HEDDLE_TRY(setting_add(duck, config, "temp_directory", folder, error));
    snprintf(number, sizeof number, "%u", options->threads == 0 ? 1 : options->threads);
    HEDDLE_TRY(setting_add(duck, config, "threads", number, error));
    if (options->memory_limit > 0) {
        snprintf(number, sizeof number, "%" PRIu64 "B", options->memory_limit);
        HEDDLE_TRY(setting_add(duck, config, "memory_limit", number, error));
    }
    if (options->read_only) {
        HEDDLE_TRY(setting_add(duck, config, "access_mode", "READ_ONLY", error));
    }
    return HEDDLE_OK;
}

static int database_open(struct heddle_duck *duck, const struct heddle_duck_options *options,
                         struct heddle_error *error)
{
    struct duck_config *config = NULL;
    char *reason = NULL;
    if (duck->api.create_config(&config) != DUCK_OK) {
        return heddle_error_out_of_memory(error);
    }
    int status = settings_fill(duck, options, config, error);
    if (status == HEDDLE_OK &&
        duck->api.open_ext(options->path, &duck->database, config, &reason) != DUCK_OK) {
        status = heddle_duck_error(error, reason);
        heddle_error_prefix(error, "cannot open the database %s",
                            options->path != NULL ? options->path : "in memory");
        duck->api.free(reason);
    }
    duck->api.destroy_config(&config);
    return status;
}

int heddle_duck_open(const struct heddle_duck_options *options, struct heddle_duck **duck_out,
                     struct heddle_error *error)
{
    struct heddle_duck *duck = heddle_calloc(1, sizeof *duck);
    if (duck == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status =
        heddle_duck_api_load(options->library, &duck->api, duck->library, sizeof duck->library, error);
    if (status == HEDDLE_OK) {
        status = database_open(duck, options, error);
    }
    if (status != HEDDLE_OK) {
        heddle_duck_close(duck);
        return status;
    }
    *duck_out = duck;
    return HEDDLE_OK;
}

void heddle_duck_close(struct heddle_duck *duck)
{
    if (duck == NULL) {
        return;
    }
    if (duck->database != NULL) {
        duck->api.close(&duck->database);
    }
    free(duck);
}

const char *heddle_duck_version(const struct heddle_duck *duck)
{
    return duck->api.library_version();
}

int heddle_duck_connect(struct heddle_duck *duck, struct heddle_duck_connection **connection_out,
                        struct heddle_error *error)
{
    struct heddle_duck_connection *connection = heddle_calloc(1, sizeof *connection);
    if (connection == NULL) {
        return heddle_error_out_of_memory(error);
    }
    connection->duck = duck;
    if (duck->api.connect(duck->database, &connection->handle) != DUCK_OK) {
        free(connection);
        return heddle_duck_error(error, "cannot connect to the open database");
    }
    *connection_out = connection;
    return HEDDLE_OK;
}

void heddle_duck_disconnect(struct heddle_duck_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    connection->duck->api.disconnect(&connection->handle);
    free(connection);
}

int heddle_duck_execute(struct heddle_duck_connection *connection, const char *sql,
                        struct heddle_error *error)
{
    const struct heddle_duck_api *api = &connection->duck->api;
    struct duck_result result;
    memset(&result, 0, sizeof result);
    int status = HEDDLE_OK;
    if (api->query(connection->handle, sql, &result) != DUCK_OK) {
        status = heddle_duck_error(error, api->result_error(&result));
    }
    api->destroy_result(&result);
    return status;
}

void heddle_duck_quote_name(struct heddle_buffer *sql, const char *name)
{
    heddle_buffer_append_byte(sql, '"');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"') {
            heddle_buffer_append_byte(sql, '"');
        }
        heddle_buffer_append_byte(sql, (uint8_t)*c);
    }
    heddle_buffer_append_byte(sql, '"');
}

void heddle_duck_quote_text(struct heddle_buffer *sql, const char *text)
{
    heddle_buffer_append_byte(sql, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            heddle_buffer_append_byte(sql, '\'');
        }
        heddle_buffer_append_byte(sql, (uint8_t)*c);
    }
    heddle_buffer_append_byte(sql, '\'');
}
