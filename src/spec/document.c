/* document.c: what the JSON and the YAML reader share: building nodes under limits, finding, and choosing a
 * reader. */
#include "spec/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

int heddle_document_refuse(struct heddle_document_builder *builder, uint32_t line, uint32_t column,
                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    builder->fault->line = line;
    builder->fault->column = column;
    vsnprintf(builder->fault->message, sizeof builder->fault->message, format, arguments);
    va_end(arguments);
    /* A cut may go through a character: drop what is left of it. */
    for (size_t length = strlen(builder->fault->message);
         length > 0 && !heddle_text_is_utf8(builder->fault->message, length); length--) {
        builder->fault->message[length - 1] = '\0';
    }
    return HEDDLE_JOB;
}

struct heddle_document_node *heddle_document_node_new(struct heddle_document_builder *builder,
                                                      enum heddle_document_kind kind, uint32_t line,
                                                      uint32_t column)
{
    struct heddle_document_node *node = heddle_arena_alloc_small(builder->arena, sizeof *node);
    if (node != NULL) {
        *node = (struct heddle_document_node){
            .kind = kind, .height = 1, .weight = 1, .line = line, .column = column, .text = ""};
        builder->nodes++;
    }
    return node;
}

int heddle_document_push(struct heddle_document_builder *builder, const struct heddle_document_node *child)
{
    if (heddle_grow((void **)&builder->stack, &builder->capacity, builder->depth + 1,
                    sizeof *builder->stack) != 0) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    builder->stack[builder->depth++] = child;
    return HEDDLE_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const struct heddle_document_node *const *x = a;
    const struct heddle_document_node *const *y = b;
    return strcmp((*x)->text, (*y)->text);
}

/* Sorted copies find a double key in n log n: a map of a million keys is legal. */
static int check_keys(struct heddle_document_builder *builder, const struct heddle_document_node *map)
{
    if (map->count < 2) {
        return HEDDLE_OK;
    }
    const struct heddle_document_node **keys = heddle_calloc(map->count, sizeof *keys);
    if (keys == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < map->count; i++) {
        keys[i] = heddle_document_key(map, i);
    }
    qsort(keys, map->count, sizeof *keys, compare_keys);
    int status = HEDDLE_OK;
    for (size_t i = 1; i < map->count && status == HEDDLE_OK; i++) {
        if (strcmp(keys[i - 1]->text, keys[i]->text) == 0) {
            const bool later = keys[i]->line > keys[i - 1]->line ||
                               (keys[i]->line == keys[i - 1]->line && keys[i]->column > keys[i - 1]->column);
            const struct heddle_document_node *first = later ? keys[i - 1] : keys[i];
            const struct heddle_document_node *second = later ? keys[i] : keys[i - 1];
            status = heddle_document_refuse(builder, second->line, second->column,
                                            "the key '%.100s' stands here a second time (first in line %u): "
                                            "remove or rename one of the two",
                                            second->text, first->line);
        }
    }
    free((void *)keys);
    return status;
}

int heddle_document_close(struct heddle_document_builder *builder, struct heddle_document_node *node,
                          size_t base)
{
    const size_t children = builder->depth - base;
    const struct heddle_document_node **items =
        heddle_arena_alloc_small(builder->arena, (children > 0 ? children : 1) * sizeof *items);
    if (items == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    uint64_t weight = 1;
    uint8_t height = 0;
    for (size_t i = 0; i < children; i++) {
        items[i] = builder->stack[base + i];
        weight += items[i]->weight;
        height = items[i]->height > height ? items[i]->height : height;
    }
    builder->depth = base;
    node->items = items;
    node->count = node->kind == HEDDLE_DOCUMENT_MAP ? children / 2 : children;
    if (weight > HEDDLE_DOCUMENT_NODES_MAX) {
        return heddle_document_refuse(builder, node->line, node->column,
                                      "more than %d values (aliases counted as often as they are used)",
                                      HEDDLE_DOCUMENT_NODES_MAX);
    }
    if (height >= HEDDLE_DOCUMENT_DEPTH_MAX) {
        return heddle_document_refuse(builder, node->line, node->column,
                                      "lists and maps are nested more than %d deep",
                                      HEDDLE_DOCUMENT_DEPTH_MAX);
    }
    node->weight = (uint32_t)weight;
    node->height = (uint8_t)(height + 1);
    return node->kind == HEDDLE_DOCUMENT_MAP ? check_keys(builder, node) : HEDDLE_OK;
}

/* The first byte that is neither a blank nor a line break, '\0' if there is none. */
static char first_character(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
            return text[i];
        }
    }
    return '\0';
}

