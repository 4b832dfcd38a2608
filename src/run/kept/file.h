/* file.h: the bytes of files of kept vectors (see kept_vectors.h). Threads: any. Private to run/. */
#ifndef HEDDLE_RUN_KEPT_FILE_H
#define HEDDLE_RUN_KEPT_FILE_H

#include "run/journal/positions.h"

enum {
    HEDDLE_KEPT_VERSION = 1,
    HEDDLE_KEPT_BLOCK_HEAD = 12,
    /* A batch of 1,000,000 rows of 65,536 floats would be larger: such a block is not written. */
    HEDDLE_KEPT_BLOCK_MAX = 1 << 30,
};

/* One block. Lists, hashes and floats point into the bytes that were read. */
struct heddle_kept_block {
    uint64_t slot;
    uint64_t width;
    uint64_t rows;
    const uint8_t *positions;
    size_t positions_length;
    const uint8_t *hashes; /* rows x 8 bytes, as they lie in the file: not aligned */
    const uint8_t *floats; /* rows x width x 4 bytes */
};

void heddle_kept_append_header(struct heddle_buffer *out, const char *identity);

/* Appends a whole block; width 0: positions only. */
void heddle_kept_append_block(struct heddle_buffer *out, uint64_t slot, size_t width,
                              const uint64_t *positions, const uint64_t *hashes, const float *vectors,
                              size_t count);

/* The length of a header with this identity; 0 where `bytes` do not begin with it. */
size_t heddle_kept_check_header(const uint8_t *bytes, size_t length, const char *identity);

/* The length of what follows a block's head, 0 where these HEDDLE_KEPT_BLOCK_HEAD bytes are none. */
size_t heddle_kept_block_length(const uint8_t *head);

/* Does the CRC of this head fit what follows it? */
bool heddle_kept_block_is_good(const uint8_t *head, const uint8_t *body, size_t length);

/* Reads what follows a block's head. `whole` false: `length` bytes are only its beginning; then hashes and floats are NULL, and
 * false may mean that more is needed. False where it is no block. */
bool heddle_kept_block_read(const uint8_t *body, size_t length, bool whole, struct heddle_kept_block *out);

/* Lowest and highest position of a list; false where it is empty or no list. */
bool heddle_kept_block_range(const struct heddle_kept_block *block, uint64_t *lowest_out,
                             uint64_t *highest_out);

#endif
