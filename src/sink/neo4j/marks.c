/* marks.c: marks of transactions: made, asked for, closed, pruned. DESIGN section 10. */
#include "sink/neo4j/marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/neo4j/ask.h"
#include "sink/neo4j/shards.h"

/* `n` is 0 where the load is not ours any more. A SET, not a RETURN: nothing is computed for records that are discarded. */
#define LOOK                                                                                                 \
    " WITH t OPTIONAL MATCH (l:HeddleLoad {id: $load}) WHERE l.epoch = $epoch AND l.done < $batch"           \
    " WITH t, count(l) AS n SET t.epoch = $epoch / n"

static const char *const mark_make = "CREATE (t:HeddleTx {id: $id})" LOOK;
/* SET takes a node's lock also where the value is there already, and then writes nothing. */
static const char *const mark_make_locking =
    "CREATE (t:HeddleTx {id: $id}) WITH t UNWIND $parts AS part MATCH (p:HeddlePart {id: part}) "
    "SET p.held = true WITH t, count(p) AS held "
    "OPTIONAL MATCH (l:HeddleLoad {id: $load}) WHERE l.epoch = $epoch AND l.done < $batch AND held = $count "
    "WITH t, count(l) AS n SET t.epoch = $epoch / n";
static const char *const mark_void = "CREATE (t:HeddleTx {id: $id, void: true})" LOOK;
static const char *const mark_read = "MATCH (t:HeddleTx {id: $id}) RETURN coalesce(t.void, false) AS is_void";
static const char *const batches_over =
    /* The first SET takes the lock; only then does the epoch hold still. */
    "MATCH (l:HeddleLoad {id: $load}) WHERE l.epoch = $epoch SET l.heartbeat = timestamp() "
    "WITH l WHERE l.epoch = $epoch SET l.done = CASE WHEN l.done < $batch THEN $batch ELSE l.done END RETURN "
    "l.done AS done";
/* Marks of micro-batches that are over: the number stands between the first and the second '/' of the id. */
static const char *const marks_delete_over =
    "MATCH (t:HeddleTx) WHERE t.id STARTS WITH $prefix "
    "AND toInteger(split(substring(t.id, size($prefix)), '/')[0]) <= $batch "
    "WITH t LIMIT $limit DETACH DELETE t RETURN count(*) AS deleted";
static const char *const marks_delete_each =
    "MATCH (t:HeddleTx) WHERE t.id STARTS WITH $prefix WITH t LIMIT $limit DETACH DELETE t "
    "RETURN count(*) AS deleted";

#define CODE_CONSTRAINT "Neo.ClientError.Schema.ConstraintValidationFailed"
#define CODE_ARITHMETIC "Neo.ClientError.Statement.ArithmeticError"

uint64_t heddle_mark_token(struct heddle_load *load)
{
    pthread_mutex_lock(&load->lock);
    const uint64_t counter = ++load->token_counter;
    pthread_mutex_unlock(&load->lock);
    return heddle_token_make(load->epoch, counter);
}

static void put_parts(struct heddle_pack *pack, const struct heddle_load *load, const uint32_t *parts,
                      size_t count)
{
    char text[HEDDLE_SHARDS_PART_TEXT];
    heddle_pack_text(pack, "parts");
    heddle_pack_list(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        heddle_pack_text(pack, heddle_shards_part_text(load, parts[i], text));
    }
    heddle_pack_text(pack, "count");
    heddle_pack_integer(pack, (int64_t)count);
}

void heddle_mark_put(struct heddle_bolt_request *request, const struct heddle_load *load, uint64_t token,
                     const uint32_t *parts, size_t part_count)
{
    char text[HEDDLE_MARK_TEXT_MAX];
    if (load->epoch == 0) {
        return;
    }
    struct heddle_pack *pack = heddle_bolt_request_run_open(
        request, part_count > 0 ? mark_make_locking : mark_make, part_count > 0 ? 6 : 4);
    if (part_count > 0) {
        put_parts(pack, load, parts, part_count);
    }
    heddle_pack_text(pack, "id");
    heddle_pack_text(pack, heddle_mark_text(text, load->options->load.id, load->micro_batch, token));
    heddle_pack_text(pack, "load");
    heddle_pack_text(pack, load->options->load.id);
    heddle_pack_text(pack, "epoch");
    heddle_pack_integer(pack, load->epoch);
    heddle_pack_text(pack, "batch");
    heddle_pack_integer(pack, (int64_t)load->micro_batch);
    heddle_bolt_request_run_close(request, HEDDLE_BOLT_DISCARD);
}

