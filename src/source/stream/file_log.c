/* file_log.c: the log of Spark's file source, read and written. */
#include "source/stream/file_log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "column/scalar.h"

enum {
    COMPACT_EVERY = 10,      /* spark.sql.streaming.fileSource.log.compactInterval */
    CLEAN_AFTER_S = 10 * 60, /* spark.sql.streaming.fileSource.log.cleanupDelay */
    LOG_BYTES_MAX = 1 << 30, /* a million files of a thousand bytes each */
};

static const char HEADER[] = "v1";
static const char COMPACT[] = ".compact";

int heddle_stream_files_add(struct heddle_stream_files *files, const struct heddle_stream_file *file,
                            struct heddle_error *error)
{
    if (heddle_grow((void **)&files->items, &files->capacity, files->count + 1, sizeof *files->items) != 0) {
        return heddle_error_out_of_memory(error);
    }
    files->items[files->count++] = *file;
    return HEDDLE_OK;
}

/* ---- URIs ---- */

void heddle_file_uri_write(const char *path, struct heddle_buffer *out)
{
    static const char plain[] = "-_.!~*'():@&=+$,;/";
    const char *scheme = strstr(path, "://");
    if (scheme == NULL || path[0] == '/') {
        heddle_buffer_append_text(out, "file://");
    } else {
        heddle_buffer_append(out, path, (size_t)(scheme - path) + 3);
        path = scheme + 3;
    }
    for (const char *at = path; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        const bool letter = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                            (byte >= 'a' && byte <= 'z') || byte >= 0x80;
        if (letter || strchr(plain, byte) != NULL) {
            heddle_buffer_append_byte(out, byte);
        } else {
            heddle_buffer_append_format(out, "%%%02X", byte);
        }
    }
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool heddle_file_uri_read(const char *uri, struct heddle_buffer *out)
{
    const char *at = uri;
    if (strncmp(at, "file:", 5) == 0) {
        at += 5;
        while (at[0] == '/' && at[1] == '/') {
            at++;
        }
    }
    const char *store = at == uri && uri[0] != '/' ? strstr(uri, "://") : NULL;
    if (store != NULL) {
        heddle_buffer_append(out, uri, (size_t)(store - uri) + 3);
        at = store + 3;
    } else if (at[0] != '/') {
        return false;
    }
    for (; *at != '\0'; at++) {
        if (*at != '%') {
            heddle_buffer_append_byte(out, (uint8_t)*at);
            continue;
        }
        const int high = hex_value(at[1]);
        const int low = high < 0 ? -1 : hex_value(at[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            return false;
        }
        heddle_buffer_append_byte(out, (uint8_t)(high * 16 + low));
        at += 2;
    }
    return true;
}

/* ---- reading ---- */

static int entry_read(const json_t *object, struct heddle_arena *arena, struct heddle_stream_files *files,
                      struct heddle_error *error)
{
    const json_t *path = json_object_get(object, "path");
    const json_t *time = json_object_get(object, "timestamp");
    const json_t *batch = json_object_get(object, "batchId");
    struct heddle_buffer plain = {0};
    if (!json_is_string(path) || !json_is_integer(time) || !json_is_integer(batch) ||
        json_integer_value(batch) < 0 || !heddle_file_uri_read(json_string_value(path), &plain)) {
        heddle_buffer_free(&plain);
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "it is no entry of a file source's log: it lacks path "
                                "timestamp or batchId");
    }
    const char *text = heddle_buffer_text(&plain);
    const struct heddle_stream_file file = {
        .path = text != NULL ? heddle_arena_copy_text(arena, text, strlen(text)) : NULL,
        .time = json_integer_value(time),
        .batch = json_integer_value(batch),
    };
    heddle_buffer_free(&plain);
    return file.path != NULL ? heddle_stream_files_add(files, &file, error)
                             : heddle_error_out_of_memory(error);
}

static int line_read(const char *line, size_t length, struct heddle_arena *arena,
                     struct heddle_stream_files *files, struct heddle_error *error)
{
    json_error_t failure;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &failure);
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "it is not JSON: %s", failure.text);
    }
    const int status = entry_read(object, arena, files, error);
    json_decref(object);
    return status;
}

