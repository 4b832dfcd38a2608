/* layout.c: tables from targets. Two passes: tables are named first, so that relationships can tell whether their type
 * needs a table for each pair of ends; then each target adds its columns. */
#include "sink/duckdb/layout.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"

/* What build() carries through its steps. */
struct builder {
    struct heddle_arena *arena;
    const struct heddle_target *targets;
    size_t target_count;
    struct heddle_duckdb_layout *layout;
    struct heddle_error *error;
};

/* Adds a column, or answers the one that is there. A column shared by two targets must have one type and one part. */
static int column_add(struct builder *builder, const struct heddle_target *target,
                      struct heddle_duckdb_table *table, const struct heddle_duckdb_column *wanted,
                      size_t *index_out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        struct heddle_duckdb_column *column = &table->columns[i];
        if (strcasecmp(column->name, wanted->name) != 0) {
            continue;
        }
        if (strcmp(column->name, wanted->name) != 0) {
            return heddle_error_set(
                builder->error, HEDDLE_INVALID,
                "target %s: properties %s and %s of table %s differ only in case, which a "
                "DuckDB file cannot hold: rename one",
                target->name, column->name, wanted->name, table->name);
        }
        if (column->key != wanted->key ||
            (column->known && wanted->known && column->field.type != wanted->field.type)) {
            return heddle_error_set(
                builder->error, HEDDLE_INVALID,
                "target %s: property %s of table %s is used by another target with another "
                "type or as part of another key: give both the same",
                target->name, wanted->name, table->name);
        }
        if (!column->known && wanted->known) {
            *column = *wanted;
        }
        *index_out = i;
        return HEDDLE_OK;
    }
    table->columns[table->column_count] = *wanted;
    *index_out = table->column_count;
    table->column_count++;
    return HEDDLE_OK;
}

static struct heddle_duckdb_column column_of(const char *name, const struct heddle_target_property *property,
                                             bool key)
{
    return (struct heddle_duckdb_column){
        .name = name,
        .field = {.name = name, .type = property->type, .item_type = property->item_type},
        .known = property->typed,
        .key = key,
    };
}

static int road_column(struct builder *builder, const struct heddle_target *target,
                       struct heddle_duckdb_road *road, const struct heddle_duckdb_column *wanted)
{
    struct heddle_duckdb_table *table = &builder->layout->tables[road->table];
    size_t index = 0;
    HEDDLE_TRY(column_add(builder, target, table, wanted, &index));
    for (size_t i = 0; i < road->column_count; i++) {
        if (road->columns[i] == index) {
            return heddle_error_set(
                builder->error, HEDDLE_INVALID,
                "target %s: two of its values would go into column %s of table %s: rename one", target->name,
                wanted->name, table->name);
        }
    }
    road->columns[road->column_count++] = index;
    return HEDDLE_OK;
}

/* start_KEY or end_KEY columns of a relationship's table. */
static int road_end(struct builder *builder, const struct heddle_target *target,
                    struct heddle_duckdb_road *road, const struct heddle_target_end *end, const char *prefix)
{
    for (size_t i = 0; i < end->key_count; i++) {
        const char *name = heddle_arena_format(builder->arena, "%s%s", prefix, end->keys[i].name);
        if (name == NULL) {
            return heddle_error_out_of_memory(builder->error);
        }
        const struct heddle_duckdb_column wanted = column_of(name, &end->keys[i], true);
        HEDDLE_TRY(road_column(builder, target, road, &wanted));
    }
    return HEDDLE_OK;
}

static bool is_key(const struct heddle_target *target, size_t property)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (target->key[i] == property) {
            return true;
        }
    }
    return false;
}

/* Keys of CREATE relationships are no identity (run-contract 2: kept when creating): plain properties then. */
static int road_properties(struct builder *builder, const struct heddle_target *target,
                           struct heddle_duckdb_road *road)
{
    const bool keyed = target->kind == HEDDLE_TARGET_NODE || target->merge;
    for (size_t i = 0; i < target->property_count; i++) {
        const struct heddle_duckdb_column wanted =
            column_of(target->properties[i].name, &target->properties[i], keyed && is_key(target, i));
        HEDDLE_TRY(road_column(builder, target, road, &wanted));
    }
    road->property_count = target->property_count;
    if (target->kind != HEDDLE_TARGET_NODE || target->vector_property == NULL) {
        return HEDDLE_OK;
    }
    const struct heddle_duckdb_column vector = {
        .name = target->vector_property,
        .field = {.name = target->vector_property,
                  .type = HEDDLE_TYPE_VECTOR,
                  .width = target->vector_dimensions},
        .known = true,
    };
    road->vector = true;
    return road_column(builder, target, road, &vector);
}

