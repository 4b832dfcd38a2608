/* plan_report.h: a forecast (run/forecast/forecast.h) for people, for programs, and as a page.
 *
 * Threads: pure functions over a finished forecast.
 */
#ifndef HEDDLE_REPORT_PLAN_REPORT_H
#define HEDDLE_REPORT_PLAN_REPORT_H

#include "base/buffer.h"
#include "run/forecast/probe.h"

/* What stands beside the forecast of the sources. */
struct heddle_plan_about {
    const char *server;               /* one line about the other side, NULL = it was not asked */
    const struct heddle_probe *probe; /* NULL = nothing was timed */
    const struct heddle_prediction *prediction;
};

/* Plain text for a terminal. Running out of memory is noted in the buffer. */
void heddle_plan_report_text(const struct heddle_forecast *forecast, const struct heddle_plan_about *about,
                             struct heddle_buffer *out);

/* One JSON object on one line: the same figures, tiles too. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_report_json(const struct heddle_forecast *forecast,
                                              const struct heddle_plan_about *about,
                                              struct heddle_buffer *out, struct heddle_error *error);

/* A page that needs nothing else: heat map of the tiles, which parts are written to together, speed-ups, hubs. Running out
 * of memory is noted in the buffer. */
void heddle_plan_report_html(const struct heddle_forecast *forecast, const struct heddle_plan_about *about,
                             struct heddle_buffer *out);

/* What a target writes, as Cypher names it (":RemovalEvent", "-[:REMOVED_FROM]->"), and how ("merge", "create"). */
void heddle_plan_report_what(const struct heddle_target *target, struct heddle_buffer *out);

/* "812 MB", "4.1 KB" in `out`, which is answered. */
char *heddle_plan_report_bytes(uint64_t bytes, char out[static 32]);

/* "41 min", "2.3 s" in `out`, which is answered. */
char *heddle_plan_report_time(double seconds, char out[static 32]);

/* "bipartite", "monopartite", "predefined". Static memory. */
const char *heddle_plan_report_scenario(const struct heddle_forecast_target *target);

#endif
