/* rows.c: convert a target's columns, then judge each row once: first its key, then its other values. */
#include "sink/rows.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "column/convert.h"

/* Converted columns of a few thousand rows; larger ones get blocks of their own. */
enum { ROWS_ARENA_BLOCK = 64 * 1024 };

/* Which property of a row was found bad, and as what. 0 in the list of verdicts = nothing was. */
enum verdict_kind {
    VERDICT_GOOD = 0,
    VERDICT_KEY_NULL,
    VERDICT_KEY_NAN,
    VERDICT_KEY_TYPE,
    VERDICT_START_NULL,
    VERDICT_START_NAN,
    VERDICT_START_TYPE,
    VERDICT_END_NULL,
    VERDICT_END_NAN,
    VERDICT_END_TYPE,
    VERDICT_VALUE_TYPE,
};

struct verdict {
    uint8_t kind;
    uint16_t property; /* index into the list that `kind` speaks of */
};

/* Property lists longer than this cannot be told apart in a verdict; Neo4j itself stops far earlier to be useful. */
enum { ROWS_PROPERTIES_MAX = UINT16_MAX };

int heddle_rows_create(struct heddle_batch *batch, struct heddle_rows **rows_out, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    HEDDLE_TRY(heddle_arena_create(ROWS_ARENA_BLOCK, &arena, error));
    struct heddle_rows *rows = heddle_arena_calloc(arena, 1, sizeof *rows);
    if (rows == NULL) {
        heddle_arena_destroy(arena);
        return heddle_error_out_of_memory(error);
    }
    rows->arena = arena;
    rows->batch = heddle_batch_retain(batch);
    atomic_init(&rows->references, 1);
    *rows_out = rows;
    return HEDDLE_OK;
}

void heddle_rows_release(struct heddle_rows *rows)
{
    if (rows == NULL || atomic_fetch_sub_explicit(&rows->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    struct heddle_arena *arena = rows->arena;
    heddle_batch_release(rows->batch);
    heddle_arena_destroy(arena);
}

static bool bit_is_set(const uint8_t *bits, size_t index)
{
    return bits != NULL && (bits[index >> 3] >> (index & 7) & 1) != 0;
}

/* A graph's lists hold no nulls. Adds such rows to the bad ones. */
static int mark_lists_with_nulls(struct heddle_rows *rows, const struct heddle_column *column,
                                 const uint8_t **bad, struct heddle_error *error)
{
    if (column->type != HEDDLE_TYPE_LIST ||
        (column->items->valid == NULL && column->items->type != HEDDLE_TYPE_NULL)) {
        return HEDDLE_OK;
    }
    const size_t size = (column->length + 7) / 8;
    uint8_t *bits = heddle_arena_calloc(rows->arena, size + 1, 1);
    if (bits == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (*bad != NULL) {
        memcpy(bits, *bad, size);
    }
    for (size_t row = 0; row < column->length; row++) {
        if (heddle_column_is_null(column, row)) {
            continue;
        }
        for (uint32_t item = column->offsets[row]; item < column->offsets[row + 1]; item++) {
            if (heddle_column_is_null(column->items, item)) {
                bits[row >> 3] = (uint8_t)(bits[row >> 3] | 1u << (row & 7));
                break;
            }
        }
    }
    *bad = bits;
    return HEDDLE_OK;
}

/* A copy of `column` in which the bad rows are null: on_bad_value null. */
static int hide_bad_rows(struct heddle_rows *rows, struct heddle_column *column, const uint8_t *bad,
                         struct heddle_error *error)
{
    if (bad == NULL || column->type == HEDDLE_TYPE_NULL) {
        return HEDDLE_OK;
    }
    const size_t size = (column->length + 7) / 8;
    uint8_t *valid = heddle_arena_calloc(rows->arena, size + 1, 1);
    if (valid == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < size; i++) {
        valid[i] = (uint8_t)((column->valid == NULL ? 0xFF : column->valid[i]) & (uint8_t)~bad[i]);
    }
    column->valid = valid;
    return HEDDLE_OK;
}

int heddle_rows_convert_property(const struct heddle_batch *batch, const struct heddle_target *target,
                                 const struct heddle_target_property *property, struct heddle_arena *arena,
                                 struct heddle_column *out, const uint8_t **bad_out,
                                 struct heddle_error *error)
{
    if (property->column < 0 || (size_t)property->column >= batch->schema->count) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "target %s: property %s wants column %d (%s), but source %s has %zu columns",
                                target->name, property->name, property->column, property->field,
                                batch->source, batch->schema->count);
    }
    const struct heddle_column *column = &batch->columns[property->column];
    *bad_out = NULL;
    if (!property->typed) {
        *out = *column;
        return HEDDLE_OK;
    }
    const int status =
        heddle_column_convert(arena, column, property->type, property->item_type, out, bad_out, error);
    if (status != HEDDLE_OK) {
        heddle_error_prefix(error, "target %s: property %s from %s", target->name, property->name,
                            property->field);
    }
    return status;
}

static int convert_one(struct heddle_rows *rows, const struct heddle_target *target,
                       const struct heddle_target_property *property, struct heddle_column *out,
                       const uint8_t **bad_out, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_rows_convert_property(rows->batch, target, property, rows->arena, out, bad_out, error));
    return mark_lists_with_nulls(rows, out, bad_out, error);
}

