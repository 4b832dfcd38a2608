/* scheduler.c: tiles of rows, a set of busy parts, and the choice of what goes next.
 *
 * A pick looks once through the tiles of a stream that have rows, and keeps those whose parts are all free (the
 * candidates). It starts from the candidate that touches the part with the most rows left (the critical part first, as in
 * list scheduling), then grows the set of held parts one part at a time, by the one that brings the most rows, and takes
 * every candidate that lies within the held parts. Cost: tiles of the stream times parts held, some ten microseconds for
 * the thousand tiles of eight writers, against milliseconds that a transaction takes.
 */
#include "schedule/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

/* Index of a part over all spaces; NO_PART stays NO_PART. */
typedef uint32_t part_id;

/* First in, first out: rows[head .. tail). */
struct tile {
    part_id a;
    part_id b;
    struct heddle_schedule_row *rows;
    size_t head;
    size_t tail;
    size_t capacity;
    uint64_t bytes;
};

struct stream {
    size_t rows_max;
    uint64_t bytes_max;
    size_t rows;
    uint64_t bytes;
    struct tile **tiles; /* all that ever had rows */
    size_t tile_count;
    size_t tile_capacity;
    uint32_t *slots; /* open addressing over (a, b): index into tiles + 1, 0 = free */
    size_t slot_count;
};

/* Work with what only the scheduler knows about it. */
struct held_work {
    struct heddle_schedule_work public;
    part_id *parts;
    size_t part_count;
    struct heddle_schedule_row rows[];
};

struct heddle_scheduler {
    struct heddle_schedule_options options;
    size_t part_total;
    uint8_t *busy;   /* a part: held by work in flight */
    uint64_t *load;  /* a part: rows not yet picked that touch it */
    uint8_t *chosen; /* a part: held by the pick under way */
    uint64_t *gain;  /* a part: rows that choosing it would add to the pick under way */
    size_t *held_in_space;
    part_id *held; /* chosen parts, in order */
    size_t held_count;
    struct tile **candidates; /* of the pick under way */
    size_t candidate_capacity;
    struct stream *streams;
    size_t stream_count;
    size_t stream_capacity;
    size_t rows;
    uint64_t bytes;
    size_t in_flight;
    uint64_t next_id;
};

/* A new table of tiles is this large: 64 tiles are 8 parts by 8. */
enum { STREAM_SLOTS_FIRST = 128 };

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
    scheduler->options = *options;
    scheduler->part_total = options->spaces * options->parts;
    scheduler->busy = heddle_calloc(scheduler->part_total, sizeof *scheduler->busy);
    scheduler->load = heddle_calloc(scheduler->part_total, sizeof *scheduler->load);
    scheduler->chosen = heddle_calloc(scheduler->part_total, sizeof *scheduler->chosen);
    scheduler->gain = heddle_calloc(scheduler->part_total, sizeof *scheduler->gain);
    scheduler->held = heddle_calloc(scheduler->part_total, sizeof *scheduler->held);
    scheduler->held_in_space = heddle_calloc(options->spaces, sizeof *scheduler->held_in_space);
    if (scheduler->busy == NULL || scheduler->load == NULL || scheduler->chosen == NULL ||
        scheduler->gain == NULL || scheduler->held == NULL || scheduler->held_in_space == NULL) {
        heddle_scheduler_destroy(scheduler);
        return heddle_error_out_of_memory(error);
    }
    *scheduler_out = scheduler;
    return HEDDLE_OK;
}

void heddle_scheduler_destroy(struct heddle_scheduler *scheduler)
{
    if (scheduler == NULL) {
        return;
    }
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        struct stream *stream = &scheduler->streams[i];
        for (size_t j = 0; j < stream->tile_count; j++) {
            free(stream->tiles[j]->rows);
            free(stream->tiles[j]);
        }
        free(stream->tiles);
        free(stream->slots);
    }
    free(scheduler->streams);
    free(scheduler->busy);
    free(scheduler->load);
    free(scheduler->chosen);
    free(scheduler->gain);
    free(scheduler->held);
    free(scheduler->held_in_space);
    free(scheduler->candidates);
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
        (struct stream){.rows_max = rows_max, .bytes_max = bytes_max};
    *stream_out = scheduler->stream_count++;
    return HEDDLE_OK;
}

