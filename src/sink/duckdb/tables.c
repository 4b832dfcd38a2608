/* tables.c: the tables in the file: made where they are missing, used where they fit, refused where they do not. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "sink/duckdb/internal.h"
#include "sink/duckdb/statements.h"

/* Runs the text in `sql` and frees it. */
/* The one text that `sql` answers, or NULL where there is no row. Frees `sql`. */
static int fetch(struct heddle_duckdb_sink *sink, struct heddle_buffer *sql, char **text_out,
                 struct heddle_error *error)
{
    *text_out = NULL;
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_text(sink->connection, heddle_buffer_text(sql), text_out, error);
    }
    heddle_buffer_free(sql);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

static int table_exists(struct heddle_duckdb_sink *sink, const char *name, bool *exists_out,
                        struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    char *found = NULL;
    heddle_buffer_append_text(
        &sql, "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND schema_name = 'main' "
              "AND lower(table_name) = lower(");
    heddle_duck_quote_text(&sql, name);
    heddle_buffer_append_text(&sql, ")");
    HEDDLE_TRY(fetch(sink, &sql, &found, error));
    *exists_out = found != NULL;
    const bool other_case = found != NULL && strcmp(found, name) != 0;
    free(found);
    if (other_case) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s has a table whose name differs from %s only in case: rename the "
                                "label or type, or load into another file",
                                sink->path, name);
    }
    return HEDDLE_OK;
}

/* The type of a column of an existing table as DuckDB writes it, NULL where there is no such column. */
static int column_type(struct heddle_duckdb_sink *sink, const char *table, const char *column,
                       char **type_out, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(
        &sql, "SELECT data_type FROM duckdb_columns() WHERE database_name = current_database() "
              "AND schema_name = 'main' AND table_name = ");
    heddle_duck_quote_text(&sql, table);
    heddle_buffer_append_text(&sql, " AND lower(column_name) = lower(");
    heddle_duck_quote_text(&sql, column);
    heddle_buffer_append_text(&sql, ")");
    return fetch(sink, &sql, type_out, error);
}

