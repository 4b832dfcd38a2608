/* statements.c: the SQL of the DuckDB sink. Staged columns are called c0, c1, … so that no name of a user's meets
 * another in the staging table. */
#include "sink/duckdb/statements.h"

#include "duck/duck.h"

static const struct heddle_duckdb_table *road_table(const struct heddle_duckdb_layout *layout, size_t index)
{
    return &layout->tables[layout->roads[index].table];
}

/* Name of the table column that the staged column `staged` goes into. */
static const char *column_name(const struct heddle_duckdb_layout *layout, size_t index, size_t staged)
{
    return road_table(layout, index)->columns[layout->roads[index].columns[staged]].name;
}

/* Staged column that goes into table column `column`. */
static size_t staged_of(const struct heddle_duckdb_road *road, size_t column)
{
    size_t staged = 0;
    while (road->columns[staged] != column) {
        staged++;
    }
    return staged;
}

static bool is_key(const struct heddle_duckdb_layout *layout, size_t index, size_t staged)
{
    const struct heddle_duckdb_table *table = road_table(layout, index);
    for (size_t i = 0; table->unique && i < table->key_count; i++) {
        if (table->key[i] == layout->roads[index].columns[staged]) {
            return true;
        }
    }
    return false;
}

static void key_names(struct heddle_buffer *sql, const struct heddle_duckdb_table *table)
{
    for (size_t i = 0; i < table->key_count; i++) {
        heddle_buffer_append_text(sql, i == 0 ? "" : ", ");
        heddle_duck_quote_name(sql, table->columns[table->key[i]].name);
    }
}

void heddle_duckdb_sql_create_table(struct heddle_buffer *sql, const struct heddle_duckdb_table *table)
{
    heddle_buffer_append_text(sql, "CREATE TABLE ");
    heddle_duck_quote_name(sql, table->name);
    heddle_buffer_append_text(sql, " (");
    const char *separator = "";
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].known) {
            heddle_buffer_append_text(sql, separator);
            heddle_duck_quote_name(sql, table->columns[i].name);
            heddle_buffer_append_text(sql, " ");
            heddle_duck_type_sql(sql, &table->columns[i].field);
            separator = ", ";
        }
    }
    if (table->has_labels) {
        heddle_buffer_append_text(sql, ", \"" HEDDLE_DUCKDB_LABELS "\" VARCHAR[]");
    }
    if (table->has_stamp) {
        heddle_buffer_append_text(sql, ", \"" HEDDLE_STAMP_PROPERTY "\" VARCHAR");
    }
    if (table->unique) {
        heddle_buffer_append_text(sql, ", PRIMARY KEY (");
        key_names(sql, table);
        heddle_buffer_append_text(sql, ")");
    }
    heddle_buffer_append_text(sql, ")");
}

void heddle_duckdb_sql_create_stage(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                                    size_t index)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    heddle_buffer_append_text(sql, "CREATE OR REPLACE TEMP TABLE ");
    heddle_duck_quote_name(sql, road->stage);
    heddle_buffer_append_text(sql, " (ordinal BIGINT");
    for (size_t i = 0; i < road->column_count; i++) {
        heddle_buffer_append_format(sql, ", c%zu ", i);
        heddle_duck_type_sql(sql, &road_table(layout, index)->columns[road->columns[i]].field);
    }
    heddle_buffer_append_text(sql, ")");
}

static void from_stage(struct heddle_buffer *sql, const struct heddle_duckdb_road *road)
{
    heddle_buffer_append_text(sql, " FROM temp.main.");
    heddle_duck_quote_name(sql, road->stage);
}

/* SET a = excluded.a, …; a node's other labels are joined to those it has. */
static void conflict_update(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                            size_t index, bool with_vector)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    const char *separator = "";
    for (size_t i = 0; i < road->column_count; i++) {
        if (is_key(layout, index, i) || (!with_vector && road->vector && i + 1 == road->column_count)) {
            continue;
        }
        heddle_buffer_append_text(sql, separator);
        heddle_duck_quote_name(sql, column_name(layout, index, i));
        heddle_buffer_append_text(sql, " = excluded.");
        heddle_duck_quote_name(sql, column_name(layout, index, i));
        separator = ", ";
    }
    if (road->labels != NULL) {
        heddle_buffer_append_text(sql, separator);
        heddle_buffer_append_text(sql, "\"" HEDDLE_DUCKDB_LABELS "\" = list_sort(list_distinct(list_concat(");
        heddle_duck_quote_name(sql, road_table(layout, index)->name);
        heddle_buffer_append_text(sql,
                                  ".\"" HEDDLE_DUCKDB_LABELS "\", excluded.\"" HEDDLE_DUCKDB_LABELS "\")))");
    }
}

