/* encode_column.c: one cell of a column as PackStream. */
#include "bolt/packstream/encode.h"

enum { MICROSECONDS = 1000000, NANOSECONDS_A_MICROSECOND = 1000 };

/* Splits microseconds since 1970 into seconds (rounded down) and nanoseconds. */
static int64_t seconds_of(int64_t microseconds, int32_t *nanoseconds_out)
{
    int64_t seconds = microseconds / MICROSECONDS;
    int64_t rest = microseconds % MICROSECONDS;
    if (rest < 0) {
        seconds--;
        rest += MICROSECONDS;
    }
    *nanoseconds_out = (int32_t)(rest * NANOSECONDS_A_MICROSECOND);
    return seconds;
}

static void pack_map_cell(struct heddle_pack *pack, const struct heddle_column *column, size_t row)
{
    const uint32_t first = column->offsets[row];
    const uint32_t end = column->offsets[row + 1];
    heddle_pack_map(pack, end - first);
    for (uint32_t i = first; i < end; i++) {
        size_t length = 0;
        const char *key = heddle_column_text(column->keys, i, &length);
        heddle_pack_string(pack, key, length);
        heddle_pack_column_value(pack, column->items, i);
    }
}

static void pack_list_cell(struct heddle_pack *pack, const struct heddle_column *column, size_t row)
{
    const uint32_t first = column->offsets[row];
    const uint32_t end = column->offsets[row + 1];
    heddle_pack_list(pack, end - first);
    for (uint32_t i = first; i < end; i++) {
        heddle_pack_column_value(pack, column->items, i);
    }
}

static void pack_text_cell(struct heddle_pack *pack, const struct heddle_column *column, size_t row)
{
    size_t length = 0;
    const char *text = heddle_column_text(column, row, &length);
    if (column->type == HEDDLE_TYPE_BYTES) {
        heddle_pack_bytes(pack, text, length);
    } else {
        heddle_pack_string(pack, text, length);
    }
}

void heddle_pack_column_value(struct heddle_pack *pack, const struct heddle_column *column, size_t row)
{
    if (heddle_column_is_null(column, row)) {
        heddle_pack_null(pack);
        return;
    }
    int32_t nanoseconds = 0;
    int64_t seconds = 0;
    switch (column->type) {
    case HEDDLE_TYPE_NULL: heddle_pack_null(pack); break;
    case HEDDLE_TYPE_BOOLEAN: heddle_pack_bool(pack, ((const uint8_t *)column->values)[row] != 0); break;
    case HEDDLE_TYPE_INTEGER: heddle_pack_integer(pack, heddle_column_integer(column, row)); break;
    case HEDDLE_TYPE_FLOAT: heddle_pack_float(pack, heddle_column_float(column, row)); break;
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
    case HEDDLE_TYPE_BYTES: pack_text_cell(pack, column, row); break;
    case HEDDLE_TYPE_DATE: heddle_pack_date(pack, heddle_column_integer(column, row)); break;
    case HEDDLE_TYPE_TIME: heddle_pack_local_time(pack, heddle_column_integer(column, row)); break;
    case HEDDLE_TYPE_TIMESTAMP:
        seconds = seconds_of(heddle_column_integer(column, row), &nanoseconds);
        heddle_pack_datetime(pack, seconds, nanoseconds, 0);
        break;
    case HEDDLE_TYPE_DATETIME:
        seconds = seconds_of(heddle_column_integer(column, row), &nanoseconds);
        heddle_pack_local_datetime(pack, seconds, nanoseconds);
        break;
    case HEDDLE_TYPE_LIST: pack_list_cell(pack, column, row); break;
    case HEDDLE_TYPE_MAP: pack_map_cell(pack, column, row); break;
    case HEDDLE_TYPE_VECTOR:
        heddle_pack_vector(pack, heddle_column_vector(column, row), column->width);
        break;
    }
}
