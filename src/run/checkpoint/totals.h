/* totals.h: what a load did over all its runs: the sums of its committed micro-batches, in `totals.json` of the checkpoint.
 *
 * The file is written before a micro-batch is committed, with the sums as they are without it and with it; whether commits/N
 * came to be decides, at the next look, which of the two hold. So a kill between the two files costs nothing, and nothing is
 * counted twice. A load that somebody else began (Spark, an older version), or whose file was lost, is counted from there on.
 *
 *   {"format": 1, "load": ID, "unit": N, "without": SUMS, "with": SUMS}
 *   SUMS: {"first": F, "micro_batches": M, "rows_read": R, "rows_unreadable": U, "targets": [{"target": NAME, "read": …}, …]}
 *
 * Ownership: what is read lies in the arena given. Threads: one.
 */
#ifndef HEDDLE_RUN_TOTALS_H
#define HEDDLE_RUN_TOTALS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "fs/depot.h"
#include "sink/sink.h"

struct json_t;

struct heddle_totals_target {
    const char *name;
    struct heddle_target_counts counts;
};

struct heddle_totals {
    uint64_t first;         /* micro-batches that were done before anybody counted; 0 = all are in the sums */
    uint64_t micro_batches; /* that are in the sums */
    uint64_t rows_read;
    uint64_t rows_unreadable;
    struct heddle_totals_target *targets;
    size_t target_count;
};

/* The sums of load `load` once `units` micro-batches are committed. Where the file says nothing of that (absent, of another
 * load or time, damaged) they are empty, and `first` = units. Errors: HEDDLE_NETWORK, HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_totals_read(struct heddle_depot *depot, const char *folder, const char *load,
                                         uint64_t units, struct heddle_arena *arena,
                                         struct heddle_totals *out, struct heddle_error *error);

/* Micro-batch `unit` is about to be committed: the sums without it and with it. Errors: those of heddle_depot_write(). */
HEDDLE_MUST_CHECK int heddle_totals_write(struct heddle_depot *depot, const char *folder, const char *load,
                                          uint64_t unit, const struct heddle_totals *without,
                                          const struct heddle_totals *with, struct heddle_error *error);

/* Reads the text of totals.json, as above; false where it says nothing of that load after `units` micro-batches. For tests and
 * fuzzers too. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_totals_parse(const char *text, size_t length, const char *load, uint64_t units,
                                          struct heddle_arena *arena, bool *says_out,
                                          struct heddle_totals *out, struct heddle_error *error);

/* A line "NAME  read = created + matched + folded + rejected [+ removed]", the name in a column of `width`. */
void heddle_totals_print_target(const struct heddle_totals_target *target, int width,
                                struct heddle_buffer *out);

/* The counts of one target, and SUMS, as JSON; NULL when out of memory. */
struct json_t *heddle_totals_target_json(const char *name, const struct heddle_target_counts *counts);
struct json_t *heddle_totals_json(const struct heddle_totals *totals);

#endif
