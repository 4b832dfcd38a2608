/* checkpoint.h: how far a stream has come, in the very files that Spark Structured Streaming keeps, so that a stopped Spark job
 * can be taken over, and given back.
 *
 *   metadata     {"id":"UUID"}
 *   offsets/N    v1, one line about the batch, one line with the offset that batch N ends at; written before the batch begins
 *   commits/N    v1, one line; written once the batch is done
 *   sources/0/N  the files that a source without a log of its own has taken (source/stream)
 *   progress     ours: what whole offsets cannot say (below)
 *
 * No file ends with a newline, each is written under another name first and then renamed, and none is ever written twice: a
 * second writer finds it there and stops. At most one batch is open: the newest of offsets/ without its commit. It is done again
 * with the very range that stands there, whatever the settings say meanwhile. The newest 100 batches are kept, and all behind.
 *
 * progress: {"format":1,"batch":N,"rows":K,"parts":P,"start":OFFSET}: the first K rows of batch N are loaded; P parts of batches were
 * finished so far; batch 0 began behind OFFSET (absent: at the beginning). Written before offsets/N, so that it also tells
 * batches of ours from those of Spark.
 *
 * Threads: one.
 */
#ifndef HEDDLE_RUN_CHECKPOINT_H
#define HEDDLE_RUN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "fs/depot.h"

/* Batches that stay on disk (spark.sql.streaming.minBatchesToRetain). */
enum { HEDDLE_CHECKPOINT_BATCHES_KEPT = 100 };

struct heddle_checkpoint;

/* Reads the checkpoint in `folder`, which lies in the depot (NULL = on this machine) and need not exist: nothing is written. The
 * depot is borrowed until close. Errors: HEDDLE_NETWORK, HEDDLE_IO (unreadable; a file that is not
 * what Spark or heddle write: named; offsets and commits that do not fit together), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_open(struct heddle_depot *depot, const char *folder,
                                             struct heddle_checkpoint **checkpoint_out,
                                             struct heddle_error *error);

/* A batch: the range (start, end] of the stream's offsets. Texts are borrowed until the next call that changes the checkpoint. */
struct heddle_checkpoint_batch {
    int64_t number;
    const char *start;  /* "" = the beginning */
    const char *end;    /* "" where none is open */
    uint64_t rows_done; /* of the open batch: loaded before, good and bad rows */
    bool foreign;       /* it was begun by Spark */
};

/* The open batch; false: none is, and `batch` is the next one to begin, without an end. */
bool heddle_checkpoint_pending(const struct heddle_checkpoint *checkpoint,
                               struct heddle_checkpoint_batch *batch);

/* The end of the newest batch in offsets/, "" = none: where a stream is opened. */
const char *heddle_checkpoint_newest(const struct heddle_checkpoint *checkpoint);

/* Batches committed, plus parts of batches finished: a number that each unit of work counts up by one. */
uint64_t heddle_checkpoint_units(const struct heddle_checkpoint *checkpoint);

/* Says where batch 0 begins (heddle_stream_begin). Only before the first batch. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_set_start(struct heddle_checkpoint *checkpoint, const char *start,
                                                  struct heddle_error *error);

/* Opens the next batch, which ends at `end`: makes the folders and `metadata` where they are missing, writes progress, then
 * offsets/N. Errors: HEDDLE_IO (not writable; offsets/N is there: another run writes this checkpoint), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_begin(struct heddle_checkpoint *checkpoint, const char *end,
                                              struct heddle_error *error);

/* A part of the open batch is loaded: its first `rows` rows. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_advance(struct heddle_checkpoint *checkpoint, uint64_t rows,
                                                struct heddle_error *error);

/* The open batch is loaded: writes commits/N, and removes what is older than the batches kept. Errors: HEDDLE_IO (commits/N is
 * there), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_commit(struct heddle_checkpoint *checkpoint,
                                               struct heddle_error *error);

void heddle_checkpoint_close(struct heddle_checkpoint *checkpoint); /* NULL is a no-op */

/* ---- the files' texts, for tests and fuzzers ---- */

struct heddle_checkpoint_offsets {
    const char *about;  /* the second line */
    const char *offset; /* "" = none ("-") */
};

/* Reads the text of offsets/N; memory is the arena's. Errors: HEDDLE_IO (another version, lines missing, several sources),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_offsets_parse(const char *text, size_t length,
                                                      struct heddle_arena *arena,
                                                      struct heddle_checkpoint_offsets *offsets,
                                                      struct heddle_error *error);

struct heddle_checkpoint_progress {
    int64_t batch; /* -1 = none */
    uint64_t rows;
    uint64_t parts;
    const char *start;
};

/* Reads the text of progress. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_checkpoint_progress_parse(const char *text, struct heddle_arena *arena,
                                                       struct heddle_checkpoint_progress *progress,
                                                       struct heddle_error *error);

#endif
