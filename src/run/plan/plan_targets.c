/* plan_targets.c: job targets to sink targets: fields become columns, references become indices. */
#include "run/plan/plan_targets.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "run/plan/plan_queries.h"
#include "sink/road.h"
#include "spec/options.h"

/* Which column type a property type of the job asks for; HEDDLE_TYPE_NULL = none that this version writes. */
static const enum heddle_type COLUMN_TYPE[] = {
    [HEDDLE_PROPERTY_AUTO] = HEDDLE_TYPE_NULL,
    [HEDDLE_PROPERTY_BOOLEAN] = HEDDLE_TYPE_BOOLEAN,
    [HEDDLE_PROPERTY_BYTE_ARRAY] = HEDDLE_TYPE_BYTES,
    [HEDDLE_PROPERTY_DATE] = HEDDLE_TYPE_DATE,
    [HEDDLE_PROPERTY_DURATION] = HEDDLE_TYPE_NULL,
    [HEDDLE_PROPERTY_FLOAT] = HEDDLE_TYPE_FLOAT,
    [HEDDLE_PROPERTY_INTEGER] = HEDDLE_TYPE_INTEGER,
    [HEDDLE_PROPERTY_LOCAL_DATETIME] = HEDDLE_TYPE_DATETIME,
    [HEDDLE_PROPERTY_LOCAL_TIME] = HEDDLE_TYPE_TIME,
    [HEDDLE_PROPERTY_POINT] = HEDDLE_TYPE_NULL,
    [HEDDLE_PROPERTY_STRING] = HEDDLE_TYPE_STRING,
    [HEDDLE_PROPERTY_ZONED_DATETIME] = HEDDLE_TYPE_TIMESTAMP,
    [HEDDLE_PROPERTY_ZONED_TIME] = HEDDLE_TYPE_NULL,
    [HEDDLE_PROPERTY_VECTOR] = HEDDLE_TYPE_NULL,
};

static const char *const PROPERTY_NAME[] = {
    [HEDDLE_PROPERTY_AUTO] = "auto",
    [HEDDLE_PROPERTY_BOOLEAN] = "boolean",
    [HEDDLE_PROPERTY_BYTE_ARRAY] = "byte_array",
    [HEDDLE_PROPERTY_DATE] = "date",
    [HEDDLE_PROPERTY_DURATION] = "duration",
    [HEDDLE_PROPERTY_FLOAT] = "float",
    [HEDDLE_PROPERTY_INTEGER] = "integer",
    [HEDDLE_PROPERTY_LOCAL_DATETIME] = "local_datetime",
    [HEDDLE_PROPERTY_LOCAL_TIME] = "local_time",
    [HEDDLE_PROPERTY_POINT] = "point",
    [HEDDLE_PROPERTY_STRING] = "string",
    [HEDDLE_PROPERTY_ZONED_DATETIME] = "zoned_datetime",
    [HEDDLE_PROPERTY_ZONED_TIME] = "zoned_time",
    [HEDDLE_PROPERTY_VECTOR] = "vector",
};

static const enum heddle_target_schema_kind SCHEMA_KIND[] = {
    [HEDDLE_SCHEMA_UNIQUE_CONSTRAINT] = HEDDLE_TARGET_UNIQUE,
    [HEDDLE_SCHEMA_KEY_CONSTRAINT] = HEDDLE_TARGET_NODE_KEY,
    [HEDDLE_SCHEMA_EXISTENCE_CONSTRAINT] = HEDDLE_TARGET_EXISTENCE,
    [HEDDLE_SCHEMA_TYPE_CONSTRAINT] = HEDDLE_TARGET_TYPE,
    [HEDDLE_SCHEMA_RANGE_INDEX] = HEDDLE_TARGET_RANGE_INDEX,
    [HEDDLE_SCHEMA_TEXT_INDEX] = HEDDLE_TARGET_TEXT_INDEX,
    [HEDDLE_SCHEMA_POINT_INDEX] = HEDDLE_TARGET_POINT_INDEX,
    [HEDDLE_SCHEMA_FULLTEXT_INDEX] = HEDDLE_TARGET_FULLTEXT_INDEX,
    [HEDDLE_SCHEMA_VECTOR_INDEX] = HEDDLE_TARGET_VECTOR_INDEX,
};

