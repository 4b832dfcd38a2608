/* statements.c: Cypher text from targets. */
#include "sink/neo4j/statements.h"

#include <stdio.h>
#include <string.h>

static void put(struct heddle_buffer *out, const char *text)
{
    heddle_buffer_append_text(out, text);
}

static int check_name(const struct heddle_target *target, const char *name, struct heddle_error *error)
{
    if (name == NULL) {
        return HEDDLE_OK;
    }
    if (strstr(name, "\\u") != NULL) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "target %s: the name %s holds a \\u escape, which Cypher would not leave as it is: "
            "write the character itself",
            target->name, name);
    }
    return HEDDLE_OK;
}

int heddle_cypher_check_names(const struct heddle_target *target, struct heddle_error *error)
{
    for (size_t i = 0; i < target->label_count; i++) {
        HEDDLE_TRY(check_name(target, target->labels[i], error));
    }
    for (size_t i = 0; i < target->property_count; i++) {
        HEDDLE_TRY(check_name(target, target->properties[i].name, error));
    }
    for (size_t i = 0; i < target->start.key_count; i++) {
        HEDDLE_TRY(check_name(target, target->start.keys[i].name, error));
    }
    for (size_t i = 0; i < target->end.key_count; i++) {
        HEDDLE_TRY(check_name(target, target->end.keys[i].name, error));
    }
    for (size_t i = 0; i < target->schema_count; i++) {
        const struct heddle_target_schema *schema = &target->schema[i];
        HEDDLE_TRY(check_name(target, schema->name, error));
        for (size_t j = 0; j < schema->label_count; j++) {
            HEDDLE_TRY(check_name(target, schema->labels[j], error));
        }
        for (size_t j = 0; j < schema->property_count; j++) {
            HEDDLE_TRY(check_name(target, schema->properties[j], error));
        }
    }
    HEDDLE_TRY(check_name(target, target->vector_property, error));
    return check_name(target, target->type, error);
}

void heddle_cypher_quote(struct heddle_buffer *out, const char *name)
{
    heddle_buffer_append_byte(out, '`');
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '`') {
            heddle_buffer_append_byte(out, '`');
        }
        heddle_buffer_append_byte(out, (uint8_t)*at);
    }
    heddle_buffer_append_byte(out, '`');
}

static void put_string(struct heddle_buffer *out, const char *text)
{
    heddle_buffer_append_byte(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            heddle_buffer_append_byte(out, '\\');
        }
        heddle_buffer_append_byte(out, (uint8_t)*at);
    }
    heddle_buffer_append_byte(out, '"');
}

void heddle_cypher_prefix(struct heddle_buffer *out, const struct heddle_cypher_dialect *dialect)
{
    if (dialect->versions) {
        put(out, "CYPHER 5 ");
    }
}

void heddle_cypher_labels(struct heddle_buffer *out, const char *const *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(out, ":");
        heddle_cypher_quote(out, labels[i]);
    }
}

static bool is_key(const struct heddle_target *target, size_t property)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (target->key[i] == property) {
            return true;
        }
    }
    return false;
}

/* One pair of a property map: `name`: r[at] */
static void put_pair(struct heddle_buffer *out, const char *name, size_t at)
{
    heddle_cypher_quote(out, name);
    heddle_buffer_append_format(out, ": r[%zu]", at);
}

/* {`k`: r[at], …} over the key properties of a target; nothing where it has none. Answers the next index. */
static size_t put_key_map(struct heddle_buffer *out, const struct heddle_target *target, size_t at)
{
    if (target->key_count == 0) {
        return at;
    }
    put(out, " {");
    for (size_t i = 0; i < target->key_count; i++) {
        put(out, i == 0 ? "" : ", ");
        put_pair(out, target->properties[target->key[i]].name, at++);
    }
    put(out, "}");
    return at;
}

/* ON CREATE SET x.load_id = "…" behind a MERGE. The id is text of the statement: it is the load's, not a row's, and
 * holds nothing but letters, digits and . _ : + - (sink/stamp.h). */
static void put_stamp(struct heddle_buffer *out, const struct heddle_target *target, const char *variable)
{
    if (target->stamp != NULL) {
        heddle_buffer_append_format(out, " ON CREATE SET %s.`" HEDDLE_STAMP_PROPERTY "` = ", variable);
        put_string(out, target->stamp);
    }
}

