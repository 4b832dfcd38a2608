/* action.c: lines of JSON as actions, through jansson (which refuses nesting deeper than 2,048). */
#include "source/delta/action.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "source/delta/path.h"

enum {
    /* A line holds one file with its statistics, or a schema: even thousands of columns take a few megabytes. */
    LINE_BYTES_MAX = 64 * 1024 * 1024,
    READ_BLOCK = 64 * 1024,
};

/* ---- fields of an object ---- */

static int wrong_kind(const char *name, const char *wanted, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_SOURCE, "`%s` is not %s", name, wanted);
}

/* A text field, copied; NULL where absent or null. */
static int text_get(const json_t *object, const char *name, struct heddle_arena *arena, const char **text_out,
                    struct heddle_error *error)
{
    const json_t *value = json_object_get(object, name);
    *text_out = NULL;
    if (value == NULL || json_is_null(value)) {
        return HEDDLE_OK;
    }
    if (!json_is_string(value)) {
        return wrong_kind(name, "a text", error);
    }
    *text_out = heddle_arena_copy_text(arena, json_string_value(value), json_string_length(value));
    return *text_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int integer_get(const json_t *object, const char *name, int64_t fallback, int64_t *value_out,
                       struct heddle_error *error)
{
    const json_t *value = json_object_get(object, name);
    *value_out = fallback;
    if (value == NULL || json_is_null(value)) {
        return HEDDLE_OK;
    }
    if (!json_is_integer(value)) {
        return wrong_kind(name, "a whole number", error);
    }
    *value_out = json_integer_value(value);
    return HEDDLE_OK;
}

/* A list of texts; NULL where absent or null. */
static int texts_get(const json_t *object, const char *name, struct heddle_arena *arena,
                     const char *const **texts_out, size_t *count_out, struct heddle_error *error)
{
    const json_t *list = json_object_get(object, name);
    *texts_out = NULL;
    *count_out = 0;
    if (list == NULL || json_is_null(list)) {
        return HEDDLE_OK;
    }
    if (!json_is_array(list)) {
        return wrong_kind(name, "a list", error);
    }
    const size_t count = json_array_size(list);
    const char **texts = heddle_arena_calloc(arena, count, sizeof *texts);
    if (texts == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item)) {
            return wrong_kind(name, "a list of texts", error);
        }
        texts[i] = heddle_arena_copy_text(arena, json_string_value(item), json_string_length(item));
        if (texts[i] == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    *texts_out = texts;
    *count_out = count;
    return HEDDLE_OK;
}

/* An object of texts and nulls. */
static int pairs_get(json_t *object, const char *name, struct heddle_arena *arena,
                     const struct heddle_delta_pair **pairs_out, size_t *count_out,
                     struct heddle_error *error)
{
    json_t *map = json_object_get(object, name);
    *pairs_out = NULL;
    *count_out = 0;
    if (map == NULL || json_is_null(map) || (json_is_object(map) && json_object_size(map) == 0)) {
        return HEDDLE_OK;
    }
    if (!json_is_object(map)) {
        return wrong_kind(name, "an object", error);
    }
    struct heddle_delta_pair *pairs = heddle_arena_calloc(arena, json_object_size(map), sizeof *pairs);
    size_t count = 0;
    const char *key = NULL;
    json_t *value = NULL;
    if (pairs == NULL) {
        return heddle_error_out_of_memory(error);
    }
    json_object_foreach(map, key, value)
    {
        if (!json_is_string(value) && !json_is_null(value)) {
            return wrong_kind(name, "an object of texts", error);
        }
        pairs[count].name = heddle_arena_copy_text(arena, key, strlen(key));
        if (json_is_string(value)) {
            pairs[count].value =
                heddle_arena_copy_text(arena, json_string_value(value), json_string_length(value));
        }
        if (pairs[count].name == NULL || (json_is_string(value) && pairs[count].value == NULL)) {
            return heddle_error_out_of_memory(error);
        }
        count++;
    }
    *pairs_out = pairs;
    *count_out = count;
    return HEDDLE_OK;
}

static int path_get(const json_t *object, struct heddle_arena *arena, const char **path_out,
                    struct heddle_error *error)
{
    const json_t *value = json_object_get(object, "path");
    if (!json_is_string(value)) {
        return wrong_kind("path", "a text", error);
    }
    return heddle_delta_path_decode(json_string_value(value), json_string_length(value), arena, path_out,
                                    error);
}

/* ---- actions ---- */

int64_t heddle_delta_stats_rows(const char *stats, size_t length)
{
    json_error_t failure;
    json_t *object = json_loadb(stats, length, 0, &failure);
    const json_t *rows = json_object_get(object, "numRecords");
    const int64_t count =
        json_is_integer(rows) && json_integer_value(rows) >= 0 ? json_integer_value(rows) : -1;
    json_decref(object);
    return count;
}

const char *heddle_delta_vector_id(struct heddle_arena *arena, char storage, const char *place,
                                   bool has_offset, int64_t offset)
{
    if (has_offset) {
        return heddle_arena_format(arena, "%c%s@%lld", storage, place, (long long)offset);
    }
    return heddle_arena_format(arena, "%c%s", storage, place);
}

const char *heddle_delta_uri_keep(struct heddle_arena *arena, const char *uri, const char *path)
{
    return strcmp(uri, path) == 0 ? path : heddle_arena_copy_text(arena, uri, strlen(uri));
}

static int vector_get(const json_t *object, struct heddle_arena *arena, struct heddle_delta_vector *vector,
                      struct heddle_error *error)
{
    const json_t *given = json_object_get(object, "deletionVector");
    const char *storage = NULL;
    *vector = (struct heddle_delta_vector){.id = ""};
    if (given == NULL || json_is_null(given)) {
        return HEDDLE_OK;
    }
    if (!json_is_object(given)) {
        return wrong_kind("deletionVector", "an object", error);
    }
    HEDDLE_TRY(text_get(given, "storageType", arena, &storage, error));
    HEDDLE_TRY(text_get(given, "pathOrInlineDv", arena, &vector->place, error));
    HEDDLE_TRY(integer_get(given, "offset", 0, &vector->offset, error));
    HEDDLE_TRY(integer_get(given, "sizeInBytes", -1, &vector->size, error));
    HEDDLE_TRY(integer_get(given, "cardinality", -1, &vector->rows, error));
    if (storage == NULL || strlen(storage) != 1 || strchr("upi", storage[0]) == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "a deletion vector is stored as `%.40s`, and only u, p and i are known",
                                storage != NULL ? storage : "null");
    }
    if (vector->place == NULL || vector->size < 0 || vector->rows < 0 || vector->offset < 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "a deletion vector lacks pathOrInlineDv, sizeInBytes or cardinality");
    }
    vector->storage = storage[0];
    const json_t *offset = json_object_get(given, "offset");
    vector->id = heddle_delta_vector_id(arena, vector->storage, vector->place, json_is_integer(offset),
                                        vector->offset);
    return vector->id != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* What adds, removes and cdc files have in common. */
