/* memory.h: the allocation functions of heddle, one seam that tests can make fail.
 *
 * Code of heddle allocates through these and frees with free(). In tests, heddle_memory_fail_at(n) makes the n-th
 * allocation from now answer NULL: running a case with n = 0, 1, 2, … until it succeeds proves every cleanup path.
 *
 * Threads: any. The failure countdown is one per process and meant for single-threaded tests.
 */
#ifndef HEDDLE_BASE_MEMORY_H
#define HEDDLE_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *heddle_malloc(size_t size);
void *heddle_calloc(size_t count, size_t size);
void *heddle_realloc(void *memory, size_t size);

/* Copies of text; NULL when out of memory. strndup copies at most `length` bytes and adds a NUL. */
char *heddle_strdup(const char *text);
char *heddle_strndup(const char *text, size_t length);

/* Grows an array to hold at least `needed` items of `item_size` bytes: doubles *capacity. 0 on success, -1 when out of
 * memory or on overflow (array and capacity unchanged). Usage: heddle_grow((void **)&list, &cap, n + 1, sizeof *list) */
int heddle_grow(void **array, size_t *capacity, size_t needed, size_t item_size);

/* Tests only: the allocation number `countdown` from now fails, once. A negative number switches it off. */
void heddle_memory_fail_at(int64_t countdown);

#endif
