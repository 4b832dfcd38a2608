/* search.c: finds the vector index, the model that its vectors were made with, and the nearest nodes. */
#include "sink/neo4j/search.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "bolt/json.h"
#include "sink/neo4j/ability.h"
#include "sink/neo4j/ask.h"

enum {
    SEARCH_OVERSAMPLING = 10, /* neighbours asked of the index for each hit wanted */
    SEARCH_NEIGHBOURS_MIN = 100,
};

struct neo4j_search {
    const struct heddle_search_options *options;
    struct heddle_bolt_connection *connection;
    struct heddle_ability ability;
    struct heddle_arena *arena; /* of what describe() answers */
    struct heddle_search_subject subject;
    bool euclidean; /* the index's similarity, else cosine */
};

enum { FIELD_NAME, FIELD_LABELS, FIELD_PROPERTIES, FIELD_OPTIONS, FIELD_STATE };

static const char *const show_vector_indexes =
    "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, options, state, entityType "
    "WHERE type = 'VECTOR' AND entityType = 'NODE' "
    "RETURN name, labelsOrTypes, properties, options, state ORDER BY name";

static const char *first_text(const struct heddle_value *list)
{
    if (list->type != HEDDLE_VALUE_LIST || list->list.count == 0 ||
        list->list.items[0].type != HEDDLE_VALUE_STRING) {
        return "";
    }
    return list->list.items[0].string.text;
}

static bool fits(const struct heddle_search_options *options, const struct heddle_bolt_result *indexes,
                 size_t record)
{
    if (options->index != NULL && options->index[0] != '\0') {
        return strcmp(heddle_ask_cell_text(indexes, record, FIELD_NAME), options->index) == 0;
    }
    if (options->label != NULL && options->label[0] != '\0') {
        return strcmp(first_text(heddle_ask_cell(indexes, record, FIELD_LABELS)), options->label) == 0;
    }
    return true;
}

/* "there are: a (:L.p), b (:M.q)" */
static void list_indexes(const struct heddle_bolt_result *indexes, struct heddle_buffer *out)
{
    if (indexes->record_count == 0) {
        heddle_buffer_append_text(out,
                                  "the database has no vector index: load something with an embedding first");
        return;
    }
    heddle_buffer_append_text(out, "there are: ");
    for (size_t i = 0; i < indexes->record_count; i++) {
        heddle_buffer_append_format(out, "%s%s (:%s.%s)", i == 0 ? "" : ", ",
                                    heddle_ask_cell_text(indexes, i, FIELD_NAME),
                                    first_text(heddle_ask_cell(indexes, i, FIELD_LABELS)),
                                    first_text(heddle_ask_cell(indexes, i, FIELD_PROPERTIES)));
    }
}

static int refuse_choice(const struct heddle_search_options *options,
                         const struct heddle_bolt_result *indexes, size_t fitting, struct heddle_error *error)
{
    struct heddle_buffer known = {0};
    list_indexes(indexes, &known);
    const char *list = heddle_buffer_text(&known);
    list = list == NULL ? "" : list;
    if (fitting > 1) {
        heddle_error_set(error, HEDDLE_INVALID, "%zu vector indexes fit: name one (--index); %s", fitting,
                         list);
    } else if (options->index != NULL && options->index[0] != '\0') {
        heddle_error_set(error, HEDDLE_INVALID, "there is no vector index called %s; %s", options->index,
                         list);
    } else if (options->label != NULL && options->label[0] != '\0') {
        heddle_error_set(error, HEDDLE_INVALID, "no vector index is on label %s; %s", options->label, list);
    } else {
        heddle_error_set(error, HEDDLE_INVALID, "nothing to search: %s", list);
    }
    heddle_buffer_free(&known);
    return HEDDLE_INVALID;
}

static int run(struct neo4j_search *search, const struct heddle_ask *ask, struct heddle_arena *arena,
               struct heddle_bolt_result *result, struct heddle_error *error)
{
    struct heddle_ask whole = *ask;
    whole.mode = HEDDLE_BOLT_READ;
    whole.database = search->ability.database;
    return heddle_ask_run(search->connection, &whole, arena, result, error);
}

