/* vector_write.c: heddle columns into DuckDB's vectors, for the appender and for Parquet writing. */
#include "duck/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The values to write: rows[i], or first + i. */
struct span {
    const uint32_t *rows;
    size_t first;
    size_t count;
};

static inline size_t span_at(const struct span *span, size_t i)
{
    return span->rows != NULL ? span->rows[i] : span->first + i;
}

static void place_fill(const struct heddle_duck_api *api, struct duck_type *type,
                       struct heddle_duck_place *place)
{
    place->id = (enum duck_type_id)api->get_type_id(type);
    if (place->id == DUCK_DECIMAL) {
        place->storage = (enum duck_type_id)api->decimal_internal_type(type);
        place->scale = api->decimal_scale(type);
        place->width = api->decimal_width(type);
    }
}

static bool place_is_scalar(const struct heddle_duck_place *place)
{
    switch (place->id) {
    case DUCK_LIST:
    case DUCK_STRUCT:
    case DUCK_MAP:
    case DUCK_UNION:
    case DUCK_ARRAY: return false;
    default: return true;
    }
}

bool heddle_duck_slot_fill(const struct heddle_duck_api *api, struct duck_type *type,
                           struct heddle_duck_slot *slot)
{
    struct duck_type *item = NULL;
    memset(slot, 0, sizeof *slot);
    place_fill(api, type, &slot->self);
    switch (slot->self.id) {
    case DUCK_LIST: item = api->list_type_child_type(type); break;
    case DUCK_MAP: item = api->map_type_value_type(type); break;
    case DUCK_ARRAY:
        item = api->array_type_child_type(type);
        slot->array_size = (uint32_t)api->array_type_array_size(type);
        break;
    default: return place_is_scalar(&slot->self);
    }
    place_fill(api, item, &slot->item);
    api->destroy_logical_type(&item);
    return place_is_scalar(&slot->item);
}

static void nulls_write(const struct heddle_duck_api *api, struct duck_vector *vector, uint64_t at,
                        const struct heddle_column *column, const struct span *span)
{
    uint64_t *validity = NULL;
    for (size_t i = 0; i < span->count; i++) {
        if (column != NULL && !heddle_column_is_null(column, span_at(span, i))) {
            continue;
        }
        if (validity == NULL) {
            api->vector_ensure_validity_writable(vector);
            validity = api->vector_get_validity(vector);
        }
        const uint64_t row = at + i;
        validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
    }
}

static int refuse_type(const struct heddle_duck_place *place, const struct heddle_column *column,
                       struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_INVALID, "a %s does not go into %s", heddle_type_name(column->type),
                            heddle_duck_type_id_name((int)place->id));
}

static int refuse_integer(const struct heddle_duck_place *place, int64_t value, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_INVALID, "%" PRId64 " does not fit %s", value,
                            heddle_duck_type_id_name((int)place->id));
}

/* Stores an integer as the place wants it; false where it does not fit. */
static bool integer_store(const struct heddle_duck_place *place, void *data, uint64_t at, int64_t value)
{
#define STORE(type, low, high)                                                                               \
    if (value < (low) || value > (high)) {                                                                   \
        return false;                                                                                        \
    }                                                                                                        \
    ((type *)data)[at] = (type)value;                                                                        \
    return true
    switch (place->id) {
    case DUCK_TINYINT: STORE(int8_t, INT8_MIN, INT8_MAX);
    case DUCK_SMALLINT: STORE(int16_t, INT16_MIN, INT16_MAX);
    case DUCK_INTEGER:
    case DUCK_DATE: STORE(int32_t, INT32_MIN, INT32_MAX);
    case DUCK_UTINYINT: STORE(uint8_t, 0, UINT8_MAX);
    case DUCK_USMALLINT: STORE(uint16_t, 0, UINT16_MAX);
    case DUCK_UINTEGER: STORE(uint32_t, 0, UINT32_MAX);
    case DUCK_UBIGINT: STORE(uint64_t, 0, INT64_MAX);
    default: STORE(int64_t, INT64_MIN, INT64_MAX);
    }
#undef STORE
}

/* Whether the heddle type's 64-bit integers have a meaning in the place. */
static bool integer_fits(enum heddle_type type, enum duck_type_id id)
{
    switch (type) {
    case HEDDLE_TYPE_INTEGER:
        return id == DUCK_BIGINT || id == DUCK_INTEGER || id == DUCK_SMALLINT || id == DUCK_TINYINT ||
               id == DUCK_UTINYINT || id == DUCK_USMALLINT || id == DUCK_UINTEGER || id == DUCK_UBIGINT;
    case HEDDLE_TYPE_DATE: return id == DUCK_DATE;
    case HEDDLE_TYPE_TIME: return id == DUCK_TIME || id == DUCK_TIME_NS;
    case HEDDLE_TYPE_TIMESTAMP: return id == DUCK_TIMESTAMP_TZ;
    case HEDDLE_TYPE_DATETIME: return id == DUCK_TIMESTAMP;
    default: return false;
    }
}

