/* jsonl.c: JSON lines (https://jsonlines.org), one object a line, parsed by jansson.
 *
 * Names and types come from the first lines of the first file (json_schema.h); later values are converted to
 * them where that is exact, and reject their row where it is not. Names that the sample does not show are
 * left out.
 */
#include "source/files/text_source.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "column/scalar.h"
#include "source/files/json_schema.h"
#include "source/stream/settings.h"

enum {
    SAMPLE_LINES_DEFAULT = 1000,
};

/* 2^53: the largest integers that a double counts one by one. */
static const double WHOLE_MAX = 9007199254740992.0;

struct jsonl_source {
    struct heddle_text_source text;
    uint64_t sample_lines;
    struct heddle_builder *item_builders; /* of the list columns */
    const json_t **values;                /* of the line at hand, one a column, NULL = absent */
    size_t next_column; /* where the next name is looked for first: lines name columns in one order */
};

static void jsonl_close(struct heddle_source *source)
{
    heddle_text_source_end((struct heddle_text_source *)source);
}

static bool line_is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* Parses a line as one object. NULL with `reason` filled where it is none. */
static json_t *line_parse(const char *line, size_t length, char *reason, size_t size)
{
    json_error_t failure;
    json_t *value = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &failure);
    if (value == NULL) {
        snprintf(reason, size, "the line is not JSON: %s (column %d)", failure.text, failure.column);
        return NULL;
    }
    if (!json_is_object(value)) {
        snprintf(reason, size, "the line is not a JSON object");
        json_decref(value);
        return NULL;
    }
    return value;
}

static int sample_read(struct jsonl_source *jsonl, struct heddle_json_schema *schema,
                       struct heddle_error *error)
{
    char reason[256];
    size_t length = 0;
    size_t step = 0;
    bool whole = false;
    HEDDLE_TRY(heddle_text_source_input_open(&jsonl->text, jsonl->text.files.paths[0], error));
    for (uint64_t lines = 0; lines < jsonl->sample_lines;) {
        const int status = heddle_text_input_line(&jsonl->text.input, &length, &step, &whole, error);
        if (status == HEDDLE_END) {
            break;
        }
        HEDDLE_TRY(status);
        const char *line = jsonl->text.input.bytes + jsonl->text.input.start;
        if (!line_is_blank(line, length)) {
            json_t *object = line_parse(line, length, reason, sizeof reason);
            const int added = object != NULL ? heddle_json_schema_add(schema, object, error) : HEDDLE_OK;
            json_decref(object);
            HEDDLE_TRY(added);
            lines++;
        }
        jsonl->text.input.start += step;
    }
    heddle_text_input_close(&jsonl->text.input);
    return HEDDLE_OK;
}

/* Makes fields and builders of the projected columns. */
static int columns_fill(struct jsonl_source *jsonl, const struct heddle_json_schema *sample,
                        const size_t *indices, size_t count, struct heddle_error *error)
{
    struct heddle_arena *arena = jsonl->text.base.arena;
    struct heddle_field *fields = heddle_arena_calloc(arena, count, sizeof *fields);
    jsonl->text.builders = heddle_arena_calloc(arena, count, sizeof *jsonl->text.builders);
    jsonl->item_builders = heddle_arena_calloc(arena, count, sizeof *jsonl->item_builders);
    jsonl->values = heddle_arena_calloc(arena, count, sizeof *jsonl->values);
    if (fields == NULL || jsonl->text.builders == NULL || jsonl->item_builders == NULL ||
        jsonl->values == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct heddle_json_column *column = &sample->columns[indices[i]];
        if (column->refused != NULL) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "column `%s` of %s holds %s, which cannot be loaded; leave it out",
                                    column->name, jsonl->text.files.paths[0], column->refused);
        }
        /* Nothing but nulls in the sample: what may come is kept as text. */
        fields[i].name = column->name;
        fields[i].type = column->type == HEDDLE_TYPE_NULL ? HEDDLE_TYPE_STRING : column->type;
        if (fields[i].type == HEDDLE_TYPE_LIST) {
            fields[i].item_type =
                column->item_type == HEDDLE_TYPE_NULL ? HEDDLE_TYPE_STRING : column->item_type;
            jsonl->item_builders[i].type = fields[i].item_type;
            jsonl->text.builders[i].items = &jsonl->item_builders[i];
        }
        jsonl->text.builders[i].type = fields[i].type;
    }
    jsonl->text.base.schema = (struct heddle_schema){.fields = fields, .count = count};
    return HEDDLE_OK;
}

