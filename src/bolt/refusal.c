/* refusal.c: reading FAILURE in full.
 *
 * Shapes: https://neo4j.com/docs/bolt/current/bolt/message/#messages-failure . What a server leaves out has the values of
 * the GQL standard's "general processing exception - unexpected error" (50N42).
 */
#include "bolt/refusal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/answers.h"

enum { REFUSAL_ARENA_SIZE = 2048, CAUSES_MAX = 32 };

static const char unknown_status[] = "50N42";
static const char unknown_description[] = "error: general processing exception - unexpected error.";

static const char transient[] = "Neo.TransientError.";

static const char *known_classification(const char *raw)
{
    static const char *const known[] = {"CLIENT_ERROR", "TRANSIENT_ERROR", "DATABASE_ERROR"};
    for (size_t i = 0; raw != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], raw) == 0) {
            return known[i];
        }
    }
    return "UNKNOWN";
}

/* The record as sent, with what the protocol lets servers leave out. */
static int record_complete(struct heddle_arena *arena, const struct heddle_value *sent,
                           struct heddle_value_map *record_out, struct heddle_error *error)
{
    static const struct {
        const char *key;
        const char *value;
    } defaults[] = {{"OPERATION", ""}, {"OPERATION_CODE", "0"}, {"CURRENT_SCHEMA", "/"}};
    enum { DEFAULT_COUNT = sizeof defaults / sizeof defaults[0] };
    const size_t count = sent != NULL && sent->type == HEDDLE_VALUE_MAP ? sent->map.count : 0;
    struct heddle_value_entry *entries = heddle_arena_calloc(arena, count + DEFAULT_COUNT, sizeof *entries);
    if (entries == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (count > 0) {
        memcpy(entries, sent->map.entries, count * sizeof *entries);
    }
    size_t filled = count;
    for (size_t i = 0; i < DEFAULT_COUNT; i++) {
        if (heddle_value_map_get(sent, defaults[i].key) == NULL) {
            entries[filled].key = heddle_text(defaults[i].key);
            entries[filled++].value = heddle_string(defaults[i].value);
        }
    }
    *record_out = (struct heddle_value_map){entries, filled};
    return HEDDLE_OK;
}

/* Terminated and LockClientStopped are TransientErrors by name only. */
static const char *code_corrected(struct heddle_arena *arena, const char *code)
{
    static const char *const ended[] = {"Transaction.Terminated", "Transaction.LockClientStopped"};
    if (strncmp(code, transient, sizeof transient - 1) != 0) {
        return code;
    }
    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++) {
        if (strcmp(code + sizeof transient - 1, ended[i]) == 0) {
            return heddle_arena_format(arena, "Neo.ClientError.%s", ended[i]);
        }
    }
    return code;
}

static int failure_fill(struct heddle_arena *arena, const struct heddle_value *map, int depth,
                        struct heddle_failure *failure, struct heddle_error *error)
{
    const struct heddle_value *record = heddle_value_map_get(map, "diagnostic_record");
    const struct heddle_value *cause = heddle_value_map_get(map, "cause");
    const char *code = heddle_value_map_text(map, "neo4j_code", heddle_value_map_text(map, "code", ""));
    failure->code = code_corrected(arena, code);
    failure->message = heddle_value_map_text(map, "message", "");
    failure->gql_status = heddle_value_map_text(map, "gql_status", unknown_status);
    failure->description = heddle_value_map_text(map, "description", NULL);
    if (failure->description == NULL) {
        failure->description = heddle_arena_format(arena, "%s %s", unknown_description, failure->message);
    }
    failure->raw_classification = heddle_value_map_text(record, "_classification", NULL);
    failure->classification = known_classification(failure->raw_classification);
    if (failure->code == NULL || failure->description == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(record_complete(arena, record, &failure->diagnostic_record, error));
    if (cause == NULL || cause->type != HEDDLE_VALUE_MAP || depth == CAUSES_MAX) {
        return HEDDLE_OK;
    }
    struct heddle_failure *inner = heddle_arena_calloc(arena, 1, sizeof *inner);
    if (inner == NULL) {
        return heddle_error_out_of_memory(error);
    }
    failure->cause = inner;
    return failure_fill(arena, cause, depth + 1, inner, error);
}

static int refusal_fill(struct heddle_refusal *refusal, struct heddle_unpack *unpack,
                        struct heddle_error *error)
{
    struct heddle_value map;
    HEDDLE_TRY(heddle_arena_create(REFUSAL_ARENA_SIZE, &refusal->arena, error));
    HEDDLE_TRY(heddle_unpack_value(unpack, refusal->arena, &map, error));
    if (map.type != HEDDLE_VALUE_MAP) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the server's failure is no map");
    }
    return failure_fill(refusal->arena, &map, 0, &refusal->failure, error);
}

int heddle_refusal_read(struct heddle_unpack *unpack, struct heddle_refusal **refusal_out,
                        struct heddle_error *error)
{
    struct heddle_refusal *refusal = heddle_calloc(1, sizeof *refusal);
    if (refusal == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = refusal_fill(refusal, unpack, error);
    if (status != HEDDLE_OK) {
        heddle_refusal_destroy(refusal);
        return status;
    }
    *refusal_out = refusal;
    const struct heddle_failure *failure = &refusal->failure;
    return heddle_bolt_failure_describe(failure->code, failure->gql_status, failure->message,
                                        strlen(failure->message), error);
}

void heddle_refusal_destroy(struct heddle_refusal *refusal)
{
    if (refusal != NULL) {
        heddle_arena_destroy(refusal->arena);
        free(refusal);
    }
}
