/* forecast.h: what a load will do, found by reading its sources and touching no database: the dry run behind `heddle plan`.
 *
 * Every source is read twice. The first time counts: rows, bytes, keys, rejects, buckets and hubs (schedule/counts.h). Then
 * parts are dealt for each number of writers (schedule/parts.h), and the second time sorts the rows into tiles, pairs of
 * parts. What the tiles allow is found by running the scheduler itself over them with a model of what a transaction costs
 * (schedule/simulate.h), beside the bound that no schedule beats and the published way, rounds with a barrier.
 *
 * Every relationship target is looked at as if it took the tile road, so that skew is seen whatever road it takes.
 *
 * Memory: about 4 MiB a relationship target, whatever the rows. Threads: one forecast, one thread.
 */
#ifndef HEDDLE_RUN_FORECAST_H
#define HEDDLE_RUN_FORECAST_H

#include "run/plan/plan.h"
#include "schedule/simulate.h"
#include "schedule/verify.h"
#include "sink/road.h"
#include "spec/options.h"

/* 1, 2, 4, … 64 writers. */
enum { HEDDLE_FORECAST_SPEEDS = 7, HEDDLE_FORECAST_HUBS = 10, HEDDLE_FORECAST_REASONS = 4 };

/* Simulated rows are at most so many, unless all are asked for: beyond it every k-th row stands for k, in transactions of a
 * k-th of the rows. */
enum { HEDDLE_FORECAST_SIMULATED_ROWS = 1000000 };

struct heddle_forecast_options {
    size_t
        writers; /* whose heat map is drawn, and for which roads are chosen; 0 = the cores of this machine */
    size_t batch_rows;                     /* a transaction; 0 = what run takes */
    uint64_t limit;                        /* rows of each source; UINT64_MAX = all */
    const struct heddle_options *settings; /* how stores are asked; NULL = without credentials */
    uint64_t seed;
    bool simulate;           /* every row, however many */
    uint64_t simulated_rows; /* else at most so many, 0 = HEDDLE_FORECAST_SIMULATED_ROWS */
    /* Called now and then while sources are read; anything but HEDDLE_OK ends the forecast with that status. May be NULL. */
    int (*progress)(void *context, const char *source, unsigned reading, uint64_t rows,
                    int64_t rows_expected);
    void *context;
};

/* A key with more rows than others. */
struct heddle_forecast_hub {
    const char *key;   /* as text */
    const char *label; /* of its node */
    uint64_t rows;     /* at least */
    double share;      /* of the target's rows */
};

/* With one number of writers, all relative to one writer. */
struct heddle_forecast_speed {
    size_t writers;
    size_t parts;
    double bound; /* what no schedule beats */
    double tiles; /* heddle's, simulated */
    double
        rounds; /* the published way: one group a writer (two where both ends are in one space), a barrier between rounds */
    uint64_t transactions;
};

struct heddle_forecast_reason {
    const char *code;
    const char *example;
    uint64_t rows;
};

struct heddle_forecast_target {
    const struct heddle_target *target;
    struct heddle_road_choice road;
    uint64_t rows;     /* of its source */
    uint64_t rejected; /* by conversion; see reasons */
    uint64_t keys;     /* about so many different identities: nodes by key, relationships by ends and key */
    uint64_t bytes;    /* on the wire, about; vectors included where their width is known */
    size_t batch_rows;
    uint64_t transactions;
    uint64_t texts;        /* rows with a text to embed */
    uint64_t characters;   /* UTF-8 bytes of these */
    uint32_t vector_width; /* 0 = none, or not known before the model is */
    struct heddle_forecast_reason reasons[HEDDLE_FORECAST_REASONS];
    size_t reason_count;

    /* Relationships, and nodes that are merged: how they fall into parts. */
    bool parted;
    enum heddle_scenario scenario; /* of relationships */
    size_t writers;                /* of the figures below */
    size_t parts;                  /* a space */
    double imbalance;              /* fullest part / mean part */
    uint64_t busiest;              /* rows of the busiest node, at most */
    struct heddle_forecast_hub hubs[HEDDLE_FORECAST_HUBS];
    size_t hub_count;
    uint64_t *tiles; /* parts x parts rows: [start part][end part]; one row of parts for nodes */
    double *
        together; /* (spaces x parts) squared: share of the time in which two parts were both being written to */
    size_t together_parts;
    struct heddle_forecast_speed speeds[HEDDLE_FORECAST_SPEEDS];
};

struct heddle_forecast_source {
    const char *name;
    const char *type;
    const char *path; /* "" where there is none */
    uint64_t rows;
    uint64_t unreadable;
};

struct heddle_forecast {
    struct heddle_arena *arena; /* holds all below */
    const char *job;
    struct heddle_forecast_source *sources;
    size_t source_count;
    struct heddle_forecast_target *targets; /* as the plan's */
    size_t target_count;
};

/* Reads the sources of `plan` and answers what a load of it would do. The plan must outlive the answer.
 * Errors: HEDDLE_SOURCE, HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY, HEDDLE_INTERRUPTED and whatever else `progress` answers. */
HEDDLE_MUST_CHECK int heddle_forecast_make(const struct heddle_plan *plan,
                                           const struct heddle_forecast_options *options,
                                           struct heddle_forecast **forecast_out, struct heddle_error *error);

void heddle_forecast_destroy(struct heddle_forecast *forecast); /* NULL is a no-op */

#endif
