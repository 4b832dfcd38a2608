/* vector_read.c: DuckDB's vectors as heddle columns.
 *
 * Layouts: https://duckdb.org/docs/stable/clients/c/vector. Fixed-width types are widened in one loop a
 * type, texts are packed behind one offset table, lists gather their items through an index. A vector of a
 * chunk from a streaming result is always flat.
 */
#include "duck/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The longest text of a number: 39 digits, sign, point; and of a UUID: 36. */
enum { NUMBER_TEXT_MAX = 64 };

/* The rows of a vector that are wanted: first .. first+count-1, or index[0 .. count-1]. */
struct rows {
    uint64_t first;
    const uint64_t *index;
    size_t count;
};

static inline uint64_t row_at(const struct rows *rows, size_t i)
{
    return rows->index != NULL ? rows->index[i] : rows->first + i;
}

static int column_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                       const struct heddle_duck_plan *plan, struct duck_vector *vector,
                       const struct rows *rows, struct heddle_column *column, struct heddle_error *error);

static int validity_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                         struct duck_vector *vector, const struct rows *rows, struct heddle_column *column,
                         struct heddle_error *error)
{
    const uint64_t *validity = api->vector_get_validity(vector);
    if (validity == NULL) {
        return HEDDLE_OK;
    }
    uint8_t *valid = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t row = row_at(rows, i);
        if ((validity[row >> 6] >> (row & 63) & 1) != 0) {
            continue;
        }
        if (valid == NULL) {
            const size_t bytes = (rows->count + 7) / 8;
            valid = heddle_arena_alloc(arena, bytes);
            if (valid == NULL) {
                return heddle_error_out_of_memory(error);
            }
            memset(valid, 0xff, bytes);
        }
        valid[i >> 3] = (uint8_t)(valid[i >> 3] & ~(1U << (i & 7)));
    }
    column->valid = valid;
    return HEDDLE_OK;
}

/* out[i] = (type)data[row] * 1 for each wanted row. Null rows hold what DuckDB left there: nobody reads
 * it. */
#define WIDEN(from, to)                                                                                      \
    do {                                                                                                     \
        const from *typed = data;                                                                            \
        to *out = values;                                                                                    \
        for (size_t i = 0; i < rows->count; i++) {                                                           \
            out[i] = (to)typed[row_at(rows, i)];                                                             \
        }                                                                                                    \
    } while (0)

/* Units of the type as units of the column: value * factor, or floor(value / divisor). */
static int units_read(const struct heddle_duck_plan *plan, const struct heddle_column *column,
                      const int64_t *data, const struct rows *rows, int64_t *out, struct heddle_error *error)
{
    int64_t factor = 1;
    int64_t divisor = 1;
    switch (plan->id) {
    case DUCK_TIME: factor = 1000; break;           /* microseconds -> nanoseconds */
    case DUCK_TIMESTAMP_S: factor = 1000000; break; /* -> microseconds */
    case DUCK_TIMESTAMP_MS: factor = 1000; break;
    case DUCK_TIMESTAMP_NS: divisor = 1000; break;
    default: break;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const int64_t value = data[row_at(rows, i)];
        out[i] = 0;
        if (heddle_column_is_null(column, i)) {
            continue;
        }
        if (divisor != 1) {
            const int64_t remainder = value % divisor;
            out[i] = value / divisor - (remainder < 0 ? 1 : 0);
        } else if (__builtin_mul_overflow(value, factor, &out[i])) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "the %s %" PRId64 " is outside the years of a date-time",
                                    heddle_duck_type_id_name((int)plan->id), value);
        }
    }
    return HEDDLE_OK;
}