static enum heddle_mark_answer judge_code(const char *code)
{
    if (strcmp(code, CODE_CONSTRAINT) == 0) {
        return HEDDLE_MARK_THERE;
    }
    return strcmp(code, CODE_ARITHMETIC) == 0 ? HEDDLE_MARK_LOST : HEDDLE_MARK_INNOCENT;
}

enum heddle_mark_answer heddle_mark_judge(const struct heddle_load *load,
                                          const struct heddle_bolt_answer *answer, size_t marks,
                                          const struct heddle_error *error)
{
    const bool from_mark = load->epoch != 0 && error->status == HEDDLE_DATABASE && answer->failed_run >= 0 &&
                           (size_t)answer->failed_run < marks;
    return from_mark ? judge_code(error->code) : HEDDLE_MARK_INNOCENT;
}

int heddle_mark_lost(const struct heddle_load *load, struct heddle_error *error)
{
    heddle_error_set(
        error, HEDDLE_DATABASE,
        "load %s is no longer this run's: another run has taken it (its epoch in the database is "
        "past %" PRIu32 "), so nothing more was written; let that run end, or stop it",
        load->options->load.id, load->epoch);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_FATAL;
    }
    return HEDDLE_DATABASE;
}

/* What every statement about marks is asked with. */
struct question {
    const char *text;
    const char *id;     /* $id */
    const char *prefix; /* $prefix */
    const char *load;
    int64_t epoch;
    int64_t batch;
    uint32_t timeout_ms;
};

static int ask(const struct question *question, struct heddle_bolt_connection *connection,
               const char *database, struct heddle_arena *arena, struct heddle_bolt_result *result,
               struct heddle_error *error)
{
    const struct heddle_ask_parameter parameters[] = {
        {.name = "id", .text = question->id == NULL ? "" : question->id},
        {.name = "prefix", .text = question->prefix == NULL ? "" : question->prefix},
        {.name = "load", .text = question->load},
        {.name = "epoch", .kind = HEDDLE_ASK_INTEGER, .integer = question->epoch},
        {.name = "batch", .kind = HEDDLE_ASK_INTEGER, .integer = question->batch},
        {.name = "limit", .kind = HEDDLE_ASK_INTEGER, .integer = HEDDLE_MARKS_A_DELETE},
    };
    const struct heddle_ask whole = {
        .text = question->text,
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof parameters[0],
        .mode = HEDDLE_BOLT_WRITE,
        .database = database,
        .timeout_ms = question->timeout_ms,
    };
    return heddle_ask_run(connection, &whole, arena, result, error);
}

static struct question question_of(const struct heddle_load *load, const char *text)
{
    return (struct question){
        .text = text,
        .load = load->options->load.id,
        .epoch = load->epoch,
        .batch = (int64_t)load->micro_batch,
        .timeout_ms = load->options->tx_timeout_ms,
    };
}

