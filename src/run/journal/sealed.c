/* sealed.c: a journal where nothing can be appended to: every flush is an object of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "run/journal/store.h"

/* A segment holds the records of one flush; what is far larger is none. */
#define OBJECT_BYTES_MAX ((size_t)1 << 30)

struct sealed_store {
    struct heddle_depot *depot;
    char *folder;
};

static int path_make(const struct sealed_store *store, const char *name, struct heddle_buffer *path,
                     struct heddle_error *error)
{
    heddle_buffer_append_format(path, "%s/%s", store->folder, name);
    return heddle_buffer_text(path) != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* Names are gathered first: whoever visits them may use the store. */
static int name_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct heddle_buffer *names = context;
    heddle_buffer_append(names, entry->name, strlen(entry->name) + 1);
    return heddle_buffer_check(names, error);
}

static int sealed_list(void *self, int (*visit)(void *context, const char *name, struct heddle_error *error),
                       void *context, struct heddle_error *error)
{
    const struct sealed_store *store = self;
    struct heddle_buffer names = {0};
    int status = heddle_depot_list(store->depot, store->folder, false, name_add, &names, error);
    for (size_t at = 0; status == HEDDLE_OK && at < names.length;) {
        const char *name = (const char *)names.bytes + at;
        status = visit(context, name, error);
        at += strlen(name) + 1;
    }
    heddle_buffer_free(&names);
    return status;
}

static int sealed_read(void *self, const char *name, struct heddle_buffer *out, struct heddle_error *error)
{
    const struct sealed_store *store = self;
    struct heddle_buffer path = {0};
    int status = path_make(store, name, &path, error);
    if (status == HEDDLE_OK) {
        status =
            heddle_depot_read(store->depot, (const char *)path.bytes, OBJECT_BYTES_MAX, out, NULL, error);
    }
    heddle_buffer_free(&path);
    return status;
}

static int sealed_create(void *self, const char *name, const void *bytes, size_t length,
                         struct heddle_error *error)
{
    const struct sealed_store *store = self;
    struct heddle_buffer path = {0};
    int status = path_make(store, name, &path, error);
    if (status == HEDDLE_OK) {
        status = heddle_depot_create(store->depot, (const char *)path.bytes, bytes, length, error);
    }
    if (status == HEDDLE_CLOSED) {
        status = heddle_error_set(error, HEDDLE_IO,
                                  "%s is there already: another run of this load is at work; let it end, or "
                                  "give this one a checkpoint of its own",
                                  (const char *)path.bytes);
    }
    heddle_buffer_free(&path);
    return status;
}

static int sealed_put(void *self, const char *name, const void *bytes, size_t length,
                      struct heddle_error *error)
{
    const struct sealed_store *store = self;
    struct heddle_buffer path = {0};
    int status = path_make(store, name, &path, error);
    if (status == HEDDLE_OK) {
        status = heddle_depot_write(store->depot, (const char *)path.bytes, bytes, length, error);
    }
    heddle_buffer_free(&path);
    return status;
}

static int sealed_remove(void *self, const char *name, struct heddle_error *error)
{
    const struct sealed_store *store = self;
    struct heddle_buffer path = {0};
    int status = path_make(store, name, &path, error);
    if (status == HEDDLE_OK) {
        status = heddle_depot_remove(store->depot, (const char *)path.bytes, error);
    }
    heddle_buffer_free(&path);
    return status;
}

static void sealed_close(void *self)
{
    struct sealed_store *store = self;
    free(store->folder);
    free(store);
}

int heddle_journal_store_open_in(struct heddle_depot *depot, const char *folder,
                                 struct heddle_journal_store *store_out, struct heddle_error *error)
{
    if (heddle_depot_appends(depot)) {
        return heddle_journal_store_open(folder, store_out, error);
    }
    HEDDLE_TRY(heddle_depot_make_folder(depot, folder, error));
    struct sealed_store *store = heddle_calloc(1, sizeof *store);
    if (store == NULL) {
        return heddle_error_out_of_memory(error);
    }
    store->depot = depot;
    store->folder = heddle_strdup(folder);
    if (store->folder == NULL) {
        sealed_close(store);
        return heddle_error_out_of_memory(error);
    }
    *store_out = (struct heddle_journal_store){
        .self = store,
        .where = store->folder,
        .appends = false,
        .list = sealed_list,
        .read = sealed_read,
        .create = sealed_create,
        .put = sealed_put,
        .append = sealed_put, /* never called */
        .remove = sealed_remove,
        .close = sealed_close,
    };
    return HEDDLE_OK;
}
