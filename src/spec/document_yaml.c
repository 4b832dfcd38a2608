/* document_yaml.c: YAML 1.1 from libyaml's events.
 *
 * An anchor is known once its node is complete, so no node can contain itself; an alias pushes the same node
 * again and heddle_document_close() counts it with its full weight.
 */
#include "spec/document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/error.h"
#include "base/memory.h"

/* A job needs few anchors; they are looked up one by one. */
enum { ANCHORS_MAX = 1000 };

struct anchor {
    const char *name;
    const struct heddle_document_node *node;
};

struct yaml_reader {
    struct heddle_document_builder *builder;
    yaml_parser_t parser;
    const char *text;
    size_t length;
    struct anchor *anchors;
    size_t anchor_count;
    size_t anchor_capacity;
};

static uint32_t line_of(const yaml_mark_t *mark)
{
    return (uint32_t)mark->line + 1;
}

static uint32_t column_of(const yaml_mark_t *mark)
{
    return (uint32_t)mark->column + 1;
}

/* What stands at a mark: its start and how much of it to show, at most 40 bytes of the line. The mark counts
 * characters, the text is bytes. */
static const char *text_at(const struct yaml_reader *reader, const yaml_mark_t *mark, int *shown_out)
{
    const char *end = reader->text + reader->length;
    const char *at = reader->text;
    for (size_t left = mark->index; left > 0 && at < end; left--) {
        do {
            at++;
        } while (at < end && ((unsigned char)*at & 0xc0) == 0x80);
    }
    int shown = 0;
    while (shown < 40 && at + shown < end && strchr("\r\n\t", at[shown]) == NULL) {
        shown++;
    }
    while (shown > 0 && at + shown < end && ((unsigned char)at[shown] & 0xc0) == 0x80) {
        shown--;
    }
    *shown_out = shown;
    return at;
}

/* The usual cause of a complaint, "" where it has none. */
static const char *hint_for(const char *problem, char first)
{
    if (first == '\t') {
        return ": YAML is indented by spaces, not by tabs";
    }
    if (first == '@' || first == '`') {
        return ": put a text that begins with this character in quotes";
    }
    return strstr(problem, "mapping values") != NULL
               ? ": put a text that contains ': ' in quotes, or check the indentation"
               : "";
}

/* What libyaml says, with the place, what stands there, and a hint where the usual cause is known. */
static int refuse_syntax(struct yaml_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    const char *problem = parser->problem != NULL ? parser->problem : "no YAML";
    if (parser->error == YAML_READER_ERROR) {
        uint32_t line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < reader->length; i++) {
            line += reader->text[i] == '\n';
        }
        return heddle_document_refuse(reader->builder, line, 0, "%s (U+%04X)", problem,
                                      (unsigned)parser->problem_value);
    }
    const yaml_mark_t *mark = &parser->problem_mark;
    int shown = 0;
    const char *at = text_at(reader, mark, &shown);
    const char first = at < reader->text + reader->length ? *at : '\0';
    char begun[120] = "";
    if (parser->context != NULL && parser->context_mark.line < mark->line) {
        snprintf(begun, sizeof begun, " %s that begins in line %u", parser->context,
                 line_of(&parser->context_mark));
    }
    if (shown > 0) {
        return heddle_document_refuse(reader->builder, line_of(mark), column_of(mark), "%s%s: found '%.*s'%s",
                                      problem, begun, shown, at, hint_for(problem, first));
    }
    return heddle_document_refuse(reader->builder, line_of(mark), column_of(mark), "%s%s: found %s%s",
                                  problem, begun,
                                  first == '\t'   ? "a tab"
                                  : first == '\0' ? "the end of the file"
                                                  : "the end of the line",
                                  hint_for(problem, first));
}

static int next_event(struct yaml_reader *reader, yaml_event_t *event)
{
    return yaml_parser_parse(&reader->parser, event) == 1 ? HEDDLE_OK : refuse_syntax(reader);
}

