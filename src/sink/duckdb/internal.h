/* internal.h: the DuckDB sink as its own files see it.
 *
 * A transaction is: rows of one batch and one target, staged by the appender in a temporary table (which is never
 * logged), then BEGIN, one INSERT … ON CONFLICT from it, COMMIT. The staging table is made anew each time, so memory is
 * that of one transaction.
 *
 * Threads: all on the caller's thread, but for `stop` and the counters of progress, which are atomic.
 */
#ifndef HEDDLE_SINK_DUCKDB_INTERNAL_H
#define HEDDLE_SINK_DUCKDB_INTERNAL_H

#include <stdatomic.h>

#include "duck/duck.h"
#include "sink/backend.h"
#include "sink/duckdb/layout.h"
#include "sink/fold.h"
#include "sink/rows.h"

/* The version of what heddle writes into heddle_meta; files of another one are refused by number. */
#define HEDDLE_DUCKDB_FORMAT "1"

/* What DuckDB may hold in memory for the load: pages, the key indexes in use, one transaction. */
enum { HEDDLE_DUCKDB_MEMORY = 128 * 1024 * 1024 };

/* Rows of each target that are looked up again by verify. */
enum { HEDDLE_DUCKDB_SAMPLES = 256 };

/* Which prepared statement of a road. */
enum heddle_duckdb_statement {
    HEDDLE_DUCKDB_DO_PLAIN,
    HEDDLE_DUCKDB_DO_NEW,
    HEDDLE_DUCKDB_DO_UPDATE,
    HEDDLE_DUCKDB_DO_UPDATE_BUT_VECTOR,
    HEDDLE_DUCKDB_DO_START,
    HEDDLE_DUCKDB_DO_END,
    HEDDLE_DUCKDB_DO_COUNT,
};

/* What the sink keeps of one target. */
struct heddle_duckdb_state {
    struct heddle_duck_statement *statements[HEDDLE_DUCKDB_DO_COUNT];
    bool ready; /* table made, statements prepared */
    struct heddle_target_counts counts;
    uint64_t samples;  /* rows offered to the sample */
    uint64_t recalled; /* of counts.created: created by an earlier run */
};

struct heddle_duckdb_sink {
    struct heddle_sink_options options; /* everything in it borrowed */
    char *path;
    char description[512];
    struct heddle_arena *arena;
    struct heddle_duckdb_layout layout;
    struct heddle_duck *duck;
    struct heddle_duck_connection *connection;
    struct heddle_duck_connection *lookup; /* of the thread that reads; opened when it first asks */
    struct heddle_duckdb_state *states;    /* one a target */
    struct heddle_fold *fold;
    uint32_t epoch;       /* of the load; 0 = transactions bear no marks */
    uint64_t micro_batch; /* that the rows belong to */
    uint64_t token_counter;
    struct heddle_duck_statement *mark;
    bool removed; /* some batch removed rows */
    uint64_t random;
    atomic_bool stopping;
    _Atomic uint64_t rows_done;
    _Atomic uint64_t transactions;
    _Atomic uint64_t wait_ns;
    _Atomic uint64_t encode_ns;
    _Atomic uint64_t bytes;
    _Atomic size_t batch_rows;
};

/* connect.c */

/* The file of "duckdb:FILE", or NULL where `to` names none. */
const char *heddle_duckdb_path(const char *to);

/* Whether the file, or the folder of a file that is to be made, can be used at all. Errors: HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_duckdb_path_check(const char *path, bool read_only, struct heddle_error *error);

/* Opens the file. Errors name the file and the remedy: HEDDLE_IO (no such folder, no DuckDB file, locked, not
 * readable), HEDDLE_INVALID (libduckdb is missing), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duckdb_connect(const char *path, bool read_only, struct heddle_duck **duck_out,
                                            struct heddle_duck_connection **connection_out,
                                            struct heddle_error *error);

/* Runs the text of `sql` and frees it. */
HEDDLE_MUST_CHECK int heddle_duckdb_execute(struct heddle_duck_connection *connection,
                                            struct heddle_buffer *sql, struct heddle_error *error);

/* tables.c */