static void road_key(const struct heddle_target *target, struct heddle_duckdb_road *road)
{
    const size_t ends = road->start_count + road->end_count;
    for (size_t i = 0; i < ends; i++) {
        road->key_columns[road->key_count++] = road->columns[i];
    }
    for (size_t i = 0; i < target->key_count; i++) {
        road->key_columns[road->key_count++] = road->columns[ends + target->key[i]];
    }
}

/* The other labels as ['B', 'C']; NULL where there is only one. Quotes are doubled. */
static int road_labels(struct builder *builder, const struct heddle_target *target,
                       struct heddle_duckdb_road *road)
{
    if (target->kind != HEDDLE_TARGET_NODE || target->label_count < 2) {
        return HEDDLE_OK;
    }
    size_t size = sizeof "[]";
    for (size_t i = 1; i < target->label_count; i++) {
        size += 2 * strlen(target->labels[i]) + sizeof "'', ";
    }
    char *text = heddle_arena_alloc_small(builder->arena, size);
    if (text == NULL) {
        return heddle_error_out_of_memory(builder->error);
    }
    char *at = text;
    for (size_t i = 1; i < target->label_count; i++) {
        *at++ = i == 1 ? '[' : ',';
        *at++ = '\'';
        for (const char *c = target->labels[i]; *c != '\0'; c++) {
            if (*c == '\'') {
                *at++ = '\'';
            }
            *at++ = *c;
        }
        *at++ = '\'';
    }
    *at++ = ']';
    *at = '\0';
    road->labels = text;
    builder->layout->tables[road->table].has_labels = true;
    return HEDDLE_OK;
}

static int road_build(struct builder *builder, size_t index)
{
    const struct heddle_target *target = &builder->targets[index];
    struct heddle_duckdb_road *road = &builder->layout->roads[index];
    const size_t most = target->start.key_count + target->end.key_count + target->property_count + 1;
    road->columns = heddle_arena_calloc(builder->arena, most, sizeof *road->columns);
    road->key_columns = heddle_arena_calloc(builder->arena, most, sizeof *road->key_columns);
    road->stage = heddle_arena_format(builder->arena, "heddle_stage_%zu", index);
    if (road->columns == NULL || road->key_columns == NULL || road->stage == NULL) {
        return heddle_error_out_of_memory(builder->error);
    }
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        HEDDLE_TRY(road_end(builder, target, road, &target->start, HEDDLE_DUCKDB_START));
        HEDDLE_TRY(road_end(builder, target, road, &target->end, HEDDLE_DUCKDB_END));
        road->start_count = target->start.key_count;
        road->end_count = target->end.key_count;
        road->start_table = builder->layout->roads[target->start.node].table;
        road->end_table = builder->layout->roads[target->end.node].table;
    }
    HEDDLE_TRY(road_properties(builder, target, road));
    HEDDLE_TRY(road_labels(builder, target, road));
    road->stamp = target->stamp;
    builder->layout->tables[road->table].has_stamp |= target->stamp != NULL;
    road_key(target, road);
    return HEDDLE_OK;
}

static bool same_key(const struct heddle_duckdb_table *table, const struct heddle_duckdb_road *road)
{
    for (size_t i = 0; i < road->key_count; i++) {
        bool found = false;
        for (size_t j = 0; j < table->key_count; j++) {
            found = found || table->key[j] == road->key_columns[i];
        }
        if (!found) {
            return false;
        }
    }
    return table->key_count == road->key_count;
}

/* A table has one primary key: targets that share the table must agree on it. */
static int keys_agree(struct builder *builder)
{
    for (size_t i = 0; i < builder->target_count; i++) {
        const struct heddle_target *target = &builder->targets[i];
        const struct heddle_duckdb_road *road = &builder->layout->roads[i];
        struct heddle_duckdb_table *table = &builder->layout->tables[road->table];
        const bool unique = target->kind == HEDDLE_TARGET_NODE ? target->key_count > 0 : target->merge;
        if (table->writers++ == 0) {
            table->unique = unique;
            table->key = road->key_columns;
            table->key_count = road->key_count;
        } else if (table->unique != unique || (unique && !same_key(table, road))) {
            return heddle_error_set(
                builder->error, HEDDLE_INVALID,
                "target %s: table %s would need two different primary keys, since another target "
                "writes to it with another key or write mode: a DuckDB table has one",
                target->name, table->name);
        }
    }
    return HEDDLE_OK;
}

