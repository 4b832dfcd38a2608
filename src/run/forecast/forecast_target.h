/* forecast_target.h: what is counted of one target while its source is read. Private to run/forecast*.c.
 *
 * Order of calls: create, count for every batch, deal, place for every batch, conclude, destroy.
 */
#ifndef HEDDLE_RUN_FORECAST_TARGET_H
#define HEDDLE_RUN_FORECAST_TARGET_H

#include "run/forecast/forecast.h"
#include "schedule/distinct.h"
#include "schedule/layout.h"
#include "sink/rows.h"

/* Up to two key spaces: one where both ends have a label in common, and for nodes. */
enum { HEDDLE_FORECAST_SPACES = 2 };

/* For each number of writers the parts of tiles, then the groups of rounds; last those of options->writers, for the pictures. */
enum { HEDDLE_FORECAST_PICTURES = 2 * HEDDLE_FORECAST_SPEEDS, HEDDLE_FORECAST_DEALS };

/* The tiles for one number of parts. */
struct heddle_forecast_deal {
    size_t parts;
    struct heddle_parts *tables[HEDDLE_FORECAST_SPACES];
    uint64_t *tiles; /* parts x parts, or parts for nodes */
};

struct heddle_forecast_count {
    struct heddle_forecast_target *out;
    const struct heddle_forecast_options *options;
    struct heddle_arena *arena;  /* of the forecast */
    struct heddle_target target; /* the plan's, without its vector: nothing is embedded here */
    size_t spaces;
    size_t index;
    struct heddle_counts *counts[HEDDLE_FORECAST_SPACES];
    struct heddle_distinct identities;
    struct heddle_forecast_deal deals[HEDDLE_FORECAST_DEALS];
    struct heddle_hub_rows *hubs[HEDDLE_FORECAST_SPACES]; /* the largest, HEDDLE_FORECAST_HUBS at most */
    size_t hub_count[HEDDLE_FORECAST_SPACES];
    const char **hub_keys[HEDDLE_FORECAST_SPACES];
    struct heddle_buffer key;
    uint64_t *hashes[HEDDLE_FORECAST_SPACES]; /* of a batch */
    size_t hash_room;
    int text_column; /* whose texts are embedded, -1 = none */
};

/* `text_column` = column of the text that is embedded, -1 = none. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int
heddle_forecast_count_create(const struct heddle_plan *plan, size_t index, int text_column,
                             const struct heddle_forecast_options *options, struct heddle_arena *arena,
                             struct heddle_forecast_target *out, struct heddle_forecast_count **count_out,
                             struct heddle_error *error);

/* First reading. */
HEDDLE_MUST_CHECK int heddle_forecast_count_batch(struct heddle_forecast_count *count,
                                                  struct heddle_batch *batch, struct heddle_error *error);

/* Between the readings: limits, tables, hubs. */
HEDDLE_MUST_CHECK int heddle_forecast_count_deal(struct heddle_forecast_count *count,
                                                 struct heddle_error *error);

/* Second reading. */
HEDDLE_MUST_CHECK int heddle_forecast_count_place(struct heddle_forecast_count *count,
                                                  struct heddle_batch *batch, struct heddle_error *error);

/* Behind the second reading: figures, simulations. */
HEDDLE_MUST_CHECK int heddle_forecast_count_conclude(struct heddle_forecast_count *count,
                                                     struct heddle_error *error);

/* How the target's rows touch the parts of its spaces. */
enum heddle_layout_touch heddle_forecast_touch(const struct heddle_forecast_count *count);

/* Simulates one deal: forecast_speed.c. `watch` may be NULL. */
HEDDLE_MUST_CHECK int heddle_forecast_simulate(const struct heddle_forecast_count *count,
                                               const struct heddle_forecast_deal *deal, size_t writers,
                                               const struct heddle_simulate_watch *watch,
                                               struct heddle_simulation *simulation_out,
                                               struct heddle_error *error);

/* The published way over a deal of its own. */
HEDDLE_MUST_CHECK int heddle_forecast_rounds(const struct heddle_forecast_count *count,
                                             const struct heddle_forecast_deal *deal, size_t writers,
                                             struct heddle_simulation *simulation_out,
                                             struct heddle_error *error);

void heddle_forecast_count_destroy(struct heddle_forecast_count *count); /* NULL is a no-op */

#endif
