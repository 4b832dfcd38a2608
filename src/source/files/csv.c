/* csv.c: CSV files, every column STRING, every malformed row a reject.
 *
 * Read by a parser of our own and not through DuckDB: DuckDB can skip malformed rows and list them, but does
 * not say between which good rows they stood, so the ordinals of the rows behind them would be wrong, and
 * `read + rejected = records` could not be shown row by row.
 */
#include "source/files/text_source.h"
#include "source/stream/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "source/files/csv_parse.h"

struct csv_source {
    struct heddle_text_source text;
    struct heddle_csv_dialect dialect;
    bool has_header;
    const char *null_text;
    struct heddle_csv_record record;
    size_t *columns;     /* field of the file's records for each column of the schema */
    size_t file_columns; /* fields that each record of the file must have */
    bool skip_line;      /* the rest of a line that was too long is still to be dropped */
};

static void csv_close(struct heddle_source *source)
{
    struct csv_source *csv = (struct csv_source *)source;
    heddle_csv_record_free(&csv->record);
    heddle_text_source_end(&csv->text);
}

/* Parses the record at the start of the window, reading on until it is whole. *too_long_out: it does not fit
 * one. */
static int record_parse(struct csv_source *csv, enum heddle_csv_answer *answer_out, bool *too_long_out,
                        struct heddle_error *error)
{
    struct heddle_text_input *input = &csv->text.input;
    bool full = false;
    *too_long_out = false;
    for (;;) {
        const size_t window = input->end - input->start;
        const bool last = input->at_end || full;
        if (window == 0 && input->at_end) {
            return HEDDLE_END;
        }
        *answer_out = HEDDLE_CSV_MORE;
        if (window > 0) {
            *answer_out =
                heddle_csv_parse(&csv->dialect, input->bytes + input->start, window, last, &csv->record);
        }
        if (*answer_out == HEDDLE_CSV_NO_MEMORY) {
            return heddle_error_out_of_memory(error);
        }
        if (*answer_out != HEDDLE_CSV_MORE) {
            /* In a full window what reaches its end is not whole. */
            *too_long_out = full && csv->record.step == window;
            return HEDDLE_OK;
        }
        const int status = heddle_text_input_fill(input, error);
        if (status == HEDDLE_INVALID) {
            full = true;
        } else if (status != HEDDLE_OK && status != HEDDLE_END) {
            return status;
        }
    }
}

/* A field's text in the source's arena. */
static const char *field_copy(struct csv_source *csv, const struct heddle_csv_field *field)
{
    const char *text = csv->text.input.bytes + csv->text.input.start + field->start;
    if (!field->escaped) {
        return heddle_arena_copy_text(csv->text.base.arena, text, field->length);
    }
    struct heddle_buffer plain = {0};
    heddle_csv_unescape(&csv->dialect, text, field->length, &plain);
    const char *copy =
        plain.failed ? NULL
                     : heddle_arena_copy_text(csv->text.base.arena, (const char *)plain.bytes, plain.length);
    heddle_buffer_free(&plain);
    return copy;
}

/* Reads the header (or counts the first record's fields) of the open file: the names of its columns. */
static int header_read(struct csv_source *csv, const char *path, const char ***names_out, size_t *count_out,
                       struct heddle_error *error)
{
    enum heddle_csv_answer answer = HEDDLE_CSV_RECORD;
    bool too_long = false;
    const int status = record_parse(csv, &answer, &too_long, error);
    if (status == HEDDLE_END) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s is empty: it has no header", path);
    }
    HEDDLE_TRY(status);
    const char *head = csv->text.input.bytes + csv->text.input.start;
    if (answer != HEDDLE_CSV_RECORD || too_long || csv->record.count == HEDDLE_CSV_FIELDS_MAX ||
        !heddle_text_is_utf8(head, csv->record.length)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the first line of %s cannot be read as CSV in UTF-8 (delimiter `%c`)", path,
                                csv->dialect.delimiter);
    }
    const char **names = heddle_arena_calloc(csv->text.base.arena, csv->record.count, sizeof *names);
    for (size_t i = 0; names != NULL && i < csv->record.count; i++) {
        names[i] = csv->has_header ? field_copy(csv, &csv->record.fields[i])
                                   : heddle_arena_format(csv->text.base.arena, "column%zu", i);
        if (names[i] == NULL) {
            names = NULL;
        }
    }
    if (names == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (csv->has_header) {
        csv->text.input.start += csv->record.step;
    }
    *names_out = names;
    *count_out = csv->record.count;
    return HEDDLE_OK;
}