/* Makes or checks the table of target `index` and prepares its statements, once its columns have their types. */
HEDDLE_MUST_CHECK int heddle_duckdb_tables_ready(struct heddle_duckdb_sink *sink, size_t index,
                                                 struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duckdb_prepare(void *self, struct heddle_error *error);

/* Makes the tables that no row reached. */
HEDDLE_MUST_CHECK int heddle_duckdb_tables_settle(struct heddle_duckdb_sink *sink,
                                                  struct heddle_error *error);

/* stage.c */

/* The rows of one transaction in the staging table. `winner[i]` is the ordinal of the staged row that stands for the
 * i-th row: rows of one identity are staged once, as the last of them, with the last vector among them. */
struct heddle_duckdb_staged {
    const struct heddle_target_rows *ready;
    size_t first; /* index into ready->rows */
    size_t count; /* rows */
    uint32_t *winner;
    bool *gone; /* staged row `ordinal` was rejected */
    size_t staged;
    struct heddle_arena *arena;
};

HEDDLE_MUST_CHECK int heddle_duckdb_stage(struct heddle_duckdb_sink *sink,
                                          struct heddle_duckdb_staged *staged, struct heddle_error *error);

/* write.c */
HEDDLE_MUST_CHECK int heddle_duckdb_write(void *self, struct heddle_batch *batch, const size_t *targets,
                                          size_t target_count, struct heddle_error *error);

/* transaction.c */

/* Writes what is staged: one transaction, or several where rows have to be set aside. Rejects are sent and counted. */
HEDDLE_MUST_CHECK int heddle_duckdb_transact(struct heddle_duckdb_sink *sink,
                                             struct heddle_duckdb_staged *staged, struct heddle_error *error);

/* removal.c */

/* Rows that are known may be gone: identities and samples are forgotten. Before the rows of a batch that removes. */
HEDDLE_MUST_CHECK int heddle_duckdb_removal_begin(struct heddle_duckdb_sink *sink, size_t source,
                                                  const struct heddle_schema *schema,
                                                  struct heddle_error *error);

/* Deletes what the staged rows low .. high-1 of a target that removes name: a node's relationships first. */
HEDDLE_MUST_CHECK int heddle_duckdb_remove(struct heddle_duckdb_sink *sink, size_t index, size_t low,
                                           size_t high, struct heddle_error *error);

/* confirm.c */
HEDDLE_MUST_CHECK int heddle_duckdb_confirm(void *self, const struct heddle_sink_look *look,
                                            struct heddle_error *error);

/* record.c */
HEDDLE_MUST_CHECK int heddle_duckdb_record_begin(struct heddle_duckdb_sink *sink, struct heddle_error *error);

/* Names the tables in heddle_meta before the first row: a clean has to find those of a load that never finished. */
HEDDLE_MUST_CHECK int heddle_duckdb_record_targets(struct heddle_duckdb_sink *sink,
                                                   struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duckdb_finish(void *self, uint64_t *index_ns_out, struct heddle_error *error);

/* marks.c */

/* Takes the load, in the transaction of prepare(). Errors: HEDDLE_DATABASE (sink/lease.h). */
HEDDLE_MUST_CHECK int heddle_duckdb_epoch_take(struct heddle_duckdb_sink *sink, struct heddle_error *error);
uint32_t heddle_duckdb_epoch(const void *self);
HEDDLE_MUST_CHECK int heddle_duckdb_begin(void *self, uint64_t micro_batch, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duckdb_forget(void *self, uint64_t micro_batch, struct heddle_error *error);

/* Writes the mark of a transaction, inside it. Nothing where the load has no epoch. */
HEDDLE_MUST_CHECK int heddle_duckdb_mark(struct heddle_duckdb_sink *sink, uint64_t token,
                                         const struct heddle_ledger_sums *sums, struct heddle_error *error);

/* verify.c */

/* The table that holds the sampled keys of target `index`. */
HEDDLE_MUST_CHECK int heddle_duckdb_sample_prepare(struct heddle_duckdb_sink *sink, size_t index,
                                                   struct heddle_error *error);

/* Offers some of the rows that were just written to the sample of their keys. */
HEDDLE_MUST_CHECK int heddle_duckdb_sample(struct heddle_duckdb_sink *sink,
                                           const struct heddle_duckdb_staged *staged,
                                           struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duckdb_verify(void *self, bool strict, struct heddle_verification *out,
                                           struct heddle_error *error);

/* search.c */
HEDDLE_MUST_CHECK int heddle_duckdb_search_open(const struct heddle_search_options *options,
                                                void **search_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duckdb_search_describe(void *search, struct heddle_search_subject *out,
                                                    struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duckdb_search_query(void *search, const float *vector, uint32_t dimensions,
                                                 size_t k, struct heddle_search_result *out,
                                                 struct heddle_error *error);
void heddle_duckdb_search_close(void *search);

#endif
