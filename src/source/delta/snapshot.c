/* snapshot.c: replay of a segment of the log, and time travel. */
#include "source/delta/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "column/scalar.h"
#include "source/delta/checkpoint.h"
#include "source/delta/protocol.h"
#include "source/delta/replay.h"

enum { MICROSECONDS_PER_MILLISECOND = 1000 };

static int segment_replay(struct heddle_delta_snapshot *snapshot, const struct heddle_delta_segment *segment,
                          const char *library, struct heddle_delta_replay *replay, struct heddle_error *error)
{
    struct heddle_delta_actions actions = {.arena = snapshot->arena, .commit_time = -1};
    int status = HEDDLE_OK;
    if (segment->checkpoint != NULL) {
        status = heddle_delta_checkpoint_read(&snapshot->log, segment->checkpoint, library, &actions, error);
        if (status == HEDDLE_OK) {
            status = heddle_delta_replay_apply(replay, &actions, error);
        }
    }
    for (size_t i = 0; i < segment->commit_count && status == HEDDLE_OK; i++) {
        heddle_delta_actions_reset(&actions);
        status =
            heddle_delta_actions_fetch(&snapshot->log.root, segment->commits[i].file, false, &actions, error);
        if (status == HEDDLE_OK) {
            status = heddle_delta_replay_apply(replay, &actions, error);
        }
    }
    heddle_delta_actions_free(&actions);
    return status;
}

/* What every version of a table has: a protocol that we know, and a schema. */
static int state_check(struct heddle_delta_snapshot *snapshot, const struct heddle_delta_replay *replay,
                       struct heddle_error *error)
{
    const struct heddle_delta_metadata *metadata = &replay->metadata;
    if (!replay->has_protocol) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log has no protocol action up to version %" PRId64,
                                snapshot->version);
    }
    HEDDLE_TRY(heddle_delta_protocol_check(&replay->protocol, error));
    if (!replay->has_metadata) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log has no metaData action up to version %" PRId64,
                                snapshot->version);
    }
    if (metadata->provider != NULL && strcmp(metadata->provider, "parquet") != 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "its files are %.40s, not parquet", metadata->provider);
    }
    if (metadata->schema == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "its metaData has no schemaString");
    }
    snapshot->protocol = replay->protocol;
    snapshot->metadata = *metadata;
    HEDDLE_TRY(heddle_delta_mapping_of(&replay->protocol, metadata, &snapshot->mapping, error));
    return heddle_delta_schema_parse(metadata->schema, snapshot->mapping, snapshot->arena, &snapshot->schema,
                                     error);
}

static int version_read(struct heddle_delta_snapshot *snapshot, int64_t version, const char *library,
                        struct heddle_error *error)
{
    struct heddle_delta_segment segment;
    struct heddle_delta_replay replay = {0};
    HEDDLE_TRY(heddle_delta_log_segment(&snapshot->log, version, &segment, error));
    snapshot->version = segment.version;
    int status = segment_replay(snapshot, &segment, library, &replay, error);
    if (status == HEDDLE_OK) {
        status = state_check(snapshot, &replay, error);
    }
    if (status == HEDDLE_OK) {
        heddle_delta_replay_finish(&replay);
        snapshot->files = heddle_arena_calloc(snapshot->arena, replay.file_count, sizeof *snapshot->files);
        if (snapshot->files == NULL) {
            status = heddle_error_out_of_memory(error);
        } else if (replay.file_count > 0) {
            memcpy(snapshot->files, replay.files, replay.file_count * sizeof *snapshot->files);
        }
        snapshot->file_count = replay.file_count;
    }
    heddle_delta_replay_free(&replay);
    return status;
}

/* ---- time travel ---- */

bool heddle_delta_time_parse(const char *text, int64_t *time_out)
{
    int64_t days = 0;
    bool zoned = false;
    if (heddle_scalar_parse_date(text, strlen(text), &days)) {
        return !__builtin_mul_overflow(days, INT64_C(86400000000), time_out);
    }
    return heddle_scalar_parse_datetime(text, strlen(text), time_out, &zoned);
}

/* The version from which on commits carry their own time; INT64_MAX where they do not. */
static int64_t own_times_from(const struct heddle_delta_metadata *metadata)
{
    const char *since = heddle_delta_property(metadata, "delta.inCommitTimestampEnablementVersion", NULL);
    int64_t version = 0;
    if (strcmp(heddle_delta_property(metadata, "delta.enableInCommitTimestamps", "false"), "true") != 0) {
        return INT64_MAX;
    }
    if (since != NULL && !heddle_scalar_parse_integer(since, strlen(since), &version)) {
        return INT64_MAX;
    }
    return version;
}