static int remember(struct yaml_reader *reader, const yaml_char_t *name,
                    const struct heddle_document_node *node)
{
    if (name == NULL) {
        return HEDDLE_OK;
    }
    if (reader->anchor_count >= ANCHORS_MAX) {
        return heddle_document_refuse(reader->builder, node->line, node->column, "more than %d anchors",
                                      ANCHORS_MAX);
    }
    const char *copy =
        heddle_arena_copy_text(reader->builder->arena, (const char *)name, strlen((const char *)name));
    if (copy == NULL || heddle_grow((void **)&reader->anchors, &reader->anchor_capacity,
                                    reader->anchor_count + 1, sizeof *reader->anchors) != 0) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    reader->anchors[reader->anchor_count++] = (struct anchor){.name = copy, .node = node};
    return HEDDLE_OK;
}

static int read_alias(struct yaml_reader *reader, const yaml_event_t *event,
                      const struct heddle_document_node **node_out)
{
    const char *name = (const char *)event->data.alias.anchor;
    for (size_t i = reader->anchor_count; i > 0; i--) {
        if (strcmp(reader->anchors[i - 1].name, name) == 0) {
            *node_out = reader->anchors[i - 1].node;
            return HEDDLE_OK;
        }
    }
    return heddle_document_refuse(reader->builder, line_of(&event->start_mark), column_of(&event->start_mark),
                                  "found the alias *%.60s, but no finished value is marked &%.60s above it",
                                  name, name);
}

static int check_tag(struct yaml_reader *reader, const yaml_char_t *tag, const yaml_mark_t *mark,
                     const char *const *allowed)
{
    for (; tag != NULL && *allowed != NULL; allowed++) {
        if (strcmp((const char *)tag, *allowed) == 0) {
            return HEDDLE_OK;
        }
    }
    if (tag == NULL) {
        return HEDDLE_OK;
    }
    return heddle_document_refuse(
        reader->builder, line_of(mark), column_of(mark),
        "found the tag %.80s, which has no meaning here: remove it (texts, numbers, "
        "booleans, lists and maps need no tag)",
        (const char *)tag);
}

/* Any base and underscores to plain decimals, so that 0x10 in YAML equals 16 in JSON. Beyond 64 bits: as
 * written. */
static const char *plain_decimal(struct heddle_arena *arena, const char *text)
{
    char digits[72];
    size_t used = 0;
    for (const char *at = text; *at != '\0' && used < sizeof digits - 1; at++) {
        if (*at != '_') {
            digits[used++] = *at;
        }
    }
    digits[used] = '\0';
    const size_t sign = digits[0] == '-' || digits[0] == '+';
    const bool binary = digits[sign] == '0' && (digits[sign + 1] | 0x20) == 'b';
    if (binary) {
        memmove(digits + sign, digits + sign + 2, used - sign - 1);
    }
    char *end = NULL;
    errno = 0;
    const intmax_t value = strtoimax(digits, &end, binary ? 2 : 0);
    if (errno != 0 || *end != '\0' || used >= sizeof digits - 1) {
        return heddle_arena_copy_text(arena, text, strlen(text));
    }
    return heddle_arena_format(arena, "%" PRIdMAX, value);
}

/* The kind that a scalar's tag names, or the one that it looks like; quoted is text. */
static enum heddle_document_kind kind_of(const yaml_event_t *event)
{
    static const struct {
        const char *tag;
        enum heddle_document_kind kind;
    } kinds[] = {{YAML_NULL_TAG, HEDDLE_DOCUMENT_NULL},   {YAML_BOOL_TAG, HEDDLE_DOCUMENT_BOOLEAN},
                 {YAML_INT_TAG, HEDDLE_DOCUMENT_INTEGER}, {YAML_FLOAT_TAG, HEDDLE_DOCUMENT_FLOAT},
                 {YAML_STR_TAG, HEDDLE_DOCUMENT_TEXT},    {"!", HEDDLE_DOCUMENT_TEXT}};
    const char *tag = (const char *)event->data.scalar.tag;
    for (size_t i = 0; tag != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(tag, kinds[i].tag) == 0) {
            return kinds[i].kind;
        }
    }
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
               ? heddle_document_type_plain((const char *)event->data.scalar.value, event->data.scalar.length)
               : HEDDLE_DOCUMENT_TEXT;
}

