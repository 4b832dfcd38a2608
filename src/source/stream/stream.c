/* stream.c: what all kinds of streams share: dispatch, settings, the schema. */
#include "source/stream/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "source/reader.h"

enum { STREAM_ARENA_BLOCK = 16 * 1024 };

int heddle_stream_start(size_t size, const struct heddle_stream_kind *kind,
                        const struct heddle_stream_options *options, struct heddle_stream **stream_out,
                        struct heddle_error *error)
{
    struct heddle_stream *stream = heddle_calloc(1, size);
    if (stream == NULL) {
        return heddle_error_out_of_memory(error);
    }
    stream->kind = kind;
    stream->rows_expected = -1;
    int status = heddle_arena_create(STREAM_ARENA_BLOCK, &stream->arena, error);
    if (status == HEDDLE_OK) {
        struct heddle_stream_options *copy = heddle_arena_calloc(stream->arena, 1, sizeof *copy);
        status = copy == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
        if (copy != NULL) {
            *copy = *options;
            stream->options = copy;
        }
    }
    if (status == HEDDLE_OK) {
        status = heddle_source_setting_number(&options->source, "maxRowsPerBatch", 0, &stream->rows_per_batch,
                                              error);
    }
    if (status != HEDDLE_OK) {
        heddle_stream_end(stream);
        return status;
    }
    *stream_out = stream;
    return HEDDLE_OK;
}

void heddle_stream_end(struct heddle_stream *stream)
{
    heddle_arena_destroy(stream->arena);
    free(stream);
}

int heddle_stream_keep_schema(struct heddle_stream *stream, const struct heddle_schema *schema,
                              struct heddle_error *error)
{
    struct heddle_field *fields = heddle_arena_calloc(stream->arena, schema->count, sizeof *fields);
    if (fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < schema->count; i++) {
        fields[i] = schema->fields[i];
        fields[i].name =
            heddle_arena_copy_text(stream->arena, schema->fields[i].name, strlen(schema->fields[i].name));
        if (fields[i].name == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    stream->schema = (struct heddle_schema){.fields = fields, .count = schema->count};
    return HEDDLE_OK;
}

int heddle_stream_flag(const struct heddle_source_options *options, const char *name, bool fallback,
                       bool *value_out, struct heddle_error *error)
{
    const char *text = heddle_source_setting(options, name, NULL);
    *value_out = fallback;
    if (text == NULL) {
        return HEDDLE_OK;
    }
    *value_out = strcmp(text, "true") == 0;
    if (!*value_out && strcmp(text, "false") != 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "source `%s`: %s is `%s`, not true or false",
                                options->name, name, text);
    }
    return HEDDLE_OK;
}

int heddle_stream_open(const struct heddle_stream_options *options, const char *resume,
                       struct heddle_stream **stream_out, struct heddle_error *error)
{
    static const struct {
        const char *type;
        int (*open)(const struct heddle_stream_options *, const char *, struct heddle_stream **,
                    struct heddle_error *);
    } kinds[] = {
        {"delta", heddle_stream_open_delta},       {"parquet", heddle_stream_open_files},
        {"csv", heddle_stream_open_files},         {"jsonl", heddle_stream_open_files},
        {"generate", heddle_stream_open_generate},
    };
    const char *type = options->source.type != NULL ? options->source.type : "";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].type, type) == 0) {
            if (strcmp(type, "generate") != 0 &&
                (options->source.path == NULL || options->source.path[0] == '\0')) {
                return heddle_error_set(error, HEDDLE_INVALID, "source `%s` has no path",
                                        options->source.name);
            }
            return kinds[i].open(options, resume != NULL && resume[0] == '\0' ? NULL : resume, stream_out,
                                 error);
        }
    }
    /* The same words as for a table that is read at once. */
    struct heddle_source *none = NULL;
    const int status = heddle_source_open(&options->source, &none, error);
    heddle_source_close(none);
    return status != HEDDLE_OK
               ? status
               : heddle_error_set(error, HEDDLE_INTERNAL, "sources of type `%s` have no micro-batches", type);
}

const struct heddle_schema *heddle_stream_schema(const struct heddle_stream *stream)
{
    return &stream->schema;
}

uint64_t heddle_stream_rows_per_batch(const struct heddle_stream *stream)
{
    return stream->rows_per_batch;
}

uint64_t heddle_stream_fingerprint(const struct heddle_stream *stream)
{
    return stream->fingerprint;
}

int64_t heddle_stream_rows_expected(const struct heddle_stream *stream)
{
    return stream->rows_expected;
}

int heddle_stream_begin(struct heddle_stream *stream, struct heddle_buffer *start, struct heddle_error *error)
{
    heddle_buffer_reset(start);
    HEDDLE_TRY(stream->kind->begin(stream, start, error));
    return heddle_buffer_text(start) != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static const char *start_of(const char *start)
{
    return start != NULL && start[0] == '\0' ? NULL : start;
}

int heddle_stream_refresh(struct heddle_stream *stream, const char *start, bool frozen,
                          const struct heddle_stream *leader, struct heddle_error *error)
{
    return stream->kind->refresh(stream, start_of(start), frozen, leader, error);
}

int heddle_stream_plan(struct heddle_stream *stream, const char *start, bool unlimited,
                       struct heddle_buffer *end, struct heddle_error *error)
{
    heddle_buffer_reset(end);
    HEDDLE_TRY(stream->kind->plan(stream, start_of(start), unlimited, end, error));
    return heddle_buffer_text(end) != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_stream_read(struct heddle_stream *stream, const struct heddle_stream_range *range,
                       struct heddle_source **source_out, struct heddle_error *error)
{
    const struct heddle_stream_range clean = {
        .start = start_of(range->start), .end = range->end, .skip = range->skip, .limit = range->limit};
    return stream->kind->read(stream, &clean, source_out, error);
}

void heddle_stream_close(struct heddle_stream *stream)
{
    if (stream != NULL) {
        stream->kind->close(stream);
    }
}
