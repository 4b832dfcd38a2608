/* confirm.h: which nodes have the vector of a text already. On a connection of its own, so that the thread that reads may ask while
 * rows are written. */
#ifndef HEDDLE_SINK_NEO4J_CONFIRM_H
#define HEDDLE_SINK_NEO4J_CONFIRM_H

#include "sink/neo4j/load.h"

/* As heddle_sink_confirm_vectors(). */
HEDDLE_MUST_CHECK int heddle_confirm_vectors(struct heddle_load *load, const struct heddle_sink_look *look,
                                             struct heddle_error *error);

/* UNWIND $rows AS r MATCH (n:`L` {`k`: r[0]}) WHERE n.`vector` IS NOT NULL … RETURN collect(r[…]): the rows' numbers, last in each. */
void heddle_confirm_write(struct heddle_buffer *out, const struct heddle_target *target);

#endif
