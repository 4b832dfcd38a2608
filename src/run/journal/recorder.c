/* recorder.c: journal, kept vectors and rejects begin and end together. */
#include "run/journal/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

struct heddle_recorder {
    struct heddle_recorder_options options;
    struct heddle_journal *journal;
    struct heddle_ledger inner; /* the journal's own */
    struct heddle_ledger ledger;
    struct heddle_kept_vectors *kept;  /* of the unit at hand, or NULL */
    struct heddle_kept_vectors *ahead; /* of the unit behind it, or NULL */
    uint64_t ahead_unit;
    struct heddle_kept_vectors_statistics past; /* of the units before it */
    struct heddle_buffer vectors_folder;
};

/* ---- the ledger: the journal's, but rejects are on disk before the outcome that covers them ---- */

static int before_send(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                       struct heddle_error *error)
{
    const struct heddle_recorder *recorder = context;
    return recorder->inner.before_send(recorder->inner.context, token, rows, error);
}

/* Rejects that cannot be flushed now are told by the end of the load, which flushes them again. Until then they are with the
 * system: only a power cut loses them. */
static void outcome(void *context, uint64_t token, enum heddle_verdict verdict,
                    const struct heddle_ledger_sums *sums)
{
    const struct heddle_recorder *recorder = context;
    if (verdict == HEDDLE_VERDICT_SETTLED && sums != NULL && sums->rejected > 0 &&
        heddle_rejects_sync(recorder->options.rejects, NULL) != HEDDLE_OK) {
        return; /* without its outcome the transaction is asked for again, and so are its rejects */
    }
    recorder->inner.outcome(recorder->inner.context, token, verdict, sums);
}

static int unresolved(void *context, size_t index, uint64_t *token_out, size_t *target_out)
{
    const struct heddle_recorder *recorder = context;
    return recorder->inner.unresolved(recorder->inner.context, index, token_out, target_out);
}

static size_t recall_rows(void *context, size_t target, uint64_t position, size_t rows, uint8_t *fates)
{
    const struct heddle_recorder *recorder = context;
    return recorder->inner.recall(recorder->inner.context, target, position, rows, fates);
}

static void remembered(void *context, size_t target, struct heddle_ledger_sums *out)
{
    const struct heddle_recorder *recorder = context;
    recorder->inner.remembered(recorder->inner.context, target, out);
}

const struct heddle_ledger *heddle_recorder_ledger(const struct heddle_recorder *recorder)
{
    return &recorder->ledger;
}

/* ---- opening ---- */

static int open_journal(struct heddle_recorder *recorder, struct heddle_error *error)
{
    struct heddle_buffer folder = {0};
    struct heddle_journal_store store = {0};
    heddle_buffer_append_format(&folder, "%s/journal", recorder->options.folder);
    const char *path = heddle_buffer_text(&folder);
    int status = path == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = heddle_journal_store_open_in(recorder->options.depot, path, &store, error);
    }
    if (status == HEDDLE_OK) {
        const struct heddle_journal_options options = {.load = recorder->options.load};
        status = heddle_journal_open(&store, &options, &recorder->journal, error);
    }
    heddle_buffer_free(&folder);
    return status;
}

int heddle_recorder_open(const struct heddle_recorder_options *options, struct heddle_recorder **recorder_out,
                         struct heddle_error *error)
{
    struct heddle_recorder *recorder = heddle_calloc(1, sizeof *recorder);
    if (recorder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    recorder->options = *options;
    heddle_buffer_append_format(&recorder->vectors_folder, "%s/vectors", options->local);
    int status =
        heddle_buffer_text(&recorder->vectors_folder) == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = open_journal(recorder, error);
    }
    if (status != HEDDLE_OK) {
        heddle_recorder_close(recorder);
        return status;
    }
    recorder->inner = heddle_journal_ledger(recorder->journal);
    recorder->ledger = (struct heddle_ledger){
        .before_send = before_send,
        .outcome = outcome,
        .unresolved = unresolved,
        .recall = recall_rows,
        .remembered = remembered,
        .context = recorder,
    };
    *recorder_out = recorder;
    return HEDDLE_OK;
}

const struct heddle_journal_report *heddle_recorder_report(const struct heddle_recorder *recorder)
{
    return heddle_journal_report(recorder->journal);
}

/* ---- units ---- */

/* Adds what the unit at hand did to the past. */
static void close_kept(struct heddle_recorder *recorder)
{
    if (recorder->kept != NULL) {
        heddle_recorder_kept(recorder, &recorder->past);
        heddle_kept_vectors_close(recorder->kept);
        recorder->kept = NULL;
    }
}

