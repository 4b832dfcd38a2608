/* source.c: what all kinds of sources share: dispatch, limits, counting, projection, rejects. */
#include "source/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "column/scalar.h"

enum {
    BATCH_ROWS_DEFAULT = 2048,
    /* A rejected row's raw text is kept for a person to look at, not to be loaded again from. */
    RAW_TEXT_MAX = 64 * 1024,
    NAMES_LIST_MAX = 300, /* bytes of column names in a message of 512 */
    SOURCE_ARENA_BLOCK = 16 * 1024,
};

int heddle_source_begin(size_t size, const struct heddle_reader *reader,
                        const struct heddle_source_options *options, struct heddle_source **source_out,
                        struct heddle_error *error)
{
    struct heddle_source *source = heddle_calloc(1, size);
    if (source == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_arena_create(SOURCE_ARENA_BLOCK, &source->arena, error);
    const char *name = options->name != NULL ? options->name : "";
    source->name = status == HEDDLE_OK ? heddle_arena_copy_text(source->arena, name, strlen(name)) : NULL;
    if (source->name == NULL) {
        heddle_source_end(source);
        return heddle_error_out_of_memory(error);
    }
    source->reader = reader;
    source->limit = options->limit;
    source->skip = source->skip_all = options->skip;
    source->batch_rows = options->batch_rows == 0 ? BATCH_ROWS_DEFAULT : options->batch_rows;
    if (source->batch_rows > HEDDLE_BATCH_ROWS_MAX) {
        source->batch_rows = HEDDLE_BATCH_ROWS_MAX;
    }
    source->rows_expected = -1;
    source->rejects = options->rejects;
    source->mirror = options->mirror;
    *source_out = source;
    return HEDDLE_OK;
}

void heddle_source_end(struct heddle_source *source)
{
    heddle_mirror_close(source->owned_mirror);
    heddle_arena_destroy(source->arena);
    free(source);
}

const char *heddle_source_setting(const struct heddle_source_options *options, const char *name,
                                  const char *fallback)
{
    const char *value = fallback;
    for (size_t i = 0; i < options->setting_count; i++) {
        if (strcmp(options->settings[i].name, name) == 0) {
            value = options->settings[i].value;
        }
    }
    return value;
}

int heddle_source_setting_number(const struct heddle_source_options *options, const char *name,
                                 uint64_t fallback, uint64_t *value_out, struct heddle_error *error)
{
    const char *text = heddle_source_setting(options, name, NULL);
    int64_t value = 0;
    if (text == NULL) {
        *value_out = fallback;
        return HEDDLE_OK;
    }
    if (!heddle_scalar_parse_integer(text, strlen(text), &value) || value < 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "source `%s`: %s is `%s`, not a number of 0 or more",
                                options->name, name, text);
    }
    *value_out = (uint64_t)value;
    return HEDDLE_OK;
}

int heddle_source_settings_check(const struct heddle_source_options *options, const char *const *known,
                                 struct heddle_error *error)
{
    size_t known_count = 0;
    while (known[known_count] != NULL) {
        known_count++;
    }
    for (size_t i = 0; i < options->setting_count; i++) {
        const char *name = options->settings[i].name;
        size_t at = 0;
        while (at < known_count && strcmp(known[at], name) != 0) {
            at++;
        }
        if (at < known_count) {
            continue;
        }
        const char *nearest = heddle_text_nearest(name, known, known_count);
        struct heddle_buffer list = {0};
        for (size_t k = 0; k < known_count; k++) {
            heddle_buffer_append_format(&list, "%s%s", k > 0 ? ", " : "", known[k]);
        }
        const char *text = heddle_buffer_text(&list);
        heddle_error_set(error, HEDDLE_INVALID,
                         "source `%s`: a %s source has no setting `%s`%s%s%s; it has: %s", options->name,
                         options->type, name, nearest != NULL ? "; did you mean `" : "",
                         nearest != NULL ? nearest : "", nearest != NULL ? "`" : "",
                         known_count == 0 ? "none"
                         : text != NULL   ? text
                                          : "?");
        heddle_buffer_free(&list);
        return HEDDLE_INVALID;
    }
    return HEDDLE_OK;
}