/* SET x.`p` = r[at], … over the properties that are no key. */
static size_t put_set(struct heddle_buffer *out, const struct heddle_target *target, const char *variable,
                      size_t at)
{
    const char *between = " SET ";
    for (size_t i = 0; i < target->property_count; i++) {
        if (is_key(target, i)) {
            continue;
        }
        heddle_buffer_append_format(out, "%s%s.", between, variable);
        heddle_cypher_quote(out, target->properties[i].name);
        heddle_buffer_append_format(out, " = r[%zu]", at++);
        between = ", ";
    }
    return at;
}

/* The map of a CREATE: keys first, then the rest, all in one. */
static size_t put_whole_map(struct heddle_buffer *out, const struct heddle_target *target, size_t at)
{
    if (target->property_count == 0 && target->stamp == NULL) {
        return at;
    }
    put(out, " {");
    for (size_t i = 0; i < target->key_count; i++) {
        put(out, i == 0 ? "" : ", ");
        put_pair(out, target->properties[target->key[i]].name, at++);
    }
    bool first = target->key_count == 0;
    for (size_t i = 0; i < target->property_count; i++) {
        if (!is_key(target, i)) {
            put(out, first ? "" : ", ");
            put_pair(out, target->properties[i].name, at++);
            first = false;
        }
    }
    if (target->stamp != NULL) {
        put(out, first ? "`" HEDDLE_STAMP_PROPERTY "`: " : ", `" HEDDLE_STAMP_PROPERTY "`: ");
        put_string(out, target->stamp);
    }
    put(out, "}");
    return at;
}

static const char *id_function(const struct heddle_cypher_dialect *dialect)
{
    return dialect->element_ids ? "elementId" : "id";
}

/* The procedure stores numbers in half the room that a list property takes, whichever way they came. A subquery runs it for the
 * rows that have a vector; it costs the server a few hundredths of the row, so there is a form without. */
static void put_vector(struct heddle_buffer *out, const struct heddle_target *target,
                       const struct heddle_cypher_dialect *dialect, const struct heddle_cypher_form *form,
                       size_t at)
{
    put(out, " WITH n, r");
    if (!form->all_vectors) {
        put(out, dialect->scoped_call ? " CALL (n, r) { WITH n, r" : " CALL { WITH n, r WITH n, r");
        heddle_buffer_append_format(out, " WHERE r[%zu] IS NOT NULL", at);
    }
    put(out, " CALL db.create.setNodeVectorProperty(n, ");
    put_string(out, target->vector_property);
    heddle_buffer_append_format(out, ", r[%zu])%s", at, form->all_vectors ? "" : " }");
}

void heddle_cypher_write_nodes(struct heddle_buffer *out, const struct heddle_target *target,
                               const struct heddle_cypher_dialect *dialect,
                               const struct heddle_cypher_form *form)
{
    size_t at = 0;
    /* Without a key there is nothing to merge on: such a node is created. */
    const bool merge = target->merge && target->key_count > 0 && form->rewrite == HEDDLE_CYPHER_AS_WRITTEN;
    if (form->returns_ids && !dialect->element_ids) {
        heddle_cypher_prefix(out, dialect);
    }
    put(out, merge ? "UNWIND $rows AS r MERGE (n" : "UNWIND $rows AS r CREATE (n");
    heddle_cypher_labels(out, target->labels, target->label_count);
    if (merge) {
        at = put_key_map(out, target, at);
        put(out, ")");
        put_stamp(out, target, "n");
        at = put_set(out, target, "n", at);
    } else {
        at = put_whole_map(out, target, at);
        put(out, ")");
    }
    if (target->vector_property != NULL) {
        put_vector(out, target, dialect, form, at);
    }
    if (form->returns_ids) {
        heddle_buffer_append_format(out, " RETURN collect(%s(n)) AS ids", id_function(dialect));
    }
}

/* `MATCH (a:`L` {`k`: r[at], …})` */
static size_t put_end(struct heddle_buffer *out, const struct heddle_target *targets,
                      const struct heddle_target_end *end, const char *verb, const char *variable, size_t at)
{
    heddle_buffer_append_format(out, " %s (%s", verb, variable);
    heddle_cypher_labels(out, targets[end->node].labels, targets[end->node].label_count);
    put(out, " {");
    for (size_t i = 0; i < end->key_count; i++) {
        put(out, i == 0 ? "" : ", ");
        put_pair(out, end->keys[i].name, at++);
    }
    put(out, "})");
    return at;
}

