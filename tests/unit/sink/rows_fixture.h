/* rows_fixture.h: batches made by hand and the targets of the removals job, for tests of the sinks. */
#ifndef HEDDLE_TESTS_UNIT_SINK_ROWS_FIXTURE_H
#define HEDDLE_TESTS_UNIT_SINK_ROWS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/hash.h"
#include "column/builder.h"
#include "column/reject.h"
#include "sink/sink.h"

/* One removal. id < 0 = null; a NULL text is null; `vector` false = no vector. */
struct removal {
    int64_t id;
    const char *reason;
    const char *aircraft;
    const char *component;
    int64_t hours;
    bool vector;
};

enum { FIXTURE_ID, FIXTURE_REASON, FIXTURE_AIRCRAFT, FIXTURE_COMPONENT, FIXTURE_HOURS, FIXTURE_COLUMNS };
enum { FIXTURE_DIMENSIONS = 32 };

static const struct heddle_field fixture_fields[FIXTURE_COLUMNS] = {
    {.name = ":ID", .type = HEDDLE_TYPE_INTEGER},        {.name = "RMV_REA_TX", .type = HEDDLE_TYPE_STRING},
    {.name = "aircraft_id", .type = HEDDLE_TYPE_STRING}, {.name = "component_id", .type = HEDDLE_TYPE_STRING},
    {.name = "hours", .type = HEDDLE_TYPE_INTEGER},
};
static const struct heddle_schema fixture_schema = {fixture_fields, FIXTURE_COLUMNS};

/* The vector of a removal: a point on the unit sphere that its id decides. */
static void fixture_vector(int64_t id, float *out)
{
    uint64_t state = (uint64_t)id + 1;
    double sum = 0.0;
    for (int i = 0; i < FIXTURE_DIMENSIONS; i++) {
        out[i] = (float)(heddle_random_unit(&state) - 0.5);
        sum += (double)out[i] * (double)out[i];
    }
    for (int i = 0; i < FIXTURE_DIMENSIONS; i++) {
        out[i] = (float)((double)out[i] / __builtin_sqrt(sum));
    }
}

static void fixture_text(struct heddle_builder *builder, const char *text)
{
    if (text == NULL) {
        heddle_builder_null(builder);
    } else {
        heddle_builder_text(builder, text, strlen(text));
    }
}

static void fixture_vectors(struct heddle_batch *batch, const struct removal *rows, size_t count)
{
    float *values = heddle_arena_calloc(batch->arena, count * FIXTURE_DIMENSIONS + 1, sizeof *values);
    uint8_t *valid = heddle_arena_calloc(batch->arena, count / 8 + 1, 1);
    batch->vectors = heddle_arena_calloc(batch->arena, 1, sizeof *batch->vectors);
    assert_true(values != NULL && valid != NULL && batch->vectors != NULL);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].vector) {
            fixture_vector(rows[i].id, values + i * FIXTURE_DIMENSIONS);
            valid[i >> 3] = (uint8_t)(valid[i >> 3] | 1u << (i & 7));
        }
    }
    batch->vectors[0] = (struct heddle_column){.type = HEDDLE_TYPE_VECTOR,
                                               .length = count,
                                               .valid = valid,
                                               .values = values,
                                               .width = FIXTURE_DIMENSIONS};
    batch->vector_count = 1;
}

__attribute__((unused)) static struct heddle_batch *fixture_batch(const struct removal *rows, size_t count,
                                                                  uint64_t sequence, uint64_t first_row)
{
    struct heddle_batch *batch = NULL;
    struct heddle_builder columns[FIXTURE_COLUMNS];
    assert_int_equal(heddle_batch_create(&fixture_schema, &batch, NULL), HEDDLE_OK);
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        columns[i] = (struct heddle_builder){.type = fixture_fields[i].type};
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].id < 0) {
            heddle_builder_null(&columns[FIXTURE_ID]);
        } else {
            heddle_builder_integer(&columns[FIXTURE_ID], rows[i].id);
        }
        fixture_text(&columns[FIXTURE_REASON], rows[i].reason);
        fixture_text(&columns[FIXTURE_AIRCRAFT], rows[i].aircraft);
        fixture_text(&columns[FIXTURE_COMPONENT], rows[i].component);
        heddle_builder_integer(&columns[FIXTURE_HOURS], rows[i].hours);
    }
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        assert_int_equal(heddle_builder_finish(&columns[i], batch->arena, &batch->columns[i], NULL),
                         HEDDLE_OK);
        heddle_builder_free(&columns[i]);
    }
    batch->rows = count;
    batch->sequence = sequence;
    batch->source = "removals";
    batch->file = "removals.parquet";
    batch->first_row = first_row;
    fixture_vectors(batch, rows, count);
    return batch;
}

