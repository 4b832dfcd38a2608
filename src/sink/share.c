/* share.c: identities to shards. */
#include "sink/share.h"

#include <string.h>

#include "base/hash.h"
#include "schedule/key.h"
#include "sink/rows.h"

/* Apart from the hash that deals keys to parts: a shard's rows shall be spread over all parts. */
static const uint64_t SHARE_SALT = 0x7368617265736861;

/* Rows without identity are dealt in runs of so many, so that a reader who looks for them finds them together. */
enum { PLACE_RUN = 64 };

/* The columns of one key: what a row of them lacks, it lacks an identity. */
struct key_columns {
    struct heddle_column *columns;
    const uint8_t **bad;
    size_t count;
};

static bool is_owner(const struct heddle_share *share, uint64_t hash)
{
    /* The upper half scaled to the number of shards: no bias worth a word, no division. */
    return (size_t)(((hash >> 32) * share->count) >> 32) == share->index;
}

bool heddle_share_has_place(const struct heddle_share *share, const char *file, uint64_t ordinal)
{
    if (heddle_share_is_whole(share)) {
        return true;
    }
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file == NULL ? "" : file;
    const uint64_t place = heddle_hash_bytes(name, strlen(name), share->seed ^ SHARE_SALT);
    return is_owner(share, heddle_hash_mix(place + ordinal / PLACE_RUN));
}

static int convert(const struct heddle_batch *batch, const struct heddle_target *target,
                   const struct heddle_target_property *property, struct heddle_arena *arena,
                   struct key_columns *key, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_rows_convert_property(batch, target, property, arena, &key->columns[key->count],
                                            &key->bad[key->count], error));
    key->count++;
    return HEDDLE_OK;
}

/* All columns that make up the identity, in the order of heddle_rows_identity(). */
static int convert_key(const struct heddle_batch *batch, const struct heddle_target *target,
                       struct heddle_arena *arena, struct key_columns *key, struct heddle_error *error)
{
    const bool is_relationship = target->kind == HEDDLE_TARGET_RELATIONSHIP;
    const size_t starts = is_relationship ? target->start.key_count : 0;
    const size_t ends = is_relationship ? target->end.key_count : 0;
    const size_t room = starts + ends + target->key_count + 1;
    key->columns = heddle_arena_calloc(arena, room, sizeof *key->columns);
    key->bad = heddle_arena_calloc(arena, room, sizeof *key->bad);
    if (key->columns == NULL || key->bad == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < starts; i++) {
        HEDDLE_TRY(convert(batch, target, &target->start.keys[i], arena, key, error));
    }
    for (size_t i = 0; i < ends; i++) {
        HEDDLE_TRY(convert(batch, target, &target->end.keys[i], arena, key, error));
    }
    for (size_t i = 0; i < target->key_count; i++) {
        HEDDLE_TRY(convert(batch, target, &target->properties[target->key[i]], arena, key, error));
    }
    if (target->kind == HEDDLE_TARGET_QUERY && target->touch_count > 0) {
        key->columns[key->count++] = batch->columns[target->touches[0].column];
    }
    return HEDDLE_OK;
}

/* The canonical bytes of a row's identity; false where it has none. */
static bool identify(const struct key_columns *key, size_t row, struct heddle_buffer *bytes)
{
    heddle_buffer_reset(bytes);
    for (size_t i = 0; i < key->count; i++) {
        if (key->bad[i] != NULL && (key->bad[i][row >> 3] >> (row & 7) & 1) != 0) {
            return false;
        }
    }
    return key->count > 0 && heddle_key_append(bytes, key->columns, key->count, row) == HEDDLE_KEY_USABLE;
}

int heddle_share_find(const struct heddle_share *share, const struct heddle_batch *batch,
                      const struct heddle_target *target, struct heddle_arena *arena, uint8_t *mine,
                      struct heddle_error *error)
{
    if (heddle_share_is_whole(share)) {
        memset(mine, 1, batch->rows);
        return HEDDLE_OK;
    }
    if (target->kind == HEDDLE_TARGET_QUERY && target->touch_count == 0) {
        memset(mine, share->index == 0, batch->rows);
        return HEDDLE_OK;
    }
    struct heddle_buffer bytes = {0};
    struct key_columns key = {0};
    int status = convert_key(batch, target, arena, &key, error);
    for (size_t row = 0; row < batch->rows && status == HEDDLE_OK; row++) {
        if (identify(&key, row, &bytes)) {
            const uint64_t hash = heddle_hash_bytes(bytes.bytes, bytes.length, share->seed ^ SHARE_SALT);
            mine[row] = is_owner(share, hash) ? 1 : 0;
        } else {
            mine[row] = heddle_share_has_place(share, batch->file, heddle_batch_ordinal(batch, row)) ? 1 : 0;
        }
        status = heddle_buffer_check(&bytes, error);
    }
    heddle_buffer_free(&bytes);
    return status;
}