/* MATCH (a) WHERE id(a) = r[id_at] AND a.`k` = r[at] AND CASE WHEN a:`L` THEN true END. A plain label beside the key would
 * let the planner take the key's index, which is what going by id is to save (EXPLAIN on 2026.08.1: NodeUniqueIndexSeek). */
static size_t put_end_by_id(struct heddle_buffer *out, const struct heddle_target *targets,
                            const struct heddle_target_end *end, const struct heddle_cypher_dialect *dialect,
                            const char *variable, size_t id_at, size_t at)
{
    heddle_buffer_append_format(out, " MATCH (%s) WHERE %s(%s) = r[%zu]", variable, id_function(dialect),
                                variable, id_at);
    for (size_t i = 0; i < end->key_count; i++) {
        heddle_buffer_append_format(out, " AND %s.", variable);
        heddle_cypher_quote(out, end->keys[i].name);
        heddle_buffer_append_format(out, " = r[%zu]", at++);
    }
    heddle_buffer_append_format(out, " AND CASE WHEN %s", variable);
    heddle_cypher_labels(out, targets[end->node].labels, targets[end->node].label_count);
    put(out, " THEN true END");
    return at;
}

/* MATCH (b:`L`) WHERE id(b) = r[at] AND CASE WHEN b.`k` = r[at + 1] THEN true END: for a statement that creates nodes. Here
 * the label is what the planner sees, so that it knows that no node of the statement's own can be met (without, each batch
 * stops at an Eager), and the key is what it does not: it would take its index (EXPLAIN on 5.26.30 and 2026.08.1). */
static size_t put_other_end_by_id(struct heddle_buffer *out, const struct heddle_target *targets,
                                  const struct heddle_target_end *end,
                                  const struct heddle_cypher_dialect *dialect, const char *variable,
                                  size_t at)
{
    heddle_buffer_append_format(out, " MATCH (%s", variable);
    heddle_cypher_labels(out, targets[end->node].labels, targets[end->node].label_count);
    heddle_buffer_append_format(out, ") WHERE %s(%s) = r[%zu] AND CASE WHEN ", id_function(dialect), variable,
                                at++);
    for (size_t i = 0; i < end->key_count; i++) {
        heddle_buffer_append_format(out, "%s%s.", i == 0 ? "" : " AND ", variable);
        heddle_cypher_quote(out, end->keys[i].name);
        heddle_buffer_append_format(out, " = r[%zu]", at++);
    }
    put(out, " THEN true END");
    return at;
}

/* CREATE (a)-[:`T` {…}]->(b) for the rows whose identity is not there. A subquery without RETURN leaves each row as it
 * is, so that what is counted afterwards are rows with both ends. */
static void put_guarded(struct heddle_buffer *out, const struct heddle_target *target,
                        const struct heddle_cypher_dialect *dialect, size_t at)
{
    put(out, dialect->scoped_call ? " CALL (a, b, r) { WITH a, b, r" : " CALL { WITH a, b, r WITH a, b, r");
    put(out, " WHERE NOT EXISTS { (a)-[:");
    heddle_cypher_quote(out, target->type);
    put_key_map(out, target, at);
    put(out, "]->(b) } CREATE (a)-[:");
    heddle_cypher_quote(out, target->type);
    put_whole_map(out, target, at);
    put(out, "]->(b) }");
}

bool heddle_cypher_counts_rows(const struct heddle_target *target, enum heddle_cypher_rewrite rewrite)
{
    return target->kind == HEDDLE_TARGET_RELATIONSHIP && target->merge && !target->removes &&
           rewrite == HEDDLE_CYPHER_AS_WRITTEN;
}

