/* delta_changes.c: the walk over a snapshot and the commits behind it. The rules are those of Spark's DeltaSource. */
#include "source/stream/delta_changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "source/delta/protocol.h"
#include "source/stream/delta_schema.h"
#include "source/stream/kind.h"

int heddle_delta_policy_read(const struct heddle_source_options *options, struct heddle_delta_policy *policy,
                             struct heddle_error *error)
{
    bool old_name = false;
    *policy = (struct heddle_delta_policy){0};
    HEDDLE_TRY(heddle_stream_flag(options, "ignoreDeletes", false, &policy->ignore_deletes, error));
    HEDDLE_TRY(heddle_stream_flag(options, "ignoreChanges", false, &policy->ignore_changes, error));
    HEDDLE_TRY(heddle_stream_flag(options, "ignoreFileDeletion", false, &old_name, error));
    HEDDLE_TRY(heddle_stream_flag(options, "skipChangeCommits", false, &policy->skip_change_commits, error));
    HEDDLE_TRY(heddle_stream_flag(options, "failOnDataLoss", true, &policy->fail_on_data_loss, error));
    HEDDLE_TRY(heddle_stream_flag(options, "readChangeFeed", false, &policy->read_change_feed, error));
    policy->ignore_changes = policy->ignore_changes || old_name;
    return HEDDLE_OK;
}

/* The places of the version at hand. */
struct places {
    struct heddle_delta_place *items;
    size_t count;
    size_t capacity;
};

static bool is_in_range(const struct heddle_delta_walk *walk, int64_t version, int64_t index)
{
    const struct heddle_delta_offset place = {.version = version, .index = index};
    return heddle_delta_offset_compare(&place, &walk->from) > 0 &&
           (walk->upto == NULL || heddle_delta_offset_compare(&place, walk->upto) <= 0);
}

static int place_add(struct places *places, const struct heddle_delta_walk *walk, int64_t version,
                     const struct heddle_delta_place *place, struct heddle_error *error)
{
    if (!is_in_range(walk, version, place->index)) {
        return HEDDLE_OK;
    }
    if (heddle_grow((void **)&places->items, &places->capacity, places->count + 1, sizeof *places->items) !=
        0) {
        return heddle_error_out_of_memory(error);
    }
    places->items[places->count++] = *place;
    return HEDDLE_OK;
}

static int edge_add(struct places *places, const struct heddle_delta_walk *walk, int64_t version,
                    int64_t index, struct heddle_error *error)
{
    const struct heddle_delta_place edge = {.index = index};
    return place_add(places, walk, version, &edge, error);
}

static int snapshot_take(const struct heddle_delta_walk *walk, struct places *places,
                         struct heddle_error *error)
{
    const struct heddle_delta_snapshot *snapshot = walk->snapshot;
    HEDDLE_TRY(edge_add(places, walk, snapshot->version, HEDDLE_DELTA_INDEX_BASE, error));
    for (size_t i = 0; i < snapshot->file_count; i++) {
        const struct heddle_delta_place place = {
            .index = (int64_t)i, .change = HEDDLE_DELTA_ADDED, .file = &snapshot->files[i]};
        HEDDLE_TRY(place_add(places, walk, snapshot->version, &place, error));
    }
    HEDDLE_TRY(edge_add(places, walk, snapshot->version, HEDDLE_DELTA_INDEX_END, error));
    const struct heddle_delta_version version = {
        .version = snapshot->version, .in_snapshot = true, .places = places->items, .count = places->count};
    return walk->take(walk->context, &version, error);
}

/* ---- one commit ---- */

static const char *first_removed(const struct heddle_delta_actions *actions)
{
    for (size_t i = 0; i < actions->remove_count; i++) {
        if (actions->removes[i].data_change) {
            return actions->removes[i].path;
        }
    }
    return NULL;
}

static bool adds_rows(const struct heddle_delta_actions *actions)
{
    for (size_t i = 0; i < actions->add_count; i++) {
        if (actions->adds[i].data_change) {
            return true;
        }
    }
    return false;
}

