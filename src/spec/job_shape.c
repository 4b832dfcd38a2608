/* job_shape.c: step 1: has every key the right type? The tables below are import-spec's JSON Schema v1 in C,
 * plus ours.
 *
 * Codes: SCHM- and the number of the violated keyword, as the JSON Schema validator of import-spec's
 * reference reader counts them: type 1029, required 1028, enum 1008, const 1042, minLength 1017, pattern
 * 1023, minItems 1016, additionalProperties 1001, minimum 1015, maximum 1011.
 */
#include "spec/job_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A vector has at most this many numbers (Neo4j's VECTOR, import-spec's schema). */
enum { DIMENSION_MAX = 4096 };

/* Parts that a scheduler can hold apart in one key space. */
enum { GROUPS_MAX = 1024 };

enum kind {
    ANYTHING,
    TEXT,     /* with at least one character that is no blank */
    ANY_TEXT, /* with at least one character */
    BOOLEAN,
    DIMENSION,
    GROUPS,
    WORD, /* one of `words`, in lower or UPPER case */
    VERSION,
    MAP,
    TEXTS,     /* list of TEXT */
    ANY_TEXTS, /* list of ANY_TEXT */
    MAPS,      /* list of maps */
    REFERENCE, /* TEXT or MAP */
    TYPE,      /* WORD or MAP */
};

enum {
    REQUIRED = 1,
    FILLED = 2,    /* a list needs at least one item */
    UNCOUNTED = 4, /* a list without the bound on its length */
};

enum strictness {
    FREE,   /* other keys belong to somebody else */
    CLOSED, /* other keys are errors */
    GUARDED /* other keys are allowed, but one that looks like a slip gets a warning */
};

struct shape;

struct field {
    const char *name;
    enum kind kind;
    unsigned flags;
    const struct shape *shape;
    const char *const *words;
};

struct shape {
    const char *noun; /* "a node target" */
    enum strictness strictness;
    const struct field *fields; /* ends with an empty one */
};

#define FIELDS(...)                                                                                          \
    (const struct field[])                                                                                   \
    {                                                                                                        \
        __VA_ARGS__,                                                                                         \
        {                                                                                                    \
            .name = NULL                                                                                     \
        }                                                                                                    \
    }
#define SHAPE(noun_, strictness_, ...)                                                                       \
    {                                                                                                        \
        .noun = noun_, .strictness = strictness_, .fields = FIELDS(__VA_ARGS__)                              \
    }

static const char *const write_modes[] = {"create", "merge", NULL};
static const char *const match_modes[] = {"match", "merge", NULL};
static const char *const stages[] = {
    "start",       "post_sources", "pre_nodes", "post_nodes", "pre_relationships", "post_relationships",
    "pre_queries", "post_queries", "end",       NULL};

#define NAME_FIELD                                                                                           \
    {                                                                                                        \
        .name = "name", .kind = TEXT, .flags = REQUIRED                                                      \
    }
#define LABEL_FIELD                                                                                          \
    {                                                                                                        \
        .name = "label", .kind = TEXT, .flags = REQUIRED                                                     \
    }
#define LABELS_FIELD                                                                                         \
    {                                                                                                        \
        .name = "labels", .kind = TEXTS, .flags = REQUIRED | FILLED                                          \
    }
#define PROPERTY_FIELD                                                                                       \
    {                                                                                                        \
        .name = "property", .kind = TEXT, .flags = REQUIRED                                                  \
    }
#define PROPERTIES_FIELD                                                                                     \
    {                                                                                                        \
        .name = "properties", .kind = TEXTS, .flags = REQUIRED | FILLED                                      \
    }
#define OPTIONS_FIELD                                                                                        \
    {                                                                                                        \
        .name = "options", .kind = MAP                                                                       \
    }
#define NEEDED_OPTIONS_FIELD                                                                                 \
    {                                                                                                        \
        .name = "options", .kind = MAP, .flags = REQUIRED                                                    \
    }

static const struct shape node_property_item =
    SHAPE("this schema item", CLOSED, NAME_FIELD, LABEL_FIELD, PROPERTY_FIELD);
static const struct shape node_property_option_item =
    SHAPE("this schema item", CLOSED, NAME_FIELD, LABEL_FIELD, PROPERTY_FIELD, OPTIONS_FIELD);
