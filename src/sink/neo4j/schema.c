/* schema.c: SHOW INDEXES tells everything that matters here: constraints that a load needs have an index of their own. */
#include "sink/neo4j/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sink/neo4j/ask.h"

static const uint64_t NS_PER_S = 1000000000;

/* An index of some rows is ONLINE within milliseconds; a large one takes minutes. */
enum { SCHEMA_POLL_FIRST_MS = 5, SCHEMA_POLL_MAX_MS = 250 };

/* Fields of the question below. */
enum {
    FIELD_NAME,
    FIELD_STATE,
    FIELD_PERCENT,
    FIELD_TYPE,
    FIELD_LABELS,
    FIELD_PROPERTIES,
    FIELD_OPTIONS,
    FIELD_FAILURE
};

static const char *const show_indexes =
    "SHOW INDEXES YIELD name, state, populationPercent, type, labelsOrTypes, properties, options, "
    "failureMessage "
    "RETURN name, state, populationPercent, type, labelsOrTypes, properties, options, failureMessage";

static int run(struct heddle_load *load, const char *text, struct heddle_arena *arena,
               struct heddle_bolt_result *result, struct heddle_error *error)
{
    const struct heddle_ask ask = {
        .text = text,
        .mode = HEDDLE_BOLT_WRITE,
        .database = load->ability.database,
    };
    return heddle_ask_run(load->control, &ask, arena, result, error);
}

