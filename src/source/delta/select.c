/* select.c: one expression a column. A path into a struct is written out at each leaf, so a query grows with the number of
 * leaves times their depth, both of which are limited. */
#include "source/delta/select.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCAN " FROM read_parquet($1, hive_partitioning = false, union_by_name = false)"
/* Text of a date-time inside JSON: ISO 8601 with microseconds. */
#define TIME_FORMAT "'%Y-%m-%dT%H:%M:%S.%f'"
#define INSTANT_FORMAT "'%Y-%m-%dT%H:%M:%S.%fZ'"

/* One column while its expression is written. */
struct writer {
    const struct heddle_delta_select *select;
    const struct heddle_delta_column *column;
    struct heddle_buffer *sql;
    struct heddle_error *error;
};

static int shape_write(const struct writer *writer, const struct heddle_delta_type *type,
                       const struct heddle_file_node *node, const char *input, unsigned depth);

void heddle_delta_type_sql(struct heddle_buffer *sql, const struct heddle_delta_type *type)
{
    static const char *const names[] = {
        [HEDDLE_DELTA_VOID] = "VARCHAR",
        [HEDDLE_DELTA_BOOLEAN] = "BOOLEAN",
        [HEDDLE_DELTA_BYTE] = "TINYINT",
        [HEDDLE_DELTA_SHORT] = "SMALLINT",
        [HEDDLE_DELTA_INTEGER] = "INTEGER",
        [HEDDLE_DELTA_LONG] = "BIGINT",
        [HEDDLE_DELTA_FLOAT] = "FLOAT",
        [HEDDLE_DELTA_DOUBLE] = "DOUBLE",
        [HEDDLE_DELTA_STRING] = "VARCHAR",
        [HEDDLE_DELTA_BINARY] = "BLOB",
        [HEDDLE_DELTA_DATE] = "DATE",
        [HEDDLE_DELTA_TIMESTAMP] = "TIMESTAMP WITH TIME ZONE",
        [HEDDLE_DELTA_TIMESTAMP_NTZ] = "TIMESTAMP",
    };
    if (type->kind == HEDDLE_DELTA_DECIMAL) {
        heddle_buffer_append_format(sql, "DECIMAL(%u,%u)", type->precision, type->scale);
    } else {
        heddle_buffer_append_text(sql, type->kind < HEDDLE_DELTA_STRUCT ? names[type->kind] : "VARCHAR");
    }
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether a leaf of DuckDB's type `stored` may be read as `type`: the same, or what widening leaves in old files. */
static bool can_read(const struct heddle_delta_type *type, const char *stored)
{
    const bool whole = strcmp(stored, "TINYINT") == 0 || strcmp(stored, "SMALLINT") == 0 ||
                       strcmp(stored, "INTEGER") == 0 || strcmp(stored, "BIGINT") == 0;
    switch (type->kind) {
    case HEDDLE_DELTA_BOOLEAN: return strcmp(stored, "BOOLEAN") == 0;
    case HEDDLE_DELTA_BYTE:
    case HEDDLE_DELTA_SHORT:
    case HEDDLE_DELTA_INTEGER:
    case HEDDLE_DELTA_LONG: return whole;
    case HEDDLE_DELTA_FLOAT: return strcmp(stored, "FLOAT") == 0;
    case HEDDLE_DELTA_DOUBLE: return whole || strcmp(stored, "FLOAT") == 0 || strcmp(stored, "DOUBLE") == 0;
    case HEDDLE_DELTA_DECIMAL: return whole || begins_with(stored, "DECIMAL");
    case HEDDLE_DELTA_STRING:
        return strcmp(stored, "VARCHAR") == 0 || strcmp(stored, "BLOB") == 0 || strcmp(stored, "UUID") == 0;
    case HEDDLE_DELTA_BINARY: return strcmp(stored, "BLOB") == 0 || strcmp(stored, "VARCHAR") == 0;
    case HEDDLE_DELTA_DATE: return strcmp(stored, "DATE") == 0;
    case HEDDLE_DELTA_TIMESTAMP: return begins_with(stored, "TIMESTAMP");
    case HEDDLE_DELTA_TIMESTAMP_NTZ: return begins_with(stored, "TIMESTAMP") || strcmp(stored, "DATE") == 0;
    default: return false;
    }
}

static int unreadable(const struct writer *writer, const struct heddle_file_node *node)
{
    static const char *const kinds[] = {"", "a struct", "a list", "a map"};
    return heddle_error_set(
        writer->error, HEDDLE_SOURCE,
        "column `%s` is %s in the file, which is not the table's type and no type that the table "
        "had before",
        writer->column->field.name, node->kind == HEDDLE_FILE_LEAF ? node->type : kinds[node->kind]);
}

/* A scalar in the table's type. */
static int leaf_write(const struct writer *writer, const struct heddle_delta_type *type,
                      const struct heddle_file_node *node, const char *input)
{
    struct heddle_buffer *sql = writer->sql;
    struct heddle_buffer wanted = {0};
    if (type->kind == HEDDLE_DELTA_VOID) {
        heddle_buffer_append_text(sql, "NULL");
        return HEDDLE_OK;
    }
    if (node->kind != HEDDLE_FILE_LEAF || !can_read(type, node->type)) {
        return unreadable(writer, node);
    }
    heddle_delta_type_sql(&wanted, type);
    const char *text = heddle_buffer_text(&wanted);
    if (type->kind == HEDDLE_DELTA_STRING && strcmp(node->type, "BLOB") == 0) {
        heddle_buffer_append_format(sql, "decode(%s)", input);
    } else if (type->kind == HEDDLE_DELTA_BINARY && strcmp(node->type, "VARCHAR") == 0) {
        heddle_buffer_append_format(sql, "encode(%s)", input);
    } else if (text == NULL) {
        sql->failed = true;
    } else if (strcmp(node->type, text) == 0) {
        heddle_buffer_append_text(sql, input);
    } else {
        heddle_buffer_append_format(sql, "CAST(%s AS %s)", input, text);
    }
    heddle_buffer_free(&wanted);
    return HEDDLE_OK;
}

/* A scalar as JSON holds it without loss. */
static int leaf_json_write(const struct writer *writer, const struct heddle_delta_type *type,
                           const struct heddle_file_node *node, const char *input)
{
    static const struct {
        const char *before;
        const char *after;
    } wraps[] = {
        [HEDDLE_DELTA_DECIMAL] = {"CAST(", " AS VARCHAR)"},
        [HEDDLE_DELTA_BINARY] = {"base64(", ")"},
        [HEDDLE_DELTA_DATE] = {"CAST(", " AS VARCHAR)"},
        [HEDDLE_DELTA_TIMESTAMP] = {"strftime(timezone('UTC', ", "), " INSTANT_FORMAT ")"},
        [HEDDLE_DELTA_TIMESTAMP_NTZ] = {"strftime(", ", " TIME_FORMAT ")"},
    };
    if (type->kind == HEDDLE_DELTA_FLOAT || type->kind == HEDDLE_DELTA_DOUBLE) {
        /* JSON has no NaN and no infinity: they become texts. */
        if (node->kind != HEDDLE_FILE_LEAF || !can_read(type, node->type)) {
            return unreadable(writer, node);
        }
        heddle_buffer_append_format(
            writer->sql,
            "CASE WHEN isfinite(CAST(%s AS DOUBLE)) THEN to_json(CAST(%s AS DOUBLE)) ELSE "
            "to_json(CAST(%s AS VARCHAR)) END",
            input, input, input);
        return HEDDLE_OK;
    }
    const bool wrapped =
        (size_t)type->kind < sizeof wraps / sizeof wraps[0] && wraps[type->kind].before != NULL;
    heddle_buffer_append_text(writer->sql, wrapped ? wraps[type->kind].before : "");
    HEDDLE_TRY(leaf_write(writer, type, node, input));
    heddle_buffer_append_text(writer->sql, wrapped ? wraps[type->kind].after : "");
    return HEDDLE_OK;
}

/* The file's column for a field: by id, by name, and without mapping by name in any case as Spark does. */
static const struct heddle_file_node *child_find(const struct heddle_delta_select *select,
                                                 const struct heddle_file_node *node,
                                                 const struct heddle_delta_field *field)
{
    for (size_t i = 0; i < node->child_count; i++) {
        const struct heddle_file_node *child = node->children[i];
        if (select->mapping == HEDDLE_DELTA_MAPPING_ID ? child->id == field->id
                                                       : strcmp(child->name, field->physical) == 0) {
            return child;
        }
    }
    for (size_t i = 0; select->mapping == HEDDLE_DELTA_MAPPING_NONE && i < node->child_count; i++) {
        if (strcasecmp(node->children[i]->name, field->physical) == 0) {
            return node->children[i];
        }
    }
    return NULL;
}

/* ---- what nests: written as DuckDB structs, lists and maps with the table's names, which to_json() then prints ---- */

static int struct_write(const struct writer *writer, const struct heddle_delta_type *type,
                        const struct heddle_file_node *node, const char *input, unsigned depth)
{
    struct heddle_buffer *sql = writer->sql;
    if (node->kind != HEDDLE_FILE_STRUCT) {
        return unreadable(writer, node);
    }
    heddle_buffer_append_format(sql, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(", input);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct heddle_delta_field *field = &type->fields[i];
        const struct heddle_file_node *child = child_find(writer->select, node, field);
        heddle_buffer_append_text(sql, i > 0 ? ", " : "");
        heddle_duck_quote_name(sql, field->name);
        heddle_buffer_append_text(sql, " := ");
        if (child == NULL) {
            heddle_buffer_append_text(sql, "NULL");
            continue;
        }
        struct heddle_buffer inner = {0};
        heddle_buffer_append_format(&inner, "struct_extract(%s, ", input);
        heddle_duck_quote_text(&inner, child->name);
        heddle_buffer_append_text(&inner, ")");
        const char *text = heddle_buffer_text(&inner);
        const int status = text != NULL ? shape_write(writer, &field->type, child, text, depth)
                                        : heddle_error_out_of_memory(writer->error);
        heddle_buffer_free(&inner);
        HEDDLE_TRY(status);
    }
    heddle_buffer_append_text(sql, ") END");
    return HEDDLE_OK;
}

static int list_write(const struct writer *writer, const struct heddle_delta_type *type,
                      const struct heddle_file_node *node, const char *input, unsigned depth)
{
    char item[16];
    if (node->kind != HEDDLE_FILE_LIST) {
        return unreadable(writer, node);
    }
    snprintf(item, sizeof item, "e%u", depth);
    heddle_buffer_append_format(writer->sql, "list_transform(%s, lambda %s: ", input, item);
    HEDDLE_TRY(shape_write(writer, type->item, node->children[0], item, depth + 1));
    heddle_buffer_append_text(writer->sql, ")");
    return HEDDLE_OK;
}

/* A map's key as text. */
static int key_write(const struct writer *writer, const struct heddle_delta_type *type,
                     const struct heddle_file_node *node, const char *input, unsigned depth)
{
    const bool scalar = heddle_delta_is_scalar(type);
    const bool number = type->kind == HEDDLE_DELTA_FLOAT || type->kind == HEDDLE_DELTA_DOUBLE;
    heddle_buffer_append_text(writer->sql, scalar ? "CAST(" : "CAST(to_json(");
    if (scalar && number) {
        HEDDLE_TRY(leaf_write(writer, type, node, input));
    } else {
        HEDDLE_TRY(shape_write(writer, type, node, input, depth));
    }
    heddle_buffer_append_text(writer->sql, scalar ? " AS VARCHAR)" : ") AS VARCHAR)");
    return HEDDLE_OK;
}

/* A map from text; its values as JSON holds them, or as they are. */
static int map_write(const struct writer *writer, const struct heddle_delta_type *type,
                     const struct heddle_file_node *node, const char *input, unsigned depth, bool json)
{
    char part[48];
    if (node->kind != HEDDLE_FILE_MAP) {
        return unreadable(writer, node);
    }
    heddle_buffer_append_format(
        writer->sql,
        "map_from_entries(list_transform(map_entries(%s), lambda e%u: struct_pack(key := ", input, depth);
    snprintf(part, sizeof part, "struct_extract(e%u, 'key')", depth);
    HEDDLE_TRY(key_write(writer, type->key, node->children[0], part, depth + 1));
    heddle_buffer_append_text(writer->sql, ", value := ");
    snprintf(part, sizeof part, "struct_extract(e%u, 'value')", depth);
    if (json) {
        HEDDLE_TRY(shape_write(writer, type->item, node->children[1], part, depth + 1));
    } else {
        HEDDLE_TRY(leaf_write(writer, type->item, node->children[1], part));
    }
    heddle_buffer_append_text(writer->sql, ")))");
    return HEDDLE_OK;
}

static int shape_write(const struct writer *writer, const struct heddle_delta_type *type,
                       const struct heddle_file_node *node, const char *input, unsigned depth)
{
    switch (type->kind) {
    case HEDDLE_DELTA_STRUCT: return struct_write(writer, type, node, input, depth);
    case HEDDLE_DELTA_ARRAY: return list_write(writer, type, node, input, depth);
    case HEDDLE_DELTA_MAP: return map_write(writer, type, node, input, depth, true);
    default: return leaf_json_write(writer, type, node, input);
    }
}

/* ---- columns ---- */

static int scalar_list_write(const struct writer *writer, const struct heddle_delta_type *type,
                             const struct heddle_file_node *node, const char *input)
{
    if (node->kind != HEDDLE_FILE_LIST) {
        return unreadable(writer, node);
    }
    heddle_buffer_append_format(writer->sql, "list_transform(%s, lambda e: ", input);
    HEDDLE_TRY(leaf_write(writer, type->item, node->children[0], "e"));
    heddle_buffer_append_text(writer->sql, ")");
    return HEDDLE_OK;
}

static int value_write(const struct writer *writer, const struct heddle_delta_type *type,
                       const struct heddle_file_node *node, const char *input)
{
    if (heddle_delta_is_json(type)) {
        heddle_buffer_append_text(writer->sql, "CAST(to_json(");
        HEDDLE_TRY(shape_write(writer, type, node, input, 0));
        heddle_buffer_append_text(writer->sql, ") AS VARCHAR)");
        return HEDDLE_OK;
    }
    if (type->kind == HEDDLE_DELTA_ARRAY) {
        return scalar_list_write(writer, type, node, input);
    }
    if (type->kind != HEDDLE_DELTA_MAP) {
        return leaf_write(writer, type, node, input);
    }
    const char *key = writer->column->key;
    heddle_buffer_append_text(writer->sql, key != NULL ? "map_extract_value(" : "");
    HEDDLE_TRY(map_write(writer, type, node, input, 0, false));
    if (key != NULL) {
        heddle_buffer_append_text(writer->sql, ", ");
        heddle_duck_quote_text(writer->sql, key);
        heddle_buffer_append_text(writer->sql, ")");
    }
    return HEDDLE_OK;
}

/* A column that the file is too old to have. */
static void null_write(struct heddle_buffer *sql, const struct heddle_delta_column *column)
{
    const struct heddle_delta_type *type = &column->path[column->depth - 1]->type;
    heddle_buffer_append_text(sql, "CAST(NULL AS ");
    if (column->key != NULL) {
        heddle_delta_type_sql(sql, type->item);
    } else if (column->field.type == HEDDLE_TYPE_LIST || column->field.type == HEDDLE_TYPE_MAP) {
        heddle_duck_type_sql(sql, &column->field);
    } else {
        heddle_delta_type_sql(sql, type);
    }
    heddle_buffer_append_text(sql, ")");
}

/* Follows a column's path into the file; *node_out is NULL where the file lacks it. Writes the way to `input`. */
static int path_follow(const struct writer *writer, const struct heddle_file_node *file,
                       struct heddle_buffer *input, const struct heddle_file_node **node_out)
{
    const struct heddle_file_node *node = file;
    struct heddle_buffer outer = {0};
    for (size_t i = 0; i < writer->column->depth && node != NULL; i++) {
        if (node->kind != HEDDLE_FILE_STRUCT) {
            heddle_buffer_free(&outer);
            return unreadable(writer, node);
        }
        node = child_find(writer->select, node, writer->column->path[i]);
        if (node != NULL && i == 0) {
            heddle_duck_quote_name(input, node->name);
        } else if (node != NULL) {
            const char *before = heddle_buffer_text(input);
            heddle_buffer_reset(&outer);
            heddle_buffer_append_text(&outer, before != NULL ? before : "");
            heddle_buffer_reset(input);
            before = heddle_buffer_text(&outer);
            heddle_buffer_append_format(input, "struct_extract(%s, ", before != NULL ? before : "");
            heddle_duck_quote_text(input, node->name);
            heddle_buffer_append_text(input, ")");
            input->failed = input->failed || outer.failed;
        }
    }
    heddle_buffer_free(&outer);
    *node_out = node;
    return HEDDLE_OK;
}

static int column_write(const struct writer *writer, const struct heddle_file_node *file)
{
    const struct heddle_delta_column *column = writer->column;
    const struct heddle_file_node *node = NULL;
    struct heddle_buffer input = {0};
    int status = path_follow(writer, file, &input, &node);
    const char *text = heddle_buffer_text(&input);
    if (status == HEDDLE_OK && text == NULL) {
        status = heddle_error_out_of_memory(writer->error);
    }
    if (status == HEDDLE_OK && node == NULL) {
        null_write(writer->sql, column);
    } else if (status == HEDDLE_OK) {
        status = value_write(writer, &column->path[column->depth - 1]->type, node, text);
    }
    heddle_buffer_free(&input);
    return status;
}

static bool has_ids(const struct heddle_file_node *node)
{
    bool found = node->id >= 0;
    for (size_t i = 0; i < node->child_count && !found; i++) {
        found = has_ids(node->children[i]);
    }
    return found;
}

int heddle_delta_select_write(const struct heddle_delta_select *select, const struct heddle_file_node *file,
                              const struct heddle_delta_add *add, struct heddle_buffer *sql,
                              struct heddle_error *error)
{
    size_t written = 0;
    if (select->mapping == HEDDLE_DELTA_MAPPING_ID && !has_ids(file)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the table finds its columns by field id, and the file has no field ids");
    }
    heddle_buffer_append_text(sql, "SELECT ");
    for (size_t i = 0; i < select->count; i++) {
        const struct heddle_delta_column *column = &select->columns[i];
        if (column->field.type == HEDDLE_TYPE_NULL) {
            continue;
        }
        const struct writer writer = {.select = select, .column = column, .sql = sql, .error = error};
        heddle_buffer_append_text(sql, written++ > 0 ? ", " : "");
        if (column->partition != NULL) {
            HEDDLE_TRY(heddle_delta_partition_write(column, add, select->time_zone, sql, error));
        } else {
            HEDDLE_TRY(column_write(&writer, file));
        }
    }
    heddle_buffer_append_text(sql, written == 0 ? "true" SCAN : SCAN);
    return heddle_buffer_check(sql, error);
}
