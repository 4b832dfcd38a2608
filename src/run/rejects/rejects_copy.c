/* rejects_copy.c: whole files, both ways. */
#include "run/rejects/rejects_copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/folder.h"
#include "base/memory.h"

/* What is larger is too large to be sent at once. */
#define FILE_BYTES_MAX ((size_t)1 << 30)

struct copied {
    const char *name;
    uint64_t size;
    uint64_t sent; /* size of the copy; UINT64_MAX = none */
};

struct heddle_rejects_copy {
    struct heddle_arena *arena;
    struct heddle_depot *depot;
    const char *there;
    const char *here;
    struct copied *files;
    size_t count;
    size_t capacity;
};

int heddle_rejects_copy_create(struct heddle_depot *depot, const char *there, const char *here,
                               struct heddle_rejects_copy **copy_out, struct heddle_error *error)
{
    struct heddle_rejects_copy *copy = heddle_calloc(1, sizeof *copy);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    copy->depot = depot;
    const int status = heddle_arena_create(0, &copy->arena, error);
    if (status == HEDDLE_OK) {
        copy->there = heddle_arena_copy_text(copy->arena, there, strlen(there));
        copy->here = heddle_arena_copy_text(copy->arena, here, strlen(here));
    }
    if (copy->there == NULL || copy->here == NULL) {
        heddle_rejects_copy_destroy(copy);
        return heddle_error_out_of_memory(error);
    }
    *copy_out = copy;
    return HEDDLE_OK;
}

void heddle_rejects_copy_destroy(struct heddle_rejects_copy *copy)
{
    if (copy != NULL) {
        heddle_arena_destroy(copy->arena);
        free(copy->files);
        free(copy);
    }
}

/* Files that rejects are written to, and the note about the unit of work. */
static bool is_ours(const char *name)
{
    const size_t length = strlen(name);
    return strcmp(name, "unit.json") == 0 || (length > 6 && strcmp(name + length - 6, ".jsonl") == 0);
}

static struct copied *file_find(struct heddle_rejects_copy *copy, const char *name)
{
    for (size_t i = 0; i < copy->count; i++) {
        if (strcmp(copy->files[i].name, name) == 0) {
            return &copy->files[i];
        }
    }
    return NULL;
}

/* Notes a file's size now. */
static int file_note(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct heddle_rejects_copy *copy = context;
    struct copied *file = file_find(copy, entry->name);
    if (!is_ours(entry->name)) {
        return HEDDLE_OK;
    }
    if (file == NULL) {
        const char *name = heddle_arena_copy_text(copy->arena, entry->name, strlen(entry->name));
        if (name == NULL ||
            heddle_grow((void **)&copy->files, &copy->capacity, copy->count + 1, sizeof *copy->files) != 0) {
            return heddle_error_out_of_memory(error);
        }
        file = &copy->files[copy->count++];
        *file = (struct copied){.name = name, .sent = UINT64_MAX};
    }
    file->size = entry->size;
    return HEDDLE_OK;
}

static int path_make(const struct heddle_rejects_copy *copy, const char *folder, const char *name,
                     const char **path_out, struct heddle_error *error)
{
    *path_out = heddle_arena_format(copy->arena, "%s/%s", folder, name);
    return *path_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* ---- fetching ---- */

static int bytes_fetch(const struct heddle_rejects_copy *copy, struct copied *file,
                       struct heddle_buffer *there, struct heddle_buffer *here, struct heddle_error *error)
{
    const char *from = NULL;
    const char *to = NULL;
    bool found = false;
    HEDDLE_TRY(path_make(copy, copy->there, file->name, &from, error));
    HEDDLE_TRY(path_make(copy, copy->here, file->name, &to, error));
    HEDDLE_TRY(heddle_depot_read(copy->depot, from, FILE_BYTES_MAX, there, NULL, error));
    HEDDLE_TRY(heddle_file_read(to, FILE_BYTES_MAX, here, &found, error));
    file->sent = there->length;
    const bool goes_on = found && here->length >= there->length &&
                         (there->length == 0 || memcmp(here->bytes, there->bytes, there->length) == 0);
    return goes_on ? HEDDLE_OK : heddle_file_write(to, there->bytes, there->length, error);
}

static int file_fetch(const struct heddle_rejects_copy *copy, struct copied *file, struct heddle_error *error)
{
    struct heddle_buffer there = {0};
    struct heddle_buffer here = {0};
    const int status = bytes_fetch(copy, file, &there, &here, error);
    heddle_buffer_free(&there);
    heddle_buffer_free(&here);
    return status;
}

/* What is here and not there. */
static int stray_remove(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct heddle_rejects_copy *copy = context;
    const char *path = NULL;
    if (!is_ours(entry->name) || file_find(copy, entry->name) != NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(path_make(copy, copy->here, entry->name, &path, error));
    return heddle_depot_remove(NULL, path, error);
}

int heddle_rejects_copy_fetch(struct heddle_rejects_copy *copy, struct heddle_error *error)
{
    copy->count = 0;
    HEDDLE_TRY(heddle_depot_list(copy->depot, copy->there, false, file_note, copy, error));
    HEDDLE_TRY(heddle_depot_list(NULL, copy->here, false, stray_remove, copy, error));
    if (copy->count > 0) {
        HEDDLE_TRY(heddle_folder_make(copy->here, error));
    }
    for (size_t i = 0; i < copy->count; i++) {
        HEDDLE_TRY(file_fetch(copy, &copy->files[i], error));
    }
    return HEDDLE_OK;
}

/* ---- sending ---- */

static int file_send(const struct heddle_rejects_copy *copy, struct copied *file, struct heddle_error *error)
{
    struct heddle_buffer bytes = {0};
    const char *from = NULL;
    const char *to = NULL;
    HEDDLE_TRY(path_make(copy, copy->here, file->name, &from, error));
    HEDDLE_TRY(path_make(copy, copy->there, file->name, &to, error));
    int status = heddle_file_read(from, FILE_BYTES_MAX, &bytes, NULL, error);
    if (status == HEDDLE_OK) {
        status = heddle_depot_write(copy->depot, to, bytes.bytes, bytes.length, error);
    }
    if (status == HEDDLE_OK) {
        file->sent = bytes.length;
    }
    heddle_buffer_free(&bytes);
    return status;
}

int heddle_rejects_copy_send(struct heddle_rejects_copy *copy, uint64_t bytes_max, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_depot_list(NULL, copy->here, false, file_note, copy, error));
    HEDDLE_TRY(heddle_depot_make_folder(copy->depot, copy->there, error));
    /* The note says which records are of the unit at hand: it goes first. It is written anew with each unit, so that its size
     * says nothing. */
    struct copied *note = file_find(copy, "unit.json");
    if (note != NULL) {
        HEDDLE_TRY(file_send(copy, note, error));
    }
    for (size_t i = 0; i < copy->count; i++) {
        struct copied *file = &copy->files[i];
        if (file != note && file->size <= bytes_max && file->size != file->sent) {
            HEDDLE_TRY(file_send(copy, file, error));
        }
    }
    return HEDDLE_OK;
}
