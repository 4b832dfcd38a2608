/* journal.c: records gather in memory; whoever needs them on disk first flushes for all. */
#include "run/journal/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

/* Large enough that closing one costs nothing, small enough to be read, and rewritten after a crash, in a moment. */
static const size_t SEGMENT_BYTES = (size_t)4 * 1024 * 1024;

/* ---- to the store: by the thread that set `flushing`, without the lock ---- */

/* The next segment's first bytes. */
static void open_segment(struct heddle_journal *journal, bool anew)
{
    heddle_segment_append_header(&journal->bytes, journal->number, anew);
    journal->offset = HEDDLE_SEGMENT_HEADER;
    journal->blocks = 0;
}

/* Appends what stands in `bytes` to the open segment. `created`: it was not there before; `sealed`: nothing follows. */
static int write_bytes(struct heddle_journal *journal, bool created, bool sealed, struct heddle_error *error)
{
    struct heddle_journal_store *store = &journal->store;
    struct heddle_buffer *bytes = &journal->bytes;
    HEDDLE_TRY(heddle_buffer_check(bytes, error));
    char name[HEDDLE_SEGMENT_NAME_MAX];
    heddle_segment_name(name, journal->number);
    HEDDLE_TRY((created && sealed ? store->create : store->append)(store->self, name, bytes->bytes,
                                                                   bytes->length, error));
    if (sealed) {
        journal->number++;
        journal->offset = 0;
    }
    return HEDDLE_OK;
}

/* Closes the open segment, if there is one. */
static int seal_segment(struct heddle_journal *journal, struct heddle_error *error)
{
    if (journal->offset == 0) {
        return HEDDLE_OK;
    }
    heddle_buffer_reset(&journal->bytes);
    heddle_segment_append_seal(&journal->bytes, journal->number, journal->offset, journal->blocks);
    return write_bytes(journal, false, true, error);
}

/* Puts `block` on disk. A store that cannot append gets a segment for each block. */
static int write_block(struct heddle_journal *journal, bool anew, struct heddle_error *error)
{
    if (anew) {
        HEDDLE_TRY(seal_segment(journal, error));
    }
    const struct heddle_buffer *block = &journal->block;
    struct heddle_buffer *bytes = &journal->bytes;
    heddle_buffer_reset(bytes);
    const bool created = journal->offset == 0;
    if (created) {
        open_segment(journal, anew);
    }
    heddle_segment_append_block(bytes, journal->number, journal->offset, block->bytes, block->length);
    journal->offset += HEDDLE_BLOCK_HEAD + block->length;
    journal->blocks++;
    const bool sealed = !journal->store.appends || journal->offset >= journal->segment_bytes;
    if (sealed) {
        heddle_segment_append_seal(bytes, journal->number, journal->offset, journal->blocks);
    }
    return write_bytes(journal, created, sealed, error);
}

/* Removes the segments before `number`, oldest first, so that what is left has no gap. */
static int remove_before(struct heddle_journal *journal, uint64_t number, struct heddle_error *error)
{
    struct heddle_journal_store *store = &journal->store;
    while (journal->oldest < number) {
        char name[HEDDLE_SEGMENT_NAME_MAX];
        HEDDLE_TRY(store->remove(store->self, heddle_segment_name(name, journal->oldest), error));
        journal->oldest++;
    }
    return HEDDLE_OK;
}

/* ---- group commit: with the lock ---- */

static int refuse_failed(const struct heddle_journal *journal, struct heddle_error *error)
{
    if (error != NULL) {
        *error = journal->failure;
    }
    return journal->failure.status;
}

static void note_failure(struct heddle_journal *journal, const struct heddle_error *reason)
{
    if (!journal->failed) {
        journal->failed = true;
        journal->failure = *reason;
        journal->failure.action = HEDDLE_ACTION_FATAL;
    }
}

/* Flushes what is pending, for everybody who waits. Lets the lock go meanwhile. */
static void lead(struct heddle_journal *journal, bool anew)
{
    journal->flushing = true;
    const struct heddle_buffer taken = journal->pending;
    journal->pending = journal->block;
    journal->block = taken;
    const uint64_t number = journal->filling++;
    pthread_mutex_unlock(&journal->lock);

    struct heddle_error reason = {0};
    const uint64_t start = heddle_clock_ns();
    int status = write_block(journal, anew, &reason);
    if (status == HEDDLE_OK && anew) {
        /* The block is on disk: the segment it stands in is the last one, open or just closed. */
        status =
            remove_before(journal, journal->offset == 0 ? journal->number - 1 : journal->number, &reason);
    }
    const uint64_t took = heddle_clock_ns() - start;
    heddle_buffer_reset(&journal->block);

    pthread_mutex_lock(&journal->lock);
    journal->flushing = false;
    journal->costs.flushes++;
    journal->costs.flush_ns += took;
    journal->costs.bytes += journal->bytes.length;
    if (status == HEDDLE_OK) {
        journal->flushed = number;
    } else {
        note_failure(journal, &reason);
    }
    pthread_cond_broadcast(&journal->changed);
}

