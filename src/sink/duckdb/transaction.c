/* transaction.c: staged rows into their table, and what becomes of those that the table does not take.
 *
 * The ends of relationships and the keys of nodes are asked of the table's index: an INSERT … ON CONFLICT DO NOTHING
 * that changes no row says that every key is there. Only when something is amiss, the transaction is rolled back and a
 * query names the rows, by their ordinals in the staging table; a constraint that no query knows is found by halving. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sink/duckdb/internal.h"
#include "sink/duckdb/statements.h"

/* A try to write the staged rows with ordinals low .. high-1. */
struct attempt {
    struct heddle_duckdb_sink *sink;
    struct heddle_duckdb_staged *staged;
    size_t index; /* of the target */
    size_t low;
    size_t high;
    bool ends_checked; /* every staged row that is left has both ends */
    bool keys_checked; /* CREATE: no staged row that is left has a key that is there */
    uint64_t created;
};

/* What came of it. */
enum verdict { VERDICT_WRITTEN, VERDICT_END_MISSING, VERDICT_KEY_THERE, VERDICT_CONSTRAINT, VERDICT_ERROR };

static bool is_constraint(const struct heddle_error *error)
{
    return error->status == HEDDLE_DATABASE && strncmp(error->message, "Constraint Error", 16) == 0;
}

static size_t rows_left(const struct attempt *attempt)
{
    size_t left = 0;
    for (size_t i = attempt->low; i < attempt->high; i++) {
        left += attempt->staged->gone[i] ? 0 : 1;
    }
    return left;
}

/* Rejects every row that the staged row stands for. */
static int staged_reject(struct attempt *attempt, size_t ordinal, enum heddle_stage stage, const char *code,
                         const char *reason, struct heddle_error *error)
{
    const struct heddle_duckdb_staged *staged = attempt->staged;
    staged->gone[ordinal] = true;
    for (size_t i = 0; i < staged->count; i++) {
        if (staged->winner[i] == ordinal) {
            attempt->sink->states[attempt->index].counts.rejected++;
            HEDDLE_TRY(heddle_rows_reject(staged->ready, staged->ready->rows[staged->first + i],
                                          &attempt->sink->options.rejects, stage, code, reason, error));
        }
    }
    return HEDDLE_OK;
}

/* Takes the rejected rows out of the staging table. */
static int stage_purge(struct attempt *attempt, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    const char *separator = " WHERE ordinal IN (";
    heddle_buffer_append_text(&sql, "DELETE FROM temp.main.");
    heddle_duck_quote_name(&sql, attempt->sink->layout.roads[attempt->index].stage);
    for (size_t i = 0; i < attempt->staged->staged; i++) {
        if (attempt->staged->gone[i]) {
            heddle_buffer_append_format(&sql, "%s%zu", separator, i);
            separator = ", ";
        }
    }
    heddle_buffer_append_text(&sql, ")");
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_execute(attempt->sink->connection, heddle_buffer_text(&sql), error);
    }
    heddle_buffer_free(&sql);
    return status;
}

/* The first row that the staged row stands for. */
static uint32_t row_of(const struct heddle_duckdb_staged *staged, size_t ordinal)
{
    size_t i = 0;
    while (staged->winner[i] != ordinal) {
        i++;
    }
    return staged->ready->rows[staged->first + i];
}

