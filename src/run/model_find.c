/* model_find.c: the places where a model may lie. */
#include "run/model_find.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

/* The search so far: where to allocate, what was looked at (for the message), what was found. */
struct search {
    struct heddle_arena *arena;
    const char *name;
    struct heddle_buffer looked;
    const char *found;
};

static bool is_folder(const char *path)
{
    struct stat about;
    return path != NULL && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static void try_folder(struct search *search, const char *parent)
{
    if (search->found != NULL || parent == NULL) {
        return;
    }
    const char *path = heddle_arena_format(search->arena, "%s/%s", parent, search->name);
    heddle_buffer_append_format(&search->looked, "%s%s", search->looked.length > 0 ? ", " : "", parent);
    if (is_folder(path)) {
        search->found = path;
    }
}

static void try_path_list(struct search *search, const char *list)
{
    while (list != NULL && *list != '\0') {
        const size_t length = strcspn(list, ":");
        if (length > 0) {
            try_folder(search, heddle_arena_copy_text(search->arena, list, length));
        }
        list += length + (list[length] == ':');
    }
}

static void try_beside_program(struct search *search)
{
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        return;
    }
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL) {
        return;
    }
    *slash = '\0';
    try_folder(search, heddle_arena_format(search->arena, "%s/../../deps/models", program));
    try_folder(search, heddle_arena_format(search->arena, "%s/../share/heddle/models", program));
}

/* hub/models--sentence-transformers--NAME/snapshots/REVISION: the revision that is there. */
static void try_hugging_face(struct search *search, const char *cache)
{
    if (search->found != NULL || cache == NULL) {
        return;
    }
    const char *snapshots = heddle_arena_format(
        search->arena, "%s/hub/models--sentence-transformers--%s/snapshots", cache, search->name);
    heddle_buffer_append_format(&search->looked, ", %s", cache);
    DIR *directory = snapshots == NULL ? NULL : opendir(snapshots);
    if (directory == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            search->found = heddle_arena_format(search->arena, "%s/%s", snapshots, entry->d_name);
        }
    }
    closedir(directory);
}

static void try_home(struct search *search)
{
    const char *home = getenv("HOME");
    const char *hugging_face = getenv("HF_HOME");
    if (home != NULL) {
        try_folder(search, heddle_arena_format(search->arena, "%s/.cache/heddle/models", home));
    }
    if (hugging_face == NULL && home != NULL) {
        hugging_face = heddle_arena_format(search->arena, "%s/.cache/huggingface", home);
    }
    try_hugging_face(search, hugging_face);
}

int heddle_model_find(const char *name, struct heddle_arena *arena, const char **directory_out,
                      struct heddle_error *error)
{
    if (name[0] != '\0' && is_folder(name)) {
        *directory_out = name;
        return HEDDLE_OK;
    }
    if (name[0] == '\0' || strchr(name, '/') != NULL || name[0] == '.') {
        return heddle_error_set(error, HEDDLE_MODEL, "there is no model directory '%s'", name);
    }
    struct search search = {.arena = arena, .name = name};
    try_path_list(&search, getenv("HEDDLE_MODEL_PATH"));
    try_beside_program(&search);
    try_home(&search);
    int status = HEDDLE_OK;
    if (search.found == NULL) {
        const char *looked = heddle_buffer_text(&search.looked);
        status =
            heddle_error_set(error, HEDDLE_MODEL,
                             "the model '%s' was not found; looked in %s. Run scripts/bootstrap, or give the "
                             "model's directory in the job (embedding.model) or with --model",
                             name, looked == NULL ? "the usual places" : looked);
    }
    *directory_out = search.found;
    heddle_buffer_free(&search.looked);
    return status;
}
