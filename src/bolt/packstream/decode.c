/* decode.c: stepping through PackStream: heads, lengths, limits. */
#include "bolt/packstream/decode_parts.h"

#include <stdio.h>
#include <string.h>

enum { UUID_SIZE = 16, MARKER_UUID = 0xE0 };

void heddle_unpack_init(struct heddle_unpack *unpack, const void *bytes, size_t length)
{
    *unpack = (struct heddle_unpack){.bytes = bytes, .length = length};
}

int heddle_unpack_bad(const struct heddle_unpack *unpack, const char *text, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_PROTOCOL, "malformed answer, PackStream byte %zu of %zu: %s",
                            unpack->position, unpack->length, text);
}

int heddle_unpack_descend(struct heddle_unpack *unpack, struct heddle_error *error)
{
    if (unpack->depth >= HEDDLE_UNPACK_DEPTH_MAX) {
        return heddle_unpack_bad(unpack, "values are nested too deeply", error);
    }
    unpack->depth++;
    return HEDDLE_OK;
}

static inline size_t bytes_left(const struct heddle_unpack *unpack)
{
    return unpack->length - unpack->position;
}

/* `width` bytes, big-endian. */
static int take_number(struct heddle_unpack *unpack, size_t width, uint64_t *number_out,
                       struct heddle_error *error)
{
    if (bytes_left(unpack) < width) {
        return heddle_unpack_bad(unpack, "the message ends inside a value", error);
    }
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++) {
        number = number << 8 | unpack->bytes[unpack->position + i];
    }
    unpack->position += width;
    *number_out = number;
    return HEDDLE_OK;
}

/* The kind that a marker announces; false for markers that do not exist. */
static bool marker_type(uint8_t marker, enum heddle_value_type *type_out)
{
    static const uint8_t high[16] = {
        [0x8] = HEDDLE_VALUE_STRING + 1, [0x9] = HEDDLE_VALUE_LIST + 1,    [0xA] = HEDDLE_VALUE_MAP + 1,
        [0xB] = HEDDLE_VALUE_STRUCT + 1, [0xF] = HEDDLE_VALUE_INTEGER + 1,
    };
    static const uint8_t wide[0x30] = {
        [0x00] = HEDDLE_VALUE_NULL + 1,    [0x01] = HEDDLE_VALUE_FLOAT + 1,
        [0x02] = HEDDLE_VALUE_BOOLEAN + 1, [0x03] = HEDDLE_VALUE_BOOLEAN + 1,
        [0x08] = HEDDLE_VALUE_INTEGER + 1, [0x09] = HEDDLE_VALUE_INTEGER + 1,
        [0x0A] = HEDDLE_VALUE_INTEGER + 1, [0x0B] = HEDDLE_VALUE_INTEGER + 1,
        [0x0C] = HEDDLE_VALUE_BYTES + 1,   [0x0D] = HEDDLE_VALUE_BYTES + 1,
        [0x0E] = HEDDLE_VALUE_BYTES + 1,   [0x10] = HEDDLE_VALUE_STRING + 1,
        [0x11] = HEDDLE_VALUE_STRING + 1,  [0x12] = HEDDLE_VALUE_STRING + 1,
        [0x14] = HEDDLE_VALUE_LIST + 1,    [0x15] = HEDDLE_VALUE_LIST + 1,
        [0x16] = HEDDLE_VALUE_LIST + 1,    [0x18] = HEDDLE_VALUE_MAP + 1,
        [0x19] = HEDDLE_VALUE_MAP + 1,     [0x1A] = HEDDLE_VALUE_MAP + 1,
        [0x20] = HEDDLE_VALUE_UUID + 1,
    };
    uint8_t found = 0;
    if (marker < 0x80) {
        found = HEDDLE_VALUE_INTEGER + 1;
    } else if (marker >= 0xC0 && marker < 0xF0) {
        found = wide[marker - 0xC0];
    } else {
        found = high[marker >> 4];
    }
    if (found == 0) {
        return false;
    }
    *type_out = (enum heddle_value_type)(found - 1);
    return true;
}

