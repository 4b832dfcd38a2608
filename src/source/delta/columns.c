/* columns.c: a schema's leaves as columns. */
#include "source/delta/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "source/reader.h"

struct walk {
    const struct heddle_delta_snapshot *snapshot;
    struct heddle_arena *arena;
    struct heddle_delta_column *columns;
    size_t count;
    size_t capacity;
    struct heddle_error *error;
};

/* A column on the way to its leaves. */
struct step {
    const struct step *outer;
    const struct heddle_delta_field *field;
    const char *name;
    size_t depth;
};

static bool holds_values(const struct heddle_delta_type *type)
{
    return heddle_delta_is_scalar(type) && type->kind != HEDDLE_DELTA_VOID;
}

bool heddle_delta_is_json(const struct heddle_delta_type *type)
{
    if (type->kind == HEDDLE_DELTA_MAP) {
        return !holds_values(type->key) || !holds_values(type->item);
    }
    return type->kind == HEDDLE_DELTA_ARRAY && !holds_values(type->item);
}

static enum heddle_type scalar_type(enum heddle_delta_kind kind)
{
    switch (kind) {
    case HEDDLE_DELTA_BOOLEAN: return HEDDLE_TYPE_BOOLEAN;
    case HEDDLE_DELTA_BYTE:
    case HEDDLE_DELTA_SHORT:
    case HEDDLE_DELTA_INTEGER:
    case HEDDLE_DELTA_LONG: return HEDDLE_TYPE_INTEGER;
    case HEDDLE_DELTA_FLOAT:
    case HEDDLE_DELTA_DOUBLE: return HEDDLE_TYPE_FLOAT;
    case HEDDLE_DELTA_DECIMAL: return HEDDLE_TYPE_DECIMAL;
    case HEDDLE_DELTA_STRING: return HEDDLE_TYPE_STRING;
    case HEDDLE_DELTA_BINARY: return HEDDLE_TYPE_BYTES;
    case HEDDLE_DELTA_DATE: return HEDDLE_TYPE_DATE;
    case HEDDLE_DELTA_TIMESTAMP: return HEDDLE_TYPE_TIMESTAMP;
    case HEDDLE_DELTA_TIMESTAMP_NTZ: return HEDDLE_TYPE_DATETIME;
    case HEDDLE_DELTA_VOID:
    case HEDDLE_DELTA_STRUCT:
    case HEDDLE_DELTA_ARRAY:
    case HEDDLE_DELTA_MAP: break;
    }
    return HEDDLE_TYPE_NULL;
}

static struct heddle_field field_of(const struct heddle_delta_type *type, const char *name)
{
    struct heddle_field field = {.name = name, .type = scalar_type(type->kind), .scale = type->scale};
    if (heddle_delta_is_json(type)) {
        field.type = HEDDLE_TYPE_STRING;
    } else if (type->kind == HEDDLE_DELTA_ARRAY || type->kind == HEDDLE_DELTA_MAP) {
        field.type = type->kind == HEDDLE_DELTA_ARRAY ? HEDDLE_TYPE_LIST : HEDDLE_TYPE_MAP;
        field.item_type = scalar_type(type->item->kind);
        field.scale = type->item->scale;
    }
    return field;
}

