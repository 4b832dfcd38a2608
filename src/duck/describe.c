/* describe.c: the columns that a query would answer, struct columns flattened.
 *
 * DuckDB extracts the fields itself (struct_extract is pushed into the Parquet reader, which then reads only
 * those leaves), so the reader of vectors never meets a struct but inside a map.
 */
#include "duck/internal.h"

#include <string.h>

#include "base/memory.h"

/* Struct columns inside struct columns: deeper nesting than this is not a table. */
enum { STRUCT_DEPTH_MAX = 32 };

/* What describe() collects while it walks the types. */
struct walk {
    const struct heddle_duck_api *api;
    struct heddle_arena *arena;
    struct heddle_duck_description *description;
    size_t capacity;
};

static int leaf_add(struct walk *walk, struct duck_type *type, const char *name, const char *expression,
                    struct heddle_error *error)
{
    struct heddle_duck_description *description = walk->description;
    struct heddle_duck_plan plan = {0};
    const char *refused = NULL;
    if (description->count == walk->capacity) {
        const size_t capacity = walk->capacity == 0 ? 16 : walk->capacity * 2;
        struct heddle_field *fields = heddle_arena_calloc(walk->arena, capacity, sizeof *fields);
        const char **expressions = heddle_arena_calloc(walk->arena, capacity, sizeof *expressions);
        const char **refusals = heddle_arena_calloc(walk->arena, capacity, sizeof *refusals);
        if (fields == NULL || expressions == NULL || refusals == NULL) {
            return heddle_error_out_of_memory(error);
        }
        if (description->count > 0) {
            memcpy(fields, description->fields, description->count * sizeof *fields);
            memcpy(expressions, description->expressions, description->count * sizeof *expressions);
            memcpy(refusals, description->refused, description->count * sizeof *refusals);
        }
        description->fields = fields;
        description->expressions = expressions;
        description->refused = refusals;
        walk->capacity = capacity;
    }
    HEDDLE_TRY(heddle_duck_plan_fill(walk->api, walk->arena, type, &plan, &refused, error));
    const size_t at = description->count++;
    description->fields[at] = plan.field;
    description->fields[at].name = name;
    if (refused != NULL) {
        description->fields[at].type = HEDDLE_TYPE_NULL;
    }
    description->expressions[at] = expression;
    description->refused[at] = refused;
    return HEDDLE_OK;
}

/* The child's name and expression, from the parent's. */
static int child_name(struct walk *walk, struct duck_type *type, uint64_t index, const char *name,
                      const char *expression, const char **name_out, const char **expression_out,
                      struct heddle_error *error)
{
    char *raw = walk->api->struct_type_child_name(type, index);
    struct heddle_buffer sql = {0};
    heddle_buffer_append_format(&sql, "struct_extract(%s, ", expression);
    heddle_duck_quote_text(&sql, raw != NULL ? raw : "");
    heddle_buffer_append_text(&sql, ")");
    *name_out = heddle_arena_format(walk->arena, "%s.%s", name, raw != NULL ? raw : "");
    *expression_out =
        sql.failed ? NULL : heddle_arena_copy_text(walk->arena, (const char *)sql.bytes, sql.length);
    heddle_buffer_free(&sql);
    walk->api->free(raw);
    return *name_out != NULL && *expression_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int type_walk(struct walk *walk, struct duck_type *type, const char *name, const char *expression,
                     unsigned depth, struct heddle_error *error)
{
    if (walk->api->get_type_id(type) != DUCK_STRUCT) {
        return leaf_add(walk, type, name, expression, error);
    }
    if (depth == STRUCT_DEPTH_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "column `%s` nests structs deeper than %d", name,
                                STRUCT_DEPTH_MAX);
    }
    const uint64_t count = walk->api->struct_type_child_count(type);
    for (uint64_t i = 0; i < count; i++) {
        const char *inner_name = NULL;
        const char *inner_expression = NULL;
        HEDDLE_TRY(child_name(walk, type, i, name, expression, &inner_name, &inner_expression, error));
        struct duck_type *inner = walk->api->struct_type_child_type(type, i);
        const int status = inner != NULL
                               ? type_walk(walk, inner, inner_name, inner_expression, depth + 1, error)
                               : heddle_error_out_of_memory(error);
        walk->api->destroy_logical_type(&inner);
        HEDDLE_TRY(status);
    }
    return HEDDLE_OK;
}

/* Walks the columns of an open result. */
static int columns_walk(struct walk *walk, struct duck_result *handle, struct heddle_error *error)
{
    const uint64_t count = walk->api->column_count(handle);
    for (uint64_t i = 0; i < count; i++) {
        const char *raw = walk->api->column_name(handle, i);
        struct heddle_buffer sql = {0};
        heddle_duck_quote_name(&sql, raw);
        const char *name = heddle_arena_copy_text(walk->arena, raw, strlen(raw));
        const char *expression =
            sql.failed ? NULL : heddle_arena_copy_text(walk->arena, (const char *)sql.bytes, sql.length);
        heddle_buffer_free(&sql);
        struct duck_type *type = walk->api->column_logical_type(handle, i);
        int status = HEDDLE_OK;
        if (name == NULL || expression == NULL || type == NULL) {
            status = heddle_error_out_of_memory(error);
        } else {
            status = type_walk(walk, type, name, expression, 0, error);
        }
        walk->api->destroy_logical_type(&type);
        HEDDLE_TRY(status);
    }
    return HEDDLE_OK;
}

int heddle_duck_describe(struct heddle_duck_connection *connection, const char *sql, const char *argument,
                         struct heddle_arena *arena, struct heddle_duck_description *description,
                         struct heddle_error *error)
{
    struct walk walk = {.api = &connection->duck->api, .arena = arena, .description = description};
    struct heddle_duck_statement *statement = NULL;
    struct duck_result handle;
    memset(&handle, 0, sizeof handle);
    memset(description, 0, sizeof *description);
    HEDDLE_TRY(heddle_duck_prepare(connection, sql, &statement, error));
    int status = HEDDLE_OK;
    if (argument != NULL) {
        status = heddle_duck_bind_text(statement, 1, argument, strlen(argument), error);
    }
    if (status == HEDDLE_OK) {
        /* A stream that nobody reads costs the table's header only. */
        status = heddle_duck_stream_start(statement, &handle, error);
        if (status == HEDDLE_OK) {
            status = columns_walk(&walk, &handle, error);
            walk.api->destroy_result(&handle);
        }
    }
    heddle_duck_statement_destroy(statement);
    return status;
}
