/* touch.c: keys of rows to hashes, the short way where they are whole numbers. */
#include "sink/neo4j/touch.h"

#include "base/hash.h"

/* Whole numbers are gathered and hashed so many at a time. */
enum { GATHERED_ROWS = 256 };

static void hash_integers(const struct heddle_target_rows *ready, const struct heddle_column *column,
                          uint64_t seed, uint64_t *hashes)
{
    int64_t values[GATHERED_ROWS];
    uint64_t made[GATHERED_ROWS];
    for (size_t done = 0; done < ready->row_count; done += GATHERED_ROWS) {
        const size_t left = ready->row_count - done;
        const size_t some = left < GATHERED_ROWS ? left : GATHERED_ROWS;
        for (size_t i = 0; i < some; i++) {
            values[i] = heddle_column_integer(column, ready->rows[done + i]);
        }
        heddle_key_hash_integers(values, some, seed, made);
        for (size_t i = 0; i < some; i++) {
            hashes[ready->rows[done + i]] = made[i];
        }
    }
}

static int hash_keys(const struct heddle_target_rows *ready, const struct heddle_column *keys, size_t count,
                     uint64_t seed, struct heddle_buffer *scratch, uint64_t *hashes,
                     struct heddle_error *error)
{
    if (count == 1 && keys->type == HEDDLE_TYPE_INTEGER && keys->valid == NULL) {
        hash_integers(ready, keys, seed, hashes);
        return HEDDLE_OK;
    }
    for (size_t i = 0; i < ready->row_count; i++) {
        heddle_buffer_reset(scratch);
        if (heddle_key_append(scratch, keys, count, ready->rows[i]) != HEDDLE_KEY_USABLE) {
            heddle_buffer_reset(scratch);
        }
        HEDDLE_TRY(heddle_buffer_check(scratch, error));
        hashes[ready->rows[i]] = heddle_hash_bytes(scratch->bytes, scratch->length, seed);
    }
    return HEDDLE_OK;
}

/* The columns of touch `index`; *count_out 0 = there is no such touch. */
static const struct heddle_column *columns_of(const struct heddle_target_rows *ready, size_t index,
                                              size_t *count_out)
{
    const struct heddle_target *target = ready->target;
    *count_out = 0;
    if (target->kind == HEDDLE_TARGET_NODE) {
        *count_out = index == 0 ? target->key_count : 0;
        return ready->keys;
    }
    if (target->kind == HEDDLE_TARGET_QUERY) {
        *count_out = index < target->touch_count ? 1 : 0;
        return *count_out == 0 ? NULL : &ready->owner->batch->columns[target->touches[index].column];
    }
    if (index == HEDDLE_TOUCH_COMPONENT) {
        *count_out = target->claim.component != NULL ? 1 : 0;
        return target->claim.component == NULL
                   ? NULL
                   : &ready->owner->batch->columns[target->claim.component->column];
    }
    if (index > HEDDLE_TOUCH_COMPONENT) {
        return NULL;
    }
    *count_out = index == 0 ? target->start.key_count : target->end.key_count;
    return index == 0 ? ready->start_keys : ready->end_keys;
}

static int hash_identities(const struct heddle_target_rows *ready, uint64_t seed,
                           struct heddle_buffer *scratch, struct heddle_touches *touches_out,
                           struct heddle_error *error)
{
    uint64_t *hashes =
        heddle_arena_calloc(ready->owner->arena, ready->owner->batch->rows + 1, sizeof *hashes);
    if (hashes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < ready->row_count; i++) {
        heddle_buffer_reset(scratch);
        (void)heddle_rows_identity(ready, ready->rows[i], scratch);
        HEDDLE_TRY(heddle_buffer_check(scratch, error));
        hashes[ready->rows[i]] = heddle_hash_bytes(scratch->bytes, scratch->length, seed);
    }
    touches_out->hashes[touches_out->count++] = hashes;
    return HEDDLE_OK;
}

int heddle_touches_find(const struct heddle_target_rows *ready, enum heddle_plan_claim claim, uint64_t seed,
                        struct heddle_buffer *scratch, struct heddle_touches *touches_out,
                        struct heddle_error *error)
{
    *touches_out = (struct heddle_touches){0};
    if (claim == HEDDLE_CLAIM_NOTHING || claim == HEDDLE_CLAIM_ONE) {
        return HEDDLE_OK;
    }
    if (claim == HEDDLE_CLAIM_IDENTITY) {
        return hash_identities(ready, seed, scratch, touches_out, error);
    }
    for (size_t i = 0; i < HEDDLE_TOUCHES_MAX; i++) {
        size_t count = 0;
        const struct heddle_column *columns = columns_of(ready, i, &count);
        if (count == 0) {
            break;
        }
        uint64_t *hashes =
            heddle_arena_calloc(ready->owner->arena, ready->owner->batch->rows + 1, sizeof *hashes);
        if (hashes == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(hash_keys(ready, columns, count, seed, scratch, hashes, error));
        touches_out->hashes[touches_out->count++] = hashes;
    }
    return HEDDLE_OK;
}
