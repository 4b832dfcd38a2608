/* query_target.h: a user's own statement as the statement of a target: how it names its rows, and the rows it is sent.
 *
 * A row is a map of all columns of the source. The statement may name the rows in four ways, told apart by its words
 * (outside quotes and comments):
 *
 *   $rows      a list: UNWIND $rows AS row …                  sent as it is
 *   $events    the same under the name of the Spark connector  sent as it is
 *   events     the list as a variable: UNWIND events AS e …    begins with WITH $rows AS events
 *   event      one row: MATCH (o {id: event.order_id}) …       begins with UNWIND $rows AS event
 *
 * A word `events` that comes after `event` is the statement's own variable. A leading CYPHER with its options stays first.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SINK_NEO4J_QUERY_TARGET_H
#define HEDDLE_SINK_NEO4J_QUERY_TARGET_H

#include "base/buffer.h"
#include "bolt/packstream/encode.h"
#include "sink/rows.h"

/* Appends the statement to send and answers the name of its parameter ("rows", "events"; static memory).
 * Errors: HEDDLE_INVALID (it names its rows in no way, or in two; it is empty: all say the remedy). */
HEDDLE_MUST_CHECK int heddle_query_wrap(struct heddle_buffer *out, const struct heddle_target *target,
                                        const char **parameter_out, struct heddle_error *error);

/* A row as a map of all its columns. */
void heddle_query_put_row(struct heddle_pack *pack, const struct heddle_target_rows *ready, size_t row);

#endif