static const struct shape node_vector_item =
    SHAPE("a vector index", CLOSED, NAME_FIELD, LABEL_FIELD, PROPERTY_FIELD, NEEDED_OPTIONS_FIELD);
static const struct shape node_properties_item =
    SHAPE("this schema item", CLOSED, NAME_FIELD, LABEL_FIELD, PROPERTIES_FIELD);
static const struct shape node_properties_option_item =
    SHAPE("this schema item", CLOSED, NAME_FIELD, LABEL_FIELD, PROPERTIES_FIELD, OPTIONS_FIELD);
static const struct shape node_fulltext_item =
    SHAPE("a full-text index", CLOSED, NAME_FIELD, LABELS_FIELD, PROPERTIES_FIELD, OPTIONS_FIELD);
static const struct shape property_item = SHAPE("this schema item", CLOSED, NAME_FIELD, PROPERTY_FIELD);
static const struct shape property_option_item =
    SHAPE("this schema item", CLOSED, NAME_FIELD, PROPERTY_FIELD, OPTIONS_FIELD);
static const struct shape vector_item =
    SHAPE("a vector index", CLOSED, NAME_FIELD, PROPERTY_FIELD, NEEDED_OPTIONS_FIELD);
static const struct shape properties_item = SHAPE("this schema item", CLOSED, NAME_FIELD, PROPERTIES_FIELD);
static const struct shape properties_option_item =
    SHAPE("this schema item", CLOSED, NAME_FIELD, PROPERTIES_FIELD, OPTIONS_FIELD);

static const struct shape node_schema =
    SHAPE("a node schema", GUARDED, {.name = "type_constraints", .kind = MAPS, .shape = &node_property_item},
          {.name = "key_constraints", .kind = MAPS, .shape = &node_properties_option_item},
          {.name = "unique_constraints", .kind = MAPS, .shape = &node_properties_option_item},
          {.name = "existence_constraints", .kind = MAPS, .shape = &node_property_item},
          {.name = "range_indexes", .kind = MAPS, .shape = &node_properties_item},
          {.name = "text_indexes", .kind = MAPS, .shape = &node_property_option_item},
          {.name = "point_indexes", .kind = MAPS, .shape = &node_property_option_item},
          {.name = "fulltext_indexes", .kind = MAPS, .shape = &node_fulltext_item},
          {.name = "vector_indexes", .kind = MAPS, .shape = &node_vector_item});
static const struct shape relationship_schema = SHAPE(
    "a relationship schema", GUARDED, {.name = "type_constraints", .kind = MAPS, .shape = &property_item},
    {.name = "key_constraints", .kind = MAPS, .shape = &properties_option_item},
    {.name = "unique_constraints", .kind = MAPS, .shape = &properties_option_item},
    {.name = "existence_constraints", .kind = MAPS, .shape = &property_item},
    {.name = "range_indexes", .kind = MAPS, .shape = &properties_item},
    {.name = "text_indexes", .kind = MAPS, .shape = &property_option_item},
    {.name = "point_indexes", .kind = MAPS, .shape = &property_option_item},
    {.name = "fulltext_indexes", .kind = MAPS, .shape = &properties_option_item},
    {.name = "vector_indexes", .kind = MAPS, .shape = &vector_item});

static const struct shape property_type =
    SHAPE("a property type", GUARDED,
          {.name = "name", .kind = WORD, .flags = REQUIRED, .words = heddle_job_type_words},
          {.name = "dimension", .kind = DIMENSION});
static const struct shape property_mapping = SHAPE(
    "a property", CLOSED, {.name = "source_field", .kind = TEXT, .flags = REQUIRED},
    {.name = "target_property", .kind = TEXT, .flags = REQUIRED},
    {.name = "target_property_type", .kind = TYPE, .shape = &property_type, .words = heddle_job_type_words});
static const struct shape embedding =
    SHAPE("an embedding", CLOSED, {.name = "source_field", .kind = TEXT, .flags = REQUIRED},
          {.name = "target_property", .kind = TEXT, .flags = REQUIRED}, {.name = "model", .kind = TEXT});
static const struct shape key_mapping =
    SHAPE("a key mapping", GUARDED, {.name = "source_field", .kind = TEXT, .flags = REQUIRED},
          {.name = "node_property", .kind = TEXT, .flags = REQUIRED});
