/* job_on_delete.c: what a row that a change feed deletes means for a target: `on_delete` on targets, refused where it cannot be
 * meant.
 *
 * A deleted row may take with it only what no other row stands for. Tables do not say which of their columns tell rows apart, so
 * nobody but the author of the job knows, and nothing is deleted unless the target says so. What contradicts the rest of the job is
 * refused here: a node that several targets write, two identities in one row, a relationship between nodes that are not the row's.
 */
#include "spec/job_internal.h"

#include <string.h>
#include <strings.h>

static const char *setting_of(const struct heddle_job_source *source, const char *name)
{
    for (size_t i = 0; i < source->setting_count; i++) {
        if (strcasecmp(source->settings[i].name, name) == 0) {
            return source->settings[i].value;
        }
    }
    return NULL;
}

static bool is_true(const struct heddle_job_source *source, const char *name)
{
    const char *value = setting_of(source, name);
    return value != NULL && strcmp(value, "true") == 0;
}

bool heddle_job_reads_changes(const struct heddle_job_source *source)
{
    return strcmp(source->type, "delta") == 0 && is_true(source, "readChangeFeed");
}

static void refuse(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index,
                   const char *reason)
{
    heddle_job_report(reader, "HDL-012",
                      heddle_job_text(reader, "%s.on_delete", heddle_job_path(reader, kind, index)), "%s",
                      reason);
}

