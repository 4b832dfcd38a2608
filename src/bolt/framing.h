/* framing.h: messages out of a stream of bytes that may be cut anywhere.
 *
 * A message is chunks (u16 length + bytes) and an empty chunk; empty chunks between messages are keep-alives
 * (NOOP) and vanish here. Pure: no I/O. Source: https://neo4j.com/docs/bolt/current/bolt/message/#chunking
 *
 * Threads: one framing, one thread at a time.
 */
#ifndef HEDDLE_BOLT_FRAMING_H
#define HEDDLE_BOLT_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* {.limit = bytes that a message may have} is a fresh one. */
struct heddle_framing {
    struct heddle_buffer message; /* what has come of it; all of it once feed() says complete */
    size_t limit;
    size_t chunk_left; /* bytes of the open chunk still to come */
    uint8_t header[2]; /* of the next chunk */
    size_t header_length;
    bool complete;
};

/* Takes bytes up to the end of the next message. *used_out = how many; *complete_out = the message is whole and
 * stays in framing->message until the next call, which begins a new one. Errors: HEDDLE_PROTOCOL (over the limit),
 * HEDDLE_OUT_OF_MEMORY; the framing is then of no further use. */
HEDDLE_MUST_CHECK int heddle_framing_feed(struct heddle_framing *framing, const uint8_t *bytes, size_t length,
                                          size_t *used_out, bool *complete_out, struct heddle_error *error);

/* Forgets everything but the limit; memory stays. */
void heddle_framing_reset(struct heddle_framing *framing);

/* Frees the memory. NULL is a no-op. */
void heddle_framing_free(struct heddle_framing *framing);

#endif
