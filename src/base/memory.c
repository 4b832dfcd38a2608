/* memory.c: malloc and friends behind a seam. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GROW_FIRST = 16 };

static _Atomic int64_t fail_countdown = -1;

static bool this_one_fails(void)
{
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) < 0) {
        return false;
    }
    return atomic_fetch_sub(&fail_countdown, 1) == 0;
}

void heddle_memory_fail_at(int64_t countdown)
{
    atomic_store(&fail_countdown, countdown < 0 ? -1 : countdown);
}

void *heddle_malloc(size_t size)
{
    return this_one_fails() ? NULL : malloc(size == 0 ? 1 : size);
}

void *heddle_calloc(size_t count, size_t size)
{
    return this_one_fails() ? NULL : calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *heddle_realloc(void *memory, size_t size)
{
    return this_one_fails() ? NULL : realloc(memory, size == 0 ? 1 : size);
}

char *heddle_strdup(const char *text)
{
    return heddle_strndup(text, strlen(text));
}

char *heddle_strndup(const char *text, size_t length)
{
    const size_t kept = strnlen(text, length);
    char *copy = heddle_malloc(kept + 1);
    if (copy != NULL) {
        memcpy(copy, text, kept);
        copy[kept] = '\0';
    }
    return copy;
}

int heddle_grow(void **array, size_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity) {
        return 0;
    }
    size_t larger = *capacity == 0 ? GROW_FIRST : *capacity;
    while (larger < needed) {
        if (larger > SIZE_MAX / 2) {
            return -1;
        }
        larger *= 2;
    }
    size_t bytes = 0;
    if (__builtin_mul_overflow(larger, item_size, &bytes)) {
        return -1;
    }
    void *moved = heddle_realloc(*array, bytes);
    if (moved == NULL) {
        return -1;
    }
    *array = moved;
    *capacity = larger;
    return 0;
}
