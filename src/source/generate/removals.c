/* removals.c: rows of the removals table, each from its number and the seed. */
#include "source/generate/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "column/builder.h"
#include "column/scalar.h"
#include "source/generate/grammar.h"

enum {
    COLUMNS = 6,
    ROWS_AN_AIRCRAFT = 125,
    AIRCRAFT_MIN = 40,
    AIRCRAFT_MAX = 900, /* three digits without a leading zero: tail numbers stay distinct */
    ROWS_A_COMPONENT = 25,
    COMPONENTS_MIN = 300,
    COMPONENTS_MAX = 20000,
    ROWS_A_REPEATED_TEXT = 50,
    REPEATED_MIN = 20,
    REPEATED_MAX = 5000,
    REPEATED_PERCENT = 15,
    NULL_TEXT_ONE_IN = 500,
    DAYS = 3650,
    DAYS_JITTER = 60,
};

/* Steps that are prime to what they run through spread neighbouring numbers. */
enum { TAIL_STEP = 7919, COMPONENT_STEP = 7919, COMPONENT_RANGE = 99991 };

/* 2016-01-01 in days since 1970-01-01. */
static const int64_t FIRST_DAY = 16801;

/* Each use of randomness has a stream of its own, so that one cannot shift another. */
enum stream { STREAM_ROW = 1, STREAM_POOL, STREAM_TAIL, STREAM_BAD, STREAM_OFFSET };

static uint64_t state_of(const struct heddle_removals *removals, enum stream stream, uint64_t number)
{
    return heddle_hash_mix(heddle_hash_mix(removals->seed ^ ((uint64_t)stream << 56)) + number);
}

const struct heddle_schema *heddle_removals_schema(const struct heddle_removals *removals)
{
    static const struct heddle_field sound[COLUMNS] = {
        {.name = ":ID(RemovalEvent)", .type = HEDDLE_TYPE_INTEGER},
        {.name = "RMV_REA_TX", .type = HEDDLE_TYPE_STRING},
        {.name = "RMV_TRK_NO", .type = HEDDLE_TYPE_STRING},
        {.name = "component_id", .type = HEDDLE_TYPE_STRING},
        {.name = "aircraft_id", .type = HEDDLE_TYPE_STRING},
        {.name = "removal_date", .type = HEDDLE_TYPE_DATE},
    };
    static const struct heddle_field with_bad[COLUMNS] = {
        {.name = ":ID(RemovalEvent)", .type = HEDDLE_TYPE_STRING},
        {.name = "RMV_REA_TX", .type = HEDDLE_TYPE_STRING},
        {.name = "RMV_TRK_NO", .type = HEDDLE_TYPE_STRING},
        {.name = "component_id", .type = HEDDLE_TYPE_STRING},
        {.name = "aircraft_id", .type = HEDDLE_TYPE_STRING},
        {.name = "removal_date", .type = HEDDLE_TYPE_STRING},
    };
    static const struct heddle_schema schemas[2] = {{sound, COLUMNS}, {with_bad, COLUMNS}};
    return &schemas[removals->bad_rows > 0 ? 1 : 0];
}

