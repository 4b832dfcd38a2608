/* unicode.h: questions about code points, answered as HF `tokenizers` answers them (not as today's Unicode does).
 *
 * Its category tables are of 2016 and its `is_other` leaves unassigned code points alone, so the answers come from
 * tables that were read off the library itself: scripts/generate-unicode-tables.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_UNICODE_H
#define HEDDLE_MODEL_TOKENIZER_UNICODE_H

#include <stddef.h>
#include <stdint.h>

enum heddle_unicode_flag {
    HEDDLE_UNICODE_DROP = 1,    /* clean_text removes it (control, format, private use, U+0000, U+FFFD) */
    HEDDLE_UNICODE_SPACE = 2,   /* clean_text makes it a space */
    HEDDLE_UNICODE_CHINESE = 4, /* handle_chinese_chars puts spaces around it */
    HEDDLE_UNICODE_SPLIT = 8,   /* the pre-tokenizer splits there and drops it (White_Space) */
    HEDDLE_UNICODE_PUNCTUATION = 16, /* the pre-tokenizer makes it a word of its own */
    HEDDLE_UNICODE_MARK = 32,        /* strip_accents removes it (category Mn) */
    HEDDLE_UNICODE_DECOMPOSES = 64,  /* has a canonical decomposition (Hangul syllables not flagged) */
    HEDDLE_UNICODE_LOWERS = 128,     /* has another lower case (U+0130 not flagged) */
};

enum {
    HEDDLE_UNICODE_LIMIT = 0x110000,
    HEDDLE_UNICODE_DECOMPOSITION_MAX = 4, /* code points; checked by the tests */
    HEDDLE_UNICODE_LOWER_MAX = 2,
};

/* Flags and canonical combining class of a code point below HEDDLE_UNICODE_LIMIT. */
uint8_t heddle_unicode_flags(uint32_t point);
uint8_t heddle_unicode_combining_class(uint32_t point);

/* Full canonical decomposition (NFD) of one code point, itself if it has none. Answers how many. */
size_t heddle_unicode_decompose(uint32_t point, uint32_t parts_out[static HEDDLE_UNICODE_DECOMPOSITION_MAX]);

/* Lower case of one code point, itself if it has none, without context (no final sigma). Answers how many. */
size_t heddle_unicode_lower(uint32_t point, uint32_t parts_out[static HEDDLE_UNICODE_LOWER_MAX]);

/* Reads the code point at *at of well-formed UTF-8 and moves *at behind it. */
uint32_t heddle_unicode_decode(const char *text, size_t *at);

/* Writes a code point as UTF-8 and answers its length, 1 to 4. */
size_t heddle_unicode_encode(uint32_t point, char bytes_out[static 4]);

#endif