static int fixed_read(struct heddle_arena *arena, const struct heddle_duck_plan *plan, const void *data,
                      const struct rows *rows, struct heddle_column *column, struct heddle_error *error)
{
    const size_t width = plan->field.type == HEDDLE_TYPE_BOOLEAN ? 1 : 8;
    void *values = heddle_arena_alloc(arena, rows->count * width);
    if (values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    column->values = values;
    switch (plan->id) {
    case DUCK_BOOLEAN: {
        const uint8_t *typed = data;
        uint8_t *out = values;
        for (size_t i = 0; i < rows->count; i++) {
            out[i] = typed[row_at(rows, i)] != 0;
        }
        break;
    }
    case DUCK_TINYINT: WIDEN(int8_t, int64_t); break;
    case DUCK_SMALLINT: WIDEN(int16_t, int64_t); break;
    case DUCK_INTEGER:
    case DUCK_DATE: WIDEN(int32_t, int64_t); break;
    case DUCK_BIGINT:
    case DUCK_TIMESTAMP:
    case DUCK_TIMESTAMP_TZ:
    case DUCK_TIME_NS: WIDEN(int64_t, int64_t); break;
    case DUCK_UTINYINT: WIDEN(uint8_t, int64_t); break;
    case DUCK_USMALLINT: WIDEN(uint16_t, int64_t); break;
    case DUCK_UINTEGER: WIDEN(uint32_t, int64_t); break;
    case DUCK_FLOAT: WIDEN(float, double); break;
    case DUCK_DOUBLE: WIDEN(double, double); break;
    default: return units_read(plan, column, data, rows, values, error);
    }
    return HEDDLE_OK;
}

/* Writes a 128-bit number with `scale` digits behind the point; answers the length. */
static size_t number_print(unsigned __int128 magnitude, bool negative, unsigned scale,
                           char out[NUMBER_TEXT_MAX])
{
    char reversed[NUMBER_TEXT_MAX];
    size_t length = 0;
    size_t digits = 0;
    while (magnitude != 0 || digits <= scale) {
        if (digits == scale && scale > 0) {
            reversed[length++] = '.';
        }
        reversed[length++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
        digits++;
    }
    if (negative) {
        reversed[length++] = '-';
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = reversed[length - 1 - i];
    }
    return length;
}

static size_t uuid_print(struct duck_hugeint value, char out[NUMBER_TEXT_MAX])
{
    /* The top bit is flipped so that signed comparison sorts UUIDs as texts sort. */
    const uint64_t upper = (uint64_t)value.upper ^ (UINT64_C(1) << 63);
    const int length =
        snprintf(out, NUMBER_TEXT_MAX, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                 upper >> 32, upper >> 16 & 0xffff, upper & 0xffff, value.lower >> 48,
                 value.lower & UINT64_C(0xffffffffffff));
    return (size_t)length;
}

/* A number or UUID as text. */
static size_t value_print(const struct heddle_duck_plan *plan, const void *data, uint64_t row,
                          char out[NUMBER_TEXT_MAX])
{
    const enum duck_type_id layout = plan->id == DUCK_DECIMAL ? plan->storage : plan->id;
    __int128 value = 0;
    switch (layout) {
    case DUCK_SMALLINT: value = ((const int16_t *)data)[row]; break;
    case DUCK_INTEGER: value = ((const int32_t *)data)[row]; break;
    case DUCK_BIGINT: value = ((const int64_t *)data)[row]; break;
    case DUCK_UBIGINT: value = ((const uint64_t *)data)[row]; break;
    case DUCK_UUID: return uuid_print(((const struct duck_hugeint *)data)[row], out);
    default: {
        const struct duck_hugeint wide = ((const struct duck_hugeint *)data)[row];
        const unsigned __int128 bits = (unsigned __int128)(uint64_t)wide.upper << 64 | wide.lower;
        if (layout == DUCK_UHUGEINT) {
            return number_print(bits, false, 0, out);
        }
        value = (__int128)bits;
        break;
    }
    }
    const unsigned __int128 magnitude = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    return number_print(magnitude, value < 0, plan->field.scale, out);
}

static uint32_t label_index(const struct heddle_duck_plan *plan, const void *data, uint64_t row)
{
    uint32_t index = 0;
    if (plan->storage == DUCK_UTINYINT) {
        index = ((const uint8_t *)data)[row];
    } else if (plan->storage == DUCK_USMALLINT) {
        index = ((const uint16_t *)data)[row];
    } else {
        index = ((const uint32_t *)data)[row];
    }
    return index < plan->label_count ? index : 0;
}

/* The text of a value that is not null: inside DuckDB's memory, or printed into `scratch`. */
static const char *text_at(const struct heddle_duck_plan *plan, const void *data, uint64_t row,
                           char scratch[NUMBER_TEXT_MAX], size_t *length_out)
{
    if (plan->id == DUCK_VARCHAR || plan->id == DUCK_BLOB) {
        const union duck_string *string = (const union duck_string *)data + row;
        *length_out = string->inlined.length;
        return string->inlined.length <= DUCK_STRING_INLINE ? string->inlined.text : string->pointer.text;
    }
    if (plan->id == DUCK_ENUM) {
        const uint32_t index = label_index(plan, data, row);
        *length_out = plan->label_lengths[index];
        return plan->labels[index];
    }
    *length_out = value_print(plan, data, row, scratch);
    return scratch;
}

static int text_read(struct heddle_arena *arena, const struct heddle_duck_plan *plan, const void *data,
                     const struct rows *rows, struct heddle_column *column, struct heddle_error *error)
{
    char scratch[NUMBER_TEXT_MAX];
    uint64_t total = 0;
    uint32_t *offsets = heddle_arena_alloc(arena, (rows->count + 1) * sizeof *offsets);
    if (offsets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < rows->count; i++) {
        size_t length = 0;
        offsets[i] = (uint32_t)total;
        if (!heddle_column_is_null(column, i)) {
            text_at(plan, data, row_at(rows, i), scratch, &length);
        }
        total += length;
        if (total > UINT32_MAX) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "%zu rows hold more than 4 GiB of text; read fewer at a time",
                                    rows->count);
        }
    }
    offsets[rows->count] = (uint32_t)total;
    uint8_t *bytes = heddle_arena_alloc(arena, (size_t)total);
    if (bytes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < rows->count; i++) {
        if (!heddle_column_is_null(column, i)) {
            size_t length = 0;
            const char *text = text_at(plan, data, row_at(rows, i), scratch, &length);
            memcpy(bytes + offsets[i], text, length);
        }
    }
    column->offsets = offsets;
    column->bytes = bytes;
    return HEDDLE_OK;
}

