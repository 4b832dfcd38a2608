/* parquet.c: Parquet files through DuckDB, one streaming query a file, in the order of their paths.
 *
 * One query a file keeps the row ordinals of a file exact and its rows in file order. One thread decodes one
 * row group at a time, which bounds the memory.
 */
#include "source/reader.h"

#include <string.h>

#include "base/buffer.h"
#include "duck/duck.h"
#include "source/files/list.h"
#include "source/files/parquet_file.h"
#include "source/stream/settings.h"

/* Hive's folder names are no columns here, and files of one folder are compared by us, with clearer
 * messages. */
#define SCAN "read_parquet($1, hive_partitioning = false, union_by_name = false)"

struct parquet_source {
    struct heddle_source base;
    struct heddle_duck *duck;
    struct heddle_duck_connection *connection;
    struct heddle_duck_statement *statement;
    struct heddle_duck_result *result;
    struct heddle_mirror_hold hold; /* of the file that is looked at */
    struct heddle_file_list files;
    const char *sql;
    size_t file;        /* the file being read, or the next one */
    uint64_t file_rows; /* rows given of it */
};

static void result_drop(struct parquet_source *parquet)
{
    heddle_duck_result_destroy(parquet->result);
    heddle_duck_statement_destroy(parquet->statement);
    parquet->result = NULL;
    parquet->statement = NULL;
    heddle_mirror_release(&parquet->hold);
}

static void parquet_close(struct heddle_source *source)
{
    struct parquet_source *parquet = (struct parquet_source *)source;
    result_drop(parquet);
    heddle_duck_disconnect(parquet->connection);
    heddle_duck_close(parquet->duck);
    heddle_source_end(source);
}

static int file_describe(struct parquet_source *parquet, const char *path, struct heddle_arena *arena,
                         struct heddle_duck_description *description, struct heddle_error *error)
{
    struct heddle_buffer escaped = {0};
    heddle_parquet_path_escape(&escaped, path);
    const char *text = heddle_buffer_text(&escaped);
    int status = HEDDLE_OK;
    if (text == NULL) {
        status = heddle_error_out_of_memory(error);
    } else {
        status = heddle_duck_describe(parquet->connection, "SELECT * FROM " SCAN " LIMIT 0", text, arena,
                                      description, error);
    }
    heddle_buffer_free(&escaped);
    return status == HEDDLE_OK ? status : heddle_parquet_failure(status, path, error);
}

/* Adds a column to the description for each of the wanted ones that names a key of a map: the values under it. */
static int keys_describe(const struct heddle_source_options *options,
                         struct heddle_duck_description *description, struct heddle_arena *arena,
                         struct heddle_error *error)
{
    const size_t wanted = options->columns != NULL ? options->column_count : 0;
    const size_t own = description->count;
    struct heddle_field *fields = heddle_arena_calloc(arena, own + wanted, sizeof *fields);
    const char **expressions = heddle_arena_calloc(arena, own + wanted, sizeof *expressions);
    const char **refused = heddle_arena_calloc(arena, own + wanted, sizeof *refused);
    if (fields == NULL || expressions == NULL || refused == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < own; i++) {
        fields[i] = description->fields[i];
        expressions[i] = description->expressions[i];
        refused[i] = description->refused[i];
    }
    *description = (struct heddle_duck_description){fields, expressions, refused, own};
    for (size_t i = 0; i < wanted; i++) {
        const struct heddle_schema known = {.fields = fields, .count = description->count};
        const char *key = NULL;
        size_t map = 0;
        while (map < own && !heddle_source_is_key(&fields[map], options->columns[i], &key)) {
            map++;
        }
        if (map == own || heddle_schema_find(&known, options->columns[i]) >= 0) {
            continue;
        }
        struct heddle_buffer sql = {0};
        heddle_buffer_append_format(&sql, "map_extract_value(%s, ", expressions[map]);
        heddle_duck_quote_text(&sql, key);
        heddle_buffer_append_text(&sql, ")");
        const char *name = heddle_arena_copy_text(arena, options->columns[i], strlen(options->columns[i]));
        const char *text =
            sql.failed ? NULL : heddle_arena_copy_text(arena, (const char *)sql.bytes, sql.length);
        heddle_buffer_free(&sql);
        if (name == NULL || text == NULL) {
            return heddle_error_out_of_memory(error);
        }
        expressions[description->count] = text;
        fields[description->count++] = heddle_source_key_field(&fields[map], name);
    }
    return HEDDLE_OK;
}

