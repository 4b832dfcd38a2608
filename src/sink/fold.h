/* fold.h: which identities this load has already seen, so that a repeated row is known for what it is.
 *
 * Merging targets only; CREATE keeps every row. A repeated row whose target has nothing but its key (no other property, no
 * vector) would change nothing and is taken out: of 5,000 removals of 40 aircraft, 40 rows are sent. A repeated row that
 * carries more is still written, in order, so that later values win, and is marked.
 *
 * The table keeps 128 bits of hash an identity (two identities are confused with probability 2^-88 at a million of them)
 * and is bounded: once it is full, new identities are not remembered, and their repeats are written and counted as matched.
 *
 * Threads: one table, one thread at a time.
 */
#ifndef HEDDLE_SINK_FOLD_H
#define HEDDLE_SINK_FOLD_H

#include "sink/rows.h"

/* Identities remembered a sink: 7/8 of 2^20 slots of 16 bytes, 16 MiB. */
enum { HEDDLE_FOLD_IDENTITIES_MAX = 917504 };

struct heddle_fold;

/* `limit` = identities to remember, 0 = HEDDLE_FOLD_IDENTITIES_MAX. The table grows as it fills.
 * Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_fold_create(uint64_t seed, size_t limit, struct heddle_fold **fold_out,
                                         struct heddle_error *error);
void heddle_fold_destroy(struct heddle_fold *fold); /* NULL is a no-op */

/* Takes repeats out of ready->rows (counted in ready->folded) or marks them (ready->repeats, ready->repeat_count), as the
 * target asks. Rows whose fate is known from before (ready->fates) are learnt and marked, but never taken out: they are
 * counted elsewhere. Does nothing where the target creates. Errors: HEDDLE_OUT_OF_MEMORY (`ready` is then not to be used). */
HEDDLE_MUST_CHECK int heddle_fold_rows(struct heddle_fold *fold, struct heddle_target_rows *ready,
                                       struct heddle_error *error);

/* Forgets all identities: some of them are about to be removed. */
void heddle_fold_clear(struct heddle_fold *fold);

/* Identities remembered. */
size_t heddle_fold_count(const struct heddle_fold *fold);

/* True where a row of `target` says nothing but its identity. */
bool heddle_fold_target_is_bare(const struct heddle_target *target);

#endif
