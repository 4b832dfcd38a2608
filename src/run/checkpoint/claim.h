/* claim.h: whose checkpoint this is: one run at a time, of one load, known to the database by its owner's name.
 *
 *   heddle_claim_open(depot, folder, load, fresh, &claim, error);     locks the folder, reads load.json
 *   … heddle_claim_precision(claim) …                          models are opened as the load's first run opened them
 *   heddle_claim_announce(claim, precision, error);            this run's owner is on disk: now the sink may take the load
 *   heddle_sink_prepare(sink, error);
 *   heddle_claim_confirm(claim, error);                        the database knows it: former owners are forgotten
 *
 * load.json: {"format": 1, "load", "precision", "owners": […]}. An owner is 128 random bits in hexadecimal. The file holds
 * the one that the database knew last and all that were announced since, so whichever of them took the load, the next run
 * recognises it; a copy of a checkpoint whose original went on does not (sink/neo4j/epoch.h).
 *
 * The lock (file `lock`, flock) ends with the process, however it ends. Where the place knows no locks, turns are taken (turn.h).
 * Threads: one.
 */
#ifndef HEDDLE_RUN_CLAIM_H
#define HEDDLE_RUN_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/depot.h"

struct heddle_claim;

/* `folder` lies in the depot (NULL = on this machine), which is borrowed until close. `fresh`: what an earlier run kept in the folder is deleted (run/checkpoint/fresh.h) and no owner is known.
 * Errors: HEDDLE_IO (another run has the folder: its process is named; not writable; load.json damaged), HEDDLE_INVALID (it
 * is the checkpoint of another load, or of an unknown format), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_claim_open(struct heddle_depot *depot, const char *folder, const char *load,
                                        bool fresh, struct heddle_claim **claim_out,
                                        struct heddle_error *error);
void heddle_claim_close(struct heddle_claim *claim); /* NULL is a no-op */

/* Whether the checkpoint is still this run's: where turns are taken it can be lost. Errors: those of heddle_turn_check(). */
HEDDLE_MUST_CHECK int heddle_claim_check(struct heddle_claim *claim, struct heddle_error *error);

/* The precision of the load's vectors, "" where it has none, NULL where no run has decided it yet. */
const char *heddle_claim_precision(const struct heddle_claim *claim);

/* This run's name, and those of runs before it. Valid until confirm() or close. */
const char *heddle_claim_owner(const struct heddle_claim *claim);
const char *const *heddle_claim_known(const struct heddle_claim *claim, size_t *count_out);

/* This machine since it was started: runs that share it exclude each other by the lock. */
const char *heddle_claim_host(const struct heddle_claim *claim);

/* On disk when they return. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_claim_announce(struct heddle_claim *claim, const char *precision,
                                            struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_claim_confirm(struct heddle_claim *claim, struct heddle_error *error);

#endif
