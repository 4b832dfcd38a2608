/* path.c: decoding and confining the paths of a log. */
#include "source/delta/path.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int heddle_delta_root_fill(const char *path, struct heddle_mirror *mirror, struct heddle_arena *arena,
                           struct heddle_delta_root *root, struct heddle_error *error)
{
    char real[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    root->mirror = mirror;
    if (mirror != NULL) {
        root->given = root->real = heddle_mirror_folder(mirror);
        return HEDDLE_OK;
    }
    if (realpath(path, real) == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the Delta table %s cannot be read: %s", path,
                                strerror(errno));
    }
    root->given = heddle_arena_copy_text(arena, path, length);
    root->real = heddle_arena_copy_text(arena, real, strlen(real));
    return root->given != NULL && root->real != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const int lower = tolower((unsigned char)digit);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Length of "scheme:" at the beginning, 0 where there is none. */
static size_t scheme_length(const char *uri)
{
    if (!isalpha((unsigned char)uri[0])) {
        return 0;
    }
    size_t length = 1;
    while (isalnum((unsigned char)uri[length]) ||
           (uri[length] != '\0' && strchr("+-.", uri[length]) != NULL)) {
        length++;
    }
    return uri[length] == ':' ? length + 1 : 0;
}

/* Takes "file:" and an empty or local host away from the front. */
static int file_scheme_strip(char **path, struct heddle_error *error)
{
    char *rest = *path + strlen("file:");
    if (strncmp(rest, "//", 2) == 0) {
        char *host = rest + 2;
        const size_t length = strcspn(host, "/");
        if (length > 0 && !(length == strlen("localhost") && strncmp(host, "localhost", length) == 0)) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "the log names %.200s, a file of another computer, which cannot be read",
                                    *path);
        }
        rest = host + length;
    }
    if (rest[0] != '/') {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log names %.200s, which is no absolute path",
                                *path);
    }
    *path = rest;
    return HEDDLE_OK;
}

static void slashes_collapse(char *path)
{
    char *out = path;
    for (const char *in = path; *in != '\0'; in++) {
        if (*in != '/' || out == path || out[-1] != '/') {
            *out++ = *in;
        }
    }
    *out = '\0';
}

int heddle_delta_path_decode(const char *uri, size_t length, struct heddle_arena *arena,
                             const char **path_out, struct heddle_error *error)
{
    char *path = heddle_arena_alloc_small(arena, length + 1);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)uri[i];
        if (byte == '%') {
            const int high = i + 2 < length ? hex_value(uri[i + 1]) : -1;
            const int low = i + 2 < length ? hex_value(uri[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return heddle_error_set(error, HEDDLE_SOURCE,
                                        "the log names %.*s, in which a %% is not followed by two hex digits",
                                        (int)(length > 200 ? 200 : length), uri);
            }
            byte = high * 16 + low;
            i += 2;
        }
        if (byte == 0) {
            return heddle_error_set(error, HEDDLE_SOURCE, "the log names a path that holds a zero byte");
        }
        path[written++] = (char)byte;
    }
    path[written] = '\0';
    if (written == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log names a file with an empty path");
    }
    /* The scheme is looked for in the text as logged: a colon that was escaped is part of a name. */
    const size_t scheme = length > 5 ? scheme_length(path) : 0;
    if (scheme > 0 && memchr(uri, ':', length) == uri + scheme - 1) {
        if (strncmp(path, "file:", 5) != 0) {
            *path_out = path;
            return HEDDLE_OK;
        }
        HEDDLE_TRY(file_scheme_strip(&path, error));
    }
    if (path[0] == '/') {
        slashes_collapse(path);
    }
    *path_out = path;
    return HEDDLE_OK;
}

/* True where following the folders of a relative path never climbs above where it begins. */
static bool stays_below(const char *path)
{
    long depth = 0;
    for (const char *part = path; *part != '\0';) {
        const size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            depth--;
        } else if (length > 0 && !(length == 1 && part[0] == '.')) {
            depth++;
        }
        if (depth < 0) {
            return false;
        }
        part += length;
        part += *part == '/' ? 1 : 0;
    }
    return true;
}

