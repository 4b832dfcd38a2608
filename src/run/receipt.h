/* receipt.h: what a load did, row by row accounted for, and the check that it balances (run-contract section 4).
 *
 * Ownership: plain values; texts are borrowed from the run that made the receipt. Threads: read-only once made.
 */
#ifndef HEDDLE_RUN_RECEIPT_H
#define HEDDLE_RUN_RECEIPT_H

#include <heddle/embed.h>

#include "base/buffer.h"
#include "run/checkpoint/totals.h"
#include "run/kept/kept_vectors.h"
#include "sink/sink.h"

struct heddle_receipt_target {
    const char *name;
    uint64_t rows_offered; /* rows that the source gave to this target's passes */
    struct heddle_target_counts counts;
};

struct heddle_receipt_time {
    double wall; /* seconds */
    double cpu;  /* seconds, summed over the stage's threads; -1 = not measured */
};

struct heddle_receipt {
    const char *job;
    const char *load_id;
    const char *to;    /* description of the other side */
    const char *model; /* "" where nothing was embedded */
    const char *kernel;
    const char *precision;
    struct heddle_receipt_target *targets;
    size_t target_count;
    struct heddle_totals load; /* all runs so far: the micro-batches that are committed */
    uint64_t micro_batches;    /* that this run did; 0: nothing was new */
    const char *checkpoint;    /* its folder */
    uint64_t rows_read;        /* from the sources, first passes */
    uint64_t rows_unreadable;  /* rejected at stage read */
    uint64_t rejected;         /* reject records written, all targets */
    const char *rejects_folder;
    struct heddle_embed_statistics embedded;
    struct heddle_kept_vectors_statistics kept; /* what a resume had not to embed, or embedded again */
    uint64_t texts_unchanged;  /* of rows that a change feed updated: their vectors stay in the graph */
    const char *cache_problem; /* why the embedding cache failed last, "" or NULL for never */
    struct heddle_sink_progress sink;
    struct heddle_receipt_time read, embed, write, index, verify, total;
    size_t embed_threads;
    uint64_t rss_bytes_max;
    bool verified;
    struct heddle_verification verification;
};

/* HEDDLE_UNBALANCED naming the first target whose equation does not hold:
 * read = created + matched + folded + rejected + removed, and read = the rows that the source gave. */
HEDDLE_MUST_CHECK int heddle_receipt_check(const struct heddle_receipt *receipt, struct heddle_error *error);

/* For a person. */
void heddle_receipt_print(const struct heddle_receipt *receipt, struct heddle_buffer *out);

/* One JSON object (docs/receipt.md), `status` the outcome's name ("OK", "REJECTED", …), indented where `pretty`. */
HEDDLE_MUST_CHECK int heddle_receipt_json(const struct heddle_receipt *receipt, const char *status,
                                          bool pretty, struct heddle_buffer *out, struct heddle_error *error);

#endif