/* The same spelling for the type that a field needs ("TIMESTAMPTZ" is "TIMESTAMP WITH TIME ZONE"). */
static int field_type(struct heddle_duckdb_sink *sink, const struct heddle_field *field, char **type_out,
                      struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT typeof(CAST(NULL AS ");
    heddle_duck_type_sql(&sql, field);
    heddle_buffer_append_text(&sql, "))");
    return fetch(sink, &sql, type_out, error);
}

static int column_add(struct heddle_duckdb_sink *sink, const struct heddle_duckdb_table *table,
                      const char *name, const struct heddle_field *field, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "ALTER TABLE main.");
    heddle_duck_quote_name(&sql, table->name);
    heddle_buffer_append_text(&sql, " ADD COLUMN ");
    heddle_duck_quote_name(&sql, name);
    heddle_buffer_append_text(&sql, " ");
    heddle_duck_type_sql(&sql, field);
    return heddle_duckdb_execute(sink->connection, &sql, error);
}

/* One column of an existing table: there with the same type, or added. */
static int column_fit(struct heddle_duckdb_sink *sink, const struct heddle_duckdb_table *table,
                      const char *name, const struct heddle_field *field, bool key,
                      struct heddle_error *error)
{
    char *have = NULL;
    char *need = NULL;
    int status = column_type(sink, table->name, name, &have, error);
    if (status == HEDDLE_OK && have == NULL && !key) {
        return column_add(sink, table, name, field, error);
    }
    if (status == HEDDLE_OK) {
        status = field_type(sink, field, &need, error);
    }
    if (status == HEDDLE_OK && (have == NULL || need == NULL || strcmp(have, need) != 0)) {
        status = heddle_error_set(
            error, HEDDLE_INVALID,
            "%s has a table %s from before whose column %s is %s, and this load needs %s: load "
            "into another file, or drop that table",
            sink->path, table->name, name, have == NULL ? "not there" : have,
            need == NULL ? "another type" : need);
    }
    free(have);
    free(need);
    return status;
}

static const struct heddle_field labels_field = {
    .name = HEDDLE_DUCKDB_LABELS, .type = HEDDLE_TYPE_LIST, .item_type = HEDDLE_TYPE_STRING};

static const struct heddle_field stamp_field = {.name = HEDDLE_STAMP_PROPERTY, .type = HEDDLE_TYPE_STRING};

/* An existing table must have the primary key that this load relies on, and none that it does not know of. */
static int key_fit(struct heddle_duckdb_sink *sink, const struct heddle_duckdb_table *table,
                   struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    char *have = NULL;
    heddle_buffer_append_text(
        &sql, "SELECT array_to_string(list_sort(constraint_column_names), ', ') FROM "
              "duckdb_constraints() WHERE database_name = current_database() AND schema_name = "
              "'main' AND constraint_type = 'PRIMARY KEY' AND table_name = ");
    heddle_duck_quote_text(&sql, table->name);
    HEDDLE_TRY(fetch(sink, &sql, &have, error));
    char *need = NULL;
    if (table->unique) {
        heddle_buffer_append_text(&sql, "SELECT array_to_string(list_sort([");
        for (size_t i = 0; i < table->key_count; i++) {
            heddle_buffer_append_text(&sql, i == 0 ? "" : ", ");
            heddle_duck_quote_text(&sql, table->columns[table->key[i]].name);
        }
        heddle_buffer_append_text(&sql, "]), ', ')");
        const int status = fetch(sink, &sql, &need, error);
        if (status != HEDDLE_OK) {
            free(have);
            return status;
        }
    }
    int status = HEDDLE_OK;
    if ((have == NULL) != (need == NULL) || (have != NULL && strcmp(have, need) != 0)) {
        status = heddle_error_set(
            error, HEDDLE_INVALID,
            "%s has a table %s from before whose primary key is (%s), and this load needs (%s): "
            "load into another file, or drop that table",
            sink->path, table->name, have == NULL ? "none" : have, need == NULL ? "none" : need);
    }
    free(have);
    free(need);
    return status;
}

static int table_fit(struct heddle_duckdb_sink *sink, struct heddle_duckdb_table *table,
                     struct heddle_error *error)
{
    HEDDLE_TRY(key_fit(sink, table, error));
    for (size_t i = 0; i < table->column_count; i++) {
        const struct heddle_duckdb_column *column = &table->columns[i];
        if (column->known) {
            HEDDLE_TRY(column_fit(sink, table, column->name, &column->field, column->key, error));
        }
    }
    if (table->has_labels) {
        HEDDLE_TRY(column_fit(sink, table, HEDDLE_DUCKDB_LABELS, &labels_field, false, error));
    }
    if (table->has_stamp) {
        HEDDLE_TRY(column_fit(sink, table, HEDDLE_STAMP_PROPERTY, &stamp_field, false, error));
    }
    return HEDDLE_OK;
}

static int rows_count(struct heddle_duckdb_sink *sink, struct heddle_duckdb_table *table,
                      struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT count(*) FROM main.");
    heddle_duck_quote_name(&sql, table->name);
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status =
            heddle_duck_fetch_integer(sink->connection, heddle_buffer_text(&sql), &table->rows_before, error);
    }
    heddle_buffer_free(&sql);
    return status;
}

static int table_make(struct heddle_duckdb_sink *sink, struct heddle_duckdb_table *table,
                      struct heddle_error *error)
{
    bool exists = false;
    HEDDLE_TRY(table_exists(sink, table->name, &exists, error));
    if (exists) {
        HEDDLE_TRY(table_fit(sink, table, error));
    } else {
        struct heddle_buffer sql = {0};
        heddle_duckdb_sql_create_table(&sql, table);
        HEDDLE_TRY(heddle_duckdb_execute(sink->connection, &sql, error));
    }
    if (!table->made) {
        HEDDLE_TRY(rows_count(sink, table, error));
        table->made = true;
    }
    return HEDDLE_OK;
}

/* True where the constraint is what the primary key says already. */
static bool is_primary_key(const struct heddle_duckdb_table *table, const struct heddle_target_schema *schema)
{
    size_t met = 0;
    for (size_t i = 0; i < schema->property_count; i++) {
        for (size_t j = 0; j < table->key_count; j++) {
            met += strcmp(schema->properties[i], table->columns[table->key[j]].name) == 0 ? 1 : 0;
        }
    }
    return table->unique && met == schema->property_count && met == table->key_count;
}

/* Uniqueness beyond the key becomes a unique index. Other indexes are not made: a columnar table scans quickly, and
 * search compares every vector. */
