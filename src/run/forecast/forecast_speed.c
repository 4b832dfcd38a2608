/* forecast_speed.c: tiles through the scheduler with a model of what a transaction costs. */
#include "run/forecast/forecast_target.h"

#include "schedule/layout.h"

/* Relative costs are what matters: a relationship takes 20 to 45 us of a server, a transaction a tenth to a fifth of what its
 * rows take (measured.md section 2). */
static const double ROW_US = 30;
static const double TRANSACTION_SHARE = 0.15;

enum { CHUNK_ROWS = 2048 };

/* How many rows stand for one simulated row. */
static uint64_t thinning(const struct heddle_forecast_count *count)
{
    const uint64_t rows = count->out->rows - count->out->rejected;
    const uint64_t asked = count->options->simulated_rows;
    const uint64_t most = asked > 0 ? asked : HEDDLE_FORECAST_SIMULATED_ROWS;
    return count->options->simulate || rows <= most ? 1 : (rows + most - 1) / most;
}

static struct heddle_simulate_options costs(const struct heddle_forecast_count *count, size_t writers)
{
    const uint64_t thin = thinning(count);
    const size_t rows = (size_t)(count->out->batch_rows / thin);
    struct heddle_simulate_options options = {
        .writers = writers,
        .rows_max = rows > 0 ? rows : 1,
        .row_us = ROW_US,
        .critical_rows = (count->out->busiest + thin - 1) / thin,
        .seed = count->options->seed,
    };
    options.transaction_us = ROW_US * TRANSACTION_SHARE * (double)options.rows_max;
    return options;
}

/* What is left of a tile when every `thin`-th row is taken; the rest goes to the next tile, so that none gets lost. */
static uint64_t thinned(uint64_t rows, uint64_t thin, uint64_t *rest)
{
    const uint64_t all = rows + *rest;
    *rest = all % thin;
    return all / thin;
}

static int add_tile(struct heddle_scheduler *scheduler, size_t stream, const uint32_t *parts_a,
                    size_t space_b, const uint32_t *parts_b, uint64_t rows, struct heddle_error *error)
{
    static const struct heddle_schedule_row nameless[CHUNK_ROWS];
    while (rows > 0) {
        const size_t some = rows < CHUNK_ROWS ? (size_t)rows : CHUNK_ROWS;
        size_t added = 0;
        HEDDLE_TRY(heddle_scheduler_add_rows(scheduler, stream, 0, parts_a, space_b, parts_b, nameless, some,
                                             &added, error));
        rows -= some;
    }
    return HEDDLE_OK;
}

static int add_tiles(const struct heddle_forecast_count *count, const struct heddle_forecast_deal *deal,
                     struct heddle_scheduler *scheduler, size_t stream, struct heddle_error *error)
{
    const bool pairs = count->target.kind == HEDDLE_TARGET_RELATIONSHIP;
    const uint64_t thin = thinning(count);
    uint64_t rest = 0;
    uint32_t parts_a[CHUNK_ROWS];
    uint32_t parts_b[CHUNK_ROWS];
    for (size_t at = 0; at < (pairs ? deal->parts * deal->parts : deal->parts); at++) {
        const uint64_t rows = thinned(deal->tiles[at], thin, &rest);
        for (size_t i = 0; i < CHUNK_ROWS && i < rows; i++) {
            parts_a[i] = (uint32_t)(pairs ? at / deal->parts : at);
            parts_b[i] = (uint32_t)(at % deal->parts);
        }
        HEDDLE_TRY(
            add_tile(scheduler, stream, parts_a, count->spaces - 1, pairs ? parts_b : NULL, rows, error));
    }
    return HEDDLE_OK;
}

int heddle_forecast_simulate(const struct heddle_forecast_count *count,
                             const struct heddle_forecast_deal *deal, size_t writers,
                             const struct heddle_simulate_watch *watch,
                             struct heddle_simulation *simulation_out, struct heddle_error *error)
{
    const struct heddle_schedule_options options = {
        .spaces = count->spaces, .parts = deal->parts, .writers = writers};
    const struct heddle_simulate_options model = costs(count, writers);
    struct heddle_scheduler *scheduler = NULL;
    size_t stream = 0;
    HEDDLE_TRY(heddle_scheduler_create(&options, &scheduler, error));
    int status = heddle_scheduler_add_stream(scheduler, model.rows_max, UINT64_MAX, &stream, error);
    const uint64_t rows = count->out->rows - count->out->rejected;
    heddle_scheduler_in_turn(
        scheduler,
        heddle_layout_of(heddle_forecast_touch(count), writers, rows, count->out->batch_rows).in_turn);
    if (status == HEDDLE_OK) {
        status = add_tiles(count, deal, scheduler, stream, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_simulate(scheduler, &model, watch, simulation_out, error);
    }
    heddle_scheduler_destroy(scheduler);
    return status;
}

int heddle_forecast_rounds(const struct heddle_forecast_count *count, const struct heddle_forecast_deal *deal,
                           size_t writers, struct heddle_simulation *simulation_out,
                           struct heddle_error *error)
{
    struct heddle_simulate_options model = costs(count, writers);
    const uint64_t thin = thinning(count);
    model.rows_max *=
        thin; /* tiles are taken whole here: their number, not that of the rows, is what costs */
    model.transaction_us *= (double)thin;
    model.critical_rows *= thin;
    return heddle_simulate_rounds(deal->tiles, deal->parts,
                                  count->out->scenario == HEDDLE_SCENARIO_MONOPARTITE, &model, simulation_out,
                                  error);
}
