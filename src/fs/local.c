/* local.c: a folder of this machine behind the same interface. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "fs/parts.h"

static int path_make(struct heddle_fs *fs, const char *name, const char **path_out,
                     struct heddle_error *error)
{
    heddle_arena_reset(fs->scratch);
    *path_out = heddle_arena_format(fs->scratch, "%s%s%s", fs->endpoint, name[0] != '\0' ? "/" : "", name);
    return *path_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* Calls `add` where `path` is a file. */
static int file_add(const char *path, const char *name, bool *found_out, heddle_fs_add *add, void *context,
                    struct heddle_error *error)
{
    struct stat info;
    *found_out = stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (!*found_out || add == NULL) {
        return HEDDLE_OK;
    }
    const struct heddle_fs_entry entry = {.name = name,
                                          .size = (uint64_t)info.st_size,
                                          .modified_ms = (int64_t)info.st_mtim.tv_sec * 1000 +
                                                         info.st_mtim.tv_nsec / 1000000,
                                          .etag = ""};
    return add(context, &entry, error);
}

/* Folders in folders of one listing. */
enum { DEPTH_MAX = 16 };

struct listing {
    struct heddle_fs *fs;
    unsigned deeper; /* folders below that may still be entered */
    heddle_fs_add *add;
    void *context;
};

static int folder_list(const struct listing *listing, const char *below, struct heddle_error *error);

static int entry_take(const struct listing *listing, const char *below, const char *last,
                      struct heddle_error *error)
{
    struct heddle_fs *fs = listing->fs;
    struct stat info;
    bool found = false;
    const char *name = heddle_arena_format(fs->scratch, "%s%s", below, last);
    const char *path = heddle_arena_format(fs->scratch, "%s/%s", fs->endpoint, name != NULL ? name : "");
    if (name == NULL || path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(file_add(path, name, &found, listing->add, listing->context, error));
    const bool dots = strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
    if (found || dots || listing->deeper == 0 || lstat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return HEDDLE_OK;
    }
    const struct listing inner = {fs, listing->deeper - 1, listing->add, listing->context};
    const char *folder = heddle_arena_format(fs->scratch, "%s/", name);
    return folder != NULL ? folder_list(&inner, folder, error) : heddle_error_out_of_memory(error);
}

static int folder_list(const struct listing *listing, const char *below, struct heddle_error *error)
{
    struct heddle_fs *fs = listing->fs;
    const char *folder = heddle_arena_format(fs->scratch, "%s/%s", fs->endpoint, below);
    DIR *names = folder != NULL ? opendir(folder) : NULL;
    if (folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (names == NULL) {
        return errno == ENOENT ? HEDDLE_OK
                               : heddle_error_set(error, HEDDLE_SOURCE, "the folder %s cannot be read: %s",
                                                  folder, strerror(errno));
    }
    int status = HEDDLE_OK;
    for (const struct dirent *entry = readdir(names); entry != NULL && status == HEDDLE_OK;
         entry = readdir(names)) {
        status = entry_take(listing, below, entry->d_name, error);
    }
    closedir(names);
    return status;
}

int heddle_fs_local_list(struct heddle_fs *fs, const char *below, bool deep, heddle_fs_add *add,
                         void *context, struct heddle_error *error)
{
    const struct listing listing = {fs, deep ? DEPTH_MAX : 0, add, context};
    heddle_arena_reset(fs->scratch);
    return folder_list(&listing, below, error);
}

int heddle_fs_local_find(struct heddle_fs *fs, const char *name, bool *found_out, heddle_fs_add *add,
                         void *context, struct heddle_error *error)
{
    const char *path = NULL;
    HEDDLE_TRY(path_make(fs, name, &path, error));
    const char *slash = strrchr(path, '/');
    return file_add(path,
                    name[0] != '\0' ? name
                    : slash != NULL ? slash + 1
                                    : path,
                    found_out, add, context, error);
}

int heddle_fs_local_get(struct heddle_fs *fs, const char *name, uint64_t offset, uint64_t length,
                        struct heddle_buffer *out, struct heddle_error *error)
{
    enum { BLOCK = 65536 };
    const char *path = NULL;
    HEDDLE_TRY(path_make(fs, name, &path, error));
    FILE *file = fopen(path, "rbe");
    if (file == NULL || offset > INT64_MAX || fseeko(file, (off_t)offset, SEEK_SET) != 0) {
        const int status =
            heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", path, strerror(errno));
        if (file != NULL) {
            fclose(file);
        }
        return status;
    }
    size_t got = 1;
    while (length > 0 && got > 0) {
        const size_t wanted = length < BLOCK ? (size_t)length : BLOCK;
        uint8_t *room = heddle_buffer_reserve(out, wanted);
        got = room != NULL ? fread(room, 1, wanted, file) : 0;
        out->length += got;
        length -= got;
    }
    const bool failed = ferror(file) != 0;
    fclose(file);
    HEDDLE_TRY(heddle_buffer_check(out, error));
    return failed ? heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", path, strerror(errno))
                  : HEDDLE_OK;
}

int heddle_fs_local_put(struct heddle_fs *fs, const char *name, bool replace,
                        const struct heddle_fs_bytes *bytes, struct heddle_error *error)
{
    const char *path = NULL;
    HEDDLE_TRY(path_make(fs, name, &path, error));
    return replace ? heddle_file_write(path, bytes->at, bytes->length, error)
                   : heddle_file_create(path, bytes->at, bytes->length, error);
}

int heddle_fs_local_remove(struct heddle_fs *fs, const char *name, struct heddle_error *error)
{
    const char *path = NULL;
    HEDDLE_TRY(path_make(fs, name, &path, error));
    return unlink(path) == 0 || errno == ENOENT
               ? HEDDLE_OK
               : heddle_error_set(error, HEDDLE_SOURCE, "cannot remove %s: %s", path, strerror(errno));
}
