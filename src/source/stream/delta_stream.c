/* delta_stream.c: a Delta table as micro-batches: Spark's Delta source, offset by offset. */
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "column/scalar.h"
#include "duck/duck.h"
#include "source/delta/read.h"
#include "source/stream/delta_changes.h"
#include "source/stream/delta_schema.h"
#include "source/stream/kind.h"
#include "source/stream/limits.h"
#include "source/stream/settings.h"

/* A pattern longer than this is a list of files, not a rule; regcomp() takes memory with its square. */
enum { EXCLUDE_BYTES_MAX = 1024 };

struct delta_stream {
    struct heddle_stream base;
    struct heddle_delta_policy policy;
    struct heddle_stream_limits limits;
    const char *library;
    regex_t exclude;
    bool excludes;
    struct heddle_delta_snapshot *current;  /* the newest version at opening: schema, mapping, id */
    struct heddle_delta_snapshot *snapshot; /* that the stream begins with, where it is not `current` */
    struct heddle_delta_log log;            /* as of the last refresh, */
    struct heddle_arena *log_arena;         /* in here, or in the leader's */
    struct heddle_arena *scratch;           /* of one call */
    struct heddle_arena *frozen_arena;
    struct heddle_delta_offset frozen; /* table == NULL: not frozen */
    bool is_pinned;                    /* versionAsOf or timestampAsOf: the stream ends with that version */
    struct heddle_delta_offset last;   /* that end */
    struct heddle_duck *duck;          /* opened with the first range */
};

/* ---- settings ---- */

static int exclude_read(struct delta_stream *delta, const struct heddle_source_options *options,
                        struct heddle_error *error)
{
    const char *pattern = heddle_source_setting(options, "excludeRegex", NULL);
    char reason[128];
    if (pattern == NULL) {
        return HEDDLE_OK;
    }
    int answer = REG_ESPACE;
    if (strlen(pattern) <= EXCLUDE_BYTES_MAX) {
        answer = regcomp(&delta->exclude, pattern, REG_EXTENDED | REG_NOSUB);
    }
    if (answer != 0) {
        regerror(answer, NULL, reason, sizeof reason);
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "source `%s`: excludeRegex is `%.80s`, which is not a regular expression of at "
            "most %d bytes: %s",
            options->name, pattern, EXCLUDE_BYTES_MAX, reason);
    }
    delta->excludes = true;
    return HEDDLE_OK;
}

static int settings_read(struct delta_stream *delta, const struct heddle_source_options *options,
                         struct heddle_error *error)
{
    static const char *const known[] = {"library",       "partitionTimeZone",          "versionAsOf",
                                        "timestampAsOf", HEDDLE_STREAM_SETTINGS_DELTA, NULL};
    struct heddle_delta_as_of as_of;
    const bool starts = heddle_source_setting(options, "startingVersion", NULL) != NULL ||
                        heddle_source_setting(options, "startingTimestamp", NULL) != NULL;
    HEDDLE_TRY(heddle_delta_as_of_read(options, &as_of, error));
    delta->is_pinned = as_of.by_time || as_of.version >= 0;
    if (delta->is_pinned && starts) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "source `%s`: versionAsOf and timestampAsOf name the one version that is read, "
            "startingVersion and startingTimestamp the first of many: give one of both",
            options->name);
    }
    if (heddle_source_setting(options, "startingVersion", NULL) != NULL &&
        heddle_source_setting(options, "startingTimestamp", NULL) != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "source `%s`: startingVersion and startingTimestamp exclude each other",
                                options->name);
    }
    HEDDLE_TRY(heddle_source_settings_check(options, known, error));
    HEDDLE_TRY(heddle_delta_policy_read(options, &delta->policy, error));
    HEDDLE_TRY(heddle_stream_limits_delta(options, &delta->limits, error));
    delta->library = heddle_source_setting(options, "library", NULL);
    return exclude_read(delta, options, error);
}

static bool is_excluded(const struct delta_stream *delta, const struct heddle_delta_add *file)
{
    return delta->excludes && regexec(&delta->exclude, file->uri, 0, NULL, 0) == 0;
}

/* ---- where it begins ---- */

