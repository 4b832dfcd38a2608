/* standing.c: a checkpoint read for a person. */
#include "run/checkpoint/standing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/turn.h"
#include "run/journal/journal.h"
#include "source/stream/delta_offset.h"

/* More streams or targets than any job has passes are somebody else's folders. */
enum { NAMES_MAX = 4096, FILE_BYTES_MAX = 16 * 1024 * 1024 };

/* Of the first column; one blank follows it, and two follow the name in a line of totals. */
enum { NAME_WIDTH = 9 };

#define REJECTS_BYTES_MAX ((size_t)4 << 30)

struct reading {
    struct heddle_standing *status;
    uint64_t units; /* of all streams */
    struct heddle_depot *depot;
    struct heddle_arena *arena;
    struct heddle_error *error;
};

const char *heddle_standing_offset(const char *offset, struct heddle_arena *arena)
{
    struct heddle_delta_offset delta;
    if (offset[0] == '\0') {
        return "";
    }
    if (strstr(offset, "reservoirVersion") != NULL &&
        heddle_delta_offset_parse(offset, arena, &delta, NULL) == HEDDLE_OK) {
        if (delta.index < 0) {
            return delta.version == 0
                       ? "before version 0"
                       : heddle_arena_format(arena, "version %" PRId64 ", all of it", delta.version - 1);
        }
        return heddle_arena_format(arena, "%s %" PRId64 ", up to its file number %" PRId64,
                                   delta.in_snapshot ? "the snapshot of version" : "version", delta.version,
                                   delta.index + 1);
    }
    json_t *object = json_loads(offset, JSON_DECODE_ANY, NULL);
    const json_t *log = json_object_get(object, "logOffset");
    const char *words = json_is_integer(log) ? heddle_arena_format(arena, "the files of batches 0 to %lld",
                                                                   (long long)json_integer_value(log))
                                             : heddle_arena_format(arena, "%s", offset);
    json_decref(object);
    return words;
}

static int out_of_memory(struct reading *reading)
{
    return heddle_error_out_of_memory(reading->error);
}

/* Reads FOLDER/NAME as JSON; *object_out = NULL where it is not there. */
static int read_json(struct reading *reading, const char *name, json_t **object_out)
{
    json_error_t reason;
    struct heddle_buffer text = {0};
    bool found = false;
    const char *path = heddle_arena_format(reading->arena, "%s/%s", reading->status->folder, name);
    *object_out = NULL;
    int status = path == NULL
                     ? out_of_memory(reading)
                     : heddle_depot_read(reading->depot, path, FILE_BYTES_MAX, &text, &found, reading->error);
    if (status == HEDDLE_OK && found) {
        *object_out = json_loadb(text.length > 0 ? (const char *)text.bytes : "", text.length, 0, &reason);
        if (*object_out == NULL) {
            status = heddle_error_set(reading->error, HEDDLE_IO, "%s cannot be read: %s", path, reason.text);
        }
    }
    heddle_buffer_free(&text);
    return status;
}

static const char *text_of(struct reading *reading, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : heddle_arena_format(reading->arena, "%s", text);
}

static int read_load(struct reading *reading)
{
    json_t *object = NULL;
    HEDDLE_TRY(read_json(reading, "load.json", &object));
    reading->status->load = text_of(reading, object, "load");
    reading->status->precision = text_of(reading, object, "precision");
    json_decref(object);
    HEDDLE_TRY(read_json(reading, "receipt.json", &object));
    reading->status->last_run = text_of(reading, object, "status");
    reading->status->rows_read = (uint64_t)json_integer_value(json_object_get(object, "rows_read"));
    json_decref(object);
    return reading->status->load == NULL || reading->status->precision == NULL ||
                   reading->status->last_run == NULL
               ? out_of_memory(reading)
               : HEDDLE_OK;
}

/* Whose turn it is, where the checkpoint knows no locks. */
static int read_turn(struct reading *reading)
{
    struct heddle_turn_holder holder;
    HEDDLE_TRY(heddle_turn_look(reading->depot, &holder, reading->error));
    if (holder.known) {
        reading->status->running = true;
        reading->status->process = holder.process;
        reading->status->machine = heddle_arena_format(reading->arena, "%s", holder.machine);
    }
    return reading->status->machine != NULL ? HEDDLE_OK : out_of_memory(reading);
}

