/* folder.c: mkdir -p, and a write that is seen whole or not at all. */
#include "run/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

bool heddle_folder_is(const char *path)
{
    struct stat about;
    return path != NULL && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static int make_one(const char *path, struct heddle_error *error)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_IO, "cannot make the folder %s: %s", path, strerror(errno));
}

int heddle_folder_make(const char *path, struct heddle_error *error)
{
    char *copy = heddle_strdup(path);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    for (char *slash = strchr(copy + (copy[0] == '/'), '/'); slash != NULL && status == HEDDLE_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_one(copy, error);
        *slash = '/';
    }
    if (status == HEDDLE_OK) {
        status = make_one(copy, error);
    }
    free(copy);
    return status;
}

/* Folders that nftw holds open at once. */
enum { OPEN_FOLDERS = 16 };

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void heddle_folder_remove(const char *path)
{
    (void)nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(file, bytes, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return fsync(file) == 0;
}

int heddle_file_write(const char *path, const void *bytes, size_t length, struct heddle_error *error)
{
    struct heddle_buffer name = {0};
    heddle_buffer_append_format(&name, "%s.tmp", path);
    const char *temporary = heddle_buffer_text(&name);
    if (temporary == NULL) {
        heddle_buffer_free(&name);
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = file >= 0 && write_all(file, bytes, length);
    int reason = errno;
    if (file >= 0 && close(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && rename(temporary, path) != 0) {
        good = false;
        reason = errno;
    }
    if (!good) {
        status = heddle_error_set(error, HEDDLE_IO, "cannot write %s: %s", path, strerror(reason));
        unlink(temporary);
    }
    heddle_buffer_free(&name);
    return status;
}
