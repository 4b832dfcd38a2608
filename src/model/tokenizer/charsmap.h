/* charsmap.h: sentencepiece's precompiled character map, applied as HF's Precompiled normalizer does.
 *
 * Format: u32 bytes of the trie, the trie (little-endian u32 units of a Darts double array), then replacement texts,
 * each ended by NUL; a value of the trie is the place of a text. Applied to a whole grapheme cluster if that has fewer
 * than 6 bytes, else, or where it has no entry, to each of its characters. Of the entries that start a cluster the
 * shortest wins, and replaces the cluster whole: odd, but what models were converted with.
 *
 * Threads: immutable after create().
 */
#ifndef HEDDLE_MODEL_TOKENIZER_CHARSMAP_H
#define HEDDLE_MODEL_TOKENIZER_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/tokenizer/alignment.h"

struct heddle_charsmap;

/* Copies the bytes. Nothing in them is trusted: a step or a place beyond the end is no entry.
 * Errors: HEDDLE_MODEL (cut short, or replacements that are not UTF-8), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_charsmap_create(const uint8_t *bytes, size_t length,
                                             struct heddle_charsmap **charsmap_out,
                                             struct heddle_error *error);

/* NULL is a no-op. */
void heddle_charsmap_destroy(struct heddle_charsmap *charsmap);

/* Appends the mapped text (well-formed UTF-8) to `out`, which remembers a failure. `alignment` is told. */
void heddle_charsmap_apply(const struct heddle_charsmap *charsmap, const char *text, size_t length,
                           struct heddle_buffer *out, struct heddle_alignment *alignment);

#endif