/* Rejects the rows that one batch of the naming query answers: ordinal and, for ends, no_start and no_end. */
static int batch_reject(struct attempt *attempt, const struct heddle_batch *batch, struct heddle_error *error)
{
    const struct heddle_target *target = &attempt->sink->options.targets[attempt->index];
    const struct heddle_target *targets = attempt->sink->options.targets;
    char reason[400];
    for (size_t i = 0; i < batch->rows; i++) {
        const size_t ordinal = (size_t)heddle_column_integer(&batch->columns[0], i);
        if (target->kind == HEDDLE_TARGET_NODE && (ordinal < attempt->low || ordinal >= attempt->high)) {
            continue; /* another piece, perhaps written already: then it meets itself */
        }
        if (target->kind == HEDDLE_TARGET_NODE) {
            snprintf(reason, sizeof reason, "a %s with this key is there already, and the target creates",
                     target->labels[0]);
            HEDDLE_TRY(staged_reject(attempt, ordinal, HEDDLE_STAGE_WRITE, "CONSTRAINT", reason, error));
            continue;
        }
        const bool no_start = ((const uint8_t *)batch->columns[1].values)[i] != 0;
        const bool no_end = ((const uint8_t *)batch->columns[2].values)[i] != 0;
        char key[HEDDLE_ROWS_KEY_TEXT_MAX];
        snprintf(reason, sizeof reason, "there is no %s%s%s%s%s for %s", no_start ? "start node " : "",
                 no_start ? targets[target->start.node].labels[0] : "", no_start && no_end ? " and no " : "",
                 no_end ? "end node " : "", no_end ? targets[target->end.node].labels[0] : "",
                 heddle_rows_key_text(attempt->staged->ready, row_of(attempt->staged, ordinal), key));
        HEDDLE_TRY(staged_reject(attempt, ordinal, HEDDLE_STAGE_MATCH, "END_MISSING", reason, error));
    }
    return HEDDLE_OK;
}

/* Runs the query that names the rows at fault, and rejects them. The ordinals are read before anything is rejected only
 * in batches of 2,048: a reject touches no table. */
static int named_reject(struct attempt *attempt, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    struct heddle_duck_result *result = NULL;
    if (attempt->sink->options.targets[attempt->index].kind == HEDDLE_TARGET_NODE) {
        heddle_duckdb_sql_conflicts(&sql, &attempt->sink->layout, attempt->index);
    } else {
        heddle_duckdb_sql_missing(&sql, &attempt->sink->layout, attempt->index);
    }
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_query(attempt->sink->connection, heddle_buffer_text(&sql), &result, error);
    }
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_duck_result_next(result, 0, &batch, error);
        if (status == HEDDLE_OK) {
            status = batch_reject(attempt, batch, error);
            heddle_batch_release(batch);
        }
    }
    heddle_duck_result_destroy(result);
    heddle_buffer_free(&sql);
    HEDDLE_TRY(status == HEDDLE_END ? HEDDLE_OK : status);
    return stage_purge(attempt, error);
}

static int run(struct attempt *attempt, enum heddle_duckdb_statement which, uint64_t *changed_out,
               struct heddle_error *error)
{
    struct heddle_duck_statement *statement = attempt->sink->states[attempt->index].statements[which];
    *changed_out = 0;
    if (statement == NULL) {
        return HEDDLE_OK;
    }
    if (which != HEDDLE_DUCKDB_DO_START && which != HEDDLE_DUCKDB_DO_END) {
        HEDDLE_TRY(heddle_duck_bind_integer(statement, 1, (int64_t)attempt->low, error));
        HEDDLE_TRY(heddle_duck_bind_integer(statement, 2, (int64_t)attempt->high, error));
    }
    return heddle_duck_run(statement, changed_out, error);
}

