/* ids_read.h: learning the internal ids of nodes that were there before the load, in one grouped scan a page of ids.
 *
 * Threads: the caller's, on the control connection, and beside it one more with a connection of its own, which has ended when
 * heddle_ids_consider() returns.
 */
#ifndef HEDDLE_SINK_NEO4J_IDS_READ_H
#define HEDDLE_SINK_NEO4J_IDS_READ_H

#include "sink/neo4j/load.h"

/* Ids looked at by one query: its answer takes some 45 MB while it is read. */
enum { HEDDLE_IDS_PAGE = 250000 };

/* Before rows of a relationship target are put on their way: reads the ids of its ends' nodes, once, where that pays
 * (heddle_ids_reading_pays) and the load does not write those nodes itself. What cannot be read is not known: such rows
 * go by key. */
void heddle_ids_consider(struct heddle_load *load, const struct heddle_write_plan *plan, size_t more_rows);

#endif
