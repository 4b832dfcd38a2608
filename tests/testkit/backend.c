/* backend.c: requests in, answers out, and what is kept between them. */
#include "backend.h"

#include <stdlib.h>
#include <string.h>

struct scratch_block {
    struct scratch_block *next;
    max_align_t memory[];
};

void *scratch_alloc(struct scratch *scratch, size_t count, size_t size)
{
    struct scratch_block *block = calloc(1, sizeof *block + count * size);
    if (block == NULL) {
        abort(); /* a test program: nothing better to do */
    }
    block->next = scratch->blocks;
    scratch->blocks = block;
    return block->memory;
}

void scratch_free(struct scratch *scratch)
{
    while (scratch->blocks != NULL) {
        struct scratch_block *next = scratch->blocks->next;
        free(scratch->blocks);
        scratch->blocks = next;
    }
}

int64_t backend_keep(struct backend *backend, enum kind kind, void *pointer)
{
    backend->objects = realloc(backend->objects, (backend->object_count + 1) * sizeof *backend->objects);
    if (backend->objects == NULL) {
        abort();
    }
    backend->objects[backend->object_count++] = (struct object){kind, pointer};
    return (int64_t)backend->object_count;
}

static int64_t id_number(const json_t *id)
{
    if (json_is_string(id)) {
        return strtoll(json_string_value(id), NULL, 10);
    }
    return json_integer_value(id);
}

void *backend_find(const struct backend *backend, enum kind kind, const json_t *id)
{
    const int64_t number = id_number(id);
    if (number < 1 || (size_t)number > backend->object_count || backend->objects[number - 1].kind != kind) {
        return NULL;
    }
    return backend->objects[number - 1].pointer;
}

void backend_forget(struct backend *backend, const json_t *id)
{
    const int64_t number = id_number(id);
    if (number >= 1 && (size_t)number <= backend->object_count) {
        backend->objects[number - 1].kind = KIND_NONE;
    }
}

void backend_respond(struct backend *backend, const char *name, json_t *data)
{
    json_t *response = json_pack("{s:s, s:o}", "name", name, "data", data != NULL ? data : json_object());
    char *text = json_dumps(response, JSON_COMPACT | JSON_REAL_PRECISION(17));
    fprintf(backend->out, "#response begin\n%s\n#response end\n", text != NULL ? text : "{}");
    fflush(backend->out);
    free(text);
    json_decref(response);
}

void backend_respond_id(struct backend *backend, const char *name, int64_t id)
{
    backend_respond(backend, name, json_pack("{s:I}", "id", (json_int_t)id));
}

void backend_respond_broken(struct backend *backend, const char *message)
{
    backend_respond(backend, "BackendError", json_pack("{s:s}", "msg", message));
}

static void completed_keep(struct backend *backend, json_t *request)
{
    json_decref(backend->completed);
    backend->completed = json_incref(request);
}

static void handle(struct backend *backend, json_t *request)
{
    struct scratch scratch = {0};
    const char *name = json_string_value(json_object_get(request, "name"));
    json_t *data = json_object_get(request, "data");
    const size_t length = name != NULL ? strlen(name) : 0;
    static const char completed[] = "Completed";
    snprintf(backend->doing, sizeof backend->doing, "%s", name != NULL ? name : "");
    if (name == NULL) {
        backend_respond_broken(backend, "a request without a name");
    } else if (length > sizeof completed && strcmp(name + length - (sizeof completed - 1), completed) == 0) {
        completed_keep(backend, request);
    } else if (!driver_request(backend, name, data, &scratch) &&
               !session_request(backend, name, data, &scratch) &&
               !result_request(backend, name, data, &scratch) &&
               !manager_request(backend, name, data, &scratch) && !time_request(backend, name, data)) {
        char message[120];
        snprintf(message, sizeof message, "this backend knows no request %.60s", name);
        backend_respond_broken(backend, message);
    }
    scratch_free(&scratch);
}

/* The JSON of the next request, NULL at the end. */
static json_t *read_request(struct backend *backend)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length = 0;
    char *text = NULL;
    size_t text_length = 0;
    json_t *request = NULL;
    FILE *memory = NULL;
    while ((length = getline(&line, &size, backend->in)) > 0) {
        if (strncmp(line, "#request begin", 14) == 0) {
            memory = open_memstream(&text, &text_length);
        } else if (strncmp(line, "#request end", 12) == 0 && memory != NULL) {
            fclose(memory);
            memory = NULL;
            json_error_t error;
            request = json_loadb(text, text_length, JSON_ALLOW_NUL, &error);
            if (request == NULL) {
                fprintf(stderr, "testkit_backend: request: %s\n", error.text);
            }
            break;
        } else if (memory != NULL) {
            fwrite(line, 1, (size_t)length, memory);
        }
    }
    if (memory != NULL) {
        fclose(memory);
    }
    free(text);
    free(line);
    return request;
}

bool backend_serve(struct backend *backend)
{
    json_t *request = read_request(backend);
    if (request == NULL) {
        return false;
    }
    handle(backend, request);
    json_decref(request);
    return true;
}

json_t *backend_ask(struct backend *backend, const char *name, json_t *extra, const char *answer)
{
    const int64_t id = backend_keep(backend, KIND_NONE, NULL);
    json_object_set_new(extra, "id", json_integer(id));
    backend_respond(backend, name, extra);
    while (backend_serve(backend)) {
        json_t *completed = backend->completed;
        backend->completed = NULL;
        if (completed != NULL && strcmp(json_string_value(json_object_get(completed, "name")), answer) == 0) {
            json_t *data = json_incref(json_object_get(completed, "data"));
            json_decref(completed);
            return data;
        }
        json_decref(completed);
    }
    return NULL;
}

const char *data_text(const json_t *data, const char *key)
{
    return json_string_value(json_object_get(data, key));
}

int64_t data_integer(const json_t *data, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(data, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

const char *const *data_texts(const json_t *data, const char *key, size_t *count_out, struct scratch *scratch)
{
    const json_t *list = json_object_get(data, key);
    const size_t count = json_array_size(list);
    const char **texts = scratch_alloc(scratch, count + 1, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_string_value(json_array_get(list, i));
    }
    *count_out = count;
    return texts;
}
