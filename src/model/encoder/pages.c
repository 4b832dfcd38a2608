/* pages.c: memory in large pages, by a hint to the system (transparent huge pages of Linux). */
#include "model/encoder/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/memory.h"

enum { LARGE_PAGE = 2 << 20 };

void *heddle_pages_allocate(size_t bytes, void **block_out)
{
    const size_t whole = (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    *block_out = whole < bytes ? NULL : heddle_malloc(whole + LARGE_PAGE);
    if (*block_out == NULL) {
        return NULL;
    }
    const uintptr_t start = (uintptr_t)*block_out;
    char *first = (char *)*block_out + (LARGE_PAGE - start % LARGE_PAGE) % LARGE_PAGE;
    (void)madvise(first, whole, MADV_HUGEPAGE); /* where there are none, the hint is ignored */
    return first;
}
