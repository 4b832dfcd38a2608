/* mirror.c: a store's folder on disk: what was listed, what is there, what must come. */
#include "fs/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "fs/cache.h"

enum {
    NANOSECONDS_PER_MILLISECOND = 1000000,
    LOCK_TRIES = 8, /* a copy that others throw out again and again */
};

static const uint64_t MARK_SEED = UINT64_C(0x8f14e45fceea167a);

struct listed {
    const char *name;
    uint64_t size;
    int64_t modified_ms;
    uint32_t mark;
};

struct heddle_mirror {
    struct heddle_fs *fs;
    struct heddle_arena *arena;
    struct heddle_arena *listing;
    const char *cache;  /* the folder of all mirrors */
    const char *folder; /* this one's */
    uint64_t limit;
    uint64_t room; /* bytes that may still come in before the cache is looked through again */
    uint64_t fetched;
    struct listed *files; /* ascending names */
    size_t count;
    size_t capacity;
};

/* Six digits that change with the content, never 0. */
static uint32_t mark_of(const char *etag)
{
    size_t length = strlen(etag);
    if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"') {
        etag++;
        length -= 2;
    }
    return (uint32_t)(heddle_hash_bytes(etag, length, MARK_SEED) % (NANOSECONDS_PER_MILLISECOND - 1)) + 1;
}

/* ---- opening ---- */

static int cache_find(struct heddle_mirror *mirror, const struct heddle_fs_settings *settings,
                      struct heddle_error *error)
{
    const char *folder = settings != NULL ? settings->cache_folder : NULL;
    const bool any = settings != NULL && settings->variable != NULL;
    const char *xdg = any ? settings->variable(settings->context, "XDG_CACHE_HOME") : NULL;
    const char *home = any ? settings->variable(settings->context, "HOME") : NULL;
    if (folder != NULL && folder[0] != '\0') {
        mirror->cache = heddle_arena_copy_text(mirror->arena, folder, strlen(folder));
    } else if (xdg != NULL && xdg[0] == '/') {
        mirror->cache = heddle_arena_format(mirror->arena, "%s/heddle/files", xdg);
    } else if (home != NULL && home[0] == '/') {
        mirror->cache = heddle_arena_format(mirror->arena, "%s/.cache/heddle/files", home);
    } else {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "there is no place to keep files of %s: set XDG_CACHE_HOME or HOME, or name a folder "
            "with --source-cache",
            heddle_fs_uri(mirror->fs));
    }
    return mirror->cache != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* The URI as folders, and which server it is asked of: two servers may have a bucket of one name. */
static int folder_make(struct heddle_mirror *mirror, const struct heddle_fs_settings *settings,
                       struct heddle_error *error)
{
    static const char *const servers[] = {"AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT",
                                          "STORAGE_EMULATOR_HOST"};
    struct heddle_buffer path = {0};
    uint64_t server = MARK_SEED;
    const char *uri = heddle_fs_uri(mirror->fs);
    for (size_t i = 0; settings != NULL && settings->variable != NULL && i < 3; i++) {
        const char *value = settings->variable(settings->context, servers[i]);
        server = value != NULL ? heddle_hash_bytes(value, strlen(value), server + i) : server;
    }
    heddle_buffer_append_format(&path, "%s/%08" PRIx32, mirror->cache, (uint32_t)server);
    for (const char *part = uri; *part != '\0';) {
        const size_t length = strcspn(part, "/");
        if ((length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.')) {
            heddle_buffer_free(&path);
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "%.200s has a part `.` or `..`: name the folder itself", uri);
        }
        if (length > 0) {
            heddle_buffer_append_byte(&path, '/');
            heddle_buffer_append(&path, part, length);
        }
        part += length;
        part += *part == '/' ? 1 : 0;
    }
    heddle_buffer_append_byte(&path, '/');
    int status = heddle_buffer_check(&path, error);
    if (status == HEDDLE_OK) {
        status = heddle_cache_folders_make(heddle_buffer_text(&path), error);
    }
    if (status == HEDDLE_OK) {
        mirror->folder = heddle_arena_copy_text(mirror->arena, (const char *)path.bytes, path.length - 1);
        status = mirror->folder != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    heddle_buffer_free(&path);
    return status;
}

static int mirror_fill(struct heddle_mirror *mirror, const char *uri,
                       const struct heddle_fs_settings *settings, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_arena_create(0, &mirror->arena, error));
    HEDDLE_TRY(heddle_arena_create(0, &mirror->listing, error));
    HEDDLE_TRY(heddle_fs_open(uri, settings, &mirror->fs, error));
    HEDDLE_TRY(cache_find(mirror, settings, error));
    mirror->limit =
        settings != NULL && settings->cache_bytes > 0 ? settings->cache_bytes : HEDDLE_MIRROR_BYTES;
    return folder_make(mirror, settings, error);
}

