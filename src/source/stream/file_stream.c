/* file_stream.c: a folder of Parquet, CSV or JSON files as micro-batches: Spark's file source.
 *
 * Files are taken by modification time, each once, whatever becomes of it later. What was taken stands in the log
 * (file_log.h); an offset is a number of that log.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "source/files/list.h"
#include "source/reader.h"
#include "source/stream/file_schema.h"
#include "source/stream/kind.h"
#include "source/stream/limits.h"
#include "source/stream/path.h"
#include "source/stream/seen_files.h"

static const int64_t AGE_DEFAULT_MS = INT64_C(7) * 24 * 3600 * 1000;

struct file_stream {
    struct heddle_stream base;
    struct heddle_stream_limits limits;
    bool latest_first;
    const char *log_folder; /* NULL: nothing is kept */
    struct heddle_stream_root root;
    struct heddle_stream_files logged; /* taken, in the order of the log */
    int64_t newest;                    /* offset of the log, -1 = none */
    struct heddle_seen_files seen;
    struct heddle_arena *list_arena;
    struct heddle_stream_files listed; /* there at the last refresh, in the order in which they are taken */
};

/* ---- settings ---- */

static int age_read(struct file_stream *files, const struct heddle_source_options *options,
                    struct heddle_error *error)
{
    const char *text = heddle_source_setting(options, "maxFileAge", NULL);
    files->seen.age = AGE_DEFAULT_MS;
    if (text != NULL && !heddle_stream_age_parse(text, &files->seen.age)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "source `%s`: maxFileAge is `%s`, not a time such as 7d, 12h, 30m or 500ms",
                                options->name, text);
    }
    /* The newest are taken first: the older ones that wait must not be forgotten meanwhile. */
    if (files->latest_first && (files->limits.files != UINT64_MAX || files->limits.bytes != UINT64_MAX)) {
        files->seen.age = INT64_MAX;
    }
    return HEDDLE_OK;
}

static int settings_read(struct file_stream *files, const struct heddle_source_options *options,
                         struct heddle_error *error)
{
    const char *clean = heddle_source_setting(options, "cleanSource", "off");
    if (strcmp(clean, "off") != 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "source `%s`: cleanSource is `%s`, but heddle only reads: it never moves or deletes "
            "the files of a table; leave it off",
            options->name, clean);
    }
    HEDDLE_TRY(heddle_stream_limits_files(options, &files->limits, error));
    HEDDLE_TRY(heddle_stream_flag(options, "latestFirst", false, &files->latest_first, error));
    HEDDLE_TRY(heddle_stream_flag(options, "fileNameOnly", false, &files->seen.name_only, error));
    return age_read(files, options, error);
}

/* ---- what is there ---- */

static int oldest_first(const void *a, const void *b)
{
    const struct heddle_stream_file *left = a;
    const struct heddle_stream_file *right = b;
    if (left->time != right->time) {
        return left->time < right->time ? -1 : 1;
    }
    return strcmp(left->path, right->path);
}

static int latest_first(const void *a, const void *b)
{
    const struct heddle_stream_file *left = a;
    const struct heddle_stream_file *right = b;
    if (left->time != right->time) {
        return left->time > right->time ? -1 : 1;
    }
    return strcmp(left->path, right->path);
}

static int file_look(struct file_stream *files, const char *path, struct heddle_error *error)
{
    struct stat info;
    struct heddle_stream_file file = {0};
    const struct heddle_mirror *mirror = files->base.options->source.mirror;
    HEDDLE_TRY(heddle_stream_path_logged(&files->root, path, files->list_arena, &file.path, error));
    if (mirror != NULL) {
        struct heddle_fs_entry entry = {0};
        (void)heddle_mirror_known(mirror, path + strlen(files->root.given) + 1, &entry);
        file.time = entry.modified_ms;
        file.bytes = entry.size;
        return heddle_stream_files_add(&files->listed, &file, error);
    }
    if (stat(path, &info) != 0) {
        return HEDDLE_OK; /* gone since the folder was listed */
    }
    file.time = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    file.bytes = (uint64_t)info.st_size;
    return heddle_stream_files_add(&files->listed, &file, error);
}

static int files_list(struct file_stream *files, const struct file_stream *leader, struct heddle_error *error)
{
    const struct heddle_source_options *options = &files->base.options->source;
    struct heddle_file_list list = {0};
    heddle_arena_reset(files->list_arena);
    files->listed.count = 0;
    for (size_t i = 0; leader != NULL && i < leader->listed.count; i++) {
        HEDDLE_TRY(heddle_stream_files_add(&files->listed, &leader->listed.items[i], error));
    }
    if (leader != NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_file_list_open(options, files->list_arena, &list, error));
    for (size_t i = 0; i < list.count; i++) {
        HEDDLE_TRY(file_look(files, list.paths[i], error));
    }
    if (files->listed.count > 0) {
        qsort(files->listed.items, files->listed.count, sizeof *files->listed.items,
              files->latest_first ? latest_first : oldest_first);
    }
    return HEDDLE_OK;
}