int heddle_unpack_peek(const struct heddle_unpack *unpack, enum heddle_value_type *type_out,
                       struct heddle_error *error)
{
    if (bytes_left(unpack) == 0) {
        return heddle_unpack_bad(unpack, "the message ends where a value should begin", error);
    }
    const uint8_t marker = unpack->bytes[unpack->position];
    if (!marker_type(marker, type_out) || (*type_out == HEDDLE_VALUE_UUID && unpack->no_uuids)) {
        char text[80];
        snprintf(text, sizeof text, "marker 0x%02X does not exist%s", marker,
                 marker == MARKER_UUID ? " before Bolt 6.1 (UUID)" : "");
        return heddle_unpack_bad(unpack, text, error);
    }
    return HEDDLE_OK;
}

/* The size that stands in or behind the marker of a string, list, map or bytes. */
static int head_size(struct heddle_unpack *unpack, uint8_t marker, struct heddle_unpack_head *head,
                     struct heddle_error *error)
{
    uint64_t size = marker & 0x0F;
    if (marker >= 0xC0) {
        /* The wide forms come in threes: CC CD CE, D0 D1 D2, D4 D5 D6, D8 D9 DA. */
        HEDDLE_TRY(take_number(unpack, (size_t)1 << (marker & 3), &size, error));
    }
    const uint64_t least = head->type == HEDDLE_VALUE_MAP ? 2 * size : size;
    if (least > bytes_left(unpack)) {
        return heddle_unpack_bad(unpack, "a length goes beyond the end of the message", error);
    }
    /* Checked before the tree's memory is asked for: a byte of list becomes 24 of tree. */
    if ((head->type == HEDDLE_VALUE_LIST || head->type == HEDDLE_VALUE_MAP) &&
        least > HEDDLE_UNPACK_VALUES_MAX) {
        return heddle_unpack_bad(unpack, "more values than this client reads in one message", error);
    }
    head->size = (uint32_t)size;
    return HEDDLE_OK;
}

static int head_number(struct heddle_unpack *unpack, uint8_t marker, struct heddle_unpack_head *head,
                       struct heddle_error *error)
{
    uint64_t number = 0;
    if (head->type == HEDDLE_VALUE_FLOAT) {
        HEDDLE_TRY(take_number(unpack, sizeof number, &number, error));
        memcpy(&head->real, &number, sizeof number);
        return HEDDLE_OK;
    }
    switch (marker) {
    case 0xC8:
        HEDDLE_TRY(take_number(unpack, 1, &number, error));
        head->integer = (int8_t)number;
        break;
    case 0xC9:
        HEDDLE_TRY(take_number(unpack, 2, &number, error));
        head->integer = (int16_t)number;
        break;
    case 0xCA:
        HEDDLE_TRY(take_number(unpack, 4, &number, error));
        head->integer = (int32_t)number;
        break;
    case 0xCB:
        HEDDLE_TRY(take_number(unpack, 8, &number, error));
        head->integer = (int64_t)number;
        break;
    default: head->integer = (int8_t)marker;
    }
    return HEDDLE_OK;
}

static int head_struct(struct heddle_unpack *unpack, uint8_t marker, struct heddle_unpack_head *head,
                       struct heddle_error *error)
{
    uint64_t tag = 0;
    HEDDLE_TRY(take_number(unpack, 1, &tag, error));
    head->tag = (uint8_t)tag;
    head->size = marker & 0x0F;
    return HEDDLE_OK;
}