static void insert_where(struct heddle_buffer *sql, const struct heddle_duckdb_road *road,
                         enum heddle_duckdb_insert kind, bool bounded)
{
    const char *word = " WHERE ";
    if (bounded) {
        heddle_buffer_append_text(sql, " WHERE ordinal >= $1 AND ordinal < $2");
        word = " AND ";
    }
    if (road->vector &&
        (kind == HEDDLE_DUCKDB_INSERT_UPDATE || kind == HEDDLE_DUCKDB_INSERT_UPDATE_BUT_VECTOR)) {
        heddle_buffer_append_format(sql, "%sc%zu IS %sNULL", word, road->column_count - 1,
                                    kind == HEDDLE_DUCKDB_INSERT_UPDATE ? "NOT " : "");
    }
}

void heddle_duckdb_sql_insert(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                              size_t index, enum heddle_duckdb_insert kind, bool bounded)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    const struct heddle_duckdb_table *table = road_table(layout, index);
    heddle_buffer_append_text(sql, "INSERT INTO main.");
    heddle_duck_quote_name(sql, table->name);
    heddle_buffer_append_text(sql, " (");
    for (size_t i = 0; i < road->column_count; i++) {
        heddle_buffer_append_text(sql, i == 0 ? "" : ", ");
        heddle_duck_quote_name(sql, column_name(layout, index, i));
    }
    heddle_buffer_append_text(sql, road->labels != NULL ? ", \"" HEDDLE_DUCKDB_LABELS "\"" : "");
    heddle_buffer_append_text(sql, road->stamp != NULL ? ", \"" HEDDLE_STAMP_PROPERTY "\"" : "");
    heddle_buffer_append_text(sql, ") SELECT ");
    for (size_t i = 0; i < road->column_count; i++) {
        heddle_buffer_append_format(sql, i == 0 ? "c%zu" : ", c%zu", i);
    }
    if (road->labels != NULL) {
        heddle_buffer_append_text(sql, ", ");
        heddle_buffer_append_text(sql, road->labels);
    }
    if (road->stamp != NULL) {
        heddle_buffer_append_text(sql, ", ");
        heddle_duck_quote_text(sql, road->stamp);
    }
    from_stage(sql, road);
    insert_where(sql, road, kind, bounded);
    if (kind == HEDDLE_DUCKDB_INSERT_PLAIN) {
        return;
    }
    heddle_buffer_append_text(sql, " ON CONFLICT (");
    key_names(sql, table);
    if (kind == HEDDLE_DUCKDB_INSERT_NEW) {
        heddle_buffer_append_text(sql, ") DO NOTHING");
        return;
    }
    heddle_buffer_append_text(sql, ") DO UPDATE SET ");
    conflict_update(sql, layout, index, kind == HEDDLE_DUCKDB_INSERT_UPDATE);
}

void heddle_duckdb_sql_conflicts(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                                 size_t index)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    const struct heddle_duckdb_table *table = road_table(layout, index);
    heddle_buffer_append_text(sql, "SELECT s.ordinal FROM (SELECT *, row_number() OVER (PARTITION BY ");
    for (size_t i = 0; i < table->key_count; i++) {
        heddle_buffer_append_format(sql, i == 0 ? "c%zu" : ", c%zu", staged_of(road, table->key[i]));
    }
    heddle_buffer_append_text(sql, " ORDER BY ordinal) AS nth");
    from_stage(sql, road);
    heddle_buffer_append_text(sql, ") s WHERE s.nth > 1 OR EXISTS (FROM main.");
    heddle_duck_quote_name(sql, table->name);
    heddle_buffer_append_text(sql, " t WHERE ");
    for (size_t i = 0; i < table->key_count; i++) {
        heddle_buffer_append_text(sql, i == 0 ? "t." : " AND t.");
        heddle_duck_quote_name(sql, table->columns[table->key[i]].name);
        heddle_buffer_append_format(sql, " = s.c%zu", staged_of(road, table->key[i]));
    }
    heddle_buffer_append_text(sql, ") ORDER BY s.ordinal");
}

