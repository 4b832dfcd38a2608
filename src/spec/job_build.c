/* job_build.c: step 2: the document, whose shape is known to be right, becomes struct heddle_job. */
#include "spec/job_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *text_of(const struct heddle_document_node *map, const char *key)
{
    const struct heddle_document_node *node = heddle_document_get(map, key);
    return node != NULL && node->kind == HEDDLE_DOCUMENT_TEXT ? node->text : NULL;
}

static size_t count_of(const struct heddle_document_node *node)
{
    return node != NULL ? node->count : 0;
}

static const char *const *texts_of(struct heddle_job_reader *reader, const struct heddle_document_node *list,
                                   size_t *count_out)
{
    *count_out = count_of(list);
    const char **texts = heddle_job_alloc(reader, *count_out, sizeof *texts);
    for (size_t i = 0; texts != NULL && i < *count_out; i++) {
        texts[i] = list->items[i]->text;
    }
    return texts;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

/* All keys of a map but `known`, as settings. */
static const struct heddle_job_setting *settings_of(struct heddle_job_reader *reader,
                                                    const struct heddle_document_node *map,
                                                    const char *const *known, size_t *count_out)
{
    struct heddle_job_setting *settings = heddle_job_alloc(reader, count_of(map), sizeof *settings);
    *count_out = 0;
    for (size_t i = 0; settings != NULL && i < count_of(map); i++) {
        const char *name = heddle_document_key(map, i)->text;
        if (!is_one_of(name, known)) {
            const char *value = heddle_job_value_text(reader, heddle_document_value(map, i));
            settings[(*count_out)++] = (struct heddle_job_setting){.name = name, .value = value};
        }
    }
    return settings;
}

/* --- sources and actions
 * ----------------------------------------------------------------------------------------- */

/* Own source types; and those of other import-spec readers, which `run` refuses by name. */
static const char *const own_sources[] = {"parquet", "csv", "jsonl", "generate", "delta", "arrow"};
static const char *const foreign_sources[] = {"bigquery", "jdbc", "text"};
enum { OWN_WITH_PATH = 3 }; /* the first of own_sources cannot do without `path` */

static void check_source(struct heddle_job_reader *reader, const struct heddle_job_source *source,
                         size_t index)
{
    const char *path = heddle_job_path(reader, HEDDLE_JOB_NAME_SOURCE, index);
    const size_t own = sizeof own_sources / sizeof own_sources[0];
    for (size_t i = 0; i < own; i++) {
        if (strcmp(own_sources[i], source->type) == 0) {
            if (i < OWN_WITH_PATH && source->path == NULL) {
                heddle_job_report(reader, "HDL-006", path, "a source of type %s needs 'path', a text",
                                  source->type);
            }
            return;
        }
    }
    for (size_t i = 0; i < sizeof foreign_sources / sizeof foreign_sources[0]; i++) {
        if (strcmp(foreign_sources[i], source->type) == 0) {
            bool connected = strcmp(source->type, "jdbc") != 0;
            for (size_t s = 0; s < source->setting_count; s++) {
                connected = connected || strcmp(source->settings[s].name, "data_source") == 0;
            }
            if (!connected) {
                heddle_job_report(reader, "HDL-006", path, "a source of type jdbc needs 'data_source'");
            }
            return;
        }
    }
    /* Called through a text made in the arena: the path of the type, not of the source. */
    heddle_job_report(
        reader, "HDL-006", heddle_job_text(reader, "%s.type", path),
        "there is no source type '%.60s'; there are parquet, csv, jsonl, delta, arrow and generate",
        source->type);
}

static void build_sources(struct heddle_job_reader *reader)
{
    static const char *const known[] = {"name", "type", "path", NULL};
    const struct heddle_document_node *list = heddle_document_get(reader->root, "sources");
    struct heddle_job_source *sources = heddle_job_alloc(reader, count_of(list), sizeof *sources);
    for (size_t i = 0; sources != NULL && i < count_of(list); i++) {
        const struct heddle_document_node *node = list->items[i];
        sources[i].name = text_of(node, "name");
        sources[i].type = text_of(node, "type");
        sources[i].path = text_of(node, "path");
        sources[i].settings = settings_of(reader, node, known, &sources[i].setting_count);
        if (!reader->out_of_memory) {
            check_source(reader, &sources[i], i);
        }
    }
    reader->job->sources = sources;
    reader->job->source_count = count_of(list);
}

static void build_cypher_action(struct heddle_job_reader *reader, const struct heddle_document_node *node,
                                const char *path, struct heddle_job_action *action)
{
    const struct heddle_document_node *mode = heddle_document_get(node, "execution_mode");
    action->query = text_of(node, "query");
    if (action->query == NULL || strspn(action->query, " \t\r\n") == strlen(action->query)) {
        heddle_job_report(reader, "CYPH-001", heddle_job_text(reader, "%s.query", path),
                          "expected a Cypher statement, found none");
    }
    if (mode == NULL) {
        return;
    }
    action->autocommit = mode->kind == HEDDLE_DOCUMENT_TEXT && strcasecmp(mode->text, "autocommit") == 0;
    if (!action->autocommit &&
        (mode->kind != HEDDLE_DOCUMENT_TEXT || strcasecmp(mode->text, "transaction") != 0)) {
        heddle_job_report(reader, "CYPH-002", heddle_job_text(reader, "%s.execution_mode", path),
                          "expected transaction or autocommit");
    }
}

static void build_actions(struct heddle_job_reader *reader)
{
    static const char *const stages[] = {"start",       "post_sources",      "pre_nodes",
                                         "post_nodes",  "pre_relationships", "post_relationships",
                                         "pre_queries", "post_queries",      "end"};
    static const char *const foreign[] = {"http", "bigquery", NULL};
    const struct heddle_document_node *list = heddle_document_get(reader->root, "actions");
    struct heddle_job_action *actions = heddle_job_alloc(reader, count_of(list), sizeof *actions);
    for (size_t i = 0; actions != NULL && i < count_of(list); i++) {
        const struct heddle_document_node *node = list->items[i];
        const struct heddle_document_node *active = heddle_document_get(node, "active");
        const char *path = heddle_job_path(reader, HEDDLE_JOB_NAME_ACTION, i);
        actions[i].name = text_of(node, "name");
        actions[i].type = text_of(node, "type");
        actions[i].active = active == NULL || strcmp(active->text, "true") == 0;
        for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++) {
            if (strcasecmp(stages[s], text_of(node, "stage")) == 0) {
                actions[i].stage = (enum heddle_action_stage)s;
            }
        }
        if (strcmp(actions[i].type, "cypher") == 0) {
            build_cypher_action(reader, node, path, &actions[i]);
        } else if (!is_one_of(actions[i].type, foreign)) {
            heddle_job_report(reader, "HDL-007", heddle_job_text(reader, "%s.type", path),
                              "there is no action type '%.60s'; expected cypher", actions[i].type);
        }
    }
    reader->job->actions = actions;
    reader->job->action_count = count_of(list);
}

