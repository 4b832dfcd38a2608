/* load_together.c: which rows of a batch travel as a node with its relationships.
 *
 * A row does where it is known to be the first of its node's key, and where it has, of each relationship that could travel
 * along, a row to be written: so that one statement says all of them, and none of them can be there yet. It leaves the
 * lots of all these targets for one of its own.
 */
#include "base/memory.h"
#include "sink/neo4j/encode.h"
#include "sink/neo4j/load.h"

static struct heddle_lot *lot_of(struct heddle_parcel *parcel, size_t target_count,
                                 const struct heddle_write_plan *plan)
{
    for (size_t i = 0; i < target_count; i++) {
        if (parcel->lots[i].plan == plan) {
            return &parcel->lots[i];
        }
    }
    return NULL;
}

/* Counts, by row, the lots that have it and know it to be no repeat. */
static void count_rows(const struct heddle_target_rows *ready, uint8_t *counts)
{
    for (size_t i = 0; i < ready->row_count; i++) {
        const uint32_t row = ready->rows[i];
        counts[row] = (uint8_t)(counts[row] + (heddle_rows_is_repeat(ready, row) ? 0 : 1));
    }
}

/* Takes the rows out that `counts` has `wanted` times. */
static void take_out(struct heddle_target_rows *ready, const uint8_t *counts, uint8_t wanted)
{
    size_t kept = 0;
    for (size_t i = 0; i < ready->row_count; i++) {
        if (counts[ready->rows[i]] != wanted) {
            ready->rows[kept++] = ready->rows[i];
        }
    }
    ready->row_count = kept;
}

static int fill(struct heddle_lot *lot, const uint8_t *counts, uint8_t wanted, struct heddle_error *error)
{
    const struct heddle_target_rows *ready = lot->ready;
    lot->rows = heddle_arena_calloc(ready->owner->arena, ready->row_count + 1, sizeof *lot->rows);
    if (lot->rows == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < ready->row_count; i++) {
        const uint32_t row = ready->rows[i];
        if (counts[row] != wanted) {
            continue;
        }
        uint32_t bytes = heddle_encode_row_bytes(ready, row);
        for (size_t j = 0; j < lot->plan->rider_count; j++) {
            bytes += heddle_encode_row_bytes(lot->riders[j]->ready, row);
        }
        lot->rows[lot->row_count++] = (struct heddle_schedule_row){lot, row, bytes};
    }
    return HEDDLE_OK;
}

/* Merged nodes are known to be first only while all identities are remembered; created ones are what they are. */
static bool may_travel(const struct heddle_lot *lot)
{
    return !lot->plan->target->merge || lot->ready->firsts_known;
}

static int part(struct heddle_load *load, struct heddle_parcel *parcel, size_t target_count,
                struct heddle_lot *alone, struct heddle_error *error)
{
    struct heddle_write_plan *plan = alone->plan->together;
    struct heddle_lot *lot = &parcel->lots[parcel->lot_count];
    const uint8_t wanted = (uint8_t)(plan->rider_count + 1);
    uint8_t *counts = heddle_arena_calloc(parcel->rows->arena, parcel->rows->batch->rows + 1, 1);
    if (counts == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_load_claim(load, alone, error));
    *lot = (struct heddle_lot){.parcel = parcel,
                               .plan = plan,
                               .ready = alone->ready,
                               .touches = alone->touches,
                               .claims = alone->claims,
                               .rank = HEDDLE_RANK_TOGETHER};
    count_rows(alone->ready, counts);
    for (size_t i = 0; i < plan->rider_count; i++) {
        lot->riders[i] = lot_of(parcel, target_count, plan->riders[i]);
        if (lot->riders[i] == NULL) {
            return HEDDLE_OK; /* the batch does not go to this target: nothing travels */
        }
        count_rows(lot->riders[i]->ready, counts);
    }
    HEDDLE_TRY(fill(lot, counts, wanted, error));
    take_out(alone->ready, counts, wanted);
    for (size_t i = 0; i < plan->rider_count; i++) {
        take_out(lot->riders[i]->ready, counts, wanted);
    }
    parcel->lot_count++;
    return HEDDLE_OK;
}

int heddle_load_part_together(struct heddle_load *load, struct heddle_parcel *parcel, size_t target_count,
                              struct heddle_error *error)
{
    for (size_t i = 0; i < target_count; i++) {
        struct heddle_lot *lot = &parcel->lots[i];
        if (lot->plan->together != NULL && may_travel(lot)) {
            HEDDLE_TRY(part(load, parcel, target_count, lot, error));
        }
    }
    return HEDDLE_OK;
}
