/* bolt_script.h: a Bolt server that plays a script, in the manner of the drivers' acceptance suite's stub server.
 *
 *   static const char *const script[] = {
 *       "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.0\"}", "S: SUCCESS {}",
 *       "C: RUN RETURN 1", "C: PULL", "S: SUCCESS {\"fields\": [\"1\"]}", "S: RECORD [1]", "S: SUCCESS {}", NULL};
 *
 * C: the client must send this message now; a text behind its name must occur in it, one behind '!' must not. S: what is answered; a JSON value
 * follows. "S: NOOP" sends a keep-alive, "S: CLOSE" hangs up, "S: RAW 00ff…" sends these bytes as they are.
 * Lines are played in order: answers leave when the C: lines above them have been heard. So a script also proves what
 * is pipelined: a client that waits too early is stuck, and the wire says so.
 *
 * A connection that is dialled again goes on in the script where the last one stopped, after a new handshake. Several may
 * be open at once: the script says what comes when, on whichever of them.
 */
#ifndef HEDDLE_TESTS_SUPPORT_BOLT_SCRIPT_H
#define HEDDLE_TESTS_SUPPORT_BOLT_SCRIPT_H

#include <pthread.h>

#include "bolt/connection.h"
#include "bolt/framing.h"
#include "support/wire_memory.h"

enum { BOLT_SCRIPT_DIALS_MAX = 8 };

struct bolt_script {
    const char *const *lines;
    const char *const *next;
    uint8_t handshake[32]; /* the server's answer to the offer */
    size_t handshake_length;
    size_t reply_length; /* bytes that the client sends after a manifest */
    size_t piece;        /* for the wires: see wire_memory.h */
    int fail_at;
    bool noops; /* a keep-alive before every answer */
    struct wire_memory wires[BOLT_SCRIPT_DIALS_MAX];
    int dials;         /* wires used so far */
    int dials_refused; /* the next that many dials fail */
    int dials_max;     /* later dials fail for good; 0 = BOLT_SCRIPT_DIALS_MAX */
    char dialled[BOLT_SCRIPT_DIALS_MAX][HEDDLE_URI_ADDRESS_MAX];
    struct heddle_framing framings[BOLT_SCRIPT_DIALS_MAX]; /* of what the client sends */
    size_t heard[BOLT_SCRIPT_DIALS_MAX];                   /* bytes of a wire's to_peer already looked at */
    pthread_t server;                                      /* of listen() */
    int listener;
    int connections;
    char complaint[256]; /* "" as long as the client keeps to the script */
};

/* A script for a server that chooses `version` (through a manifest from 5.7 on). */
void bolt_script_init(struct bolt_script *script, uint8_t major, uint8_t minor, const char *const *lines);

/* heddle_bolt_options with this script as the server: bolt://script:7687, user "neo4j", password "secret". */
struct heddle_bolt_options bolt_script_options(struct bolt_script *script);

/* Fails the running test unless everything was played and nothing else was said. */
void bolt_script_check(const struct bolt_script *script);

/* The same server on a loopback port, in a thread of its own, for `connections` clients one after the other. Answers the
 * port. join() waits for it to end; only then may the script be looked at. */
uint16_t bolt_script_listen(struct bolt_script *script, int connections);
void bolt_script_join(struct bolt_script *script);

void bolt_script_free(struct bolt_script *script);

#endif
