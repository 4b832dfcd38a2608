/* simulate.c: the scheduler driven by writers whose transactions take modelled time. */
#include "schedule/simulate.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/cost.h"

/* work == NULL: idle. */
struct writer {
    struct heddle_schedule_work *work;
    double start_us;
    double end_us;
};

struct run {
    struct heddle_scheduler *scheduler;
    const struct heddle_simulate_options *options;
    const struct heddle_simulate_watch *watch;
    struct heddle_simulation *simulation;
    struct writer *writers;
    size_t flying;
    double now_us;
    uint64_t random;
};

static void start(struct run *run, struct writer *writer, struct heddle_schedule_work *work)
{
    const double cost = heddle_cost_transaction(run->options, work->count, &run->random);
    *writer = (struct writer){work, run->now_us, run->now_us + cost};
    run->simulation->busy_us += cost;
}

/* Gives work to idle writers while there is any. */
static int employ(struct run *run, struct heddle_error *error)
{
    for (size_t i = 0; i < run->options->writers; i++) {
        if (run->writers[i].work != NULL) {
            continue;
        }
        struct heddle_schedule_work *work = NULL;
        const int status = heddle_scheduler_pick(run->scheduler, 1, &work, error);
        if (status == HEDDLE_END) {
            break;
        }
        HEDDLE_TRY(status);
        start(run, &run->writers[i], work);
        run->flying++;
    }
    return HEDDLE_OK;
}

/* Notes with whom an attempt that ends ran at the same time: each pair of attempts once, when its first one ends. */
static void note_together(const struct run *run, const struct writer *ended)
{
    double *together = run->watch->together;
    const size_t parts = run->watch->parts;
    for (size_t i = 0; i < run->options->writers; i++) {
        const struct writer *other = &run->writers[i];
        if (other == ended || other->work == NULL) {
            continue;
        }
        const double since = other->start_us > ended->start_us ? other->start_us : ended->start_us;
        for (size_t a = 0; a < ended->work->part_count; a++) {
            for (size_t b = 0; b < other->work->part_count; b++) {
                const size_t one = ended->work->parts[a];
                const size_t two = other->work->parts[b];
                if (one < parts && two < parts) {
                    together[one * parts + two] += run->now_us - since;
                    together[two * parts + one] += run->now_us - since;
                }
            }
        }
    }
}

/* The attempt that ends next; NULL where none is under way. */
static struct writer *next_end(const struct run *run)
{
    struct writer *next = NULL;
    for (size_t i = 0; i < run->options->writers; i++) {
        struct writer *writer = &run->writers[i];
        if (writer->work != NULL && (next == NULL || writer->end_us < next->end_us)) {
            next = writer;
        }
    }
    return next;
}

/* Ends an attempt: commit, or rollback. */
static int finish(struct run *run, struct writer *writer, struct heddle_error *error)
{
    const bool rolled_back =
        run->options->retry_share > 0 && heddle_random_unit(&run->random) < run->options->retry_share;
    run->now_us = writer->end_us;
    if (run->watch->together != NULL) {
        note_together(run, writer);
    }
    if (run->watch->step != NULL) {
        const struct heddle_simulate_step step = {(size_t)(writer - run->writers), writer->start_us,
                                                  writer->end_us, rolled_back, writer->work};
        run->watch->step(run->watch->context, &step);
    }
    if (rolled_back) {
        run->simulation->retries++;
        if (run->options->retry_keeps_parts) {
            start(run, writer, writer->work);
            return HEDDLE_OK;
        }
        HEDDLE_TRY(heddle_scheduler_give_back(run->scheduler, writer->work, error));
    } else {
        run->simulation->transactions++;
        run->simulation->rows += writer->work->count;
        heddle_scheduler_done(run->scheduler, writer->work);
    }
    writer->work = NULL;
    run->flying--;
    return HEDDLE_OK;
}

static int drain(struct run *run, struct heddle_error *error)
{
    for (;;) {
        if (run->watch->feed != NULL) {
            HEDDLE_TRY(run->watch->feed(run->watch->context, run->scheduler, error));
        }
        HEDDLE_TRY(employ(run, error));
        struct writer *writer = next_end(run);
        if (writer == NULL) {
            break;
        }
        /* What ends at one moment has ended before anybody picks: equal transactions keep in step, as they would. */
        const double end_us = writer->end_us;
        while (writer != NULL && writer->end_us == end_us) {
            HEDDLE_TRY(finish(run, writer, error));
            writer = next_end(run);
        }
    }
    const size_t left = heddle_scheduler_pending_rows(run->scheduler);
    if (left > 0) {
        return heddle_error_set(error, HEDDLE_INTERNAL,
                                "simulate: %zu rows wait, nothing is in flight, and nothing may go", left);
    }
    return HEDDLE_OK;
}

int heddle_simulate(struct heddle_scheduler *scheduler, const struct heddle_simulate_options *options,
                    const struct heddle_simulate_watch *watch, struct heddle_simulation *simulation_out,
                    struct heddle_error *error)
{
    HEDDLE_TRY(heddle_cost_check(options, error));
    const struct heddle_simulate_watch nobody = {0};
    struct heddle_simulation simulation = {0};
    struct run run = {
        .scheduler = scheduler,
        .options = options,
        .watch = watch == NULL ? &nobody : watch,
        .simulation = &simulation,
        .writers = heddle_calloc(options->writers, sizeof *run.writers),
        .random = options->seed,
    };
    if (run.writers == NULL) {
        return heddle_error_out_of_memory(error);
    }
    uint64_t critical = options->critical_rows;
    critical = critical == 0 ? heddle_scheduler_load_max(scheduler) : critical;
    const int status = drain(&run, error);
    for (size_t i = 0; i < options->writers; i++) {
        if (run.writers[i].work != NULL) {
            heddle_scheduler_done(scheduler, run.writers[i].work);
        }
    }
    free(run.writers);
    if (status == HEDDLE_OK) {
        simulation.makespan_us = run.now_us;
        heddle_cost_conclude(options, critical, &simulation);
        *simulation_out = simulation;
    }
    return status;
}
