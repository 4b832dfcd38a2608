/* connection.h: one Bolt connection: open, ask, close. Versions 4.1 to 6.1 (5.5 never).
 *
 * Opening costs two round trips: the handshake, then its answer + HELLO + LOGON in one write.
 *
 * Two ways to work with it, each one round trip:
 *   heddle_bolt_query()   one statement in a transaction of its own, the result in an arena
 *   request.h             the loader's: a whole transaction, encoded beforehand
 * Sessions, transactions of several steps, and streamed records are the driver's (heddle/bolt.h).
 *
 * After a FAILURE the server ignores everything until RESET; the connection sends it by itself, ahead of the next
 * request and without waiting for its answer. After HEDDLE_NETWORK or HEDDLE_PROTOCOL it is dead:
 * heddle_bolt_is_open() says no, every call answers HEDDLE_NETWORK, and heddle_bolt_reopen() dials again.
 *
 * Errors: HEDDLE_DATABASE when the server said no: error->code is its code, error->action what to do (failure.h);
 *         HEDDLE_NETWORK with action RETRY (nothing can have been committed) or ASK (the outcome is unknown);
 *         HEDDLE_PROTOCOL, HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY.
 * Ownership: the caller owns the connection; results lie in the caller's arena. No secret ever reaches a message.
 * Threads:   one connection, one thread at a time. Connections share nothing.
 */
#ifndef HEDDLE_BOLT_CONNECTION_H
#define HEDDLE_BOLT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heddle/bolt.h>

#include "base/arena.h"
#include "bolt/packstream/encode.h"
#include "bolt/packstream/value.h"
#include "bolt/version.h"
#include "net/wire.h"

struct heddle_bolt_connection;

enum heddle_bolt_auth {
    HEDDLE_BOLT_AUTH_NONE = 0,
    HEDDLE_BOLT_AUTH_BASIC,  /* user, secret = password */
    HEDDLE_BOLT_AUTH_BEARER, /* secret = token */
};

/* Read access asks for a server that may be a follower; everything that writes needs WRITE. */
enum heddle_bolt_mode {
    HEDDLE_BOLT_WRITE = 0,
    HEDDLE_BOLT_READ,
};

/* Makes the wire to `uri`: NULL in the options means heddle_wire_connect(). Tests put their own here. */
typedef int heddle_bolt_dial(void *context, const struct heddle_uri *uri, struct heddle_wire **wire_out,
                             struct heddle_error *error);

/* {0} and a uri is a valid set of options. Texts are copied by open(). */
struct heddle_bolt_options {
    const char *uri; /* see net/uri.h */
    enum heddle_bolt_auth auth;
    const char *user;
    const char *secret;
    const char *database;       /* NULL or "" = the user's home database; used where a request names none */
    const char *user_agent;     /* NULL = "heddle/VERSION" */
    const char *ca_file;        /* PEM; NULL = the system's authorities */
    enum heddle_bolt_mode mode; /* neo4j:// only: which kind of server to look for */
    int connect_timeout_ms;     /* 0 = 30 s; for the connection, and again for handshake and login together */
    int read_timeout_ms; /* silence allowed while an answer is owed; 0 = the server's own hint, else no limit */
    heddle_bolt_dial *dial;
    void *dial_context;
};

/* Connects, agrees on a version and logs in. With neo4j:// it asks for the routing table and moves to a server of
 * the wanted mode where that is another one. Errors besides those above: HEDDLE_DATABASE for a refused login (code
 * Neo.ClientError.Security.*; the message names the user, never the password). */
HEDDLE_MUST_CHECK int heddle_bolt_open(const struct heddle_bolt_options *options,
                                       struct heddle_bolt_connection **connection_out,
                                       struct heddle_error *error);

/* Drops what is left of the old wire and opens a new one with the same options (routing asked again). What had been
 * sent and not answered is forgotten. On failure the connection stays dead and may be reopened later. */
HEDDLE_MUST_CHECK int heddle_bolt_reopen(struct heddle_bolt_connection *connection,
                                         struct heddle_error *error);

/* Says GOODBYE where the wire takes it at once, closes, frees. NULL is a no-op. */
void heddle_bolt_close(struct heddle_bolt_connection *connection);

bool heddle_bolt_is_open(const struct heddle_bolt_connection *connection);

/* What the login told. Texts belong to the connection and change with reopen(). */
struct heddle_bolt_version heddle_bolt_connection_version(const struct heddle_bolt_connection *connection);
struct heddle_pack_dialect heddle_bolt_connection_dialect(const struct heddle_bolt_connection *connection);
const char *heddle_bolt_server_agent(const struct heddle_bolt_connection *connection); /* "Neo4j/5.26.30" */
const char *heddle_bolt_connection_id(const struct heddle_bolt_connection *connection);
const char *heddle_bolt_connection_address(const struct heddle_bolt_connection *connection); /* "host:port" */

/* For those who hold a connection over a quiet time: bytes written, read, and round trips waited for, since
 * open(). */
struct heddle_bolt_traffic {
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t round_trips; /* times that the client had to wait for the server */
};
struct heddle_bolt_traffic heddle_bolt_connection_traffic(const struct heddle_bolt_connection *connection);

/* Writes a map of parameters (header and all) into `pack`. HEDDLE_OK, or what made it impossible. */
typedef int heddle_bolt_parameters(struct heddle_pack *pack, void *context, struct heddle_error *error);

struct heddle_bolt_query {
    const char *text;
    heddle_bolt_parameters *parameters; /* NULL = none */
    void *parameters_context;
    enum heddle_bolt_mode mode;
    const char *database; /* NULL = the connection's */
    uint32_t timeout_ms;  /* transaction timeout; 0 = the server's */
};

/* In the arena of the call. */
struct heddle_bolt_result {
    struct heddle_value_text *fields;
    size_t field_count;
    const struct heddle_value_list *records; /* each holds field_count values */
    size_t record_count;
    struct heddle_counters counters;
    const char *type;     /* "r", "w", "rw", "s" (schema), or "" */
    const char *bookmark; /* auto-commit only, "" else */
    const char *database; /* that the server used, "" if it did not say */
};

/* Runs one statement in a transaction of its own (auto-commit; so CALL {} IN TRANSACTIONS works) and reads
 * everything. One round trip. */
HEDDLE_MUST_CHECK int heddle_bolt_query(struct heddle_bolt_connection *connection,
                                        const struct heddle_bolt_query *query, struct heddle_arena *arena,
                                        struct heddle_bolt_result *result_out, struct heddle_error *error);

#endif
