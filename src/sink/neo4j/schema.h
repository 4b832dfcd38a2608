/* schema.h: constraints and indexes of a load: what is there, what is missing, and waiting until all are ONLINE.
 *
 * Nothing is ever dropped. What is there under another name is good enough. Uniqueness constraints and ordinary indexes
 * are made before the first row; a vector index before or after, as the settings say:
 *   auto     after, unless the index is there already: building it in one go costs the server less than half, and the
 *            load runs at full speed; for the few thousand rows of a small load it takes about as long either way
 */
#ifndef HEDDLE_SINK_NEO4J_SCHEMA_H
#define HEDDLE_SINK_NEO4J_SCHEMA_H

#include "sink/neo4j/load.h"

/* An index that does not get on for this long is given up. */
enum { HEDDLE_SCHEMA_PATIENCE_S = 600 };

/* Makes what comes first and waits for it; sets each plan's limits; counts what is there.
 * Errors: HEDDLE_DATABASE (cannot be made: the server's reason), HEDDLE_INVALID (a name is taken by something else, an
 * index is there with other dimensions), HEDDLE_NETWORK. */
HEDDLE_MUST_CHECK int heddle_schema_prepare(struct heddle_load *load, struct heddle_error *error);

/* Makes the vector indexes that come after, and waits until all indexes are ONLINE. */
HEDDLE_MUST_CHECK int heddle_schema_finish(struct heddle_load *load, struct heddle_error *error);

/* The state of the vector index over a target's vectors ("ONLINE", "POPULATING", …) and its name; "" where there is none. */
struct heddle_schema_vector {
    char name[128];
    char state[64];
};
HEDDLE_MUST_CHECK int heddle_schema_find_vector(struct heddle_load *load, const struct heddle_target *target,
                                                struct heddle_schema_vector *out, struct heddle_error *error);

/* Nodes of the target's first label, or relationships of its type (the server keeps these counts). */
HEDDLE_MUST_CHECK int heddle_schema_count(struct heddle_load *load, const struct heddle_target *target,
                                          int64_t *count_out, struct heddle_error *error);

#endif
