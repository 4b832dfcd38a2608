/* add_rows.c: many rows at once, to the same tiles in the same order as one after the other.
 *
 * A row's way to its tile is a chain of three looks into memory (which tile, where its page goes on, the page), each of
 * which may miss the near caches. One row after the other would wait for each in turn, so a block of rows takes each step
 * together: while one row waits the others' looks are under way.
 */
#include "schedule/scheduler_state.h"

/* Rows whose memory is asked for together: few enough that what came is still there when it is used. */
enum { BLOCK_ROWS = 64 };

/* What is the same for all rows of one call. An array NULL: nothing there. */
struct adding {
    struct heddle_scheduler *scheduler;
    size_t index;
    size_t space_a;
    size_t space_b;
    const uint32_t *parts_a;
    const uint32_t *parts_b;
    const struct heddle_schedule_row *rows;
};

/* The tiles of the rows from `first` on, up to `count` of them; ends before a row whose tile does not exist yet or whose
 * parts are not parts, which the plain way deals with. Answers how many. */
static size_t find_tiles(const struct adding *adding, size_t first, size_t count, struct heddle_tile **tiles)
{
    const struct heddle_scheduler *scheduler = adding->scheduler;
    const struct heddle_stream *stream = &scheduler->streams[adding->index];
    const size_t parts = scheduler->options.parts;
    const size_t first_a = adding->space_a * parts;
    const size_t first_b = adding->space_b * parts;
    const size_t total = scheduler->part_total;
    for (size_t i = 0; i < count; i++) {
        const size_t part_a = adding->parts_a[first + i];
        const size_t part_b = adding->parts_b[first + i];
        if (part_a >= parts || part_b >= parts) {
            return i;
        }
        const size_t a = first_a + part_a;
        const size_t b = first_b + part_b;
        const uint32_t at = stream->pairs[(a < b ? a : b) * total + (a < b ? b : a)];
        if (at == 0) {
            return i;
        }
        tiles[i] = stream->all.tiles[at - 1];
        __builtin_prefetch(tiles[i], 1);
    }
    return count;
}

/* Pushes rows to their tiles. *done_out says how many were taken, all but after an error. */
static int push_block(const struct adding *adding, size_t first, size_t count, struct heddle_tile **tiles,
                      size_t *done_out, struct heddle_error *error)
{
    struct heddle_scheduler *scheduler = adding->scheduler;
    struct heddle_stream *stream = &scheduler->streams[adding->index];
    uint64_t bytes = 0;
    size_t done = 0;
    int status = HEDDLE_OK;
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(tiles[i]->queue.next_row, 1);
    }
    for (; done < count; done++) {
        struct heddle_tile *tile = tiles[done];
        const struct heddle_schedule_row row = adding->rows[first + done];
        status = heddle_row_queue_push(&scheduler->store, &tile->queue, row, error);
        if (status != HEDDLE_OK) {
            break;
        }
        bytes += row.bytes;
        if (tile->queue.rows == 1) {
            heddle_tile_starts_to_wait(scheduler, tile);
        }
        scheduler->load[tile->parts[0]]++;
        scheduler->load[tile->parts[tile->part_count - 1]] += tile->part_count - 1;
    }
    stream->rows += done;
    stream->bytes += bytes;
    scheduler->rows += done;
    scheduler->bytes += bytes;
    *done_out = done;
    return status;
}

static int add_plainly(const struct adding *adding, size_t at, struct heddle_error *error)
{
    return heddle_scheduler_add_row(
        adding->scheduler, adding->index, adding->space_a,
        adding->parts_a == NULL ? HEDDLE_SCHEDULE_NO_PART : adding->parts_a[at], adding->space_b,
        adding->parts_b == NULL ? HEDDLE_SCHEDULE_NO_PART : adding->parts_b[at], adding->rows[at], error);
}

int heddle_scheduler_add_rows(struct heddle_scheduler *scheduler, size_t stream, size_t space_a,
                              const uint32_t *parts_a, size_t space_b, const uint32_t *parts_b,
                              const struct heddle_schedule_row *rows, size_t count, size_t *added_out,
                              struct heddle_error *error)
{
    const struct adding adding = {scheduler, stream, space_a, space_b, parts_a, parts_b, rows};
    struct heddle_tile *tiles[BLOCK_ROWS];
    *added_out = 0;
    while (*added_out < count) {
        const size_t left = count - *added_out;
        size_t done = 0;
        if (parts_a != NULL && parts_b != NULL && stream < scheduler->stream_count &&
            space_a < scheduler->options.spaces && space_b < scheduler->options.spaces &&
            scheduler->streams[stream].pairs != NULL) {
            const size_t some = find_tiles(&adding, *added_out, left < BLOCK_ROWS ? left : BLOCK_ROWS, tiles);
            const int status = push_block(&adding, *added_out, some, tiles, &done, error);
            *added_out += done;
            HEDDLE_TRY(status);
        }
        if (done == 0) {
            HEDDLE_TRY(add_plainly(&adding, *added_out, error));
            (*added_out)++;
        }
    }
    return HEDDLE_OK;
}
