/* model_fetch_copy.c: a model from a directory: its files and those of its modules, one folder down. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "run/models/model_fetch_parts.h"
#include "source/files/list.h"

enum { PIECE = 64 * 1024 * 1024 };

/* What a model consists of; a repository also holds pictures, pickles and other frameworks' weights. */
static bool takes_part(const char *name)
{
    static const char *const endings[] = {".json", ".txt", ".safetensors", ".onnx", ".md", ".model", NULL};
    return name[0] != '.' && heddle_file_has_ending(name, endings);
}

static int copy_file(const char *from, const char *to, off_t bytes, struct heddle_error *error)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool good = in >= 0 && out >= 0;
    for (off_t left = bytes; good && left > 0;) {
        const ssize_t sent = sendfile(out, in, NULL, left > PIECE ? PIECE : (size_t)left);
        good = sent > 0;
        left -= sent > 0 ? sent : 0;
    }
    const int reason = errno;
    if (in >= 0) {
        close(in);
    }
    if (out >= 0 && close(out) != 0) {
        good = false;
    }
    return good ? HEDDLE_OK
                : heddle_error_set(error, HEDDLE_IO, "%s cannot be copied to %s: %s", from, to,
                                   strerror(reason));
}

static int copy_folder(const struct heddle_model_fetching *fetching, const char *from, const char *to,
                       bool is_top, struct heddle_error *error);

static int copy_entry(const struct heddle_model_fetching *fetching, const char *from, const char *to,
                      const char *name, bool is_top, struct heddle_error *error)
{
    const char *source = heddle_arena_format(fetching->arena, "%s/%s", from, name);
    const char *target = heddle_arena_format(fetching->arena, "%s/%s", to, name);
    struct stat about;
    if (source == NULL || target == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (stat(source, &about) != 0) { /* follows links: a Hugging Face cache holds nothing else */
        return heddle_error_set(error, HEDDLE_IO, "%s cannot be read: %s", source, strerror(errno));
    }
    if (S_ISREG(about.st_mode) && takes_part(name)) {
        return copy_file(source, target, about.st_size, error);
    }
    if (S_ISDIR(about.st_mode) && is_top && name[0] != '.') {
        HEDDLE_TRY(heddle_folder_make(target, error));
        return copy_folder(fetching, source, target, false, error);
    }
    return HEDDLE_OK;
}

static int copy_folder(const struct heddle_model_fetching *fetching, const char *from, const char *to,
                       bool is_top, struct heddle_error *error)
{
    DIR *directory = opendir(from);
    if (directory == NULL) {
        return heddle_error_set(error, HEDDLE_IO, "%s cannot be read: %s", from, strerror(errno));
    }
    int status = HEDDLE_OK;
    for (struct dirent *entry = readdir(directory); entry != NULL && status == HEDDLE_OK;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            status = copy_entry(fetching, from, to, entry->d_name, is_top, error);
        }
    }
    closedir(directory);
    return status;
}

int heddle_model_fetch_copy(const struct heddle_model_fetching *fetching, const char *from,
                            const char **root_out, struct heddle_error *error)
{
    const char *root = heddle_arena_format(fetching->arena, "%s/model", fetching->work);
    if (root == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_folder_make(root, error));
    *root_out = root;
    return copy_folder(fetching, from, root, true, error);
}
