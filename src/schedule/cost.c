/* cost.c: a fixed part and a part a row, times a log-normal factor. */
#include "schedule/cost.h"

#include <math.h>

#include "base/hash.h"

int heddle_cost_check(const struct heddle_simulate_options *options, struct heddle_error *error)
{
    if (options->writers == 0 || options->rows_max == 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "simulate: %zu writers and %zu rows a transaction: at least 1",
                                options->writers, options->rows_max);
    }
    if (!(options->row_us >= 0 && options->transaction_us >= 0 && options->jitter >= 0 &&
          options->retry_share >= 0 && options->retry_share < 1) ||
        !isfinite(options->row_us + options->transaction_us + options->jitter)) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "simulate: costs and jitter must be 0 or more, the share of retries 0 to below 1");
    }
    return HEDDLE_OK;
}

double heddle_cost_transaction(const struct heddle_simulate_options *options, uint64_t rows, uint64_t *random)
{
    const double plain = options->transaction_us + options->row_us * (double)rows;
    if (options->jitter == 0) {
        return plain;
    }
    /* Box and Muller 1958; 1 - unit is never 0. The mean of the factor is 1. */
    const double radius = sqrt(-2.0 * log(1.0 - heddle_random_unit(random)));
    const double normal = radius * cos(6.283185307179586 * heddle_random_unit(random));
    return plain * exp(options->jitter * normal - options->jitter * options->jitter / 2);
}

void heddle_cost_conclude(const struct heddle_simulate_options *options, uint64_t critical_rows,
                          struct heddle_simulation *simulation)
{
    const double row_us = options->row_us + options->transaction_us / (double)options->rows_max;
    const double mean = (double)simulation->rows / (double)options->writers;
    const double most = mean > (double)critical_rows ? mean : (double)critical_rows;
    simulation->bound_us = most * row_us;
    simulation->idle_us = simulation->makespan_us * (double)options->writers - simulation->busy_us;
    simulation->efficiency = 1;
    simulation->speed_up = 1;
    if (simulation->makespan_us > 0) {
        simulation->efficiency = simulation->bound_us / simulation->makespan_us;
        simulation->speed_up = (double)simulation->rows * row_us / simulation->makespan_us;
    }
}
