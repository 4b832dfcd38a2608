/* segmentation.h: grapheme clusters and word characters, as HF `tokenizers` sees them (Unicode 17 in 0.23.3).
 *
 * The table was read off the library itself: scripts/generate-segmentation-tables. Threads: pure functions.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_SEGMENTATION_H
#define HEDDLE_MODEL_TOKENIZER_SEGMENTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the extended grapheme cluster that starts at `at` (below `length`) of well-formed UTF-8 ends: UAX #29. */
size_t heddle_grapheme_end(const char *text, size_t at, size_t length);

/* True for a word character (\w of a Unicode-aware regular expression) below U+110000. */
bool heddle_unicode_is_word(uint32_t point);

#endif
