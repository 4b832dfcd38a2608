/* wording.h: which statements say the rows of one transaction, and what their answer means.
 *
 * A plan knows its road; a transaction knows its rows. Together they decide:
 *   CREATE        the road creates in place of merging, and every row is the first of its identity
 *   GUARDED       the road guards, or creates and some row may not be the first: identities once each
 *   as written    everything else, and everything that is sent again after an outcome that nobody knows
 *   together      the plan's rows take their relationships along (plan.h): what cannot be said so fails, and is settled
 *                 apart (settle.h)
 * and rows whose both ends have a known internal id go by id, in a statement of their own that changes nothing where an
 * end is not found; then the transaction is worded again by key.
 *
 *   heddle_wording_start(&wording, plan, rows, count, careful);
 *   heddle_wording_choose(&wording, ids, error);
 *   heddle_wording_write(&wording, request);                           its RUNs, between begin() and commit()
 *   written = heddle_wording_read(&wording, &answer);                  committed
 *   if (heddle_wording_reword(&wording, &answer, &reason)) …           failed: choose, write and send again
 *
 * Ownership: rows, plan and ids are borrowed until the next start(); memory is kept until free().
 * Threads:   one wording, one thread at a time.
 */
#ifndef HEDDLE_SINK_NEO4J_WORDING_H
#define HEDDLE_SINK_NEO4J_WORDING_H

#include "bolt/request.h"
#include "schedule/scheduler.h"
#include "sink/neo4j/ids.h"
#include "sink/neo4j/plan.h"

/* A row that travels. */
struct heddle_wording_row {
    uint32_t at;    /* position in `rows` */
    int64_t ids[2]; /* of start and end, where both are known */
};

struct heddle_wording {
    const struct heddle_write_plan *plan;
    const struct heddle_schedule_row *rows;
    size_t count;
    struct heddle_ids *ids; /* NULL = by key */
    enum heddle_cypher_rewrite rewrite;
    struct heddle_wording_row
        *order;  /* relationships, and nodes that take some along: the rows that travel, those that go
                                       * by id first */
    size_t sent; /* rows that travel: others repeat the identity of one that does */
    size_t by_id;
    bool keep_key; /* set by reword(): ends by key */
    bool careful;  /* set by start() and reword(): as written */
    /* memory */
    size_t capacity; /* rows */
    size_t cells;    /* of the two below */
    uint64_t *hashes;
    int64_t *found; /* together: ids of the ends, by position of the row and number of the rider */
    struct heddle_buffer key;
};

/* What a committed transaction did. */
struct heddle_written {
    size_t matched;      /* of the rows that travelled, those that found what they need */
    size_t created;      /* nodes or relationships, by the server's counters */
    size_t ends_created; /* nodes, by a relationship target */
};

/* Takes rows[0 .. count) of a plan. `careful`: some of them may have been written by a transaction whose outcome nobody
 * knows. */
void heddle_wording_start(struct heddle_wording *wording, const struct heddle_write_plan *plan,
                          const struct heddle_schedule_row *rows, size_t count, bool careful);

/* Decides. `ids` NULL = by key. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_wording_choose(struct heddle_wording *wording, struct heddle_ids *ids,
                                            struct heddle_error *error);

/* Writes the statements with their rows. Running out of memory is noted in the request. */
void heddle_wording_write(const struct heddle_wording *wording, struct heddle_bolt_request *request);

/* Reads the answer of a committed transaction; keeps the ids that it tells. */
struct heddle_written heddle_wording_read(struct heddle_wording *wording,
                                          const struct heddle_bolt_answer *answer);

/* True where a failed transaction must not be sent again as it is: an end was not found by id, or its outcome is unknown
 * and its statement may not run twice. Encode it again (choose, write); nothing else has to change. */
bool heddle_wording_reword(struct heddle_wording *wording, const struct heddle_bolt_answer *answer,
                           const struct heddle_error *reason);

/* How many of the rows that travelled are marked, by position in `rows`. */
size_t heddle_wording_count_marked(const struct heddle_wording *wording, const bool *is_marked);

void heddle_wording_free(struct heddle_wording *wording);

#endif
