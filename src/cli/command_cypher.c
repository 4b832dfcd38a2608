/* command_cypher.c: `heddle cypher QUERY`: one statement through the public API (heddle/bolt.h). */
#include <heddle/bolt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "run/run.h"

enum {
    CELL_BYTES_MAX = 60, /* of a cell in the table; --json gives all */
    COLUMNS_MAX = 256,
};

static const char *const COUNTERS[] = {"nodes-created",         "nodes-deleted",      "relationships-created",
                                       "relationships-deleted", "properties-set",     "labels-added",
                                       "labels-removed",        "indexes-added",      "indexes-removed",
                                       "constraints-added",     "constraints-removed"};

/* K=V into `parameters`; V as JSON where it reads as JSON, else as text. */
static int add_parameter(const struct heddle_cli *cli, json_t *parameters, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return heddle_cli_usage(cli, "--param wants NAME=VALUE, not '%s'", pair);
    }
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (value == NULL) {
        value = json_string(equals + 1);
    }
    char *name = heddle_arena_copy_text(cli->arena, pair, (size_t)(equals - pair));
    if (name == NULL || value == NULL || json_object_set_new(parameters, name, value) != 0) {
        return heddle_cli_usage(cli, "the parameter '%s' is not UTF-8", pair);
    }
    return 0;
}

/* All parameters as the text of a JSON object, to be freed; NULL after having said why. */
static char *parameters_text(const struct heddle_cli *cli)
{
    const char *file = heddle_cli_flag_value(cli, "params");
    json_error_t where;
    json_t *parameters = file == NULL ? json_object() : json_load_file(file, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(parameters)) {
        heddle_cli_usage(cli, "cannot read parameters from %s: %s", file,
                         parameters == NULL ? where.text : "not a JSON object");
        json_decref(parameters);
        return NULL;
    }
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].name, "param") == 0 &&
            add_parameter(cli, parameters, cli->given[i].value) != 0) {
            json_decref(parameters);
            return NULL;
        }
    }
    char *text = json_dumps(parameters, JSON_COMPACT);
    json_decref(parameters);
    return text;
}

/* A cell as text, to be freed. */
static char *cell_text(const json_t *row, const char *column)
{
    json_t *cell = json_object_get(row, column);
    if (json_is_string(cell)) {
        return heddle_strdup(json_string_value(cell));
    }
    return json_dumps(cell, JSON_COMPACT | JSON_ENCODE_ANY);
}

static size_t shown_width(const char *text)
{
    size_t width = 0;
    const size_t length = heddle_text_cut(text, strlen(text), CELL_BYTES_MAX);
    for (size_t i = 0; i < length; i++) {
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return width;
}

static void print_cell(struct heddle_buffer *out, const char *text, size_t width, bool last)
{
    const size_t length = heddle_text_cut(text, strlen(text), CELL_BYTES_MAX);
    heddle_buffer_append_format(out, "%.*s", (int)length, text);
    for (size_t i = shown_width(text); i < width && !last; i++) {
        heddle_buffer_append_byte(out, ' ');
    }
    heddle_buffer_append_text(out, last ? "\n" : "  ");
}

static void print_table(const struct heddle_neo4j_result *result, struct heddle_buffer *out)
{
    const size_t columns = heddle_neo4j_result_columns(result);
    if (columns == 0 || columns > COLUMNS_MAX) {
        return;
    }
    json_t *rows = json_loads(heddle_neo4j_result_json(result), 0, NULL);
    size_t widths[COLUMNS_MAX];
    for (size_t j = 0; j < columns; j++) {
        const char *name = heddle_neo4j_result_column_name(result, j);
        widths[j] = shown_width(name);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            char *text = cell_text(json_array_get(rows, i), name);
            const size_t width = text == NULL ? 0 : shown_width(text);
            widths[j] = width > widths[j] ? width : widths[j];
            free(text);
        }
    }
    for (size_t j = 0; j < columns; j++) {
        print_cell(out, heddle_neo4j_result_column_name(result, j), widths[j], j + 1 == columns);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t j = 0; j < columns; j++) {
            char *text = cell_text(json_array_get(rows, i), heddle_neo4j_result_column_name(result, j));
            print_cell(out, text == NULL ? "" : text, widths[j], j + 1 == columns);
            free(text);
        }
    }
    json_decref(rows);
}

static void print_counters(const struct heddle_cli *cli, const struct heddle_neo4j_result *result)
{
    const char *between = "";
    for (size_t i = 0; i < sizeof COUNTERS / sizeof COUNTERS[0]; i++) {
        const int64_t count = heddle_neo4j_result_counter(result, COUNTERS[i]);
        if (count != 0) {
            fprintf(cli->err, "%s%lld %s", between, (long long)count, COUNTERS[i]);
            between = ", ";
        }
    }
    if (between[0] != '\0') {
        fputc('\n', cli->err);
    }
}

static int run_query(struct heddle_cli *cli, struct heddle_neo4j *neo4j, const char *parameters,
                     struct heddle_error *error)
{
    struct heddle_neo4j_result *result = NULL;
    const char *query = cli->positional[0];
    HEDDLE_TRY(heddle_cli_flag_value(cli, "read") != NULL
                   ? heddle_neo4j_read(neo4j, query, parameters, &result, error)
                   : heddle_neo4j_run(neo4j, query, parameters, &result, error));
    struct heddle_buffer text = {0};
    if (cli->json) {
        heddle_buffer_append_format(&text, "%s\n", heddle_neo4j_result_json(result));
    } else {
        print_table(result, &text);
    }
    heddle_cli_print(cli, &text);
    if (!cli->quiet && !cli->json) {
        print_counters(cli, result);
    }
    heddle_neo4j_result_destroy(result);
    return HEDDLE_OK;
}

int heddle_command_cypher(struct heddle_cli *cli)
{
    const char *to = heddle_options_uri(&cli->options);
    if (to == NULL) {
        return heddle_cli_usage(cli, "no database given: use --to URI, --env-file FILE, or set NEO4J_URI");
    }
    char *parameters = parameters_text(cli);
    if (parameters == NULL) {
        return HEDDLE_EXIT_USAGE;
    }
    struct heddle_error error = {0};
    struct heddle_neo4j *neo4j = NULL;
    const char *password = NULL;
    int status = heddle_options_password(&cli->options, &password, &error);
    if (status == HEDDLE_OK) {
        const char *token = heddle_options_bearer_token(&cli->options);
        status = heddle_neo4j_open_trusting(
            to, token != NULL ? NULL : cli->options.values[HEDDLE_OPTION_USERNAME].text,
            token != NULL ? token : password, cli->options.values[HEDDLE_OPTION_DATABASE].text,
            cli->options.values[HEDDLE_OPTION_CA_FILE].text, &neo4j, &error);
    }
    if (status == HEDDLE_OK) {
        status = run_query(cli, neo4j, parameters, &error);
    }
    heddle_neo4j_close(neo4j);
    free(parameters);
    return status == HEDDLE_OK ? HEDDLE_EXIT_OK : heddle_cli_fail(cli, &error);
}
