/* table.h: the parts of one key space as the rows of a load claim them, also while its part table changes.
 *
 * Order of a change, at the edge of a window (parallel loading, 5.5): set `before` to the table in use and `now` to the
 * new one; reroute; when heddle_scheduler_before() answers 0, set `before` to NULL, reroute again, destroy the old table.
 * Between the two, a key whose part moved claims both: a transaction from before holds the old one.
 *
 * Threads: read-only while rows are claimed.
 */
#ifndef HEDDLE_SCHEDULE_TABLE_H
#define HEDDLE_SCHEDULE_TABLE_H

#include "schedule/claim.h"
#include "schedule/parts.h"

struct heddle_table {
    uint32_t first_part;               /* space x parts a space, as the scheduler counts */
    const struct heddle_parts *now;    /* not owned */
    const struct heddle_parts *before; /* not owned; NULL outside a change */
};

/* Adds what a key claims. False where the claim is full. */
bool heddle_table_claim(const struct heddle_table *table, uint64_t hash, struct heddle_claim *claim);

#endif
