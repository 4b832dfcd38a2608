/* folder.c: mkdir -p and rm -r. */
#include "base/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

bool heddle_folder_is(const char *path)
{
    struct stat about;
    return path != NULL && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static int make_one(const char *path, struct heddle_error *error)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_IO, "cannot make the folder %s: %s", path, strerror(errno));
}

int heddle_folder_make(const char *path, struct heddle_error *error)
{
    char *copy = heddle_strdup(path);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    for (char *slash = strchr(copy + (copy[0] == '/'), '/'); slash != NULL && status == HEDDLE_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_one(copy, error);
        *slash = '/';
    }
    if (status == HEDDLE_OK) {
        status = make_one(copy, error);
    }
    free(copy);
    return status;
}

/* Folders that nftw holds open at once. */
enum { OPEN_FOLDERS = 16 };

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void heddle_folder_remove(const char *path)
{
    (void)nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}