/* Reads the header of the open file and finds the schema's columns in it. */
static int columns_find(struct csv_source *csv, const char *path, bool all, struct heddle_error *error)
{
    const char **names = NULL;
    size_t count = 0;
    csv->skip_line = false;
    HEDDLE_TRY(header_read(csv, path, &names, &count, error));
    csv->file_columns = count;
    const struct heddle_schema *schema = &csv->text.base.schema;
    for (size_t i = 0; i < schema->count; i++) {
        size_t at = 0;
        while (at < count && strcmp(names[at], schema->fields[i].name) != 0) {
            at++;
        }
        if (at == count) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "%s has no column `%s`, but %s has; load them as two sources", path,
                                    schema->fields[i].name, csv->text.files.paths[0]);
        }
        csv->columns[i] = at;
    }
    for (size_t i = 0; all && i < count; i++) {
        if (heddle_schema_find(schema, names[i]) < 0) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "%s has a column `%s`, but %s has not; load them as two sources", path,
                                    names[i], csv->text.files.paths[0]);
        }
    }
    return HEDDLE_OK;
}

/* Makes the schema from the first file's header and the projection. */
static int schema_fill(struct csv_source *csv, const struct heddle_source_options *options,
                       struct heddle_error *error)
{
    const char *path = csv->text.files.paths[0];
    const char **names = NULL;
    size_t name_count = 0;
    size_t *indices = NULL;
    size_t count = 0;
    HEDDLE_TRY(heddle_text_source_input_open(&csv->text, path, error));
    HEDDLE_TRY(header_read(csv, path, &names, &name_count, error));
    heddle_text_input_close(&csv->text.input);
    HEDDLE_TRY(
        heddle_source_project(&csv->text.base, options, path, names, name_count, &indices, &count, error));
    struct heddle_field *fields = heddle_arena_calloc(csv->text.base.arena, count, sizeof *fields);
    csv->text.builders = heddle_arena_calloc(csv->text.base.arena, count, sizeof *csv->text.builders);
    if (fields == NULL || csv->text.builders == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct heddle_field){.name = names[indices[i]], .type = HEDDLE_TYPE_STRING};
        csv->text.builders[i].type = HEDDLE_TYPE_STRING;
    }
    csv->columns = indices;
    csv->text.base.schema = (struct heddle_schema){.fields = fields, .count = count};
    return HEDDLE_OK;
}

/* Reads a setting of one character; "tab" and "\t" are the tabulator, "" is none where that is allowed. */
static int character_setting(const struct heddle_source_options *options, const char *name,
                             const char *fallback, bool may_be_empty, char *out, struct heddle_error *error)
{
    const char *text = heddle_source_setting(options, name, fallback);
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0) {
        text = "\t";
    }
    const bool fits = text[0] == '\0' ? may_be_empty
                                      : text[1] == '\0' && (unsigned char)text[0] < 0x80 && text[0] != '\n' &&
                                            text[0] != '\r';
    if (!fits) {
        return heddle_error_set(error, HEDDLE_INVALID, "source `%s`: %s is `%s`, not one ASCII character",
                                options->name, name, text);
    }
    *out = text[0];
    return HEDDLE_OK;
}

static int settings_read(struct csv_source *csv, const struct heddle_source_options *options,
                         struct heddle_error *error)
{
    static const char *const known[] = {
        "delimiter", "quote", "escape", "header", "null_text", "encoding", HEDDLE_STREAM_SETTINGS_FILES,
        NULL};
    static const char *const tsv[] = {".tsv", ".tsv.gz", NULL};
    HEDDLE_TRY(heddle_source_settings_check(options, known, error));
    const char *delimiter = heddle_file_has_ending(csv->text.files.paths[0], tsv) ? "\t" : ",";
    HEDDLE_TRY(character_setting(options, "delimiter", delimiter, false, &csv->dialect.delimiter, error));
    HEDDLE_TRY(character_setting(options, "quote", "\"", true, &csv->dialect.quote, error));
    const char same[2] = {csv->dialect.quote, '\0'};
    HEDDLE_TRY(character_setting(options, "escape", same, true, &csv->dialect.escape, error));
    if (csv->dialect.escape == '\0') {
        csv->dialect.escape = csv->dialect.quote;
    }
    if (csv->dialect.delimiter == csv->dialect.quote || csv->dialect.delimiter == csv->dialect.escape) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "source `%s`: delimiter and quote or escape are the same character",
                                options->name);
    }
    const char *header = heddle_source_setting(options, "header", "true");
    csv->has_header = strcmp(header, "true") == 0;
    if (!csv->has_header && strcmp(header, "false") != 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "source `%s`: header is `%s`, not true or false",
                                options->name, header);
    }
    const char *encoding = heddle_source_setting(options, "encoding", "utf-8");
    if (strcasecmp(encoding, "utf-8") != 0 && strcasecmp(encoding, "utf8") != 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "source `%s`: encoding is `%s`, but only UTF-8 is read; convert the file (iconv)", options->name,
            encoding);
    }
    const char *null_text = heddle_source_setting(options, "null_text", "");
    csv->null_text = heddle_arena_copy_text(csv->text.base.arena, null_text, strlen(null_text));
    return csv->null_text != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* Rejects the malformed record at the start of the window and takes it. */
static int record_reject(struct csv_source *csv, const char *code, const char *reason,
                         struct heddle_error *error)
{
    const int status = heddle_text_source_reject(&csv->text, csv->record.length, code, reason, error);
    csv->text.input.start += csv->record.step;
    return status;
}

