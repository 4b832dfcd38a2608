/* read.c: the data files of a Delta table as batches, one streaming query a file. */
#include "source/delta/read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "duck/duck.h"
#include "source/delta/columns.h"
#include "source/delta/file_schema.h"
#include "source/delta/select.h"
#include "source/delta/vector.h"
#include "source/files/parquet_file.h"

/* What DuckDB hands over at once, which bounds what is kept of it. */
enum { CHUNK_ROWS_MAX = 2048 };

struct delta_source {
    struct heddle_source base;
    const struct heddle_delta_snapshot *snapshot; /* schema, mapping and root */
    struct heddle_delta_snapshot *owned;          /* closed with the source, as the arena; or NULL */
    struct heddle_arena *owned_arena;
    const struct heddle_delta_add *files;
    size_t file_count;
    const struct heddle_delta_take *takes; /* or NULL */
    struct heddle_delta_select select;     /* the projected columns */
    struct heddle_duck *duck;
    struct heddle_duck_connection *connection;
    /* The file being read. */
    struct heddle_arena *file_arena;
    struct heddle_duck_statement *statement;
    struct heddle_duck_result *result;
    struct heddle_delta_deletions *deletions; /* NULL = no row of it is deleted */
    struct heddle_delta_deletions *before;    /* of the file's vector before; NULL = no row was deleted */
    struct heddle_delta_take take;
    const char *path;
    const char *shown; /* as people know it */
    struct heddle_mirror_hold hold;
    size_t file;  /* its place among the files */
    uint64_t row; /* the ordinal of its next row */
    bool is_open;
};

static void file_close(struct delta_source *delta)
{
    heddle_duck_result_destroy(delta->result);
    heddle_duck_statement_destroy(delta->statement);
    delta->result = NULL;
    delta->statement = NULL;
    delta->deletions = NULL;
    delta->before = NULL;
    delta->is_open = false;
    heddle_mirror_release(&delta->hold);
}

static void delta_close(struct heddle_source *source)
{
    struct delta_source *delta = (struct delta_source *)source;
    file_close(delta);
    heddle_duck_disconnect(delta->connection);
    heddle_duck_close(delta->duck);
    heddle_arena_destroy(delta->file_arena);
    heddle_delta_snapshot_close(delta->owned);
    heddle_arena_destroy(delta->owned_arena);
    heddle_source_end(source);
}

/* ---- one file ---- */

/* The rows that a vector deletes, which must be rows that the file has. */
static int deletions_load(struct delta_source *delta, const struct heddle_delta_vector *vector,
                          struct heddle_delta_deletions **deletions_out, struct heddle_error *error)
{
    int64_t rows = 0;
    if (vector->storage == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_file_rows_read(delta->connection, delta->path, &rows, error));
    if (vector->rows > rows) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s: its deletion vector deletes %" PRId64 " rows, but the file has %" PRId64,
                                delta->path, vector->rows, rows);
    }
    struct heddle_delta_deletions *deletions = NULL;
    const int status =
        heddle_delta_vector_load(&delta->snapshot->log.root, vector, delta->file_arena, &deletions, error);
    if (status != HEDDLE_OK) {
        heddle_error_prefix(error, "%s", delta->path);
        return status;
    }
    if (heddle_delta_deletions_count(deletions) > 0 &&
        heddle_delta_deletions_last(deletions) >= (uint64_t)rows) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s: its deletion vector deletes row %" PRIu64 ", but the file has %" PRId64
                                " rows",
                                delta->path, heddle_delta_deletions_last(deletions), rows);
    }
    *deletions_out = deletions;
    return HEDDLE_OK;
}

/* Prepares the query of the file and starts it. */
static int query_start(struct delta_source *delta, const struct heddle_delta_add *add,
                       struct heddle_error *error)
{
    struct heddle_file_node *root = NULL;
    struct heddle_buffer sql = {0};
    HEDDLE_TRY(heddle_file_schema_read(delta->connection, delta->path, delta->file_arena, &root, error));
    int status = heddle_delta_select_write(&delta->select, root, add, &sql, error);
    if (add->is_change) {
        heddle_buffer_append_text(&sql, delta->take.rows == HEDDLE_DELTA_ROWS_BEFORE
                                            ? " WHERE \"_change_type\" IN ('delete', 'update_preimage')"
                                            : " WHERE \"_change_type\" IN ('insert', 'update_postimage')");
    }
    const char *text = heddle_buffer_text(&sql);
    if (status == HEDDLE_OK) {
        status = text != NULL
                     ? heddle_parquet_prepare(delta->connection, text, delta->path, &delta->statement, error)
                     : heddle_error_out_of_memory(error);
    }
    heddle_buffer_free(&sql);
    if (status == HEDDLE_OK) {
        status = heddle_duck_stream(delta->statement, &delta->result, error);
    }
    return status == HEDDLE_OK ? status : heddle_parquet_failure(status, delta->path, error);
}

