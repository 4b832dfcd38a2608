/* positions.h: rows of a micro-batch by their position: lists of them as bytes, and sets of them.
 *
 * A position is the 0-based number of a row in the micro-batch of its source. Transactions hold rows that mostly stand side by
 * side, so a list is written as runs, in the order in which the rows are sent: for each run how far its start lies from the end
 * of the one before (zigzag, because order may step back) and its length less one, both as LEB128 numbers. A thousand rows in a
 * row take three bytes, a thousand scattered ones two to four bytes each.
 *
 * Threads: a list or a set belongs to one thread while it changes; then any number may read it.
 */
#ifndef HEDDLE_RUN_JOURNAL_POSITIONS_H
#define HEDDLE_RUN_JOURNAL_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* More rows than any micro-batch has; a larger position in a file is damage. */
#define HEDDLE_POSITION_MAX (UINT64_C(1) << 40)

/* LEB128: seven bits a byte, the lowest first. Writes at most HEDDLE_NUMBER_BYTES_MAX bytes and answers how many. */
enum { HEDDLE_NUMBER_BYTES_MAX = 10 };
size_t heddle_number_write(uint8_t out[static HEDDLE_NUMBER_BYTES_MAX], uint64_t number);
void heddle_number_append(struct heddle_buffer *out, uint64_t number);

/* Bytes that are being read. A step beyond their end, or a number that is none, sets `failed` and answers 0. */
struct heddle_byte_reader {
    const uint8_t *bytes;
    size_t length;
    bool failed;
};

uint64_t heddle_number_read(struct heddle_byte_reader *reader);

/* `length` bytes, NULL beyond the end. */
const uint8_t *heddle_bytes_read(struct heddle_byte_reader *reader, size_t length);

/* Appends `count` positions (each below HEDDLE_POSITION_MAX) as runs. */
void heddle_positions_append(struct heddle_buffer *out, const uint64_t *positions, size_t count);

/* Reads runs one after the other. */
struct heddle_positions_reader {
    struct heddle_byte_reader bytes;
    uint64_t next; /* behind the last run */
};

struct heddle_positions_reader heddle_positions_read(const void *bytes, size_t length);

/* The next run. False behind the last one, and where the bytes are no list (`bytes.failed` is set). */
bool heddle_positions_next(struct heddle_positions_reader *reader, uint64_t *first_out, uint64_t *length_out);

/* How many positions a list holds; false where it is none. */
bool heddle_positions_count(const void *bytes, size_t length, uint64_t *count_out);

/* A set in pages of 65,536 positions: a page that is full takes no memory of its own, so rows that are done nearly in order cost
 * a few KiB whatever their number (100 million: 1,526 pages of 24 bytes). {0} is the empty set. */
struct heddle_position_page;

struct heddle_position_set {
    struct heddle_position_page *pages; /* ascending */
    size_t page_count;
    size_t page_capacity;
    uint64_t count;
};

/* Adds `length` positions from `first` on; those that are there stay. Errors: HEDDLE_OUT_OF_MEMORY (the set then holds a part
 * of them). */
HEDDLE_MUST_CHECK int heddle_position_set_add(struct heddle_position_set *set, uint64_t first,
                                              uint64_t length, struct heddle_error *error);

/* Adds a whole list. Errors: HEDDLE_INVALID (no list), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_position_set_add_list(struct heddle_position_set *set, const void *bytes,
                                                   size_t length, struct heddle_error *error);

bool heddle_position_set_has(const struct heddle_position_set *set, uint64_t position);

/* Memory that the set holds. */
size_t heddle_position_set_bytes(const struct heddle_position_set *set);

void heddle_position_set_free(struct heddle_position_set *set); /* leaves {0} */

#endif
