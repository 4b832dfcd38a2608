/* job_check_redundancy.c: step 3d: schema items that say the same twice, or two things under one name. */
#include "spec/job_internal.h"

#include <stdlib.h>
#include <string.h>

static bool same_texts(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++) {
        same = strcmp(a[i], b[i]) == 0;
    }
    return same;
}

static bool same_labels(const struct heddle_job_schema_item *a, const struct heddle_job_schema_item *b)
{
    return same_texts(a->labels, a->label_count, b->labels, b->label_count);
}

/* The same properties in the same order: in another order it is another index. */
static bool same_cover(const struct heddle_job_schema_item *a, const struct heddle_job_schema_item *b)
{
    return same_labels(a, b) &&
           same_texts(a->properties, a->property_count, b->properties, b->property_count);
}

static bool covers_key_property(const struct heddle_job_schema_item *key,
                                const struct heddle_job_schema_item *existence)
{
    bool found = false;
    for (size_t i = 0; i < key->property_count; i++) {
        found = found || strcmp(key->properties[i], existence->properties[0]) == 0;
    }
    return found && same_labels(key, existence);
}

/* One target's double definitions: DUPL-012. */
static void check_doubles(struct heddle_job_reader *reader, const struct heddle_job_target *base,
                          const char *path)
{
    for (size_t i = 0; i < base->schema_count; i++) {
        const struct heddle_job_schema_item *item = &base->schema[i];
        if (item->kind != HEDDLE_SCHEMA_KEY_CONSTRAINT && item->kind != HEDDLE_SCHEMA_UNIQUE_CONSTRAINT &&
            item->kind != HEDDLE_SCHEMA_RANGE_INDEX) {
            continue;
        }
        size_t before = 0;
        const struct heddle_job_schema_item *after = NULL;
        for (size_t j = 0; j < base->schema_count; j++) {
            const bool same =
                j != i && base->schema[j].kind == item->kind && same_cover(&base->schema[j], item);
            before += same && j < i;
            after = same && j > i && after == NULL ? &base->schema[j] : after;
        }
        if (before == 0 && after != NULL) {
            const char *list = heddle_job_schema_word(item->kind)->list;
            heddle_job_report(
                reader, "DUPL-012", heddle_job_text(reader, "%s.schema.%s[%zu]", path, list, item->position),
                "'%.80s' and '%.80s' cover the same properties: keep one", item->name, after->name);
        }
    }
}

/* NRDC: what a key or unique constraint brings along already. */
static void check_pairs(struct heddle_job_reader *reader, const struct heddle_job_target *base,
                        const char *path)
{
    static const struct {
        const char *code;
        enum heddle_schema_kind strong, weak;
    } pairs[] = {
        {"NRDC-001", HEDDLE_SCHEMA_KEY_CONSTRAINT, HEDDLE_SCHEMA_EXISTENCE_CONSTRAINT},
        {"NRDC-002", HEDDLE_SCHEMA_KEY_CONSTRAINT, HEDDLE_SCHEMA_UNIQUE_CONSTRAINT},
        {"NRDC-003", HEDDLE_SCHEMA_KEY_CONSTRAINT, HEDDLE_SCHEMA_RANGE_INDEX},
        {"NRDC-004", HEDDLE_SCHEMA_UNIQUE_CONSTRAINT, HEDDLE_SCHEMA_RANGE_INDEX},
    };
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        for (size_t i = 0; i < base->schema_count; i++) {
            const struct heddle_job_schema_item *strong = &base->schema[i];
            for (size_t j = 0; strong->kind == pairs[p].strong && j < base->schema_count; j++) {
                const struct heddle_job_schema_item *weak = &base->schema[j];
                if (weak->kind == pairs[p].weak &&
                    (p == 0 ? covers_key_property(strong, weak) : same_cover(strong, weak))) {
                    heddle_job_report(reader, pairs[p].code, heddle_job_text(reader, "%s.schema", path),
                                      "%s[%zu] is not needed: %s[%zu] implies it",
                                      heddle_job_schema_word(weak->kind)->list, weak->position,
                                      heddle_job_schema_word(strong->kind)->list, strong->position);
                }
            }
        }
    }
}

