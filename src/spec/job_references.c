/* job_references.c: step 3e: keys of node targets, and the relationships' references to them. */
#include "spec/job_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool find_property(const struct heddle_job_target *base, const char *name, size_t *index_out)
{
    for (size_t i = 0; i < base->property_count; i++) {
        if (strcmp(base->properties[i].target_property, name) == 0) {
            *index_out = i;
            return true;
        }
    }
    return false;
}

static bool is_key(const struct heddle_job_schema_item *item)
{
    return item->kind == HEDDLE_SCHEMA_KEY_CONSTRAINT || item->kind == HEDDLE_SCHEMA_UNIQUE_CONSTRAINT;
}

/* The properties of `item` as indices into base->properties; false if one is not mapped. */
static bool key_of(struct heddle_job_reader *reader, const struct heddle_job_target *base,
                   const struct heddle_job_schema_item *item, const size_t **key_out, size_t *count_out)
{
    size_t *key = heddle_job_alloc(reader, item->property_count, sizeof *key);
    for (size_t i = 0; key != NULL && i < item->property_count; i++) {
        if (!find_property(base, item->properties[i], &key[i])) {
            return false;
        }
    }
    *key_out = key;
    *count_out = item->property_count;
    return key != NULL;
}

/* The first key constraint, else the first unique constraint, whose properties are all mapped. */
static const struct heddle_job_schema_item *choose_key(struct heddle_job_reader *reader,
                                                       struct heddle_job_target *base, const size_t **key_out,
                                                       size_t *count_out)
{
    static const enum heddle_schema_kind kinds[] = {HEDDLE_SCHEMA_KEY_CONSTRAINT,
                                                    HEDDLE_SCHEMA_UNIQUE_CONSTRAINT};
    const struct heddle_job_schema_item *chosen = NULL;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; chosen == NULL && i < base->schema_count; i++) {
            if (base->schema[i].kind == kinds[k] &&
                key_of(reader, base, &base->schema[i], key_out, count_out)) {
                chosen = &base->schema[i];
            }
        }
    }
    if (!base->write_mode_given) {
        base->write_mode = chosen != NULL ? HEDDLE_WRITE_MERGE : HEDDLE_WRITE_CREATE;
    }
    return chosen;
}

/* One end of one relationship under check. */
struct end {
    struct heddle_job_reader *reader;
    const struct heddle_document_node *reference;
    const char *path; /* $.targets.relationships[0].start_node_reference */
    const char *side; /* "start" or "end" */
    size_t relationship;
    struct heddle_job_reference *made;
};

static const struct heddle_document_node *reference_of(const struct heddle_job_reader *reader, size_t index,
                                                       const char *key)
{
    const struct heddle_document_node *targets = heddle_document_get(reader->root, "targets");
    const struct heddle_document_node *list = heddle_document_get(targets, "relationships");
    return heddle_document_get(list->items[index], key);
}

static const char *referenced_name(const struct heddle_document_node *reference)
{
    return reference->kind == HEDDLE_DOCUMENT_MAP ? heddle_document_get(reference, "name")->text
                                                  : reference->text;
}

static const char *nearest_node(const struct heddle_job_reader *reader, const char *text)
{
    const char *best = NULL;
    for (size_t i = 0; i < reader->job->node_count && heddle_job_may_suggest(reader); i++) {
        const char *candidates[2] = {reader->nodes[i].base.name, best};
        const char *nearest = heddle_text_nearest(text, candidates, best != NULL ? 2 : 1);
        best = nearest != NULL ? nearest : best;
    }
    return best;
}

/* DANG-003. With double names the first of the sort is taken: DUPL-001 has told already. */
static void find_node(struct end *end)
{
    const char *name = referenced_name(end->reference);
    const struct heddle_job_name *entry = heddle_job_name_find(end->reader, name);
    for (; entry != NULL && entry < end->reader->names + end->reader->name_count; entry++) {
        if (strcmp(entry->text, name) != 0) {
            break;
        }
        if (entry->kind == HEDDLE_JOB_NAME_NODE) {
            end->made->node = entry->index;
            return;
        }
    }
    const char *nearest = nearest_node(end->reader, name);
    heddle_job_report(end->reader, "DANG-003", end->path, "there is no node target '%.100s'%s%.100s%s", name,
                      nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "'?" : "");
}

