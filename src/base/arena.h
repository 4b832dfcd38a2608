/* arena.h: memory that lives and dies together: one arena a batch, a job file, a record.
 *
 * Allocation is a pointer bump inside blocks that are kept on reset, so a batch that is filled again and again asks
 * the system for nothing. An object larger than half a block gets a block of its own, freed on reset.
 *
 * Ownership: what alloc() returns belongs to the arena and is valid until reset() or destroy().
 * Threads:   one arena, one thread at a time.
 */
#ifndef HEDDLE_BASE_ARENA_H
#define HEDDLE_BASE_ARENA_H

#include <stddef.h>

#include "base/error.h"

struct heddle_arena;

/* Makes an empty arena whose blocks hold `block_size` bytes (0 = 64 KiB). Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_arena_create(size_t block_size, struct heddle_arena **arena_out,
                                          struct heddle_error *error);

/* `size` bytes aligned to 64 (a cache line, and what wide vector loads like), not zeroed; NULL when out of memory.
 * size 0 answers a valid pointer. */
void *heddle_arena_alloc(struct heddle_arena *arena, size_t size);

/* The same, aligned to 8 only: for many small objects. */
void *heddle_arena_alloc_small(struct heddle_arena *arena, size_t size);

/* As alloc(), zeroed; count x size is checked for overflow. */
void *heddle_arena_calloc(struct heddle_arena *arena, size_t count, size_t size);

/* A copy of `length` bytes with a NUL behind; NULL when out of memory. */
char *heddle_arena_copy_text(struct heddle_arena *arena, const char *text, size_t length);

/* printf into the arena; NULL when out of memory. */
char *heddle_arena_format(struct heddle_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forgets everything, keeps the ordinary blocks. */
void heddle_arena_reset(struct heddle_arena *arena);

/* Bytes held from the system, used or not. */
size_t heddle_arena_bytes(const struct heddle_arena *arena);

/* NULL is a no-op. */
void heddle_arena_destroy(struct heddle_arena *arena);

#endif
