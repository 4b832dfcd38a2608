/* depot.c: a folder, a volume or a store: which one, and who does it. */
#include "fs/depot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/memory.h"
#include "fs/volume.h"

struct heddle_depot {
    char *place;
    bool is_store;
    struct heddle_fs_settings settings;
    struct heddle_fs *fs;
    struct heddle_volume volume; /* of a folder */
    pthread_mutex_t lock;        /* of fs */
};

/* ---- opening ---- */

static char *place_of(const char *given)
{
    char *place = heddle_strdup(strncmp(given, "file:///", 8) == 0 ? given + 7 : given);
    for (size_t length = place != NULL ? strlen(place) : 0; length > 1 && place[length - 1] == '/';
         length--) {
        place[length - 1] = '\0';
    }
    return place;
}

static int depot_fill(struct heddle_depot *depot, bool writes, struct heddle_error *error)
{
    const bool web = strncmp(depot->place, "http", 4) == 0;
    if (depot->is_store && web) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s: nothing can be kept on the web: name a folder, or a place in a store "
                                "(s3://, abfss://, gs://)",
                                depot->place);
    }
    HEDDLE_TRY(heddle_fs_open(depot->place, &depot->settings, &depot->fs, error));
    depot->volume =
        (struct heddle_volume){.appends = !depot->is_store, .locks = !depot->is_store, .renames = true};
    if (depot->is_store || !writes) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_folder_make(depot->place, error));
    return heddle_volume_try(depot->place, &depot->volume, error);
}

static int depot_open(const char *place, const struct heddle_fs_settings *settings, bool writes,
                      struct heddle_depot **depot_out, struct heddle_error *error)
{
    struct heddle_depot *depot = heddle_calloc(1, sizeof *depot);
    if (depot == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&depot->lock, NULL);
    depot->is_store = heddle_fs_is_uri(place);
    depot->settings = settings != NULL ? *settings : (struct heddle_fs_settings){0};
    depot->place = place_of(place);
    const int status =
        depot->place == NULL ? heddle_error_out_of_memory(error) : depot_fill(depot, writes, error);
    if (status != HEDDLE_OK) {
        heddle_depot_close(depot);
        return status;
    }
    *depot_out = depot;
    return HEDDLE_OK;
}

int heddle_depot_open(const char *place, const struct heddle_fs_settings *settings,
                      struct heddle_depot **depot_out, struct heddle_error *error)
{
    return depot_open(place, settings, true, depot_out, error);
}

int heddle_depot_open_to_read(const char *place, const struct heddle_fs_settings *settings,
                              struct heddle_depot **depot_out, struct heddle_error *error)
{
    return depot_open(place, settings, false, depot_out, error);
}

int heddle_depot_twin(const struct heddle_depot *depot, struct heddle_depot **twin_out,
                      struct heddle_error *error)
{
    HEDDLE_TRY(depot_open(depot->place, &depot->settings, false, twin_out, error));
    (*twin_out)->volume = depot->volume;
    return HEDDLE_OK;
}

void heddle_depot_close(struct heddle_depot *depot)
{
    if (depot != NULL) {
        heddle_fs_close(depot->fs);
        pthread_mutex_destroy(&depot->lock);
        free(depot->place);
        free(depot);
    }
}

const char *heddle_depot_place(const struct heddle_depot *depot)
{
    return depot != NULL ? depot->place : NULL;
}

bool heddle_depot_is_store(const struct heddle_depot *depot)
{
    return depot != NULL && depot->is_store;
}

bool heddle_depot_appends(const struct heddle_depot *depot)
{
    return depot == NULL || depot->volume.appends;
}

bool heddle_depot_locks(const struct heddle_depot *depot)
{
    return depot == NULL || depot->volume.locks;
}

/* ---- files ---- */

/* The name of a path below the depot's place; NULL where it is not below it. */
static const char *name_of(const struct heddle_depot *depot, const char *path, struct heddle_error *error)
{
    const size_t length = strlen(depot->place);
    if (strncmp(path, depot->place, length) == 0 && (path[length] == '/' || path[length] == '\0')) {
        return path + length + (path[length] == '/' ? 1 : 0);
    }
    heddle_error_set(error, HEDDLE_INTERNAL, "%s is not below %s", path, depot->place);
    return NULL;
}

/* What a store refuses is, of a source, the source's trouble; here it is a place that cannot be used. */
static int as_io(int status, struct heddle_error *error)
{
    if (status != HEDDLE_SOURCE) {
        return status;
    }
    if (error != NULL) {
        error->status = HEDDLE_IO;
    }
    return HEDDLE_IO;
}

/* Of a store only; the lock is held. */
static int store_read(struct heddle_depot *depot, const char *name, size_t bytes_max,
                      struct heddle_buffer *out, bool *found_out, struct heddle_error *error)
{
    struct heddle_error own = {0};
    const size_t before = out->length;
    error = error != NULL ? error : &own;
    const int status = heddle_fs_get(depot->fs, name, 0, UINT64_MAX, out, error);
    const bool absent = status == HEDDLE_SOURCE && strcmp(error->code, "404") == 0;
    if (found_out != NULL) {
        *found_out = !absent;
        if (absent) {
            *error = (struct heddle_error){0};
            return HEDDLE_OK;
        }
    }
    if (status == HEDDLE_OK && out->length - before > bytes_max) {
        return heddle_error_set(error, HEDDLE_IO,
                                "%s/%s is larger than %zu bytes: it is not what it should be", depot->place,
                                name, bytes_max);
    }
    return as_io(status, error);
}

