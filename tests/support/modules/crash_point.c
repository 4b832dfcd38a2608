/* crash_point.c: kills the program at one exact step of its work on disk and wire, without a line of it in the program: loaded with
 * LD_PRELOAD it sits before the system calls that matter.
 *
 *   HEDDLE_CRASH=POINT:N     SIGKILL at the N-th time (1, 2, …) that the program comes to POINT
 *   HEDDLE_DISK_FULL=N       the N-th write to the journal, and every later one, finds the disk full
 *
 * Points, in the order of a transaction's life:
 *   journal.write    before a block is written          journal.torn     when half of it is written
 *   journal.written  before it is flushed               journal.flushed  on disk, nothing sent
 *   wire.sent        sent, no answer                    wire.answered    answered, outcome not noted
 *   offsets.named, progress.named, commits.named, totals.named    before a file of the checkpoint gets its name;    *.there   behind it
 *   journal.removed  a segment is gone                  vectors.torn     half a block of kept vectors is written
 *   rejects.torn     half a line of rejects is written  file.write       before DuckDB writes to its log
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands before the system's functions must be seen from outside. */
#pragma GCC visibility push(default)

enum { PATH_BYTES = 512 };

static _Atomic long seen;

/* True at the step that HEDDLE_CRASH names. */
static bool is_here(const char *point)
{
    const char *wanted = getenv("HEDDLE_CRASH");
    const size_t length = strlen(point);
    if (wanted == NULL || strncmp(wanted, point, length) != 0 || wanted[length] != ':') {
        return false;
    }
    return atomic_fetch_add(&seen, 1) + 1 == strtol(wanted + length + 1, NULL, 10);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

static void point(const char *name)
{
    if (is_here(name)) {
        die();
    }
}

static const char *path_of(int file, char path[static PATH_BYTES])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, PATH_BYTES - 1);
    path[length < 0 ? 0 : length] = '\0';
    return path;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text);
    const size_t end = strlen(ending);
    return length >= end && strcmp(text + length - end, ending) == 0;
}

#define NEXT(name, type) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

typedef ssize_t write_function(int, const void *, size_t);

static ssize_t write_half_and_die(int file, const void *bytes, size_t length)
{
    const ssize_t written = NEXT("write", write_function *)(file, bytes, length / 2);
    die();
    return written;
}

ssize_t write(int file, const void *bytes, size_t length)
{
    char path[PATH_BYTES];
    path_of(file, path);
    if (ends_with(path, ".journal")) {
        const char *full = getenv("HEDDLE_DISK_FULL");
        if (full != NULL && atomic_fetch_add(&seen, 1) + 1 >= strtol(full, NULL, 10)) {
            errno = ENOSPC;
            return -1;
        }
        point("journal.write");
        if (is_here("journal.torn")) {
            return write_half_and_die(file, bytes, length);
        }
        const ssize_t written = NEXT("write", write_function *)(file, bytes, length);
        point("journal.written");
        return written;
    }
    if (ends_with(path, ".vectors") && is_here("vectors.torn")) {
        return write_half_and_die(file, bytes, length);
    }
    if (ends_with(path, ".wal")) {
        point("file.write");
    }
    return NEXT("write", write_function *)(file, bytes, length);
}

/* A line of rejects leaves through a stream, whose own write() cannot be seen from here. */
int fputs(const char *text, FILE *stream)
{
    typedef int function(const char *, FILE *);
    char path[PATH_BYTES];
    if (strlen(text) > 80 && ends_with(path_of(fileno(stream), path), ".jsonl") && is_here("rejects.torn")) {
        return (int)write_half_and_die(fileno(stream), text, strlen(text));
    }
    return NEXT("fputs", function *)(text, stream);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset)
{
    typedef ssize_t function(int, const void *, size_t, off64_t);
    char path[PATH_BYTES];
    if (ends_with(path_of(file, path), ".wal") || ends_with(path, ".duckdb")) {
        point("file.write");
    }
    return NEXT("pwrite64", function *)(file, bytes, length, offset);
}

int fdatasync(int file)
{
    typedef int function(int);
    char path[PATH_BYTES];
    const int answer = NEXT("fdatasync", function *)(file);
    if (ends_with(path_of(file, path), ".journal")) {
        point("journal.flushed");
    }
    return answer;
}

ssize_t send(int socket, const void *bytes, size_t length, int flags)
{
    typedef ssize_t function(int, const void *, size_t, int);
    const ssize_t sent = NEXT("send", function *)(socket, bytes, length, flags);
    point("wire.sent");
    return sent;
}

ssize_t recv(int socket, void *bytes, size_t length, int flags)
{
    typedef ssize_t function(int, void *, size_t, int);
    const ssize_t got = NEXT("recv", function *)(socket, bytes, length, flags);
    if (got > 0) {
        point("wire.answered");
    }
    return got;
}

/* The file of the checkpoint that gets its name here, or NULL. */
static const char *checkpoint_file(const char *path)
{
    return strstr(path, "/commits/") != NULL   ? "commits"
           : strstr(path, "/offsets/") != NULL ? "offsets"
           : ends_with(path, "/progress")      ? "progress"
           : ends_with(path, "/totals.json")   ? "totals"
                                               : NULL;
}

static void checkpoint_point(const char *path, const char *when)
{
    char name[32];
    const char *file = checkpoint_file(path);
    if (file != NULL) {
        snprintf(name, sizeof name, "%s.%s", file, when);
        point(name);
    }
}

int rename(const char *from, const char *to)
{
    typedef int function(const char *, const char *);
    checkpoint_point(to, "named");
    const int answer = NEXT("rename", function *)(from, to);
    checkpoint_point(to, "there");
    return answer;
}

/* A file that may not replace another is linked to its name. */
int link(const char *from, const char *to)
{
    typedef int function(const char *, const char *);
    checkpoint_point(to, "named");
    const int answer = NEXT("link", function *)(from, to);
    checkpoint_point(to, "there");
    return answer;
}

int unlinkat(int folder, const char *name, int flags)
{
    typedef int function(int, const char *, int);
    const int answer = NEXT("unlinkat", function *)(folder, name, flags);
    if (ends_with(name, ".journal")) {
        point("journal.removed");
    }
    return answer;
}
