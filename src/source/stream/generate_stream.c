/* generate_stream.c: made-up rows as micro-batches: one, of all rows that the settings ask for beyond those made already. */
#include <inttypes.h>
#include <jansson.h>

#include "source/reader.h"
#include "source/stream/kind.h"

struct generate_stream {
    struct heddle_stream base;
    uint64_t rows;
};

static int offset_read(const struct generate_stream *generate, const char *text, uint64_t *rows_out,
                       struct heddle_error *error)
{
    json_error_t failure;
    *rows_out = 0;
    if (text == NULL) {
        return HEDDLE_OK;
    }
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &failure);
    const json_t *number = json_object_get(object, "rowOffset");
    const bool good = json_is_integer(number) && json_integer_value(number) >= 0;
    *rows_out = good ? (uint64_t)json_integer_value(number) : 0;
    json_decref(object);
    if (!good) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the offset `%.80s` is not one of the generator: {\"rowOffset\":N}", text);
    }
    if (*rows_out > generate->rows) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the checkpoint says that %" PRIu64
                                " rows were made, and now rows is %" PRIu64 ": begin anew with --fresh",
                                *rows_out, generate->rows);
    }
    return HEDDLE_OK;
}

static int generate_begin(struct heddle_stream *stream, struct heddle_buffer *start,
                          struct heddle_error *error)
{
    (void)stream; /* from the first row on */
    (void)start;
    (void)error;
    return HEDDLE_OK;
}

static int generate_refresh(struct heddle_stream *stream, const char *start, bool frozen,
                            const struct heddle_stream *leader, struct heddle_error *error)
{
    const struct generate_stream *generate = (const struct generate_stream *)stream;
    uint64_t made = 0;
    (void)frozen;
    (void)leader;
    HEDDLE_TRY(offset_read(generate, start, &made, error));
    stream->rows_expected = (int64_t)(generate->rows - made);
    stream->fingerprint = generate->rows;
    return HEDDLE_OK;
}

static int generate_plan(struct heddle_stream *stream, const char *start, bool unlimited,
                         struct heddle_buffer *end, struct heddle_error *error)
{
    const struct generate_stream *generate = (const struct generate_stream *)stream;
    uint64_t made = 0;
    (void)unlimited;
    HEDDLE_TRY(offset_read(generate, start, &made, error));
    if (made == generate->rows) {
        return HEDDLE_END;
    }
    heddle_buffer_append_format(end, "{\"rowOffset\":%" PRIu64 "}", generate->rows);
    return HEDDLE_OK;
}

static int generate_read(struct heddle_stream *stream, const struct heddle_stream_range *range,
                         struct heddle_source **source_out, struct heddle_error *error)
{
    const struct generate_stream *generate = (const struct generate_stream *)stream;
    struct heddle_source_options options = stream->options->source;
    uint64_t from = 0;
    uint64_t end = 0;
    HEDDLE_TRY(offset_read(generate, range->start, &from, error));
    HEDDLE_TRY(offset_read(generate, range->end, &end, error));
    const uint64_t rows = end > from ? end - from : 0;
    const uint64_t skip = range->skip < rows ? range->skip : rows;
    options.skip = from + skip;
    options.limit = rows - skip < range->limit ? rows - skip : range->limit;
    return heddle_source_open(&options, source_out, error);
}

static void generate_close(struct heddle_stream *stream)
{
    heddle_stream_end(stream);
}

static int generate_fill(struct generate_stream *generate, struct heddle_error *error)
{
    struct heddle_source_options options = generate->base.options->source;
    struct heddle_source *source = NULL;
    options.limit = UINT64_MAX;
    HEDDLE_TRY(heddle_source_open(&options, &source, error));
    generate->rows = (uint64_t)heddle_source_rows_expected(source);
    const int status = heddle_stream_keep_schema(&generate->base, heddle_source_schema(source), error);
    heddle_source_close(source);
    return status;
}

int heddle_stream_open_generate(const struct heddle_stream_options *options, const char *resume,
                                struct heddle_stream **stream_out, struct heddle_error *error)
{
    static const struct heddle_stream_kind kind = {.begin = generate_begin,
                                                   .refresh = generate_refresh,
                                                   .plan = generate_plan,
                                                   .read = generate_read,
                                                   .close = generate_close};
    struct heddle_stream *stream = NULL;
    (void)resume;
    HEDDLE_TRY(heddle_stream_start(sizeof(struct generate_stream), &kind, options, &stream, error));
    const int status = generate_fill((struct generate_stream *)stream, error);
    if (status != HEDDLE_OK) {
        generate_close(stream);
        return status;
    }
    *stream_out = stream;
    return HEDDLE_OK;
}