/* Adds the rows that the file's footer counts. */
static int file_count(struct parquet_source *parquet, const char *path, struct heddle_error *error)
{
    struct heddle_duck_statement *statement = NULL;
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = NULL;
    int status = heddle_parquet_prepare(parquet->connection, "SELECT num_rows FROM parquet_file_metadata($1)",
                                        path, &statement, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_stream(statement, &result, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_duck_result_next(result, 1, &batch, error);
    }
    if (status == HEDDLE_OK) {
        parquet->base.rows_expected += heddle_column_integer(&batch->columns[0], 0);
    }
    heddle_batch_release(batch);
    heddle_duck_result_destroy(result);
    heddle_duck_statement_destroy(statement);
    return status == HEDDLE_OK ? status : heddle_parquet_failure(status, path, error);
}

static bool field_equals(const struct heddle_field *a, const struct heddle_field *b)
{
    return a->type == b->type && a->item_type == b->item_type && a->width == b->width && a->scale == b->scale;
}

/* Checks that another file of the folder has the columns of the first, in any order. */
static int schemas_compare(const struct parquet_source *parquet, const struct heddle_duck_description *other,
                           const char *path, bool all, struct heddle_error *error)
{
    const char *first_path = parquet->files.paths[0];
    for (size_t i = 0; i < parquet->base.schema.count; i++) {
        const struct heddle_field *field = &parquet->base.schema.fields[i];
        const struct heddle_schema schema = {.fields = other->fields, .count = other->count};
        const int at = heddle_schema_find(&schema, field->name);
        if (at < 0) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "%s has no column `%s`, but %s has; load them as two sources", path,
                                    field->name, first_path);
        }
        if (other->refused[at] != NULL || !field_equals(field, &other->fields[at])) {
            return heddle_error_set(
                error, HEDDLE_SOURCE, "column `%s` is %s in %s, but %s in %s; load them as two sources",
                field->name,
                other->refused[at] != NULL ? other->refused[at] : heddle_type_name(other->fields[at].type),
                path, heddle_type_name(field->type), first_path);
        }
    }
    for (size_t i = 0; all && i < other->count; i++) {
        if (heddle_schema_find(&parquet->base.schema, other->fields[i].name) < 0) {
            return heddle_error_set(
                error, HEDDLE_SOURCE,
                "%s has a column `%s`, but %s has not; name the columns to load, or load them as two "
                "sources",
                path, other->fields[i].name, first_path);
        }
    }
    return HEDDLE_OK;
}

