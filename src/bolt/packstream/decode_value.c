/* decode_value.c: building the tree. Recursive, but never deeper than HEDDLE_UNPACK_DEPTH_MAX. */
#include "bolt/packstream/decode_parts.h"

#include <string.h>

static int take_text(struct heddle_unpack *unpack, uint32_t length, struct heddle_arena *arena,
                     struct heddle_value_text *text_out, struct heddle_error *error)
{
    text_out->text = heddle_arena_copy_text(arena, (const char *)unpack->bytes + unpack->position, length);
    if (text_out->text == NULL) {
        return heddle_error_out_of_memory(error);
    }
    text_out->length = length;
    unpack->position += length;
    return HEDDLE_OK;
}

static int take_bytes(struct heddle_unpack *unpack, uint32_t length, struct heddle_arena *arena,
                      struct heddle_value_bytes *bytes_out, struct heddle_error *error)
{
    uint8_t *copy = heddle_arena_alloc_small(arena, length);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(copy, unpack->bytes + unpack->position, length);
    bytes_out->bytes = copy;
    bytes_out->length = length;
    unpack->position += length;
    return HEDDLE_OK;
}

/* `count` values one after the other. */
static int take_items(struct heddle_unpack *unpack, uint32_t count, struct heddle_arena *arena,
                      struct heddle_value_list *list_out, struct heddle_error *error)
{
    struct heddle_value *items = heddle_arena_alloc_small(arena, count * sizeof *items);
    if (items == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_unpack_descend(unpack, error));
    for (uint32_t i = 0; i < count; i++) {
        HEDDLE_TRY(heddle_unpack_value(unpack, arena, &items[i], error));
    }
    unpack->depth--;
    list_out->items = items;
    list_out->count = count;
    return HEDDLE_OK;
}

static int take_entries(struct heddle_unpack *unpack, uint32_t count, struct heddle_arena *arena,
                        struct heddle_value_map *map_out, struct heddle_error *error)
{
    struct heddle_value_entry *entries = heddle_arena_alloc_small(arena, count * sizeof *entries);
    if (entries == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_unpack_descend(unpack, error));
    for (uint32_t i = 0; i < count; i++) {
        struct heddle_unpack_head head;
        HEDDLE_TRY(heddle_unpack_head(unpack, &head, error));
        if (head.type != HEDDLE_VALUE_STRING) {
            return heddle_unpack_bad(unpack, "a map's key is no text", error);
        }
        HEDDLE_TRY(take_text(unpack, head.size, arena, &entries[i].key, error));
        HEDDLE_TRY(heddle_unpack_value(unpack, arena, &entries[i].value, error));
    }
    unpack->depth--;
    map_out->entries = entries;
    map_out->count = count;
    return HEDDLE_OK;
}

int heddle_unpack_value(struct heddle_unpack *unpack, struct heddle_arena *arena,
                        struct heddle_value *value_out, struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(heddle_unpack_head(unpack, &head, error));
    *value_out = (struct heddle_value){.type = head.type};
    switch (head.type) {
    case HEDDLE_VALUE_BOOLEAN: value_out->boolean = head.boolean; return HEDDLE_OK;
    case HEDDLE_VALUE_INTEGER: value_out->integer = head.integer; return HEDDLE_OK;
    case HEDDLE_VALUE_FLOAT: value_out->real = head.real; return HEDDLE_OK;
    case HEDDLE_VALUE_STRING: return take_text(unpack, head.size, arena, &value_out->string, error);
    case HEDDLE_VALUE_BYTES: return take_bytes(unpack, head.size, arena, &value_out->bytes, error);
    case HEDDLE_VALUE_LIST: return take_items(unpack, head.size, arena, &value_out->list, error);
    case HEDDLE_VALUE_MAP: return take_entries(unpack, head.size, arena, &value_out->map, error);
    case HEDDLE_VALUE_UUID:
        memcpy(value_out->uuid, unpack->bytes + unpack->position, sizeof value_out->uuid);
        unpack->position += sizeof value_out->uuid;
        return HEDDLE_OK;
    case HEDDLE_VALUE_STRUCT: {
        struct heddle_value_list fields;
        HEDDLE_TRY(take_items(unpack, head.size, arena, &fields, error));
        return heddle_unpack_structure(unpack, head.tag, fields.items, (uint8_t)fields.count, arena,
                                       value_out, error);
    }
    default: return HEDDLE_OK;
    }
}