/* Where ends are merged, the missing ones are made here; where they are matched, one missing is the verdict. */
static int ends_run(struct attempt *attempt, bool *missing_out, struct heddle_error *error)
{
    const struct heddle_target *target = &attempt->sink->options.targets[attempt->index];
    uint64_t starts = 0;
    uint64_t ends = 0;
    *missing_out = false;
    if (target->kind != HEDDLE_TARGET_RELATIONSHIP || (attempt->ends_checked && !target->merge_ends)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(run(attempt, HEDDLE_DUCKDB_DO_START, &starts, error));
    if (starts == 0 || target->merge_ends) {
        HEDDLE_TRY(run(attempt, HEDDLE_DUCKDB_DO_END, &ends, error));
    }
    *missing_out = !target->merge_ends && (starts > 0 || ends > 0);
    return HEDDLE_OK;
}

static enum verdict statements_run(struct attempt *attempt, struct heddle_error *error)
{
    const struct heddle_target *target = &attempt->sink->options.targets[attempt->index];
    const bool unique =
        attempt->sink->layout.tables[attempt->sink->layout.roads[attempt->index].table].unique;
    const size_t left = rows_left(attempt);
    bool missing = false;
    uint64_t ignored = 0;
    if (target->removes) {
        return heddle_duckdb_remove(attempt->sink, attempt->index, attempt->low, attempt->high, error) ==
                       HEDDLE_OK
                   ? VERDICT_WRITTEN
                   : VERDICT_ERROR;
    }
    if (ends_run(attempt, &missing, error) != HEDDLE_OK) {
        return VERDICT_ERROR;
    }
    if (missing) {
        return VERDICT_END_MISSING;
    }
    if (run(attempt, unique ? HEDDLE_DUCKDB_DO_NEW : HEDDLE_DUCKDB_DO_PLAIN, &attempt->created, error) !=
        HEDDLE_OK) {
        return is_constraint(error) ? VERDICT_CONSTRAINT : VERDICT_ERROR;
    }
    if (attempt->created == left) {
        return VERDICT_WRITTEN;
    }
    if (!target->merge) {
        return VERDICT_KEY_THERE;
    }
    if (run(attempt, HEDDLE_DUCKDB_DO_UPDATE, &ignored, error) != HEDDLE_OK ||
        run(attempt, HEDDLE_DUCKDB_DO_UPDATE_BUT_VECTOR, &ignored, error) != HEDDLE_OK) {
        return is_constraint(error) ? VERDICT_CONSTRAINT : VERDICT_ERROR;
    }
    return VERDICT_WRITTEN;
}

/* The positions of the rows that the attempt would write, for the ledger. */
static int rows_note(struct attempt *attempt, uint64_t token, struct heddle_error *error)
{
    const struct heddle_duckdb_staged *staged = attempt->staged;
    const struct heddle_ledger *ledger = &attempt->sink->options.ledger;
    const uint64_t first = staged->ready->owner->batch->position;
    if (ledger->before_send == NULL) {
        return HEDDLE_OK;
    }
    uint64_t *positions = heddle_arena_calloc(staged->arena, staged->count, sizeof *positions);
    struct heddle_ledger_rows rows = {.target = attempt->index, .positions = positions};
    if (positions == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < staged->count; i++) {
        const size_t ordinal = staged->winner[i];
        if (ordinal >= attempt->low && ordinal < attempt->high && !staged->gone[ordinal]) {
            positions[rows.count++] = first + staged->ready->rows[staged->first + i];
        }
    }
    return ledger->before_send(ledger->context, token, &rows, error);
}

/* read = created + matched + folded + rejected: a row that repeats an identity of this load is folded, another that met
 * what was there is matched. */
static struct heddle_ledger_sums rows_sum(const struct attempt *attempt)
{
    const struct heddle_duckdb_staged *staged = attempt->staged;
    struct heddle_ledger_sums sums = {.created = attempt->created};
    uint64_t written = 0;
    uint64_t firsts = 0;
    for (size_t i = 0; i < staged->count; i++) {
        const uint32_t row = staged->ready->rows[staged->first + i];
        const size_t ordinal = staged->winner[i];
        if (ordinal < attempt->low || ordinal >= attempt->high || staged->gone[ordinal]) {
            continue;
        }
        written++;
        firsts += heddle_rows_is_repeat(staged->ready, row) ? 0 : 1;
        sums.vectors += heddle_rows_has_vector(staged->ready, row) ? 1 : 0;
    }
    sums.matched = firsts > sums.created ? firsts - sums.created : 0;
    sums.folded = written - sums.created - sums.matched;
    return sums;
}

static int statements_commit(struct attempt *attempt, uint64_t token, struct heddle_ledger_sums *sums,
                             struct heddle_error *error)
{
    *sums = rows_sum(attempt);
    HEDDLE_TRY(heddle_duckdb_mark(attempt->sink, token, sums, error));
    return heddle_duck_execute(attempt->sink->connection, "COMMIT", error);
}

/* One transaction, between the two calls of the ledger. DuckDB answers a failed COMMIT only after it has rolled back, so no
 * outcome is ever unknown. */
static int transaction_run(struct attempt *attempt, enum verdict *verdict_out, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = attempt->sink;
    const struct heddle_ledger *ledger = &sink->options.ledger;
    const uint64_t token = heddle_token_make(sink->epoch, ++sink->token_counter);
    struct heddle_ledger_sums sums = {0};
    HEDDLE_TRY(rows_note(attempt, token, error));
    int status = heddle_duck_execute(sink->connection, "BEGIN", error);
    *verdict_out = status == HEDDLE_OK ? statements_run(attempt, error) : VERDICT_ERROR;
    if (*verdict_out == VERDICT_WRITTEN && statements_commit(attempt, token, &sums, error) != HEDDLE_OK) {
        *verdict_out = is_constraint(error) ? VERDICT_CONSTRAINT : VERDICT_ERROR;
    }
    if (*verdict_out == VERDICT_WRITTEN) {
        heddle_target_counts_add(&sink->states[attempt->index].counts, &sums);
    } else {
        (void)!heddle_duck_execute(sink->connection, "ROLLBACK", NULL);
    }
    if (ledger->outcome != NULL) {
        const bool written = *verdict_out == VERDICT_WRITTEN;
        ledger->outcome(ledger->context, token, written ? HEDDLE_VERDICT_SETTLED : HEDDLE_VERDICT_VOID,
                        written ? &sums : NULL);
    }
    return *verdict_out == VERDICT_ERROR ? error->status : HEDDLE_OK;
}

/* Writes the rows of the attempt, naming and setting aside those at fault, until a transaction goes through. */
static int attempt_run(struct attempt *attempt, enum verdict *verdict_out, struct heddle_error *error)
{
    *verdict_out = VERDICT_WRITTEN;
    while (rows_left(attempt) > 0) {
        attempt->created = 0;
        HEDDLE_TRY(transaction_run(attempt, verdict_out, error));
        if (*verdict_out == VERDICT_WRITTEN || *verdict_out == VERDICT_CONSTRAINT) {
            break;
        }
        bool *checked = *verdict_out == VERDICT_END_MISSING ? &attempt->ends_checked : &attempt->keys_checked;
        if (*checked) {
            return heddle_error_set(error, HEDDLE_INTERNAL,
                                    "target %s: rows that the table does not take were named "
                                    "once and are still there",
                                    attempt->sink->options.targets[attempt->index].name);
        }
        *checked = true;
        HEDDLE_TRY(named_reject(attempt, error));
    }
    return HEDDLE_OK;
}

static int constraint_reject(struct attempt *attempt, const struct heddle_error *why,
                             struct heddle_error *error)
{
    for (size_t i = attempt->low; i < attempt->high; i++) {
        if (!attempt->staged->gone[i]) {
            HEDDLE_TRY(staged_reject(attempt, i, HEDDLE_STAGE_WRITE, "CONSTRAINT", why->message, error));
        }
    }
    return stage_purge(attempt, error);
}

/* Halves the rows while a constraint stands against them, until one row is left: that one is rejected. The pieces wait on
 * a stack no deeper than the bits of a row number. */
static int pieces_run(struct attempt *attempt, struct heddle_error *error)
{
    struct {
        size_t low;
        size_t high;
    } stack[64] = {{0, attempt->staged->staged}};
    size_t depth = 1;
    while (depth > 0) {
        depth--;
        attempt->low = stack[depth].low;
        attempt->high = stack[depth].high;
        attempt->keys_checked = false;
        enum verdict verdict = VERDICT_WRITTEN;
        HEDDLE_TRY(attempt_run(attempt, &verdict, error));
        if (verdict == VERDICT_WRITTEN) {
            atomic_fetch_add(&attempt->sink->transactions, 1);
        } else if (rows_left(attempt) == 1) {
            const struct heddle_error why = *error;
            HEDDLE_TRY(constraint_reject(attempt, &why, error));
        } else {
            const size_t middle = attempt->low + (attempt->high - attempt->low) / 2;
            stack[depth].low = middle;
            stack[depth].high = attempt->high;
            stack[depth + 1].low = attempt->low;
            stack[depth + 1].high = middle;
            depth += 2;
        }
    }
    return HEDDLE_OK;
}

int heddle_duckdb_transact(struct heddle_duckdb_sink *sink, struct heddle_duckdb_staged *staged,
                           struct heddle_error *error)
{
    struct heddle_error local = {0};
    struct attempt attempt = {.sink = sink, .staged = staged, .index = staged->ready->target_index};
    return pieces_run(&attempt, error != NULL ? error : &local);
}
