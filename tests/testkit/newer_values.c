/* newer_values.c: values that came with Bolt 6, as TestKit writes them. A VECTOR: the name of the inner type, and its numbers'
 * bytes, most significant first, in hexadecimal. A UUID: its usual text. A type that is newer than the connection: what the
 * server says of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

static const struct {
    const char *name;
    enum heddle_vector_type type;
    size_t size;
} kinds[] = {
    {"f32", HEDDLE_VECTOR_F32, 4}, {"f64", HEDDLE_VECTOR_F64, 8}, {"i8", HEDDLE_VECTOR_I8, 1},
    {"i16", HEDDLE_VECTOR_I16, 2}, {"i32", HEDDLE_VECTOR_I32, 4}, {"i64", HEDDLE_VECTOR_I64, 8},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

/* The place of a number's byte in this machine's memory, by its place in the text. */
static size_t place_of(size_t place, size_t size)
{
    const uint16_t probe = 1;
    const bool little = *(const uint8_t *)&probe == 1;
    return little ? place - place % size + (size - 1 - place % size) : place;
}

json_t *vector_to_json(const struct heddle_value_vector *vector)
{
    size_t kind = 0;
    while (kind < KIND_COUNT && kinds[kind].type != vector->type) {
        kind++;
    }
    const size_t length = kind < KIND_COUNT ? vector->count * kinds[kind].size : 0;
    char *text = calloc(length + 1, 3);
    if (text == NULL || kind == KIND_COUNT) {
        free(text);
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        const uint8_t *bytes = vector->values;
        snprintf(text + 3 * i, 4, i + 1 < length ? "%02x " : "%02x", bytes[place_of(i, kinds[kind].size)]);
    }
    json_t *json = json_pack("{s:s, s:{s:s, s:s}}", "name", "CypherVector", "data", "dtype", kinds[kind].name,
                             "data", text);
    free(text);
    return json;
}

bool vector_from_json(const json_t *data, struct heddle_value *value_out, struct scratch *scratch)
{
    const char *name = data_text(data, "dtype");
    const char *text = data_text(data, "data");
    size_t kind = 0;
    while (name != NULL && kind < KIND_COUNT && strcmp(kinds[kind].name, name) != 0) {
        kind++;
    }
    if (name == NULL || text == NULL || kind == KIND_COUNT) {
        return false;
    }
    const size_t size = kinds[kind].size;
    uint8_t *bytes = scratch_alloc(scratch, strlen(text) / 2 + size, 1);
    struct heddle_value_vector *vector = scratch_alloc(scratch, 1, sizeof *vector);
    size_t length = 0;
    while (*text != '\0') {
        char *end = NULL;
        bytes[place_of(length++, size)] = (uint8_t)strtoul(text, &end, 16);
        if (end == text) {
            return false;
        }
        text = *end == ' ' ? end + 1 : end;
    }
    *vector = (struct heddle_value_vector){kinds[kind].type, length / size, bytes};
    *value_out = (struct heddle_value){.type = HEDDLE_VALUE_VECTOR, .vector = vector};
    return length % size == 0;
}

enum { UUID_BYTES = 16, UUID_TEXT_SIZE = 37 };

/* The groups of the text are 4, 2, 2, 2 and 6 bytes long. */
static bool hyphen_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

json_t *uuid_to_json(const uint8_t *uuid)
{
    char text[UUID_TEXT_SIZE];
    size_t length = 0;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        const char *form = hyphen_before(i) ? "-%02x" : "%02x";
        length += (size_t)snprintf(text + length, sizeof text - length, form, uuid[i]);
    }
    return json_pack("{s:s, s:{s:s}}", "name", "CypherUUID", "data", "value", text);
}

bool uuid_from_json(const json_t *data, struct heddle_value *value_out)
{
    const char *text = data_text(data, "value");
    *value_out = (struct heddle_value){.type = HEDDLE_VALUE_UUID};
    if (text == NULL || strlen(text) != UUID_TEXT_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < UUID_BYTES; i++) {
        char digits[3] = {0};
        char *end = NULL;
        if (hyphen_before(i) && *text++ != '-') {
            return false;
        }
        memcpy(digits, text, 2);
        value_out->uuid[i] = (uint8_t)strtoul(digits, &end, 16);
        if (*end != '\0') {
            return false;
        }
        text += 2;
    }
    return true;
}

json_t *unsupported_to_json(const struct heddle_value_unsupported *unsupported)
{
    enum { VERSION_SIZE = 48 };
    char version[VERSION_SIZE];
    snprintf(version, sizeof version, "%" PRId64 ".%" PRId64, unsupported->minimum_major,
             unsupported->minimum_minor);
    json_t *json = json_pack("{s:s, s:{s:s, s:s}}", "name", "CypherUnsupportedType", "data", "name",
                             unsupported->name.text, "minimumProtocol", version);
    if (unsupported->message.length > 0) {
        json_object_set_new(json_object_get(json, "data"), "message",
                            text_to_json(unsupported->message.text));
    }
    return json;
}