int heddle_mark_close(struct heddle_load *load, struct heddle_bolt_connection *connection,
                      struct heddle_arena *arena, uint64_t token, bool *written_out,
                      struct heddle_error *error)
{
    char text[HEDDLE_MARK_TEXT_MAX];
    struct heddle_bolt_result result;
    struct heddle_error reason = {0};
    struct question question = question_of(load, mark_void);
    question.id = heddle_mark_text(text, load->options->load.id, load->micro_batch, token);
    *written_out = false;
    const int status = ask(&question, connection, load->ability.database, arena, &result, &reason);
    if (status == HEDDLE_OK) {
        return HEDDLE_OK;
    }
    const enum heddle_mark_answer answer =
        status == HEDDLE_DATABASE ? judge_code(reason.code) : HEDDLE_MARK_INNOCENT;
    if (answer == HEDDLE_MARK_LOST) {
        return heddle_mark_lost(load, error);
    }
    if (answer != HEDDLE_MARK_THERE) {
        heddle_error_prefix(&reason, "asking what became of transaction %s", text);
        if (error != NULL) {
            *error = reason;
        }
        return status;
    }
    question.text = mark_read;
    HEDDLE_TRY(ask(&question, connection, load->ability.database, arena, &result, error));
    const struct heddle_value *is_void = heddle_ask_cell(&result, 0, 0);
    if (is_void->type != HEDDLE_VALUE_BOOLEAN) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "the mark %s was there and is gone: somebody deletes (:HeddleTx) nodes while "
                                "this load runs; stop that, then start this load again",
                                text);
    }
    *written_out = !is_void->boolean;
    return HEDDLE_OK;
}

int heddle_marks_resolve(struct heddle_load *load, struct heddle_error *error)
{
    const struct heddle_ledger *ledger = &load->options->ledger;
    struct heddle_arena *arena = NULL;
    int status = HEDDLE_OK;
    if (load->epoch == 0 || ledger->unresolved == NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    for (size_t i = 0; status == HEDDLE_OK; i++) {
        uint64_t token = 0;
        size_t target = 0;
        bool written = false;
        if (ledger->unresolved(ledger->context, i, &token, &target) != HEDDLE_OK) {
            break;
        }
        heddle_arena_reset(arena);
        status = heddle_mark_close(load, load->control, arena, token, &written, error);
        if (status == HEDDLE_OK) {
            ledger->outcome(ledger->context, token, written ? HEDDLE_VERDICT_WRITTEN : HEDDLE_VERDICT_VOID,
                            NULL);
        }
    }
    heddle_arena_destroy(arena);
    return status;
}

/* Deletes until nothing is left to delete. */
static int delete_all(const struct question *question, struct heddle_bolt_connection *connection,
                      const char *database, struct heddle_arena *arena, struct heddle_error *error)
{
    int64_t deleted = HEDDLE_MARKS_A_DELETE;
    while (deleted == HEDDLE_MARKS_A_DELETE) {
        struct heddle_bolt_result result;
        heddle_arena_reset(arena);
        HEDDLE_TRY(ask(question, connection, database, arena, &result, error));
        deleted = heddle_ask_cell_integer(&result, 0, 0);
    }
    return HEDDLE_OK;
}

static int prune(struct heddle_load *load, uint64_t micro_batch, struct heddle_arena *arena,
                 struct heddle_error *error)
{
    char prefix[HEDDLE_MARK_TEXT_MAX];
    struct heddle_bolt_result result;
    struct question question = question_of(load, batches_over);
    question.batch = (int64_t)micro_batch;
    HEDDLE_TRY(ask(&question, load->control, load->ability.database, arena, &result, error));
    if (result.record_count == 0) {
        return heddle_mark_lost(load, error);
    }
    snprintf(prefix, sizeof prefix, "%s/", load->options->load.id);
    question.text = marks_delete_over;
    question.prefix = prefix;
    return delete_all(&question, load->control, load->ability.database, arena, error);
}

int heddle_marks_prune(struct heddle_load *load, uint64_t micro_batch, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    if (load->epoch == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = prune(load, micro_batch, arena, error);
    heddle_arena_destroy(arena);
    return status;
}

int heddle_marks_delete_all(struct heddle_bolt_connection *connection, const char *database, const char *load,
                            struct heddle_arena *arena, struct heddle_error *error)
{
    char prefix[HEDDLE_MARK_TEXT_MAX];
    snprintf(prefix, sizeof prefix, "%.*s/", HEDDLE_LOAD_ID_MAX, load);
    const struct question question = {.text = marks_delete_each, .prefix = prefix, .load = load};
    return delete_all(&question, connection, database, arena, error);
}
