/* convert.c: columns in the type that a target asks for; the rules stand in convert.h.
 *
 * One function a target type turns one value; which pairs can ever convert is a table, so that a pair that
 * cannot is refused once and not row by row.
 */
#include "column/convert.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "column/scalar.h"

static const int64_t MICROSECONDS_A_DAY = INT64_C(86400000000);

#define BIT(type) (1U << (type))

/* Source types, as bits, that can become each target type; always the type itself. */
static unsigned sources_of(enum heddle_type type)
{
    const unsigned texts = BIT(HEDDLE_TYPE_STRING);
    const unsigned scalars = BIT(HEDDLE_TYPE_BOOLEAN) | BIT(HEDDLE_TYPE_INTEGER) | BIT(HEDDLE_TYPE_FLOAT) |
                             texts | BIT(HEDDLE_TYPE_DECIMAL) | BIT(HEDDLE_TYPE_BYTES) |
                             BIT(HEDDLE_TYPE_DATE) | BIT(HEDDLE_TYPE_TIME) | BIT(HEDDLE_TYPE_TIMESTAMP) |
                             BIT(HEDDLE_TYPE_DATETIME);
    switch (type) {
    case HEDDLE_TYPE_BOOLEAN: return texts;
    case HEDDLE_TYPE_INTEGER: return texts | BIT(HEDDLE_TYPE_FLOAT) | BIT(HEDDLE_TYPE_DECIMAL);
    case HEDDLE_TYPE_FLOAT: return texts | BIT(HEDDLE_TYPE_INTEGER) | BIT(HEDDLE_TYPE_DECIMAL);
    case HEDDLE_TYPE_STRING: return scalars;
    case HEDDLE_TYPE_DECIMAL: return texts | BIT(HEDDLE_TYPE_INTEGER);
    case HEDDLE_TYPE_BYTES:
    case HEDDLE_TYPE_TIME:
    case HEDDLE_TYPE_TIMESTAMP: return texts;
    case HEDDLE_TYPE_DATE: return texts | BIT(HEDDLE_TYPE_DATETIME);
    case HEDDLE_TYPE_DATETIME: return texts | BIT(HEDDLE_TYPE_DATE);
    case HEDDLE_TYPE_LIST: return BIT(HEDDLE_TYPE_LIST) | BIT(HEDDLE_TYPE_VECTOR);
    case HEDDLE_TYPE_VECTOR: return BIT(HEDDLE_TYPE_LIST);
    case HEDDLE_TYPE_NULL:
    case HEDDLE_TYPE_MAP: break;
    }
    return 0;
}

bool heddle_column_can_convert(enum heddle_type from, enum heddle_type to)
{
    return from == to || from == HEDDLE_TYPE_NULL || (sources_of(to) & BIT(from)) != 0;
}

static bool cell_to_boolean(const struct heddle_column *column, size_t row, uint8_t *out)
{
    size_t length = 0;
    bool value = false;
    const char *text = heddle_column_text(column, row, &length);
    const bool good = heddle_scalar_parse_boolean(text, length, &value);
    *out = value ? 1 : 0;
    return good;
}

/* A float that is whole and within int64: 2^63 is the first that is not. */
static bool float_to_integer(double value, int64_t *out)
{
    if (!(value >= -0x1p63 && value < 0x1p63) || value != trunc(value)) {
        return false;
    }
    *out = (int64_t)value;
    return true;
}

static bool cell_to_integer(const struct heddle_column *column, size_t row, int64_t *out)
{
    size_t length = 0;
    if (column->type == HEDDLE_TYPE_FLOAT) {
        return float_to_integer(heddle_column_float(column, row), out);
    }
    const char *text = heddle_column_text(column, row, &length);
    return column->type == HEDDLE_TYPE_DECIMAL ? heddle_scalar_parse_whole_decimal(text, length, out)
                                               : heddle_scalar_parse_integer(text, length, out);
}

static bool cell_to_float(const struct heddle_column *column, size_t row, double *out)
{
    size_t length = 0;
    if (column->type == HEDDLE_TYPE_INTEGER) {
        int64_t back = 0;
        const int64_t value = heddle_column_integer(column, row);
        *out = (double)value;
        return float_to_integer(*out, &back) && back == value;
    }
    const char *text = heddle_column_text(column, row, &length);
    return heddle_scalar_parse_float(text, length, out);
}

static bool datetime_at_midnight(int64_t microseconds, int64_t *days_out)
{
    *days_out = microseconds / MICROSECONDS_A_DAY;
    return microseconds % MICROSECONDS_A_DAY == 0;
}