static int schema_project(struct jsonl_source *jsonl, const struct heddle_source_options *options,
                          const struct heddle_json_schema *sample, struct heddle_error *error)
{
    size_t *indices = NULL;
    size_t count = 0;
    const char *path = jsonl->text.files.paths[0];
    if (sample->count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s holds no JSON object in its first lines", path);
    }
    const char **names = heddle_arena_calloc(jsonl->text.base.arena, sample->count, sizeof *names);
    if (names == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < sample->count; i++) {
        names[i] = sample->columns[i].name;
    }
    HEDDLE_TRY(heddle_source_project(&jsonl->text.base, options, path, names, sample->count, &indices, &count,
                                     error));
    return columns_fill(jsonl, sample, indices, count, error);
}

static int jsonl_begin(struct jsonl_source *jsonl, const struct heddle_source_options *options,
                       struct heddle_error *error)
{
    static const char *const known[] = {"sample_lines", HEDDLE_STREAM_SETTINGS_FILES, NULL};
    HEDDLE_TRY(heddle_source_settings_check(options, known, error));
    HEDDLE_TRY(heddle_source_setting_number(options, "sample_lines", SAMPLE_LINES_DEFAULT,
                                            &jsonl->sample_lines, error));
    HEDDLE_TRY(heddle_file_list_open(options, jsonl->text.base.arena, &jsonl->text.files, error));
    struct heddle_json_schema sample = {.arena = jsonl->text.base.arena};
    int status = sample_read(jsonl, &sample, error);
    if (status == HEDDLE_OK && options->declared != NULL) {
        status = heddle_json_schema_declare(&sample, options->declared, error);
    }
    if (status == HEDDLE_OK) {
        status = schema_project(jsonl, options, &sample, error);
    } else if (status == HEDDLE_SOURCE) {
        heddle_error_prefix(error, "%s", jsonl->text.files.paths[0]);
    }
    heddle_json_schema_free(&sample);
    return status;
}

/* Text of a scalar as JSON writes it, without quotes; NULL for what has none. */
static const char *scalar_text(const json_t *value, char scratch[static HEDDLE_SCALAR_TEXT_MAX],
                               size_t *length_out)
{
    switch (json_typeof(value)) {
    case JSON_STRING: *length_out = json_string_length(value); return json_string_value(value);
    case JSON_INTEGER:
        *length_out = heddle_scalar_print_integer(json_integer_value(value), scratch);
        return scratch;
    case JSON_REAL: *length_out = heddle_scalar_print_float(json_real_value(value), scratch); return scratch;
    case JSON_TRUE: *length_out = 4; return "true";
    case JSON_FALSE: *length_out = 5; return "false";
    default: return NULL;
    }
}

static bool to_integer(const json_t *value, int64_t *out)
{
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (json_is_real(value)) {
        const double real = json_real_value(value);
        if (!(real >= -WHOLE_MAX && real <= WHOLE_MAX) || (double)(int64_t)real != real) {
            return false;
        }
        *out = (int64_t)real;
        return true;
    }
    return json_is_string(value) &&
           heddle_scalar_parse_integer(json_string_value(value), json_string_length(value), out);
}

static bool to_float(const json_t *value, double *out)
{
    if (json_is_real(value)) {
        *out = json_real_value(value);
        return true;
    }
    if (json_is_integer(value)) {
        *out = (double)json_integer_value(value);
        return *out >= -WHOLE_MAX && *out <= WHOLE_MAX;
    }
    return json_is_string(value) &&
           heddle_scalar_parse_float(json_string_value(value), json_string_length(value), out);
}

static bool to_boolean(const json_t *value, bool *out)
{
    *out = json_is_true(value);
    return json_is_boolean(value) ||
           (json_is_string(value) &&
            heddle_scalar_parse_boolean(json_string_value(value), json_string_length(value), out));
}

/* Whether a value fits its column; with `builder`, also appends it. One function for both, so that they
 * cannot differ. */
static bool value_put(const json_t *value, enum heddle_type type, enum heddle_type item_type,
                      struct heddle_builder *builder)
{
    char scratch[HEDDLE_SCALAR_TEXT_MAX];
    int64_t integer = 0;
    double number = 0;
    bool truth = false;
    bool fits = true;
    if (value == NULL || json_is_null(value)) {
        if (builder != NULL) {
            heddle_builder_null(builder);
        }
        return true;
    }
    if (type == HEDDLE_TYPE_LIST) {
        fits = json_is_array(value);
        for (size_t i = 0; fits && i < json_array_size(value); i++) {
            fits = value_put(json_array_get(value, i), item_type, HEDDLE_TYPE_NULL,
                             builder != NULL ? builder->items : NULL);
        }
        if (builder != NULL) {
            heddle_builder_end_list(builder);
        }
    } else if (type == HEDDLE_TYPE_INTEGER) {
        fits = to_integer(value, &integer);
        if (builder != NULL) {
            heddle_builder_integer(builder, integer);
        }
    } else if (type == HEDDLE_TYPE_FLOAT) {
        fits = to_float(value, &number);
        if (builder != NULL) {
            heddle_builder_float(builder, number);
        }
    } else if (type == HEDDLE_TYPE_BOOLEAN) {
        fits = to_boolean(value, &truth);
        if (builder != NULL) {
            heddle_builder_boolean(builder, truth);
        }
    } else {
        size_t length = 0;
        const char *text = scalar_text(value, scratch, &length);
        fits = text != NULL;
        if (builder != NULL) {
            heddle_builder_text(builder, text, length);
        }
    }
    return fits;
}

