/* scheduler.h: which rows may be written next, so that no two transactions in flight touch the same node.
 *
 * A pure state machine: no socket, no clock, no thread (the free-block scheduler of FPSGD, Zhuang et al. 2013, without its rounds).
 * The caller locks around it.
 *
 * Nodes fall into parts by the hash of their canonical key (schedule/key.h). A *stream* is one target's rows. Its rows lie
 * in tiles: no part (rows that meet nobody: plain CREATE of nodes), one part (a node that is merged), two parts (a
 * relationship between two nodes). A piece of *work* is a set of rows of one stream that one transaction will write; it
 * holds all parts of its rows from pick() until done(), and pick() only answers work whose parts are free. Hence two
 * pieces of work in flight never share a part, and so never a node: f(key) would have to be in both part sets.
 *
 * Rows of one tile leave in the order they came, and a tile is in one piece of work at a time, so writes to one key keep
 * their order.
 */
#ifndef HEDDLE_SCHEDULE_SCHEDULER_H
#define HEDDLE_SCHEDULE_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Parts are kept in 64-bit sets per space; enough for 256 writers at 4 parts a writer. */
enum { HEDDLE_SCHEDULE_PARTS_MAX = 1024, HEDDLE_SCHEDULE_STREAMS_MAX = 1024 };
#define HEDDLE_SCHEDULE_NO_PART UINT32_MAX

struct heddle_scheduler;

/* One row as the scheduler sees it: opaque to it but for its size. */
struct heddle_schedule_row {
    void *batch;
    uint32_t row;
    uint32_t bytes; /* about what it takes on the wire */
};

struct heddle_schedule_options {
    size_t spaces;  /* number of key spaces (label + key properties); streams name spaces by index */
    size_t parts;   /* parts a space, 1..HEDDLE_SCHEDULE_PARTS_MAX; 4 a writer is a good number */
    size_t writers; /* how many pieces of work may be in flight */
};

struct heddle_schedule_work {
    size_t stream;
    const struct heddle_schedule_row *rows; /* owned by the work, valid until done() */
    size_t count;
    uint64_t bytes;
    uint64_t id;
};

HEDDLE_MUST_CHECK int heddle_scheduler_create(const struct heddle_schedule_options *options,
                                              struct heddle_scheduler **scheduler_out,
                                              struct heddle_error *error);

/* Adds a stream with its limits a transaction. Answers its index in *stream_out. */
HEDDLE_MUST_CHECK int heddle_scheduler_add_stream(struct heddle_scheduler *scheduler, size_t rows_max,
                                                  uint64_t bytes_max, size_t *stream_out,
                                                  struct heddle_error *error);

/* Adds a row. `space_a`/`part_a` and `space_b`/`part_b` are what it touches; HEDDLE_SCHEDULE_NO_PART = nothing there.
 * Errors: HEDDLE_OUT_OF_MEMORY (the row was not taken). */
HEDDLE_MUST_CHECK int heddle_scheduler_add_row(struct heddle_scheduler *scheduler, size_t stream,
                                               size_t space_a, uint32_t part_a, size_t space_b,
                                               uint32_t part_b, struct heddle_schedule_row row,
                                               struct heddle_error *error);

/* Takes work whose parts are free, at least `rows_min` rows of it unless the byte limit is reached first; heaviest
 * remaining part first; filled up to the stream's limits with what the held parts, and further free parts up to
 * parts/writers, also have. Answers HEDDLE_END when there is none now. Errors: HEDDLE_OUT_OF_MEMORY (nothing taken). */
HEDDLE_MUST_CHECK int heddle_scheduler_pick(struct heddle_scheduler *scheduler, size_t rows_min,
                                            struct heddle_schedule_work **work_out,
                                            struct heddle_error *error);

/* Ends a piece of work: its parts are free again. Only when the server can no longer hold the transaction's locks.
 * `work` is freed. */
void heddle_scheduler_done(struct heddle_scheduler *scheduler, struct heddle_schedule_work *work);

/* Rows and bytes added and not yet picked; work in flight. */
size_t heddle_scheduler_pending_rows(const struct heddle_scheduler *scheduler);
uint64_t heddle_scheduler_pending_bytes(const struct heddle_scheduler *scheduler);
size_t heddle_scheduler_in_flight(const struct heddle_scheduler *scheduler);

/* NULL is a no-op. Rows still in it are forgotten: the caller owns what they point to. */
void heddle_scheduler_destroy(struct heddle_scheduler *scheduler);

#endif
