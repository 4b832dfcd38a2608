/* model_fetch.c: gathers, checks, puts in place. */
#include "run/models/model_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "run/models/model_fetch_parts.h"
#include "run/models/model_open.h"

bool heddle_model_is_plain_name(const char *name)
{
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20) {
            return false;
        }
    }
    return true;
}

static bool is_url(const char *from)
{
    return strncmp(from, "https://", 8) == 0 || strncmp(from, "http://", 7) == 0;
}

/* The last part of a path, URL or package, without a version or a query. */
static const char *default_name(struct heddle_arena *arena, const char *from)
{
    size_t end = strcspn(from, "?#");
    const char *version = strstr(from, "==");
    if (version != NULL && !is_url(from) && (size_t)(version - from) < end) {
        end = (size_t)(version - from);
    }
    while (end > 1 && from[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && from[start - 1] != '/') {
        start--;
    }
    return heddle_arena_copy_text(arena, from + start, end - start);
}

static const char *default_folder(struct heddle_arena *arena)
{
    const char *home = getenv("HOME");
    return home == NULL || home[0] == '\0' ? NULL
                                           : heddle_arena_format(arena, "%s/.cache/heddle/models", home);
}

static int gather(const struct heddle_model_fetching *fetching, const char **root_out,
                  struct heddle_error *error)
{
    const char *from = fetching->options->from;
    if (is_url(from)) {
        return heddle_model_fetch_url(fetching, root_out, error);
    }
    if (heddle_folder_is(from)) {
        return heddle_model_fetch_copy(fetching, from, root_out, error);
    }
    if (strchr(from, '/') != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no directory %s", from);
    }
    return heddle_model_fetch_package(fetching, root_out, error);
}

/* Opens the model where it was gathered, so that what is put in place is known to work. */
static int check(const struct heddle_options *settings, const char *root, struct heddle_arena *arena,
                 struct heddle_error *error)
{
    struct heddle_embedder *embedder = NULL;
    HEDDLE_TRY(heddle_model_open(settings, root, HEDDLE_MODEL_FOR_DOCUMENTS, arena, &embedder, error));
    heddle_embedder_close(embedder);
    return HEDDLE_OK;
}

static int put_in_place(const struct heddle_model_fetch_options *options, const char *root,
                        const char *target, struct heddle_error *error)
{
    if (options->replace) {
        heddle_folder_remove(target);
    }
    if (rename(root, target) != 0) {
        return heddle_error_set(error, HEDDLE_IO, "%s cannot be put in place: %s", target, strerror(errno));
    }
    return HEDDLE_OK;
}

int heddle_model_fetch(const struct heddle_model_fetch_options *options,
                       const struct heddle_options *settings, struct heddle_arena *arena,
                       const char **directory_out, struct heddle_error *error)
{
    const char *name = options->name == NULL ? default_name(arena, options->from) : options->name;
    const char *folder = options->folder == NULL ? default_folder(arena) : options->folder;
    if (name == NULL || folder == NULL || !heddle_model_is_plain_name(name)) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s",
                                folder == NULL
                                    ? "HOME is not set: say where models lie with --to DIR"
                                    : "the model needs a plain name: heddle model fetch NAME --from …");
    }
    const char *target = heddle_arena_format(arena, "%s/%s", folder, name);
    struct heddle_model_fetching fetching = {
        .options = options,
        .ca_file = settings->values[HEDDLE_OPTION_CA_FILE].text,
        .arena = arena,
        .work = heddle_arena_format(arena, "%s/.%s.part-%ld", folder, name, (long)getpid()),
    };
    const char *root = NULL;
    if (target == NULL || fetching.work == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (!options->replace && access(target, F_OK) == 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s is there already, and is kept: use --replace",
                                target);
    }
    int status = heddle_folder_make(fetching.work, error);
    status = status == HEDDLE_OK ? gather(&fetching, &root, error) : status;
    status = status == HEDDLE_OK ? check(settings, root, arena, error) : status;
    status = status == HEDDLE_OK ? put_in_place(options, root, target, error) : status;
    heddle_folder_remove(fetching.work);
    *directory_out = target;
    return status;
}
