/* text_writer.c: rows as CSV (RFC 4180) and as JSON lines. */
#include "source/export/text_writer.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "column/scalar.h"

static void json_text_write(struct heddle_buffer *out, const char *text, size_t length)
{
    static const char hexadecimal[] = "0123456789abcdef";
    heddle_buffer_append_byte(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        heddle_buffer_append(out, text + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\') {
            const char pair[2] = {'\\', (char)c};
            heddle_buffer_append(out, pair, sizeof pair);
        } else {
            const char escape[6] = {'\\', 'u', '0', '0', hexadecimal[c >> 4], hexadecimal[c & 15]};
            heddle_buffer_append(out, escape, sizeof escape);
        }
    }
    heddle_buffer_append(out, text + from, length - from);
    heddle_buffer_append_byte(out, '"');
}

static void base64_write(struct heddle_buffer *out, const char *bytes, size_t length)
{
    const size_t size = heddle_text_base64_length(length);
    uint8_t *end = heddle_buffer_reserve(out, size);
    if (end != NULL) {
        heddle_text_base64(bytes, length, (char *)end);
        out->length += size;
    }
}

/* Numbers and moments that are not null. */
static size_t scalar_print(const struct heddle_column *column, size_t row,
                           char out[static HEDDLE_SCALAR_TEXT_MAX])
{
    switch (column->type) {
    case HEDDLE_TYPE_FLOAT: return heddle_scalar_print_float(heddle_column_float(column, row), out);
    case HEDDLE_TYPE_DATE: return heddle_scalar_print_date(heddle_column_integer(column, row), out);
    case HEDDLE_TYPE_TIME: return heddle_scalar_print_time(heddle_column_integer(column, row), out);
    case HEDDLE_TYPE_TIMESTAMP:
        return heddle_scalar_print_datetime(heddle_column_integer(column, row), true, out);
    case HEDDLE_TYPE_DATETIME:
        return heddle_scalar_print_datetime(heddle_column_integer(column, row), false, out);
    default: return heddle_scalar_print_integer(heddle_column_integer(column, row), out);
    }
}

static void json_cell_write(struct heddle_buffer *out, const struct heddle_column *column, size_t row);

static void json_items_write(struct heddle_buffer *out, const struct heddle_column *column, size_t row)
{
    const bool is_map = column->type == HEDDLE_TYPE_MAP;
    heddle_buffer_append_byte(out, is_map ? '{' : '[');
    for (uint32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        heddle_buffer_append_text(out, i > column->offsets[row] ? "," : "");
        if (is_map) {
            json_cell_write(out, column->keys, i);
            heddle_buffer_append_byte(out, ':');
        }
        json_cell_write(out, column->items, i);
    }
    heddle_buffer_append_byte(out, is_map ? '}' : ']');
}

static void json_vector_write(struct heddle_buffer *out, const struct heddle_column *column, size_t row)
{
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    const float *values = heddle_column_vector(column, row);
    heddle_buffer_append_byte(out, '[');
    for (uint32_t i = 0; i < column->width; i++) {
        const size_t length = heddle_scalar_print_float((double)values[i], scratch);
        heddle_buffer_append_text(out, i > 0 ? "," : "");
        heddle_buffer_append(out, scratch, length);
    }
    heddle_buffer_append_byte(out, ']');
}

