/* model_find.c: the places where a model may lie. */
#include "run/models/model_find.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/folder.h"

/* A revision is a commit's hash; names on the hub have at most 96 characters. */
enum { REVISION_MAX = 128, NAME_PART_MAX = 128 };

/* The search so far: where to allocate, what was looked at (for the message), what was found. */
struct search {
    struct heddle_arena *arena;
    const char *name;
    struct heddle_buffer looked;
    const char *found;
};

static void try_folder(struct search *search, const char *parent)
{
    if (search->found != NULL || parent == NULL) {
        return;
    }
    const char *path = heddle_arena_format(search->arena, "%s/%s", parent, search->name);
    heddle_buffer_append_format(&search->looked, "%s%s", search->looked.length > 0 ? ", " : "", parent);
    if (heddle_folder_is(path)) {
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

/* The revision that refs/main of a cached repository names, or NULL. */
static const char *main_revision(struct search *search, const char *repository)
{
    char revision[REVISION_MAX + 1];
    const char *path = heddle_arena_format(search->arena, "%s/refs/main", repository);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    const size_t length = fread(revision, 1, REVISION_MAX, file);
    fclose(file);
    revision[length] = '\0';
    revision[strcspn(revision, " \r\n")] = '\0';
    /* A name of one folder: whatever stands in the file must not lead elsewhere. */
    if (revision[0] == '\0' || revision[0] == '.' || strchr(revision, '/') != NULL) {
        return NULL;
    }
    return heddle_arena_copy_text(search->arena, revision, strlen(revision));
}

/* The only folder in `snapshots`, or NULL: of several only refs/main could say which. */
static const char *only_snapshot(struct search *search, const char *snapshots)
{
    DIR *directory = snapshots == NULL ? NULL : opendir(snapshots);
    const char *only = NULL;
    size_t count = 0;
    if (directory == NULL) {
        return NULL;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            only = heddle_arena_copy_text(search->arena, entry->d_name, strlen(entry->d_name));
            count++;
        }
    }
    closedir(directory);
    return count == 1 ? only : NULL;
}

/* HUB/models--ORG--NAME/{refs/main, snapshots/REVISION}. */
static void try_repository(struct search *search, const char *hub, const char *organisation, const char *name)
{
    if (search->found != NULL) {
        return;
    }
    const char *repository = heddle_arena_format(search->arena, "%s/models--%s%s%s", hub, organisation,
                                                 organisation[0] == '\0' ? "" : "--", name);
    if (!heddle_folder_is(repository)) {
        return;
    }
    const char *snapshots = heddle_arena_format(search->arena, "%s/snapshots", repository);
    const char *revision = main_revision(search, repository);
    if (revision == NULL) {
        revision = only_snapshot(search, snapshots);
    }
    const char *path = revision == NULL || snapshots == NULL
                           ? NULL
                           : heddle_arena_format(search->arena, "%s/%s", snapshots, revision);
    if (heddle_folder_is(path)) {
        search->found = path;
    }
}

/* A cache of huggingface_hub. ORG/NAME is that repository; a bare name one of sentence-transformers, as the library has it,
 * or one of the few that have no organisation. */
static void try_hub(struct search *search, const char *hub)
{
    if (search->found != NULL || hub == NULL) {
        return;
    }
    heddle_buffer_append_format(&search->looked, "%s%s", search->looked.length > 0 ? ", " : "", hub);
    const char *slash = strchr(search->name, '/');
    if (slash != NULL) {
        const char *organisation =
            heddle_arena_copy_text(search->arena, search->name, (size_t)(slash - search->name));
        if (organisation != NULL) {
            try_repository(search, hub, organisation, slash + 1);
        }
        return;
    }
    try_repository(search, hub, "sentence-transformers", search->name);
    try_repository(search, hub, "", search->name);
}

/* The value of an environment variable; NULL where it is not set or empty. */
static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* Where huggingface_hub keeps its cache, by its own rules, and where sentence-transformers was told to. */
static void try_hugging_face(struct search *search)
{
    const char *home = setting("HOME");
    const char *cache = setting("XDG_CACHE_HOME");
    const char *hugging_face = setting("HF_HOME");
    try_hub(search, setting("SENTENCE_TRANSFORMERS_HOME"));
    if (setting("HF_HUB_CACHE") != NULL) {
        try_hub(search, setting("HF_HUB_CACHE"));
    } else if (hugging_face != NULL) {
        try_hub(search, heddle_arena_format(search->arena, "%s/hub", hugging_face));
    } else if (cache != NULL) {
        try_hub(search, heddle_arena_format(search->arena, "%s/huggingface/hub", cache));
    } else if (home != NULL) {
        try_hub(search, heddle_arena_format(search->arena, "%s/.cache/huggingface/hub", home));
    }
}

static void try_home(struct search *search)
{
    const char *home = setting("HOME");
    if (home != NULL) {
        try_folder(search, heddle_arena_format(search->arena, "%s/.cache/heddle/models", home));
    }
}

/* NAME or ORGANISATION/NAME; no part begins with a dot, so none leads upwards. */
static bool is_name(const char *name)
{
    size_t parts = 0;
    while (true) {
        const size_t length = strcspn(name, "/");
        if (length == 0 || name[0] == '.' || length > NAME_PART_MAX || ++parts > 2) {
            return false;
        }
        if (name[length] == '\0') {
            return true;
        }
        name += length + 1;
    }
}

int heddle_model_find(const char *name, struct heddle_arena *arena, const char **directory_out,
                      struct heddle_error *error)
{
    if (name[0] != '\0' && heddle_folder_is(name)) {
        *directory_out = name;
        return HEDDLE_OK;
    }
    if (!is_name(name)) {
        return heddle_error_set(error, HEDDLE_MODEL, "there is no model directory '%s'", name);
    }
    struct search search = {.arena = arena, .name = name};
    try_path_list(&search, getenv("HEDDLE_MODEL_PATH"));
    try_beside_program(&search);
    try_home(&search);
    try_hugging_face(&search);
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