static int find_index(struct neo4j_search *search, struct heddle_error *error)
{
    const struct heddle_ask ask = {.text = show_vector_indexes};
    struct heddle_bolt_result indexes;
    size_t fitting = 0;
    size_t chosen = 0;
    HEDDLE_TRY(run(search, &ask, search->arena, &indexes, error));
    for (size_t i = 0; i < indexes.record_count; i++) {
        if (fits(search->options, &indexes, i)) {
            chosen = i;
            fitting++;
        }
    }
    if (fitting != 1) {
        return refuse_choice(search->options, &indexes, fitting, error);
    }
    const char *state = heddle_ask_cell_text(&indexes, chosen, FIELD_STATE);
    if (strcmp(state, "ONLINE") != 0) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "vector index %s is %s: it can be searched once it is ONLINE",
                                heddle_ask_cell_text(&indexes, chosen, FIELD_NAME), state);
    }
    const struct heddle_value *config =
        heddle_value_map_get(heddle_ask_cell(&indexes, chosen, FIELD_OPTIONS), "indexConfig");
    search->euclidean =
        strcasecmp(heddle_value_map_text(config, "vector.similarity_function", ""), "euclidean") == 0;
    const int64_t dimensions = heddle_value_map_integer(config, "vector.dimensions", 0);
    search->subject = (struct heddle_search_subject){
        .index = heddle_ask_cell_text(&indexes, chosen, FIELD_NAME),
        .label = first_text(heddle_ask_cell(&indexes, chosen, FIELD_LABELS)),
        .property = first_text(heddle_ask_cell(&indexes, chosen, FIELD_PROPERTIES)),
        .dimensions = dimensions > 0 && dimensions <= UINT32_MAX ? (uint32_t)dimensions : 0,
        .model = "",
        .precision = "",
    };
    return HEDDLE_OK;
}

/* The newest load that wrote vectors of this label and property. A graph without records is fine, and so is one with records
 * of loads that have not come to their end: those tell nothing of vectors yet. */
static int find_record(struct neo4j_search *search, struct heddle_error *error)
{
    const struct heddle_ask_parameter parameters[] = {
        {.name = "label", .text = search->subject.label},
        {.name = "property", .text = search->subject.property},
    };
    const struct heddle_ask ask = {
        .text = "MATCH (l:HeddleLoad) "
                "WHERE any(i IN range(0, size(coalesce(l.vector_labels, [])) - 1) "
                "WHERE l.vector_labels[i] = $label AND l.vector_properties[i] = $property) "
                "RETURN l.model, l.precision ORDER BY l.finished_at DESC LIMIT 1",
        .parameters = parameters,
        .parameter_count = 2,
    };
    struct heddle_bolt_result result;
    HEDDLE_TRY(run(search, &ask, search->arena, &result, error));
    search->subject.model = heddle_ask_cell_text(&result, 0, 0);
    search->subject.precision = heddle_ask_cell_text(&result, 0, 1);
    return HEDDLE_OK;
}

static int search_connect(struct neo4j_search *search, struct heddle_error *error)
{
    const struct heddle_search_options *options = search->options;
    struct heddle_bolt_options bolt = {
        .uri = options->to,
        .database = options->database,
        .ca_file = options->ca_file,
        .mode = HEDDLE_BOLT_READ,
    };
    if (options->bearer_token != NULL && options->bearer_token[0] != '\0') {
        bolt.auth = HEDDLE_BOLT_AUTH_BEARER;
        bolt.secret = options->bearer_token;
    } else if (options->username != NULL) {
        bolt.auth = HEDDLE_BOLT_AUTH_BASIC;
        bolt.user = options->username;
        bolt.secret = options->password == NULL ? "" : options->password;
    }
    HEDDLE_TRY(heddle_arena_create(0, &search->arena, error));
    HEDDLE_TRY(heddle_bolt_open(&bolt, &search->connection, error));
    HEDDLE_TRY(heddle_ability_learn(search->connection, options->database, &search->ability, error));
    HEDDLE_TRY(find_index(search, error));
    return find_record(search, error);
}

int heddle_neo4j_search_open(const struct heddle_search_options *options, void **search_out,
                             struct heddle_error *error)
{
    struct neo4j_search *search = heddle_calloc(1, sizeof *search);
    if (search == NULL) {
        return heddle_error_out_of_memory(error);
    }
    search->options = options;
    const int status = search_connect(search, error);
    if (status != HEDDLE_OK) {
        heddle_neo4j_search_close(search);
        return status;
    }
    *search_out = search;
    return HEDDLE_OK;
}

int heddle_neo4j_search_describe(void *search, struct heddle_search_subject *out, struct heddle_error *error)
{
    (void)error;
    *out = ((const struct neo4j_search *)search)->subject;
    return HEDDLE_OK;
}

