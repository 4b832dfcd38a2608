/* file_schema.c: a schema as a small JSON file. */
#include "source/stream/file_schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_BYTES_MAX = 16 * 1024 * 1024 };

static bool type_find(const json_t *value, enum heddle_type *type)
{
    for (int i = HEDDLE_TYPE_NULL; i <= HEDDLE_TYPE_VECTOR; i++) {
        if (json_is_string(value) &&
            strcmp(heddle_type_name((enum heddle_type)i), json_string_value(value)) == 0) {
            *type = (enum heddle_type)i;
            return true;
        }
    }
    return false;
}

static int columns_parse(const json_t *columns, struct heddle_arena *arena, struct heddle_schema *schema,
                         struct heddle_error *error)
{
    const size_t count = json_array_size(columns);
    struct heddle_field *fields = heddle_arena_calloc(arena, count, sizeof *fields);
    if (fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *column = json_array_get(columns, i);
        const json_t *name = json_object_get(column, "name");
        if (!json_is_string(name) || !type_find(json_object_get(column, "type"), &fields[i].type) ||
            !type_find(json_object_get(column, "item"), &fields[i].item_type)) {
            return heddle_error_set(error, HEDDLE_SOURCE, "column %zu of the schema lacks name, type or item",
                                    i);
        }
        fields[i].name = heddle_arena_copy_text(arena, json_string_value(name), json_string_length(name));
        if (fields[i].name == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    *schema = (struct heddle_schema){.fields = fields, .count = count};
    return HEDDLE_OK;
}

int heddle_stream_schema_parse(const char *text, size_t length, struct heddle_arena *arena,
                               struct heddle_schema *schema, struct heddle_error *error)
{
    json_error_t failure;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &failure);
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the schema is not JSON: %s", failure.text);
    }
    const json_t *columns = json_object_get(object, "columns");
    int status = HEDDLE_OK;
    if (json_is_array(columns)) {
        status = columns_parse(columns, arena, schema, error);
    } else {
        status = heddle_error_set(error, HEDDLE_SOURCE, "the schema has no list of columns");
    }
    json_decref(object);
    return status;
}

int heddle_stream_schema_read(struct heddle_depot *depot, const char *folder, struct heddle_arena *arena,
                              struct heddle_schema *schema, struct heddle_error *error)
{
    struct heddle_error own = {0};
    struct heddle_buffer text = {0};
    bool found = false;
    error = error != NULL ? error : &own;
    *schema = (struct heddle_schema){0};
    const char *path = heddle_arena_format(arena, "%s/schema", folder);
    int status = path == NULL ? heddle_error_out_of_memory(error)
                              : heddle_depot_read(depot, path, SCHEMA_BYTES_MAX, &text, &found, error);
    if (status == HEDDLE_OK && found) {
        status = heddle_stream_schema_parse(text.length > 0 ? (const char *)text.bytes : "", text.length,
                                            arena, schema, error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "%s", path);
        }
    }
    heddle_buffer_free(&text);
    return status;
}

int heddle_stream_schema_write(struct heddle_depot *depot, const char *folder,
                               const struct heddle_schema *schema, struct heddle_error *error)
{
    struct heddle_buffer path = {0};
    json_t *columns = json_array();
    bool good = columns != NULL;
    for (size_t i = 0; i < schema->count && good; i++) {
        const struct heddle_field *field = &schema->fields[i];
        json_t *column = json_pack("{s:s, s:s, s:s}", "name", field->name, "type",
                                   heddle_type_name(field->type), "item", heddle_type_name(field->item_type));
        good = column != NULL && json_array_append_new(columns, column) == 0;
    }
    json_t *object = good ? json_pack("{s:O}", "columns", columns) : NULL;
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    heddle_buffer_append_format(&path, "%s/schema", folder);
    const char *name = heddle_buffer_text(&path);
    int status = text == NULL || name == NULL ? heddle_error_out_of_memory(error)
                                              : heddle_depot_create(depot, name, text, strlen(text), error);
    json_decref(columns);
    json_decref(object);
    free(text);
    heddle_buffer_free(&path);
    return status == HEDDLE_CLOSED ? HEDDLE_OK : status;
}