static size_t slot_of(const struct stream *stream, part_id a, part_id b)
{
    size_t at = (size_t)heddle_hash_mix((uint64_t)a << 32 | b) & (stream->slot_count - 1);
    while (stream->slots[at] != 0) {
        const struct tile *tile = stream->tiles[stream->slots[at] - 1];
        if (tile->a == a && tile->b == b) {
            break;
        }
        at = (at + 1) & (stream->slot_count - 1);
    }
    return at;
}

/* Keeps the table at most half full. */
static bool stream_make_room(struct stream *stream)
{
    if (heddle_grow((void **)&stream->tiles, &stream->tile_capacity, stream->tile_count + 1,
                    sizeof(struct tile *)) != 0) {
        return false;
    }
    if (stream->slots != NULL && (stream->tile_count + 1) * 2 <= stream->slot_count) {
        return true;
    }
    const size_t count = stream->slot_count == 0 ? STREAM_SLOTS_FIRST : stream->slot_count * 2;
    uint32_t *slots = heddle_calloc(count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(stream->slots);
    stream->slots = slots;
    stream->slot_count = count;
    for (size_t i = 0; i < stream->tile_count; i++) {
        slots[slot_of(stream, stream->tiles[i]->a, stream->tiles[i]->b)] = (uint32_t)i + 1;
    }
    return true;
}

/* The tile of (a, b), made where there is none; NULL when out of memory. */
static struct tile *stream_tile(struct stream *stream, part_id a, part_id b)
{
    if (stream->slots != NULL) {
        const uint32_t found = stream->slots[slot_of(stream, a, b)];
        if (found != 0) {
            return stream->tiles[found - 1];
        }
    }
    if (!stream_make_room(stream)) {
        return NULL;
    }
    struct tile *tile = heddle_calloc(1, sizeof *tile);
    if (tile == NULL) {
        return NULL;
    }
    tile->a = a;
    tile->b = b;
    stream->slots[slot_of(stream, a, b)] = (uint32_t)stream->tile_count + 1;
    stream->tiles[stream->tile_count++] = tile;
    return tile;
}

static bool tile_push(struct tile *tile, struct heddle_schedule_row row)
{
    if (tile->tail == tile->capacity && tile->head > tile->capacity / 2) {
        memmove(tile->rows, tile->rows + tile->head, (tile->tail - tile->head) * sizeof *tile->rows);
        tile->tail -= tile->head;
        tile->head = 0;
    }
    if (heddle_grow((void **)&tile->rows, &tile->capacity, tile->tail + 1, sizeof *tile->rows) != 0) {
        return false;
    }
    tile->rows[tile->tail++] = row;
    tile->bytes += row.bytes;
    return true;
}

static size_t tile_rows(const struct tile *tile)
{
    return tile->tail - tile->head;
}

static void load_add(struct heddle_scheduler *scheduler, const struct tile *tile, int64_t rows)
{
    if (tile->a != HEDDLE_SCHEDULE_NO_PART) {
        scheduler->load[tile->a] += (uint64_t)rows;
    }
    if (tile->b != HEDDLE_SCHEDULE_NO_PART && tile->b != tile->a) {
        scheduler->load[tile->b] += (uint64_t)rows;
    }
}

int heddle_scheduler_add_row(struct heddle_scheduler *scheduler, size_t stream, size_t space_a,
                             uint32_t part_a, size_t space_b, uint32_t part_b, struct heddle_schedule_row row,
                             struct heddle_error *error)
{
    const size_t parts = scheduler->options.parts;
    const size_t spaces = scheduler->options.spaces;
    if (stream >= scheduler->stream_count ||
        (part_a != HEDDLE_SCHEDULE_NO_PART && (part_a >= parts || space_a >= spaces)) ||
        (part_b != HEDDLE_SCHEDULE_NO_PART && (part_b >= parts || space_b >= spaces))) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "scheduler: stream %zu, part %u of space %zu, part %u of %zu", stream, part_a,
                                space_a, part_b, space_b);
    }
    part_id a = part_a == HEDDLE_SCHEDULE_NO_PART ? part_a : (part_id)(space_a * parts) + part_a;
    part_id b = part_b == HEDDLE_SCHEDULE_NO_PART ? part_b : (part_id)(space_b * parts) + part_b;
    if (a == HEDDLE_SCHEDULE_NO_PART) {
        a = b;
        b = HEDDLE_SCHEDULE_NO_PART;
    }
    struct tile *tile = stream_tile(&scheduler->streams[stream], a, b);
    if (tile == NULL || !tile_push(tile, row)) {
        return heddle_error_out_of_memory(error);
    }
    load_add(scheduler, tile, 1);
    scheduler->streams[stream].rows++;
    scheduler->streams[stream].bytes += row.bytes;
    scheduler->rows++;
    scheduler->bytes += row.bytes;
    return HEDDLE_OK;
}

