/* scheduler.c: streams and their tiles: making them, adding rows, taking everything apart. */
#include "schedule/scheduler_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

/* A new table of tiles is this large: 64 tiles are 8 parts by 8. */
enum { STREAM_SLOTS_FIRST = 128 };

/* Up to so many parts over all spaces, tiles of one and two parts are found by a table of all pairs: 4 MiB a stream, of
 * which only what is used is ever touched. */
enum { PAIRS_PARTS_MAX = 1024 };

/* A relationship has two ends. */
enum { SHARE_LEAST = 2 };

/* Empty tiles are freed when there are more than this and more than waiting ones; they are looked for when the table
 * grows. Part sets of three and more can be so many. */
enum { EMPTY_TILES_MAX = 4096 };

int heddle_scheduler_create(const struct heddle_schedule_options *options,
                            struct heddle_scheduler **scheduler_out, struct heddle_error *error)
{
    if (options->spaces == 0 || options->spaces > HEDDLE_SCHEDULE_STREAMS_MAX || options->parts == 0 ||
        options->parts > HEDDLE_SCHEDULE_PARTS_MAX || options->writers == 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "scheduler: %zu spaces (1..%d), %zu parts (1..%d), %zu writers (at least 1)",
                                options->spaces, HEDDLE_SCHEDULE_STREAMS_MAX, options->parts,
                                HEDDLE_SCHEDULE_PARTS_MAX, options->writers);
    }
    struct heddle_scheduler *scheduler = heddle_calloc(1, sizeof *scheduler);
    if (scheduler == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const size_t total = options->spaces * options->parts;
    scheduler->options = *options;
    scheduler->store.spill = options->spill;
    scheduler->part_total = total;
    scheduler->busy = heddle_calloc(total, sizeof *scheduler->busy);
    scheduler->chosen = heddle_calloc(total, sizeof *scheduler->chosen);
    scheduler->tried = heddle_calloc(total, sizeof *scheduler->tried);
    scheduler->load = heddle_calloc(total, sizeof *scheduler->load);
    scheduler->gain = heddle_calloc(total, sizeof *scheduler->gain);
    scheduler->gaining = heddle_calloc(total, sizeof *scheduler->gaining);
    scheduler->held = heddle_calloc(total, sizeof *scheduler->held);
    scheduler->spaces = heddle_calloc(options->spaces, sizeof *scheduler->spaces);
    if (scheduler->busy == NULL || scheduler->chosen == NULL || scheduler->tried == NULL ||
        scheduler->load == NULL || scheduler->gain == NULL || scheduler->gaining == NULL ||
        scheduler->held == NULL || scheduler->spaces == NULL) {
        heddle_scheduler_destroy(scheduler);
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < options->spaces; i++) {
        heddle_scheduler_share(scheduler, i, options->parts, options->writers);
    }
    *scheduler_out = scheduler;
    return HEDDLE_OK;
}

static void tile_destroy(struct heddle_scheduler *scheduler, struct heddle_tile *tile)
{
    heddle_row_queue_clear(&scheduler->store, &tile->queue);
    free(tile);
}

void heddle_stream_clear(struct heddle_scheduler *scheduler, struct heddle_stream *stream)
{
    for (size_t i = 0; i < stream->all.count; i++) {
        tile_destroy(scheduler, stream->all.tiles[i]);
    }
    for (size_t i = 0; stream->lists != NULL && i < scheduler->part_total; i++) {
        free(stream->lists[i].tiles);
    }
    free(stream->all.tiles);
    free(stream->lists);
    free(stream->used);
    free(stream->slots);
    free(stream->pairs);
    *stream = (struct heddle_stream){.rows_max = stream->rows_max, .bytes_max = stream->bytes_max};
}

void heddle_scheduler_destroy(struct heddle_scheduler *scheduler)
{
    if (scheduler == NULL) {
        return;
    }
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        heddle_stream_clear(scheduler, &scheduler->streams[i]);
    }
    free(scheduler->streams);
    free(scheduler->busy);
    free(scheduler->chosen);
    free(scheduler->tried);
    free(scheduler->load);
    free(scheduler->gain);
    free(scheduler->gaining);
    free(scheduler->held);
    free(scheduler->spaces);
    free(scheduler->taken.tiles);
    free(scheduler);
}

