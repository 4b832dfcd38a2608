/* outbox.c: two short rows of transactions: those that wait, and those that are unused. */
#include "sink/neo4j/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct heddle_outbox {
    struct heddle_transaction **waiting; /* oldest first */
    size_t waiting_count;
    size_t waiting_max;
    struct heddle_transaction **unused;
    size_t unused_count;
    size_t total;
};

int heddle_outbox_create(size_t total, size_t waiting_max, struct heddle_outbox **outbox_out,
                         struct heddle_error *error)
{
    struct heddle_outbox *outbox = heddle_calloc(1, sizeof *outbox);
    if (outbox == NULL) {
        return heddle_error_out_of_memory(error);
    }
    outbox->total = total;
    outbox->waiting_max = waiting_max;
    outbox->waiting = heddle_calloc(waiting_max + 1, sizeof(struct heddle_transaction *));
    outbox->unused = heddle_calloc(total + 1, sizeof(struct heddle_transaction *));
    if (outbox->waiting == NULL || outbox->unused == NULL) {
        heddle_outbox_destroy(outbox);
        return heddle_error_out_of_memory(error);
    }
    *outbox_out = outbox;
    return HEDDLE_OK;
}

int heddle_outbox_get(struct heddle_outbox *outbox, struct heddle_transaction **transaction_out,
                      struct heddle_error *error)
{
    if (outbox->unused_count == 0) {
        return heddle_transaction_create(transaction_out, error);
    }
    *transaction_out = outbox->unused[--outbox->unused_count];
    return HEDDLE_OK;
}

void heddle_outbox_put(struct heddle_outbox *outbox, struct heddle_transaction *transaction)
{
    assert(outbox->unused_count < outbox->total);
    outbox->unused[outbox->unused_count++] = transaction;
}

bool heddle_outbox_has_room(const struct heddle_outbox *outbox)
{
    return outbox->waiting_count < outbox->waiting_max;
}

void heddle_outbox_post(struct heddle_outbox *outbox, struct heddle_transaction *transaction)
{
    assert(heddle_outbox_has_room(outbox) && transaction->encoded);
    outbox->waiting[outbox->waiting_count++] = transaction;
}

struct heddle_transaction *heddle_outbox_take(struct heddle_outbox *outbox)
{
    if (outbox->waiting_count == 0) {
        return NULL;
    }
    struct heddle_transaction *oldest = outbox->waiting[0];
    outbox->waiting_count--;
    memmove(outbox->waiting, outbox->waiting + 1,
            outbox->waiting_count * sizeof(struct heddle_transaction *));
    return oldest;
}

void heddle_outbox_destroy(struct heddle_outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    for (size_t i = 0; i < outbox->unused_count; i++) {
        heddle_transaction_destroy(outbox->unused[i]);
    }
    free(outbox->waiting);
    free(outbox->unused);
    free(outbox);
}