/* Whether somebody holds the lock that a run holds. */
static int read_lock(struct reading *reading)
{
    char text[32] = "";
    HEDDLE_TRY(read_turn(reading));
    if (reading->status->running || heddle_depot_is_store(reading->depot)) {
        return HEDDLE_OK;
    }
    const char *path = heddle_arena_format(reading->arena, "%s/lock", reading->status->folder);
    if (path == NULL) {
        return out_of_memory(reading);
    }
    const int lock = open(path, O_RDONLY | O_CLOEXEC);
    if (lock < 0) {
        return HEDDLE_OK;
    }
    if (flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        reading->status->running = true;
        if (pread(lock, text, sizeof text - 1, 0) > 0) {
            reading->status->process = strtol(text, NULL, 10);
        }
    }
    close(lock);
    return HEDDLE_OK;
}

/* A stream's own checkpoint. */
static int read_stream(struct reading *reading, const char *name, const char *folder)
{
    struct heddle_checkpoint *checkpoint = NULL;
    struct heddle_checkpoint_batch batch;
    struct heddle_standing_stream *stream = &reading->status->streams[reading->status->stream_count];
    HEDDLE_TRY(heddle_checkpoint_open(reading->depot, folder, &checkpoint, reading->error));
    stream->name = name;
    stream->open = heddle_checkpoint_pending(checkpoint, &batch);
    stream->batches = batch.number;
    stream->rows_done = batch.rows_done;
    stream->foreign = batch.foreign;
    stream->committed = heddle_standing_offset(batch.start, reading->arena);
    stream->offset = heddle_standing_offset(heddle_checkpoint_newest(checkpoint), reading->arena);
    reading->units += heddle_checkpoint_units(checkpoint);
    heddle_checkpoint_close(checkpoint);
    reading->status->stream_count++;
    return stream->committed == NULL || stream->offset == NULL ? out_of_memory(reading) : HEDDLE_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names that are gathered, each once: those that end with `ending`, without it; or, with "/", the folders that files lie in. */
struct names {
    struct reading *reading;
    const char *ending;
    const char **items;
    size_t count;
};

static int name_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct names *names = context;
    const size_t tail = strlen(names->ending);
    size_t length = strlen(entry->name);
    if (strcmp(names->ending, "/") == 0) {
        length = strcspn(entry->name, "/");
        length = entry->name[length] == '/' ? length : 0;
    } else {
        const bool ends = length > tail && strcmp(entry->name + length - tail, names->ending) == 0;
        length = ends ? length - tail : 0;
    }
    for (size_t i = 0; i < names->count && length > 0; i++) {
        if (strlen(names->items[i]) == length && memcmp(names->items[i], entry->name, length) == 0) {
            length = 0;
        }
    }
    if (length == 0 || entry->name[0] == '.' || names->count == NAMES_MAX) {
        return HEDDLE_OK;
    }
    names->items[names->count] = heddle_arena_copy_text(names->reading->arena, entry->name, length);
    return names->items[names->count++] != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* The names in FOLDER/WHERE, sorted. None where it is not there. */
static int list_names(struct reading *reading, const char *where, const char *ending, const char ***names_out,
                      size_t *count_out)
{
    const char *path = heddle_arena_format(reading->arena, "%s/%s", reading->status->folder, where);
    struct names names = {.reading = reading, .ending = ending};
    names.items = heddle_arena_calloc(reading->arena, NAMES_MAX, sizeof *names.items);
    if (path == NULL || names.items == NULL) {
        return out_of_memory(reading);
    }
    HEDDLE_TRY(
        heddle_depot_list(reading->depot, path, strcmp(ending, "/") == 0, name_add, &names, reading->error));
    qsort(names.items, names.count, sizeof *names.items, compare_names);
    *names_out = names.items;
    *count_out = names.count;
    return HEDDLE_OK;
}

static int read_streams(struct reading *reading)
{
    const char **names = NULL;
    size_t count = 0;
    HEDDLE_TRY(list_names(reading, "streams", "/", &names, &count));
    reading->status->streams =
        heddle_arena_calloc(reading->arena, count + 1, sizeof *reading->status->streams);
    if (reading->status->streams == NULL) {
        return out_of_memory(reading);
    }
    for (size_t i = 0; i < count; i++) {
        const char *folder =
            heddle_arena_format(reading->arena, "%s/streams/%s", reading->status->folder, names[i]);
        if (folder == NULL) {
            return out_of_memory(reading);
        }
        HEDDLE_TRY(read_stream(reading, names[i], folder));
    }
    return count > 0 ? HEDDLE_OK : read_stream(reading, "", reading->status->folder);
}

static int count_lines(struct reading *reading, const char *target, uint64_t *count_out)
{
    struct heddle_buffer text = {0};
    const char *path =
        heddle_arena_format(reading->arena, "%s/rejects/%s.jsonl", reading->status->folder, target);
    const int status = path == NULL ? out_of_memory(reading)
                                    : heddle_depot_read(reading->depot, path, REJECTS_BYTES_MAX, &text, NULL,
                                                        reading->error);
    for (size_t i = 0; status == HEDDLE_OK && i < text.length; i++) {
        *count_out += text.bytes[i] == '\n';
    }
    heddle_buffer_free(&text);
    return status;
}

static int read_rejects(struct reading *reading)
{
    const char **names = NULL;
    size_t count = 0;
    HEDDLE_TRY(list_names(reading, "rejects", ".jsonl", &names, &count));
    reading->status->rejects =
        heddle_arena_calloc(reading->arena, count + 1, sizeof *reading->status->rejects);
    if (reading->status->rejects == NULL) {
        return out_of_memory(reading);
    }
    for (size_t i = 0; i < count; i++) {
        reading->status->rejects[i].target = names[i];
        HEDDLE_TRY(count_lines(reading, names[i], &reading->status->rejects[i].count));
    }
    reading->status->reject_count = count;
    return HEDDLE_OK;
}

/* Whether there is a journal: looking must not make one. */
static int note_any(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    (void)entry;
    (void)error;
    *(bool *)context = true;
    return HEDDLE_OK;
}

/* Only of a load that nobody runs: a journal has one reader at a time. */
static int read_journal(struct reading *reading)
{
    struct heddle_standing *status = reading->status;
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    bool any = false;
    const char *folder = heddle_arena_format(reading->arena, "%s/journal", status->folder);
    if (folder == NULL) {
        return out_of_memory(reading);
    }
    HEDDLE_TRY(heddle_depot_list(reading->depot, folder, false, note_any, &any, reading->error));
    if (status->running || status->load[0] == '\0' || !any) {
        return HEDDLE_OK;
    }
    const struct heddle_journal_options options = {.load = status->load};
    HEDDLE_TRY(heddle_journal_store_open_in(reading->depot, folder, &store, reading->error));
    HEDDLE_TRY(heddle_journal_open(&store, &options, &journal, reading->error));
    const struct heddle_journal_report *report = heddle_journal_report(journal);
    status->recorded = report->begun && !report->finished;
    status->unit = report->batch;
    status->runs = report->runs;
    status->unresolved = status->recorded ? report->unresolved : 0;
    heddle_journal_close(journal);
    return HEDDLE_OK;
}

/* A store has no folders: one that holds nothing is none. */
static int check_there(struct reading *reading)
{
    const char *folder = reading->status->folder;
    bool any = false;
    if (!heddle_depot_is_store(reading->depot)) {
        return access(folder, R_OK | X_OK) == 0
                   ? HEDDLE_OK
                   : heddle_error_set(reading->error, HEDDLE_IO, "there is no checkpoint at %s: %s", folder,
                                      strerror(errno));
    }
    HEDDLE_TRY(heddle_depot_list(reading->depot, folder, false, note_any, &any, reading->error));
    return any ? HEDDLE_OK
               : heddle_error_set(reading->error, HEDDLE_IO,
                                  "there is no checkpoint at %s: nothing lies there", folder);
}

static int read_all(struct reading *reading)
{
    HEDDLE_TRY(check_there(reading));
    HEDDLE_TRY(read_load(reading));
    HEDDLE_TRY(read_lock(reading));
    HEDDLE_TRY(read_streams(reading));
    HEDDLE_TRY(heddle_totals_read(reading->depot, reading->status->folder, reading->status->load,
                                  reading->units, reading->arena, &reading->status->totals, reading->error));
    HEDDLE_TRY(read_rejects(reading));
    return read_journal(reading);
}

int heddle_standing_read(const char *folder, const struct heddle_fs_settings *settings,
                         struct heddle_arena *arena, struct heddle_standing *status,
                         struct heddle_error *error)
{
    struct reading reading = {.status = status, .arena = arena, .error = error};
    *status = (struct heddle_standing){.machine = ""};
    HEDDLE_TRY(heddle_depot_open_to_read(folder, settings, &reading.depot, error));
    const char *place = heddle_depot_place(reading.depot);
    status->folder = heddle_arena_copy_text(arena, place, strlen(place));
    const int outcome = status->folder != NULL ? read_all(&reading) : heddle_error_out_of_memory(error);
    heddle_depot_close(reading.depot);
    return outcome;
}

static void print_stream(const struct heddle_standing_stream *stream, struct heddle_buffer *text)
{
    char number[32];
    heddle_buffer_append_format(text, "  %-10s %s micro-batches committed",
                                stream->name[0] == '\0' ? "done" : stream->name,
                                heddle_text_grouped((uint64_t)stream->batches, number));
    if (stream->committed[0] != '\0') {
        heddle_buffer_append_format(text, ": %s", stream->committed);
    }
    heddle_buffer_append_byte(text, '\n');
    if (stream->open) {
        heddle_buffer_append_format(text, "  %-10s micro-batch %" PRId64 "%s, up to %s", "pending",
                                    stream->batches, stream->foreign ? " (begun by Spark)" : "",
                                    stream->offset);
        if (stream->rows_done > 0) {
            heddle_buffer_append_format(text, "; its first %s rows are done",
                                        heddle_text_grouped(stream->rows_done, number));
        }
        heddle_buffer_append_byte(text, '\n');
    }
}

static void print_totals(const struct heddle_totals *totals, struct heddle_buffer *text)
{
    char rows[32], first[32];
    if (totals->micro_batches == 0) {
        return;
    }
    heddle_buffer_append_format(text, "  %-10s %s rows", "loaded",
                                heddle_text_grouped(totals->rows_read, rows));
    if (totals->first > 0) {
        heddle_buffer_append_format(text,
                                    ", without those of the first %s micro-batches, which nobody counted",
                                    heddle_text_grouped(totals->first, first));
    }
    heddle_buffer_append_byte(text, '\n');
    for (size_t i = 0; i < totals->target_count; i++) {
        heddle_totals_print_target(&totals->targets[i], NAME_WIDTH, text);
    }
}

void heddle_standing_print(const struct heddle_standing *status, struct heddle_buffer *text)
{
    char number[32];
    heddle_buffer_append_format(text, "%s: load %s%s%s%s\n", status->folder,
                                status->load[0] == '\0' ? "of no run yet" : status->load,
                                status->precision[0] == '\0' ? "" : ", ", status->precision,
                                status->precision[0] == '\0' ? "" : " vectors");
    if (status->running) {
        heddle_buffer_append_format(text, "  running    process %ld%s%s\n", status->process,
                                    status->machine[0] == '\0' ? "" : " on ", status->machine);
    }
    for (size_t i = 0; i < status->stream_count; i++) {
        print_stream(&status->streams[i], text);
    }
    print_totals(&status->totals, text);
    if (status->recorded) {
        heddle_buffer_append_format(text,
                                    "  cut short  in micro-batch %" PRIu64
                                    " of the load, taken up by %" PRIu64
                                    " runs; of %zu transactions the next run asks the database\n",
                                    status->unit, status->runs, status->unresolved);
    }
    for (size_t i = 0; i < status->reject_count; i++) {
        heddle_buffer_append_format(text, "  rejected   %s rows of %s\n",
                                    heddle_text_grouped(status->rejects[i].count, number),
                                    status->rejects[i].target);
    }
    if (status->last_run[0] != '\0') {
        heddle_buffer_append_format(text, "  last run   %s, %s rows read\n", status->last_run,
                                    heddle_text_grouped(status->rows_read, number));
    }
}

static json_t *streams_json(const struct heddle_standing *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < status->stream_count; i++) {
        const struct heddle_standing_stream *stream = &status->streams[i];
        json_t *object =
            json_pack("{s:s, s:I, s:s, s:b}", "name", stream->name, "micro_batches",
                      (json_int_t)stream->batches, "committed", stream->committed, "pending", stream->open);
        if (stream->open) {
            json_object_set_new(object, "pending_up_to", json_string(stream->offset));
            json_object_set_new(object, "pending_rows_done", json_integer((json_int_t)stream->rows_done));
        }
        json_array_append_new(list, object);
    }
    return list;
}

int heddle_standing_json(const struct heddle_standing *status, struct heddle_buffer *text,
                         struct heddle_error *error)
{
    json_t *rejects = json_object();
    for (size_t i = 0; i < status->reject_count; i++) {
        json_object_set_new(rejects, status->rejects[i].target,
                            json_integer((json_int_t)status->rejects[i].count));
    }
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:b, s:I, s:s, s:I, s:o}", "checkpoint", status->folder,
                  "load_id", status->load, "precision", status->precision, "running", status->running,
                  "streams", streams_json(status), "rejected", rejects, "cut_short", status->recorded,
                  "unresolved", (json_int_t)status->unresolved, "last_run", status->last_run, "rows_read",
                  (json_int_t)status->rows_read, "load", heddle_totals_json(&status->totals));
    char *dump = object == NULL ? NULL : json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    if (dump == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_buffer_append_format(text, "%s\n", dump);
    free(dump);
    return heddle_buffer_check(text, error);
}
