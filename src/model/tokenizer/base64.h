/* base64.h: reading base64 (RFC 4648 section 4, padded), in which tokenizer.json keeps its character map.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_BASE64_H
#define HEDDLE_MODEL_TOKENIZER_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that decoding `length` characters may take; at least 1. */
static inline size_t heddle_base64_decoded_max(size_t length)
{
    return length / 4 * 3 + 1;
}

/* Decodes into bytes_out; false if it is not base64: an alien character, wrong padding, or bits left over. */
bool heddle_base64_decode(const char *text, size_t length, uint8_t *bytes_out, size_t *length_out);

#endif
