/* job_report.c: problems with path, code and line; and small helpers of all steps. */
#include "spec/job_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"

/* A message is a sentence or two; names in it are cut where they are put in. */
enum { MESSAGE_MAX = 480 };

/* Names are cut by bytes when they are put into a text: what is left of a cut character becomes `?`. */
static void mend(char *text)
{
    const size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        size_t step = 1;
        while (step < 4 && ((unsigned char)text[at + step] & 0xc0) == 0x80) {
            step++;
        }
        if (!heddle_text_is_utf8(text + at, step)) {
            memset(text + at, '?', step);
        }
        at += step;
    }
}

static void __attribute__((format(printf, 6, 0)))
add(struct heddle_job_reader *reader, bool warning, const char *code, const char *path, const char *place,
    const char *format, va_list arguments)
{
    struct heddle_job_problems *list = reader->problems;
    char message[MESSAGE_MAX];
    reader->errors += !warning;
    reader->warnings += warning;
    if (reader->out_of_memory || reader->errors > HEDDLE_JOB_ERRORS_MAX ||
        (warning && reader->warnings > HEDDLE_JOB_WARNINGS_MAX)) {
        return;
    }
    vsnprintf(message, sizeof message, format, arguments);
    mend(message);
    const struct heddle_document_node *node =
        reader->root != NULL ? heddle_document_at(reader->root, place) : NULL;
    struct heddle_job_problem problem = {
        .path = heddle_arena_copy_text(list->arena, path, strlen(path)),
        .code = code,
        .message = heddle_arena_copy_text(list->arena, message, strlen(message)),
        .line = node != NULL ? node->line : 0,
        .column = node != NULL ? node->column : 0,
        .warning = warning,
    };
    if (problem.path == NULL || problem.message == NULL ||
        heddle_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items) != 0) {
        reader->out_of_memory = true;
        return;
    }
    list->items[list->count++] = problem;
}

void heddle_job_report(struct heddle_job_reader *reader, const char *code, const char *path,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(reader, false, code, path, path, format, arguments);
    va_end(arguments);
}

void heddle_job_warn(struct heddle_job_reader *reader, const char *code, const char *path, const char *format,
                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(reader, true, code, path, path, format, arguments);
    va_end(arguments);
}

void heddle_job_report_at(struct heddle_job_reader *reader, const char *code, const char *path,
                          const char *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(reader, false, code, path, place, format, arguments);
    va_end(arguments);
}