static int file_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_delta_add *file,
                      struct heddle_error *error)
{
    *file = (struct heddle_delta_add){.rows = -1, .place = actions->places++};
    HEDDLE_TRY(path_get(object, actions->arena, &file->path, error));
    file->uri =
        heddle_delta_uri_keep(actions->arena, json_string_value(json_object_get(object, "path")), file->path);
    if (file->uri == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(pairs_get(object, "partitionValues", actions->arena, &file->partition, &file->partition_count,
                         error));
    HEDDLE_TRY(integer_get(object, "size", 0, &file->size, error));
    HEDDLE_TRY(vector_get(object, actions->arena, &file->vector, error));
    file->data_change = !json_is_false(json_object_get(object, "dataChange"));
    return HEDDLE_OK;
}

static int add_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_delta_add add;
    HEDDLE_TRY(file_parse(object, actions, &add, error));
    HEDDLE_TRY(integer_get(object, "modificationTime", 0, &add.modification_time, error));
    const json_t *stats = json_object_get(object, "stats");
    if (json_is_string(stats)) {
        add.rows = heddle_delta_stats_rows(json_string_value(stats), json_string_length(stats));
    }
    if (heddle_grow((void **)&actions->adds, &actions->add_capacity, actions->add_count + 1,
                    sizeof *actions->adds) != 0) {
        return heddle_error_out_of_memory(error);
    }
    actions->adds[actions->add_count++] = add;
    return HEDDLE_OK;
}

static int cdc_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_delta_add change;
    HEDDLE_TRY(file_parse(object, actions, &change, error));
    change.is_change = true;
    if (heddle_grow((void **)&actions->changes, &actions->change_capacity, actions->change_count + 1,
                    sizeof *actions->changes) != 0) {
        return heddle_error_out_of_memory(error);
    }
    actions->changes[actions->change_count++] = change;
    return HEDDLE_OK;
}

static int remove_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_delta_remove removed = {0};
    HEDDLE_TRY(file_parse(object, actions, &removed.file, error));
    removed.path = removed.file.path;
    removed.vector_id = removed.file.vector.id;
    removed.data_change = removed.file.data_change;
    removed.has_partition = json_is_object(json_object_get(object, "partitionValues"));
    if (heddle_grow((void **)&actions->removes, &actions->remove_capacity, actions->remove_count + 1,
                    sizeof *actions->removes) != 0) {
        return heddle_error_out_of_memory(error);
    }
    actions->removes[actions->remove_count++] = removed;
    return HEDDLE_OK;
}