/* One property as text, or as a JSON literal. */
static int put_field(struct heddle_arena *arena, const char *name, const struct heddle_value *value,
                     struct heddle_search_field *field, struct heddle_error *error)
{
    json_t *json = heddle_value_to_json(value);
    if (json == NULL) {
        return heddle_error_out_of_memory(error);
    }
    field->is_text = json_is_string(json);
    field->name = heddle_arena_copy_text(arena, name, strlen(name));
    if (field->is_text) {
        field->value = heddle_arena_copy_text(arena, json_string_value(json), json_string_length(json));
    } else {
        char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
        field->value = text == NULL ? NULL : heddle_arena_copy_text(arena, text, strlen(text));
        free(text);
    }
    json_decref(json);
    return field->name == NULL || field->value == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

/* Long lists of numbers are vectors of other embeddings: nobody wants to read those. */
static bool is_vector(const struct heddle_value *value)
{
    enum { LIST_READABLE = 64 };
    return value->type == HEDDLE_VALUE_VECTOR ||
           (value->type == HEDDLE_VALUE_LIST && value->list.count > LIST_READABLE &&
            value->list.items[0].type == HEDDLE_VALUE_FLOAT);
}

/* Record: score, [[name, value], …]. */
static int put_hit(const struct heddle_bolt_result *result, size_t record, struct heddle_arena *arena,
                   struct heddle_search_hit *hit, struct heddle_error *error)
{
    const struct heddle_value *pairs = heddle_ask_cell(result, record, 1);
    const size_t count = pairs->type == HEDDLE_VALUE_LIST ? pairs->list.count : 0;
    hit->score = heddle_ask_cell_float(result, record, 0);
    hit->fields = heddle_arena_calloc(arena, count + 1, sizeof *hit->fields);
    if (hit->fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct heddle_value *pair = &pairs->list.items[i];
        if (pair->type != HEDDLE_VALUE_LIST || pair->list.count != 2 ||
            pair->list.items[0].type != HEDDLE_VALUE_STRING || is_vector(&pair->list.items[1])) {
            continue;
        }
        HEDDLE_TRY(put_field(arena, pair->list.items[0].string.text, &pair->list.items[1],
                             &hit->fields[hit->field_count], error));
        hit->field_count++;
    }
    return HEDDLE_OK;
}

static int query_text(const struct neo4j_search *search, struct heddle_buffer *text)
{
    heddle_cypher_prefix(text, &search->ability.dialect);
    heddle_buffer_append_format(text,
                                "CALL db.index.vector.queryNodes($index, $asked, $vector) YIELD node "
                                "WITH node, vector.similarity.%s(node[$property], $vector) AS score "
                                "ORDER BY score DESC LIMIT $k RETURN score, ",
                                search->euclidean ? "euclidean" : "cosine");
    heddle_buffer_append_text(text, search->options->show_count > 0
                                        ? "[p IN $show | [p, node[p]]]"
                                        : "[p IN keys(node) WHERE p <> $property | [p, node[p]]]");
    heddle_buffer_append_text(text, " ORDER BY score DESC");
    return heddle_buffer_check(text, NULL);
}

/* The index is approximate twice: asked for exactly k neighbours it may pass over one of them, and servers differ in whether
 * its scores come from 8-bit vectors (5.26: off by 0.0006) or from the stored ones. So it is asked for more than is wanted,
 * the score is computed from the stored vector, and the best k of those are the hits. */
static size_t neighbours_to_ask_for(size_t k)
{
    const size_t more = k * SEARCH_OVERSAMPLING;
    return more < SEARCH_NEIGHBOURS_MIN ? SEARCH_NEIGHBOURS_MIN : more;
}

int heddle_neo4j_search_query(void *self, const float *vector, uint32_t dimensions, size_t k,
                              struct heddle_search_result *out, struct heddle_error *error)
{
    struct neo4j_search *search = self;
    if (search->subject.dimensions != 0 && search->subject.dimensions != dimensions) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "the model makes vectors of %u dimensions, but index %s holds %u: use the model that the "
            "graph was loaded with",
            dimensions, search->subject.index, search->subject.dimensions);
    }
    const struct heddle_ask_parameter parameters[] = {
        {.name = "index", .text = search->subject.index},
        {.name = "k", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)k},
        {.name = "asked", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)neighbours_to_ask_for(k)},
        {.name = "vector", .kind = HEDDLE_ASK_VECTOR, .vector = vector, .count = dimensions},
        {.name = "property", .text = search->subject.property},
        {.name = "show",
         .kind = HEDDLE_ASK_TEXTS,
         .texts = search->options->show,
         .count = search->options->show_count},
    };
    struct heddle_buffer text = {0};
    struct heddle_bolt_result result = {0};
    int status = query_text(search, &text) == HEDDLE_OK ? HEDDLE_OK : heddle_error_out_of_memory(error);
    if (status == HEDDLE_OK) {
        const struct heddle_ask ask = {
            .text = heddle_buffer_text(&text),
            .parameters = parameters,
            .parameter_count = sizeof parameters / sizeof parameters[0],
        };
        status = run(search, &ask, out->arena, &result, error);
    }
    heddle_buffer_free(&text);
    HEDDLE_TRY(status);
    out->hits = heddle_arena_calloc(out->arena, result.record_count + 1, sizeof *out->hits);
    if (out->hits == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < result.record_count; i++) {
        HEDDLE_TRY(put_hit(&result, i, out->arena, &out->hits[i], error));
    }
    out->count = result.record_count;
    return HEDDLE_OK;
}

void heddle_neo4j_search_close(void *self)
{
    struct neo4j_search *search = self;
    if (search != NULL) {
        heddle_bolt_close(search->connection);
        heddle_arena_destroy(search->arena);
        free(search);
    }
}
