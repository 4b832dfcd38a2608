/* checkpoint.c: checkpoints through DuckDB, as the flat columns that are there. */
#include "source/delta/checkpoint.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "duck/duck.h"
#include "source/files/parquet_file.h"

#define SCAN "read_parquet($1, hive_partitioning = false, union_by_name = false)"

/* The columns that are read, in the order of `columns`. */
enum {
    ADD_PATH,
    ADD_PARTITION,
    ADD_SIZE,
    ADD_TIME,
    ADD_CHANGE,
    ADD_STATS,
    ADD_ROWS,
    ADD_STORAGE,
    ADD_PLACE,
    ADD_OFFSET,
    ADD_BYTES,
    ADD_DELETED,
    META_ID,
    META_PROVIDER,
    META_SCHEMA,
    META_PARTITION,
    META_CONFIGURATION,
    PROTOCOL_READER,
    PROTOCOL_WRITER,
    PROTOCOL_READER_FEATURES,
    PROTOCOL_WRITER_FEATURES,
    SIDECAR_PATH,
    COLUMN_COUNT,
};

static const struct {
    const char *name;
    const char *type;
} columns[COLUMN_COUNT] = {
    [ADD_PATH] = {"add.path", "VARCHAR"},
    [ADD_PARTITION] = {"add.partitionValues", "MAP(VARCHAR, VARCHAR)"},
    [ADD_SIZE] = {"add.size", "BIGINT"},
    [ADD_TIME] = {"add.modificationTime", "BIGINT"},
    [ADD_CHANGE] = {"add.dataChange", "BOOLEAN"},
    [ADD_STATS] = {"add.stats", "VARCHAR"},
    [ADD_ROWS] = {"add.stats_parsed.numRecords", "BIGINT"},
    [ADD_STORAGE] = {"add.deletionVector.storageType", "VARCHAR"},
    [ADD_PLACE] = {"add.deletionVector.pathOrInlineDv", "VARCHAR"},
    [ADD_OFFSET] = {"add.deletionVector.offset", "BIGINT"},
    [ADD_BYTES] = {"add.deletionVector.sizeInBytes", "BIGINT"},
    [ADD_DELETED] = {"add.deletionVector.cardinality", "BIGINT"},
    [META_ID] = {"metaData.id", "VARCHAR"},
    [META_PROVIDER] = {"metaData.format.provider", "VARCHAR"},
    [META_SCHEMA] = {"metaData.schemaString", "VARCHAR"},
    [META_PARTITION] = {"metaData.partitionColumns", "VARCHAR[]"},
    [META_CONFIGURATION] = {"metaData.configuration", "MAP(VARCHAR, VARCHAR)"},
    [PROTOCOL_READER] = {"protocol.minReaderVersion", "BIGINT"},
    [PROTOCOL_WRITER] = {"protocol.minWriterVersion", "BIGINT"},
    [PROTOCOL_READER_FEATURES] = {"protocol.readerFeatures", "VARCHAR[]"},
    [PROTOCOL_WRITER_FEATURES] = {"protocol.writerFeatures", "VARCHAR[]"},
    [SIDECAR_PATH] = {"sidecar.path", "VARCHAR"},
};

/* One row of a checkpoint and where its texts go. */
struct row {
    const struct heddle_batch *batch;
    size_t at;
    struct heddle_arena *arena;
    struct heddle_error *error;
};

static bool is_null(const struct row *row, int column)
{
    return heddle_column_is_null(&row->batch->columns[column], row->at);
}

static int64_t integer_or(const struct row *row, int column, int64_t fallback)
{
    return is_null(row, column) ? fallback : heddle_column_integer(&row->batch->columns[column], row->at);
}

/* Item `at` of a text column, copied; NULL for null. */
static int text_copy(const struct row *row, const struct heddle_column *column, size_t at,
                     const char **text_out)
{
    *text_out = NULL;
    if (!heddle_column_is_null(column, at)) {
        size_t length = 0;
        const char *text = heddle_column_text(column, at, &length);
        *text_out = heddle_arena_copy_text(row->arena, text, length);
        return *text_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(row->error);
    }
    return HEDDLE_OK;
}

static int text_get(const struct row *row, int column, const char **text_out)
{
    return text_copy(row, &row->batch->columns[column], row->at, text_out);
}

