/* verify.h: what a load leaves behind besides its rows: a record of itself, and the answer whether the graph holds it. */
#ifndef HEDDLE_SINK_NEO4J_VERIFY_H
#define HEDDLE_SINK_NEO4J_VERIFY_H

#include "sink/neo4j/load.h"

/* Sampled searches, and the nodes up to which brute force in the server takes a second or two at most. */
enum { HEDDLE_VERIFY_SEARCHES = 10, HEDDLE_VERIFY_RECALL_NODES_MAX = 200000 };

/* As heddle_sink_verify(). */
HEDDLE_MUST_CHECK int heddle_verify_run(struct heddle_load *load, bool strict,
                                        struct heddle_verification *out, struct heddle_error *error);

/* MERGEs (:HeddleLoad {id}): job, model, precision, what vectors are searched under, counts, time. */
HEDDLE_MUST_CHECK int heddle_record_store(struct heddle_load *load, struct heddle_error *error);

#endif