/* The version that startingVersion or startingTimestamp mean; -1 = neither is given. */
static int first_version(struct delta_stream *delta, int64_t *version_out, struct heddle_error *error)
{
    const struct heddle_source_options *options = &delta->base.options->source;
    const char *version = heddle_source_setting(options, "startingVersion", NULL);
    const char *time = heddle_source_setting(options, "startingTimestamp", NULL);
    int64_t at = 0;
    *version_out = -1;
    if (version != NULL && strcmp(version, "latest") == 0) {
        *version_out = delta->current->version + 1;
    } else if (version != NULL) {
        const struct heddle_delta_log *log = &delta->current->log;
        uint64_t number = 0;
        HEDDLE_TRY(heddle_source_setting_number(options, "startingVersion", 0, &number, error));
        const int64_t oldest = log->commit_count > 0 ? log->commits[0].version : delta->current->version + 1;
        if (number > (uint64_t)delta->current->version || (int64_t)number < oldest) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "startingVersion is %" PRIu64 ", but the log has the commits %" PRId64
                                    " to %" PRId64,
                                    number, oldest, delta->current->version);
        }
        *version_out = (int64_t)number;
    } else if (time != NULL) {
        if (!heddle_delta_time_parse(time, &at)) {
            return heddle_error_set(
                error, HEDDLE_INVALID,
                "source `%s`: startingTimestamp is `%s`, not a date or a date-time such as "
                "2024-05-01T10:15:30Z",
                options->name, time);
        }
        return heddle_delta_version_since(delta->current, at, version_out, error);
    }
    return HEDDLE_OK;
}

static int delta_begin(struct heddle_stream *stream, struct heddle_buffer *start, struct heddle_error *error)
{
    struct delta_stream *delta = (struct delta_stream *)stream;
    struct heddle_delta_offset offset = {.table = delta->current->metadata.id,
                                         .index = HEDDLE_DELTA_INDEX_BASE};
    HEDDLE_TRY(first_version(delta, &offset.version, error));
    return offset.version < 0 ? HEDDLE_OK : heddle_delta_offset_write(&offset, start, error);
}

/* Reads an offset of this table into the arena. */
static int offset_read(const struct delta_stream *delta, const char *text, struct heddle_arena *arena,
                       struct heddle_delta_offset *offset, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_delta_offset_parse(text, arena, offset, error));
    const char *id = delta->current->metadata.id;
    if (strcmp(offset->table, id) != 0) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the checkpoint belongs to another table (id %.64s; this one is %.64s): give it a "
            "checkpoint of its own, or begin anew with --fresh",
            offset->table, id);
    }
    return HEDDLE_OK;
}

/* The place before the first range; `end` (NULL = not known) is its end where it was planned by an earlier run. */
static int place_before_all(struct delta_stream *delta, const struct heddle_delta_offset *end,
                            struct heddle_delta_offset *place, struct heddle_error *error)
{
    *place =
        (struct heddle_delta_offset){.table = delta->current->metadata.id, .index = HEDDLE_DELTA_INDEX_BASE};
    HEDDLE_TRY(first_version(delta, &place->version, error));
    if (place->version >= 0) {
        return HEDDLE_OK;
    }
    place->in_snapshot = true;
    place->version = delta->current->version;
    if (end != NULL) {
        /* A range that ends at the next version's beginning took a whole snapshot. */
        place->version = end->in_snapshot ? end->version : end->version - 1;
    }
    if (place->version < 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the first offset of the checkpoint ends before the table begins");
    }
    return HEDDLE_OK;
}

static int place_of(struct delta_stream *delta, const char *start, const struct heddle_delta_offset *end,
                    struct heddle_delta_offset *place, struct heddle_error *error)
{
    return start == NULL ? place_before_all(delta, end, place, error)
                         : offset_read(delta, start, delta->scratch, place, error);
}

/* The snapshot whose files the stream begins with. */
static int snapshot_of(struct delta_stream *delta, int64_t version,
                       const struct heddle_delta_snapshot **snapshot_out, struct heddle_error *error)
{
    if (delta->current->version == version) {
        *snapshot_out = delta->current;
        return HEDDLE_OK;
    }
    if (delta->snapshot == NULL || delta->snapshot->version != version) {
        const struct heddle_delta_as_of as_of = {
            .version = version, .library = delta->library, .mirror = delta->base.options->source.mirror};
        heddle_delta_snapshot_close(delta->snapshot);
        delta->snapshot = NULL;
        HEDDLE_TRY(
            heddle_delta_snapshot_open(delta->base.options->source.path, &as_of, &delta->snapshot, error));
    }
    *snapshot_out = delta->snapshot;
    return HEDDLE_OK;
}