static bool part_is(const uint8_t *set, part_id part)
{
    return part == HEDDLE_SCHEDULE_NO_PART || set[part] != 0;
}

static bool part_is_free(const struct heddle_scheduler *scheduler, part_id part)
{
    return part == HEDDLE_SCHEDULE_NO_PART || scheduler->busy[part] == 0;
}

/* The rows waiting at the fuller of a tile's parts. */
static uint64_t tile_weight(const struct heddle_scheduler *scheduler, const struct tile *tile)
{
    const uint64_t a = tile->a == HEDDLE_SCHEDULE_NO_PART ? 0 : scheduler->load[tile->a];
    const uint64_t b = tile->b == HEDDLE_SCHEDULE_NO_PART ? 0 : scheduler->load[tile->b];
    return a > b ? a : b;
}

/* Collects the tiles of a stream that have rows and free parts; answers their number. */
static size_t collect_candidates(struct heddle_scheduler *scheduler, const struct stream *stream)
{
    size_t count = 0;
    for (size_t i = 0; i < stream->tile_count; i++) {
        struct tile *tile = stream->tiles[i];
        if (tile_rows(tile) > 0 && part_is_free(scheduler, tile->a) && part_is_free(scheduler, tile->b)) {
            scheduler->candidates[count++] = tile;
        }
    }
    return count;
}

/* What a pick has gathered so far. */
struct gathering {
    size_t candidates;
    size_t rows;
    uint64_t bytes;
    size_t tiles; /* candidates[0 .. tiles) are taken */
};

static void hold_part(struct heddle_scheduler *scheduler, part_id part)
{
    if (part != HEDDLE_SCHEDULE_NO_PART && scheduler->chosen[part] == 0) {
        scheduler->chosen[part] = 1;
        scheduler->held_in_space[part / scheduler->options.parts]++;
        scheduler->held[scheduler->held_count++] = part;
    }
}

static void forget_held(struct heddle_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->held_count; i++) {
        scheduler->chosen[scheduler->held[i]] = 0;
        scheduler->held_in_space[scheduler->held[i] / scheduler->options.parts] = 0;
    }
    scheduler->held_count = 0;
}

/* Moves the candidates that lie within the held parts to the front. */
static void take_tiles(struct heddle_scheduler *scheduler, struct gathering *gathering)
{
    for (size_t i = gathering->tiles; i < gathering->candidates; i++) {
        struct tile *tile = scheduler->candidates[i];
        if (!part_is(scheduler->chosen, tile->a) || !part_is(scheduler->chosen, tile->b)) {
            continue;
        }
        scheduler->candidates[i] = scheduler->candidates[gathering->tiles];
        scheduler->candidates[gathering->tiles++] = tile;
        gathering->rows += tile_rows(tile);
        gathering->bytes += tile->bytes;
    }
}

/* The free part that brings most rows to what is held, or NO_PART. A space gives at most `share` parts to one pick, so
 * that the other writers find free ones too. */
