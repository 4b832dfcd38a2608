/* scheduler.h: which rows may be written next, so that no two transactions in flight touch the same node.
 *
 * A pure state machine: no socket, no clock, no thread (the free-block scheduler of FPSGD, Zhuang et al. 2013, without its
 * rounds). The caller locks around it. Real writers, the simulator and the exhaustive test drive the same functions.
 *
 * Nodes fall into parts by the hash of their canonical key (schedule/key.h, schedule/parts.h). A *stream* is one target's
 * rows. Its rows lie in *tiles*, one for each set of parts that some row touches: no part (rows that meet nobody: plain
 * CREATE of nodes), one (a node that is merged, a loop, a component), two (a relationship), more (schedule/claim.h). A
 * piece of *work* is a set of rows of one stream that one transaction will write; it holds all parts of its rows from
 * pick() until done() or give_back(), and pick() only answers work whose parts are free. Hence two pieces of work in
 * flight never share a part, and so never a node: the part of its key would have to be in both sets.
 *
 * Rows of one tile leave in the order they came, and a tile is in one piece of work at a time, so writes to one key pair
 * keep their order.
 *
 * What happens to work: the transaction was committed, or its rows rejected: done(). It was rolled back for certain:
 * give_back(), or keep the parts and send the same rows again. Its outcome is unknown (a lost connection): keep the parts
 * and find out first.
 */
#ifndef HEDDLE_SCHEDULE_SCHEDULER_H
#define HEDDLE_SCHEDULE_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "schedule/claim.h"

/* Enough for 256 writers at 4 parts a writer, 128 at 8. */
enum { HEDDLE_SCHEDULE_PARTS_MAX = 1024, HEDDLE_SCHEDULE_STREAMS_MAX = 1024 };
#define HEDDLE_SCHEDULE_NO_PART UINT32_MAX

struct heddle_scheduler;

/* One row as the scheduler sees it: opaque to it but for its size. */
struct heddle_schedule_row {
    void *batch;
    uint32_t row;
    uint32_t bytes; /* about what it takes on the wire */
};

/* Where pages of rows go that do not fit the budget. The functions are called inside add, pick, reroute and destroy, by
 * the same thread; `write` NULL = keep everything in memory. */
struct heddle_schedule_spill {
    uint64_t budget; /* bytes of rows in memory above which full pages are written */
    void *context;
    int (*write)(void *context, const void *bytes, size_t length, uint64_t *handle_out,
                 struct heddle_error *error);
    /* Answers the bytes of one write. A page may be read more than once. */
    int (*read)(void *context, uint64_t handle, void *bytes, size_t length, struct heddle_error *error);
    /* The bytes of one write will not be read again. */
    void (*release)(void *context, uint64_t handle, size_t length);
};

struct heddle_schedule_work;

/* Is told of every piece of work when it was picked and when it has ended (its parts are free, it is about to be freed).
 * Both may be NULL. `ended` may call the scheduler. */
struct heddle_schedule_watch {
    void *context;
    void (*picked)(void *context, const struct heddle_schedule_work *work);
    void (*ended)(void *context, const struct heddle_schedule_work *work); /* rows[].batch may be gone */
};

struct heddle_schedule_options {
    size_t spaces;  /* number of key spaces (label + key properties); streams name spaces by index */
    size_t parts;   /* parts a space, 1..HEDDLE_SCHEDULE_PARTS_MAX; schedule/layout.h says how many */
    size_t writers; /* how many pieces of work may be in flight */
    /* A tile that was passed over so many picks goes next: its parts are kept free for it. 0 = 64 and 16 a waiting tile,
     * which bounds the waiting in a stream without end and hardly disturbs the order otherwise. */
    uint64_t patience;
    struct heddle_schedule_spill spill;
    struct heddle_schedule_watch watch;
};

struct heddle_schedule_work {
    size_t stream;
    const struct heddle_schedule_row *rows; /* owned by the work, valid until done() */
    size_t count;
    uint64_t bytes;
    uint64_t id;
    const uint32_t *parts; /* what it holds, over all spaces (schedule/claim.h), in no order */
    size_t part_count;
};

HEDDLE_MUST_CHECK int heddle_scheduler_create(const struct heddle_schedule_options *options,
                                              struct heddle_scheduler **scheduler_out,
                                              struct heddle_error *error);

/* Adds a stream with its limits a transaction. Answers its index in *stream_out. */
HEDDLE_MUST_CHECK int heddle_scheduler_add_stream(struct heddle_scheduler *scheduler, size_t rows_max,
                                                  uint64_t bytes_max, size_t *stream_out,
                                                  struct heddle_error *error);

/* Adds a row that touches at most two parts. `space_a`/`part_a` and `space_b`/`part_b` are what it touches, in either
 * order; HEDDLE_SCHEDULE_NO_PART = nothing there. Errors: HEDDLE_OUT_OF_MEMORY, what the spill answers (the row was not
 * taken). */
HEDDLE_MUST_CHECK int heddle_scheduler_add_row(struct heddle_scheduler *scheduler, size_t stream,
                                               size_t space_a, uint32_t part_a, size_t space_b,
                                               uint32_t part_b, struct heddle_schedule_row row,
                                               struct heddle_error *error);