int heddle_scheduler_add_stream(struct heddle_scheduler *scheduler, size_t rows_max, uint64_t bytes_max,
                                size_t *stream_out, struct heddle_error *error)
{
    if (rows_max == 0 || bytes_max == 0 || scheduler->stream_count == HEDDLE_SCHEDULE_STREAMS_MAX) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "scheduler: a stream of %zu rows and %llu bytes a transaction, after %zu streams", rows_max,
            (unsigned long long)bytes_max, scheduler->stream_count);
    }
    if (heddle_grow((void **)&scheduler->streams, &scheduler->stream_capacity, scheduler->stream_count + 1,
                    sizeof *scheduler->streams) != 0) {
        return heddle_error_out_of_memory(error);
    }
    scheduler->streams[scheduler->stream_count] =
        (struct heddle_stream){.rows_max = rows_max, .bytes_max = bytes_max};
    *stream_out = scheduler->stream_count++;
    return HEDDLE_OK;
}

static size_t slot_of(const struct heddle_stream *stream, const uint32_t *parts, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        hash = (hash << 32 ^ hash >> 32 ^ parts[i]) * 0x9e3779b97f4a7c15ULL;
    }
    size_t at = (size_t)(hash >> 32) & (stream->slot_count - 1);
    while (stream->slots[at] != 0) {
        const struct heddle_tile *tile = stream->all.tiles[stream->slots[at] - 1];
        if (tile->part_count == count && memcmp(tile->parts, parts, count * sizeof *parts) == 0) {
            break;
        }
        at = (at + 1) & (stream->slot_count - 1);
    }
    return at;
}

/* Where the index of a tile stands; stream->slots must have a free slot. */
static uint32_t *place_of(const struct heddle_scheduler *scheduler, const struct heddle_stream *stream,
                          const uint32_t *parts, size_t count)
{
    if (stream->pairs != NULL && (count == 1 || count == 2)) {
        return &stream->pairs[parts[0] * scheduler->part_total + parts[count - 1]];
    }
    return &stream->slots[slot_of(stream, parts, count)];
}

static void enter_tiles(const struct heddle_scheduler *scheduler, struct heddle_stream *stream)
{
    memset(stream->slots, 0, stream->slot_count * sizeof *stream->slots);
    for (size_t i = 0; i < stream->all.count; i++) {
        const struct heddle_tile *tile = stream->all.tiles[i];
        *place_of(scheduler, stream, tile->parts, tile->part_count) = (uint32_t)i + 1;
    }
}

static bool tile_is_idle(const struct heddle_tile *tile)
{
    return tile->queue.rows == 0 && !tile->kept;
}

static void list_forget_empty(struct heddle_tile_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!tile_is_idle(list->tiles[i])) {
            list->tiles[kept++] = list->tiles[i];
        }
    }
    list->count = kept;
}

