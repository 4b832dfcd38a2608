/* pick.c: what goes next, and what becomes of it.
 *
 * A pick starts at the free part with the most rows left (the critical part first, as in list scheduling) and takes the
 * tile of it that fills a transaction, or has the fullest other end. It then grows the set of held parts one part at a
 * time, by the one that brings the most rows, and takes every tile that lies within the held parts. It walks along the
 * tiles of the parts that it holds only: some microseconds for the tiles of 64 writers, against milliseconds that a
 * transaction takes.
 */
#include "schedule/scheduler_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { PATIENCE_PICKS = 64, PATIENCE_PICKS_A_TILE = 16 };

/* What a pick has gathered so far; the tiles are in scheduler->taken. */
struct gathering {
    const struct heddle_stream *stream;
    const struct heddle_tile *seed;
    size_t rows;
    uint64_t bytes;
    bool takes_all; /* parts of a space as it likes, and leaves others none */
};

static bool claims(const struct heddle_tile *tile, uint32_t part)
{
    for (uint32_t i = 0; i < tile->part_count; i++) {
        if (tile->parts[i] == part) {
            return true;
        }
    }
    return false;
}

/* Nobody holds the part, here or (as far as that is known) elsewhere. */
static bool is_unheld(const struct heddle_scheduler *scheduler, uint32_t part)
{
    return scheduler->busy[part] == 0 && !(scheduler->avoiding && scheduler->avoided[part] != 0);
}

/* Nobody holds the part, and no overdue tile but `tile` waits for it. */
static bool part_is_free(const struct heddle_scheduler *scheduler, uint32_t part,
                         const struct heddle_tile *tile)
{
    return is_unheld(scheduler, part) &&
           (scheduler->overdue == NULL || scheduler->overdue == tile || !claims(scheduler->overdue, part));
}

static bool tile_may_go(const struct heddle_scheduler *scheduler, const struct heddle_tile *tile)
{
    if (tile->queue.rows == 0) {
        return false;
    }
    for (uint32_t i = 0; i < tile->part_count; i++) {
        if (!part_is_free(scheduler, tile->parts[i], tile)) {
            return false;
        }
    }
    return true;
}

/* Takes the tile where all its parts are held; where just one is missing, notes what that part would bring. */
static void consider(struct heddle_scheduler *scheduler, struct gathering *gathering,
                     struct heddle_tile *tile)
{
    if (tile->queue.rows == 0 || tile->gathered == scheduler->gatherings) {
        return;
    }
    uint32_t missing = HEDDLE_SCHEDULE_NO_PART;
    for (uint32_t i = 0; i < tile->part_count; i++) {
        if (scheduler->chosen[tile->parts[i]] != 0) {
            continue;
        }
        if (missing != HEDDLE_SCHEDULE_NO_PART || !part_is_free(scheduler, tile->parts[i], gathering->seed)) {
            return;
        }
        missing = tile->parts[i];
    }
    if (missing == HEDDLE_SCHEDULE_NO_PART) {
        tile->gathered = scheduler->gatherings;
        scheduler->taken.tiles[scheduler->taken.count++] = tile;
        gathering->rows += tile->queue.rows;
        gathering->bytes += tile->queue.bytes;
        return;
    }
    if (scheduler->gain[missing] == 0) {
        scheduler->gaining[scheduler->gaining_count++] = missing;
    }
    scheduler->gain[missing] += tile->queue.rows;
}

/* Holds a part. A tile shows up here when its last missing part but one, and when its last, is held: each once. */
static void hold_part(struct heddle_scheduler *scheduler, struct gathering *gathering, uint32_t part)
{
    scheduler->chosen[part] = 1;
    scheduler->held[scheduler->held_count++] = part;
    scheduler->spaces[part / scheduler->options.parts].held++;
    const struct heddle_tile_list *list = &gathering->stream->lists[part];
    for (size_t i = 0; i < list->count; i++) {
        consider(scheduler, gathering, list->tiles[i]);
    }
}

/* Whether the pick may hold one more part of this part's space: not more than its share, so that the other writers find
 * free ones too, but all that the stream's widest tile needs. */
