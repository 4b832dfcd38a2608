/* type.c: reading the JSON of a table's schema. */
#include "source/delta/type.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    /* Deeper nesting than this is an attack on a stack, not a table. */
    DEPTH_MAX = 64,
    FIELDS_MAX = 100000,
    DECIMAL_DIGITS_MAX = 38,
};

struct parser {
    struct heddle_arena *arena;
    enum heddle_delta_mapping mapping;
    struct heddle_error *error;
};

static const struct {
    const char *name;
    enum heddle_delta_kind kind;
} scalars[] = {
    {"void", HEDDLE_DELTA_VOID},           {"null", HEDDLE_DELTA_VOID},
    {"boolean", HEDDLE_DELTA_BOOLEAN},     {"byte", HEDDLE_DELTA_BYTE},
    {"short", HEDDLE_DELTA_SHORT},         {"integer", HEDDLE_DELTA_INTEGER},
    {"long", HEDDLE_DELTA_LONG},           {"float", HEDDLE_DELTA_FLOAT},
    {"double", HEDDLE_DELTA_DOUBLE},       {"string", HEDDLE_DELTA_STRING},
    {"binary", HEDDLE_DELTA_BINARY},       {"date", HEDDLE_DELTA_DATE},
    {"timestamp", HEDDLE_DELTA_TIMESTAMP}, {"timestamp_ntz", HEDDLE_DELTA_TIMESTAMP_NTZ},
};

static int type_parse(const struct parser *parser, const json_t *json, const char *column, unsigned depth,
                      struct heddle_delta_type *type);

bool heddle_delta_is_scalar(const struct heddle_delta_type *type)
{
    return type->kind < HEDDLE_DELTA_STRUCT;
}

/* "decimal", or "decimal(p,s)". */
static bool decimal_parse(const char *text, struct heddle_delta_type *type)
{
    unsigned precision = 10;
    unsigned scale = 0;
    int end = 0;
    if (strcmp(text, "decimal") != 0 && (sscanf(text, "decimal(%2u,%2u)%n", &precision, &scale, &end) != 2 ||
                                         text[end] != '\0' || end == 0)) {
        return false;
    }
    if (precision == 0 || precision > DECIMAL_DIGITS_MAX || scale > precision) {
        return false;
    }
    type->kind = HEDDLE_DELTA_DECIMAL;
    type->precision = (uint8_t)precision;
    type->scale = (uint8_t)scale;
    return true;
}

static bool scalar_parse(const char *text, struct heddle_delta_type *type)
{
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        if (strcmp(scalars[i].name, text) == 0) {
            type->kind = scalars[i].kind;
            return true;
        }
    }
    return decimal_parse(text, type);
}

/* Whether values of type `from` in old files may be read as `to` (PROTOCOL.md, "Type Widening"). */
static bool widening_is_known(const struct heddle_delta_type *from, const struct heddle_delta_type *to)
{
    static const int digits[] = {[HEDDLE_DELTA_BYTE] = 3,
                                 [HEDDLE_DELTA_SHORT] = 5,
                                 [HEDDLE_DELTA_INTEGER] = 10,
                                 [HEDDLE_DELTA_LONG] = 20};
    const bool whole = from->kind >= HEDDLE_DELTA_BYTE && from->kind <= HEDDLE_DELTA_LONG;
    if (whole && to->kind == HEDDLE_DELTA_DECIMAL) {
        return to->precision - to->scale >= (from->kind == HEDDLE_DELTA_LONG ? 19 : digits[from->kind]);
    }
    if (whole && to->kind == HEDDLE_DELTA_DOUBLE) {
        return from->kind != HEDDLE_DELTA_LONG;
    }
    if (whole) {
        return to->kind >= from->kind && to->kind <= HEDDLE_DELTA_LONG;
    }
    if (from->kind == HEDDLE_DELTA_DECIMAL && to->kind == HEDDLE_DELTA_DECIMAL) {
        return to->scale >= from->scale && to->precision - to->scale >= from->precision - from->scale;
    }
    return (from->kind == HEDDLE_DELTA_FLOAT && to->kind == HEDDLE_DELTA_DOUBLE) ||
           (from->kind == HEDDLE_DELTA_DATE && to->kind == HEDDLE_DELTA_TIMESTAMP_NTZ);
}

/* Checks what the table says about changes of a column's type. */
static int changes_check(const struct parser *parser, const json_t *metadata, const char *column)
{
    const json_t *changes = json_object_get(metadata, "delta.typeChanges");
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        const char *from_text = json_string_value(json_object_get(change, "fromType"));
        const char *to_text = json_string_value(json_object_get(change, "toType"));
        struct heddle_delta_type from = {0};
        struct heddle_delta_type to = {0};
        if (from_text == NULL || to_text == NULL || !scalar_parse(from_text, &from) ||
            !scalar_parse(to_text, &to) || !widening_is_known(&from, &to)) {
            return heddle_error_set(
                parser->error, HEDDLE_SOURCE,
                "the type of column `%s` was changed from %.60s to %.60s, a change that is not "
                "supported",
                column, from_text != NULL ? from_text : "?", to_text != NULL ? to_text : "?");
        }
    }
    return HEDDLE_OK;
}

