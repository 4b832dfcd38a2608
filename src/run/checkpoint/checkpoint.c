/* checkpoint.c: Spark's checkpoint folder: OffsetSeqLog, CommitLog and StreamMetadata of
 * https://github.com/apache/spark (sql/core, execution/streaming), and the rules of MicroBatchExecution. */
#include "run/checkpoint/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "run/checkpoint/numbers.h"

enum {
    FILE_BYTES_MAX = 16 * 1024 * 1024, /* an offset is a line; a session's settings are a few kilobytes */
    PROGRESS_FORMAT = 1,
    UUID_BYTES = 16,
    SOURCES_MAX = 1,    /* one stream has one source: jobs with more have a folder for each */
    REMOVED_MAX = 1000, /* batches that are cleared away with one commit */
};

/* What Spark 3.5 notes of its session with each batch. Only stateful queries depend on it, and Spark takes what is missing from
 * its own session; a checkpoint of Spark's keeps what it had. */
static const char SESSION[] =
    "{\"spark.sql.streaming.stateStore.providerClass\":"
    "\"org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider\","
    "\"spark.sql.streaming.stateStore.rocksdb.formatVersion\":\"5\","
    "\"spark.sql.streaming.statefulOperator.useStrictDistribution\":\"true\","
    "\"spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion\":\"2\","
    "\"spark.sql.streaming.multipleWatermarkPolicy\":\"min\","
    "\"spark.sql.streaming.aggregation.stateFormatVersion\":\"2\","
    "\"spark.sql.shuffle.partitions\":\"200\","
    "\"spark.sql.streaming.join.stateFormatVersion\":\"2\","
    "\"spark.sql.streaming.stateStore.compression.codec\":\"lz4\","
    "\"spark.sql.optimizer.pruneFiltersCanPruneStreamingSubplan\":\"false\"}";

static const char COMMIT[] = "v1\n{\"nextBatchWatermarkMs\":0}";

struct heddle_checkpoint {
    struct heddle_arena *arena;
    struct heddle_depot *depot;
    const char *folder;
    bool has_metadata;
    int64_t oldest;    /* that may still lie in offsets/ or commits/ */
    int64_t newest;    /* of offsets/, -1 = none */
    int64_t committed; /* of commits/, -1 = none */
    char *start;       /* of the batch that is open or comes next, "" = the beginning */
    char *end;         /* of the newest batch, "" = none */
    const char *session;
    struct heddle_checkpoint_progress progress;
};

/* ---- texts ---- */

/* The line at *at without its newline, and moves on; false at the end. */
static bool line_next(const char **at, const char *end, const char **line, size_t *length)
{
    if (*at > end) {
        return false;
    }
    const char *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    *line = *at;
    *length = (size_t)((newline != NULL ? newline : end) - *at);
    *at = newline != NULL ? newline + 1 : end + 1;
    return true;
}

