/* encode.h: rows of columns as the lists that the statements of statements.h read.
 *
 * Threads: reads columns that nobody changes any more; one encoder, one thread.
 */
#ifndef HEDDLE_SINK_NEO4J_ENCODE_H
#define HEDDLE_SINK_NEO4J_ENCODE_H

#include "bolt/packstream/encode.h"
#include "schedule/scheduler.h"
#include "sink/neo4j/plan.h"

/* Refuses columns that Bolt or the store cannot hold. Errors: HEDDLE_INVALID (a map: names target and property). */
HEDDLE_MUST_CHECK int heddle_encode_check(const struct heddle_target_rows *ready, struct heddle_error *error);

/* How one row is written. */
struct heddle_encode_form {
    const int64_t *ids;    /* of start and end, first in the list; of a plan with riders: of their ends, each
                            * before its keys; NULL = by key */
    const char *id_prefix; /* what stands before the number in element ids; NULL = ids are numbers */
    int64_t ordinal;       /* last in the list; below 0 = none */
};

/* Writes one row as the list that the plan's statements read. row->batch is a struct heddle_lot. */
void heddle_encode_row(struct heddle_pack *pack, const struct heddle_write_plan *plan,
                       const struct heddle_schedule_row *row, const struct heddle_encode_form *form);

/* Writes `count` rows as a list of lists for plan->missing: keys of both ends, then the row's position in `rows`. */
void heddle_encode_ends(struct heddle_pack *pack, const struct heddle_write_plan *plan,
                        const struct heddle_schedule_row *rows, size_t count);

#endif
