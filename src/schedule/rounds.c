/* rounds.c: colours of tiles one after the other with a barrier between, as published for loading from Spark: the way
 * to compare with. Tiles of colour (a + b) mod P are a permutation of the parts, so no two of them meet. */
#include "schedule/simulate.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schedule/cost.h"

static int most_rows_first(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

/* The tiles of one colour, the largest first; answers their number. */
static size_t list_round(const uint64_t *tiles, size_t parts, bool monopartite, size_t colour, uint64_t *rows)
{
    size_t count = 0;
    for (size_t a = 0; a < parts; a++) {
        const size_t b = (colour + parts - a) % parts;
        uint64_t here = tiles[a * parts + b];
        if (monopartite) {
            here = a > b ? 0 : here + (a < b ? tiles[b * parts + a] : 0);
        }
        if (here > 0) {
            rows[count++] = here;
        }
    }
    qsort(rows, count, sizeof *rows, most_rows_first);
    return count;
}

/* Microseconds of a tile: full transactions and a rest. */
static double tile_us(const struct heddle_simulate_options *options, uint64_t rows, uint64_t *random,
                      struct heddle_simulation *simulation)
{
    double us = 0;
    while (rows > 0) {
        const uint64_t some = rows < options->rows_max ? rows : options->rows_max;
        us += heddle_cost_transaction(options, some, random);
        rows -= some;
        simulation->transactions++;
    }
    return us;
}

/* Runs one round; answers when its last tile ends. `ends_us` is room for one number a writer. */
static double run_round(const struct heddle_simulate_options *options, const uint64_t *rows, size_t count,
                        double *ends_us, uint64_t *random, struct heddle_simulation *simulation)
{
    double last = 0;
    memset(ends_us, 0, options->writers * sizeof *ends_us);
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        for (size_t j = 1; j < options->writers; j++) {
            first = ends_us[j] < ends_us[first] ? j : first;
        }
        const double us = tile_us(options, rows[i], random, simulation);
        ends_us[first] += us;
        simulation->busy_us += us;
        simulation->rows += rows[i];
        last = ends_us[first] > last ? ends_us[first] : last;
    }
    return last;
}

/* Rows that touch the fullest part. */
static uint64_t fullest_part(const uint64_t *tiles, size_t parts, bool monopartite)
{
    uint64_t most = 0;
    for (size_t a = 0; a < parts; a++) {
        uint64_t out = 0;
        uint64_t in = 0;
        for (size_t b = 0; b < parts; b++) {
            out += tiles[a * parts + b];
            in += tiles[b * parts + a];
        }
        if (monopartite) {
            out += in - tiles[a * parts + a];
        }
        most = out > most ? out : most;
        most = in > most ? in : most;
    }
    return most;
}

int heddle_simulate_rounds(const uint64_t *tiles, size_t parts, bool monopartite,
                           const struct heddle_simulate_options *options,
                           struct heddle_simulation *simulation_out, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_cost_check(options, error));
    struct heddle_simulation simulation = {0};
    uint64_t *rows = heddle_calloc(parts + 1, sizeof *rows);
    double *ends_us = heddle_calloc(options->writers, sizeof *ends_us);
    if (rows == NULL || ends_us == NULL) {
        free(rows);
        free(ends_us);
        return heddle_error_out_of_memory(error);
    }
    uint64_t random = options->seed;
    for (size_t colour = 0; colour < parts; colour++) {
        const size_t count = list_round(tiles, parts, monopartite, colour, rows);
        simulation.makespan_us += run_round(options, rows, count, ends_us, &random, &simulation);
        simulation.rounds += count > 0 ? 1 : 0;
    }
    free(rows);
    free(ends_us);
    const uint64_t critical = options->critical_rows;
    heddle_cost_conclude(options, critical == 0 ? fullest_part(tiles, parts, monopartite) : critical,
                         &simulation);
    *simulation_out = simulation;
    return HEDDLE_OK;
}
