/* file_schema.c: a Parquet schema in pre-order (https://github.com/apache/parquet-format, SchemaElement) made a tree.
 *
 * Lists are written in two or three levels; the rules for telling them apart are those of parquet-format's LogicalTypes.md,
 * "Backward-compatibility rules", which DuckDB follows too.
 */
#include "source/delta/file_schema.h"

#include <string.h>

#include "source/files/parquet_file.h"

enum {
    DEPTH_MAX = 64,
    NODES_MAX = 1000000,
};

/* The columns of the query below. */
enum { COLUMN_NAME, COLUMN_CHILDREN, COLUMN_ID, COLUMN_REPETITION, COLUMN_CONVERTED, COLUMN_TYPE };

static const char query[] =
    "SELECT name, CAST(num_children AS BIGINT), CAST(field_id AS BIGINT), repetition_type, "
    "coalesce(CAST(converted_type AS VARCHAR), CAST(logical_type AS VARCHAR)), duckdb_type FROM "
    "parquet_schema($1)";

/* An element as the file has it. */
struct element {
    const char *name;
    int64_t children;
    int64_t id;
    bool repeated;
    const char *annotation;
    const char *type;
};

struct elements {
    struct element *list;
    size_t count;
    size_t capacity;
    size_t next;
    struct heddle_arena *arena;
    struct heddle_error *error;
};

static const char *text_of(const struct elements *elements, const struct heddle_column *column, size_t row)
{
    size_t length = 0;
    if (heddle_column_is_null(column, row)) {
        return "";
    }
    const char *text = heddle_column_text(column, row, &length);
    return heddle_arena_copy_text(elements->arena, text, length);
}

static int elements_add(struct elements *elements, const struct heddle_batch *batch)
{
    if (elements->count + batch->rows > NODES_MAX) {
        return heddle_error_set(elements->error, HEDDLE_SOURCE, "it has more than %d columns", NODES_MAX);
    }
    if (elements->count + batch->rows > elements->capacity) {
        const size_t capacity = (elements->count + batch->rows) * 2;
        struct element *list = heddle_arena_calloc(elements->arena, capacity, sizeof *list);
        if (list == NULL) {
            return heddle_error_out_of_memory(elements->error);
        }
        if (elements->count > 0) {
            memcpy(list, elements->list, elements->count * sizeof *list);
        }
        elements->list = list;
        elements->capacity = capacity;
    }
    for (size_t row = 0; row < batch->rows; row++) {
        struct element *element = &elements->list[elements->count++];
        const struct heddle_column *columns = batch->columns;
        element->name = text_of(elements, &columns[COLUMN_NAME], row);
        element->annotation = text_of(elements, &columns[COLUMN_CONVERTED], row);
        element->type = text_of(elements, &columns[COLUMN_TYPE], row);
        if (element->name == NULL || element->annotation == NULL || element->type == NULL) {
            return heddle_error_out_of_memory(elements->error);
        }
        element->children = heddle_column_is_null(&columns[COLUMN_CHILDREN], row)
                                ? 0
                                : heddle_column_integer(&columns[COLUMN_CHILDREN], row);
        element->id = heddle_column_is_null(&columns[COLUMN_ID], row)
                          ? -1
                          : heddle_column_integer(&columns[COLUMN_ID], row);
        const char *repetition = text_of(elements, &columns[COLUMN_REPETITION], row);
        element->repeated = repetition != NULL && strcmp(repetition, "REPEATED") == 0;
    }
    return HEDDLE_OK;
}

/* Runs a query about a file and hands every batch to `take`. */
static int file_query(struct heddle_duck_connection *connection, const char *sql, const char *file,
                      int (*take)(void *context, const struct heddle_batch *batch), void *context,
                      struct heddle_error *error)
{
    struct heddle_duck_statement *statement = NULL;
    struct heddle_duck_result *result = NULL;
    int status = heddle_parquet_prepare(connection, sql, file, &statement, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_stream(statement, &result, error);
    }
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_duck_result_next(result, 0, &batch, error);
        if (status == HEDDLE_OK) {
            status = take(context, batch);
            heddle_batch_release(batch);
        }
    }
    heddle_duck_result_destroy(result);
    heddle_duck_statement_destroy(statement);
    return status == HEDDLE_END ? HEDDLE_OK : heddle_parquet_failure(status, file, error);
}

static int elements_take(void *context, const struct heddle_batch *batch)
{
    return elements_add(context, batch);
}

