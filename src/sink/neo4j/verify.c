/* verify.c: looking up what was written. */
#include "sink/neo4j/verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sink/neo4j/ask.h"
#include "sink/neo4j/schema.h"

/* Below this something is wrong with the index. Texts that have neighbours are found at 0.9 and more; vectors without any
 * order (uniformly random ones) at 0.7 to 0.9, since the server looks at no more candidates than were asked for. */
static const double RECALL_LEAST = 0.5;

/* Similarities are sums of hundreds of floats: equal ones differ in the last digits. */
static const double SCORE_TOLERANCE = 1e-5;

/* Neighbours that a search is asked for: recall@10. */
enum { NEIGHBOURS = 10 };

/* What has been looked at so far. */
struct inspection {
    struct heddle_load *load;
    struct heddle_arena *arena;
    size_t sampled;
    size_t found;
    size_t vectors;
    size_t vectors_good;
    double norm_least;
    double norm_most;
    char difference[160]; /* the first one, "" if none */
};

/* Which samples a question is about. */
struct sample_choice {
    const struct heddle_samples *samples;
    size_t limit;
    bool with_vector;
};

static void put_samples(struct heddle_pack *pack, const void *context)
{
    const struct sample_choice *choice = context;
    heddle_samples_pack(pack, choice->samples, choice->limit, choice->with_vector);
}

static void differ(struct inspection *inspection, const char *target, const char *what, double wanted,
                   double found)
{
    if (inspection->difference[0] == '\0') {
        snprintf(inspection->difference, sizeof inspection->difference, "%s: %s: expected %.0f, found %.0f",
                 target, what, wanted, found);
    }
}

/* (n:`L` {`k`: k[0]}) */
static void put_node(struct heddle_buffer *text, const char *variable, const struct heddle_target *node,
                     const char *const *names, size_t count, size_t first)
{
    heddle_buffer_append_format(text, "(%s", variable);
    heddle_cypher_labels(text, node->labels, node->label_count);
    heddle_buffer_append_text(text, " {");
    for (size_t i = 0; i < count; i++) {
        heddle_buffer_append_text(text, i == 0 ? "" : ", ");
        heddle_cypher_quote(text, names[i]);
        heddle_buffer_append_format(text, ": k[%zu]", first + i);
    }
    heddle_buffer_append_text(text, "})");
}

/* Names of a list of properties, in the arena. */
static const char *const *names_of(struct inspection *inspection,
                                   const struct heddle_target_property *properties, const size_t *which,
                                   size_t count)
{
    const char **names = heddle_arena_calloc(inspection->arena, count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = properties[which == NULL ? i : which[i]].name;
    }
    return names;
}

/* UNWIND … MATCH (n:…) or MATCH (a)-[:T]->(b), for sampled keys k numbered i. */
static int put_sample_match(struct inspection *inspection, struct heddle_buffer *text,
                            const struct heddle_target *target, struct heddle_error *error)
{
    heddle_buffer_append_text(text, "UNWIND range(0, size($keys) - 1) AS i WITH i, $keys[i] AS k MATCH ");
    if (target->kind == HEDDLE_TARGET_NODE) {
        const char *const *names = names_of(inspection, target->properties, target->key, target->key_count);
        if (names == NULL) {
            return heddle_error_out_of_memory(error);
        }
        put_node(text, "n", target, names, target->key_count, 0);
        return HEDDLE_OK;
    }
    const struct heddle_target *targets = inspection->load->options->targets;
    const char *const *starts = names_of(inspection, target->start.keys, NULL, target->start.key_count);
    const char *const *ends = names_of(inspection, target->end.keys, NULL, target->end.key_count);
    if (starts == NULL || ends == NULL) {
        return heddle_error_out_of_memory(error);
    }
    put_node(text, "a", &targets[target->start.node], starts, target->start.key_count, 0);
    heddle_buffer_append_text(text, "-[:");
    heddle_cypher_quote(text, target->type);
    heddle_buffer_append_text(text, "]->");
    put_node(text, "b", &targets[target->end.node], ends, target->end.key_count, target->start.key_count);
    return HEDDLE_OK;
}

