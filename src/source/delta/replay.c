/* replay.c: a hash table from (path, deletion vector) to a file; removed files stay as tombs until the end. */
#include "source/delta/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { SLOTS_FIRST = 64 };

/* Only this process sees the hashes, and a table whose names collide is slow for its own reader alone. */
static const uint64_t HASH_SEED = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t key_hash(const char *path, const char *vector_id)
{
    return heddle_hash_bytes(vector_id, strlen(vector_id), heddle_hash_bytes(path, strlen(path), HASH_SEED));
}

/* The slot of a key, or the free slot where it would go. A tomb keeps path and id, so that it is found and passed. */
static size_t slot_find(const struct heddle_delta_replay *replay, const char *path, const char *vector_id)
{
    const size_t mask = replay->slot_count - 1;
    size_t at = (size_t)key_hash(path, vector_id) & mask;
    while (replay->slots[at] != 0) {
        const struct heddle_delta_add *file = &replay->files[replay->slots[at] - 1];
        if (strcmp(file->path, path) == 0 && strcmp(file->vector.id, vector_id) == 0) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

/* Makes room for `more` further files. */
static int slots_grow(struct heddle_delta_replay *replay, size_t more, struct heddle_error *error)
{
    const size_t needed = (replay->file_count + more) * 2;
    size_t count = replay->slot_count == 0 ? SLOTS_FIRST : replay->slot_count;
    while (count < needed) {
        count *= 2;
    }
    if (count == replay->slot_count) {
        return HEDDLE_OK;
    }
    if (needed > UINT32_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the table has more than two thousand million files");
    }
    uint32_t *slots = heddle_calloc(count, sizeof *slots);
    if (slots == NULL) {
        return heddle_error_out_of_memory(error);
    }
    free(replay->slots);
    replay->slots = slots;
    replay->slot_count = count;
    for (size_t i = 0; i < replay->file_count; i++) {
        const struct heddle_delta_add *file = &replay->files[i];
        replay->slots[slot_find(replay, file->path, file->vector.id)] = (uint32_t)i + 1;
    }
    return HEDDLE_OK;
}

/* A removed file: rows says so, since no file has fewer than -1. */
enum { ROWS_REMOVED = -2 };

static int add_apply(struct heddle_delta_replay *replay, const struct heddle_delta_add *add,
                     struct heddle_error *error)
{
    HEDDLE_TRY(slots_grow(replay, 1, error));
    const size_t slot = slot_find(replay, add->path, add->vector.id);
    if (replay->slots[slot] != 0) {
        replay->files[replay->slots[slot] - 1] = *add;
        return HEDDLE_OK;
    }
    if (heddle_grow((void **)&replay->files, &replay->file_capacity, replay->file_count + 1,
                    sizeof *replay->files) != 0) {
        return heddle_error_out_of_memory(error);
    }
    replay->files[replay->file_count++] = *add;
    replay->slots[slot] = (uint32_t)replay->file_count;
    return HEDDLE_OK;
}

int heddle_delta_replay_apply(struct heddle_delta_replay *replay, const struct heddle_delta_actions *actions,
                              struct heddle_error *error)
{
    for (size_t i = 0; i < actions->remove_count && replay->slot_count > 0; i++) {
        const struct heddle_delta_remove *removed = &actions->removes[i];
        const uint32_t found = replay->slots[slot_find(replay, removed->path, removed->vector_id)];
        if (found != 0) {
            replay->files[found - 1].rows = ROWS_REMOVED;
        }
    }
    for (size_t i = 0; i < actions->add_count; i++) {
        HEDDLE_TRY(add_apply(replay, &actions->adds[i], error));
    }
    if (actions->has_metadata) {
        replay->metadata = actions->metadata;
        replay->has_metadata = true;
    }
    if (actions->has_protocol) {
        replay->protocol = actions->protocol;
        replay->has_protocol = true;
    }
    return HEDDLE_OK;
}

static int file_compare(const void *a, const void *b)
{
    const struct heddle_delta_add *left = a;
    const struct heddle_delta_add *right = b;
    if (left->modification_time != right->modification_time) {
        return left->modification_time < right->modification_time ? -1 : 1;
    }
    const int paths = strcmp(left->uri, right->uri); /* as Spark compares them: still encoded */
    return paths != 0 ? paths : strcmp(left->vector.id, right->vector.id);
}

void heddle_delta_replay_finish(struct heddle_delta_replay *replay)
{
    size_t kept = 0;
    for (size_t i = 0; i < replay->file_count; i++) {
        if (replay->files[i].rows != ROWS_REMOVED) {
            replay->files[kept++] = replay->files[i];
        }
    }
    replay->file_count = kept;
    if (kept > 0) {
        qsort(replay->files, kept, sizeof *replay->files, file_compare);
    }
    free(replay->slots);
    replay->slots = NULL;
    replay->slot_count = 0;
}

void heddle_delta_replay_free(struct heddle_delta_replay *replay)
{
    free(replay->files);
    free(replay->slots);
    *replay = (struct heddle_delta_replay){0};
}