/* The query answers what the schema says, or we have made a mistake. */
static int result_check(const struct delta_source *delta, struct heddle_error *error)
{
    const struct heddle_schema *schema = heddle_duck_result_schema(delta->result);
    size_t at = 0;
    for (size_t i = 0; i < delta->select.count; i++) {
        const struct heddle_field *field = &delta->select.columns[i].field;
        if (field->type == HEDDLE_TYPE_NULL) {
            continue;
        }
        if (at >= schema->count || schema->fields[at].type != field->type ||
            schema->fields[at].item_type != field->item_type || schema->fields[at].scale != field->scale) {
            return heddle_error_set(
                error, HEDDLE_INTERNAL, "%s: column `%s` was read as %s, not as %s", delta->path, field->name,
                at < schema->count ? heddle_type_name(schema->fields[at].type) : "nothing",
                heddle_type_name(field->type));
        }
        at++;
    }
    return HEDDLE_OK;
}

static int file_open(struct delta_source *delta, struct heddle_error *error)
{
    const struct heddle_delta_add *add = &delta->files[delta->file];
    const struct heddle_delta_root *root = &delta->snapshot->log.root;
    heddle_arena_reset(delta->file_arena);
    delta->take = delta->takes != NULL ? delta->takes[delta->file] : (struct heddle_delta_take){0};
    HEDDLE_TRY(heddle_delta_path_join(root, add->path, delta->file_arena, &delta->path, error));
    HEDDLE_TRY(heddle_delta_path_check(root, delta->path, error));
    HEDDLE_TRY(
        heddle_delta_file_hold(root, delta->path, add->size > 0 ? add->size : -1, &delta->hold, error));
    delta->shown = heddle_delta_file_shown(root, delta->path, delta->file_arena);
    if (delta->shown == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_parquet_file_check(delta->path, error));
    HEDDLE_TRY(deletions_load(delta, &add->vector, &delta->deletions, error));
    HEDDLE_TRY(deletions_load(delta, &delta->take.before, &delta->before, error));
    HEDDLE_TRY(query_start(delta, add, error));
    delta->row = 0;
    delta->is_open = true;
    return result_check(delta, error);
}

/* ---- batches ---- */

/* The ordinals of the rows at kept[], where they have gaps. */
static int ordinals_fill(struct heddle_batch *batch, uint64_t first, const uint64_t *kept,
                         struct heddle_error *error)
{
    batch->first_row = first + kept[0];
    if (kept[batch->rows - 1] - kept[0] + 1 == batch->rows) {
        return HEDDLE_OK;
    }
    uint64_t *ordinals = heddle_arena_alloc(batch->arena, batch->rows * sizeof *ordinals);
    if (ordinals == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < batch->rows; i++) {
        ordinals[i] = first + kept[i];
    }
    batch->ordinals = ordinals;
    return HEDDLE_OK;
}

/* Of the next `rows` rows, those that a vector leaves: as heddle_delta_deletions_keep(). */
static size_t rows_keep(const struct heddle_delta_deletions *deletions, uint64_t first, size_t rows,
                        uint64_t *kept)
{
    for (size_t i = 0; deletions == NULL && i < rows; i++) {
        kept[i] = i;
    }
    return deletions == NULL ? rows : heddle_delta_deletions_keep(deletions, first, rows, kept);
}

/* Of the next `rows` rows, those that one vector leaves and another does not. */
static size_t rows_differ(const struct heddle_delta_deletions *leaves,
                          const struct heddle_delta_deletions *deletes, uint64_t first, size_t rows,
                          uint64_t *kept)
{
    const size_t all = rows_keep(leaves, first, rows, kept);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (deletes != NULL && heddle_delta_deletions_has(deletes, first + kept[i])) {
            kept[count++] = kept[i];
        }
    }
    return count;
}

static size_t rows_choose(const struct delta_source *delta, size_t rows, uint64_t *kept)
{
    switch (delta->take.rows) {
    case HEDDLE_DELTA_ROWS_GONE: return rows_differ(delta->before, delta->deletions, delta->row, rows, kept);
    case HEDDLE_DELTA_ROWS_BACK: return rows_differ(delta->deletions, delta->before, delta->row, rows, kept);
    case HEDDLE_DELTA_ROWS_NOW:
    case HEDDLE_DELTA_ROWS_BEFORE: break;
    }
    return rows_keep(delta->deletions, delta->row, rows, kept);
}

/* Whether all rows of the query are wanted. */
static bool takes_all(const struct delta_source *delta)
{
    return delta->deletions == NULL && delta->take.rows != HEDDLE_DELTA_ROWS_GONE &&
           delta->take.rows != HEDDLE_DELTA_ROWS_BACK;
}

