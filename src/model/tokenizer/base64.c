/* base64.c: four characters are three bytes. */
#include "model/tokenizer/base64.h"

#include "base/text.h"

enum { GROUP = 4 };

bool heddle_base64_decode(const char *text, size_t length, uint8_t *bytes_out, size_t *length_out)
{
    size_t written = 0;
    if (length % GROUP != 0) {
        return false;
    }
    for (size_t at = 0; at < length; at += GROUP) {
        size_t characters = GROUP;
        while (at + GROUP == length && characters > GROUP - 2 && text[at + characters - 1] == '=') {
            characters--;
        }
        uint32_t bits = 0;
        for (size_t i = 0; i < GROUP; i++) {
            const int value = i < characters ? heddle_text_base64_digit(text[at + i]) : 0;
            if (value < 0) {
                return false;
            }
            bits = bits << 6 | (uint32_t)value;
        }
        for (size_t i = 0; i + 1 < characters; i++) {
            bytes_out[written++] = (uint8_t)(bits >> (16 - 8 * i));
        }
        if (characters < GROUP && (bits & (characters == 2 ? 0xffffu : 0xffu)) != 0) {
            return false;
        }
    }
    *length_out = written;
    return true;
}