static int metadata_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_delta_metadata metadata = {0};
    HEDDLE_TRY(text_get(object, "id", actions->arena, &metadata.id, error));
    HEDDLE_TRY(text_get(object, "schemaString", actions->arena, &metadata.schema, error));
    HEDDLE_TRY(texts_get(object, "partitionColumns", actions->arena, &metadata.partition_columns,
                         &metadata.partition_column_count, error));
    HEDDLE_TRY(pairs_get(object, "configuration", actions->arena, &metadata.configuration,
                         &metadata.configuration_count, error));
    const json_t *format = json_object_get(object, "format");
    if (json_is_object(format)) {
        HEDDLE_TRY(text_get(format, "provider", actions->arena, &metadata.provider, error));
    }
    actions->metadata = metadata;
    actions->has_metadata = true;
    return HEDDLE_OK;
}

static int protocol_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_delta_protocol protocol = {0};
    HEDDLE_TRY(integer_get(object, "minReaderVersion", -1, &protocol.reader_version, error));
    HEDDLE_TRY(integer_get(object, "minWriterVersion", -1, &protocol.writer_version, error));
    HEDDLE_TRY(texts_get(object, "readerFeatures", actions->arena, &protocol.reader_features,
                         &protocol.reader_feature_count, error));
    HEDDLE_TRY(texts_get(object, "writerFeatures", actions->arena, &protocol.writer_features,
                         &protocol.writer_feature_count, error));
    actions->protocol = protocol;
    actions->has_protocol = true;
    return HEDDLE_OK;
}

/* Metrics are logged as texts. */
static bool metric_is_zero(const json_t *metrics, const char *name)
{
    const json_t *value = json_object_get(metrics, name);
    return json_is_string(value) && strcmp(json_string_value(value), "0") == 0;
}

static int commit_info_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    const json_t *operation = json_object_get(object, "operation");
    HEDDLE_TRY(integer_get(object, "inCommitTimestamp", -1, &actions->commit_time, error));
    if (!json_is_string(operation)) {
        return HEDDLE_OK;
    }
    actions->operation =
        heddle_arena_copy_text(actions->arena, json_string_value(operation), json_string_length(operation));
    const json_t *metrics = json_object_get(object, "operationMetrics");
    actions->changes_no_row = strcmp(json_string_value(operation), "MERGE") == 0 &&
                              metric_is_zero(metrics, "numTargetRowsInserted") &&
                              metric_is_zero(metrics, "numTargetRowsUpdated") &&
                              metric_is_zero(metrics, "numTargetRowsDeleted");
    return actions->operation != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int sidecar_parse(json_t *object, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    const char *path = NULL;
    HEDDLE_TRY(path_get(object, actions->arena, &path, error));
    if (heddle_grow((void **)&actions->sidecars, &actions->sidecar_capacity, actions->sidecar_count + 1,
                    sizeof *actions->sidecars) != 0) {
        return heddle_error_out_of_memory(error);
    }
    actions->sidecars[actions->sidecar_count++] = path;
    return HEDDLE_OK;
}

static int object_parse(json_t *line, struct heddle_delta_actions *actions, struct heddle_error *error)
{
    static const struct {
        const char *name;
        int (*parse)(json_t *, struct heddle_delta_actions *, struct heddle_error *);
    } kinds[] = {
        {"add", add_parse},           {"remove", remove_parse},   {"metaData", metadata_parse},
        {"protocol", protocol_parse}, {"sidecar", sidecar_parse}, {"commitInfo", commit_info_parse},
        {"cdc", cdc_parse},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_t *object = json_object_get(line, kinds[i].name);
        if (object == NULL || json_is_null(object)) {
            continue;
        }
        if (!json_is_object(object)) {
            return wrong_kind(kinds[i].name, "an object", error);
        }
        if (kinds[i].parse(object, actions, error) != HEDDLE_OK) {
            return heddle_error_prefix(error, "%s", kinds[i].name);
        }
    }
    return HEDDLE_OK;
}

int heddle_delta_line_parse(const char *line, size_t length, struct heddle_delta_actions *actions,
                            struct heddle_error *error)
{
    struct heddle_error own = {0};
    json_error_t failure;
    json_t *object = json_loadb(line, length, 0, &failure);
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the line is not JSON: %s (column %d)", failure.text,
                                failure.column);
    }
    int status = HEDDLE_OK;
    if (json_is_object(object)) {
        status = object_parse(object, actions, error != NULL ? error : &own);
    } else {
        status = heddle_error_set(error, HEDDLE_SOURCE, "the line is not a JSON object");
    }
    json_decref(object);
    return status;
}

/* ---- files ---- */

