/* removal.c: rows that are to go: nodes with the relationships that join them, or relationships. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "sink/duckdb/internal.h"

/* DELETE FROM main."T" t USING temp.main."stage" s WHERE s.ordinal >= low AND s.ordinal < high */
static void delete_begin(struct heddle_buffer *sql, const struct heddle_duckdb_table *table,
                         const struct heddle_duckdb_road *road, size_t low, size_t high)
{
    heddle_buffer_append_text(sql, "DELETE FROM main.");
    heddle_duck_quote_name(sql, table->name);
    heddle_buffer_append_text(sql, " AS t USING temp.main.");
    heddle_duck_quote_name(sql, road->stage);
    heddle_buffer_append_format(sql, " AS s WHERE s.ordinal >= %zu AND s.ordinal < %zu", low, high);
}

static void delete_where(struct heddle_buffer *sql, const struct heddle_duckdb_table *table, size_t column,
                         size_t staged)
{
    heddle_buffer_append_text(sql, " AND t.");
    heddle_duck_quote_name(sql, table->columns[column].name);
    heddle_buffer_append_format(sql, " = s.c%zu", staged);
}

/* The staged column with a node's key property. */
static size_t staged_of(const struct heddle_target *target, const char *property)
{
    size_t at = 0;
    while (at < target->property_count && strcmp(target->properties[at].name, property) != 0) {
        at++;
    }
    return at;
}

/* The rows of a relationship table that name one of the staged nodes as their start, or as their end. */
static int detach(struct heddle_duckdb_sink *sink, size_t index, size_t relationship, bool at_end, size_t low,
                  size_t high, struct heddle_error *error)
{
    const struct heddle_duckdb_layout *layout = &sink->layout;
    const struct heddle_duckdb_road *road = &layout->roads[index];
    const struct heddle_duckdb_road *other = &layout->roads[relationship];
    const struct heddle_duckdb_table *table = &layout->tables[other->table];
    const struct heddle_target *writer = &sink->options.targets[relationship];
    const struct heddle_target_end *end = at_end ? &writer->end : &writer->start;
    const size_t first = at_end ? other->start_count : 0;
    struct heddle_buffer sql = {0};
    if (!table->made || (at_end ? other->end_table : other->start_table) != road->table) {
        return HEDDLE_OK;
    }
    delete_begin(&sql, table, road, low, high);
    for (size_t i = 0; i < end->key_count; i++) {
        delete_where(&sql, table, other->columns[first + i],
                     staged_of(&sink->options.targets[index], end->keys[i].name));
    }
    return heddle_duckdb_execute(sink->connection, &sql, error);
}

int heddle_duckdb_remove(struct heddle_duckdb_sink *sink, size_t index, size_t low, size_t high,
                         struct heddle_error *error)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    const struct heddle_duckdb_table *table = &sink->layout.tables[road->table];
    const bool is_node = sink->options.targets[index].kind == HEDDLE_TARGET_NODE;
    for (size_t i = 0; is_node && i < sink->options.target_count; i++) {
        const struct heddle_target *other = &sink->options.targets[i];
        if (other->kind == HEDDLE_TARGET_RELATIONSHIP && !other->removes) {
            HEDDLE_TRY(detach(sink, index, i, false, low, high, error));
            HEDDLE_TRY(detach(sink, index, i, true, low, high, error));
        }
    }
    struct heddle_buffer sql = {0};
    delete_begin(&sql, table, road, low, high);
    for (size_t i = 0; i < road->column_count; i++) {
        delete_where(&sql, table, road->columns[i], i);
    }
    return heddle_duckdb_execute(sink->connection, &sql, error);
}

int heddle_duckdb_removal_begin(struct heddle_duckdb_sink *sink, size_t source,
                                const struct heddle_schema *schema, struct heddle_error *error)
{
    heddle_fold_clear(sink->fold);
    sink->removed = true;
    for (size_t i = 0; i < sink->options.target_count; i++) {
        const struct heddle_target *target = &sink->options.targets[i];
        struct heddle_buffer sql = {0};
        /* A table that is made for what goes has all columns of those that write to it. */
        if (target->source == source) {
            HEDDLE_TRY(heddle_duckdb_layout_learn(&sink->layout, i, target, schema, error));
        }
        if (sink->states[i].ready && sink->states[i].samples > 0) {
            sink->states[i].samples = 0;
            heddle_buffer_append_format(&sql, "DELETE FROM temp.main.heddle_sample_%zu", i);
            HEDDLE_TRY(heddle_duckdb_execute(sink->connection, &sql, error));
        }
    }
    return HEDDLE_OK;
}
