/* lease.h: may this run take a load that the graph knows something, or nothing, of? The judgement that both sinks share;
 * run-contract section 9. Pure.
 */
#ifndef HEDDLE_SINK_LEASE_H
#define HEDDLE_SINK_LEASE_H

#include "sink/sink.h"

/* The version of what a graph holds of a load: its record, and its marks. */
enum { HEDDLE_LEASE_FORMAT = 1 };

/* What the graph says of a load. Texts are never NULL. */
struct heddle_lease {
    int64_t epoch; /* 0 = no run ever took it */
    int64_t format;
    int64_t seed;
    const char *owner;
    const char *host;
    const char *precision;
    const char *started; /* when, as a text */
    bool stamps;         /* what it created bears its id */
    bool leaving;        /* somebody began to take it back (sink/clean.h) and has not ended */
    int64_t shards;      /* it is loaded by so many processes, each with a record of its own; 0 = by one */
};

bool heddle_lease_knows(const struct heddle_load_record *record, const char *owner);

/* Checkpoint and record belong together, and nothing is mixed that must not be. `graph` = "this database", "the file x".
 * Does nothing for a fresh start. Errors: HEDDLE_DATABASE, with what is missing or differs and what to do. */
HEDDLE_MUST_CHECK int heddle_lease_check(const struct heddle_sink_options *options,
                                         const struct heddle_lease *lease, const char *graph,
                                         struct heddle_error *error);

/* The epoch that follows. Errors: HEDDLE_DATABASE (there are no more). */
HEDDLE_MUST_CHECK int heddle_lease_next(const struct heddle_load_record *record, int64_t epoch,
                                        uint32_t *epoch_out, struct heddle_error *error);

#endif
