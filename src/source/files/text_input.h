/* text_input.h: the bytes of a text file as a window that a parser looks through.
 *
 * bytes[start .. end) is what has been read and not yet taken. A parser that needs more calls fill(), which
 * keeps the untaken bytes and moves them: offsets from `start` stay right, pointers do not. Files that end
 * in .gz are unpacked on the way. A byte order mark of UTF-8 is skipped; UTF-16 and UTF-32 are refused.
 */
#ifndef HEDDLE_SOURCE_FILES_TEXT_INPUT_H
#define HEDDLE_SOURCE_FILES_TEXT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One record (a line, or a CSV record over several lines) is at most this long: what is longer is not a row
 * of a table, and a quote that is never closed must not swallow a file. */
enum { HEDDLE_TEXT_RECORD_MAX = 16 * 1024 * 1024 };

struct heddle_text_input {
    void *file; /* zlib's handle */
    const char *path;
    char *bytes;
    size_t start;
    size_t end;
    size_t capacity;
    bool at_end; /* everything is in the window */
};

/* {0} is a closed input. `path` is borrowed until close(). Errors: HEDDLE_SOURCE (cannot be read, not UTF-8,
 * packed in a way that is not read), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_text_input_open(struct heddle_text_input *input, const char *path,
                                             struct heddle_error *error);

/* Reads more. Errors: HEDDLE_END when there is no more, HEDDLE_INVALID when the window holds a whole
 * HEDDLE_TEXT_RECORD_MAX already, HEDDLE_SOURCE (read failure, damaged .gz), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_text_input_fill(struct heddle_text_input *input, struct heddle_error *error);

/* Finds the end of the line at `start`: *length_out without the newline, *step_out with it. A line longer
 * than HEDDLE_TEXT_RECORD_MAX comes in pieces of that length with *whole_out = false. Errors: HEDDLE_END,
 * and those of fill(). */
HEDDLE_MUST_CHECK int heddle_text_input_line(struct heddle_text_input *input, size_t *length_out,
                                             size_t *step_out, bool *whole_out, struct heddle_error *error);

/* Closes; safe on {0} and twice. */
void heddle_text_input_close(struct heddle_text_input *input);

#endif