/* Number of the table called `name`, made where it is new. */
static int table_of(struct builder *builder, const struct heddle_target *target, const char *name,
                    size_t *index_out)
{
    struct heddle_duckdb_layout *layout = builder->layout;
    const bool relationship = target->kind == HEDDLE_TARGET_RELATIONSHIP;
    if (strcasecmp(name, HEDDLE_DUCKDB_META) == 0) {
        return heddle_error_set(builder->error, HEDDLE_INVALID,
                                "target %s: the table " HEDDLE_DUCKDB_META
                                " holds the load's record in a DuckDB file: choose another label or type",
                                target->name);
    }
    for (size_t i = 0; i < layout->table_count; i++) {
        const struct heddle_duckdb_table *table = &layout->tables[i];
        if (strcasecmp(table->name, name) != 0) {
            continue;
        }
        if (table->relationship != relationship || strcmp(table->name, name) != 0) {
            return heddle_error_set(
                builder->error, HEDDLE_INVALID,
                "target %s: %s and %s would be one table in a DuckDB file, where case does not "
                "tell names apart: rename one",
                target->name, table->name, name);
        }
        *index_out = i;
        return HEDDLE_OK;
    }
    layout->tables[layout->table_count] =
        (struct heddle_duckdb_table){.name = name, .relationship = relationship};
    *index_out = layout->table_count++;
    return HEDDLE_OK;
}

/* Whether another relationship target of this type joins other tables. */
static bool type_is_shared(const struct builder *builder, const struct heddle_target *target)
{
    const struct heddle_duckdb_road *roads = builder->layout->roads;
    for (size_t i = 0; i < builder->target_count; i++) {
        const struct heddle_target *other = &builder->targets[i];
        if (other->kind == HEDDLE_TARGET_RELATIONSHIP && strcmp(other->type, target->type) == 0 &&
            (roads[other->start.node].table != roads[target->start.node].table ||
             roads[other->end.node].table != roads[target->end.node].table)) {
            return true;
        }
    }
    return false;
}

static int ends_have_keys(struct builder *builder, const struct heddle_target *target)
{
    const struct heddle_target_end *ends[2] = {&target->start, &target->end};
    for (size_t i = 0; i < 2; i++) {
        if (ends[i]->node >= builder->target_count ||
            builder->targets[ends[i]->node].kind != HEDDLE_TARGET_NODE || ends[i]->key_count == 0 ||
            builder->targets[ends[i]->node].key_count != ends[i]->key_count) {
            return heddle_error_set(
                builder->error, HEDDLE_INVALID,
                "target %s: the %s node's target has no key that the relationship names in full: "
                "give it a unique constraint and map its properties",
                target->name, i == 0 ? "start" : "end");
        }
    }
    return HEDDLE_OK;
}

static int tables_name(struct builder *builder)
{
    struct heddle_duckdb_layout *layout = builder->layout;
    for (size_t i = 0; i < builder->target_count; i++) {
        const struct heddle_target *target = &builder->targets[i];
        if (target->kind == HEDDLE_TARGET_NODE) {
            HEDDLE_TRY(table_of(builder, target, target->labels[0], &layout->roads[i].table));
        }
    }
    for (size_t i = 0; i < builder->target_count; i++) {
        const struct heddle_target *target = &builder->targets[i];
        if (target->kind == HEDDLE_TARGET_NODE) {
            continue;
        }
        HEDDLE_TRY(ends_have_keys(builder, target));
        const char *name = target->type;
        if (type_is_shared(builder, target)) {
            name = heddle_arena_format(builder->arena, "%s_%s_%s", target->type,
                                       builder->targets[target->start.node].labels[0],
                                       builder->targets[target->end.node].labels[0]);
        }
        if (name == NULL) {
            return heddle_error_out_of_memory(builder->error);
        }
        HEDDLE_TRY(table_of(builder, target, name, &layout->roads[i].table));
    }
    return HEDDLE_OK;
}

/* Room for every column that the targets could bring, so that tables never grow. */
static int tables_reserve(struct builder *builder)
{
    size_t most = 0;
    for (size_t i = 0; i < builder->target_count; i++) {
        const struct heddle_target *target = &builder->targets[i];
        most += target->start.key_count + target->end.key_count + target->property_count + 1;
    }
    for (size_t i = 0; i < builder->layout->table_count; i++) {
        struct heddle_duckdb_table *table = &builder->layout->tables[i];
        table->columns = heddle_arena_calloc(builder->arena, most, sizeof *table->columns);
        if (table->columns == NULL) {
            return heddle_error_out_of_memory(builder->error);
        }
    }
    return HEDDLE_OK;
}

