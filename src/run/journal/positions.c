/* positions.c: runs of rows as LEB128 numbers, and a set of pages. */
#include "run/journal/positions.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    PAGE_BITS = 16,
    PAGE_POSITIONS = 1 << PAGE_BITS,
    PAGE_WORDS = PAGE_POSITIONS / 64,
};

size_t heddle_number_write(uint8_t out[static HEDDLE_NUMBER_BYTES_MAX], uint64_t number)
{
    size_t length = 0;
    while (number >= 0x80) {
        out[length++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    out[length++] = (uint8_t)number;
    return length;
}

void heddle_number_append(struct heddle_buffer *out, uint64_t number)
{
    uint8_t bytes[HEDDLE_NUMBER_BYTES_MAX];
    heddle_buffer_append(out, bytes, heddle_number_write(bytes, number));
}

uint64_t heddle_number_read(struct heddle_byte_reader *reader)
{
    uint64_t number = 0;
    for (size_t i = 0; i < HEDDLE_NUMBER_BYTES_MAX && i < reader->length; i++) {
        const uint8_t byte = reader->bytes[i];
        const unsigned shift = (unsigned)i * 7;
        if (shift == 63 && byte > 1) {
            break; /* beyond 64 bits */
        }
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            reader->bytes += i + 1;
            reader->length -= i + 1;
            return number;
        }
    }
    reader->failed = true;
    reader->length = 0;
    return 0;
}

const uint8_t *heddle_bytes_read(struct heddle_byte_reader *reader, size_t length)
{
    if (length > reader->length) {
        reader->failed = true;
        reader->length = 0;
        return NULL;
    }
    const uint8_t *bytes = reader->bytes;
    reader->bytes += length;
    reader->length -= length;
    return bytes;
}

/* Small numbers of either sign become small numbers: 0, -1, 1, -2, … */
static uint64_t zigzag(int64_t number)
{
    return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
}

static int64_t unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

void heddle_positions_append(struct heddle_buffer *out, const uint64_t *positions, size_t count)
{
    uint64_t next = 0;
    for (size_t i = 0; i < count;) {
        size_t length = 1;
        while (i + length < count && positions[i + length] == positions[i] + length) {
            length++;
        }
        heddle_number_append(out, zigzag((int64_t)(positions[i] - next)));
        heddle_number_append(out, length - 1);
        next = positions[i] + length;
        i += length;
    }
}

struct heddle_positions_reader heddle_positions_read(const void *bytes, size_t length)
{
    return (struct heddle_positions_reader){.bytes = {.bytes = bytes, .length = length}};
}

bool heddle_positions_next(struct heddle_positions_reader *reader, uint64_t *first_out, uint64_t *length_out)
{
    if (reader->bytes.length == 0) {
        return false;
    }
    const int64_t step = unzigzag(heddle_number_read(&reader->bytes));
    const uint64_t more = heddle_number_read(&reader->bytes);
    const uint64_t first = reader->next + (uint64_t)step; /* wraps beyond the maximum where it is none */
    if (reader->bytes.failed || first >= HEDDLE_POSITION_MAX || more >= HEDDLE_POSITION_MAX - first) {
        reader->bytes.failed = true;
        return false;
    }
    *first_out = first;
    *length_out = more + 1;
    reader->next = first + more + 1;
    return true;
}

bool heddle_positions_count(const void *bytes, size_t length, uint64_t *count_out)
{
    struct heddle_positions_reader reader = heddle_positions_read(bytes, length);
    uint64_t count = 0;
    uint64_t first;
    uint64_t run;
    while (heddle_positions_next(&reader, &first, &run)) {
        count += run;
    }
    *count_out = count;
    return !reader.bytes.failed;
}

/* ---- sets ---- */

struct heddle_position_page {
    uint64_t number; /* position >> PAGE_BITS */
    uint64_t *words; /* NULL: every position is in */
    uint32_t count;
};

/* Where the page of that number is, or would be put. */
static size_t page_place(const struct heddle_position_set *set, uint64_t number)
{
    size_t low = 0;
    size_t high = set->page_count;
    /* Rows are done nearly in order: the last page is asked for most. */
    if (high > 0 && set->pages[high - 1].number < number) {
        return high;
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (set->pages[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int page_make(struct heddle_position_set *set, uint64_t number, struct heddle_position_page **page_out,
                     struct heddle_error *error)
{
    const size_t at = page_place(set, number);
    if (at == set->page_count || set->pages[at].number != number) {
        uint64_t *words = heddle_calloc(PAGE_WORDS, sizeof *words);
        if (words == NULL || heddle_grow((void **)&set->pages, &set->page_capacity, set->page_count + 1,
                                         sizeof *set->pages) != 0) {
            free(words);
            return heddle_error_out_of_memory(error);
        }
        memmove(&set->pages[at + 1], &set->pages[at], (set->page_count - at) * sizeof *set->pages);
        set->pages[at] = (struct heddle_position_page){.number = number, .words = words};
        set->page_count++;
    }
    *page_out = &set->pages[at];
    return HEDDLE_OK;
}

/* The bits `first` to `last` (both inside one word). */
static uint64_t word_mask(unsigned first, unsigned last)
{
    return (~UINT64_C(0) << first) & (~UINT64_C(0) >> (63 - last));
}

/* Adds first..last, both of this page. Answers how many were new. */
static uint32_t page_add(struct heddle_position_page *page, unsigned first, unsigned last)
{
    if (page->words == NULL) {
        return 0;
    }
    uint32_t added = 0;
    for (unsigned word = first / 64; word <= last / 64; word++) {
        const uint64_t mask =
            word_mask(word == first / 64 ? first % 64 : 0, word == last / 64 ? last % 64 : 63);
        added += (uint32_t)__builtin_popcountll(mask & ~page->words[word]);
        page->words[word] |= mask;
    }
    page->count += added;
    if (page->count == PAGE_POSITIONS) {
        free(page->words);
        page->words = NULL;
    }
    return added;
}

int heddle_position_set_add(struct heddle_position_set *set, uint64_t first, uint64_t length,
                            struct heddle_error *error)
{
    while (length > 0) {
        const unsigned start = (unsigned)(first & (PAGE_POSITIONS - 1));
        const uint64_t room = PAGE_POSITIONS - start;
        const uint64_t part = length < room ? length : room;
        struct heddle_position_page *page = NULL;
        HEDDLE_TRY(page_make(set, first >> PAGE_BITS, &page, error));
        set->count += page_add(page, start, start + (unsigned)part - 1);
        first += part;
        length -= part;
    }
    return HEDDLE_OK;
}

int heddle_position_set_add_list(struct heddle_position_set *set, const void *bytes, size_t length,
                                 struct heddle_error *error)
{
    struct heddle_positions_reader reader = heddle_positions_read(bytes, length);
    uint64_t first;
    uint64_t run;
    while (heddle_positions_next(&reader, &first, &run)) {
        HEDDLE_TRY(heddle_position_set_add(set, first, run, error));
    }
    return reader.bytes.failed
               ? heddle_error_set(error, HEDDLE_INVALID, "these bytes are no list of positions")
               : HEDDLE_OK;
}

bool heddle_position_set_has(const struct heddle_position_set *set, uint64_t position)
{
    const uint64_t number = position >> PAGE_BITS;
    const size_t at = page_place(set, number);
    if (at == set->page_count || set->pages[at].number != number) {
        return false;
    }
    const struct heddle_position_page *page = &set->pages[at];
    const unsigned bit = (unsigned)(position & (PAGE_POSITIONS - 1));
    return page->words == NULL || (page->words[bit / 64] >> (bit % 64) & 1) != 0;
}

size_t heddle_position_set_bytes(const struct heddle_position_set *set)
{
    size_t bytes = set->page_capacity * sizeof *set->pages;
    for (size_t i = 0; i < set->page_count; i++) {
        bytes += set->pages[i].words == NULL ? 0 : PAGE_WORDS * sizeof *set->pages[i].words;
    }
    return bytes;
}

void heddle_position_set_free(struct heddle_position_set *set)
{
    for (size_t i = 0; i < set->page_count; i++) {
        free(set->pages[i].words);
    }
    free(set->pages);
    *set = (struct heddle_position_set){0};
}