/* --- targets
 * ----------------------------------------------------------------------------------------------------- */

static void build_property(struct heddle_job_reader *reader, const struct heddle_document_node *node,
                           const char *path, size_t index, struct heddle_job_property *property)
{
    const struct heddle_document_node *type = heddle_document_get(node, "target_property_type");
    const char *word = type == NULL                        ? NULL
                       : type->kind == HEDDLE_DOCUMENT_MAP ? text_of(type, "name")
                                                           : type->text;
    property->source_field = text_of(node, "source_field");
    property->target_property = text_of(node, "target_property");
    if (word != NULL && !heddle_job_type_find(word, &property->type, &property->is_array)) {
        property->type = HEDDLE_PROPERTY_AUTO;
    }
    const struct heddle_document_node *dimension =
        type == NULL ? NULL : heddle_document_get(type, "dimension");
    if (dimension != NULL && property->type != HEDDLE_PROPERTY_VECTOR) {
        heddle_job_report(
            reader, "TYPE-002",
            heddle_job_text(reader, "%s.properties[%zu].target_property_type.dimension", path, index),
            "only vectors have a dimension; %s is none", word);
    } else if (dimension != NULL) {
        property->dimension = (uint32_t)strtoul(dimension->text, NULL, 10);
    }
}

/* The index configuration: under indexConfig as Cypher has it, or flat as Dataflow's examples have it. */
static void build_vector_options(const struct heddle_document_node *options,
                                 struct heddle_job_schema_item *item)
{
    const struct heddle_document_node *config = heddle_document_get(options, "indexConfig");
    config = config != NULL ? config : options;
    const struct heddle_document_node *dimensions = heddle_document_get(config, "vector.dimensions");
    if (dimensions == NULL) {
        dimensions = heddle_document_get(config, "`vector.dimensions`");
    }
    const char *similarity = text_of(config, "vector.similarity_function");
    if (similarity == NULL) {
        similarity = text_of(config, "`vector.similarity_function`");
    }
    if (dimensions != NULL && dimensions->kind == HEDDLE_DOCUMENT_INTEGER) {
        const unsigned long number = strtoul(dimensions->text, NULL, 10);
        item->vector_dimensions = dimensions->text[0] != '-' && number <= UINT32_MAX ? (uint32_t)number : 0;
    }
    item->vector_similarity = similarity;
}