/* A list of texts without nulls; NULL where the list is null. */
static int texts_get(const struct row *row, int column, const char *const **texts_out, size_t *count_out)
{
    const struct heddle_column *list = &row->batch->columns[column];
    *texts_out = NULL;
    *count_out = 0;
    if (is_null(row, column)) {
        return HEDDLE_OK;
    }
    const uint32_t first = list->offsets[row->at];
    const size_t count = list->offsets[row->at + 1] - first;
    const char **texts = heddle_arena_calloc(row->arena, count, sizeof *texts);
    if (texts == NULL) {
        return heddle_error_out_of_memory(row->error);
    }
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(text_copy(row, list->items, first + i, &texts[i]));
        if (texts[i] == NULL) {
            return heddle_error_set(row->error, HEDDLE_SOURCE, "%s holds a null", columns[column].name);
        }
    }
    *texts_out = texts;
    *count_out = count;
    return HEDDLE_OK;
}

static int pairs_get(const struct row *row, int column, const struct heddle_delta_pair **pairs_out,
                     size_t *count_out)
{
    const struct heddle_column *map = &row->batch->columns[column];
    *pairs_out = NULL;
    *count_out = 0;
    if (is_null(row, column)) {
        return HEDDLE_OK;
    }
    const uint32_t first = map->offsets[row->at];
    const size_t count = map->offsets[row->at + 1] - first;
    if (count == 0) {
        return HEDDLE_OK;
    }
    struct heddle_delta_pair *pairs = heddle_arena_calloc(row->arena, count, sizeof *pairs);
    if (pairs == NULL) {
        return heddle_error_out_of_memory(row->error);
    }
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(text_copy(row, map->keys, first + i, &pairs[i].name));
        HEDDLE_TRY(text_copy(row, map->items, first + i, &pairs[i].value));
        if (pairs[i].name == NULL) {
            return heddle_error_set(row->error, HEDDLE_SOURCE, "%s holds a null", columns[column].name);
        }
    }
    *pairs_out = pairs;
    *count_out = count;
    return HEDDLE_OK;
}

static int path_get(const struct row *row, int column, const char **path_out)
{
    size_t length = 0;
    const char *text = heddle_column_text(&row->batch->columns[column], row->at, &length);
    return heddle_delta_path_decode(text, length, row->arena, path_out, row->error);
}

