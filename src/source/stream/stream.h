/* stream.h: a table as micro-batches: what is new since an offset, cut to limits, and each cut readable again.
 *
 * An offset is one line of JSON, the very line that Spark writes for the same source into `offsets/N` of a checkpoint, so that
 * Spark goes on where this stream stopped and the other way round. A micro-batch is the range (start, end] between two
 * offsets; the same range gives the same rows in the same order whenever it is read. Settings have Spark's names and defaults
 * (settings.h).
 *
 * Order of calls: open, refresh, then plan and read until plan answers HEDDLE_END; refresh again to see what came later.
 *
 *   delta           {"sourceVersion":1,"reservoirId":…,"reservoirVersion":V,"index":I,"isStartingVersion":…}
 *   parquet, csv,   {"logOffset":N}: the files themselves stand in FOLDER/sources/0/N, as Spark keeps them
 *   jsonl
 *   generate        {"rowOffset":N}: rows made so far
 *
 * Threads: one stream, one thread at a time; a source that was opened from it may be read by another.
 */
#ifndef HEDDLE_SOURCE_STREAM_STREAM_H
#define HEDDLE_SOURCE_STREAM_STREAM_H

#include "base/buffer.h"
#include "fs/depot.h"
#include "source/source.h"

struct heddle_stream;

/* Everything is borrowed until close. */
struct heddle_stream_options {
    struct heddle_source_options source; /* `limit` does not count here: see the range */
    struct heddle_depot *depot;          /* that the folder lies in, NULL = this machine */
    const char *
        folder; /* of the stream's checkpoint; NULL = nothing is kept (the file source then forgets what it saw) */
};

/* Opens the table at its newest version; the schema stays that one until close. `resume` is the newest offset of the
 * checkpoint, NULL = none: changes of the schema since then are looked at. Errors: as heddle_source_open; HEDDLE_SOURCE (an
 * offset that is not this table's, a change of schema that cannot be gone through: both versions named). */
HEDDLE_MUST_CHECK int heddle_stream_open(const struct heddle_stream_options *options, const char *resume,
                                         struct heddle_stream **stream_out, struct heddle_error *error);

/* The columns of every micro-batch, in projection order. Borrowed, valid until close. */
const struct heddle_schema *heddle_stream_schema(const struct heddle_stream *stream);

/* The most rows that a part of a micro-batch may hold (maxRowsPerBatch), 0 = no limit. */
uint64_t heddle_stream_rows_per_batch(const struct heddle_stream *stream);

/* The offset before the first micro-batch, for a stream that has none yet: written to `start`, which stays empty where the
 * first micro-batch needs none (a Delta table from its present snapshot on, files). It is to be kept with the checkpoint: a
 * startingVersion of `latest` would be another one at the next try. */
HEDDLE_MUST_CHECK int heddle_stream_begin(struct heddle_stream *stream, struct heddle_buffer *start,
                                          struct heddle_error *error);

/* Looks at what is there now. With `frozen`, plan() goes no further than that, whatever comes later (Spark's availableNow), and
 * all of it is checked beforehand. `start` = the last offset (NULL or "" = none). `leader` (NULL = none) is another stream over
 * the same source, already refreshed: this one sees exactly what that one saw. Errors: as plan(). */
HEDDLE_MUST_CHECK int heddle_stream_refresh(struct heddle_stream *stream, const char *start, bool frozen,
                                            const struct heddle_stream *leader, struct heddle_error *error);

/* Rows between `start` of the last refresh and the frozen end, -1 = not known. */
int64_t heddle_stream_rows_expected(const struct heddle_stream *stream);

/* A number that stands for what the last refresh found there, loaded already or not: equal for every stream that looks at the
 * same table or files, wherever its checkpoint stands. */
uint64_t heddle_stream_fingerprint(const struct heddle_stream *stream);

/* Finds the end of the next micro-batch behind `start` (NULL or "" = the beginning) under the limits, or under none where
 * `unlimited` (Spark's trigger once), and writes it to `end`. HEDDLE_END: nothing is new. The file source notes the files that
 * it takes in its log at this point, as Spark does.
 * Errors: HEDDLE_SOURCE (a commit that changes or deletes rows without a setting that says what to do: version and settings
 * named; a gap in the log; another table; an offset that moved back), HEDDLE_IO (the log of files), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_stream_plan(struct heddle_stream *stream, const char *start, bool unlimited,
                                         struct heddle_buffer *end, struct heddle_error *error);

struct heddle_stream_range {
    const char *start; /* exclusive; NULL or "" = the beginning */
    const char *end;   /* inclusive */
    uint64_t skip;     /* rows of the range, good and bad, that are passed over: they are done */
    uint64_t limit;    /* rows behind those, UINT64_MAX = no limit */
};

/* Opens a range as a source, which is closed before the stream. It may be empty. Errors: as heddle_source_open, and as plan(). */
HEDDLE_MUST_CHECK int heddle_stream_read(struct heddle_stream *stream,
                                         const struct heddle_stream_range *range,
                                         struct heddle_source **source_out, struct heddle_error *error);

/* NULL is a no-op. */
void heddle_stream_close(struct heddle_stream *stream);

#endif
