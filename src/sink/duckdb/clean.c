/* clean.c: taking a load back from a file. The parts are the tables of heddle_meta that have the column load_id; which
 * nodes a relationship table joins stands there too. The file has one writer (DuckDB locks it), so nobody comes between. */
#include "sink/duckdb/clean.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sink/duckdb/internal.h"

#define META "main." HEDDLE_DUCKDB_META
#define STAMP "\"" HEDDLE_STAMP_PROPERTY "\""

struct duckdb_clean {
    const struct heddle_clean_options *options;
    const char *path;
    struct heddle_duck *duck;
    struct heddle_duck_connection *connection;
};

/* The one text that `sql` answers, NULL without a row. Frees `sql`. */
static int fetch(struct duckdb_clean *clean, struct heddle_buffer *sql, char **text_out,
                 struct heddle_error *error)
{
    *text_out = NULL;
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_text(clean->connection, heddle_buffer_text(sql), text_out, error);
    }
    heddle_buffer_free(sql);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

static int fetch_number(struct duckdb_clean *clean, struct heddle_buffer *sql, uint64_t *number_out,
                        struct heddle_error *error)
{
    int64_t number = 0;
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_integer(clean->connection, heddle_buffer_text(sql), &number, error);
    }
    heddle_buffer_free(sql);
    *number_out = number > 0 ? (uint64_t)number : 0;
    return status;
}

/* Runs one statement; how many rows it changed. Frees `sql`. */
static int change(struct duckdb_clean *clean, struct heddle_buffer *sql, uint64_t *rows_out,
                  struct heddle_error *error)
{
    struct heddle_duck_statement *statement = NULL;
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_prepare(clean->connection, heddle_buffer_text(sql), &statement, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_duck_run(statement, rows_out, error);
    }
    heddle_duck_statement_destroy(statement);
    heddle_buffer_free(sql);
    return status;
}

/* What heddle_meta holds of the load under `kind`; "" where nothing. The caller frees it. */
static int record_of(struct duckdb_clean *clean, const char *kind, char **value_out,
                     struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_format(&sql, "SELECT value FROM " META " WHERE kind = '%s' AND name = ", kind);
    heddle_duck_quote_text(&sql, clean->options->load);
    return fetch(clean, &sql, value_out, error);
}

static int refuse_unknown(struct duckdb_clean *clean, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    char *known = NULL;
    heddle_buffer_append_text(&sql,
                              "SELECT string_agg(j.name, ', ' ORDER BY j.name) FROM " META " j JOIN " META
                              " s ON s.name = j.name AND s.kind = 'load.stamps' AND s.value <> '' "
                              "WHERE j.kind = 'load.job' AND j.value = ");
    heddle_duck_quote_text(&sql, clean->options->job);
    HEDDLE_TRY(fetch(clean, &sql, &known, error));
    heddle_error_set(
        error, HEDDLE_DATABASE, "there is no load %s in the file %s; of job %s %s%s", clean->options->load,
        clean->path, clean->options->job,
        known == NULL ? "none can be taken back" : "these can be taken back: ", known == NULL ? "" : known);
    free(known);
    return HEDDLE_DATABASE;
}

static int judge(struct duckdb_clean *clean, struct heddle_error *error)
{
    char *epoch = NULL;
    char *job = NULL;
    char *stamps = NULL;
    int status = record_of(clean, "load.epoch", &epoch, error);
    if (status == HEDDLE_OK && epoch == NULL) {
        return refuse_unknown(clean, error);
    }
    status = status == HEDDLE_OK ? record_of(clean, "load.job", &job, error) : status;
    status = status == HEDDLE_OK ? record_of(clean, "load.stamps", &stamps, error) : status;
    if (status == HEDDLE_OK && job != NULL && strcmp(job, clean->options->job) != 0) {
        status = heddle_error_set(error, HEDDLE_DATABASE, "load %s is one of job %s, not of job %s",
                                  clean->options->load, job, clean->options->job);
    } else if (status == HEDDLE_OK && (stamps == NULL || stamps[0] == '\0')) {
        status =
            heddle_error_set(error, HEDDLE_DATABASE,
                             "load %s did not stamp what it created (it ran without --load-id), so nobody "
                             "can tell that from what was there before: nothing is deleted",
                             clean->options->load);
    }
    free(epoch);
    free(job);
    free(stamps);
    return status;
}

