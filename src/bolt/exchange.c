/* exchange.c: sending requests and making sense of their answers.
 *
 * The server answers every message of a request in order; after the first FAILURE it answers IGNORED until RESET.
 * What a lost connection means depends on one thing only: send() has handed over all bytes of a request, COMMIT
 * included, or it has failed and the server cannot have seen COMMIT.
 */
#include "bolt/connection_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The records of a request while they come in. */
struct collector {
    struct heddle_value_list *records;
    size_t capacity;
};

/* Reading the answers of one request. */
struct reading {
    struct heddle_bolt_connection *connection;
    const struct heddle_bolt_request *request;
    struct heddle_arena *arena;
    struct heddle_bolt_outcome *outcome;
    struct collector collector;
    struct heddle_error first; /* the failure that made the server ignore the rest */
    bool failed;
};

static int closed(const struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK, "the connection to %s is closed", connection->address);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

void heddle_bolt_drop(struct heddle_bolt_connection *connection)
{
    heddle_bolt_stream_detach(&connection->stream);
    connection->needs_reset = false;
    connection->transaction = HEDDLE_BOLT_TRANSACTION_NONE;
}

static void set_action(struct heddle_error *error, enum heddle_error_action action)
{
    if (error != NULL) {
        error->action = action;
    }
}

/* After a failure: RESET goes before the next request, unless it is already on its way. */
static void mark_failed(struct heddle_bolt_connection *connection)
{
    connection->needs_reset = true;
    for (unsigned i = 0; i < connection->flight_count; i++) {
        if (connection->flights[i].after_reset) {
            connection->needs_reset = false;
        }
    }
}

static int keep_record(struct reading *reading, struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_bolt_result *result = &reading->outcome->result;
    struct heddle_value record;
    HEDDLE_TRY(heddle_unpack_value(unpack, reading->arena, &record, error));
    if (record.type != HEDDLE_VALUE_LIST) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "a record of %s is no list",
                                reading->connection->address);
    }
    if (heddle_grow((void **)&reading->collector.records, &reading->collector.capacity,
                    result->record_count + 1, sizeof *reading->collector.records) != 0) {
        return heddle_error_out_of_memory(error);
    }
    reading->collector.records[result->record_count++] = record.list;
    return HEDDLE_OK;
}

static int keep_success(struct reading *reading, enum heddle_bolt_part part, struct heddle_unpack *unpack,
                        struct heddle_error *error)
{
    struct heddle_bolt_result *result = &reading->outcome->result;
    struct heddle_bolt_success success;
    HEDDLE_TRY(heddle_bolt_success_read(unpack, reading->arena, &success, error));
    if (part == HEDDLE_BOLT_PART_RUN) {
        result->fields = success.fields;
        result->field_count = success.field_count;
    }
    heddle_bolt_counters_add(&result->counters, &success.counters);
    result->type = success.type != NULL ? success.type : result->type;
    result->bookmark = success.bookmark != NULL ? success.bookmark : result->bookmark;
    result->database = success.database != NULL ? success.database : result->database;
    return HEDDLE_OK;
}

/* Which RUN a part belongs to, -1 for BEGIN, COMMIT and ROLLBACK. */
static int run_of_part(const struct heddle_bolt_request *request, size_t index)
{
    int runs = 0;
    for (size_t i = 0; i <= index; i++) {
        runs += request->parts[i] == HEDDLE_BOLT_PART_RUN;
    }
    const enum heddle_bolt_part part = request->parts[index];
    return part == HEDDLE_BOLT_PART_RUN || part == HEDDLE_BOLT_PART_PULL || part == HEDDLE_BOLT_PART_DISCARD
               ? runs - 1
               : -1;
}

static void note_ignored(struct reading *reading)
{
    if (!reading->failed) {
        reading->failed = true;
        heddle_error_set(&reading->first, HEDDLE_DATABASE,
                         "the server ignored this request because the one before it failed");
        reading->first.action = HEDDLE_ACTION_RETRY;
    }
}