/* Frees the tiles without rows where there are very many. */
static void stream_sweep(struct heddle_scheduler *scheduler, struct heddle_stream *stream)
{
    size_t empty = 0;
    for (size_t i = 0; i < stream->all.count; i++) {
        empty += tile_is_idle(stream->all.tiles[i]) ? 1 : 0;
    }
    if (empty <= EMPTY_TILES_MAX || empty * 2 <= stream->all.count) {
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i < stream->used_count; i++) {
        const uint32_t part = stream->used[i];
        list_forget_empty(&stream->lists[part]);
        if (stream->lists[part].count > 0) {
            stream->used[used++] = part;
        }
    }
    stream->used_count = used;
    for (size_t i = 0; i < stream->all.count; i++) {
        struct heddle_tile *tile = stream->all.tiles[i];
        if (tile_is_idle(tile)) {
            *place_of(scheduler, stream, tile->parts, tile->part_count) = 0;
            tile_destroy(scheduler, tile);
            stream->all.tiles[i] = NULL;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < stream->all.count; i++) {
        if (stream->all.tiles[i] != NULL) {
            stream->all.tiles[kept++] = stream->all.tiles[i];
        }
    }
    stream->all.count = kept;
    enter_tiles(scheduler, stream);
}

static bool stream_make_lists(const struct heddle_scheduler *scheduler, struct heddle_stream *stream)
{
    const size_t total = scheduler->part_total;
    struct heddle_tile_list *lists = heddle_calloc(total, sizeof *lists);
    uint32_t *used = heddle_calloc(total, sizeof *used);
    uint32_t *pairs = total <= PAIRS_PARTS_MAX ? heddle_calloc(total * total, sizeof *pairs) : NULL;
    if (lists == NULL || used == NULL || (total <= PAIRS_PARTS_MAX && pairs == NULL)) {
        free(lists);
        free(used);
        free(pairs);
        return false;
    }
    stream->lists = lists;
    stream->used = used;
    stream->pairs = pairs;
    return true;
}

/* Keeps the table at most half full. */
static bool stream_make_room(struct heddle_scheduler *scheduler, struct heddle_stream *stream)
{
    if (stream->lists == NULL && !stream_make_lists(scheduler, stream)) {
        return false;
    }
    if (stream->slots != NULL && (stream->all.count + 1) * 2 > stream->slot_count) {
        stream_sweep(scheduler, stream);
    }
    if (stream->slots != NULL && (stream->all.count + 1) * 2 <= stream->slot_count) {
        return true;
    }
    const size_t count = stream->slot_count == 0 ? STREAM_SLOTS_FIRST : stream->slot_count * 2;
    uint32_t *slots = heddle_malloc(count * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(stream->slots);
    stream->slots = slots;
    stream->slot_count = count;
    enter_tiles(scheduler, stream);
    return true;
}

static bool list_make_room(struct heddle_tile_list *list)
{
    return heddle_grow((void **)&list->tiles, &list->capacity, list->count + 1,
                       sizeof(struct heddle_tile *)) == 0;
}

/* The most of `parts` (ascending) that lie in one space. */
static size_t most_in_a_space(const struct heddle_scheduler *scheduler, const uint32_t *parts, size_t count)
{
    size_t most = 1;
    size_t here = 0;
    for (size_t i = 0; i < count; i++) {
        const bool same =
            i > 0 && parts[i] / scheduler->options.parts == parts[i - 1] / scheduler->options.parts;
        here = same ? here + 1 : 1;
        most = here > most ? here : most;
    }
    return most;
}

struct heddle_tile *heddle_tile_of(struct heddle_scheduler *scheduler, size_t index, const uint32_t *parts,
                                   size_t count)
{
    struct heddle_stream *stream = &scheduler->streams[index];
    if (stream->slots != NULL) {
        const uint32_t found = *place_of(scheduler, stream, parts, count);
        if (found != 0) {
            return stream->all.tiles[found - 1];
        }
    }
    bool room = stream_make_room(scheduler, stream) && list_make_room(&stream->all);
    for (size_t i = 0; i < count && room; i++) {
        room = list_make_room(&stream->lists[parts[i]]);
    }
    struct heddle_tile *tile = room ? heddle_calloc(1, sizeof *tile + count * sizeof tile->parts[0]) : NULL;
    if (tile == NULL) {
        return NULL;
    }
    tile->stream = index;
    const size_t most = most_in_a_space(scheduler, parts, count);
    stream->share_least = most > stream->share_least ? most : stream->share_least;
    if (count == 0) {
        tile->kept = true;
        stream->unclaimed = tile;
    }
    tile->part_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        struct heddle_tile_list *list = &stream->lists[parts[i]];
        if (list->count == 0) {
            stream->used[stream->used_count++] = parts[i];
        }
        tile->parts[i] = parts[i];
        list->tiles[list->count++] = tile;
    }
    *place_of(scheduler, stream, parts, count) = (uint32_t)stream->all.count + 1;
    stream->all.tiles[stream->all.count++] = tile;
    return tile;
}

/* Takes a tile out of the row of the waiting ones. */
static void waiting_leave(struct heddle_scheduler *scheduler, struct heddle_tile *tile)
{
    *(tile->older == NULL ? &scheduler->oldest : &tile->older->newer) = tile->newer;
    *(tile->newer == NULL ? &scheduler->newest : &tile->newer->older) = tile->older;
    tile->older = NULL;
    tile->newer = NULL;
    scheduler->waiting_tiles--;
}

void heddle_tile_starts_to_wait(struct heddle_scheduler *scheduler, struct heddle_tile *tile)
{
    tile->since = scheduler->picks;
    tile->older = scheduler->newest;
    *(tile->older == NULL ? &scheduler->oldest : &tile->older->newer) = tile;
    scheduler->newest = tile;
    scheduler->waiting_tiles++;
}

void heddle_tile_changed(struct heddle_scheduler *scheduler, struct heddle_tile *tile, int64_t rows,
                         int64_t bytes)
{
    struct heddle_stream *stream = &scheduler->streams[tile->stream];
    const bool waited = (int64_t)tile->queue.rows != rows;
    for (uint32_t i = 0; i < tile->part_count; i++) {
        scheduler->load[tile->parts[i]] += (uint64_t)rows;
    }
    stream->rows += (size_t)rows;
    stream->bytes += (uint64_t)bytes;
    scheduler->rows += (size_t)rows;
    scheduler->bytes += (uint64_t)bytes;
    if (waited && rows < 0) {
        waiting_leave(scheduler, tile);
    }
    if (tile->queue.rows > 0 && (!waited || rows < 0)) {
        heddle_tile_starts_to_wait(scheduler, tile);
    }
}

int heddle_stream_push(struct heddle_scheduler *scheduler, size_t stream, const uint32_t *parts, size_t count,
                       struct heddle_schedule_row row, struct heddle_error *error)
{
    struct heddle_tile *tile = heddle_tile_of(scheduler, stream, parts, count);
    if (tile == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_row_queue_push(&scheduler->store, &tile->queue, row, error));
    if (tile->queue.rows == 1) {
        heddle_tile_starts_to_wait(scheduler, tile);
    }
    for (size_t i = 0; i < count; i++) {
        scheduler->load[parts[i]]++;
    }
    scheduler->streams[stream].rows++;
    scheduler->streams[stream].bytes += row.bytes;
    scheduler->rows++;
    scheduler->bytes += row.bytes;
    return HEDDLE_OK;
}

int heddle_scheduler_add_row(struct heddle_scheduler *scheduler, size_t stream, size_t space_a,
                             uint32_t part_a, size_t space_b, uint32_t part_b, struct heddle_schedule_row row,
                             struct heddle_error *error)
{
    const size_t parts = scheduler->options.parts;
    const size_t spaces = scheduler->options.spaces;
    const bool has_a = part_a != HEDDLE_SCHEDULE_NO_PART;
    const bool has_b = part_b != HEDDLE_SCHEDULE_NO_PART;
    if (stream >= scheduler->stream_count || (has_a && (part_a >= parts || space_a >= spaces)) ||
        (has_b && (part_b >= parts || space_b >= spaces))) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "scheduler: stream %zu, part %u of space %zu, part %u of %zu", stream, part_a,
                                space_a, part_b, space_b);
    }
    const uint32_t a = has_a ? (uint32_t)(space_a * parts) + part_a : HEDDLE_SCHEDULE_NO_PART;
    const uint32_t b = has_b ? (uint32_t)(space_b * parts) + part_b : HEDDLE_SCHEDULE_NO_PART;
    const uint32_t claim[2] = {a < b ? a : b, a < b ? b : a}; /* NO_PART is the largest */
    const size_t count = a == b ? (has_a ? 1U : 0U) : (has_a && has_b ? 2U : 1U);
    return heddle_stream_push(scheduler, stream, claim, count, row, error);
}

