/* changes.h: the rows of a change feed on their way to a pass: what goes, and which texts did not change.
 *
 * A source shows each version of its table in three steps (column/batch.h): rows as they were, to look at; rows as they are now;
 * and the first again, to be removed. An update is both, so a row that goes is removed from a target only where no row of its
 * version stands for the same identity: the same node key, the same relationship between the same ends. That is found out here, by
 * 127 bits of hash an identity, and kept for one version at a time. A row whose embedded text was in the graph before its version,
 * under the same identity, keeps its vector, if the graph says that it has one.
 *
 * Threads: one at a time, the one that reads.
 */
#ifndef HEDDLE_RUN_CHANGES_H
#define HEDDLE_RUN_CHANGES_H

#include "run/embedding/embedding.h"
#include "run/plan/plan.h"
#include "sink/sink.h"

/* Identities that one version may delete or update in one target: 64 MiB. */
enum { HEDDLE_CHANGES_IDENTITIES_MAX = 7 * (1 << 19) };

struct heddle_changes;

/* Of one pass over one micro-batch. All is borrowed. */
struct heddle_changes_options {
    const struct heddle_plan *plan;
    const struct heddle_plan_pass *pass;
    const struct heddle_embedding_slot *slots; /* of the pass; none = nothing is embedded */
    size_t slot_count;
    uint64_t seed;         /* of the hash */
    size_t identities_max; /* 0 = HEDDLE_CHANGES_IDENTITIES_MAX */
    /* Takes out of look->rows the rows whose node has no vector of their text (heddle_sink_confirm_vectors); NULL = nobody can tell,
     * and every text is embedded. */
    int (*confirm)(void *context, const struct heddle_sink_look *look, struct heddle_error *error);
    void *context;
};

HEDDLE_MUST_CHECK int heddle_changes_create(const struct heddle_changes_options *options,
                                            struct heddle_changes **changes_out, struct heddle_error *error);
void heddle_changes_destroy(struct heddle_changes *changes); /* NULL is a no-op */

/* Takes the next batch in the order of the source. *wanted_out: it goes on; then `kept` of rows as they are now, and `left_out` of
 * rows to remove, are set. Errors: HEDDLE_SOURCE (rows go that a target does not say anything about: names version, target, key and
 * settings; more identities than can be kept), HEDDLE_OUT_OF_MEMORY, those of conversion and of confirm(). */
HEDDLE_MUST_CHECK int heddle_changes_take(struct heddle_changes *changes, struct heddle_batch *batch,
                                          bool *wanted_out, struct heddle_error *error);

/* Rows that go to the target (of the plan) that removes. */
uint64_t heddle_changes_removals(const struct heddle_changes *changes, size_t target);

/* Texts that did not change: not embedded, their vectors stay. */
uint64_t heddle_changes_kept(const struct heddle_changes *changes);

#endif