static const struct heddle_duckdb_table *end_table(const struct heddle_duckdb_layout *layout, size_t index,
                                                   enum heddle_duckdb_end end)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    return &layout->tables[end == HEDDLE_DUCKDB_START_END ? road->start_table : road->end_table];
}

/* Number of the first staged column of an end. */
static size_t end_offset(const struct heddle_duckdb_layout *layout, size_t index, enum heddle_duckdb_end end)
{
    return end == HEDDLE_DUCKDB_START_END ? 0 : layout->roads[index].start_count;
}

void heddle_duckdb_sql_end_insert(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                                  size_t index, enum heddle_duckdb_end end)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    const struct heddle_duckdb_table *table = end_table(layout, index, end);
    const size_t offset = end_offset(layout, index, end);
    heddle_buffer_append_text(sql, "INSERT INTO main.");
    heddle_duck_quote_name(sql, table->name);
    heddle_buffer_append_text(sql, " (");
    key_names(sql, table);
    heddle_buffer_append_text(sql, road->stamp != NULL ? ", \"" HEDDLE_STAMP_PROPERTY "\") SELECT DISTINCT "
                                                       : ") SELECT DISTINCT ");
    for (size_t i = 0; i < table->key_count; i++) {
        heddle_buffer_append_format(sql, i == 0 ? "c%zu" : ", c%zu", offset + i);
    }
    if (road->stamp != NULL) {
        heddle_buffer_append_text(sql, ", ");
        heddle_duck_quote_text(sql, road->stamp);
    }
    from_stage(sql, road);
    heddle_buffer_append_text(sql, " ON CONFLICT (");
    key_names(sql, table);
    heddle_buffer_append_text(sql, ") DO NOTHING");
}

static void end_missing(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout, size_t index,
                        enum heddle_duckdb_end end)
{
    const struct heddle_duckdb_table *table = end_table(layout, index, end);
    const size_t offset = end_offset(layout, index, end);
    heddle_buffer_append_text(sql, "NOT EXISTS (FROM main.");
    heddle_duck_quote_name(sql, table->name);
    heddle_buffer_append_text(sql, " t WHERE ");
    for (size_t i = 0; i < table->key_count; i++) {
        heddle_buffer_append_text(sql, i == 0 ? "t." : " AND t.");
        heddle_duck_quote_name(sql, table->columns[table->key[i]].name);
        heddle_buffer_append_format(sql, " = s.c%zu", offset + i);
    }
    heddle_buffer_append_text(sql, ")");
}

void heddle_duckdb_sql_missing(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                               size_t index)
{
    heddle_buffer_append_text(sql, "SELECT * FROM (SELECT s.ordinal, ");
    end_missing(sql, layout, index, HEDDLE_DUCKDB_START_END);
    heddle_buffer_append_text(sql, " AS no_start, ");
    end_missing(sql, layout, index, HEDDLE_DUCKDB_END_END);
    heddle_buffer_append_text(sql, " AS no_end");
    from_stage(sql, &layout->roads[index]);
    heddle_buffer_append_text(sql, " s) WHERE no_start OR no_end ORDER BY ordinal");
}

static bool updates(const struct heddle_duckdb_layout *layout, size_t index, size_t staged_columns)
{
    for (size_t i = 0; i < staged_columns; i++) {
        if (!is_key(layout, index, i)) {
            return true;
        }
    }
    return layout->roads[index].labels != NULL;
}

bool heddle_duckdb_road_updates(const struct heddle_duckdb_layout *layout, size_t index)
{
    return updates(layout, index, layout->roads[index].column_count);
}

bool heddle_duckdb_road_updates_but_vector(const struct heddle_duckdb_layout *layout, size_t index)
{
    const struct heddle_duckdb_road *road = &layout->roads[index];
    return road->vector && updates(layout, index, road->column_count - 1);
}
