/* path.c: absolute and given paths. */
#include "source/stream/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"

/* Resolves `.`, `..` and empty parts of an absolute path in place. */
static void path_resolve(char *path)
{
    char *out = path;
    const char *at = path;
    while (*at != '\0') {
        while (*at == '/') {
            at++;
        }
        const size_t length = strcspn(at, "/");
        const bool up = length == 2 && at[0] == '.' && at[1] == '.';
        if (up) {
            while (out > path && *--out != '/') {
            }
        } else if (length > 0 && !(length == 1 && at[0] == '.')) {
            *out++ = '/';
            memmove(out, at, length);
            out += length;
        }
        at += length;
    }
    if (out == path) {
        *out++ = '/';
    }
    *out = '\0';
}

int heddle_stream_path_absolute(const char *path, struct heddle_arena *arena, const char **absolute_out,
                                struct heddle_error *error)
{
    char here[PATH_MAX] = "";
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL) {
        return heddle_error_set(error, HEDDLE_IO, "the working directory cannot be told: %s",
                                strerror(errno));
    }
    char *absolute = heddle_arena_format(arena, "%s/%s", here, path);
    if (absolute == NULL) {
        return heddle_error_out_of_memory(error);
    }
    path_resolve(absolute);
    *absolute_out = absolute;
    return HEDDLE_OK;
}

int heddle_stream_root_fill(const char *path, const char *uri, struct heddle_arena *arena,
                            struct heddle_stream_root *root, struct heddle_error *error)
{
    size_t length = strlen(path);
    root->stored = uri != NULL;
    if (uri != NULL) {
        root->given = path;
        root->absolute = uri;
        return HEDDLE_OK;
    }
    const size_t wild = strcspn(path, "*?[");
    if (wild < length && access(path, F_OK) != 0) {
        length = wild;
        while (length > 0 && path[length - 1] != '/') {
            length--;
        }
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    root->given = length > 0 ? heddle_arena_copy_text(arena, path, length) : ".";
    if (root->given == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_stream_path_absolute(root->given, arena, &root->absolute, error);
}

int heddle_stream_path_logged(const struct heddle_stream_root *root, const char *given,
                              struct heddle_arena *arena, const char **logged_out, struct heddle_error *error)
{
    const size_t length = strlen(root->given);
    if (!root->stored) {
        return heddle_stream_path_absolute(given, arena, logged_out, error);
    }
    if (strncmp(given, root->given, length) != 0) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "%s is not in the folder of its source", given);
    }
    *logged_out = heddle_arena_format(arena, "%s%s", root->absolute, given + length);
    return *logged_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_stream_path_given(const struct heddle_stream_root *root, const char *absolute,
                             struct heddle_arena *arena, const char **given_out, struct heddle_error *error)
{
    const char *clean = NULL;
    const size_t length = strlen(root->absolute);
    if (root->stored) {
        clean = absolute; /* a name that leads out with `..` is refused where it is held */
    } else {
        HEDDLE_TRY(heddle_stream_path_absolute(absolute, arena, &clean, error));
    }
    const bool at_top = strcmp(root->absolute, "/") == 0;
    if (strcmp(clean, root->absolute) == 0) {
        *given_out = root->given;
        return HEDDLE_OK;
    }
    if (strncmp(clean, root->absolute, length) != 0 || (clean[length] != '/' && !at_top)) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the log of files names %.200s, which is not inside %.200s: the checkpoint belongs to "
            "another source",
            clean, root->absolute);
    }
    const bool slash = root->given[strlen(root->given) - 1] == '/';
    const char *rest = clean + length + (at_top ? 0 : 1);
    *given_out = strcmp(root->given, ".") == 0
                     ? rest
                     : heddle_arena_format(arena, "%s%s%s", root->given, slash ? "" : "/", rest);
    return *given_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

bool heddle_stream_age_parse(const char *text, int64_t *milliseconds_out)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {
        {"", 1},
        {"ms", 1},
        {"s", 1000},
        {"m", 60 * 1000},
        {"min", 60 * 1000},
        {"h", 3600 * 1000},
        {"d", 24 * 3600 * 1000},
    };
    int64_t number = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9') {
        if (__builtin_mul_overflow(number, INT64_C(10), &number) ||
            __builtin_add_overflow(number, (int64_t)(*at - '0'), &number)) {
            return false;
        }
        at++;
    }
    if (at == text) {
        return false;
    }
    if (strcasecmp(at, "us") == 0) {
        *milliseconds_out = number / 1000;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(units[i].name, at) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, milliseconds_out);
        }
    }
    return false;
}
