/* delta_schema.c: two schemas of one table, compared column by column. */
#include "source/stream/delta_schema.h"

#include <inttypes.h>
#include <string.h>

#include "source/delta/protocol.h"

/* What became of a column between the older and the newer schema. */
enum fate { SAME, ADDED, RENAMED, DROPPED, RETYPED };

struct finding {
    enum fate fate;
    const char *column;
    const char *new_name;
};

static void types_compare(const struct heddle_delta_type *older, const struct heddle_delta_type *newer,
                          const char *column, struct finding *worst);

static void note(struct finding *worst, enum fate fate, const char *column, const char *new_name)
{
    if (fate > worst->fate) {
        *worst = (struct finding){.fate = fate, .column = column, .new_name = new_name};
    }
}

static const struct heddle_delta_field *field_find(const struct heddle_delta_type *type, const char *physical)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (strcmp(type->fields[i].physical, physical) == 0) {
            return &type->fields[i];
        }
    }
    return NULL;
}

/* A column is known by its physical name, which is its name where there is no column mapping. */
static void fields_compare(const struct heddle_delta_type *older, const struct heddle_delta_type *newer,
                           struct finding *worst)
{
    for (size_t i = 0; i < older->field_count; i++) {
        const struct heddle_delta_field *old = &older->fields[i];
        const struct heddle_delta_field *now = field_find(newer, old->physical);
        if (now == NULL) {
            note(worst, DROPPED, old->name, NULL);
        } else if (strcmp(now->name, old->name) != 0) {
            note(worst, RENAMED, old->name, now->name);
        } else {
            types_compare(&old->type, &now->type, old->name, worst);
        }
    }
    for (size_t i = 0; i < newer->field_count; i++) {
        if (field_find(older, newer->fields[i].physical) == NULL) {
            note(worst, ADDED, newer->fields[i].name, NULL);
        }
    }
}

static void types_compare(const struct heddle_delta_type *older, const struct heddle_delta_type *newer,
                          const char *column, struct finding *worst)
{
    if (older->kind != newer->kind || older->precision != newer->precision || older->scale != newer->scale) {
        note(worst, RETYPED, column, NULL);
        return;
    }
    if (older->kind == HEDDLE_DELTA_STRUCT) {
        fields_compare(older, newer, worst);
    }
    if (older->kind == HEDDLE_DELTA_MAP) {
        types_compare(older->key, newer->key, column, worst);
    }
    if (older->kind == HEDDLE_DELTA_MAP || older->kind == HEDDLE_DELTA_ARRAY) {
        types_compare(older->item, newer->item, column, worst);
    }
}

static bool partitions_equal(const struct heddle_delta_metadata *a, const struct heddle_delta_metadata *b)
{
    bool equal = a->partition_column_count == b->partition_column_count;
    for (size_t i = 0; equal && i < a->partition_column_count; i++) {
        equal = strcmp(a->partition_columns[i], b->partition_columns[i]) == 0;
    }
    return equal;
}

static int findings_judge(const struct finding *worst, int64_t version, int64_t current, bool later,
                          struct heddle_error *error)
{
    static const char again[] = "a stream does not go through that; load the table anew with --fresh";
    switch (worst->fate) {
    case SAME: return HEDDLE_OK;
    case ADDED:
        if (!later) {
            return HEDDLE_OK;
        }
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "version %" PRId64
                                " of the table adds the column `%s`, which the stream, begun "
                                "with the schema of version %" PRId64
                                ", does not have; run the job again and it goes on with the new schema",
                                version, worst->column, current);
    case RENAMED:
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the column `%s` is called `%s` between version %" PRId64 " and %" PRId64 " of the table: %s",
            worst->column, worst->new_name, later ? current : version, later ? version : current, again);
    case DROPPED:
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the column `%s` is dropped between version %" PRId64 " and %" PRId64
                                " of the table: %s",
                                worst->column, later ? current : version, later ? version : current, again);
    case RETYPED:
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the column `%s` has another type in version %" PRId64
                                " than in version %" PRId64 " of the table: %s",
                                worst->column, version, current, again);
    }
    return HEDDLE_OK;
}

int heddle_delta_schema_check(const struct heddle_delta_snapshot *current,
                              const struct heddle_delta_metadata *metadata, int64_t version,
                              struct heddle_arena *arena, struct heddle_error *error)
{
    const bool later = version > current->version;
    const char *id = metadata->id != NULL ? metadata->id : "";
    const char *current_id = current->metadata.id != NULL ? current->metadata.id : "";
    if (strcmp(id, current_id) != 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "version %" PRId64
                                " begins another table (id %.64s, the stream reads %.64s): load it "
                                "anew with --fresh",
                                version, id, current_id);
    }
    if (metadata->schema == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the metaData of version %" PRId64 " has no schemaString", version);
    }
    enum heddle_delta_mapping mapping = HEDDLE_DELTA_MAPPING_NONE;
    struct heddle_delta_type schema;
    HEDDLE_TRY(heddle_delta_mapping_of(&current->protocol, metadata, &mapping, error));
    HEDDLE_TRY(heddle_delta_schema_parse(metadata->schema, mapping, arena, &schema, error));
    if (!partitions_equal(metadata, &current->metadata)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the table is partitioned otherwise in version %" PRId64
                                " than in version %" PRId64
                                ": a stream does not go through that; load the table anew with --fresh",
                                version, current->version);
    }
    struct finding worst = {.fate = SAME};
    if (later) {
        fields_compare(&current->schema, &schema, &worst);
    } else {
        fields_compare(&schema, &current->schema, &worst);
    }
    return findings_judge(&worst, version, current->version, later, error);
}