static void judge(struct verdict *verdicts, size_t row, enum verdict_kind kind, size_t property)
{
    if (verdicts[row].kind == VERDICT_GOOD) {
        verdicts[row] = (struct verdict){.kind = (uint8_t)kind, .property = (uint16_t)property};
    }
}

/* Judges one key column. `if_null` is followed by the NaN and type kinds of the same family. */
static void judge_key(struct verdict *verdicts, const struct heddle_column *column, const uint8_t *bad,
                      enum verdict_kind if_null, size_t property)
{
    for (size_t row = 0; row < column->length; row++) {
        if (bit_is_set(bad, row)) {
            judge(verdicts, row, if_null + 2, property);
        } else if (heddle_column_is_null(column, row)) {
            judge(verdicts, row, if_null, property);
        } else if (column->type == HEDDLE_TYPE_FLOAT) {
            const double value = heddle_column_float(column, row);
            if (value != value) {
                judge(verdicts, row, if_null + 1, property);
            }
        }
    }
}

static int convert_end(struct heddle_rows *rows, const struct heddle_target *target,
                       const struct heddle_target_end *end, enum verdict_kind if_null,
                       struct verdict *verdicts, const struct heddle_column **keys_out,
                       struct heddle_error *error)
{
    struct heddle_column *keys = heddle_arena_calloc(rows->arena, end->key_count + 1, sizeof *keys);
    if (keys == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < end->key_count; i++) {
        const uint8_t *bad = NULL;
        HEDDLE_TRY(convert_one(rows, target, &end->keys[i], &keys[i], &bad, error));
        judge_key(verdicts, &keys[i], bad, if_null, i);
    }
    *keys_out = keys;
    return HEDDLE_OK;
}

static bool property_is_key(const struct heddle_target *target, size_t property)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (target->key[i] == property) {
            return true;
        }
    }
    return false;
}

static int convert_properties(struct heddle_target_rows *ready, struct verdict *verdicts,
                              struct heddle_error *error)
{
    struct heddle_rows *rows = ready->owner;
    const struct heddle_target *target = ready->target;
    struct heddle_column *properties =
        heddle_arena_calloc(rows->arena, target->property_count + 1, sizeof *properties);
    struct heddle_column *keys = heddle_arena_calloc(rows->arena, target->key_count + 1, sizeof *keys);
    const uint8_t **bad = heddle_arena_calloc(rows->arena, target->property_count + 1, sizeof *bad);
    if (properties == NULL || keys == NULL || bad == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < target->property_count; i++) {
        HEDDLE_TRY(convert_one(rows, target, &target->properties[i], &properties[i], &bad[i], error));
    }
    for (size_t i = 0; i < target->key_count; i++) {
        keys[i] = properties[target->key[i]];
        judge_key(verdicts, &keys[i], bad[target->key[i]], VERDICT_KEY_NULL, target->key[i]);
    }
    for (size_t i = 0; i < target->property_count; i++) {
        if (property_is_key(target, i) || bad[i] == NULL) {
            continue;
        }
        if (target->bad_value_is_null) {
            HEDDLE_TRY(hide_bad_rows(rows, &properties[i], bad[i], error));
            continue;
        }
        for (size_t row = 0; row < rows->batch->rows; row++) {
            if (bit_is_set(bad[i], row)) {
                judge(verdicts, row, VERDICT_VALUE_TYPE, i);
            }
        }
    }
    ready->properties = properties;
    ready->keys = keys;
    return HEDDLE_OK;
}

