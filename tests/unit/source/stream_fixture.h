/* stream_fixture.h: a stream read to its end, one line a micro-batch. */
#ifndef HEDDLE_TESTS_STREAM_FIXTURE_H
#define HEDDLE_TESTS_STREAM_FIXTURE_H

#include "delta_fixture.h"
#include "source/stream/stream.h"

enum { SETTINGS_MAX = 8 };

/* A stream under test: fill the settings, then stream_begin(). */
struct stream_case {
    struct heddle_source_setting settings[SETTINGS_MAX];
    size_t count;
    struct reject_log log;
    struct heddle_stream_options options;
    struct heddle_stream *stream;
    char offset[512]; /* the newest, "" = none */
};

static inline void stream_set(struct stream_case *test, const char *name, const char *value)
{
    assert_true(test->count < SETTINGS_MAX);
    test->settings[test->count++] = (struct heddle_source_setting){name, value};
}

static inline int stream_try(struct stream_case *test, const char *type, const char *path,
                             struct heddle_error *error)
{
    test->options.source = options_of(type, path, &test->log);
    test->options.source.settings = test->settings;
    test->options.source.setting_count = test->count;
    return heddle_stream_open(&test->options, test->offset, &test->stream, error);
}

static inline void stream_begin(struct stream_case *test, const char *type, const char *path)
{
    struct heddle_error error = {0};
    if (stream_try(test, type, path, &error) != HEDDLE_OK) {
        fail_msg("cannot open: %s", error.message);
    }
}

static inline void stream_end(struct stream_case *test)
{
    heddle_stream_close(test->stream);
    heddle_buffer_free(&test->log.text);
    test->stream = NULL;
}

/* What a range shows of one kind of change. */
struct range_rows {
    unsigned long long rows;
    int64_t least;
    int64_t greatest;
};

static inline void range_count(struct range_rows *seen, const struct heddle_batch *batch)
{
    for (size_t i = 0; i < batch->rows; i++) {
        const int64_t value = heddle_column_integer(&batch->columns[0], i);
        seen->least = seen->rows == 0 || value < seen->least ? value : seen->least;
        seen->greatest = seen->rows == 0 || value > seen->greatest ? value : seen->greatest;
        seen->rows++;
    }
}

/* Appends the rows of a range: "5 rows 0-4", by the first column, an INTEGER; and of a change feed what it shows of rows as they
 * were: ", looks 2 3-4, removes 2 3-4". Within a version it looks before it gives rows, and removes behind them. */
static inline void range_print(struct heddle_stream *stream, const struct heddle_stream_range *range,
                               struct heddle_buffer *out)
{
    static const char *const formats[] = {"%llu rows %lld-%lld", ", looks %llu %lld-%lld",
                                          ", removes %llu %lld-%lld"};
    static const int order[] = {
        [HEDDLE_CHANGE_LOOK] = 0, [HEDDLE_CHANGE_UPSERT] = 1, [HEDDLE_CHANGE_REMOVE] = 2};
    struct heddle_source *source = NULL;
    struct heddle_error error = {0};
    struct heddle_batch *batch = NULL;
    struct range_rows seen[3] = {0};
    int64_t version = -1;
    int last = 0;
    if (heddle_stream_read(stream, range, &source, &error) != HEDDLE_OK) {
        fail_msg("cannot read: %s", error.message);
    }
    while (heddle_source_next(source, &batch, &error) == HEDDLE_OK) {
        assert_true(batch->version > version || (batch->version == version && order[batch->change] >= last));
        version = batch->version;
        last = order[batch->change];
        range_count(&seen[batch->change], batch);
        heddle_batch_release(batch);
    }
    assert_string_equal(error.message, "");
    assert_int_equal(heddle_source_rows_read(source), seen[HEDDLE_CHANGE_UPSERT].rows);
    heddle_source_close(source);
    if (seen[HEDDLE_CHANGE_UPSERT].rows == 0) {
        heddle_buffer_append_text(out, "0 rows");
    }
    for (size_t i = 0; i < 3; i++) {
        if (seen[i].rows > 0) {
            heddle_buffer_append_format(out, formats[i], seen[i].rows, (long long)seen[i].least,
                                        (long long)seen[i].greatest);
        }
    }
}

/* Reads micro-batches to the end and answers one line each, "OFFSET: ROWS". Valid until the next call. */
static inline const char *stream_run(struct stream_case *test)
{
    static struct heddle_buffer out;
    struct heddle_buffer end = {0};
    struct heddle_error error = {0};
    int status = heddle_stream_refresh(test->stream, test->offset, true, NULL, &error);
    heddle_buffer_reset(&out);
    while (status == HEDDLE_OK) {
        status = heddle_stream_plan(test->stream, test->offset, false, &end, &error);
        if (status == HEDDLE_OK) {
            const char *text = heddle_buffer_text(&end);
            const struct heddle_stream_range range = {
                .start = test->offset, .end = text, .limit = UINT64_MAX};
            heddle_buffer_append_format(&out, "%s: ", text);
            range_print(test->stream, &range, &out);
            heddle_buffer_append_byte(&out, '\n');
            snprintf(test->offset, sizeof test->offset, "%s", text);
        }
    }
    if (status != HEDDLE_END) {
        heddle_buffer_append_format(&out, "%s\n", error.message);
    }
    heddle_buffer_free(&end);
    return heddle_buffer_text(&out) != NULL ? heddle_buffer_text(&out) : "";
}

/* Reads a file of the project below HEDDLE_SOURCE_DIR. */
static inline char *project_file(const char *name, size_t *length_out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", HEDDLE_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    text[size] = '\0';
    fclose(file);
    if (length_out != NULL) {
        *length_out = (size_t)size;
    }
    return text;
}

#endif
