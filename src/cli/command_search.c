/* command_search.c: `heddle search TEXT`: the text becomes a vector here, the graph finds its neighbours. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/embed.h>

#include "base/text.h"
#include "cli/cli.h"
#include "run/models/model_open.h"
#include "run/run.h"
#include "sink/search.h"

enum {
    HITS_DEFAULT = 5,
    HITS_MAX = 1000,
    SHOW_MAX = 64,
    VALUE_BYTES_MAX = 200, /* of a property on a terminal; --json gives all */
};

/* The question in the precision and the width of the vectors in the graph, unless a flag says otherwise; a precision that this
 * CPU cannot do is near enough in fp32. */
static int settle(struct heddle_cli *cli, const struct heddle_search_subject *subject,
                  struct heddle_error *error)
{
    enum heddle_precision precision = HEDDLE_PRECISION_FP32;
    const bool runs = subject->precision != NULL && heddle_precision_parse(subject->precision, &precision) &&
                      heddle_precision_runs(precision);
    return heddle_options_set(&cli->options, HEDDLE_OPTION_PRECISION,
                              heddle_precision_name(runs ? precision : HEDDLE_PRECISION_FP32),
                              HEDDLE_ORIGIN_JOB, "the load's record", error);
}

/* The vector of the question, in the arena. */
static int embed(struct heddle_cli *cli, const char *model, const char *text, float **vector_out,
                 uint32_t *dimensions_out, struct heddle_error *error)
{
    struct heddle_embedder *embedder = NULL;
    int status =
        heddle_model_open(&cli->options, model, HEDDLE_MODEL_FOR_QUERIES, cli->arena, &embedder, error);
    if (status == HEDDLE_OK) {
        const struct heddle_embed_text one = {text, strlen(text)};
        struct heddle_embed_status fate = {0};
        *dimensions_out = (uint32_t)heddle_embedder_dimensions(embedder);
        *vector_out = heddle_arena_calloc(cli->arena, *dimensions_out, sizeof **vector_out);
        status = *vector_out == NULL
                     ? heddle_error_out_of_memory(error)
                     : heddle_embedder_embed_all(embedder, 1, &one, 1, *vector_out, &fate, NULL, error);
        if (status == HEDDLE_OK && fate.result != HEDDLE_EMBED_DONE) {
            status = heddle_error_set(error, HEDDLE_MODEL, "the text cannot be embedded: %s", fate.reason);
        } else if (status == HEDDLE_OK && fate.no_text) {
            status = heddle_error_set(error, HEDDLE_INVALID, "there is no text to search for");
        }
    }
    heddle_embedder_close(embedder);
    return status;
}

static void print_value(const struct heddle_search_field *field, struct heddle_buffer *out)
{
    const size_t length = strlen(field->value);
    const size_t shown = heddle_text_cut(field->value, length, VALUE_BYTES_MAX);
    heddle_buffer_append_format(out, "        %s: %.*s%s\n", field->name, (int)shown, field->value,
                                shown < length ? "…" : "");
}

static void print_hits(const struct heddle_search_result *result, const struct heddle_search_subject *subject,
                       struct heddle_buffer *out)
{
    if (result->count == 0) {
        heddle_buffer_append_format(out, "no %s has a vector in %s\n", subject->label, subject->property);
    }
    for (size_t i = 0; i < result->count; i++) {
        const struct heddle_search_hit *hit = &result->hits[i];
        heddle_buffer_append_format(out, "%zu. %.4f  (:%s)\n", i + 1, hit->score, subject->label);
        for (size_t j = 0; j < hit->field_count; j++) {
            print_value(&hit->fields[j], out);
        }
    }
}

static json_t *hit_json(const struct heddle_search_hit *hit)
{
    json_t *fields = json_object();
    for (size_t i = 0; i < hit->field_count; i++) {
        json_t *value = hit->fields[i].is_text ? json_string(hit->fields[i].value)
                                               : json_loads(hit->fields[i].value, JSON_DECODE_ANY, NULL);
        json_object_set_new(fields, hit->fields[i].name, value == NULL ? json_null() : value);
    }
    return json_pack("{s:f, s:o}", "score", hit->score, "properties", fields);
}

