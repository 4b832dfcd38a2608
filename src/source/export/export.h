/* export.h: a stream of batches written to one file: Parquet, CSV or JSON lines, in bounded memory.
 *
 * The file is written under a temporary name beside the final one and renamed when it is complete, so a
 * reader never sees half a file and a failed run leaves nothing.
 */
#ifndef HEDDLE_SOURCE_EXPORT_EXPORT_H
#define HEDDLE_SOURCE_EXPORT_EXPORT_H

#include "source/source.h"

/* Called after every batch with the rows written so far. Anything but HEDDLE_OK stops the export with that
 * status. */
typedef int (*heddle_export_progress)(void *context, uint64_t rows);

struct heddle_export_options {
    const char *path;                /* the file; its folder must exist */
    const char *format;              /* "parquet", "csv" or "jsonl"; NULL = by the path's ending */
    heddle_export_progress progress; /* or NULL */
    void *context;
};

/* What is written. `next` answers the next batch with one reference, HEDDLE_END after the last, or an error; it may be called
 * on a thread of DuckDB's own, but never by two at once. */
struct heddle_export_stream {
    const struct heddle_schema *schema;
    int (*next)(void *context, struct heddle_batch **batch_out, struct heddle_error *error);
    void *context;
};

/* Writes everything that the stream gives. *rows_out (may be NULL) = rows written.
 * CSV has a header, writes null as an empty field and an empty text as "". JSON lines and CSV write dates
 * and times as ISO 8601, bytes as base64; a null in JSON lines is a null.
 * Errors: HEDDLE_INVALID (format), HEDDLE_IO (cannot make, write or rename the file, disk full: names the
 * file), those of the stream and of heddle_duck_open() (Parquet), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_export(const struct heddle_export_stream *stream,
                                    const struct heddle_export_options *options, uint64_t *rows_out,
                                    struct heddle_error *error);

/* The same for everything that `source` still gives; errors also those of heddle_source_next(). */
HEDDLE_MUST_CHECK int heddle_source_export(struct heddle_source *source,
                                           const struct heddle_export_options *options, uint64_t *rows_out,
                                           struct heddle_error *error);

#endif