/* Line and column of the first byte that is not UTF-8 or is NUL; false if there is none. */
static bool find_bad_byte(const char *text, size_t length, uint32_t *line, uint32_t *column)
{
    if (memchr(text, '\0', length) == NULL && heddle_text_is_utf8(text, length)) {
        return false;
    }
    *line = 1;
    *column = 1;
    for (size_t at = 0; at < length;) {
        size_t step = 1;
        while (step < 4 && at + step < length && ((unsigned char)text[at + step] & 0xc0) == 0x80) {
            step++;
        }
        if (text[at] == '\0' || !heddle_text_is_utf8(text + at, step)) {
            break;
        }
        *column = text[at] == '\n' ? 1 : *column + 1;
        *line += text[at] == '\n';
        at += step;
    }
    return true;
}

static int read_either(struct heddle_document_builder *builder, const char *text, size_t length,
                       const struct heddle_document_node **root_out)
{
    const char first = first_character(text, length);
    if (first != '{' && first != '[') {
        return heddle_document_read_yaml(builder, text, length, root_out);
    }
    const int status = heddle_document_read_json(builder, text, length, root_out);
    if (status != HEDDLE_JOB) {
        return status;
    }
    const struct heddle_document_fault as_json = *builder->fault;
    builder->depth = 0;
    const int second = heddle_document_read_yaml(builder, text, length, root_out);
    if (second == HEDDLE_JOB) {
        *builder->fault = as_json;
    }
    return second;
}

int heddle_document_read(const char *text, size_t length, struct heddle_arena *arena,
                         const struct heddle_document_node **root_out, struct heddle_document_fault *fault,
                         struct heddle_error *error)
{
    struct heddle_document_builder builder = {.arena = arena, .fault = fault};
    *fault = (struct heddle_document_fault){0};
    uint32_t line = 0;
    uint32_t column = 0;
    int status = HEDDLE_OK;
    if (length > HEDDLE_DOCUMENT_BYTES_MAX) {
        status = heddle_document_refuse(&builder, 0, 0, "the file has more than %d MiB",
                                        HEDDLE_DOCUMENT_BYTES_MAX / (1024 * 1024));
    } else if (find_bad_byte(text, length, &line, &column)) {
        status = heddle_document_refuse(&builder, line, column,
                                        "found a byte that is no UTF-8 text: save the file as UTF-8");
    } else {
        const size_t mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        status = read_either(&builder, text + mark, length - mark, root_out);
    }
    free((void *)builder.stack);
    if (status == HEDDLE_OUT_OF_MEMORY) {
        return heddle_error_out_of_memory(error);
    }
    return status == HEDDLE_OK ? HEDDLE_OK : heddle_error_set(error, status, "%s", fault->message);
}

const struct heddle_document_node *heddle_document_key(const struct heddle_document_node *map, size_t i)
{
    return map->items[2 * i];
}

const struct heddle_document_node *heddle_document_value(const struct heddle_document_node *map, size_t i)
{
    return map->items[2 * i + 1];
}

static const struct heddle_document_node *get_n(const struct heddle_document_node *node, const char *key,
                                                size_t length)
{
    for (size_t i = 0; node != NULL && node->kind == HEDDLE_DOCUMENT_MAP && i < node->count; i++) {
        const struct heddle_document_node *candidate = heddle_document_key(node, i);
        if (candidate->length == length && memcmp(candidate->text, key, length) == 0) {
            return heddle_document_value(node, i);
        }
    }
    return NULL;
}

const struct heddle_document_node *heddle_document_get(const struct heddle_document_node *node,
                                                       const char *key)
{
    return get_n(node, key, strlen(key));
}

const struct heddle_document_node *heddle_document_at(const struct heddle_document_node *root,
                                                      const char *path)
{
    const struct heddle_document_node *node = root;
    const char *at = path[0] == '$' ? path + 1 : path;
    while (*at != '\0') {
        const struct heddle_document_node *next = NULL;
        if (*at == '[') {
            char *end = NULL;
            const unsigned long index = strtoul(at + 1, &end, 10);
            next = node->kind == HEDDLE_DOCUMENT_LIST && index < node->count ? node->items[index] : NULL;
            at = *end == ']' ? end + 1 : end + strlen(end);
        } else {
            at += *at == '.';
            const size_t length = strcspn(at, ".[");
            next = get_n(node, at, length);
            at += length;
        }
        if (next == NULL) {
            break;
        }
        node = next;
    }
    return node;
}

const char *heddle_document_kind_name(enum heddle_document_kind kind)
{
    static const char *const names[] = {"null", "boolean", "integer", "float", "text", "list", "map"};
    return names[kind];
}
