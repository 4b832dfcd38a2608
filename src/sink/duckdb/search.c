/* search.c: the nearest vectors of a DuckDB file, by comparing all of them. What can be searched is read from the tables
 * themselves (columns of type FLOAT[n]); heddle_meta adds the model and the names of indexes, so a file whose load was
 * killed can be searched too. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "column/convert.h"
#include "sink/duckdb/internal.h"

/* Text of a value that is no string: a list of numbers is the longest. */
enum { VALUE_TEXT_MAX = 4096 };

/* How a property is answered: lists and maps as JSON, which DuckDB writes. */
enum shown { SHOWN_AS_NULL = 0, SHOWN_AS_IT_IS, SHOWN_AS_JSON };

struct search {
    struct heddle_duck *duck;
    struct heddle_duck_connection *connection;
    struct heddle_duck_statement *statement;
    struct heddle_arena *arena;
    struct heddle_search_subject subject;
    const char **names; /* of the properties to answer */
    enum shown *shown;  /* how each is read */
    size_t name_count;
    bool all; /* no list was given: nulls are left out, as a node has no null properties */
};

/* Asks for rows and hands each batch to `take`. Frees `sql`. */
static int rows_ask(struct search *search, struct heddle_buffer *sql,
                    int (*take)(struct search *search, const struct heddle_batch *batch, void *context,
                                struct heddle_error *error),
                    void *context, struct heddle_error *error)
{
    struct heddle_duck_result *result = NULL;
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_query(search->connection, heddle_buffer_text(sql), &result, error);
    }
    heddle_buffer_free(sql);
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_duck_result_next(result, 0, &batch, error);
        if (status == HEDDLE_OK) {
            status = take(search, batch, context, error);
            heddle_batch_release(batch);
        }
    }
    heddle_duck_result_destroy(result);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