static void check_active(struct end *end)
{
    const struct heddle_job_target *node = &end->reader->nodes[end->made->node].base;
    if (end->reader->relationships[end->relationship].base.active && !node->active) {
        heddle_job_report(end->reader, "DANG-004", end->path,
                          "the relationship is active, its node target '%.100s' is not", node->name);
    }
}

/* NRRD-001: a reference is a dependency already. import-spec calls the key `dependencies` here. */
static void check_dependency(struct end *end)
{
    const struct heddle_job_target *base = &end->reader->relationships[end->relationship].base;
    const char *node = end->reader->nodes[end->made->node].base.name;
    const char *path = heddle_job_path(end->reader, HEDDLE_JOB_NAME_RELATIONSHIP, end->relationship);
    for (size_t i = 0; i < base->depends_on_count; i++) {
        if (strcmp(base->depends_on[i], node) == 0) {
            heddle_job_report_at(
                end->reader, "NRRD-001", heddle_job_text(end->reader, "%s.dependencies", path),
                heddle_job_text(end->reader, "%s.depends_on", path),
                "'%.100s' is the %s node already: remove it from depends_on", node, end->side);
        }
    }
}

/* --- key mappings
 * ------------------------------------------------------------------------------------------------ */

/* How many of the mapped properties the constraint has. */
static size_t count_shared(const struct heddle_document_node *mappings,
                           const struct heddle_job_schema_item *item)
{
    size_t shared = 0;
    for (size_t i = 0; i < mappings->count; i++) {
        const char *property = heddle_document_get(mappings->items[i], "node_property")->text;
        for (size_t p = 0; p < item->property_count; p++) {
            if (strcmp(item->properties[p], property) == 0) {
                shared++;
                break;
            }
        }
    }
    return shared;
}

static const struct heddle_document_node *mappings_of(const struct end *end)
{
    return end->reference->kind == HEDDLE_DOCUMENT_MAP ? heddle_document_get(end->reference, "key_mappings")
                                                       : NULL;
}

/* DANG-024: each mapped property must be one of the node target's. */
static void check_mapped(struct end *end)
{
    const struct heddle_job_target *node = &end->reader->nodes[end->made->node].base;
    const struct heddle_document_node *mappings = mappings_of(end);
    for (size_t i = 0; mappings != NULL && i < mappings->count; i++) {
        const char *property = heddle_document_get(mappings->items[i], "node_property")->text;
        size_t index = 0;
        if (!find_property(node, property, &index)) {
            heddle_job_report(
                end->reader, "DANG-024",
                heddle_job_text(end->reader, "%s.key_mappings[%zu].node_property", end->path, i),
                "the node target '%.80s' has no property '%.80s'", node->name, property);
        }
    }
}

/* NKRN-001: without a key there is nothing to find the node by. */
static void check_has_key(struct end *end)
{
    const struct heddle_job_node *node = &end->reader->nodes[end->made->node];
    if (node->key_count == 0) {
        heddle_job_report(end->reader, "NKRN-001", end->path,
                          "the node target '%.80s' has no key or unique constraint to find its nodes by: add "
                          "schema.unique_constraints to it",
                          node->base.name);
    }
}

/* DANG-023: each mapped property must belong to some key. */
static bool check_in_keys(struct end *end, const struct heddle_document_node *mappings)
{
    const struct heddle_job_target *node = &end->reader->nodes[end->made->node].base;
    bool good = true;
    for (size_t i = 0; i < mappings->count; i++) {
        const struct heddle_document_node one = {
            .kind = HEDDLE_DOCUMENT_LIST, .count = 1, .items = &mappings->items[i]};
        bool in_key = false;
        for (size_t s = 0; s < node->schema_count; s++) {
            in_key = in_key || (is_key(&node->schema[s]) && count_shared(&one, &node->schema[s]) == 1);
        }
        if (!in_key) {
            /* import-spec leaves `targets` out of this one path. */
            heddle_job_report_at(
                end->reader, "DANG-023",
                heddle_job_text(end->reader,
                                "$.relationships[%zu].%s_node_reference.key_mappings[%zu].node_property",
                                end->relationship, end->side, i),
                heddle_job_text(end->reader, "%s.key_mappings[%zu].node_property", end->path, i),
                "the property '%.80s' belongs to no key or unique constraint of the node target '%.80s'",
                heddle_document_get(mappings->items[i], "node_property")->text, node->name);
            good = false;
        }
    }
    return good;
}

