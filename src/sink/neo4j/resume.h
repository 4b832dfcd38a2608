/* resume.h: micro-batches of a Neo4j load, and what is left of them after a run that did not come to its end.
 *
 * Threads: the caller's, while no transaction is under way; load->control is used.
 */
#ifndef HEDDLE_SINK_NEO4J_RESUME_H
#define HEDDLE_SINK_NEO4J_RESUME_H

#include "sink/neo4j/load.h"

/* As heddle_sink_begin(). */
HEDDLE_MUST_CHECK int heddle_resume_begin(struct heddle_load *load, uint64_t micro_batch,
                                          struct heddle_error *error);

#endif
