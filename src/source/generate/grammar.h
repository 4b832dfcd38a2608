/* grammar.h: one removal reason from one random state. Private to src/source/generate. */
#ifndef HEDDLE_SOURCE_GENERATE_GRAMMAR_H
#define HEDDLE_SOURCE_GENERATE_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

#include "source/generate/generate.h"

/* Writes a text of HEDDLE_REMOVALS_TEXT_MIN to HEDDLE_REMOVALS_TEXT_MAX bytes of ASCII, with a NUL, and
 * answers its length. Draws from *state (base/hash.h); equal states give equal texts. */
size_t heddle_grammar_text(uint64_t *state, char out[static HEDDLE_REMOVALS_TEXT_MAX + 1]);

#endif
