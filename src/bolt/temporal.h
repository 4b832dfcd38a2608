/* temporal.h: Neo4j's temporal values as ISO 8601 texts, as Cypher's toString() writes them. This room only. */
#ifndef HEDDLE_BOLT_TEMPORAL_H
#define HEDDLE_BOLT_TEMPORAL_H

#include "bolt/packstream/value.h"

enum { HEDDLE_TEMPORAL_TEXT_MAX = 128 };

/* Writes a DATE, TIME, LOCAL_TIME, DATETIME, DATETIME_ZONE, LOCAL_DATETIME or DURATION into `out` and answers
 * `out`. A zoned date-time of Bolt 5 holds UTC and a zone's name; without a table of zones it is written in UTC
 * with the name behind: 2024-01-01T11:00:00Z[Europe/Rome]. */
const char *heddle_temporal_text(const struct heddle_value *value, char out[static HEDDLE_TEMPORAL_TEXT_MAX]);

#endif