static int open_file(struct duckdb_clean *clean, struct heddle_error *error)
{
    char *meta = NULL;
    struct heddle_buffer sql = {0};
    clean->path = heddle_duckdb_path(clean->options->to);
    if (clean->path == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "no file is named: duckdb:FILE");
    }
    HEDDLE_TRY(heddle_duckdb_path_check(clean->path, true, error)); /* a file that is missing is not made */
    HEDDLE_TRY(heddle_duckdb_connect(clean->path, false, &clean->duck, &clean->connection, error));
    heddle_buffer_append_text(&sql,
                              "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND schema_name = "
                              "'main' AND table_name = '" HEDDLE_DUCKDB_META "'");
    HEDDLE_TRY(fetch(clean, &sql, &meta, error));
    if (meta == NULL) {
        return heddle_error_set(error, HEDDLE_DATABASE, "no load ever wrote to the file %s", clean->path);
    }
    free(meta);
    return judge(clean, error);
}

int heddle_duckdb_clean_open(const struct heddle_clean_options *options, void **clean_out,
                             struct heddle_error *error)
{
    struct duckdb_clean *clean = heddle_calloc(1, sizeof *clean);
    if (clean == NULL) {
        return heddle_error_out_of_memory(error);
    }
    clean->options = options;
    const int status = open_file(clean, error);
    if (status != HEDDLE_OK) {
        heddle_duckdb_clean_close(clean);
        return status;
    }
    *clean_out = clean;
    return HEDDLE_OK;
}

void heddle_duckdb_clean_close(void *self)
{
    struct duckdb_clean *clean = self;
    if (clean != NULL) {
        heddle_duck_disconnect(clean->connection);
        heddle_duck_close(clean->duck);
        free(clean);
    }
}

/* Name number `index` of the tables of a kind ("node", "relationship") that have stamps. */
static int table_name(struct duckdb_clean *clean, const char *kind, size_t index, char **name_out,
                      struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_format(
        &sql,
        "SELECT name FROM " META " WHERE kind = '%s' AND name IN (SELECT table_name FROM "
        "duckdb_columns() WHERE database_name = current_database() AND schema_name = 'main' "
        "AND column_name = '" HEDDLE_STAMP_PROPERTY "') ORDER BY name LIMIT 1 OFFSET %zu",
        kind, index);
    return fetch(clean, &sql, name_out, error);
}

static int find_kind(struct duckdb_clean *clean, bool is_relationship, struct heddle_arena *arena,
                     struct heddle_clean_part *parts, size_t most, size_t *count, struct heddle_error *error)
{
    for (size_t i = 0; *count < most; i++) {
        char *name = NULL;
        HEDDLE_TRY(table_name(clean, is_relationship ? "relationship" : "node", i, &name, error));
        if (name == NULL) {
            break;
        }
        const char *copy = heddle_arena_format(arena, "%s", name);
        free(name);
        if (copy == NULL) {
            return heddle_error_out_of_memory(error);
        }
        parts[(*count)++] = (struct heddle_clean_part){.name = copy, .is_relationship = is_relationship};
    }
    return HEDDLE_OK;
}

