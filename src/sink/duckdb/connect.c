/* connect.c: the file behind "duckdb:FILE", and sentences for the ways it cannot be opened. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/duckdb/internal.h"

static const char scheme[] = "duckdb:";

const char *heddle_duckdb_path(const char *to)
{
    if (to == NULL || strncasecmp(to, scheme, sizeof scheme - 1) != 0 || to[sizeof scheme - 1] == '\0') {
        return NULL;
    }
    return to + sizeof scheme - 1;
}

/* A new file needs a folder that can be written to. */
static int folder_check(const char *path, struct heddle_error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= sizeof folder) {
        return heddle_error_set(error, HEDDLE_IO, "the path of the DuckDB file is longer than %d bytes",
                                PATH_MAX);
    }
    snprintf(folder, sizeof folder, "%.*s", length == 0 ? 1 : (int)length, length == 0 ? "." : path);
    struct stat status;
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return heddle_error_set(error, HEDDLE_IO,
                                "the folder %s of the DuckDB file %s does not exist: make it, or "
                                "give another path",
                                folder, path);
    }
    if (access(folder, W_OK) != 0) {
        return heddle_error_set(error, HEDDLE_IO,
                                "the folder %s of the DuckDB file %s cannot be written to: %s", folder, path,
                                strerror(errno));
    }
    return HEDDLE_OK;
}

int heddle_duckdb_path_check(const char *path, bool read_only, struct heddle_error *error)
{
    struct stat status;
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            return heddle_error_set(error, HEDDLE_IO, "%s is a folder: a DuckDB target is one file", path);
        }
        if (access(path, read_only ? R_OK : R_OK | W_OK) != 0) {
            return heddle_error_set(error, HEDDLE_IO, "the DuckDB file %s cannot be %s: %s", path,
                                    read_only ? "read" : "written to", strerror(errno));
        }
        return HEDDLE_OK;
    }
    if (read_only) {
        return heddle_error_set(error, HEDDLE_IO,
                                "there is no DuckDB file %s: load it first (heddle run JOB --to "
                                "duckdb:%s)",
                                path, path);
    }
    return folder_check(path, error);
}

/* DuckDB's own sentences for what a user can put right. */
static int open_failed(const char *path, struct heddle_error *error)
{
    if (error == NULL || error->status != HEDDLE_DATABASE) {
        return error == NULL ? HEDDLE_IO : error->status;
    }
    const char *lock = strstr(error->message, "Conflicting lock is held in ");
    if (lock != NULL) {
        char holder[160];
        snprintf(holder, sizeof holder, "%.*s",
                 (int)strcspn(lock + strlen("Conflicting lock is held in "), "."),
                 lock + strlen("Conflicting lock is held in "));
        return heddle_error_set(error, HEDDLE_IO,
                                "the DuckDB file %s is open in another process (%s): end it, or give "
                                "another file",
                                path, holder);
    }
    if (strstr(error->message, "not a valid DuckDB database") != NULL) {
        return heddle_error_set(error, HEDDLE_IO,
                                "%s exists and is not a DuckDB file: it is left as it is, give "
                                "another path",
                                path);
    }
    error->status = HEDDLE_IO;
    return HEDDLE_IO;
}

int heddle_duckdb_connect(const char *path, bool read_only, struct heddle_duck **duck_out,
                          struct heddle_duck_connection **connection_out, struct heddle_error *error)
{
    struct heddle_error local = {0};
    struct heddle_error *why = error != NULL ? error : &local;
    HEDDLE_TRY(heddle_duckdb_path_check(path, read_only, why));
    const struct heddle_duck_options options = {
        .path = path, .memory_limit = HEDDLE_DUCKDB_MEMORY, .threads = 1, .read_only = read_only};
    struct heddle_duck *duck = NULL;
    if (heddle_duck_open(&options, &duck, why) != HEDDLE_OK) {
        return open_failed(path, why);
    }
    const int status = heddle_duck_connect(duck, connection_out, why);
    if (status != HEDDLE_OK) {
        heddle_duck_close(duck);
        return status;
    }
    *duck_out = duck;
    return HEDDLE_OK;
}

int heddle_duckdb_execute(struct heddle_duck_connection *connection, struct heddle_buffer *sql,
                          struct heddle_error *error)
{
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_execute(connection, heddle_buffer_text(sql), error);
    }
    heddle_buffer_free(sql);
    return status;
}
