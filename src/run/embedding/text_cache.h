/* text_cache.h: the vectors of texts that were embedded a moment ago, so that a text that comes again in another batch is not
 * embedded again. Event reasons repeat; a text embedded once in a window is the cheapest text there is.
 *
 * A table of fixed size in which a newer text takes the place of an older one that falls on the same slot. Texts are compared
 * byte for byte: a hit is exact, and since a text's vector does not depend on its batch, a hit changes no result.
 *
 * Threads: any number at once; one lock, held for a copy of one vector (the encoder takes a thousand times as long).
 */
#ifndef HEDDLE_RUN_TEXT_CACHE_H
#define HEDDLE_RUN_TEXT_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
    HEDDLE_TEXT_CACHE_SLOTS = 8192,     /* 12 MiB of vectors at 384 dimensions */
    HEDDLE_TEXT_CACHE_BYTES_MAX = 1024, /* longer texts hardly repeat: they are not kept */
};

struct heddle_text_cache;

/* For vectors of `dimensions` floats. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_text_cache_create(size_t dimensions, struct heddle_text_cache **cache_out,
                                               struct heddle_error *error);

/* True and the vector in vector_out (dimensions floats) where this very text is there. */
bool heddle_text_cache_find(struct heddle_text_cache *cache, const char *text, size_t length,
                            float *vector_out);

/* Keeps a text and its vector, both copied. Out of memory is no failure: the text is then not kept. */
void heddle_text_cache_keep(struct heddle_text_cache *cache, const char *text, size_t length,
                            const float *vector);

void heddle_text_cache_destroy(struct heddle_text_cache *cache); /* NULL is a no-op */

#endif
