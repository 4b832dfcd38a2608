/* seen_files.c: a hash table of paths. */
#include "source/stream/seen_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { SLOTS_FIRST = 64 };

static const char *key_of(const struct heddle_seen_files *seen, const char *path)
{
    const char *slash = seen->name_only ? strrchr(path, '/') : NULL;
    return slash != NULL ? slash + 1 : path;
}

static size_t slot_find(const struct heddle_seen_files *seen, const char *path)
{
    const char *key = key_of(seen, path);
    const size_t mask = seen->slot_count - 1;
    size_t at = (size_t)heddle_hash_bytes(key, strlen(key), 0) & mask;
    while (seen->slots[at] != NULL && strcmp(key_of(seen, seen->slots[at]->path), key) != 0) {
        at = (at + 1) & mask;
    }
    return at;
}

static int slots_grow(struct heddle_seen_files *seen, struct heddle_error *error)
{
    const size_t old_count = seen->slot_count;
    const struct heddle_stream_file **old = seen->slots;
    if ((seen->count + 1) * 2 <= old_count) {
        return HEDDLE_OK;
    }
    const size_t count = old_count == 0 ? SLOTS_FIRST : old_count * 2;
    const struct heddle_stream_file **slots = heddle_calloc(count, sizeof *slots);
    if (slots == NULL) {
        return heddle_error_out_of_memory(error);
    }
    seen->slots = slots;
    seen->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] != NULL) {
            seen->slots[slot_find(seen, old[i]->path)] = old[i];
        }
    }
    free(old);
    return HEDDLE_OK;
}

int heddle_seen_files_add(struct heddle_seen_files *seen, const struct heddle_stream_file *file,
                          struct heddle_error *error)
{
    HEDDLE_TRY(slots_grow(seen, error));
    const size_t slot = slot_find(seen, file->path);
    seen->count += seen->slots[slot] == NULL ? 1 : 0;
    seen->slots[slot] = file;
    seen->newest = file->time > seen->newest ? file->time : seen->newest;
    return HEDDLE_OK;
}

void heddle_seen_files_age(struct heddle_seen_files *seen)
{
    if (seen->age != INT64_MAX) {
        seen->forget = seen->newest - seen->age;
    }
}

bool heddle_seen_files_is_new(const struct heddle_seen_files *seen, const struct heddle_stream_file *file)
{
    if (file->time < seen->forget) {
        return false;
    }
    const struct heddle_stream_file *known =
        seen->slot_count > 0 ? seen->slots[slot_find(seen, file->path)] : NULL;
    return known == NULL || known->time < seen->forget;
}

void heddle_seen_files_free(struct heddle_seen_files *seen)
{
    free(seen->slots);
    seen->slots = NULL;
    seen->slot_count = 0;
    seen->count = 0;
}