/* Two mappings of one property count as no match: each key property wants one source field. */
static bool has_doubles(const struct heddle_document_node *mappings)
{
    for (size_t i = 0; i < mappings->count; i++) {
        for (size_t j = i + 1; j < mappings->count; j++) {
            if (strcmp(heddle_document_get(mappings->items[i], "node_property")->text,
                       heddle_document_get(mappings->items[j], "node_property")->text) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void report_no_match(struct end *end, const struct heddle_document_node *mappings, size_t exact,
                            const struct heddle_job_schema_item *closest)
{
    const char *node = end->reader->nodes[end->made->node].base.name;
    const char *place = heddle_job_text(end->reader, "%s.key_mappings", end->path);
    if (exact == 0 && closest != NULL) {
        struct heddle_buffer missing = {0};
        for (size_t p = 0; p < closest->property_count && missing.length < 200; p++) {
            bool mapped = false;
            for (size_t i = 0; i < mappings->count; i++) {
                mapped = mapped || strcmp(heddle_document_get(mappings->items[i], "node_property")->text,
                                          closest->properties[p]) == 0;
            }
            if (!mapped) {
                heddle_buffer_append_format(&missing, "%s'%.60s'", missing.length > 0 ? ", " : "",
                                            closest->properties[p]);
            }
        }
        const char *text = heddle_buffer_text(&missing);
        end->reader->out_of_memory = end->reader->out_of_memory || text == NULL;
        heddle_job_report(end->reader, "NINR-001", heddle_job_text(end->reader, "%s[0]", place),
                          "map %s too: the %s '%.80s' of the node target '%.80s' has them all",
                          text != NULL ? text : "", heddle_job_schema_word(closest->kind)->singular,
                          closest->name, node);
        heddle_buffer_free(&missing);
        return;
    }
    heddle_job_report(
        end->reader, "EONR-001", place,
        "the mappings must be exactly the properties of one key or unique constraint of '%.80s'; they "
        "are those of %zu",
        node, exact);
}

/* The constraint that the mappings equal; NULL and a report when it is not exactly one. */
static const struct heddle_job_schema_item *match_mappings(struct end *end,
                                                           const struct heddle_document_node *mappings)
{
    const struct heddle_job_target *node = &end->reader->nodes[end->made->node].base;
    const struct heddle_job_schema_item *match = NULL;
    const struct heddle_job_schema_item *closest = NULL;
    const bool doubles = has_doubles(mappings);
    size_t exact = 0;
    for (size_t s = 0; s < node->schema_count; s++) {
        const struct heddle_job_schema_item *item = &node->schema[s];
        if (!is_key(item) || doubles || count_shared(mappings, item) != mappings->count) {
            continue;
        }
        if (item->property_count == mappings->count) {
            match = item;
            exact++;
        } else if (closest == NULL || item->property_count > closest->property_count) {
            closest = item;
        }
    }
    if (exact == 1) {
        return match;
    }
    report_no_match(end, mappings, exact, closest);
    return NULL;
}

static const char *source_of(const struct heddle_document_node *mappings, const char *property)
{
    for (size_t i = 0; i < mappings->count; i++) {
        if (strcmp(heddle_document_get(mappings->items[i], "node_property")->text, property) == 0) {
            return heddle_document_get(mappings->items[i], "source_field")->text;
        }
    }
    return NULL;
}

/* The mappings in the order of the constraint; without a list, the node's own source fields. */
static void make_mappings(struct end *end, const struct heddle_job_schema_item *item,
                          const struct heddle_document_node *mappings)
{
    const struct heddle_job_target *node = &end->reader->nodes[end->made->node].base;
    struct heddle_job_key_mapping *made = heddle_job_alloc(end->reader, item->property_count, sizeof *made);
    for (size_t i = 0; made != NULL && i < item->property_count; i++) {
        /* Found: each property of a constraint is mapped, or DANG- has told. */
        if (!find_property(node, item->properties[i], &made[i].key_index)) {
            return;
        }
        made[i].node_property = item->properties[i];
        made[i].source_field = mappings != NULL ? source_of(mappings, item->properties[i])
                                                : node->properties[made[i].key_index].source_field;
    }
    end->made->mappings = made;
    end->made->mapping_count = item->property_count;
}

static void map_end(struct end *end, const struct heddle_job_schema_item *const *keys)
{
    const struct heddle_job_schema_item *key = keys[end->made->node];
    const struct heddle_document_node *mappings = mappings_of(end);
    if (mappings == NULL) {
        make_mappings(end, key, NULL);
        end->made->matches_key = true;
        return;
    }
    const struct heddle_job_schema_item *match =
        check_in_keys(end, mappings) ? match_mappings(end, mappings) : NULL;
    if (match != NULL) {
        make_mappings(end, match, mappings);
        end->made->matches_key = match == key;
    }
}

/* --- the step
 * ---------------------------------------------------------------------------------------------------- */

static struct end end_of(struct heddle_job_reader *reader, size_t relationship, bool start)
{
    const char *key = start ? "start_node_reference" : "end_node_reference";
    return (struct end){.reader = reader,
                        .reference = reference_of(reader, relationship, key),
                        .path = heddle_job_text(reader, "$.targets.relationships[%zu].%s", relationship, key),
                        .side = start ? "start" : "end",
                        .relationship = relationship,
                        .made = start ? &reader->relationships[relationship].start
                                      : &reader->relationships[relationship].end};
}

static void for_each_end(struct heddle_job_reader *reader, void (*step)(struct end *))
{
    for (size_t i = 0; i < 2 * reader->job->relationship_count && !reader->out_of_memory; i++) {
        struct end end = end_of(reader, i / 2, i % 2 == 0);
        step(&end);
    }
}

static const struct heddle_job_schema_item **choose_keys(struct heddle_job_reader *reader)
{
    const struct heddle_job_schema_item **keys =
        heddle_job_alloc(reader, reader->job->node_count, sizeof *keys);
    for (size_t i = 0; keys != NULL && i < reader->job->node_count; i++) {
        struct heddle_job_node *node = &reader->nodes[i];
        keys[i] = choose_key(reader, &node->base, &node->key, &node->key_count);
        const char *path = heddle_job_path(reader, HEDDLE_JOB_NAME_NODE, i);
        if (keys[i] == NULL && node->base.write_mode == HEDDLE_WRITE_MERGE &&
            !heddle_job_reported(reader, "DANG-0", heddle_job_text(reader, "%s.schema", path))) {
            heddle_job_warn(
                reader, "HDL-001", path,
                "write_mode is merge, but '%.80s' has no key to merge by: add schema.unique_constraints, "
                "or `run` will refuse the job",
                node->base.name);
        }
    }
    for (size_t i = 0; i < reader->job->relationship_count; i++) {
        struct heddle_job_relationship *relationship = &reader->relationships[i];
        (void)choose_key(reader, &relationship->base, &relationship->key, &relationship->key_count);
    }
    return keys;
}

void heddle_job_resolve_references(struct heddle_job_reader *reader)
{
    for_each_end(reader, find_node);
    const bool dangling = heddle_job_reported(reader, "DANG-003", "$");
    const struct heddle_job_schema_item **keys = choose_keys(reader);
    if (dangling || reader->out_of_memory) {
        return;
    }
    for_each_end(reader, check_active);
    if (!heddle_job_reported(reader, "DANG-002", "$") && !heddle_job_reported(reader, "DUPL-003", "$")) {
        for_each_end(reader, check_dependency);
    }
    for_each_end(reader, check_mapped);
    /* What a reference lacks is told where everything that it names is there. */
    if (heddle_job_reported(reader, "DANG-0", "$") || heddle_job_reported(reader, "DUPL-001", "$")) {
        return;
    }
    for_each_end(reader, check_has_key);
    if (heddle_job_reported(reader, "NKRN-001", "$")) {
        return;
    }
    for (size_t i = 0; i < 2 * reader->job->relationship_count && !reader->out_of_memory; i++) {
        struct end end = end_of(reader, i / 2, i % 2 == 0);
        map_end(&end, keys);
    }
}
