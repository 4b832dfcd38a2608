/* pool.h: channels that wait to be used again, by address. For this folder only.
 *
 * Threads: any. No lock is held while a channel talks to its server.
 */
#ifndef HEDDLE_BOLT_DRIVER_POOL_H
#define HEDDLE_BOLT_DRIVER_POOL_H

#include <pthread.h>

#include "bolt/channel.h"

struct heddle_pool_wish;

/* Opens a channel: the driver's, which knows all options. */
typedef int heddle_pool_open(void *context, const struct heddle_pool_wish *wish,
                             struct heddle_channel **channel_out, struct heddle_error *error);

struct heddle_pool_bucket {
    char address[HEDDLE_URI_ADDRESS_MAX];
    struct heddle_channel *channels; /* in use and idle; the last one given back first */
    size_t opening;
    struct heddle_pool_bucket *next;
};

struct heddle_pool {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    struct heddle_pool_bucket *buckets;
    size_t most;          /* channels an address */
    uint64_t life_ns;     /* 0 = for ever */
    uint64_t liveness_ns; /* idle for longer: ask for a sign of life; UINT64_MAX = never */
    heddle_pool_open *open;
    void *context;
};

HEDDLE_MUST_CHECK int heddle_pool_init(struct heddle_pool *pool, struct heddle_error *error);
void heddle_pool_free(struct heddle_pool *pool); /* closes all channels */

/* What is asked of a channel. */
struct heddle_pool_wish {
    const char *address;
    const char *host; /* whose certificate is expected at this literal address; NULL = the address's own */
    const struct heddle_auth *auth;
    bool session_auth;  /* `auth` is a session's own: the server must know re-authentication */
    bool force_relogin; /* LOGOFF + LOGON even where the login is the same */
    uint64_t deadline_ns;
    /* Set, and HEDDLE_END answered, where a channel of another login had to be closed to make room: the login may be out of
     * date by now, ask again. NULL = no matter. */
    bool *replaced;
    uint32_t timeout_ms; /* what the deadline came from, for messages */
};

/* A channel that is logged in as wished (perhaps with LOGOFF and LOGON written, to go with what comes next). Errors: those
 * of heddle_channel_open(); HEDDLE_NETWORK with RETRY when none became free in time; HEDDLE_INVALID when the server does
 * not know re-authentication. */
HEDDLE_MUST_CHECK int heddle_pool_acquire(struct heddle_pool *pool, const struct heddle_pool_wish *wish,
                                          struct heddle_channel **channel_out, struct heddle_error *error);

/* Gives it back; reset where that is needed, closed where it is of no more use. */
void heddle_pool_release(struct heddle_pool *pool, struct heddle_channel *channel);

/* Closes the idle ones of an address; those in use are closed when they come back. */
void heddle_pool_drop(struct heddle_pool *pool, const char *address);

/* The server has forgotten the logins of all channels of an address: each logs in again before it does anything new, or is
 * replaced where its version cannot. */
void heddle_pool_expire(struct heddle_pool *pool, const char *address);

/* True where there are channels, and all their servers route by themselves. */
bool heddle_pool_routes_itself(struct heddle_pool *pool);

void heddle_pool_count(struct heddle_pool *pool, const char *address, size_t *in_use_out, size_t *idle_out);

/* Calls `keep` for each address of the pool; drops those that it answers false for. */
void heddle_pool_prune(struct heddle_pool *pool, bool (*keep)(void *context, const char *address),
                       void *context);

#endif