static bool may_hold(const struct heddle_scheduler *scheduler, const struct gathering *gathering,
                     uint32_t part)
{
    const struct heddle_space *space = &scheduler->spaces[part / scheduler->options.parts];
    return gathering->takes_all || space->held < space->share || space->held < gathering->stream->share_least;
}

/* The part that brings most rows to what is held, or NO_PART. */
static uint32_t best_part(const struct heddle_scheduler *scheduler, const struct gathering *gathering)
{
    uint32_t best = HEDDLE_SCHEDULE_NO_PART;
    uint64_t most = 0;
    for (size_t i = 0; i < scheduler->gaining_count; i++) {
        const uint32_t part = scheduler->gaining[i];
        if (scheduler->chosen[part] == 0 && scheduler->gain[part] > most &&
            may_hold(scheduler, gathering, part)) {
            most = scheduler->gain[part];
            best = part;
        }
    }
    return best;
}

static void forget_gathering(struct heddle_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->held_count; i++) {
        scheduler->chosen[scheduler->held[i]] = 0;
        scheduler->spaces[scheduler->held[i] / scheduler->options.parts].held = 0;
    }
    for (size_t i = 0; i < scheduler->gaining_count; i++) {
        scheduler->gain[scheduler->gaining[i]] = 0;
    }
    scheduler->held_count = 0;
    scheduler->gaining_count = 0;
    scheduler->taken.count = 0;
}

/* Holds the parts of the tile `seed` and grows from there until the stream's limits are reached. */
static void gather(struct heddle_scheduler *scheduler, struct heddle_tile *seed, struct gathering *gathering)
{
    const struct heddle_stream *stream = &scheduler->streams[seed->stream];
    *gathering = (struct gathering){.stream = stream, .seed = seed};
    /* The rest of the stream is one transaction. */
    gathering->takes_all =
        !scheduler->in_turn && stream->rows <= stream->rows_max && stream->bytes <= stream->bytes_max;
    scheduler->gatherings++;
    seed->gathered = scheduler->gatherings;
    scheduler->taken.tiles[scheduler->taken.count++] = seed;
    gathering->rows = seed->queue.rows;
    gathering->bytes = seed->queue.bytes;
    if (gathering->rows >= stream->rows_max || gathering->bytes >= stream->bytes_max) {
        return;
    }
    for (uint32_t i = 0; i < seed->part_count; i++) {
        hold_part(scheduler, gathering, seed->parts[i]);
    }
    if (stream->unclaimed != NULL) {
        consider(scheduler, gathering, stream->unclaimed);
    }
    while (gathering->rows < stream->rows_max && gathering->bytes < stream->bytes_max) {
        const uint32_t part = best_part(scheduler, gathering);
        if (part == HEDDLE_SCHEDULE_NO_PART) {
            break;
        }
        hold_part(scheduler, gathering, part);
    }
}

static struct heddle_held_work *work_create(const struct heddle_scheduler *scheduler, size_t rows)
{
    const size_t tiles = scheduler->taken.count;
    size_t claims_total = 0;
    for (size_t i = 0; i < tiles; i++) {
        claims_total += scheduler->taken.tiles[i]->part_count;
    }
    struct heddle_held_work *work = heddle_calloc(1, sizeof *work);
    if (work == NULL) {
        return NULL;
    }
    work->rows = heddle_malloc((rows + 1) * sizeof *work->rows);
    work->runs = heddle_malloc((tiles + 1) * sizeof *work->runs);
    work->claims = heddle_malloc((claims_total + 1) * sizeof *work->claims);
    work->parts = heddle_malloc((claims_total + 1) * sizeof *work->parts);
    return work;
}

static void work_destroy(struct heddle_held_work *work)
{
    free(work->rows);
    free(work->runs);
    free(work->claims);
    free(work->parts);
    free(work);
}

