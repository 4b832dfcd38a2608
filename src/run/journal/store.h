/* store.h: where the segments of a journal lie. A journal asks little: objects with names in one place, written whole or, where
 * the place can, appended to. So a folder holds one, and so does a store that knows no append.
 *
 * Threads: a store is used by one thread at a time (the journal sees to that).
 */
#ifndef HEDDLE_RUN_JOURNAL_STORE_H
#define HEDDLE_RUN_JOURNAL_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/depot.h"

struct heddle_journal_store {
    void *self;
    const char *where; /* for messages: the folder, the URI; borrowed from `self` */
    bool appends;      /* false: `append` is never called */

    /* Calls visit() for every object. Errors: HEDDLE_IO, those of visit(). */
    int (*list)(void *self, int (*visit)(void *context, const char *name, struct heddle_error *error),
                void *context, struct heddle_error *error);
    /* The whole object behind *out. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
    int (*read)(void *self, const char *name, struct heddle_buffer *out, struct heddle_error *error);
    /* Writes an object that is seen whole or not at all, and must not be there yet. On disk when it returns. */
    int (*create)(void *self, const char *name, const void *bytes, size_t length, struct heddle_error *error);
    /* The same in place of one of that name: the last one is mended so. */
    int (*put)(void *self, const char *name, const void *bytes, size_t length, struct heddle_error *error);
    /* Appends to an object, which is made where it is not there. On disk when it returns. After an error an unknown part of the
     * bytes may be there. */
    int (*append)(void *self, const char *name, const void *bytes, size_t length, struct heddle_error *error);
    /* No error where it is not there. */
    int (*remove)(void *self, const char *name, struct heddle_error *error);
    void (*close)(void *self);
};

/* A folder of this machine, made where it is not there, and locked: a second run on it is refused while this one has it open
 * (the lock ends with the process, however it ends). Errors: HEDDLE_IO (folder and reason; says so where another run has it),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_journal_store_open(const char *folder, struct heddle_journal_store *store_out,
                                                struct heddle_error *error);

/* A folder of a depot (NULL = of this machine). Where that can append and lock it is as above; else each flush makes one object,
 * sealed, which must not be there yet, and a second run is kept out by who opens it (run/checkpoint/claim.h). The depot is
 * borrowed until close. Errors: as above, HEDDLE_NETWORK. */
HEDDLE_MUST_CHECK int heddle_journal_store_open_in(struct heddle_depot *depot, const char *folder,
                                                   struct heddle_journal_store *store_out,
                                                   struct heddle_error *error);

/* {0} is a no-op. */
void heddle_journal_store_close(struct heddle_journal_store *store);

#endif