void heddle_cypher_write_relationships(struct heddle_buffer *out, const struct heddle_target *targets,
                                       const struct heddle_target *target,
                                       const struct heddle_cypher_dialect *dialect,
                                       const struct heddle_cypher_form *form)
{
    size_t at = 0;
    if (form->by_id) {
        if (!dialect->element_ids) {
            heddle_cypher_prefix(out, dialect);
        }
        put(out, "UNWIND $rows AS r");
        at = put_end_by_id(out, targets, &target->start, dialect, "a", 0, 2);
        at = put_end_by_id(out, targets, &target->end, dialect, "b", 1, at);
    } else {
        const char *verb = target->merge_ends ? "MERGE" : "MATCH";
        put(out, "UNWIND $rows AS r");
        at = put_end(out, targets, &target->start, verb, "a", 0);
        if (target->merge_ends) {
            put_stamp(out, target, "a");
        }
        at = put_end(out, targets, &target->end, verb, "b", at);
        if (target->merge_ends) {
            put_stamp(out, target, "b");
        }
    }
    if (target->merge && form->rewrite == HEDDLE_CYPHER_GUARDED) {
        put_guarded(out, target, dialect, at);
    } else {
        const bool merge = target->merge && form->rewrite == HEDDLE_CYPHER_AS_WRITTEN;
        put(out, merge ? " MERGE (a)-[x:" : " CREATE (a)-[x:");
        heddle_cypher_quote(out, target->type);
        if (merge) {
            at = put_key_map(out, target, at);
            put(out, "]->(b)");
            put_stamp(out, target, "x");
            at = put_set(out, target, "x", at);
        } else {
            put_whole_map(out, target, at);
            put(out, "]->(b)");
        }
    }
    put(out, form->by_id ? " WITH " : " RETURN ");
    if (heddle_cypher_counts_rows(target, form->rewrite)) {
        heddle_buffer_append_format(out, "count(DISTINCT r[%zu]) AS n", at);
    } else {
        put(out, "count(*) AS n");
    }
    put(out, form->by_id ? " RETURN n / CASE WHEN n = $n THEN 1 ELSE 0 END AS n" : "");
}

/* The items of a node's own row. */
static size_t node_items(const struct heddle_target *target)
{
    return target->property_count + (target->vector_property != NULL ? 1 : 0);
}

void heddle_cypher_write_together(struct heddle_buffer *out, const struct heddle_target *targets,
                                  const struct heddle_target *target, const size_t *riders,
                                  size_t rider_count, const struct heddle_cypher_dialect *dialect,
                                  const struct heddle_cypher_form *form)
{
    char end[16];
    size_t at = node_items(target);
    if ((form->by_id || form->returns_ids) && !dialect->element_ids) {
        heddle_cypher_prefix(out, dialect);
    }
    put(out, "UNWIND $rows AS r");
    for (size_t i = 0; i < rider_count; i++) {
        const struct heddle_target *rider = &targets[riders[i]];
        snprintf(end, sizeof end, "b%zu", i);
        at = form->by_id ? put_other_end_by_id(out, targets, &rider->end, dialect, end, at)
                         : put_end(out, targets, &rider->end, "MATCH", end, at);
        at += rider->property_count;
    }
    put(out, " CREATE (n");
    heddle_cypher_labels(out, target->labels, target->label_count);
    const size_t vector = put_whole_map(out, target, 0);
    put(out, ")");
    at = node_items(target);
    for (size_t i = 0; i < rider_count; i++) {
        const struct heddle_target *rider = &targets[riders[i]];
        put(out, ", (n)-[:");
        heddle_cypher_quote(out, rider->type);
        at = put_whole_map(out, rider, at + rider->end.key_count + (form->by_id ? 1 : 0));
        heddle_buffer_append_format(out, "]->(b%zu)", i);
    }
    if (target->vector_property != NULL) {
        put_vector(out, target, dialect, form, vector);
    }
    if (form->returns_ids) {
        heddle_buffer_append_format(out, " WITH collect(%s(n)) AS ids RETURN ids, size(ids)",
                                    id_function(dialect));
    } else {
        put(out, " WITH count(*) AS n RETURN n");
    }
    put(out, form->returns_ids ? " / CASE WHEN size(ids) = $n THEN 1 ELSE 0 END AS n"
                               : " / CASE WHEN n = $n THEN 1 ELSE 0 END AS n");
}

void heddle_cypher_remove(struct heddle_buffer *out, const struct heddle_target *targets,
                          const struct heddle_target *target)
{
    put(out, "UNWIND $rows AS r");
    if (target->kind == HEDDLE_TARGET_NODE) {
        put(out, " MATCH (n");
        heddle_cypher_labels(out, target->labels, target->label_count);
        put_key_map(out, target, 0);
        put(out, ") DETACH DELETE n");
        return;
    }
    size_t at = put_end(out, targets, &target->start, "MATCH", "a", 0);
    at = put_end(out, targets, &target->end, "MATCH", "b", at);
    put(out, " MATCH (a)-[x:");
    heddle_cypher_quote(out, target->type);
    put_key_map(out, target, at);
    put(out, "]->(b) DELETE x");
}

