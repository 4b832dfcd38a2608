/* buffer.h: a growing run of bytes.
 *
 * Appending to a buffer never fails half-way: after the first failed growth `failed` stays set, later appends do
 * nothing, and the owner checks once at the end (the pattern of curl's dynbuf).
 *
 * Threads: one buffer, one thread at a time.
 */
#ifndef HEDDLE_BASE_BUFFER_H
#define HEDDLE_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* {0} is an empty buffer. */
struct heddle_buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool failed;
};

/* Makes room for `more` bytes behind the end and answers where they go, NULL when out of memory. The caller writes
 * and then adds to `length`. */
uint8_t *heddle_buffer_reserve(struct heddle_buffer *buffer, size_t more);

void heddle_buffer_append(struct heddle_buffer *buffer, const void *bytes, size_t length);
void heddle_buffer_append_text(struct heddle_buffer *buffer, const char *text);
void heddle_buffer_append_byte(struct heddle_buffer *buffer, uint8_t byte);
void heddle_buffer_append_format(struct heddle_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The bytes as a C string (a NUL is kept behind the end, not counted); "" when empty, NULL when `failed`. */
const char *heddle_buffer_text(struct heddle_buffer *buffer);

/* HEDDLE_OK, or HEDDLE_OUT_OF_MEMORY if any append failed. */
HEDDLE_MUST_CHECK int heddle_buffer_check(const struct heddle_buffer *buffer, struct heddle_error *error);

/* Length 0, memory kept, `failed` cleared. */
void heddle_buffer_reset(struct heddle_buffer *buffer);

/* Frees the memory and leaves {0}. NULL is a no-op. */
void heddle_buffer_free(struct heddle_buffer *buffer);

#endif