/* Copies the oldest rows of a tile while they fit. *fits_out is false once one did not. */
static int copy_rows(struct heddle_scheduler *scheduler, const struct heddle_stream *stream,
                     struct heddle_tile *tile, struct heddle_held_work *work, bool *fits_out,
                     struct heddle_error *error)
{
    const size_t first = work->public.count;
    const size_t room = stream->rows_max - first;
    const size_t wanted = tile->queue.rows < room ? tile->queue.rows : room;
    HEDDLE_TRY(heddle_row_queue_peek(&scheduler->store, &tile->queue, wanted, work->rows + first, error));
    size_t taken = 0;
    while (taken < wanted) {
        const uint64_t bytes = work->rows[first + taken].bytes;
        if (first + taken > 0 && work->public.bytes + bytes > stream->bytes_max) {
            break;
        }
        work->public.bytes += bytes;
        taken++;
    }
    *fits_out = taken == tile->queue.rows;
    work->public.count += taken;
    if (taken == 0) {
        return HEDDLE_OK;
    }
    struct heddle_work_run *run = &work->runs[work->run_count];
    *run = (struct heddle_work_run){.first = first, .count = taken, .claim_count = tile->part_count};
    if (work->run_count > 0) {
        run->claim_first = run[-1].claim_first + run[-1].claim_count;
    }
    memcpy(work->claims + run->claim_first, tile->parts, tile->part_count * sizeof tile->parts[0]);
    work->run_count++;
    return HEDDLE_OK;
}

/* Takes the copied rows out of their tiles and makes their parts busy. Nothing here can fail. */
static void commit_work(struct heddle_scheduler *scheduler, struct heddle_held_work *work)
{
    for (size_t i = 0; i < work->run_count; i++) {
        struct heddle_tile *tile = scheduler->taken.tiles[i];
        const uint64_t before = tile->queue.bytes;
        heddle_row_queue_drop(&scheduler->store, &tile->queue, work->runs[i].count);
        heddle_tile_changed(scheduler, tile, -(int64_t)work->runs[i].count,
                            -(int64_t)(before - tile->queue.bytes));
        for (uint32_t j = 0; j < tile->part_count; j++) {
            if (scheduler->busy[tile->parts[j]] == 0) {
                scheduler->busy[tile->parts[j]] = 1;
                work->parts[work->public.part_count++] = tile->parts[j];
            }
        }
        if (tile == scheduler->overdue) {
            scheduler->overdue = NULL;
        }
    }
    scheduler->in_flight++;
    work->epoch = scheduler->epoch;
    work->public.rows = work->rows;
    work->public.parts = work->parts;
    work->public.id = scheduler->picks++;
    if (scheduler->options.watch.picked != NULL) {
        scheduler->options.watch.picked(scheduler->options.watch.context, &work->public);
    }
}

/* Turns what was gathered into work. Only parts of rows really taken become busy. */
static int make_work(struct heddle_scheduler *scheduler, const struct gathering *gathering,
                     struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    const struct heddle_stream *stream = gathering->stream;
    const size_t rows = gathering->rows < stream->rows_max ? gathering->rows : stream->rows_max;
    struct heddle_held_work *work = work_create(scheduler, rows);
    if (work == NULL || work->rows == NULL || work->runs == NULL || work->claims == NULL ||
        work->parts == NULL) {
        if (work != NULL) {
            work_destroy(work);
        }
        return heddle_error_out_of_memory(error);
    }
    bool fits = true;
    int status = HEDDLE_OK;
    for (size_t i = 0; i < scheduler->taken.count && fits && status == HEDDLE_OK; i++) {
        status = copy_rows(scheduler, stream, scheduler->taken.tiles[i], work, &fits, error);
    }
    if (status != HEDDLE_OK) {
        work_destroy(work);
        return status;
    }
    work->public.stream = gathering->seed->stream;
    commit_work(scheduler, work);
    *work_out = &work->public;
    return HEDDLE_OK;
}

