/* connection_parts.h: the inside of connections and requests, shared by the files that work on them. Not for
 * others. */
#ifndef HEDDLE_BOLT_CONNECTION_PARTS_H
#define HEDDLE_BOLT_CONNECTION_PARTS_H

#include "bolt/answers.h"
#include "bolt/channel.h"
#include "bolt/connection.h"
#include "bolt/request.h"

/* BEGIN, RUN + PULL or DISCARD for each statement, COMMIT. */
enum { HEDDLE_BOLT_PARTS_MAX = 2 * HEDDLE_BOLT_REQUEST_RUNS_MAX + 2 };

/* Messages of a request, each with one answer (PULL also with records). */
enum heddle_bolt_part {
    HEDDLE_BOLT_PART_BEGIN,
    HEDDLE_BOLT_PART_RUN,
    HEDDLE_BOLT_PART_PULL,
    HEDDLE_BOLT_PART_DISCARD,
    HEDDLE_BOLT_PART_COMMIT,
};

struct heddle_bolt_request {
    struct heddle_buffer buffer;
    struct heddle_pack pack;
    enum heddle_bolt_part parts[HEDDLE_BOLT_PARTS_MAX];
    size_t part_count;
    unsigned runs;
    bool run_is_open;
    bool misused; /* too many runs, or calls out of order: seal() tells */
    bool sealed;
    bool uncertain; /* no answer leaves the outcome unknown: it commits writes */
};

/* Where the answers of a request go. (exchange.c) */
struct heddle_bolt_reading;

/* A request that was sent and waits for its answers: the channel hands them to its taker. */
struct heddle_bolt_flight {
    struct heddle_channel_taker taker;
    const struct heddle_bolt_request *request;
    size_t answered;                     /* of its parts */
    bool unserved;                       /* one of them will not be done: it failed, or was ignored */
    struct heddle_bolt_reading *reading; /* of the receive() that waits for it; NULL = nobody does yet */
};

struct heddle_bolt_connection {
    struct heddle_bolt_options options; /* its texts are owned copies */
    struct heddle_uri uri;              /* as the user gave it */
    struct heddle_uri peer;             /* whom we talk to: another one after routing */
    struct heddle_channel *channel;     /* a broken one stays until the next: it knows whom we talked to */
    struct heddle_bolt_traffic before;  /* of the channels before this one */
    struct heddle_bolt_flight flights[HEDDLE_BOLT_IN_FLIGHT_MAX]; /* a ring */
    unsigned first_flight;
    unsigned flight_count;
    struct heddle_bolt_request *own; /* of query() */
};

/* Everything that the answers of one request can say. */
struct heddle_bolt_outcome {
    struct heddle_bolt_result result;
    int failed_run;
    char gql_status[HEDDLE_BOLT_GQL_STATUS_SIZE];
};

/* The question for the routing table of a connection's database, and its answer. (routing.c) */
struct heddle_bolt_route {
    struct heddle_channel_taker taker;
    struct heddle_message_routing routing;
    const char *database;
    struct heddle_arena *arena;
    struct heddle_value map;
};

/* Writes the question, where the server's version knows it: to be sent with the login. `context` is a struct
 * heddle_bolt_route. (routing.c) */
HEDDLE_MUST_CHECK int heddle_bolt_route_write(struct heddle_channel *channel, void *context,
                                              struct heddle_error *error);

/* Reads a routing table ({rt: {servers: …}}) and answers in *peer the server to use (routing.c). *elsewhere_out =
 * false where this connection's own server will do. Errors: HEDDLE_NETWORK when no server of that mode is listed.
 * */
HEDDLE_MUST_CHECK int heddle_bolt_route_choose(const struct heddle_value *table, enum heddle_bolt_mode mode,
                                               struct heddle_uri *peer, bool *elsewhere_out,
                                               struct heddle_error *error);

/* Closes a channel that is of no further use; what was in flight is lost. (exchange.c) */
void heddle_bolt_drop(struct heddle_bolt_connection *connection);

/* Waits for all answers of the oldest request in flight. `outcome` is filled in any case. (exchange.c) */
HEDDLE_MUST_CHECK int heddle_bolt_receive_outcome(struct heddle_bolt_connection *connection,
                                                  struct heddle_arena *arena,
                                                  struct heddle_bolt_outcome *outcome,
                                                  struct heddle_error *error);

/* Building blocks of requests (request.c): empty it; one message and its part; seal it as it is. */
void heddle_bolt_request_clear(struct heddle_bolt_request *request, struct heddle_pack_dialect dialect);
void heddle_bolt_request_add_part(struct heddle_bolt_request *request, enum heddle_bolt_part part);
HEDDLE_MUST_CHECK int heddle_bolt_request_seal(struct heddle_bolt_request *request,
                                               struct heddle_error *error);

#endif