/* Name and id under which files keep the field. */
static int mapping_parse(const struct parser *parser, const json_t *metadata, const char *column,
                         struct heddle_delta_field *field)
{
    const json_t *physical = json_object_get(metadata, "delta.columnMapping.physicalName");
    const json_t *id = json_object_get(metadata, "delta.columnMapping.id");
    field->id = json_is_integer(id) ? json_integer_value(id) : -1;
    field->physical = field->name;
    if (parser->mapping == HEDDLE_DELTA_MAPPING_NONE) {
        return HEDDLE_OK;
    }
    if (!json_is_string(physical) || (parser->mapping == HEDDLE_DELTA_MAPPING_ID && field->id < 0)) {
        return heddle_error_set(
            parser->error, HEDDLE_SOURCE, "the table maps its columns, but column `%s` has no %s", column,
            json_is_string(physical) ? "delta.columnMapping.id" : "delta.columnMapping.physicalName");
    }
    field->physical =
        heddle_arena_copy_text(parser->arena, json_string_value(physical), json_string_length(physical));
    return field->physical != NULL ? HEDDLE_OK : heddle_error_out_of_memory(parser->error);
}

static int field_parse(const struct parser *parser, const json_t *json, const char *outer, unsigned depth,
                       struct heddle_delta_field *field)
{
    const json_t *name = json_object_get(json, "name");
    const json_t *metadata = json_object_get(json, "metadata");
    if (!json_is_string(name)) {
        return heddle_error_set(parser->error, HEDDLE_SOURCE, "a column of the schema has no name");
    }
    field->name = heddle_arena_copy_text(parser->arena, json_string_value(name), json_string_length(name));
    const char *column = heddle_arena_format(parser->arena, "%s%s%s", outer, outer[0] != '\0' ? "." : "",
                                             json_string_value(name));
    if (field->name == NULL || column == NULL) {
        return heddle_error_out_of_memory(parser->error);
    }
    HEDDLE_TRY(mapping_parse(parser, metadata, column, field));
    HEDDLE_TRY(changes_check(parser, metadata, column));
    return type_parse(parser, json_object_get(json, "type"), column, depth, &field->type);
}

static int struct_parse(const struct parser *parser, const json_t *json, const char *column, unsigned depth,
                        struct heddle_delta_type *type)
{
    const json_t *list = json_object_get(json, "fields");
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count > FIELDS_MAX) {
        return heddle_error_set(parser->error, HEDDLE_SOURCE, "the schema lists no fields, or more than %d",
                                FIELDS_MAX);
    }
    struct heddle_delta_field *fields = heddle_arena_calloc(parser->arena, count, sizeof *fields);
    if (fields == NULL) {
        return heddle_error_out_of_memory(parser->error);
    }
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(field_parse(parser, json_array_get(list, i), column, depth, &fields[i]));
    }
    type->kind = HEDDLE_DELTA_STRUCT;
    type->fields = fields;
    type->field_count = count;
    return HEDDLE_OK;
}

/* The type of a part ("elementType") of an array or map. */
static int part_parse(const struct parser *parser, const json_t *json, const char *part, const char *column,
                      unsigned depth, const struct heddle_delta_type **type_out)
{
    struct heddle_delta_type *type = heddle_arena_calloc(parser->arena, 1, sizeof *type);
    if (type == NULL) {
        return heddle_error_out_of_memory(parser->error);
    }
    *type_out = type;
    return type_parse(parser, json_object_get(json, part), column, depth, type);
}

static int type_parse(const struct parser *parser, const json_t *json, const char *column, unsigned depth,
                      struct heddle_delta_type *type)
{
    const char *name = json_string_value(json_is_object(json) ? json_object_get(json, "type") : json);
    if (depth == DEPTH_MAX) {
        return heddle_error_set(parser->error, HEDDLE_SOURCE, "the schema nests deeper than %d", DEPTH_MAX);
    }
    if (json_is_string(json) && scalar_parse(name, type)) {
        return HEDDLE_OK;
    }
    if (json_is_object(json) && name != NULL && strcmp(name, "struct") == 0) {
        return struct_parse(parser, json, column, depth + 1, type);
    }
    if (json_is_object(json) && name != NULL && strcmp(name, "array") == 0) {
        type->kind = HEDDLE_DELTA_ARRAY;
        return part_parse(parser, json, "elementType", column, depth + 1, &type->item);
    }
    if (json_is_object(json) && name != NULL && strcmp(name, "map") == 0) {
        type->kind = HEDDLE_DELTA_MAP;
        HEDDLE_TRY(part_parse(parser, json, "keyType", column, depth + 1, &type->key));
        return part_parse(parser, json, "valueType", column, depth + 1, &type->item);
    }
    return heddle_error_set(parser->error, HEDDLE_SOURCE,
                            "column `%s` is of type %.60s, which is not supported", column,
                            name != NULL ? name : "(none)");
}

int heddle_delta_schema_parse(const char *text, enum heddle_delta_mapping mapping, struct heddle_arena *arena,
                              struct heddle_delta_type *schema, struct heddle_error *error)
{
    const struct parser parser = {.arena = arena, .mapping = mapping, .error = error};
    json_error_t failure;
    json_t *json = json_loads(text, 0, &failure);
    if (json == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the table's schema is not JSON: %s (column %d)",
                                failure.text, failure.column);
    }
    const char *kind = json_string_value(json_object_get(json, "type"));
    int status = HEDDLE_OK;
    if (kind == NULL || strcmp(kind, "struct") != 0) {
        status = heddle_error_set(error, HEDDLE_SOURCE, "the table's schema is not a struct");
    } else {
        *schema = (struct heddle_delta_type){0};
        status = struct_parse(&parser, json, "", 0, schema);
    }
    json_decref(json);
    return status;
}
