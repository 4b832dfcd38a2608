/* distinct.c: the estimate; see distinct.h for the papers. */
#include "schedule/distinct.h"

#include <math.h>

/* Below this many keys a register the empty ones tell more than the ranks (figure 3 of the paper). */
static const double LINEAR_BELOW = 2.5;

uint64_t heddle_distinct_count(const struct heddle_distinct *distinct)
{
    const double registers = HEDDLE_DISTINCT_REGISTERS;
    const double alpha = 0.7213 / (1 + 1.079 / registers);
    double sum = 0;
    size_t empty = 0;
    for (size_t i = 0; i < HEDDLE_DISTINCT_REGISTERS; i++) {
        sum += ldexp(1, -distinct->registers[i]);
        empty += distinct->registers[i] == 0;
    }
    const double estimate = alpha * registers * registers / sum;
    if (estimate <= LINEAR_BELOW * registers && empty > 0) {
        return (uint64_t)llround(registers * log(registers / (double)empty));
    }
    return (uint64_t)llround(estimate);
}