/* One answer to part `index`. *more_out = records may follow. */
static int read_answer(struct reading *reading, size_t index, bool *more_out, struct heddle_error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    uint8_t tag = 0;
    uint8_t fields = 0;
    struct heddle_unpack unpack;
    *more_out = false;
    HEDDLE_TRY(heddle_bolt_stream_next(&reading->connection->stream, &bytes, &length, error));
    heddle_unpack_init(&unpack, bytes, length);
    HEDDLE_TRY(heddle_unpack_struct(&unpack, &tag, &fields, error));
    const enum heddle_bolt_part part = reading->request->parts[index];
    if (tag == HEDDLE_MESSAGE_RECORD && fields == 1 && part == HEDDLE_BOLT_PART_PULL && !reading->failed) {
        *more_out = true;
        return keep_record(reading, &unpack, error);
    }
    if (tag == HEDDLE_MESSAGE_SUCCESS && fields == 1 && !reading->failed) {
        return keep_success(reading, part, &unpack, error);
    }
    if (tag == HEDDLE_MESSAGE_IGNORED) {
        note_ignored(reading);
        return HEDDLE_OK;
    }
    if (tag == HEDDLE_MESSAGE_FAILURE && fields == 1 && !reading->failed) {
        const int status = heddle_bolt_failure_read(&unpack, reading->outcome->gql_status, &reading->first);
        if (status != HEDDLE_DATABASE) {
            return heddle_error_set(error, status, "%s", reading->first.message);
        }
        reading->failed = true;
        reading->outcome->failed_run = run_of_part(reading->request, index);
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_PROTOCOL, "%s answered 0x%02X where that makes no sense",
                            reading->connection->address, tag);
}

static int read_reset(struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    uint8_t tag = 0;
    uint8_t fields = 0;
    struct heddle_unpack unpack;
    HEDDLE_TRY(heddle_bolt_stream_next(&connection->stream, &bytes, &length, error));
    heddle_unpack_init(&unpack, bytes, length);
    HEDDLE_TRY(heddle_unpack_struct(&unpack, &tag, &fields, error));
    if (tag != HEDDLE_MESSAGE_SUCCESS) {
        return heddle_error_set(error, HEDDLE_NETWORK, "%s could not reset the connection",
                                connection->address);
    }
    return HEDDLE_OK;
}

static int read_parts(struct reading *reading, bool after_reset, struct heddle_error *error)
{
    if (after_reset) {
        HEDDLE_TRY(read_reset(reading->connection, error));
    }
    for (size_t i = 0; i < reading->request->part_count; i++) {
        bool more = true;
        while (more) {
            HEDDLE_TRY(read_answer(reading, i, &more, error));
        }
    }
    return HEDDLE_OK;
}

static void outcome_clear(struct heddle_bolt_outcome *outcome)
{
    *outcome = (struct heddle_bolt_outcome){.result = {.type = "", .bookmark = "", .database = ""},
                                            .failed_run = -1};
}

/* A server that hangs up on us in the middle of a request may have said why: reads what has arrived, without
 * waiting. True where that was a FAILURE, now in `error`. */
static bool last_words(struct heddle_bolt_connection *connection, const struct heddle_bolt_request *request,
                       bool after_reset, struct heddle_error *error)
{
    struct heddle_bolt_outcome outcome;
    struct reading reading = {.connection = connection, .request = request, .outcome = &outcome};
    if (connection->flight_count > 0 || heddle_arena_create(0, &reading.arena, NULL) != HEDDLE_OK) {
        return false;
    }
    outcome_clear(&outcome);
    connection->stream.deadline_ns = 1; /* long past */
    (void)!read_parts(&reading, after_reset, NULL);
    heddle_arena_destroy(reading.arena);
    free(reading.collector.records);
    if (reading.failed && error != NULL) {
        *error = reading.first;
    }
    return reading.failed;
}

static int send_all(struct heddle_bolt_connection *connection, const struct heddle_bolt_request *request,
                    struct heddle_error *error)
{
    if (connection->needs_reset) {
        static const uint8_t reset[] = {0x00, 0x02, 0xB0, 0x0F, 0x00, 0x00};
        HEDDLE_TRY(heddle_bolt_stream_send(&connection->stream, reset, sizeof reset, error));
    }
    return heddle_bolt_stream_send(&connection->stream, request->buffer.bytes, request->buffer.length, error);
}

int heddle_bolt_send(struct heddle_bolt_connection *connection, const struct heddle_bolt_request *request,
                     struct heddle_error *error)
{
    if (connection->stream.wire == NULL) {
        return closed(connection, error);
    }
    if (!request->sealed || connection->flight_count == HEDDLE_BOLT_IN_FLIGHT_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s",
                                request->sealed ? "too many requests in flight on one connection"
                                                : "a request must be committed before it is sent");
    }
    if (connection->transaction != HEDDLE_BOLT_TRANSACTION_NONE && request != connection->own) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "this connection has an open transaction: commit or roll back first");
    }
    const int status = send_all(connection, request, error);
    if (status != HEDDLE_OK) {
        const bool told = last_words(connection, request, connection->needs_reset, error);
        heddle_bolt_drop(connection);
        if (told) {
            return HEDDLE_DATABASE;
        }
        set_action(error, HEDDLE_ACTION_RETRY); /* COMMIT is last: it cannot have arrived */
        return status;
    }
    connection->flights[connection->flight_count++] =
        (struct heddle_bolt_flight){.request = request, .after_reset = connection->needs_reset};
    connection->needs_reset = false;
    return HEDDLE_OK;
}