static part_id best_part(struct heddle_scheduler *scheduler, const struct gathering *gathering, size_t share)
{
    part_id best = HEDDLE_SCHEDULE_NO_PART;
    uint64_t most = 0;
    for (size_t i = gathering->tiles; i < gathering->candidates; i++) {
        const struct tile *tile = scheduler->candidates[i];
        const bool has_a = part_is(scheduler->chosen, tile->a) || tile->a == tile->b;
        const bool has_b = part_is(scheduler->chosen, tile->b);
        if (has_a == has_b) {
            continue;
        }
        const part_id missing = has_a ? tile->b : tile->a;
        if (scheduler->held_in_space[missing / scheduler->options.parts] >= share) {
            continue;
        }
        scheduler->gain[missing] += tile_rows(tile);
        if (scheduler->gain[missing] > most) {
            most = scheduler->gain[missing];
            best = missing;
        }
    }
    for (size_t i = gathering->tiles; i < gathering->candidates; i++) {
        const struct tile *tile = scheduler->candidates[i];
        if (tile->a != HEDDLE_SCHEDULE_NO_PART) {
            scheduler->gain[tile->a] = 0;
        }
        if (tile->b != HEDDLE_SCHEDULE_NO_PART) {
            scheduler->gain[tile->b] = 0;
        }
    }
    return best;
}

/* Holds the parts of the tile `seed` and grows from there until the stream's limits are reached. */
static void gather(struct heddle_scheduler *scheduler, const struct stream *stream, const struct tile *seed,
                   struct gathering *gathering)
{
    size_t share = scheduler->options.parts / scheduler->options.writers;
    share = share < 2 ? 2 : share;
    if (stream->rows <= stream->rows_max && stream->bytes <= stream->bytes_max) {
        share = scheduler->options.parts; /* the rest of the stream is one transaction */
    }
    gathering->tiles = 0;
    gathering->rows = 0;
    gathering->bytes = 0;
    hold_part(scheduler, seed->a);
    hold_part(scheduler, seed->b);
    take_tiles(scheduler, gathering);
    while (gathering->rows < stream->rows_max && gathering->bytes < stream->bytes_max) {
        const part_id part = best_part(scheduler, gathering, share);
        if (part == HEDDLE_SCHEDULE_NO_PART) {
            break;
        }
        hold_part(scheduler, part);
        take_tiles(scheduler, gathering);
    }
}

/* Takes the oldest rows of a tile while they fit; answers false once one did not. */
static bool take_rows(struct heddle_scheduler *scheduler, struct stream *stream, struct tile *tile,
                      struct held_work *work)
{
    bool fits = true;
    int64_t taken = 0;
    while (tile->head < tile->tail) {
        const struct heddle_schedule_row *row = &tile->rows[tile->head];
        fits = work->public.count == 0 || (work->public.count < stream->rows_max &&
                                           work->public.bytes + row->bytes <= stream->bytes_max);
        if (!fits) {
            break;
        }
        work->rows[work->public.count++] = *row;
        work->public.bytes += row->bytes;
        tile->bytes -= row->bytes;
        tile->head++;
        taken++;
    }
    if (tile->head == tile->tail) {
        tile->head = 0;
        tile->tail = 0;
    }
    load_add(scheduler, tile, -taken);
    return fits;
}

static void note_part(struct held_work *work, part_id part)
{
    if (part == HEDDLE_SCHEDULE_NO_PART) {
        return;
    }
    for (size_t i = 0; i < work->part_count; i++) {
        if (work->parts[i] == part) {
            return;
        }
    }
    work->parts[work->part_count++] = part;
}