/* ---- the walk ---- */

static int walk(struct delta_stream *delta, struct heddle_delta_walk *what, struct heddle_error *error)
{
    struct heddle_error own = {0};
    error = error != NULL ? error : &own;
    what->log = &delta->log;
    what->current = delta->current;
    what->policy = &delta->policy;
    int status = HEDDLE_OK;
    if (what->from.in_snapshot) {
        status = snapshot_of(delta, what->from.version, &what->snapshot, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_delta_walk(what, error);
    }
    if (status != HEDDLE_OK) {
        return heddle_error_prefix(error, "Delta table %s", delta->base.options->source.path);
    }
    return HEDDLE_OK;
}

/* ---- planning ---- */

struct planning {
    const struct delta_stream *delta;
    bool limited;
    struct heddle_stream_room room;
    int64_t rows; /* -1 = not known */
    /* The last place that was admitted. */
    bool any;
    int64_t version;
    int64_t index;
    bool in_snapshot;
};

static void place_admit(struct planning *planning, const struct heddle_delta_version *version,
                        const struct heddle_delta_place *place)
{
    planning->any = true;
    planning->version = version->version;
    planning->index = place->index;
    planning->in_snapshot = version->in_snapshot;
    if (place->file == NULL || planning->rows < 0) {
        return;
    }
    const int64_t live = place->file->rows - place->file->vector.rows;
    if (place->file->rows < 0 || live < 0 || __builtin_add_overflow(planning->rows, live, &planning->rows)) {
        planning->rows = -1;
    }
}

static uint64_t file_bytes(const struct heddle_delta_add *file)
{
    return file->size > 0 ? (uint64_t)file->size : 0;
}

/* One place after the other while there is room; places without a file cost nothing. */
static int places_admit(struct planning *planning, const struct heddle_delta_version *version)
{
    for (size_t i = 0; i < version->count; i++) {
        const struct heddle_delta_place *place = &version->places[i];
        if (planning->limited && place->file == NULL) {
            planning->room.any = true;
        } else if (planning->limited && !heddle_stream_room_take(&planning->room, file_bytes(place->file))) {
            return HEDDLE_END;
        }
        place_admit(planning, version, place);
    }
    return HEDDLE_OK;
}

/* All places of a commit or none: what updates a row stands in pairs that no micro-batch may part. */
static int commit_admit(struct planning *planning, const struct heddle_delta_version *version, bool cdc)
{
    uint64_t bytes = 0;
    uint64_t count = 0;
    for (size_t i = 0; i < version->count; i++) {
        const bool counts = version->places[i].file != NULL || !cdc;
        count += counts ? 1 : 0;
        bytes += version->places[i].file != NULL ? file_bytes(version->places[i].file) : 0;
    }
    if (!heddle_stream_room_take_all(&planning->room, count, bytes)) {
        return HEDDLE_END;
    }
    for (size_t i = 0; i < version->count; i++) {
        if (version->places[i].file != NULL || !cdc) {
            place_admit(planning, version, &version->places[i]);
        }
    }
    return HEDDLE_OK;
}

static int version_plan(void *context, const struct heddle_delta_version *version, struct heddle_error *error)
{
    struct planning *planning = context;
    (void)error;
    if (!planning->delta->policy.read_change_feed || !planning->limited || version->in_snapshot) {
        return places_admit(planning, version);
    }
    if (!heddle_stream_room_left(&planning->room)) {
        return HEDDLE_END;
    }
    return version->has_change_files || version->has_vectors || version->replaces_rows
               ? commit_admit(planning, version, version->has_change_files)
               : places_admit(planning, version);
}

/* The offset that the last admitted place is written as. */
static struct heddle_delta_offset planned_end(const struct planning *planning)
{
    struct heddle_delta_offset end = {.table = planning->delta->current->metadata.id,
                                      .version = planning->version,
                                      .index = planning->index,
                                      .in_snapshot = planning->in_snapshot};
    if (planning->index == HEDDLE_DELTA_INDEX_END) {
        end.version++;
        end.index = HEDDLE_DELTA_INDEX_BASE;
        end.in_snapshot = false;
    }
    return end;
}

/* Walks from a place; HEDDLE_END where nothing lies behind it. */
static int plan_from(struct delta_stream *delta, const struct heddle_delta_offset *from, bool limited,
                     struct heddle_delta_offset *end, int64_t *rows_out, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    struct planning planning = {.delta = delta, .limited = limited, .room = {.left = delta->limits}};
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const struct heddle_delta_offset *end_of_all = delta->is_pinned ? &delta->last : NULL;
    struct heddle_delta_walk what = {.from = *from,
                                     .upto = delta->frozen.table != NULL ? &delta->frozen : end_of_all,
                                     .arena = arena,
                                     .take = version_plan,
                                     .context = &planning};
    const int status = walk(delta, &what, error);
    heddle_arena_destroy(arena);
    HEDDLE_TRY(status);
    if (rows_out != NULL) {
        *rows_out = planning.rows;
    }
    if (!planning.any) {
        return HEDDLE_END;
    }
    *end = planned_end(&planning);
    if (heddle_delta_offset_compare(from, end) == 0 && from->in_snapshot == end->in_snapshot) {
        return HEDDLE_END;
    }
    return heddle_delta_offset_check_order(from, end, error);
}

static int delta_plan(struct heddle_stream *stream, const char *start, bool unlimited,
                      struct heddle_buffer *end_out, struct heddle_error *error)
{
    struct delta_stream *delta = (struct delta_stream *)stream;
    struct heddle_delta_offset from;
    struct heddle_delta_offset end;
    heddle_arena_reset(delta->scratch);
    HEDDLE_TRY(place_of(delta, start, NULL, &from, error));
    HEDDLE_TRY(plan_from(delta, &from, !unlimited, &end, NULL, error));
    return heddle_delta_offset_write(&end, end_out, error);
}

/* ---- what is there ---- */

/* A table that ends before the offset lost what the stream has read. */
static int end_check(const struct delta_stream *delta, const struct heddle_delta_offset *from,
                     struct heddle_error *error)
{
    const int64_t latest = heddle_delta_log_latest(&delta->log);
    if (!delta->policy.fail_on_data_loss || from->in_snapshot || from->version <= latest + 1) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_SOURCE,
        "Delta table %s ends with version %" PRId64 ", but the checkpoint has read up to version "
        "%" PRId64 ": the table was put back to an older state; load it anew with --fresh",
        delta->base.options->source.path, latest, from->version - 1);
}