static void build_schema_item(struct heddle_job_reader *reader, const struct heddle_document_node *node,
                              enum heddle_schema_kind kind, size_t position,
                              struct heddle_job_schema_item *item)
{
    const struct heddle_document_node *options = heddle_document_get(node, "options");
    item->kind = kind;
    item->position = position;
    item->name = text_of(node, "name");
    item->labels = texts_of(reader, heddle_document_get(node, "labels"), &item->label_count);
    item->properties = texts_of(reader, heddle_document_get(node, "properties"), &item->property_count);
    const char *label = text_of(node, "label");
    const char *property = text_of(node, "property");
    const char **one = heddle_job_alloc(reader, 2, sizeof *one);
    if (one == NULL) {
        return;
    }
    one[0] = label;
    one[1] = property;
    if (label != NULL && item->label_count == 0) {
        item->labels = &one[0];
        item->label_count = 1;
    }
    if (property != NULL && item->property_count == 0) {
        item->properties = &one[1];
        item->property_count = 1;
    }
    if (options != NULL) {
        item->options_json = heddle_job_value_text(reader, options);
        if (kind == HEDDLE_SCHEMA_VECTOR_INDEX) {
            build_vector_options(options, item);
        }
    }
}

static void build_schema(struct heddle_job_reader *reader, const struct heddle_document_node *schema,
                         const char *path, struct heddle_job_target *base)
{
    size_t count = 0;
    for (size_t kind = 0; kind < HEDDLE_JOB_SCHEMA_KINDS; kind++) {
        count += count_of(
            heddle_document_get(schema, heddle_job_schema_word((enum heddle_schema_kind)kind)->list));
    }
    if (count > HEDDLE_JOB_LIST_MAX) {
        heddle_job_report(reader, "HDL-008", heddle_job_text(reader, "%s.schema", path),
                          "%zu constraints and indexes; the limit is %d", count, HEDDLE_JOB_LIST_MAX);
        return;
    }
    struct heddle_job_schema_item *items = heddle_job_alloc(reader, count, sizeof *items);
    for (size_t kind = 0; items != NULL && kind < HEDDLE_JOB_SCHEMA_KINDS; kind++) {
        const struct heddle_document_node *list =
            heddle_document_get(schema, heddle_job_schema_word((enum heddle_schema_kind)kind)->list);
        for (size_t i = 0; i < count_of(list); i++) {
            build_schema_item(reader, list->items[i], (enum heddle_schema_kind)kind, i,
                              &items[base->schema_count++]);
        }
    }
    base->schema = items;
}

static void build_base(struct heddle_job_reader *reader, const struct heddle_document_node *node,
                       const char *path, const char *const *known, struct heddle_job_target *base)
{
    const struct heddle_document_node *active = heddle_document_get(node, "active");
    const struct heddle_document_node *list = heddle_document_get(node, "properties");
    const char *mode = text_of(node, "write_mode");
    base->name = text_of(node, "name");
    base->source_name = text_of(node, "source");
    base->active = active == NULL || strcmp(active->text, "true") == 0;
    const struct heddle_document_node *depends_on = heddle_document_get(node, "depends_on");
    if (depends_on == NULL) { /* import-spec's older name for it */
        depends_on = heddle_document_get(node, "dependencies");
    } else if (heddle_document_get(node, "dependencies") != NULL) {
        heddle_job_warn(reader, "HDL-002", path, "'dependencies' is ignored beside 'depends_on'");
    }
    base->depends_on = texts_of(reader, depends_on, &base->depends_on_count);
    base->write_mode_given = mode != NULL;
    base->write_mode =
        mode != NULL && strcasecmp(mode, "merge") == 0 ? HEDDLE_WRITE_MERGE : HEDDLE_WRITE_CREATE;
    base->extensions = settings_of(reader, node, known, &base->extension_count);
    if (known[0] != NULL && is_one_of("properties", known)) {
        struct heddle_job_property *properties = heddle_job_alloc(reader, count_of(list), sizeof *properties);
        for (size_t i = 0; properties != NULL && i < count_of(list); i++) {
            build_property(reader, list->items[i], path, i, &properties[i]);
        }
        base->properties = properties;
        base->property_count = count_of(list);
        build_schema(reader, heddle_document_get(node, "schema"), path, base);
    }
}

