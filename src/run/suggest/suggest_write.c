/* suggest_write.c: a commented YAML job from what was seen. */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "run/suggest/suggest_column.h"

enum { NAME_MAX_BYTES = 120 };

/* The job as it is being written. */
struct draft {
    const struct heddle_suggest_file *file;
    const struct heddle_suggest_column *columns;
    size_t count;
    struct heddle_arena *arena;
    struct heddle_buffer *out;
    const char *label; /* of the table's own node */
    const char *node;  /* name of its target */
    size_t key;        /* column, or SIZE_MAX */
    const char *key_property;
    size_t prose; /* column, or SIZE_MAX */
};

/* A YAML scalar that means exactly `text`: a JSON string is one. */
static void append_quoted(struct heddle_buffer *out, const char *text)
{
    json_t *json = json_string(text);
    char *quoted = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    heddle_buffer_append_text(out, quoted == NULL ? "\"\"" : quoted);
    free(quoted);
    json_decref(json);
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text);
    const size_t size = strlen(ending);
    return length > size && strcasecmp(text + length - size, ending) == 0;
}

/* "component_id" -> "Component", "my-parts" -> "MyParts". */
static const char *camel(struct heddle_arena *arena, const char *text, size_t length)
{
    char name[NAME_MAX_BYTES];
    size_t used = 0;
    bool upper = true;
    for (size_t i = 0; i < length && used + 1 < sizeof name; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (!isalnum(c)) {
            upper = true;
        } else if (used > 0 || isalpha(c)) {
            name[used++] = (char)(upper ? toupper(c) : c);
            upper = false;
        }
    }
    return used == 0 ? "Row" : heddle_arena_copy_text(arena, name, used);
}

/* "RMV_REA_TX" -> "rmv_rea_tx", "RemovalEvent" -> "removal_event". */
static const char *snake(struct heddle_arena *arena, const char *text)
{
    char name[NAME_MAX_BYTES];
    size_t used = 0;
    for (size_t i = 0; text[i] != '\0' && used + 2 < sizeof name; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool starts_word = i > 0 && isupper(c) && islower((unsigned char)text[i - 1]);
        if ((starts_word || !isalnum(c)) && used > 0 && name[used - 1] != '_') {
            name[used++] = '_';
        }
        if (isalnum(c)) {
            name[used++] = (char)tolower(c);
        }
    }
    while (used > 0 && name[used - 1] == '_') {
        used--;
    }
    return used == 0 ? "value" : heddle_arena_copy_text(arena, name, used);
}

/* The label that a file's name suggests: "removals.parquet" -> "Removal". */
static const char *label_of_path(struct heddle_arena *arena, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    const char *name = path + start;
    const size_t dot = strcspn(name, ".");
    size_t length = dot < end - start ? dot : end - start;
    if (length > 3 && (name[length - 1] == 's' || name[length - 1] == 'S')) {
        length--;
    }
    return camel(arena, name, length);
}

/* How much a column's name says that it is the key. */
static int key_score(const struct heddle_suggest_column *column)
{
    if (!column->is_unique || !column->is_key_like) {
        return 0;
    }
    if (strncmp(column->name, ":ID", 3) == 0) {
        return 4;
    }
    return strcasecmp(column->name, "id") == 0 ? 3 : ends_with(column->name, "id") ? 2 : 1;
}

static void choose_columns(struct draft *draft)
{
    int best = 0;
    double longest = 0;
    draft->key = draft->prose = SIZE_MAX;
    for (size_t i = 0; i < draft->count; i++) {
        const int score = key_score(&draft->columns[i]);
        if (score > best) {
            best = score;
            draft->key = i;
        }
        if (draft->columns[i].is_prose && draft->columns[i].mean_length > longest) {
            longest = draft->columns[i].mean_length;
            draft->prose = i;
        }
    }
}