int heddle_mirror_open(const char *uri, const struct heddle_fs_settings *settings,
                       struct heddle_mirror **mirror_out, struct heddle_error *error)
{
    struct heddle_mirror *mirror = heddle_calloc(1, sizeof *mirror);
    if (mirror == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = mirror_fill(mirror, uri, settings, error);
    if (status != HEDDLE_OK) {
        heddle_mirror_close(mirror);
        return status;
    }
    *mirror_out = mirror;
    return HEDDLE_OK;
}

void heddle_mirror_close(struct heddle_mirror *mirror)
{
    if (mirror != NULL) {
        heddle_fs_close(mirror->fs);
        heddle_arena_destroy(mirror->listing);
        heddle_arena_destroy(mirror->arena);
        free(mirror->files);
        free(mirror);
    }
}

const char *heddle_mirror_folder(const struct heddle_mirror *mirror)
{
    return mirror->folder;
}

const char *heddle_mirror_uri(const struct heddle_mirror *mirror)
{
    return heddle_fs_uri(mirror->fs);
}

uint64_t heddle_mirror_fetched(const struct heddle_mirror *mirror)
{
    return mirror->fetched;
}

/* ---- listings ---- */

struct adding {
    struct heddle_mirror *mirror;
    heddle_fs_add *add;
    void *context;
};

static int listed_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    const struct adding *adding = context;
    struct heddle_mirror *mirror = adding->mirror;
    const char *name = heddle_arena_copy_text(mirror->listing, entry->name, strlen(entry->name));
    if (mirror->count == HEDDLE_FS_FILES_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s holds more than %d files",
                                heddle_fs_uri(mirror->fs), HEDDLE_FS_FILES_MAX);
    }
    if (name == NULL || heddle_grow((void **)&mirror->files, &mirror->capacity, mirror->count + 1,
                                    sizeof *mirror->files) != 0) {
        return heddle_error_out_of_memory(error);
    }
    mirror->files[mirror->count++] = (struct listed){
        .name = name, .size = entry->size, .modified_ms = entry->modified_ms, .mark = mark_of(entry->etag)};
    return adding->add != NULL ? adding->add(adding->context, entry, error) : HEDDLE_OK;
}

static int listed_compare(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

static void listing_begin(struct heddle_mirror *mirror)
{
    heddle_arena_reset(mirror->listing);
    mirror->count = 0;
}

int heddle_mirror_list(struct heddle_mirror *mirror, const char *below, heddle_fs_add *add, void *context,
                       struct heddle_error *error)
{
    struct adding adding = {.mirror = mirror, .add = add, .context = context};
    listing_begin(mirror);
    HEDDLE_TRY(heddle_fs_list(mirror->fs, below, listed_add, &adding, error));
    if (mirror->count > 1) {
        qsort(mirror->files, mirror->count, sizeof *mirror->files, listed_compare);
    }
    return HEDDLE_OK;
}

int heddle_mirror_find(struct heddle_mirror *mirror, const char *name, bool *found_out,
                       struct heddle_error *error)
{
    struct adding adding = {.mirror = mirror};
    listing_begin(mirror);
    return heddle_fs_find(mirror->fs, name, found_out, listed_add, &adding, error);
}

static const struct listed *listed_find(const struct heddle_mirror *mirror, const char *name)
{
    const struct listed key = {.name = name};
    return mirror->count > 0
               ? bsearch(&key, mirror->files, mirror->count, sizeof *mirror->files, listed_compare)
               : NULL;
}

bool heddle_mirror_known(const struct heddle_mirror *mirror, const char *name,
                         struct heddle_fs_entry *entry_out)
{
    const struct listed *file = listed_find(mirror, name);
    if (file != NULL) {
        *entry_out = (struct heddle_fs_entry){
            .name = file->name, .size = file->size, .modified_ms = file->modified_ms, .etag = ""};
    }
    return file != NULL;
}

/* ---- holding ---- */

/* Whether an open copy is the file that is wanted. */
static bool is_current(int copy, const struct listed *listed, int64_t size)
{
    struct stat info;
    if (fstat(copy, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink == 0) {
        return false;
    }
    if (listed != NULL) {
        return (uint64_t)info.st_size == listed->size &&
               (uint32_t)(info.st_mtim.tv_nsec % NANOSECONDS_PER_MILLISECOND) == listed->mark;
    }
    return size < 0 || info.st_size == size;
}

/* Locks the copy at `path` where it is there and current; -1 where it is not. */
static int copy_lock(const char *path, const struct listed *listed, int64_t size)
{
    const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    const int copy = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (copy >= 0 && (flock(copy, LOCK_SH) != 0 || !is_current(copy, listed, size))) {
        close(copy);
        return -1;
    }
    if (copy >= 0) {
        (void)futimens(copy, now); /* used now: the last to be thrown out */
    }
    return copy;
}

static int room_make(struct heddle_mirror *mirror, uint64_t bytes, struct heddle_error *error)
{
    uint64_t total = 0;
    if (bytes <= mirror->room) {
        mirror->room -= bytes;
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_cache_make_room(mirror->cache, bytes, mirror->limit, &total, error));
    /* Other processes bring files too: half of what is left may come in unseen. */
    mirror->room = (mirror->limit - total - bytes) / 2;
    return HEDDLE_OK;
}

/* Gives a fresh copy the store's time and mark, and then its name. */
static int copy_finish(const char *part, const char *path, const struct listed *listed, int64_t size,
                       struct heddle_error *error)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    struct stat info;
    if (stat(part, &info) != 0) {
        return heddle_error_set(error, HEDDLE_IO, "%s cannot be read: %s", part, strerror(errno));
    }
    const int64_t expected = listed != NULL ? (int64_t)listed->size : size;
    if (expected >= 0 && info.st_size != expected) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s has %" PRId64 " bytes in the store, not %" PRId64
                                " as was said of it: it is being written, or damaged",
                                path, (int64_t)info.st_size, expected);
    }
    if (listed != NULL) {
        times[1].tv_sec = (time_t)(listed->modified_ms / 1000);
        times[1].tv_nsec =
            (long)(listed->modified_ms % 1000) * NANOSECONDS_PER_MILLISECOND + (long)listed->mark;
    }
    if (utimensat(AT_FDCWD, part, times, 0) != 0 || rename(part, path) != 0) {
        return heddle_error_set(error, HEDDLE_IO, "%s cannot be written: %s", path, strerror(errno));
    }
    return HEDDLE_OK;
}

