/* stamp.h: the load's id on what a load creates, so that exactly that can be taken back (sink/clean.h).
 *
 * A load that stamps puts the property HEDDLE_STAMP_PROPERTY on each node and relationship that it creates; what it meets
 * stays without, and so does what a query of the user's writes. Either all runs of a load stamp or none does
 * (sink/lease.h).
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SINK_STAMP_H
#define HEDDLE_SINK_STAMP_H

#include "base/error.h"
#include "sink/target.h"

/* 1 to HEDDLE_LOAD_ID_MAX letters, digits and . _ : + - : safe in a mark, in Cypher and in a file's name.
 * Errors: HEDDLE_INVALID (the id and the rule are named). */
HEDDLE_MUST_CHECK int heddle_stamp_check_id(const char *id, struct heddle_error *error);

/* Lets every target that writes nodes or relationships stamp them with `id`, which is borrowed.
 * Errors: HEDDLE_JOB where a target has a property of that name. */
HEDDLE_MUST_CHECK int heddle_stamp_targets(struct heddle_target *targets, size_t count, const char *id,
                                           struct heddle_error *error);

#endif
