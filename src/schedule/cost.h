/* cost.h: what a transaction costs in the model of schedule/simulate.h, and the figures that follow from a makespan.
 *
 * Threads: pure but for the random state, which the caller owns.
 */
#ifndef HEDDLE_SCHEDULE_COST_H
#define HEDDLE_SCHEDULE_COST_H

#include "schedule/simulate.h"

/* Refuses writers or rows_max of 0, negative or non-finite costs, and shares outside 0 .. 1 (1 itself would never end). */
HEDDLE_MUST_CHECK int heddle_cost_check(const struct heddle_simulate_options *options,
                                        struct heddle_error *error);

/* Microseconds of one transaction of `rows` rows, with jitter. */
double heddle_cost_transaction(const struct heddle_simulate_options *options, uint64_t rows,
                               uint64_t *random);

/* Fills bound, efficiency, speed-up and idle time from rows, makespan and busy time. */
void heddle_cost_conclude(const struct heddle_simulate_options *options, uint64_t critical_rows,
                          struct heddle_simulation *simulation);

#endif