static void choose_names(struct draft *draft)
{
    draft->label = label_of_path(draft->arena, draft->file->shown);
    if (draft->key == SIZE_MAX) {
        draft->node = snake(draft->arena, draft->label);
        return;
    }
    const char *name = draft->columns[draft->key].name;
    const char *open = strchr(name, '(');
    const char *close = open == NULL ? NULL : strchr(open, ')');
    if (strncmp(name, ":ID", 3) == 0 && close != NULL && close > open + 1) {
        draft->label = camel(draft->arena, open + 1, (size_t)(close - open - 1));
    }
    draft->node = snake(draft->arena, draft->label);
    draft->key_property = isalpha((unsigned char)name[0])
                              ? snake(draft->arena, name)
                              : heddle_arena_format(draft->arena, "%s_id", draft->node);
}

static bool is_reference(const struct draft *draft, size_t index)
{
    const struct heddle_suggest_column *column = &draft->columns[index];
    return index != draft->key && column->is_key_like && column->distinct < column->values &&
           (ends_with(column->name, "_id") || ends_with(column->name, "Id")) && draft->key != SIZE_MAX;
}

/* "component_id" -> "Component". */
static const char *reference_label(const struct draft *draft, size_t index)
{
    const char *name = draft->columns[index].name;
    return camel(draft->arena, name, strlen(name) - (ends_with(name, "_id") ? 3 : 2));
}

static const char *type_of(const struct heddle_suggest_column *column)
{
    switch (column->type) {
    case HEDDLE_TYPE_BOOLEAN:
    case HEDDLE_TYPE_INTEGER:
    case HEDDLE_TYPE_FLOAT:
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_BYTES:
    case HEDDLE_TYPE_DATE:
    case HEDDLE_TYPE_TIME:
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME: return heddle_type_name(column->type);
    default: return NULL; /* written as it comes */
    }
}

static void write_property(const struct draft *draft, size_t index, const char *property)
{
    struct heddle_buffer *out = draft->out;
    const char *type = type_of(&draft->columns[index]);
    heddle_buffer_append_text(out, "        - {source_field: ");
    append_quoted(out, draft->columns[index].name);
    heddle_buffer_append_format(out, ", target_property: %s", property);
    if (type != NULL) {
        heddle_buffer_append_format(out, ", target_property_type: %s", type);
    }
    heddle_buffer_append_text(out, "}\n");
}

static void write_schema(const struct draft *draft)
{
    struct heddle_buffer *out = draft->out;
    if (draft->key == SIZE_MAX && draft->prose == SIZE_MAX) {
        return;
    }
    heddle_buffer_append_text(out, "      schema:\n");
    if (draft->key != SIZE_MAX) {
        heddle_buffer_append_format(
            out,
            "        # What identifies a node: needed to merge, and made before the load.\n"
            "        unique_constraints: [{name: %s_key, label: %s, properties: [%s]}]\n",
            draft->node, draft->label, draft->key_property);
    }
    if (draft->prose != SIZE_MAX) {
        heddle_buffer_append_format(
            out,
            "        vector_indexes: [{name: %s_embedding, label: %s, property: embedding, "
            "options: {indexConfig: {vector.dimensions: 384, vector.similarity_function: cosine}}}]\n",
            draft->node, draft->label);
    }
}

static void write_own_node(const struct draft *draft)
{
    struct heddle_buffer *out = draft->out;
    heddle_buffer_append_format(out, "    - name: %s\n      source: table\n      labels: [%s]\n", draft->node,
                                draft->label);
    if (draft->key == SIZE_MAX) {
        heddle_buffer_append_text(out, "      # No column identifies a row, so every run creates new nodes.\n"
                                       "      write_mode: create\n");
    } else {
        heddle_buffer_append_text(
            out, "      # merge: a second run meets the nodes of the first; create: it adds new ones.\n"
                 "      write_mode: merge\n");
    }
    heddle_buffer_append_text(out, "      properties:\n");
    for (size_t i = 0; i < draft->count; i++) {
        if (i == draft->key) {
            write_property(draft, i, draft->key_property);
        } else if (!is_reference(draft, i)) {
            write_property(draft, i, snake(draft->arena, draft->columns[i].name));
        }
    }
    if (draft->prose != SIZE_MAX) {
        heddle_buffer_append_text(out, "      # The text becomes a vector, computed in this process.\n"
                                       "      embedding: {source_field: ");
        append_quoted(out, draft->columns[draft->prose].name);
        heddle_buffer_append_text(out, ", target_property: embedding, model: ");
        append_quoted(out, draft->file->model);
        heddle_buffer_append_text(out, "}\n");
    }
    write_schema(draft);
}

