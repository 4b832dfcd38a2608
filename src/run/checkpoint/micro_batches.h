/* micro_batches.h: one stream with its checkpoint: what is to be done next, and that it is done.
 *
 * A batch of the checkpoint is done in parts where maxRowsPerBatch or a limit on rows asks for that; each part is a unit of work
 * with a beginning and an end of its own. The order on disk, for each unit: progress and offsets/N; the rows; then progress
 * (a part) or commits/N (the rest).
 *
 * Order of calls: open; refresh; then next, read, done, again and again until next answers HEDDLE_END; refresh to see more.
 * Threads: one; the source that read() answers may be read by another.
 */
#ifndef HEDDLE_RUN_MICRO_BATCHES_H
#define HEDDLE_RUN_MICRO_BATCHES_H

#include "run/checkpoint/checkpoint.h"
#include "source/stream/stream.h"

struct heddle_micro_batches;

struct heddle_micro_batches_options {
    const struct heddle_source_options *source; /* borrowed until close */
    struct heddle_depot *depot;                 /* where the checkpoint lies, NULL = on this machine */
    const char *folder;                         /* the checkpoint */
    bool creates;   /* rows are created, not merged: a batch that Spark left half done cannot be done again */
    bool unlimited; /* the limits of the source do not count (trigger once) */
};

/* One unit of work. */
struct heddle_micro_batch {
    int64_t number;     /* of the batch in the checkpoint */
    uint64_t unit;      /* counts up by one with each unit that is done, over runs too */
    uint64_t rows_done; /* of the batch, before this unit */
    bool redo;          /* an earlier run had begun it */
    const char *start;  /* the range of the batch; borrowed until done() */
    const char *end;
};

/* Errors: those of heddle_checkpoint_open and heddle_stream_open; HEDDLE_IO (`creates`, and Spark left a batch open). */
HEDDLE_MUST_CHECK int heddle_micro_batches_open(const struct heddle_micro_batches_options *options,
                                                struct heddle_micro_batches **batches_out,
                                                struct heddle_error *error);

const struct heddle_schema *heddle_micro_batches_schema(const struct heddle_micro_batches *batches);

/* As heddle_stream_refresh. Errors: the same. */
HEDDLE_MUST_CHECK int heddle_micro_batches_refresh(struct heddle_micro_batches *batches, bool frozen,
                                                   const struct heddle_micro_batches *leader,
                                                   struct heddle_error *error);

/* Rows up to the frozen end that are not loaded yet, -1 = not known. */
int64_t heddle_micro_batches_rows_expected(const struct heddle_micro_batches *batches);

/* As heddle_stream_fingerprint. */
uint64_t heddle_micro_batches_fingerprint(const struct heddle_micro_batches *batches);

/* Units done so far. */
uint64_t heddle_micro_batches_units(const struct heddle_micro_batches *batches);

/* What comes next: the rest of the open batch, or a new one, whose offsets are on disk when it returns. HEDDLE_END: nothing.
 * Errors: those of heddle_stream_plan and heddle_checkpoint_begin. */
HEDDLE_MUST_CHECK int heddle_micro_batches_next(struct heddle_micro_batches *batches,
                                                struct heddle_micro_batch *batch, struct heddle_error *error);

/* While the open micro-batch, whose rows are all read, waits for its end: finds the one behind it and opens its rows, so that they
 * can be read before it begins. Nothing is written but what a file source notes while it plans. The next next() begins it, the next
 * read() answers this source. HEDDLE_END: nothing is there, or it cannot be read ahead (maxRowsPerBatch). Errors: those of
 * heddle_stream_plan and heddle_stream_read, which the next next() and read() tell again. */
HEDDLE_MUST_CHECK int heddle_micro_batches_ahead(struct heddle_micro_batches *batches,
                                                 struct heddle_source **source_out,
                                                 struct heddle_error *error);

/* The most rows that the next unit takes where the run may take `limit`: that, or maxRowsPerBatch where it is less. */
uint64_t heddle_micro_batches_part(const struct heddle_micro_batches *batches, uint64_t limit);

/* The rows of the unit, at most `limit` (UINT64_MAX = all). Borrowed until done() or close. */
HEDDLE_MUST_CHECK int heddle_micro_batches_read(struct heddle_micro_batches *batches, uint64_t limit,
                                                struct heddle_source **source_out,
                                                struct heddle_error *error);

/* The rows of the unit are loaded, all that the source gave. Tells whether the batch is. Errors: HEDDLE_IO,
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_micro_batches_done(struct heddle_micro_batches *batches, bool *whole_out,
                                                struct heddle_error *error);

void heddle_micro_batches_close(struct heddle_micro_batches *batches); /* NULL is a no-op */

#endif
