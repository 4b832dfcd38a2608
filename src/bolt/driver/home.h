/* home.h: which database is whose home: what servers said last, so that a session that names no database need not ask a
 * router first. A guess and no more: only servers that route by themselves (Bolt 5.8) put a wrong one right, so it is used
 * only where all that are known do, and the name stays out of the request. For this folder only.
 *
 * Threads: any.
 */
#ifndef HEDDLE_BOLT_DRIVER_HOME_H
#define HEDDLE_BOLT_DRIVER_HOME_H

#include <pthread.h>
#include <stddef.h>

#include "bolt/login.h"

/* Whose home: the impersonated user's, else that of the session's own login, else (both NULL) of the driver's, whoever
 * its provider logs in. The user of a basic login counts as a user that is impersonated. */
struct heddle_home_owner {
    const char *user;
    const struct heddle_auth *auth;
};
struct heddle_home_owner heddle_home_owner(const char *impersonated_user,
                                           const struct heddle_auth *session_auth);

/* One who is remembered; a driver that serves more users than this forgets whom it has not heard of for longest. */
enum { HEDDLE_HOMES_MAX = 1000 };

struct heddle_home {
    char *user;
    struct heddle_login *login;
    char *database;
    uint64_t told; /* orders entries by their last word */
};

/* {0} with a lock is an empty one. */
struct heddle_homes {
    pthread_mutex_t lock;
    struct heddle_home *items;
    size_t count;
    size_t capacity;
    uint64_t words;
};

/* The name, to be freed, in *database_out; NULL where nothing is known. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_homes_guess(struct heddle_homes *homes, struct heddle_home_owner owner,
                                         char **database_out, struct heddle_error *error);

/* A server named the owner's home database. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_homes_tell(struct heddle_homes *homes, struct heddle_home_owner owner,
                                        const char *database, struct heddle_error *error);

/* Frees the entries; the lock stays. */
void heddle_homes_free(struct heddle_homes *homes);

#endif
