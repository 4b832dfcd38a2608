/* pool.c: handing out channels and taking them back. */
#include "bolt/driver/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

enum { NANOSECONDS_A_SECOND = 1000000000 };

int heddle_pool_init(struct heddle_pool *pool, struct heddle_error *error)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    const int failed = pthread_cond_init(&pool->given_back, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed == 0 ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static void close_all(struct heddle_channel *channels)
{
    while (channels != NULL) {
        struct heddle_channel *next = channels->next;
        heddle_channel_close(channels);
        channels = next;
    }
}

void heddle_pool_free(struct heddle_pool *pool)
{
    while (pool->buckets != NULL) {
        struct heddle_pool_bucket *bucket = pool->buckets;
        pool->buckets = bucket->next;
        close_all(bucket->channels);
        free(bucket);
    }
    pthread_cond_destroy(&pool->given_back);
    pthread_mutex_destroy(&pool->lock);
}

static struct heddle_pool_bucket *bucket_find(const struct heddle_pool *pool, const char *address)
{
    struct heddle_pool_bucket *bucket = pool->buckets;
    while (bucket != NULL && strcmp(bucket->address, address) != 0) {
        bucket = bucket->next;
    }
    return bucket;
}

static struct heddle_pool_bucket *bucket_get(struct heddle_pool *pool, const char *address)
{
    struct heddle_pool_bucket *bucket = bucket_find(pool, address);
    if (bucket == NULL) {
        bucket = heddle_calloc(1, sizeof *bucket);
        if (bucket != NULL) {
            strncpy(bucket->address, address, sizeof bucket->address - 1);
            bucket->next = pool->buckets;
            pool->buckets = bucket;
        }
    }
    return bucket;
}

static bool is_old(const struct heddle_pool *pool, const struct heddle_channel *channel, uint64_t now)
{
    return pool->life_ns != 0 && now - channel->born_ns >= pool->life_ns;
}

/* Moves idle channels that nobody should get any more to *gone. */
static void weed(const struct heddle_pool *pool, struct heddle_pool_bucket *bucket,
                 struct heddle_channel **gone)
{
    const uint64_t now = heddle_clock_ns();
    struct heddle_channel **link = &bucket->channels;
    while (*link != NULL) {
        struct heddle_channel *channel = *link;
        if (!channel->in_use && (channel->stale || channel->broken || is_old(pool, channel, now))) {
            *link = channel->next;
            channel->next = *gone;
            *gone = channel;
        } else {
            link = &channel->next;
        }
    }
}

static size_t bucket_size(const struct heddle_pool_bucket *bucket)
{
    size_t size = bucket->opening;
    for (const struct heddle_channel *channel = bucket->channels; channel != NULL; channel = channel->next) {
        size++;
    }
    return size;
}

static struct heddle_channel *take_idle(struct heddle_pool_bucket *bucket)
{
    for (struct heddle_channel *channel = bucket->channels; channel != NULL; channel = channel->next) {
        if (!channel->in_use) {
            channel->in_use = true;
            channel->used = true;
            return channel;
        }
    }
    return NULL;
}

static int used_up(const struct heddle_pool *pool, const struct heddle_pool_wish *wish,
                   struct heddle_error *error)
{
    heddle_error_set(
        error, HEDDLE_NETWORK,
        "no connection to %s became free within %u ms (all %zu are in use): close sessions, or raise "
        "max_pool_size",
        wish->address, wish->timeout_ms, pool->most);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

/* Takes an idle channel, or a place for a new one (*channel_out NULL), waiting for either. */
static int place_get(struct heddle_pool *pool, const struct heddle_pool_wish *wish,
                     struct heddle_channel **channel_out, struct heddle_error *error)
{
    struct heddle_channel *gone = NULL;
    int status = HEDDLE_OK;
    const struct timespec until = {.tv_sec = (time_t)(wish->deadline_ns / NANOSECONDS_A_SECOND),
                                   .tv_nsec = (long)(wish->deadline_ns % NANOSECONDS_A_SECOND)};
    *channel_out = NULL;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct heddle_pool_bucket *bucket = bucket_get(pool, wish->address);
        if (bucket == NULL) {
            status = heddle_error_out_of_memory(error);
            break;
        }
        weed(pool, bucket, &gone);
        *channel_out = take_idle(bucket);
        if (*channel_out != NULL) {
            break;
        }
        if (bucket_size(bucket) < pool->most) {
            bucket->opening++;
            break;
        }
        if (pthread_cond_timedwait(&pool->given_back, &pool->lock, &until) == ETIMEDOUT) {
            status = used_up(pool, wish, error);
            break;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    close_all(gone);
    return status;
}

/* Takes a channel out for good. */
static void discard(struct heddle_pool *pool, struct heddle_channel *channel)
{
    pthread_mutex_lock(&pool->lock);
    struct heddle_pool_bucket *bucket = bucket_find(pool, channel->address);
    struct heddle_channel **link = bucket != NULL ? &bucket->channels : NULL;
    while (link != NULL && *link != NULL && *link != channel) {
        link = &(*link)->next;
    }
    if (link != NULL && *link != NULL) {
        *link = channel->next;
    }
    pthread_cond_broadcast(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
    heddle_channel_close(channel);
}

static int open_new(struct heddle_pool *pool, const struct heddle_pool_wish *wish,
                    struct heddle_channel **channel_out, struct heddle_error *error)
{
    struct heddle_channel *channel = NULL;
    const int status = pool->open(pool->context, wish, &channel, error);
    pthread_mutex_lock(&pool->lock);
    struct heddle_pool_bucket *bucket = bucket_find(pool, wish->address);
    if (bucket != NULL) { /* always */
        bucket->opening--;
    }
    if (status == HEDDLE_OK) {
        channel->in_use = true;
        channel->next = bucket->channels;
        bucket->channels = channel;
        *channel_out = channel;
    } else {
        pthread_cond_broadcast(&pool->given_back);
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static int no_session_auth(const struct heddle_channel *channel, struct heddle_error *error)
{
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "user switching is not supported for Bolt Protocol Version(%u, %u), which %s speaks; it came with "
        "5.1",
        channel->version.major, channel->version.minor, channel->address);
}

/* Makes an idle channel fit for the wish. *usable_out = false: take another one. */
static int prepare(const struct heddle_pool *pool, const struct heddle_pool_wish *wish,
                   struct heddle_channel *channel, bool *usable_out, struct heddle_error *error)
{
    const bool can = heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_LOGON);
    const bool same = heddle_login_equal(&channel->login->auth, wish->auth);
    *usable_out = false;
    if (wish->session_auth && !can) {
        return no_session_auth(channel, error);
    }
    if (!same && !can) {
        if (wish->replaced != NULL) {
            *wish->replaced = true;
        }
        return HEDDLE_OK;
    }
    if (heddle_clock_ns() - channel->idle_since_ns >= pool->liveness_ns) {
        channel->stream.deadline_ns = wish->deadline_ns;
        const int alive = heddle_channel_reset(channel, NULL);
        channel->stream.deadline_ns = 0;
        if (alive != HEDDLE_OK) {
            return HEDDLE_OK;
        }
    }
    if (!same || wish->force_relogin || channel->login_expired) {
        channel->login_expired = false;
        HEDDLE_TRY(heddle_channel_relogin(channel, wish->auth, error));
    }
    *usable_out = true;
    return HEDDLE_OK;
}

int heddle_pool_acquire(struct heddle_pool *pool, const struct heddle_pool_wish *wish,
                        struct heddle_channel **channel_out, struct heddle_error *error)
{
    for (;;) {
        struct heddle_channel *channel = NULL;
        bool usable = false;
        HEDDLE_TRY(place_get(pool, wish, &channel, error));
        if (channel == NULL) {
            HEDDLE_TRY(open_new(pool, wish, &channel, error));
            if (wish->session_auth && !heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_LOGON)) {
                const int status = no_session_auth(channel, error);
                discard(pool, channel);
                return status;
            }
            channel->session_auth = wish->session_auth;
            *channel_out = channel;
            return HEDDLE_OK;
        }
        const int status = prepare(pool, wish, channel, &usable, error);
        if (status == HEDDLE_OK && usable) {
            channel->session_auth = wish->session_auth;
            *channel_out = channel;
            return HEDDLE_OK;
        }
        if (status != HEDDLE_OK && !channel->broken) {
            heddle_pool_release(pool, channel);
            return status;
        }
        discard(pool, channel);
        if (status != HEDDLE_OK) {
            return status;
        }
        if (wish->replaced != NULL && *wish->replaced) {
            return HEDDLE_END;
        }
    }
}

void heddle_pool_release(struct heddle_pool *pool, struct heddle_channel *channel)
{
    if (channel->outbox.length > 0) {
        channel->stale = true; /* something was written and not sent: nobody knows any more what is said */
    }
    if (!channel->broken && !channel->stale && (channel->needs_reset || channel->queue_length > 0)) {
        (void)!heddle_channel_reset(channel, NULL);
    }
    heddle_refusal_destroy(heddle_channel_take_refusal(channel));
    if (channel->broken || channel->stale) {
        discard(pool, channel);
        return;
    }
    channel->idle_since_ns = heddle_clock_ns();
    pthread_mutex_lock(&pool->lock);
    channel->in_use = false;
    pthread_cond_broadcast(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
}

void heddle_pool_expire(struct heddle_pool *pool, const char *address)
{
    pthread_mutex_lock(&pool->lock);
    struct heddle_pool_bucket *bucket = bucket_find(pool, address);
    for (struct heddle_channel *channel = bucket != NULL ? bucket->channels : NULL; channel != NULL;
         channel = channel->next) {
        if (heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_LOGON)) {
            channel->login_expired = true;
        } else {
            channel->stale = true;
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

void heddle_pool_drop(struct heddle_pool *pool, const char *address)
{
    struct heddle_channel *gone = NULL;
    pthread_mutex_lock(&pool->lock);
    struct heddle_pool_bucket *bucket = bucket_find(pool, address);
    if (bucket != NULL) {
        for (struct heddle_channel *channel = bucket->channels; channel != NULL; channel = channel->next) {
            channel->stale = true;
        }
        weed(pool, bucket, &gone);
        pthread_cond_broadcast(&pool->given_back);
    }
    pthread_mutex_unlock(&pool->lock);
    close_all(gone);
}

void heddle_pool_prune(struct heddle_pool *pool, bool (*keep)(void *context, const char *address),
                       void *context)
{
    struct heddle_channel *gone = NULL;
    pthread_mutex_lock(&pool->lock);
    for (struct heddle_pool_bucket *bucket = pool->buckets; bucket != NULL; bucket = bucket->next) {
        if (keep(context, bucket->address)) {
            continue;
        }
        for (struct heddle_channel *channel = bucket->channels; channel != NULL; channel = channel->next) {
            channel->stale = true;
        }
        weed(pool, bucket, &gone);
    }
    pthread_mutex_unlock(&pool->lock);
    close_all(gone);
}

bool heddle_pool_routes_itself(struct heddle_pool *pool)
{
    bool any = false;
    bool all = true;
    pthread_mutex_lock(&pool->lock);
    for (const struct heddle_pool_bucket *bucket = pool->buckets; bucket != NULL; bucket = bucket->next) {
        for (const struct heddle_channel *channel = bucket->channels; channel != NULL;
             channel = channel->next) {
            any = true;
            all = all && channel->server_side_routing;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return any && all;
}

void heddle_pool_count(struct heddle_pool *pool, const char *address, size_t *in_use_out, size_t *idle_out)
{
    *in_use_out = 0;
    *idle_out = 0;
    pthread_mutex_lock(&pool->lock);
    const struct heddle_pool_bucket *bucket = bucket_find(pool, address);
    for (const struct heddle_channel *channel = bucket != NULL ? bucket->channels : NULL; channel != NULL;
         channel = channel->next) {
        *(channel->in_use ? in_use_out : idle_out) += 1;
    }
    pthread_mutex_unlock(&pool->lock);
}
