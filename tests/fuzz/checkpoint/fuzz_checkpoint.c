/* fuzz_checkpoint.c: any bytes as the files of a checkpoint: offsets/N, progress, the log of files, a schema, an offset, totals.json, a
 * size and a trigger. No crash, no leak; an offset that is accepted is written back the same; a path of the log stays inside its source.
 *
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/. The first byte says which text follows.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/totals.h"
#include "run/checkpoint/trigger.h"
#include "source/stream/delta_offset.h"
#include "source/stream/file_log.h"
#include "source/stream/file_schema.h"
#include "source/stream/limits.h"
#include "source/stream/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_offset(const char *text, struct heddle_arena *arena)
{
    struct heddle_delta_offset offset;
    struct heddle_delta_offset again;
    struct heddle_buffer out = {0};
    if (heddle_delta_offset_parse(text, arena, &offset, NULL) == HEDDLE_OK &&
        heddle_delta_offset_write(&offset, &out, NULL) == HEDDLE_OK) {
        if (heddle_delta_offset_parse(heddle_buffer_text(&out), arena, &again, NULL) != HEDDLE_OK ||
            heddle_delta_offset_compare(&offset, &again) != 0 || strcmp(offset.table, again.table) != 0 ||
            offset.in_snapshot != again.in_snapshot) {
            abort();
        }
    }
    heddle_buffer_free(&out);
}

static void try_log(const char *text, size_t length, struct heddle_arena *arena)
{
    struct heddle_stream_files files = {0};
    const struct heddle_stream_root root = {.given = "data/x", .absolute = "/srv/data/x"};
    if (heddle_file_log_parse(text, length, arena, &files, NULL) == HEDDLE_OK) {
        for (size_t i = 0; i < files.count; i++) {
            const char *given = NULL;
            if (heddle_stream_path_given(&root, files.items[i].path, arena, &given, NULL) == HEDDLE_OK &&
                (strncmp(given, "data/x", 6) != 0 || strstr(given, "/../") != NULL)) {
                abort();
            }
        }
    }
    free(files.items);
}

static void try_small(const char *text)
{
    struct heddle_trigger trigger;
    uint64_t bytes = 0;
    int64_t age = 0;
    if (heddle_stream_age_parse(text, &age) && age < 0) {
        abort();
    }
    (void)heddle_stream_size_parse(text, &bytes);
    (void)!heddle_trigger_parse(text, &trigger, NULL);
}

/* Sums that are accepted can be shown. */
static void try_totals(const char *text, size_t length, struct heddle_arena *arena)
{
    struct heddle_totals totals = {0};
    struct heddle_buffer out = {0};
    bool says = false;
    if (heddle_totals_parse(text, length, "a", 7, arena, &says, &totals, NULL) == HEDDLE_OK && says) {
        for (size_t i = 0; i < totals.target_count; i++) {
            heddle_totals_print_target(&totals.targets[i], 9, &out);
        }
    }
    heddle_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heddle_arena *arena = NULL;
    struct heddle_checkpoint_offsets offsets;
    struct heddle_checkpoint_progress progress;
    struct heddle_schema schema;
    if (size == 0 || heddle_arena_create(0, &arena, NULL) != HEDDLE_OK) {
        return 0;
    }
    char *text = heddle_strndup((const char *)data + 1, size - 1);
    if (text != NULL && data[0] == 'T') {
        try_totals((const char *)data + 1, size - 1, arena);
    } else if (text != NULL) {
        switch (data[0] % 6) {
        case 0:
            (void)!heddle_checkpoint_offsets_parse((const char *)data + 1, size - 1, arena, &offsets, NULL);
            break;
        case 1: (void)!heddle_checkpoint_progress_parse(text, arena, &progress, NULL); break;
        case 2: try_offset(text, arena); break;
        case 3: try_log((const char *)data + 1, size - 1, arena); break;
        case 4:
            (void)!heddle_stream_schema_parse((const char *)data + 1, size - 1, arena, &schema, NULL);
            break;
        default: try_small(text);
        }
    }
    free(text);
    heddle_arena_destroy(arena);
    return 0;
}