static int unknown_column(const char *file, const char *wanted, const char *const *names, size_t name_count,
                          struct heddle_error *error)
{
    const char *nearest = heddle_text_nearest(wanted, names, name_count);
    struct heddle_buffer list = {0};
    for (size_t i = 0; i < name_count && list.length < NAMES_LIST_MAX; i++) {
        heddle_buffer_append_format(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *text = heddle_buffer_text(&list);
    if (text != NULL && list.length > NAMES_LIST_MAX) {
        list.bytes[heddle_text_cut(text, list.length, NAMES_LIST_MAX)] = '\0';
    }
    heddle_error_set(error, HEDDLE_SOURCE, "%s has no column `%s`%s%s%s; its columns are: %s", file, wanted,
                     nearest != NULL ? "; did you mean `" : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "`" : "", text != NULL ? text : "?");
    heddle_buffer_free(&list);
    return HEDDLE_SOURCE;
}

static int column_locate(const char *file, const char *wanted, const char *const *names, size_t name_count,
                         size_t *index_out, struct heddle_error *error)
{
    size_t found = name_count;
    for (size_t i = 0; i < name_count; i++) {
        if (strcmp(names[i], wanted) != 0) {
            continue;
        }
        if (found < name_count) {
            return heddle_error_set(error, HEDDLE_SOURCE, "%s has two columns `%s`; rename one of them", file,
                                    wanted);
        }
        found = i;
    }
    if (found == name_count) {
        return unknown_column(file, wanted, names, name_count, error);
    }
    *index_out = found;
    return HEDDLE_OK;
}

int heddle_source_project(struct heddle_source *source, const struct heddle_source_options *options,
                          const char *file, const char *const *names, size_t name_count, size_t **indices_out,
                          size_t *index_count_out, struct heddle_error *error)
{
    const bool all = options->columns == NULL || options->column_count == 0;
    const size_t count = all ? name_count : options->column_count;
    size_t *indices = heddle_arena_calloc(source->arena, count, sizeof *indices);
    if (indices == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(
            column_locate(file, all ? names[i] : options->columns[i], names, name_count, &indices[i], error));
    }
    *indices_out = indices;
    *index_count_out = count;
    return HEDDLE_OK;
}

bool heddle_source_is_key(const struct heddle_field *field, const char *wanted, const char **key_out)
{
    const size_t length = field->type == HEDDLE_TYPE_MAP ? strlen(field->name) : 0;
    if (length == 0 || strncmp(wanted, field->name, length) != 0 || wanted[length] != '.' ||
        wanted[length + 1] == '\0') {
        return false;
    }
    *key_out = wanted + length + 1;
    return true;
}

struct heddle_field heddle_source_key_field(const struct heddle_field *field, const char *wanted)
{
    return (struct heddle_field){.name = wanted, .type = field->item_type, .scale = field->scale};
}

/* A copy of `raw` that is UTF-8 (what is not becomes '?'), cut and terminated; NULL when out of memory. */
static char *raw_copy(const char *raw, size_t length)
{
    const size_t kept = heddle_text_cut(raw, length, RAW_TEXT_MAX);
    char *copy = heddle_strndup(raw, kept);
    if (copy == NULL) {
        return NULL;
    }
    const size_t copied = strlen(copy);
    if (!heddle_text_is_utf8(copy, copied)) {
        for (size_t i = 0; i < copied; i++) {
            copy[i] = (unsigned char)copy[i] < 0x80 ? copy[i] : '?';
        }
    }
    return copy;
}

int heddle_source_reject(struct heddle_source *source, const char *file, uint64_t ordinal, const char *raw,
                         size_t raw_length, const char *code, const char *reason, struct heddle_error *error)
{
    if (source->skip > 0) { /* it was reported when it was read first */
        source->skip--;
        return HEDDLE_OK;
    }
    char *copy = raw_copy(raw, raw_length);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const struct heddle_reject reject = {
        .target = "",
        .source = source->name,
        .file = file,
        .ordinal = ordinal,
        .raw = copy,
        .stage = HEDDLE_STAGE_READ,
        .code = code,
        .reason = reason,
    };
    source->rows_rejected++;
    const int status = source->rejects.add(source->rejects.context, &reject, error);
    free(copy);
    return status;
}

static int open_here(const struct heddle_source_options *options, struct heddle_source **source_out,
                     struct heddle_error *error)
{
    static const char *const types[] = {"parquet", "csv", "jsonl", "delta", "generate"};
    static int (*const openers[])(const struct heddle_source_options *, struct heddle_source **,
                                  struct heddle_error *) = {
        heddle_parquet_open, heddle_csv_open, heddle_jsonl_open, heddle_delta_open, heddle_generate_open};
    const size_t count = sizeof types / sizeof types[0];
    const char *type = options->type != NULL ? options->type : "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i], type) != 0) {
            continue;
        }
        if (strcmp(type, "generate") != 0 && (options->path == NULL || options->path[0] == '\0')) {
            return heddle_error_set(error, HEDDLE_INVALID, "source `%s` has no path", options->name);
        }
        return openers[i](options, source_out, error);
    }
    const char *nearest = heddle_text_nearest(type, types, count);
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "source `%s`: there is no source type `%s`%s%s%s; there are parquet, csv, jsonl, delta, generate",
        options->name, type, nearest != NULL ? "; did you mean `" : "", nearest != NULL ? nearest : "",
        nearest != NULL ? "`" : "");
}