static int copy_fetch(struct heddle_mirror *mirror, const char *name, const char *path,
                      const struct listed *listed, int64_t size, struct heddle_error *error)
{
    /* Nobody has said how large it is: it is found in the store. */
    uint64_t bytes = listed != NULL ? listed->size : size >= 0 ? (uint64_t)size : 0;
    struct heddle_buffer part = {0};
    const char *slash = strrchr(path, '/');
    (void)unlink(path);
    HEDDLE_TRY(room_make(mirror, bytes, error));
    HEDDLE_TRY(heddle_cache_folders_make(path, error));
    /* No two threads write one part. */
    heddle_buffer_append(&part, path, (size_t)(slash - path) + 1);
    heddle_buffer_append_format(&part, HEDDLE_CACHE_PART "%ld", (long)gettid());
    const char *part_path = heddle_buffer_text(&part);
    int status = heddle_buffer_check(&part, error);
    if (status == HEDDLE_OK) {
        status = heddle_fs_download(mirror->fs, name, part_path, error);
    }
    if (status == HEDDLE_OK) {
        status = copy_finish(part_path, path, listed, size, error);
        if (status != HEDDLE_OK) {
            (void)unlink(part_path);
        }
    }
    mirror->fetched += status == HEDDLE_OK ? bytes : 0;
    heddle_buffer_free(&part);
    return status;
}

int heddle_mirror_hold(struct heddle_mirror *mirror, const char *path, int64_t size,
                       struct heddle_mirror_hold *hold, struct heddle_error *error)
{
    const size_t folder = strlen(mirror->folder);
    hold->lock = -1;
    if (strncmp(path, mirror->folder, folder) != 0 || path[folder] != '/') {
        return heddle_error_set(error, HEDDLE_SOURCE, "%.200s is not below %.200s", path, mirror->folder);
    }
    const char *name = path + folder + 1;
    if (name[0] == '\0' || !heddle_fs_name_is_plain(name)) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%.200s leads out of %.200s, or is no name of a file",
                                name, heddle_fs_uri(mirror->fs));
    }
    const struct listed *listed = listed_find(mirror, name);
    for (int i = 0; i < LOCK_TRIES; i++) {
        hold->lock = copy_lock(path, listed, size);
        if (hold->lock >= 0) {
            return HEDDLE_OK;
        }
        HEDDLE_TRY(copy_fetch(mirror, name, path, listed, size, error));
    }
    return heddle_error_set(error, HEDDLE_IO, "%s is thrown out of the cache as often as it comes", path);
}

void heddle_mirror_release(struct heddle_mirror_hold *hold)
{
    if (hold != NULL && hold->lock >= 0) {
        close(hold->lock);
        hold->lock = -1;
    }
}
