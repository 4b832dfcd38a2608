/* handshake.h: agreeing on a version: 20 bytes out, 4 or a manifest back. Pure: bytes in, bytes out.
 *
 *   C: 60 60 B0 17 | manifest v1 | 5.8-5.0 | 4.4-4.2 | 4.1          5.5 was never released, and is not accepted
 *   S: 00 00 mm MM                                                  chosen, or zeros for none
 *   S: 00 00 01 FF | varint n | n x (00 RR mm MM) | varint capabilities
 *   C: 00 00 mm MM | 00                                             no answer follows: HELLO goes in the same write
 *
 * Source: https://neo4j.com/docs/bolt/current/bolt/handshake/ . 6.0 and 6.1 are reached through the manifest only.
 */
#ifndef HEDDLE_BOLT_HANDSHAKE_H
#define HEDDLE_BOLT_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bolt/version.h"

enum { HEDDLE_HANDSHAKE_OFFER_SIZE = 20, HEDDLE_HANDSHAKE_REPLY_MAX = 5 };

/* Writes what the client says first. */
void heddle_handshake_offer(uint8_t out[static HEDDLE_HANDSHAKE_OFFER_SIZE]);

enum heddle_handshake_step {
    HEDDLE_HANDSHAKE_CHOICE = 0,
    HEDDLE_HANDSHAKE_COUNT,
    HEDDLE_HANDSHAKE_RANGES,
    HEDDLE_HANDSHAKE_CAPABILITIES,
    HEDDLE_HANDSHAKE_DONE,
};

/* {0} is a fresh one. When done: the version, and the bytes to send before HELLO (none without a manifest). */
struct heddle_handshake {
    struct heddle_bolt_version version;
    uint8_t reply[HEDDLE_HANDSHAKE_REPLY_MAX];
    size_t reply_length;
    enum heddle_handshake_step step;
    uint8_t word[4]; /* of the four-byte group being read */
    size_t word_length;
    uint64_t number; /* of the varint being read */
    unsigned number_shift;
    uint64_t ranges_left;
};

/* Takes bytes of the answer; *used_out = how many were taken (what follows belongs to Bolt messages). Answers
 * HEDDLE_OK while it goes well; it is complete once handshake->step is HEDDLE_HANDSHAKE_DONE. Errors:
 * HEDDLE_PROTOCOL (no common version, an HTTP or TLS port, something else altogether: the message says which). */
HEDDLE_MUST_CHECK int heddle_handshake_feed(struct heddle_handshake *handshake, const uint8_t *bytes,
                                            size_t length, size_t *used_out, struct heddle_error *error);

#endif