static int log_list(struct delta_stream *delta, const struct delta_stream *leader, struct heddle_error *error)
{
    if (leader != NULL) {
        delta->log = leader->log;
        return HEDDLE_OK;
    }
    heddle_arena_reset(delta->log_arena);
    return heddle_delta_log_list(delta->base.options->source.path, delta->base.options->source.mirror,
                                 delta->log_arena, &delta->log, error);
}

static int freeze(struct delta_stream *delta, const struct heddle_delta_offset *from,
                  const struct delta_stream *leader, struct heddle_error *error)
{
    struct heddle_delta_offset end;
    if (leader != NULL && leader->frozen.table != NULL) {
        delta->frozen = leader->frozen;
    }
    int status = plan_from(delta, from, false, &end, &delta->base.rows_expected, error);
    if (status == HEDDLE_END) {
        end = *from;
        delta->base.rows_expected = 0;
        status = HEDDLE_OK;
    }
    HEDDLE_TRY(status);
    heddle_arena_reset(delta->frozen_arena);
    end.table = heddle_arena_copy_text(delta->frozen_arena, end.table, strlen(end.table));
    if (end.table == NULL) {
        return heddle_error_out_of_memory(error);
    }
    delta->frozen = end;
    return HEDDLE_OK;
}

static int delta_refresh(struct heddle_stream *stream, const char *start, bool frozen,
                         const struct heddle_stream *leader, struct heddle_error *error)
{
    struct delta_stream *delta = (struct delta_stream *)stream;
    const struct delta_stream *first = (const struct delta_stream *)leader;
    struct heddle_delta_offset from;
    delta->frozen = (struct heddle_delta_offset){0};
    delta->base.rows_expected = -1;
    heddle_arena_reset(delta->scratch);
    HEDDLE_TRY(log_list(delta, first, error));
    stream->fingerprint = (uint64_t)heddle_delta_log_latest(&delta->log);
    HEDDLE_TRY(place_of(delta, start, NULL, &from, error));
    HEDDLE_TRY(end_check(delta, &from, error));
    return frozen ? freeze(delta, &from, first, error) : HEDDLE_OK;
}