static void json_cell_write(struct heddle_buffer *out, const struct heddle_column *column, size_t row)
{
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    size_t length = 0;
    const char *text = NULL;
    /* JSON has no NaN and no infinity. */
    if (heddle_column_is_null(column, row) ||
        (column->type == HEDDLE_TYPE_FLOAT && !isfinite(heddle_column_float(column, row)))) {
        heddle_buffer_append_text(out, "null");
        return;
    }
    switch (column->type) {
    case HEDDLE_TYPE_BOOLEAN:
        heddle_buffer_append_text(out, ((const uint8_t *)column->values)[row] != 0 ? "true" : "false");
        break;
    case HEDDLE_TYPE_INTEGER:
    case HEDDLE_TYPE_FLOAT:
        length = scalar_print(column, row, scratch);
        heddle_buffer_append(out, scratch, length);
        break;
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
        text = heddle_column_text(column, row, &length);
        json_text_write(out, text, length);
        break;
    case HEDDLE_TYPE_BYTES:
        text = heddle_column_text(column, row, &length);
        heddle_buffer_append_byte(out, '"');
        base64_write(out, text, length);
        heddle_buffer_append_byte(out, '"');
        break;
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP: json_items_write(out, column, row); break;
    case HEDDLE_TYPE_VECTOR: json_vector_write(out, column, row); break;
    default:
        length = scalar_print(column, row, scratch);
        json_text_write(out, scratch, length);
        break;
    }
}

void heddle_json_row_write(struct heddle_buffer *out, const struct heddle_batch *batch, size_t row)
{
    heddle_buffer_append_byte(out, '{');
    for (size_t i = 0; i < batch->schema->count; i++) {
        const char *name = batch->schema->fields[i].name;
        heddle_buffer_append_text(out, i > 0 ? "," : "");
        json_text_write(out, name, strlen(name));
        heddle_buffer_append_byte(out, ':');
        json_cell_write(out, &batch->columns[i], row);
    }
    heddle_buffer_append_text(out, "}\n");
}

/* Writes a text, in quotes where it must: an empty one too, for an empty field is a null. */
static void csv_text_write(struct heddle_buffer *out, const char *text, size_t length)
{
    bool quoted = length == 0;
    for (size_t i = 0; i < length && !quoted; i++) {
        quoted = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    }
    if (!quoted) {
        heddle_buffer_append(out, text, length);
        return;
    }
    heddle_buffer_append_byte(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') {
            heddle_buffer_append(out, text + from, i + 1 - from);
            from = i; /* the quote is written twice */
        }
    }
    heddle_buffer_append(out, text + from, length - from);
    heddle_buffer_append_byte(out, '"');
}

static void csv_cell_write(struct heddle_buffer *out, const struct heddle_column *column, size_t row)
{
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    struct heddle_buffer json = {0};
    size_t length = 0;
    const char *text = NULL;
    if (heddle_column_is_null(column, row)) {
        return;
    }
    switch (column->type) {
    case HEDDLE_TYPE_BOOLEAN:
        heddle_buffer_append_text(out, ((const uint8_t *)column->values)[row] != 0 ? "true" : "false");
        break;
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
        text = heddle_column_text(column, row, &length);
        csv_text_write(out, text, length);
        break;
    case HEDDLE_TYPE_BYTES:
        text = heddle_column_text(column, row, &length);
        base64_write(out, text, length);
        heddle_buffer_append_text(out, length == 0 ? "\"\"" : "");
        break;
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP:
    case HEDDLE_TYPE_VECTOR: /* CSV has no lists: the JSON text of one */
        json_cell_write(&json, column, row);
        csv_text_write(out, (const char *)json.bytes, json.failed ? 0 : json.length);
        out->failed = out->failed || json.failed;
        heddle_buffer_free(&json);
        break;
    default:
        length = scalar_print(column, row, scratch);
        heddle_buffer_append(out, scratch, length);
        break;
    }
}

void heddle_csv_header_write(struct heddle_buffer *out, const struct heddle_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        heddle_buffer_append_text(out, i > 0 ? "," : "");
        csv_text_write(out, schema->fields[i].name, strlen(schema->fields[i].name));
    }
    heddle_buffer_append_byte(out, '\n');
}

void heddle_csv_row_write(struct heddle_buffer *out, const struct heddle_batch *batch, size_t row)
{
    for (size_t i = 0; i < batch->schema->count; i++) {
        heddle_buffer_append_text(out, i > 0 ? "," : "");
        csv_cell_write(out, &batch->columns[i], row);
    }
    heddle_buffer_append_byte(out, '\n');
}
