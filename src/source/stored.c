/* stored.c: sources whose files are in a store: which of its files, and of which kind they are. */
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "source/files/list.h"
#include "source/reader.h"

/* ---- which mirror ---- */

/* Length of the part of a URI that names a folder, without a query and slashes at the end. */
static size_t path_length(const char *uri)
{
    size_t length = strcspn(uri, "?#");
    if (strncmp(uri, "http", 4) != 0) {
        length =
            strlen(uri); /* only web addresses have a query: elsewhere ? is a wildcard, or part of a name */
    }
    while (length > 0 && uri[length - 1] == '/') {
        length--;
    }
    return length;
}

/* Cuts a URI before its last part: "s3://b/a/x.csv" into "s3://b/a" (with the query) and "x.csv". False where it has only
 * one part, the bucket. */
static bool parent_of(const char *uri, struct heddle_arena *arena, const char **parent_out,
                      const char **name_out)
{
    const size_t length = path_length(uri);
    const char *begin = strstr(uri, "://") + 3;
    size_t at = length;
    while (at > 0 && uri[at - 1] != '/') {
        at--;
    }
    if (uri + at <= begin) {
        return false;
    }
    *name_out = heddle_arena_copy_text(arena, uri + at, length - at);
    *parent_out = heddle_arena_format(arena, "%.*s%s", (int)(at - 1), uri,
                                      strncmp(uri, "http", 4) == 0 ? uri + length : "");
    return true;
}

/* Opens the mirror of the folder that a file is in, where the URI names one; else *mirror_out stays NULL. */
static int file_mirror(const struct heddle_source_options *options, struct heddle_arena *arena,
                       struct heddle_mirror **mirror_out, const char **name_out, struct heddle_error *error)
{
    const char *parent = NULL;
    bool found = false;
    if (!parent_of(options->path, arena, &parent, name_out)) {
        return HEDDLE_OK;
    }
    if (parent == NULL || *name_out == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const bool web = strncmp(options->path, "http", 4) == 0;
    const bool pattern = !web && strpbrk(*name_out, "*?[") != NULL;
    if (!web && strpbrk(parent, "*?[") != NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%.300s: in a store only the last part of a path may be a pattern",
                                options->path);
    }
    HEDDLE_TRY(heddle_mirror_open(parent, options->stores, mirror_out, error));
    if (pattern) {
        return HEDDLE_OK;
    }
    int status = heddle_mirror_find(*mirror_out, *name_out, &found, error);
    if (status == HEDDLE_OK && !found && web) {
        status = heddle_error_set(error, HEDDLE_SOURCE, "%.*s: there is no such file",
                                  (int)path_length(options->path), options->path);
    }
    if (status != HEDDLE_OK || !found) {
        heddle_mirror_close(*mirror_out);
        *mirror_out = NULL;
    }
    return status;
}

int heddle_source_mirror(struct heddle_source_options *options, struct heddle_arena *arena,
                         struct heddle_mirror **mirror_out, struct heddle_error *error)
{
    const char *name = NULL;
    struct heddle_mirror *mirror = NULL;
    *mirror_out = NULL;
    if (options->path == NULL || !heddle_fs_is_uri(options->path)) {
        return HEDDLE_OK;
    }
    if (options->type == NULL || strcmp(options->type, "delta") != 0) {
        HEDDLE_TRY(file_mirror(options, arena, &mirror, &name, error));
    }
    if (mirror == NULL) {
        name = NULL;
        HEDDLE_TRY(heddle_mirror_open(options->path, options->stores, &mirror, error));
    }
    const bool named = options->name != NULL && heddle_fs_is_uri(options->name);
    const char *folder = heddle_mirror_folder(mirror);
    const char *path =
        heddle_arena_format(arena, "%s%s%s", folder, name != NULL ? "/" : "", name != NULL ? name : "");
    const char *shown =
        named ? heddle_arena_copy_text(arena, options->name, path_length(options->name)) : options->name;
    if (path == NULL || (named && shown == NULL)) {
        heddle_mirror_close(mirror);
        return heddle_error_out_of_memory(error);
    }
    options->path = path;
    options->name = shown;
    options->mirror = mirror;
    *mirror_out = mirror;
    return HEDDLE_OK;
}

int heddle_source_hold(const struct heddle_source *source, const char *path, struct heddle_mirror_hold *hold,
                       struct heddle_error *error)
{
    heddle_mirror_release(hold);
    return source->mirror != NULL ? heddle_mirror_hold(source->mirror, path, -1, hold, error) : HEDDLE_OK;
}

const char *heddle_source_shown(const struct heddle_source *source, const char *path,
                                struct heddle_arena *arena)
{
    const size_t folder = source->mirror != NULL ? strlen(heddle_mirror_folder(source->mirror)) : 0;
    return source->mirror == NULL
               ? path
               : heddle_arena_format(arena, "%s%s", heddle_mirror_uri(source->mirror), path + folder);
}

/* ---- which files ---- */

struct listing {
    const char *folder;
    const char *pattern; /* NULL = all with an ending */
    const char *const *endings;
    struct heddle_arena *arena;
    const char **paths;
    size_t count;
    size_t capacity;
};