static bool list_is(const struct heddle_value *value, const char *const *texts, size_t count)
{
    if (value->type != HEDDLE_VALUE_LIST || value->list.count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct heddle_value *item = &value->list.items[i];
        if (item->type != HEDDLE_VALUE_STRING || strcmp(item->string.text, texts[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Index types as the server names them. A constraint's own index is a RANGE one. */
static const char *index_type(enum heddle_target_schema_kind kind)
{
    switch (kind) {
    case HEDDLE_TARGET_TEXT_INDEX: return "TEXT";
    case HEDDLE_TARGET_POINT_INDEX: return "POINT";
    case HEDDLE_TARGET_FULLTEXT_INDEX: return "FULLTEXT";
    case HEDDLE_TARGET_VECTOR_INDEX: return "VECTOR";
    case HEDDLE_TARGET_UNIQUE:
    case HEDDLE_TARGET_NODE_KEY:
    case HEDDLE_TARGET_EXISTENCE:
    case HEDDLE_TARGET_TYPE:
    case HEDDLE_TARGET_RANGE_INDEX: break;
    }
    return "RANGE";
}

/* Existence and type constraints have no index: the server alone knows them. */
static bool has_index(const struct heddle_target_schema *schema)
{
    return schema->kind != HEDDLE_TARGET_EXISTENCE && schema->kind != HEDDLE_TARGET_TYPE;
}

static bool record_is(const struct heddle_bolt_result *indexes, size_t record,
                      const struct heddle_target *target, const struct heddle_target_schema *schema)
{
    const char *type = heddle_ask_cell_text(indexes, record, FIELD_TYPE);
    const char *const *labels = schema->label_count > 0 ? schema->labels : target->labels;
    size_t label_count = schema->label_count > 0 ? schema->label_count : target->label_count;
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        labels = &target->type;
        label_count = 1;
    } else if (schema->kind != HEDDLE_TARGET_FULLTEXT_INDEX && label_count > 1) {
        label_count = 1;
    }
    /* Before 5.0 the index of a constraint is a BTREE. */
    const bool type_fits = strcmp(type, index_type(schema->kind)) == 0 ||
                           (strcmp(index_type(schema->kind), "RANGE") == 0 && strcmp(type, "BTREE") == 0);
    return type_fits && list_is(heddle_ask_cell(indexes, record, FIELD_LABELS), labels, label_count) &&
           list_is(heddle_ask_cell(indexes, record, FIELD_PROPERTIES), schema->properties,
                   schema->property_count);
}

/* The record of a schema object's index, or SIZE_MAX. */
static size_t find_record(const struct heddle_bolt_result *indexes, const struct heddle_target *target,
                          const struct heddle_target_schema *schema)
{
    for (size_t i = 0; i < indexes->record_count; i++) {
        if (record_is(indexes, i, target, schema)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* A vector index with other dimensions would take none of the vectors, without a word. */
static int check_dimensions(const struct heddle_bolt_result *indexes, size_t record,
                            const struct heddle_target *target, const struct heddle_target_schema *schema,
                            struct heddle_error *error)
{
    const uint32_t wanted = schema->dimensions > 0 ? schema->dimensions : target->vector_dimensions;
    const struct heddle_value *config =
        heddle_value_map_get(heddle_ask_cell(indexes, record, FIELD_OPTIONS), "indexConfig");
    const int64_t found = heddle_value_map_integer(config, "vector.dimensions", 0);
    if (schema->kind != HEDDLE_TARGET_VECTOR_INDEX || wanted == 0 || found == 0 || found == (int64_t)wanted) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "target %s: the vector index %s is there with %lld dimensions, the job wants %u: drop it, or "
        "use the model it was made for",
        target->name, heddle_ask_cell_text(indexes, record, FIELD_NAME), (long long)found, wanted);
}

static int make_one(struct heddle_load *load, const struct heddle_target *target,
                    const struct heddle_target_schema *schema, struct heddle_arena *arena,
                    struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    struct heddle_bolt_result result;
    int status = heddle_cypher_schema(&text, target, schema, &load->ability.dialect, error);
    if (status == HEDDLE_OK) {
        const char *statement = heddle_buffer_text(&text);
        status = statement == NULL ? heddle_error_out_of_memory(error)
                                   : run(load, statement, arena, &result, error);
        if (status == HEDDLE_DATABASE) {
            heddle_error_prefix(error, "target %s: constraint or index %s cannot be made", target->name,
                                schema->name == NULL ? "" : schema->name);
        }
    }
    heddle_buffer_free(&text);
    return status;
}

/* Which schema objects a step is about. */
enum step { STEP_BEFORE, STEP_AFTER };

static bool belongs(const struct heddle_load *load, const struct heddle_target_schema *schema, enum step step)
{
    if (schema->kind != HEDDLE_TARGET_VECTOR_INDEX) {
        return true;
    }
    switch (load->options->vector_index) {
    case HEDDLE_VECTOR_INDEX_BEFORE: return true;
    case HEDDLE_VECTOR_INDEX_AUTO:
    case HEDDLE_VECTOR_INDEX_AFTER: return step == STEP_AFTER;
    case HEDDLE_VECTOR_INDEX_NONE: break;
    }
    return false;
}

/* Makes what is missing. *made_out = how many statements that took. */
static int make_missing(struct heddle_load *load, enum step step, struct heddle_arena *arena,
                        size_t *made_out, struct heddle_error *error)
{
    struct heddle_bolt_result indexes;
    HEDDLE_TRY(run(load, show_indexes, arena, &indexes, error));
    *made_out = 0;
    for (size_t i = 0; i < load->options->target_count; i++) {
        const struct heddle_target *target = &load->options->targets[i];
        for (size_t j = 0; j < target->schema_count; j++) {
            const struct heddle_target_schema *schema = &target->schema[j];
            if (!belongs(load, schema, step) || (step == STEP_AFTER && !has_index(schema))) {
                continue;
            }
            const size_t record = find_record(&indexes, target, schema);
            /* A plain index does not make a constraint: the server says so when asked for one. */
            const bool is_index = has_index(schema) && schema->kind != HEDDLE_TARGET_UNIQUE &&
                                  schema->kind != HEDDLE_TARGET_NODE_KEY;
            if (record != SIZE_MAX) {
                HEDDLE_TRY(check_dimensions(&indexes, record, target, schema, error));
            }
            if (record == SIZE_MAX || (!is_index && step == STEP_BEFORE)) {
                HEDDLE_TRY(make_one(load, target, schema, arena, error));
                (*made_out)++;
            }
        }
    }
    return HEDDLE_OK;
}

/* How far the indexes of a step are. */
struct advance {
    size_t online;
    size_t wanted;
    double percent; /* summed over those that are not ONLINE */
    char slowest[128];
};

static int look_at(struct heddle_load *load, const struct heddle_bolt_result *indexes, enum step step,
                   struct advance *advance, struct heddle_error *error)
{
    *advance = (struct advance){0};
    for (size_t i = 0; i < load->options->target_count; i++) {
        const struct heddle_target *target = &load->options->targets[i];
        for (size_t j = 0; j < target->schema_count; j++) {
            const struct heddle_target_schema *schema = &target->schema[j];
            if (!belongs(load, schema, step) || !has_index(schema)) {
                continue;
            }
            const size_t record = find_record(indexes, target, schema);
            if (record == SIZE_MAX) {
                return heddle_error_set(
                    error, HEDDLE_INVALID,
                    "target %s: the server has no index for %s although it made it: the name is "
                    "probably taken by another constraint or index; choose another name",
                    target->name, schema->name == NULL ? "a constraint" : schema->name);
            }
            const char *state = heddle_ask_cell_text(indexes, record, FIELD_STATE);
            const char *name = heddle_ask_cell_text(indexes, record, FIELD_NAME);
            if (strcmp(state, "FAILED") == 0) {
                return heddle_error_set(error, HEDDLE_DATABASE, "target %s: index %s has failed: %.300s",
                                        target->name, name,
                                        heddle_ask_cell_text(indexes, record, FIELD_FAILURE));
            }
            advance->wanted++;
            if (strcmp(state, "ONLINE") == 0) {
                advance->online++;
            } else {
                advance->percent += heddle_ask_cell_float(indexes, record, FIELD_PERCENT);
                snprintf(advance->slowest, sizeof advance->slowest, "%s", name);
            }
        }
    }
    return HEDDLE_OK;
}

/* Waits until the indexes of a step are ONLINE. Only standing still for long is an error. */
static int await(struct heddle_load *load, enum step step, struct heddle_arena *arena,
                 struct heddle_error *error)
{
    struct advance last = {0};
    uint64_t moved = heddle_clock_ns();
    uint32_t pause = SCHEMA_POLL_FIRST_MS;
    for (;;) {
        struct heddle_bolt_result indexes;
        struct advance now;
        heddle_arena_reset(arena);
        HEDDLE_TRY(run(load, show_indexes, arena, &indexes, error));
        HEDDLE_TRY(look_at(load, &indexes, step, &now, error));
        if (now.online == now.wanted) {
            return HEDDLE_OK;
        }
        if (now.online != last.online || now.percent > last.percent || now.percent < last.percent) {
            moved = heddle_clock_ns();
            last = now;
        }
        if (heddle_clock_ns() - moved > HEDDLE_SCHEMA_PATIENCE_S * NS_PER_S) {
            return heddle_error_set(
                error, HEDDLE_DATABASE,
                "index %s does not get on: %.1f %% for %d s; SHOW INDEXES tells its state", now.slowest,
                now.percent, HEDDLE_SCHEMA_PATIENCE_S);
        }
        pthread_mutex_lock(&load->lock);
        const bool stopping = load->stopping;
        pthread_mutex_unlock(&load->lock);
        if (stopping) {
            return heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped while index %s is being built",
                                    now.slowest);
        }
        heddle_clock_sleep_ms(pause);
        pause = pause * 2 > SCHEMA_POLL_MAX_MS ? SCHEMA_POLL_MAX_MS : pause * 2;
    }
}

static int step_through(struct heddle_load *load, enum step step, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    size_t made = 0;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = make_missing(load, step, arena, &made, error);
    if (status == HEDDLE_OK && (made > 0 || step == STEP_AFTER)) {
        status = await(load, step, arena, error);
    }
    heddle_arena_destroy(arena);
    return status;
}

int heddle_schema_find_vector(struct heddle_load *load, const struct heddle_target *target,
                              struct heddle_schema_vector *out, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result indexes;
    *out = (struct heddle_schema_vector){0};
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = run(load, show_indexes, arena, &indexes, error);
    for (size_t i = 0; status == HEDDLE_OK && i < indexes.record_count; i++) {
        if (strcmp(heddle_ask_cell_text(&indexes, i, FIELD_TYPE), "VECTOR") != 0 ||
            !list_is(heddle_ask_cell(&indexes, i, FIELD_PROPERTIES), &target->vector_property, 1)) {
            continue;
        }
        for (size_t j = 0; j < target->label_count; j++) {
            if (list_is(heddle_ask_cell(&indexes, i, FIELD_LABELS), &target->labels[j], 1)) {
                snprintf(out->name, sizeof out->name, "%s", heddle_ask_cell_text(&indexes, i, FIELD_NAME));
                snprintf(out->state, sizeof out->state, "%s", heddle_ask_cell_text(&indexes, i, FIELD_STATE));
            }
        }
    }
    heddle_arena_destroy(arena);
    return status;
}

int heddle_schema_count(struct heddle_load *load, const struct heddle_target *target, int64_t *count_out,
                        struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    struct heddle_buffer text = {0};
    struct heddle_bolt_result result;
    *count_out = 0;
    if (target->kind == HEDDLE_TARGET_QUERY) {
        return HEDDLE_OK; /* nobody knows what it writes */
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    if (target->kind == HEDDLE_TARGET_NODE) {
        heddle_buffer_append_text(&text, "MATCH (n:");
        heddle_cypher_quote(&text, target->labels[0]);
        heddle_buffer_append_text(&text, ") RETURN count(n)");
    } else {
        heddle_buffer_append_text(&text, "MATCH ()-[n:");
        heddle_cypher_quote(&text, target->type);
        heddle_buffer_append_text(&text, "]->() RETURN count(n)");
    }
    const char *statement = heddle_buffer_text(&text);
    const int status =
        statement == NULL ? heddle_error_out_of_memory(error) : run(load, statement, arena, &result, error);
    if (status == HEDDLE_OK) {
        *count_out = heddle_ask_cell_integer(&result, 0, 0);
    }
    heddle_buffer_free(&text);
    heddle_arena_destroy(arena);
    return status;
}

int heddle_schema_prepare(struct heddle_load *load, struct heddle_error *error)
{
    HEDDLE_TRY(step_through(load, STEP_BEFORE, error));
    for (size_t i = 0; i < load->options->target_count; i++) {
        const struct heddle_target *target = &load->options->targets[i];
        HEDDLE_TRY(heddle_schema_count(load, target, &load->nodes_before[i], error));
        if (target->kind == HEDDLE_TARGET_NODE && target->vector_property != NULL) {
            struct heddle_schema_vector vector;
            HEDDLE_TRY(heddle_schema_find_vector(load, target, &vector, error));
            heddle_plan_set_limits(&load->plans[i], load->options, vector.name[0] != '\0');
        }
    }
    return HEDDLE_OK;
}

int heddle_schema_finish(struct heddle_load *load, struct heddle_error *error)
{
    return step_through(load, STEP_AFTER, error);
}
