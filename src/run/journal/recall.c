/* recall.c: records in, fates of rows out. */
#include "run/journal/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A job has a handful of targets; a larger number is damage that no sum noticed. */
enum { TARGETS_MAX = 1 << 20 };

void heddle_recall_free(struct heddle_recall *recall)
{
    for (size_t i = 0; i < recall->target_count; i++) {
        heddle_position_set_free(&recall->targets[i].done);
        heddle_position_set_free(&recall->targets[i].written);
    }
    for (size_t i = 0; i < recall->open_count; i++) {
        free(recall->open[i].positions);
    }
    free(recall->targets);
    free(recall->open);
    *recall = (struct heddle_recall){0};
}

/* Where the open transaction of that token is, or would be put. */
static size_t open_place(const struct heddle_recall *recall, uint64_t token)
{
    size_t low = 0;
    size_t high = recall->open_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (recall->open[middle].token < token) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int target_make(struct heddle_recall *recall, size_t target, struct heddle_error *error)
{
    if (target < recall->target_count) {
        return HEDDLE_OK;
    }
    if (heddle_grow((void **)&recall->targets, &recall->target_capacity, target + 1,
                    sizeof *recall->targets) != 0) {
        return heddle_error_out_of_memory(error);
    }
    memset(&recall->targets[recall->target_count], 0,
           (target + 1 - recall->target_count) * sizeof *recall->targets);
    recall->target_count = target + 1;
    return HEDDLE_OK;
}

static int take_sent(struct heddle_recall *recall, const struct heddle_journal_record *record,
                     struct heddle_error *error)
{
    const size_t at = open_place(recall, record->token);
    if (!recall->begun || recall->finished || record->target >= TARGETS_MAX) {
        return heddle_error_set(error, HEDDLE_IO,
                                "the journal notes a transaction outside of any micro-batch");
    }
    if (at < recall->open_count && recall->open[at].token == record->token) {
        const struct heddle_recall_open *open = &recall->open[at];
        if (open->positions_length == record->positions_length && open->target == record->target &&
            memcmp(open->positions, record->positions, record->positions_length) == 0) {
            return HEDDLE_OK; /* sent again, under its own name */
        }
        return heddle_error_set(error, HEDDLE_IO, "the journal notes two sets of rows under one token");
    }
    HEDDLE_TRY(target_make(recall, record->target, error));
    uint8_t *copy = heddle_malloc(record->positions_length + 1);
    if (copy == NULL || heddle_grow((void **)&recall->open, &recall->open_capacity, recall->open_count + 1,
                                    sizeof *recall->open) != 0) {
        free(copy);
        return heddle_error_out_of_memory(error);
    }
    memcpy(copy, record->positions, record->positions_length);
    memmove(&recall->open[at + 1], &recall->open[at], (recall->open_count - at) * sizeof *recall->open);
    recall->open[at] = (struct heddle_recall_open){
        .token = record->token,
        .target = record->target,
        .rows = record->rows,
        .positions = copy,
        .positions_length = record->positions_length,
    };
    recall->open_count++;
    return HEDDLE_OK;
}

static int resolve(struct heddle_recall *recall, struct heddle_recall_open *open, enum heddle_verdict verdict,
                   const struct heddle_ledger_sums *sums, struct heddle_error *error)
{
    struct heddle_recall_target *target = &recall->targets[open->target];
    if (verdict != HEDDLE_VERDICT_VOID) {
        struct heddle_position_set *set =
            verdict == HEDDLE_VERDICT_SETTLED ? &target->done : &target->written;
        HEDDLE_TRY(heddle_position_set_add_list(set, open->positions, open->positions_length, error));
    }
    if (verdict == HEDDLE_VERDICT_SETTLED && sums != NULL) {
        target->sums.created += sums->created;
        target->sums.matched += sums->matched;
        target->sums.folded += sums->folded;
        target->sums.rejected += sums->rejected;
        target->sums.vectors += sums->vectors;
    }
    open->resolved = true;
    return HEDDLE_OK;
}

/* While reading, a transaction whose outcome is there is forgotten at once: only its rows are kept, in the sets. */
static int take_outcome(struct heddle_recall *recall, const struct heddle_journal_record *record,
                        struct heddle_error *error)
{
    const size_t at = open_place(recall, record->token);
    if (at == recall->open_count || recall->open[at].token != record->token) {
        return heddle_error_set(error, HEDDLE_IO,
                                "the journal notes the outcome of a transaction that was not sent");
    }
    struct heddle_recall_open *open = &recall->open[at];
    HEDDLE_TRY(resolve(recall, open,
                       record->type == HEDDLE_RECORD_SETTLED ? HEDDLE_VERDICT_SETTLED
                       : record->type == HEDDLE_RECORD_VOID  ? HEDDLE_VERDICT_VOID
                                                             : HEDDLE_VERDICT_WRITTEN,
                       &record->sums, error));
    free(open->positions);
    recall->open_count--;
    memmove(open, open + 1, (recall->open_count - at) * sizeof *open);
    return HEDDLE_OK;
}

static int take_begun(struct heddle_recall *recall, const struct heddle_journal_record *record,
                      struct heddle_error *error)
{
    if (recall->begun &&
        (recall->batch > record->batch || (recall->batch == record->batch && recall->finished))) {
        return heddle_error_set(error, HEDDLE_IO, "the journal begins a micro-batch that it has finished");
    }
    if (!recall->begun || recall->batch != record->batch) {
        heddle_recall_free(recall);
    }
    recall->begun = true;
    recall->batch = record->batch;
    recall->epoch = record->epoch;
    recall->runs++;
    return HEDDLE_OK;
}

int heddle_recall_take(struct heddle_recall *recall, const struct heddle_journal_record *record,
                       struct heddle_error *error)
{
    switch (record->type) {
    case HEDDLE_RECORD_BEGUN: return take_begun(recall, record, error);
    case HEDDLE_RECORD_SENT: return take_sent(recall, record, error);
    case HEDDLE_RECORD_SETTLED:
    case HEDDLE_RECORD_VOID:
    case HEDDLE_RECORD_WRITTEN: return take_outcome(recall, record, error);
    case HEDDLE_RECORD_DONE:
        heddle_recall_free(recall);
        recall->begun = recall->finished = true;
        recall->batch = record->batch;
        return HEDDLE_OK;
    case HEDDLE_RECORD_SEALED: break;
    }
    return heddle_error_set(error, HEDDLE_IO, "a record in the journal stands where it cannot");
}

int heddle_recall_resolve(struct heddle_recall *recall, uint64_t token, enum heddle_verdict verdict,
                          const struct heddle_ledger_sums *sums, struct heddle_error *error)
{
    const size_t at = open_place(recall, token);
    if (at == recall->open_count || recall->open[at].token != token || recall->open[at].resolved) {
        return HEDDLE_OK;
    }
    return resolve(recall, &recall->open[at], verdict, sums, error);
}

size_t heddle_recall_fates(const struct heddle_recall *recall, size_t target, uint64_t position, size_t rows,
                           uint8_t *fates)
{
    memset(fates, HEDDLE_FATE_NEW, rows);
    if (target >= recall->target_count) {
        return 0;
    }
    const struct heddle_recall_target *known = &recall->targets[target];
    if (known->done.count == 0 && known->written.count == 0) {
        return 0;
    }
    size_t old = 0;
    for (size_t i = 0; i < rows; i++) {
        if (heddle_position_set_has(&known->done, position + i)) {
            fates[i] = HEDDLE_FATE_DONE;
            old++;
        } else if (heddle_position_set_has(&known->written, position + i)) {
            fates[i] = HEDDLE_FATE_WRITTEN;
            old++;
        }
    }
    return old;
}
