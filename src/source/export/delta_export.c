/* delta_export.c: a new Delta table, file by file and commit by commit, in a folder that becomes the table at the end. */
#include "source/export/delta_export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "duck/feed.h"
#include "source/export/delta_lines.h"

enum {
    MILLISECONDS_PER_SECOND = 1000,
    NANOSECONDS_PER_MILLISECOND = 1000000,
    BATCH_ROWS = 2048, /* what DuckDB takes at once */
    TREE_FILES_OPEN = 8,
    LOG_NAME_MAX = 64,
};
static const uint64_t LAST_48_BITS = 0xffffffffffff;
#define FEED "heddle_delta_feed"
#define LOG_FOLDER "_delta_log"

struct delta_export {
    const struct heddle_delta_rows *rows;
    const struct heddle_delta_export_options *options;
    struct heddle_delta_export_column *columns;
    struct heddle_duck_connection *connection;
    struct heddle_buffer sql;
    struct heddle_buffer lines;
    uint64_t random;           /* state of the names and ids */
    int64_t time_ms;           /* last one given out */
    uint64_t rows_written;     /* of all files */
    uint64_t file_rows_left;   /* to be written to it */
    char part[PATH_MAX - 256]; /* the table while it is being made; leaves room for the names below it */
};

static int io_failure(const char *path, const char *what, struct heddle_error *error)
{
    const char *advice = errno == ENOSPC || errno == EDQUOT ? "; free some space and run again" : "";
    return heddle_error_set(error, HEDDLE_IO, "%s cannot be %s: %s%s", path, what, strerror(errno), advice);
}

/* A random UUID (RFC 9562, version 4), but from the seed. */
static void uuid_make(struct delta_export *export, char out[static HEDDLE_DELTA_UUID_MAX])
{
    const uint64_t high = heddle_random_next(&export->random);
    const uint64_t low = heddle_random_next(&export->random);
    snprintf(out, HEDDLE_DELTA_UUID_MAX,
             "%08" PRIx32 "-%04" PRIx16 "-4%03" PRIx16 "-%04" PRIx16 "-%012" PRIx64, (uint32_t)(high >> 32),
             (uint16_t)(high >> 16), (uint16_t)(high & 0xfff), (uint16_t)(0x8000 | (low >> 50)),
             low & LAST_48_BITS);
}

/* A time later than all before. */
static int64_t time_next(struct delta_export *export)
{
    export->time_ms++;
    if (export->options->time_ms < 0) {
        struct timespec now = {0};
        clock_gettime(CLOCK_REALTIME, &now);
        const int64_t ms =
            (int64_t)now.tv_sec * MILLISECONDS_PER_SECOND + now.tv_nsec / NANOSECONDS_PER_MILLISECOND;
        export->time_ms = ms > export->time_ms ? ms : export->time_ms;
    }
    return export->time_ms;
}

/* ---- data files ---- */

/* The feed of the Parquet writer: as many rows as the file is to have. */
static int feed_next(void *context, struct heddle_batch **batch_out, struct heddle_error *error)
{
    struct delta_export *export = context;
    const struct heddle_delta_export_options *options = export->options;
    struct heddle_batch *batch = NULL;
    if (export->file_rows_left == 0) {
        return HEDDLE_END;
    }
    const size_t most = export->file_rows_left < BATCH_ROWS ? (size_t) export->file_rows_left : BATCH_ROWS;
    HEDDLE_TRY(export->rows->next(export->rows->context, most, &batch, error));
    int status = HEDDLE_OK;
    for (size_t i = 0; i < batch->schema->count && status == HEDDLE_OK; i++) {
        status = heddle_delta_stats_add(&export->columns[i].stats, &batch->columns[i], error);
    }
    export->file_rows_left -= batch->rows;
    export->rows_written += batch->rows;
    if (status == HEDDLE_OK && options->progress != NULL) {
        status = options->progress(options->context, export->rows_written);
        if (status != HEDDLE_OK) {
            status = heddle_error_set(error, status, "the export was stopped");
        }
    }
    if (status != HEDDLE_OK) {
        heddle_batch_release(batch);
        return status;
    }
    *batch_out = batch;
    return HEDDLE_OK;
}

