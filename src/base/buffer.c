/* buffer.c: growing bytes with one sticky failure flag. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

uint8_t *heddle_buffer_reserve(struct heddle_buffer *buffer, size_t more)
{
    size_t needed = 0;
    if (buffer->failed || __builtin_add_overflow(buffer->length, more, &needed) ||
        heddle_grow((void **)&buffer->bytes, &buffer->capacity, needed, 1) != 0) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->bytes == NULL ? NULL : buffer->bytes + buffer->length; /* NULL + 0 is undefined in C */
}

void heddle_buffer_append(struct heddle_buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0) { /* an empty buffer has no place to point to */
        return;
    }
    uint8_t *end = heddle_buffer_reserve(buffer, length);
    if (end != NULL) {
        memcpy(end, bytes, length);
        buffer->length += length;
    }
}

void heddle_buffer_append_text(struct heddle_buffer *buffer, const char *text)
{
    heddle_buffer_append(buffer, text, strlen(text));
}

void heddle_buffer_append_byte(struct heddle_buffer *buffer, uint8_t byte)
{
    heddle_buffer_append(buffer, &byte, 1);
}

void heddle_buffer_append_format(struct heddle_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return;
    }
    uint8_t *end = heddle_buffer_reserve(buffer, (size_t)length + 1);
    if (end != NULL) {
        va_start(arguments, format);
        vsnprintf((char *)end, (size_t)length + 1, format, arguments);
        va_end(arguments);
        buffer->length += (size_t)length;
    }
}

const char *heddle_buffer_text(struct heddle_buffer *buffer)
{
    uint8_t *end = heddle_buffer_reserve(buffer, 1);
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    return (const char *)buffer->bytes;
}

int heddle_buffer_check(const struct heddle_buffer *buffer, struct heddle_error *error)
{
    return buffer->failed ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

void heddle_buffer_reset(struct heddle_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

void heddle_buffer_free(struct heddle_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    free(buffer->bytes);
    *buffer = (struct heddle_buffer){0};
}