static int vector_get(const struct row *row, struct heddle_delta_vector *vector)
{
    const char *storage = NULL;
    *vector = (struct heddle_delta_vector){.id = ""};
    if (is_null(row, ADD_STORAGE)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(text_get(row, ADD_STORAGE, &storage));
    HEDDLE_TRY(text_get(row, ADD_PLACE, &vector->place));
    vector->offset = integer_or(row, ADD_OFFSET, 0);
    vector->size = integer_or(row, ADD_BYTES, -1);
    vector->rows = integer_or(row, ADD_DELETED, -1);
    if (strlen(storage) != 1 || strchr("upi", storage[0]) == NULL || vector->place == NULL ||
        vector->size < 0 || vector->rows < 0 || vector->offset < 0) {
        return heddle_error_set(row->error, HEDDLE_SOURCE,
                                "a deletion vector is incomplete, or stored as `%.40s`", storage);
    }
    vector->storage = storage[0];
    vector->id = heddle_delta_vector_id(row->arena, vector->storage, vector->place, !is_null(row, ADD_OFFSET),
                                        vector->offset);
    return vector->id != NULL ? HEDDLE_OK : heddle_error_out_of_memory(row->error);
}

static int add_read(const struct row *row, struct heddle_delta_actions *actions)
{
    struct heddle_delta_add add = {
        .size = integer_or(row, ADD_SIZE, 0),
        .modification_time = integer_or(row, ADD_TIME, 0),
        .rows = integer_or(row, ADD_ROWS, -1),
    };
    const struct heddle_column *change = &row->batch->columns[ADD_CHANGE];
    add.data_change = is_null(row, ADD_CHANGE) || ((const uint8_t *)change->values)[row->at] != 0;
    HEDDLE_TRY(path_get(row, ADD_PATH, &add.path));
    HEDDLE_TRY(text_get(row, ADD_PATH, &add.uri));
    HEDDLE_TRY(pairs_get(row, ADD_PARTITION, &add.partition, &add.partition_count));
    HEDDLE_TRY(vector_get(row, &add.vector));
    if (add.rows < 0 && !is_null(row, ADD_STATS)) {
        size_t length = 0;
        const char *stats = heddle_column_text(&row->batch->columns[ADD_STATS], row->at, &length);
        add.rows = heddle_delta_stats_rows(stats, length);
    }
    if (heddle_grow((void **)&actions->adds, &actions->add_capacity, actions->add_count + 1,
                    sizeof *actions->adds) != 0) {
        return heddle_error_out_of_memory(row->error);
    }
    actions->adds[actions->add_count++] = add;
    return HEDDLE_OK;
}

static int metadata_read(const struct row *row, struct heddle_delta_actions *actions)
{
    struct heddle_delta_metadata *metadata = &actions->metadata;
    HEDDLE_TRY(text_get(row, META_ID, &metadata->id));
    HEDDLE_TRY(text_get(row, META_PROVIDER, &metadata->provider));
    HEDDLE_TRY(text_get(row, META_SCHEMA, &metadata->schema));
    HEDDLE_TRY(
        texts_get(row, META_PARTITION, &metadata->partition_columns, &metadata->partition_column_count));
    HEDDLE_TRY(pairs_get(row, META_CONFIGURATION, &metadata->configuration, &metadata->configuration_count));
    actions->has_metadata = true;
    return HEDDLE_OK;
}

static int protocol_read(const struct row *row, struct heddle_delta_actions *actions)
{
    struct heddle_delta_protocol *protocol = &actions->protocol;
    protocol->reader_version = integer_or(row, PROTOCOL_READER, -1);
    protocol->writer_version = integer_or(row, PROTOCOL_WRITER, -1);
    HEDDLE_TRY(texts_get(row, PROTOCOL_READER_FEATURES, &protocol->reader_features,
                         &protocol->reader_feature_count));
    HEDDLE_TRY(texts_get(row, PROTOCOL_WRITER_FEATURES, &protocol->writer_features,
                         &protocol->writer_feature_count));
    actions->has_protocol = true;
    return HEDDLE_OK;
}

static int sidecar_read(const struct row *row, struct heddle_delta_actions *actions)
{
    const char *path = NULL;
    HEDDLE_TRY(path_get(row, SIDECAR_PATH, &path));
    if (heddle_grow((void **)&actions->sidecars, &actions->sidecar_capacity, actions->sidecar_count + 1,
                    sizeof *actions->sidecars) != 0) {
        return heddle_error_out_of_memory(row->error);
    }
    actions->sidecars[actions->sidecar_count++] = path;
    return HEDDLE_OK;
}

static int row_read(const struct row *row, struct heddle_delta_actions *actions)
{
    if (!is_null(row, ADD_PATH)) {
        HEDDLE_TRY(add_read(row, actions));
    }
    if (!is_null(row, META_ID) || !is_null(row, META_SCHEMA)) {
        HEDDLE_TRY(metadata_read(row, actions));
    }
    if (!is_null(row, PROTOCOL_READER)) {
        HEDDLE_TRY(protocol_read(row, actions));
    }
    return is_null(row, SIDECAR_PATH) ? HEDDLE_OK : sidecar_read(row, actions);
}

/* SELECT of the wanted columns, those that the file lacks as nulls. */
static void select_write(struct heddle_buffer *sql, const struct heddle_duck_description *description)
{
    const struct heddle_schema schema = {.fields = description->fields, .count = description->count};
    heddle_buffer_append_text(sql, "SELECT ");
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const int at = heddle_schema_find(&schema, columns[i].name);
        heddle_buffer_append_format(sql, "%sCAST(%s AS %s)", i > 0 ? ", " : "",
                                    at >= 0 && description->refused[at] == NULL ? description->expressions[at]
                                                                                : "NULL",
                                    columns[i].type);
    }
    heddle_buffer_append_text(sql, " FROM " SCAN);
}

static int rows_read(struct heddle_duck_result *result, struct heddle_delta_actions *actions,
                     struct heddle_error *error)
{
    for (;;) {
        struct heddle_batch *batch = NULL;
        int status = heddle_duck_result_next(result, 0, &batch, error);
        if (status != HEDDLE_OK) {
            return status == HEDDLE_END ? HEDDLE_OK : status;
        }
        struct row row = {.batch = batch, .arena = actions->arena, .error = error};
        for (; row.at < batch->rows && status == HEDDLE_OK; row.at++) {
            status = row_read(&row, actions);
        }
        heddle_batch_release(batch);
        HEDDLE_TRY(status);
    }
}