static const struct shape reference =
    SHAPE("a node reference", GUARDED, NAME_FIELD,
          {.name = "key_mappings", .kind = MAPS, .flags = REQUIRED | FILLED, .shape = &key_mapping});

#define TARGET_FIELDS                                                                                        \
    NAME_FIELD, {.name = "source", .kind = TEXT, .flags = REQUIRED}, {.name = "active", .kind = BOOLEAN},    \
        {.name = "depends_on", .kind = ANY_TEXTS},                                                           \
    {                                                                                                        \
        .name = "dependencies", .kind = ANY_TEXTS                                                            \
    }
static const char *const roads[] = {"auto", "create", "guarded", "tiles", "one_statement", "serial", NULL};
static const char *const scenarios[] = {"auto", "predefined", "bipartite", "monopartite", NULL};
static const struct shape schedule =
    SHAPE("a schedule", CLOSED, {.name = "road", .kind = WORD, .words = roads},
          {.name = "scenario", .kind = WORD, .words = scenarios}, {.name = "component", .kind = TEXT},
          {.name = "groups", .kind = GROUPS});
static const struct shape touch = SHAPE("what a query touches", CLOSED, LABEL_FIELD,
                                        {.name = "source_field", .kind = TEXT, .flags = REQUIRED});
static const struct shape config =
    SHAPE("config", FREE, {.name = "schedule", .kind = MAP, .shape = &schedule});
/* Settings and extensions of ours that heddle_job_check_config() reads; named here so that slips are noticed.
 */
#define OWN_FIELDS                                                                                           \
    {.name = "batch_rows"}, {.name = "batch_bytes"}, {.name = "writers"}, {.name = "reject_limit"},          \
        {.name = "on_bad_value"}, {.name = "on_delete"},                                                     \
        {.name = "schedule", .kind = MAP, .shape = &schedule},                                               \
    {                                                                                                        \
        .name = "source_transformations"                                                                     \
    }

static const struct shape node_target =
    SHAPE("a node target", GUARDED, TARGET_FIELDS, OWN_FIELDS,
          {.name = "labels", .kind = TEXTS, .flags = REQUIRED | FILLED},
          {.name = "properties", .kind = MAPS, .flags = REQUIRED | FILLED, .shape = &property_mapping},
          {.name = "write_mode", .kind = WORD, .words = write_modes},
          {.name = "schema", .kind = MAP, .shape = &node_schema},
          {.name = "embedding", .kind = MAP, .shape = &embedding});
static const struct shape relationship_target =
    SHAPE("a relationship target", GUARDED, TARGET_FIELDS, OWN_FIELDS,
          {.name = "type", .kind = TEXT, .flags = REQUIRED},
          {.name = "start_node_reference", .kind = REFERENCE, .flags = REQUIRED, .shape = &reference},
          {.name = "end_node_reference", .kind = REFERENCE, .flags = REQUIRED, .shape = &reference},
          {.name = "node_match_mode", .kind = WORD, .words = match_modes},
          {.name = "write_mode", .kind = WORD, .words = write_modes},
          {.name = "properties", .kind = MAPS, .flags = FILLED, .shape = &property_mapping},
          {.name = "schema", .kind = MAP, .shape = &relationship_schema});
static const struct shape query_target =
    SHAPE("a query target", GUARDED, TARGET_FIELDS, OWN_FIELDS,
          {.name = "query", .kind = ANY_TEXT, .flags = REQUIRED},
          {.name = "touches", .kind = MAPS, .flags = FILLED, .shape = &touch});
static const struct shape source =
    SHAPE("a source", FREE, NAME_FIELD, {.name = "type", .kind = TEXT, .flags = REQUIRED});
static const struct shape action = SHAPE(
    "an action", FREE, NAME_FIELD, {.name = "type", .kind = TEXT, .flags = REQUIRED},
    {.name = "stage", .kind = WORD, .flags = REQUIRED, .words = stages}, {.name = "active", .kind = BOOLEAN});
static const struct shape targets = SHAPE(
    "targets", GUARDED, {.name = "nodes", .kind = MAPS, .flags = FILLED | UNCOUNTED, .shape = &node_target},
    {.name = "relationships", .kind = MAPS, .flags = FILLED | UNCOUNTED, .shape = &relationship_target},
    {.name = "queries", .kind = MAPS, .flags = FILLED | UNCOUNTED, .shape = &query_target});
