/* row_json.c: cells to JSON values. */
#include "run/rejects/row_json.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "column/convert.h"

enum { PRINTED_MAX = 128 }; /* the longest printed scalar is a date-time with zone, 40 characters */

static json_t *float_json(double value)
{
    if (isnan(value)) {
        return json_string("NaN");
    }
    if (isinf(value)) {
        return json_string(value > 0 ? "Infinity" : "-Infinity");
    }
    return json_real(value);
}

static json_t *base64_json(const uint8_t *bytes, size_t length)
{
    const size_t size = heddle_text_base64_length(length);
    char *text = heddle_malloc(size);
    if (text == NULL) {
        return NULL;
    }
    heddle_text_base64(bytes, length, text);
    json_t *json = json_stringn(text, size);
    free(text);
    return json;
}

static json_t *cell_json(const struct heddle_column *column, size_t row);

/* Appends or drops: a child that could not be made fails the whole value. */
static json_t *items_json(const struct heddle_column *column, size_t row)
{
    json_t *array = json_array();
    for (size_t i = column->offsets[row]; array != NULL && i < column->offsets[row + 1]; i++) {
        if (json_array_append_new(array, cell_json(column->items, i)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *map_json(const struct heddle_column *column, size_t row)
{
    json_t *object = json_object();
    for (size_t i = column->offsets[row]; object != NULL && i < column->offsets[row + 1]; i++) {
        size_t length = 0;
        const char *text = heddle_column_text(column->keys, i, &length);
        char *key = heddle_strndup(text, length);
        const int failed = key == NULL || json_object_set_new(object, key, cell_json(column->items, i)) != 0;
        free(key);
        if (failed) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *vector_json(const struct heddle_column *column, size_t row)
{
    json_t *array = json_array();
    const float *values = heddle_column_vector(column, row);
    for (uint32_t i = 0; array != NULL && i < column->width; i++) {
        if (json_array_append_new(array, float_json((double)values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *cell_json(const struct heddle_column *column, size_t row)
{
    if (heddle_column_is_null(column, row)) {
        return json_null();
    }
    size_t length = 0;
    char printed[PRINTED_MAX];
    switch (column->type) {
    case HEDDLE_TYPE_NULL: return json_null();
    case HEDDLE_TYPE_BOOLEAN: return json_boolean(((const uint8_t *)column->values)[row]);
    case HEDDLE_TYPE_INTEGER: return json_integer(heddle_column_integer(column, row));
    case HEDDLE_TYPE_FLOAT: return float_json(heddle_column_float(column, row));
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL: {
        const char *text = heddle_column_text(column, row, &length);
        return json_stringn(text, length);
    }
    case HEDDLE_TYPE_BYTES: {
        const char *bytes = heddle_column_text(column, row, &length);
        return base64_json((const uint8_t *)bytes, length);
    }
    case HEDDLE_TYPE_DATE:
    case HEDDLE_TYPE_TIME:
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME: return json_string(heddle_column_print(column, row, printed, sizeof printed));
    case HEDDLE_TYPE_LIST: return items_json(column, row);
    case HEDDLE_TYPE_MAP: return map_json(column, row);
    case HEDDLE_TYPE_VECTOR: return vector_json(column, row);
    }
    return NULL;
}

json_t *heddle_row_json(const struct heddle_batch *batch, size_t row)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < batch->schema->count; i++) {
        if (json_object_set_new(object, batch->schema->fields[i].name, cell_json(&batch->columns[i], row)) !=
            0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}
