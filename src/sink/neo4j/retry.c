/* retry.c: deciding after each failure whether the same bytes go again, and when. */
#include "sink/neo4j/retry.h"

#include <string.h>

#include "base/clock.h"
#include "bolt/failure.h"
#include "sink/neo4j/patience.h"

static const uint64_t NS_PER_MS = 1000000;

int heddle_retry_once(struct heddle_writer *writer, struct heddle_transaction *transaction)
{
    const int status = heddle_transaction_send(writer, transaction);
    return status == HEDDLE_OK ? heddle_transaction_receive(writer, transaction) : status;
}

static bool merges(const struct heddle_target *target)
{
    return target->merge && (target->kind == HEDDLE_TARGET_RELATIONSHIP || target->key_count > 0);
}

/* True where writing the same rows once more, as the job says, changes nothing. */
static bool may_repeat(const struct heddle_write_plan *plan)
{
    bool all = merges(plan->target);
    for (size_t i = 0; i < plan->rider_count; i++) {
        all = all && merges(plan->riders[i]->target);
    }
    return all;
}

/* Ends a transaction whose outcome nobody knows and that must not be written twice. */
static void refuse_unknown(const struct heddle_writer *writer, struct heddle_transaction *transaction)
{
    const struct heddle_error reason = transaction->reason;
    transaction->status = heddle_error_set(
        &transaction->reason, HEDDLE_DATABASE,
        "target %s: the connection to %s broke while a transaction of %zu rows was being committed, so "
        "nobody knows whether they were created: count them in the graph before loading again, or use "
        "write_mode merge (%.120s)",
        transaction->plan->target->name, heddle_bolt_connection_address(writer->connection),
        transaction->count, reason.message);
    transaction->reason.action = HEDDLE_ACTION_ASK;
}

static void give_up(struct heddle_transaction *transaction, unsigned tries, uint64_t waited_ms)
{
    transaction->reason.action = HEDDLE_ACTION_FATAL;
    heddle_error_prefix(&transaction->reason, "target %s: given up after %u tries in %u s",
                        transaction->plan->target->name, tries, (unsigned)(waited_ms / 1000));
}

static void note_retry(struct heddle_load *load, const struct heddle_error *reason)
{
    pthread_mutex_lock(&load->lock);
    load->progress.retries++;
    load->progress.deadlocks += strstr(reason->code, "DeadlockDetected") != NULL ? 1 : 0;
    pthread_mutex_unlock(&load->lock);
}

/* Waits as long as the failure asks for, and dials where that is its remedy and nobody has dialled since. A lost connection
 * is dialled by the next send, at once: the patience for an absent server is in there. */
static int wait_for_next_try(struct heddle_writer *writer, const struct heddle_transaction *transaction,
                             unsigned tries, struct heddle_error *error)
{
    const struct heddle_bolt_failure *failure = heddle_bolt_failure_of(&transaction->reason);
    if (transaction->dials != writer->dials || !heddle_bolt_is_open(writer->connection)) {
        return HEDDLE_OK;
    }
    if (failure->remedy == HEDDLE_BOLT_REMEDY_RECONNECT) {
        HEDDLE_TRY(heddle_patience_connect(writer, error));
    }
    return heddle_patience_sleep(writer, heddle_bolt_backoff_ms(failure->backoff, tries, &writer->random),
                                 error);
}

int heddle_retry_until_known(struct heddle_writer *writer, struct heddle_transaction *transaction)
{
    const uint64_t start = heddle_clock_ns();
    for (unsigned tries = 1; transaction->status != HEDDLE_OK; tries++) {
        const enum heddle_error_action action = transaction->reason.action;
        if (action == HEDDLE_ACTION_ASK && writer->load->epoch == 0 && !may_repeat(transaction->plan)) {
            refuse_unknown(writer, transaction);
            break;
        }
        if (action == HEDDLE_ACTION_ASK && writer->load->epoch == 0 && transaction->rider_count > 0) {
            /* The same words could make a second relationship: settle.h says them as the job does. */
            transaction->wording.careful = true;
            transaction->reason.action = HEDDLE_ACTION_REJECT;
            break;
        }
        if (action != HEDDLE_ACTION_RETRY && action != HEDDLE_ACTION_ASK) {
            break;
        }
        const uint64_t waited_ms = (heddle_clock_ns() - start) / NS_PER_MS;
        if (waited_ms > HEDDLE_PATIENCE_TRIES_MS) {
            give_up(transaction, tries, waited_ms);
            break;
        }
        note_retry(writer->load, &transaction->reason);
        struct heddle_error waiting = {0};
        const int status = wait_for_next_try(writer, transaction, tries, &waiting);
        if (status != HEDDLE_OK) {
            transaction->status = status;
            transaction->reason = waiting;
            break;
        }
        (void)heddle_retry_once(writer, transaction);
    }
    return transaction->status;
}