/* Files of other units are removed on opening. */
static int open_kept(struct heddle_recorder *recorder, uint64_t unit, bool ahead,
                     struct heddle_kept_vectors **kept_out, struct heddle_error *error)
{
    const struct heddle_kept_vectors_options options = {
        .folder = heddle_buffer_text(&recorder->vectors_folder),
        .batch = unit,
        .identity = recorder->options.vectors,
        .keep = recorder->options.keep_vectors,
        .ahead = ahead,
    };
    return heddle_kept_vectors_open(&options, kept_out, error);
}

/* Of the unit that begins: what was opened ahead for it, or anew. */
static int take_kept(struct heddle_recorder *recorder, uint64_t unit, struct heddle_error *error)
{
    if (!recorder->options.embeds) {
        return HEDDLE_OK;
    }
    if (recorder->ahead == NULL || recorder->ahead_unit != unit) {
        return open_kept(recorder, unit, false, &recorder->kept, error);
    }
    recorder->kept = recorder->ahead;
    recorder->ahead = NULL;
    heddle_kept_vectors_take_over(recorder->kept);
    return HEDDLE_OK;
}

int heddle_recorder_catch_up(struct heddle_recorder *recorder, uint64_t unit, struct heddle_error *error)
{
    const struct heddle_journal_report *report = heddle_journal_report(recorder->journal);
    if (report->begun && !report->finished && report->batch < unit) {
        HEDDLE_TRY(heddle_journal_finish(recorder->journal, error));
    }
    return recorder->options.embeds ? open_kept(recorder, unit, false, &recorder->kept, error) : HEDDLE_OK;
}

int heddle_recorder_begin(struct heddle_recorder *recorder, uint64_t unit, uint32_t epoch,
                          struct heddle_error *error)
{
    close_kept(recorder);
    HEDDLE_TRY(heddle_journal_begin(recorder->journal, unit, epoch, error));
    HEDDLE_TRY(heddle_rejects_begin(recorder->options.rejects, unit, error));
    return take_kept(recorder, unit, error);
}

struct heddle_embedding_memory heddle_recorder_memory(const struct heddle_recorder *recorder,
                                                      const struct heddle_target *targets,
                                                      const size_t *pass_targets, size_t pass_target_count)
{
    return (struct heddle_embedding_memory){
        .kept = recorder->kept,
        .ledger = &recorder->ledger,
        .targets = targets,
        .pass_targets = pass_targets,
        .pass_target_count = pass_target_count,
    };
}

int heddle_recorder_ahead(struct heddle_recorder *recorder, uint64_t unit,
                          struct heddle_kept_vectors **kept_out, struct heddle_error *error)
{
    *kept_out = NULL;
    if (recorder->options.embeds) {
        heddle_kept_vectors_close(recorder->ahead);
        recorder->ahead = NULL;
        HEDDLE_TRY(open_kept(recorder, unit, true, &recorder->ahead, error));
        recorder->ahead_unit = unit;
        *kept_out = recorder->ahead;
    }
    return HEDDLE_OK;
}

int heddle_recorder_end(struct heddle_recorder *recorder, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_journal_finish(recorder->journal, error));
    if (recorder->kept != NULL) {
        heddle_kept_vectors_finish(recorder->kept);
    }
    close_kept(recorder);
    return HEDDLE_OK;
}

void heddle_recorder_kept(struct heddle_recorder *recorder, struct heddle_kept_vectors_statistics *out)
{
    struct heddle_kept_vectors_statistics now = {0};
    if (recorder->kept != NULL) {
        heddle_kept_vectors_statistics(recorder->kept, &now);
    }
    struct heddle_kept_vectors_statistics sum = recorder->past;
    sum.found += now.found;
    sum.again = recorder->kept != NULL ? now.again : sum.again; /* it counts over micro-batches by itself */
    sum.kept += now.kept;
    if (now.problem[0] != '\0') {
        memcpy(sum.problem, now.problem, sizeof sum.problem);
    }
    *out = sum;
}

void heddle_recorder_costs(struct heddle_recorder *recorder, struct heddle_journal_costs *out)
{
    heddle_journal_costs(recorder->journal, out);
}

void heddle_recorder_close(struct heddle_recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    close_kept(recorder);
    heddle_kept_vectors_close(recorder->ahead);
    if (recorder->journal != NULL) {
        /* Outcomes that are not noted cost the next run a question each: no reason to fail. */
        const int unnoted = heddle_journal_flush(recorder->journal, NULL);
        (void)unnoted;
    }
    heddle_journal_close(recorder->journal);
    heddle_buffer_free(&recorder->vectors_folder);
    free(recorder);
}
