/* utf8_repair.c: one pass; good runs are copied whole. */
#include "model/utf8_repair.h"

#include <stdbool.h>
#include <stdint.h>

enum { ASCII = 0x80 };

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

/* What the first byte of a sequence says: its bytes in all (0: it starts none), and the range of the second, which is
 * narrower where overlong forms, surrogates and what lies beyond U+10FFFF are kept out (Unicode 15, table 3-7). */
struct lead {
    size_t bytes;
    uint8_t low;
    uint8_t high;
};

static struct lead lead_of(uint8_t byte)
{
    if (byte < ASCII) {
        return (struct lead){1, 0, 0};
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return (struct lead){0, 0, 0};
    }
    if (byte < 0xe0) {
        return (struct lead){2, 0x80, 0xbf};
    }
    if (byte < 0xf0) {
        return (struct lead){3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
    }
    return (struct lead){4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
}

/* Bytes of the sequence that starts `text` (at least 1), or of what there is of it; *whole says which. */
static size_t take_sequence(const uint8_t *text, size_t length, bool *whole)
{
    const struct lead lead = lead_of(text[0]);
    size_t taken = 1;
    while (taken < lead.bytes && taken < length) {
        const uint8_t low = taken == 1 ? lead.low : 0x80;
        const uint8_t high = taken == 1 ? lead.high : 0xbf;
        if (text[taken] < low || text[taken] > high) {
            break;
        }
        taken++;
    }
    *whole = taken == lead.bytes;
    return taken;
}

size_t heddle_text_repair(const char *text, size_t length, struct heddle_buffer *out)
{
    size_t replaced = 0;
    size_t good = 0; /* where the run of good sequences starts that is not copied yet */
    for (size_t at = 0; at < length;) {
        bool whole = false;
        const size_t taken = take_sequence((const uint8_t *)text + at, length - at, &whole);
        if (!whole) {
            heddle_buffer_append(out, text + good, at - good);
            heddle_buffer_append(out, REPLACEMENT, sizeof REPLACEMENT - 1);
            good = at + taken;
            replaced++;
        }
        at += taken;
    }
    heddle_buffer_append(out, text + good, length - good);
    return replaced;
}