int heddle_plan_refuse_what_is_missing(const struct heddle_job *job, struct heddle_error *error)
{
    for (size_t i = 0; i < job->action_count; i++) {
        if (job->actions[i].active) {
            return heddle_error_set(
                error, HEDDLE_JOB,
                "%s: $.actions[%zu]: actions are not run by this version: set active: false, and "
                "run the statement with `heddle cypher`",
                job->path, i);
        }
    }
    return HEDDLE_OK;
}

int heddle_plan_column_of(struct heddle_plan *plan, size_t source_index, const char *field,
                          size_t *column_out, struct heddle_error *error)
{
    struct heddle_plan_source *source = &plan->sources[source_index];
    for (size_t i = 0; i < source->column_count; i++) {
        if (strcmp(source->columns[i], field) == 0) {
            *column_out = i;
            return HEDDLE_OK;
        }
    }
    /* Projections are short: a copy for each new field costs nothing. */
    const char **longer = heddle_arena_calloc(plan->arena, source->column_count + 1, sizeof *longer);
    if (longer == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < source->column_count; i++) {
        longer[i] = source->columns[i];
    }
    longer[source->column_count] = field;
    *column_out = source->column_count++;
    source->columns = longer;
    return HEDDLE_OK;
}

static int resolve_property(struct heddle_plan *plan, size_t source, const char *target_name,
                            const char *field, const struct heddle_job_property *from,
                            struct heddle_target_property *to, struct heddle_error *error)
{
    size_t column = 0;
    HEDDLE_TRY(heddle_plan_column_of(plan, source, field, &column, error));
    const enum heddle_type type = COLUMN_TYPE[from->type];
    *to =
        (struct heddle_target_property){.name = from->target_property, .field = field, .column = (int)column};
    if (from->type == HEDDLE_PROPERTY_AUTO) {
        return HEDDLE_OK;
    }
    if (type == HEDDLE_TYPE_NULL) {
        return heddle_error_set(
            error, HEDDLE_JOB, "%s: target '%s', property '%s': the type %s is not written by this version",
            plan->job->path, target_name, from->target_property, PROPERTY_NAME[from->type]);
    }
    to->typed = true;
    to->type = from->is_array ? HEDDLE_TYPE_LIST : type;
    to->item_type = type;
    return HEDDLE_OK;
}

static int resolve_schema(struct heddle_plan *plan, const struct heddle_job_target *base,
                          struct heddle_target *target, struct heddle_error *error)
{
    struct heddle_target_schema *items = heddle_arena_calloc(plan->arena, base->schema_count, sizeof *items);
    if (items == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < base->schema_count; i++) {
        const struct heddle_job_schema_item *from = &base->schema[i];
        items[i] = (struct heddle_target_schema){
            .kind = SCHEMA_KIND[from->kind],
            .name = from->name,
            .labels = from->labels,
            .label_count = from->label_count,
            .properties = from->properties,
            .property_count = from->property_count,
            .dimensions = from->vector_dimensions,
            .similarity = from->vector_similarity == NULL ? "cosine" : from->vector_similarity,
        };
    }
    target->schema = items;
    target->schema_count = base->schema_count;
    return HEDDLE_OK;
}

/* A setting of the target itself, or NULL. */
static const char *extension(const struct heddle_job_target *base, const char *name)
{
    for (size_t i = 0; i < base->extension_count; i++) {
        if (strcmp(base->extensions[i].name, name) == 0) {
            return base->extensions[i].value;
        }
    }
    return NULL;
}

/* A setting that the option table allows on a target, read as the table reads it everywhere (units, bounds); *out stays
 * where the target does not set it or says auto. */
static int number_extension(const struct heddle_plan *plan, const struct heddle_job_target *base,
                            enum heddle_option_id id, size_t *out, struct heddle_error *error)
{
    const struct heddle_option *option = &heddle_option_table()[id];
    const char *text = extension(base, option->name);
    if (text == NULL || strcmp(text, "auto") == 0) {
        return HEDDLE_OK;
    }
    struct heddle_option_value value = {0};
    struct heddle_error reason = {0};
    if (heddle_option_parse(option, option->name, text, &value, &reason) != HEDDLE_OK) {
        return heddle_error_set(error, HEDDLE_JOB, "%s: target '%s': %s", plan->job->path, base->name,
                                reason.message);
    }
    *out = (size_t)value.number;
    return HEDDLE_OK;
}

