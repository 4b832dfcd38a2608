/* list.c: files, folders, patterns; and the kind of source that a path looks like. */
#include "source/files/list.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "source/delta/log.h"
#include "source/source.h"

/* More files than this in one folder are a table that wants a log (Delta), not a list in memory. */
enum { FILES_MAX = 1000000 };

struct growing_list {
    const char **paths;
    size_t count;
    size_t capacity;
};

int heddle_file_has_ending(const char *path, const char *const *endings)
{
    const size_t length = strlen(path);
    for (size_t i = 0; endings[i] != NULL; i++) {
        const size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(path + length - ending, endings[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int path_add(struct growing_list *list, struct heddle_arena *arena, const char *folder,
                    const char *name, struct heddle_error *error)
{
    if (list->count == FILES_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s holds more than %d files", folder, FILES_MAX);
    }
    const size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] != '/' ? "/" : "";
    const char *path = heddle_arena_format(arena, "%s%s%s", folder, slash, name);
    if (path == NULL ||
        heddle_grow((void **)&list->paths, &list->capacity, list->count + 1, sizeof *list->paths) != 0) {
        return heddle_error_out_of_memory(error);
    }
    list->paths[list->count++] = path;
    return HEDDLE_OK;
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int folder_list(const char *path, const char *const *endings, struct heddle_arena *arena,
                       struct growing_list *list, struct heddle_error *error)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the folder %s cannot be read: %s", path,
                                strerror(errno));
    }
    int status = HEDDLE_OK;
    for (const struct dirent *entry = readdir(folder); entry != NULL && status == HEDDLE_OK;
         entry = readdir(folder)) {
        if (entry->d_name[0] != '_' && entry->d_name[0] != '.' &&
            heddle_file_has_ending(entry->d_name, endings)) {
            status = path_add(list, arena, path, entry->d_name, error);
        }
    }
    closedir(folder);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (is_file(list->paths[i])) {
            list->paths[kept++] = list->paths[i];
        }
    }
    list->count = kept;
    if (status == HEDDLE_OK && kept == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the folder %s holds no file that ends in %s", path,
                                endings[0]);
    }
    return status;
}

static int pattern_list(const char *path, struct heddle_arena *arena, struct growing_list *list,
                        struct heddle_error *error)
{
    glob_t found;
    memset(&found, 0, sizeof found);
    const int answer = glob(path, GLOB_NOSORT, NULL, &found);
    int status = HEDDLE_OK;
    for (size_t i = 0; answer == 0 && i < found.gl_pathc && status == HEDDLE_OK; i++) {
        if (is_file(found.gl_pathv[i])) {
            status = path_add(list, arena, "", found.gl_pathv[i], error);
        }
    }
    globfree(&found);
    if (answer == GLOB_NOSPACE) {
        return heddle_error_out_of_memory(error);
    }
    if (status == HEDDLE_OK && list->count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "no file matches %s", path);
    }
    return status;
}

static int paths_find(const char *path, const char *const *endings, struct heddle_arena *arena,
                      struct growing_list *list, struct heddle_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        if (strpbrk(path, "*?[") != NULL) {
            return pattern_list(path, arena, list, error);
        }
        return heddle_error_set(error, HEDDLE_SOURCE,
                                errno == ENOENT ? "there is no file or folder %s" : "%s cannot be read",
                                path);
    }
    if (S_ISDIR(info.st_mode)) {
        return folder_list(path, endings, arena, list, error);
    }
    if (!S_ISREG(info.st_mode)) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s is neither a file nor a folder", path);
    }
    if (access(path, R_OK) != 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", path, strerror(errno));
    }
    return path_add(list, arena, "", path, error);
}

int heddle_file_list_fill(const char *path, const char *const *endings, struct heddle_arena *arena,
                          struct heddle_file_list *list, struct heddle_error *error)
{
    struct growing_list found = {0};
    int status = paths_find(path, endings, arena, &found, error);
    if (status == HEDDLE_OK) {
        qsort(found.paths, found.count, sizeof *found.paths, path_compare);
        list->paths = heddle_arena_calloc(arena, found.count, sizeof *list->paths);
        if (list->paths == NULL) {
            status = heddle_error_out_of_memory(error);
        } else {
            memcpy(list->paths, found.paths, found.count * sizeof *list->paths);
            list->count = found.count;
        }
    }
    free(found.paths);
    return status;
}

const char *const *heddle_file_endings(const char *type)
{
    static const char *const parquet[] = {".parquet", ".parq", ".pq", NULL};
    static const char *const csv[] = {".csv",    ".tsv",     ".txt",     ".csv.gz",
                                      ".tsv.gz", ".csv.zst", ".tsv.zst", NULL};
    static const char *const jsonl[] = {".jsonl",   ".ndjson",    ".json",       ".jsonl.gz", ".ndjson.gz",
                                        ".json.gz", ".jsonl.zst", ".ndjson.zst", NULL};
    if (strcmp(type, "parquet") == 0) {
        return parquet;
    }
    return strcmp(type, "csv") == 0 ? csv : strcmp(type, "jsonl") == 0 ? jsonl : NULL;
}

int heddle_file_list_open(const struct heddle_source_options *options, struct heddle_arena *arena,
                          struct heddle_file_list *list, struct heddle_error *error)
{
    if (options->files == NULL && options->mirror != NULL) {
        return heddle_stored_list_fill(options, arena, list, error);
    }
    if (options->files == NULL) {
        return heddle_file_list_fill(options->path, heddle_file_endings(options->type), arena, list, error);
    }
    list->paths = heddle_arena_calloc(arena, options->file_count, sizeof *list->paths);
    if (list->paths == NULL) {
        return heddle_error_out_of_memory(error);
    }
    list->count = options->file_count;
    for (size_t i = 0; i < options->file_count; i++) {
        list->paths[i] = heddle_arena_copy_text(arena, options->files[i], strlen(options->files[i]));
        if (list->paths[i] == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

/* By ending alone. */
const char *heddle_file_type_of(const char *name)
{
    static const char *const parquet[] = {".parquet", ".parq", ".pq", NULL};
    static const char *const csv[] = {".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst", NULL};
    static const char *const jsonl[] = {".jsonl",     ".ndjson",     ".jsonl.gz", ".ndjson.gz",
                                        ".jsonl.zst", ".ndjson.zst", NULL};
    if (heddle_file_has_ending(name, parquet)) {
        return "parquet";
    }
    if (heddle_file_has_ending(name, csv)) {
        return "csv";
    }
    return heddle_file_has_ending(name, jsonl) ? "jsonl" : NULL;
}

const char *heddle_source_guess_type(const char *path)
{
    if (heddle_delta_is_table(path)) {
        return "delta";
    }
    const char *type = heddle_file_type_of(path);
    if (type != NULL) {
        return type;
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return NULL;
    }
    bool mixed = false;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *one = NULL;
        if (entry->d_name[0] != '_' && entry->d_name[0] != '.') {
            one = heddle_file_type_of(entry->d_name);
        }
        mixed = mixed || (one != NULL && type != NULL && strcmp(one, type) != 0);
        type = one != NULL ? one : type;
    }
    closedir(folder);
    return mixed ? NULL : type;
}
