/* csv_parse.c: a scanner of CSV records; fields are found by memchr-like steps, never copied. */
#include "source/files/csv_parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool field_add(struct heddle_csv_record *record, const struct heddle_csv_field *field)
{
    if (record->count == HEDDLE_CSV_FIELDS_MAX) {
        return true; /* too many already: the caller sees by the count that the record does not fit */
    }
    if (record->count == record->capacity && heddle_grow((void **)&record->fields, &record->capacity,
                                                         record->count + 1, sizeof *record->fields) != 0) {
        return false;
    }
    record->fields[record->count++] = *field;
    return true;
}

/* Ends the record at the line end that follows `from`, or at the end of the window. */
static enum heddle_csv_answer give_up(const char *bytes, size_t length, bool at_end, size_t from,
                                      enum heddle_csv_answer answer, struct heddle_csv_record *record)
{
    const char *newline = from < length ? memchr(bytes + from, '\n', length - from) : NULL;
    if (newline == NULL && !at_end) {
        return HEDDLE_CSV_MORE;
    }
    record->length = newline != NULL ? (size_t)(newline - bytes) : length;
    record->step = newline != NULL ? record->length + 1 : length;
    return answer;
}

/* The end of an unquoted field: its delimiter, line end, or the end of the window. */
static size_t plain_end(const char *bytes, size_t length, size_t at, char delimiter)
{
    while (at < length && bytes[at] != delimiter && bytes[at] != '\n') {
        at++;
    }
    return at;
}

/* Scans a quoted field whose opening quote is at field->start - 1. Answers the place behind the closing
 * quote, or 0 where the window ends first. */
static size_t quoted_end(const struct heddle_csv_dialect *dialect, const char *bytes, size_t length,
                         struct heddle_csv_field *field)
{
    for (size_t at = field->start; at < length; at++) {
        const char c = bytes[at];
        if (c == dialect->escape && c != dialect->quote) {
            field->escaped = true;
            at++; /* whatever follows is text */
        } else if (c == dialect->quote) {
            if (dialect->escape == dialect->quote && at + 1 < length && bytes[at + 1] == dialect->quote) {
                field->escaped = true;
                at++;
                continue;
            }
            field->length = at - field->start;
            return at + 1;
        }
    }
    return 0;
}

/* True where a line ends at `at` (also at the end of the file); *step_out = bytes of the line end. */
static bool line_ends(const char *bytes, size_t length, size_t at, bool at_end, size_t *step_out)
{
    *step_out = 0;
    if (at == length) {
        return at_end;
    }
    if (bytes[at] == '\n') {
        *step_out = 1;
        return true;
    }
    if (bytes[at] == '\r' && at + 1 < length && bytes[at + 1] == '\n') {
        *step_out = 2;
        return true;
    }
    if (bytes[at] == '\r' && at + 1 == length && at_end) {
        *step_out = 1;
        return true;
    }
    return false;
}

enum heddle_csv_answer heddle_csv_parse(const struct heddle_csv_dialect *dialect, const char *bytes,
                                        size_t length, bool at_end, struct heddle_csv_record *record)
{
    size_t at = 0;
    size_t line_end = 0;
    record->count = 0;
    for (;;) {
        struct heddle_csv_field field = {.start = at};
        if (dialect->quote != '\0' && at < length && bytes[at] == dialect->quote) {
            field.start++;
            field.quoted = true;
            const size_t opened = at;
            at = quoted_end(dialect, bytes, length, &field);
            if (at == 0) {
                return at_end ? give_up(bytes, length, true, opened, HEDDLE_CSV_OPEN_QUOTE, record)
                              : HEDDLE_CSV_MORE;
            }
            /* The window may end between two quotes or between CR and LF: what follows decides. */
            if (!at_end && length - at < 2) {
                return HEDDLE_CSV_MORE;
            }
        } else {
            at = plain_end(bytes, length, at, dialect->delimiter);
            field.length = at - field.start;
        }
        if (!field_add(record, &field)) {
            return HEDDLE_CSV_NO_MEMORY;
        }
        if (at < length && bytes[at] == dialect->delimiter) {
            at++;
            continue;
        }
        if (at == length && !at_end) {
            return HEDDLE_CSV_MORE;
        }
        if (!line_ends(bytes, length, at, at_end, &line_end)) {
            return give_up(bytes, length, at_end, at, HEDDLE_CSV_BAD_QUOTE, record);
        }
        break;
    }
    record->length = at;
    record->step = at + line_end;
    struct heddle_csv_field *last = &record->fields[record->count - 1];
    if (!last->quoted && last->length > 0 && bytes[last->start + last->length - 1] == '\r') {
        last->length--; /* CR LF behind an unquoted field */
        record->length--;
    }
    return HEDDLE_CSV_RECORD;
}

void heddle_csv_unescape(const struct heddle_csv_dialect *dialect, const char *text, size_t length,
                         struct heddle_buffer *out)
{
    size_t at = 0;
    while (at < length) {
        const char *escape = memchr(text + at, dialect->escape, length - at);
        const size_t until = escape != NULL ? (size_t)(escape - text) : length;
        heddle_buffer_append(out, text + at, until - at);
        if (escape == NULL) {
            return;
        }
        /* The escape of a quote or of itself goes; before anything else it is text. */
        const char next = until + 1 < length ? text[until + 1] : '\0';
        if (next != dialect->quote && next != dialect->escape) {
            heddle_buffer_append_byte(out, (uint8_t)dialect->escape);
            at = until + 1;
            continue;
        }
        heddle_buffer_append_byte(out, (uint8_t)next);
        at = until + 2;
    }
}

void heddle_csv_record_free(struct heddle_csv_record *record)
{
    free(record->fields);
    memset(record, 0, sizeof *record);
}
