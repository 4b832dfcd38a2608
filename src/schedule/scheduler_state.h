/* scheduler_state.h: what the files of the scheduler share: tiles, streams, and the lists a pick walks along.
 *
 * Each stream keeps, for each part, the tiles that touch it, so a pick looks only at tiles of parts that it considers:
 * microseconds where all tiles would be many thousands. All waiting tiles stand in one row in the order in which they were
 * last served.
 */
#ifndef HEDDLE_SCHEDULE_SCHEDULER_STATE_H
#define HEDDLE_SCHEDULE_SCHEDULER_STATE_H

#include "schedule/row_queue.h"
#include "schedule/scheduler.h"

struct heddle_tile {
    struct heddle_row_queue queue;
    size_t stream;
    uint64_t since;            /* picks made when its oldest row became the oldest */
    uint64_t gathered;         /* number of the gathering that took it last */
    bool kept;                 /* not to be freed though it is empty */
    struct heddle_tile *older; /* neighbours among the waiting tiles */
    struct heddle_tile *newer;
    uint32_t part_count;
    uint32_t parts[];
};

struct heddle_tile_list {
    struct heddle_tile **tiles;
    size_t count;
    size_t capacity;
};

struct heddle_stream {
    size_t rows_max;
    uint64_t bytes_max;
    size_t rows;
    uint64_t bytes;
    struct heddle_tile_list all;    /* every tile there is */
    struct heddle_tile *unclaimed;  /* of these: the one without parts, or NULL */
    size_t share_least;             /* the most parts of one space that a tile touches */
    struct heddle_tile_list *lists; /* one a part over all spaces; NULL before the first row */
    uint32_t *used;                 /* parts that a tile touches */
    size_t used_count;
    uint32_t *
        pairs; /* where parts are few: index into all.tiles + 1 at [a * part_total + b], a <= b; [a, a] = {a} */
    uint32_t *slots; /* open addressing over part sets: index into all.tiles + 1, 0 = free */
    size_t slot_count;
};

/* A run of rows of one tile in a piece of work: rows[first .. first + count). */
struct heddle_work_run {
    size_t first;
    size_t count;
    size_t claim_first; /* its parts: claims[claim_first .. claim_first + claim_count) */
    size_t claim_count;
};

/* Work with what only the scheduler knows about it. */
struct heddle_held_work {
    struct heddle_schedule_work public; /* first: the two are one pointer */
    uint64_t epoch;
    struct heddle_schedule_row *rows;
    uint32_t *parts;
    struct heddle_work_run *runs;
    size_t run_count;
    uint32_t *claims;
};

struct heddle_space {
    size_t parts; /* that rows claim at present */
    size_t share; /* of these, what one pick may hold */
    size_t held;  /* by the pick under way */
};

struct heddle_scheduler {
    struct heddle_schedule_options options;
    struct heddle_row_store store;
    size_t part_total;
    bool in_turn;      /* each part meets the others in a fixed order */
    uint8_t *busy;     /* a part: held by work in flight */
    uint8_t *chosen;   /* a part: held by the pick under way */
    uint8_t *tried;    /* a part: found to have nothing that may go now */
    uint64_t *load;    /* a part: waiting rows that touch it */
    uint64_t *gain;    /* a part: rows that choosing it would add to the pick under way */
    uint32_t *gaining; /* parts with a gain */
    size_t gaining_count;
    uint32_t *held; /* chosen parts, in order */
    size_t held_count;
    struct heddle_space *spaces;
    struct heddle_tile_list taken; /* tiles of the pick under way */
    uint64_t gatherings;
    struct heddle_tile *oldest; /* of the waiting tiles */
    struct heddle_tile *newest;
    size_t waiting_tiles;
    const struct heddle_tile *overdue; /* its parts are for nobody else */
    const uint8_t *avoided;            /* a part: better left alone, or NULL */
    bool avoiding;                     /* the pick under way leaves them alone */
    struct heddle_stream *streams;
    size_t stream_count;
    size_t stream_capacity;
    size_t rows;
    uint64_t bytes;
    size_t in_flight;
    size_t in_flight_before; /* of these: picked before the last reroute */
    uint64_t picks;
    uint64_t epoch;
    heddle_schedule_route route;
    void *route_context;
};

/* The tile of a part set (ascending), made where there is none; NULL when out of memory. */
struct heddle_tile *heddle_tile_of(struct heddle_scheduler *scheduler, size_t stream, const uint32_t *parts,
                                   size_t count);

/* Notes that so many rows and bytes more (or, negative, less) wait in a tile, whose queue has changed already. */
void heddle_tile_changed(struct heddle_scheduler *scheduler, struct heddle_tile *tile, int64_t rows,
                         int64_t bytes);

/* The waiting tile of a part whose turn it is at each of its parts, or NULL. */
struct heddle_tile *heddle_tile_in_turn(const struct heddle_scheduler *scheduler,
                                        const struct heddle_stream *stream, uint32_t part);

/* Puts a tile that has got its first row behind the waiting ones. */
void heddle_tile_starts_to_wait(struct heddle_scheduler *scheduler, struct heddle_tile *tile);

/* Adds a row to the tile of `parts` (ascending). */
int heddle_stream_push(struct heddle_scheduler *scheduler, size_t stream, const uint32_t *parts, size_t count,
                       struct heddle_schedule_row row, struct heddle_error *error);

/* Frees the tiles of a stream and all that belongs to them; limits stay. */
void heddle_stream_clear(struct heddle_scheduler *scheduler, struct heddle_stream *stream);

#endif