/* Refuses a commit that changes rows which may have been read before, unless the settings say what to do with it. */
static int policy_check(const struct heddle_delta_walk *walk, int64_t version,
                        const struct heddle_delta_actions *actions, struct heddle_error *error)
{
    const struct heddle_delta_policy *policy = walk->policy;
    const char *removed = first_removed(actions);
    if (removed == NULL || policy->ignore_changes || policy->skip_change_commits ||
        policy->read_change_feed) {
        return HEDDLE_OK;
    }
    const char *what = actions->operation != NULL ? actions->operation : removed;
    if (adds_rows(actions)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "version %" PRId64
                                " of the table changes rows (%.60s). A stream of appended rows "
                                "stops there: set skipChangeCommits: true to pass over such versions, "
                                "ignoreChanges: true to read what they write (rows may come again), "
                                "readChangeFeed: true to update what is there, or load it anew with --fresh",
                                version, what);
    }
    if (!policy->ignore_deletes) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "version %" PRId64 " of the table deletes rows (%.60s). A stream of appended rows "
            "stops there: set ignoreDeletes: true to keep what was loaded, or load it anew with "
            "--fresh",
            version, what);
    }
    return HEDDLE_OK;
}

static int adds_index(const struct heddle_delta_walk *walk, int64_t version,
                      const struct heddle_delta_actions *actions, struct places *places,
                      struct heddle_error *error)
{
    int64_t index = 0;
    if (walk->policy->skip_change_commits && first_removed(actions) != NULL) {
        return HEDDLE_OK;
    }
    for (size_t i = 0; i < actions->add_count; i++) {
        if (actions->adds[i].data_change) {
            const struct heddle_delta_place place = {
                .index = index++, .change = HEDDLE_DELTA_ADDED, .file = &actions->adds[i]};
            HEDDLE_TRY(place_add(places, walk, version, &place, error));
        }
    }
    return HEDDLE_OK;
}

/* A change feed reads a commit's cdc files where it has any; else its adds and removes in the order of their lines. */
static int changes_index(const struct heddle_delta_walk *walk, int64_t version,
                         const struct heddle_delta_actions *actions, struct places *places,
                         struct heddle_error *error)
{
    for (size_t i = 0; i < actions->change_count; i++) {
        const struct heddle_delta_place place = {
            .index = (int64_t)i, .change = HEDDLE_DELTA_CDC, .file = &actions->changes[i]};
        HEDDLE_TRY(place_add(places, walk, version, &place, error));
    }
    if (actions->change_count > 0 || actions->changes_no_row) {
        return HEDDLE_OK;
    }
    size_t add = 0;
    size_t gone = 0;
    int64_t index = 0;
    while (add < actions->add_count || gone < actions->remove_count) {
        struct heddle_delta_place place = {.index = index};
        const bool is_add =
            gone == actions->remove_count ||
            (add < actions->add_count && actions->adds[add].place < actions->removes[gone].file.place);
        place.file = is_add ? &actions->adds[add] : &actions->removes[gone].file;
        place.change = is_add ? HEDDLE_DELTA_ADDED : HEDDLE_DELTA_REMOVED;
        add += is_add ? 1 : 0;
        gone += is_add ? 0 : 1;
        if (place.file->data_change) {
            HEDDLE_TRY(place_add(places, walk, version, &place, error));
            index++;
        }
    }
    return HEDDLE_OK;
}

/* Whether rows go in files beside others that come: an overwrite. Which of them are replaced only the whole commit says. */
static bool replaces_rows(const struct heddle_delta_actions *actions)
{
    return actions->change_count == 0 && !actions->changes_no_row && adds_rows(actions) &&
           first_removed(actions) != NULL;
}

/* The walk covers the place before a version's first file, and the one behind its last. */
static bool is_whole(const struct heddle_delta_walk *walk, int64_t version)
{
    return is_in_range(walk, version, HEDDLE_DELTA_INDEX_BASE + 1) &&
           is_in_range(walk, version, HEDDLE_DELTA_INDEX_END - 1);
}

/* Whether a file that changes data comes or goes with a deletion vector. */
static bool has_vectors(const struct heddle_delta_actions *actions)
{
    bool found = false;
    for (size_t i = 0; i < actions->add_count; i++) {
        found = found || (actions->adds[i].data_change && actions->adds[i].vector.storage != 0);
    }
    for (size_t i = 0; i < actions->remove_count; i++) {
        found = found || (actions->removes[i].data_change && actions->removes[i].file.vector.storage != 0);
    }
    return found;
}

/* The files of a commit lie in its actions, which are freed: what outlives take() is copied. */
static int files_keep(const struct heddle_delta_walk *walk, struct places *places, struct heddle_error *error)
{
    for (size_t i = 0; walk->keep && i < places->count; i++) {
        if (places->items[i].file != NULL) {
            struct heddle_delta_add *copy = heddle_arena_alloc(walk->arena, sizeof *copy);
            if (copy == NULL) {
                return heddle_error_out_of_memory(error);
            }
            *copy = *places->items[i].file;
            places->items[i].file = copy;
        }
    }
    return HEDDLE_OK;
}