static int constraints_make(struct heddle_duckdb_sink *sink, size_t index, struct heddle_error *error)
{
    const struct heddle_target *target = &sink->options.targets[index];
    const struct heddle_duckdb_table *table = &sink->layout.tables[sink->layout.roads[index].table];
    for (size_t i = 0; i < target->schema_count; i++) {
        const struct heddle_target_schema *schema = &target->schema[i];
        if ((schema->kind != HEDDLE_TARGET_UNIQUE && schema->kind != HEDDLE_TARGET_NODE_KEY) ||
            target->kind != HEDDLE_TARGET_NODE || is_primary_key(table, schema)) {
            continue;
        }
        struct heddle_buffer sql = {0};
        heddle_buffer_append_text(&sql, "CREATE UNIQUE INDEX IF NOT EXISTS ");
        heddle_duck_quote_name(&sql, schema->name);
        heddle_buffer_append_text(&sql, " ON main.");
        heddle_duck_quote_name(&sql, table->name);
        for (size_t j = 0; j < schema->property_count; j++) {
            heddle_buffer_append_text(&sql, j == 0 ? " (" : ", ");
            heddle_duck_quote_name(&sql, schema->properties[j]);
        }
        heddle_buffer_append_text(&sql, ")");
        const int status = heddle_duckdb_execute(sink->connection, &sql, error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "constraint %s of target %s cannot be made", schema->name,
                                target->name);
            return status;
        }
    }
    return HEDDLE_OK;
}

static void statement_text(const struct heddle_duckdb_sink *sink, size_t index,
                           enum heddle_duckdb_statement which, struct heddle_buffer *sql)
{
    const struct heddle_duckdb_layout *layout = &sink->layout;
    switch (which) {
    case HEDDLE_DUCKDB_DO_PLAIN:
        heddle_duckdb_sql_insert(sql, layout, index, HEDDLE_DUCKDB_INSERT_PLAIN, true);
        break;
    case HEDDLE_DUCKDB_DO_NEW:
        heddle_duckdb_sql_insert(sql, layout, index, HEDDLE_DUCKDB_INSERT_NEW, true);
        break;
    case HEDDLE_DUCKDB_DO_UPDATE:
        heddle_duckdb_sql_insert(sql, layout, index, HEDDLE_DUCKDB_INSERT_UPDATE, true);
        break;
    case HEDDLE_DUCKDB_DO_UPDATE_BUT_VECTOR:
        heddle_duckdb_sql_insert(sql, layout, index, HEDDLE_DUCKDB_INSERT_UPDATE_BUT_VECTOR, true);
        break;
    case HEDDLE_DUCKDB_DO_START:
        heddle_duckdb_sql_end_insert(sql, layout, index, HEDDLE_DUCKDB_START_END);
        break;
    case HEDDLE_DUCKDB_DO_END: heddle_duckdb_sql_end_insert(sql, layout, index, HEDDLE_DUCKDB_END_END); break;
    case HEDDLE_DUCKDB_DO_COUNT: break;
    }
}

/* Whether the road ever runs this statement: the others could not even be prepared. */
static bool statement_needed(const struct heddle_duckdb_sink *sink, size_t index,
                             enum heddle_duckdb_statement which)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    const struct heddle_target *target = &sink->options.targets[index];
    const bool unique = sink->layout.tables[road->table].unique;
    if (target->removes) {
        return false; /* removal.c */
    }
    switch (which) {
    case HEDDLE_DUCKDB_DO_PLAIN: return !unique;
    case HEDDLE_DUCKDB_DO_NEW: return unique;
    case HEDDLE_DUCKDB_DO_UPDATE:
        return unique && target->merge && heddle_duckdb_road_updates(&sink->layout, index);
    case HEDDLE_DUCKDB_DO_UPDATE_BUT_VECTOR:
        return unique && target->merge && road->vector &&
               heddle_duckdb_road_updates_but_vector(&sink->layout, index);
    case HEDDLE_DUCKDB_DO_START:
    case HEDDLE_DUCKDB_DO_END: return target->kind == HEDDLE_TARGET_RELATIONSHIP;
    case HEDDLE_DUCKDB_DO_COUNT: break;
    }
    return false;
}

