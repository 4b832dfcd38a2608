/* export.c: a stream of batches written to one file, batch by batch. */
#include "source/export/export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "duck/feed.h"
#include "source/files/list.h"
#include "source/export/text_writer.h"

/* Written in pieces of this: a few batches. */
enum { PIECE = 1024 * 1024 };

struct export
{
    const struct heddle_export_stream *stream;
    const struct heddle_export_options *options;
    char part[PATH_MAX]; /* the file while it is being written */
    uint64_t rows;
};

static int io_failure(const struct export *export, const char *what, struct heddle_error *error)
{
    const char *advice = errno == ENOSPC || errno == EDQUOT ? "; free some space and run again" : "";
    return heddle_error_set(error, HEDDLE_IO, "%s cannot be %s: %s%s", export->options->path, what,
                            strerror(errno), advice);
}

/* Notes a batch as written. */
static int progress_tell(struct export *export, size_t rows, struct heddle_error *error)
{
    export->rows += rows;
    if (export->options->progress == NULL) {
        return HEDDLE_OK;
    }
    const int status = export->options->progress(export->options->context, export->rows);
    return status == HEDDLE_OK ? status : heddle_error_set(error, status, "the export was stopped");
}

/* Writes all of a buffer and empties it. */
static int buffer_write(const struct export *export, int file, struct heddle_buffer *buffer,
                        struct heddle_error *error)
{
    HEDDLE_TRY(heddle_buffer_check(buffer, error));
    if (!heddle_file_write_all(file, buffer->bytes, buffer->length)) {
        return io_failure(export, "written", error);
    }
    heddle_buffer_reset(buffer);
    return HEDDLE_OK;
}

/* Writes the lines of all batches to an open file. */
static int lines_write(struct export *export, int file, bool csv, struct heddle_buffer *buffer,
                       struct heddle_error *error)
{
    if (csv) {
        heddle_csv_header_write(buffer, export->stream->schema);
    }
    for (;;) {
        struct heddle_batch *batch = NULL;
        const int status = export->stream->next(export->stream->context, &batch, error);
        if (status == HEDDLE_END) {
            return buffer_write(export, file, buffer, error);
        }
        HEDDLE_TRY(status);
        for (size_t row = 0; row < batch->rows; row++) {
            if (csv) {
                heddle_csv_row_write(buffer, batch, row);
            } else {
                heddle_json_row_write(buffer, batch, row);
            }
        }
        const size_t rows = batch->rows;
        heddle_batch_release(batch);
        if (buffer->length >= PIECE || buffer->failed) {
            HEDDLE_TRY(buffer_write(export, file, buffer, error));
        }
        HEDDLE_TRY(progress_tell(export, rows, error));
    }
}

static int text_export(struct export *export, bool csv, struct heddle_error *error)
{
    struct heddle_buffer buffer = {0};
    const int file = open(export->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        return io_failure(export, "made", error);
    }
    int status = lines_write(export, file, csv, &buffer, error);
    heddle_buffer_free(&buffer);
    /* Some file systems tell of a full disk only here. */
    if (status == HEDDLE_OK && fsync(file) != 0 && errno != EINVAL) {
        status = io_failure(export, "written", error);
    }
    if (close(file) != 0 && status == HEDDLE_OK) {
        status = io_failure(export, "written", error);
    }
    return status;
}

/* The feed of the Parquet writer. */
static int feed_next(void *context, struct heddle_batch **batch_out, struct heddle_error *error)
{
    struct export *export = context;
    HEDDLE_TRY(export->stream->next(export->stream->context, batch_out, error));
    const int status = progress_tell(export, (*batch_out)->rows, error);
    if (status != HEDDLE_OK) {
        heddle_batch_release(*batch_out);
        *batch_out = NULL;
    }
    return status;
}

