/* parquet_file.c: the outside of a Parquet file. */
#include "source/files/parquet_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A Parquet file begins and ends with this, or with PARE where its footer is encrypted; the smallest has 12
 * bytes. */
#define MAGIC "PAR1"
#define MAGIC_ENCRYPTED "PARE"
enum { MAGIC_LENGTH = 4, SMALLEST_FILE = 12 };

static bool magic_is(const char *bytes, const char *magic)
{
    return memcmp(bytes, magic, MAGIC_LENGTH) == 0;
}

int heddle_parquet_file_check(const char *path, struct heddle_error *error)
{
    char head[MAGIC_LENGTH] = {0};
    char tail[MAGIC_LENGTH] = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", path, strerror(errno));
    }
    const bool has_head = fread(head, sizeof head, 1, file) == 1;
    const bool has_tail = fseek(file, -MAGIC_LENGTH, SEEK_END) == 0 && fread(tail, sizeof tail, 1, file) == 1;
    const long size = ftell(file);
    fclose(file);
    if (size == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s is empty", path);
    }
    if (has_head && (magic_is(head, MAGIC_ENCRYPTED) || (has_tail && magic_is(tail, MAGIC_ENCRYPTED)))) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s is an encrypted Parquet file, which cannot be read",
                                path);
    }
    if (!has_head || !magic_is(head, MAGIC)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is not a Parquet file: it does not begin with " MAGIC, path);
    }
    if (size < SMALLEST_FILE || !has_tail || !magic_is(tail, MAGIC)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is cut short: a Parquet file ends with " MAGIC "; copy or write it again",
                                path);
    }
    return HEDDLE_OK;
}

/* DuckDB takes `*`, `?` and `[` in a path for a pattern: each is written as a set of one. */
void heddle_parquet_path_escape(struct heddle_buffer *out, const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        const bool special = *c == '*' || *c == '?' || *c == '[';
        heddle_buffer_append_text(out, special ? "[" : "");
        heddle_buffer_append_byte(out, (uint8_t)*c);
        heddle_buffer_append_text(out, special ? "]" : "");
    }
}

int heddle_parquet_prepare(struct heddle_duck_connection *connection, const char *sql, const char *path,
                           struct heddle_duck_statement **statement_out, struct heddle_error *error)
{
    struct heddle_buffer escaped = {0};
    heddle_parquet_path_escape(&escaped, path);
    const char *text = heddle_buffer_text(&escaped);
    int status = text != NULL ? heddle_duck_prepare(connection, sql, statement_out, error)
                              : heddle_error_out_of_memory(error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_bind_text(*statement_out, 1, text, escaped.length, error);
    }
    heddle_buffer_free(&escaped);
    return status;
}

int heddle_parquet_failure(int status, const char *file, struct heddle_error *error)
{
    heddle_error_prefix(error, "%s", file);
    if (status == HEDDLE_DATABASE) {
        status = HEDDLE_SOURCE;
        if (error != NULL) {
            error->status = status;
        }
    }
    return status;
}
