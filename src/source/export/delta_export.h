/* delta_export.h: rows written as a new Delta table: Parquet files and a log of one commit after the other.
 *
 * Format: PROTOCOL.md of Delta. Columns are mapped by name (reader version 2, writer version 5), because names like
 * `:ID(RemovalEvent)` are not allowed without it: files hold physical names and field ids, the schema says which is which. Every
 * file carries statistics: numRecords, and minValues, maxValues, nullCount of each column. Files and commits have ascending
 * times, so that a snapshot is read in the order in which the rows were written.
 *
 * The table grows in a folder of its own beside the final one and is moved there in one step when it is complete: a reader never
 * sees half a table, a failed run leaves nothing, and what is there already is never touched.
 */
#ifndef HEDDLE_SOURCE_EXPORT_DELTA_EXPORT_H
#define HEDDLE_SOURCE_EXPORT_DELTA_EXPORT_H

#include "source/export/export.h"

/* A table with more is more than a file system likes to have in one folder. */
enum { HEDDLE_DELTA_EXPORT_FILES_MAX = 1000000 };

/* What is written. Columns may be INTEGER, STRING and DATE. */
struct heddle_delta_rows {
    const struct heddle_schema *schema;
    uint64_t count;
    /* Answers the next batch, of 1 to rows_max rows, with one reference, or an error; called until `count` rows are had, maybe on a
     * thread of DuckDB's own, but never by two at once. */
    int (*next)(void *context, size_t rows_max, struct heddle_batch **batch_out, struct heddle_error *error);
    void *context;
};

struct heddle_delta_export_options {
    const char *path; /* the table's folder: not there yet, or empty */
    uint64_t commits; /* at least 1 */
    uint64_t
        files_per_commit; /* at least 1; commits x files are at most one a row, and HEDDLE_DELTA_EXPORT_FILES_MAX */
    uint64_t seed;        /* of the table's id, its physical names and its files' names */
    int64_t time_ms; /* since 1970, of the first file, each next one a millisecond later; -1 = the clock's */
    heddle_export_progress progress; /* or NULL */
    void *context;
};

/* Writes the table; rows are spread evenly over the files. Equal rows, seed and time_ms give equal bytes.
 * Errors: HEDDLE_INVALID (counts that do not fit; a folder that holds something; a column of another type), HEDDLE_IO (names the
 * file), those of next() and of heddle_duck_open(), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_export(const struct heddle_delta_rows *rows,
                                          const struct heddle_delta_export_options *options,
                                          struct heddle_error *error);

#endif