static uint64_t clamped(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

uint64_t heddle_removals_aircraft(const struct heddle_removals *removals)
{
    const uint64_t wanted = clamped(removals->rows / ROWS_AN_AIRCRAFT, AIRCRAFT_MIN, AIRCRAFT_MAX);
    return wanted > removals->rows ? removals->rows : wanted;
}

uint64_t heddle_removals_components(const struct heddle_removals *removals)
{
    return clamped(removals->rows / ROWS_A_COMPONENT, COMPONENTS_MIN, COMPONENTS_MAX);
}

/* Rows are cut into bad_rows equal pieces and each piece gets one bad row: exact in number, spread, and told
 * from the row's number alone. */
enum heddle_removals_fault heddle_removals_fault(const struct heddle_removals *removals, uint64_t row)
{
    const uint64_t pieces = removals->bad_rows > removals->rows ? removals->rows : removals->bad_rows;
    if (pieces == 0) {
        return HEDDLE_REMOVALS_SOUND;
    }
    const uint64_t piece = (uint64_t)((unsigned __int128)row * pieces / removals->rows);
    const uint64_t begin = (uint64_t)(((unsigned __int128)piece * removals->rows + pieces - 1) / pieces);
    const uint64_t end = (uint64_t)(((unsigned __int128)(piece + 1) * removals->rows + pieces - 1) / pieces);
    uint64_t state = state_of(removals, STREAM_BAD, piece);
    if (begin + heddle_random_below(&state, end - begin) != row) {
        return HEDDLE_REMOVALS_SOUND;
    }
    return (enum heddle_removals_fault)(HEDDLE_REMOVALS_KEY_NULL + piece % HEDDLE_REMOVALS_DATE_TEXT);
}

/* 0 .. count-1, where number k is drawn about in proportion to 1 / (k + 1) (Zipf's law with exponent 1), by
 * drawing the power of two first: integers only. */
static uint64_t skewed_below(uint64_t *state, uint64_t count)
{
    unsigned levels = 0;
    while (levels < 63 && (UINT64_C(1) << levels) <= count) {
        levels++;
    }
    const uint64_t level = heddle_random_below(state, levels);
    const uint64_t low = (UINT64_C(1) << level) - 1;
    const uint64_t high = low + (UINT64_C(1) << level);
    return low + heddle_random_below(state, (high > count ? count : high) - low);
}

/* Half skewed, half even: some aircraft are old, all of them fly. */
static uint64_t mixed_below(uint64_t *state, uint64_t count)
{
    return heddle_random_below(state, 2) == 0 ? skewed_below(state, count)
                                              : heddle_random_below(state, count);
}

/* The aircraft of a row. Every rows/aircraft-th row belongs to the next aircraft in turn, so that each
 * occurs. */
static uint64_t aircraft_of(const struct heddle_removals *removals, uint64_t row, uint64_t *state)
{
    const uint64_t count = heddle_removals_aircraft(removals);
    const uint64_t stride = removals->rows / count;
    const uint64_t drawn = mixed_below(state, count);
    return row % stride == 0 && row / stride < count ? row / stride : drawn;
}

static size_t tail_print(const struct heddle_removals *removals, uint64_t aircraft, char *out, size_t size)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ"; /* no I and no O: they read as digits */
    const uint64_t offset = state_of(removals, STREAM_OFFSET, 0);
    uint64_t state = state_of(removals, STREAM_TAIL, aircraft);
    const uint64_t digits = 100 + (aircraft * TAIL_STEP + offset % AIRCRAFT_MAX) % AIRCRAFT_MAX;
    const char first = letters[heddle_random_below(&state, sizeof letters - 1)];
    const char second = letters[heddle_random_below(&state, sizeof letters - 1)];
    return (size_t)snprintf(out, size, "N%" PRIu64 "%c%c", digits, first, second);
}

static void text_put(const struct heddle_removals *removals, uint64_t *state, struct heddle_builder *builder)
{
    char text[HEDDLE_REMOVALS_TEXT_MAX + 1];
    const bool is_null = heddle_random_below(state, NULL_TEXT_ONE_IN) == 0;
    const bool is_repeated = heddle_random_below(state, 100) < REPEATED_PERCENT;
    const uint64_t pool = clamped(removals->rows / ROWS_A_REPEATED_TEXT, REPEATED_MIN, REPEATED_MAX);
    uint64_t pool_state = state_of(removals, STREAM_POOL, skewed_below(state, pool));
    const size_t length = heddle_grammar_text(is_repeated ? &pool_state : state, text);
    if (is_null) {
        heddle_builder_null(builder);
    } else {
        heddle_builder_text(builder, text, length);
    }
}

