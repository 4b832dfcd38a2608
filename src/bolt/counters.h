/* counters.h: struct heddle_counters by the names that servers use for its fields. For this room only.
 *
 * Source: https://neo4j.com/docs/bolt/current/bolt/message/ (`stats`). Threads: pure functions.
 */
#ifndef HEDDLE_BOLT_COUNTERS_H
#define HEDDLE_BOLT_COUNTERS_H

#include <heddle/bolt.h>

/* The field of "nodes-created" and the like; NULL for a name that is none of them. */
int64_t *heddle_counters_field(struct heddle_counters *counters, const char *name, size_t length);

/* Adds every number of `more`. */
void heddle_counters_add(struct heddle_counters *sum, const struct heddle_counters *more);

/* Sets contains_updates and contains_system_updates by the numbers: older servers count and do not say. */
void heddle_counters_conclude(struct heddle_counters *counters);

#endif
