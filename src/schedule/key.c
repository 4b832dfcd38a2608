/* key.c: canonical key bytes (parallel loading, piece 1: equal for Cypher = equal bytes). */
#include "schedule/key.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

/* Tags name what Cypher can compare, not how a column stores it: both number types share one. */
enum key_tag {
    KEY_TAG_INTEGER = 1, /* also every float that is whole and fits int64 */
    KEY_TAG_FLOAT,
    KEY_TAG_STRING,
    KEY_TAG_BOOLEAN,
    KEY_TAG_BYTES,
    KEY_TAG_DATE,
    KEY_TAG_TIME,
    KEY_TAG_TIMESTAMP,
    KEY_TAG_DATETIME,
    KEY_TAG_LIST,
};

/* -2^63 is a float, 2^63 is the first one beyond int64. */
static const double KEY_INTEGER_LOWEST = -9223372036854775808.0;
static const double KEY_INTEGER_BEYOND = 9223372036854775808.0;

static void key_append_word(struct heddle_buffer *buffer, enum key_tag tag, const void *word)
{
    uint8_t *out = heddle_buffer_reserve(buffer, 1 + sizeof(uint64_t));
    if (out == NULL) {
        return;
    }
    out[0] = (uint8_t)tag;
    memcpy(out + 1, word, sizeof(uint64_t));
    buffer->length += 1 + sizeof(uint64_t);
}

static void key_append_count(struct heddle_buffer *buffer, enum key_tag tag, uint64_t count)
{
    key_append_word(buffer, tag, &count);
}

static enum heddle_key_state key_append_float(struct heddle_buffer *buffer, double value)
{
    if (isnan(value)) {
        return HEDDLE_KEY_IS_NAN;
    }
    if (value >= KEY_INTEGER_LOWEST && value < KEY_INTEGER_BEYOND && trunc(value) == value) {
        const int64_t whole = (int64_t)value; /* -0.0 becomes 0 here */
        key_append_word(buffer, KEY_TAG_INTEGER, &whole);
    } else {
        key_append_word(buffer, KEY_TAG_FLOAT, &value);
    }
    return HEDDLE_KEY_USABLE;
}

static void key_append_bytes(struct heddle_buffer *buffer, enum key_tag tag,
                             const struct heddle_column *column, size_t row)
{
    size_t length = 0;
    const char *text = heddle_column_text(column, row, &length);
    key_append_count(buffer, tag, length);
    heddle_buffer_append(buffer, text, length);
}

/* Items of lists are scalars, so this never goes deeper than one level. */
static enum heddle_key_state key_append_scalar(struct heddle_buffer *buffer,
                                               const struct heddle_column *column, size_t row)
{
    if (heddle_column_is_null(column, row)) {
        return HEDDLE_KEY_IS_NULL;
    }
    switch (column->type) {
    case HEDDLE_TYPE_BOOLEAN:
        heddle_buffer_append_byte(buffer, KEY_TAG_BOOLEAN);
        heddle_buffer_append_byte(buffer, ((const uint8_t *)column->values)[row] != 0);
        return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_INTEGER:
        key_append_word(buffer, KEY_TAG_INTEGER, (const int64_t *)column->values + row);
        return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_FLOAT: return key_append_float(buffer, heddle_column_float(column, row));
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL: key_append_bytes(buffer, KEY_TAG_STRING, column, row); return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_BYTES: key_append_bytes(buffer, KEY_TAG_BYTES, column, row); return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_DATE:
        key_append_word(buffer, KEY_TAG_DATE, (const int64_t *)column->values + row);
        return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_TIME:
        key_append_word(buffer, KEY_TAG_TIME, (const int64_t *)column->values + row);
        return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_TIMESTAMP:
        key_append_word(buffer, KEY_TAG_TIMESTAMP, (const int64_t *)column->values + row);
        return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_DATETIME:
        key_append_word(buffer, KEY_TAG_DATETIME, (const int64_t *)column->values + row);
        return HEDDLE_KEY_USABLE;
    case HEDDLE_TYPE_NULL: return HEDDLE_KEY_IS_NULL;
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP:
    case HEDDLE_TYPE_VECTOR: return HEDDLE_KEY_UNSUPPORTED;
    }
    return HEDDLE_KEY_UNSUPPORTED;
}

static enum heddle_key_state key_append_list(struct heddle_buffer *buffer, const struct heddle_column *column,
                                             size_t row)
{
    const uint32_t first = column->offsets[row];
    const uint32_t beyond = column->offsets[row + 1];
    key_append_count(buffer, KEY_TAG_LIST, beyond - first);
    for (uint32_t item = first; item < beyond; item++) {
        const enum heddle_key_state state = key_append_scalar(buffer, column->items, item);
        if (state != HEDDLE_KEY_USABLE) {
            return state;
        }
    }
    return HEDDLE_KEY_USABLE;
}

static enum heddle_key_state key_append_vector(struct heddle_buffer *buffer,
                                               const struct heddle_column *column, size_t row)
{
    const float *values = heddle_column_vector(column, row);
    key_append_count(buffer, KEY_TAG_LIST, column->width);
    for (uint32_t i = 0; i < column->width; i++) {
        const enum heddle_key_state state = key_append_float(buffer, (double)values[i]);
        if (state != HEDDLE_KEY_USABLE) {
            return state;
        }
    }
    return HEDDLE_KEY_USABLE;
}

enum heddle_key_state heddle_key_append(struct heddle_buffer *buffer, const struct heddle_column *columns,
                                        size_t count, size_t row)
{
    for (size_t i = 0; i < count; i++) {
        const struct heddle_column *column = &columns[i];
        enum heddle_key_state state;
        if (heddle_column_is_null(column, row)) {
            return HEDDLE_KEY_IS_NULL;
        }
        if (column->type == HEDDLE_TYPE_LIST) {
            state = key_append_list(buffer, column, row);
        } else if (column->type == HEDDLE_TYPE_VECTOR) {
            state = key_append_vector(buffer, column, row);
        } else {
            state = key_append_scalar(buffer, column, row);
        }
        if (state != HEDDLE_KEY_USABLE) {
            return state;
        }
    }
    return HEDDLE_KEY_USABLE;
}

void heddle_key_hash_integers(const int64_t *values, size_t count, uint64_t seed, uint64_t *hashes)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t value = (uint64_t)values[i];
        hashes[i] = heddle_hash_short(KEY_TAG_INTEGER | value << 8, value >> 56, 1 + sizeof value, seed);
    }
}

uint32_t heddle_key_part(uint64_t hash, size_t parts)
{
    return (uint32_t)(heddle_key_bucket(hash) % parts);
}