static int find_vector(struct heddle_target_rows *ready, struct heddle_error *error)
{
    const struct heddle_target *target = ready->target;
    const struct heddle_batch *batch = ready->owner->batch;
    if (target->kind != HEDDLE_TARGET_NODE || target->vector_property == NULL) {
        return HEDDLE_OK;
    }
    if (target->vector_slot >= batch->vector_count) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "target %s: vector slot %zu is not filled (the batch has %zu)", target->name,
                                target->vector_slot, batch->vector_count);
    }
    const struct heddle_column *vector = &batch->vectors[target->vector_slot];
    if (vector->type != HEDDLE_TYPE_NULL &&
        (vector->type != HEDDLE_TYPE_VECTOR || vector->width != target->vector_dimensions)) {
        return heddle_error_set(error, HEDDLE_INVALID, "target %s: vectors have %u dimensions, %s wants %u",
                                target->name, vector->width, target->vector_property,
                                target->vector_dimensions);
    }
    ready->vector = vector;
    return HEDDLE_OK;
}

/* The list of properties that a verdict's index counts in. */
static const struct heddle_target_property *verdict_property(const struct heddle_target *target,
                                                             const struct verdict *verdict)
{
    switch ((enum verdict_kind)verdict->kind) {
    case VERDICT_START_NULL:
    case VERDICT_START_NAN:
    case VERDICT_START_TYPE: return &target->start.keys[verdict->property];
    case VERDICT_END_NULL:
    case VERDICT_END_NAN:
    case VERDICT_END_TYPE: return &target->end.keys[verdict->property];
    case VERDICT_GOOD:
    case VERDICT_KEY_NULL:
    case VERDICT_KEY_NAN:
    case VERDICT_KEY_TYPE:
    case VERDICT_VALUE_TYPE: break;
    }
    return &target->properties[verdict->property];
}

static int reject_verdict(const struct heddle_target_rows *ready, size_t row, const struct verdict *verdict,
                          const struct heddle_reject_sink *rejects, struct heddle_error *error)
{
    static const struct {
        const char *code;
        const char *what;
        const char *why;
    } table[] = {
        [VERDICT_KEY_NULL] = {"KEY_NULL", "key", "is null"},
        [VERDICT_KEY_NAN] = {"KEY_NULL", "key", "is NaN, which equals nothing"},
        [VERDICT_KEY_TYPE] = {"KEY_TYPE", "key", "cannot be converted"},
        [VERDICT_START_NULL] = {"END_KEY_NULL", "start node's key", "is null"},
        [VERDICT_START_NAN] = {"END_KEY_NULL", "start node's key", "is NaN, which equals nothing"},
        [VERDICT_START_TYPE] = {"END_KEY_TYPE", "start node's key", "cannot be converted"},
        [VERDICT_END_NULL] = {"END_KEY_NULL", "end node's key", "is null"},
        [VERDICT_END_NAN] = {"END_KEY_NULL", "end node's key", "is NaN, which equals nothing"},
        [VERDICT_END_TYPE] = {"END_KEY_TYPE", "end node's key", "cannot be converted"},
        [VERDICT_VALUE_TYPE] = {"VALUE_TYPE", "property", "cannot be converted"},
    };
    const struct heddle_target_property *property = verdict_property(ready->target, verdict);
    const bool is_type = strstr(table[verdict->kind].code, "TYPE") != NULL;
    char reason[400];
    char value[80] = "";
    if (is_type) {
        heddle_column_print(&ready->owner->batch->columns[property->column], row, value, sizeof value);
    }
    snprintf(reason, sizeof reason, "%s %s (column %s) %s%s%s%s%s", table[verdict->kind].what, property->name,
             property->field, table[verdict->kind].why, is_type && property->typed ? " to " : "",
             is_type && property->typed ? heddle_type_name(property->type) : "", is_type ? ": " : "", value);
    reason[heddle_text_cut(reason, strlen(reason), sizeof reason - 1)] = '\0';
    return heddle_rows_reject(ready, row, rejects, HEDDLE_STAGE_CONVERT, table[verdict->kind].code, reason,
                              error);
}

