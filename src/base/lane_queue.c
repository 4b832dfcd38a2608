/* lane_queue.c: a ring buffer under one mutex.
 *
 * A queue hands over whole batches (thousands of rows), a few hundred times a second: at that rate one mutex
 * costs nothing, and a lock-free ring would only make closing hard to get right.
 */
#include "base/lane_queue.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

/* A queued batch may hold 8 MiB; 4,096 of them is more than any machine wants in flight. */
enum { HEDDLE_LANE_QUEUE_CAPACITY_MAX = 4096 };

struct heddle_lane_queue {
    pthread_mutex_t lock;
    pthread_cond_t not_full;
    pthread_cond_t not_empty;
    size_t capacity;
    size_t head; /* index of the oldest item */
    size_t count;
    bool closed;
    void *items[];
};

int heddle_lane_queue_create(size_t capacity, struct heddle_lane_queue **queue_out,
                             struct heddle_error *error)
{
    if (capacity == 0 || capacity > HEDDLE_LANE_QUEUE_CAPACITY_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "queue capacity %zu is not in 1..%d", capacity,
                                HEDDLE_LANE_QUEUE_CAPACITY_MAX);
    }
    struct heddle_lane_queue *queue = heddle_calloc(1, sizeof *queue + capacity * sizeof queue->items[0]);
    if (queue == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    queue->capacity = capacity;
    *queue_out = queue;
    return HEDDLE_OK;
}

int heddle_lane_queue_push(struct heddle_lane_queue *queue, void *item)
{
    int status = HEDDLE_OK;
    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->closed) {
        pthread_cond_wait(&queue->not_full, &queue->lock);
    }
    if (queue->closed) {
        status = HEDDLE_CLOSED;
    } else {
        queue->items[(queue->head + queue->count) % queue->capacity] = item;
        queue->count++;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

int heddle_lane_queue_pop(struct heddle_lane_queue *queue, void **item_out)
{
    int status = HEDDLE_OK;
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed) {
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    }
    if (queue->count == 0) {
        status = HEDDLE_CLOSED;
    } else {
        *item_out = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

void heddle_lane_queue_close(struct heddle_lane_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_full);
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}

void heddle_lane_queue_destroy(struct heddle_lane_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    pthread_cond_destroy(&queue->not_empty);
    pthread_cond_destroy(&queue->not_full);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}
