/* source_fixture.h: a folder of one's own, files in it, and a source read to its end as text. */
#ifndef HEDDLE_TESTS_SOURCE_FIXTURE_H
#define HEDDLE_TESTS_SOURCE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "column/convert.h"
#include "duck/duck.h"
#include "source/source.h"

static char folder[64];

static int folder_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heddle-source-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int folder_remove(void **state)
{
    (void)state;
    char path[512];
    DIR *listing = opendir(folder);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(listing);
    return rmdir(folder);
}

/* The path of a file in the folder; valid until the next but three. */
static inline const char *path_of(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void file_write(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void text_write(const char *name, const char *text)
{
    file_write(name, text, strlen(text));
}

/* Rejects as "file:ordinal CODE [raw]" lines, the file without its folder. */
struct reject_log {
    struct heddle_buffer text;
    size_t count;
    size_t limit; /* the limit passes with this many; 0 = never */
};

static inline int reject_note(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    struct reject_log *log = context;
    const char *slash = strrchr(reject->file, '/');
    assert_int_equal(reject->stage, HEDDLE_STAGE_READ);
    assert_null(reject->batch);
    assert_string_equal(reject->target, "");
    assert_true(strlen(reject->reason) > 0);
    heddle_buffer_append_format(&log->text, "%s:%llu %s [%s]\n", slash != NULL ? slash + 1 : reject->file,
                                (unsigned long long)reject->ordinal, reject->code, reject->raw);
    log->count++;
    return log->limit > 0 && log->count >= log->limit ? heddle_error_set(error, HEDDLE_REJECTED, "too many")
                                                      : HEDDLE_OK;
}

static inline struct heddle_source_options options_of(const char *type, const char *path,
                                                      struct reject_log *log)
{
    return (struct heddle_source_options){
        .name = "test", .type = type, .path = path, .limit = UINT64_MAX, .rejects = {reject_note, log}};
}

/* Appends a batch as lines "file:ordinal|value|value", and checks what holds for every batch. */
static inline void batch_print(const struct heddle_batch *batch, struct heddle_buffer *out)
{
    char text[512];
    const char *slash = strrchr(batch->file, '/');
    assert_true(batch->rows > 0);
    for (size_t i = 0; i < batch->schema->count; i++) {
        assert_int_equal(batch->columns[i].length, batch->rows);
        assert_int_equal(batch->columns[i].type, batch->schema->fields[i].type);
    }
    for (size_t row = 0; row < batch->rows; row++) {
        heddle_buffer_append_format(out, "%s:%llu", slash != NULL ? slash + 1 : batch->file,
                                    (unsigned long long)heddle_batch_ordinal(batch, row));
        for (size_t i = 0; i < batch->schema->count; i++) {
            heddle_buffer_append_format(out, "|%s",
                                        heddle_column_print(&batch->columns[i], row, text, sizeof text));
        }
        heddle_buffer_append_byte(out, '\n');
    }
}

/* Reads an open source to its end. Answers the status that ended it. */
static inline int source_print(struct heddle_source *source, struct heddle_buffer *out,
                               struct heddle_error *error)
{
    for (uint64_t sequence = 0;; sequence++) {
        struct heddle_batch *batch = NULL;
        const int status = heddle_source_next(source, &batch, error);
        if (status != HEDDLE_OK) {
            return status;
        }
        assert_true(batch->sequence == sequence);
        batch_print(batch, out);
        heddle_batch_release(batch);
    }
}

/* Opens, reads all, closes; asserts the rows and rejects as text. */
static inline void expect_source(const struct heddle_source_options *options, const char *rows,
                                 const char *rejects)
{
    struct heddle_source *source = NULL;
    struct heddle_buffer out = {0};
    struct heddle_error error = {0};
    struct reject_log *log = options->rejects.context;
    if (heddle_source_open(options, &source, &error) != HEDDLE_OK) {
        fail_msg("cannot open: %s", error.message);
    }
    const int status = source_print(source, &out, &error);
    if (status != HEDDLE_END) {
        fail_msg("cannot read: %s", error.message);
    }
    assert_string_equal(heddle_buffer_text(&out), rows);
    assert_string_equal(heddle_buffer_text(&log->text), rejects);
    assert_int_equal(heddle_source_rows_rejected(source), log->count);
    heddle_buffer_free(&out);
    heddle_buffer_free(&log->text);
    log->count = 0;
    heddle_source_close(source);
}

/* Asserts that open() fails with a status and a message that holds `part`. */
static inline void expect_refused(const struct heddle_source_options *options, int status, const char *part)
{
    struct heddle_source *source = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_source_open(options, &source, &error), status);
    if (strstr(error.message, part) == NULL) {
        fail_msg("`%s` is not in `%s`", part, error.message);
    }
    assert_null(source);
}

/* Runs SQL in a database of its own (for making files); %s in it is the folder. */
static inline void sql_run(const char *format)
{
    char sql[2048];
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    struct heddle_error error = {0};
    const struct heddle_duck_options options = {0};
    /* Every use of the folder in one statement: at most three. */
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
        snprintf(sql, sizeof sql, format, folder, folder, folder);
    _Pragma("GCC diagnostic pop") assert_int_equal(heddle_duck_open(&options, &duck, &error), HEDDLE_OK);
    assert_int_equal(heddle_duck_connect(duck, &connection, &error), HEDDLE_OK);
    if (heddle_duck_execute(connection, sql, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", sql, error.message);
    }
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
}

/* Whether libduckdb is there; prints why not. */
static inline bool duck_is_there(void)
{
    struct heddle_duck *duck = NULL;
    struct heddle_error error = {0};
    const struct heddle_duck_options options = {0};
    if (heddle_duck_open(&options, &duck, &error) != HEDDLE_OK) {
        print_message("skipped: %s\n", error.message);
        return false;
    }
    heddle_duck_close(duck);
    return true;
}

#endif
