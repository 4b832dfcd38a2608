/* stream.h: Bolt messages over a wire: sends while it listens, and hands out whole messages. For this room only.
 *
 * Threads: one stream, one thread at a time.
 */
#ifndef HEDDLE_BOLT_STREAM_H
#define HEDDLE_BOLT_STREAM_H

#include "bolt/connection.h"
#include "bolt/framing.h"
#include "bolt/handshake.h"
#include "net/wire.h"

/* A message, or unread answers while we send, may not outgrow this: results are meant to fit in memory. */
enum { HEDDLE_BOLT_STREAM_LIMIT = 512 * 1024 * 1024 };

struct heddle_bolt_stream {
    struct heddle_wire *wire; /* NULL = closed */
    struct heddle_framing framing;
    struct heddle_buffer inbox; /* received, not yet framed */
    size_t inbox_used;
    int silence_ms;       /* longest silence while an answer is owed; 0 = no limit */
    uint64_t deadline_ns; /* of the login; 0 = none */
    bool asked;           /* something was sent since the last wait for an answer */
    uint64_t silences;    /* times that an answer did not come within silence_ms or before the deadline */
    struct heddle_bolt_traffic traffic;
};

/* Takes the wire over and forgets what was left from an older one. */
void heddle_bolt_stream_attach(struct heddle_bolt_stream *stream, struct heddle_wire *wire);

/* Closes the wire, keeps the memory. */
void heddle_bolt_stream_detach(struct heddle_bolt_stream *stream);

/* Closes the wire and frees everything. */
void heddle_bolt_stream_free(struct heddle_bolt_stream *stream);

/* Sends everything, taking in what the server says meanwhile. */
HEDDLE_MUST_CHECK int heddle_bolt_stream_send(struct heddle_bolt_stream *stream, const uint8_t *bytes,
                                              size_t length, struct heddle_error *error);

/* Waits for the next message; it is valid until the next call. */
HEDDLE_MUST_CHECK int heddle_bolt_stream_next(struct heddle_bolt_stream *stream, const uint8_t **bytes_out,
                                              size_t *length_out, struct heddle_error *error);

/* Waits for the answer to the version offer. */
HEDDLE_MUST_CHECK int heddle_bolt_stream_handshake(struct heddle_bolt_stream *stream,
                                                   struct heddle_handshake *handshake,
                                                   struct heddle_error *error);

#endif
