/* wire_memory.h: a wire between a client and a peer inside the same thread: two buffers, no socket, no waiting.
 *
 * Whenever the client has sent something, `heard` is called and may read `to_peer` and append to `to_client`. A client
 * that waits for bytes that no one will send gets an error at once instead of hanging: a test can never block.
 *
 * Injected trouble: calls cut into pieces, the n-th call of send() or receive() failing, the peer hanging up.
 * The struct is the test's and outlives the wire that the code under test closes.
 */
#ifndef HEDDLE_TESTS_SUPPORT_WIRE_MEMORY_H
#define HEDDLE_TESTS_SUPPORT_WIRE_MEMORY_H

#include "base/buffer.h"
#include "net/wire.h"

struct wire_memory {
    struct heddle_wire base;
    struct heddle_buffer to_peer;   /* all that the client ever sent */
    struct heddle_buffer to_client; /* all that the peer ever sent */
    size_t client_has_read;
    void (*heard)(struct wire_memory *wire, void *context);
    void *context;
    size_t piece;   /* at most that many bytes a call; 0 = no limit */
    int fail_at;    /* this call of send() or receive() fails, counted from 0; -1 = none */
    int calls;      /* of send() and receive() so far */
    bool hung_up;   /* the peer has closed: an error once everything is read */
    bool stuck;     /* the client waited for bytes that would never come */
    bool full;      /* send() takes nothing until the client has read something */
    bool closed;    /* the client has closed */
    bool sent_last; /* the last call was a send() */
    int turns;      /* times that the client went from sending to receiving: round trips */
};

/* Makes it ready; `fail_at` is -1. */
void wire_memory_init(struct wire_memory *wire, void (*heard)(struct wire_memory *, void *), void *context);

/* Frees the buffers. */
void wire_memory_free(struct wire_memory *wire);

#endif