int heddle_unpack_head(struct heddle_unpack *unpack, struct heddle_unpack_head *head_out,
                       struct heddle_error *error)
{
    struct heddle_unpack_head head = {0};
    HEDDLE_TRY(heddle_unpack_peek(unpack, &head.type, error));
    if (++unpack->values > HEDDLE_UNPACK_VALUES_MAX) {
        return heddle_unpack_bad(unpack, "more values than this client reads in one message", error);
    }
    const uint8_t marker = unpack->bytes[unpack->position++];
    switch (head.type) {
    case HEDDLE_VALUE_BOOLEAN: head.boolean = (marker & 1) != 0; break;
    case HEDDLE_VALUE_INTEGER:
    case HEDDLE_VALUE_FLOAT: HEDDLE_TRY(head_number(unpack, marker, &head, error)); break;
    case HEDDLE_VALUE_STRING:
    case HEDDLE_VALUE_BYTES:
    case HEDDLE_VALUE_LIST:
    case HEDDLE_VALUE_MAP: HEDDLE_TRY(head_size(unpack, marker, &head, error)); break;
    case HEDDLE_VALUE_STRUCT: HEDDLE_TRY(head_struct(unpack, marker, &head, error)); break;
    case HEDDLE_VALUE_UUID:
        if (bytes_left(unpack) < UUID_SIZE) {
            return heddle_unpack_bad(unpack, "the message ends inside a UUID", error);
        }
        break;
    default: break;
    }
    *head_out = head;
    return HEDDLE_OK;
}

int heddle_unpack_skip(struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(heddle_unpack_head(unpack, &head, error));
    uint64_t inner = 0;
    switch (head.type) {
    case HEDDLE_VALUE_STRING:
    case HEDDLE_VALUE_BYTES: unpack->position += head.size; break;
    case HEDDLE_VALUE_UUID: unpack->position += UUID_SIZE; break;
    case HEDDLE_VALUE_MAP: inner = 2 * (uint64_t)head.size; break;
    case HEDDLE_VALUE_LIST:
    case HEDDLE_VALUE_STRUCT: inner = head.size; break;
    default: break;
    }
    if (inner > 0) {
        HEDDLE_TRY(heddle_unpack_descend(unpack, error));
        for (; inner > 0; inner--) {
            HEDDLE_TRY(heddle_unpack_skip(unpack, error));
        }
        unpack->depth--;
    }
    return HEDDLE_OK;
}

/* The head of a value that must be of one kind. */
static int expect(struct heddle_unpack *unpack, enum heddle_value_type type, const char *otherwise,
                  struct heddle_unpack_head *head_out, struct heddle_error *error)
{
    enum heddle_value_type found = HEDDLE_VALUE_NULL;
    HEDDLE_TRY(heddle_unpack_peek(unpack, &found, error));
    if (found != type) {
        return heddle_unpack_bad(unpack, otherwise, error);
    }
    return heddle_unpack_head(unpack, head_out, error);
}

int heddle_unpack_struct(struct heddle_unpack *unpack, uint8_t *tag_out, uint8_t *fields_out,
                         struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(expect(unpack, HEDDLE_VALUE_STRUCT, "a structure was expected", &head, error));
    *tag_out = head.tag;
    *fields_out = (uint8_t)head.size;
    return HEDDLE_OK;
}

int heddle_unpack_map(struct heddle_unpack *unpack, uint32_t *count_out, struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(expect(unpack, HEDDLE_VALUE_MAP, "a map was expected", &head, error));
    *count_out = head.size;
    return HEDDLE_OK;
}

int heddle_unpack_list(struct heddle_unpack *unpack, uint32_t *count_out, struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(expect(unpack, HEDDLE_VALUE_LIST, "a list was expected", &head, error));
    *count_out = head.size;
    return HEDDLE_OK;
}

int heddle_unpack_string(struct heddle_unpack *unpack, const char **text_out, size_t *length_out,
                         struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(expect(unpack, HEDDLE_VALUE_STRING, "a text was expected", &head, error));
    *text_out = (const char *)unpack->bytes + unpack->position;
    *length_out = head.size;
    unpack->position += head.size;
    return HEDDLE_OK;
}

int heddle_unpack_integer(struct heddle_unpack *unpack, int64_t *value_out, struct heddle_error *error)
{
    struct heddle_unpack_head head;
    HEDDLE_TRY(expect(unpack, HEDDLE_VALUE_INTEGER, "an integer was expected", &head, error));
    *value_out = head.integer;
    return HEDDLE_OK;
}
