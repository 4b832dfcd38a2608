/* file.c: whole files, with the care that a crash at any moment asks for. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BLOCK = 16 * 1024 };

int heddle_file_read(const char *path, size_t bytes_max, struct heddle_buffer *out, bool *found_out,
                     struct heddle_error *error)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t total = 0;
    ssize_t got = 1;
    if (found_out != NULL) {
        *found_out = file >= 0;
    }
    if (file < 0) {
        return errno == ENOENT && found_out != NULL
                   ? HEDDLE_OK
                   : heddle_error_set(error, HEDDLE_IO, "cannot read %s: %s", path, strerror(errno));
    }
    int status = HEDDLE_OK;
    while (got > 0 && status == HEDDLE_OK) {
        uint8_t *room = heddle_buffer_reserve(out, READ_BLOCK);
        if (room == NULL) {
            status = heddle_error_out_of_memory(error);
            break;
        }
        do {
            got = read(file, room, READ_BLOCK);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            status = heddle_error_set(error, HEDDLE_IO, "cannot read %s: %s", path, strerror(errno));
        } else {
            out->length += (size_t)got;
            total += (size_t)got;
        }
        if (status == HEDDLE_OK && total > bytes_max) {
            status =
                heddle_error_set(error, HEDDLE_IO, "%s is larger than %zu bytes: it is not what it should be",
                                 path, bytes_max);
        }
    }
    close(file);
    return status;
}

bool heddle_file_write_all(int file, const void *bytes, size_t length)
{
    const char *from = bytes;
    while (length > 0) {
        const ssize_t written = write(file, from, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            from += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* Gives the file its name unless that name is taken. Some network and volume file systems have no hard links: there the name is
 * looked at first. */
static bool name_give(const char *temporary, const char *path)
{
    struct stat info;
    if (link(temporary, path) == 0) {
        unlink(temporary);
        return true;
    }
    if (errno == EEXIST) {
        return false;
    }
    if (stat(path, &info) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(temporary, path) == 0;
}

/* A name lives in its folder: it is on disk once the folder is. */
static void folder_flush(const char *path, struct heddle_buffer *scratch)
{
    const char *slash = strrchr(path, '/');
    heddle_buffer_reset(scratch);
    if (slash == NULL) {
        heddle_buffer_append_text(scratch, ".");
    } else {
        heddle_buffer_append(scratch, path, (size_t)(slash - path) + 1);
    }
    const char *name = heddle_buffer_text(scratch);
    const int folder = name != NULL ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder >= 0) {
        (void)fsync(folder); /* where a file system cannot, the rename is all there is */
        close(folder);
    }
}

/* The temporary name: hidden, and not a number, so that neither Spark nor we take it for a file of a log. */
static const char *temporary_name(const char *path, struct heddle_buffer *name)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    heddle_buffer_append(name, path, (size_t)(base - path));
    heddle_buffer_append_format(name, ".%s.%ld.tmp", base, (long)getpid());
    return heddle_buffer_text(name);
}

/* A whole file under a name that nobody looks for yet, flushed to disk. 0, or the errno of what failed. */
static int temporary_write(const char *temporary, const void *bytes, size_t length)
{
    const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        return errno;
    }
    int reason = heddle_file_write_all(file, bytes, length) && fsync(file) == 0 ? 0 : errno;
    if (close(file) != 0 && reason == 0) {
        reason = errno;
    }
    return reason;
}

int heddle_file_create(const char *path, const void *bytes, size_t length, struct heddle_error *error)
{
    struct heddle_buffer name = {0};
    const char *temporary = temporary_name(path, &name);
    if (temporary == NULL) {
        heddle_buffer_free(&name);
        return heddle_error_out_of_memory(error);
    }
    int reason = temporary_write(temporary, bytes, length);
    if (reason == 0 && !name_give(temporary, path)) {
        reason = errno;
    }
    int status = HEDDLE_OK;
    if (reason == 0) {
        folder_flush(path, &name);
    } else {
        unlink(temporary);
        status = reason == EEXIST
                     ? heddle_error_set(error, HEDDLE_CLOSED, "%s is there already", path)
                     : heddle_error_set(error, HEDDLE_IO, "cannot write %s: %s", path, strerror(reason));
    }
    heddle_buffer_free(&name);
    return status;
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
    int reason = temporary_write(temporary, bytes, length);
    if (reason == 0 && rename(temporary, path) != 0) {
        reason = errno;
    }
    int status = HEDDLE_OK;
    if (reason != 0) {
        status = heddle_error_set(error, HEDDLE_IO, "cannot write %s: %s", path, strerror(reason));
        unlink(temporary);
    }
    heddle_buffer_free(&name);
    return status;
}
