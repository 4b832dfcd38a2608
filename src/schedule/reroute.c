/* reroute.c: rows that wait again: given back, or moved to other tiles at the edge of a window. */
#include "schedule/scheduler_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A row, or a run of rows of one tile, on its way back to the front of a tile. */
struct returning {
    struct heddle_tile *tile;
    struct heddle_row_page *page;
};

/* Finds the tile for rows[first .. first + count) of the work and packs them into a page. */
static bool prepare(struct heddle_scheduler *scheduler, const struct heddle_held_work *work, size_t first,
                    size_t count, const uint32_t *parts, size_t part_count, struct returning *returning)
{
    returning->tile = heddle_tile_of(scheduler, work->public.stream, parts, part_count);
    if (returning->tile == NULL) {
        return false;
    }
    returning->tile->kept = true;
    returning->page = heddle_row_page_of(work->rows + first, count);
    return returning->page != NULL;
}

/* What the route says of each row of the work, because the parts have changed since it was picked. */
static int prepare_rerouted(struct heddle_scheduler *scheduler, const struct heddle_held_work *work,
                            struct returning *returning, struct heddle_error *error)
{
    for (size_t i = 0; i < work->public.count; i++) {
        struct heddle_claim claim = {0};
        HEDDLE_TRY(
            scheduler->route(scheduler->route_context, work->public.stream, &work->rows[i], &claim, error));
        if (!prepare(scheduler, work, i, 1, claim.parts, claim.count, &returning[i])) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

static int prepare_runs(struct heddle_scheduler *scheduler, const struct heddle_held_work *work,
                        struct returning *returning, struct heddle_error *error)
{
    for (size_t i = 0; i < work->run_count; i++) {
        const struct heddle_work_run *run = &work->runs[i];
        if (!prepare(scheduler, work, run->first, run->count, work->claims + run->claim_first,
                     run->claim_count, &returning[i])) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

int heddle_scheduler_give_back(struct heddle_scheduler *scheduler, struct heddle_schedule_work *work,
                               struct heddle_error *error)
{
    struct heddle_held_work *held = (struct heddle_held_work *)work;
    const bool rerouted = held->epoch != scheduler->epoch;
    const size_t most = rerouted ? work->count : held->run_count;
    struct returning *returning = heddle_calloc(most + 1, sizeof *returning);
    if (returning == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = rerouted ? prepare_rerouted(scheduler, held, returning, error)
                                : prepare_runs(scheduler, held, returning, error);
    /* From the last to the first: each goes to the front of its tile. */
    for (size_t i = most; i-- > 0;) {
        struct heddle_tile *tile = returning[i].tile;
        if (tile != NULL) {
            tile->kept = false;
        }
        if (status != HEDDLE_OK) {
            heddle_row_page_destroy(returning[i].page);
            continue;
        }
        const size_t rows = tile->queue.rows;
        const uint64_t bytes = tile->queue.bytes;
        heddle_row_queue_put_first(&scheduler->store, &tile->queue, returning[i].page);
        heddle_tile_changed(scheduler, tile, (int64_t)(tile->queue.rows - rows),
                            (int64_t)(tile->queue.bytes - bytes));
    }
    free(returning);
    if (status == HEDDLE_OK) {
        heddle_scheduler_done(scheduler, work);
    }
    return status;
}

/* A walk over the rows of one stream, into the new tiles. */
struct reroute {
    struct heddle_scheduler *scheduler;
    size_t stream;
};

static int reroute_row(void *context, struct heddle_schedule_row row, struct heddle_error *error)
{
    const struct reroute *reroute = context;
    struct heddle_scheduler *scheduler = reroute->scheduler;
    struct heddle_claim claim = {0};
    HEDDLE_TRY(scheduler->route(scheduler->route_context, reroute->stream, &row, &claim, error));
    return heddle_scheduler_add_claim(scheduler, reroute->stream, &claim, row, error);
}

/* What a reroute replaces, kept until it has succeeded. */
struct before {
    struct heddle_stream *streams;
    struct heddle_tile *oldest;
    struct heddle_tile *newest;
    size_t waiting_tiles;
    const struct heddle_tile *overdue;
    size_t rows;
    uint64_t bytes;
    uint64_t *load;
    heddle_schedule_route route;
    void *route_context;
};

/* Sets the waiting rows aside: the scheduler is left with empty streams. */
static bool set_aside(struct heddle_scheduler *scheduler, struct before *before)
{
    *before = (struct before){
        .streams = scheduler->streams,
        .oldest = scheduler->oldest,
        .newest = scheduler->newest,
        .waiting_tiles = scheduler->waiting_tiles,
        .overdue = scheduler->overdue,
        .rows = scheduler->rows,
        .bytes = scheduler->bytes,
        .load = scheduler->load,
        .route = scheduler->route,
        .route_context = scheduler->route_context,
    };
    struct heddle_stream *streams = heddle_calloc(scheduler->stream_capacity + 1, sizeof *streams);
    uint64_t *load = heddle_calloc(scheduler->part_total, sizeof *load);
    if (streams == NULL || load == NULL) {
        free(streams);
        free(load);
        return false;
    }
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        streams[i].rows_max = scheduler->streams[i].rows_max;
        streams[i].bytes_max = scheduler->streams[i].bytes_max;
    }
    scheduler->streams = streams;
    scheduler->load = load;
    scheduler->oldest = NULL;
    scheduler->newest = NULL;
    scheduler->waiting_tiles = 0;
    scheduler->overdue = NULL;
    scheduler->rows = 0;
    scheduler->bytes = 0;
    return true;
}

static void clear_streams(struct heddle_scheduler *scheduler, struct heddle_stream *streams)
{
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        heddle_stream_clear(scheduler, &streams[i]);
    }
    free(streams);
}

static void bring_back(struct heddle_scheduler *scheduler, const struct before *before)
{
    clear_streams(scheduler, scheduler->streams);
    free(scheduler->load);
    scheduler->streams = before->streams;
    scheduler->oldest = before->oldest;
    scheduler->newest = before->newest;
    scheduler->waiting_tiles = before->waiting_tiles;
    scheduler->overdue = before->overdue;
    scheduler->rows = before->rows;
    scheduler->bytes = before->bytes;
    scheduler->load = before->load;
    scheduler->route = before->route;
    scheduler->route_context = before->route_context;
}

int heddle_scheduler_reroute(struct heddle_scheduler *scheduler, heddle_schedule_route route, void *context,
                             struct heddle_error *error)
{
    struct before before;
    if (!set_aside(scheduler, &before)) {
        return heddle_error_out_of_memory(error);
    }
    scheduler->route = route;
    scheduler->route_context = context;
    int status = HEDDLE_OK;
    /* In the order in which the tiles were last served, so that who waited longest still does. */
    for (const struct heddle_tile *tile = before.oldest; tile != NULL && status == HEDDLE_OK;
         tile = tile->newer) {
        struct reroute reroute = {scheduler, tile->stream};
        status = heddle_row_queue_visit(&scheduler->store, &tile->queue, reroute_row, &reroute, error);
    }
    if (status != HEDDLE_OK) {
        bring_back(scheduler, &before);
        return status;
    }
    clear_streams(scheduler, before.streams);
    free(before.load);
    scheduler->epoch++;
    scheduler->in_flight_before = scheduler->in_flight;
    return HEDDLE_OK;
}
