/* text.h: small questions about text, asked in more than one room. */
#ifndef HEDDLE_BASE_TEXT_H
#define HEDDLE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF: RFC 3629). */
bool heddle_text_is_utf8(const char *text, size_t length);

/* The longest prefix of at most `limit` bytes that does not cut a code point. */
size_t heddle_text_cut(const char *text, size_t length, size_t limit);

/* Damerau-Levenshtein distance (adjacent swaps count one), case ignored for ASCII; texts over 64 bytes answer 64. */
size_t heddle_text_distance(const char *a, const char *b);

/* The candidate nearest to `name` (distance at most a third of its length, at least 1), or NULL: for "did you mean". */
const char *heddle_text_nearest(const char *name, const char *const *candidates, size_t count);

/* Characters that `length` bytes take in base64. */
static inline size_t heddle_text_base64_length(size_t length)
{
    return (length + 2) / 3 * 4;
}

/* Writes `length` bytes in base64 (RFC 4648 section 4, padded): heddle_text_base64_length(length) characters to `out`, no
 * NUL behind them. */
void heddle_text_base64(const void *bytes, size_t length, char *out);

/* The six bits that a base64 digit stands for, or -1. */
static inline int heddle_text_base64_digit(char digit)
{
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* Writes `value` with thousands separators ("12,345") into `out` (at least 32 bytes) and answers `out`. */
char *heddle_text_grouped(uint64_t value, char out[static 32]);

#endif