static void print_hits_json(const struct heddle_search_result *result, struct heddle_buffer *out)
{
    json_t *hits = json_array();
    for (size_t i = 0; i < result->count; i++) {
        json_array_append_new(hits, hit_json(&result->hits[i]));
    }
    json_t *root = json_pack("{s:o}", "hits", hits);
    char *text = json_dumps(root, JSON_INDENT(2));
    heddle_buffer_append_format(out, "%s\n", text == NULL ? "{}" : text);
    free(text);
    json_decref(root);
}

/* "a,b" to a list in the arena. */
static size_t split_show(const struct heddle_cli *cli, const char **names)
{
    const char *text = heddle_cli_flag_value(cli, "show");
    size_t count = 0;
    while (text != NULL && *text != '\0' && count < SHOW_MAX) {
        const size_t length = strcspn(text, ",");
        if (length > 0) {
            names[count++] = heddle_arena_copy_text(cli->arena, text, length);
        }
        text += length + (text[length] == ',');
    }
    return count;
}

static int search(struct heddle_cli *cli, struct heddle_search *found, size_t k, struct heddle_error *error)
{
    struct heddle_search_subject subject = {0};
    HEDDLE_TRY(heddle_search_describe(found, &subject, error));
    const char *model = cli->options.values[HEDDLE_OPTION_MODEL].text;
    if (model == NULL || model[0] == '\0') {
        model = subject.model;
    }
    if (model == NULL || model[0] == '\0') {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "the database does not say which model made the vectors of %s: use --model NAME",
            subject.index[0] == '\0' ? subject.label : subject.index);
    }
    HEDDLE_TRY(settle(cli, &subject, error));
    float *vector = NULL;
    uint32_t dimensions = 0;
    HEDDLE_TRY(embed(cli, model, cli->positional[0], &vector, &dimensions, error));
    struct heddle_search_result result = {0};
    HEDDLE_TRY(heddle_arena_create(0, &result.arena, error));
    const int status = heddle_search_query(found, vector, dimensions, k, &result, error);
    if (status == HEDDLE_OK) {
        struct heddle_buffer text = {0};
        if (cli->json) {
            print_hits_json(&result, &text);
        } else {
            print_hits(&result, &subject, &text);
        }
        heddle_cli_print(cli, &text);
    }
    heddle_arena_destroy(result.arena);
    return status;
}

int heddle_command_search(struct heddle_cli *cli)
{
    uint64_t k = HITS_DEFAULT;
    const int bad = heddle_cli_number(cli, "k", 1, HITS_MAX, &k);
    if (bad != 0) {
        return bad;
    }
    struct heddle_error error = {0};
    const char *to = heddle_options_uri(&cli->options);
    const char *password = NULL;
    if (to == NULL) {
        return heddle_cli_usage(cli, "no target given: use --to URI, --env-file FILE, or set NEO4J_URI");
    }
    if (heddle_options_password(&cli->options, &password, &error) != HEDDLE_OK) {
        return heddle_cli_fail(cli, &error);
    }
    const char *show[SHOW_MAX];
    const struct heddle_search_options options = {
        .to = to,
        .username = cli->options.values[HEDDLE_OPTION_USERNAME].text,
        .password = password,
        .bearer_token = heddle_options_bearer_token(&cli->options),
        .database = cli->options.values[HEDDLE_OPTION_DATABASE].text,
        .ca_file = cli->options.values[HEDDLE_OPTION_CA_FILE].text,
        .index = heddle_cli_flag_value(cli, "index"),
        .label = heddle_cli_flag_value(cli, "label"),
        .show = show,
        .show_count = split_show(cli, show),
    };
    struct heddle_search *found = NULL;
    int status = heddle_search_open(&options, &found, &error);
    if (status == HEDDLE_OK) {
        status = search(cli, found, (size_t)k, &error);
    }
    heddle_search_close(found);
    return status == HEDDLE_OK ? HEDDLE_EXIT_OK : heddle_cli_fail(cli, &error);
}