int heddle_depot_read(struct heddle_depot *depot, const char *path, size_t bytes_max,
                      struct heddle_buffer *out, bool *found_out, struct heddle_error *error)
{
    if (depot == NULL || !depot->is_store) {
        return heddle_file_read(path, bytes_max, out, found_out, error);
    }
    const char *name = name_of(depot, path, error);
    if (name == NULL) {
        return HEDDLE_INTERNAL;
    }
    pthread_mutex_lock(&depot->lock);
    const int status = store_read(depot, name, bytes_max, out, found_out, error);
    pthread_mutex_unlock(&depot->lock);
    return status;
}

static int file_put(struct heddle_depot *depot, const char *path, bool replace, const void *bytes,
                    size_t length, struct heddle_error *error)
{
    if (depot != NULL && !depot->is_store && !depot->volume.renames) {
        return heddle_volume_write(path, replace, bytes, length, error);
    }
    if (depot == NULL || !depot->is_store) {
        return replace ? heddle_file_write(path, bytes, length, error)
                       : heddle_file_create(path, bytes, length, error);
    }
    const char *name = name_of(depot, path, error);
    if (name == NULL) {
        return HEDDLE_INTERNAL;
    }
    pthread_mutex_lock(&depot->lock);
    const int status = replace ? heddle_fs_put(depot->fs, name, bytes, length, error)
                               : heddle_fs_put_new(depot->fs, name, bytes, length, error);
    pthread_mutex_unlock(&depot->lock);
    return as_io(status, error);
}

int heddle_depot_create(struct heddle_depot *depot, const char *path, const void *bytes, size_t length,
                        struct heddle_error *error)
{
    return file_put(depot, path, false, bytes, length, error);
}

int heddle_depot_write(struct heddle_depot *depot, const char *path, const void *bytes, size_t length,
                       struct heddle_error *error)
{
    return file_put(depot, path, true, bytes, length, error);
}

int heddle_depot_remove(struct heddle_depot *depot, const char *path, struct heddle_error *error)
{
    if (depot == NULL || !depot->is_store) {
        return unlink(path) == 0 || errno == ENOENT
                   ? HEDDLE_OK
                   : heddle_error_set(error, HEDDLE_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    const char *name = name_of(depot, path, error);
    if (name == NULL) {
        return HEDDLE_INTERNAL;
    }
    pthread_mutex_lock(&depot->lock);
    const int status = heddle_fs_remove(depot->fs, name, error);
    pthread_mutex_unlock(&depot->lock);
    return as_io(status, error);
}

/* ---- folders ---- */

/* Names of the store are relative to the depot: those of a folder to that folder. */
struct listing {
    size_t skip;
    heddle_fs_add *add;
    void *context;
};

static int entry_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    const struct listing *listing = context;
    struct heddle_fs_entry named = *entry;
    named.name += listing->skip;
    return listing->add(listing->context, &named, error);
}

static int names_list(struct heddle_fs *fs, const char *below, bool deep, heddle_fs_add *add, void *context,
                      struct heddle_error *error)
{
    struct listing listing = {.skip = strlen(below), .add = add, .context = context};
    return deep ? heddle_fs_list_deep(fs, below, entry_add, &listing, error)
                : heddle_fs_list(fs, below, entry_add, &listing, error);
}

/* Of any folder of this machine. */
static int folder_list(const char *folder, bool deep, heddle_fs_add *add, void *context,
                       struct heddle_error *error)
{
    struct heddle_fs *fs = NULL;
    HEDDLE_TRY(heddle_fs_open(folder, NULL, &fs, error));
    const int status = names_list(fs, "", deep, add, context, error);
    heddle_fs_close(fs);
    return as_io(status, error);
}

int heddle_depot_list(struct heddle_depot *depot, const char *folder, bool deep, heddle_fs_add *add,
                      void *context, struct heddle_error *error)
{
    if (depot == NULL || !depot->is_store) {
        return folder_list(folder, deep, add, context, error);
    }
    const char *name = name_of(depot, folder, error);
    struct heddle_buffer below = {0};
    if (name == NULL) {
        return HEDDLE_INTERNAL;
    }
    heddle_buffer_append_format(&below, "%s%s", name, name[0] != '\0' ? "/" : "");
    const char *text = heddle_buffer_text(&below);
    int status = text == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        pthread_mutex_lock(&depot->lock);
        status = names_list(depot->fs, text, deep, add, context, error);
        pthread_mutex_unlock(&depot->lock);
    }
    heddle_buffer_free(&below);
    return as_io(status, error);
}

int heddle_depot_make_folder(struct heddle_depot *depot, const char *path, struct heddle_error *error)
{
    return heddle_depot_is_store(depot) ? HEDDLE_OK : heddle_folder_make(path, error);
}