static bool shares_label(const struct heddle_job_node *one, const struct heddle_job_node *other)
{
    for (size_t i = 0; i < one->label_count; i++) {
        for (size_t j = 0; j < other->label_count; j++) {
            if (strcmp(one->labels[i], other->labels[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool has_field(const struct heddle_job_node *node, const char *field)
{
    for (size_t i = 0; i < node->key_count; i++) {
        if (strcmp(node->base.properties[node->key[i]].source_field, field) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether two nodes of a row are told by the same columns. */
static bool same_columns(const struct heddle_job_node *one, const struct heddle_job_node *other)
{
    bool same = one->key_count == other->key_count;
    for (size_t i = 0; i < one->key_count; i++) {
        same = same && has_field(other, one->base.properties[one->key[i]].source_field);
    }
    return same;
}

static bool deletes(const struct heddle_job_target *base)
{
    return base->active && base->on_delete == HEDDLE_ON_DELETE_DELETE;
}

static void check_node(struct heddle_job_reader *reader, size_t index)
{
    const struct heddle_job_node *node = &reader->nodes[index];
    if (node->base.write_mode != HEDDLE_WRITE_MERGE || node->key_count == 0) {
        refuse(reader, HEDDLE_JOB_NAME_NODE, index,
               "a node without a key cannot be found again: delete needs write_mode: merge and a key");
        return;
    }
    for (size_t i = 0; i < reader->job->node_count; i++) {
        const struct heddle_job_node *other = &reader->nodes[i];
        if (i == index || !other->base.active) {
            continue;
        }
        if (shares_label(node, other)) {
            refuse(
                reader, HEDDLE_JOB_NAME_NODE, index,
                heddle_job_text(reader,
                                "the target '%.60s' writes nodes of the same label: a row of '%.60s' that is "
                                "deleted does not say whether a row of the other still stands for the "
                                "node; set keep",
                                other->base.name, node->base.name));
            return;
        }
        if (i < index && deletes(&other->base) && other->base.source == node->base.source &&
            !same_columns(node, other)) {
            refuse(
                reader, HEDDLE_JOB_NAME_NODE, index,
                heddle_job_text(reader,
                                "'%.60s' and '%.60s' are told by different columns of one row, and only one "
                                "of them can be what the row stands for: set keep on nodes that several "
                                "rows share",
                                other->base.name, node->base.name));
            return;
        }
    }
}

static bool names_node(const struct heddle_job_reference *reference, const struct heddle_job_node *node)
{
    for (size_t i = 0; i < reference->mapping_count; i++) {
        if (!has_field(node, reference->mappings[i].source_field)) {
            return false;
        }
    }
    return reference->mapping_count == node->key_count;
}

static bool same_ends(const struct heddle_job_reader *reader, const struct heddle_job_relationship *one,
                      const struct heddle_job_relationship *other)
{
    return strcmp(one->type, other->type) == 0 &&
           shares_label(&reader->nodes[one->start.node], &reader->nodes[other->start.node]) &&
           shares_label(&reader->nodes[one->end.node], &reader->nodes[other->end.node]);
}

static void check_relationship(struct heddle_job_reader *reader, size_t index)
{
    const struct heddle_job_relationship *relationship = &reader->relationships[index];
    const struct heddle_job_node *identity = NULL;
    if (relationship->base.write_mode != HEDDLE_WRITE_MERGE) {
        refuse(reader, HEDDLE_JOB_NAME_RELATIONSHIP, index,
               "of relationships that are created nobody can tell which one a row made: delete needs "
               "write_mode: merge");
        return;
    }
    for (size_t i = 0; i < reader->job->relationship_count; i++) {
        const struct heddle_job_relationship *other = &reader->relationships[i];
        if (i != index && other->base.active && same_ends(reader, relationship, other)) {
            refuse(
                reader, HEDDLE_JOB_NAME_RELATIONSHIP, index,
                heddle_job_text(reader,
                                "the target '%.60s' writes relationships of the same type between the same "
                                "labels; set keep",
                                other->base.name));
            return;
        }
    }
    for (size_t i = 0; i < reader->job->node_count; i++) {
        const struct heddle_job_node *node = &reader->nodes[i];
        if (deletes(&node->base) && node->base.source == relationship->base.source) {
            identity = node;
        }
    }
    if (identity != NULL && relationship->key_count == 0 && !names_node(&relationship->start, identity) &&
        !names_node(&relationship->end, identity)) {
        refuse(
            reader, HEDDLE_JOB_NAME_RELATIONSHIP, index,
            heddle_job_text(reader,
                            "a row stands for its '%.60s', which is no end of this relationship: other rows "
                            "may have made the same one; set keep",
                            identity->base.name));
    }
}

/* Deleted rows of a query cannot be told from updated ones: there is no key. So it has to say that they stay. */
static void check_silent_query(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index)
{
    const struct heddle_job_target *base = heddle_job_base(reader, kind, index);
    const struct heddle_job_source *source = &reader->job->sources[base->source];
    if (kind == HEDDLE_JOB_NAME_QUERY && base->active && heddle_job_reads_changes(source) &&
        !is_true(source, "ignoreDeletes")) {
        refuse(reader, kind, index,
               heddle_job_text(
                   reader,
                   "the source '%.60s' reads a change feed, and what a deleted row means for a query "
                   "only its author knows: set on_delete: keep",
                   source->name));
    }
}

/* Reads the word, and whether the source has deletes at all. */
static void read_target(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index,
                        const struct heddle_document_node *target)
{
    const struct heddle_document_node *node = heddle_document_get(target, "on_delete");
    struct heddle_job_target *base = heddle_job_base(reader, kind, index);
    if (node == NULL) {
        check_silent_query(reader, kind, index);
        return;
    }
    const char *word = heddle_job_value_text(reader, node);
    base->on_delete = strcmp(word, "delete") == 0 ? HEDDLE_ON_DELETE_DELETE
                      : strcmp(word, "keep") == 0 ? HEDDLE_ON_DELETE_KEEP
                                                  : HEDDLE_ON_DELETE_STOP;
    if (base->on_delete == HEDDLE_ON_DELETE_STOP) {
        heddle_job_report(reader, "HDL-004",
                          heddle_job_text(reader, "%s.on_delete", heddle_job_path(reader, kind, index)),
                          "on_delete: expected delete or keep, found '%.60s'", word);
        return;
    }
    const struct heddle_job_source *source = &reader->job->sources[base->source];
    if (!heddle_job_reads_changes(source)) {
        refuse(reader, kind, index,
               heddle_job_text(reader,
                               "it says what a row means that a change feed deletes, and the source '%.60s' "
                               "reads none: set readChangeFeed: true there, or remove on_delete",
                               source->name));
    } else if (base->on_delete == HEDDLE_ON_DELETE_DELETE && is_true(source, "ignoreDeletes")) {
        refuse(
            reader, kind, index,
            heddle_job_text(reader,
                            "the source '%.60s' has ignoreDeletes: true, which keeps what deleted rows made: "
                            "set one or the other",
                            source->name));
    } else if (base->on_delete == HEDDLE_ON_DELETE_DELETE && kind == HEDDLE_JOB_NAME_QUERY) {
        refuse(reader, kind, index,
               "only its author knows what a query has made of a row, so it cannot be deleted; set keep");
    }
}

void heddle_job_check_on_delete(struct heddle_job_reader *reader)
{
    const struct heddle_document_node *targets = heddle_document_get(reader->root, "targets");
    const size_t errors = reader->errors;
    for (size_t l = 0; l < HEDDLE_JOB_TARGET_LISTS; l++) {
        const struct heddle_document_node *list =
            heddle_document_get(targets, heddle_job_target_lists[l].name);
        for (size_t i = 0; list != NULL && i < list->count && !reader->out_of_memory; i++) {
            read_target(reader, heddle_job_target_lists[l].kind, i, list->items[i]);
        }
    }
    for (size_t i = 0; reader->errors == errors && i < reader->job->node_count; i++) {
        if (deletes(&reader->nodes[i].base)) {
            check_node(reader, i);
        }
    }
    for (size_t i = 0; reader->errors == errors && i < reader->job->relationship_count; i++) {
        if (deletes(&reader->relationships[i].base)) {
            check_relationship(reader, i);
        }
    }
}