int heddle_source_open(const struct heddle_source_options *options, struct heddle_source **source_out,
                       struct heddle_error *error)
{
    struct heddle_source_options here = *options;
    struct heddle_mirror *mirror = NULL;
    struct heddle_arena *arena = NULL;
    if (options->mirror != NULL || options->path == NULL || !heddle_fs_is_uri(options->path)) {
        return open_here(options, source_out, error);
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = heddle_source_mirror(&here, arena, &mirror, error);
    if (status == HEDDLE_OK) {
        status = open_here(&here, source_out, error);
    }
    if (status == HEDDLE_OK) {
        (*source_out)->owned_mirror = mirror;
    } else {
        heddle_mirror_close(mirror);
    }
    heddle_arena_destroy(arena);
    return status;
}

const struct heddle_schema *heddle_source_schema(const struct heddle_source *source)
{
    return &source->schema;
}

int64_t heddle_source_rows_expected(const struct heddle_source *source)
{
    if (source->rows_expected < 0) {
        return -1;
    }
    const uint64_t all = (uint64_t)source->rows_expected;
    const uint64_t rows = all > source->skip_all ? all - source->skip_all : 0;
    return rows > source->limit ? (int64_t)source->limit : (int64_t)rows;
}

uint64_t heddle_source_rows_left(const struct heddle_source *source)
{
    return source->skip > 0 ? source->skip : source->limit - source->rows_read - source->rows_rejected;
}

/* Passes over the rows that are done. */
static int rows_skip(struct heddle_source *source, struct heddle_error *error)
{
    while (source->skip > 0) {
        const size_t rows_max = source->skip < source->batch_rows ? (size_t)source->skip : source->batch_rows;
        struct heddle_batch *batch = NULL;
        const int status = source->reader->next(source, rows_max, &batch, error);
        if (status == HEDDLE_END && source->skip == 0) { /* the last of them were bad rows */
            return HEDDLE_OK;
        }
        HEDDLE_TRY(status);
        source->skip -= batch->change == HEDDLE_CHANGE_UPSERT ? batch->rows : 0;
        heddle_batch_release(batch);
    }
    return HEDDLE_OK;
}

int heddle_source_next(struct heddle_source *source, struct heddle_batch **batch_out,
                       struct heddle_error *error)
{
    if (source->limit == 0) {
        return HEDDLE_END;
    }
    HEDDLE_TRY(rows_skip(source, error));
    /* A rejected row is one of the limit's rows: it was read. */
    const uint64_t left = heddle_source_rows_left(source);
    if (left == 0) {
        return HEDDLE_END;
    }
    const size_t rows_max = left < source->batch_rows ? (size_t)left : source->batch_rows;
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(source->reader->next(source, rows_max, &batch, error));
    batch->schema = &source->schema;
    batch->source = source->name;
    batch->sequence = source->sequence++;
    /* A row as it was is shown beside others, and is none of the limit's. */
    source->rows_read += batch->change == HEDDLE_CHANGE_UPSERT ? batch->rows : 0;
    *batch_out = batch;
    return HEDDLE_OK;
}

uint64_t heddle_source_rows_read(const struct heddle_source *source)
{
    return source->rows_read;
}

uint64_t heddle_source_rows_rejected(const struct heddle_source *source)
{
    return source->rows_rejected;
}

void heddle_source_extend(struct heddle_source *source, uint64_t rows)
{
    const uint64_t used = source->rows_read + source->rows_rejected;
    source->limit = rows < UINT64_MAX - used ? used + rows : UINT64_MAX;
}

void heddle_source_close(struct heddle_source *source)
{
    if (source != NULL) {
        source->reader->close(source);
    }
}
