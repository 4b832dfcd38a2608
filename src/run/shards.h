/* shards.h: one of several processes that load one job (`--shard i/n`): which one, where its checkpoint is, and when it waits
 * for the others. What is whose: sink/share.h. What the database arbitrates: sink/neo4j/shards.h.
 *
 * Threads: the run's.
 */
#ifndef HEDDLE_RUN_SHARDS_H
#define HEDDLE_RUN_SHARDS_H

#include "run/state.h"

/* "2/3": the second of three. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_shard_parse(const char *text, struct heddle_share *share_out,
                                         struct heddle_error *error);

/* Reads the setting; without one run->share.count stays 0. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_run_shard_open(struct heddle_run *run, struct heddle_error *error);

/* Once passes and trigger are known. Errors: HEDDLE_INVALID (rounds without end in stages: no shard would ever know that the
 * others have come to the end of one). */
HEDDLE_MUST_CHECK int heddle_run_shard_check(const struct heddle_run *run, struct heddle_error *error);

/* Comes to the beginning of stage `stage` (0 = of the run; one past the last = its end) and, where `waits`, waits for the
 * other shards. Nothing where there are none. Errors: those of heddle_sink_meet(). */
HEDDLE_MUST_CHECK int heddle_run_meet(struct heddle_run *run, size_t stage, bool waits,
                                      struct heddle_error *error);

/* True where the end of the load makes an index over what all shards wrote. */
bool heddle_run_indexes_at_end(const struct heddle_run *run);

/* Takes rejects of rows that could not be read, of those that are this shard's by their place; `context` is the run. */
int heddle_run_shard_reject(void *context, const struct heddle_reject *reject, struct heddle_error *error);

#endif
