/* text_input.c: a sliding window over a plain or gzip file. */
#include "source/files/text_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "source/files/list.h"

/* Read in pieces of this: large enough to make calls cheap, small enough to stay in the cache. */
enum { PIECE = 256 * 1024, WINDOW_FIRST = 2 * PIECE };

static const size_t WINDOW_MAX = (size_t)HEDDLE_TEXT_RECORD_MAX + PIECE;

static int read_failure(const struct heddle_text_input *input, struct heddle_error *error)
{
    int code = 0;
    const char *reason = gzerror((gzFile)input->file, &code);
    if (code == Z_ERRNO) {
        reason = strerror(errno);
    } else if (code == Z_BUF_ERROR || code == Z_DATA_ERROR) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s is damaged or cut short (gzip: %s)", input->path,
                                reason);
    }
    return heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", input->path, reason);
}

int heddle_text_input_fill(struct heddle_text_input *input, struct heddle_error *error)
{
    if (input->at_end) {
        return HEDDLE_END;
    }
    if (input->start > 0) {
        memmove(input->bytes, input->bytes + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    if (input->end >= HEDDLE_TEXT_RECORD_MAX) {
        return HEDDLE_INVALID;
    }
    if (input->capacity - input->end < PIECE) {
        size_t capacity = input->capacity == 0 ? WINDOW_FIRST : input->capacity * 2;
        capacity = capacity > WINDOW_MAX ? WINDOW_MAX : capacity;
        char *bytes = heddle_realloc(input->bytes, capacity);
        if (bytes == NULL) {
            return heddle_error_out_of_memory(error);
        }
        input->bytes = bytes;
        input->capacity = capacity;
    }
    const int got = gzread((gzFile)input->file, input->bytes + input->end, PIECE);
    if (got < 0) {
        return read_failure(input, error);
    }
    if (got == 0) {
        int code = 0;
        gzerror((gzFile)input->file, &code);
        if (code != Z_OK) { /* a .gz that stops in the middle reads as an end with an error behind it */
            return read_failure(input, error);
        }
        input->at_end = true;
        return HEDDLE_END;
    }
    input->end += (size_t)got;
    return HEDDLE_OK;
}

/* Skips the mark of UTF-8 and refuses the others. */
static int byte_order_check(struct heddle_text_input *input, struct heddle_error *error)
{
    const unsigned char *bytes = (const unsigned char *)input->bytes;
    const size_t length = input->end;
    if (length >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf) {
        input->start = 3;
        return HEDDLE_OK;
    }
    const bool little = length >= 2 && bytes[0] == 0xff && bytes[1] == 0xfe;
    const bool big = length >= 2 && bytes[0] == 0xfe && bytes[1] == 0xff;
    if (little || big) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is UTF-16 or UTF-32 text; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)",
                                input->path);
    }
    return HEDDLE_OK;
}

int heddle_text_input_open(struct heddle_text_input *input, const char *path, struct heddle_error *error)
{
    static const char *const packed[] = {".zst", ".bz2", ".xz", ".zip", ".lz4", NULL};
    memset(input, 0, sizeof *input);
    input->path = path;
    if (heddle_file_has_ending(path, packed)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is packed in a way that is not read; unpack it, or pack it as .gz", path);
    }
    input->file = gzopen(path, "rbe");
    if (input->file == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be opened: %s", path, strerror(errno));
    }
    gzbuffer((gzFile)input->file, PIECE);
    int status = heddle_text_input_fill(input, error);
    if (status == HEDDLE_OK) {
        status = byte_order_check(input, error);
    } else if (status == HEDDLE_END) {
        status = HEDDLE_OK;
    }
    if (status != HEDDLE_OK) {
        heddle_text_input_close(input);
    }
    return status;
}

int heddle_text_input_line(struct heddle_text_input *input, size_t *length_out, size_t *step_out,
                           bool *whole_out, struct heddle_error *error)
{
    size_t searched = 0;
    *whole_out = true;
    for (;;) {
        const size_t window = input->end - input->start;
        const char *line = input->bytes + input->start;
        const char *newline = window > searched ? memchr(line + searched, '\n', window - searched) : NULL;
        if (newline != NULL) {
            *length_out = (size_t)(newline - line);
            *step_out = *length_out + 1;
            return HEDDLE_OK;
        }
        searched = window;
        const int status = heddle_text_input_fill(input, error);
        if (status == HEDDLE_INVALID || (status == HEDDLE_END && window > 0)) {
            *whole_out = status == HEDDLE_END;
            *length_out = window;
            *step_out = window;
            return HEDDLE_OK;
        }
        HEDDLE_TRY(status);
    }
}

void heddle_text_input_close(struct heddle_text_input *input)
{
    if (input->file != NULL) {
        gzclose((gzFile)input->file);
    }
    free(input->bytes);
    memset(input, 0, sizeof *input);
}