void heddle_cypher_missing_ends(struct heddle_buffer *out, const struct heddle_target *targets,
                                const struct heddle_target *target)
{
    put(out, "UNWIND $rows AS r");
    size_t at = put_end(out, targets, &target->start, "OPTIONAL MATCH", "a", 0);
    put(out, " WITH r, count(a) AS starts");
    at = put_end(out, targets, &target->end, "OPTIONAL MATCH", "b", at);
    put(out, " WITH r, starts, count(b) AS ends WHERE starts = 0 OR ends = 0");
    heddle_buffer_append_format(out, " RETURN collect([r[%zu], starts > 0, ends > 0]) AS missing", at);
}

/* Pairs a record: large enough that records cost nothing, small enough that one stays far below a megabyte or two. */
enum { IDS_A_RECORD = 10000 };

/* The number of a node n: an element id is "version:database:number". */
static const char *id_number(const struct heddle_cypher_dialect *dialect)
{
    return dialect->element_ids ? "toInteger(split(elementId(n), ':')[2])" : "id(n)";
}

static void put_id_prefix(struct heddle_buffer *out, const struct heddle_cypher_dialect *dialect)
{
    if (!dialect->element_ids) {
        heddle_cypher_prefix(out, dialect);
    }
}

void heddle_cypher_read_ids(struct heddle_buffer *out, const struct heddle_target *target,
                            const struct heddle_cypher_dialect *dialect)
{
    put_id_prefix(out, dialect);
    put(out, "MATCH (n");
    heddle_cypher_labels(out, target->labels, target->label_count);
    heddle_buffer_append_format(out, ") WITH n, %s AS i WHERE $from <= i AND i < $to ", id_number(dialect));
    heddle_buffer_append_format(out, "WITH i / %d AS g, collect([%s", IDS_A_RECORD,
                                dialect->element_ids ? "elementId(n)" : "id(n)");
    for (size_t i = 0; i < target->key_count; i++) {
        put(out, ", n.");
        heddle_cypher_quote(out, target->properties[target->key[i]].name);
    }
    put(out, "]) AS ids RETURN ids");
}

void heddle_cypher_id_range(struct heddle_buffer *out, const struct heddle_target *target,
                            const struct heddle_cypher_dialect *dialect)
{
    put_id_prefix(out, dialect);
    put(out, "MATCH (n");
    heddle_cypher_labels(out, target->labels, target->label_count);
    heddle_buffer_append_format(out, ") RETURN min(%s) AS low, max(%s) AS high", id_number(dialect),
                                id_number(dialect));
}

/* (n:`L`) or ()-[n:`T`]-() ; full text indexes take several labels. */
static void put_schema_subject(struct heddle_buffer *out, const struct heddle_target *target,
                               const struct heddle_target_schema *schema)
{
    const bool is_node = target->kind == HEDDLE_TARGET_NODE;
    put(out, is_node ? " FOR (n:" : " FOR ()-[n:");
    if (is_node) {
        const char *const *labels = schema->label_count > 0 ? schema->labels : target->labels;
        const size_t count = schema->label_count > 0 ? schema->label_count : target->label_count;
        const size_t used = schema->kind == HEDDLE_TARGET_FULLTEXT_INDEX ? count : 1;
        for (size_t i = 0; i < used && i < count; i++) {
            put(out, i == 0 ? "" : "|");
            heddle_cypher_quote(out, labels[i]);
        }
    } else {
        heddle_cypher_quote(out, target->type);
    }
    put(out, is_node ? ")" : "]-()");
}

static void put_schema_properties(struct heddle_buffer *out, const struct heddle_target_schema *schema,
                                  const char *open, const char *close)
{
    put(out, open);
    for (size_t i = 0; i < schema->property_count; i++) {
        put(out, i == 0 ? "n." : ", n.");
        heddle_cypher_quote(out, schema->properties[i]);
    }
    put(out, close);
}

/* Cypher's type names are words, and LIST<…>, unions with '|': nothing that could end the statement. */
static bool is_type_name(const char *name)
{
    return name != NULL && *name != '\0' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 <>|,()") ==
               strlen(name);
}

