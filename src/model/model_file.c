/* model_file.c: small files and the JSON in them. */
#include "model/model_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

/* The largest tokenizer.json known (250,000 tokens with merges) is 17 MB. */
enum { HEDDLE_MODEL_FILE_MAX = 128 * 1024 * 1024, READ_STEP = 64 * 1024 };

char *heddle_model_path(const char *directory, const char *file)
{
    const size_t size = strlen(directory) + strlen(file) + 2;
    char *path = heddle_malloc(size);
    if (path != NULL) {
        snprintf(path, size, "%s/%s", directory, file);
    }
    return path;
}

bool heddle_model_file_exists(const char *directory, const char *file)
{
    char path[PATH_MAX]; /* not allocated: out of memory must not look like a file that is not there */
    const int length = snprintf(path, sizeof path, "%s/%s", directory, file);
    return length > 0 && (size_t)length < sizeof path && access(path, R_OK) == 0;
}

static int read_all(FILE *stream, struct heddle_buffer *buffer)
{
    for (;;) {
        uint8_t *room = heddle_buffer_reserve(buffer, READ_STEP);
        if (room == NULL) {
            return HEDDLE_OUT_OF_MEMORY;
        }
        const size_t got = fread(room, 1, READ_STEP, stream);
        buffer->length += got;
        if (got < READ_STEP || buffer->length > HEDDLE_MODEL_FILE_MAX) {
            return ferror(stream) ? HEDDLE_IO : HEDDLE_OK;
        }
    }
}

int heddle_model_file_read(const char *directory, const char *file, char **bytes_out, size_t *length_out,
                           struct heddle_error *error)
{
    char *path = heddle_model_path(directory, file);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL) {
        const int status = heddle_error_set(error, HEDDLE_MODEL, "cannot read model file %s (%s): %s", path,
                                            strerror(errno), HEDDLE_MODEL_REMEDY);
        free(path);
        return status;
    }
    struct heddle_buffer buffer = {0};
    int status = read_all(stream, &buffer);
    fclose(stream);
    if (status == HEDDLE_IO) {
        status =
            heddle_error_set(error, HEDDLE_MODEL, "cannot read model file %s: %s", path, strerror(errno));
    } else if (buffer.length > HEDDLE_MODEL_FILE_MAX) {
        status = heddle_error_set(error, HEDDLE_MODEL, "model file %s is over %d bytes", path,
                                  HEDDLE_MODEL_FILE_MAX);
    } else if (status != HEDDLE_OK || heddle_buffer_text(&buffer) == NULL) {
        status = heddle_error_out_of_memory(error);
    }
    free(path);
    if (status != HEDDLE_OK) {
        heddle_buffer_free(&buffer);
        return status;
    }
    *length_out = buffer.length;
    *bytes_out = (char *)buffer.bytes;
    return HEDDLE_OK;
}

int heddle_model_json_parse(const char *bytes, size_t length, const char *label, json_t **json_out,
                            struct heddle_error *error)
{
    json_error_t problem;
    json_t *json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &problem);
    if (json == NULL && json_error_code(&problem) == json_error_out_of_memory) {
        return heddle_error_out_of_memory(error);
    }
    if (json == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s line %d is not valid JSON (%s): %s",
                                label, problem.line, problem.text, HEDDLE_MODEL_REMEDY);
    }
    *json_out = json;
    return HEDDLE_OK;
}

int heddle_model_json_read(const char *directory, const char *file, json_t **json_out,
                           struct heddle_error *error)
{
    char *bytes = NULL;
    size_t length = 0;
    HEDDLE_TRY(heddle_model_file_read(directory, file, &bytes, &length, error));
    char *path = heddle_model_path(directory, file);
    const int status = path == NULL ? heddle_error_out_of_memory(error)
                                    : heddle_model_json_parse(bytes, length, path, json_out, error);
    free(path);
    free(bytes);
    return status;
}

int heddle_model_json_size(const json_t *object, const char *label, const char *key, size_t minimum,
                           size_t maximum, size_t *value_out, struct heddle_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < (json_int_t)minimum ||
        json_integer_value(value) > (json_int_t)maximum) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: %s must be a whole number from %zu to %zu", label, key,
                                minimum, maximum);
    }
    *value_out = (size_t)json_integer_value(value);
    return HEDDLE_OK;
}

int heddle_model_json_bool(const json_t *object, const char *label, const char *key, bool fallback,
                           bool *value_out, struct heddle_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        *value_out = fallback;
        return HEDDLE_OK;
    }
    if (!json_is_boolean(value)) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: %s must be true or false", label, key);
    }
    *value_out = json_is_true(value);
    return HEDDLE_OK;
}

int heddle_model_json_expect(const json_t *object, const char *label, const char *key, const char *expected,
                             bool optional, struct heddle_error *error)
{
    const json_t *value = json_object_get(object, key);
    if (optional && (value == NULL || json_is_null(value))) {
        return HEDDLE_OK;
    }
    if (json_is_string(value) && strcmp(json_string_value(value), expected) == 0) {
        return HEDDLE_OK;
    }
    const char *found = json_is_string(value) ? json_string_value(value)
                        : value == NULL       ? "missing"
                                              : "no text";
    return heddle_error_set(error, HEDDLE_MODEL, "model file %s: %s is %s; only %s is supported", label, key,
                            found, expected);
}
