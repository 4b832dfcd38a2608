/* exchange.c: sending requests and making sense of their answers.
 *
 * The server answers every message of a request in order; after the first FAILURE it answers IGNORED until RESET. The
 * channel hands each answer to the flight of its request. What a lost connection means depends on one thing only: send()
 * has handed over all bytes of a request, COMMIT included, or it has failed and the server cannot have seen COMMIT.
 */
#include "bolt/connection_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/counters.h"

/* The records of a request while they come in. */
struct collector {
    struct heddle_value_list *records;
    size_t capacity;
};

/* Reading the answers of one request. */
struct heddle_bolt_reading {
    const struct heddle_bolt_connection *connection;
    struct heddle_arena *arena;
    struct heddle_bolt_outcome *outcome;
    struct collector collector;
    struct heddle_error first; /* the failure that made the server ignore the rest */
    bool failed;
};

static int closed(const struct heddle_bolt_connection *connection, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK, "the connection to %s is closed", connection->channel->address);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

void heddle_bolt_drop(struct heddle_bolt_connection *connection)
{
    if (connection->channel != NULL) {
        heddle_channel_break(connection->channel);
    }
}

static void set_action(struct heddle_error *error, enum heddle_error_action action)
{
    if (error != NULL) {
        error->action = action;
    }
}

static int keep_record(struct heddle_bolt_reading *reading, struct heddle_unpack *unpack,
                       struct heddle_error *error)
{
    struct heddle_bolt_result *result = &reading->outcome->result;
    struct heddle_value record;
    HEDDLE_TRY(heddle_unpack_value(unpack, reading->arena, &record, error));
    if (record.type != HEDDLE_VALUE_LIST) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "a record of %s is no list",
                                reading->connection->channel->address);
    }
    if (heddle_grow((void **)&reading->collector.records, &reading->collector.capacity,
                    result->record_count + 1, sizeof *reading->collector.records) != 0) {
        return heddle_error_out_of_memory(error);
    }
    reading->collector.records[result->record_count++] = record.list;
    return HEDDLE_OK;
}

static int keep_success(struct heddle_bolt_reading *reading, enum heddle_channel_request request,
                        struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_bolt_result *result = &reading->outcome->result;
    struct heddle_bolt_success success;
    HEDDLE_TRY(heddle_bolt_success_read(unpack, reading->arena, &success, error));
    if (request == HEDDLE_CHANNEL_RUN) {
        result->fields = success.fields;
        result->field_count = success.field_count;
    }
    heddle_counters_add(&result->counters, &success.counters);
    result->type = success.type != NULL ? success.type : result->type;
    result->bookmark = success.bookmark != NULL ? success.bookmark : result->bookmark;
    result->database = success.database != NULL ? success.database : result->database;
    return HEDDLE_OK;
}

/* Which RUN a part belongs to, -1 for BEGIN and COMMIT. */
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

static void note_ignored(struct heddle_bolt_reading *reading)
{
    if (!reading->failed) {
        reading->failed = true;
        heddle_error_set(&reading->first, HEDDLE_DATABASE,
                         "the server ignored this request because the one before it failed");
        reading->first.action = HEDDLE_ACTION_RETRY;
    }
}

static int flight_success(struct heddle_channel_taker *taker, enum heddle_channel_request request,
                          struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_bolt_flight *flight = (struct heddle_bolt_flight *)taker;
    flight->answered++;
    return flight->reading != NULL ? keep_success(flight->reading, request, unpack, error) : HEDDLE_OK;
}

static int flight_record(struct heddle_channel_taker *taker, const uint8_t *bytes, size_t length,
                         struct heddle_error *error)
{
    struct heddle_bolt_flight *flight = (struct heddle_bolt_flight *)taker;
    struct heddle_unpack unpack;
    if (flight->request->parts[flight->answered] != HEDDLE_BOLT_PART_PULL) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the server sent a record that nobody asked for");
    }
    heddle_unpack_init(&unpack, bytes, length);
    unpack.no_uuids = !flight->request->pack.dialect.uuids;
    return flight->reading != NULL ? keep_record(flight->reading, &unpack, error) : HEDDLE_OK;
}

static void flight_lost(struct heddle_channel_taker *taker, enum heddle_channel_request request)
{
    struct heddle_bolt_flight *flight = (struct heddle_bolt_flight *)taker;
    (void)request;
    flight->answered++;
    flight->unserved = true;
}

/* The server said no to the part that was answered last. */
static void note_failed(struct heddle_bolt_reading *reading, const struct heddle_bolt_flight *flight,
                        const struct heddle_error *told)
{
    struct heddle_refusal *refusal = heddle_channel_take_refusal(reading->connection->channel);
    if (!reading->failed) {
        reading->failed = true;
        reading->first = *told;
        reading->outcome->failed_run = run_of_part(flight->request, flight->answered - 1);
        if (refusal != NULL) {
            snprintf(reading->outcome->gql_status, sizeof reading->outcome->gql_status, "%s",
                     refusal->failure.gql_status);
        }
    }
    heddle_refusal_destroy(refusal);
}