/* ---- offsets ---- */

/* -1 for NULL: before all. */
static int offset_read(const struct file_stream *files, const char *text, int64_t *offset_out,
                       struct heddle_error *error)
{
    json_error_t failure;
    *offset_out = -1;
    if (text == NULL) {
        return HEDDLE_OK;
    }
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &failure);
    const json_t *number = json_object_get(object, "logOffset");
    const bool good = json_is_integer(number) && json_integer_value(number) >= -1;
    *offset_out = good ? json_integer_value(number) : -1;
    json_decref(object);
    if (!good) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the offset `%.80s` is not one of a file source: {\"logOffset\":N}", text);
    }
    if (*offset_out > files->newest) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the checkpoint is at offset %" PRId64 " of its log of files, but %s ends with %" PRId64
            ": files would be loaded twice. Bring the log back, or begin anew with --fresh",
            *offset_out, files->log_folder != NULL ? files->log_folder : "the log", files->newest);
    }
    return HEDDLE_OK;
}

static int files_begin(struct heddle_stream *stream, struct heddle_buffer *start, struct heddle_error *error)
{
    (void)stream; /* all files, from the first on */
    (void)start;
    (void)error;
    return HEDDLE_OK;
}

/* ---- taking ---- */

static int seen_add(struct file_stream *files, const struct heddle_stream_file *file,
                    struct heddle_error *error)
{
    struct heddle_stream_file *copy = heddle_arena_alloc(files->base.arena, sizeof *copy);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *copy = *file;
    return heddle_seen_files_add(&files->seen, copy, error);
}

/* Notes a file as taken by offset `batch`. */
static int file_take(struct file_stream *files, const struct heddle_stream_file *listed, int64_t batch,
                     struct heddle_error *error)
{
    struct heddle_stream_file file = *listed;
    file.path = heddle_arena_copy_text(files->base.arena, listed->path, strlen(listed->path));
    file.batch = batch;
    if (file.path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_stream_files_add(&files->logged, &file, error));
    return seen_add(files, &file, error);
}

/* Whether one more file fits. */
static bool has_room(const struct file_stream *files, size_t taken, uint64_t bytes,
                     const struct heddle_stream_file *next)
{
    if (taken == 0) {
        return true;
    }
    return taken < files->limits.files &&
           (files->limits.bytes == UINT64_MAX ||
            (bytes <= files->limits.bytes && next->bytes <= files->limits.bytes - bytes));
}

static int log_write(struct file_stream *files, size_t taken, struct heddle_error *error)
{
    if (files->log_folder == NULL) {
        return HEDDLE_OK;
    }
    if (strcmp(files->base.options->source.type, "jsonl") == 0) {
        HEDDLE_TRY(heddle_stream_schema_write(files->base.options->depot, files->base.options->folder,
                                              &files->base.schema, error));
    }
    return heddle_file_log_write(files->base.options->depot, files->log_folder, &files->logged, taken,
                                 files->newest + 1, error);
}

static int files_plan(struct heddle_stream *stream, const char *start, bool unlimited,
                      struct heddle_buffer *end, struct heddle_error *error)
{
    struct file_stream *files = (struct file_stream *)stream;
    int64_t from = -1;
    size_t taken = 0;
    uint64_t bytes = 0;
    HEDDLE_TRY(offset_read(files, start, &from, error));
    /* Files that were taken, and whose micro-batch never began, come first. */
    for (size_t i = 0; from == files->newest && i < files->listed.count; i++) {
        const struct heddle_stream_file *file = &files->listed.items[i];
        if (!heddle_seen_files_is_new(&files->seen, file)) {
            continue;
        }
        if (!unlimited && !has_room(files, taken, bytes, file)) {
            break;
        }
        HEDDLE_TRY(file_take(files, file, files->newest + 1, error));
        taken++;
        bytes += file->bytes;
    }
    if (taken > 0) {
        HEDDLE_TRY(log_write(files, taken, error));
        heddle_seen_files_age(&files->seen);
        files->newest++;
    }
    if (from == files->newest) {
        return HEDDLE_END;
    }
    heddle_buffer_append_format(end, "{\"logOffset\":%" PRId64 "}", files->newest);
    return HEDDLE_OK;
}

/* ---- reading ---- */

