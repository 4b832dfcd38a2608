/* resume.h: micro-batches of a Neo4j load, and what is left of them after a run that did not come to its end.
 *
 * Threads: the caller's; load->control is used. begin() while no transaction is under way.
 */
#ifndef HEDDLE_SINK_NEO4J_RESUME_H
#define HEDDLE_SINK_NEO4J_RESUME_H

#include "sink/neo4j/load.h"

/* As heddle_sink_begin(). */
HEDDLE_MUST_CHECK int heddle_resume_begin(struct heddle_load *load, uint64_t micro_batch,
                                          struct heddle_error *error);

/* Counts the rows of a parcel that an earlier run wrote without hearing of it: creates count as created, merges as matched,
 * and relationships whose end is missing are named and rejected. There are such rows; the parcel may be gone afterwards.
 * Errors: those of heddle_answer_account(). */
HEDDLE_MUST_CHECK int heddle_resume_count(struct heddle_load *load, struct heddle_parcel *parcel,
                                          struct heddle_error *error);

#endif