/* ---- reading ---- */

struct reading {
    const struct delta_stream *delta;
    struct heddle_delta_add *files;
    struct heddle_delta_take *takes; /* one a file */
    size_t count;
    size_t file_capacity;
    size_t take_capacity;
    bool has_changes; /* some file is not read as it is now */
};

static int file_take(struct reading *reading, const struct heddle_delta_add *file,
                     const struct heddle_delta_take *take, struct heddle_error *error)
{
    if (heddle_grow((void **)&reading->files, &reading->file_capacity, reading->count + 1,
                    sizeof *reading->files) != 0 ||
        heddle_grow((void **)&reading->takes, &reading->take_capacity, reading->count + 1,
                    sizeof *reading->takes) != 0) {
        return heddle_error_out_of_memory(error);
    }
    reading->files[reading->count] = *file;
    reading->takes[reading->count++] = *take;
    return HEDDLE_OK;
}

/* The file that goes in the same commit as `file` comes: one file, whose deletion vector changed. */
static const struct heddle_delta_add *twin_of(const struct heddle_delta_version *version,
                                              enum heddle_delta_change change,
                                              const struct heddle_delta_add *file)
{
    for (size_t i = 0; version->has_vectors && i < version->count; i++) {
        const struct heddle_delta_place *place = &version->places[i];
        if (place->file != NULL && place->change == change && strcmp(place->file->path, file->path) == 0) {
            return place->file;
        }
    }
    return NULL;
}

/* What a place shows of rows as they were (LOOK, REMOVE), or as they are now (UPSERT); false: nothing. */
static bool take_of(const struct heddle_delta_version *version, const struct heddle_delta_place *place,
                    enum heddle_change change, struct heddle_delta_take *take)
{
    const bool now = change == HEDDLE_CHANGE_UPSERT;
    *take = (struct heddle_delta_take){.change = change, .version = version->version};
    if (place->change == HEDDLE_DELTA_CDC) {
        take->rows = now ? HEDDLE_DELTA_ROWS_NOW : HEDDLE_DELTA_ROWS_BEFORE;
        return true;
    }
    if (place->change == HEDDLE_DELTA_REMOVED) {
        return !now && twin_of(version, HEDDLE_DELTA_ADDED, place->file) == NULL;
    }
    const struct heddle_delta_add *twin =
        version->in_snapshot ? NULL : twin_of(version, HEDDLE_DELTA_REMOVED, place->file);
    if (twin == NULL) {
        return now;
    }
    take->rows = now ? HEDDLE_DELTA_ROWS_BACK : HEDDLE_DELTA_ROWS_GONE;
    take->before = twin->vector;
    return true;
}

/* The files of a version that are read for one purpose. */
static int places_take(struct reading *reading, const struct heddle_delta_version *version,
                       enum heddle_change change, struct heddle_error *error)
{
    for (size_t i = 0; i < version->count; i++) {
        const struct heddle_delta_place *place = &version->places[i];
        struct heddle_delta_take take;
        if (place->file != NULL && !is_excluded(reading->delta, place->file) &&
            take_of(version, place, change, &take)) {
            HEDDLE_TRY(file_take(reading, place->file, &take, error));
            reading->has_changes =
                reading->has_changes || change != HEDDLE_CHANGE_UPSERT || take.rows != HEDDLE_DELTA_ROWS_NOW;
        }
    }
    return HEDDLE_OK;
}

/* A version of a change feed: rows as they were, to look at; rows as they are now; and the first again, to be removed where
 * none of the second stands for them. What only appends, or only deletes, needs no looking. */