static int statements_prepare(struct heddle_duckdb_sink *sink, size_t index, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_duckdb_sql_create_stage(&sql, &sink->layout, index);
    HEDDLE_TRY(heddle_duckdb_execute(sink->connection, &sql, error));
    for (int i = 0; i < HEDDLE_DUCKDB_DO_COUNT; i++) {
        if (!statement_needed(sink, index, (enum heddle_duckdb_statement)i)) {
            continue;
        }
        statement_text(sink, index, (enum heddle_duckdb_statement)i, &sql);
        int status = heddle_buffer_check(&sql, error);
        if (status == HEDDLE_OK) {
            status = heddle_duck_prepare(sink->connection, heddle_buffer_text(&sql),
                                         &sink->states[index].statements[i], error);
        }
        heddle_buffer_free(&sql);
        HEDDLE_TRY(status);
    }
    return HEDDLE_OK;
}

int heddle_duckdb_tables_ready(struct heddle_duckdb_sink *sink, size_t index, struct heddle_error *error)
{
    struct heddle_duckdb_state *state = &sink->states[index];
    const struct heddle_target *target = &sink->options.targets[index];
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    if (state->ready) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(table_make(sink, &sink->layout.tables[road->table], error));
    HEDDLE_TRY(constraints_make(sink, index, error));
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        /* Ends may belong to targets that no row has reached yet. */
        const size_t ends[2] = {road->start_table, road->end_table};
        for (size_t i = 0; i < 2; i++) {
            if (!sink->layout.tables[ends[i]].made) {
                heddle_duckdb_layout_settle_ends(&sink->layout, index);
                HEDDLE_TRY(table_make(sink, &sink->layout.tables[ends[i]], error));
            }
        }
    }
    HEDDLE_TRY(heddle_duckdb_sample_prepare(sink, index, error));
    HEDDLE_TRY(statements_prepare(sink, index, error));
    state->ready = true;
    return HEDDLE_OK;
}

static bool key_known(const struct heddle_duckdb_table *table)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (!table->columns[table->key[i]].known) {
            return false;
        }
    }
    return true;
}

/* True when every column of the road, and of its ends' keys, has its type. */
static bool road_known(const struct heddle_duckdb_sink *sink, size_t index)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    for (size_t i = 0; i < road->column_count; i++) {
        if (!sink->layout.tables[road->table].columns[road->columns[i]].known) {
            return false;
        }
    }
    return sink->options.targets[index].kind == HEDDLE_TARGET_NODE ||
           (key_known(&sink->layout.tables[road->start_table]) &&
            key_known(&sink->layout.tables[road->end_table]));
}

static int tables_prepare(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_duckdb_record_begin(sink, error));
    HEDDLE_TRY(heddle_duckdb_epoch_take(sink, error));
    if (sink->options.load.stamps) {
        HEDDLE_TRY(heddle_duckdb_record_targets(sink, error));
    }
    for (int kind = HEDDLE_TARGET_NODE; kind <= HEDDLE_TARGET_RELATIONSHIP; kind++) {
        for (size_t i = 0; i < sink->options.target_count; i++) {
            if ((int)sink->options.targets[i].kind == kind && road_known(sink, i)) {
                HEDDLE_TRY(heddle_duckdb_tables_ready(sink, i, error));
            }
        }
    }
    return HEDDLE_OK;
}

int heddle_duckdb_prepare(void *self, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    if (sink->duck == NULL) {
        HEDDLE_TRY(heddle_duckdb_connect(sink->path, false, &sink->duck, &sink->connection, error));
    }
    HEDDLE_TRY(heddle_duck_execute(sink->connection, "BEGIN", error));
    const int status = tables_prepare(sink, error);
    if (status != HEDDLE_OK) {
        (void)!heddle_duck_execute(sink->connection, "ROLLBACK", NULL);
        return status;
    }
    return heddle_duck_execute(sink->connection, "COMMIT", error);
}

int heddle_duckdb_tables_settle(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    for (size_t i = 0; i < sink->layout.table_count; i++) {
        bool exists = false;
        HEDDLE_TRY(table_exists(sink, sink->layout.tables[i].name, &exists, error));
        if (!exists) { /* the columns of one that is there have their types, even where no row told them again */
            heddle_duckdb_layout_settle(&sink->layout.tables[i]);
        }
        HEDDLE_TRY(table_make(sink, &sink->layout.tables[i], error));
    }
    return HEDDLE_OK;
}