/* Waits until everything that is pending now is on disk. `anew`: in a segment that starts anew; only where one thread alone uses
 * the journal. */
static int commit(struct heddle_journal *journal, bool anew, struct heddle_error *error)
{
    const uint64_t mine = journal->filling;
    while (journal->flushed < mine && !journal->failed) {
        if (journal->flushing) {
            pthread_cond_wait(&journal->changed, &journal->lock);
        } else {
            lead(journal, anew);
        }
    }
    return journal->flushed >= mine ? HEDDLE_OK : refuse_failed(journal, error);
}

/* A record that did not fit into memory is taken back whole. */
static int check_pending(struct heddle_journal *journal, size_t length_before, struct heddle_error *error)
{
    if (heddle_buffer_check(&journal->pending, NULL) == HEDDLE_OK) {
        return HEDDLE_OK;
    }
    journal->pending.failed = false;
    journal->pending.length = length_before;
    return heddle_error_out_of_memory(error);
}

/* ---- the ledger ---- */

static int before_send(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                       struct heddle_error *error)
{
    struct heddle_journal *journal = context;
    pthread_mutex_lock(&journal->lock);
    int status = journal->failed ? refuse_failed(journal, error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        const size_t length = journal->pending.length;
        heddle_record_append_sent(&journal->pending, token, rows);
        status = check_pending(journal, length, error);
    }
    if (status == HEDDLE_OK) {
        journal->costs.sends++;
        status = commit(journal, false, error);
    }
    pthread_mutex_unlock(&journal->lock);
    return status;
}

static void outcome(void *context, uint64_t token, enum heddle_verdict verdict,
                    const struct heddle_ledger_sums *sums)
{
    struct heddle_journal *journal = context;
    struct heddle_error reason = {0};
    pthread_mutex_lock(&journal->lock);
    const size_t length = journal->pending.length;
    heddle_record_append_outcome(&journal->pending, token, verdict, sums);
    int status = check_pending(journal, length, &reason);
    if (status == HEDDLE_OK) {
        status = heddle_recall_resolve(&journal->recall, token, verdict, sums, &reason);
    }
    if (status != HEDDLE_OK) {
        note_failure(journal, &reason);
    }
    pthread_mutex_unlock(&journal->lock);
}

static int unresolved(void *context, size_t index, uint64_t *token_out, size_t *target_out)
{
    struct heddle_journal *journal = context;
    pthread_mutex_lock(&journal->lock);
    const bool there = index < journal->recall.open_count;
    if (there) {
        *token_out = journal->recall.open[index].token;
        *target_out = journal->recall.open[index].target;
    }
    pthread_mutex_unlock(&journal->lock);
    return there ? HEDDLE_OK : HEDDLE_END;
}

static size_t recall_rows(void *context, size_t target, uint64_t position, size_t rows, uint8_t *fates)
{
    struct heddle_journal *journal = context;
    pthread_mutex_lock(&journal->lock);
    const size_t old = heddle_recall_fates(&journal->recall, target, position, rows, fates);
    pthread_mutex_unlock(&journal->lock);
    return old;
}

static void remembered(void *context, size_t target, struct heddle_ledger_sums *out)
{
    struct heddle_journal *journal = context;
    *out = (struct heddle_ledger_sums){0};
    pthread_mutex_lock(&journal->lock);
    if (target < journal->recall.target_count) {
        *out = journal->recall.targets[target].sums;
    }
    pthread_mutex_unlock(&journal->lock);
}

struct heddle_ledger heddle_journal_ledger(struct heddle_journal *journal)
{
    return (struct heddle_ledger){
        .before_send = before_send,
        .outcome = outcome,
        .unresolved = unresolved,
        .recall = recall_rows,
        .remembered = remembered,
        .context = journal,
    };
}

/* ---- micro-batches ---- */