/* Of the tiles of a part that may go: those that fill a transaction first, then the one with the fullest other part. */
static struct heddle_tile *best_tile(const struct heddle_scheduler *scheduler,
                                     const struct heddle_stream *stream, uint32_t part)
{
    const struct heddle_tile_list *list = &stream->lists[part];
    struct heddle_tile *best = NULL;
    uint64_t best_weight = 0;
    bool best_fills = false;
    for (size_t i = 0; i < list->count; i++) {
        struct heddle_tile *tile = list->tiles[i];
        if (!tile_may_go(scheduler, tile)) {
            continue;
        }
        const bool fills = tile->queue.rows >= stream->rows_max || tile->queue.bytes >= stream->bytes_max;
        uint64_t weight = 0;
        for (uint32_t j = 0; j < tile->part_count; j++) {
            weight += scheduler->load[tile->parts[j]];
        }
        const bool better =
            best == NULL || fills != best_fills
                ? best == NULL || fills
                : weight > best_weight || (weight == best_weight && tile->queue.rows > best->queue.rows);
        if (better) {
            best = tile;
            best_weight = weight;
            best_fills = fills;
        }
    }
    return best;
}

/* The tile of a part whose turn it is, if it may go. */
static struct heddle_tile *tile_in_turn(const struct heddle_scheduler *scheduler,
                                        const struct heddle_stream *stream, uint32_t part)
{
    struct heddle_tile *tile = heddle_tile_in_turn(scheduler, stream, part);
    return tile != NULL && tile_may_go(scheduler, tile) ? tile : NULL;
}

/* The tile at the free part with the most rows left; parts that have nothing to give now are tried in falling order. */
static struct heddle_tile *critical_seed(struct heddle_scheduler *scheduler,
                                         const struct heddle_stream *stream)
{
    struct heddle_tile *seed = NULL;
    while (seed == NULL) {
        uint32_t part = HEDDLE_SCHEDULE_NO_PART;
        for (size_t i = 0; i < stream->used_count; i++) {
            const uint32_t other = stream->used[i];
            if (scheduler->tried[other] == 0 && is_unheld(scheduler, other) && scheduler->load[other] > 0 &&
                (part == HEDDLE_SCHEDULE_NO_PART || scheduler->load[other] > scheduler->load[part])) {
                part = other;
            }
        }
        if (part == HEDDLE_SCHEDULE_NO_PART) {
            break;
        }
        scheduler->tried[part] = 1;
        seed =
            scheduler->in_turn ? tile_in_turn(scheduler, stream, part) : best_tile(scheduler, stream, part);
    }
    for (size_t i = 0; i < stream->used_count; i++) {
        scheduler->tried[stream->used[i]] = 0;
    }
    return seed;
}

/* The tile with the most rows of those that may go. */
static struct heddle_tile *fullest_seed(const struct heddle_scheduler *scheduler,
                                        const struct heddle_stream *stream)
{
    struct heddle_tile *best = NULL;
    for (size_t i = 0; i < stream->all.count; i++) {
        struct heddle_tile *tile = stream->all.tiles[i];
        if (tile_may_go(scheduler, tile) && (best == NULL || tile->queue.rows > best->queue.rows)) {
            best = tile;
        }
    }
    return best;
}

/* Gathers from `seed` and makes work of it if that comes to `wanted` rows. HEDDLE_END where it does not. */
static int pick_at(struct heddle_scheduler *scheduler, struct heddle_tile *seed, size_t wanted,
                   struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    struct gathering gathering;
    gather(scheduler, seed, &gathering);
    int status = HEDDLE_END;
    if (gathering.rows >= wanted || gathering.bytes >= gathering.stream->bytes_max) {
        status = make_work(scheduler, &gathering, work_out, error);
    }
    forget_gathering(scheduler);
    return status;
}

/* Tries to gather enough from one stream. HEDDLE_END where that cannot be done now. */
static int pick_from(struct heddle_scheduler *scheduler, size_t index, size_t rows_min,
                     struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    const struct heddle_stream *stream = &scheduler->streams[index];
    const size_t wanted = rows_min < stream->rows_max ? rows_min : stream->rows_max;
    struct heddle_tile *seed = critical_seed(scheduler, stream);
    if (seed != NULL) {
        const int status = pick_at(scheduler, seed, wanted, work_out, error);
        if (status != HEDDLE_END) {
            return status;
        }
    }
    /* No tile with parts may go, or the critical one has too few rows: another may have enough. */
    seed = seed == NULL ? stream->unclaimed : fullest_seed(scheduler, stream);
    return seed == NULL || seed->queue.rows == 0 ? HEDDLE_END
                                                 : pick_at(scheduler, seed, wanted, work_out, error);
}