static int commit_index(const struct heddle_delta_walk *walk, const struct heddle_delta_commit *commit,
                        const struct heddle_delta_actions *actions, struct places *places,
                        struct heddle_error *error)
{
    const int64_t version = commit->version;
    if (actions->has_protocol) {
        HEDDLE_TRY(heddle_delta_protocol_check(&actions->protocol, error));
    }
    if (actions->has_metadata) {
        HEDDLE_TRY(heddle_delta_schema_check(walk->current, &actions->metadata, version, walk->arena, error));
    }
    HEDDLE_TRY(policy_check(walk, version, actions, error));
    places->count = 0;
    HEDDLE_TRY(edge_add(places, walk, version, HEDDLE_DELTA_INDEX_BASE, error));
    HEDDLE_TRY(walk->policy->read_change_feed ? changes_index(walk, version, actions, places, error)
                                              : adds_index(walk, version, actions, places, error));
    HEDDLE_TRY(edge_add(places, walk, version, HEDDLE_DELTA_INDEX_END, error));
    return files_keep(walk, places, error);
}

static int commit_take(const struct heddle_delta_walk *walk, const struct heddle_delta_commit *commit,
                       struct heddle_delta_actions *actions, struct places *places,
                       struct heddle_error *error)
{
    if (!walk->keep) {
        heddle_arena_reset(walk->arena);
    }
    heddle_delta_actions_reset(actions);
    HEDDLE_TRY(heddle_delta_actions_fetch(&walk->log->root, commit->file, false, actions, error));
    HEDDLE_TRY(commit_index(walk, commit, actions, places, error));
    const struct heddle_delta_version version = {
        .version = commit->version,
        .time = actions->commit_time >= 0 ? actions->commit_time : commit->time,
        .has_change_files = walk->policy->read_change_feed && actions->change_count > 0,
        .has_vectors = walk->policy->read_change_feed && has_vectors(actions),
        .replaces_rows = walk->policy->read_change_feed && replaces_rows(actions),
        .is_whole = is_whole(walk, commit->version),
        .places = places->items,
        .count = places->count,
    };
    return walk->take(walk->context, &version, error);
}

/* ---- the walk ---- */

/* Whether `commit` is the one that must come now. */
static int gap_check(const struct heddle_delta_walk *walk, const struct heddle_delta_commit *commit,
                     int64_t expected, struct heddle_error *error)
{
    if (commit->version == expected || !walk->policy->fail_on_data_loss) {
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_SOURCE,
                            "commit %" PRId64 " is missing from %s, which goes on with commit %" PRId64
                            ": rows would be lost without it. Bring the log back, load the table anew with "
                            "--fresh, or set failOnDataLoss: false to go on without those rows",
                            expected, walk->log->folder, commit->version);
}

/* The newest commit that may hold a file of the walk. */
static int64_t last_needed(const struct heddle_delta_walk *walk)
{
    if (walk->upto == NULL) {
        return INT64_MAX;
    }
    return walk->upto->index >= 0 ? walk->upto->version : walk->upto->version - 1;
}

static int commits_take(const struct heddle_delta_walk *walk, int64_t first, struct places *places,
                        struct heddle_error *error)
{
    struct heddle_delta_actions actions = {.arena = walk->arena, .commit_time = -1};
    int64_t expected = first;
    int status = HEDDLE_OK;
    for (size_t i = 0; i < walk->log->commit_count && status == HEDDLE_OK; i++) {
        const struct heddle_delta_commit *commit = &walk->log->commits[i];
        if (commit->version < first) {
            continue;
        }
        if (commit->version > last_needed(walk)) {
            break;
        }
        status = gap_check(walk, commit, expected, error);
        if (status == HEDDLE_OK) {
            status = commit_take(walk, commit, &actions, places, error);
        }
        expected = commit->version + 1;
    }
    heddle_delta_actions_free(&actions);
    if (status == HEDDLE_OK && walk->upto != NULL && expected <= last_needed(walk) &&
        walk->policy->fail_on_data_loss) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "commit %" PRId64
                                " is missing from %s, but the checkpoint says that the stream has "
                                "read up to version %" PRId64
                                ": the table was put back to an older state; load it anew with --fresh",
                                expected, walk->log->folder, last_needed(walk));
    }
    return status;
}

int heddle_delta_walk(const struct heddle_delta_walk *walk, struct heddle_error *error)
{
    struct places places = {0};
    int status = HEDDLE_OK;
    if (walk->from.in_snapshot) {
        status = snapshot_take(walk, &places, error);
    }
    if (status == HEDDLE_OK) {
        const int64_t first = walk->from.version + (walk->from.in_snapshot ? 1 : 0);
        status = commits_take(walk, first, &places, error);
    }
    free(places.items);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}
