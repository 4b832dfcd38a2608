/* row_queue.c: chains of pages of rows, and which of them lie outside memory. */
#include "schedule/row_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct heddle_row_page {
    struct heddle_row_page *next;
    union {
        struct heddle_schedule_row *rows;
        uint64_t handle; /* where the spill keeps it */
    } at;
    uint32_t head; /* rows[head .. count) are in the queue */
    uint32_t count;
    uint32_t capacity;
    bool spilled;
};

static const uint64_t ROW_BYTES = sizeof(struct heddle_schedule_row);

static struct heddle_row_page *page_create(uint32_t capacity)
{
    struct heddle_row_page *page = heddle_calloc(1, sizeof *page);
    if (page == NULL) {
        return NULL;
    }
    page->at.rows = heddle_malloc(capacity * ROW_BYTES);
    if (page->at.rows == NULL) {
        free(page);
        return NULL;
    }
    page->capacity = capacity;
    return page;
}

void heddle_row_page_destroy(struct heddle_row_page *page)
{
    if (page != NULL) {
        free(page->at.rows);
        free(page);
    }
}

struct heddle_row_page *heddle_row_page_of(const struct heddle_schedule_row *rows, size_t count)
{
    struct heddle_row_page *page = page_create((uint32_t)count);
    if (page != NULL) {
        memcpy(page->at.rows, rows, count * ROW_BYTES);
        page->count = (uint32_t)count;
    }
    return page;
}

/* Frees a page of a queue, wherever its rows are. */
static void page_release(struct heddle_row_store *store, struct heddle_row_page *page)
{
    if (page->spilled) {
        store->spill.release(store->spill.context, page->at.handle, page->count * ROW_BYTES);
        free(page);
        return;
    }
    store->bytes -= page->capacity * ROW_BYTES;
    heddle_row_page_destroy(page);
}