int heddle_plan_resolve_base(struct heddle_plan *plan, const struct heddle_job_target *base,
                             struct heddle_target *target, struct heddle_error *error)
{
    target->name = base->name;
    target->source = base->source;
    target->merge = base->write_mode == HEDDLE_WRITE_MERGE;
    const char *on_bad_value = extension(base, "on_bad_value");
    target->bad_value_is_null = on_bad_value != NULL && strcmp(on_bad_value, "null") == 0;
    HEDDLE_TRY(number_extension(plan, base, HEDDLE_OPTION_BATCH_ROWS, &target->batch_rows, error));
    HEDDLE_TRY(number_extension(plan, base, HEDDLE_OPTION_BATCH_BYTES, &target->batch_bytes, error));
    if (base->schedule.road != NULL) {
        HEDDLE_TRY(heddle_road_parse(base->schedule.road, &target->road, error));
    }
    struct heddle_target_property *properties =
        heddle_arena_calloc(plan->arena, base->property_count, sizeof *properties);
    if (properties == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < base->property_count; i++) {
        const struct heddle_job_property *from = &base->properties[i];
        HEDDLE_TRY(resolve_property(plan, base->source, base->name, from->source_field, from, &properties[i],
                                    error));
    }
    target->properties = properties;
    target->property_count = base->property_count;
    return resolve_schema(plan, base, target, error);
}

/* The slot of a text field, added where it is new: two targets may share one vector. */
static int slot_of(struct heddle_plan *plan, size_t source_index,
                   const struct heddle_job_embedding *embedding, size_t *slot_out, struct heddle_error *error)
{
    struct heddle_plan_source *source = &plan->sources[source_index];
    const char *model = embedding->model == NULL ? HEDDLE_JOB_MODEL_DEFAULT : embedding->model;
    for (size_t i = 0; i < source->slot_count; i++) {
        if (strcmp(source->slots[i].field, embedding->source_field) == 0 &&
            strcmp(source->slots[i].model, model) == 0) {
            *slot_out = i;
            return HEDDLE_OK;
        }
    }
    struct heddle_plan_slot *longer =
        heddle_arena_calloc(plan->arena, source->slot_count + 1, sizeof *longer);
    if (longer == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < source->slot_count; i++) {
        longer[i] = source->slots[i];
    }
    struct heddle_plan_slot *slot = &longer[source->slot_count];
    slot->field = embedding->source_field;
    slot->model = model;
    HEDDLE_TRY(heddle_plan_column_of(plan, source_index, embedding->source_field, &slot->column, error));
    source->slots = longer;
    *slot_out = source->slot_count++;
    return HEDDLE_OK;
}

/* The property that holds the text that is embedded, as it is. */
static const char *text_property_of(const struct heddle_job_node *node)
{
    for (size_t i = 0; i < node->base.property_count; i++) {
        const struct heddle_job_property *property = &node->base.properties[i];
        if (strcmp(property->source_field, node->embedding->source_field) == 0 && !property->is_array &&
            (property->type == HEDDLE_PROPERTY_AUTO || property->type == HEDDLE_PROPERTY_STRING)) {
            return property->target_property;
        }
    }
    return NULL;
}

static int resolve_node(struct heddle_plan *plan, const struct heddle_job_node *node,
                        struct heddle_target *target, struct heddle_error *error)
{
    target->kind = HEDDLE_TARGET_NODE;
    HEDDLE_TRY(heddle_plan_resolve_base(plan, &node->base, target, error));
    if (target->merge && node->key_count == 0) {
        return heddle_error_set(
            error, HEDDLE_JOB,
            "%s: node target '%s' merges but has no key: add schema.unique_constraints for the "
            "properties that identify a node, or set write_mode: create",
            plan->job->path, node->base.name);
    }
    target->key = node->key;
    target->key_count = node->key_count;
    target->labels = node->labels;
    target->label_count = node->label_count;
    if (node->embedding != NULL) {
        target->vector_property = node->embedding->target_property;
        target->vector_text = text_property_of(node);
        HEDDLE_TRY(slot_of(plan, node->base.source, node->embedding, &target->vector_slot, error));
    }
    return HEDDLE_OK;
}