/* The next rows of a file of which not all are wanted; *batch_out is NULL where none of them is. */
static int kept_next(struct delta_source *delta, size_t rows_max, struct heddle_batch **batch_out,
                     struct heddle_error *error)
{
    uint64_t kept[CHUNK_ROWS_MAX];
    size_t rows = 0;
    HEDDLE_TRY(heddle_duck_result_ready(delta->result, &rows, error));
    rows = rows > CHUNK_ROWS_MAX ? CHUNK_ROWS_MAX : rows;
    rows = rows > rows_max ? rows_max : rows;
    const size_t count = rows_choose(delta, rows, kept);
    HEDDLE_TRY(heddle_duck_result_take(delta->result, rows, kept, count, batch_out, error));
    if (*batch_out != NULL && ordinals_fill(*batch_out, delta->row, kept, error) != HEDDLE_OK) {
        heddle_batch_release(*batch_out);
        *batch_out = NULL;
        return HEDDLE_OUT_OF_MEMORY;
    }
    delta->row += rows;
    return HEDDLE_OK;
}

static int rows_next(struct delta_source *delta, size_t rows_max, struct heddle_batch **batch_out,
                     struct heddle_error *error)
{
    *batch_out = NULL;
    while (!takes_all(delta) && *batch_out == NULL) {
        HEDDLE_TRY(kept_next(delta, rows_max, batch_out, error));
    }
    if (*batch_out == NULL) {
        HEDDLE_TRY(heddle_duck_result_next(delta->result, rows_max, batch_out, error));
        (*batch_out)->first_row = delta->row;
        delta->row += (*batch_out)->rows;
    }
    return HEDDLE_OK;
}

