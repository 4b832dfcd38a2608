/* tally.h: a run counts its micro-batches into the totals of its load (run/checkpoint/totals.h).
 *
 *   heddle_tally_open(run, error)        what the runs before have done
 *   each micro-batch:
 *     heddle_tally_begin(run)            before heddle_sink_begin(), which counts what an earlier run did of it
 *     heddle_tally_write(run, …)         its rows are flushed, its commit is next
 *     heddle_tally_done(run)             its commit is on disk
 *
 * run->receipt.load holds the sums of the committed ones. Private to run/. Threads: the run's own.
 */
#ifndef HEDDLE_RUN_TALLY_H
#define HEDDLE_RUN_TALLY_H

#include "run/checkpoint/totals.h"

struct heddle_run;

struct heddle_tally {
    struct heddle_totals next;          /* with the micro-batch at hand */
    struct heddle_target_counts *start; /* of each target, before it */
};

/* After the streams are open. Errors: those of heddle_totals_read(). */
HEDDLE_MUST_CHECK int heddle_tally_open(struct heddle_run *run, struct heddle_error *error);

/* The counters of one of the job's targets; what a target that removes did counts for the one whose rows they were. */
void heddle_run_counts(const struct heddle_run *run, size_t target, struct heddle_target_counts *out);

void heddle_tally_begin(struct heddle_run *run);

/* `rows` and `unreadable`: of this micro-batch, where it belongs to the first pass over its source. Errors: those of
 * heddle_totals_write(). */
HEDDLE_MUST_CHECK int heddle_tally_write(struct heddle_run *run, uint64_t rows, uint64_t unreadable,
                                         struct heddle_error *error);
void heddle_tally_done(struct heddle_run *run);

#endif
