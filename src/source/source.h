/* source.h: a table as a stream of batches.
 *
 * One interface over every kind of table. A source is opened with the columns that the job needs
 * (projection), tells its schema, and is then read front to back in bounded memory: next() answers one batch
 * at a time, in a fixed order, the same order at every run. Batches outlive the reading of later ones (each
 * owns its memory), but not their source.
 *
 * Struct columns are flattened to `outer.inner`; maps stay maps, and a projection that names `map.key` gets the values under that
 * key (Delta and Parquet; null where a row's map lacks it). CSV columns are STRING, all of them: what a
 * value means is the target's business (column/convert.h), so one odd value rejects one row and not the file.
 *
 * Threads: one source, one thread at a time.
 */
#ifndef HEDDLE_SOURCE_SOURCE_H
#define HEDDLE_SOURCE_SOURCE_H

#include "column/batch.h"
#include "column/reject.h"

struct heddle_source;
struct heddle_fs_settings;
struct heddle_mirror;

/* A free setting of the source in the job file (`delimiter: ";"`), as text. */
struct heddle_source_setting {
    const char *name;
    const char *value;
};

/* What to open. Everything is borrowed until open() returns. */
struct heddle_source_options {
    const char *name;           /* in the job; goes into row references and messages */
    const char *type;           /* "parquet", "csv", "jsonl", "delta", "generate" */
    const char *path;           /* file, folder or pattern with `*`; NULL for generate */
    const char *const *columns; /* projection by field name, NULL = all */
    size_t column_count;
    const struct heddle_source_setting *settings;
    size_t setting_count;
    uint64_t limit;    /* stop after this many rows; UINT64_MAX = no limit */
    uint64_t skip;     /* rows, good and bad, passed over before the first; the limit does not count them */
    size_t batch_rows; /* rows a batch at most; 0 = 2,048 */
    struct heddle_reject_sink rejects; /* rows that cannot be read (stage read) */
    const char *const *files; /* for files: these, in this order, in place of those behind `path`; or NULL */
    size_t file_count;
    const struct heddle_fs_settings
        *stores; /* how stores are asked; outlives the source; NULL = without credentials */
    struct heddle_mirror
        *mirror; /* where the caller has opened one (heddle_source_mirror): `path` is then in its folder */
    const struct heddle_schema
        *declared; /* for jsonl: columns whose types are known and not told from a sample; or NULL */
};

/* The kind of source that a path looks like: "delta" for a folder that holds a `_delta_log`; else "parquet", "csv" or
 * "jsonl" by its ending (.gz and .zst allowed for csv and jsonl) or, for a folder, the ending of its files; NULL when it
 * cannot be told. Static memory. */
const char *heddle_source_guess_type(const char *path);

/* The kind of what a URI of a store names, as above; asks the store. *type_out = NULL when it cannot be told. A path without a
 * scheme is told as above. Errors: those of heddle_fs_list(). */
HEDDLE_MUST_CHECK int heddle_source_tell_type(const char *path, const struct heddle_fs_settings *stores,
                                              const char **type_out, struct heddle_error *error);

/* Where options->path is a URI: opens a mirror of it (*mirror_out, the caller's, who closes it after the last source) and
 * changes path and mirror of the options; the path lives in `arena`. Else *mirror_out = NULL. Errors: those of
 * heddle_mirror_open() and heddle_mirror_find(). */
HEDDLE_MUST_CHECK int heddle_source_mirror(struct heddle_source_options *options, struct heddle_arena *arena,
                                           struct heddle_mirror **mirror_out, struct heddle_error *error);

/* Opens a table. Errors: HEDDLE_SOURCE (missing file or folder, no file matches, unreadable, unknown column:
 * the message names the nearest and lists the columns there are; files of one folder whose schemas differ:
 * names file and column), HEDDLE_INVALID (unknown type or setting, nearest named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_source_open(const struct heddle_source_options *options,
                                         struct heddle_source **source_out, struct heddle_error *error);

/* The columns of every batch, in projection order. Borrowed, valid until close. */
const struct heddle_schema *heddle_source_schema(const struct heddle_source *source);

/* Rows that the source will give in all, or -1 where only reading can tell. For progress, not for
 * accounting. */
int64_t heddle_source_rows_expected(const struct heddle_source *source);

/* The next batch, with one reference that the caller releases. Errors: HEDDLE_END after the last,
 * HEDDLE_SOURCE (file and row named), HEDDLE_REJECTED (from the reject sink), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_source_next(struct heddle_source *source, struct heddle_batch **batch_out,
                                         struct heddle_error *error);

/* Rows handed out and rows rejected at stage read so far. */
uint64_t heddle_source_rows_read(const struct heddle_source *source);
uint64_t heddle_source_rows_rejected(const struct heddle_source *source);

/* Lets a source that stopped at its limit go on for as many rows more. */
void heddle_source_extend(struct heddle_source *source, uint64_t rows);

/* NULL is a no-op. All batches must have been released. */
void heddle_source_close(struct heddle_source *source);

#endif
