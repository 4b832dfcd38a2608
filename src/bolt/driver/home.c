/* home.c: remembering home databases. A list is enough: few users share a driver. */
#include "bolt/driver/home.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct heddle_home_owner heddle_home_owner(const char *impersonated_user,
                                           const struct heddle_auth *session_auth)
{
    if (impersonated_user != NULL || session_auth == NULL) {
        return (struct heddle_home_owner){.user = impersonated_user};
    }
    if (session_auth->scheme != NULL && strcmp(session_auth->scheme, "basic") == 0 &&
        session_auth->principal != NULL) {
        return (struct heddle_home_owner){.user = session_auth->principal};
    }
    return (struct heddle_home_owner){.auth = session_auth};
}

static bool is_of(const struct heddle_home *home, struct heddle_home_owner owner)
{
    if (owner.user != NULL) {
        return home->user != NULL && strcmp(home->user, owner.user) == 0;
    }
    if (owner.auth != NULL) {
        return home->login != NULL && heddle_login_equal(&home->login->auth, owner.auth);
    }
    return home->user == NULL && home->login == NULL;
}

/* With the lock held. */
static struct heddle_home *find(const struct heddle_homes *homes, struct heddle_home_owner owner)
{
    for (size_t i = 0; i < homes->count; i++) {
        if (is_of(&homes->items[i], owner)) {
            return &homes->items[i];
        }
    }
    return NULL;
}

static void home_free(struct heddle_home *home)
{
    free(home->user);
    heddle_login_destroy(home->login);
    free(home->database);
    *home = (struct heddle_home){0};
}

int heddle_homes_guess(struct heddle_homes *homes, struct heddle_home_owner owner, char **database_out,
                       struct heddle_error *error)
{
    int status = HEDDLE_OK;
    *database_out = NULL;
    pthread_mutex_lock(&homes->lock);
    const struct heddle_home *home = find(homes, owner);
    if (home != NULL) {
        *database_out = heddle_strdup(home->database);
        status = *database_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    pthread_mutex_unlock(&homes->lock);
    return status;
}

static int home_fill(struct heddle_home *home, struct heddle_home_owner owner, struct heddle_error *error)
{
    if (owner.user != NULL) {
        home->user = heddle_strdup(owner.user);
        return home->user != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    return owner.auth != NULL ? heddle_login_create(owner.auth, &home->login, error) : HEDDLE_OK;
}

/* A place for one more: a new one, or that of the entry whose last word is the oldest. */
static struct heddle_home *place(struct heddle_homes *homes)
{
    if (homes->count < HEDDLE_HOMES_MAX) {
        return heddle_grow((void **)&homes->items, &homes->capacity, homes->count + 1,
                           sizeof *homes->items) == 0
                   ? &homes->items[homes->count++]
                   : NULL;
    }
    struct heddle_home *oldest = &homes->items[0];
    for (size_t i = 1; i < homes->count; i++) {
        oldest = homes->items[i].told < oldest->told ? &homes->items[i] : oldest;
    }
    home_free(oldest);
    return oldest;
}

/* With the lock held: takes `database`. */
static int tell_locked(struct heddle_homes *homes, struct heddle_home_owner owner, char *database,
                       struct heddle_error *error)
{
    struct heddle_home *home = find(homes, owner);
    struct heddle_home fresh = {.database = database};
    if (home != NULL) {
        free(home->database);
        home->database = database;
        home->told = ++homes->words;
        return HEDDLE_OK;
    }
    int status = home_fill(&fresh, owner, error);
    if (status == HEDDLE_OK && (home = place(homes)) == NULL) {
        status = heddle_error_out_of_memory(error);
    }
    if (status != HEDDLE_OK) {
        home_free(&fresh);
        return status;
    }
    fresh.told = ++homes->words;
    *home = fresh;
    return HEDDLE_OK;
}

int heddle_homes_tell(struct heddle_homes *homes, struct heddle_home_owner owner, const char *database,
                      struct heddle_error *error)
{
    char *copy = heddle_strdup(database);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_lock(&homes->lock);
    const int status = tell_locked(homes, owner, copy, error);
    pthread_mutex_unlock(&homes->lock);
    return status;
}

void heddle_homes_free(struct heddle_homes *homes)
{
    for (size_t i = 0; i < homes->count; i++) {
        home_free(&homes->items[i]);
    }
    free(homes->items);
    homes->items = NULL;
    homes->count = 0;
    homes->capacity = 0;
}
