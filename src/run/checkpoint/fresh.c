/* fresh.c: deleting a checkpoint, name by name. */
#include "run/checkpoint/fresh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* load.json goes first: with a part of the rest gone, nobody may go on. metadata, offsets, commits, sources and state are
 * Spark's, the others ours (streams holds a checkpoint for each pass of a load with several). */
static const char *const kept_names[] = {
    "load.json", "journal", "vectors",  "progress",     "offsets", "commits", "sources",       "state",
    "metadata",  "rejects", "replayed", "receipt.json", "streams", "schema",  ".metadata.crc", "totals.json"};

/* A checkpoint's folders are at most this deep (state/OPERATOR/PARTITION/FILE). */
enum { DEPTH_MAX = 16 };

static int cannot(const char *name, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_IO, "cannot delete %s: %s", name, strerror(errno));
}

static int delete_entry(int folder, const char *name, unsigned depth, struct heddle_error *error);

/* Deletes what is in the folder; `file` is closed. */
static int delete_inside(int file, const char *name, unsigned depth, struct heddle_error *error)
{
    DIR *entries = fdopendir(file);
    if (entries == NULL) {
        const int status = cannot(name, error);
        close(file);
        return status;
    }
    int status = HEDDLE_OK;
    errno = 0;
    for (struct dirent *entry; status == HEDDLE_OK && (entry = readdir(entries)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = delete_entry(dirfd(entries), entry->d_name, depth + 1, error);
        }
    }
    if (status == HEDDLE_OK && errno != 0) {
        status = cannot(name, error);
    }
    closedir(entries);
    return status;
}

static int delete_entry(int folder, const char *name, unsigned depth, struct heddle_error *error)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) {
        return HEDDLE_OK;
    }
    if ((errno != EISDIR && errno != EPERM) || depth > DEPTH_MAX) {
        return cannot(name, error);
    }
    const int file = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) {
        return cannot(name, error);
    }
    HEDDLE_TRY(delete_inside(file, name, depth, error));
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 ? HEDDLE_OK : cannot(name, error);
}

/* Names in a store, each with its NUL. */
static int name_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct heddle_buffer *names = context;
    heddle_buffer_append(names, entry->name, strlen(entry->name) + 1);
    return heddle_buffer_check(names, error);
}

/* Whether a name is, or lies below, what runs keep under `kept`. */
static bool is_below(const char *name, const char *kept)
{
    const size_t length = strlen(kept);
    return strncmp(name, kept, length) == 0 && (name[length] == '\0' || name[length] == '/');
}

static int delete_objects(struct heddle_depot *depot, const char *folder, const struct heddle_buffer *names,
                          const char *kept, struct heddle_error *error)
{
    struct heddle_buffer path = {0};
    int status = HEDDLE_OK;
    for (size_t at = 0; at < names->length && status == HEDDLE_OK;) {
        const char *name = (const char *)names->bytes + at;
        at += strlen(name) + 1;
        if (is_below(name, kept)) {
            heddle_buffer_reset(&path);
            heddle_buffer_append_format(&path, "%s/%s", folder, name);
            const char *text = heddle_buffer_text(&path);
            status =
                text != NULL ? heddle_depot_remove(depot, text, error) : heddle_error_out_of_memory(error);
        }
    }
    heddle_buffer_free(&path);
    return status;
}

/* A store has no folders, only names that look like them. */
static int delete_of_store(struct heddle_depot *depot, const char *folder, struct heddle_error *error)
{
    struct heddle_buffer names = {0};
    int status = heddle_depot_list(depot, folder, true, name_add, &names, error);
    for (size_t i = 0; i < sizeof kept_names / sizeof kept_names[0] && status == HEDDLE_OK; i++) {
        status = delete_objects(depot, folder, &names, kept_names[i], error);
    }
    heddle_buffer_free(&names);
    return status;
}

int heddle_fresh(struct heddle_depot *depot, const char *folder, struct heddle_error *error)
{
    if (heddle_depot_is_store(depot)) {
        return delete_of_store(depot, folder, error);
    }
    const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT
                   ? HEDDLE_OK
                   : heddle_error_set(error, HEDDLE_IO, "cannot open %s: %s", folder, strerror(errno));
    }
    int status = HEDDLE_OK;
    for (size_t i = 0; i < sizeof kept_names / sizeof kept_names[0] && status == HEDDLE_OK; i++) {
        status = delete_entry(file, kept_names[i], 0, error);
    }
    close(file);
    return status;
}