static void build_nodes(struct heddle_job_reader *reader, const struct heddle_document_node *list)
{
    static const char *const known[] = {"name",         "source",     "active",     "depends_on",
                                        "dependencies", "write_mode", "properties", "schema",
                                        "labels",       "embedding",  NULL};
    struct heddle_job_node *nodes = heddle_job_alloc(reader, count_of(list), sizeof *nodes);
    for (size_t i = 0; nodes != NULL && i < count_of(list); i++) {
        const struct heddle_document_node *node = list->items[i];
        const struct heddle_document_node *embedding = heddle_document_get(node, "embedding");
        build_base(reader, node, heddle_job_path(reader, HEDDLE_JOB_NAME_NODE, i), known, &nodes[i].base);
        nodes[i].labels = texts_of(reader, heddle_document_get(node, "labels"), &nodes[i].label_count);
        if (embedding != NULL) {
            struct heddle_job_embedding *made = heddle_job_alloc(reader, 1, sizeof *made);
            if (made == NULL) {
                return;
            }
            made->source_field = text_of(embedding, "source_field");
            made->target_property = text_of(embedding, "target_property");
            made->model = text_of(embedding, "model");
            if (made->model == NULL) {
                made->model = HEDDLE_JOB_MODEL_DEFAULT;
            }
            nodes[i].embedding = made;
        }
    }
    reader->nodes = nodes;
    reader->job->nodes = nodes;
    reader->job->node_count = count_of(list);
}

static void build_relationships(struct heddle_job_reader *reader, const struct heddle_document_node *list)
{
    static const char *const known[] = {"name",
                                        "source",
                                        "active",
                                        "depends_on",
                                        "dependencies",
                                        "write_mode",
                                        "node_match_mode",
                                        "properties",
                                        "schema",
                                        "type",
                                        "start_node_reference",
                                        "end_node_reference",
                                        NULL};
    struct heddle_job_relationship *made = heddle_job_alloc(reader, count_of(list), sizeof *made);
    for (size_t i = 0; made != NULL && i < count_of(list); i++) {
        const struct heddle_document_node *node = list->items[i];
        const char *mode = text_of(node, "node_match_mode");
        build_base(reader, node, heddle_job_path(reader, HEDDLE_JOB_NAME_RELATIONSHIP, i), known,
                   &made[i].base);
        made[i].type = text_of(node, "type");
        made[i].match_mode =
            mode != NULL && strcasecmp(mode, "merge") == 0 ? HEDDLE_MATCH_MERGE : HEDDLE_MATCH_MATCH;
    }
    reader->relationships = made;
    reader->job->relationships = made;
    reader->job->relationship_count = count_of(list);
}

static void build_queries(struct heddle_job_reader *reader, const struct heddle_document_node *list)
{
    static const char *const known[] = {"name",         "source", "active",  "depends_on",
                                        "dependencies", "query",  "touches", NULL};
    struct heddle_job_query *made = heddle_job_alloc(reader, count_of(list), sizeof *made);
    for (size_t i = 0; made != NULL && i < count_of(list); i++) {
        build_base(reader, list->items[i], heddle_job_path(reader, HEDDLE_JOB_NAME_QUERY, i), known,
                   &made[i].base);
        made[i].query = text_of(list->items[i], "query");
    }
    reader->queries = made;
    reader->job->queries = made;
    reader->job->query_count = count_of(list);
}

void heddle_job_build(struct heddle_job_reader *reader)
{
    static const char *const none[] = {NULL};
    const struct heddle_document_node *targets = heddle_document_get(reader->root, "targets");
    build_sources(reader);
    build_nodes(reader, heddle_document_get(targets, "nodes"));
    build_relationships(reader, heddle_document_get(targets, "relationships"));
    build_queries(reader, heddle_document_get(targets, "queries"));
    build_actions(reader);
    heddle_job_build_schedules(reader);
    reader->job->config =
        settings_of(reader, heddle_document_get(reader->root, "config"), none, &reader->job->config_count);
}