/* Room for the tiles of the stream that has the most. */
static bool reserve_taken(struct heddle_scheduler *scheduler)
{
    size_t most = 1;
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        const size_t tiles = scheduler->streams[i].all.count;
        most = tiles > most ? tiles : most;
    }
    return heddle_grow((void **)&scheduler->taken.tiles, &scheduler->taken.capacity, most,
                       sizeof(struct heddle_tile *)) == 0;
}

/* The stream that is next after `before` in falling order of waiting rows (index breaks ties); SIZE_MAX at the end. */
static size_t next_stream(const struct heddle_scheduler *scheduler, size_t before)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        const size_t rows = scheduler->streams[i].rows;
        const bool after = before == SIZE_MAX || rows < scheduler->streams[before].rows ||
                           (rows == scheduler->streams[before].rows && i > before);
        if (rows > 0 && after && (best == SIZE_MAX || rows > scheduler->streams[best].rows)) {
            best = i;
        }
    }
    return best;
}

/* The tile that was passed over for too long, or NULL. From then on its parts are for nobody else. In turn nobody is passed
 * over: of all waiting tiles the one whose turn is first may go as soon as its parts are free. */
static struct heddle_tile *overdue_tile(struct heddle_scheduler *scheduler)
{
    struct heddle_tile *tile = scheduler->oldest;
    uint64_t patience = scheduler->options.patience;
    if (patience == 0) {
        patience = PATIENCE_PICKS + PATIENCE_PICKS_A_TILE * scheduler->waiting_tiles;
    }
    if (tile == NULL || scheduler->in_turn || scheduler->picks - tile->since <= patience) {
        return NULL;
    }
    scheduler->overdue = tile;
    return tile;
}

static int pick_from_any(struct heddle_scheduler *scheduler, size_t rows_min,
                         struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    for (size_t i = next_stream(scheduler, SIZE_MAX); i != SIZE_MAX; i = next_stream(scheduler, i)) {
        const int status = pick_from(scheduler, i, rows_min, work_out, error);
        if (status != HEDDLE_END) {
            return status;
        }
    }
    return HEDDLE_END;
}

int heddle_scheduler_pick(struct heddle_scheduler *scheduler, size_t rows_min,
                          struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    if (scheduler->in_flight >= scheduler->options.writers || scheduler->rows == 0) {
        return HEDDLE_END;
    }
    if (!reserve_taken(scheduler)) {
        return heddle_error_out_of_memory(error);
    }
    struct heddle_tile *overdue = overdue_tile(scheduler);
    if (overdue != NULL && tile_may_go(scheduler, overdue)) {
        return pick_at(scheduler, overdue, 1, work_out, error);
    }
    int status = HEDDLE_END;
    if (scheduler->avoided != NULL) {
        scheduler->avoiding = true;
        status = pick_from_any(scheduler, SIZE_MAX, work_out, error);
        scheduler->avoiding = false;
    }
    return status == HEDDLE_END ? pick_from_any(scheduler, rows_min, work_out, error) : status;
}

void heddle_scheduler_avoid(struct heddle_scheduler *scheduler, const uint8_t *avoided)
{
    scheduler->avoided = avoided;
}

/* Frees the parts of work, and the work. */
static void work_end(struct heddle_scheduler *scheduler, struct heddle_held_work *work)
{
    for (size_t i = 0; i < work->public.part_count; i++) {
        scheduler->busy[work->parts[i]] = 0;
    }
    scheduler->in_flight--;
    scheduler->in_flight_before -= work->epoch != scheduler->epoch ? 1 : 0;
    if (scheduler->options.watch.ended != NULL) {
        scheduler->options.watch.ended(scheduler->options.watch.context, &work->public);
    }
    work_destroy(work);
}

void heddle_scheduler_done(struct heddle_scheduler *scheduler, struct heddle_schedule_work *work)
{
    work_end(scheduler, (struct heddle_held_work *)work);
}
