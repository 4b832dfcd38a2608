/* arena.c: bump allocation in a list of blocks. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    BLOCK_SIZE_DEFAULT = 64 * 1024,
    WIDE_ALIGNMENT = 64,
    SMALL_ALIGNMENT = 8,
};

struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    unsigned char *bytes; /* aligned to WIDE_ALIGNMENT */
};

struct heddle_arena {
    size_t block_size;
    struct block *first; /* ordinary blocks, in order of use */
    struct block *current;
    struct block *large; /* one object each */
    size_t bytes;
};

static struct block *block_create(struct heddle_arena *arena, size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct block) - WIDE_ALIGNMENT) {
        return NULL;
    }
    struct block *block = heddle_malloc(sizeof *block + WIDE_ALIGNMENT + capacity);
    if (block == NULL) {
        return NULL;
    }
    const uintptr_t start = (uintptr_t)(block + 1);
    const uintptr_t aligned = (start + WIDE_ALIGNMENT - 1) & ~(uintptr_t)(WIDE_ALIGNMENT - 1);
    block->next = NULL;
    block->capacity = capacity;
    block->used = 0;
    block->bytes = (unsigned char *)(block + 1) + (aligned - start);
    arena->bytes += capacity;
    return block;
}

static void blocks_free(struct heddle_arena *arena, struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        arena->bytes -= block->capacity;
        free(block);
        block = next;
    }
}

int heddle_arena_create(size_t block_size, struct heddle_arena **arena_out, struct heddle_error *error)
{
    struct heddle_arena *arena = heddle_calloc(1, sizeof *arena);
    if (arena == NULL) {
        return heddle_error_out_of_memory(error);
    }
    arena->block_size = block_size == 0 ? BLOCK_SIZE_DEFAULT : block_size;
    *arena_out = arena;
    return HEDDLE_OK;
}

static void *large_alloc(struct heddle_arena *arena, size_t size)
{
    struct block *block = block_create(arena, size);
    if (block == NULL) {
        return NULL;
    }
    block->next = arena->large;
    arena->large = block;
    return block->bytes;
}

/* The next ordinary block: one kept from before a reset, or a new one. */
static struct block *block_advance(struct heddle_arena *arena)
{
    struct block *next = arena->current == NULL ? arena->first : arena->current->next;
    if (next == NULL) {
        next = block_create(arena, arena->block_size);
        if (next == NULL) {
            return NULL;
        }
        if (arena->current == NULL) {
            arena->first = next;
        } else {
            arena->current->next = next;
        }
    }
    next->used = 0;
    arena->current = next;
    return next;
}

static void *aligned_alloc_in(struct heddle_arena *arena, size_t size, size_t alignment)
{
    if (size > arena->block_size / 2) {
        return large_alloc(arena, size);
    }
    struct block *block = arena->current;
    size_t at = block == NULL ? 0 : (block->used + alignment - 1) & ~(alignment - 1);
    if (block == NULL || at > block->capacity || size > block->capacity - at) {
        block = block_advance(arena);
        if (block == NULL) {
            return NULL;
        }
        at = 0;
    }
    block->used = at + size;
    return block->bytes + at;
}

void *heddle_arena_alloc(struct heddle_arena *arena, size_t size)
{
    return aligned_alloc_in(arena, size, WIDE_ALIGNMENT);
}

void *heddle_arena_alloc_small(struct heddle_arena *arena, size_t size)
{
    return aligned_alloc_in(arena, size, SMALL_ALIGNMENT);
}

void *heddle_arena_calloc(struct heddle_arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *memory = heddle_arena_alloc(arena, bytes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

char *heddle_arena_copy_text(struct heddle_arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        return NULL;
    }
    char *copy = heddle_arena_alloc_small(arena, length + 1);
    if (copy != NULL) {
        if (length > 0) {
            memcpy(copy, text, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

char *heddle_arena_format(struct heddle_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return NULL;
    }
    char *text = heddle_arena_alloc_small(arena, (size_t)length + 1);
    if (text != NULL) {
        va_start(arguments, format);
        vsnprintf(text, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    return text;
}

void heddle_arena_reset(struct heddle_arena *arena)
{
    blocks_free(arena, arena->large);
    arena->large = NULL;
    arena->current = NULL;
}

size_t heddle_arena_bytes(const struct heddle_arena *arena)
{
    return arena->bytes;
}

void heddle_arena_destroy(struct heddle_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    blocks_free(arena, arena->large);
    blocks_free(arena, arena->first);
    free(arena);
}
