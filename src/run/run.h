/* run.h: a load from a job file to a receipt.
 *
 * Order of calls: open (checks job, sources and models; nothing is touched), execute (once), receipt, close. progress and
 * stop may be called from any thread between open and close.
 *
 * What a run keeps on disk, in its checkpoint folder: rejects/TARGET.jsonl and receipt.json.
 */
#ifndef HEDDLE_RUN_RUN_H
#define HEDDLE_RUN_RUN_H

#include "run/receipt.h"
#include "spec/job.h"
#include "spec/options.h"

struct heddle_run;

enum heddle_run_phase {
    HEDDLE_PHASE_CONNECTING,
    HEDDLE_PHASE_PREPARING, /* constraints and early indexes */
    HEDDLE_PHASE_LOADING,
    HEDDLE_PHASE_INDEXING,
    HEDDLE_PHASE_VERIFYING,
    HEDDLE_PHASE_DONE,
};

struct heddle_run_progress {
    enum heddle_run_phase phase;
    size_t pass, pass_count; /* 1-based */
    uint64_t rows_read;      /* in this pass */
    int64_t rows_expected;   /* of this pass, -1 = not known */
    uint64_t rows_embedded;
    uint64_t rows_removed; /* of a change feed, handed on to be removed */
    bool embeds;           /* this pass embeds: rows_embedded tells how far it is */
    uint64_t rejected;
    double elapsed_s, pass_elapsed_s;
    struct heddle_sink_progress sink;
};

/* `job` and `options` are borrowed until close. Opens every source that the job uses (a missing file or an unknown column
 * is found before any database is touched) and every model.
 * Errors: HEDDLE_JOB, HEDDLE_SOURCE, HEDDLE_MODEL, HEDDLE_INVALID (no target given, bad setting), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_run_open(const struct heddle_job *job, const struct heddle_options *options,
                                      struct heddle_run **run_out, struct heddle_error *error);

/* Connects, prepares, loads, indexes, verifies, writes receipt.json. Whatever it answers, the receipt tells how far it
 * came. Errors: those of the stages; HEDDLE_REJECTED, HEDDLE_UNBALANCED, HEDDLE_INTERRUPTED. */
HEDDLE_MUST_CHECK int heddle_run_execute(struct heddle_run *run, struct heddle_error *error);

void heddle_run_progress(struct heddle_run *run, struct heddle_run_progress *out);

/* Asks the run to end after the transactions in flight. Not for signal handlers: it takes locks. */
void heddle_run_stop(struct heddle_run *run);

/* Borrowed, valid until close; only once execute has returned. */
const struct heddle_receipt *heddle_run_receipt(const struct heddle_run *run);

void heddle_run_close(struct heddle_run *run); /* NULL is a no-op */

/* The exit code of the command for an outcome (DESIGN section 11): `rejected` rows turn a success into 8. */
int heddle_run_exit_code(int status, uint64_t rejected);

/* "connecting", "loading", … Static memory. */
const char *heddle_run_phase_name(enum heddle_run_phase phase);

#endif
