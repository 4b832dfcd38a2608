/* protocol.h: whether this reader may read a table at all. */
#ifndef HEDDLE_SOURCE_DELTA_PROTOCOL_H
#define HEDDLE_SOURCE_DELTA_PROTOCOL_H

#include "source/delta/action.h"
#include "source/delta/type.h"

/* Errors: HEDDLE_SOURCE: a reader version above 3 or below 1, reader features that are not supported (all named). */
HEDDLE_MUST_CHECK int heddle_delta_protocol_check(const struct heddle_delta_protocol *protocol,
                                                  struct heddle_error *error);

/* How the table's files name columns; a property without the protocol that allows it counts for nothing. Errors:
 * HEDDLE_SOURCE (an unknown mode: named). */
HEDDLE_MUST_CHECK int heddle_delta_mapping_of(const struct heddle_delta_protocol *protocol,
                                              const struct heddle_delta_metadata *metadata,
                                              enum heddle_delta_mapping *mapping_out,
                                              struct heddle_error *error);

#endif
