/* auth_manager.c: a provider that keeps a login until it expires or is refused. */
#include <heddle/bolt.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/login.h"

enum { NANOSECONDS_A_MILLISECOND = 1000000 };

struct heddle_auth_manager {
    pthread_mutex_t lock;
    bool bearer;
    heddle_auth_fetch *fetch;
    void *context;
    struct heddle_login *login; /* NULL = to be fetched */
    uint64_t expires_ns;        /* 0 = never */
};

int heddle_auth_manager_create(bool bearer, heddle_auth_fetch *fetch, void *context,
                               struct heddle_auth_manager **manager_out, struct heddle_error *error)
{
    struct heddle_auth_manager *manager = heddle_calloc(1, sizeof *manager);
    if (manager == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (pthread_mutex_init(&manager->lock, NULL) != 0) {
        free(manager);
        return heddle_error_out_of_memory(error);
    }
    manager->bearer = bearer;
    manager->fetch = fetch;
    manager->context = context;
    *manager_out = manager;
    return HEDDLE_OK;
}

static void forget(struct heddle_auth_manager *manager)
{
    heddle_login_destroy(manager->login);
    manager->login = NULL;
    manager->expires_ns = 0;
}

static int refresh(struct heddle_auth_manager *manager, struct heddle_error *error)
{
    struct heddle_auth auth = {0};
    int64_t expires_in_ms = -1;
    forget(manager);
    HEDDLE_TRY(manager->fetch(manager->context, &auth, &expires_in_ms, error));
    HEDDLE_TRY(heddle_login_create(&auth, &manager->login, error));
    if (expires_in_ms >= 0) {
        manager->expires_ns = heddle_clock_ns() + (uint64_t)expires_in_ms * NANOSECONDS_A_MILLISECOND;
    }
    return HEDDLE_OK;
}

static int manager_get(void *context, struct heddle_auth *auth_out, struct heddle_error *error)
{
    struct heddle_auth_manager *manager = context;
    int status = HEDDLE_OK;
    pthread_mutex_lock(&manager->lock);
    if (manager->login == NULL || (manager->expires_ns != 0 && heddle_clock_ns() >= manager->expires_ns)) {
        status = refresh(manager, error);
    }
    if (status == HEDDLE_OK) {
        *auth_out = manager->login->auth;
    }
    pthread_mutex_unlock(&manager->lock);
    return status;
}

static bool manager_refused(void *context, const struct heddle_auth *auth, const char *code)
{
    struct heddle_auth_manager *manager = context;
    const bool counts = strcmp(code, "Neo.ClientError.Security.Unauthorized") == 0 ||
                        (manager->bearer && strcmp(code, "Neo.ClientError.Security.TokenExpired") == 0);
    if (!counts) {
        return false;
    }
    pthread_mutex_lock(&manager->lock);
    if (manager->login != NULL && heddle_login_equal(&manager->login->auth, auth)) {
        forget(manager); /* else another thread has fetched a new one already */
    }
    pthread_mutex_unlock(&manager->lock);
    return true;
}

struct heddle_auth_provider heddle_auth_manager_provider(struct heddle_auth_manager *manager)
{
    return (struct heddle_auth_provider){manager_get, manager_refused, manager};
}

void heddle_auth_manager_destroy(struct heddle_auth_manager *manager)
{
    if (manager != NULL) {
        forget(manager);
        pthread_mutex_destroy(&manager->lock);
        free(manager);
    }
}