/* Reads decimal text as an integer of `scale` digits behind the point. false where digits would be lost. */
static bool decimal_parse(const char *text, size_t length, const struct heddle_duck_place *place,
                          __int128 *value_out)
{
    unsigned __int128 magnitude = 0;
    unsigned behind = 0;
    unsigned digits = 0;
    bool point = false;
    size_t i = 0;
    const bool negative = length > 0 && text[0] == '-';
    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        i = 1;
    }
    for (; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        if (behind == place->scale && point) {
            if (text[i] != '0') {
                return false;
            }
            continue;
        }
        magnitude = magnitude * 10 + (unsigned)(text[i] - '0');
        digits += magnitude != 0 ? 1 : 0;
        behind += point ? 1 : 0;
        if (digits > place->width) {
            return false;
        }
    }
    for (; behind < place->scale; behind++) {
        magnitude *= 10;
        digits += magnitude != 0 ? 1 : 0;
    }
    if (digits > place->width) {
        return false;
    }
    *value_out = negative ? -(__int128)magnitude : (__int128)magnitude;
    return true;
}

static void decimal_store(const struct heddle_duck_place *place, void *data, uint64_t at, __int128 value)
{
    switch (place->storage) {
    case DUCK_SMALLINT: ((int16_t *)data)[at] = (int16_t)value; break;
    case DUCK_INTEGER: ((int32_t *)data)[at] = (int32_t)value; break;
    case DUCK_BIGINT: ((int64_t *)data)[at] = (int64_t)value; break;
    default: {
        const unsigned __int128 bits = (unsigned __int128)value;
        ((struct duck_hugeint *)data)[at] =
            (struct duck_hugeint){.lower = (uint64_t)bits, .upper = (int64_t)(uint64_t)(bits >> 64)};
        break;
    }
    }
}

static int decimals_write(const struct heddle_duck_place *place, void *data, uint64_t at,
                          const struct heddle_column *column, const struct span *span,
                          struct heddle_error *error)
{
    char digits[32];
    for (size_t i = 0; i < span->count; i++) {
        const size_t row = span_at(span, i);
        __int128 value = 0;
        size_t length = 0;
        const char *text = digits;
        if (!heddle_column_is_null(column, row)) {
            if (column->type == HEDDLE_TYPE_INTEGER) {
                length =
                    (size_t)snprintf(digits, sizeof digits, "%" PRId64, heddle_column_integer(column, row));
            } else {
                text = heddle_column_text(column, row, &length);
            }
            if (!decimal_parse(text, length, place, &value)) {
                return heddle_error_set(error, HEDDLE_INVALID, "%.*s does not fit DECIMAL(%u,%u)",
                                        (int)(length > 60 ? 60 : length), text, place->width, place->scale);
            }
        }
        decimal_store(place, data, at + i, value);
    }
    return HEDDLE_OK;
}

static int integers_write(const struct heddle_duck_place *place, void *data, uint64_t at,
                          const struct heddle_column *column, const struct span *span,
                          struct heddle_error *error)
{
    const int64_t *values = column->values;
    const int64_t divisor = column->type == HEDDLE_TYPE_TIME && place->id == DUCK_TIME ? 1000 : 1;
    for (size_t i = 0; i < span->count; i++) {
        const size_t row = span_at(span, i);
        const int64_t value = heddle_column_is_null(column, row) ? 0 : values[row] / divisor;
        if (!integer_store(place, data, at + i, value)) {
            return refuse_integer(place, value, error);
        }
    }
    return HEDDLE_OK;
}

static int scalars_write(const struct heddle_duck_api *api, const struct heddle_duck_place *place,
                         struct duck_vector *vector, uint64_t at, const struct heddle_column *column,
                         const struct span *span, struct heddle_error *error)
{
    void *data = api->vector_get_data(vector);
    const enum heddle_type type = column->type;
    if (integer_fits(type, place->id)) {
        return integers_write(place, data, at, column, span, error);
    }
    if (place->id == DUCK_DECIMAL && (type == HEDDLE_TYPE_DECIMAL || type == HEDDLE_TYPE_INTEGER)) {
        return decimals_write(place, data, at, column, span, error);
    }
    const bool text =
        (place->id == DUCK_VARCHAR && (type == HEDDLE_TYPE_STRING || type == HEDDLE_TYPE_DECIMAL)) ||
        (place->id == DUCK_BLOB && type == HEDDLE_TYPE_BYTES);
    const bool number = type == HEDDLE_TYPE_FLOAT && (place->id == DUCK_DOUBLE || place->id == DUCK_FLOAT);
    const bool truth = type == HEDDLE_TYPE_BOOLEAN && place->id == DUCK_BOOLEAN;
    if (!text && !number && !truth) {
        return refuse_type(place, column, error);
    }
    for (size_t i = 0; i < span->count; i++) {
        const size_t row = span_at(span, i);
        if (heddle_column_is_null(column, row)) {
            continue;
        }
        if (text) {
            size_t length = 0;
            const char *bytes = heddle_column_text(column, row, &length);
            api->vector_assign_string_element_len(vector, at + i, bytes, length);
        } else if (truth) {
            ((uint8_t *)data)[at + i] = ((const uint8_t *)column->values)[row];
        } else if (place->id == DUCK_FLOAT) {
            ((float *)data)[at + i] = (float)heddle_column_float(column, row);
        } else {
            ((double *)data)[at + i] = heddle_column_float(column, row);
        }
    }
    return HEDDLE_OK;
}