bool heddle_job_reported(const struct heddle_job_reader *reader, const char *code, const char *prefix)
{
    if (reader->errors > HEDDLE_JOB_ERRORS_MAX) {
        return true;
    }
    for (size_t i = 0; i < reader->problems->count; i++) {
        const struct heddle_job_problem *problem = &reader->problems->items[i];
        if (!problem->warning && strncmp(problem->code, code, strlen(code)) == 0 &&
            strncmp(problem->path, prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

bool heddle_job_may_suggest(const struct heddle_job_reader *reader)
{
    return reader->errors < HEDDLE_JOB_SUGGESTIONS_MAX;
}

const char *heddle_job_text(struct heddle_job_reader *reader, const char *format, ...)
{
    char buffer[1024]; /* paths and cut names; longer ones are cut */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    mend(buffer);
    const char *text = heddle_arena_copy_text(reader->arena, buffer, strlen(buffer));
    if (text == NULL) {
        reader->out_of_memory = true;
        return "";
    }
    return text;
}

void *heddle_job_alloc(struct heddle_job_reader *reader, size_t count, size_t size)
{
    void *memory = heddle_arena_calloc(reader->arena, count > 0 ? count : 1, size);
    reader->out_of_memory = reader->out_of_memory || memory == NULL;
    return memory;
}

const char *heddle_job_value_text(struct heddle_job_reader *reader, const struct heddle_document_node *node)
{
    if (node->kind == HEDDLE_DOCUMENT_NULL) {
        return "null";
    }
    if (node->kind < HEDDLE_DOCUMENT_LIST) {
        return node->text;
    }
    struct heddle_buffer json = {0};
    heddle_document_write(node, false, &json);
    const char *text = heddle_buffer_text(&json);
    const char *copy = text == NULL ? NULL : heddle_arena_copy_text(reader->arena, text, json.length);
    heddle_buffer_free(&json);
    if (copy == NULL) {
        reader->out_of_memory = true;
        return "";
    }
    return copy;
}

const struct heddle_job_schema_word *heddle_job_schema_word(enum heddle_schema_kind kind)
{
    static const struct heddle_job_schema_word words[HEDDLE_JOB_SCHEMA_KINDS] = {
        [HEDDLE_SCHEMA_UNIQUE_CONSTRAINT] = {"unique_constraints", "unique constraint", false, "DANG-007",
                                             "DANG-008"},
        [HEDDLE_SCHEMA_KEY_CONSTRAINT] = {"key_constraints", "key constraint", false, "DANG-009", "DANG-010"},
        [HEDDLE_SCHEMA_EXISTENCE_CONSTRAINT] = {"existence_constraints", "existence constraint", true,
                                                "DANG-011", "DANG-012"},
        [HEDDLE_SCHEMA_TYPE_CONSTRAINT] = {"type_constraints", "type constraint", true, "DANG-005",
                                           "DANG-006"},
        [HEDDLE_SCHEMA_RANGE_INDEX] = {"range_indexes", "range index", false, "DANG-014", "DANG-013"},
        [HEDDLE_SCHEMA_TEXT_INDEX] = {"text_indexes", "text index", true, "DANG-016", "DANG-015"},
        [HEDDLE_SCHEMA_POINT_INDEX] = {"point_indexes", "point index", true, "DANG-018", "DANG-017"},
        [HEDDLE_SCHEMA_FULLTEXT_INDEX] = {"fulltext_indexes", "full-text index", false, "DANG-020",
                                          "DANG-019"},
        [HEDDLE_SCHEMA_VECTOR_INDEX] = {"vector_indexes", "vector index", true, "DANG-022", "DANG-021"},
    };
    return &words[kind];
}

const char *const heddle_job_type_words[] = {"boolean",
                                             "boolean_array",
                                             "byte_array",
                                             "date",
                                             "date_array",
                                             "duration",
                                             "duration_array",
                                             "float",
                                             "float_array",
                                             "integer",
                                             "integer_array",
                                             "local_datetime",
                                             "local_datetime_array",
                                             "local_time",
                                             "local_time_array",
                                             "point",
                                             "point_array",
                                             "string",
                                             "string_array",
                                             "zoned_datetime",
                                             "zoned_datetime_array",
                                             "zoned_time",
                                             "zoned_time_array",
                                             "integer_vector",
                                             "float_vector",
                                             "float32_vector",
                                             "integer8_vector",
                                             "integer16_vector",
                                             "integer32_vector",
                                             NULL};

bool heddle_job_type_find(const char *word, enum heddle_property_type *type_out, bool *is_array_out)
{
    static const struct {
        const char *stem;
        enum heddle_property_type type;
    } stems[] = {{"boolean", HEDDLE_PROPERTY_BOOLEAN},
                 {"byte_array", HEDDLE_PROPERTY_BYTE_ARRAY},
                 {"date", HEDDLE_PROPERTY_DATE},
                 {"duration", HEDDLE_PROPERTY_DURATION},
                 {"float", HEDDLE_PROPERTY_FLOAT},
                 {"integer", HEDDLE_PROPERTY_INTEGER},
                 {"local_datetime", HEDDLE_PROPERTY_LOCAL_DATETIME},
                 {"local_time", HEDDLE_PROPERTY_LOCAL_TIME},
                 {"point", HEDDLE_PROPERTY_POINT},
                 {"string", HEDDLE_PROPERTY_STRING},
                 {"zoned_datetime", HEDDLE_PROPERTY_ZONED_DATETIME},
                 {"zoned_time", HEDDLE_PROPERTY_ZONED_TIME}};
    *is_array_out = false;
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        const size_t length = strlen(stems[i].stem);
        if (strncasecmp(word, stems[i].stem, length) != 0) {
            continue;
        }
        if (word[length] == '\0' || strcasecmp(word + length, "_array") == 0) {
            *type_out = stems[i].type;
            *is_array_out = word[length] != '\0';
            return true;
        }
    }
    const size_t length = strlen(word);
    *type_out = HEDDLE_PROPERTY_VECTOR;
    return length > 7 && strcasecmp(word + length - 7, "_vector") == 0;
}

const struct heddle_job_target_list heddle_job_target_lists[HEDDLE_JOB_TARGET_LISTS] = {
    {"nodes", HEDDLE_JOB_NAME_NODE},
    {"relationships", HEDDLE_JOB_NAME_RELATIONSHIP},
    {"queries", HEDDLE_JOB_NAME_QUERY},
};

struct heddle_job_target *heddle_job_base(struct heddle_job_reader *reader, enum heddle_job_name_kind kind,
                                          size_t index)
{
    if (kind == HEDDLE_JOB_NAME_NODE) {
        return &reader->nodes[index].base;
    }
    return kind == HEDDLE_JOB_NAME_RELATIONSHIP ? &reader->relationships[index].base
                                                : &reader->queries[index].base;
}

size_t heddle_job_count(const struct heddle_job *job, enum heddle_job_name_kind kind)
{
    switch (kind) {
    case HEDDLE_JOB_NAME_SOURCE: return job->source_count;
    case HEDDLE_JOB_NAME_NODE: return job->node_count;
    case HEDDLE_JOB_NAME_RELATIONSHIP: return job->relationship_count;
    case HEDDLE_JOB_NAME_QUERY: return job->query_count;
    case HEDDLE_JOB_NAME_ACTION: return job->action_count;
    }
    return 0;
}

const char *heddle_job_path(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index)
{
    static const char *const lists[] = {"sources", "targets.nodes", "targets.relationships",
                                        "targets.queries", "actions"};
    return heddle_job_text(reader, "$.%s[%zu]", lists[kind], index);
}
