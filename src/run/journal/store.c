/* store.c: a folder as the place of a journal.
 *
 * fdatasync() flushes what a later read needs, the new length included; the folder itself is flushed when a name comes or goes.
 */
#include "run/journal/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"

static const char LOCK_NAME[] = "lock";

/* A segment is closed at a few MiB; what is far larger is none. */
#define OBJECT_BYTES_MAX ((size_t)1 << 30)

struct folder_store {
    char *folder;
    int directory; /* open for openat() and fsync() */
    int lock;
    int file; /* that was appended to last, or -1 */
    char *file_name;
};

static int cannot(const struct folder_store *store, const char *verb, const char *name,
                  struct heddle_error *error)
{
    const int reason = errno;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return heddle_error_set(error, HEDDLE_IO, "cannot %s %s/%s: %s%s", verb, store->folder, name,
                            strerror(reason),
                            full ? ". Nothing is sent that is not noted there first: make room on that disk, "
                                   "or move the checkpoint, and run again"
                                 : "");
}

static void close_file(struct folder_store *store)
{
    if (store->file >= 0) {
        close(store->file);
        store->file = -1;
    }
    free(store->file_name);
    store->file_name = NULL;
}

static int folder_list(void *self, int (*visit)(void *context, const char *name, struct heddle_error *error),
                       void *context, struct heddle_error *error)
{
    const struct folder_store *store = self;
    DIR *directory = opendir(store->folder);
    if (directory == NULL) {
        return cannot(store, "read the folder", ".", error);
    }
    int status = HEDDLE_OK;
    errno = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL && status == HEDDLE_OK;
         entry = readdir(directory)) {
        status = visit(context, entry->d_name, error);
        errno = 0;
    }
    if (status == HEDDLE_OK && errno != 0) {
        status = cannot(store, "read the folder", ".", error);
    }
    closedir(directory);
    return status;
}

static int read_open_file(const struct folder_store *store, int file, const char *name,
                          struct heddle_buffer *out, struct heddle_error *error)
{
    struct stat state;
    if (fstat(file, &state) != 0) {
        return cannot(store, "read", name, error);
    }
    if (!S_ISREG(state.st_mode) || (uint64_t)state.st_size > OBJECT_BYTES_MAX) {
        return heddle_error_set(error, HEDDLE_IO, "%s/%s is no part of a journal (%llu bytes)", store->folder,
                                name, (unsigned long long)state.st_size);
    }
    size_t left = (size_t)state.st_size;
    uint8_t *place = heddle_buffer_reserve(out, left + 1); /* + 1: an empty file has a place too */
    if (place == NULL) {
        return heddle_error_out_of_memory(error);
    }
    while (left > 0) {
        const ssize_t got = read(file, place, left);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return cannot(store, "read", name, error);
        }
        if (got == 0) {
            break;
        }
        place += got;
        out->length += (size_t)got;
        left -= (size_t)got;
    }
    return HEDDLE_OK;
}

static int folder_read(void *self, const char *name, struct heddle_buffer *out, struct heddle_error *error)
{
    const struct folder_store *store = self;
    const int file = openat(store->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) {
        return cannot(store, "open", name, error);
    }
    const int status = read_open_file(store, file, name, out, error);
    close(file);
    return status;
}

static int folder_put(void *self, const char *name, const void *bytes, size_t length,
                      struct heddle_error *error)
{
    struct folder_store *store = self;
    close_file(store);
    struct heddle_buffer path = {0};
    heddle_buffer_append_format(&path, "%s/%s", store->folder, name);
    const char *text = heddle_buffer_text(&path);
    int status = text == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = heddle_file_write(text, bytes, length, error);
    }
    heddle_buffer_free(&path);
    if (status == HEDDLE_OK && fsync(store->directory) != 0) {
        status = cannot(store, "flush", ".", error);
    }
    return status;
}

static int open_for_append(struct folder_store *store, const char *name, struct heddle_error *error)
{
    if (store->file_name != NULL && strcmp(store->file_name, name) == 0) {
        return HEDDLE_OK;
    }
    close_file(store);
    store->file_name = heddle_strdup(name);
    if (store->file_name == NULL) {
        return heddle_error_out_of_memory(error);
    }
    store->file =
        openat(store->directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (store->file < 0) {
        const int status = cannot(store, "open", name, error);
        close_file(store);
        return status;
    }
    return fsync(store->directory) == 0 ? HEDDLE_OK : cannot(store, "flush", ".", error);
}

static int folder_append(void *self, const char *name, const void *bytes, size_t length,
                         struct heddle_error *error)
{
    struct folder_store *store = self;
    HEDDLE_TRY(open_for_append(store, name, error));
    if (!heddle_file_write_all(store->file, bytes, length)) {
        return cannot(store, "write", name, error);
    }
    return fdatasync(store->file) == 0 ? HEDDLE_OK : cannot(store, "flush", name, error);
}

static int folder_remove(void *self, const char *name, struct heddle_error *error)
{
    struct folder_store *store = self;
    if (store->file_name != NULL && strcmp(store->file_name, name) == 0) {
        close_file(store);
    }
    if (unlinkat(store->directory, name, 0) != 0 && errno != ENOENT) {
        return cannot(store, "remove", name, error);
    }
    return HEDDLE_OK;
}

static void folder_close(void *self)
{
    struct folder_store *store = self;
    close_file(store);
    if (store->lock >= 0) {
        close(store->lock);
    }
    if (store->directory >= 0) {
        close(store->directory);
    }
    free(store->folder);
    free(store);
}

/* Some network file systems know no locks: there the load's epoch in the database alone keeps a second run out. */
static int take_lock(struct folder_store *store, struct heddle_error *error)
{
    store->lock = openat(store->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (store->lock < 0) {
        return cannot(store, "open", LOCK_NAME, error);
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_IO,
        "another run of this load is at work: it holds %s/%s. Wait for its end, or stop it, "
        "and run again",
        store->folder, LOCK_NAME);
}

static int folder_open(struct folder_store *store, const char *folder, struct heddle_error *error)
{
    store->folder = heddle_strdup(folder);
    if (store->folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_folder_make(folder, error));
    store->directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory < 0) {
        return cannot(store, "open", ".", error);
    }
    return take_lock(store, error);
}

int heddle_journal_store_open(const char *folder, struct heddle_journal_store *store_out,
                              struct heddle_error *error)
{
    struct folder_store *store = heddle_calloc(1, sizeof *store);
    if (store == NULL) {
        return heddle_error_out_of_memory(error);
    }
    store->directory = store->lock = store->file = -1;
    const int status = folder_open(store, folder, error);
    if (status != HEDDLE_OK) {
        folder_close(store);
        return status;
    }
    *store_out = (struct heddle_journal_store){
        .self = store,
        .where = store->folder,
        .appends = true,
        .list = folder_list,
        .read = folder_read,
        .create = folder_put, /* the lock keeps others from making one meanwhile */
        .put = folder_put,
        .append = folder_append,
        .remove = folder_remove,
        .close = folder_close,
    };
    return HEDDLE_OK;
}

void heddle_journal_store_close(struct heddle_journal_store *store)
{
    if (store->close != NULL) {
        store->close(store->self);
    }
    *store = (struct heddle_journal_store){0};
}