/* Gives a batch of the query the source's columns (VOID ones are not asked for) and the file's name. */
static int batch_finish(const struct delta_source *delta, struct heddle_batch *batch,
                        struct heddle_error *error)
{
    struct heddle_column *columns = heddle_arena_calloc(batch->arena, delta->select.count, sizeof *columns);
    batch->file = heddle_arena_copy_text(batch->arena, delta->shown, strlen(delta->shown));
    if (columns == NULL || batch->file == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t at = 0;
    for (size_t i = 0; i < delta->select.count; i++) {
        if (delta->select.columns[i].field.type == HEDDLE_TYPE_NULL) {
            columns[i] = (struct heddle_column){.type = HEDDLE_TYPE_NULL, .length = batch->rows};
        } else {
            columns[i] = batch->columns[at++];
        }
    }
    batch->columns = columns;
    batch->change = delta->take.change;
    batch->version = delta->take.version;
    return HEDDLE_OK;
}

static int file_next(struct delta_source *delta, size_t rows_max, struct heddle_batch **batch_out,
                     struct heddle_error *error)
{
    if (!delta->is_open) {
        HEDDLE_TRY(file_open(delta, error));
    }
    const int status = rows_next(delta, rows_max, batch_out, error);
    if (status != HEDDLE_OK && status != HEDDLE_END) {
        heddle_error_prefix(error, "after row %" PRIu64, delta->row);
        return heddle_parquet_failure(status, delta->path, error);
    }
    if (status == HEDDLE_OK && batch_finish(delta, *batch_out, error) != HEDDLE_OK) {
        heddle_batch_release(*batch_out);
        return HEDDLE_OUT_OF_MEMORY;
    }
    return status;
}

static int delta_next(struct heddle_source *source, size_t rows_max, struct heddle_batch **batch_out,
                      struct heddle_error *error)
{
    struct delta_source *delta = (struct delta_source *)source;
    while (delta->file < delta->file_count) {
        const int status = file_next(delta, rows_max, batch_out, error);
        if (status != HEDDLE_END) {
            return status;
        }
        file_close(delta);
        delta->file++;
    }
    return HEDDLE_END;
}

/* ---- opening ---- */

/* The projection of the table's columns. */
static int columns_project(struct delta_source *delta, const struct heddle_source_options *options,
                           struct heddle_error *error)
{
    struct heddle_arena *arena = delta->base.arena;
    struct heddle_delta_column *all = NULL;
    size_t all_count = 0;
    size_t *indices = NULL;
    size_t count = 0;
    HEDDLE_TRY(heddle_delta_columns_fill(delta->snapshot, arena, &all, &all_count, error));
    const size_t wanted = options->columns != NULL ? options->column_count : 0;
    struct heddle_delta_column *more = heddle_arena_calloc(arena, all_count + wanted, sizeof *more);
    const char **names = heddle_arena_calloc(arena, all_count + wanted, sizeof *names);
    if (names == NULL || more == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (all_count > 0) {
        memcpy(more, all, all_count * sizeof *more);
    }
    all = more;
    HEDDLE_TRY(heddle_delta_columns_add_keys(all, &all_count, options->columns, wanted, arena, error));
    for (size_t i = 0; i < all_count; i++) {
        names[i] = all[i].field.name;
    }
    HEDDLE_TRY(heddle_source_project(&delta->base, options, options->path, names, all_count, &indices, &count,
                                     error));
    struct heddle_delta_column *columns = heddle_arena_calloc(arena, count, sizeof *columns);
    struct heddle_field *fields = heddle_arena_calloc(arena, count, sizeof *fields);
    const char *zone = heddle_source_setting(options, "partitionTimeZone", "UTC");
    zone = heddle_arena_copy_text(arena, zone, strlen(zone));
    if (columns == NULL || fields == NULL || zone == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        columns[i] = all[indices[i]];
        fields[i] = columns[i].field;
    }
    delta->select = (struct heddle_delta_select){
        .columns = columns, .count = count, .mapping = delta->snapshot->mapping, .time_zone = zone};
    delta->base.schema = (struct heddle_schema){.fields = fields, .count = count};
    return HEDDLE_OK;
}

/* Looks at every file's name before the first row is read, and adds up the rows that the log counts. */
static int files_check(struct delta_source *delta, struct heddle_error *error)
{
    const struct heddle_delta_root *root = &delta->snapshot->log.root;
    int64_t rows = 0;
    for (size_t i = 0; i < delta->file_count; i++) {
        const struct heddle_delta_add *add = &delta->files[i];
        const char *file = NULL;
        heddle_arena_reset(delta->file_arena);
        HEDDLE_TRY(heddle_delta_path_join(root, add->path, delta->file_arena, &file, error));
        HEDDLE_TRY(heddle_delta_path_check(root, file, error));
        const int64_t live = add->rows - add->vector.rows;
        if (delta->takes != NULL && delta->takes[i].change != HEDDLE_CHANGE_UPSERT) {
            continue; /* what it says of rows counts for none */
        }
        if (rows >= 0 && (add->rows < 0 || live < 0 || __builtin_add_overflow(rows, live, &rows))) {
            rows = -1;
        }
    }
    delta->base.rows_expected = rows;
    return HEDDLE_OK;
}

/* Which rows of a version stand for others only the whole of it says. */
static int takes_check(const struct delta_source *delta, const struct heddle_source_options *options,
                       struct heddle_error *error)
{
    for (size_t i = 0; delta->takes != NULL && i < delta->file_count; i++) {
        if (delta->takes[i].change == HEDDLE_CHANGE_REMOVE &&
            (options->limit != UINT64_MAX || options->skip > 0)) {
            return heddle_error_set(
                error, HEDDLE_SOURCE,
                "version %" PRId64 " of the table deletes or updates rows, and such a version is not cut "
                "by rows: leave out --limit and maxRowsPerBatch (maxFilesPerTrigger parts versions)",
                delta->takes[i].version);
        }
    }
    return HEDDLE_OK;
}

static int read_begin(struct delta_source *delta, const struct heddle_source_options *options,
                      struct heddle_duck *duck, struct heddle_error *error)
{
    HEDDLE_TRY(takes_check(delta, options, error));
    HEDDLE_TRY(heddle_arena_create(0, &delta->file_arena, error));
    HEDDLE_TRY(columns_project(delta, options, error));
    HEDDLE_TRY(files_check(delta, error));
    if (duck == NULL) {
        const struct heddle_duck_options own = {.library = heddle_source_setting(options, "library", NULL)};
        HEDDLE_TRY(heddle_duck_open(&own, &delta->duck, error));
        duck = delta->duck;
    }
    HEDDLE_TRY(heddle_duck_connect(duck, &delta->connection, error));
    /* INT96 has no zone in DuckDB, but is an instant in Delta: casts between the two must not move it. */
    return heddle_duck_execute(delta->connection, "SET TimeZone = 'UTC'", error);
}

int heddle_delta_read_open(const struct heddle_source_options *options, const struct heddle_delta_read *read,
                           struct heddle_source **source_out, struct heddle_error *error)
{
    static const struct heddle_reader reader = {.next = delta_next, .close = delta_close};
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_source_begin(sizeof(struct delta_source), &reader, options, &source, error));
    struct delta_source *delta = (struct delta_source *)source;
    delta->hold.lock = -1;
    delta->snapshot = read->snapshot;
    delta->files = read->files;
    delta->file_count = read->file_count;
    delta->takes = read->takes;
    const int status = read_begin(delta, options, read->duck, error);
    if (status != HEDDLE_OK) {
        delta_close(source);
        return status;
    }
    delta->owned = read->owned;
    delta->owned_arena = read->arena;
    *source_out = source;
    return HEDDLE_OK;
}
