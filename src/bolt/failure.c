/* failure.c: the failure table.
 *
 * The first row that fits decides, so exceptions stand above the rule they except from. Rules and exceptions are
 * those of the official drivers' retry logic; SPLIT and REJECT are a loader's.
 */
#include "bolt/failure.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"

static const struct heddle_bolt_failure failures[] = {
    /* Transient by name, but somebody ended the transaction on purpose. */
    {"Neo.TransientError.Transaction.Terminated", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "the transaction was ended by an administrator or its time limit"},
    {"Neo.TransientError.Transaction.LockClientStopped", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "the transaction was ended by an administrator or its time limit"},
    {"Neo.ClientError.Transaction.TransactionTimedOut", HEDDLE_ACTION_SPLIT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_SHRINK, "the transaction's time limit is over: smaller batches or a longer limit"},
    {"Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", HEDDLE_ACTION_SPLIT,
     HEDDLE_BOLT_BACKOFF_NONE, HEDDLE_BOLT_REMEDY_SHRINK,
     "the transaction's time limit is over: smaller batches or a longer limit"},
    /* Locks: the other transaction is over in milliseconds. */
    {"Neo.TransientError.Transaction.DeadlockDetected", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.TransientError.Transaction.LockAcquisitionTimeout", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.TransientError.Transaction.Outdated", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.TransientError.Transaction.ConstraintsChanged", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    /* Memory: a pool that others fill empties again; a transaction that is too large stays so. */
    {"Neo.TransientError.General.MemoryPoolOutOfMemoryError", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_MEMORY,
     HEDDLE_BOLT_REMEDY_SHRINK,
     "the server's transaction memory is used up: fewer writers or smaller batches"},
    {"Neo.TransientError.General.TransactionMemoryLimit", HEDDLE_ACTION_SPLIT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_SHRINK, "the batch is too large for the server's transaction memory"},
    {"Neo.ClientError.General.TransactionOutOfMemoryError", HEDDLE_ACTION_SPLIT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_SHRINK, "the batch is too large for the server's transaction memory"},
    {"Neo.TransientError.Transaction.MaximumTransactionLimitReached", HEDDLE_ACTION_RETRY,
     HEDDLE_BOLT_BACKOFF_MEMORY, HEDDLE_BOLT_REMEDY_SHRINK,
     "the server allows no more transactions: fewer writers"},
    {"Neo.TransientError.Request.NoThreadsAvailable", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_MEMORY,
     HEDDLE_BOLT_REMEDY_SHRINK, "the server has no thread left for this connection: fewer writers"},
    /* Where this server is not, or no longer, the right one. */
    {"Neo.TransientError.General.DatabaseUnavailable", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER,
     HEDDLE_BOLT_REMEDY_RECONNECT, "the database is not available on this server now"},
    {"Neo.ClientError.Cluster.NotALeader", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER,
     HEDDLE_BOLT_REMEDY_RECONNECT, "this server does not lead the database: connect with neo4j://"},
    {"Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER,
     HEDDLE_BOLT_REMEDY_RECONNECT, "this server may not write to the database: connect with neo4j://"},
    {"Neo.ClientError.Security.AuthorizationExpired", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK,
     HEDDLE_BOLT_REMEDY_RECONNECT, "the login is no longer valid"},
    {"Neo.TransientError.", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER, HEDDLE_BOLT_REMEDY_NONE, ""},
    /* One row's fault. */
    {"Neo.ClientError.Schema.ConstraintValidationFailed", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Statement.TypeError", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Statement.ArgumentError", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Statement.ArithmeticError", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Statement.PropertyNotFound", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Statement.EntityNotFound", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Statement.SemanticError", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    {"Neo.ClientError.Procedure.ProcedureCallFailed", HEDDLE_ACTION_REJECT, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, ""},
    /* Logins. */
    {"Neo.ClientError.Security.Unauthorized", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "check user and password"},
    {"Neo.ClientError.Security.CredentialsExpired", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "the password must be changed first: ALTER CURRENT USER SET PASSWORD"},
    {"Neo.ClientError.Security.AuthenticationRateLimit", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "too many wrong logins: wait a few seconds, then check user and password"},
    {"Neo.ClientError.Security.TokenExpired", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "the token is no longer valid: get a new one"},
    {"Neo.ClientError.Security.", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE, HEDDLE_BOLT_REMEDY_NONE,
     "this user may not do that"},
    {"Neo.ClientError.Database.DatabaseNotFound", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE,
     HEDDLE_BOLT_REMEDY_NONE, "check the database's name (SHOW DATABASES lists them)"},
    {"", HEDDLE_ACTION_FATAL, HEDDLE_BOLT_BACKOFF_NONE, HEDDLE_BOLT_REMEDY_NONE, ""},
};
enum { FAILURE_COUNT = sizeof failures / sizeof failures[0] };

/* GQL statuses that speak for themselves where a server's code is unknown (neo4j.com/docs/status-codes). */
static const struct {
    const char *gql_status;
    const char *code;
} gql_codes[] = {
    {"50N05", "Neo.TransientError.Transaction.DeadlockDetected"},
    {"51N72", "Neo.TransientError.General.MemoryPoolOutOfMemoryError"},
    {"51N73", "Neo.ClientError.General.TransactionOutOfMemoryError"},
    {"51N74", "Neo.TransientError.Transaction.MaximumTransactionLimitReached"},
    {"22N77", "Neo.ClientError.Schema.ConstraintValidationFailed"},
    {"22N79", "Neo.ClientError.Schema.ConstraintValidationFailed"},
};

static const struct heddle_bolt_failure lost_before_commit = {
    "", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_DRIVER, HEDDLE_BOLT_REMEDY_RECONNECT, ""};
static const struct heddle_bolt_failure lost_after_commit = {
    "", HEDDLE_ACTION_ASK, HEDDLE_BOLT_BACKOFF_NONE, HEDDLE_BOLT_REMEDY_RECONNECT,
    "whether the transaction was committed is not known"};

/* Sent behind a request that failed on the same connection: nothing is wrong with it. */
static const struct heddle_bolt_failure ignored = {"", HEDDLE_ACTION_RETRY, HEDDLE_BOLT_BACKOFF_LOCK,
                                                   HEDDLE_BOLT_REMEDY_NONE, ""};

static bool code_fits(const char *pattern, const char *code)
{
    const size_t length = strlen(pattern);
    const bool prefix = length == 0 || pattern[length - 1] == '.';
    return strncmp(pattern, code, length) == 0 && (prefix || code[length] == '\0');
}

static const struct heddle_bolt_failure *find_code(const char *code)
{
    size_t i = 0;
    while (i < FAILURE_COUNT - 1 && !code_fits(failures[i].code, code)) {
        i++;
    }
    return &failures[i];
}

const struct heddle_bolt_failure *heddle_bolt_failure_find(const char *code, const char *gql_status)
{
    const struct heddle_bolt_failure *found = find_code(code != NULL ? code : "");
    if (found->code[0] != '\0' || gql_status == NULL) {
        return found;
    }
    for (size_t i = 0; i < sizeof gql_codes / sizeof gql_codes[0]; i++) {
        if (strcmp(gql_codes[i].gql_status, gql_status) == 0) {
            return find_code(gql_codes[i].code);
        }
    }
    return found;
}

const struct heddle_bolt_failure *heddle_bolt_failure_of(const struct heddle_error *error)
{
    if (error->status == HEDDLE_DATABASE && error->code[0] == '\0' && error->action == HEDDLE_ACTION_RETRY) {
        return &ignored;
    }
    if (error->status == HEDDLE_DATABASE) {
        return heddle_bolt_failure_find(error->code, NULL);
    }
    if (error->action == HEDDLE_ACTION_ASK) {
        return &lost_after_commit;
    }
    if (error->action == HEDDLE_ACTION_RETRY) {
        return &lost_before_commit;
    }
    return &failures[FAILURE_COUNT - 1];
}

uint32_t heddle_bolt_backoff_ms(enum heddle_bolt_backoff backoff, unsigned attempt, uint64_t *random_state)
{
    static const struct {
        double first_ms;
        double most_ms;
        double jitter;
    } kinds[] = {
        [HEDDLE_BOLT_BACKOFF_NONE] = {0, 0, 0},
        [HEDDLE_BOLT_BACKOFF_LOCK] = {2, 256, 0.5},
        [HEDDLE_BOLT_BACKOFF_MEMORY] = {50, 3200, 0.2},
        [HEDDLE_BOLT_BACKOFF_DRIVER] = {1000, 16000, 0.2},
    };
    double wait = kinds[backoff].first_ms;
    for (unsigned i = 1; i < attempt && wait < kinds[backoff].most_ms; i++) {
        wait *= 2;
    }
    const double spread = 1 + kinds[backoff].jitter * (2 * heddle_random_unit(random_state) - 1);
    const double limited = wait < kinds[backoff].most_ms ? wait : kinds[backoff].most_ms;
    return (uint32_t)(limited * spread + 0.5);
}
