/* managed.c: transactions that are done again while the failure is a passing one. */
#include "base/clock.h"
#include "bolt/driver/driver_parts.h"
#include "bolt/failure.h"

#include <stdlib.h>

enum { NANOSECONDS_A_MILLISECOND = 1000000 };

/* Counts attempts, and the time since the first failure. */
struct patience {
    uint64_t limit_ms;
    uint64_t first_failure_ns;
    uint64_t random_state;
    unsigned attempts;
};

static struct patience patience_fresh(const struct heddle_driver *driver)
{
    return (struct patience){.limit_ms = driver->options.retry_for_ms, .random_state = heddle_clock_ns()};
}

/* True when the same should be tried again; has waited for the right moment then. */
static bool again(struct patience *patience, const struct heddle_error *error)
{
    if (error->action != HEDDLE_ACTION_RETRY || patience->limit_ms == UINT32_MAX) {
        return false;
    }
    const uint64_t now = heddle_clock_ns();
    patience->attempts++;
    if (patience->attempts == 1) {
        patience->first_failure_ns = now;
    }
    enum heddle_bolt_backoff backoff = heddle_bolt_failure_of(error)->backoff;
    if (backoff == HEDDLE_BOLT_BACKOFF_NONE) {
        backoff = HEDDLE_BOLT_BACKOFF_LOCK; /* a login that was renewed: no reason to wait */
    }
    const uint32_t wait_ms = heddle_bolt_backoff_ms(backoff, patience->attempts, &patience->random_state);
    const uint64_t gone_ms = (now - patience->first_failure_ns) / NANOSECONDS_A_MILLISECOND;
    if (gone_ms + wait_ms >= patience->limit_ms) {
        return false;
    }
    heddle_clock_sleep_ms(wait_ms);
    return true;
}

/* One attempt: BEGIN, the work, COMMIT. */
static int attempt(struct heddle_session *session, bool read, heddle_work *work, void *context,
                   const struct heddle_transaction_options *options, enum heddle_telemetry_api api, bool lazy,
                   struct heddle_error *error)
{
    struct heddle_transaction *transaction = &session->transaction;
    HEDDLE_TRY(heddle_transaction_begin(session, read, options, api, lazy, error));
    const int status = work(transaction, context, error);
    if (status == HEDDLE_OK) {
        return heddle_transaction_commit(transaction, error);
    }
    (void)!heddle_transaction_close(transaction, NULL);
    return status;
}

static int execute(struct heddle_session *session, bool read, heddle_work *work, void *context,
                   const struct heddle_transaction_options *options, enum heddle_telemetry_api api, bool lazy,
                   struct heddle_error *error)
{
    struct heddle_error own = {0};
    struct patience patience = patience_fresh(session->driver);
    error = error != NULL ? error : &own;
    for (;;) {
        *error = (struct heddle_error){0};
        const int status = attempt(session, read, work, context, options, api, lazy, error);
        if (session->transaction.telemetry_told) {
            api = HEDDLE_TELEMETRY_TOLD;
        }
        if (status == HEDDLE_OK || !again(&patience, error)) {
            return status;
        }
    }
}

int heddle_session_execute(struct heddle_session *session, bool read, heddle_work *work, void *context,
                           const struct heddle_transaction_options *options, struct heddle_error *error)
{
    return execute(session, read, work, context, options, HEDDLE_TELEMETRY_MANAGED, false, error);
}

/* The one statement of heddle_driver_execute(). */
struct single {
    const struct heddle_query *query;
    struct heddle_cursor *cursor;
};

static int single_run(struct heddle_transaction *transaction, void *context, struct heddle_error *error)
{
    struct single *single = context;
    heddle_cursor_destroy(single->cursor); /* of an attempt whose COMMIT failed */
    single->cursor = NULL;
    HEDDLE_TRY(heddle_transaction_run(transaction, single->query, &single->cursor, error));
    HEDDLE_TRY(heddle_cursor_drain(single->cursor, false, error));
    heddle_cursor_detach(single->cursor);
    return HEDDLE_OK;
}

int heddle_driver_execute(struct heddle_driver *driver, const struct heddle_execute_options *options,
                          const struct heddle_query *query, struct heddle_cursor **cursor_out,
                          struct heddle_error *error)
{
    const struct heddle_execute_options none = {0};
    struct heddle_session *session = NULL;
    struct single single = {.query = query};
    options = options != NULL ? options : &none;
    const struct heddle_session_options session_options = {
        .database = options->database,
        .read = options->read,
        .bookmark_manager = options->no_bookmark_manager        ? NULL
                            : options->bookmark_manager != NULL ? options->bookmark_manager
                                                                : driver->bookmarks,
        .impersonated_user = options->impersonated_user,
        .auth = options->auth};
    HEDDLE_TRY(heddle_session_open(driver, &session_options, &session, error));
    const int status = execute(session, options->read, single_run, &single, &options->transaction,
                               HEDDLE_TELEMETRY_EXECUTE, true, error);
    if (status == HEDDLE_OK) {
        *cursor_out = single.cursor;
    } else {
        heddle_cursor_destroy(single.cursor);
    }
    heddle_session_close(session);
    return status;
}