static int parquet_copy(struct heddle_duck_connection *connection, struct heddle_duck_feed *feed,
                        const struct export *export, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "COPY (SELECT * FROM heddle_feed()) TO ");
    heddle_duck_quote_text(&sql, export->part);
    heddle_buffer_append_text(&sql, " (FORMAT parquet, COMPRESSION snappy)");
    const char *text = heddle_buffer_text(&sql);
    int status = text != NULL ? heddle_duck_feed_register(connection, "heddle_feed", feed, error)
                              : heddle_error_out_of_memory(error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_execute(connection, text, error);
    }
    heddle_duck_feed_reset(feed);
    heddle_buffer_free(&sql);
    if (status != HEDDLE_OK && feed->failure.status != HEDDLE_OK && feed->failure.status != HEDDLE_END) {
        if (error != NULL) {
            *error = feed->failure;
        }
        return feed->failure.status;
    }
    if (status == HEDDLE_DATABASE) {
        heddle_error_prefix(error, "%s cannot be written", export->options->path);
        status = HEDDLE_IO;
        if (error != NULL) {
            error->status = status;
        }
    }
    return status;
}

static int parquet_export(struct export *export, struct heddle_error *error)
{
    const struct heddle_duck_options options = {0};
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    struct heddle_duck_feed feed = {.schema = export->stream->schema, .next = feed_next, .context = export};
    HEDDLE_TRY(heddle_duck_open(&options, &duck, error));
    int status = heddle_duck_connect(duck, &connection, error);
    if (status == HEDDLE_OK) {
        status = parquet_copy(connection, &feed, export, error);
    }
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    return status;
}

/* The format that is meant, by name or by the path's ending: 'p', 'c' or 'j'; '\0' where there is none. */
static char format_choose(const struct heddle_export_options *options)
{
    static const char *const parquet[] = {".parquet", ".parq", ".pq", NULL};
    static const char *const csv[] = {".csv", NULL};
    static const char *const jsonl[] = {".jsonl", ".ndjson", NULL};
    const char *format = options->format;
    if (format == NULL) {
        format = heddle_file_has_ending(options->path, parquet) ? "parquet"
                 : heddle_file_has_ending(options->path, csv)   ? "csv"
                 : heddle_file_has_ending(options->path, jsonl) ? "jsonl"
                                                                : "";
    }
    const bool known =
        strcmp(format, "parquet") == 0 || strcmp(format, "csv") == 0 || strcmp(format, "jsonl") == 0;
    return known ? format[0] : '\0';
}

int heddle_export(const struct heddle_export_stream *stream, const struct heddle_export_options *options,
                  uint64_t *rows_out, struct heddle_error *error)
{
    struct export export = {.stream = stream, .options = options};
    const char format = format_choose(options);
    if (format == '\0') {
        return heddle_error_set(error, HEDDLE_INVALID, "%s%s is no format; there are parquet, csv and jsonl",
                                options->format != NULL ? options->format : "the ending of ",
                                options->format != NULL ? "" : options->path);
    }
    const int length =
        snprintf(export.part, sizeof export.part, "%s.part-%ld", options->path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof export.part) {
        return heddle_error_set(error, HEDDLE_INVALID, "the path %.100s... is too long", options->path);
    }
    int status = format == 'p' ? parquet_export(&export, error) : text_export(&export, format == 'c', error);
    if (status == HEDDLE_OK && rename(export.part, options->path) != 0) {
        status = io_failure(&export, "put in place", error);
    }
    if (status != HEDDLE_OK) {
        unlink(export.part);
        return status;
    }
    if (rows_out != NULL) {
        *rows_out = export.rows;
    }
    return HEDDLE_OK;
}

static int source_next(void *context, struct heddle_batch **batch_out, struct heddle_error *error)
{
    return heddle_source_next(context, batch_out, error);
}

int heddle_source_export(struct heddle_source *source, const struct heddle_export_options *options,
                         uint64_t *rows_out, struct heddle_error *error)
{
    const struct heddle_export_stream stream = {heddle_source_schema(source), source_next, source};
    return heddle_export(&stream, options, rows_out, error);
}
