/* pool.c: the threads of a provider's engine: calls are cut into requests, which wait in one queue for all sessions.
 *
 * The threads only wait for the network most of the time, so there may be many more of them than cores; how many of them
 * may send is the pacing's to say.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "model/provider/provider_parts.h"

/* A call's texts are spread over the connections, but not into requests so small that their overhead counts. */
enum { SPREAD_ITEMS_MIN = 64 };

static struct heddle_provider_task *task_next(struct heddle_provider *provider)
{
    struct heddle_provider_task *task = provider->first;
    if (task != NULL) {
        provider->first = task->next;
        provider->last = provider->first == NULL ? NULL : provider->last;
        provider->queued--;
    }
    return task;
}

/* Does the next task, under the mutex but for the doing. False if there is none. */
static bool task_do(struct heddle_provider *provider, struct heddle_provider_lane *lane)
{
    const struct heddle_provider_task *task = task_next(provider);
    if (task == NULL) {
        return false;
    }
    struct heddle_provider_call *call = task->call;
    provider->busy++;
    pthread_mutex_unlock(&provider->mutex);
    heddle_provider_exchange(lane, task);
    pthread_mutex_lock(&provider->mutex);
    provider->busy--;
    if (--call->open_tasks == 0) {
        pthread_cond_signal(&call->done);
    }
    return true;
}

static void *work(void *context)
{
    struct heddle_provider *provider = context;
    struct heddle_provider_lane lane = {0};
    pthread_mutex_lock(&provider->mutex);
    while (task_do(provider, &lane) || !provider->closing) {
        while (provider->first == NULL && !provider->closing) {
            pthread_cond_wait(&provider->work, &provider->mutex);
        }
    }
    pthread_mutex_unlock(&provider->mutex);
    heddle_provider_lane_free(&lane);
    return NULL;
}

/* Starts threads until each queued task has one, or there are enough. Under the mutex. False: there is none at all. */
static bool threads_start(struct heddle_provider *provider)
{
    while (provider->thread_count - provider->busy < provider->queued &&
           provider->thread_count < provider->connections_max &&
           pthread_create(&provider->threads[provider->thread_count], NULL, work, provider) == 0) {
        provider->thread_count++;
    }
    return provider->thread_count > 0;
}

static int by_length(const void *a, const void *b)
{
    const struct heddle_engine_item *x = *(const struct heddle_engine_item *const *)a;
    const struct heddle_engine_item *y = *(const struct heddle_engine_item *const *)b;
    if (x->length != y->length) {
        return x->length < y->length ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

/* The different lengths apart: services pad a request to its longest text. Empty texts are not sent: most services refuse
 * them, and there is nothing to be said about them; their vectors are zeros. Answers how many are to be sent. */
static size_t order_items(const struct heddle_engine_item *items, size_t count, size_t dimensions,
                          const struct heddle_engine_item **order)
{
    size_t sent = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].length > 0) {
            order[sent++] = &items[i];
            continue;
        }
        for (size_t k = 0; k < dimensions; k++) {
            items[i].vector[k] = 0;
        }
    }
    qsort(order, sent, sizeof *order, by_length);
    return sent;
}

/* Cuts the ordered items into tasks; answers how many. */
static size_t tasks_cut(struct heddle_provider_call *call, const struct heddle_engine_item *const *order,
                        size_t count, struct heddle_provider_task *tasks)
{
    const struct heddle_provider *provider = call->provider;
    struct heddle_request_budget budget = provider->budget;
    size_t spread = (count + provider->connections_max - 1) / provider->connections_max;
    spread = spread > SPREAD_ITEMS_MIN ? spread : SPREAD_ITEMS_MIN;
    budget.items = budget.items < spread ? budget.items : spread;
    size_t task_count = 0;
    for (size_t at = 0; at < count;) {
        const size_t taken = heddle_request_take(order + at, count - at, &budget);
        tasks[task_count++] =
            (struct heddle_provider_task){.call = call, .items = order + at, .count = taken};
        at += taken;
    }
    return task_count;
}

static void call_wait(struct heddle_provider_call *call, struct heddle_provider_task *tasks, size_t count)
{
    struct heddle_provider *provider = call->provider;
    struct heddle_provider_lane lane = {0};
    pthread_mutex_lock(&provider->mutex);
    call->open_tasks = count;
    for (size_t i = 0; i < count; i++) {
        if (provider->last != NULL) {
            provider->last->next = &tasks[i];
        } else {
            provider->first = &tasks[i];
        }
        provider->last = &tasks[i];
        provider->queued++;
    }
    if (threads_start(provider)) {
        pthread_cond_broadcast(&provider->work);
    } else {
        while (task_do(provider, &lane)) { /* no thread to be had: this one works */
        }
    }
    while (call->open_tasks > 0) {
        pthread_cond_wait(&call->done, &provider->mutex);
    }
    pthread_mutex_unlock(&provider->mutex);
    heddle_provider_lane_free(&lane);
}

int heddle_provider_status(int status, struct heddle_error *error)
{
    if (status != HEDDLE_PROTOCOL) {
        return status;
    }
    if (error != NULL) {
        error->status = HEDDLE_MODEL;
    }
    return HEDDLE_MODEL;
}

int heddle_provider_pool_run(struct heddle_provider *provider, const struct heddle_engine_item *items,
                             size_t count, struct heddle_error *error)
{
    struct heddle_provider_call call = {.provider = provider,
                                        .dimensions = provider->engine.dimensions,
                                        .capacity = provider->engine.dimensions};
    const struct heddle_engine_item **order = heddle_calloc(count > 0 ? count : 1, sizeof *order);
    struct heddle_provider_task *tasks = heddle_calloc(count > 0 ? count : 1, sizeof *tasks);
    if (order == NULL || tasks == NULL) {
        free(order);
        free(tasks);
        return heddle_error_out_of_memory(error);
    }
    pthread_cond_init(&call.done, NULL);
    const size_t sent = order_items(items, count, provider->engine.dimensions, order);
    const size_t task_count = tasks_cut(&call, order, sent, tasks);
    if (task_count > 0) {
        call_wait(&call, tasks, task_count);
    }
    pthread_cond_destroy(&call.done);
    free(order);
    free(tasks);
    if (call.status != HEDDLE_OK && error != NULL) {
        *error = call.error;
    }
    return heddle_provider_status(call.status, error);
}

void heddle_provider_pool_stop(struct heddle_provider *provider)
{
    pthread_mutex_lock(&provider->mutex);
    provider->closing = true;
    pthread_cond_broadcast(&provider->work);
    pthread_mutex_unlock(&provider->mutex);
    for (size_t i = 0; i < provider->thread_count; i++) {
        pthread_join(provider->threads[i], NULL);
    }
    provider->thread_count = 0;
}