static int source_open(const struct file_stream *files, const char *const *paths, size_t count,
                       const struct heddle_schema *declared, const struct heddle_stream_range *range,
                       struct heddle_source **source_out, struct heddle_error *error)
{
    struct heddle_source_options options = files->base.options->source;
    options.files = paths;
    options.file_count = count;
    options.limit = range->limit;
    options.skip = range->skip;
    options.declared = declared;
    return heddle_source_open(&options, source_out, error);
}

/* Files of a later micro-batch have the columns of the first. */
static int schema_compare(const struct file_stream *files, const struct heddle_source *source,
                          const char *path, struct heddle_error *error)
{
    const struct heddle_schema *schema = heddle_source_schema(source);
    const struct heddle_schema *first = &files->base.schema;
    for (size_t i = 0; i < first->count; i++) {
        const struct heddle_field *field = &first->fields[i];
        const int at = heddle_schema_find(schema, field->name);
        const struct heddle_field *now = at >= 0 ? &schema->fields[at] : NULL;
        if (now == NULL || now->type != field->type || now->item_type != field->item_type ||
            now->scale != field->scale) {
            return heddle_error_set(
                error, HEDDLE_SOURCE,
                "column `%s` is %s in %s, but %s in the files before; load them as two sources", field->name,
                now != NULL ? heddle_type_name(now->type) : "missing", path, heddle_type_name(field->type));
        }
    }
    return HEDDLE_OK;
}

/* The files of (from, end], as the user's path names them, in the arena. */
static int range_list(const struct file_stream *files, int64_t from, int64_t end, struct heddle_arena *arena,
                      const char ***paths_out, size_t *count_out, struct heddle_error *error)
{
    const char **paths = heddle_arena_calloc(arena, files->logged.count, sizeof *paths);
    size_t count = 0;
    if (paths == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < files->logged.count; i++) {
        const struct heddle_stream_file *file = &files->logged.items[i];
        if (file->batch > from && file->batch <= end) {
            HEDDLE_TRY(heddle_stream_path_given(&files->root, file->path, arena, &paths[count], error));
            count++;
        }
    }
    if (count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the log of files has none between offset %" PRId64 " and %" PRId64, from,
                                end);
    }
    *paths_out = paths;
    *count_out = count;
    return HEDDLE_OK;
}

static int files_read(struct heddle_stream *stream, const struct heddle_stream_range *range,
                      struct heddle_source **source_out, struct heddle_error *error)
{
    const struct file_stream *files = (struct file_stream *)stream;
    struct heddle_arena *arena = NULL;
    const char **paths = NULL;
    size_t count = 0;
    int64_t from = -1;
    int64_t end = -1;
    HEDDLE_TRY(offset_read(files, range->start, &from, error));
    HEDDLE_TRY(offset_read(files, range->end, &end, error));
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = range_list(files, from, end, arena, &paths, &count, error);
    if (status == HEDDLE_OK) {
        status = source_open(files, paths, count, &files->base.schema, range, source_out, error);
    }
    if (status == HEDDLE_OK) {
        status = schema_compare(files, *source_out, paths[0], error);
        if (status != HEDDLE_OK) {
            heddle_source_close(*source_out);
            *source_out = NULL;
        }
    }
    heddle_arena_destroy(arena);
    return status;
}

/* ---- refresh ---- */

/* The files that wait, all looked into beforehand: a wrong one is found before anything is loaded. */
static int waiting_check(struct file_stream *files, int64_t from, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    struct heddle_source *source = NULL;
    const struct heddle_stream_range all = {.limit = UINT64_MAX};
    size_t count = 0;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const char **paths = heddle_arena_calloc(arena, files->listed.count + files->logged.count, sizeof *paths);
    int status = paths == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    for (size_t i = 0; i < files->logged.count && status == HEDDLE_OK; i++) {
        if (files->logged.items[i].batch > from) {
            status = heddle_stream_path_given(&files->root, files->logged.items[i].path, arena,
                                              &paths[count++], error);
        }
    }
    for (size_t i = 0; i < files->listed.count && status == HEDDLE_OK; i++) {
        if (heddle_seen_files_is_new(&files->seen, &files->listed.items[i])) {
            status = heddle_stream_path_given(&files->root, files->listed.items[i].path, arena,
                                              &paths[count++], error);
        }
    }
    files->base.rows_expected = 0;
    if (status == HEDDLE_OK && count > 0) {
        status = source_open(files, paths, count, &files->base.schema, &all, &source, error);
        files->base.rows_expected = status == HEDDLE_OK ? heddle_source_rows_expected(source) : -1;
    }
    if (status == HEDDLE_OK && count > 0) {
        status = schema_compare(files, source, paths[0], error);
    }
    heddle_source_close(source);
    heddle_arena_destroy(arena);
    return status;
}

