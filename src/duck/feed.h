/* feed.h: a stream of batches as a table that SQL can select from, for writing Parquet in bounded memory.
 *
 * register() makes a table function `NAME()`; while a statement reads it, DuckDB calls `next` for one batch
 * after the other, on one thread at a time, in order: COPY (SELECT * FROM NAME()) TO 'file' (FORMAT parquet).
 */
#ifndef HEDDLE_DUCK_FEED_H
#define HEDDLE_DUCK_FEED_H

#include "duck/duck.h"

/* The stream. Owned by the caller, borrowed until the connection's database is closed. */
struct heddle_duck_feed {
    const struct heddle_schema *schema;
    /* Answers the next batch with one reference, HEDDLE_END after the last, or an error. May be called on a
     * thread of DuckDB's own, but never by two at once. */
    int (*next)(void *context, struct heddle_batch **batch_out, struct heddle_error *error);
    void *context;
    struct heddle_batch *current; /* the batch being read, and the next row of it: start with NULL and 0 */
    size_t row;
    struct heddle_error failure; /* what next() said when it failed: SQL errors carry only its text */
};

/* Registers the feed under `name`, a plain identifier. It can be read once. Errors: HEDDLE_DATABASE. */
HEDDLE_MUST_CHECK int heddle_duck_feed_register(struct heddle_duck_connection *connection, const char *name,
                                                struct heddle_duck_feed *feed, struct heddle_error *error);

/* Releases the batch that a failed statement left behind. */
void heddle_duck_feed_reset(struct heddle_duck_feed *feed);

#endif
