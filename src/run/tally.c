/* tally.c: differences of the sink's counters, micro-batch by micro-batch. */
#include "run/tally.h"

#include <string.h>

#include "run/state.h"

/* Totals for the targets of the plan, in its order. */
static int make_empty(struct heddle_run *run, struct heddle_totals *totals, struct heddle_error *error)
{
    totals->target_count = run->plan->target_count;
    totals->targets = heddle_arena_calloc(run->arena, totals->target_count + 1, sizeof *totals->targets);
    if (totals->targets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < totals->target_count; i++) {
        totals->targets[i].name = run->plan->targets[i].name;
    }
    return HEDDLE_OK;
}

/* Sums of targets that the job has now; a load whose job changed is another load. */
static void take_over(struct heddle_totals *totals, const struct heddle_totals *from)
{
    totals->first = from->first;
    totals->micro_batches = from->micro_batches;
    totals->rows_read = from->rows_read;
    totals->rows_unreadable = from->rows_unreadable;
    for (size_t i = 0; i < totals->target_count; i++) {
        for (size_t j = 0; j < from->target_count; j++) {
            if (strcmp(totals->targets[i].name, from->targets[j].name) == 0) {
                totals->targets[i].counts = from->targets[j].counts;
            }
        }
    }
}

int heddle_tally_open(struct heddle_run *run, struct heddle_error *error)
{
    struct heddle_totals before;
    HEDDLE_TRY(make_empty(run, &run->receipt.load, error));
    HEDDLE_TRY(make_empty(run, &run->tally.next, error));
    run->tally.start = heddle_arena_calloc(run->arena, run->plan->target_count + 1, sizeof *run->tally.start);
    if (run->tally.start == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_totals_read(run->depot, run->folder, run->receipt.load_id, heddle_run_unit(run),
                                  run->arena, &before, error));
    take_over(&run->receipt.load, &before);
    return HEDDLE_OK;
}

void heddle_run_counts(const struct heddle_run *run, size_t target, struct heddle_target_counts *out)
{
    const size_t removal = run->plan->removals[target];
    struct heddle_target_counts removed;
    heddle_sink_counts(run->sink, target, out);
    if (removal != HEDDLE_PLAN_NO_REMOVAL) {
        heddle_sink_counts(run->sink, removal, &removed);
        out->read += removed.read;
        out->rejected += removed.rejected;
        out->removed = removed.created + removed.matched + removed.folded;
    }
}

void heddle_tally_begin(struct heddle_run *run)
{
    for (size_t i = 0; i < run->plan->target_count; i++) {
        heddle_run_counts(run, i, &run->tally.start[i]);
    }
}

/* sum + (now - before), counter by counter. */
static void add_difference(struct heddle_target_counts *sum, const struct heddle_target_counts *now,
                           const struct heddle_target_counts *before)
{
    sum->read += now->read - before->read;
    sum->created += now->created - before->created;
    sum->matched += now->matched - before->matched;
    sum->folded += now->folded - before->folded;
    sum->rejected += now->rejected - before->rejected;
    sum->vectors += now->vectors - before->vectors;
    sum->removed += now->removed - before->removed;
}

int heddle_tally_write(struct heddle_run *run, uint64_t rows, uint64_t unreadable, struct heddle_error *error)
{
    const struct heddle_totals *load = &run->receipt.load;
    struct heddle_totals *next = &run->tally.next;
    take_over(next, load);
    next->micro_batches++;
    next->rows_read += rows;
    next->rows_unreadable += unreadable;
    for (size_t i = 0; i < next->target_count; i++) {
        struct heddle_target_counts now;
        heddle_run_counts(run, i, &now);
        add_difference(&next->targets[i].counts, &now, &run->tally.start[i]);
    }
    return heddle_totals_write(run->depot, run->folder, run->receipt.load_id, run->unit, load, next, error);
}

void heddle_tally_done(struct heddle_run *run)
{
    take_over(&run->receipt.load, &run->tally.next);
}