static int stored_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct listing *listing = context;
    const bool wanted = listing->pattern != NULL ? fnmatch(listing->pattern, entry->name, FNM_PERIOD) == 0
                                                 : entry->name[0] != '_' && entry->name[0] != '.' &&
                                                       heddle_file_has_ending(entry->name, listing->endings);
    if (!wanted) {
        return HEDDLE_OK;
    }
    const char *path = heddle_arena_format(listing->arena, "%s/%s", listing->folder, entry->name);
    if (path == NULL || heddle_grow((void **)&listing->paths, &listing->capacity, listing->count + 1,
                                    sizeof *listing->paths) != 0) {
        return heddle_error_out_of_memory(error);
    }
    listing->paths[listing->count++] = path;
    return HEDDLE_OK;
}

static int path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int listing_take(const struct listing *listing, const struct heddle_mirror *mirror,
                        struct heddle_file_list *list, struct heddle_error *error)
{
    if (listing->count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s%s%s holds no file that %s %s",
                                heddle_mirror_uri(mirror), "", "",
                                listing->pattern != NULL ? "matches" : "ends in",
                                listing->pattern != NULL ? listing->pattern : listing->endings[0]);
    }
    qsort(listing->paths, listing->count, sizeof *listing->paths, path_compare);
    list->paths = heddle_arena_calloc(listing->arena, listing->count, sizeof *list->paths);
    if (list->paths == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(list->paths, listing->paths, listing->count * sizeof *list->paths);
    list->count = listing->count;
    return HEDDLE_OK;
}

int heddle_stored_list_fill(const struct heddle_source_options *options, struct heddle_arena *arena,
                            struct heddle_file_list *list, struct heddle_error *error)
{
    const char *folder = heddle_mirror_folder(options->mirror);
    const char *name = options->path + strlen(folder);
    struct listing listing = {
        .folder = folder, .endings = heddle_file_endings(options->type), .arena = arena};
    name += *name == '/' ? 1 : 0;
    int status = HEDDLE_OK;
    if (name[0] != '\0' && strpbrk(name, "*?[") == NULL) {
        bool found = false;
        list->paths = heddle_arena_calloc(arena, 1, sizeof *list->paths);
        if (list->paths == NULL) {
            return heddle_error_out_of_memory(error);
        }
        list->paths[0] = heddle_arena_copy_text(arena, options->path, strlen(options->path));
        list->count = 1;
        HEDDLE_TRY(heddle_mirror_find(options->mirror, name, &found, error));
        if (!found) {
            return heddle_error_set(error, HEDDLE_SOURCE, "%s/%s is no longer there",
                                    heddle_mirror_uri(options->mirror), name);
        }
        return list->paths[0] != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    listing.pattern = name[0] != '\0' ? name : NULL;
    status = heddle_mirror_list(options->mirror, "", stored_add, &listing, error);
    if (status == HEDDLE_OK) {
        status = listing_take(&listing, options->mirror, list, error);
    }
    free(listing.paths);
    return status;
}

/* ---- which kind ---- */

struct telling {
    const char *type;
    bool mixed;
    bool any;
};

static int telling_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct telling *telling = context;
    const char *type =
        entry->name[0] != '_' && entry->name[0] != '.' ? heddle_file_type_of(entry->name) : NULL;
    (void)error;
    telling->any = true;
    telling->mixed =
        telling->mixed || (type != NULL && telling->type != NULL && strcmp(type, telling->type) != 0);
    telling->type = type != NULL ? type : telling->type;
    return HEDDLE_OK;
}

static int stored_tell(const char *path, const struct heddle_fs_settings *stores, const char **type_out,
                       struct heddle_error *error)
{
    struct heddle_fs *fs = NULL;
    struct telling log = {0};
    struct telling files = {0};
    HEDDLE_TRY(heddle_fs_open(path, stores, &fs, error));
    const char *by_name = heddle_file_type_of(heddle_fs_uri(fs));
    int status = heddle_fs_list(fs, "_delta_log/", telling_add, &log, error);
    if (status == HEDDLE_OK && !log.any && by_name == NULL) {
        status = heddle_fs_list(fs, "", telling_add, &files, error);
    }
    *type_out = log.any ? "delta" : by_name != NULL ? by_name : files.mixed ? NULL : files.type;
    heddle_fs_close(fs);
    return status;
}

int heddle_source_tell_type(const char *path, const struct heddle_fs_settings *stores, const char **type_out,
                            struct heddle_error *error)
{
    if (!heddle_fs_is_uri(path)) {
        *type_out = heddle_source_guess_type(path);
        return HEDDLE_OK;
    }
    if (strncmp(path, "http", 4) == 0) {
        struct heddle_fs *fs = NULL;
        HEDDLE_TRY(heddle_fs_open(path, stores, &fs, error));
        *type_out = heddle_file_type_of(heddle_fs_uri(fs));
        heddle_fs_close(fs);
        return HEDDLE_OK;
    }
    return stored_tell(path, stores, type_out, error);
}
