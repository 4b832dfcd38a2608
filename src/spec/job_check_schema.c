/* job_check_schema.c: step 3c: labels and properties of a target, and what its constraints and indexes name.
 */
#include "spec/job_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* One target under check. */
struct subject {
    struct heddle_job_reader *reader;
    const char *path;
    const struct heddle_job_target *base;
    const struct heddle_job_node *node; /* NULL for a relationship */
};

static size_t count_text(const char *const *texts, size_t count, const char *text, size_t *first_out)
{
    size_t times = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            *first_out = times == 0 ? i : *first_out;
            times++;
        }
    }
    return times;
}

static void check_labels(const struct subject *subject)
{
    for (size_t i = 0; i < subject->node->label_count; i++) {
        const char *label = subject->node->labels[i];
        size_t first = 0;
        const size_t times = count_text(subject->node->labels, subject->node->label_count, label, &first);
        if (times > 1 && first == i) {
            heddle_job_report(subject->reader, "DUPL-008",
                              heddle_job_text(subject->reader, "%s.labels[%zu]", subject->path, i),
                              "the label '%.100s' stands %zu times: once is enough", label, times);
        }
    }
}

static void check_properties(const struct subject *subject)
{
    for (size_t i = 0; i < subject->base->property_count; i++) {
        const char *name = subject->base->properties[i].target_property;
        size_t times = 0;
        bool first = true;
        for (size_t j = 0; j < subject->base->property_count; j++) {
            const bool same = strcmp(subject->base->properties[j].target_property, name) == 0;
            times += same;
            first = first && !(same && j < i);
        }
        const char *path =
            times > 1 && first
                ? heddle_job_text(subject->reader, "%s.properties[%zu].target_property", subject->path, i)
                : NULL;
        if (path != NULL) {
            heddle_job_report(subject->reader, "DUPL-009", path,
                              "%zu source fields are written to the property '%.100s': keep one", times,
                              name);
        }
    }
}

static const struct heddle_job_property *find_property(const struct subject *subject, const char *name)
{
    for (size_t i = 0; i < subject->base->property_count; i++) {
        if (strcmp(subject->base->properties[i].target_property, name) == 0) {
            return &subject->base->properties[i];
        }
    }
    return NULL;
}

static bool is_embedding(const struct subject *subject, const char *name)
{
    return subject->node != NULL && subject->node->embedding != NULL &&
           strcmp(subject->node->embedding->target_property, name) == 0;
}

static const char *nearest_property(const struct subject *subject, const char *name)
{
    const char *best = subject->node != NULL && subject->node->embedding != NULL
                           ? subject->node->embedding->target_property
                           : NULL;
    best = best != NULL ? heddle_text_nearest(name, &best, 1) : NULL;
    for (size_t i = 0; i < subject->base->property_count && heddle_job_may_suggest(subject->reader); i++) {
        const char *candidates[2] = {subject->base->properties[i].target_property, best};
        const char *nearest = heddle_text_nearest(name, candidates, best != NULL ? 2 : 1);
        best = nearest != NULL ? nearest : best;
    }
    return best;
}

static void check_item_property(const struct subject *subject, const struct heddle_job_schema_item *item,
                                const char *path, size_t index)
{
    const struct heddle_job_schema_word *word = heddle_job_schema_word(item->kind);
    const char *name = item->properties[index];
    const char *place = word->one_property
                            ? heddle_job_text(subject->reader, "%s.property", path)
                            : heddle_job_text(subject->reader, "%s.properties[%zu]", path, index);
    const struct heddle_job_property *property = find_property(subject, name);
    if (property == NULL && !is_embedding(subject, name)) {
        const char *nearest = nearest_property(subject, name);
        heddle_job_report(subject->reader, word->property_code, place,
                          "no source field is mapped to the property '%.100s'%s%.100s%s", name,
                          nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                          nearest != NULL ? "'?" : "");
    }
}

