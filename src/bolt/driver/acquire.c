/* acquire.c: a channel for a need, and what a failure on it means for everybody else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bolt/driver/driver_parts.h"
#include "bolt/failure.h"

enum { NANOSECONDS_A_MILLISECOND = 1000000 };

uint64_t heddle_driver_deadline(const struct heddle_driver *driver)
{
    return heddle_clock_ns() + (uint64_t)driver->options.acquire_timeout_ms * NANOSECONDS_A_MILLISECOND;
}

/* What to log in with: *copy_out keeps it alive where it came from a provider. */
static int login_for(struct heddle_driver *driver, const struct heddle_need *need,
                     struct heddle_login **copy_out, const struct heddle_auth **auth_out,
                     struct heddle_error *error)
{
    const struct heddle_auth_provider *provider = &driver->options.auth_provider;
    *copy_out = NULL;
    if (need->session_auth != NULL || provider->get == NULL) {
        *auth_out = need->session_auth != NULL ? need->session_auth : &driver->login->auth;
        return HEDDLE_OK;
    }
    struct heddle_auth auth = {0};
    pthread_mutex_lock(&driver->auth_lock);
    int status = provider->get(provider->context, &auth, error);
    if (status == HEDDLE_OK) {
        status = heddle_login_create(&auth, copy_out, error);
    }
    pthread_mutex_unlock(&driver->auth_lock);
    if (status == HEDDLE_OK) {
        *auth_out = &(*copy_out)->auth;
    }
    return status;
}

/* The provider hears of every refusal, and may know better next time. */
static void tell_provider(struct heddle_driver *driver, const struct heddle_auth *auth,
                          struct heddle_error *error)
{
    static const char security[] = "Neo.ClientError.Security.";
    const struct heddle_auth_provider *provider = &driver->options.auth_provider;
    if (provider->get == NULL || provider->refused == NULL || error == NULL ||
        strncmp(error->code, security, sizeof security - 1) != 0) {
        return;
    }
    pthread_mutex_lock(&driver->auth_lock);
    if (provider->refused(provider->context, auth, error->code)) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    pthread_mutex_unlock(&driver->auth_lock);
}

int heddle_driver_acquire_at(struct heddle_driver *driver, const char *address,
                             const struct heddle_need *need, uint64_t deadline_ns,
                             struct heddle_channel **channel_out, struct heddle_error *error)
{
    int status = HEDDLE_END;
    while (status == HEDDLE_END) {
        struct heddle_login *copy = NULL;
        bool replaced = false;
        struct heddle_pool_wish wish = {.address = address,
                                        .host = need->host,
                                        .session_auth = need->session_auth != NULL,
                                        .force_relogin = need->force_relogin,
                                        .deadline_ns = deadline_ns,
                                        .replaced = &replaced,
                                        .timeout_ms = driver->options.acquire_timeout_ms};
        HEDDLE_TRY(login_for(driver, need, &copy, &wish.auth, error));
        status = heddle_pool_acquire(&driver->pool, &wish, channel_out, error);
        if (status == HEDDLE_DATABASE && need->session_auth == NULL) {
            tell_provider(driver, wish.auth, error);
        }
        heddle_login_destroy(copy);
    }
    return status;
}

static int nobody(const struct heddle_need *need, const char *database, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK,
                     "no server of the cluster is there to %s database \"%s\" at the moment",
                     need->read ? "read from" : "write to", database != NULL ? database : "(default)");
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

/* Server after server of the table, until one answers. */
static int acquire_routed(struct heddle_driver *driver, const struct heddle_need *need, const char *database,
                          struct heddle_channel **channel_out, struct heddle_error *error)
{
    char address[HEDDLE_URI_ADDRESS_MAX];
    const uint64_t deadline_ns = heddle_driver_deadline(driver);
    while (heddle_driver_choose(driver, database, need->read, address)) {
        const int status = heddle_driver_acquire_at(driver, address, need, deadline_ns, channel_out, error);
        if (status != HEDDLE_NETWORK && status != HEDDLE_PROTOCOL) {
            return status;
        }
        if (heddle_clock_ns() >= deadline_ns) {
            return status;
        }
        heddle_driver_forget_server(driver, address, true);
    }
    return nobody(need, database, error);
}

/* By the routes of the database that is probably meant. *channel_out stays NULL where those are not known, or lead to
 * nobody who would put a wrong guess right. */
static int acquire_guessed(struct heddle_driver *driver, const struct heddle_need *need,
                           struct heddle_channel **channel_out, struct heddle_error *error)
{
    struct heddle_channel *channel = NULL;
    if (need->database != NULL || need->guess == NULL ||
        !heddle_driver_has_routes(driver, need->guess, need->read)) {
        return HEDDLE_OK;
    }
    const int status = acquire_routed(driver, need, need->guess, &channel, error);
    if (status == HEDDLE_NETWORK || status == HEDDLE_PROTOCOL) {
        return HEDDLE_OK; /* routes that are asked for now may know better */
    }
    if (status == HEDDLE_OK && !channel->server_side_routing) {
        heddle_pool_release(&driver->pool, channel);
        channel = NULL;
    }
    *channel_out = channel;
    return status;
}

int heddle_driver_acquire(struct heddle_driver *driver, const struct heddle_need *need,
                          struct heddle_channel **channel_out, char **database_out,
                          struct heddle_error *error)
{
    char *home = NULL;
    *channel_out = NULL;
    if (!driver->uri.routing) {
        return heddle_driver_acquire_at(driver, driver->address, need, heddle_driver_deadline(driver),
                                        channel_out, error);
    }
    HEDDLE_TRY(acquire_guessed(driver, need, channel_out, error));
    if (*channel_out != NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_driver_route(driver, need, false, &home, error));
    const char *database = need->database != NULL ? need->database : home;
    const int status = acquire_routed(driver, need, database, channel_out, error);
    if (status == HEDDLE_OK && database_out != NULL) {
        *database_out = home;
        home = NULL;
    }
    free(home);
    return status;
}

void heddle_driver_consequences(struct heddle_driver *driver, struct heddle_channel *channel,
                                const char *database, struct heddle_error *error)
{
    static const char transient[] = "Neo.TransientError.";
    struct heddle_error own = {.status = channel->broken ? HEDDLE_NETWORK : HEDDLE_DATABASE};
    if (error == NULL && channel->refusal != NULL) { /* nobody listens, and it has happened all the same */
        snprintf(own.code, sizeof own.code, "%s", channel->refusal->failure.code);
    }
    error = error != NULL ? error : &own;
    if (error->status == HEDDLE_NETWORK || error->status == HEDDLE_PROTOCOL) {
        if (channel->broken) {
            heddle_driver_forget_server(driver, channel->address, true);
        }
        return;
    }
    if (error->status != HEDDLE_DATABASE) {
        return;
    }
    if (strncmp(error->code, transient, sizeof transient - 1) == 0) {
        error->action = HEDDLE_ACTION_RETRY; /* a transaction has no rows to split */
    }
    if (strcmp(error->code, "Neo.ClientError.Security.AuthorizationExpired") == 0) {
        heddle_pool_expire(&driver->pool, channel->address);
    } else if (strcmp(error->code, "Neo.TransientError.General.DatabaseUnavailable") == 0) {
        heddle_driver_forget_server(driver, channel->address, false);
    } else if (strcmp(error->code, "Neo.ClientError.Cluster.NotALeader") == 0 ||
               strcmp(error->code, "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase") == 0) {
        heddle_driver_forget_writer(driver, database, channel->address);
    }
    if (!channel->session_auth) {
        tell_provider(driver, &channel->login->auth, error);
    }
}
