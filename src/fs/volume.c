/* volume.c: what a folder can do is found out by doing it. */
#include "fs/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

/* Some volumes have no flush of their own: closing the file is their flush. */
static bool flush(int file)
{
    return fsync(file) == 0 || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
}

/* Flushes and closes. False with errno where either fails. */
static bool end_file(int file, bool good)
{
    int reason = good && flush(file) ? 0 : errno;
    if (close(file) != 0 && reason == 0) {
        reason = errno;
    }
    errno = reason;
    return good && reason == 0;
}

int heddle_volume_write(const char *path, bool replace, const void *bytes, size_t length,
                        struct heddle_error *error)
{
    const int how = replace ? O_TRUNC : O_EXCL;
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
    if (file < 0 && errno == EEXIST) {
        return heddle_error_set(error, HEDDLE_CLOSED, "%s is there already", path);
    }
    if (file < 0 || !end_file(file, heddle_file_write_all(file, bytes, length))) {
        return heddle_error_set(error, HEDDLE_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return HEDDLE_OK;
}

static bool try_append(const char *path)
{
    char text[4] = "";
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0 || !end_file(file, heddle_file_write_all(file, "b", 1))) {
        return false;
    }
    file = open(path, O_RDONLY | O_CLOEXEC);
    const bool good = file >= 0 && read(file, text, sizeof text) == 2 && memcmp(text, "ab", 2) == 0;
    if (file >= 0) {
        close(file);
    }
    return good;
}

static bool try_lock(const char *path)
{
    const int file = open(path, O_RDWR | O_CLOEXEC);
    const bool good = file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0;
    if (file >= 0) {
        close(file);
    }
    return good;
}

int heddle_volume_try(const char *folder, struct heddle_volume *volume_out, struct heddle_error *error)
{
    struct heddle_buffer first = {0};
    struct heddle_buffer second = {0};
    heddle_buffer_append_format(&first, "%s/.try.%ld", folder, (long)getpid());
    heddle_buffer_append_format(&second, "%s/.tried.%ld", folder, (long)getpid());
    const char *path = heddle_buffer_text(&first);
    const char *other = heddle_buffer_text(&second);
    int status = path == NULL || other == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        unlink(path); /* of a process of the same number that was killed here */
        status = heddle_volume_write(path, false, "a", 1, error);
    }
    if (status == HEDDLE_OK) {
        *volume_out = (struct heddle_volume){.locks = try_lock(path)};
        volume_out->appends = try_append(path);
        volume_out->renames = rename(path, other) == 0;
        unlink(path);
        unlink(other);
    }
    heddle_buffer_free(&first);
    heddle_buffer_free(&second);
    return status;
}