/* A schema item with its place, for comparing names over all targets. */
struct named {
    const struct heddle_job_schema_item *item;
    const char *type; /* of a relationship, NULL for a node */
    enum heddle_job_name_kind kind;
    size_t index;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    const int order = strcmp(x->item->name, y->item->name);
    if (order != 0) {
        return order;
    }
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    if (x->index != y->index) {
        return x->index < y->index ? -1 : 1;
    }
    return x->item < y->item ? -1 : x->item > y->item;
}

/* The same thing told by two targets is one thing: two node targets of one label may both name its
 * constraint. */
static bool equivalent(const struct named *a, const struct named *b)
{
    const char *a_options = a->item->options_json != NULL ? a->item->options_json : "";
    const char *b_options = b->item->options_json != NULL ? b->item->options_json : "";
    return a->item->kind == b->item->kind && (a->type == NULL) == (b->type == NULL) &&
           (a->type == NULL || strcmp(a->type, b->type) == 0) && same_cover(a->item, b->item) &&
           strcmp(a_options, b_options) == 0;
}

static void check_names(struct heddle_job_reader *reader, const struct named *all, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t same = 1;
        const struct named *other = NULL;
        while (i + same < count && strcmp(all[i].item->name, all[i + same].item->name) == 0) {
            other = other == NULL && !equivalent(&all[i], &all[i + same]) ? &all[i + same] : other;
            same++;
        }
        if (other != NULL) {
            heddle_job_report(reader, "DUPL-011",
                              heddle_job_text(reader, "%s.schema.%s[%zu]",
                                              heddle_job_path(reader, all[i].kind, all[i].index),
                                              heddle_job_schema_word(all[i].item->kind)->list,
                                              all[i].item->position),
                              "the name '%.80s' also stands for something else, in %s.schema.%s[%zu]",
                              all[i].item->name, heddle_job_path(reader, other->kind, other->index),
                              heddle_job_schema_word(other->item->kind)->list, other->item->position);
        }
        i += same;
    }
}

static void collect(struct heddle_job_reader *reader)
{
    const struct heddle_job *job = reader->job;
    size_t count = 0;
    for (size_t i = 0; i < job->node_count; i++) {
        count += job->nodes[i].base.schema_count;
    }
    for (size_t i = 0; i < job->relationship_count; i++) {
        count += job->relationships[i].base.schema_count;
    }
    struct named *all = heddle_job_alloc(reader, count, sizeof *all);
    size_t used = 0;
    for (size_t i = 0; all != NULL && i < job->node_count; i++) {
        for (size_t s = 0; s < job->nodes[i].base.schema_count; s++) {
            all[used++] = (struct named){
                .item = &job->nodes[i].base.schema[s], .kind = HEDDLE_JOB_NAME_NODE, .index = i};
        }
    }
    for (size_t i = 0; all != NULL && i < job->relationship_count; i++) {
        for (size_t s = 0; s < job->relationships[i].base.schema_count; s++) {
            all[used++] = (struct named){.item = &job->relationships[i].base.schema[s],
                                         .type = job->relationships[i].type,
                                         .kind = HEDDLE_JOB_NAME_RELATIONSHIP,
                                         .index = i};
        }
    }
    if (all != NULL) {
        qsort(all, count, sizeof *all, compare_named);
        check_names(reader, all, count);
    }
}

void heddle_job_check_redundancy(struct heddle_job_reader *reader)
{
    for (int k = HEDDLE_JOB_NAME_NODE; k <= HEDDLE_JOB_NAME_RELATIONSHIP; k++) {
        const enum heddle_job_name_kind kind = (enum heddle_job_name_kind)k;
        for (size_t i = 0; i < heddle_job_count(reader->job, kind) && !reader->out_of_memory; i++) {
            const struct heddle_job_target *base = heddle_job_base(reader, kind, i);
            const char *path = heddle_job_path(reader, kind, i);
            const char *schema = heddle_job_text(reader, "%s.schema", path);
            if (heddle_job_reported(reader, "DANG-0", schema)) {
                continue;
            }
            check_doubles(reader, base, path);
            if (!heddle_job_reported(reader, "DUPL-012", schema)) {
                check_pairs(reader, base, path);
            }
        }
    }
    collect(reader);
}
