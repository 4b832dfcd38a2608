/* stream.c: moving bytes both ways. */
#include "bolt/stream.h"

#include <limits.h>

#include "base/clock.h"

/* What one receive asks for: the server flushes records at 8 KiB; big results come in large runs. */
enum { RECEIVE_SIZE = 64 * 1024 };

enum { NANOSECONDS_A_MILLISECOND = 1000000 };

void heddle_bolt_stream_attach(struct heddle_bolt_stream *stream, struct heddle_wire *wire)
{
    heddle_bolt_stream_detach(stream);
    stream->wire = wire;
    stream->framing.limit = HEDDLE_BOLT_STREAM_LIMIT;
}

void heddle_bolt_stream_detach(struct heddle_bolt_stream *stream)
{
    heddle_wire_close(stream->wire);
    stream->wire = NULL;
    heddle_framing_reset(&stream->framing);
    heddle_buffer_reset(&stream->inbox);
    stream->inbox_used = 0;
    stream->silence_ms = 0;
    stream->deadline_ns = 0;
    stream->asked = false;
}

void heddle_bolt_stream_free(struct heddle_bolt_stream *stream)
{
    heddle_bolt_stream_detach(stream);
    heddle_framing_free(&stream->framing);
    heddle_buffer_free(&stream->inbox);
}

/* Milliseconds that a wait may take: the silence allowed, cut by the deadline; -1 = for ever. */
static int patience_ms(const struct heddle_bolt_stream *stream)
{
    int patience = stream->silence_ms > 0 ? stream->silence_ms : -1;
    if (stream->deadline_ns != 0) {
        const uint64_t now = heddle_clock_ns();
        const uint64_t left =
            now >= stream->deadline_ns ? 0 : (stream->deadline_ns - now) / NANOSECONDS_A_MILLISECOND;
        if (patience < 0 || left < (uint64_t)patience) {
            patience = left < INT_MAX ? (int)left : INT_MAX;
        }
    }
    return patience;
}

/* Waits as long as patience allows. */
static int wait_patiently(struct heddle_bolt_stream *stream, bool to_send, struct heddle_error *error)
{
    const int patience = patience_ms(stream);
    const uint64_t start = heddle_clock_ns();
    const int status = heddle_wire_wait(stream->wire, to_send, patience, error);
    if (status != HEDDLE_OK && patience >= 0 &&
        heddle_clock_ns() - start >= (uint64_t)patience * NANOSECONDS_A_MILLISECOND) {
        stream->silences++;
    }
    return status;
}

/* Takes what is there, without waiting. */
static int take_in(struct heddle_bolt_stream *stream, size_t *received_out, struct heddle_error *error)
{
    *received_out = 0;
    if (stream->inbox_used == stream->inbox.length) {
        heddle_buffer_reset(&stream->inbox);
        stream->inbox_used = 0;
    }
    if (stream->inbox.length - stream->inbox_used > HEDDLE_BOLT_STREAM_LIMIT) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the server answers more than was asked for");
    }
    uint8_t *room = heddle_buffer_reserve(&stream->inbox, RECEIVE_SIZE);
    if (room == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_wire_receive(stream->wire, room, RECEIVE_SIZE, received_out, error));
    stream->inbox.length += *received_out;
    stream->traffic.bytes_received += *received_out;
    return HEDDLE_OK;
}

int heddle_bolt_stream_send(struct heddle_bolt_stream *stream, const uint8_t *bytes, size_t length,
                            struct heddle_error *error)
{
    stream->asked = true;
    while (length > 0) {
        size_t sent = 0;
        HEDDLE_TRY(heddle_wire_send(stream->wire, bytes, length, &sent, error));
        bytes += sent;
        length -= sent;
        stream->traffic.bytes_sent += sent;
        if (sent == 0) {
            /* The server may be waiting for us to read before it reads on. */
            size_t received = 0;
            HEDDLE_TRY(wait_patiently(stream, true, error));
            HEDDLE_TRY(take_in(stream, &received, error));
        }
    }
    return HEDDLE_OK;
}

/* Waits until there is at least one unread byte. */
static int fill(struct heddle_bolt_stream *stream, struct heddle_error *error)
{
    if (stream->asked) {
        stream->asked = false;
        stream->traffic.round_trips++;
    }
    for (;;) {
        size_t received = 0;
        HEDDLE_TRY(take_in(stream, &received, error));
        if (received > 0) {
            return HEDDLE_OK;
        }
        HEDDLE_TRY(wait_patiently(stream, false, error));
    }
}

int heddle_bolt_stream_next(struct heddle_bolt_stream *stream, const uint8_t **bytes_out, size_t *length_out,
                            struct heddle_error *error)
{
    bool complete = false;
    while (!complete) {
        if (stream->inbox_used == stream->inbox.length) {
            HEDDLE_TRY(fill(stream, error));
        }
        size_t used = 0;
        HEDDLE_TRY(heddle_framing_feed(&stream->framing, stream->inbox.bytes + stream->inbox_used,
                                       stream->inbox.length - stream->inbox_used, &used, &complete, error));
        stream->inbox_used += used;
    }
    *bytes_out = stream->framing.message.bytes;
    *length_out = stream->framing.message.length;
    return HEDDLE_OK;
}

int heddle_bolt_stream_handshake(struct heddle_bolt_stream *stream, struct heddle_handshake *handshake,
                                 struct heddle_error *error)
{
    while (handshake->step != HEDDLE_HANDSHAKE_DONE) {
        if (stream->inbox_used == stream->inbox.length) {
            HEDDLE_TRY(fill(stream, error));
        }
        size_t used = 0;
        HEDDLE_TRY(heddle_handshake_feed(handshake, stream->inbox.bytes + stream->inbox_used,
                                         stream->inbox.length - stream->inbox_used, &used, error));
        stream->inbox_used += used;
    }
    return HEDDLE_OK;
}
