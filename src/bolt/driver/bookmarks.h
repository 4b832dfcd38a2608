/* bookmarks.h: sets of bookmarks, and the manager that sessions share. For this folder only.
 *
 * Threads: a set belongs to one thread at a time; a manager to all.
 */
#ifndef HEDDLE_BOLT_DRIVER_BOOKMARKS_H
#define HEDDLE_BOLT_DRIVER_BOOKMARKS_H

#include <heddle/bolt.h>

#include "base/error.h"

/* {0} is the empty set. The texts are its own. */
struct heddle_bookmarks {
    char **items;
    size_t count;
    size_t capacity;
};

/* Adds one that is not in there yet. */
HEDDLE_MUST_CHECK int heddle_bookmarks_add(struct heddle_bookmarks *set, const char *bookmark,
                                           struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_bookmarks_add_all(struct heddle_bookmarks *set, const char *const *bookmarks,
                                               size_t count, struct heddle_error *error);
void heddle_bookmarks_remove(struct heddle_bookmarks *set, const char *bookmark);

/* Empties it and frees its memory. */
void heddle_bookmarks_clear(struct heddle_bookmarks *set);

/* Adds what the manager (NULL = none) and its supplier know. */
HEDDLE_MUST_CHECK int heddle_bookmark_manager_collect(struct heddle_bookmark_manager *manager,
                                                      struct heddle_bookmarks *set,
                                                      struct heddle_error *error);

/* A transaction that began with `before` ended with `bookmark`: that one takes the place of those. */
HEDDLE_MUST_CHECK int heddle_bookmark_manager_update(struct heddle_bookmark_manager *manager,
                                                     const struct heddle_bookmarks *before,
                                                     const char *bookmark, struct heddle_error *error);

#endif