int heddle_checkpoint_offsets_parse(const char *text, size_t length, struct heddle_arena *arena,
                                    struct heddle_checkpoint_offsets *offsets, struct heddle_error *error)
{
    const char *at = text;
    const char *line = NULL;
    size_t size = 0;
    size_t sources = 0;
    line_next(&at, text + length, &line, &size);
    if (size != 2 || memcmp(line, "v1", 2) != 0) {
        return heddle_error_set(error, HEDDLE_IO, "it begins with `%.*s`, and only version v1 is known",
                                size > 20 ? 20 : (int)size, line);
    }
    if (!line_next(&at, text + length, &line, &size) || memchr(line, '\0', size) != NULL) {
        return heddle_error_set(error, HEDDLE_IO, "it ends after its first line");
    }
    offsets->about = heddle_arena_copy_text(arena, line, size);
    offsets->offset = "";
    while (line_next(&at, text + length, &line, &size)) {
        sources++;
        if (sources > SOURCES_MAX) {
            return heddle_error_set(
                error, HEDDLE_IO,
                "it belongs to a query over several sources, which heddle cannot take over");
        }
        const bool none = size == 1 && line[0] == '-';
        offsets->offset = none ? "" : heddle_arena_copy_text(arena, line, size);
    }
    if (sources == 0) {
        return heddle_error_set(error, HEDDLE_IO, "it has no offset");
    }
    return offsets->about != NULL && offsets->offset != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int progress_read(const json_t *object, struct heddle_arena *arena,
                         struct heddle_checkpoint_progress *progress, struct heddle_error *error)
{
    const json_t *format = json_object_get(object, "format");
    const json_t *batch = json_object_get(object, "batch");
    const json_t *rows = json_object_get(object, "rows");
    const json_t *parts = json_object_get(object, "parts");
    const json_t *start = json_object_get(object, "start");
    if (json_is_integer(format) && json_integer_value(format) != PROGRESS_FORMAT) {
        return heddle_error_set(error, HEDDLE_IO, "it is of format %lld; this version knows %d",
                                (long long)json_integer_value(format), PROGRESS_FORMAT);
    }
    if (!json_is_integer(format) || !json_is_integer(batch) || !json_is_integer(rows) ||
        !json_is_integer(parts) || json_integer_value(batch) < 0 || json_integer_value(rows) < 0 ||
        json_integer_value(parts) < 0 || (start != NULL && !json_is_string(start))) {
        return heddle_error_set(error, HEDDLE_IO, "it lacks format, batch, rows or parts");
    }
    const char *text = start != NULL ? json_string_value(start) : "";
    *progress = (struct heddle_checkpoint_progress){
        .batch = json_integer_value(batch),
        .rows = (uint64_t)json_integer_value(rows),
        .parts = (uint64_t)json_integer_value(parts),
        .start = heddle_arena_copy_text(arena, text, strlen(text)),
    };
    return progress->start != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_checkpoint_progress_parse(const char *text, struct heddle_arena *arena,
                                     struct heddle_checkpoint_progress *progress, struct heddle_error *error)
{
    json_error_t failure;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &failure);
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_IO, "it is not JSON: %s", failure.text);
    }
    const int status = progress_read(object, arena, progress, error);
    json_decref(object);
    return status;
}

/* ---- reading ---- */

/* The largest number that is a file's name in a folder, -1 = none. */
static int newest_of(struct heddle_checkpoint *checkpoint, const char *name, int64_t *newest_out,
                     struct heddle_error *error)
{
    struct heddle_numbers numbers;
    const char *folder = heddle_arena_format(checkpoint->arena, "%s/%s", checkpoint->folder, name);
    if (folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_numbers_list(checkpoint->depot, folder, &numbers, error));
    *newest_out = numbers.highest;
    if (numbers.lowest >= 0 && numbers.lowest < checkpoint->oldest) {
        checkpoint->oldest = numbers.lowest;
    }
    return HEDDLE_OK;
}

static int offsets_read(struct heddle_checkpoint *checkpoint, int64_t number,
                        struct heddle_checkpoint_offsets *offsets, struct heddle_error *error)
{
    struct heddle_error own = {0};
    struct heddle_buffer text = {0};
    error = error != NULL ? error : &own;
    const char *path =
        heddle_arena_format(checkpoint->arena, "%s/offsets/%" PRId64, checkpoint->folder, number);
    int status = path == NULL
                     ? heddle_error_out_of_memory(error)
                     : heddle_depot_read(checkpoint->depot, path, FILE_BYTES_MAX, &text, NULL, error);
    if (status == HEDDLE_OK) {
        status = heddle_checkpoint_offsets_parse(text.length > 0 ? (const char *)text.bytes : "", text.length,
                                                 checkpoint->arena, offsets, error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "%s", path);
        }
    }
    heddle_buffer_free(&text);
    return status;
}

static int progress_load(struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    struct heddle_error own = {0};
    struct heddle_buffer text = {0};
    bool found = false;
    error = error != NULL ? error : &own;
    checkpoint->progress = (struct heddle_checkpoint_progress){.batch = -1, .start = ""};
    const char *path = heddle_arena_format(checkpoint->arena, "%s/progress", checkpoint->folder);
    int status = path == NULL
                     ? heddle_error_out_of_memory(error)
                     : heddle_depot_read(checkpoint->depot, path, FILE_BYTES_MAX, &text, &found, error);
    if (status == HEDDLE_OK && found) {
        const char *json = heddle_buffer_text(&text);
        status = json == NULL ? heddle_error_out_of_memory(error)
                              : heddle_checkpoint_progress_parse(json, checkpoint->arena,
                                                                 &checkpoint->progress, error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "%s", path);
        }
    }
    heddle_buffer_free(&text);
    return status;
}