/* DATE, TIME, TIMESTAMP, DATETIME. */
static bool cell_to_temporal(const struct heddle_column *column, size_t row, enum heddle_type type,
                             int64_t *out)
{
    if (column->type == HEDDLE_TYPE_DATE) {
        return !__builtin_mul_overflow(heddle_column_integer(column, row), MICROSECONDS_A_DAY, out);
    }
    if (column->type == HEDDLE_TYPE_DATETIME) {
        return datetime_at_midnight(heddle_column_integer(column, row), out);
    }
    size_t length = 0;
    bool zoned = false;
    const char *text = heddle_column_text(column, row, &length);
    switch (type) {
    case HEDDLE_TYPE_DATE:
        return heddle_scalar_parse_date(text, length, out) ||
               (heddle_scalar_parse_datetime(text, length, out, &zoned) && !zoned &&
                datetime_at_midnight(*out, out));
    case HEDDLE_TYPE_TIME: return heddle_scalar_parse_time(text, length, out);
    case HEDDLE_TYPE_TIMESTAMP: return heddle_scalar_parse_datetime(text, length, out, &zoned) && zoned;
    default:
        if (heddle_scalar_parse_date(text, length, out)) {
            return !__builtin_mul_overflow(*out, MICROSECONDS_A_DAY, out);
        }
        return heddle_scalar_parse_datetime(text, length, out, &zoned) && !zoned;
    }
}

/* The text of a scalar that is not null: the column's own bytes, or printed into `scratch`. */
static const char *cell_text(const struct heddle_column *column, size_t row,
                             char scratch[HEDDLE_SCALAR_TEXT_MAX], size_t *length_out)
{
    switch (column->type) {
    case HEDDLE_TYPE_BOOLEAN: {
        const bool value = ((const uint8_t *)column->values)[row] != 0;
        *length_out = value ? 4 : 5;
        return value ? "true" : "false";
    }
    case HEDDLE_TYPE_INTEGER:
        *length_out = heddle_scalar_print_integer(heddle_column_integer(column, row), scratch);
        return scratch;
    case HEDDLE_TYPE_FLOAT:
        *length_out = heddle_scalar_print_float(heddle_column_float(column, row), scratch);
        return scratch;
    case HEDDLE_TYPE_DATE:
        *length_out = heddle_scalar_print_date(heddle_column_integer(column, row), scratch);
        return scratch;
    case HEDDLE_TYPE_TIME:
        *length_out = heddle_scalar_print_time(heddle_column_integer(column, row), scratch);
        return scratch;
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME:
        *length_out = heddle_scalar_print_datetime(heddle_column_integer(column, row),
                                                   column->type == HEDDLE_TYPE_TIMESTAMP, scratch);
        return scratch;
    default: return heddle_column_text(column, row, length_out);
    }
}

/* What a conversion writes to besides its values: validity and bad bitmaps, made when the first bit is
 * needed. */
struct marks {
    struct heddle_arena *arena;
    size_t bytes;
    uint8_t *valid;
    uint8_t *bad;
    bool failed;
};

static void marks_init(struct marks *marks, struct heddle_arena *arena, const struct heddle_column *column)
{
    *marks = (struct marks){.arena = arena, .bytes = (column->length + 7) / 8};
}

static void mark_null(struct marks *marks, size_t row)
{
    if (marks->valid == NULL) {
        marks->valid = heddle_arena_alloc(marks->arena, marks->bytes);
        if (marks->valid == NULL) {
            marks->failed = true;
            return;
        }
        memset(marks->valid, 0xff, marks->bytes);
    }
    marks->valid[row >> 3] = (uint8_t)(marks->valid[row >> 3] & ~(1U << (row & 7)));
}

static void mark_bad(struct marks *marks, size_t row)
{
    mark_null(marks, row);
    if (marks->bad == NULL) {
        marks->bad = heddle_arena_calloc(marks->arena, marks->bytes, 1);
        if (marks->bad == NULL) {
            marks->failed = true;
            return;
        }
    }
    marks->bad[row >> 3] = (uint8_t)(marks->bad[row >> 3] | 1U << (row & 7));
}

static int marks_finish(const struct marks *marks, struct heddle_column *out, const uint8_t **bad_out,
                        struct heddle_error *error)
{
    if (marks->failed) {
        return heddle_error_out_of_memory(error);
    }
    out->valid = marks->valid;
    *bad_out = marks->bad;
    return HEDDLE_OK;
}