/* COPY with the columns under their physical names, and with their ids in the Parquet schema. */
static const char *copy_sql(struct delta_export *export, const char *path)
{
    const struct heddle_schema *schema = export->rows->schema;
    struct heddle_buffer *sql = &export->sql;
    heddle_buffer_reset(sql);
    heddle_buffer_append_text(sql, "COPY (SELECT ");
    for (size_t i = 0; i < schema->count; i++) {
        heddle_buffer_append_text(sql, i > 0 ? ", " : "");
        heddle_duck_quote_name(sql, schema->fields[i].name);
        heddle_buffer_append_text(sql, " AS ");
        heddle_duck_quote_name(sql, export->columns[i].physical);
    }
    heddle_buffer_append_text(sql, " FROM " FEED "()) TO ");
    heddle_duck_quote_text(sql, path);
    heddle_buffer_append_text(sql, " (FORMAT parquet, COMPRESSION snappy, FIELD_IDS {");
    for (size_t i = 0; i < schema->count; i++) {
        heddle_buffer_append_text(sql, i > 0 ? ", " : "");
        heddle_duck_quote_text(sql, export->columns[i].physical);
        heddle_buffer_append_format(sql, ": %zu", i + 1);
    }
    heddle_buffer_append_text(sql, "})");
    return heddle_buffer_text(sql);
}

/* What the caller is told of a COPY that failed: the feed's own words where it was the feed. */
static int copy_failure(const struct heddle_duck_feed *feed, const char *path, int status,
                        struct heddle_error *error)
{
    if (feed->failure.status != HEDDLE_OK && feed->failure.status != HEDDLE_END) {
        if (error != NULL) {
            *error = feed->failure;
        }
        return feed->failure.status;
    }
    if (status == HEDDLE_DATABASE) {
        heddle_error_prefix(error, "%s cannot be written", path);
        status = HEDDLE_IO;
        if (error != NULL) {
            error->status = status;
        }
    }
    return status;
}

/* Writes the next data file, the `number`-th of its commit, of `rows` rows, and its line. */
static int file_write(struct delta_export *export, struct heddle_duck_feed *feed, uint64_t number,
                      uint64_t rows, struct heddle_delta_export_file *file, struct heddle_error *error)
{
    char uuid[HEDDLE_DELTA_UUID_MAX];
    char path[PATH_MAX];
    struct stat info;
    uuid_make(export, uuid);
    snprintf(file->name, sizeof file->name, "part-%05" PRIu64 "-%s.c000.snappy.parquet", number, uuid);
    snprintf(path, sizeof path, "%s/%s", export->part, file->name);
    export->file_rows_left = rows;
    for (size_t i = 0; i < export->rows->schema->count; i++) {
        heddle_delta_stats_reset(&export->columns[i].stats);
    }
    const char *sql = copy_sql(export, path);
    int status =
        sql != NULL ? heddle_duck_execute(export->connection, sql, error) : heddle_error_out_of_memory(error);
    heddle_duck_feed_reset(feed);
    if (status != HEDDLE_OK) {
        return copy_failure(feed, path, status, error);
    }
    if (stat(path, &info) != 0) {
        return io_failure(path, "read back", error);
    }
    file->rows = rows;
    file->bytes = info.st_size;
    file->time_ms = time_next(export);
    return heddle_delta_line_add(export->rows->schema, export->columns, file, &export->lines, error);
}

/* ---- commits ---- */