/* When a commit was made, in milliseconds. Times of files are made ascending, as Spark does: a copied log has any. */
static int commit_time(struct heddle_delta_snapshot *snapshot, const struct heddle_delta_commit *commit,
                       int64_t own_from, int64_t *time, struct heddle_error *error)
{
    if (commit->version < own_from) {
        *time = commit->time > *time ? commit->time : *time + 1;
        return HEDDLE_OK;
    }
    struct heddle_delta_actions actions = {.arena = snapshot->arena, .commit_time = -1};
    int status = heddle_delta_actions_fetch(&snapshot->log.root, commit->file, true, &actions, error);
    if (status == HEDDLE_OK && actions.commit_time < 0) {
        status = heddle_error_set(error, HEDDLE_SOURCE, "%s: its first line has no inCommitTimestamp",
                                  commit->file);
    }
    *time = actions.commit_time;
    heddle_delta_actions_free(&actions);
    return status;
}

/* The newest version at or before `time` (microseconds). `snapshot` holds the newest version of the table. */
static int version_at(struct heddle_delta_snapshot *snapshot, int64_t time, int64_t *version_out,
                      struct heddle_error *error)
{
    const int64_t own_from = own_times_from(&snapshot->metadata);
    char text[HEDDLE_SCALAR_TEXT_MAX];
    int64_t found = -1;
    int64_t at = INT64_MIN;
    for (size_t i = 0; i < snapshot->log.commit_count; i++) {
        HEDDLE_TRY(commit_time(snapshot, &snapshot->log.commits[i], own_from, &at, error));
        if (at > time / MICROSECONDS_PER_MILLISECOND) {
            break;
        }
        found = snapshot->log.commits[i].version;
    }
    if (found >= 0 && found < snapshot->version) {
        *version_out = found;
        return HEDDLE_OK;
    }
    if (found >= 0 && at * MICROSECONDS_PER_MILLISECOND == time) {
        *version_out = found;
        return HEDDLE_OK;
    }
    if (at != INT64_MIN) {
        heddle_scalar_print_datetime(at * MICROSECONDS_PER_MILLISECOND, true, text);
    }
    if (at == INT64_MIN) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log has no commits left to tell times from");
    }
    if (found < 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "timestampAsOf is before the oldest commit that is left, of %s", text);
    }
    return heddle_error_set(
        error, HEDDLE_SOURCE,
        "timestampAsOf is after the newest commit, of %s; leave it out to read the newest "
        "version",
        text);
}

int heddle_delta_version_since(struct heddle_delta_snapshot *snapshot, int64_t time, int64_t *version_out,
                               struct heddle_error *error)
{
    const int64_t own_from = own_times_from(&snapshot->metadata);
    char text[HEDDLE_SCALAR_TEXT_MAX];
    int64_t at = INT64_MIN;
    for (size_t i = 0; i < snapshot->log.commit_count; i++) {
        HEDDLE_TRY(commit_time(snapshot, &snapshot->log.commits[i], own_from, &at, error));
        if (at * MICROSECONDS_PER_MILLISECOND >= time) {
            *version_out = snapshot->log.commits[i].version;
            return HEDDLE_OK;
        }
    }
    if (at == INT64_MIN) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log has no commits left to tell times from");
    }
    heddle_scalar_print_datetime(at * MICROSECONDS_PER_MILLISECOND, true, text);
    return heddle_error_set(error, HEDDLE_SOURCE, "startingTimestamp is after the newest commit, of %s",
                            text);
}

static int snapshot_fill(struct heddle_delta_snapshot *snapshot, const char *path,
                         const struct heddle_delta_as_of *as_of, struct heddle_error *error)
{
    int64_t version = as_of->version;
    HEDDLE_TRY(heddle_delta_log_list(path, as_of->mirror, snapshot->arena, &snapshot->log, error));
    HEDDLE_TRY(version_read(snapshot, version, as_of->library, error));
    if (as_of->by_time) {
        HEDDLE_TRY(version_at(snapshot, as_of->time, &version, error));
        HEDDLE_TRY(version_read(snapshot, version, as_of->library, error));
    }
    return HEDDLE_OK;
}

int heddle_delta_snapshot_open(const char *path, const struct heddle_delta_as_of *as_of,
                               struct heddle_delta_snapshot **snapshot_out, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    struct heddle_delta_snapshot *snapshot = heddle_arena_calloc(arena, 1, sizeof *snapshot);
    int status = HEDDLE_OK;
    if (snapshot == NULL) {
        status = heddle_error_out_of_memory(error);
    } else {
        snapshot->arena = arena;
        status = snapshot_fill(snapshot, path, as_of, error);
    }
    if (status != HEDDLE_OK) {
        heddle_error_prefix(error, "Delta table %s",
                            as_of->mirror != NULL ? heddle_mirror_uri(as_of->mirror) : path);
        heddle_arena_destroy(arena);
        return status;
    }
    *snapshot_out = snapshot;
    return HEDDLE_OK;
}

void heddle_delta_snapshot_close(struct heddle_delta_snapshot *snapshot)
{
    if (snapshot != NULL) {
        heddle_arena_destroy(snapshot->arena);
    }
}