/* Why the row's text could not be embedded, NULL where it was, or where the target wants no vector. */
static const char *embedding_failure(const struct heddle_target_rows *ready, size_t row)
{
    const struct heddle_batch *batch = ready->owner->batch;
    if (ready->vector == NULL || batch->failures == NULL) {
        return NULL;
    }
    const char *const *reasons = batch->failures[ready->target->vector_slot];
    return reasons == NULL ? NULL : reasons[row];
}

/* The rows that this shard takes; *mine_out = NULL: all. */
static int find_mine(const struct heddle_target_rows *ready, uint8_t **mine_out, struct heddle_error *error)
{
    const struct heddle_rows *rows = ready->owner;
    if (heddle_share_is_whole(rows->share)) {
        return HEDDLE_OK;
    }
    *mine_out = heddle_arena_alloc(rows->arena, rows->batch->rows + 1);
    if (*mine_out == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_share_find(rows->share, rows->batch, ready->target, rows->arena, *mine_out, error);
}

static int sort_rows(struct heddle_target_rows *ready, const struct verdict *verdicts,
                     const struct heddle_reject_sink *rejects, struct heddle_error *error)
{
    const size_t count = ready->owner->batch->rows;
    ready->rows = heddle_arena_calloc(ready->owner->arena, count + 1, sizeof *ready->rows);
    if (ready->rows == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const struct heddle_batch *batch = ready->owner->batch;
    const uint8_t *left_out = batch->left_out == NULL ? NULL : batch->left_out[ready->target_index];
    uint8_t *mine = NULL;
    HEDDLE_TRY(find_mine(ready, &mine, error));
    for (size_t row = 0; row < count; row++) {
        if (bit_is_set(left_out, row)) {
            ready->left_out++;
            continue;
        }
        if (mine != NULL && mine[row] == 0) {
            ready->others++;
            continue;
        }
        const char *failure = embedding_failure(ready, row);
        if (verdicts[row].kind == VERDICT_GOOD && failure == NULL) {
            ready->rows[ready->row_count++] = (uint32_t)row;
            continue;
        }
        ready->rejected++;
        if (verdicts[row].kind == VERDICT_GOOD) {
            HEDDLE_TRY(
                heddle_rows_reject(ready, row, rejects, HEDDLE_STAGE_EMBED, "EMBED_FAILED", failure, error));
            continue;
        }
        HEDDLE_TRY(reject_verdict(ready, row, &verdicts[row], rejects, error));
    }
    return HEDDLE_OK;
}

int heddle_rows_convert(struct heddle_rows *rows, const struct heddle_target *target, size_t target_index,
                        const struct heddle_reject_sink *rejects, struct heddle_target_rows **ready_out,
                        struct heddle_error *error)
{
    if (target->property_count > ROWS_PROPERTIES_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "target %s: %zu properties, at most %d are possible",
                                target->name, target->property_count, ROWS_PROPERTIES_MAX);
    }
    struct heddle_target_rows *ready = heddle_arena_calloc(rows->arena, 1, sizeof *ready);
    struct verdict *verdicts = heddle_arena_calloc(rows->arena, rows->batch->rows + 1, sizeof *verdicts);
    if (ready == NULL || verdicts == NULL) {
        return heddle_error_out_of_memory(error);
    }
    ready->owner = rows;
    ready->target = target;
    ready->target_index = target_index;
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        HEDDLE_TRY(convert_end(rows, target, &target->start, VERDICT_START_NULL, verdicts, &ready->start_keys,
                               error));
        HEDDLE_TRY(
            convert_end(rows, target, &target->end, VERDICT_END_NULL, verdicts, &ready->end_keys, error));
    }
    HEDDLE_TRY(convert_properties(ready, verdicts, error));
    HEDDLE_TRY(find_vector(ready, error));
    HEDDLE_TRY(sort_rows(ready, verdicts, rejects, error));
    *ready_out = ready;
    return HEDDLE_OK;
}

