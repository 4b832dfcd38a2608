/* unicode.c: look-ups in the generated tables, and the rules that are arithmetic. */
#include "model/tokenizer/unicode.h"

#include "model/tokenizer/unicode_tables.h"

/* Hangul syllables decompose by arithmetic (Unicode 15, section 3.12). */
enum {
    HANGUL_FIRST = 0xac00,
    HANGUL_COUNT = 11172,
    HANGUL_LEADING = 0x1100,
    HANGUL_VOWEL = 0x1161,
    HANGUL_TRAILING = 0x11a7,
    HANGUL_VOWELS = 21,
    HANGUL_TRAILINGS = 28,
};

/* The one letter whose lower case is two code points: i and a combining dot. */
enum { DOTTED_CAPITAL_I = 0x130, COMBINING_DOT_ABOVE = 0x307 };

static const struct heddle_unicode_kind *kind_of(uint32_t point)
{
    const uint16_t block = heddle_unicode_blocks[point / HEDDLE_UNICODE_BLOCK];
    return &heddle_unicode_kinds[heddle_unicode_kind_of[block][point % HEDDLE_UNICODE_BLOCK]];
}

uint8_t heddle_unicode_flags(uint32_t point)
{
    return kind_of(point)->flags;
}

uint8_t heddle_unicode_combining_class(uint32_t point)
{
    return kind_of(point)->combining_class;
}

static size_t decompose_hangul(uint32_t index, uint32_t *parts_out)
{
    parts_out[0] = HANGUL_LEADING + index / (HANGUL_VOWELS * HANGUL_TRAILINGS);
    parts_out[1] = HANGUL_VOWEL + index % (HANGUL_VOWELS * HANGUL_TRAILINGS) / HANGUL_TRAILINGS;
    parts_out[2] = HANGUL_TRAILING + index % HANGUL_TRAILINGS;
    return parts_out[2] == HANGUL_TRAILING ? 2 : 3;
}

size_t heddle_unicode_decompose(uint32_t point, uint32_t parts_out[static HEDDLE_UNICODE_DECOMPOSITION_MAX])
{
    if (point - HANGUL_FIRST < HANGUL_COUNT) {
        return decompose_hangul(point - HANGUL_FIRST, parts_out);
    }
    parts_out[0] = point;
    size_t low = 0;
    size_t high = heddle_unicode_decomposition_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct heddle_unicode_decomposition *entry = &heddle_unicode_decompositions[middle];
        if (entry->from == point) {
            for (size_t i = 0; i < entry->length; i++) {
                parts_out[i] = heddle_unicode_pool[entry->offset + i];
            }
            return entry->length;
        }
        if (entry->from < point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 1;
}

size_t heddle_unicode_lower(uint32_t point, uint32_t parts_out[static HEDDLE_UNICODE_LOWER_MAX])
{
    parts_out[0] = point;
    if (point == DOTTED_CAPITAL_I) {
        parts_out[0] = 'i';
        parts_out[1] = COMBINING_DOT_ABOVE;
        return 2;
    }
    size_t low = 0;
    size_t high = heddle_unicode_lower_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct heddle_unicode_lower *entry = &heddle_unicode_lowers[middle];
        if (entry->from == point) {
            parts_out[0] = entry->to;
            return 1;
        }
        if (entry->from < point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 1;
}

uint32_t heddle_unicode_decode(const char *text, size_t *at)
{
    const unsigned char *bytes = (const unsigned char *)text + *at;
    if (bytes[0] < 0x80) {
        *at += 1;
        return bytes[0];
    }
    if (bytes[0] < 0xe0) {
        *at += 2;
        return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    }
    if (bytes[0] < 0xf0) {
        *at += 3;
        return (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
    }
    *at += 4;
    return (bytes[0] & 0x07u) << 18 | (bytes[1] & 0x3fu) << 12 | (bytes[2] & 0x3fu) << 6 | (bytes[3] & 0x3fu);
}

size_t heddle_unicode_encode(uint32_t point, char bytes_out[static 4])
{
    if (point < 0x80) {
        bytes_out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        bytes_out[0] = (char)(0xc0 | point >> 6);
        bytes_out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        bytes_out[0] = (char)(0xe0 | point >> 12);
        bytes_out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        bytes_out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    bytes_out[0] = (char)(0xf0 | point >> 18);
    bytes_out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    bytes_out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    bytes_out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}
