/* row_queue.h: rows in the order they came, in pages that may lie outside memory.
 *
 * A queue is a chain of pages. While the store holds more than its budget, a page that has become full is handed to the
 * spill and its memory freed; it is read back when its rows are about to leave. The newest page of a queue always stays,
 * so the memory is bounded by the budget plus a page a queue, plus 32 bytes a page that was spilled.
 *
 * The room does no I/O: the caller's functions keep the bytes. Threads: as the scheduler's.
 */
#ifndef HEDDLE_SCHEDULE_ROW_QUEUE_H
#define HEDDLE_SCHEDULE_ROW_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schedule/scheduler.h"

/* 4 KiB of rows: what a disk reads at once at no more cost than a byte, and 33,000 tiles of 256 parts open in 130 MiB.
 * The first page of a queue is small, because most queues of a small load never need a second. */
enum { HEDDLE_ROW_PAGE_ROWS = 256, HEDDLE_ROW_PAGE_ROWS_FIRST = 16 };

struct heddle_row_page;

/* What all queues of a scheduler share. */
struct heddle_row_store {
    struct heddle_schedule_spill spill; /* write == NULL: nothing is spilled */
    uint64_t bytes;                     /* of rows in memory */
    uint64_t bytes_spilled;             /* ever written */
};

/* {0} is an empty queue. */
struct heddle_row_queue {
    struct heddle_schedule_row
        *next_row; /* where the next row goes in the last page, and where that page ends: pushing */
    struct heddle_schedule_row *end_row; /* touches nothing else. NULL where a page must be made first */
    struct heddle_row_page *first;
    struct heddle_row_page *last;
    size_t rows;
    uint64_t bytes; /* the sum of the rows' own `bytes` */
};

/* Puts a new page behind the last one, which is full, or was spilled. Errors: as push. */
HEDDLE_MUST_CHECK int heddle_row_queue_grow(struct heddle_row_store *store, struct heddle_row_queue *queue,
                                            struct heddle_error *error);

/* Adds a row behind the last. Errors: HEDDLE_OUT_OF_MEMORY and what the spill answers (the row was not taken). Here in the
 * open because every row of a load passes it. */
static inline int heddle_row_queue_push(struct heddle_row_store *store, struct heddle_row_queue *queue,
                                        struct heddle_schedule_row row, struct heddle_error *error)
{
    if (queue->next_row == queue->end_row) {
        HEDDLE_TRY(heddle_row_queue_grow(store, queue, error));
    }
    *queue->next_row++ = row;
    queue->rows++;
    queue->bytes += row.bytes;
    return HEDDLE_OK;
}

/* Copies the oldest `count` (at most queue->rows) rows; the queue keeps them. Errors: as push. */
HEDDLE_MUST_CHECK int heddle_row_queue_peek(struct heddle_row_store *store, struct heddle_row_queue *queue,
                                            size_t count, struct heddle_schedule_row *rows_out,
                                            struct heddle_error *error);

/* Forgets the oldest `count` rows, which must have been peeked at just before. */
void heddle_row_queue_drop(struct heddle_row_store *store, struct heddle_row_queue *queue, size_t count);

/* A page that already holds rows, to be put before the oldest of a queue; NULL when out of memory. */
struct heddle_row_page *heddle_row_page_of(const struct heddle_schedule_row *rows, size_t count);

/* Puts a page before the oldest row; the queue owns it from here on. */
void heddle_row_queue_put_first(struct heddle_row_store *store, struct heddle_row_queue *queue,
                                struct heddle_row_page *page);

/* Frees a page that no queue has got; NULL is a no-op. */
void heddle_row_page_destroy(struct heddle_row_page *page);

/* Called for each row of a queue, oldest first; anything but HEDDLE_OK ends the walk. */
typedef int (*heddle_row_visit)(void *context, struct heddle_schedule_row row, struct heddle_error *error);

/* Shows all rows without changing the queue. Spilled pages are read one at a time. Errors: as push, and the visitor's. */
HEDDLE_MUST_CHECK int heddle_row_queue_visit(const struct heddle_row_store *store,
                                             const struct heddle_row_queue *queue, heddle_row_visit visit,
                                             void *context, struct heddle_error *error);

/* Frees all pages, spilled ones too, and leaves {0}. */
void heddle_row_queue_clear(struct heddle_row_store *store, struct heddle_row_queue *queue);

#endif