int heddle_file_log_parse(const char *text, size_t length, struct heddle_arena *arena,
                          struct heddle_stream_files *files, struct heddle_error *error)
{
    struct heddle_error own = {0};
    const char *at = text;
    const char *end = text + length;
    unsigned long number = 0;
    error = error != NULL ? error : &own;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t line = (size_t)((newline != NULL ? newline : end) - at);
        number++;
        if (number == 1 && (line != sizeof HEADER - 1 || memcmp(at, HEADER, line) != 0)) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "it begins with `%.*s`, and only version v1 is known",
                                    line > 20 ? 20 : (int)line, at);
        }
        if (number > 1 && line > 0) {
            const int status = line_read(at, line, arena, files, error);
            if (status != HEDDLE_OK) {
                return heddle_error_prefix(error, "line %lu", number);
            }
        }
        at = newline != NULL ? newline + 1 : end;
    }
    return number > 0 ? HEDDLE_OK : heddle_error_set(error, HEDDLE_SOURCE, "it is empty");
}

/* The offset that a name of the folder stands for, -1 = none. */
static int64_t name_number(const char *name, bool *compact_out)
{
    const size_t length = strlen(name);
    const size_t ending = sizeof COMPACT - 1;
    *compact_out = length > ending && strcmp(name + length - ending, COMPACT) == 0;
    int64_t number = 0;
    const size_t digits = *compact_out ? length - ending : length;
    if (digits == 0 || name[0] < '0' || name[0] > '9' ||
        !heddle_scalar_parse_integer(name, digits, &number)) {
        return -1;
    }
    return number;
}

struct numbers {
    int64_t newest;  /* -1 = none */
    int64_t compact; /* the newest that is compacted, -1 = none */
};

static int name_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct numbers *numbers = context;
    bool compact = false;
    const int64_t number = name_number(entry->name, &compact);
    (void)error;
    numbers->newest = number > numbers->newest ? number : numbers->newest;
    if (compact && number > numbers->compact) {
        numbers->compact = number;
    }
    return HEDDLE_OK;
}

static int folder_list(struct heddle_depot *depot, const char *folder, struct numbers *numbers,
                       struct heddle_error *error)
{
    *numbers = (struct numbers){-1, -1};
    return heddle_depot_list(depot, folder, false, name_add, numbers, error);
}

static int log_file_read(struct heddle_depot *depot, const char *folder, int64_t number, bool compact,
                         struct heddle_arena *arena, struct heddle_stream_files *files,
                         struct heddle_error *error)
{
    struct heddle_error own = {0};
    struct heddle_buffer text = {0};
    error = error != NULL ? error : &own;
    const char *path = heddle_arena_format(arena, "%s/%" PRId64 "%s", folder, number, compact ? COMPACT : "");
    int status = path == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = heddle_depot_read(depot, path, LOG_BYTES_MAX, &text, NULL, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_file_log_parse(text.length > 0 ? (const char *)text.bytes : "", text.length, arena,
                                       files, error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "%s", path);
        }
    }
    heddle_buffer_free(&text);
    return status;
}

int heddle_file_log_read(struct heddle_depot *depot, const char *folder, struct heddle_arena *arena,
                         struct heddle_stream_files *files, int64_t *newest_out, struct heddle_error *error)
{
    struct numbers numbers;
    HEDDLE_TRY(folder_list(depot, folder, &numbers, error));
    *newest_out = numbers.newest;
    if (numbers.compact >= 0) {
        HEDDLE_TRY(log_file_read(depot, folder, numbers.compact, true, arena, files, error));
    }
    for (int64_t i = numbers.compact + 1; i <= numbers.newest; i++) {
        HEDDLE_TRY(log_file_read(depot, folder, i, false, arena, files, error));
    }
    return HEDDLE_OK;
}

/* ---- writing ---- */

/* How many offsets lie between two compacted ones. A log begun with another interval keeps one that fits what is there, as
 * Spark derives it. */
static int64_t compact_interval(int64_t newest_compact)
{
    const int64_t length = newest_compact + 1;
    if (newest_compact < 0) {
        return COMPACT_EVERY;
    }
    if (length <= COMPACT_EVERY) {
        return length;
    }
    if (COMPACT_EVERY >= length / 2) {
        return length % COMPACT_EVERY == 0 ? COMPACT_EVERY : length;
    }
    int64_t interval = COMPACT_EVERY;
    while (length % interval != 0) {
        interval++;
    }
    return interval;
}