static int metadata_look(struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    const char *path = heddle_arena_format(checkpoint->arena, "%s/metadata", checkpoint->folder);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status =
        heddle_depot_read(checkpoint->depot, path, FILE_BYTES_MAX, &text, &checkpoint->has_metadata, error);
    heddle_buffer_free(&text);
    return status;
}

/* At most one batch is open, and it is the newest. */
static int numbers_check(const struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    if (checkpoint->committed > checkpoint->newest) {
        return heddle_error_set(error, HEDDLE_IO,
                                "the checkpoint %s has commits/%" PRId64 " without its offsets/%" PRId64
                                ": a file is lost; bring it back, or begin anew with --fresh",
                                checkpoint->folder, checkpoint->committed, checkpoint->committed);
    }
    if (checkpoint->newest > checkpoint->committed + 1) {
        return heddle_error_set(
            error, HEDDLE_IO,
            "the checkpoint %s has offsets/%" PRId64 ", but its newest commit is %" PRId64
            ": batches between them may not be loaded; bring the files back, or begin anew "
            "with --fresh",
            checkpoint->folder, checkpoint->newest, checkpoint->committed);
    }
    if (checkpoint->newest >= 0 && !checkpoint->has_metadata) {
        return heddle_error_set(
            error, HEDDLE_IO,
            "the checkpoint %s has offsets, but no file `metadata`: bring it back, or begin "
            "anew with --fresh",
            checkpoint->folder);
    }
    return HEDDLE_OK;
}

static int text_set(char **place, const char *text, struct heddle_error *error)
{
    char *copy = heddle_strdup(text);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    free(*place);
    *place = copy;
    return HEDDLE_OK;
}

