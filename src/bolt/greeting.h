/* greeting.h: the first words on a fresh wire, the same for every kind of connection. For this room only. */
#ifndef HEDDLE_BOLT_GREETING_H
#define HEDDLE_BOLT_GREETING_H

#include "bolt/handshake.h"
#include "bolt/messages.h"
#include "bolt/stream.h"

/* What HELLO says about this client; lives as long as the HELLO that points at it. */
struct heddle_bolt_agent {
    char product[64];   /* "heddle/0.1.0": also the user agent of those who do not name themselves */
    char platform[200]; /* "Linux 6.1; x86_64", or "" */
};

/* Fills `agent` and the fields of `hello` that come from it. */
void heddle_bolt_agent_fill(struct heddle_bolt_agent *agent, struct heddle_message_hello *hello);

/* Offers our versions and waits for the answer: handshake_out->version, and ->reply to be sent before HELLO. `address` for
 * messages. Errors: HEDDLE_NETWORK, HEDDLE_PROTOCOL. */
HEDDLE_MUST_CHECK int heddle_bolt_shake_hands(struct heddle_bolt_stream *stream, const char *address,
                                              struct heddle_handshake *handshake_out,
                                              struct heddle_error *error);

#endif