static struct heddle_file_node *node_new(struct elements *elements, size_t children)
{
    struct heddle_file_node *node = heddle_arena_calloc(elements->arena, 1, sizeof *node);
    if (node != NULL) {
        node->children = heddle_arena_calloc(elements->arena, children, sizeof(struct heddle_file_node *));
        node->child_count = children;
    }
    return node != NULL && node->children != NULL ? node : NULL;
}

/* A list or map group as what it stands for; `node` has its children as the file has them. */
static void group_simplify(struct heddle_file_node *node, const struct element *element, bool child_repeated)
{
    struct heddle_file_node *middle = node->child_count == 1 ? node->children[0] : NULL;
    if (middle == NULL || !child_repeated) {
        return;
    }
    const bool map =
        strncmp(element->annotation, "MAP", 3) == 0 || strncmp(element->annotation, "MapType", 7) == 0;
    /* A repeated element was made a LIST of itself: its item is what it is. */
    struct heddle_file_node *inner = middle->children[0];
    if (map && inner->kind == HEDDLE_FILE_STRUCT && inner->child_count == 2) {
        node->kind = HEDDLE_FILE_MAP;
        node->children = inner->children;
        node->child_count = 2;
        return;
    }
    if (strncmp(element->annotation, "LIST", 4) != 0 && strncmp(element->annotation, "ListType", 8) != 0) {
        return;
    }
    const size_t tuple = strlen(node->name);
    const bool two_levels =
        inner->kind != HEDDLE_FILE_STRUCT || inner->child_count != 1 || strcmp(middle->name, "array") == 0 ||
        (strncmp(middle->name, node->name, tuple) == 0 && strcmp(middle->name + tuple, "_tuple") == 0);
    node->kind = HEDDLE_FILE_LIST;
    if (two_levels) {
        node->children[0] = inner;
    } else {
        node->children[0] = inner->children[0];
    }
}

/* Builds the element at elements->next and all below it. */
static int node_build(struct elements *elements, unsigned depth, struct heddle_file_node **node_out)
{
    if (elements->next >= elements->count || depth == DEPTH_MAX) {
        return heddle_error_set(elements->error, HEDDLE_SOURCE,
                                "its columns nest deeper than %d, or end too early", DEPTH_MAX);
    }
    const struct element *element = &elements->list[elements->next++];
    if (element->children < 0 || (uint64_t)element->children > elements->count) {
        return heddle_error_set(elements->error, HEDDLE_SOURCE, "column `%s` has a wrong number of fields",
                                element->name);
    }
    struct heddle_file_node *node = node_new(elements, (size_t)element->children);
    if (node == NULL) {
        return heddle_error_out_of_memory(elements->error);
    }
    node->name = element->name;
    node->id = element->id;
    node->type = element->type;
    node->kind = element->children > 0 ? HEDDLE_FILE_STRUCT : HEDDLE_FILE_LEAF;
    bool child_repeated = false;
    for (size_t i = 0; i < node->child_count; i++) {
        child_repeated = elements->next < elements->count && elements->list[elements->next].repeated;
        HEDDLE_TRY(node_build(elements, depth + 1, &node->children[i]));
    }
    group_simplify(node, element, child_repeated);
    *node_out = node;
    if (element->repeated) {
        struct heddle_file_node *list = node_new(elements, 1);
        if (list == NULL) {
            return heddle_error_out_of_memory(elements->error);
        }
        list->name = node->name;
        list->id = node->id;
        list->kind = HEDDLE_FILE_LIST;
        list->children[0] = node;
        *node_out = list;
    }
    return HEDDLE_OK;
}

int heddle_file_schema_read(struct heddle_duck_connection *connection, const char *file,
                            struct heddle_arena *arena, struct heddle_file_node **root_out,
                            struct heddle_error *error)
{
    struct elements elements = {.arena = arena, .error = error};
    HEDDLE_TRY(file_query(connection, query, file, elements_take, &elements, error));
    const int status = node_build(&elements, 0, root_out);
    if (status != HEDDLE_OK) {
        return heddle_parquet_failure(status, file, error);
    }
    (*root_out)->kind = HEDDLE_FILE_STRUCT;
    return HEDDLE_OK;
}

static int rows_take(void *context, const struct heddle_batch *batch)
{
    *(int64_t *)context = heddle_column_integer(&batch->columns[0], 0);
    return HEDDLE_OK;
}

int heddle_file_rows_read(struct heddle_duck_connection *connection, const char *file, int64_t *rows_out,
                          struct heddle_error *error)
{
    return file_query(connection, "SELECT num_rows FROM parquet_file_metadata($1)", file, rows_take, rows_out,
                      error);
}
