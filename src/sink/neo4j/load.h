/* load.h: the state that the threads of a Neo4j load share, and the life of its rows.
 *
 * A *parcel* is one batch on its way: its converted columns (sink/rows.h) and a *lot* for each target it goes to. Rows of
 * node targets go to the scheduler at once. Rows of a relationship target that follows its nodes wait until the node rows
 * of their own parcel and of all earlier ones are written: a repeated node is folded into its first row, which may stand
 * in an earlier parcel. Rows that claim parts also wait while the window holds them (window.h). A parcel is freed when the
 * fate of its last row is known.
 *
 * Where nodes take their relationships along (road one_statement), the rows that do so are a lot of their own, and rows
 * come in four *ranks*, each of which waits for those before it in its own parcel and in all earlier ones: nodes; nodes
 * with their relationships; rows of the same node targets that go apart (a repeat must come behind its first); and
 * relationships that follow.
 *
 * Locks: `lock` guards everything below it; columns, plans, options and ability are read without it. It is never held
 * while a thread talks to the server, encodes, or calls the reject sink or a hook.
 */
#ifndef HEDDLE_SINK_NEO4J_LOAD_H
#define HEDDLE_SINK_NEO4J_LOAD_H

#include <pthread.h>

#include "schedule/flight.h"
#include "schedule/scheduler.h"
#include "sink/fold.h"
#include "sink/neo4j/ids.h"
#include "sink/neo4j/adapt.h"
#include "sink/recall.h"
#include "sink/neo4j/plan.h"
#include "sink/neo4j/sample.h"
#include "sink/neo4j/window.h"

/* Bounds of what is on its way: converted and source columns together, and rows that are scheduled or wait. A few
 * transactions a writer fit in many times over; with them memory stays flat whatever the input. */
#define HEDDLE_LOAD_BYTES_MAX ((size_t)48 * 1024 * 1024)
#define HEDDLE_LOAD_ROWS_MAX ((size_t)400000)

/* For each so many writers once, up to four times: more writers need more rows to choose from (docs/decisions/0013). */
enum { HEDDLE_LOAD_WRITERS_EACH = 8, HEDDLE_LOAD_TIMES_MAX = 4 };

enum { HEDDLE_LOAD_WRITERS_MAX = 256 };

struct heddle_heartbeat;
struct heddle_parcel;
struct heddle_outbox;

enum heddle_rank {
    HEDDLE_RANK_NODES,
    HEDDLE_RANK_TOGETHER,
    HEDDLE_RANK_APART,
    HEDDLE_RANK_FOLLOW,
    HEDDLE_RANKS,
};

/* The rows of one parcel for one target, or those of a node target that take their relationships along. */
struct heddle_lot {
    struct heddle_parcel *parcel;
    struct heddle_write_plan *plan;
    struct heddle_target_rows *ready;
    struct heddle_touches touches;
    bool claims;                      /* its rows claim parts (window.h) */
    struct heddle_schedule_row *rows; /* as the scheduler is given them */
    size_t row_count;
    enum heddle_rank rank;
    bool waits;                                        /* for the ranks before its own */
    bool held;                                         /* by the window */
    struct heddle_recalled recalled;                   /* rows of a resume that are not sent */
    struct heddle_lot *riders[HEDDLE_ROAD_RIDERS_MAX]; /* as the plan's: the lots whose rows travel along */
};

struct heddle_parcel {
    struct heddle_parcel *previous;
    struct heddle_parcel *next; /* in the order of write() */
    struct heddle_rows *rows;
    struct heddle_lot *lots; /* in the arena of `rows` */
    size_t lot_count;
    size_t bytes;                    /* memory that it holds */
    size_t open;                     /* rows whose fate is not known */
    size_t open_nodes[HEDDLE_RANKS]; /* the node rows among them, by rank */
};

struct heddle_load {
    const struct heddle_sink_options *options;
    struct heddle_bolt_options bolt;
    struct heddle_ability ability;
    struct heddle_write_plan *plans;
    struct heddle_write_plan **streams; /* by number of a stream of the scheduler */
    size_t space_count;
    size_t times; /* the bounds above, so many times */
    size_t parts; /* the most that a key space may have; of a shard: that it has */
    size_t writer_max;
    size_t window_keys; /* keys a window; 0 = window.h */
    char description[256];
    uint32_t epoch; /* of the load, from prepare() on; 0 = transactions bear no marks */
    struct heddle_heartbeat *heartbeat;
    uint64_t micro_batch; /* changed by begin(), while no transaction is under way */
    bool begun;
    struct heddle_ids *ids; /* of nodes that relationships name; NULL = ends by key */

    struct heddle_bolt_connection
        *lookup; /* of the thread that reads: confirm.h; opened when it first asks */

