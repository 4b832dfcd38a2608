/* builder.c: columns that grow value by value. */
#include "column/builder.h"

#include <string.h>

static void value_note(struct heddle_builder *builder, bool present)
{
    heddle_buffer_append_byte(&builder->valid, present ? 1 : 0);
    builder->nulls += present ? 0 : 1;
    builder->length++;
}

/* True for the types whose values stand behind offsets. */
static bool has_offsets(enum heddle_type type)
{
    return type == HEDDLE_TYPE_STRING || type == HEDDLE_TYPE_DECIMAL || type == HEDDLE_TYPE_BYTES ||
           type == HEDDLE_TYPE_LIST;
}

static void offset_note(struct heddle_builder *builder, uint64_t end)
{
    heddle_buffer_append(&builder->offsets, &end, sizeof end);
}

void heddle_builder_null(struct heddle_builder *builder)
{
    static const int64_t zero = 0;
    if (builder->type == HEDDLE_TYPE_LIST) {
        offset_note(builder, builder->items->length);
    } else if (has_offsets(builder->type)) {
        offset_note(builder, builder->bytes.length);
    } else if (builder->type == HEDDLE_TYPE_BOOLEAN) {
        heddle_buffer_append_byte(&builder->values, 0);
    } else if (builder->type != HEDDLE_TYPE_NULL) {
        heddle_buffer_append(&builder->values, &zero, sizeof zero);
    }
    value_note(builder, false);
}

void heddle_builder_integer(struct heddle_builder *builder, int64_t value)
{
    heddle_buffer_append(&builder->values, &value, sizeof value);
    value_note(builder, true);
}

void heddle_builder_float(struct heddle_builder *builder, double value)
{
    heddle_buffer_append(&builder->values, &value, sizeof value);
    value_note(builder, true);
}

void heddle_builder_boolean(struct heddle_builder *builder, bool value)
{
    heddle_buffer_append_byte(&builder->values, value ? 1 : 0);
    value_note(builder, true);
}

void heddle_builder_text(struct heddle_builder *builder, const char *text, size_t length)
{
    heddle_buffer_append(&builder->bytes, text, length);
    heddle_builder_end_text(builder);
}

void heddle_builder_end_text(struct heddle_builder *builder)
{
    offset_note(builder, builder->bytes.length);
    value_note(builder, true);
}

void heddle_builder_end_list(struct heddle_builder *builder)
{
    offset_note(builder, builder->items->length);
    value_note(builder, true);
}

static bool has_failed(const struct heddle_builder *builder)
{
    return builder->valid.failed || builder->values.failed || builder->offsets.failed ||
           builder->bytes.failed;
}

/* A copy of a buffer in the arena; NULL when out of memory. */
static void *buffer_copy(struct heddle_arena *arena, const struct heddle_buffer *buffer)
{
    void *copy = heddle_arena_alloc(arena, buffer->length);
    if (copy != NULL && buffer->length > 0) {
        memcpy(copy, buffer->bytes, buffer->length);
    }
    return copy;
}

static int valid_pack(const struct heddle_builder *builder, struct heddle_arena *arena,
                      struct heddle_column *column, struct heddle_error *error)
{
    if (builder->nulls == 0) {
        return HEDDLE_OK;
    }
    uint8_t *valid = heddle_arena_calloc(arena, (builder->length + 7) / 8, 1);
    if (valid == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < builder->length; i++) {
        valid[i >> 3] = (uint8_t)(valid[i >> 3] | builder->valid.bytes[i] << (i & 7));
    }
    column->valid = valid;
    return HEDDLE_OK;
}

static int offsets_pack(const struct heddle_builder *builder, struct heddle_arena *arena,
                        struct heddle_column *column, struct heddle_error *error)
{
    uint32_t *offsets = heddle_arena_alloc(arena, (builder->length + 1) * sizeof *offsets);
    if (offsets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    offsets[0] = 0;
    for (size_t i = 0; i < builder->length; i++) {
        uint64_t end = 0;
        memcpy(&end, builder->offsets.bytes + i * sizeof end, sizeof end);
        if (end > UINT32_MAX) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "%zu rows hold more than 4 GiB in one column; read fewer at a time",
                                    builder->length);
        }
        offsets[i + 1] = (uint32_t)end;
    }
    column->offsets = offsets;
    return HEDDLE_OK;
}

int heddle_builder_finish(struct heddle_builder *builder, struct heddle_arena *arena,
                          struct heddle_column *column, struct heddle_error *error)
{
    if (has_failed(builder)) {
        return heddle_error_out_of_memory(error);
    }
    *column = (struct heddle_column){.type = builder->type, .length = builder->length};
    HEDDLE_TRY(valid_pack(builder, arena, column, error));
    if (has_offsets(builder->type)) {
        HEDDLE_TRY(offsets_pack(builder, arena, column, error));
    }
    if (builder->type == HEDDLE_TYPE_LIST) {
        struct heddle_column *items = heddle_arena_calloc(arena, 1, sizeof *items);
        if (items == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(heddle_builder_finish(builder->items, arena, items, error));
        column->items = items;
    } else if (has_offsets(builder->type)) {
        column->bytes = buffer_copy(arena, &builder->bytes);
    } else {
        column->values = buffer_copy(arena, &builder->values);
    }
    if (column->items == NULL && column->bytes == NULL && column->values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_builder_reset(builder);
    return HEDDLE_OK;
}

void heddle_builder_reset(struct heddle_builder *builder)
{
    heddle_buffer_reset(&builder->valid);
    heddle_buffer_reset(&builder->values);
    heddle_buffer_reset(&builder->offsets);
    heddle_buffer_reset(&builder->bytes);
    builder->length = 0;
    builder->nulls = 0;
    if (builder->items != NULL) {
        heddle_builder_reset(builder->items);
    }
}

void heddle_builder_free(struct heddle_builder *builder)
{
    heddle_buffer_free(&builder->valid);
    heddle_buffer_free(&builder->values);
    heddle_buffer_free(&builder->offsets);
    heddle_buffer_free(&builder->bytes);
    if (builder->items != NULL) {
        heddle_builder_free(builder->items);
    }
    builder->length = 0;
    builder->nulls = 0;
}
