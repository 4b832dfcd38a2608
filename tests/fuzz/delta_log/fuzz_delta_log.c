/* fuzz_delta_log.c: any bytes as the lines of a Delta log: no crash, no leak; what is accepted can be replayed, checked, and its
 * schema made columns.
 *
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/.
 */
#include <stdlib.h>
#include <string.h>

#include "source/delta/action.h"
#include "source/delta/columns.h"
#include "source/delta/protocol.h"
#include "source/delta/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct heddle_delta_root root = {.given = "/table", .real = "/table"};

/* No path that is accepted leaves the table's folder. */
static void use_path(struct heddle_arena *arena, const char *path)
{
    const char *file = NULL;
    if (heddle_delta_path_join(&root, path, arena, &file, NULL) == HEDDLE_OK &&
        strncmp(file, "/table/", 7) != 0) {
        abort();
    }
}

static void use_state(struct heddle_arena *arena, struct heddle_delta_replay *replay)
{
    struct heddle_delta_snapshot snapshot = {
        .arena = arena, .protocol = replay->protocol, .metadata = replay->metadata};
    struct heddle_delta_column *columns = NULL;
    size_t count = 0;
    heddle_delta_replay_finish(replay);
    for (size_t i = 0; i < replay->file_count; i++) {
        use_path(arena, replay->files[i].path);
    }
    if (!replay->has_metadata || replay->metadata.schema == NULL ||
        heddle_delta_protocol_check(&replay->protocol, NULL) != HEDDLE_OK ||
        heddle_delta_mapping_of(&replay->protocol, &replay->metadata, &snapshot.mapping, NULL) != HEDDLE_OK ||
        heddle_delta_schema_parse(replay->metadata.schema, snapshot.mapping, arena, &snapshot.schema, NULL) !=
            HEDDLE_OK ||
        heddle_delta_columns_fill(&snapshot, snapshot.arena, &columns, &count, NULL) != HEDDLE_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (columns[i].depth == 0 || columns[i].path[columns[i].depth - 1]->physical == NULL) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heddle_delta_actions actions = {0};
    struct heddle_delta_replay replay = {0};
    struct heddle_error error = {0};
    const char *line = (const char *)data;
    size_t left = size;
    if (heddle_arena_create(0, &actions.arena, NULL) != HEDDLE_OK) {
        return 0;
    }
    while (left > 0) {
        const char *end = memchr(line, '\n', left);
        const size_t length = end != NULL ? (size_t)(end - line) : left;
        heddle_delta_actions_reset(&actions);
        const int status = heddle_delta_line_parse(line, length, &actions, &error);
        if (status == HEDDLE_OK && heddle_delta_replay_apply(&replay, &actions, NULL) != HEDDLE_OK) {
            break;
        }
        if (status == HEDDLE_SOURCE && error.message[0] == '\0') {
            abort(); /* a refusal names its reason */
        }
        left -= length + (end != NULL ? 1 : 0);
        line += length + (end != NULL ? 1 : 0);
    }
    use_state(actions.arena, &replay);
    heddle_delta_replay_free(&replay);
    struct heddle_arena *arena = actions.arena;
    heddle_delta_actions_free(&actions);
    heddle_arena_destroy(arena);
    return 0;
}