unsigned heddle_bolt_in_flight(const struct heddle_bolt_connection *connection)
{
    return connection->flight_count;
}

/* Moves the records into the arena. */
static int records_settle(struct reading *reading, struct heddle_error *error)
{
    struct heddle_bolt_result *result = &reading->outcome->result;
    if (result->record_count == 0) {
        return HEDDLE_OK;
    }
    const size_t bytes = result->record_count * sizeof *result->records;
    struct heddle_value_list *records = heddle_arena_alloc_small(reading->arena, bytes);
    if (records == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(records, reading->collector.records, bytes);
    result->records = records;
    return HEDDLE_OK;
}

/* What is known when the answers did not all come. */
static int cut_off(struct reading *reading, int status, struct heddle_error *error)
{
    heddle_bolt_drop(reading->connection);
    if (reading->failed) {
        if (error != NULL) {
            *error = reading->first;
        }
        return reading->first.status;
    }
    set_action(error, reading->request->uncertain ? HEDDLE_ACTION_ASK : HEDDLE_ACTION_RETRY);
    return status;
}

int heddle_bolt_receive_outcome(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                                struct heddle_bolt_outcome *outcome, struct heddle_error *error)
{
    outcome_clear(outcome);
    if (connection->flight_count == 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "no request is in flight on this connection");
    }
    const struct heddle_bolt_flight flight = connection->flights[0];
    connection->flight_count--;
    memmove(connection->flights, connection->flights + 1, connection->flight_count * sizeof flight);
    struct reading reading = {
        .connection = connection, .request = flight.request, .arena = arena, .outcome = outcome};
    int status = connection->stream.wire != NULL ? read_parts(&reading, flight.after_reset, error)
                                                 : closed(connection, error);
    if (status != HEDDLE_OK) {
        status = cut_off(&reading, status, error);
    } else if (reading.failed) {
        mark_failed(connection);
        if (error != NULL) {
            *error = reading.first;
        }
        status = reading.first.status;
    } else {
        status = records_settle(&reading, error);
        if (status != HEDDLE_OK) {
            set_action(error, HEDDLE_ACTION_ASK); /* done, but its result is gone */
        }
    }
    free(reading.collector.records);
    if (status != HEDDLE_OK) {
        const int failed_run = outcome->failed_run;
        char gql_status[sizeof outcome->gql_status];
        memcpy(gql_status, outcome->gql_status, sizeof gql_status);
        outcome_clear(outcome);
        outcome->failed_run = failed_run;
        memcpy(outcome->gql_status, gql_status, sizeof gql_status);
    }
    return status;
}

int heddle_bolt_receive(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                        struct heddle_bolt_answer *answer, struct heddle_error *error)
{
    struct heddle_bolt_outcome outcome;
    const int status = heddle_bolt_receive_outcome(connection, arena, &outcome, error);
    *answer = (struct heddle_bolt_answer){.counters = outcome.result.counters,
                                          .records = outcome.result.records,
                                          .record_count = outcome.result.record_count,
                                          .bookmark = outcome.result.bookmark,
                                          .failed_run = outcome.failed_run};
    memcpy(answer->gql_status, outcome.gql_status, sizeof answer->gql_status);
    return status;
}

void heddle_bolt_counters_add(struct heddle_bolt_counters *sum, const struct heddle_bolt_counters *more)
{
    sum->nodes_created += more->nodes_created;
    sum->nodes_deleted += more->nodes_deleted;
    sum->relationships_created += more->relationships_created;
    sum->relationships_deleted += more->relationships_deleted;
    sum->properties_set += more->properties_set;
    sum->labels_added += more->labels_added;
    sum->labels_removed += more->labels_removed;
    sum->indexes_added += more->indexes_added;
    sum->indexes_removed += more->indexes_removed;
    sum->constraints_added += more->constraints_added;
    sum->constraints_removed += more->constraints_removed;
    sum->system_updates += more->system_updates;
}