/* Adds `count` rows at once, the fast way for many: row i touches parts_a[i] of space_a and parts_b[i] of space_b; an
 * array may be NULL: nothing there. *added_out says how many rows were taken, all but after an error. Errors: as
 * add_row. */
HEDDLE_MUST_CHECK int heddle_scheduler_add_rows(struct heddle_scheduler *scheduler, size_t stream,
                                                size_t space_a, const uint32_t *parts_a, size_t space_b,
                                                const uint32_t *parts_b,
                                                const struct heddle_schedule_row *rows, size_t count,
                                                size_t *added_out, struct heddle_error *error);

/* Adds a row that touches any number of parts. Errors: as add_row. */
HEDDLE_MUST_CHECK int heddle_scheduler_add_claim(struct heddle_scheduler *scheduler, size_t stream,
                                                 const struct heddle_claim *claim,
                                                 struct heddle_schedule_row row, struct heddle_error *error);

/* Takes work whose parts are free, at least `rows_min` rows of it unless the byte limit is reached first or the rows have
 * been passed over for too long; heaviest remaining part first; filled up to the stream's limits with what the held
 * parts, and further free parts up to parts/writers, also have. Answers HEDDLE_END when there is none now. Errors:
 * HEDDLE_OUT_OF_MEMORY, what the spill answers (nothing taken). */
HEDDLE_MUST_CHECK int heddle_scheduler_pick(struct heddle_scheduler *scheduler, size_t rows_min,
                                            struct heddle_schedule_work **work_out,
                                            struct heddle_error *error);

/* Ends a piece of work: its parts are free again. Only when the server can no longer hold the transaction's locks.
 * `work` is freed. */
void heddle_scheduler_done(struct heddle_scheduler *scheduler, struct heddle_schedule_work *work);

/* Ends a piece of work that is certain to have changed nothing: its rows are waiting again, before those that came after
 * them, and its parts are free. `work` is freed. Errors: HEDDLE_OUT_OF_MEMORY, what the route answers; the work is then
 * in flight as before. */
HEDDLE_MUST_CHECK int heddle_scheduler_give_back(struct heddle_scheduler *scheduler,
                                                 struct heddle_schedule_work *work,
                                                 struct heddle_error *error);

/* Answers what a row claims from now on, in *claim (empty when called). */
typedef int (*heddle_schedule_route)(void *context, size_t stream, const struct heddle_schedule_row *row,
                                     struct heddle_claim *claim, struct heddle_error *error);

/* Changes what rows claim, at the edge of a window: every waiting row is asked about anew and moves to its new tile.
 *
 * Double locking makes this safe while work is in flight: until heddle_scheduler_before() answers 0, the route must
 * answer for each key both its new part and the one it had (heddle_table_claim does), for rows added meanwhile too; then
 * reroute again with the new parts alone. The route is kept for what is given back until the next reroute.
 * Costs a pass over the waiting rows, spilled ones included. Errors: HEDDLE_OUT_OF_MEMORY, what spill and route answer;
 * nothing has changed then. */
HEDDLE_MUST_CHECK int heddle_scheduler_reroute(struct heddle_scheduler *scheduler,
                                               heddle_schedule_route route, void *context,
                                               struct heddle_error *error);

/* How a pick shares with others: of the `parts` parts of `space` that rows claim at present (at most those of the options, which
 * hold until this is called), one of `writers` writers holds at most its share, and 2. */
void heddle_scheduler_share(struct heddle_scheduler *scheduler, size_t space, size_t parts, size_t writers);

/* Parts that a pick leaves alone while others fill a whole transaction: other processes are expected to hold them. `avoided` has
 * a byte for each part of each space, is borrowed until the next call, and may change between picks; NULL = none. */
void heddle_scheduler_avoid(struct heddle_scheduler *scheduler, const uint8_t *avoided);

/* Few rows: whether each part meets the others in a fixed order, that of a tournament (schedule/layout.h says when that
 * is best). A part then waits for the one whose turn it is rather than being taken by another. */
void heddle_scheduler_in_turn(struct heddle_scheduler *scheduler, bool in_turn);

/* Pieces of work in flight that were picked before the last reroute. */
size_t heddle_scheduler_before(const struct heddle_scheduler *scheduler);

/* Rows and bytes added and not yet picked; work in flight; bytes of rows in memory and ever written to the spill. */
size_t heddle_scheduler_pending_rows(const struct heddle_scheduler *scheduler);
uint64_t heddle_scheduler_pending_bytes(const struct heddle_scheduler *scheduler);
size_t heddle_scheduler_in_flight(const struct heddle_scheduler *scheduler);
uint64_t heddle_scheduler_memory(const struct heddle_scheduler *scheduler);
uint64_t heddle_scheduler_spilled(const struct heddle_scheduler *scheduler);

/* Waiting rows that touch the fullest part. */
uint64_t heddle_scheduler_load_max(const struct heddle_scheduler *scheduler);

/* NULL is a no-op. Rows still in it are forgotten: the caller owns what they point to. */
void heddle_scheduler_destroy(struct heddle_scheduler *scheduler);

#endif
