/* generate.h: removal events made from a seed: the same rows for the same (rows, seed) on every machine.
 *
 * Columns, in this order: `:ID(RemovalEvent)` (integer, 1, 2, 3 ...), `RMV_REA_TX` (free text of 40 to 200
 * characters, about one in 500 null), `RMV_TRK_NO`, `component_id` ("CMP-00123"), `aircraft_id` ("N482HD"),
 * `removal_date`. Row i depends on i, the seed and the number of rows only (a counter-based generator), so
 * any range can be made without the rows before it. Only integers are used: no rounding of any machine's
 * floating point can change a row.
 */
#ifndef HEDDLE_SOURCE_GENERATE_GENERATE_H
#define HEDDLE_SOURCE_GENERATE_GENERATE_H

#include <stdint.h>

#include "column/batch.h"

/* Texts are cut to fit: no row's text is longer, and none is shorter than the minimum. */
enum {
    HEDDLE_REMOVALS_TEXT_MIN = 40,
    HEDDLE_REMOVALS_TEXT_MAX = 200,
};

/* What a table of removals looks like. */
struct heddle_removals {
    uint64_t rows;
    uint64_t seed;
    uint64_t bad_rows; /* planted at seeded places; see enum heddle_removals_fault */
};

/* What can be wrong with a planted row; the k-th planted row has fault k modulo the number of faults. The
 * key column is STRING instead of INTEGER in a table with bad rows. */
enum heddle_removals_fault {
    HEDDLE_REMOVALS_SOUND = 0,
    HEDDLE_REMOVALS_KEY_NULL,      /* no `:ID(RemovalEvent)` */
    HEDDLE_REMOVALS_KEY_TEXT,      /* a key that is not a number */
    HEDDLE_REMOVALS_AIRCRAFT_NULL, /* no `aircraft_id` */
    HEDDLE_REMOVALS_DATE_TEXT,     /* "NOT RECORDED": `removal_date` is STRING in a table with bad rows */
};

/* The columns. Static memory. */
const struct heddle_schema *heddle_removals_schema(const struct heddle_removals *removals);

/* The fault of row `row` (0-based). */
enum heddle_removals_fault heddle_removals_fault(const struct heddle_removals *removals, uint64_t row);

/* Aircraft of the table: clamp(rows / 125, 40, 900), never more than rows; every one of them occurs.
 * Components that rows draw from: clamp(rows / 25, 300, 20,000); in a small table the rare ones may not
 * occur. */
uint64_t heddle_removals_aircraft(const struct heddle_removals *removals);
uint64_t heddle_removals_components(const struct heddle_removals *removals);

/* Makes rows first .. first+count-1 as a batch (all six columns). Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_removals_batch(const struct heddle_removals *removals, uint64_t first,
                                            size_t count, struct heddle_batch **batch_out,
                                            struct heddle_error *error);

#endif
