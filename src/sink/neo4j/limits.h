/* limits.h: how large a transaction is where nobody says, and how large a row. What a forecast needs of a sink. */
#ifndef HEDDLE_SINK_NEO4J_LIMITS_H
#define HEDDLE_SINK_NEO4J_LIMITS_H

#include "sink/rows.h"

/* Rows and bytes a transaction where nobody set them; see the measurements in DESIGN 9. */
enum {
    HEDDLE_PLAN_ROWS = 2000,
    HEDDLE_PLAN_ROWS_CREATE = 5000, /* nodes: 12 us of the server each, a transaction and its mark 2 ms */
    HEDDLE_PLAN_ROWS_VECTORS = 1000,
    HEDDLE_PLAN_ROWS_LIVE_INDEX = 250, /* while a vector index is ONLINE each node costs half a millisecond */
    HEDDLE_PLAN_BYTES = 4 * 1024 * 1024,
};

/* Rows a transaction of a target: its own setting, else that of all targets (`asked`, 0 = none), else by what it writes. */
static inline size_t heddle_limits_rows(const struct heddle_target *target, size_t asked, bool live_index)
{
    if (target->batch_rows > 0 || asked > 0) {
        return target->batch_rows > 0 ? target->batch_rows : asked;
    }
    if (target->kind != HEDDLE_TARGET_NODE) {
        return HEDDLE_PLAN_ROWS;
    }
    if (target->vector_property != NULL) {
        return live_index ? HEDDLE_PLAN_ROWS_LIVE_INDEX : HEDDLE_PLAN_ROWS_VECTORS;
    }
    return target->merge ? HEDDLE_PLAN_ROWS : HEDDLE_PLAN_ROWS_CREATE;
}

/* About how many bytes a row takes on the wire. */
uint32_t heddle_encode_row_bytes(const struct heddle_target_rows *ready, size_t row);

#endif