/* Notes a leaf of the line where its column is wanted. */
static int leaf_note(void *context, const char *name, const json_t *value, struct heddle_error *error)
{
    struct jsonl_source *jsonl = context;
    const struct heddle_schema *schema = &jsonl->text.base.schema;
    (void)error;
    for (size_t i = 0; i < schema->count; i++) {
        const size_t at = (jsonl->next_column + i) % schema->count;
        if (strcmp(schema->fields[at].name, name) == 0) {
            jsonl->values[at] = value;
            jsonl->next_column = at + 1;
            break;
        }
    }
    return HEDDLE_OK;
}

/* Appends an object to the batch, or rejects its line. */
static int object_take(struct jsonl_source *jsonl, const json_t *object, size_t length, bool *rejected_out,
                       struct heddle_error *error)
{
    const struct heddle_schema *schema = &jsonl->text.base.schema;
    char reason[256];
    struct heddle_error walk_error = {0};
    memset(jsonl->values, 0, schema->count * sizeof *jsonl->values);
    jsonl->next_column = 0;
    *rejected_out = true;
    if (heddle_json_walk(object, leaf_note, jsonl, &walk_error) != HEDDLE_OK) {
        return heddle_text_source_reject(&jsonl->text, length, "MALFORMED", walk_error.message, error);
    }
    for (size_t i = 0; i < schema->count; i++) {
        const struct heddle_field *field = &schema->fields[i];
        if (!value_put(jsonl->values[i], field->type, field->item_type, NULL)) {
            snprintf(reason, sizeof reason,
                     "column `%.100s` is %s, which this value is not and does not become", field->name,
                     heddle_type_name(field->type));
            return heddle_text_source_reject(&jsonl->text, length, "VALUE_TYPE", reason, error);
        }
    }
    *rejected_out = false;
    for (size_t i = 0; i < schema->count; i++) {
        value_put(jsonl->values[i], schema->fields[i].type, schema->fields[i].item_type,
                  &jsonl->text.builders[i]);
    }
    heddle_text_source_row_done(&jsonl->text, length);
    return HEDDLE_OK;
}

/* Takes one line. HEDDLE_END at the end of the file. */
static int line_take(struct heddle_text_source *text, bool *rejected_out, struct heddle_error *error)
{
    struct jsonl_source *jsonl = (struct jsonl_source *)text;
    char reason[256];
    size_t length = 0;
    size_t step = 0;
    bool whole = false;
    HEDDLE_TRY(heddle_text_input_line(&jsonl->text.input, &length, &step, &whole, error));
    const char *line = jsonl->text.input.bytes + jsonl->text.input.start;
    int status = HEDDLE_OK;
    *rejected_out = false;
    if (!whole) {
        *rejected_out = true;
        HEDDLE_TRY(heddle_text_source_reject(&jsonl->text, length, "ROW_TOO_LONG",
                                             "the line is longer than 16 MiB", error));
        while (!whole) {
            jsonl->text.input.start += step;
            status = heddle_text_input_line(&jsonl->text.input, &length, &step, &whole, error);
            if (status != HEDDLE_OK) {
                return status;
            }
        }
    } else if (!line_is_blank(line, length)) {
        json_t *object = line_parse(line, length, reason, sizeof reason);
        if (object != NULL) {
            status = object_take(jsonl, object, length, rejected_out, error);
            json_decref(object);
        } else {
            *rejected_out = true;
            status = heddle_text_source_reject(&jsonl->text, length, "MALFORMED", reason, error);
        }
    }
    jsonl->text.input.start += step;
    return status;
}

static int file_begin(struct heddle_text_source *text, const char *path, struct heddle_error *error)
{
    (void)text; /* lines have no header */
    (void)path;
    (void)error;
    return HEDDLE_OK;
}

int heddle_jsonl_open(const struct heddle_source_options *options, struct heddle_source **source_out,
                      struct heddle_error *error)
{
    static const struct heddle_reader reader = {.next = heddle_text_source_next, .close = jsonl_close};
    static const struct heddle_text_kind kind = {.file_begin = file_begin, .row_take = line_take};
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_source_begin(sizeof(struct jsonl_source), &reader, options, &source, error));
    ((struct heddle_text_source *)source)->kind = &kind;
    ((struct heddle_text_source *)source)->hold.lock = -1;
    const int status = jsonl_begin((struct jsonl_source *)source, options, error);
    if (status != HEDDLE_OK) {
        jsonl_close(source);
        return status;
    }
    *source_out = source;
    return HEDDLE_OK;
}
