/* load.c: finding, loading and checking libduckdb. */
#include "duck/api.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_NAME "libduckdb.so"
#define REMEDY                                                                                               \
    "run scripts/bootstrap, or set HEDDLE_DUCKDB to the path of libduckdb.so " HEDDLE_DUCK_VERSION_PINNED

/* A build tree is at most this many folders below the repository: build/NAME/bin. */
enum { FOLDERS_ABOVE_MAX = 6 };

/* The folder of `file`, in place: "/a/b/c" becomes "/a/b", "/c" becomes "". */
static void path_to_parent(char *file)
{
    char *slash = strrchr(file, '/');
    if (slash != NULL) {
        *slash = '\0';
    } else {
        *file = '\0';
    }
}

/* Writes folder + tail into `out` and says whether such a file can be read. */
static bool candidate_exists(const char *folder, const char *tail, char *out, size_t size)
{
    const int length = snprintf(out, size, "%s/%s", folder, tail);
    return length > 0 && (size_t)length < size && access(out, R_OK) == 0;
}

/* Looks for the library beside and above the file `origin` (a program or a shared library of ours). */
static bool find_near(const char *origin, char *out, size_t size)
{
    char folder[PATH_MAX];
    const int length = snprintf(folder, sizeof folder, "%s", origin);
    if (length < 0 || (size_t)length >= sizeof folder) {
        return false;
    }
    path_to_parent(folder);
    if (candidate_exists(folder, LIBRARY_NAME, out, size) ||
        candidate_exists(folder, "../lib/" LIBRARY_NAME, out, size) ||
        candidate_exists(folder, "../lib/heddle/" LIBRARY_NAME, out, size)) {
        return true;
    }
    for (int i = 0; i < FOLDERS_ABOVE_MAX && folder[0] != '\0'; i++) {
        if (candidate_exists(folder, "deps/duckdb/" LIBRARY_NAME, out, size) ||
            candidate_exists(folder, "build/deps/duckdb/" LIBRARY_NAME, out, size)) {
            return true;
        }
        path_to_parent(folder);
    }
    return false;
}

static bool find_library(char *out, size_t size)
{
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0) {
        program[length] = '\0';
        if (find_near(program, out, size)) {
            return true;
        }
    }
    /* Inside a Python process the program is the interpreter: look near the shared library that holds this
     * code. */
    Dl_info self;
    char real[PATH_MAX];
    if (dladdr((void *)(uintptr_t)find_library, &self) != 0 && self.dli_fname != NULL &&
        realpath(self.dli_fname, real) != NULL && find_near(real, out, size)) {
        return true;
    }
    return false;
}

static int symbols_fill(void *handle, struct heddle_duck_api *api, const char *path,
                        struct heddle_error *error)
{
    const char *missing = NULL;
    void *symbol = NULL;
    /* POSIX promises that a function pointer fits a void *; ISO C has no cast for it, so the bytes are
     * copied. */
#define HEDDLE_DUCK_RESOLVE(answer, name, parameters)                                                        \
    symbol = dlsym(handle, "duckdb_" #name);                                                                 \
    if (symbol == NULL) {                                                                                    \
        missing = "duckdb_" #name;                                                                           \
    }                                                                                                        \
    memcpy(&api->name, &symbol, sizeof symbol);
    HEDDLE_DUCK_FUNCTIONS(HEDDLE_DUCK_RESOLVE)
#undef HEDDLE_DUCK_RESOLVE
    if (missing != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s has no function %s, so it is not libduckdb %s; " REMEDY, path, missing,
                                HEDDLE_DUCK_VERSION_PINNED);
    }
    return HEDDLE_OK;
}

int heddle_duck_api_load(const char *library, struct heddle_duck_api *api, char *path_out, size_t path_size,
                         struct heddle_error *error)
{
    const char *wanted = library;
    const char *origin = "the path given";
    if (wanted == NULL || wanted[0] == '\0') {
        wanted = getenv("HEDDLE_DUCKDB");
        origin = "HEDDLE_DUCKDB";
    }
    if (wanted != NULL && wanted[0] != '\0') {
        snprintf(path_out, path_size, "%s", wanted);
        if (access(wanted, R_OK) != 0) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "there is no readable libduckdb at %s (from %s); " REMEDY, wanted,
                                    origin);
        }
    } else if (!find_library(path_out, path_size)) {
        snprintf(path_out, path_size, "%s", LIBRARY_NAME);
    }
    void *handle = dlopen(path_out, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "libduckdb cannot be loaded (%s); Parquet and the embedded target need it; " REMEDY, dlerror());
    }
    /* From here on the handle is kept for the life of the process, in success and failure: DuckDB's
     * constructors have run and its thread-local destructors may run later. Loading the same file again only
     * counts a reference. */
    HEDDLE_TRY(symbols_fill(handle, api, path_out, error));
    const char *version = api->library_version();
    if (strncmp(version, HEDDLE_DUCK_VERSION_PREFIX, strlen(HEDDLE_DUCK_VERSION_PREFIX)) != 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s is DuckDB %s, but heddle was written for 1.5.x; " REMEDY, path_out,
                                version);
    }
    return HEDDLE_OK;
}