/* A FLOAT[n] column: the rows' floats, zeros for a null row. A null inside a vector has no place. */
static int vector_column_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                              const struct heddle_duck_plan *plan, struct duck_vector *vector,
                              const struct rows *rows, struct heddle_column *column,
                              struct heddle_error *error)
{
    const size_t width = plan->field.width;
    struct duck_vector *child = api->array_vector_get_child(vector);
    const float *data = api->vector_get_data(child);
    const uint64_t *validity = api->vector_get_validity(child);
    float *values = heddle_arena_calloc(arena, rows->count * width, sizeof *values);
    if (values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < rows->count; i++) {
        if (heddle_column_is_null(column, i)) {
            continue;
        }
        const uint64_t start = row_at(rows, i) * width;
        memcpy(values + i * width, data + start, width * sizeof *values);
        for (uint64_t k = start; validity != NULL && k < start + width; k++) {
            if ((validity[k >> 6] >> (k & 63) & 1) == 0) {
                return heddle_error_set(error, HEDDLE_SOURCE,
                                        "a FLOAT[%zu] value has a null in place %" PRIu64, width, k - start);
            }
        }
    }
    column->values = values;
    column->width = (uint32_t)width;
    return HEDDLE_OK;
}

/* Offsets of the items of LIST, MAP and ARRAY rows, and where each item stands in the child vector. */
static int items_locate(struct heddle_arena *arena, const struct heddle_duck_plan *plan, const void *data,
                        const struct rows *rows, struct heddle_column *column, struct rows *items_out,
                        struct heddle_error *error)
{
    const struct duck_list_entry *entries = data;
    uint64_t total = 0;
    uint32_t *offsets = heddle_arena_alloc(arena, (rows->count + 1) * sizeof *offsets);
    if (offsets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < rows->count; i++) {
        offsets[i] = (uint32_t)total;
        if (!heddle_column_is_null(column, i)) {
            total += plan->id == DUCK_ARRAY ? plan->array_size : entries[row_at(rows, i)].length;
        }
        if (total > UINT32_MAX / sizeof(uint64_t)) {
            return heddle_error_set(error, HEDDLE_SOURCE, "%zu rows hold more than %" PRIu64 " list items",
                                    rows->count, (uint64_t)(UINT32_MAX / sizeof(uint64_t)));
        }
    }
    offsets[rows->count] = (uint32_t)total;
    uint64_t *index = heddle_arena_alloc(arena, (size_t)total * sizeof *index);
    if (index == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t row = row_at(rows, i);
        const uint64_t start = plan->id == DUCK_ARRAY ? row * plan->array_size : entries[row].offset;
        for (uint32_t k = offsets[i]; k < offsets[i + 1]; k++) {
            index[k] = start + (k - offsets[i]);
        }
    }
    column->offsets = offsets;
    *items_out = (struct rows){.index = index, .count = (size_t)total};
    return HEDDLE_OK;
}