int heddle_duckdb_clean_find(void *self, struct heddle_arena *arena, struct heddle_clean_part **parts_out,
                             size_t *count_out, struct heddle_error *error)
{
    struct duckdb_clean *clean = self;
    struct heddle_buffer sql = {0};
    uint64_t most = 0;
    heddle_buffer_append_text(&sql, "SELECT count(*) FROM " META " WHERE kind IN ('node', 'relationship')");
    HEDDLE_TRY(fetch_number(clean, &sql, &most, error));
    *count_out = 0;
    *parts_out = heddle_arena_calloc(arena, (size_t)most + 1, sizeof **parts_out);
    if (*parts_out == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(find_kind(clean, false, arena, *parts_out, (size_t)most, count_out, error));
    return find_kind(clean, true, arena, *parts_out, (size_t)most, count_out, error);
}

static void put_stamp(struct heddle_buffer *sql, const struct duckdb_clean *clean, const char *alias)
{
    heddle_buffer_append_format(sql, "%s." STAMP " = ", alias);
    heddle_duck_quote_text(sql, clean->options->load);
}

int heddle_duckdb_clean_count(void *self, const struct heddle_clean_part *part, uint64_t *count_out,
                              struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT count(*) FROM main.");
    heddle_duck_quote_name(&sql, part->name);
    heddle_buffer_append_text(&sql, " t WHERE ");
    put_stamp(&sql, self, "t");
    return fetch_number(self, &sql, count_out, error);
}

/* ---- which relationship tables join a node table ---- */

/* One end of a relationship table that names nodes of a table: its name, and which end. */
struct joint {
    char *table;
    bool at_end;
};

/* Joint number `index` of the node table; `table` NULL behind the last. heddle_meta says "START -> END" of each. */
static int joint_at(struct duckdb_clean *clean, const char *node, size_t index, struct joint *joint,
                    struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    char *row = NULL;
    heddle_buffer_append_text(&sql, "SELECT side || name FROM (SELECT name, 's' AS side FROM " META
                                    " WHERE kind = 'relationship' AND starts_with(value, ");
    heddle_duck_quote_text(&sql, node);
    heddle_buffer_append_text(&sql, " || ' -> ') UNION ALL SELECT name, 'e' FROM " META
                                    " WHERE kind = 'relationship' AND ends_with(value, ' -> ' || ");
    heddle_duck_quote_text(&sql, node);
    heddle_buffer_append_format(
        &sql,
        ")) WHERE name IN (SELECT table_name FROM duckdb_tables() WHERE schema_name = "
        "'main') ORDER BY name, side LIMIT 1 OFFSET %zu",
        index);
    HEDDLE_TRY(fetch(clean, &sql, &row, error));
    *joint = (struct joint){.at_end = row != NULL && row[0] == 'e'};
    if (row != NULL) {
        joint->table = row;
        memmove(row, row + 1, strlen(row));
    }
    return HEDDLE_OK;
}

/* r."start_K" = t."K" AND … over the key of the node table. */
static int put_join(struct heddle_buffer *sql, struct duckdb_clean *clean, const char *node, bool at_end,
                    struct heddle_error *error)
{
    for (size_t i = 1;; i++) {
        struct heddle_buffer ask = {0};
        char *key = NULL;
        heddle_buffer_append_format(&ask,
                                    "SELECT constraint_column_names[%zu] FROM duckdb_constraints() WHERE "
                                    "database_name = current_database() AND schema_name = 'main' AND "
                                    "constraint_type = 'PRIMARY KEY' AND table_name = ",
                                    i);
        heddle_duck_quote_text(&ask, node);
        HEDDLE_TRY(fetch(clean, &ask, &key, error));
        if (key == NULL) {
            heddle_buffer_append_text(sql, i == 1 ? "false" : "");
            return HEDDLE_OK;
        }
        struct heddle_buffer column = {0};
        heddle_buffer_append_format(&column, "%s%s", at_end ? HEDDLE_DUCKDB_END : HEDDLE_DUCKDB_START, key);
        heddle_buffer_append_text(sql, i == 1 ? "r." : " AND r.");
        heddle_duck_quote_name(sql, heddle_buffer_text(&column) == NULL ? "" : heddle_buffer_text(&column));
        heddle_buffer_append_text(sql, " = t.");
        heddle_duck_quote_name(sql, key);
        const int status = heddle_buffer_check(&column, error);
        heddle_buffer_free(&column);
        free(key);
        HEDDLE_TRY(status);
    }
}

/* Rows of the relationship table that the load did not make: all, where it has no stamps. */
static int put_foreign(struct heddle_buffer *sql, struct duckdb_clean *clean, const char *table,
                       struct heddle_error *error)
{
    struct heddle_buffer ask = {0};
    char *stamped = NULL;
    heddle_buffer_append_text(&ask, "SELECT table_name FROM duckdb_columns() WHERE database_name = "
                                    "current_database() AND schema_name = 'main' AND column_name = "
                                    "'" HEDDLE_STAMP_PROPERTY "' AND table_name = ");
    heddle_duck_quote_text(&ask, table);
    HEDDLE_TRY(fetch(clean, &ask, &stamped, error));
    if (stamped != NULL) {
        heddle_buffer_append_text(sql, " AND r." STAMP " IS DISTINCT FROM ");
        heddle_duck_quote_text(sql, clean->options->load);
    }
    free(stamped);
    return HEDDLE_OK;
}

/* (EXISTS (…) OR EXISTS (…)): a relationship that the load did not make hangs on node t. */
static int put_held(struct heddle_buffer *sql, struct duckdb_clean *clean, const char *node,
                    struct heddle_error *error)
{
    heddle_buffer_append_text(sql, "(false");
    for (size_t i = 0;; i++) {
        struct joint joint;
        HEDDLE_TRY(joint_at(clean, node, i, &joint, error));
        if (joint.table == NULL) {
            break;
        }
        heddle_buffer_append_text(sql, " OR EXISTS (FROM main.");
        heddle_duck_quote_name(sql, joint.table);
        heddle_buffer_append_text(sql, " r WHERE ");
        int status = put_join(sql, clean, node, joint.at_end, error);
        if (status == HEDDLE_OK) {
            status = put_foreign(sql, clean, joint.table, error);
        }
        free(joint.table);
        HEDDLE_TRY(status);
        heddle_buffer_append_text(sql, ")");
    }
    heddle_buffer_append_text(sql, ")");
    return HEDDLE_OK;
}

int heddle_duckdb_clean_count_held(void *self, const struct heddle_clean_part *part, uint64_t *count_out,
                                   struct heddle_error *error)
{
    struct duckdb_clean *clean = self;
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT count(*) FROM main.");
    heddle_duck_quote_name(&sql, part->name);
    heddle_buffer_append_text(&sql, " t WHERE ");
    put_stamp(&sql, clean, "t");
    heddle_buffer_append_text(&sql, " AND ");
    const int status = put_held(&sql, clean, part->name, error);
    if (status != HEDDLE_OK) {
        heddle_buffer_free(&sql);
        return status;
    }
    return fetch_number(clean, &sql, count_out, error);
}

int heddle_duckdb_clean_take(void *self, struct heddle_error *error)
{
    struct duckdb_clean *clean = self;
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "INSERT OR REPLACE INTO " META " VALUES ('load.leaving', ");
    heddle_duck_quote_text(&sql, clean->options->load);
    heddle_buffer_append_text(&sql, ", 'yes')");
    return change(clean, &sql, NULL, error);
}

