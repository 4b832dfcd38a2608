/* resume.c: the beginning of a micro-batch, and rows that an earlier run wrote. */
#include "sink/neo4j/resume.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sink/neo4j/marks.h"
#include "sink/neo4j/schema.h"
#include "sink/neo4j/transaction.h"
#include "sink/neo4j/writer.h"

/* What settled transactions of an earlier run did counts as this run's; the rows themselves are counted as read when they
 * come by. */
static void remember(struct heddle_load *load)
{
    const struct heddle_ledger *ledger = &load->options->ledger;
    for (size_t i = 0; i < load->options->target_count; i++) {
        struct heddle_ledger_sums sums = {0};
        ledger->remembered(ledger->context, i, &sums);
        pthread_mutex_lock(&load->lock);
        heddle_target_counts_add(&load->counts[i], &sums);
        load->recalled[i] += sums.created;
        pthread_mutex_unlock(&load->lock);
    }
}

/* Transactions of an earlier run may have come through since prepare() counted. */
static int count_again(struct heddle_load *load, struct heddle_error *error)
{
    for (size_t i = 0; i < load->options->target_count; i++) {
        HEDDLE_TRY(heddle_schema_count(load, &load->options->targets[i], &load->nodes_before[i], error));
    }
    return HEDDLE_OK;
}

int heddle_resume_begin(struct heddle_load *load, uint64_t micro_batch, struct heddle_error *error)
{
    const bool first = !load->begun;
    load->begun = true;
    load->micro_batch = micro_batch;
    if (load->epoch == 0 || load->options->ledger.before_send == NULL) {
        return HEDDLE_OK;
    }
    if (first && micro_batch > 0) {
        /* A run may have ended between the commit of a micro-batch and the deletion of its marks. */
        HEDDLE_TRY(heddle_marks_prune(load, micro_batch - 1, error));
    }
    HEDDLE_TRY(heddle_marks_resolve(load, error));
    remember(load);
    return first ? count_again(load, error) : HEDDLE_OK;
}

/* The rows of one lot, as if a transaction of theirs had just come through and its answer got lost. */
static int count_lot(struct heddle_load *load, struct heddle_lot *lot, struct heddle_arena *arena,
                     struct heddle_error *error)
{
    const size_t count = lot->recalled.written_count;
    const size_t target = lot->plan->index; /* the lot may be gone when its rows are settled */
    struct heddle_schedule_row *rows = heddle_calloc(count, sizeof *rows);
    if (rows == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct heddle_schedule_row){.batch = lot, .row = lot->recalled.written[i]};
    }
    struct heddle_writer writer = {.load = load, .connection = load->control, .arena = arena};
    struct heddle_transaction transaction = {.plan = lot->plan, .rows = rows, .count = count, .lost = true};
    const int status = heddle_answer_account(&writer, &transaction, error);
    pthread_mutex_lock(&load->lock);
    load->recalled[target] += status == HEDDLE_OK ? transaction.written.created : 0;
    pthread_mutex_unlock(&load->lock);
    free(rows);
    return status;
}

int heddle_resume_count(struct heddle_load *load, struct heddle_parcel *parcel, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    size_t lots = 0;
    for (size_t i = 0; i < parcel->lot_count; i++) {
        lots += parcel->lots[i].recalled.written_count > 0 ? 1 : 0;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = HEDDLE_OK;
    for (size_t i = 0; lots > 0 && status == HEDDLE_OK; i++) {
        if (parcel->lots[i].recalled.written_count > 0) {
            lots--;
            status = count_lot(load, &parcel->lots[i], arena, error);
        }
    }
    heddle_arena_destroy(arena);
    return status;
}