static int described_read(struct heddle_duck_connection *connection, const char *file,
                          const struct heddle_duck_description *description,
                          struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    struct heddle_duck_statement *statement = NULL;
    struct heddle_duck_result *result = NULL;
    select_write(&sql, description);
    const char *text = heddle_buffer_text(&sql);
    int status = text != NULL ? heddle_parquet_prepare(connection, text, file, &statement, error)
                              : heddle_error_out_of_memory(error);
    heddle_buffer_free(&sql);
    if (status == HEDDLE_OK) {
        status = heddle_duck_stream(statement, &result, error);
    }
    if (status == HEDDLE_OK) {
        status = rows_read(result, actions, error);
    }
    heddle_duck_result_destroy(result);
    heddle_duck_statement_destroy(statement);
    return status;
}

static int parquet_read(struct heddle_duck_connection *connection, const char *file,
                        struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_duck_description description;
    struct heddle_arena *scratch = NULL;
    struct heddle_buffer escaped = {0};
    HEDDLE_TRY(heddle_parquet_file_check(file, error));
    HEDDLE_TRY(heddle_arena_create(0, &scratch, error));
    heddle_parquet_path_escape(&escaped, file);
    const char *path = heddle_buffer_text(&escaped);
    int status = path != NULL ? heddle_duck_describe(connection, "SELECT * FROM " SCAN " LIMIT 0", path,
                                                     scratch, &description, error)
                              : heddle_error_out_of_memory(error);
    if (status == HEDDLE_OK) {
        status = described_read(connection, file, &description, actions, error);
    }
    heddle_buffer_free(&escaped);
    heddle_arena_destroy(scratch);
    return status == HEDDLE_OK ? status : heddle_parquet_failure(status, file, error);
}

static int parquet_fetch(const struct heddle_delta_log *log, struct heddle_duck_connection *connection,
                         const char *file, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_mirror_hold hold;
    HEDDLE_TRY(heddle_delta_file_hold(&log->root, file, -1, &hold, error));
    const int status = parquet_read(connection, file, actions, error);
    heddle_mirror_release(&hold);
    return status;
}

/* The sidecars that the checkpoint names: in the log's own folder for them, or by absolute path inside the table. */
static int sidecars_read(const struct heddle_delta_log *log, struct heddle_duck_connection *connection,
                         struct heddle_delta_actions *actions, struct heddle_error *error)
{
    const size_t count = actions->sidecar_count;
    for (size_t i = 0; i < count; i++) {
        const char *name = actions->sidecars[i];
        const char *file = NULL;
        if (name[0] != '/') {
            name = heddle_arena_format(actions->arena, "_delta_log/_sidecars/%s", name);
        }
        if (name == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(heddle_delta_path_join(&log->root, name, actions->arena, &file, error));
        HEDDLE_TRY(heddle_delta_path_check(&log->root, file, error));
        HEDDLE_TRY(parquet_fetch(log, connection, file, actions, error));
    }
    return HEDDLE_OK;
}

static int files_read(const struct heddle_delta_log *log, const struct heddle_delta_checkpoint *checkpoint,
                      struct heddle_duck_connection *connection, struct heddle_delta_actions *actions,
                      struct heddle_error *error)
{
    for (size_t i = 0; i < checkpoint->file_count; i++) {
        if (checkpoint->json) {
            HEDDLE_TRY(heddle_delta_actions_fetch(&log->root, checkpoint->files[i], false, actions, error));
        } else {
            HEDDLE_TRY(parquet_fetch(log, connection, checkpoint->files[i], actions, error));
        }
    }
    return sidecars_read(log, connection, actions, error);
}

int heddle_delta_checkpoint_read(const struct heddle_delta_log *log,
                                 const struct heddle_delta_checkpoint *checkpoint, const char *library,
                                 struct heddle_delta_actions *actions, struct heddle_error *error)
{
    const struct heddle_duck_options options = {.library = library};
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    HEDDLE_TRY(heddle_duck_open(&options, &duck, error));
    int status = heddle_duck_connect(duck, &connection, error);
    if (status == HEDDLE_OK) {
        status = files_read(log, checkpoint, connection, actions, error);
    }
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    return status;
}
