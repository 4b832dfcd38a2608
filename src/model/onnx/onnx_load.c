/* onnx_load.c: finding ONNX Runtime, loading it, and taking the functions that are needed out of its table. */
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/onnx/onnx_api.h"

#define REMEDY                                                                                               \
    "install the Python package onnxruntime and give its folder capi, or its environment, as --onnx-library"
#define FILE_PATTERN "libonnxruntime.so*"

/* What OrtGetApiBase answers. */
struct api_base {
    const void *const *(*get_api)(uint32_t version);
    const char *(*version)(void);
};

/* The last match of a pattern: of several versions the newest, as names sort. */
static bool find_by_pattern(const char *pattern, char *out, size_t size)
{
    glob_t found = {0};
    bool fits = false;
    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0) {
        const int length = snprintf(out, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
        fits = length > 0 && (size_t)length < size;
    }
    globfree(&found);
    return fits;
}

/* The library in FOLDER + tail, where the tail is a pattern and the folder is not. */
static bool find_in(const char *folder, const char *tail, char *out, size_t size)
{
    char pattern[2 * PATH_MAX];
    size_t used = 0;
    for (const char *at = folder; *at != '\0' && used + 2 < PATH_MAX; at++) {
        if (strchr("*?[\\", *at) != NULL) {
            pattern[used++] = '\\';
        }
        pattern[used++] = *at;
    }
    snprintf(pattern + used, sizeof pattern - used, "%s", tail);
    return find_by_pattern(pattern, out, size);
}

/* Beside a program or library of ours, as it is installed. */
static bool find_near(const char *origin, char *out, size_t size)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(origin, '/');
    if (slash == NULL || (size_t)(slash - origin) >= sizeof folder) {
        return false;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - origin), origin);
    return find_in(folder, "/" FILE_PATTERN, out, size) ||
           find_in(folder, "/../lib/heddle/" FILE_PATTERN, out, size) ||
           find_in(folder, "/heddle/" FILE_PATTERN, out, size);
}

static bool find_beside(char *out, size_t size)
{
    char program[PATH_MAX];
    char real[PATH_MAX];
    Dl_info self;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0) {
        program[length] = '\0';
        if (find_near(program, out, size)) {
            return true;
        }
    }
    return dladdr((void *)(uintptr_t)find_beside, &self) != 0 && self.dli_fname != NULL &&
           realpath(self.dli_fname, real) != NULL && find_near(real, out, size);
}

/* A folder: of the library, of the package, or of a Python environment. */
static bool find_in_folder(const char *folder, char *out, size_t size)
{
    return find_in(folder, "/" FILE_PATTERN, out, size) ||
           find_in(folder, "/capi/" FILE_PATTERN, out, size) ||
           find_in(folder, "/lib/python3*/site-packages/onnxruntime/capi/" FILE_PATTERN, out, size);
}

static void *load_given(const char *library, char *path, size_t size, struct heddle_error *error)
{
    struct stat about;
    snprintf(path, size, "%s", library);
    const bool is_there = stat(library, &about) == 0;
    if (!is_there || (S_ISDIR(about.st_mode) && !find_in_folder(library, path, size))) {
        (void)heddle_error_set(error, HEDDLE_MODEL, "there is no ONNX Runtime at %s; " REMEDY, library);
        return NULL;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        (void)heddle_error_set(error, HEDDLE_MODEL, "ONNX Runtime cannot be loaded (%s); " REMEDY, dlerror());
    }
    return handle;
}

static void *load_found(char *path, size_t size, struct heddle_error *error)
{
    static const char *const names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
    static const char *const patterns[] = {
        "/usr/local/lib/python3*/*-packages/onnxruntime/capi/" FILE_PATTERN,
        "/usr/lib/python3*/*-packages/onnxruntime/capi/" FILE_PATTERN,
    };
    void *handle = find_beside(path, size) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    for (size_t i = 0; handle == NULL && i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, size, "%s", names[i]);
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    for (size_t i = 0; handle == NULL && i < sizeof patterns / sizeof patterns[0]; i++) {
        if (find_by_pattern(patterns[i], path, size)) {
            handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        }
    }
    if (handle == NULL) {
        (void)heddle_error_set(error, HEDDLE_MODEL,
                               "ONNX Runtime (libonnxruntime.so) was not found; " REMEDY);
    }
    return handle;
}

/* POSIX promises that a function pointer fits a void *; ISO C has no cast for it, so the bytes are copied. */
static bool take(const void *const *table, size_t slot, void *member)
{
    memcpy(member, &table[slot], sizeof table[slot]);
    return table[slot] != NULL;
}

static bool take_all(const void *const *table, struct heddle_onnx_api *api)
{
    bool all = take(table, 2, &api->error_message);
#define HEDDLE_ONNX_TAKE(name, slot, more) all = take(table, slot, &api->name) && all;
    HEDDLE_ONNX_FUNCTIONS(HEDDLE_ONNX_TAKE)
    HEDDLE_ONNX_RELEASES(HEDDLE_ONNX_TAKE)
#undef HEDDLE_ONNX_TAKE
    return all;
}

int heddle_onnx_load(const char *library, struct heddle_onnx_api *api_out, struct heddle_error *error)
{
    char path[PATH_MAX];
    const bool is_given = library != NULL && library[0] != '\0';
    void *handle =
        is_given ? load_given(library, path, sizeof path, error) : load_found(path, sizeof path, error);
    if (handle == NULL) {
        return HEDDLE_MODEL;
    }
    const struct api_base *(*get_base)(void) = NULL;
    void *symbol = dlsym(handle, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof symbol);
    const struct api_base *base = get_base == NULL ? NULL : get_base();
    if (base == NULL || base->get_api == NULL || base->version == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "%s is not ONNX Runtime: it has no OrtGetApiBase; " REMEDY, path);
    }
    const char *version = base->version();
    snprintf(api_out->version, sizeof api_out->version, "%s", version == NULL ? "?" : version);
    const void *const *table = base->get_api(ONNX_API_VERSION);
    if (table == NULL || !take_all(table, api_out)) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "%s is ONNX Runtime %s; heddle needs 1.%d or later; " REMEDY, path,
                                api_out->version, ONNX_API_VERSION);
    }
    return HEDDLE_OK;
}

int heddle_onnx_check(const struct heddle_onnx_api *api, struct onnx_status *answered, const char *what,
                      struct heddle_error *error)
{
    if (answered == NULL) {
        return HEDDLE_OK;
    }
    const char *message = api->error_message(answered);
    (void)heddle_error_set(error, HEDDLE_MODEL, "ONNX Runtime: %s: %.300s", what,
                           message == NULL ? "no reason given" : message);
    api->release_status(answered);
    return HEDDLE_MODEL;
}