/* Appends a good record to the batch. */
static void record_append(struct csv_source *csv)
{
    const char *bytes = csv->text.input.bytes + csv->text.input.start;
    const size_t null_length = strlen(csv->null_text);
    for (size_t i = 0; i < csv->text.base.schema.count; i++) {
        struct heddle_builder *builder = &csv->text.builders[i];
        const struct heddle_csv_field *field = &csv->record.fields[csv->columns[i]];
        const char *text = bytes + field->start;
        if (!field->quoted && field->length == null_length &&
            memcmp(text, csv->null_text, null_length) == 0) {
            heddle_builder_null(builder);
        } else if (field->escaped) {
            heddle_csv_unescape(&csv->dialect, text, field->length, &builder->bytes);
            heddle_builder_end_text(builder);
        } else {
            heddle_builder_text(builder, text, field->length);
        }
    }
    heddle_text_source_row_done(&csv->text, csv->record.length);
    csv->text.input.start += csv->record.step;
}

/* Drops the rest of a line that was too long. HEDDLE_END at the end of the file. */
static int line_skip(struct csv_source *csv, struct heddle_error *error)
{
    size_t length = 0;
    size_t step = 0;
    bool whole = false;
    while (!whole) {
        HEDDLE_TRY(heddle_text_input_line(&csv->text.input, &length, &step, &whole, error));
        csv->text.input.start += step;
    }
    csv->skip_line = false;
    return HEDDLE_OK;
}

/* Takes one record: appends it, rejects it (*rejected_out), or skips an empty line. HEDDLE_END at the end of
 * the file. */
static int record_take(struct heddle_text_source *text, bool *rejected_out, struct heddle_error *error)
{
    struct csv_source *csv = (struct csv_source *)text;
    char reason[128];
    enum heddle_csv_answer answer = HEDDLE_CSV_RECORD;
    bool too_long = false;
    if (csv->skip_line) {
        HEDDLE_TRY(line_skip(csv, error));
    }
    HEDDLE_TRY(record_parse(csv, &answer, &too_long, error));
    *rejected_out = true;
    if (too_long) {
        csv->skip_line = true;
        return record_reject(csv, "ROW_TOO_LONG", "the row is longer than 16 MiB", error);
    }
    if (answer == HEDDLE_CSV_BAD_QUOTE) {
        return record_reject(csv, "BAD_QUOTE",
                             "text follows a closing quote; a quote inside a quoted field is doubled", error);
    }
    if (answer == HEDDLE_CSV_OPEN_QUOTE) {
        return record_reject(csv, "BAD_QUOTE", "a quote is opened and not closed", error);
    }
    if (csv->record.length == 0 && csv->file_columns > 1) {
        *rejected_out = false;
        csv->text.input.start += csv->record.step;
        return HEDDLE_OK;
    }
    if (csv->record.count != csv->file_columns) {
        snprintf(reason, sizeof reason, "the row has %zu fields, the file has %zu columns", csv->record.count,
                 csv->file_columns);
        return record_reject(csv, "COLUMN_COUNT", reason, error);
    }
    if (!heddle_text_is_utf8(csv->text.input.bytes + csv->text.input.start, csv->record.length)) {
        return record_reject(csv, "BAD_ENCODING", "the row is not UTF-8", error);
    }
    *rejected_out = false;
    record_append(csv);
    return HEDDLE_OK;
}

static int file_begin(struct heddle_text_source *text, const char *path, struct heddle_error *error)
{
    return columns_find((struct csv_source *)text, path, false, error);
}

static int csv_begin(struct csv_source *csv, const struct heddle_source_options *options,
                     struct heddle_error *error)
{
    const bool all = options->columns == NULL || options->column_count == 0;
    HEDDLE_TRY(heddle_file_list_open(options, csv->text.base.arena, &csv->text.files, error));
    HEDDLE_TRY(settings_read(csv, options, error));
    HEDDLE_TRY(schema_fill(csv, options, error));
    for (size_t i = 1; i < csv->text.files.count; i++) {
        HEDDLE_TRY(heddle_text_source_input_open(&csv->text, csv->text.files.paths[i], error));
        HEDDLE_TRY(columns_find(csv, csv->text.files.paths[i], all, error));
        heddle_text_input_close(&csv->text.input);
    }
    return HEDDLE_OK;
}

int heddle_csv_open(const struct heddle_source_options *options, struct heddle_source **source_out,
                    struct heddle_error *error)
{
    static const struct heddle_reader reader = {.next = heddle_text_source_next, .close = csv_close};
    static const struct heddle_text_kind kind = {.file_begin = file_begin, .row_take = record_take};
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_source_begin(sizeof(struct csv_source), &reader, options, &source, error));
    ((struct heddle_text_source *)source)->kind = &kind;
    ((struct heddle_text_source *)source)->hold.lock = -1;
    const int status = csv_begin((struct csv_source *)source, options, error);
    if (status != HEDDLE_OK) {
        csv_close(source);
        return status;
    }
    *source_out = source;
    return HEDDLE_OK;
}