/* Writes the lines as `path`, with the time of the commit as its own: readers that travel in time go by it. */
static int lines_save(const struct heddle_buffer *lines, const char *path, int64_t time_ms,
                      struct heddle_error *error)
{
    const time_t seconds = (time_t)(time_ms / MILLISECONDS_PER_SECOND);
    const long rest = (long)(time_ms % MILLISECONDS_PER_SECOND) * NANOSECONDS_PER_MILLISECOND;
    const struct timespec times[2] = {{seconds, rest}, {seconds, rest}};
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) {
        return io_failure(path, "made", error);
    }
    int status = HEDDLE_OK;
    if (!heddle_file_write_all(file, lines->bytes, lines->length)) {
        status = io_failure(path, "written", error);
    }
    if (status == HEDDLE_OK && futimens(file, times) != 0) {
        status = io_failure(path, "given its time", error);
    }
    if (close(file) != 0 && status == HEDDLE_OK) {
        status = io_failure(path, "written", error);
    }
    return status;
}

/* Puts what every table begins with into its first commit. */
static int table_begin(struct delta_export *export, struct heddle_buffer *lines, struct heddle_error *error)
{
    char id[HEDDLE_DELTA_UUID_MAX];
    uuid_make(export, id);
    HEDDLE_TRY(heddle_delta_line_protocol(lines, error));
    return heddle_delta_line_metadata(export->rows->schema, export->columns, id, export->time_ms, lines,
                                      error);
}

/* Row at which file `file` of all begins: even shares, without a product that could overflow. */
static uint64_t file_begin(const struct delta_export *export, uint64_t file, uint64_t files)
{
    return (uint64_t)((unsigned __int128)export->rows->count * file / files);
}

/* Its data files come first, so that the adds are known when the line about the whole commit is written, which leads. */
static int commit_write(struct delta_export *export, struct heddle_duck_feed *feed, uint64_t version,
                        struct heddle_error *error)
{
    const uint64_t each = export->options->files_per_commit;
    const uint64_t files = export->options->commits * each;
    char id[HEDDLE_DELTA_UUID_MAX];
    char path[PATH_MAX];
    struct heddle_delta_export_commit commit = {.version = version, .id = id, .files = each};
    struct heddle_buffer head = {0};
    heddle_buffer_reset(&export->lines);
    for (uint64_t i = 0; i < each; i++) {
        struct heddle_delta_export_file file = {0};
        const uint64_t first = file_begin(export, version * each + i, files);
        const uint64_t end = file_begin(export, version * each + i + 1, files);
        HEDDLE_TRY(file_write(export, feed, i, end - first, &file, error));
        commit.rows += file.rows;
        commit.bytes += file.bytes;
    }
    uuid_make(export, id);
    commit.time_ms = time_next(export);
    int status = heddle_delta_line_commit_info(&commit, &head, error);
    if (status == HEDDLE_OK && version == 0) {
        status = table_begin(export, &head, error);
    }
    if (status == HEDDLE_OK) {
        heddle_buffer_append(&head, export->lines.bytes, export->lines.length);
        status = heddle_buffer_check(&head, error);
    }
    if (status == HEDDLE_OK) {
        snprintf(path, sizeof path, "%s/" LOG_FOLDER "/%020" PRIu64 ".json", export->part, version);
        status = lines_save(&head, path, commit.time_ms, error);
    }
    heddle_buffer_free(&head);
    return status;
}

/* ---- the table ---- */

static int commits_write(struct delta_export *export, struct heddle_error *error)
{
    struct heddle_duck_feed feed = {.schema = export->rows->schema, .next = feed_next, .context = export};
    const struct heddle_duck_options options = {0};
    struct heddle_duck *duck = NULL;
    HEDDLE_TRY(heddle_duck_open(&options, &duck, error));
    int status = heddle_duck_connect(duck, &export->connection, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_feed_register(export->connection, FEED, &feed, error);
    }
    for (uint64_t version = 0; version < export->options->commits && status == HEDDLE_OK; version++) {
        status = commit_write(export, &feed, version, error);
    }
    heddle_duck_disconnect(export->connection);
    heddle_duck_close(duck);
    return status;
}

