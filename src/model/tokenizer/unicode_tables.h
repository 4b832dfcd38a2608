/* unicode_tables.h: the layout of the generated tables; only unicode.c reads them. */
#ifndef HEDDLE_MODEL_TOKENIZER_UNICODE_TABLES_H
#define HEDDLE_MODEL_TOKENIZER_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

enum { HEDDLE_UNICODE_BLOCK = 128 };

/* A kind of code point: its flags (enum heddle_unicode_flag) and canonical combining class. */
struct heddle_unicode_kind {
    uint8_t flags;
    uint8_t combining_class;
};

/* Simple lower case, sorted by `from`. */
struct heddle_unicode_lower {
    uint32_t from;
    uint32_t to;
};

/* Full canonical decomposition: `length` code points at `offset` of the pool, sorted by `from`. */
struct heddle_unicode_decomposition {
    uint32_t from;
    uint16_t offset;
    uint16_t length;
};

/* kind = kinds[kind_of[blocks[point / BLOCK]][point % BLOCK]] for points up to U+10FFFF. */
extern const struct heddle_unicode_kind heddle_unicode_kinds[];
extern const uint16_t heddle_unicode_blocks[];
extern const uint8_t heddle_unicode_kind_of[][HEDDLE_UNICODE_BLOCK];

extern const size_t heddle_unicode_lower_count;
extern const struct heddle_unicode_lower heddle_unicode_lowers[];

extern const size_t heddle_unicode_decomposition_count;
extern const struct heddle_unicode_decomposition heddle_unicode_decompositions[];
extern const uint32_t heddle_unicode_pool[];

#endif