static const struct shape job =
    SHAPE("a job", GUARDED, {.name = "version", .kind = VERSION, .flags = REQUIRED},
          {.name = "config", .kind = MAP, .shape = &config},
          {.name = "sources", .kind = MAPS, .flags = REQUIRED | FILLED | UNCOUNTED, .shape = &source},
          {.name = "targets", .kind = MAP, .flags = REQUIRED, .shape = &targets},
          {.name = "actions", .kind = MAPS, .flags = UNCOUNTED, .shape = &action});

/* --- checking
 * ---------------------------------------------------------------------------------------------------- */

/* The path to the value being checked; pieces are added and cut off again, a problem copies what is there. */
struct walk {
    struct heddle_job_reader *reader;
    struct heddle_buffer path;
};

static const char *path_of(struct walk *walk)
{
    const char *text = heddle_buffer_text(&walk->path);
    if (text == NULL) {
        walk->reader->out_of_memory = true;
        return "$";
    }
    return text;
}

static void check_map(struct walk *walk, const struct heddle_document_node *node, const struct shape *shape);

/* "text 'abc'" or "list": what a message says was found. */
static const char *found(struct walk *walk, const struct heddle_document_node *node)
{
    if (node->kind >= HEDDLE_DOCUMENT_LIST || node->kind == HEDDLE_DOCUMENT_NULL) {
        return heddle_document_kind_name(node->kind);
    }
    const size_t shown = heddle_text_cut(node->text, node->length, 60);
    return heddle_job_text(walk->reader, "%s '%.*s'%s", heddle_document_kind_name(node->kind), (int)shown,
                           node->text, shown < node->length ? "…" : "");
}

static bool check_kind(struct walk *walk, const struct heddle_document_node *node,
                       enum heddle_document_kind kind)
{
    if (node->kind == kind) {
        return true;
    }
    const bool quotes_help = kind == HEDDLE_DOCUMENT_TEXT && node->kind > HEDDLE_DOCUMENT_NULL &&
                             node->kind < HEDDLE_DOCUMENT_TEXT;
    heddle_job_report(walk->reader, "SCHM-1029", path_of(walk), "expected %s, found %s%s",
                      heddle_document_kind_name(kind), found(walk, node),
                      !quotes_help ? ""
                      : node->plain && node->kind == HEDDLE_DOCUMENT_BOOLEAN
                          ? " (YAML reads y, n, yes, no, on, off so): put it in quotes"
                          : ": put it in quotes");
    return false;
}

static void check_text(struct walk *walk, const struct heddle_document_node *node, bool blank_allowed)
{
    if (!check_kind(walk, node, HEDDLE_DOCUMENT_TEXT)) {
        return;
    }
    if (node->length == 0) {
        heddle_job_report(walk->reader, "SCHM-1017", path_of(walk), "expected a text, found an empty one");
    } else if (!blank_allowed && strspn(node->text, " \t\r\n\f\v") == node->length) {
        heddle_job_report(walk->reader, "SCHM-1023", path_of(walk), "expected a text, found only blanks");
    }
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL) {
        count++;
    }
    return count;
}

/* Lower case or UPPER case, as import-spec has it: not Mixed. */
static bool is_word(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        bool lower = true;
        bool upper = true;
        size_t i = 0;
        for (; (*words)[i] != '\0' && text[i] != '\0'; i++) {
            const char big =
                (*words)[i] >= 'a' && (*words)[i] <= 'z' ? (char)((*words)[i] - 32) : (*words)[i];
            lower = lower && text[i] == (*words)[i];
            upper = upper && text[i] == big;
        }
        if ((lower || upper) && (*words)[i] == text[i]) {
            return true;
        }
    }
    return false;
}