static void check_item_labels(const struct subject *subject, const struct heddle_job_schema_item *item,
                              const char *path)
{
    bool dangling = false;
    for (size_t i = 0; subject->node != NULL && i < item->label_count; i++) {
        size_t first = 0;
        if (count_text(subject->node->labels, subject->node->label_count, item->labels[i], &first) > 0) {
            continue;
        }
        const size_t candidates = heddle_job_may_suggest(subject->reader) ? subject->node->label_count : 0;
        const char *nearest = heddle_text_nearest(item->labels[i], subject->node->labels, candidates);
        const char *place = item->kind == HEDDLE_SCHEMA_FULLTEXT_INDEX
                                ? heddle_job_text(subject->reader, "%s.labels[%zu]", path, i)
                                : heddle_job_text(subject->reader, "%s.label", path);
        heddle_job_report(subject->reader, heddle_job_schema_word(item->kind)->label_code, place,
                          "the target has no label '%.100s'; did you mean '%.100s'?", item->labels[i],
                          nearest != NULL ? nearest : subject->node->labels[0]);
        dangling = true;
    }
    for (size_t i = 0; !dangling && i < item->label_count; i++) {
        size_t first = 0;
        const size_t times = count_text(item->labels, item->label_count, item->labels[i], &first);
        if (times > 1 && first == i) {
            /* import-spec names the key `label` here, though it is `labels`. */
            heddle_job_report_at(
                subject->reader, "DUPL-010", heddle_job_text(subject->reader, "%s.label", path),
                heddle_job_text(subject->reader, "%s.labels", path),
                "the label '%.100s' stands %zu times: once is enough", item->labels[i], times);
        }
    }
}

static void check_type_constraint(const struct subject *subject, const struct heddle_job_schema_item *item,
                                  const char *path)
{
    const struct heddle_job_property *property = find_property(subject, item->properties[0]);
    if (property == NULL || heddle_job_reported(subject->reader, "DUPL-009", subject->path) ||
        heddle_job_reported(subject->reader, "DANG-005", subject->path)) {
        return;
    }
    const char *place = heddle_job_text(subject->reader, "%s.property", path);
    if (property->type == HEDDLE_PROPERTY_AUTO) {
        heddle_job_report(subject->reader, "TYPE-001", place,
                          "the property '%.100s' has no type: give its mapping a target_property_type",
                          property->target_property);
    } else if (property->type == HEDDLE_PROPERTY_BYTE_ARRAY) {
        heddle_job_report(subject->reader, "NBYT-001", place,
                          "the property '%.100s' is a byte_array, and Neo4j has no type constraint for that",
                          property->target_property);
    }
}

static void check_embedding(const struct subject *subject)
{
    const struct heddle_job_embedding *embedding = subject->node->embedding;
    if (embedding != NULL && find_property(subject, embedding->target_property) != NULL) {
        heddle_job_report(
            subject->reader, "HDL-009",
            heddle_job_text(subject->reader, "%s.embedding.target_property", subject->path),
            "the property '%.100s' is mapped from a source field already: give the vector a name of "
            "its own",
            embedding->target_property);
    }
}

static void check_subject(const struct subject *subject)
{
    if (subject->node != NULL) {
        check_labels(subject);
        check_embedding(subject);
    }
    check_properties(subject);
    for (int types = 0; types < 2; types++) {
        for (size_t i = 0; i < subject->base->schema_count; i++) {
            const struct heddle_job_schema_item *item = &subject->base->schema[i];
            const char *path = heddle_job_text(subject->reader, "%s.schema.%s[%zu]", subject->path,
                                               heddle_job_schema_word(item->kind)->list, item->position);
            /* Types last: they are told only where all names are right. */
            if (types == 1 && item->kind == HEDDLE_SCHEMA_TYPE_CONSTRAINT) {
                check_type_constraint(subject, item, path);
            } else if (types == 0) {
                check_item_labels(subject, item, path);
                for (size_t p = 0; p < item->property_count; p++) {
                    check_item_property(subject, item, path, p);
                }
            }
        }
    }
}

void heddle_job_check_schema(struct heddle_job_reader *reader)
{
    for (size_t i = 0; i < reader->job->node_count && !reader->out_of_memory; i++) {
        const struct subject subject = {.reader = reader,
                                        .path = heddle_job_path(reader, HEDDLE_JOB_NAME_NODE, i),
                                        .base = &reader->nodes[i].base,
                                        .node = &reader->nodes[i]};
        check_subject(&subject);
    }
    for (size_t i = 0; i < reader->job->relationship_count && !reader->out_of_memory; i++) {
        const struct subject subject = {.reader = reader,
                                        .path = heddle_job_path(reader, HEDDLE_JOB_NAME_RELATIONSHIP, i),
                                        .base = &reader->relationships[i].base};
        check_subject(&subject);
    }
}