static int changes_take(struct reading *reading, const struct heddle_delta_version *version,
                        struct heddle_error *error)
{
    const bool keeps = reading->delta->policy.ignore_deletes;
    if (version->replaces_rows && !version->is_whole) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "version %" PRId64
                                " of the table replaces files, and the checkpoint ends between them: which "
                                "rows it deletes cannot be told; load the table anew with --fresh",
                                version->version);
    }
    if (version->has_change_files || version->has_vectors || (version->replaces_rows && !keeps)) {
        HEDDLE_TRY(places_take(reading, version, HEDDLE_CHANGE_LOOK, error));
    }
    HEDDLE_TRY(places_take(reading, version, HEDDLE_CHANGE_UPSERT, error));
    return keeps ? HEDDLE_OK : places_take(reading, version, HEDDLE_CHANGE_REMOVE, error);
}

static int version_read(void *context, const struct heddle_delta_version *version, struct heddle_error *error)
{
    struct reading *reading = context;
    return reading->delta->policy.read_change_feed && !version->in_snapshot
               ? changes_take(reading, version, error)
               : places_take(reading, version, HEDDLE_CHANGE_UPSERT, error);
}

/* Lists the files of (from, end]; texts are the arena's. */
static int range_list(struct delta_stream *delta, const struct heddle_delta_offset *from,
                      const struct heddle_delta_offset *end, struct heddle_arena *arena,
                      struct reading *reading, struct heddle_error *error)
{
    struct heddle_delta_walk what = {
        .from = *from, .upto = end, .arena = arena, .keep = true, .take = version_read, .context = reading};
    return walk(delta, &what, error);
}

static int source_open(struct delta_stream *delta, const struct heddle_stream_range *range,
                       struct heddle_delta_read *read, struct heddle_source **source_out,
                       struct heddle_error *error)
{
    struct heddle_source_options options = delta->base.options->source;
    options.limit = range->limit;
    options.skip = range->skip;
    if (delta->duck == NULL) {
        const struct heddle_duck_options duck = {.library = delta->library};
        HEDDLE_TRY(heddle_duck_open(&duck, &delta->duck, error));
    }
    read->duck = delta->duck;
    read->snapshot = delta->current;
    return heddle_delta_read_open(&options, read, source_out, error);
}

static int delta_read(struct heddle_stream *stream, const struct heddle_stream_range *range,
                      struct heddle_source **source_out, struct heddle_error *error)
{
    struct delta_stream *delta = (struct delta_stream *)stream;
    struct reading reading = {.delta = delta};
    struct heddle_delta_offset from;
    struct heddle_delta_offset end;
    struct heddle_arena *arena = NULL;
    heddle_arena_reset(delta->scratch);
    HEDDLE_TRY(offset_read(delta, range->end, delta->scratch, &end, error));
    HEDDLE_TRY(place_of(delta, range->start, &end, &from, error));
    HEDDLE_TRY(heddle_delta_offset_check_order(&from, &end, error));
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = range_list(delta, &from, &end, arena, &reading, error);
    struct heddle_delta_add *files = heddle_arena_calloc(arena, reading.count, sizeof *files);
    struct heddle_delta_take *takes = heddle_arena_calloc(arena, reading.count, sizeof *takes);
    if (status == HEDDLE_OK && (files == NULL || takes == NULL)) {
        status = heddle_error_out_of_memory(error);
    }
    if (status == HEDDLE_OK) {
        struct heddle_delta_read read = {.files = files,
                                         .file_count = reading.count,
                                         .takes = reading.has_changes ? takes : NULL,
                                         .arena = arena};
        if (reading.count > 0) {
            memcpy(files, reading.files, reading.count * sizeof *files);
            memcpy(takes, reading.takes, reading.count * sizeof *takes);
        }
        status = source_open(delta, range, &read, source_out, error);
    }
    free(reading.files);
    free(reading.takes);
    if (status != HEDDLE_OK) {
        heddle_arena_destroy(arena);
    }
    return status;
}

/* ---- opening ---- */

static void delta_close(struct heddle_stream *stream)
{
    struct delta_stream *delta = (struct delta_stream *)stream;
    heddle_duck_close(delta->duck);
    heddle_delta_snapshot_close(delta->snapshot);
    heddle_delta_snapshot_close(delta->current);
    heddle_arena_destroy(delta->log_arena);
    heddle_arena_destroy(delta->scratch);
    heddle_arena_destroy(delta->frozen_arena);
    if (delta->excludes) {
        regfree(&delta->exclude);
    }
    heddle_stream_end(stream);
}

