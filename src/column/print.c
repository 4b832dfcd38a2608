/* print.c: one value as a person reads it. */
#include "column/convert.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "column/scalar.h"

/* Text that is cut at the end of the caller's room; `full` stays set after the first cut. */
struct printer {
    char *out;
    size_t size;
    size_t length;
    bool full;
};

static void put(struct printer *printer, const char *text, size_t length)
{
    const size_t room = printer->size - 1 - printer->length;
    const size_t fits = printer->full ? 0 : heddle_text_cut(text, length, room);
    if (fits > 0) {
        memcpy(printer->out + printer->length, text, fits);
    }
    printer->length += fits;
    printer->full = printer->full || fits < length;
}

static void put_text(struct printer *printer, const char *text)
{
    put(printer, text, strlen(text));
}

/* Bytes as hexadecimal digits. */
static void put_bytes(struct printer *printer, const char *bytes, size_t length)
{
    char pair[3];
    put_text(printer, "0x");
    for (size_t i = 0; i < length && !printer->full; i++) {
        snprintf(pair, sizeof pair, "%02x", (unsigned char)bytes[i]);
        put(printer, pair, 2);
    }
}

static void put_cell(struct printer *printer, const struct heddle_column *column, size_t row);

static void put_items(struct printer *printer, const struct heddle_column *column, size_t row)
{
    put_text(printer, column->type == HEDDLE_TYPE_MAP ? "{" : "[");
    for (uint32_t i = column->offsets[row]; i < column->offsets[row + 1] && !printer->full; i++) {
        put_text(printer, i > column->offsets[row] ? ", " : "");
        if (column->type == HEDDLE_TYPE_MAP) {
            put_cell(printer, column->keys, i);
            put_text(printer, ": ");
        }
        put_cell(printer, column->items, i);
    }
    put_text(printer, column->type == HEDDLE_TYPE_MAP ? "}" : "]");
}

static void put_vector(struct printer *printer, const struct heddle_column *column, size_t row)
{
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    const float *values = heddle_column_vector(column, row);
    put_text(printer, "[");
    for (uint32_t i = 0; i < column->width && !printer->full; i++) {
        snprintf(scratch, sizeof scratch, "%s%.7g", i > 0 ? ", " : "", (double)values[i]);
        put_text(printer, scratch);
    }
    put_text(printer, "]");
}

static void put_cell(struct printer *printer, const struct heddle_column *column, size_t row)
{
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    size_t length = 0;
    if (heddle_column_is_null(column, row)) {
        put_text(printer, "null");
        return;
    }
    switch (column->type) {
    case HEDDLE_TYPE_NULL: break;
    case HEDDLE_TYPE_BOOLEAN:
        put_text(printer, ((const uint8_t *)column->values)[row] != 0 ? "true" : "false");
        break;
    case HEDDLE_TYPE_INTEGER:
        put(printer, scratch, heddle_scalar_print_integer(heddle_column_integer(column, row), scratch));
        break;
    case HEDDLE_TYPE_FLOAT:
        put(printer, scratch, heddle_scalar_print_float(heddle_column_float(column, row), scratch));
        break;
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL: {
        const char *text = heddle_column_text(column, row, &length);
        put(printer, text, length);
        break;
    }
    case HEDDLE_TYPE_BYTES: {
        const char *bytes = heddle_column_text(column, row, &length);
        put_bytes(printer, bytes, length);
        break;
    }
    case HEDDLE_TYPE_DATE:
        put(printer, scratch, heddle_scalar_print_date(heddle_column_integer(column, row), scratch));
        break;
    case HEDDLE_TYPE_TIME:
        put(printer, scratch, heddle_scalar_print_time(heddle_column_integer(column, row), scratch));
        break;
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME:
        put(printer, scratch,
            heddle_scalar_print_datetime(heddle_column_integer(column, row),
                                         column->type == HEDDLE_TYPE_TIMESTAMP, scratch));
        break;
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP: put_items(printer, column, row); break;
    case HEDDLE_TYPE_VECTOR: put_vector(printer, column, row); break;
    }
}

char *heddle_column_print(const struct heddle_column *column, size_t row, char *out, size_t size)
{
    struct printer printer = {.out = out, .size = size};
    if (size == 0) {
        return out;
    }
    put_cell(&printer, column, row);
    out[printer.length] = '\0';
    return out;
}
