/* memory_store.h: a place for a journal in memory: it counts, it can be full, slow, without append, and it can be cut off at any
 * byte, as a disk is by a power cut. Threads: as a store's, and `copy` by anybody while nothing is written. */
#ifndef HEDDLE_TESTS_MEMORY_STORE_H
#define HEDDLE_TESTS_MEMORY_STORE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/journal/store.h"

enum { OBJECTS_MAX = 256 };

struct memory_object {
    char name[40];
    struct heddle_buffer bytes;
};

struct memory_store {
    struct memory_object objects[OBJECTS_MAX];
    size_t count;
    uint32_t slow_ms;
    uint64_t room; /* bytes that may still be written */
    size_t puts, appends;
};

static inline struct memory_object *memory_object_find(struct memory_store *store, const char *name)
{
    for (size_t i = 0; i < store->count; i++) {
        if (strcmp(store->objects[i].name, name) == 0) {
            return &store->objects[i];
        }
    }
    return NULL;
}

static inline struct memory_object *memory_object_make(struct memory_store *store, const char *name)
{
    struct memory_object *object = memory_object_find(store, name);
    if (object == NULL && store->count < OBJECTS_MAX) {
        object = &store->objects[store->count++];
        *object = (struct memory_object){0};
        strncpy(object->name, name, sizeof object->name - 1);
    }
    return object;
}

static inline int memory_list(void *self, int (*visit)(void *, const char *, struct heddle_error *),
                              void *context, struct heddle_error *error)
{
    struct memory_store *store = self;
    for (size_t i = store->count; i > 0; i--) { /* in no good order */
        char name[40];
        memcpy(name, store->objects[i - 1].name, sizeof name);
        HEDDLE_TRY(visit(context, name, error));
    }
    return HEDDLE_OK;
}

static inline int memory_read(void *self, const char *name, struct heddle_buffer *out,
                              struct heddle_error *error)
{
    const struct memory_object *object = memory_object_find(self, name);
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_IO, "no %s", name);
    }
    heddle_buffer_append(out, object->bytes.bytes, object->bytes.length);
    return heddle_buffer_check(out, error);
}

static inline int memory_write(struct memory_store *store, struct memory_object *object, const void *bytes,
                               size_t length, struct heddle_error *error)
{
    const size_t fits = length <= store->room ? length : (size_t)store->room;
    if (store->slow_ms > 0) {
        heddle_clock_sleep_ms(store->slow_ms);
    }
    heddle_buffer_append(&object->bytes, bytes, fits);
    store->room -= fits;
    return fits == length
               ? HEDDLE_OK
               : heddle_error_set(error, HEDDLE_IO, "cannot write %s: No space left", object->name);
}

static inline int memory_put(void *self, const char *name, const void *bytes, size_t length,
                             struct heddle_error *error)
{
    struct memory_store *store = self;
    store->puts++;
    if (length > store->room) {
        return heddle_error_set(error, HEDDLE_IO, "cannot write %s: No space left", name);
    }
    struct memory_object *object = memory_object_make(store, name);
    heddle_buffer_reset(&object->bytes);
    return memory_write(store, object, bytes, length, error);
}

static inline int memory_create(void *self, const char *name, const void *bytes, size_t length,
                                struct heddle_error *error)
{
    return memory_object_find(self, name) != NULL
               ? heddle_error_set(error, HEDDLE_IO, "%s is there already", name)
               : memory_put(self, name, bytes, length, error);
}

static inline int memory_append(void *self, const char *name, const void *bytes, size_t length,
                                struct heddle_error *error)
{
    struct memory_store *store = self;
    store->appends++;
    return memory_write(store, memory_object_make(store, name), bytes, length, error);
}

static inline int memory_remove(void *self, const char *name, struct heddle_error *error)
{
    (void)error;
    struct memory_store *store = self;
    struct memory_object *object = memory_object_find(store, name);
    if (object != NULL) {
        heddle_buffer_free(&object->bytes);
        *object = store->objects[--store->count];
    }
    return HEDDLE_OK;
}

static inline struct heddle_journal_store memory_store_as_store(struct memory_store *store, bool appends)
{
    return (struct heddle_journal_store){
        .self = store,
        .where = "memory",
        .appends = appends,
        .list = memory_list,
        .read = memory_read,
        .create = memory_create,
        .put = memory_put,
        .append = memory_append,
        .remove = memory_remove,
    };
}

static inline void memory_store_free(struct memory_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        heddle_buffer_free(&store->objects[i].bytes);
    }
    store->count = 0;
}

/* What a disk holds at this moment. */
static inline void memory_store_copy(const struct memory_store *from, struct memory_store *to)
{
    *to = (struct memory_store){.room = UINT64_MAX, .count = from->count};
    for (size_t i = 0; i < from->count; i++) {
        memcpy(to->objects[i].name, from->objects[i].name, sizeof to->objects[i].name);
        heddle_buffer_append(&to->objects[i].bytes, from->objects[i].bytes.bytes,
                             from->objects[i].bytes.length);
    }
}

#endif