/* Makes schema and SQL from the first file's columns. */
static int schema_fill(struct parquet_source *parquet, const struct heddle_source_options *options,
                       const struct heddle_duck_description *description, struct heddle_error *error)
{
    struct heddle_arena *arena = parquet->base.arena;
    const char *path = parquet->files.paths[0];
    size_t *indices = NULL;
    size_t count = 0;
    const char **names = heddle_arena_calloc(arena, description->count, sizeof *names);
    if (names == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < description->count; i++) {
        names[i] = description->fields[i].name;
    }
    HEDDLE_TRY(heddle_source_project(&parquet->base, options, path, names, description->count, &indices,
                                     &count, error));
    struct heddle_field *fields = heddle_arena_calloc(arena, count, sizeof *fields);
    if (fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        const size_t at = indices[i];
        if (description->refused[at] != NULL) {
            heddle_buffer_free(&sql);
            return heddle_error_set(
                error, HEDDLE_SOURCE,
                "column `%s` of %s is of type %s, which cannot be loaded; leave it out or cast it", names[at],
                path, description->refused[at]);
        }
        fields[i] = description->fields[at];
        heddle_buffer_append_format(&sql, "%s%s", i > 0 ? ", " : "", description->expressions[at]);
    }
    heddle_buffer_append_text(&sql, " FROM " SCAN);
    parquet->sql = sql.failed ? NULL : heddle_arena_copy_text(arena, (const char *)sql.bytes, sql.length);
    heddle_buffer_free(&sql);
    parquet->base.schema = (struct heddle_schema){.fields = fields, .count = count};
    return parquet->sql != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* Reads every footer once: the first makes the schema, the others are compared with it. */
static int files_check(struct parquet_source *parquet, const struct heddle_source_options *options,
                       struct heddle_error *error)
{
    const bool all = options->columns == NULL || options->column_count == 0;
    struct heddle_duck_description description;
    struct heddle_arena *scratch = NULL;
    HEDDLE_TRY(heddle_source_hold(&parquet->base, parquet->files.paths[0], &parquet->hold, error));
    HEDDLE_TRY(file_describe(parquet, parquet->files.paths[0], parquet->base.arena, &description, error));
    HEDDLE_TRY(keys_describe(options, &description, parquet->base.arena, error));
    HEDDLE_TRY(schema_fill(parquet, options, &description, error));
    HEDDLE_TRY(heddle_arena_create(0, &scratch, error));
    parquet->base.rows_expected = 0;
    int status = HEDDLE_OK;
    for (size_t i = 0; i < parquet->files.count && status == HEDDLE_OK; i++) {
        const char *path = parquet->files.paths[i];
        status = heddle_source_hold(&parquet->base, path, &parquet->hold, error);
        if (status == HEDDLE_OK) {
            status = file_count(parquet, path, error);
        }
        if (status == HEDDLE_OK && i > 0) {
            heddle_arena_reset(scratch);
            status = file_describe(parquet, path, scratch, &description, error);
            if (status == HEDDLE_OK) {
                status = keys_describe(options, &description, scratch, error);
            }
            if (status == HEDDLE_OK) {
                status = schemas_compare(parquet, &description, path, all, error);
            }
        }
    }
    heddle_arena_destroy(scratch);
    return status;
}

static int parquet_begin(struct parquet_source *parquet, const struct heddle_source_options *options,
                         struct heddle_error *error)
{
    static const char *const settings[] = {"library", HEDDLE_STREAM_SETTINGS_FILES, NULL};
    HEDDLE_TRY(heddle_source_settings_check(options, settings, error));
    HEDDLE_TRY(heddle_file_list_open(options, parquet->base.arena, &parquet->files, error));
    for (size_t i = 0; i < parquet->files.count; i++) {
        HEDDLE_TRY(heddle_source_hold(&parquet->base, parquet->files.paths[i], &parquet->hold, error));
        HEDDLE_TRY(heddle_parquet_file_check(parquet->files.paths[i], error));
    }
    const struct heddle_duck_options duck = {.library = heddle_source_setting(options, "library", NULL)};
    HEDDLE_TRY(heddle_duck_open(&duck, &parquet->duck, error));
    HEDDLE_TRY(heddle_duck_connect(parquet->duck, &parquet->connection, error));
    return files_check(parquet, options, error);
}

/* Reads from the current file; HEDDLE_END at its end. */
static int file_next(struct parquet_source *parquet, size_t rows_max, struct heddle_batch **batch_out,
                     struct heddle_error *error)
{
    const char *path = parquet->files.paths[parquet->file];
    if (parquet->result == NULL) {
        HEDDLE_TRY(heddle_source_hold(&parquet->base, path, &parquet->hold, error));
        HEDDLE_TRY(
            heddle_parquet_prepare(parquet->connection, parquet->sql, path, &parquet->statement, error));
        HEDDLE_TRY(heddle_duck_stream(parquet->statement, &parquet->result, error));
        parquet->file_rows = 0;
    }
    HEDDLE_TRY(heddle_duck_result_next(parquet->result, rows_max, batch_out, error));
    struct heddle_batch *batch = *batch_out;
    const char *shown = heddle_source_shown(&parquet->base, path, batch->arena);
    batch->file = shown != NULL ? heddle_arena_copy_text(batch->arena, shown, strlen(shown)) : NULL;
    if (batch->file == NULL) {
        heddle_batch_release(batch);
        return heddle_error_out_of_memory(error);
    }
    batch->first_row = parquet->file_rows;
    parquet->file_rows += batch->rows;
    return HEDDLE_OK;
}

static int parquet_next(struct heddle_source *source, size_t rows_max, struct heddle_batch **batch_out,
                        struct heddle_error *error)
{
    struct parquet_source *parquet = (struct parquet_source *)source;
    while (parquet->file < parquet->files.count) {
        const int status = file_next(parquet, rows_max, batch_out, error);
        if (status == HEDDLE_OK) {
            return HEDDLE_OK;
        }
        if (status != HEDDLE_END) {
            heddle_error_prefix(error, "after row %llu", (unsigned long long)parquet->file_rows);
            return heddle_parquet_failure(status, parquet->files.paths[parquet->file], error);
        }
        result_drop(parquet);
        parquet->file++;
    }
    return HEDDLE_END;
}

int heddle_parquet_open(const struct heddle_source_options *options, struct heddle_source **source_out,
                        struct heddle_error *error)
{
    static const struct heddle_reader reader = {.next = parquet_next, .close = parquet_close};
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_source_begin(sizeof(struct parquet_source), &reader, options, &source, error));
    ((struct parquet_source *)source)->hold.lock = -1;
    const int status = parquet_begin((struct parquet_source *)source, options, error);
    if (status != HEDDLE_OK) {
        parquet_close(source);
        return status;
    }
    *source_out = source;
    return HEDDLE_OK;
}
