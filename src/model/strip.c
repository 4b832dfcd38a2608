/* strip.c: white space by Python's definition: bidirectional type WS, B or S, or category Zs. */
#include "model/strip.h"

#include <stdbool.h>
#include <stdint.h>

#include "model/tokenizer/unicode.h"

static bool is_space(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20) || point == 0x85 ||
           point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

void heddle_strip(const char **text, size_t *length)
{
    size_t first = 0;
    while (first < *length) {
        size_t next = first;
        if (!is_space(heddle_unicode_decode(*text, &next))) {
            break;
        }
        first = next;
    }
    size_t last = *length;
    while (last > first) {
        size_t start = last - 1;
        while (((unsigned char)(*text)[start] & 0xc0) == 0x80) {
            start--;
        }
        size_t at = start;
        if (!is_space(heddle_unicode_decode(*text, &at))) {
            break;
        }
        last = start;
    }
    *text += first;
    *length = last - first;
}
