/* segmentation_tables.h: the layout of the generated table; only segmentation.c reads it. */
#ifndef HEDDLE_MODEL_TOKENIZER_SEGMENTATION_TABLES_H
#define HEDDLE_MODEL_TOKENIZER_SEGMENTATION_TABLES_H

#include <stdint.h>

enum { HEDDLE_SEGMENTATION_BLOCK = 128 };

/* property[blocks[point / BLOCK]][point % BLOCK] for points up to U+10FFFF: category (4 bits) and flags. */
extern const uint16_t heddle_segmentation_blocks[];
extern const uint8_t heddle_segmentation_property[][HEDDLE_SEGMENTATION_BLOCK];

#endif