    /* Of the caller's thread alone. */
    struct heddle_bolt_connection *control;
    struct heddle_fold *fold;
    struct heddle_buffer key;
    int64_t *
        nodes_before; /* a target: nodes of its label (relationships of its type) when prepare() ran, -1 unknown */

    pthread_mutex_t lock;
    pthread_cond_t work_changed; /* writers wait for it */
    pthread_cond_t room_changed; /* write() and flush() wait for it */
    bool locks_made;
    struct heddle_scheduler *scheduler;
    struct heddle_window *window;
    uint8_t *avoided; /* of a shard: parts that others have now (shards.h); else NULL */
    uint64_t phase;
    struct heddle_flight *flight; /* debug builds: aborts where two transactions in flight share a node */
    struct heddle_buffer flight_keys;
    struct heddle_parcel *first;
    struct heddle_parcel *last;
    /* By rank: the first parcel of which some row of a rank before it is open; NULL = none. */
    struct heddle_parcel *gates[HEDDLE_RANKS];
    size_t open_bytes;
    size_t open_rows;
    bool draining; /* somebody waits in flush() */
    bool pressed;  /* somebody waits in write() */
    bool stopping; /* heddle_sink_stop() was called */
    bool closing;
    bool holds;     /* some lot is held by the window */
    bool under_way; /* a pass has begun; of the caller's thread */
    bool removed;   /* some batch removed rows */
    bool failed;
    struct heddle_error failure; /* the first one */
    struct heddle_target_counts *counts;
    uint64_t *recalled;    /* a target: of counts.created, what an earlier run did */
    uint64_t *perhaps;     /* a target: merged rows counted as matched, whose transaction's answer was lost */
    int64_t *ends_created; /* a target: nodes that its relationships made (merge_ends) */
    struct heddle_sink_progress progress;
    struct heddle_samples **samples; /* a target */
    uint64_t next_token;
    uint64_t token_counter;       /* of the last token; marks.h */
    struct heddle_outbox *outbox; /* of the writers */
    size_t writers_at_work;
    pthread_t *threads;
    size_t thread_count;
    size_t writers_made;
    uint64_t rows_taken_in; /* of all targets, ever */
    struct heddle_adapt adapt;
};

/* Makes the shared state. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_load_start(struct heddle_load *load, struct heddle_error *error);

/* Tells the scheduler each plan's limits, once they are settled. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_load_add_streams(struct heddle_load *load, struct heddle_error *error);

/* Converts a batch for its targets and puts its rows on their way, after waiting for room. Targets that remove wait until all
 * rows before them are written, relationships before nodes, and what comes next waits for them.
 * Errors: of conversion; the failure of a writer; HEDDLE_INTERRUPTED. */
HEDDLE_MUST_CHECK int heddle_load_add(struct heddle_load *load, struct heddle_batch *batch,
                                      const size_t *targets, size_t target_count, struct heddle_error *error);

/* Waits until every row's fate is known. Errors: the failure of a writer, HEDDLE_INTERRUPTED. */
HEDDLE_MUST_CHECK int heddle_load_drain(struct heddle_load *load, struct heddle_error *error);

/* Finds what the rows of a lot claim and counts it in the window; once a lot. The caller's thread. Errors:
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_load_claim(struct heddle_load *load, struct heddle_lot *lot,
                                        struct heddle_error *error);

/* Parts the rows of a parcel whose nodes take their relationships along from those that go apart: load_together.c. All lots
 * are converted and folded, and what their rows claim is found here before any leaves them; lots behind
 * `target_count` are made here. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_load_part_together(struct heddle_load *load, struct heddle_parcel *parcel,
                                                size_t target_count, struct heddle_error *error);

/* What became of rows of a piece of work. */
struct heddle_load_result {
    const struct heddle_schedule_row *rows;
    size_t count;
    size_t created;          /* nodes or relationships, by the server's counters */
    size_t ends_created;     /* nodes, by a relationship target */
    size_t rejected;         /* rows among `rows` that were rejected, in `is_rejected` */
    const bool *is_rejected; /* by position, or NULL */
    uint64_t token;          /* that the ledger has; 0 = none */
};

/* Accounts for rows whose fate is known: counters, samples, the ledger (before anybody can see that the load is done),
 * gates, and the end of parcels. Takes the lock. */
void heddle_load_settle(struct heddle_load *load, const struct heddle_write_plan *plan,
                        const struct heddle_load_result *result);

/* Notes the first failure and wakes everybody. Takes the lock. */
void heddle_load_fail(struct heddle_load *load, const struct heddle_error *error);

/* True where writers should give up waiting for a server: stop, close or failure. Takes the lock. */
bool heddle_load_is_ending(struct heddle_load *load);

/* Frees the shared state; no thread may be running. */
void heddle_load_end(struct heddle_load *load);

#endif
