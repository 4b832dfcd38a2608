/* probe.h: a few seconds of the real load, on nodes of its own, to tell how long all of it takes.
 *
 * The job is loaded twice from the start of its tables: a small warm-up, then as many rows as should take the time that was
 * given, with the very code, server, model and settings of the load. Labels, relationship types, constraints and indexes carry
 * names of the probe's (`HeddleProbe_…`), so that nothing of the user's is met or changed, and all of it is deleted again.
 * Queries and actions of a job are not run.
 *
 * What is predicted is linear in the rows but for the vector index, which costs n log n (HNSW, Malkov and Yashunin 2016). Sizes
 * of the store follow Neo4j's record formats: a node 15 bytes, a relationship 34, a property 41, a vector or a long text in
 * blocks of 128; the transaction log holds every record that was written, about as much (bench/plan).
 *
 * Threads: one.
 */
#ifndef HEDDLE_RUN_PROBE_H
#define HEDDLE_RUN_PROBE_H

#include "run/forecast/forecast.h"
#include "spec/options.h"

/* Every name that a probe makes in a graph begins so. */
#define HEDDLE_PROBE_PREFIX "HeddleProbe_"

/* What the second, longer run took. */
struct heddle_probe {
    uint64_t rows;  /* of all sources */
    double fixed_s; /* connecting, constraints: what a load of no rows takes */
    double load_s;  /* from the first row to the last acknowledged, stages beside each other */
    double read_s;  /* of each stage's own time within that */
    double embed_s;
    double write_s;
    double fixed_read_s; /* and what it took whatever the rows: statements compiled, constraints awaited */
    double fixed_embed_s;
    double fixed_write_s;
    double index_s;
    uint64_t vectors;
    uint64_t bytes_sent;
    uint64_t transactions;
    uint64_t retries;
    size_t writers;
    char server[128];
};

struct heddle_prediction {
    double read_s;
    double embed_s;
    double write_s;
    double load_s; /* the three beside each other */
    double index_s;
    double wall_s;
    uint64_t store_bytes;
    uint64_t log_bytes;   /* of the server's transaction logs, where they are kept */
    uint64_t spill_bytes; /* beside the checkpoint, at most */
    uint64_t spill_free;  /* what the disk there has, UINT64_MAX = unknown */
};

/* Loads a sample for about `seconds` and deletes it again. `options` are those of the load; its checkpoint is not touched.
 * Errors: those of a load; HEDDLE_DATABASE also where the sample could not be deleted (says what is left and how to). */
HEDDLE_MUST_CHECK int heddle_probe_run(const struct heddle_job *job, const struct heddle_options *options,
                                       double seconds, struct heddle_probe *probe_out,
                                       struct heddle_error *error);

/* What all rows of a forecast would take. `place` is where the checkpoint will be; it need not be there yet, and of one in an
 * object store the part on this machine counts, which is below the working directory. */
void heddle_probe_predict(const struct heddle_probe *probe, const struct heddle_forecast *forecast,
                          const char *place, struct heddle_prediction *prediction_out);

/* Whether what may be spilled fits the disk; one whose room is not known does. Errors: HEDDLE_IO (says what to do). */
HEDDLE_MUST_CHECK int heddle_probe_check_disk(const struct heddle_prediction *prediction,
                                              struct heddle_error *error);

#endif