/* What stands behind `folder` and a slash in `path`, or NULL. */
static const char *inside(const char *folder, const char *path)
{
    const size_t length = strlen(folder);
    if (strncmp(folder, path, length) != 0) {
        return NULL;
    }
    if (length > 0 && folder[length - 1] == '/') {
        return path + length;
    }
    return path[length] == '/' ? path + length + 1 : NULL;
}

static int outside(const struct heddle_delta_root *root, const char *path, struct heddle_error *error)
{
    return heddle_error_set(
        error, HEDDLE_SOURCE,
        "the log names %.200s, which is outside the table's folder %.200s; only files inside "
        "it are read",
        path, heddle_delta_root_shown(root));
}

const char *heddle_delta_root_shown(const struct heddle_delta_root *root)
{
    return root->mirror != NULL ? heddle_mirror_uri(root->mirror) : root->given;
}

const char *heddle_delta_file_shown(const struct heddle_delta_root *root, const char *file,
                                    struct heddle_arena *arena)
{
    const size_t length = strlen(root->given);
    return root->mirror == NULL || strncmp(file, root->given, length) != 0
               ? file
               : heddle_arena_format(arena, "%s%s", heddle_mirror_uri(root->mirror), file + length);
}

int heddle_delta_file_hold(const struct heddle_delta_root *root, const char *file, int64_t size,
                           struct heddle_mirror_hold *hold, struct heddle_error *error)
{
    hold->lock = -1;
    return root->mirror != NULL ? heddle_mirror_hold(root->mirror, file, size, hold, error) : HEDDLE_OK;
}

/* What stands behind the table's URI in a URI of the log; s3:// and s3a:// are one store. */
static const char *inside_store(const struct heddle_delta_root *root, const char *path)
{
    const char *table = heddle_mirror_uri(root->mirror);
    const char *table_rest = strstr(table, "://");
    const char *path_rest = strstr(path, "://");
    const size_t scheme = (size_t)(table_rest - table);
    const bool s3 = (strncmp(table, "s3:", 3) == 0 || strncmp(table, "s3a:", 4) == 0) &&
                    (strncmp(path, "s3:", 3) == 0 || strncmp(path, "s3a:", 4) == 0);
    const bool same = (size_t)(path_rest - path) == scheme && strncmp(table, path, scheme) == 0;
    return s3 || same ? inside(table_rest, path_rest) : NULL;
}

int heddle_delta_path_join(const struct heddle_delta_root *root, const char *path, struct heddle_arena *arena,
                           const char **file_out, struct heddle_error *error)
{
    const char *below = path;
    const size_t scheme = scheme_length(path);
    if (scheme > 0 && strncmp(path + scheme, "//", 2) == 0 && root->mirror != NULL) {
        below = inside_store(root, path);
    } else if (scheme > 0 && strncmp(path + scheme, "//", 2) == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the log names %.200s, which is in another store than the table %.200s; only "
                                "files inside the table's folder are read",
                                path, root->given);
    }
    if (path[0] == '/' && root->mirror != NULL) {
        below = NULL; /* a file of this machine */
    } else if (path[0] == '/') {
        below = inside(root->real, path);
        below = below != NULL ? below : inside(root->given, path);
    }
    if (below == NULL || !stays_below(below)) {
        return outside(root, path, error);
    }
    *file_out =
        heddle_arena_format(arena, "%s%s%s", root->given, strcmp(root->given, "/") == 0 ? "" : "/", below);
    return *file_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_delta_path_check(const struct heddle_delta_root *root, const char *file,
                            struct heddle_error *error)
{
    char real[PATH_MAX];
    struct stat info;
    if (root->mirror != NULL) {
        return HEDDLE_OK;
    }
    if (stat(file, &info) != 0 || realpath(file, real) == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                errno == ENOENT
                                    ? "the log names %s, which is not there: it was removed by hand or "
                                      "by VACUUM"
                                    : "the log names %s, which cannot be read",
                                file);
    }
    if (!S_ISREG(info.st_mode)) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the log names %s, which is not a file", file);
    }
    return inside(root->real, real) != NULL ? HEDDLE_OK : outside(root, real, error);
}