/* DELETE FROM main."T" WHERE rowid IN (SELECT …rowid FROM main."T" ALIAS */
static void put_delete(struct heddle_buffer *sql, const char *table, const char *alias)
{
    heddle_buffer_append_text(sql, "DELETE FROM main.");
    heddle_duck_quote_name(sql, table);
    heddle_buffer_append_format(sql, " WHERE rowid IN (SELECT %s.rowid FROM main.", alias);
    heddle_duck_quote_name(sql, table);
    heddle_buffer_append_format(sql, " %s", alias);
}

/* Relationships that others hung on nodes of the part: those of the first table that has some. */
static int delete_attached(struct duckdb_clean *clean, const struct heddle_clean_part *part, uint64_t limit,
                           uint64_t *deleted_out, struct heddle_error *error)
{
    *deleted_out = 0;
    for (size_t i = 0; *deleted_out == 0; i++) {
        struct heddle_buffer sql = {0};
        struct joint joint;
        HEDDLE_TRY(joint_at(clean, part->name, i, &joint, error));
        if (joint.table == NULL) {
            return HEDDLE_OK;
        }
        put_delete(&sql, joint.table, "r");
        free(joint.table);
        heddle_buffer_append_text(&sql, " WHERE EXISTS (FROM main.");
        heddle_duck_quote_name(&sql, part->name);
        heddle_buffer_append_text(&sql, " t WHERE ");
        put_stamp(&sql, clean, "t");
        heddle_buffer_append_text(&sql, " AND ");
        const int status = put_join(&sql, clean, part->name, joint.at_end, error);
        if (status != HEDDLE_OK) {
            heddle_buffer_free(&sql);
            return status;
        }
        heddle_buffer_append_format(&sql, ") LIMIT %" PRIu64 ")", limit);
        HEDDLE_TRY(change(clean, &sql, deleted_out, error));
    }
    return HEDDLE_OK;
}

int heddle_duckdb_clean_delete(void *self, enum heddle_clean_what what, const struct heddle_clean_part *part,
                               uint64_t limit, uint64_t *deleted_out, struct heddle_error *error)
{
    struct duckdb_clean *clean = self;
    struct heddle_buffer sql = {0};
    if (what == HEDDLE_CLEAN_ATTACHED) {
        return delete_attached(clean, part, limit, deleted_out, error);
    }
    put_delete(&sql, part->name, "t");
    heddle_buffer_append_text(&sql, " WHERE ");
    put_stamp(&sql, clean, "t");
    if (what == HEDDLE_CLEAN_NODES) {
        heddle_buffer_append_text(&sql, " AND NOT ");
        const int status = put_held(&sql, clean, part->name, error);
        if (status != HEDDLE_OK) {
            heddle_buffer_free(&sql);
            return status;
        }
    }
    heddle_buffer_append_format(&sql, " LIMIT %" PRIu64 ")", limit);
    return change(clean, &sql, deleted_out, error);
}

int heddle_duckdb_clean_forget(void *self, bool all, struct heddle_error *error)
{
    struct duckdb_clean *clean = self;
    struct heddle_buffer sql = {0};
    uint64_t rows = 0;
    heddle_buffer_append_text(&sql,
                              "DELETE FROM " META " WHERE kind = 'mark' AND split_part(name, '/', 1) = ");
    heddle_duck_quote_text(&sql, clean->options->load);
    HEDDLE_TRY(change(clean, &sql, &rows, error));
    if (all) {
        heddle_buffer_append_text(&sql, "DELETE FROM " META " WHERE starts_with(kind, 'load.') AND name = ");
        heddle_duck_quote_text(&sql, clean->options->load);
        HEDDLE_TRY(change(clean, &sql, &rows, error));
    }
    return heddle_duck_execute(clean->connection, "CHECKPOINT", error);
}