static int convert_fixed(struct heddle_arena *arena, const struct heddle_column *column,
                         enum heddle_type type, struct heddle_column *out, const uint8_t **bad_out,
                         struct heddle_error *error)
{
    struct marks marks;
    marks_init(&marks, arena, column);
    void *values =
        heddle_arena_calloc(arena, column->length, type == HEDDLE_TYPE_BOOLEAN ? 1 : sizeof(int64_t));
    if (values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t row = 0; row < column->length && !marks.failed; row++) {
        bool good = true;
        if (heddle_column_is_null(column, row)) {
            mark_null(&marks, row);
        } else if (type == HEDDLE_TYPE_BOOLEAN) {
            good = cell_to_boolean(column, row, (uint8_t *)values + row);
        } else if (type == HEDDLE_TYPE_INTEGER) {
            good = cell_to_integer(column, row, (int64_t *)values + row);
        } else if (type == HEDDLE_TYPE_FLOAT) {
            good = cell_to_float(column, row, (double *)values + row);
        } else {
            good = cell_to_temporal(column, row, type, (int64_t *)values + row);
        }
        if (!good) {
            mark_bad(&marks, row);
        }
    }
    *out = (struct heddle_column){.type = type, .length = column->length, .values = values};
    return marks_finish(&marks, out, bad_out, error);
}

/* True where a text may be used as the target type without change. */
static bool text_fits(const struct heddle_column *column, enum heddle_type type, const char *text,
                      size_t length)
{
    if (type == HEDDLE_TYPE_STRING && column->type == HEDDLE_TYPE_BYTES) {
        return heddle_text_is_utf8(text, length);
    }
    if (type == HEDDLE_TYPE_DECIMAL && column->type == HEDDLE_TYPE_STRING) {
        double value = 0;
        return heddle_scalar_parse_float(text, length, &value) && strspn(text, "+-.0123456789") >= length;
    }
    return true;
}

