/* clean.h: taking a load back: what it created is deleted, what it only met stays. Only for loads that stamped what they
 * created (stamp.h); any other is refused, since nobody can tell any more what was its.
 *
 *   heddle_clean_open(&options, &clean, error)        finds the load, counts what bears its id; nothing is written
 *   heddle_clean_parts(clean, &count)                 what that is, one part a label and a type
 *   while ((status = heddle_clean_step(clean, error)) == HEDDLE_OK) { … }       HEDDLE_END: all is deleted
 *   heddle_clean_finish(clean, error)                 counts what is left; the load's record and marks go
 *   heddle_clean_close(clean)
 *
 * Relationships go first, then nodes on which no relationship hangs any more. A node to which somebody else attached one is
 * *held*: it is kept, or goes with those relationships where `detach` says so.
 *
 * Each step is a statement of bounded size, in transactions of bounded size. The first one takes the load: its epoch is
 * raised, so that a transaction of it that comes late fails, and no run continues it (lease.h). A clean may end at any
 * moment; another one goes on where it stopped. The record of the load goes last.
 *
 * Errors: those of heddle_sink_open(); HEDDLE_DATABASE with a sentence for each refusal (no such load, another job's, not
 * stamped, it is running, somebody began it anew meanwhile).
 * Threads: one object, one thread.
 */
#ifndef HEDDLE_SINK_CLEAN_H
#define HEDDLE_SINK_CLEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_clean;

/* Borrowed until close. */
struct heddle_clean_options {
    const char *to;
    const char *username;
    const char *password;
    const char *bearer_token;
    const char *database;
    const char *ca_file;
    const char *load; /* its id */
    const char *job;  /* whose load it must be, by name */
    bool detach;      /* held nodes go too, with what hangs on them */
};

/* All nodes of one label, or all relationships of one type, that bear the load's id. */
struct heddle_clean_part {
    const char *name; /* the label (the first of its target), or the type; of a DuckDB file the table */
    bool is_relationship;
    uint64_t found; /* when the clean began */
    uint64_t held;  /* of them: nodes on which relationships hang that the load did not make */
    uint64_t deleted;
    uint64_t kept; /* after finish() */
};

HEDDLE_MUST_CHECK int heddle_clean_open(const struct heddle_clean_options *options,
                                        struct heddle_clean **clean_out, struct heddle_error *error);

/* Borrowed; the numbers change with the steps. */
const struct heddle_clean_part *heddle_clean_parts(const struct heddle_clean *clean, size_t *count_out);

/* Relationships that others made and that went with `detach`. */
uint64_t heddle_clean_detached(const struct heddle_clean *clean);

/* Deletes a piece. HEDDLE_END once there is none. */
HEDDLE_MUST_CHECK int heddle_clean_step(struct heddle_clean *clean, struct heddle_error *error);

/* After HEDDLE_END. The record stays where nodes were kept, so that they can still be told. */
HEDDLE_MUST_CHECK int heddle_clean_finish(struct heddle_clean *clean, struct heddle_error *error);

void heddle_clean_close(struct heddle_clean *clean); /* NULL is a no-op */

#endif