/* Whether a commit behind `version` says anything of the schema: replaying an old version only for that would be dear. */
static int metadata_changed(struct delta_stream *delta, int64_t version, bool *changed_out,
                            struct heddle_error *error)
{
    const struct heddle_delta_log *log = &delta->current->log;
    struct heddle_delta_actions actions = {.arena = delta->scratch, .commit_time = -1};
    int status = HEDDLE_OK;
    for (size_t i = 0; i < log->commit_count && status == HEDDLE_OK && !*changed_out; i++) {
        if (log->commits[i].version > version) {
            heddle_arena_reset(delta->scratch);
            heddle_delta_actions_reset(&actions);
            status = heddle_delta_actions_fetch(&log->root, log->commits[i].file, false, &actions, error);
            *changed_out = actions.has_metadata;
        }
    }
    heddle_delta_actions_free(&actions);
    return status;
}

/* Where the schema changed between the checkpoint's last offset and now, the commits between tell; what came before them does
 * only a snapshot of that version. */
static int resume_check(struct delta_stream *delta, const char *resume, struct heddle_error *error)
{
    struct heddle_delta_offset from;
    const struct heddle_delta_snapshot *then = NULL;
    HEDDLE_TRY(offset_read(delta, resume, delta->scratch, &from, error));
    if (from.version >= delta->current->version) {
        return HEDDLE_OK;
    }
    bool changed = false;
    HEDDLE_TRY(metadata_changed(delta, from.version, &changed, error));
    if (!changed) {
        return HEDDLE_OK;
    }
    /* A version that is no longer whole cannot be compared: then the commits that are left have to do. */
    if (snapshot_of(delta, from.version, &then, NULL) != HEDDLE_OK) {
        return HEDDLE_OK;
    }
    return heddle_delta_schema_check(delta->current, &then->metadata, then->version, delta->scratch, error);
}

/* The schema of a range is that of an empty one. */
static int schema_fill(struct delta_stream *delta, struct heddle_error *error)
{
    struct heddle_source *source = NULL;
    struct heddle_delta_read read = {0};
    const struct heddle_stream_range none = {.limit = UINT64_MAX};
    HEDDLE_TRY(source_open(delta, &none, &read, &source, error));
    const int status = heddle_stream_keep_schema(&delta->base, heddle_source_schema(source), error);
    heddle_source_close(source);
    return status;
}

static int delta_fill(struct delta_stream *delta, const char *resume, struct heddle_error *error)
{
    const struct heddle_source_options *options = &delta->base.options->source;
    HEDDLE_TRY(settings_read(delta, options, error));
    HEDDLE_TRY(heddle_arena_create(0, &delta->log_arena, error));
    HEDDLE_TRY(heddle_arena_create(0, &delta->scratch, error));
    HEDDLE_TRY(heddle_arena_create(0, &delta->frozen_arena, error));
    struct heddle_delta_as_of as_of;
    HEDDLE_TRY(heddle_delta_as_of_read(options, &as_of, error));
    HEDDLE_TRY(heddle_delta_snapshot_open(options->path, &as_of, &delta->current, error));
    delta->last = (struct heddle_delta_offset){.table = delta->current->metadata.id,
                                               .version = delta->current->version + 1,
                                               .index = HEDDLE_DELTA_INDEX_BASE};
    delta->log = delta->current->log;
    if (delta->current->metadata.id == NULL) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "Delta table %s has no id in its metaData: a checkpoint could not tell it from another",
            options->path);
    }
    if (resume != NULL) {
        HEDDLE_TRY(resume_check(delta, resume, error));
    }
    return schema_fill(delta, error);
}

int heddle_stream_open_delta(const struct heddle_stream_options *options, const char *resume,
                             struct heddle_stream **stream_out, struct heddle_error *error)
{
    static const struct heddle_stream_kind kind = {.begin = delta_begin,
                                                   .refresh = delta_refresh,
                                                   .plan = delta_plan,
                                                   .read = delta_read,
                                                   .close = delta_close};
    struct heddle_stream *stream = NULL;
    HEDDLE_TRY(heddle_stream_start(sizeof(struct delta_stream), &kind, options, &stream, error));
    const int status = delta_fill((struct delta_stream *)stream, resume, error);
    if (status != HEDDLE_OK) {
        delta_close(stream);
        return status;
    }
    *stream_out = stream;
    return HEDDLE_OK;
}