static int convert_text(struct heddle_arena *arena, const struct heddle_column *column, enum heddle_type type,
                        struct heddle_column *out, const uint8_t **bad_out, struct heddle_error *error)
{
    struct marks marks;
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    uint64_t total = 0;
    size_t length = 0;
    marks_init(&marks, arena, column);
    uint32_t *offsets = heddle_arena_alloc(arena, (column->length + 1) * sizeof *offsets);
    if (offsets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    offsets[0] = 0;
    for (size_t row = 0; row < column->length && !marks.failed; row++) {
        if (heddle_column_is_null(column, row)) {
            mark_null(&marks, row);
        } else {
            const char *text = cell_text(column, row, scratch, &length);
            if (text_fits(column, type, text, length)) {
                total += length;
            } else {
                mark_bad(&marks, row);
            }
        }
        if (total > UINT32_MAX) {
            return heddle_error_set(error, HEDDLE_INVALID, "%zu rows hold more than 4 GiB of text",
                                    column->length);
        }
        offsets[row + 1] = (uint32_t)total;
    }
    uint8_t *bytes = heddle_arena_alloc(arena, (size_t)total);
    if (bytes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t row = 0; row < column->length && !marks.failed; row++) {
        if (offsets[row + 1] > offsets[row]) {
            const char *text = cell_text(column, row, scratch, &length);
            memcpy(bytes + offsets[row], text, length);
        }
    }
    *out = (struct heddle_column){.type = type, .length = column->length, .offsets = offsets, .bytes = bytes};
    return marks_finish(&marks, out, bad_out, error);
}

/* A list whose items have been converted: a row with a bad item is bad. */
static int convert_list(struct heddle_arena *arena, const struct heddle_column *column,
                        enum heddle_type item_type, struct heddle_column *out, const uint8_t **bad_out,
                        struct heddle_error *error)
{
    struct marks marks;
    const uint8_t *bad_items = NULL;
    marks_init(&marks, arena, column);
    struct heddle_column *items = heddle_arena_calloc(arena, 1, sizeof *items);
    if (items == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(
        heddle_column_convert(arena, column->items, item_type, HEDDLE_TYPE_NULL, items, &bad_items, error));
    for (size_t row = 0; row < column->length && !marks.failed; row++) {
        if (heddle_column_is_null(column, row)) {
            mark_null(&marks, row);
            continue;
        }
        bool good = true;
        for (uint32_t i = column->offsets[row]; bad_items != NULL && i < column->offsets[row + 1]; i++) {
            good = good && (bad_items[i >> 3] >> (i & 7) & 1) == 0;
        }
        if (!good) {
            mark_bad(&marks, row);
        }
    }
    *out = *column;
    out->items = items;
    return marks_finish(&marks, out, bad_out, error);
}

/* The floats of a vector column as items of a list column. */
static int vector_to_list(struct heddle_arena *arena, const struct heddle_column *column,
                          struct heddle_column *out, struct heddle_error *error)
{
    const size_t width = column->width;
    if (width > 0 && column->length > UINT32_MAX / width) {
        return heddle_error_set(error, HEDDLE_INVALID, "%zu vectors of %zu are too many for one list column",
                                column->length, width);
    }
    uint32_t *offsets = heddle_arena_alloc(arena, (column->length + 1) * sizeof *offsets);
    double *values = heddle_arena_calloc(arena, column->length * width, sizeof *values);
    struct heddle_column *items = heddle_arena_calloc(arena, 1, sizeof *items);
    if (offsets == NULL || values == NULL || items == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const float *floats = column->values;
    for (size_t i = 0; i < column->length * width; i++) {
        values[i] = (double)floats[i];
    }
    for (size_t row = 0; row <= column->length; row++) {
        offsets[row] = (uint32_t)(row * width);
    }
    *items =
        (struct heddle_column){.type = HEDDLE_TYPE_FLOAT, .length = column->length * width, .values = values};
    *out = (struct heddle_column){.type = HEDDLE_TYPE_LIST,
                                  .length = column->length,
                                  .valid = column->valid,
                                  .offsets = offsets,
                                  .items = items};
    return HEDDLE_OK;
}

/* Lists of one length as vectors: the first list tells the width; others and lists with nulls are bad. */
static int list_to_vector(struct heddle_arena *arena, const struct heddle_column *column,
                          struct heddle_column *out, const uint8_t **bad_out, struct heddle_error *error)
{
    struct heddle_column list;
    const uint8_t *bad = NULL;
    struct marks marks;
    HEDDLE_TRY(convert_list(arena, column, HEDDLE_TYPE_FLOAT, &list, &bad, error));
    uint32_t width = 0;
    for (size_t row = 0; row < list.length && width == 0; row++) {
        width = heddle_column_is_null(&list, row) ? 0 : list.offsets[row + 1] - list.offsets[row];
    }
    marks_init(&marks, arena, column);
    float *values = heddle_arena_calloc(arena, list.length * width, sizeof *values);
    if (values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t row = 0; row < list.length && !marks.failed; row++) {
        const uint32_t count = list.offsets[row + 1] - list.offsets[row];
        if (heddle_column_is_null(column, row)) {
            mark_null(&marks, row);
            continue;
        }
        bool good = !heddle_column_is_null(&list, row) && count == width && width > 0;
        for (uint32_t i = 0; good && i < count; i++) {
            const size_t item = list.offsets[row] + i;
            good = !heddle_column_is_null(list.items, item);
            values[row * width + i] = good ? (float)heddle_column_float(list.items, item) : 0;
        }
        if (!good) {
            mark_bad(&marks, row);
        }
    }
    *out = (struct heddle_column){
        .type = HEDDLE_TYPE_VECTOR, .length = list.length, .values = values, .width = width};
    return marks_finish(&marks, out, bad_out, error);
}

static int refuse(enum heddle_type from, enum heddle_type to, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_INVALID, "a %s never becomes a %s; choose another target type",
                            heddle_type_name(from), heddle_type_name(to));
}

int heddle_column_convert(struct heddle_arena *arena, const struct heddle_column *column,
                          enum heddle_type type, enum heddle_type item_type, struct heddle_column *out,
                          const uint8_t **bad_out, struct heddle_error *error)
{
    *bad_out = NULL;
    if (!heddle_column_can_convert(column->type, type)) {
        return refuse(column->type, type, error);
    }
    const bool is_list = type == HEDDLE_TYPE_LIST && column->type == HEDDLE_TYPE_LIST;
    if (column->type == HEDDLE_TYPE_NULL || (column->type == type && !is_list)) {
        *out = *column;
        return HEDDLE_OK;
    }
    if (type == HEDDLE_TYPE_LIST) {
        struct heddle_column list = *column;
        if (column->type == HEDDLE_TYPE_VECTOR) {
            HEDDLE_TRY(vector_to_list(arena, column, &list, error));
        }
        if (list.items->type == item_type || list.items->type == HEDDLE_TYPE_NULL) {
            *out = list;
            return HEDDLE_OK;
        }
        return convert_list(arena, &list, item_type, out, bad_out, error);
    }
    switch (type) {
    case HEDDLE_TYPE_VECTOR: return list_to_vector(arena, column, out, bad_out, error);
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
    case HEDDLE_TYPE_BYTES: return convert_text(arena, column, type, out, bad_out, error);
    default: return convert_fixed(arena, column, type, out, bad_out, error);
    }
}
