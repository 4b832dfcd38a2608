/* turn.c: the order in which each part meets the others, for loads so small that a pair of parts is one transaction. */
#include "schedule/scheduler_state.h"

/* Where a tile stands in the order in which each part meets the others: the colours of a round-robin tournament (pairs of
 * one colour have no part in common), so that parts which keep to it seldom wait for each other. Alone comes last: those
 * rows ride along with any pair. */
static size_t turn_of(const struct heddle_scheduler *scheduler, const struct heddle_tile *tile)
{
    if (tile->part_count < 2) {
        return scheduler->options.parts;
    }
    const size_t a = tile->parts[0] % scheduler->options.parts;
    const size_t b = tile->parts[tile->part_count - 1] % scheduler->options.parts;
    const struct heddle_space *one = &scheduler->spaces[tile->parts[0] / scheduler->options.parts];
    const struct heddle_space *other =
        &scheduler->spaces[tile->parts[tile->part_count - 1] / scheduler->options.parts];
    const size_t parts = one->parts > other->parts ? one->parts : other->parts;
    if (one != other || parts % 2 == 1 || parts < 3) {
        return (a + b) % parts;
    }
    const size_t others = parts - 1; /* the last part meets the one that is left over in each round */
    return (b == others ? 2 * a : a + b) % others;
}

/* The waiting tile of a part whose turn it is, or NULL. */
static struct heddle_tile *next_in_turn(const struct heddle_scheduler *scheduler,
                                        const struct heddle_stream *stream, uint32_t part)
{
    const struct heddle_tile_list *list = &stream->lists[part];
    struct heddle_tile *next = NULL;
    size_t next_turn = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct heddle_tile *tile = list->tiles[i];
        const size_t turn = tile->queue.rows == 0 ? SIZE_MAX : turn_of(scheduler, tile);
        if (turn != SIZE_MAX && (next == NULL || turn < next_turn)) {
            next = tile;
            next_turn = turn;
        }
    }
    return next;
}

struct heddle_tile *heddle_tile_in_turn(const struct heddle_scheduler *scheduler,
                                        const struct heddle_stream *stream, uint32_t part)
{
    struct heddle_tile *tile = next_in_turn(scheduler, stream, part);
    for (uint32_t i = 0; tile != NULL && i < tile->part_count; i++) {
        if (tile->parts[i] != part && next_in_turn(scheduler, stream, tile->parts[i]) != tile) {
            return NULL;
        }
    }
    return tile;
}