static void write_reference_node(const struct draft *draft, size_t index)
{
    const char *label = reference_label(draft, index);
    const char *property = snake(draft->arena, draft->columns[index].name);
    heddle_buffer_append_format(
        draft->out,
        "    - name: %s\n      source: table\n      labels: [%s]\n      write_mode: merge\n"
        "      properties:\n",
        snake(draft->arena, label), label);
    write_property(draft, index, property);
    heddle_buffer_append_format(
        draft->out, "      schema: {unique_constraints: [{name: %s_key, label: %s, properties: [%s]}]}\n",
        snake(draft->arena, label), label, property);
}

static void write_relationship(const struct draft *draft, size_t index)
{
    struct heddle_buffer *out = draft->out;
    const char *label = reference_label(draft, index);
    const char *target = snake(draft->arena, label);
    const char *property = snake(draft->arena, draft->columns[index].name);
    char type[NAME_MAX_BYTES];
    snprintf(type, sizeof type, "HAS_%s", target);
    for (char *at = type; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    heddle_buffer_append_format(
        out,
        "    - name: %s_%s\n      source: table\n      type: %s # choose a better word\n"
        "      write_mode: merge\n      node_match_mode: match\n"
        "      start_node_reference: {name: %s, key_mappings: [{source_field: ",
        draft->node, target, type, draft->node);
    append_quoted(out, draft->columns[draft->key].name);
    heddle_buffer_append_format(out, ", node_property: %s}]}\n", draft->key_property);
    heddle_buffer_append_format(
        out, "      end_node_reference: {name: %s, key_mappings: [{source_field: ", target);
    append_quoted(out, draft->columns[index].name);
    heddle_buffer_append_format(out, ", node_property: %s}]}\n", property);
}

static void write_all(const struct draft *draft)
{
    struct heddle_buffer *out = draft->out;
    heddle_buffer_append_format(
        out,
        "# A job for heddle, written from a look at the first rows of the table: read it, change it, then\n"
        "#   heddle check THIS_FILE\n"
        "#   heddle run THIS_FILE --to neo4j://localhost     (or --to duckdb:graph.duckdb)\n"
        "%sversion: \"1\"\n"
        "sources:\n  - {name: table, type: %s, path: ",
        strchr(draft->file->path, '?') == NULL
            ? ""
            : "# What stands behind the ? of the path may be a secret: then this file is one.\n",
        draft->file->type);
    append_quoted(out, draft->file->path);
    heddle_buffer_append_text(out, "}\ntargets:\n  nodes:\n");
    write_own_node(draft);
    size_t references = 0;
    for (size_t i = 0; i < draft->count; i++) {
        if (is_reference(draft, i)) {
            write_reference_node(draft, i);
            references++;
        }
    }
    if (references > 0) {
        heddle_buffer_append_text(out, "  relationships:\n");
    }
    for (size_t i = 0; i < draft->count; i++) {
        if (is_reference(draft, i)) {
            write_relationship(draft, i);
        }
    }
}

int heddle_suggest_write(const struct heddle_suggest_file *file, const struct heddle_suggest_column *columns,
                         size_t count, struct heddle_arena *arena, struct heddle_buffer *out,
                         struct heddle_error *error)
{
    if (count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s has no columns", file->shown);
    }
    struct draft draft = {.file = file, .columns = columns, .count = count, .arena = arena, .out = out};
    choose_columns(&draft);
    choose_names(&draft);
    write_all(&draft);
    return heddle_buffer_check(out, error);
}