/* The ends of the newest batch and of the one before it. */
static int ends_read(struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    struct heddle_checkpoint_offsets offsets = {.offset = ""};
    const char *first = checkpoint->progress.start;
    HEDDLE_TRY(text_set(&checkpoint->start, first, error));
    HEDDLE_TRY(text_set(&checkpoint->end, "", error));
    if (checkpoint->newest < 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(offsets_read(checkpoint, checkpoint->newest, &offsets, error));
    checkpoint->session = offsets.about;
    HEDDLE_TRY(text_set(&checkpoint->end, offsets.offset, error));
    if (checkpoint->newest == checkpoint->committed) {
        return text_set(&checkpoint->start, offsets.offset, error);
    }
    if (checkpoint->newest > 0) {
        HEDDLE_TRY(offsets_read(checkpoint, checkpoint->newest - 1, &offsets, error));
        return text_set(&checkpoint->start, offsets.offset, error);
    }
    return HEDDLE_OK;
}

int heddle_checkpoint_open(struct heddle_depot *depot, const char *folder,
                           struct heddle_checkpoint **checkpoint_out, struct heddle_error *error)
{
    struct heddle_checkpoint *checkpoint = heddle_calloc(1, sizeof *checkpoint);
    if (checkpoint == NULL) {
        return heddle_error_out_of_memory(error);
    }
    checkpoint->depot = depot;
    checkpoint->oldest = INT64_MAX;
    int status = heddle_arena_create(0, &checkpoint->arena, error);
    if (status == HEDDLE_OK) {
        checkpoint->folder = heddle_arena_copy_text(checkpoint->arena, folder, strlen(folder));
        status =
            checkpoint->folder != NULL ? metadata_look(checkpoint, error) : heddle_error_out_of_memory(error);
    }
    if (status == HEDDLE_OK) {
        status = newest_of(checkpoint, "offsets", &checkpoint->newest, error);
    }
    if (status == HEDDLE_OK) {
        status = newest_of(checkpoint, "commits", &checkpoint->committed, error);
    }
    if (status == HEDDLE_OK) {
        status = numbers_check(checkpoint, error);
    }
    if (status == HEDDLE_OK) {
        status = progress_load(checkpoint, error);
    }
    if (status == HEDDLE_OK) {
        status = ends_read(checkpoint, error);
    }
    if (status != HEDDLE_OK) {
        heddle_checkpoint_close(checkpoint);
        return status;
    }
    *checkpoint_out = checkpoint;
    return HEDDLE_OK;
}

void heddle_checkpoint_close(struct heddle_checkpoint *checkpoint)
{
    if (checkpoint != NULL) {
        free(checkpoint->start);
        free(checkpoint->end);
        heddle_arena_destroy(checkpoint->arena);
        free(checkpoint);
    }
}

bool heddle_checkpoint_pending(const struct heddle_checkpoint *checkpoint,
                               struct heddle_checkpoint_batch *batch)
{
    const bool pending = checkpoint->newest > checkpoint->committed;
    const bool ours = checkpoint->progress.batch == checkpoint->newest;
    *batch = (struct heddle_checkpoint_batch){
        .number = checkpoint->committed + 1,
        .start = checkpoint->start,
        .end = pending ? checkpoint->end : "",
        .rows_done = pending && ours ? checkpoint->progress.rows : 0,
        .foreign = pending && !ours,
    };
    return pending;
}

const char *heddle_checkpoint_newest(const struct heddle_checkpoint *checkpoint)
{
    return checkpoint->end;
}

uint64_t heddle_checkpoint_units(const struct heddle_checkpoint *checkpoint)
{
    return (uint64_t)(checkpoint->committed + 1) + checkpoint->progress.parts;
}

/* ---- writing ---- */

int heddle_checkpoint_set_start(struct heddle_checkpoint *checkpoint, const char *start,
                                struct heddle_error *error)
{
    checkpoint->progress.start = heddle_arena_copy_text(checkpoint->arena, start, strlen(start));
    if (checkpoint->progress.start == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return text_set(&checkpoint->start, start, error);
}

static int progress_save(const struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    const struct heddle_checkpoint_progress *progress = &checkpoint->progress;
    struct heddle_buffer path = {0};
    json_t *object =
        json_pack("{s:i, s:I, s:I, s:I}", "format", PROGRESS_FORMAT, "batch", (json_int_t)progress->batch,
                  "rows", (json_int_t)progress->rows, "parts", (json_int_t)progress->parts);
    bool good = object != NULL;
    if (good && progress->start[0] != '\0') {
        good = json_object_set_new(object, "start", json_string(progress->start)) == 0;
    }
    char *text = good ? json_dumps(object, JSON_COMPACT) : NULL;
    heddle_buffer_append_format(&path, "%s/progress", checkpoint->folder);
    const char *name = heddle_buffer_text(&path);
    const int status = text == NULL || name == NULL
                           ? heddle_error_out_of_memory(error)
                           : heddle_depot_write(checkpoint->depot, name, text, strlen(text), error);
    json_decref(object);
    free(text);
    heddle_buffer_free(&path);
    return status;
}

/* Writes FOLDER/NAME, which must not be there. */
static int file_create(const struct heddle_checkpoint *checkpoint, const char *name, const char *text,
                       size_t length, struct heddle_error *error)
{
    struct heddle_buffer path = {0};
    heddle_buffer_append_format(&path, "%s/%s", checkpoint->folder, name);
    const char *file = heddle_buffer_text(&path);
    int status = file == NULL ? heddle_error_out_of_memory(error)
                              : heddle_depot_create(checkpoint->depot, file, text, length, error);
    if (status == HEDDLE_CLOSED) {
        status = heddle_error_set(
            error, HEDDLE_IO,
            "%s is there already: another run writes this checkpoint; let it end, or give this "
            "one a checkpoint of its own",
            file);
    }
    heddle_buffer_free(&path);
    return status;
}

/* A random UUID (RFC 4122, version 4). */
static int metadata_create(struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    uint8_t id[UUID_BYTES];
    char text[64];
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
        return heddle_error_set(error, HEDDLE_IO, "no random numbers for the checkpoint's id: %s",
                                strerror(errno));
    }
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    const int length =
        snprintf(text, sizeof text,
                 "{\"id\":\"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\"}", id[0],
                 id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12],
                 id[13], id[14], id[15]);
    HEDDLE_TRY(file_create(checkpoint, "metadata", text, (size_t)length, error));
    checkpoint->has_metadata = true;
    return HEDDLE_OK;
}

static int folders_make(struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    const char *offsets = heddle_arena_format(checkpoint->arena, "%s/offsets", checkpoint->folder);
    const char *commits = heddle_arena_format(checkpoint->arena, "%s/commits", checkpoint->folder);
    if (offsets == NULL || commits == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_depot_make_folder(checkpoint->depot, offsets, error));
    HEDDLE_TRY(heddle_depot_make_folder(checkpoint->depot, commits, error));
    return checkpoint->has_metadata ? HEDDLE_OK : metadata_create(checkpoint, error);
}