static int columns_make(struct delta_export *export, struct heddle_error *error)
{
    const struct heddle_schema *schema = export->rows->schema;
    export->columns = heddle_calloc(schema->count, sizeof *export->columns);
    if (export->columns == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < schema->count; i++) {
        const struct heddle_field *field = &schema->fields[i];
        char uuid[HEDDLE_DELTA_UUID_MAX];
        if (heddle_delta_export_type(field->type) == NULL) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "column `%s` is %s, which is not written to Delta tables", field->name,
                                    heddle_type_name(field->type));
        }
        uuid_make(export, uuid);
        snprintf(export->columns[i].physical, sizeof export->columns[i].physical, "col-%s", uuid);
    }
    return HEDDLE_OK;
}

/* rename() takes the place of an empty folder and of nothing else. */
static bool folder_is_empty(const char *path)
{
    DIR *listing = opendir(path);
    if (listing == NULL) {
        return false;
    }
    bool empty = true;
    for (const struct dirent *entry = readdir(listing); entry != NULL && empty; entry = readdir(listing)) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    closedir(listing);
    return empty;
}

static int options_check(const struct heddle_delta_rows *rows,
                         const struct heddle_delta_export_options *options, struct heddle_error *error)
{
    uint64_t files = 0;
    struct stat info;
    if (options->commits == 0 || options->files_per_commit == 0 ||
        __builtin_mul_overflow(options->commits, options->files_per_commit, &files) ||
        files > HEDDLE_DELTA_EXPORT_FILES_MAX || files > rows->count) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%" PRIu64 " commits of %" PRIu64 " files do not fit %" PRIu64
                                " rows: a table has a row for each file at least, and %d files at most",
                                options->commits, options->files_per_commit, rows->count,
                                HEDDLE_DELTA_EXPORT_FILES_MAX);
    }
    if (lstat(options->path, &info) == 0 && !folder_is_empty(options->path)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s is already there, and is kept: name another folder, or delete it first",
                                options->path);
    }
    return HEDDLE_OK;
}

static int folders_make(struct delta_export *export, struct heddle_error *error)
{
    char log[PATH_MAX];
    size_t length = strlen(export->options->path);
    while (length > 1 && export->options->path[length - 1] == '/') {
        length--;
    }
    const int written = snprintf(export->part, sizeof export->part, "%.*s.part-%ld", (int)length,
                                 export->options->path, (long)getpid());
    if (length > sizeof export->part || written < 0 || (size_t)written >= sizeof export->part) {
        export->part[0] = '\0';
        return heddle_error_set(error, HEDDLE_INVALID, "the path %.100s... is too long",
                                export->options->path);
    }
    snprintf(log, sizeof log, "%s/" LOG_FOLDER, export->part);
    if (mkdir(export->part, 0777) != 0) {
        const int status = io_failure(export->part, "made", error);
        export->part[0] = '\0'; /* nothing of ours to take away */
        return status;
    }
    return mkdir(log, 0777) == 0 ? HEDDLE_OK : io_failure(log, "made", error);
}

static int entry_remove(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

int heddle_delta_export(const struct heddle_delta_rows *rows,
                        const struct heddle_delta_export_options *options, struct heddle_error *error)
{
    struct delta_export export = {
        .rows = rows, .options = options, .random = options->seed, .time_ms = options->time_ms - 1};
    HEDDLE_TRY(options_check(rows, options, error));
    int status = columns_make(&export, error);
    if (status == HEDDLE_OK) {
        status = folders_make(&export, error);
    }
    if (status == HEDDLE_OK) {
        status = commits_write(&export, error);
    }
    if (status == HEDDLE_OK && rename(export.part, options->path) != 0) {
        status = io_failure(options->path, "put in place", error);
    }
    if (status != HEDDLE_OK && export.part[0] != '\0') {
        nftw(export.part, entry_remove, TREE_FILES_OPEN, FTW_DEPTH | FTW_PHYS);
    }
    for (size_t i = 0; export.columns != NULL && i < rows->schema->count; i++) {
        heddle_delta_stats_free(&export.columns[i].stats);
    }
    free(export.columns);
    heddle_buffer_free(&export.sql);
    heddle_buffer_free(&export.lines);
    return status;
}