/* The columns `labels` and `load_id` are ours: a property of that name would be lost in it. */
static int own_columns_are_free(struct builder *builder)
{
    for (size_t i = 0; i < builder->layout->table_count; i++) {
        const struct heddle_duckdb_table *table = &builder->layout->tables[i];
        for (size_t j = 0; table->has_stamp && j < table->column_count; j++) {
            if (strcasecmp(table->columns[j].name, HEDDLE_STAMP_PROPERTY) == 0) {
                return heddle_error_set(builder->error, HEDDLE_INVALID,
                                        "table %s: the column " HEDDLE_STAMP_PROPERTY
                                        " holds the id of the load that made a row: rename the property, or "
                                        "load without --load-id",
                                        table->name);
            }
        }
        for (size_t j = 0; table->has_labels && j < table->column_count; j++) {
            if (strcasecmp(table->columns[j].name, HEDDLE_DUCKDB_LABELS) == 0) {
                return heddle_error_set(builder->error, HEDDLE_INVALID,
                                        "table %s: the column " HEDDLE_DUCKDB_LABELS
                                        " holds the other labels of its nodes: rename the property",
                                        table->name);
            }
        }
    }
    return HEDDLE_OK;
}

int heddle_duckdb_layout_build(struct heddle_arena *arena, const struct heddle_target *targets,
                               size_t target_count, struct heddle_duckdb_layout *layout,
                               struct heddle_error *error)
{
    struct builder builder = {arena, targets, target_count, layout, error};
    *layout = (struct heddle_duckdb_layout){
        .tables = heddle_arena_calloc(arena, target_count, sizeof *layout->tables),
        .roads = heddle_arena_calloc(arena, target_count, sizeof *layout->roads),
        .road_count = target_count,
    };
    if (layout->tables == NULL || layout->roads == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i].kind == HEDDLE_TARGET_QUERY) {
            return heddle_error_set(
                error, HEDDLE_INVALID,
                "target %s is a Cypher query, which a DuckDB file cannot run: set `active: false` "
                "on it, or load into Neo4j",
                targets[i].name);
        }
    }
    HEDDLE_TRY(tables_name(&builder));
    HEDDLE_TRY(tables_reserve(&builder));
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i].kind == HEDDLE_TARGET_NODE) {
            HEDDLE_TRY(road_build(&builder, i));
        }
    }
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i].kind == HEDDLE_TARGET_RELATIONSHIP) {
            HEDDLE_TRY(road_build(&builder, i));
        }
    }
    HEDDLE_TRY(keys_agree(&builder));
    return own_columns_are_free(&builder);
}

static int column_learn(struct heddle_duckdb_table *table, struct heddle_duckdb_column *column,
                        const struct heddle_target *target, const struct heddle_target_property *property,
                        const struct heddle_schema *schema, struct heddle_error *error)
{
    if (property->typed || property->column < 0 || (size_t)property->column >= schema->count) {
        return HEDDLE_OK;
    }
    const struct heddle_field *field = &schema->fields[property->column];
    if (!column->known) {
        const char *name = column->field.name;
        column->field = *field;
        column->field.name = name;
        column->known = true;
        return HEDDLE_OK;
    }
    if (column->field.type != field->type && field->type != HEDDLE_TYPE_NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "target %s: field %s is %s, but column %s of table %s is %s: set "
                                "target_property_type so that both agree",
                                target->name, property->field, heddle_type_name(field->type), column->name,
                                table->name, heddle_type_name(column->field.type));
    }
    return HEDDLE_OK;
}

int heddle_duckdb_layout_learn(struct heddle_duckdb_layout *layout, size_t index,
                               const struct heddle_target *target, const struct heddle_schema *schema,
                               struct heddle_error *error)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    struct heddle_duckdb_table *table = &layout->tables[road->table];
    const size_t ends = road->start_count + road->end_count;
    for (size_t i = 0; i < ends + road->property_count; i++) {
        const struct heddle_target_property *property = i < road->start_count ? &target->start.keys[i]
                                                        : i < ends ? &target->end.keys[i - road->start_count]
                                                                   : &target->properties[i - ends];
        HEDDLE_TRY(column_learn(table, &table->columns[road->columns[i]], target, property, schema, error));
    }
    return HEDDLE_OK;
}

static void end_settle(struct heddle_duckdb_table *node, const struct heddle_duckdb_table *table,
                       const size_t *columns)
{
    for (size_t i = 0; i < node->key_count; i++) {
        struct heddle_duckdb_column *key = &node->columns[node->key[i]];
        if (!key->known) {
            const char *name = key->field.name;
            key->field = table->columns[columns[i]].field;
            key->field.name = name;
            key->known = true;
        }
    }
}

void heddle_duckdb_layout_settle_ends(struct heddle_duckdb_layout *layout, size_t index)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    const struct heddle_duckdb_table *table = &layout->tables[road->table];
    end_settle(&layout->tables[road->start_table], table, road->columns);
    end_settle(&layout->tables[road->end_table], table, road->columns + road->start_count);
}

void heddle_duckdb_layout_settle(struct heddle_duckdb_table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->columns[i].known) {
            table->columns[i].field.type = HEDDLE_TYPE_STRING;
            table->columns[i].known = true;
        }
    }
}