static void key_put(uint64_t row, enum heddle_removals_fault fault, struct heddle_builder *builder)
{
    char text[32];
    if (builder->type == HEDDLE_TYPE_INTEGER) {
        heddle_builder_integer(builder, (int64_t)(row + 1));
    } else if (fault == HEDDLE_REMOVALS_KEY_NULL) {
        heddle_builder_null(builder);
    } else {
        const char *prefix = fault == HEDDLE_REMOVALS_KEY_TEXT ? "RMV-" : "";
        const int length = snprintf(text, sizeof text, "%s%" PRIu64, prefix, row + 1);
        heddle_builder_text(builder, text, (size_t)length);
    }
}

static void row_put(const struct heddle_removals *removals, uint64_t row,
                    struct heddle_builder builders[COLUMNS])
{
    static const char *const stations[] = {"ATL", "DFW", "DEN", "ORD", "LAX", "JFK", "SEA", "MIA",
                                           "PHX", "IAH", "BOS", "MSP", "CLT", "SFO", "LHR", "FRA"};
    char text[HEDDLE_SCALAR_TEXT_MAX];
    char date[HEDDLE_SCALAR_TEXT_MAX];
    const enum heddle_removals_fault fault = heddle_removals_fault(removals, row);
    uint64_t state = state_of(removals, STREAM_ROW, row);
    const uint64_t aircraft = aircraft_of(removals, row, &state);
    const uint64_t component = mixed_below(&state, heddle_removals_components(removals));
    const uint64_t drift = (uint64_t)((unsigned __int128)row * DAYS / removals->rows);
    const int64_t day = FIRST_DAY + (int64_t)(drift + heddle_random_below(&state, DAYS_JITTER));
    const char *station = stations[heddle_random_below(&state, sizeof stations / sizeof stations[0])];
    key_put(row, fault, &builders[0]);
    text_put(removals, &state, &builders[1]);
    const size_t date_length = heddle_scalar_print_date(day, date);
    int length = snprintf(text, sizeof text, "TRK-%.4s-%s-%08" PRIu64, date, station, row + 1);
    heddle_builder_text(&builders[2], text, (size_t)length);
    length = snprintf(text, sizeof text, "CMP-%05" PRIu64, component * COMPONENT_STEP % COMPONENT_RANGE + 1);
    heddle_builder_text(&builders[3], text, (size_t)length);
    if (fault == HEDDLE_REMOVALS_AIRCRAFT_NULL) {
        heddle_builder_null(&builders[4]);
    } else {
        const size_t tail_length = tail_print(removals, aircraft, text, sizeof text);
        heddle_builder_text(&builders[4], text, tail_length);
    }
    if (builders[5].type == HEDDLE_TYPE_DATE) {
        heddle_builder_integer(&builders[5], day);
    } else if (fault == HEDDLE_REMOVALS_DATE_TEXT) {
        heddle_builder_text(&builders[5], "NOT RECORDED", strlen("NOT RECORDED"));
    } else {
        heddle_builder_text(&builders[5], date, date_length);
    }
}

int heddle_removals_batch(const struct heddle_removals *removals, uint64_t first, size_t count,
                          struct heddle_batch **batch_out, struct heddle_error *error)
{
    const struct heddle_schema *schema = heddle_removals_schema(removals);
    struct heddle_builder builders[COLUMNS] = {0};
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(heddle_batch_create(schema, &batch, error));
    for (size_t i = 0; i < COLUMNS; i++) {
        builders[i].type = schema->fields[i].type;
    }
    for (size_t i = 0; i < count; i++) {
        row_put(removals, first + i, builders);
    }
    int status = HEDDLE_OK;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (status == HEDDLE_OK) {
            status = heddle_builder_finish(&builders[i], batch->arena, &batch->columns[i], error);
        }
        heddle_builder_free(&builders[i]);
    }
    if (status != HEDDLE_OK) {
        heddle_batch_release(batch);
        return status;
    }
    batch->rows = count;
    batch->first_row = first;
    *batch_out = batch;
    return HEDDLE_OK;
}