static int ask_samples(struct inspection *inspection, struct heddle_buffer *text,
                       const struct sample_choice *choice, const char *index,
                       struct heddle_bolt_result *result, struct heddle_error *error)
{
    const struct heddle_ask_parameter parameters[] = {
        {.name = "keys", .kind = HEDDLE_ASK_WRITTEN, .write = put_samples, .context = choice},
        {.name = "index", .text = index},
    };
    const struct heddle_ask ask = {
        .text = heddle_buffer_text(text),
        .parameters = parameters,
        .parameter_count = index == NULL ? 1 : 2,
        .database = inspection->load->ability.database,
    };
    if (ask.text == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_ask_run(inspection->load->control, &ask, inspection->arena, result, error);
}

static int check_rows(struct inspection *inspection, size_t index, struct heddle_buffer *text,
                      struct heddle_error *error)
{
    const struct heddle_target *target = &inspection->load->options->targets[index];
    const struct sample_choice choice = {inspection->load->samples[index], HEDDLE_SAMPLES_MAX, false};
    struct heddle_bolt_result result;
    const size_t count = heddle_samples_count(choice.samples);
    if (count == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(put_sample_match(inspection, text, target, error));
    heddle_buffer_append_text(text, " RETURN count(DISTINCT i)");
    HEDDLE_TRY(ask_samples(inspection, text, &choice, NULL, &result, error));
    const size_t found = (size_t)heddle_ask_cell_integer(&result, 0, 0);
    inspection->sampled += count;
    inspection->found += found;
    if (found != count) {
        differ(inspection, target->name, "sampled rows", (double)count, (double)found);
    }
    return HEDDLE_OK;
}

/* Dimensions and norms of sampled vectors. */
static int check_vectors(struct inspection *inspection, size_t index, struct heddle_buffer *text,
                         struct heddle_error *error)
{
    const struct heddle_target *target = &inspection->load->options->targets[index];
    const struct sample_choice choice = {inspection->load->samples[index], HEDDLE_SAMPLES_MAX, true};
    struct heddle_bolt_result result;
    const size_t count = heddle_samples_vectors(choice.samples);
    if (count == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(put_sample_match(inspection, text, target, error));
    heddle_buffer_append_text(text, " WITH i, n.");
    heddle_cypher_quote(text, target->vector_property);
    heddle_buffer_append_text(text, " AS v RETURN i, size(v), sqrt(reduce(s = 0.0, x IN v | s + x * x))");
    HEDDLE_TRY(ask_samples(inspection, text, &choice, NULL, &result, error));
    size_t good = 0;
    for (size_t i = 0; i < result.record_count; i++) {
        const double norm = heddle_ask_cell_float(&result, i, 2);
        if (heddle_ask_cell_integer(&result, i, 1) == (int64_t)target->vector_dimensions && isfinite(norm) &&
            norm > 0.0) {
            good++;
            inspection->norm_least = norm < inspection->norm_least ? norm : inspection->norm_least;
            inspection->norm_most = norm > inspection->norm_most ? norm : inspection->norm_most;
        }
    }
    inspection->vectors += count;
    inspection->vectors_good += good < count ? good : count;
    if (good < count) {
        differ(inspection, target->name, "sampled vectors", (double)count, (double)good);
    }
    return HEDDLE_OK;
}

/* vector.similarity.cosine(NODE.`p`, v) */
static void put_similarity(struct heddle_buffer *text, const char *function, const char *node,
                           const char *property)
{
    heddle_buffer_append_format(text, "vector.similarity.%s(%s.", function, node);
    heddle_cypher_quote(text, property);
    heddle_buffer_append_text(text, ", v)");
}

static const char *similarity_of(const struct heddle_target *target)
{
    for (size_t i = 0; i < target->schema_count; i++) {
        if (target->schema[i].kind == HEDDLE_TARGET_VECTOR_INDEX && target->schema[i].similarity != NULL) {
            return target->schema[i].similarity;
        }
    }
    return "cosine";
}

/* The share of the true neighbours that a search found. Neighbours are compared by similarity, not by identity: where
 * texts repeat there are many equally near ones, and any of them will do. */
static double recall_of(const struct heddle_bolt_result *result)
{
    size_t wanted = 0;
    size_t hits = 0;
    for (size_t i = 0; i < result->record_count; i++) {
        const struct heddle_value *near = heddle_ask_cell(result, i, 0);
        const struct heddle_value *exact = heddle_ask_cell(result, i, 1);
        if (near->type != HEDDLE_VALUE_LIST || exact->type != HEDDLE_VALUE_LIST || exact->list.count == 0) {
            continue;
        }
        const struct heddle_value *last = &exact->list.items[exact->list.count - 1];
        const double least = (last->type == HEDDLE_VALUE_FLOAT ? last->real : 0.0) - SCORE_TOLERANCE;
        size_t good = 0;
        for (size_t j = 0; j < near->list.count; j++) {
            const struct heddle_value *score = &near->list.items[j];
            good += score->type == HEDDLE_VALUE_FLOAT && score->real >= least ? 1 : 0;
        }
        wanted += exact->list.count;
        hits += good < exact->list.count ? good : exact->list.count;
    }
    return wanted == 0 ? -1.0 : (double)hits / (double)wanted;
}

static int measure_recall(struct inspection *inspection, size_t index, const char *index_name,
                          struct heddle_buffer *text, double *recall_out, struct heddle_error *error)
{
    const struct heddle_target *target = &inspection->load->options->targets[index];
    const bool scoped = inspection->load->ability.dialect.scoped_call;
    const struct sample_choice choice = {inspection->load->samples[index], HEDDLE_VERIFY_SEARCHES, true};
    struct heddle_bolt_result result;
    heddle_cypher_prefix(text, &inspection->load->ability.dialect);
    HEDDLE_TRY(put_sample_match(inspection, text, target, error));
    heddle_buffer_append_text(text, " WITH n.");
    heddle_cypher_quote(text, target->vector_property);
    heddle_buffer_append_text(text, " AS v WHERE v IS NOT NULL ");
    heddle_buffer_append_text(text, scoped ? "CALL (v) { " : "CALL { WITH v ");
    heddle_buffer_append_format(
        text, "CALL db.index.vector.queryNodes($index, %d, v) YIELD node RETURN collect(", NEIGHBOURS);
    put_similarity(text, similarity_of(target), "node", target->vector_property);
    heddle_buffer_append_text(text, ") AS near } ");
    heddle_buffer_append_text(text, scoped ? "CALL (v) { " : "CALL { WITH v ");
    heddle_buffer_append_text(text, "MATCH (m:");
    heddle_cypher_quote(text, target->labels[0]);
    heddle_buffer_append_text(text, ") WHERE m.");
    heddle_cypher_quote(text, target->vector_property);
    heddle_buffer_append_text(text, " IS NOT NULL WITH ");
    put_similarity(text, similarity_of(target), "m", target->vector_property);
    heddle_buffer_append_format(
        text, " AS s ORDER BY s DESC LIMIT %d RETURN collect(s) AS exact } RETURN near, exact", NEIGHBOURS);
    HEDDLE_TRY(ask_samples(inspection, text, &choice, index_name, &result, error));
    *recall_out = recall_of(&result);
    return HEDDLE_OK;
}

/* State and recall of the index over a target's vectors. */
static int check_index(struct inspection *inspection, size_t index, struct heddle_buffer *text,
                       struct heddle_verification *out, struct heddle_error *error)
{
    struct heddle_load *load = inspection->load;
    const struct heddle_target *target = &load->options->targets[index];
    struct heddle_schema_vector vector;
    int64_t nodes = 0;
    HEDDLE_TRY(heddle_schema_find_vector(load, target, &vector, error));
    if (vector.name[0] == '\0') {
        return HEDDLE_OK;
    }
    snprintf(out->index_state, sizeof out->index_state, "%s", vector.state);
    if (strcmp(vector.state, "ONLINE") != 0) {
        snprintf(inspection->difference, sizeof inspection->difference,
                 "vector index %.80s is %.40s, not ONLINE", vector.name, vector.state);
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_schema_count(load, target, &nodes, error));
    if (nodes > HEDDLE_VERIFY_RECALL_NODES_MAX || heddle_samples_vectors(load->samples[index]) == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(measure_recall(inspection, index, vector.name, text, &out->recall, error));
    if (out->recall >= 0.0 && out->recall < RECALL_LEAST && inspection->difference[0] == '\0') {
        snprintf(inspection->difference, sizeof inspection->difference,
                 "%s: the index finds %.2f of the nearest neighbours, at least %.2f are expected",
                 target->name, out->recall, RECALL_LEAST);
    }
    return HEDDLE_OK;
}

/* Nodes that all targets of a label created in this run, or relationships of a type; and how many more there may be. */
static int64_t created_under(const struct heddle_load *load, const struct heddle_target *target,
                             int64_t *perhaps_out)
{
    int64_t created = 0;
    *perhaps_out = 0;
    for (size_t i = 0; i < load->options->target_count; i++) {
        const struct heddle_target *other = &load->options->targets[i];
        bool same = other->kind == target->kind;
        if (same && target->kind == HEDDLE_TARGET_RELATIONSHIP) {
            same = strcmp(other->type, target->type) == 0;
        } else if (same) {
            same = false;
            for (size_t j = 0; j < other->label_count; j++) {
                same = same || strcmp(other->labels[j], target->labels[0]) == 0;
            }
        }
        created += same ? (int64_t)(load->counts[i].created - load->recalled[i]) : 0;
        *perhaps_out += same ? (int64_t)load->perhaps[i] : 0;
    }
    return created;
}

/* Strict: the graph has grown by just what was created. Nodes made by relationships (merge_ends) count under labels that
 * the counters do not tell apart, and of merged rows whose answer was lost nobody knows which were new: then it must have
 * grown by at least as much. */
static int check_count(struct inspection *inspection, size_t index, struct heddle_error *error)
{
    struct heddle_load *load = inspection->load;
    const struct heddle_target *target = &load->options->targets[index];
    int64_t now = 0;
    int64_t more = 0;
    HEDDLE_TRY(heddle_schema_count(load, target, &now, error));
    const int64_t wanted = load->nodes_before[index] + created_under(load, target, &more);
    for (size_t i = 0; target->kind == HEDDLE_TARGET_NODE && i < load->options->target_count; i++) {
        more += load->ends_created[i];
    }
    /* Other shards write beside this one, before and after it counted. */
    const bool alone = load->options->shard.share.count < 2;
    if (now < wanted || (alone && now > wanted + more)) {
        differ(inspection, target->name, "rows in the graph", (double)wanted, (double)now);
    }
    return HEDDLE_OK;
}

static int check_target(struct inspection *inspection, size_t index, bool strict,
                        struct heddle_verification *out, struct heddle_error *error)
{
    const struct heddle_target *target = &inspection->load->options->targets[index];
    struct heddle_buffer text = {0};
    if (target->removes) {
        return HEDDLE_OK;
    }
    if (target->kind == HEDDLE_TARGET_QUERY) {
        return HEDDLE_OK; /* only its author knows what it should have left */
    }
    int status = check_rows(inspection, index, &text, error);
    if (status == HEDDLE_OK && target->kind == HEDDLE_TARGET_NODE && target->vector_property != NULL) {
        heddle_buffer_reset(&text);
        status = check_vectors(inspection, index, &text, error);
        heddle_buffer_reset(&text);
        status = status == HEDDLE_OK ? check_index(inspection, index, &text, out, error) : status;
    }
    /* What a deleted node took along is not told by type. */
    if (status == HEDDLE_OK && strict && !inspection->load->removed) {
        status = check_count(inspection, index, error);
    }
    heddle_buffer_free(&text);
    return status;
}

static void summarize(const struct inspection *inspection, bool strict, struct heddle_verification *out)
{
    out->ok = inspection->difference[0] == '\0';
    struct heddle_buffer text = {0};
    heddle_buffer_append_format(&text, "%zu of %zu sampled rows found", inspection->found,
                                inspection->sampled);
    if (inspection->vectors > 0) {
        heddle_buffer_append_format(&text, ", %zu of %zu vectors good", inspection->vectors_good,
                                    inspection->vectors);
        if (inspection->vectors_good > 0) {
            heddle_buffer_append_format(&text, " (norms %.3f to %.3f)", inspection->norm_least,
                                        inspection->norm_most);
        }
    }
    if (out->recall >= 0.0) {
        heddle_buffer_append_format(&text, ", recall@%d %.2f", NEIGHBOURS, out->recall);
    }
    if (strict) {
        heddle_buffer_append_text(&text, inspection->load->removed
                                             ? ", counts not compared: rows were removed"
                                             : ", counts compared");
    }
    if (!out->ok) {
        heddle_buffer_append_format(&text, "; %s", inspection->difference);
    }
    const char *whole = heddle_buffer_text(&text);
    snprintf(out->summary, sizeof out->summary, "%s", whole == NULL ? inspection->difference : whole);
    heddle_buffer_free(&text);
}

int heddle_verify_run(struct heddle_load *load, bool strict, struct heddle_verification *out,
                      struct heddle_error *error)
{
    struct inspection inspection = {.load = load, .norm_least = INFINITY};
    *out = (struct heddle_verification){.recall = -1.0};
    HEDDLE_TRY(heddle_arena_create(0, &inspection.arena, error));
    int status = HEDDLE_OK;
    for (size_t i = 0; i < load->options->target_count && status == HEDDLE_OK; i++) {
        heddle_arena_reset(inspection.arena);
        status = check_target(&inspection, i, strict, out, error);
    }
    heddle_arena_destroy(inspection.arena);
    summarize(&inspection, strict, out);
    return status;
}
