/* document_write.c: a tree as JSON text, in the order of the file or in canonical order. */
#include "spec/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void write_text(const char *text, size_t length, struct heddle_buffer *out)
{
    heddle_buffer_append_byte(out, '"');
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\') {
            heddle_buffer_append_byte(out, '\\');
            heddle_buffer_append_byte(out, byte);
        } else if (byte < 0x20) {
            heddle_buffer_append_format(out, "\\u%04x", (unsigned)byte);
        } else {
            heddle_buffer_append_byte(out, byte);
        }
    }
    heddle_buffer_append_byte(out, '"');
}

static int compare_pairs(const void *a, const void *b)
{
    const struct heddle_document_node *const *x = a;
    const struct heddle_document_node *const *y = b;
    return strcmp(x[0]->text, y[0]->text);
}

static void write_map(const struct heddle_document_node *node, bool sorted, struct heddle_buffer *out)
{
    const struct heddle_document_node **pairs = heddle_calloc(node->count + 1, 2 * sizeof *pairs);
    if (pairs == NULL) {
        out->failed = true;
        return;
    }
    if (node->count > 0) {
        memcpy((void *)pairs, (const void *)node->items, node->count * 2 * sizeof *pairs);
    }
    if (sorted) {
        qsort(pairs, node->count, 2 * sizeof *pairs, compare_pairs);
    }
    heddle_buffer_append_byte(out, '{');
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0) {
            heddle_buffer_append_byte(out, ',');
        }
        write_text(pairs[2 * i]->text, pairs[2 * i]->length, out);
        heddle_buffer_append_byte(out, ':');
        heddle_document_write(pairs[2 * i + 1], sorted, out);
    }
    heddle_buffer_append_byte(out, '}');
    free((void *)pairs);
}

/* YAML's .inf and .nan, +1, 1. and .5 are numbers that JSON cannot say: they travel as text. */
static bool is_json_number(const struct heddle_document_node *node)
{
    const char *digits = node->text + (node->text[0] == '-');
    const char *point = strchr(node->text, '.');
    return digits[0] >= '0' && digits[0] <= '9' && (point == NULL || (point[1] >= '0' && point[1] <= '9')) &&
           !(digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9');
}

void heddle_document_write(const struct heddle_document_node *node, bool sorted, struct heddle_buffer *out)
{
    switch (node->kind) {
    case HEDDLE_DOCUMENT_NULL: heddle_buffer_append_text(out, "null"); break;
    case HEDDLE_DOCUMENT_BOOLEAN: heddle_buffer_append_text(out, node->text); break;
    case HEDDLE_DOCUMENT_INTEGER:
    case HEDDLE_DOCUMENT_FLOAT:
        if (is_json_number(node)) {
            heddle_buffer_append_text(out, node->text);
        } else {
            write_text(node->text, node->length, out);
        }
        break;
    case HEDDLE_DOCUMENT_TEXT: write_text(node->text, node->length, out); break;
    case HEDDLE_DOCUMENT_LIST:
        heddle_buffer_append_byte(out, '[');
        for (size_t i = 0; i < node->count; i++) {
            if (i > 0) {
                heddle_buffer_append_byte(out, ',');
            }
            heddle_document_write(node->items[i], sorted, out);
        }
        heddle_buffer_append_byte(out, ']');
        break;
    case HEDDLE_DOCUMENT_MAP: write_map(node, sorted, out); break;
    }
}
