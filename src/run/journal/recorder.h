/* recorder.h: what a run writes down while it loads, so that the next one can go on where it was killed: the journal of what is
 * sent, the vectors that wait for their commit, the rejects.
 *
 *   heddle_recorder_open(options, &recorder, error)      reads what earlier runs left; sink options take the ledger
 *   each unit of work (micro-batch), in order:
 *     heddle_recorder_begin(recorder, unit, epoch, error)     then heddle_sink_begin(), which settles what is unresolved
 *     … pipeline with heddle_recorder_memory(), flush of the sink, the checkpoint's own commit …
 *     heddle_recorder_end(recorder, error)                    then heddle_sink_forget()
 *   heddle_recorder_close(recorder)
 *
 * Threads: the ledger and the memory as their headers say; the others one.
 */
#ifndef HEDDLE_RUN_RECORDER_H
#define HEDDLE_RUN_RECORDER_H

#include "run/embedding/embedding_memory.h"
#include "run/journal/journal.h"
#include "run/rejects/rejects.h"

struct heddle_recorder;

/* All is borrowed until close. */
struct heddle_recorder_options {
    struct heddle_depot *depot; /* where the checkpoint lies, NULL = on this machine */
    const char *folder;         /* the checkpoint */
    const char *local; /* a folder of this machine, for vectors: the checkpoint itself where it is one */
    const char *load;  /* id */
    struct heddle_rejects *rejects;
    bool embeds;
    bool keep_vectors;
    const char *vectors; /* whose they are: model, precision, dimensions; where the load embeds */
};

/* Errors: those of heddle_journal_store_open() and heddle_journal_open(). */
HEDDLE_MUST_CHECK int heddle_recorder_open(const struct heddle_recorder_options *options,
                                           struct heddle_recorder **recorder_out, struct heddle_error *error);

const struct heddle_journal_report *heddle_recorder_report(const struct heddle_recorder *recorder);

/* For the sink. The outcome of a transaction with rejects is noted once these are on disk. Valid until close. */
const struct heddle_ledger *heddle_recorder_ledger(const struct heddle_recorder *recorder);

/* Errors: those of heddle_journal_begin(), heddle_rejects_begin() and heddle_kept_vectors_open(). */
HEDDLE_MUST_CHECK int heddle_recorder_begin(struct heddle_recorder *recorder, uint64_t unit, uint32_t epoch,
                                            struct heddle_error *error);

/* What the embedding stage need not do in a pass that feeds these targets. Valid until end. */
struct heddle_embedding_memory heddle_recorder_memory(const struct heddle_recorder *recorder,
                                                      const struct heddle_target *targets,
                                                      const size_t *pass_targets, size_t pass_target_count);

/* For the unit behind the one at hand, which nobody has begun: its texts may be embedded ahead, and their vectors are kept
 * for it; *kept_out = NULL where the load embeds nothing. Errors: those of heddle_kept_vectors_open(). */
HEDDLE_MUST_CHECK int heddle_recorder_ahead(struct heddle_recorder *recorder, uint64_t unit,
                                            struct heddle_kept_vectors **kept_out,
                                            struct heddle_error *error);

/* The unit's commit is on disk. Errors: those of heddle_journal_finish(). */
HEDDLE_MUST_CHECK int heddle_recorder_end(struct heddle_recorder *recorder, struct heddle_error *error);

/* Before the first begin: the checkpoint says that `unit` comes next, so what is there of earlier units goes. Errors: those of
 * heddle_journal_finish() and heddle_kept_vectors_open(). */
HEDDLE_MUST_CHECK int heddle_recorder_catch_up(struct heddle_recorder *recorder, uint64_t unit,
                                               struct heddle_error *error);

/* Sums over the units so far; `problem` of the newest that had one. */
void heddle_recorder_kept(struct heddle_recorder *recorder, struct heddle_kept_vectors_statistics *out);
void heddle_recorder_costs(struct heddle_recorder *recorder, struct heddle_journal_costs *out);

/* Notes the outcomes so far, where that is possible. NULL is a no-op. */
void heddle_recorder_close(struct heddle_recorder *recorder);

#endif
