/* marks.h: the mark that stands in the graph for each transaction, and what its presence or absence proves.
 *
 * The first statement of every writing transaction creates (:HeddleTx {id}) under a uniqueness constraint and then looks
 * whether the load is still ours and the micro-batch still open; where it is not, it divides by zero. The order matters:
 * the mark is made *before* the look. Whoever finds a mark free therefore looks at the load later than everybody whose
 * mark was there before, so a transaction that comes late (from a run that was killed, over a connection that was given
 * up) fails on the mark as long as the mark is there, and on the look once it is pruned: `done` is raised before marks
 * are deleted, and `epoch` before a new run asks for marks.
 *
 * A mark with `void` was made by heddle_mark_close(): it holds the place of a transaction that will never be.
 *
 * Threads: a connection belongs to one thread; heddle_mark_token() may be called from all.
 */
#ifndef HEDDLE_SINK_NEO4J_MARKS_H
#define HEDDLE_SINK_NEO4J_MARKS_H

#include "bolt/request.h"
#include "sink/neo4j/load.h"

/* Marks deleted in one transaction: some 50 ms of work, far below any memory limit. */
enum { HEDDLE_MARKS_A_DELETE = 10000 };

/* A token that this load has never used. Takes the lock. */
uint64_t heddle_mark_token(struct heddle_load *load);

/* Writes the mark's RUN (one DISCARD) behind heddle_bolt_request_begin(). Nothing where the load has no marks. Before the look,
 * the nodes of these parts are locked, in their order (shards.h); where one is missing the transaction fails. */
void heddle_mark_put(struct heddle_bolt_request *request, const struct heddle_load *load, uint64_t token,
                     const uint32_t *parts, size_t part_count);

/* Whether a failure came from the mark's statement. */
enum heddle_mark_answer {
    HEDDLE_MARK_INNOCENT, /* something else failed */
    HEDDLE_MARK_THERE,    /* a transaction of this token has committed, or was closed */
    HEDDLE_MARK_LOST,     /* the load has been taken by another run, or its micro-batch is over */
};
/* `marks` = how many stand before the rows: all of them are made, or none. */
enum heddle_mark_answer heddle_mark_judge(const struct heddle_load *load,
                                          const struct heddle_bolt_answer *answer, size_t marks,
                                          const struct heddle_error *error);

/* Fills *error for HEDDLE_MARK_LOST: who has the load now is not known, what to do is. Answers HEDDLE_DATABASE. */
int heddle_mark_lost(const struct heddle_load *load, struct heddle_error *error);

/* Learns what became of a transaction, and makes it final: where its mark is not there, a void one is made, which waits
 * for a transaction that is still alive on the server and makes one that comes later fail. *written_out = its rows are
 * in the graph. Errors: HEDDLE_DATABASE (the load was lost, see above), those of the connection. */
HEDDLE_MUST_CHECK int heddle_mark_close(struct heddle_load *load, struct heddle_bolt_connection *connection,
                                        struct heddle_arena *arena, uint64_t token, bool *written_out,
                                        struct heddle_error *error);

/* At the start of a micro-batch: closes what the ledger left unresolved and tells it the verdicts. On the control
 * connection, by the caller's thread. */
HEDDLE_MUST_CHECK int heddle_marks_resolve(struct heddle_load *load, struct heddle_error *error);

/* Declares all micro-batches up to `micro_batch` over and deletes their marks, some at a time. Harmless when repeated. */
HEDDLE_MUST_CHECK int heddle_marks_prune(struct heddle_load *load, uint64_t micro_batch,
                                         struct heddle_error *error);

/* Deletes every mark of a load, whatever its micro-batch. */
HEDDLE_MUST_CHECK int heddle_marks_delete_all(struct heddle_bolt_connection *connection, const char *database,
                                              const char *load, struct heddle_arena *arena,
                                              struct heddle_error *error);

#endif
