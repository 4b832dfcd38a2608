/* request.h: a whole writing transaction in one piece of memory: BEGIN, RUN …, COMMIT, encoded once, sent in one
 * write, answered in one round trip, and still there to be sent again.
 *
 *   heddle_bolt_request_begin(request, dialect, &options);
 *   pack = heddle_bolt_request_run_open(request, "CREATE (:HeddleTx {id: $id})", 1);       the mark, where wanted
 *       heddle_pack_text(pack, "id"); heddle_pack_text(pack, id);
 *   heddle_bolt_request_run_close(request, HEDDLE_BOLT_DISCARD);
 *   pack = heddle_bolt_request_run_open(request, "UNWIND $rows AS r …", 1);
 *       heddle_pack_text(pack, "rows");
 *       mark = heddle_pack_list_open(pack); … heddle_pack_list_close(pack, mark, n);
 *   heddle_bolt_request_run_close(request, HEDDLE_BOLT_PULL);
 *   status = heddle_bolt_request_commit(request, error);                   checks memory for all above
 *
 *   status = heddle_bolt_send(connection, request, error);
 *   …                                                      the next request can be encoded meanwhile
 *   status = heddle_bolt_receive(connection, arena, &answer, error);
 *
 * The bytes depend on nothing but the dialect, so a request goes to any connection of the same server, again and
 * again, until begin() starts a new one in the same memory.
 *
 * What a failure allows stands in error->action (failure.h). Retry = send the same request once more, after
 * heddle_bolt_reopen() where the connection is dead. ASK = COMMIT was handed to the network and no answer came.
 *
 * Ownership: the request owns its bytes; it must outlive a send() until its receive().
 * Threads:   a request may be encoded by one thread and sent by another, one at a time.
 */
#ifndef HEDDLE_BOLT_REQUEST_H
#define HEDDLE_BOLT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bolt/connection.h"

/* Statements in one request; a load needs two or three. */
enum { HEDDLE_BOLT_REQUEST_RUNS_MAX = 16 };

/* Requests sent on one connection and not yet received. */
enum { HEDDLE_BOLT_IN_FLIGHT_MAX = 4 };

struct heddle_bolt_request;

struct heddle_bolt_request_options {
    const char *database; /* NULL or "" = the user's home database: name it, it saves the server a look-up */
    uint32_t timeout_ms;  /* transaction timeout, 0 = the server's */
    enum heddle_bolt_mode mode;
    const char *const *bookmarks; /* transactions that must be visible first; NULL = none */
    size_t bookmark_count;
    const char *const *metadata; /* pairs of texts shown by SHOW TRANSACTIONS: name, value, …; NULL = none */
    size_t metadata_count;       /* pairs */
};

/* What becomes of the records of a RUN. */
enum heddle_bolt_records {
    HEDDLE_BOLT_DISCARD = 0,
    HEDDLE_BOLT_PULL,
};

HEDDLE_MUST_CHECK int heddle_bolt_request_create(struct heddle_bolt_request **request_out,
                                                 struct heddle_error *error);
void heddle_bolt_request_destroy(struct heddle_bolt_request *request); /* NULL is a no-op */

/* Forgets the old contents (memory stays) and writes BEGIN. `dialect` = heddle_bolt_connection_dialect() of a
 * connection to the server that it is meant for. */
void heddle_bolt_request_begin(struct heddle_bolt_request *request, struct heddle_pack_dialect dialect,
                               const struct heddle_bolt_request_options *options);

/* Writes RUN with its text and the header of its parameters. The caller then writes `parameter_count` pairs of
 * name and value with the answered encoder (never NULL), and calls run_close(), which adds PULL or DISCARD. */
struct heddle_pack *heddle_bolt_request_run_open(struct heddle_bolt_request *request, const char *query,
                                                 uint32_t parameter_count);
void heddle_bolt_request_run_close(struct heddle_bolt_request *request, enum heddle_bolt_records records);

/* Writes COMMIT and seals the request. Errors: HEDDLE_OUT_OF_MEMORY if any step before ran out of it,
 * HEDDLE_INVALID if there is no or an unfinished RUN or more than HEDDLE_BOLT_REQUEST_RUNS_MAX. */
HEDDLE_MUST_CHECK int heddle_bolt_request_commit(struct heddle_bolt_request *request,
                                                 struct heddle_error *error);

/* Bytes so far, as they will travel. */
size_t heddle_bolt_request_bytes(const struct heddle_bolt_request *request);

/* The outcome of a request. */
struct heddle_bolt_answer {
    struct heddle_counters counters;         /* of all its RUNs together */
    const struct heddle_value_list *records; /* of all RUNs that were pulled, in order; in the arena */
    size_t record_count;                     /* so the one record of a batch's RUN is records[0] */
    const char *bookmark;                    /* in the arena; "" if none */
    int failed_run;     /* on HEDDLE_DATABASE: which RUN failed, 0-based; -1 = BEGIN, COMMIT */
    char gql_status[8]; /* on HEDDLE_DATABASE: "50N05", or "" */
};

/* Hands a sealed request to the network, preceded by RESET if the last one failed. Answers that arrive meanwhile
 * are kept, so this cannot deadlock with the server. Errors: HEDDLE_NETWORK, HEDDLE_PROTOCOL, HEDDLE_DATABASE (the
 * server refused the request and hung up before it had come to its end): receive() must not be called for this
 * request (earlier ones in flight are lost too: their receive() tells); HEDDLE_INVALID (not sealed, or too many in
 * flight). */
HEDDLE_MUST_CHECK int heddle_bolt_send(struct heddle_bolt_connection *connection,
                                       const struct heddle_bolt_request *request, struct heddle_error *error);

/* Waits for the outcome of the oldest request in flight. `answer` is filled in any case; on failure its records are
 * empty. With two in flight the failure of the first makes the second fail too (action RETRY: it was ignored).
 * Errors: see connection.h. */
HEDDLE_MUST_CHECK int heddle_bolt_receive(struct heddle_bolt_connection *connection,
                                          struct heddle_arena *arena, struct heddle_bolt_answer *answer,
                                          struct heddle_error *error);

/* Requests sent and not yet received. */
unsigned heddle_bolt_in_flight(const struct heddle_bolt_connection *connection);

#endif
