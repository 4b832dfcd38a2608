/* fuzz_delta_deletions.c: any bytes as a deletion vector: no crash, no leak; what is accepted says one thing only: as many rows
 * are deleted as it counts, and none behind its last.
 *
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/.
 */
#include <stdlib.h>
#include <string.h>

#include "source/delta/deletions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 4096, WINDOWS_MAX = 64 };

static void use(const struct heddle_delta_deletions *deletions)
{
    uint64_t kept[ROWS];
    const uint64_t last = heddle_delta_deletions_last(deletions);
    uint64_t deleted = 0;
    if (heddle_delta_deletions_count(deletions) == 0) {
        return;
    }
    if (!heddle_delta_deletions_has(deletions, last) || heddle_delta_deletions_has(deletions, last + 1)) {
        abort();
    }
    for (uint64_t window = 0; window < WINDOWS_MAX && window * ROWS <= last; window++) {
        deleted += ROWS - heddle_delta_deletions_keep(deletions, window * ROWS, ROWS, kept);
    }
    if (last < (uint64_t)ROWS * WINDOWS_MAX && deleted != heddle_delta_deletions_count(deletions)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heddle_arena *arena = NULL;
    struct heddle_delta_deletions *deletions = NULL;
    struct heddle_error error = {0};
    if (heddle_arena_create(0, &arena, NULL) != HEDDLE_OK) {
        return 0;
    }
    const int status = heddle_delta_deletions_parse(data, size, arena, &deletions, &error);
    if (status == HEDDLE_OK) {
        use(deletions);
    } else if (error.message[0] == '\0') {
        abort(); /* a refusal names its reason */
    }
    heddle_arena_destroy(arena);
    return 0;
}