/* A file as lines. */
struct lines {
    FILE *file;
    struct heddle_buffer held; /* read and not yet handed out begins at `start` */
    size_t start;
    bool ended;
};

/* The next line; HEDDLE_END after the last. */
static int line_next(struct lines *lines, const char **line_out, size_t *length_out,
                     struct heddle_error *error)
{
    size_t looked = lines->start;
    for (;;) {
        const size_t rest = lines->held.length - looked;
        const char *from = rest > 0 ? (const char *)lines->held.bytes + looked : NULL;
        const char *end = rest > 0 ? memchr(from, '\n', rest) : NULL;
        if (end != NULL || (lines->ended && lines->held.length > lines->start)) {
            const char *line = (const char *)lines->held.bytes + lines->start;
            *line_out = line;
            *length_out = end != NULL ? (size_t)(end - line) : lines->held.length - lines->start;
            lines->start += *length_out + (end != NULL ? 1 : 0);
            return HEDDLE_OK;
        }
        if (lines->ended) {
            return HEDDLE_END;
        }
        const size_t kept = lines->held.length - lines->start;
        if (kept > LINE_BYTES_MAX) {
            return heddle_error_set(error, HEDDLE_SOURCE, "the line is longer than %d MiB",
                                    LINE_BYTES_MAX / 1024 / 1024);
        }
        if (lines->start > 0) {
            memmove(lines->held.bytes, lines->held.bytes + lines->start, kept);
            lines->held.length = kept;
            lines->start = 0;
        }
        looked = kept;
        uint8_t *room = heddle_buffer_reserve(&lines->held, READ_BLOCK);
        if (room == NULL) {
            return heddle_error_out_of_memory(error);
        }
        const size_t got = fread(room, 1, READ_BLOCK, lines->file);
        lines->held.length += got;
        lines->ended = got < READ_BLOCK;
        if (lines->ended && ferror(lines->file) != 0) {
            return heddle_error_set(error, HEDDLE_SOURCE, "it cannot be read: %s", strerror(errno));
        }
    }
}

static bool is_blank(const char *line, size_t length)
{
    return length == 0 || (length == 1 && line[0] == '\r');
}

int heddle_delta_actions_read(const char *file, bool first_line_only, struct heddle_delta_actions *actions,
                              struct heddle_error *error)
{
    struct lines lines = {.file = fopen(file, "rb")};
    struct heddle_error own = {0};
    unsigned long long number = 0;
    int status = HEDDLE_OK;
    error = error != NULL ? error : &own;
    if (lines.file == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", file, strerror(errno));
    }
    while (status == HEDDLE_OK) {
        const char *line = NULL;
        size_t length = 0;
        number++;
        status = line_next(&lines, &line, &length, error);
        if (status == HEDDLE_OK && !is_blank(line, length)) {
            status = heddle_delta_line_parse(line, length, actions, error);
        }
        if (status == HEDDLE_OK && first_line_only) {
            status = HEDDLE_END;
        }
    }
    fclose(lines.file);
    heddle_buffer_free(&lines.held);
    if (status != HEDDLE_END) {
        heddle_error_prefix(error, "%s: line %llu", file, number);
        return status;
    }
    return HEDDLE_OK;
}

int heddle_delta_actions_fetch(const struct heddle_delta_root *root, const char *file, bool first_line_only,
                               struct heddle_delta_actions *actions, struct heddle_error *error)
{
    struct heddle_mirror_hold hold;
    HEDDLE_TRY(heddle_delta_file_hold(root, file, -1, &hold, error));
    const int status = heddle_delta_actions_read(file, first_line_only, actions, error);
    heddle_mirror_release(&hold);
    return status;
}

void heddle_delta_actions_reset(struct heddle_delta_actions *actions)
{
    actions->add_count = 0;
    actions->remove_count = 0;
    actions->sidecar_count = 0;
    actions->has_metadata = false;
    actions->has_protocol = false;
    actions->commit_time = -1;
    actions->change_count = 0;
    actions->places = 0;
    actions->operation = NULL;
    actions->changes_no_row = false;
}

void heddle_delta_actions_free(struct heddle_delta_actions *actions)
{
    free(actions->adds);
    free(actions->removes);
    free(actions->changes);
    free(actions->sidecars);
    *actions = (struct heddle_delta_actions){.arena = actions->arena, .commit_time = -1};
}

const char *heddle_delta_property(const struct heddle_delta_metadata *metadata, const char *name,
                                  const char *fallback)
{
    for (size_t i = 0; i < metadata->configuration_count; i++) {
        if (strcmp(metadata->configuration[i].name, name) == 0 && metadata->configuration[i].value != NULL) {
            return metadata->configuration[i].value;
        }
    }
    return fallback;
}
