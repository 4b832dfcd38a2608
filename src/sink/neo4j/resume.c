/* resume.c: the beginning of a micro-batch. */
#include "sink/neo4j/resume.h"

#include "sink/neo4j/marks.h"
#include "sink/neo4j/schema.h"

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
