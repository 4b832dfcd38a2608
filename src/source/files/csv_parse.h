/* csv_parse.h: one CSV record out of a window of bytes: no input, no output, so it can be tested and fuzzed
 * alone.
 *
 * RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180) with a choice of delimiter, quote and escape. A quote
 * opens a quoted field only where a field begins; elsewhere it is text (`a 5" pipe`). Records end in LF or
 * CR LF.
 */
#ifndef HEDDLE_SOURCE_FILES_CSV_PARSE_H
#define HEDDLE_SOURCE_FILES_CSV_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct heddle_csv_dialect {
    char delimiter;
    char quote;  /* '\0' = fields are never quoted */
    char escape; /* in quoted fields; the same as `quote` = a doubled quote */
};

/* Where a field stands in the window, quotes left out. */
struct heddle_csv_field {
    size_t start;
    size_t length;
    bool quoted;
    bool escaped; /* holds escapes: read it with heddle_csv_unescape() */
};

/* The fields of the last record; {0} is empty, freed by heddle_csv_record_free(). */
struct heddle_csv_record {
    struct heddle_csv_field *fields;
    size_t count;
    size_t capacity;
    size_t length; /* bytes of the record, line end left out; of the malformed piece, where it is malformed */
    size_t step;   /* bytes to take for the next record */
};

enum heddle_csv_answer {
    HEDDLE_CSV_RECORD,     /* a whole record */
    HEDDLE_CSV_MORE,       /* the window ends inside the record */
    HEDDLE_CSV_BAD_QUOTE,  /* something other than a delimiter follows a closing quote */
    HEDDLE_CSV_OPEN_QUOTE, /* a quote that is not closed before the end of the file */
    HEDDLE_CSV_NO_MEMORY,
};

/* Fields beyond this many are not kept; no table has so many columns. */
enum { HEDDLE_CSV_FIELDS_MAX = 65536 };

/* Parses the record at bytes[0]. `at_end` says that nothing follows the window. A malformed record ends with
 * its line: with BAD_QUOTE the line in which the fault stands, with OPEN_QUOTE the line in which the quote
 * opens. */
enum heddle_csv_answer heddle_csv_parse(const struct heddle_csv_dialect *dialect, const char *bytes,
                                        size_t length, bool at_end, struct heddle_csv_record *record);

/* Appends the text of an escaped field. */
void heddle_csv_unescape(const struct heddle_csv_dialect *dialect, const char *text, size_t length,
                         struct heddle_buffer *out);

void heddle_csv_record_free(struct heddle_csv_record *record);

#endif