static const char *schema_verb(enum heddle_target_schema_kind kind)
{
    switch (kind) {
    case HEDDLE_TARGET_UNIQUE:
    case HEDDLE_TARGET_NODE_KEY:
    case HEDDLE_TARGET_EXISTENCE:
    case HEDDLE_TARGET_TYPE: return "CREATE CONSTRAINT ";
    case HEDDLE_TARGET_RANGE_INDEX: return "CREATE RANGE INDEX ";
    case HEDDLE_TARGET_TEXT_INDEX: return "CREATE TEXT INDEX ";
    case HEDDLE_TARGET_POINT_INDEX: return "CREATE POINT INDEX ";
    case HEDDLE_TARGET_FULLTEXT_INDEX: return "CREATE FULLTEXT INDEX ";
    case HEDDLE_TARGET_VECTOR_INDEX: return "CREATE VECTOR INDEX ";
    }
    return "";
}

static const char *key_clause(const struct heddle_target *target, const struct heddle_cypher_dialect *dialect)
{
    if (!dialect->key_constraints) {
        return " IS UNIQUE";
    }
    return target->kind == HEDDLE_TARGET_NODE ? " IS NODE KEY" : " IS RELATIONSHIP KEY";
}

static int put_vector_options(struct heddle_buffer *out, const struct heddle_target *target,
                              const struct heddle_target_schema *schema, struct heddle_error *error)
{
    const char *similarity = schema->similarity == NULL ? "cosine" : schema->similarity;
    if (strcmp(similarity, "cosine") != 0 && strcmp(similarity, "euclidean") != 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "target %s: vector index %s wants similarity %s; there are cosine and euclidean", target->name,
            schema->name == NULL ? "" : schema->name, similarity);
    }
    const uint32_t dimensions = schema->dimensions > 0 ? schema->dimensions : target->vector_dimensions;
    put(out, " OPTIONS {indexConfig: {");
    if (dimensions > 0) {
        heddle_buffer_append_format(out, "`vector.dimensions`: %u, ", dimensions);
    }
    heddle_buffer_append_format(out, "`vector.similarity_function`: '%s'}}", similarity);
    return HEDDLE_OK;
}

int heddle_cypher_schema(struct heddle_buffer *out, const struct heddle_target *target,
                         const struct heddle_target_schema *schema,
                         const struct heddle_cypher_dialect *dialect, struct heddle_error *error)
{
    put(out, schema_verb(schema->kind));
    if (schema->name != NULL && schema->name[0] != '\0') {
        heddle_cypher_quote(out, schema->name);
        put(out, " ");
    }
    put(out, "IF NOT EXISTS");
    put_schema_subject(out, target, schema);
    switch (schema->kind) {
    case HEDDLE_TARGET_UNIQUE:
        put_schema_properties(out, schema, " REQUIRE (", ")");
        put(out, " IS UNIQUE");
        break;
    case HEDDLE_TARGET_NODE_KEY:
        put_schema_properties(out, schema, " REQUIRE (", ")");
        put(out, key_clause(target, dialect));
        break;
    case HEDDLE_TARGET_EXISTENCE:
        put_schema_properties(out, schema, " REQUIRE ", "");
        put(out, " IS NOT NULL");
        break;
    case HEDDLE_TARGET_TYPE:
        if (!is_type_name(schema->property_type)) {
            return heddle_error_set(error, HEDDLE_INVALID, "target %s: \"%s\" is no type of Cypher's",
                                    target->name, schema->property_type == NULL ? "" : schema->property_type);
        }
        put_schema_properties(out, schema, " REQUIRE ", " IS :: ");
        put(out, schema->property_type);
        break;
    case HEDDLE_TARGET_RANGE_INDEX:
    case HEDDLE_TARGET_TEXT_INDEX:
    case HEDDLE_TARGET_POINT_INDEX: put_schema_properties(out, schema, " ON (", ")"); break;
    case HEDDLE_TARGET_FULLTEXT_INDEX: put_schema_properties(out, schema, " ON EACH [", "]"); break;
    case HEDDLE_TARGET_VECTOR_INDEX:
        put_schema_properties(out, schema, " ON (", ")");
        return put_vector_options(out, target, schema, error);
    }
    return HEDDLE_OK;
}
