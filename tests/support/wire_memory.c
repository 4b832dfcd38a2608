/* wire_memory.c: see wire_memory.h. */
#include "support/wire_memory.h"

#include <string.h>

static int trouble(struct wire_memory *wire, const char *why, struct heddle_error *error)
{
    (void)wire;
    heddle_error_set(error, HEDDLE_NETWORK, "memory wire: %s", why);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

static size_t cut(const struct wire_memory *wire, size_t length)
{
    return wire->piece != 0 && wire->piece < length ? wire->piece : length;
}

static int memory_send(struct heddle_wire *base, const uint8_t *bytes, size_t length, size_t *sent_out,
                       struct heddle_error *error)
{
    struct wire_memory *wire = (struct wire_memory *)base;
    *sent_out = 0;
    if (wire->calls++ == wire->fail_at) {
        return trouble(wire, "a send failed on purpose", error);
    }
    if (wire->hung_up) {
        return trouble(wire, "the peer has hung up", error);
    }
    if (wire->full && wire->client_has_read < wire->to_client.length) {
        return HEDDLE_OK;
    }
    *sent_out = cut(wire, length);
    heddle_buffer_append(&wire->to_peer, bytes, *sent_out);
    wire->sent_last = true;
    if (wire->heard != NULL) {
        wire->heard(wire, wire->context);
    }
    return HEDDLE_OK;
}

static int memory_receive(struct heddle_wire *base, uint8_t *bytes, size_t length, size_t *received_out,
                          struct heddle_error *error)
{
    struct wire_memory *wire = (struct wire_memory *)base;
    *received_out = 0;
    if (wire->calls++ == wire->fail_at) {
        return trouble(wire, "a receive failed on purpose", error);
    }
    if (wire->sent_last) {
        wire->sent_last = false;
        wire->turns++;
    }
    const size_t left = wire->to_client.length - wire->client_has_read;
    if (left == 0) {
        return wire->hung_up ? trouble(wire, "the peer has hung up", error) : HEDDLE_OK;
    }
    *received_out = cut(wire, left < length ? left : length);
    memcpy(bytes, wire->to_client.bytes + wire->client_has_read, *received_out);
    wire->client_has_read += *received_out;
    return HEDDLE_OK;
}

static int memory_wait(struct heddle_wire *base, bool to_send, int timeout_ms, struct heddle_error *error)
{
    struct wire_memory *wire = (struct wire_memory *)base;
    (void)timeout_ms;
    if (wire->client_has_read < wire->to_client.length || to_send || wire->hung_up) {
        return HEDDLE_OK;
    }
    wire->stuck = true;
    return trouble(wire, "the client waits for an answer that nobody will give", error);
}

static void memory_close(struct heddle_wire *base)
{
    ((struct wire_memory *)base)->closed = true;
}

static const struct heddle_wire_class memory_class = {memory_send, memory_receive, memory_wait, memory_close};

void wire_memory_init(struct wire_memory *wire, void (*heard)(struct wire_memory *, void *), void *context)
{
    *wire = (struct wire_memory){.base = {&memory_class}, .heard = heard, .context = context, .fail_at = -1};
}

void wire_memory_free(struct wire_memory *wire)
{
    heddle_buffer_free(&wire->to_peer);
    heddle_buffer_free(&wire->to_client);
}