/* A record of heddle_meta in the search's arena, "" where there is none. */
static int meta_fetch(struct search *search, const char *kind, const char *name, const char **value_out,
                      struct heddle_error *error)
{
    int64_t tables = 0;
    *value_out = "";
    HEDDLE_TRY(heddle_duck_fetch_integer(
        search->connection,
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'main' AND table_name "
        "= '" HEDDLE_DUCKDB_META "'",
        &tables, error));
    if (tables == 0) {
        return HEDDLE_OK;
    }
    struct heddle_buffer sql = {0};
    char *text = NULL;
    heddle_buffer_append_text(&sql, "SELECT value FROM main." HEDDLE_DUCKDB_META " WHERE kind = ");
    heddle_duck_quote_text(&sql, kind);
    heddle_buffer_append_text(&sql, " AND name = ");
    heddle_duck_quote_text(&sql, name);
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_text(search->connection, heddle_buffer_text(&sql), &text, error);
    }
    heddle_buffer_free(&sql);
    if (status == HEDDLE_OK) {
        *value_out = heddle_arena_copy_text(search->arena, text, strlen(text));
        free(text);
        return *value_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

/* The tables with vectors that fit, and the names of all, for the message. */
struct candidates {
    const char *label; /* wanted, or "" */
    size_t fitting;
    char names[256];
};

static int candidate_take(struct search *search, const struct heddle_batch *batch, void *context,
                          struct heddle_error *error)
{
    struct candidates *candidates = context;
    for (size_t i = 0; i < batch->rows; i++) {
        size_t table_length = 0;
        size_t column_length = 0;
        const char *table = heddle_column_text(&batch->columns[0], i, &table_length);
        const char *column = heddle_column_text(&batch->columns[1], i, &column_length);
        const size_t used = strlen(candidates->names);
        snprintf(candidates->names + used, sizeof candidates->names - used, "%s%.*s", used == 0 ? "" : ", ",
                 (int)table_length, table);
        if (candidates->label[0] != '\0' && (strlen(candidates->label) != table_length ||
                                             memcmp(candidates->label, table, table_length) != 0)) {
            continue;
        }
        if (candidates->fitting++ > 0) {
            continue;
        }
        search->subject.label = heddle_arena_copy_text(search->arena, table, table_length);
        search->subject.property = heddle_arena_copy_text(search->arena, column, column_length);
        search->subject.dimensions = (uint32_t)heddle_column_integer(&batch->columns[2], i);
        if (search->subject.label == NULL || search->subject.property == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

static int subject_find(struct search *search, const struct heddle_search_options *options,
                        struct heddle_error *error)
{
    struct candidates candidates = {.label = options->label != NULL ? options->label : ""};
    if (options->index != NULL) {
        HEDDLE_TRY(meta_fetch(search, "vector.index", options->index, &candidates.label, error));
        if (candidates.label[0] == '\0') {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "the DuckDB file has no record of a vector index %s: give the "
                                    "label instead (--label)",
                                    options->index);
        }
    }
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(
        &sql, "SELECT table_name, column_name, CAST(regexp_extract(data_type, '[0-9]+') AS BIGINT) FROM "
              "duckdb_columns() WHERE database_name = current_database() AND schema_name = 'main' AND "
              "regexp_full_match(data_type, 'FLOAT\\[[0-9]+\\]') ORDER BY table_name, column_index");
    HEDDLE_TRY(rows_ask(search, &sql, candidate_take, &candidates, error));
    if (candidates.fitting == 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the DuckDB file has no vectors%s%s; labels that have: %s",
                                candidates.label[0] != '\0' ? " for label " : "", candidates.label,
                                candidates.names[0] != '\0' ? candidates.names : "none");
    }
    if (candidates.fitting > 1 && candidates.label[0] == '\0') {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "several labels have vectors, choose one with --label: %s", candidates.names);
    }
    search->subject.index = "";
    HEDDLE_TRY(meta_fetch(search, "vector.model", search->subject.label, &search->subject.model, error));
    return meta_fetch(search, "vector.precision", search->subject.label, &search->subject.precision, error);
}

static bool is_wanted(const struct heddle_search_options *options, const char *name, size_t length,
                      size_t *at_out)
{
    for (size_t i = 0; i < options->show_count; i++) {
        if (strlen(options->show[i]) == length && memcmp(options->show[i], name, length) == 0) {
            *at_out = i;
            return true;
        }
    }
    return false;
}

/* Columns of the table: all of them are answered, or those asked for are marked as there. */
static int column_take(struct search *search, const struct heddle_batch *batch, void *context,
                       struct heddle_error *error)
{
    const struct heddle_search_options *options = context;
    if (search->all) {
        search->names = heddle_arena_calloc(search->arena, batch->rows, sizeof *search->names);
        search->shown = heddle_arena_calloc(search->arena, batch->rows, sizeof *search->shown);
        if (search->names == NULL || search->shown == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    for (size_t i = 0; i < batch->rows; i++) {
        size_t length = 0;
        size_t at = 0;
        const char *name = heddle_column_text(&batch->columns[0], i, &length);
        const bool nested = ((const uint8_t *)batch->columns[1].values)[i] != 0;
        const enum shown shown = nested ? SHOWN_AS_JSON : SHOWN_AS_IT_IS;
        if (!search->all) {
            if (is_wanted(options, name, length, &at)) {
                search->shown[at] = shown;
            }
            continue;
        }
        search->names[search->name_count] = heddle_arena_copy_text(search->arena, name, length);
        search->shown[search->name_count] = shown;
        if (search->names[search->name_count++] == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

static int properties_find(struct search *search, const struct heddle_search_options *options,
                           struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    search->all = options->show_count == 0;
    if (!search->all) {
        search->names = heddle_arena_calloc(search->arena, options->show_count, sizeof *search->names);
        search->shown = heddle_arena_calloc(search->arena, options->show_count, sizeof *search->shown);
        if (search->names == NULL || search->shown == NULL) {
            return heddle_error_out_of_memory(error);
        }
        for (size_t i = 0; i < options->show_count; i++) {
            search->names[i] =
                heddle_arena_copy_text(search->arena, options->show[i], strlen(options->show[i]));
            if (search->names[i] == NULL) {
                return heddle_error_out_of_memory(error);
            }
        }
        search->name_count = options->show_count;
    }
    heddle_buffer_append_text(
        &sql, "SELECT column_name, data_type LIKE '%[]' OR data_type LIKE 'MAP(%' FROM duckdb_columns() "
              "WHERE database_name = current_database() AND "
              "schema_name = 'main' AND column_name <> '" HEDDLE_DUCKDB_LABELS
              "' AND NOT regexp_full_match(data_type, 'FLOAT\\[[0-9]+\\]') AND table_name = ");
    heddle_duck_quote_text(&sql, search->subject.label);
    heddle_buffer_append_text(&sql, search->all ? " ORDER BY column_name" : " ORDER BY column_index");
    return rows_ask(search, &sql, column_take, (void *)(uintptr_t)options, error);
}

/* A vector of length 0 has no direction, whatever DuckDB answers for its cosine: it is no hit. */
static int statement_prepare(struct search *search, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT array_cosine_similarity(");
    heddle_duck_quote_name(&sql, search->subject.property);
    heddle_buffer_append_format(&sql, ", $1::FLOAT[%u])::DOUBLE AS heddle_cosine",
                                search->subject.dimensions);
    for (size_t i = 0; i < search->name_count; i++) {
        heddle_buffer_append_text(&sql, ", ");
        if (search->shown[i] == SHOWN_AS_NULL) {
            heddle_buffer_append_text(&sql, "NULL");
            continue;
        }
        heddle_buffer_append_text(&sql, search->shown[i] == SHOWN_AS_JSON ? "to_json(" : "(");
        heddle_duck_quote_name(&sql, search->names[i]);
        heddle_buffer_append_text(&sql, search->shown[i] == SHOWN_AS_JSON ? ")::VARCHAR" : ")");
    }
    heddle_buffer_append_text(&sql, " FROM main.");
    heddle_duck_quote_name(&sql, search->subject.label);
    heddle_buffer_append_text(&sql, " WHERE array_inner_product(");
    heddle_duck_quote_name(&sql, search->subject.property);
    heddle_buffer_append_text(&sql, ", ");
    heddle_duck_quote_name(&sql, search->subject.property);
    heddle_buffer_append_text(&sql, ") > 0 ORDER BY heddle_cosine DESC LIMIT $2");
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_prepare(search->connection, heddle_buffer_text(&sql), &search->statement, error);
    }
    heddle_buffer_free(&sql);
    return status;
}

void heddle_duckdb_search_close(void *self)
{
    struct search *search = self;
    if (search == NULL) {
        return;
    }
    heddle_duck_statement_destroy(search->statement);
    heddle_duck_disconnect(search->connection);
    heddle_duck_close(search->duck);
    heddle_arena_destroy(search->arena);
    free(search);
}

static int search_fill(struct search *search, const struct heddle_search_options *options,
                       struct heddle_error *error)
{
    const char *path = heddle_duckdb_path(options->to);
    if (path == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s names no file: write duckdb:FILE", options->to);
    }
    HEDDLE_TRY(heddle_arena_create(0, &search->arena, error));
    HEDDLE_TRY(heddle_duckdb_connect(path, true, &search->duck, &search->connection, error));
    HEDDLE_TRY(subject_find(search, options, error));
    HEDDLE_TRY(properties_find(search, options, error));
    return statement_prepare(search, error);
}

int heddle_duckdb_search_open(const struct heddle_search_options *options, void **search_out,
                              struct heddle_error *error)
{
    struct search *search = heddle_calloc(1, sizeof *search);
    if (search == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = search_fill(search, options, error);
    if (status != HEDDLE_OK) {
        heddle_duckdb_search_close(search);
        return status;
    }
    *search_out = search;
    return HEDDLE_OK;
}

int heddle_duckdb_search_describe(void *self, struct heddle_search_subject *out, struct heddle_error *error)
{
    (void)error;
    *out = ((struct search *)self)->subject;
    return HEDDLE_OK;
}

static int field_fill(struct heddle_arena *arena, const struct heddle_column *column, size_t row, bool json,
                      struct heddle_search_field *field, struct heddle_error *error)
{
    char scratch[VALUE_TEXT_MAX];
    const char *text = scratch;
    size_t length = 0;
    const bool null = heddle_column_is_null(column, row);
    if (!null && column->type == HEDDLE_TYPE_STRING) {
        text = heddle_column_text(column, row, &length);
    } else {
        length = strlen(heddle_column_print(column, row, scratch, sizeof scratch));
    }
    field->is_text = !null && !json && column->type != HEDDLE_TYPE_INTEGER &&
                     column->type != HEDDLE_TYPE_FLOAT && column->type != HEDDLE_TYPE_BOOLEAN;
    field->value = heddle_arena_copy_text(arena, text, length);
    return field->value != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int hit_fill(const struct search *search, const struct heddle_batch *batch, size_t row,
                    struct heddle_arena *arena, struct heddle_search_hit *hit, struct heddle_error *error)
{
    hit->score = (1 + heddle_column_float(&batch->columns[0], row)) / 2;
    hit->fields = heddle_arena_calloc(arena, search->name_count, sizeof *hit->fields);
    if (hit->fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < search->name_count; i++) {
        const struct heddle_column *column = &batch->columns[i + 1];
        if (search->all && heddle_column_is_null(column, row)) {
            continue;
        }
        struct heddle_search_field *field = &hit->fields[hit->field_count++];
        field->name = heddle_arena_copy_text(arena, search->names[i], strlen(search->names[i]));
        if (field->name == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(field_fill(arena, column, row, search->shown[i] == SHOWN_AS_JSON, field, error));
    }
    return HEDDLE_OK;
}

static int hits_read(struct search *search, struct heddle_duck_result *result, size_t k,
                     struct heddle_search_result *out, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_duck_result_next(result, 0, &batch, error);
        for (size_t i = 0; status == HEDDLE_OK && i < batch->rows && out->count < k; i++) {
            status = hit_fill(search, batch, i, out->arena, &out->hits[out->count++], error);
        }
        heddle_batch_release(batch);
    }
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

int heddle_duckdb_search_query(void *self, const float *vector, uint32_t dimensions, size_t k,
                               struct heddle_search_result *out, struct heddle_error *error)
{
    struct search *search = self;
    struct heddle_duck_result *result = NULL;
    out->count = 0;
    if (dimensions != search->subject.dimensions) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "the vectors of label %s have %u dimensions and the query's model "
                                "makes %u: search with the model of the load (--model)",
                                search->subject.label, search->subject.dimensions, dimensions);
    }
    out->hits = heddle_arena_calloc(out->arena, k, sizeof *out->hits);
    if (out->hits == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_duck_bind_floats(search->statement, 1, vector, dimensions, error));
    HEDDLE_TRY(heddle_duck_bind_integer(search->statement, 2, (int64_t)k, error));
    HEDDLE_TRY(heddle_duck_stream(search->statement, &result, error));
    const int status = hits_read(search, result, k, out, error);
    heddle_duck_result_destroy(result);
    return status;
}