/* Takes answers in until the flight has all of its own. HEDDLE_OK for failures of the server too. */
static int read_flight(struct heddle_bolt_reading *reading, const struct heddle_bolt_flight *flight,
                       struct heddle_error *error)
{
    while (flight->answered < flight->request->part_count) {
        struct heddle_error told = {0};
        const int status = heddle_channel_read(reading->connection->channel, &told);
        if (status == HEDDLE_DATABASE) {
            note_failed(reading, flight, &told);
        } else if (status != HEDDLE_OK) {
            if (error != NULL) {
                *error = told;
            }
            return status;
        } else if (flight->unserved) {
            note_ignored(reading);
        }
    }
    return HEDDLE_OK;
}

static void outcome_clear(struct heddle_bolt_outcome *outcome)
{
    *outcome = (struct heddle_bolt_outcome){.result = {.type = "", .bookmark = "", .database = ""},
                                            .failed_run = -1};
}

static enum heddle_channel_request kind_of(enum heddle_bolt_part part)
{
    switch (part) {
    case HEDDLE_BOLT_PART_BEGIN: return HEDDLE_CHANNEL_BEGIN;
    case HEDDLE_BOLT_PART_RUN: return HEDDLE_CHANNEL_RUN;
    case HEDDLE_BOLT_PART_COMMIT: return HEDDLE_CHANNEL_COMMIT;
    default: return HEDDLE_CHANNEL_PULL;
    }
}

static int send_all(struct heddle_channel *channel, struct heddle_bolt_flight *flight,
                    struct heddle_error *error)
{
    const struct heddle_bolt_request *request = flight->request;
    if (channel->needs_reset) {
        HEDDLE_TRY(heddle_channel_write_reset(channel, error));
    }
    for (size_t i = 0; i < request->part_count; i++) {
        HEDDLE_TRY(heddle_channel_expect(channel, kind_of(request->parts[i]), &flight->taker, error));
    }
    return heddle_channel_send(channel, request->buffer.bytes, request->buffer.length, error);
}

int heddle_bolt_send(struct heddle_bolt_connection *connection, const struct heddle_bolt_request *request,
                     struct heddle_error *error)
{
    if (!heddle_bolt_is_open(connection)) {
        return closed(connection, error);
    }
    if (!request->sealed || connection->flight_count == HEDDLE_BOLT_IN_FLIGHT_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s",
                                request->sealed ? "too many requests in flight on one connection"
                                                : "a request must be committed before it is sent");
    }
    struct heddle_bolt_flight *flight =
        &connection
             ->flights[(connection->first_flight + connection->flight_count) % HEDDLE_BOLT_IN_FLIGHT_MAX];
    *flight = (struct heddle_bolt_flight){.taker = {flight_success, flight_record, flight_lost},
                                          .request = request};
    const int status = send_all(connection->channel, flight, error);
    if (status != HEDDLE_OK) {
        heddle_bolt_drop(connection);
        if (status != HEDDLE_DATABASE) {
            set_action(error, HEDDLE_ACTION_RETRY); /* COMMIT is last: it cannot have arrived */
        }
        return status;
    }
    connection->flight_count++;
    return HEDDLE_OK;
}

unsigned heddle_bolt_in_flight(const struct heddle_bolt_connection *connection)
{
    return connection->flight_count;
}

/* Moves the records into the arena. */
static int records_settle(struct heddle_bolt_reading *reading, struct heddle_error *error)
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
static int cut_off(struct heddle_bolt_connection *connection, const struct heddle_bolt_reading *reading,
                   const struct heddle_bolt_request *request, int status, struct heddle_error *error)
{
    heddle_bolt_drop(connection);
    if (reading->failed) {
        if (error != NULL) {
            *error = reading->first;
        }
        return reading->first.status;
    }
    set_action(error, request->uncertain ? HEDDLE_ACTION_ASK : HEDDLE_ACTION_RETRY);
    return status;
}

int heddle_bolt_receive_outcome(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                                struct heddle_bolt_outcome *outcome, struct heddle_error *error)
{
    outcome_clear(outcome);
    if (connection->flight_count == 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "no request is in flight on this connection");
    }
    struct heddle_bolt_flight *flight = &connection->flights[connection->first_flight];
    struct heddle_bolt_reading reading = {.connection = connection, .arena = arena, .outcome = outcome};
    flight->reading = &reading;
    int status =
        heddle_bolt_is_open(connection) ? read_flight(&reading, flight, error) : closed(connection, error);
    flight->reading = NULL;
    connection->first_flight = (connection->first_flight + 1) % HEDDLE_BOLT_IN_FLIGHT_MAX;
    connection->flight_count--;
    if (status != HEDDLE_OK) {
        status = cut_off(connection, &reading, flight->request, status, error);
    } else if (reading.failed) {
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