/* Writes the rows of a full page and answers a page whose memory theirs becomes. */
static int page_spill(struct heddle_row_store *store, struct heddle_row_page *page,
                      struct heddle_row_page **next_out, struct heddle_error *error)
{
    const uint64_t length = page->count * ROW_BYTES;
    uint64_t handle = 0;
    struct heddle_row_page *next = heddle_calloc(1, sizeof *next);
    if (next == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = store->spill.write(store->spill.context, page->at.rows, length, &handle, error);
    if (status != HEDDLE_OK) {
        free(next);
        return status;
    }
    next->at.rows = page->at.rows;
    next->capacity = page->capacity;
    page->at.handle = handle;
    page->spilled = true;
    store->bytes_spilled += length;
    *next_out = next;
    return HEDDLE_OK;
}

static int page_load(struct heddle_row_store *store, struct heddle_row_page *page, struct heddle_error *error)
{
    const uint64_t length = page->count * ROW_BYTES;
    struct heddle_schedule_row *rows = heddle_malloc(length);
    if (rows == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = store->spill.read(store->spill.context, page->at.handle, rows, length, error);
    if (status != HEDDLE_OK) {
        free(rows);
        return status;
    }
    store->spill.release(store->spill.context, page->at.handle, length);
    page->at.rows = rows;
    page->spilled = false;
    page->capacity = page->count;
    store->bytes += length;
    return HEDDLE_OK;
}

/* Brings the last page's count up to date with what was pushed. */
static void queue_settle(const struct heddle_row_queue *queue)
{
    if (queue->next_row != NULL) {
        queue->last->count = (uint32_t)(queue->next_row - queue->last->at.rows);
    }
}

/* Pushing goes on behind what the last page, which is in memory, holds. */
static void queue_resume(struct heddle_row_queue *queue)
{
    queue->next_row = queue->last->at.rows + queue->last->count;
    queue->end_row = queue->last->at.rows + queue->last->capacity;
}

int heddle_row_queue_grow(struct heddle_row_store *store, struct heddle_row_queue *queue,
                          struct heddle_error *error)
{
    struct heddle_row_page *last = queue->last;
    queue_settle(queue);
    struct heddle_row_page *page = NULL;
    if (last != NULL && !last->spilled && last->head == 0 && last->count == HEDDLE_ROW_PAGE_ROWS &&
        store->spill.write != NULL && store->bytes > store->spill.budget) {
        HEDDLE_TRY(page_spill(store, last, &page, error));
    } else {
        page = page_create(last == NULL ? HEDDLE_ROW_PAGE_ROWS_FIRST : HEDDLE_ROW_PAGE_ROWS);
        if (page == NULL) {
            return heddle_error_out_of_memory(error);
        }
        store->bytes += page->capacity * ROW_BYTES;
    }
    *(last == NULL ? &queue->first : &last->next) = page;
    queue->last = page;
    queue_resume(queue);
    return HEDDLE_OK;
}

int heddle_row_queue_peek(struct heddle_row_store *store, struct heddle_row_queue *queue, size_t count,
                          struct heddle_schedule_row *rows_out, struct heddle_error *error)
{
    struct heddle_row_page *page = queue->first;
    queue_settle(queue);
    for (size_t done = 0; done < count; page = page->next) {
        if (page->spilled) {
            HEDDLE_TRY(page_load(store, page, error));
        }
        const size_t here = page->count - page->head;
        const size_t some = here < count - done ? here : count - done;
        memcpy(rows_out + done, page->at.rows + page->head, some * ROW_BYTES);
        done += some;
    }
    return HEDDLE_OK;
}

void heddle_row_queue_drop(struct heddle_row_store *store, struct heddle_row_queue *queue, size_t count)
{
    queue->rows -= count;
    while (count > 0) {
        struct heddle_row_page *page = queue->first;
        const size_t here = page->count - page->head;
        const size_t some = here < count ? here : count;
        for (size_t i = 0; i < some; i++) {
            queue->bytes -= page->at.rows[page->head + i].bytes;
        }
        page->head += (uint32_t)some;
        count -= some;
        if (page->head < page->count) {
            break;
        }
        if (page->next == NULL) {
            page->head = 0; /* the only page stays: more rows will come */
            page->count = 0;
            queue_resume(queue);
            break;
        }
        queue->first = page->next;
        page_release(store, page);
    }
}

void heddle_row_queue_put_first(struct heddle_row_store *store, struct heddle_row_queue *queue,
                                struct heddle_row_page *page)
{
    page->next = queue->first;
    queue->first = page;
    if (queue->last == NULL) {
        queue->last = page;
        queue_resume(queue);
    }
    store->bytes += page->capacity * ROW_BYTES;
    queue->rows += page->count;
    for (uint32_t i = 0; i < page->count; i++) {
        queue->bytes += page->at.rows[i].bytes;
    }
}

int heddle_row_queue_visit(const struct heddle_row_store *store, const struct heddle_row_queue *queue,
                           heddle_row_visit visit, void *context, struct heddle_error *error)
{
    struct heddle_schedule_row read[HEDDLE_ROW_PAGE_ROWS];
    queue_settle(queue);
    for (const struct heddle_row_page *page = queue->first; page != NULL; page = page->next) {
        const struct heddle_schedule_row *rows = read;
        if (page->spilled) {
            HEDDLE_TRY(store->spill.read(store->spill.context, page->at.handle, read, page->count * ROW_BYTES,
                                         error));
        } else {
            rows = page->at.rows;
        }
        for (uint32_t i = page->head; i < page->count; i++) {
            HEDDLE_TRY(visit(context, rows[i], error));
        }
    }
    return HEDDLE_OK;
}

void heddle_row_queue_clear(struct heddle_row_store *store, struct heddle_row_queue *queue)
{
    struct heddle_row_page *page = queue->first;
    while (page != NULL) {
        struct heddle_row_page *next = page->next;
        page_release(store, page);
        page = next;
    }
    *queue = (struct heddle_row_queue){0};
}
