/* ask.c: single statements with a retry loop around them. */
#include "sink/neo4j/ask.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "bolt/failure.h"

static const uint64_t NS_PER_MS = 1000000;

static void put_parameter(struct heddle_pack *pack, const struct heddle_ask_parameter *parameter)
{
    heddle_pack_text(pack, parameter->name);
    switch (parameter->kind) {
    case HEDDLE_ASK_TEXT: heddle_pack_text(pack, parameter->text); break;
    case HEDDLE_ASK_INTEGER: heddle_pack_integer(pack, parameter->integer); break;
    case HEDDLE_ASK_TEXTS:
        heddle_pack_list(pack, (uint32_t)parameter->count);
        for (size_t i = 0; i < parameter->count; i++) {
            heddle_pack_text(pack, parameter->texts[i]);
        }
        break;
    case HEDDLE_ASK_VECTOR:
        /* As a list: procedures take it in every version. */
        heddle_pack_vector_list(pack, parameter->vector, (uint32_t)parameter->count);
        break;
    case HEDDLE_ASK_WRITTEN: parameter->write(pack, parameter->context); break;
    }
}

static int put_parameters(struct heddle_pack *pack, void *context, struct heddle_error *error)
{
    const struct heddle_ask *ask = context;
    (void)error;
    heddle_pack_map(pack, (uint32_t)ask->parameter_count);
    for (size_t i = 0; i < ask->parameter_count; i++) {
        put_parameter(pack, &ask->parameters[i]);
    }
    return HEDDLE_OK;
}

static int ask_once(struct heddle_bolt_connection *connection, const struct heddle_ask *ask,
                    struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                    struct heddle_error *error)
{
    struct heddle_ask copy = *ask;
    const struct heddle_bolt_query query = {
        .text = ask->text,
        .parameters = put_parameters,
        .parameters_context = &copy,
        .mode = ask->mode,
        .database = ask->database,
        .timeout_ms = ask->timeout_ms,
    };
    if (!heddle_bolt_is_open(connection)) {
        HEDDLE_TRY(heddle_bolt_reopen(connection, error));
    }
    return heddle_bolt_query(connection, &query, arena, result_out, error);
}

/* Two shards that say CREATE … IF NOT EXISTS at the same moment: one of them looks, waits for the other, and fails. The next look
 * finds what the other made. */
static bool was_made_meanwhile(const struct heddle_error *reason, unsigned attempt)
{
    enum { ATTEMPTS = 3 };
    return attempt <= ATTEMPTS && reason->status == HEDDLE_DATABASE &&
           strcmp(reason->code, "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists") == 0;
}

int heddle_ask_run(struct heddle_bolt_connection *connection, const struct heddle_ask *ask,
                   struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                   struct heddle_error *error)
{
    const uint64_t start = heddle_clock_ns();
    uint64_t random = heddle_hash_mix(start);
    for (unsigned attempt = 1;; attempt++) {
        struct heddle_error reason = {0};
        const int status = ask_once(connection, ask, arena, result_out, &reason);
        if (status == HEDDLE_OK) {
            return HEDDLE_OK;
        }
        const struct heddle_bolt_failure *failure = heddle_bolt_failure_of(&reason);
        const bool again = failure->action == HEDDLE_ACTION_RETRY || failure->action == HEDDLE_ACTION_ASK ||
                           was_made_meanwhile(&reason, attempt);
        const uint64_t waited_ms = (heddle_clock_ns() - start) / NS_PER_MS;
        if (!again || ask->once || waited_ms > HEDDLE_ASK_PATIENCE_MS) {
            if (error != NULL) {
                *error = reason;
            }
            return status;
        }
        heddle_clock_sleep_ms(heddle_bolt_backoff_ms(failure->backoff, attempt, &random));
    }
}

const struct heddle_value *heddle_ask_cell(const struct heddle_bolt_result *result, size_t record,
                                           size_t field)
{
    static const struct heddle_value nothing = {.type = HEDDLE_VALUE_NULL};
    if (record >= result->record_count || field >= result->records[record].count) {
        return &nothing;
    }
    return &result->records[record].items[field];
}

const char *heddle_ask_cell_text(const struct heddle_bolt_result *result, size_t record, size_t field)
{
    const struct heddle_value *value = heddle_ask_cell(result, record, field);
    return value->type == HEDDLE_VALUE_STRING ? value->string.text : "";
}

int64_t heddle_ask_cell_integer(const struct heddle_bolt_result *result, size_t record, size_t field)
{
    const struct heddle_value *value = heddle_ask_cell(result, record, field);
    return value->type == HEDDLE_VALUE_INTEGER ? value->integer : 0;
}

double heddle_ask_cell_float(const struct heddle_bolt_result *result, size_t record, size_t field)
{
    const struct heddle_value *value = heddle_ask_cell(result, record, field);
    if (value->type == HEDDLE_VALUE_INTEGER) {
        return (double)value->integer;
    }
    return value->type == HEDDLE_VALUE_FLOAT ? value->real : 0.0;
}