static int vectors_write(const struct heddle_duck_api *api, const struct heddle_duck_slot *slot,
                         struct duck_vector *vector, uint64_t at, const struct heddle_column *column,
                         const struct span *span, struct heddle_error *error)
{
    if (slot->item.id != DUCK_FLOAT || column->width != slot->array_size) {
        return heddle_error_set(error, HEDDLE_INVALID, "a vector of %u floats does not go into %s[%u]",
                                column->width, heddle_duck_type_id_name((int)slot->item.id),
                                slot->array_size);
    }
    float *data = api->vector_get_data(api->array_vector_get_child(vector));
    for (size_t i = 0; i < span->count; i++) {
        const size_t row = span_at(span, i);
        if (!heddle_column_is_null(column, row)) {
            memcpy(data + (at + i) * column->width, heddle_column_vector(column, row),
                   column->width * sizeof *data);
        }
    }
    return HEDDLE_OK;
}

/* Lists and maps: entries here, items behind what the child vector already holds. */
static int lists_write(const struct heddle_duck_api *api, const struct heddle_duck_slot *slot,
                       struct duck_vector *vector, uint64_t at, const struct heddle_column *column,
                       const struct span *span, struct heddle_error *error)
{
    static const struct heddle_duck_place key_place = {.id = DUCK_VARCHAR};
    uint64_t used = api->list_vector_get_size(vector);
    uint64_t total = used;
    for (size_t i = 0; i < span->count; i++) {
        const size_t row = span_at(span, i);
        if (!heddle_column_is_null(column, row)) {
            total += column->offsets[row + 1] - column->offsets[row];
        }
    }
    if (api->list_vector_reserve(vector, total) != DUCK_OK ||
        api->list_vector_set_size(vector, total) != DUCK_OK) {
        return heddle_error_out_of_memory(error);
    }
    struct duck_list_entry *entries = api->vector_get_data(vector);
    struct duck_vector *child = api->list_vector_get_child(vector);
    struct duck_vector *values =
        column->type == HEDDLE_TYPE_MAP ? api->struct_vector_get_child(child, 1) : child;
    for (size_t i = 0; i < span->count; i++) {
        const size_t row = span_at(span, i);
        struct span items = {.first = column->offsets[row]};
        if (!heddle_column_is_null(column, row)) {
            items.count = column->offsets[row + 1] - column->offsets[row];
        }
        entries[at + i] = (struct duck_list_entry){.offset = used, .length = items.count};
        if (items.count == 0) {
            continue;
        }
        if (column->type == HEDDLE_TYPE_MAP) {
            HEDDLE_TRY(scalars_write(api, &key_place, api->struct_vector_get_child(child, 0), used,
                                     column->keys, &items, error));
        }
        nulls_write(api, values, used, column->items, &items);
        if (column->items->type != HEDDLE_TYPE_NULL) {
            HEDDLE_TRY(scalars_write(api, &slot->item, values, used, column->items, &items, error));
        }
        used += items.count;
    }
    return HEDDLE_OK;
}

int heddle_duck_vector_write(const struct heddle_duck_api *api, const struct heddle_duck_slot *slot,
                             struct duck_vector *vector, uint64_t at, const struct heddle_column *column,
                             const uint32_t *rows, size_t first, size_t count, struct heddle_error *error)
{
    const struct span span = {.rows = rows, .first = first, .count = count};
    nulls_write(api, vector, at, column, &span);
    if (column == NULL || column->type == HEDDLE_TYPE_NULL) {
        return HEDDLE_OK;
    }
    switch (slot->self.id) {
    case DUCK_ARRAY:
        return column->type == HEDDLE_TYPE_VECTOR ? vectors_write(api, slot, vector, at, column, &span, error)
                                                  : refuse_type(&slot->self, column, error);
    case DUCK_LIST:
        return column->type == HEDDLE_TYPE_LIST ? lists_write(api, slot, vector, at, column, &span, error)
                                                : refuse_type(&slot->self, column, error);
    case DUCK_MAP:
        return column->type == HEDDLE_TYPE_MAP ? lists_write(api, slot, vector, at, column, &span, error)
                                               : refuse_type(&slot->self, column, error);
    default: return scalars_write(api, &slot->self, vector, at, column, &span, error);
    }
}
