/* json_schema.c: names and types of JSON lines. */
#include "source/files/json_schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef int visit_function(void *context, const char *name, const json_t *value, struct heddle_error *error);

static int object_walk(const json_t *object, char *name, size_t length, unsigned depth, visit_function *visit,
                       void *context, struct heddle_error *error)
{
    if (depth == HEDDLE_JSON_DEPTH_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "objects are nested deeper than %d",
                                HEDDLE_JSON_DEPTH_MAX);
    }
    /* jansson's iteration takes a writable pointer but changes nothing. */
    json_t *writable = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(writable); at != NULL; at = json_object_iter_next(writable, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        const size_t key_length = strlen(key);
        const size_t start = length == 0 ? 0 : length + 1;
        if (start + key_length >= HEDDLE_JSON_NAME_MAX) {
            return heddle_error_set(error, HEDDLE_SOURCE, "a name is longer than %d bytes",
                                    HEDDLE_JSON_NAME_MAX - 1);
        }
        if (length > 0) {
            name[length] = '.';
        }
        memcpy(name + start, key, key_length + 1);
        if (json_is_object(value)) {
            HEDDLE_TRY(object_walk(value, name, start + key_length, depth + 1, visit, context, error));
        } else {
            HEDDLE_TRY(visit(context, name, value, error));
        }
    }
    return HEDDLE_OK;
}

int heddle_json_walk(const json_t *object, visit_function *visit, void *context, struct heddle_error *error)
{
    char name[HEDDLE_JSON_NAME_MAX];
    return object_walk(object, name, 0, 0, visit, context, error);
}

/* The type of a scalar; NULL for null, LIST for an array. */
static enum heddle_type type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_TRUE:
    case JSON_FALSE: return HEDDLE_TYPE_BOOLEAN;
    case JSON_INTEGER: return HEDDLE_TYPE_INTEGER;
    case JSON_REAL: return HEDDLE_TYPE_FLOAT;
    case JSON_STRING: return HEDDLE_TYPE_STRING;
    case JSON_ARRAY: return HEDDLE_TYPE_LIST;
    case JSON_NULL:
    case JSON_OBJECT: break;
    }
    return HEDDLE_TYPE_NULL;
}

/* The narrowest scalar type that holds both. */
static enum heddle_type widened(enum heddle_type a, enum heddle_type b)
{
    if (a == b || b == HEDDLE_TYPE_NULL) {
        return a;
    }
    if (a == HEDDLE_TYPE_NULL) {
        return b;
    }
    const bool numbers = (a == HEDDLE_TYPE_INTEGER || a == HEDDLE_TYPE_FLOAT) &&
                         (b == HEDDLE_TYPE_INTEGER || b == HEDDLE_TYPE_FLOAT);
    return numbers ? HEDDLE_TYPE_FLOAT : HEDDLE_TYPE_STRING;
}

static void column_widen(struct heddle_json_column *column, const json_t *value)
{
    const enum heddle_type type = type_of(value);
    if (type == HEDDLE_TYPE_NULL) {
        return;
    }
    if (column->type != HEDDLE_TYPE_NULL &&
        (column->type == HEDDLE_TYPE_LIST) != (type == HEDDLE_TYPE_LIST)) {
        column->refused = "lists in some rows and single values in others";
        return;
    }
    if (type != HEDDLE_TYPE_LIST) {
        column->type = widened(column->type, type);
        return;
    }
    column->type = HEDDLE_TYPE_LIST;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_object(item) || json_is_array(item)) {
            column->refused = "lists of objects or of lists";
            return;
        }
        column->item_type = widened(column->item_type, type_of(item));
    }
}

static int column_visit(void *context, const char *name, const json_t *value, struct heddle_error *error)
{
    struct heddle_json_schema *schema = context;
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->columns[i].name, name) == 0) {
            column_widen(&schema->columns[i], value);
            return HEDDLE_OK;
        }
    }
    if (schema->count == HEDDLE_JSON_COLUMNS_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "there are more than %d different names",
                                HEDDLE_JSON_COLUMNS_MAX);
    }
    const char *copy = heddle_arena_copy_text(schema->arena, name, strlen(name));
    if (copy == NULL || heddle_grow((void **)&schema->columns, &schema->capacity, schema->count + 1,
                                    sizeof *schema->columns) != 0) {
        return heddle_error_out_of_memory(error);
    }
    schema->columns[schema->count] = (struct heddle_json_column){.name = copy};
    column_widen(&schema->columns[schema->count++], value);
    return HEDDLE_OK;
}

int heddle_json_schema_add(struct heddle_json_schema *schema, const json_t *object,
                           struct heddle_error *error)
{
    return heddle_json_walk(object, column_visit, schema, error);
}

int heddle_json_schema_declare(struct heddle_json_schema *schema, const struct heddle_schema *declared,
                               struct heddle_error *error)
{
    for (size_t i = 0; i < declared->count; i++) {
        const struct heddle_field *field = &declared->fields[i];
        size_t at = 0;
        while (at < schema->count && strcmp(schema->columns[at].name, field->name) != 0) {
            at++;
        }
        if (at == schema->count) {
            const char *name = heddle_arena_copy_text(schema->arena, field->name, strlen(field->name));
            if (name == NULL || heddle_grow((void **)&schema->columns, &schema->capacity, schema->count + 1,
                                            sizeof *schema->columns) != 0) {
                return heddle_error_out_of_memory(error);
            }
            schema->columns[schema->count++] = (struct heddle_json_column){.name = name};
        }
        schema->columns[at].type = field->type;
        schema->columns[at].item_type = field->item_type;
        schema->columns[at].refused = NULL;
    }
    return HEDDLE_OK;
}

void heddle_json_schema_free(struct heddle_json_schema *schema)
{
    free(schema->columns);
    schema->columns = NULL;
    schema->count = 0;
    schema->capacity = 0;
}