/* The line about a batch: Spark's own of the batch before with the time of this one, or what a new query would write. */
static int about_write(const struct heddle_checkpoint *checkpoint, struct heddle_buffer *text,
                       struct heddle_error *error)
{
    struct timespec now;
    json_error_t failure;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t milliseconds = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    json_t *before = checkpoint->session != NULL ? json_loads(checkpoint->session, 0, &failure) : NULL;
    const json_t *conf = json_object_get(before, "conf");
    char *kept = json_is_object(conf) ? json_dumps(conf, JSON_COMPACT) : NULL;
    heddle_buffer_append_format(text, "{\"batchWatermarkMs\":0,\"batchTimestampMs\":%" PRId64 ",\"conf\":%s}",
                                milliseconds, kept != NULL ? kept : SESSION);
    free(kept);
    json_decref(before);
    return heddle_buffer_check(text, error);
}

int heddle_checkpoint_begin(struct heddle_checkpoint *checkpoint, const char *end, struct heddle_error *error)
{
    const int64_t number = checkpoint->committed + 1;
    struct heddle_buffer text = {0};
    char name[64];
    HEDDLE_TRY(folders_make(checkpoint, error));
    checkpoint->progress.batch = number;
    checkpoint->progress.rows = 0;
    HEDDLE_TRY(progress_save(checkpoint, error));
    snprintf(name, sizeof name, "offsets/%" PRId64, number);
    heddle_buffer_append_text(&text, "v1\n");
    int status = about_write(checkpoint, &text, error);
    heddle_buffer_append_format(&text, "\n%s", end);
    if (status == HEDDLE_OK) {
        status = heddle_buffer_check(&text, error);
    }
    if (status == HEDDLE_OK) {
        status = file_create(checkpoint, name, (const char *)text.bytes, text.length, error);
    }
    heddle_buffer_free(&text);
    HEDDLE_TRY(status);
    HEDDLE_TRY(text_set(&checkpoint->end, end, error));
    checkpoint->newest = number;
    checkpoint->oldest = number < checkpoint->oldest ? number : checkpoint->oldest;
    return HEDDLE_OK;
}

int heddle_checkpoint_advance(struct heddle_checkpoint *checkpoint, uint64_t rows, struct heddle_error *error)
{
    checkpoint->progress.batch = checkpoint->newest;
    checkpoint->progress.rows = rows;
    checkpoint->progress.parts++;
    return progress_save(checkpoint, error);
}

/* Removes a batch's file of one of the two logs, and the checksum that Hadoop puts beside it on disks. What cannot be removed
 * stays: nobody reads it. */
static void file_remove(const struct heddle_checkpoint *checkpoint, const char *log, int64_t number)
{
    struct heddle_buffer path = {0};
    heddle_buffer_append_format(&path, "%s/%s/%" PRId64, checkpoint->folder, log, number);
    const char *name = heddle_buffer_text(&path);
    if (name != NULL) {
        (void)!heddle_depot_remove(checkpoint->depot, name, NULL);
    }
    heddle_buffer_reset(&path);
    heddle_buffer_append_format(&path, "%s/%s/.%" PRId64 ".crc", checkpoint->folder, log, number);
    name = heddle_buffer_text(&path);
    if (name != NULL && !heddle_depot_is_store(checkpoint->depot)) {
        (void)!heddle_depot_remove(checkpoint->depot, name, NULL);
    }
    heddle_buffer_free(&path);
}

int heddle_checkpoint_commit(struct heddle_checkpoint *checkpoint, struct heddle_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "commits/%" PRId64, checkpoint->newest);
    HEDDLE_TRY(file_create(checkpoint, name, COMMIT, sizeof COMMIT - 1, error));
    checkpoint->committed = checkpoint->newest;
    HEDDLE_TRY(text_set(&checkpoint->start, checkpoint->end, error));
    const int64_t kept = checkpoint->newest - HEDDLE_CHECKPOINT_BATCHES_KEPT;
    for (int removed = 0; removed < REMOVED_MAX && checkpoint->oldest < kept; removed++) {
        file_remove(checkpoint, "offsets", checkpoint->oldest);
        file_remove(checkpoint, "commits", checkpoint->oldest);
        checkpoint->oldest++;
    }
    return HEDDLE_OK;
}