enum heddle_key_state heddle_rows_identity(const struct heddle_target_rows *ready, size_t row,
                                           struct heddle_buffer *buffer)
{
    const struct heddle_target *target = ready->target;
    enum heddle_key_state state = HEDDLE_KEY_USABLE;
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        state = heddle_key_append(buffer, ready->start_keys, target->start.key_count, row);
        if (state == HEDDLE_KEY_USABLE) {
            state = heddle_key_append(buffer, ready->end_keys, target->end.key_count, row);
        }
    }
    if (state == HEDDLE_KEY_USABLE) {
        state = heddle_key_append(buffer, ready->keys, target->key_count, row);
    }
    return state;
}

/* Appends the values of `count` properties as the source gave them, so that a bad key is shown as it was. */
static size_t print_keys(const struct heddle_batch *batch, const struct heddle_target_property *properties,
                         const size_t *which, size_t count, size_t row, char *out, size_t length)
{
    for (size_t i = 0; i < count && length + 1 < HEDDLE_ROWS_KEY_TEXT_MAX; i++) {
        const int column = properties[which == NULL ? i : which[i]].column;
        if (i > 0) {
            const int printed = snprintf(out + length, HEDDLE_ROWS_KEY_TEXT_MAX - length, ", ");
            length += printed > 0 ? (size_t)printed : 0;
        }
        if (length + 1 < HEDDLE_ROWS_KEY_TEXT_MAX) {
            heddle_column_print(&batch->columns[column], row, out + length,
                                HEDDLE_ROWS_KEY_TEXT_MAX - length);
            length += strlen(out + length);
        }
    }
    return length;
}

char *heddle_rows_key_text(const struct heddle_target_rows *ready, size_t row,
                           char out[static HEDDLE_ROWS_KEY_TEXT_MAX])
{
    const struct heddle_target *target = ready->target;
    const struct heddle_batch *batch = ready->owner->batch;
    out[0] = '\0';
    if (target->kind == HEDDLE_TARGET_NODE) {
        print_keys(batch, target->properties, target->key, target->key_count, row, out, 0);
        return out;
    }
    if (target->kind == HEDDLE_TARGET_QUERY) {
        return out;
    }
    size_t length = print_keys(batch, target->start.keys, NULL, target->start.key_count, row, out, 0);
    if (length + 1 < HEDDLE_ROWS_KEY_TEXT_MAX) {
        snprintf(out + length, HEDDLE_ROWS_KEY_TEXT_MAX - length, " -> ");
        length = strlen(out);
    }
    print_keys(batch, target->end.keys, NULL, target->end.key_count, row, out, length);
    return out;
}

char *heddle_rows_end_text(const struct heddle_target_rows *ready, size_t row, bool at_end,
                           char out[static HEDDLE_ROWS_KEY_TEXT_MAX])
{
    const struct heddle_target_end *end = at_end ? &ready->target->end : &ready->target->start;
    out[0] = '\0';
    print_keys(ready->owner->batch, end->keys, NULL, end->key_count, row, out, 0);
    return out;
}

int heddle_rows_reject(const struct heddle_target_rows *ready, size_t row,
                       const struct heddle_reject_sink *rejects, enum heddle_stage stage, const char *code,
                       const char *reason, struct heddle_error *error)
{
    char key[HEDDLE_ROWS_KEY_TEXT_MAX];
    const struct heddle_batch *batch = ready->owner->batch;
    const struct heddle_reject reject = {
        .target = ready->target->name,
        .batch = batch,
        .row = row,
        .source = batch->source,
        .file = batch->file,
        .ordinal = heddle_batch_ordinal(batch, row),
        .stage = stage,
        .code = code,
        .reason = reason,
        .key = heddle_rows_key_text(ready, row, key),
    };
    return rejects->add(rejects->context, &reject, error);
}
