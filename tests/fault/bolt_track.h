/* bolt_track.h: follows the bytes of a Bolt connection in both directions and says where its messages lie, without decoding
 * them: handshake, chunks, the tag of each message, which answer belongs to which message.
 */
#ifndef HEDDLE_TESTS_FAULT_BOLT_TRACK_H
#define HEDDLE_TESTS_FAULT_BOLT_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One place where a connection is to be cut. {0} = nowhere. */
struct bolt_cut {
    bool armed;
    bool client; /* in what the client sends */
    bool inside; /* a part of the message passes */
    unsigned batch;
    unsigned message;
};

/* "client:1:3:before". False where it is none. */
bool bolt_cut_parse(const char *text, struct bolt_cut *cut_out);

/* Batches seen over all connections. */
struct bolt_batches {
    unsigned count;
};

/* One direction. */
struct bolt_side {
    unsigned stage;    /* of the handshake */
    unsigned greeting; /* bytes of that stage */
    unsigned header;   /* bytes of a chunk header that have come */
    uint16_t chunk;    /* bytes of the chunk still to come; while its header comes, what is known of that */
    uint8_t start[2];  /* the message's first bytes: structure marker and tag */
    unsigned start_count;
    uint64_t messages; /* client: sent; server: answered (records do not count) */
};

/* One batch: BEGIN to COMMIT, by ordinals among the client's messages, from 1. */
struct bolt_batch {
    unsigned number; /* over all connections, from 1 */
    uint64_t begin;
    uint64_t commit; /* 0 = not yet sent */
};

/* Batches that a client sends before the first is answered; more than any of ours. */
enum { BOLT_BATCHES_MAX = 8 };

struct bolt_track {
    struct bolt_side client;
    struct bolt_side server;
    bool manifest; /* the server offered one, so the client answers with its choice */
    struct bolt_batch batches[BOLT_BATCHES_MAX]; /* the newest ones, by number */
    unsigned newest;                             /* its place among them */
};

/* Takes *length bytes of one direction. Where the cut lies in them, shortens *length to what may pass, disarms the cut and
 * answers true. Says on stdout when a batch has been answered. */
bool bolt_track_feed(struct bolt_track *track, struct bolt_batches *batches, struct bolt_cut *cut,
                     bool from_client, const uint8_t *bytes, size_t *length);

#endif
