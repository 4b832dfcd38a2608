/* bookmarks.c: causal chaining between sessions. */
#include "bolt/driver/bookmarks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct heddle_bookmark_manager {
    pthread_mutex_t lock;
    struct heddle_bookmarks set;
    void (*supply)(void *context, void (*add)(void *sink, const char *bookmark), void *sink);
    void (*changed)(void *context, const char *const *bookmarks, size_t count);
    void *context;
};

static size_t place_of(const struct heddle_bookmarks *set, const char *bookmark)
{
    size_t place = 0;
    while (place < set->count && strcmp(set->items[place], bookmark) != 0) {
        place++;
    }
    return place;
}

int heddle_bookmarks_add(struct heddle_bookmarks *set, const char *bookmark, struct heddle_error *error)
{
    if (place_of(set, bookmark) < set->count) {
        return HEDDLE_OK;
    }
    char *copy = heddle_strdup(bookmark);
    if (copy == NULL ||
        heddle_grow((void **)&set->items, &set->capacity, set->count + 1, sizeof *set->items) != 0) {
        free(copy);
        return heddle_error_out_of_memory(error);
    }
    set->items[set->count++] = copy;
    return HEDDLE_OK;
}

int heddle_bookmarks_add_all(struct heddle_bookmarks *set, const char *const *bookmarks, size_t count,
                             struct heddle_error *error)
{
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(heddle_bookmarks_add(set, bookmarks[i], error));
    }
    return HEDDLE_OK;
}

void heddle_bookmarks_remove(struct heddle_bookmarks *set, const char *bookmark)
{
    const size_t place = place_of(set, bookmark);
    if (place < set->count) {
        free(set->items[place]);
        set->count--;
        memmove(set->items + place, set->items + place + 1, (set->count - place) * sizeof *set->items);
    }
}

void heddle_bookmarks_clear(struct heddle_bookmarks *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->items[i]);
    }
    free(set->items);
    *set = (struct heddle_bookmarks){0};
}

int heddle_bookmark_manager_create(const struct heddle_bookmark_manager_options *options,
                                   struct heddle_bookmark_manager **manager_out, struct heddle_error *error)
{
    struct heddle_bookmark_manager *manager = heddle_calloc(1, sizeof *manager);
    if (manager == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (pthread_mutex_init(&manager->lock, NULL) != 0) {
        free(manager);
        return heddle_error_out_of_memory(error);
    }
    manager->supply = options->supply;
    manager->changed = options->changed;
    manager->context = options->context;
    const int status =
        heddle_bookmarks_add_all(&manager->set, options->initial, options->initial_count, error);
    if (status != HEDDLE_OK) {
        heddle_bookmark_manager_destroy(manager);
        return status;
    }
    *manager_out = manager;
    return HEDDLE_OK;
}

void heddle_bookmark_manager_destroy(struct heddle_bookmark_manager *manager)
{
    if (manager != NULL) {
        heddle_bookmarks_clear(&manager->set);
        pthread_mutex_destroy(&manager->lock);
        free(manager);
    }
}

/* Where a supplier's bookmarks go. */
struct supplied {
    struct heddle_bookmarks *set;
    int status;
    struct heddle_error *error;
};

static void add_supplied(void *sink, const char *bookmark)
{
    struct supplied *supplied = sink;
    if (supplied->status == HEDDLE_OK) {
        supplied->status = heddle_bookmarks_add(supplied->set, bookmark, supplied->error);
    }
}

int heddle_bookmark_manager_collect(struct heddle_bookmark_manager *manager, struct heddle_bookmarks *set,
                                    struct heddle_error *error)
{
    if (manager == NULL) {
        return HEDDLE_OK;
    }
    pthread_mutex_lock(&manager->lock);
    const int status =
        heddle_bookmarks_add_all(set, (const char *const *)manager->set.items, manager->set.count, error);
    pthread_mutex_unlock(&manager->lock);
    struct supplied supplied = {set, status, error};
    if (status == HEDDLE_OK && manager->supply != NULL) {
        manager->supply(manager->context, add_supplied, &supplied);
    }
    return supplied.status;
}

int heddle_bookmark_manager_update(struct heddle_bookmark_manager *manager,
                                   const struct heddle_bookmarks *before, const char *bookmark,
                                   struct heddle_error *error)
{
    struct heddle_bookmarks copy = {0};
    if (manager == NULL) {
        return HEDDLE_OK;
    }
    pthread_mutex_lock(&manager->lock);
    int status = heddle_bookmarks_add(&manager->set, bookmark, error);
    for (size_t i = 0; i < before->count && status == HEDDLE_OK; i++) {
        if (strcmp(before->items[i], bookmark) != 0) {
            heddle_bookmarks_remove(&manager->set, before->items[i]);
        }
    }
    if (status == HEDDLE_OK && manager->changed != NULL) {
        status = heddle_bookmarks_add_all(&copy, (const char *const *)manager->set.items, manager->set.count,
                                          error);
    }
    pthread_mutex_unlock(&manager->lock);
    if (status == HEDDLE_OK && manager->changed != NULL) {
        manager->changed(manager->context, (const char *const *)copy.items, copy.count);
    }
    heddle_bookmarks_clear(&copy);
    return status;
}
