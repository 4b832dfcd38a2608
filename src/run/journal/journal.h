/* journal.h: the record of what a load sends, on disk before it is sent: the run's side of sink/ledger.h.
 *
 * Order of calls: open (reads what an earlier run left), begin a micro-batch, hand heddle_journal_ledger() to the sink, load,
 * flush the sink, write the checkpoint's own commit, finish the micro-batch; begin the next one. A micro-batch that was begun and
 * not finished is gone on with: begin it again under the same number.
 *
 * Cost: the writers that wait at one moment share one flush (group commit): while one of them flushes, the records of the others
 * gather and go with the next. Outcomes wait for the next flush: one that is lost costs a question to the database.
 *
 * Format: journal/segment.h. Place: journal/store.h.
 *
 * Threads: begin, finish and close by the run's thread while no writer is at work; the ledger's functions as ledger.h says.
 */
#ifndef HEDDLE_RUN_JOURNAL_H
#define HEDDLE_RUN_JOURNAL_H

#include "run/journal/store.h"
#include "sink/ledger.h"

struct heddle_journal;

/* What opening found. */
struct heddle_journal_report {
    bool begun;    /* a micro-batch: `batch`, `epoch`, and */
    bool finished; /* whether it was finished */
    uint64_t batch;
    uint32_t epoch; /* of the newest run of it; 0 where that is not known */
    uint64_t runs;  /* that have taken it up so far */
    size_t segments;
    size_t unresolved;   /* transactions whose outcome is not noted */
    uint64_t torn_bytes; /* of a write that was cut short: cut off now; 0 in most cases */
    char torn[64];       /* the segment it stood in */
};

/* What a journal has cost since it was opened. */
struct heddle_journal_costs {
    uint64_t sends;    /* transactions noted */
    uint64_t flushes;  /* waits for the disk */
    uint64_t bytes;    /* written */
    uint64_t flush_ns; /* spent in writes */
};

struct heddle_journal_options {
    const char *load;     /* id, at most HEDDLE_LOAD_ID_MAX bytes */
    size_t segment_bytes; /* a segment is closed for good beyond this; 0 = 4 MiB */
};

/* Reads the journal in `store`, which it takes over, whatever it answers. A tail that was cut short is cut off (see the report).
 * Errors: HEDDLE_IO (damage: file and offset; another format: named; another load's; not readable), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_journal_open(struct heddle_journal_store *store,
                                          const struct heddle_journal_options *options,
                                          struct heddle_journal **journal_out, struct heddle_error *error);

const struct heddle_journal_report *heddle_journal_report(const struct heddle_journal *journal);

/* Takes micro-batch `batch` up, on disk when it returns. One that was begun and not finished is gone on with: the ledger then
 * tells what is known of it. A higher number than the one begun says that the checkpoint holds that one's commit: it is
 * forgotten, and its segments go.
 * Errors: HEDDLE_INVALID (a lower number, or one that is finished: checkpoint and journal do not belong together), HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_journal_begin(struct heddle_journal *journal, uint64_t batch, uint32_t epoch,
                                           struct heddle_error *error);

/* Of the micro-batch that is begun. Valid until close. */
struct heddle_ledger heddle_journal_ledger(struct heddle_journal *journal);

/* The micro-batch is committed: notes it, and removes what was noted about it. Errors: HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_journal_finish(struct heddle_journal *journal, struct heddle_error *error);

/* On disk when it returns: all outcomes so far. For an orderly stop. Errors: HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_journal_flush(struct heddle_journal *journal, struct heddle_error *error);

void heddle_journal_costs(struct heddle_journal *journal, struct heddle_journal_costs *out);

void heddle_journal_close(struct heddle_journal *journal); /* NULL is a no-op */

#endif
