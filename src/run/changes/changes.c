/* changes.c: what each version of a table deletes and updates, by identity. */
#include "run/changes/changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "column/convert.h"
#include "run/changes/identities.h"
#include "sink/rows.h"

/* A target of the pass, and what the version at hand did to it. */
struct change_target {
    size_t target;
    size_t removal; /* the one that removes what it writes */
    enum heddle_on_delete on_delete;
    bool embeds;
    size_t slot;                     /* of its text */
    struct heddle_identities before; /* of rows that are gone or were updated */
    uint64_t removals;
};

struct heddle_changes {
    struct heddle_changes_options options;
    struct change_target *targets;
    size_t target_count;
    int64_t version; /* that `before` speaks of */
    struct heddle_buffer key;
    uint64_t kept;
};

/* Rows that cannot be keyed are none of a graph's: what became of them was told when they came. */
static int reject_nothing(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    (void)reject;
    (void)error;
    return HEDDLE_OK;
}

static bool looks_at(const struct change_target *one)
{
    return one->on_delete != HEDDLE_ON_DELETE_KEEP || one->embeds;
}

int heddle_changes_create(const struct heddle_changes_options *options, struct heddle_changes **changes_out,
                          struct heddle_error *error)
{
    const struct heddle_plan *plan = options->plan;
    struct heddle_changes *changes = heddle_calloc(1, sizeof *changes);
    if (changes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    changes->options = *options;
    changes->version = -1;
    changes->targets = heddle_calloc(options->pass->target_count + 1, sizeof *changes->targets);
    if (changes->targets == NULL) {
        free(changes);
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < options->pass->target_count; i++) {
        const size_t target = options->pass->targets[i];
        if (plan->removals[target] == HEDDLE_PLAN_NO_REMOVAL) {
            continue;
        }
        changes->targets[changes->target_count++] = (struct change_target){
            .target = target,
            .removal = plan->removals[target],
            .on_delete = plan->on_delete[target],
            .embeds = options->slot_count > 0 && options->confirm != NULL &&
                      plan->targets[target].vector_property != NULL,
            .slot = plan->targets[target].vector_slot,
            .before = {.seed = heddle_hash_mix(options->seed ^ target),
                       .limit = options->identities_max > 0 ? options->identities_max
                                                            : HEDDLE_CHANGES_IDENTITIES_MAX},
        };
    }
    *changes_out = changes;
    return HEDDLE_OK;
}

void heddle_changes_destroy(struct heddle_changes *changes)
{
    if (changes != NULL) {
        for (size_t i = 0; i < changes->target_count; i++) {
            heddle_identities_free(&changes->targets[i].before);
        }
        heddle_buffer_free(&changes->key);
        free(changes->targets);
        free(changes);
    }
}

/* ---- identities and texts of a batch ---- */

/* A batch as one target sees it. */
struct view {
    const struct heddle_target_rows *ready; /* of the target that removes: keys alone */
    struct heddle_column text;              /* where the target embeds */
};

static int view_make(struct heddle_changes *changes, const struct change_target *one,
                     struct heddle_rows *rows, struct view *view, struct heddle_error *error)
{
    const struct heddle_reject_sink nowhere = {.add = reject_nothing};
    struct heddle_target_rows *ready = NULL;
    const uint8_t *bad = NULL;
    *view = (struct view){0};
    HEDDLE_TRY(heddle_rows_convert(rows, &changes->options.plan->targets[one->removal], one->removal,
                                   &nowhere, &ready, error));
    view->ready = ready;
    if (!one->embeds) {
        return HEDDLE_OK;
    }
    return heddle_column_convert(rows->arena, &rows->batch->columns[changes->options.slots[one->slot].column],
                                 HEDDLE_TYPE_STRING, HEDDLE_TYPE_NULL, &view->text, &bad, error);
}

static struct heddle_identity identity_of(struct heddle_changes *changes, const struct change_target *one,
                                          const struct view *view, size_t row)
{
    heddle_buffer_reset(&changes->key);
    (void)heddle_rows_identity(view->ready, row, &changes->key);
    return heddle_identity_hash(&one->before, changes->key.bytes, changes->key.length);
}

static uint64_t text_of(const struct change_target *one, const struct view *view, size_t row)
{
    size_t length = 0;
    if (!one->embeds || heddle_column_is_null(&view->text, row)) {
        return HEDDLE_IDENTITY_NO_TEXT;
    }
    const char *text = heddle_column_text(&view->text, row, &length);
    return heddle_identity_text(&one->before, text, length);
}

/* ---- rows as they were ---- */

static int look(struct heddle_changes *changes, struct change_target *one, const struct heddle_batch *batch,
                const struct view *view, struct heddle_error *error)
{
    for (size_t i = 0; i < view->ready->row_count; i++) {
        const size_t row = view->ready->rows[i];
        const struct heddle_identity identity = identity_of(changes, one, view, row);
        const int status = heddle_identities_add(&one->before, identity, text_of(one, view, row), error);
        if (status == HEDDLE_END) {
            return heddle_error_set(
                error, HEDDLE_SOURCE,
                "version %" PRId64 " of the table deletes or updates more than %zu rows of target '%s': more "
                "than can be told apart in memory; load the table anew with --fresh",
                batch->version, one->before.limit, changes->options.plan->targets[one->target].name);
        }
        HEDDLE_TRY(status);
    }
    return heddle_buffer_check(&changes->key, error);
}

/* ---- rows as they are now ---- */

static void set_bit(uint8_t *bits, size_t row)
{
    bits[row >> 3] = (uint8_t)(bits[row >> 3] | 1u << (row & 7));
}

static bool has_bit(const uint8_t *bits, size_t row)
{
    return (bits[row >> 3] >> (row & 7) & 1) != 0;
}

/* Rows of the batch that have the text that their identity had before; each identity that comes now stands. */
static void stand(struct heddle_changes *changes, struct change_target *one, const struct view *view,
                  uint8_t *same)
{
    for (size_t i = 0; i < view->ready->row_count; i++) {
        const size_t row = view->ready->rows[i];
        const uint64_t text = text_of(one, view, row);
        const uint64_t before = heddle_identities_stand(&one->before, identity_of(changes, one, view, row));
        if (same != NULL && text != HEDDLE_IDENTITY_NO_TEXT && text == before) {
            set_bit(same, row);
        }
    }
}

/* Joins what one target says of a slot's rows to what others said: all of those that share a vector must agree. */
static void join_same(uint8_t **kept, uint8_t *same, size_t size, size_t slot)
{
    if (kept[slot] == NULL) {
        kept[slot] = same;
        return;
    }
    for (size_t i = 0; i < size; i++) {
        kept[slot][i] = kept[slot][i] & same[i];
    }
}

/* The graph has the last word: a row may have been rejected, or deleted by somebody else. */
static int same_confirm(struct heddle_changes *changes, const struct change_target *one,
                        const struct view *view, uint8_t *same, struct heddle_error *error)
{
    const struct heddle_sink_look look = {
        .keys = view->ready,
        .target = one->target,
        .text = changes->options.plan->targets[one->target].vector_text != NULL ? &view->text : NULL,
        .rows = same,
    };
    bool any = false;
    for (size_t i = 0; i < view->ready->row_count && !any; i++) {
        any = has_bit(same, view->ready->rows[i]);
    }
    return any ? changes->options.confirm(changes->options.context, &look, error) : HEDDLE_OK;
}

static int target_stand(struct heddle_changes *changes, struct change_target *one, struct heddle_rows *rows,
                        uint8_t **kept, struct heddle_error *error)
{
    struct heddle_batch *batch = rows->batch;
    const size_t size = batch->rows / 8 + 1;
    struct view view;
    if (one->before.count == 0 && !one->embeds) {
        return HEDDLE_OK;
    }
    uint8_t *same = one->embeds ? heddle_arena_calloc(batch->arena, size, 1) : NULL;
    if (one->embeds && same == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (one->before.count > 0) {
        HEDDLE_TRY(view_make(changes, one, rows, &view, error));
        stand(changes, one, &view, same);
        HEDDLE_TRY(heddle_buffer_check(&changes->key, error));
    }
    if (one->embeds) {
        HEDDLE_TRY(one->before.count > 0 ? same_confirm(changes, one, &view, same, error) : HEDDLE_OK);
        join_same(kept, same, size, one->slot);
    }
    return HEDDLE_OK;
}

static int take_now(struct heddle_changes *changes, struct heddle_rows *rows, struct heddle_error *error)
{
    struct heddle_batch *batch = rows->batch;
    uint8_t **kept = heddle_arena_calloc(batch->arena, changes->options.slot_count + 1, sizeof *kept);
    if (kept == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < changes->target_count; i++) {
        HEDDLE_TRY(target_stand(changes, &changes->targets[i], rows, kept, error));
    }
    for (size_t slot = 0; slot < changes->options.slot_count; slot++) {
        for (size_t row = 0; kept[slot] != NULL && row < batch->rows; row++) {
            changes->kept += has_bit(kept[slot], row) ? 1 : 0;
        }
    }
    batch->kept = (const uint8_t *const *)kept;
    return HEDDLE_OK;
}

/* ---- rows to remove ---- */

static int refuse(const struct heddle_changes *changes, const struct change_target *one,
                  const struct view *view, size_t row, struct heddle_error *error)
{
    char key[HEDDLE_ROWS_KEY_TEXT_MAX];
    return heddle_error_set(
        error, HEDDLE_SOURCE,
        "version %" PRId64
        " of the table deletes %s, which target '%s' wrote, and the target does not say what "
        "a deleted row means: set on_delete: delete on it where the row is what it writes, on_delete: keep "
        "where other rows share it, or ignoreDeletes: true on the source to keep everything, and run again",
        view->ready->owner->batch->version, heddle_rows_key_text(view->ready, row, key),
        changes->options.plan->targets[one->target].name);
}

/* The rows of the batch that nothing of the version stands for. */
static int remove_rows(struct heddle_changes *changes, struct change_target *one, const struct view *view,
                       uint8_t *left_out, size_t *count_out, struct heddle_error *error)
{
    memset(left_out, 0xff, view->ready->owner->batch->rows / 8 + 1);
    for (size_t i = 0; i < view->ready->row_count; i++) {
        const size_t row = view->ready->rows[i];
        if (heddle_identities_stands(&one->before, identity_of(changes, one, view, row))) {
            continue;
        }
        if (one->on_delete == HEDDLE_ON_DELETE_STOP) {
            return refuse(changes, one, view, row, error);
        }
        left_out[row >> 3] = (uint8_t)(left_out[row >> 3] & ~(1u << (row & 7)));
        (*count_out)++;
    }
    return heddle_buffer_check(&changes->key, error);
}

static int take_removed(struct heddle_changes *changes, struct heddle_rows *rows, bool *wanted_out,
                        struct heddle_error *error)
{
    struct heddle_batch *batch = rows->batch;
    uint8_t **left_out =
        heddle_arena_calloc(batch->arena, changes->options.plan->sink_target_count, sizeof *left_out);
    if (left_out == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < changes->target_count; i++) {
        struct change_target *one = &changes->targets[i];
        struct view view;
        size_t count = 0;
        if (one->on_delete == HEDDLE_ON_DELETE_KEEP) {
            continue;
        }
        left_out[one->removal] = heddle_arena_alloc(batch->arena, batch->rows / 8 + 1);
        if (left_out[one->removal] == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(view_make(changes, one, rows, &view, error));
        HEDDLE_TRY(remove_rows(changes, one, &view, left_out[one->removal], &count, error));
        one->removals += count;
        *wanted_out = *wanted_out || count > 0;
    }
    batch->left_out = (const uint8_t *const *)left_out;
    return HEDDLE_OK;
}

/* ---- any batch ---- */

static int take_looked(struct heddle_changes *changes, struct heddle_rows *rows, struct heddle_error *error)
{
    for (size_t i = 0; i < changes->target_count; i++) {
        struct view view;
        if (looks_at(&changes->targets[i])) {
            HEDDLE_TRY(view_make(changes, &changes->targets[i], rows, &view, error));
            HEDDLE_TRY(look(changes, &changes->targets[i], rows->batch, &view, error));
        }
    }
    return HEDDLE_OK;
}

int heddle_changes_take(struct heddle_changes *changes, struct heddle_batch *batch, bool *wanted_out,
                        struct heddle_error *error)
{
    struct heddle_rows *rows = NULL;
    *wanted_out = batch->change == HEDDLE_CHANGE_UPSERT;
    if (batch->version != changes->version) {
        changes->version = batch->version;
        for (size_t i = 0; i < changes->target_count; i++) {
            heddle_identities_clear(&changes->targets[i].before);
        }
    }
    HEDDLE_TRY(heddle_rows_create(batch, &rows, error));
    int status = HEDDLE_OK;
    switch (batch->change) {
    case HEDDLE_CHANGE_UPSERT: status = take_now(changes, rows, error); break;
    case HEDDLE_CHANGE_LOOK: status = take_looked(changes, rows, error); break;
    case HEDDLE_CHANGE_REMOVE: status = take_removed(changes, rows, wanted_out, error); break;
    }
    heddle_rows_release(rows);
    return status;
}

uint64_t heddle_changes_removals(const struct heddle_changes *changes, size_t target)
{
    for (size_t i = 0; i < changes->target_count; i++) {
        if (changes->targets[i].target == target) {
            return changes->targets[i].removals;
        }
    }
    return 0;
}

uint64_t heddle_changes_kept(const struct heddle_changes *changes)
{
    return changes->kept;
}