static int begin(struct heddle_journal *journal, uint64_t batch, uint32_t epoch, struct heddle_error *error)
{
    struct heddle_recall *recall = &journal->recall;
    if (recall->begun && (batch < recall->batch || (batch == recall->batch && recall->finished))) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "the checkpoint says that micro-batch %llu comes next, but the journal in %s has %s "
            "%llu: they do not belong together; restore both from one copy",
            (unsigned long long)batch, journal->store.where, recall->finished ? "finished" : "begun",
            (unsigned long long)recall->batch);
    }
    const bool resumed = recall->begun && batch == recall->batch;
    if (!resumed) {
        heddle_buffer_reset(&journal->pending); /* outcomes of a micro-batch that is over */
    }
    const size_t length = journal->pending.length;
    heddle_record_append_begun(&journal->pending, batch, epoch, journal->load);
    HEDDLE_TRY(check_pending(journal, length, error));
    HEDDLE_TRY(commit(journal, !resumed, error));
    if (!resumed) {
        heddle_recall_free(recall);
        recall->begun = true;
        recall->batch = batch;
    }
    recall->epoch = epoch;
    recall->runs++;
    return HEDDLE_OK;
}

int heddle_journal_begin(struct heddle_journal *journal, uint64_t batch, uint32_t epoch,
                         struct heddle_error *error)
{
    pthread_mutex_lock(&journal->lock);
    const int status = journal->failed ? refuse_failed(journal, error) : begin(journal, batch, epoch, error);
    pthread_mutex_unlock(&journal->lock);
    return status;
}

static int finish(struct heddle_journal *journal, struct heddle_error *error)
{
    struct heddle_recall *recall = &journal->recall;
    if (!recall->begun || recall->finished) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the journal has no micro-batch to finish");
    }
    const uint64_t batch = recall->batch;
    heddle_buffer_reset(&journal->pending); /* outcomes of a micro-batch that is over */
    heddle_record_append_done(&journal->pending, batch);
    HEDDLE_TRY(check_pending(journal, 0, error));
    HEDDLE_TRY(commit(journal, true, error));
    heddle_recall_free(recall);
    recall->begun = recall->finished = true;
    recall->batch = batch;
    return HEDDLE_OK;
}

int heddle_journal_finish(struct heddle_journal *journal, struct heddle_error *error)
{
    pthread_mutex_lock(&journal->lock);
    const int status = journal->failed ? refuse_failed(journal, error) : finish(journal, error);
    pthread_mutex_unlock(&journal->lock);
    return status;
}

int heddle_journal_flush(struct heddle_journal *journal, struct heddle_error *error)
{
    pthread_mutex_lock(&journal->lock);
    int status = journal->failed ? refuse_failed(journal, error) : HEDDLE_OK;
    if (status == HEDDLE_OK && journal->pending.length > 0) {
        status = commit(journal, false, error);
    }
    pthread_mutex_unlock(&journal->lock);
    return status;
}

void heddle_journal_costs(struct heddle_journal *journal, struct heddle_journal_costs *out)
{
    pthread_mutex_lock(&journal->lock);
    *out = journal->costs;
    pthread_mutex_unlock(&journal->lock);
}

const struct heddle_journal_report *heddle_journal_report(const struct heddle_journal *journal)
{
    return &journal->report;
}

int heddle_journal_open(struct heddle_journal_store *store, const struct heddle_journal_options *options,
                        struct heddle_journal **journal_out, struct heddle_error *error)
{
    struct heddle_journal *journal = heddle_calloc(1, sizeof *journal);
    if (journal == NULL) {
        heddle_journal_store_close(store);
        return heddle_error_out_of_memory(error);
    }
    journal->store = *store;
    *store = (struct heddle_journal_store){0};
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->changed, NULL);
    journal->segment_bytes = options->segment_bytes == 0 ? SEGMENT_BYTES : options->segment_bytes;
    journal->filling = 1;
    const size_t length = strlen(options->load);
    int status = HEDDLE_OK;
    if (length > HEDDLE_LOAD_ID_MAX) {
        status = heddle_error_set(error, HEDDLE_INVALID, "a load id has at most %d bytes, this one has %zu",
                                  HEDDLE_LOAD_ID_MAX, length);
    } else {
        memcpy(journal->load, options->load, length);
        status = heddle_journal_replay(journal, error);
    }
    if (status != HEDDLE_OK) {
        heddle_journal_close(journal);
        return status;
    }
    *journal_out = journal;
    return HEDDLE_OK;
}

void heddle_journal_close(struct heddle_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    heddle_recall_free(&journal->recall);
    heddle_buffer_free(&journal->pending);
    heddle_buffer_free(&journal->block);
    heddle_buffer_free(&journal->bytes);
    heddle_journal_store_close(&journal->store);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}
