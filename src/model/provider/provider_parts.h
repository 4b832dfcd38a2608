/* provider_parts.h: what a provider's engine consists of; shared by provider.c, pool.c and exchange.c only. */
#ifndef HEDDLE_MODEL_PROVIDER_PROVIDER_PARTS_H
#define HEDDLE_MODEL_PROVIDER_PROVIDER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "model/provider/pacing.h"
#include "model/provider/provider.h"
#include "model/provider/reply.h"
#include "model/provider/request.h"
#include "net/http.h"

struct heddle_provider {
    struct heddle_engine engine;
    enum heddle_provider_kind kind;
    struct heddle_request_form form; /* its texts belong to the provider */
    struct heddle_request_budget budget;
    char *model;
    char *column;
    char *url;
    char *authorization;     /* "Bearer …", or NULL; secret */
    char place[128];         /* host and port, for messages */
    char service_model[128]; /* what the service calls its model, or "" */
    bool normalize;          /* asked for */
    bool unit_length;        /* what came with the first answer had it */
    size_t max_tokens;       /* 0 = not known */
    size_t connections_max;
    uint32_t timeout_ms;
    uint32_t cold_timeout_ms;
    struct heddle_http_client *client;
    struct heddle_provider_clock clock;

    pthread_mutex_t mutex; /* guards everything below, and the calls' fields that say so */
    pthread_cond_t work;   /* a task was queued, or the end has come */
    pthread_cond_t gate;   /* a request has ended: there may be room for another */
    struct heddle_pacing pacing;
    bool answered; /* the service has answered once: no longer cold */
    uint64_t random;
    struct heddle_provider_task *first; /* queue of tasks */
    struct heddle_provider_task *last;
    size_t queued;
    pthread_t *threads;
    size_t thread_count;
    size_t busy; /* threads with a task */
    bool closing;
    atomic_bool stopping; /* whoever waits gives up */
};

/* One embed() under way. */
struct heddle_provider_call {
    struct heddle_provider *provider;
    size_t dimensions; /* expected; 0 in the first request of all, which finds out */
    size_t capacity;   /* floats of each item's vector */
    /* Guarded by the provider's mutex. */
    size_t open_tasks;
    pthread_cond_t done;
    int status; /* of the whole call: the first error */
    struct heddle_error error;
    struct heddle_error refusal; /* the last reason why a single text failed */
};

/* A request's worth of a call. */
struct heddle_provider_task {
    struct heddle_provider_task *next;
    struct heddle_provider_call *call;
    const struct heddle_engine_item *const *items;
    size_t count;
};

/* One thread's scratch memory; {0} is an empty one. */
struct heddle_provider_lane {
    struct heddle_buffer body;
    struct heddle_http_response response;
    float **vectors;
    size_t vector_capacity;
    struct heddle_answer_row *rows;
    size_t row_capacity;
};

void heddle_provider_lane_free(struct heddle_provider_lane *lane);

/* Sends the items of a task until each has its vector or its reason, or the call has failed (call->status). */
void heddle_provider_exchange(struct heddle_provider_lane *lane, const struct heddle_provider_task *task);

/* Cuts a call into tasks, has the threads do them and waits. Errors: HEDDLE_OUT_OF_MEMORY, and what ended the call. */
HEDDLE_MUST_CHECK int heddle_provider_pool_run(struct heddle_provider *provider,
                                               const struct heddle_engine_item *items, size_t count,
                                               struct heddle_error *error);

/* What the caller of an embedder is told: a service that answers strangely is a model that cannot be used. */
int heddle_provider_status(int status, struct heddle_error *error);

/* Ends and joins the threads; no call may be under way. */
void heddle_provider_pool_stop(struct heddle_provider *provider);

#endif