static int resolve_end(struct heddle_plan *plan, const struct heddle_job_relationship *relationship,
                       const struct heddle_job_reference *reference, const size_t *node_targets,
                       struct heddle_target_end *end, struct heddle_error *error)
{
    const struct heddle_job_node *node = &plan->job->nodes[reference->node];
    if (node_targets[reference->node] == SIZE_MAX) {
        return heddle_error_set(
            error, HEDDLE_JOB,
            "%s: relationship target '%s' refers to the node target '%s', which is not active",
            plan->job->path, relationship->base.name, node->base.name);
    }
    if (reference->mapping_count == 0) {
        return heddle_error_set(error, HEDDLE_JOB,
                                "%s: relationship target '%s' refers to '%s', which has no key: add "
                                "schema.unique_constraints to that node target",
                                plan->job->path, relationship->base.name, node->base.name);
    }
    struct heddle_target_property *keys =
        heddle_arena_calloc(plan->arena, reference->mapping_count, sizeof *keys);
    if (keys == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < reference->mapping_count; i++) {
        const struct heddle_job_key_mapping *mapping = &reference->mappings[i];
        HEDDLE_TRY(resolve_property(plan, relationship->base.source, relationship->base.name,
                                    mapping->source_field, &node->base.properties[mapping->key_index],
                                    &keys[i], error));
    }
    end->node = node_targets[reference->node];
    end->keys = keys;
    end->key_count = reference->mapping_count;
    return HEDDLE_OK;
}

static int resolve_relationship(struct heddle_plan *plan, const struct heddle_job_relationship *relationship,
                                const size_t *node_targets, struct heddle_target *target,
                                struct heddle_error *error)
{
    target->kind = HEDDLE_TARGET_RELATIONSHIP;
    HEDDLE_TRY(heddle_plan_resolve_base(plan, &relationship->base, target, error));
    target->key = relationship->key;
    target->key_count = relationship->key_count;
    target->type = relationship->type;
    target->merge_ends = relationship->match_mode == HEDDLE_MATCH_MERGE;
    HEDDLE_TRY(resolve_end(plan, relationship, &relationship->start, node_targets, &target->start, error));
    HEDDLE_TRY(resolve_end(plan, relationship, &relationship->end, node_targets, &target->end, error));
    return heddle_plan_resolve_claim(plan, &relationship->base, target, error);
}

int heddle_plan_resolve_targets(struct heddle_plan *plan, const struct heddle_job_target ***bases_out,
                                struct heddle_error *error)
{
    const struct heddle_job *job = plan->job;
    const size_t most = job->node_count + job->relationship_count + job->query_count;
    plan->sources = heddle_arena_calloc(plan->arena, job->source_count, sizeof *plan->sources);
    /* Each may have one that removes what it writes. */
    plan->targets = heddle_arena_calloc(plan->arena, 2 * most, sizeof *plan->targets);
    const struct heddle_job_target **bases = heddle_arena_calloc(plan->arena, most, sizeof *bases);
    size_t *node_targets = heddle_arena_calloc(plan->arena, job->node_count, sizeof *node_targets);
    if (plan->sources == NULL || plan->targets == NULL || bases == NULL || node_targets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < job->source_count; i++) {
        plan->sources[i].job = &job->sources[i];
    }
    for (size_t i = 0; i < job->node_count; i++) {
        node_targets[i] = job->nodes[i].base.active ? plan->target_count : SIZE_MAX;
        if (job->nodes[i].base.active) {
            bases[plan->target_count] = &job->nodes[i].base;
            HEDDLE_TRY(resolve_node(plan, &job->nodes[i], &plan->targets[plan->target_count++], error));
        }
    }
    for (size_t i = 0; i < job->relationship_count; i++) {
        if (job->relationships[i].base.active) {
            bases[plan->target_count] = &job->relationships[i].base;
            HEDDLE_TRY(resolve_relationship(plan, &job->relationships[i], node_targets,
                                            &plan->targets[plan->target_count++], error));
        }
    }
    for (size_t i = 0; i < job->query_count; i++) {
        if (job->queries[i].base.active) {
            bases[plan->target_count] = &job->queries[i].base;
            HEDDLE_TRY(heddle_plan_resolve_query(plan, &job->queries[i], &plan->targets[plan->target_count++],
                                                 error));
        }
    }
    *bases_out = bases;
    return HEDDLE_OK;
}

bool heddle_plan_starts_own(const struct heddle_plan *plan, const struct heddle_target *target)
{
    return heddle_target_end_is_own(plan->targets, target, &target->start) &&
           !heddle_target_end_is_own(plan->targets, target, &target->end);
}
