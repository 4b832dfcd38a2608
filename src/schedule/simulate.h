/* simulate.h: how long a load would take, by running the scheduler itself with a model of what the server costs.
 *
 * Discrete events: each idle writer picks; its transaction takes transaction_us + row_us x rows; when it ends, its parts
 * are free and idle writers pick again. The server is otherwise perfect: what is measured is the schedule.
 *
 * The bound is what no schedule beats: the mean work of a writer, or all rows of the busiest node one after the other,
 * whichever is more, at full transactions. For comparison, heddle_simulate_rounds() runs the published way: tiles (a, b)
 * of the same colour (a + b) mod P meet at no part and run together; the next colour starts when the last of them ended
 * (a barrier).
 *
 * Threads: as the scheduler's. No clock: times are the model's.
 */
#ifndef HEDDLE_SCHEDULE_SIMULATE_H
#define HEDDLE_SCHEDULE_SIMULATE_H

#include "schedule/scheduler.h"

struct heddle_simulate_options {
    size_t writers;         /* at most those of the scheduler */
    size_t rows_max;        /* rows of a full transaction: for the bound, and for rounds */
    double row_us;          /* server time a row */
    double transaction_us;  /* and a transaction */
    double jitter;          /* sigma of the log-normal factor on each transaction's time; 0 = none */
    double retry_share;     /* share of the transactions that end in a rollback and are done again */
    bool retry_keeps_parts; /* a rolled-back transaction is sent again at once instead of given back */
    uint64_t critical_rows; /* rows of the busiest node; 0 = unknown: the fullest part's rows are taken */
    uint64_t seed;          /* of jitter and rollbacks */
};

/* One attempt at a transaction. */
struct heddle_simulate_step {
    size_t writer;
    double start_us;
    double end_us;
    bool rolled_back;
    const struct heddle_schedule_work *work;
};

struct heddle_simulation {
    double makespan_us;
    double bound_us;
    double efficiency; /* bound / makespan */
    double speed_up;   /* one writer's time at full transactions / makespan */
    double busy_us;    /* summed over the writers */
    double idle_us;
    uint64_t rows;
    uint64_t transactions; /* committed */
    uint64_t retries;
    uint64_t rounds; /* with a barrier between each two; 0 from heddle_simulate() */
};

/* What a simulation tells while it runs. {0} = nothing. */
struct heddle_simulate_watch {
    void *context;
    void (*step)(void *context,
                 const struct heddle_simulate_step *step); /* when an attempt ends; may be NULL */
    /* May add rows, before idle writers pick: a load whose rows come in windows. NULL = all are there. Its error ends the
     * simulation. */
    int (*feed)(void *context, struct heddle_scheduler *scheduler, struct heddle_error *error);
    /* The group diagram: together[a * parts + b] grows by the microseconds in which a transaction that held part a and
     * another that held part b were both under way. NULL or parts x parts numbers; parts over all spaces. */
    double *together;
    size_t parts;
};

/* Drains the scheduler's waiting rows. Errors: HEDDLE_INVALID, those of the scheduler; HEDDLE_INTERNAL where rows wait
 * that nobody may take although nothing is in flight. Work in flight is ended before an error is answered. */
HEDDLE_MUST_CHECK int heddle_simulate(struct heddle_scheduler *scheduler,
                                      const struct heddle_simulate_options *options,
                                      const struct heddle_simulate_watch *watch,
                                      struct heddle_simulation *simulation_out, struct heddle_error *error);

/* The published way on the same tiles. `tiles` holds parts x parts row counts, tiles[a * parts + b]; where both ends are
 * in one space (`monopartite`) (a, b) and (b, a) are one tile and are added up. Within a round the largest tile starts
 * first. Rollbacks are not modelled. Errors: HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_simulate_rounds(const uint64_t *tiles, size_t parts, bool monopartite,
                                             const struct heddle_simulate_options *options,
                                             struct heddle_simulation *simulation_out,
                                             struct heddle_error *error);

#endif