static int read_scalar(struct yaml_reader *reader, const yaml_event_t *event,
                       const struct heddle_document_node **node_out)
{
    static const char *const allowed[] = {YAML_NULL_TAG, YAML_BOOL_TAG, YAML_INT_TAG, YAML_FLOAT_TAG,
                                          YAML_STR_TAG,  "!",           NULL};
    const char *value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    const uint32_t line = line_of(&event->start_mark);
    const uint32_t column = column_of(&event->start_mark);
    HEDDLE_TRY(check_tag(reader, event->data.scalar.tag, &event->start_mark, allowed));
    if (memchr(value, '\0', length) != NULL) {
        return heddle_document_refuse(reader->builder, line, column, "found a text with a NUL character");
    }
    const enum heddle_document_kind kind = kind_of(event);
    const enum heddle_document_kind look = heddle_document_type_plain(value, length);
    const bool fits = kind == HEDDLE_DOCUMENT_TEXT || kind == look ||
                      (kind == HEDDLE_DOCUMENT_FLOAT && look == HEDDLE_DOCUMENT_INTEGER);
    if (!fits) {
        return heddle_document_refuse(reader->builder, line, column, "found '%.40s' tagged as %s", value,
                                      heddle_document_kind_name(kind));
    }
    struct heddle_document_node *node = heddle_document_node_new(reader->builder, kind, line, column);
    if (node == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (kind == HEDDLE_DOCUMENT_BOOLEAN) {
        node->text = strchr("yYtT", value[0]) != NULL || (value[1] | 0x20) == 'n' ? "true" : "false";
        node->text = (value[0] | 0x20) == 'n' ? "false" : node->text;
    } else if (kind == HEDDLE_DOCUMENT_INTEGER) {
        node->text = plain_decimal(reader->builder->arena, value);
    } else if (kind != HEDDLE_DOCUMENT_NULL) {
        node->text = heddle_arena_copy_text(reader->builder->arena, value, length);
    }
    if (node->text == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    node->length = strlen(node->text);
    *node_out = node;
    return remember(reader, event->data.scalar.anchor, node);
}

/* A key keeps its spelling: `no:` and `1:` are the keys "no" and "1". */
static int check_key(struct yaml_reader *reader, const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT) {
        return heddle_document_refuse(reader->builder, line_of(&event->start_mark),
                                      column_of(&event->start_mark), "expected a key, found %s",
                                      event->type == YAML_ALIAS_EVENT           ? "an alias"
                                      : event->type == YAML_MAPPING_START_EVENT ? "a map"
                                                                                : "a list");
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        strcmp((const char *)event->data.scalar.value, "<<") == 0) {
        return heddle_document_refuse(reader->builder, line_of(&event->start_mark),
                                      column_of(&event->start_mark),
                                      "found the merge key '<<', which is not supported: write the keys out");
    }
    return HEDDLE_OK;
}

static int push_key(struct yaml_reader *reader, const yaml_event_t *event)
{
    HEDDLE_TRY(check_key(reader, event));
    const char *value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    if (memchr(value, '\0', length) != NULL) {
        return heddle_document_refuse(reader->builder, line_of(&event->start_mark),
                                      column_of(&event->start_mark), "found a key with a NUL character");
    }
    struct heddle_document_node *key = heddle_document_node_new(
        reader->builder, HEDDLE_DOCUMENT_TEXT, line_of(&event->start_mark), column_of(&event->start_mark));
    if (key == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    key->text = heddle_arena_copy_text(reader->builder->arena, value, length);
    key->length = length;
    if (key->text == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    HEDDLE_TRY(remember(reader, event->data.scalar.anchor, key));
    return heddle_document_push(reader->builder, key);
}

static int read_node(struct yaml_reader *reader, const yaml_event_t *event, size_t level,
                     const struct heddle_document_node **node_out);

/* Reads children until the end event of the list or map; *done then. */
static int read_child(struct yaml_reader *reader, bool map, size_t level, bool *done)
{
    yaml_event_t event;
    const struct heddle_document_node *child = NULL;
    HEDDLE_TRY(next_event(reader, &event));
    *done = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
    int status = HEDDLE_OK;
    if (!*done && map) {
        status = push_key(reader, &event);
        yaml_event_delete(&event);
        if (status == HEDDLE_OK) {
            status = next_event(reader, &event);
        }
        if (status != HEDDLE_OK) {
            return status;
        }
    }
    if (!*done) {
        status = read_node(reader, &event, level + 1, &child);
    }
    yaml_event_delete(&event);
    return status != HEDDLE_OK || *done ? status : heddle_document_push(reader->builder, child);
}

static int read_container(struct yaml_reader *reader, const yaml_event_t *event, size_t level,
                          const struct heddle_document_node **node_out)
{
    static const char *const maps[] = {YAML_MAP_TAG, "!", NULL};
    static const char *const lists[] = {YAML_SEQ_TAG, "!", NULL};
    const bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor = map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    HEDDLE_TRY(check_tag(reader, map ? event->data.mapping_start.tag : event->data.sequence_start.tag,
                         &event->start_mark, map ? maps : lists));
    if (level >= HEDDLE_DOCUMENT_DEPTH_MAX) {
        return heddle_document_refuse(
            reader->builder, line_of(&event->start_mark), column_of(&event->start_mark),
            "lists and maps are nested more than %d deep", HEDDLE_DOCUMENT_DEPTH_MAX);
    }
    struct heddle_document_node *node =
        heddle_document_node_new(reader->builder, map ? HEDDLE_DOCUMENT_MAP : HEDDLE_DOCUMENT_LIST,
                                 line_of(&event->start_mark), column_of(&event->start_mark));
    if (node == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    const size_t base = reader->builder->depth;
    for (bool done = false; !done;) {
        HEDDLE_TRY(read_child(reader, map, level, &done));
    }
    HEDDLE_TRY(heddle_document_close(reader->builder, node, base));
    *node_out = node;
    return remember(reader, anchor, node);
}

static int read_node(struct yaml_reader *reader, const yaml_event_t *event, size_t level,
                     const struct heddle_document_node **node_out)
{
    if (reader->builder->nodes > HEDDLE_DOCUMENT_NODES_MAX) {
        return heddle_document_refuse(reader->builder, line_of(&event->start_mark), 0, "more than %d values",
                                      HEDDLE_DOCUMENT_NODES_MAX);
    }
    if (event->type == YAML_ALIAS_EVENT) {
        return read_alias(reader, event, node_out);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        return read_scalar(reader, event, node_out);
    }
    return read_container(reader, event, level, node_out);
}

/* STREAM-START DOCUMENT-START node DOCUMENT-END STREAM-END, and nothing else. */
static int read_stream(struct yaml_reader *reader, const struct heddle_document_node **root_out)
{
    yaml_event_t event;
    const struct heddle_document_node *root = NULL;
    size_t documents = 0;
    for (bool done = false; !done;) {
        HEDDLE_TRY(next_event(reader, &event));
        int status = HEDDLE_OK;
        if (event.type == YAML_DOCUMENT_START_EVENT) {
            documents++;
            if (documents > 1) {
                status = heddle_document_refuse(reader->builder, line_of(&event.start_mark), 1,
                                                "a second document begins here: a job is one document");
            }
        } else if (event.type == YAML_STREAM_END_EVENT) {
            done = true;
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT) {
            status = read_node(reader, &event, 1, &root);
        }
        yaml_event_delete(&event);
        HEDDLE_TRY(status);
    }
    if (root == NULL) {
        return heddle_document_refuse(reader->builder, 0, 0, "the file is empty: expected a job");
    }
    *root_out = root;
    return HEDDLE_OK;
}

int heddle_document_read_yaml(struct heddle_document_builder *builder, const char *text, size_t length,
                              const struct heddle_document_node **root_out)
{
    struct yaml_reader reader = {.builder = builder, .text = text, .length = length};
    if (yaml_parser_initialize(&reader.parser) != 1) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    const int status = read_stream(&reader, root_out);
    yaml_parser_delete(&reader.parser);
    free(reader.anchors);
    return status;
}