/* Rejects, kept. */
struct fixture_rejects {
    pthread_mutex_t lock;
    size_t count;
    size_t limit; /* 0 = none */
    struct {
        char target[32];
        char code[32];
        char key[64];
        char reason[256];
        size_t row;
        enum heddle_stage stage;
    } kept[256];
};

__attribute__((unused)) static int fixture_reject(void *context, const struct heddle_reject *reject,
                                                  struct heddle_error *error)
{
    struct fixture_rejects *rejects = context;
    pthread_mutex_lock(&rejects->lock);
    const size_t at = rejects->count++;
    if (at < 256) {
        snprintf(rejects->kept[at].target, sizeof rejects->kept[at].target, "%s", reject->target);
        snprintf(rejects->kept[at].code, sizeof rejects->kept[at].code, "%s", reject->code);
        snprintf(rejects->kept[at].key, sizeof rejects->kept[at].key, "%s",
                 reject->key == NULL ? "" : reject->key);
        snprintf(rejects->kept[at].reason, sizeof rejects->kept[at].reason, "%s", reject->reason);
        rejects->kept[at].row = (size_t)reject->ordinal;
        rejects->kept[at].stage = reject->stage;
    }
    const bool over = rejects->limit > 0 && rejects->count > rejects->limit;
    pthread_mutex_unlock(&rejects->lock);
    return over ? heddle_error_set(error, HEDDLE_REJECTED, "too many rejects") : HEDDLE_OK;
}

/* How often a code occurs, and whether a reject of a target with this code and key is there. */
__attribute__((unused)) static size_t fixture_count_rejects(const struct fixture_rejects *rejects,
                                                            const char *target, const char *code)
{
    size_t count = 0;
    for (size_t i = 0; i < rejects->count && i < 256; i++) {
        count += strcmp(rejects->kept[i].target, target) == 0 && strcmp(rejects->kept[i].code, code) == 0;
    }
    return count;
}

/* The targets of the removals job. `job->targets` point into the struct: do not move it. */
enum { TARGET_REMOVAL, TARGET_AIRCRAFT, TARGET_COMPONENT, TARGET_REMOVED_FROM, TARGET_OF_COMPONENT, TARGETS };

struct fixture_job {
    struct heddle_target_property removal_properties[3];
    struct heddle_target_property aircraft_properties[1];
    struct heddle_target_property component_properties[1];
    struct heddle_target_property removed_from_properties[1];
    struct heddle_target_property removal_end[1];
    const char *removal_label[1];
    const char *aircraft_label[1];
    const char *component_label[1];
    const char *removal_key[1];
    const char *aircraft_key[1];
    const char *component_key[1];
    const char *embedding[1];
    size_t first[1];
    struct heddle_target_schema removal_schema[2];
    struct heddle_target_schema aircraft_schema[1];
    struct heddle_target_schema component_schema[1];
    struct heddle_target targets[TARGETS];
};

static void fixture_nodes(struct fixture_job *job)
{
    job->targets[TARGET_REMOVAL] = (struct heddle_target){
        .kind = HEDDLE_TARGET_NODE,
        .name = "removal",
        .merge = true,
        .properties = job->removal_properties,
        .property_count = 3,
        .key = job->first,
        .key_count = 1,
        .schema = job->removal_schema,
        .schema_count = 2,
        .labels = job->removal_label,
        .label_count = 1,
        .vector_property = "embedding",
        .vector_dimensions = FIXTURE_DIMENSIONS,
    };
    job->targets[TARGET_AIRCRAFT] = (struct heddle_target){
        .kind = HEDDLE_TARGET_NODE,
        .name = "aircraft",
        .merge = true,
        .properties = job->aircraft_properties,
        .property_count = 1,
        .key = job->first,
        .key_count = 1,
        .schema = job->aircraft_schema,
        .schema_count = 1,
        .labels = job->aircraft_label,
        .label_count = 1,
    };
    job->targets[TARGET_COMPONENT] = job->targets[TARGET_AIRCRAFT];
    job->targets[TARGET_COMPONENT].name = "component";
    job->targets[TARGET_COMPONENT].properties = job->component_properties;
    job->targets[TARGET_COMPONENT].schema = job->component_schema;
    job->targets[TARGET_COMPONENT].labels = job->component_label;
}

