/* file.h: small whole files: read at once, made once and never changed, or written anew.
 *
 * Threads: any.
 */
#ifndef HEDDLE_BASE_FILE_H
#define HEDDLE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Writes all bytes to an open file, whatever interrupts. False with errno. */
HEDDLE_MUST_CHECK bool heddle_file_write_all(int file, const void *bytes, size_t length);

/* Appends a whole file of at most `bytes_max` bytes. *found_out (may be NULL) = it is there; an absent file is no error where
 * found_out is given. Errors: HEDDLE_IO (absent, unreadable, larger), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_read(const char *path, size_t bytes_max, struct heddle_buffer *out,
                                       bool *found_out, struct heddle_error *error);

/* Makes a file that must not be there yet: written under another name in the same folder, flushed to disk, then given its name
 * in one step, so that a reader sees all of it or nothing and of two writers one fails. The folder is flushed too.
 * Errors: HEDDLE_CLOSED (a file of that name is there), HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_create(const char *path, const void *bytes, size_t length,
                                         struct heddle_error *error);

/* Writes a whole file: to a temporary name beside it, flushed to disk, then renamed over `path`, so that a reader sees the
 * old or the new one. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_write(const char *path, const void *bytes, size_t length,
                                        struct heddle_error *error);

#endif
