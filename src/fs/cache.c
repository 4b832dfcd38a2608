/* cache.c: the walk over the cache, oldest out. */
#include "fs/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/memory.h"

enum {
    DEPTH_MAX = 64, /* folders within folders: a key has few */
    PART_AGE_S = 3600,
};

struct kept {
    const char *path;
    uint64_t bytes;
    struct timespec used;
};

struct walk {
    struct heddle_arena *arena;
    struct kept *files;
    size_t count;
    size_t capacity;
    uint64_t total;
};

static int file_note(struct walk *walk, const char *path, const struct stat *info, struct heddle_error *error)
{
    if (heddle_grow((void **)&walk->files, &walk->capacity, walk->count + 1, sizeof *walk->files) != 0) {
        return heddle_error_out_of_memory(error);
    }
    walk->files[walk->count++] =
        (struct kept){.path = path, .bytes = (uint64_t)info->st_size, .used = info->st_atim};
    walk->total += (uint64_t)info->st_size;
    return HEDDLE_OK;
}

static int folder_walk(struct walk *walk, const char *folder, int depth, struct heddle_error *error)
{
    DIR *names = depth < DEPTH_MAX ? opendir(folder) : NULL;
    int status = HEDDLE_OK;
    if (names == NULL) {
        return HEDDLE_OK; /* gone meanwhile, or not ours to read */
    }
    for (const struct dirent *entry = readdir(names); entry != NULL && status == HEDDLE_OK;
         entry = readdir(names)) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        const char *path = heddle_arena_format(walk->arena, "%s/%s", folder, entry->d_name);
        if (path == NULL) {
            status = heddle_error_out_of_memory(error);
        } else if (lstat(path, &info) != 0) {
            continue;
        } else if (S_ISDIR(info.st_mode)) {
            status = folder_walk(walk, path, depth + 1, error);
        } else if (S_ISREG(info.st_mode)) {
            const bool part = strncmp(entry->d_name, HEDDLE_CACHE_PART, strlen(HEDDLE_CACHE_PART)) == 0;
            if (part && time(NULL) - info.st_mtime > PART_AGE_S) {
                (void)unlink(path);
            } else if (!part) {
                status = file_note(walk, path, &info, error);
            }
        }
    }
    closedir(names);
    return status;
}

static int oldest_first(const void *a, const void *b)
{
    const struct kept *left = a;
    const struct kept *right = b;
    if (left->used.tv_sec != right->used.tv_sec) {
        return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
    }
    return left->used.tv_nsec < right->used.tv_nsec ? -1 : left->used.tv_nsec > right->used.tv_nsec;
}

/* Unlinks a file unless it is held. */
static bool file_drop(const struct kept *file)
{
    const int lock = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const bool dropped = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && unlink(file->path) == 0;
    if (lock >= 0) {
        close(lock);
    }
    return dropped || (lock < 0 && errno == ENOENT);
}

int heddle_cache_make_room(const char *folder, uint64_t bytes, uint64_t limit, uint64_t *total_out,
                           struct heddle_error *error)
{
    struct walk walk = {0};
    if (bytes > limit) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the file has %" PRIu64
                                " bytes, but the cache for files of stores may hold only %" PRIu64
                                ": raise --source-cache-bytes",
                                bytes, limit);
    }
    HEDDLE_TRY(heddle_arena_create(0, &walk.arena, error));
    int status = folder_walk(&walk, folder, 0, error);
    if (status == HEDDLE_OK && walk.total > limit - bytes) {
        qsort(walk.files, walk.count, sizeof *walk.files, oldest_first);
        for (size_t i = 0; i < walk.count && walk.total > limit - bytes; i++) {
            walk.total -= file_drop(&walk.files[i]) ? walk.files[i].bytes : 0;
        }
    }
    if (status == HEDDLE_OK && walk.total > limit - bytes) {
        status = heddle_error_set(error, HEDDLE_SOURCE,
                                  "%" PRIu64 " bytes more do not fit into the cache %.200s of %" PRIu64
                                  ": all that is in it is being read; raise --source-cache-bytes",
                                  bytes, folder, limit);
    }
    *total_out = walk.total;
    free(walk.files);
    heddle_arena_destroy(walk.arena);
    return status;
}

int heddle_cache_folders_make(const char *path, struct heddle_error *error)
{
    char *copy = heddle_strdup(path);
    int status = copy != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    for (char *at = copy; status == HEDDLE_OK && (at = strchr(at + 1, '/')) != NULL;) {
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
            status =
                heddle_error_set(error, HEDDLE_IO, "the folder %s cannot be made: %s", copy, strerror(errno));
        }
        *at = '/';
    }
    free(copy);
    return status;
}
