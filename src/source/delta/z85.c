/* z85.c: five characters a word of 32 bits, most significant first. */
#include "source/delta/z85.h"

#include <string.h>

enum { CHARACTERS = 5, BYTES = 4, BASE = 85 };

bool heddle_delta_z85_decode(const char *text, size_t length, uint8_t *out)
{
    static const char alphabet[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    if (length % CHARACTERS != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i += CHARACTERS) {
        uint64_t word = 0;
        for (size_t k = 0; k < CHARACTERS; k++) {
            const char *found = memchr(alphabet, text[i + k], BASE);
            if (found == NULL) {
                return false;
            }
            word = word * BASE + (uint64_t)(found - alphabet);
        }
        if (word > UINT32_MAX) {
            return false;
        }
        for (size_t k = 0; k < BYTES; k++) {
            *out++ = (uint8_t)(word >> (24 - 8 * k));
        }
    }
    return true;
}