static int list_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                     const struct heddle_duck_plan *plan, struct duck_vector *vector, const struct rows *rows,
                     struct heddle_column *column, struct heddle_error *error)
{
    static const struct heddle_duck_plan key_plan = {.id = DUCK_VARCHAR,
                                                     .field = {.type = HEDDLE_TYPE_STRING}};
    const void *data = plan->id == DUCK_ARRAY ? NULL : api->vector_get_data(vector);
    struct rows items;
    HEDDLE_TRY(items_locate(arena, plan, data, rows, column, &items, error));
    struct heddle_column *values = heddle_arena_calloc(arena, 2, sizeof *values);
    if (values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    struct duck_vector *child =
        plan->id == DUCK_ARRAY ? api->array_vector_get_child(vector) : api->list_vector_get_child(vector);
    if (plan->id == DUCK_MAP) {
        /* A map is a list of STRUCT(key, value). */
        HEDDLE_TRY(column_read(api, arena, &key_plan, api->struct_vector_get_child(child, 0), &items,
                               &values[1], error));
        column->keys = &values[1];
        child = api->struct_vector_get_child(child, 1);
    }
    HEDDLE_TRY(column_read(api, arena, plan->item, child, &items, &values[0], error));
    column->items = &values[0];
    return HEDDLE_OK;
}

static int column_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                       const struct heddle_duck_plan *plan, struct duck_vector *vector,
                       const struct rows *rows, struct heddle_column *column, struct heddle_error *error)
{
    *column = (struct heddle_column){.type = plan->field.type, .length = rows->count};
    if (plan->field.type == HEDDLE_TYPE_NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(validity_read(api, arena, vector, rows, column, error));
    switch (plan->field.type) {
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
    case HEDDLE_TYPE_BYTES: return text_read(arena, plan, api->vector_get_data(vector), rows, column, error);
    case HEDDLE_TYPE_VECTOR: return vector_column_read(api, arena, plan, vector, rows, column, error);
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP: return list_read(api, arena, plan, vector, rows, column, error);
    default: return fixed_read(arena, plan, api->vector_get_data(vector), rows, column, error);
    }
}

int heddle_duck_vector_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                            const struct heddle_duck_plan *plan, struct duck_vector *vector, uint64_t first,
                            size_t count, struct heddle_column *column, struct heddle_error *error)
{
    const struct rows rows = {.first = first, .count = count};
    return column_read(api, arena, plan, vector, &rows, column, error);
}

int heddle_duck_vector_pick(const struct heddle_duck_api *api, struct heddle_arena *arena,
                            const struct heddle_duck_plan *plan, struct duck_vector *vector,
                            const uint64_t *index, size_t count, struct heddle_column *column,
                            struct heddle_error *error)
{
    const struct rows rows = {.index = index, .count = count};
    return column_read(api, arena, plan, vector, &rows, column, error);
}
