/* pages.h: memory that the encoder walks over again and again, in large pages where the system has them.
 *
 * A group's activations and a model's weights are megabytes, read in strides of a token: with pages of 4 KB every row stands in
 * another one, and the walk over the page tables costs an int8 layer a twentieth of its time.
 *
 * Threads: anything, anywhere. Limits: a block takes up to two large pages (2 MiB each) more than was asked for.
 */
#ifndef HEDDLE_MODEL_ENCODER_PAGES_H
#define HEDDLE_MODEL_ENCODER_PAGES_H

#include <stddef.h>

/* `bytes` of memory, not cleared, from the start of a large page on. *block_out is to be freed with free() by the caller; NULL
 * and *block_out NULL: out of memory. */
void *heddle_pages_allocate(size_t bytes, void **block_out);

#endif