int heddle_scheduler_add_claim(struct heddle_scheduler *scheduler, size_t stream,
                               const struct heddle_claim *claim, struct heddle_schedule_row row,
                               struct heddle_error *error)
{
    if (stream >= scheduler->stream_count || claim->count > HEDDLE_CLAIM_PARTS_MAX ||
        (claim->count > 0 && claim->parts[claim->count - 1] >= scheduler->part_total)) {
        return heddle_error_set(error, HEDDLE_INVALID, "scheduler: stream %zu, a claim of %u parts (of %zu)",
                                stream, claim->count, scheduler->part_total);
    }
    return heddle_stream_push(scheduler, stream, claim->parts, claim->count, row, error);
}

void heddle_scheduler_in_turn(struct heddle_scheduler *scheduler, bool in_turn)
{
    scheduler->in_turn = in_turn;
}

void heddle_scheduler_share(struct heddle_scheduler *scheduler, size_t space, size_t parts, size_t writers)
{
    const size_t share = writers == 0 ? parts : parts / writers;
    scheduler->spaces[space].share = share < 1 ? 1 : share;
    scheduler->spaces[space].parts = parts;
}

size_t heddle_scheduler_pending_rows(const struct heddle_scheduler *scheduler)
{
    return scheduler->rows;
}

uint64_t heddle_scheduler_pending_bytes(const struct heddle_scheduler *scheduler)
{
    return scheduler->bytes;
}

size_t heddle_scheduler_in_flight(const struct heddle_scheduler *scheduler)
{
    return scheduler->in_flight;
}

uint64_t heddle_scheduler_memory(const struct heddle_scheduler *scheduler)
{
    return scheduler->store.bytes;
}

uint64_t heddle_scheduler_spilled(const struct heddle_scheduler *scheduler)
{
    return scheduler->store.bytes_spilled;
}

size_t heddle_scheduler_before(const struct heddle_scheduler *scheduler)
{
    return scheduler->in_flight_before;
}

uint64_t heddle_scheduler_load_max(const struct heddle_scheduler *scheduler)
{
    uint64_t most = 0;
    for (size_t i = 0; i < scheduler->part_total; i++) {
        most = scheduler->load[i] > most ? scheduler->load[i] : most;
    }
    return most;
}