/* Names and sizes: folders and times may differ from host to host. */
static uint64_t fingerprint_of(const struct heddle_stream_files *listed)
{
    uint64_t sum = listed->count;
    for (size_t i = 0; i < listed->count; i++) {
        const char *path = listed->items[i].path;
        const char *slash = strrchr(path, '/');
        const char *name = slash == NULL ? path : slash + 1;
        sum += heddle_hash_bytes(name, strlen(name), listed->items[i].bytes);
    }
    return sum;
}

static int files_refresh(struct heddle_stream *stream, const char *start, bool frozen,
                         const struct heddle_stream *leader, struct heddle_error *error)
{
    struct file_stream *files = (struct file_stream *)stream;
    int64_t from = -1;
    files->base.rows_expected = -1;
    HEDDLE_TRY(offset_read(files, start, &from, error));
    HEDDLE_TRY(files_list(files, (const struct file_stream *)leader, error));
    stream->fingerprint = fingerprint_of(&files->listed);
    return frozen ? waiting_check(files, from, error) : HEDDLE_OK;
}

/* ---- opening ---- */

static void files_close(struct heddle_stream *stream)
{
    struct file_stream *files = (struct file_stream *)stream;
    heddle_seen_files_free(&files->seen);
    free(files->logged.items);
    free(files->listed.items);
    heddle_arena_destroy(files->list_arena);
    heddle_stream_end(stream);
}

static int log_read(struct file_stream *files, struct heddle_error *error)
{
    const char *folder = files->base.options->folder;
    files->newest = -1;
    if (folder == NULL) {
        return HEDDLE_OK;
    }
    files->log_folder = heddle_arena_format(files->base.arena, "%s/sources/0", folder);
    if (files->log_folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_file_log_read(files->base.options->depot, files->log_folder, files->base.arena,
                                    &files->logged, &files->newest, error));
    for (size_t i = 0; i < files->logged.count; i++) {
        HEDDLE_TRY(seen_add(files, &files->logged.items[i], error));
    }
    heddle_seen_files_age(&files->seen);
    return HEDDLE_OK;
}

/* The schema is that of the first file that waits, or of any where none does; JSON keeps the types that it once had. */
static int schema_fill(struct file_stream *files, struct heddle_error *error)
{
    struct heddle_schema declared = {0};
    struct heddle_source *source = NULL;
    struct heddle_arena *arena = NULL;
    const char *path = NULL;
    const struct heddle_stream_range all = {.limit = UINT64_MAX};
    size_t at = 0;
    while (at + 1 < files->listed.count &&
           !heddle_seen_files_is_new(&files->seen, &files->listed.items[at])) {
        at++;
    }
    if (files->base.options->folder != NULL) {
        HEDDLE_TRY(heddle_stream_schema_read(files->base.options->depot, files->base.options->folder,
                                             files->base.arena, &declared, error));
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = heddle_stream_path_given(&files->root, files->listed.items[at].path, arena, &path, error);
    if (status == HEDDLE_OK) {
        status = source_open(files, &path, 1, declared.count > 0 ? &declared : NULL, &all, &source, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_stream_keep_schema(&files->base, heddle_source_schema(source), error);
    }
    heddle_source_close(source);
    heddle_arena_destroy(arena);
    return status;
}

static int files_fill(struct file_stream *files, struct heddle_error *error)
{
    const struct heddle_source_options *options = &files->base.options->source;
    HEDDLE_TRY(settings_read(files, options, error));
    HEDDLE_TRY(heddle_arena_create(0, &files->list_arena, error));
    HEDDLE_TRY(heddle_stream_root_fill(options->mirror != NULL ? heddle_mirror_folder(options->mirror)
                                                               : options->path,
                                       options->mirror != NULL ? heddle_mirror_uri(options->mirror) : NULL,
                                       files->base.arena, &files->root, error));
    HEDDLE_TRY(log_read(files, error));
    HEDDLE_TRY(files_list(files, NULL, error));
    if (files->listed.count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "no file of %s can be read", options->path);
    }
    return schema_fill(files, error);
}

int heddle_stream_open_files(const struct heddle_stream_options *options, const char *resume,
                             struct heddle_stream **stream_out, struct heddle_error *error)
{
    static const struct heddle_stream_kind kind = {.begin = files_begin,
                                                   .refresh = files_refresh,
                                                   .plan = files_plan,
                                                   .read = files_read,
                                                   .close = files_close};
    struct heddle_stream *stream = NULL;
    (void)resume; /* files have no versions to compare */
    HEDDLE_TRY(heddle_stream_start(sizeof(struct file_stream), &kind, options, &stream, error));
    const int status = files_fill((struct file_stream *)stream, error);
    if (status != HEDDLE_OK) {
        files_close(stream);
        return status;
    }
    *stream_out = stream;
    return HEDDLE_OK;
}