static void fixture_relationships(struct fixture_job *job)
{
    job->targets[TARGET_REMOVED_FROM] = (struct heddle_target){
        .kind = HEDDLE_TARGET_RELATIONSHIP,
        .name = "removed_from",
        .merge = true,
        .properties = job->removed_from_properties,
        .property_count = 1,
        .type = "HEDDLE_TEST_REMOVED_FROM",
        .start = {TARGET_REMOVAL, job->removal_end, 1},
        .end = {TARGET_AIRCRAFT, job->aircraft_properties, 1},
        .follows_its_nodes = true,
    };
    job->targets[TARGET_OF_COMPONENT] = job->targets[TARGET_REMOVED_FROM];
    job->targets[TARGET_OF_COMPONENT].name = "of_component";
    job->targets[TARGET_OF_COMPONENT].type = "HEDDLE_TEST_OF_COMPONENT";
    job->targets[TARGET_OF_COMPONENT].property_count = 0;
    job->targets[TARGET_OF_COMPONENT].end =
        (struct heddle_target_end){TARGET_COMPONENT, job->component_properties, 1};
}

__attribute__((unused)) static void fixture_job_init(struct fixture_job *job)
{
    *job = (struct fixture_job){
        .removal_properties = {{.name = "removal_id", .field = ":ID", .column = FIXTURE_ID},
                               {.name = "reason", .field = "RMV_REA_TX", .column = FIXTURE_REASON},
                               {.name = "hours", .field = "hours", .column = FIXTURE_HOURS}},
        .aircraft_properties = {{.name = "aircraft_id", .field = "aircraft_id", .column = FIXTURE_AIRCRAFT}},
        .component_properties = {{.name = "component_id",
                                  .field = "component_id",
                                  .column = FIXTURE_COMPONENT}},
        .removed_from_properties = {{.name = "hours", .field = "hours", .column = FIXTURE_HOURS}},
        .removal_end = {{.name = "removal_id", .field = ":ID", .column = FIXTURE_ID}},
        .removal_label = {"HeddleTestRemoval"},
        .aircraft_label = {"HeddleTestAircraft"},
        .component_label = {"HeddleTestComponent"},
        .removal_key = {"removal_id"},
        .aircraft_key = {"aircraft_id"},
        .component_key = {"component_id"},
        .embedding = {"embedding"},
    };
    job->removal_schema[0] = (struct heddle_target_schema){.kind = HEDDLE_TARGET_UNIQUE,
                                                           .name = "heddle_test_removal",
                                                           .labels = job->removal_label,
                                                           .label_count = 1,
                                                           .properties = job->removal_key,
                                                           .property_count = 1};
    job->aircraft_schema[0] = job->removal_schema[0];
    job->aircraft_schema[0].name = "heddle_test_aircraft";
    job->aircraft_schema[0].labels = job->aircraft_label;
    job->aircraft_schema[0].properties = job->aircraft_key;
    job->component_schema[0] = job->removal_schema[0];
    job->component_schema[0].name = "heddle_test_component";
    job->component_schema[0].labels = job->component_label;
    job->component_schema[0].properties = job->component_key;
    job->removal_schema[1] = (struct heddle_target_schema){.kind = HEDDLE_TARGET_VECTOR_INDEX,
                                                           .name = "heddle_test_embedding",
                                                           .labels = job->removal_label,
                                                           .label_count = 1,
                                                           .properties = job->embedding,
                                                           .property_count = 1,
                                                           .dimensions = FIXTURE_DIMENSIONS,
                                                           .similarity = "cosine"};
    fixture_nodes(job);
    fixture_relationships(job);
}

#endif