static void check_word(struct walk *walk, const struct heddle_document_node *node, const char *const *words)
{
    if (!check_kind(walk, node, HEDDLE_DOCUMENT_TEXT) || is_word(node->text, words)) {
        return;
    }
    const char *nearest = heddle_text_nearest(node->text, words, count_words(words));
    if (nearest != NULL) {
        heddle_job_report(walk->reader, "SCHM-1008", path_of(walk),
                          "'%.60s' is not allowed here; did you mean '%s'?", node->text, nearest);
        return;
    }
    struct heddle_buffer list = {0};
    for (size_t i = 0; words[i] != NULL; i++) {
        heddle_buffer_append_format(&list, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    const char *text = heddle_buffer_text(&list);
    walk->reader->out_of_memory = walk->reader->out_of_memory || text == NULL;
    heddle_job_report(walk->reader, "SCHM-1008", path_of(walk),
                      "'%.60s' is not allowed here; expected one of %s", node->text,
                      text != NULL ? text : "");
    heddle_buffer_free(&list);
}

static void check_number(struct walk *walk, const struct heddle_document_node *node, int most)
{
    if (!check_kind(walk, node, HEDDLE_DOCUMENT_INTEGER)) {
        return;
    }
    errno = 0;
    const long long number = strtoll(node->text, NULL, 10);
    if (number < 1 || number > most || errno != 0) {
        heddle_job_report(walk->reader, node->text[0] == '-' || number == 0 ? "SCHM-1015" : "SCHM-1011",
                          path_of(walk), "expected a number from 1 to %d, found %.40s", most, node->text);
    }
}

static void check_version(struct walk *walk, const struct heddle_document_node *node)
{
    if (node->kind != HEDDLE_DOCUMENT_TEXT || strcmp(node->text, "1") != 0) {
        heddle_job_report(walk->reader, "SCHM-1042", path_of(walk), "expected the text \"1\", found %s%s",
                          found(walk, node),
                          node->kind == HEDDLE_DOCUMENT_INTEGER ? ": put it in quotes" : "");
    }
}

static void check_type(struct walk *walk, const struct heddle_document_node *node, const struct field *field)
{
    if (node->kind != HEDDLE_DOCUMENT_MAP) {
        check_word(walk, node, field->words);
        return;
    }
    check_map(walk, node, field->shape);
    const struct heddle_document_node *name = heddle_document_get(node, "name");
    const bool vector = name != NULL && name->kind == HEDDLE_DOCUMENT_TEXT && name->length > 7 &&
                        (strcmp(name->text + name->length - 7, "_vector") == 0 ||
                         strcmp(name->text + name->length - 7, "_VECTOR") == 0);
    if (vector && heddle_document_get(node, "dimension") == NULL) {
        heddle_job_report(walk->reader, "SCHM-1028", path_of(walk),
                          "required key 'dimension' is missing: a vector needs it");
    }
}

static void check_list(struct walk *walk, const struct heddle_document_node *node, const struct field *field)
{
    if (!check_kind(walk, node, HEDDLE_DOCUMENT_LIST)) {
        return;
    }
    if ((field->flags & FILLED) != 0 && node->count == 0) {
        heddle_job_report(walk->reader, "SCHM-1016", path_of(walk), "expected at least one item, found none");
    }
    if ((field->flags & UNCOUNTED) == 0 && node->count > HEDDLE_JOB_LIST_MAX) {
        heddle_job_report(walk->reader, "HDL-008", path_of(walk), "%zu items; the limit is %d", node->count,
                          HEDDLE_JOB_LIST_MAX);
        return;
    }
    const size_t length = walk->path.length;
    for (size_t i = 0; i < node->count; i++) {
        heddle_buffer_append_format(&walk->path, "[%zu]", i);
        if (field->kind == MAPS) {
            check_map(walk, node->items[i], field->shape);
        } else {
            check_text(walk, node->items[i], field->kind == ANY_TEXTS);
        }
        walk->path.length = length;
    }
}

static void check_field(struct walk *walk, const struct heddle_document_node *node, const struct field *field)
{
    switch (field->kind) {
    case ANYTHING: break;
    case TEXT: check_text(walk, node, false); break;
    case ANY_TEXT: check_text(walk, node, true); break;
    case BOOLEAN: check_kind(walk, node, HEDDLE_DOCUMENT_BOOLEAN); break;
    case DIMENSION: check_number(walk, node, DIMENSION_MAX); break;
    case GROUPS: check_number(walk, node, GROUPS_MAX); break;
    case WORD: check_word(walk, node, field->words); break;
    case VERSION: check_version(walk, node); break;
    case MAP: check_map(walk, node, field->shape); break;
    case TEXTS:
    case ANY_TEXTS:
    case MAPS: check_list(walk, node, field); break;
    case REFERENCE:
        if (node->kind == HEDDLE_DOCUMENT_MAP) {
            check_map(walk, node, field->shape);
        } else {
            check_text(walk, node, false);
        }
        break;
    case TYPE: check_type(walk, node, field); break;
    }
}

static const struct field *find_field(const struct shape *shape, const char *name)
{
    for (const struct field *field = shape->fields; field->name != NULL; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

/* The field that a misspelt key means and that is not there itself, or NULL. */
static const char *nearest_field(const struct shape *shape, const struct heddle_document_node *map,
                                 const char *name)
{
    const char *best = NULL;
    for (const struct field *field = shape->fields; field->name != NULL; field++) {
        const char *candidates[2] = {field->name, best};
        if (heddle_document_get(map, field->name) == NULL) {
            const char *nearest = heddle_text_nearest(name, candidates, best != NULL ? 2 : 1);
            best = nearest != NULL ? nearest : best;
        }
    }
    return best;
}

static void check_unknown(struct walk *walk, const struct heddle_document_node *map,
                          const struct shape *shape, const char *name)
{
    const char *nearest = map->count <= HEDDLE_JOB_SLIP_KEYS_MAX ? nearest_field(shape, map, name) : NULL;
    if (shape->strictness == CLOSED) {
        heddle_job_report(walk->reader, "SCHM-1001", path_of(walk), "%s has no key '%.60s'%s%s%s",
                          shape->noun, name, nearest != NULL ? "; did you mean '" : "",
                          nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    } else if (shape->strictness == GUARDED && nearest != NULL) {
        heddle_job_warn(walk->reader, "HDL-002", path_of(walk), "%s has no key '%.60s'; did you mean '%s'?",
                        shape->noun, name, nearest);
    }
}

static void check_required(struct walk *walk, const struct heddle_document_node *map,
                           const struct shape *shape, const struct field *field)
{
    const char *slip = NULL;
    for (size_t i = 0; map->count <= HEDDLE_JOB_SLIP_KEYS_MAX && i < map->count && slip == NULL; i++) {
        const char *name = heddle_document_key(map, i)->text;
        const bool near =
            find_field(shape, name) == NULL && heddle_text_nearest(name, &field->name, 1) != NULL;
        slip = near ? name : NULL;
    }
    heddle_job_report(walk->reader, "SCHM-1028", path_of(walk), "required key '%s' is missing%s%.60s%s",
                      field->name, slip != NULL ? "; is it what '" : "", slip != NULL ? slip : "",
                      slip != NULL ? "' means?" : "");
}

static void check_map(struct walk *walk, const struct heddle_document_node *node, const struct shape *shape)
{
    if (!check_kind(walk, node, HEDDLE_DOCUMENT_MAP) || shape == NULL) {
        return;
    }
    for (const struct field *field = shape->fields; field->name != NULL; field++) {
        if ((field->flags & REQUIRED) != 0 && heddle_document_get(node, field->name) == NULL) {
            check_required(walk, node, shape, field);
        }
    }
    const size_t length = walk->path.length;
    for (size_t i = 0; i < node->count; i++) {
        const char *name = heddle_document_key(node, i)->text;
        const struct field *field = find_field(shape, name);
        if (field == NULL && shape->strictness != FREE) {
            check_unknown(walk, node, shape, name);
        } else if (field != NULL) {
            heddle_buffer_append_format(&walk->path, ".%s", name);
            check_field(walk, heddle_document_value(node, i), field);
            walk->path.length = length;
        }
    }
    if (shape == &targets && heddle_document_get(node, "nodes") == NULL &&
        heddle_document_get(node, "relationships") == NULL && heddle_document_get(node, "queries") == NULL) {
        heddle_job_report(walk->reader, "SCHM-1028", path_of(walk),
                          "expected at least one of 'nodes', 'relationships' and 'queries'");
    }
}

void heddle_job_shape(struct heddle_job_reader *reader)
{
    struct walk walk = {.reader = reader};
    heddle_buffer_append_text(&walk.path, "$");
    check_map(&walk, reader->root, &job);
    reader->out_of_memory = reader->out_of_memory || walk.path.failed;
    heddle_buffer_free(&walk.path);
}