static bool entry_write(const struct heddle_stream_file *file, struct heddle_buffer *text)
{
    struct heddle_buffer uri = {0};
    heddle_file_uri_write(file->path, &uri);
    const char *path = heddle_buffer_text(&uri);
    json_t *object = path == NULL ? NULL
                                  : json_pack("{s:s, s:I, s:I}", "path", path, "timestamp",
                                              (json_int_t)file->time, "batchId", (json_int_t)file->batch);
    char *line = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    if (line != NULL) {
        heddle_buffer_append_byte(text, '\n');
        heddle_buffer_append_text(text, line);
    }
    json_decref(object);
    heddle_buffer_free(&uri);
    const bool good = line != NULL;
    free(line);
    return good;
}

/* Old files of a log, to be removed once it is listed. */
struct cleaning {
    int64_t compact; /* those before it */
    int64_t now_s;
    struct heddle_buffer names; /* each with its NUL */
};

static int old_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct cleaning *cleaning = context;
    bool compact = false;
    const int64_t number = name_number(entry->name, &compact);
    (void)error;
    if (number >= 0 && number < cleaning->compact &&
        cleaning->now_s - entry->modified_ms / 1000 > CLEAN_AFTER_S) {
        heddle_buffer_append(&cleaning->names, entry->name, strlen(entry->name) + 1);
    }
    return HEDDLE_OK;
}

/* Files that a compacted one repeats are deleted once they are old enough that nobody reads them any more. What cannot be
 * deleted stays. */
static void folder_clean(struct heddle_depot *depot, const char *folder, int64_t compact)
{
    struct cleaning cleaning = {.compact = compact, .now_s = (int64_t)time(NULL)};
    struct heddle_buffer path = {0};
    (void)!heddle_depot_list(depot, folder, false, old_add, &cleaning, NULL);
    const size_t length = heddle_buffer_check(&cleaning.names, NULL) == HEDDLE_OK ? cleaning.names.length : 0;
    for (size_t at = 0; at < length; at += strlen((const char *)cleaning.names.bytes + at) + 1) {
        heddle_buffer_reset(&path);
        heddle_buffer_append_format(&path, "%s/%s", folder, (const char *)cleaning.names.bytes + at);
        const char *name = heddle_buffer_text(&path);
        if (name != NULL) {
            (void)!heddle_depot_remove(depot, name, NULL);
        }
    }
    heddle_buffer_free(&cleaning.names);
    heddle_buffer_free(&path);
}

int heddle_file_log_write(struct heddle_depot *depot, const char *folder,
                          const struct heddle_stream_files *files, size_t added, int64_t batch,
                          struct heddle_error *error)
{
    struct numbers numbers;
    struct heddle_buffer text = {0};
    struct heddle_buffer path = {0};
    HEDDLE_TRY(folder_list(depot, folder, &numbers, error));
    const bool compact = (batch + 1) % compact_interval(numbers.compact) == 0;
    bool good = true;
    heddle_buffer_append_text(&text, HEADER);
    for (size_t i = compact ? 0 : files->count - added; i < files->count && good; i++) {
        good = entry_write(&files->items[i], &text);
    }
    heddle_buffer_append_format(&path, "%s/%" PRId64 "%s", folder, batch, compact ? COMPACT : "");
    const char *name = heddle_buffer_text(&path);
    int status = HEDDLE_OK;
    if (!good || name == NULL || heddle_buffer_text(&text) == NULL) {
        status = heddle_error_out_of_memory(error);
    } else {
        status = heddle_depot_create(depot, name, text.bytes, text.length, error);
    }
    if (status == HEDDLE_CLOSED) {
        status = heddle_error_set(error, HEDDLE_IO,
                                  "%s is there already: another process writes this checkpoint", name);
    }
    if (status == HEDDLE_OK && compact) {
        folder_clean(depot, folder, batch);
    }
    heddle_buffer_free(&text);
    heddle_buffer_free(&path);
    return status;
}