static bool is_partition(const struct heddle_delta_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->metadata.partition_column_count; i++) {
        if (strcmp(snapshot->metadata.partition_columns[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int leaf_add(struct walk *walk, const struct step *step)
{
    struct heddle_arena *arena = walk->arena;
    const size_t depth = step->depth;
    const struct heddle_delta_field **path = heddle_arena_calloc(arena, depth, sizeof *path);
    if (path == NULL ||
        heddle_grow((void **)&walk->columns, &walk->capacity, walk->count + 1, sizeof *walk->columns) != 0) {
        return heddle_error_out_of_memory(walk->error);
    }
    const struct heddle_delta_type *type = &step->field->type;
    const char *partition =
        depth == 1 && is_partition(walk->snapshot, step->field->name) ? step->field->physical : NULL;
    struct heddle_delta_column *column = &walk->columns[walk->count++];
    *column = (struct heddle_delta_column){
        .field = field_of(type, step->name), .path = path, .depth = depth, .partition = partition};
    for (const struct step *at = step; at != NULL; at = at->outer) {
        path[at->depth - 1] = at->field;
    }
    return HEDDLE_OK;
}

/* Adds the leaves below one column; the schema's own limit bounds the depth. */
static int step_walk(struct walk *walk, const struct step *step)
{
    const struct heddle_delta_type *type = &step->field->type;
    if (type->kind != HEDDLE_DELTA_STRUCT) {
        return leaf_add(walk, step);
    }
    for (size_t i = 0; i < type->field_count; i++) {
        const struct heddle_delta_field *field = &type->fields[i];
        const struct step inner = {
            .outer = step,
            .field = field,
            .name = heddle_arena_format(walk->arena, "%s.%s", step->name, field->name),
            .depth = step->depth + 1,
        };
        if (inner.name == NULL) {
            return heddle_error_out_of_memory(walk->error);
        }
        HEDDLE_TRY(step_walk(walk, &inner));
    }
    return HEDDLE_OK;
}

static int partitions_check(const struct heddle_delta_snapshot *snapshot, struct heddle_error *error)
{
    for (size_t i = 0; i < snapshot->metadata.partition_column_count; i++) {
        const char *name = snapshot->metadata.partition_columns[i];
        bool found = false;
        for (size_t k = 0; k < snapshot->schema.field_count && !found; k++) {
            found = strcmp(snapshot->schema.fields[k].name, name) == 0 &&
                    heddle_delta_is_scalar(&snapshot->schema.fields[k].type);
        }
        if (!found) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "the partition column `%s` is no scalar of the schema", name);
        }
    }
    return HEDDLE_OK;
}

int heddle_delta_columns_fill(const struct heddle_delta_snapshot *snapshot, struct heddle_arena *arena,
                              struct heddle_delta_column **columns_out, size_t *count_out,
                              struct heddle_error *error)
{
    struct walk walk = {.snapshot = snapshot, .arena = arena, .error = error};
    HEDDLE_TRY(partitions_check(snapshot, error));
    int status = HEDDLE_OK;
    for (size_t i = 0; i < snapshot->schema.field_count && status == HEDDLE_OK; i++) {
        const struct heddle_delta_field *field = &snapshot->schema.fields[i];
        const struct step step = {.field = field, .name = field->name, .depth = 1};
        status = step_walk(&walk, &step);
    }
    if (status == HEDDLE_OK) {
        *columns_out = heddle_arena_calloc(arena, walk.count, sizeof **columns_out);
        if (*columns_out == NULL) {
            status = heddle_error_out_of_memory(error);
        } else if (walk.count > 0) {
            memcpy(*columns_out, walk.columns, walk.count * sizeof *walk.columns);
        }
        *count_out = walk.count;
    }
    free(walk.columns);
    return status;
}

/* The map column that `wanted` names a key of, or NULL; of several the one with the longest name. */
static const struct heddle_delta_column *map_find(const struct heddle_delta_column *columns, size_t count,
                                                  const char *wanted, const char **key_out)
{
    const struct heddle_delta_column *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        if (strcmp(columns[i].field.name, wanted) == 0) {
            return NULL;
        }
        if (heddle_source_is_key(&columns[i].field, wanted, &key) &&
            (found == NULL || strlen(key) < strlen(*key_out))) {
            found = &columns[i];
            *key_out = key;
        }
    }
    return found;
}

int heddle_delta_columns_add_keys(struct heddle_delta_column *columns, size_t *count,
                                  const char *const *wanted, size_t wanted_count, struct heddle_arena *arena,
                                  struct heddle_error *error)
{
    for (size_t i = 0; i < wanted_count; i++) {
        const char *key = NULL;
        const struct heddle_delta_column *map = map_find(columns, *count, wanted[i], &key);
        if (map == NULL) {
            continue;
        }
        const char *name = heddle_arena_copy_text(arena, wanted[i], strlen(wanted[i]));
        if (name == NULL) {
            return heddle_error_out_of_memory(error);
        }
        struct heddle_delta_column *column = &columns[(*count)++];
        *column = *map;
        column->field = heddle_source_key_field(&map->field, name);
        column->key = name + (key - wanted[i]);
    }
    return HEDDLE_OK;
}