/* Turns what was gathered into work. Only parts of rows really taken become busy. */
static int make_work(struct heddle_scheduler *scheduler, size_t index, const struct gathering *gathering,
                     struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    struct stream *stream = &scheduler->streams[index];
    const size_t rows = gathering->rows < stream->rows_max ? gathering->rows : stream->rows_max;
    struct held_work *work = heddle_calloc(1, sizeof *work + rows * sizeof work->rows[0]);
    if (work == NULL) {
        return heddle_error_out_of_memory(error);
    }
    work->parts = heddle_calloc(scheduler->held_count + 1, sizeof *work->parts);
    if (work->parts == NULL) {
        free(work);
        return heddle_error_out_of_memory(error);
    }
    bool fits = true;
    for (size_t i = 0; i < gathering->tiles && fits; i++) {
        struct tile *tile = scheduler->candidates[i];
        const size_t before = work->public.count;
        fits = take_rows(scheduler, stream, tile, work);
        if (work->public.count > before) {
            note_part(work, tile->a);
            note_part(work, tile->b);
        }
    }
    for (size_t i = 0; i < work->part_count; i++) {
        scheduler->busy[work->parts[i]] = 1;
    }
    stream->rows -= work->public.count;
    stream->bytes -= work->public.bytes;
    scheduler->rows -= work->public.count;
    scheduler->bytes -= work->public.bytes;
    scheduler->in_flight++;
    work->public.stream = index;
    work->public.rows = work->rows;
    work->public.id = scheduler->next_id++;
    *work_out = &work->public;
    return HEDDLE_OK;
}

/* The candidate at the fullest part, or (by_rows) the one with the most rows; NULL where there is none. */
static struct tile *best_seed(const struct heddle_scheduler *scheduler, size_t candidates, bool by_rows)
{
    struct tile *best = NULL;
    uint64_t best_weight = 0;
    for (size_t i = 0; i < candidates; i++) {
        struct tile *tile = scheduler->candidates[i];
        const uint64_t weight = by_rows ? tile_rows(tile) : tile_weight(scheduler, tile);
        if (best == NULL || weight > best_weight ||
            (weight == best_weight && tile_rows(tile) > tile_rows(best))) {
            best = tile;
            best_weight = weight;
        }
    }
    return best;
}

/* Tries to gather enough from one stream. HEDDLE_END where that cannot be done now. */
static int pick_from(struct heddle_scheduler *scheduler, size_t index, size_t rows_min,
                     struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    const struct stream *stream = &scheduler->streams[index];
    const size_t wanted = rows_min < stream->rows_max ? rows_min : stream->rows_max;
    struct gathering gathering = {.candidates = collect_candidates(scheduler, stream)};
    for (int by_rows = 0; by_rows <= 1; by_rows++) {
        const struct tile *seed = best_seed(scheduler, gathering.candidates, by_rows != 0);
        if (seed == NULL) {
            return HEDDLE_END;
        }
        gather(scheduler, stream, seed, &gathering);
        int status = HEDDLE_END;
        if (gathering.rows >= wanted || gathering.bytes >= stream->bytes_max) {
            status = make_work(scheduler, index, &gathering, work_out, error);
        }
        forget_held(scheduler);
        if (status != HEDDLE_END) {
            return status;
        }
    }
    return HEDDLE_END;
}

/* Room for the candidates of the stream with the most tiles. */
static bool reserve_candidates(struct heddle_scheduler *scheduler)
{
    size_t most = 1;
    for (size_t i = 0; i < scheduler->stream_count; i++) {
        most = scheduler->streams[i].tile_count > most ? scheduler->streams[i].tile_count : most;
    }
    return heddle_grow((void **)&scheduler->candidates, &scheduler->candidate_capacity, most,
                       sizeof(struct tile *)) == 0;
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

int heddle_scheduler_pick(struct heddle_scheduler *scheduler, size_t rows_min,
                          struct heddle_schedule_work **work_out, struct heddle_error *error)
{
    if (scheduler->in_flight >= scheduler->options.writers || scheduler->rows == 0) {
        return HEDDLE_END;
    }
    if (!reserve_candidates(scheduler)) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = next_stream(scheduler, SIZE_MAX); i != SIZE_MAX; i = next_stream(scheduler, i)) {
        const int status = pick_from(scheduler, i, rows_min, work_out, error);
        if (status != HEDDLE_END) {
            return status;
        }
    }
    return HEDDLE_END;
}

void heddle_scheduler_done(struct heddle_scheduler *scheduler, struct heddle_schedule_work *work)
{
    struct held_work *held = (struct held_work *)work;
    for (size_t i = 0; i < held->part_count; i++) {
        scheduler->busy[held->parts[i]] = 0;
    }
    scheduler->in_flight--;
    free(held->parts);
    free(held);
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
