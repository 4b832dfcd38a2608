/* command_plan.c: `heddle plan JOB`: what a load would do, before it does anything. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/problems.h"
#include "report/plan_report.h"
#include "run/folder.h"

struct reading {
    const struct heddle_cli *cli;
    uint64_t shown_ns;
};

static int show(void *context, const char *source, unsigned reading, uint64_t rows, int64_t rows_expected)
{
    struct reading *showing = context;
    const uint64_t now = heddle_clock_ns();
    const uint64_t every = showing->cli->terminal ? 200000000 : 5000000000;
    char done[32], all[32];
    if (!showing->cli->show_progress || showing->cli->quiet || now - showing->shown_ns < every) {
        return HEDDLE_OK;
    }
    showing->shown_ns = now;
    fprintf(showing->cli->err, "%sreading %s, %s time: %s%s%s rows%s",
            showing->cli->terminal ? "\r\033[K" : "", source, reading == 1 ? "first" : "second",
            heddle_text_grouped(rows, done), rows_expected > 0 ? " of " : "",
            rows_expected > 0 ? heddle_text_grouped((uint64_t)rows_expected, all) : "",
            showing->cli->terminal ? "" : "\n");
    fflush(showing->cli->err);
    return HEDDLE_OK;
}

static int64_t number_of(const struct heddle_cli *cli, enum heddle_option_id id)
{
    const struct heddle_option_value *value = &cli->options.values[id];
    return value->text == NULL || strcmp(value->text, "auto") == 0 ? 0 : value->number;
}

static int forecast_job(struct heddle_cli *cli, const struct heddle_plan *plan,
                        struct heddle_forecast **forecast_out, struct heddle_error *error)
{
    struct reading reading = {.cli = cli, .shown_ns = heddle_clock_ns()};
    const int64_t limit = number_of(cli, HEDDLE_OPTION_LIMIT);
    const struct heddle_forecast_options options = {
        .writers = (size_t)number_of(cli, HEDDLE_OPTION_WRITERS),
        .batch_rows = (size_t)number_of(cli, HEDDLE_OPTION_BATCH_ROWS),
        .limit = limit > 0 ? (uint64_t)limit : UINT64_MAX,
        .seed = plan->job->content_hash,
        .simulate = heddle_cli_flag_value(cli, "simulate") != NULL,
        .progress = show,
        .context = &reading,
    };
    const int status = heddle_forecast_make(plan, &options, forecast_out, error);
    if (cli->terminal && cli->show_progress && !cli->quiet) {
        fputs("\r\033[K", cli->err);
    }
    return status;
}

/* The page goes to a file, the summary to stdout in any case. */
static int report(struct heddle_cli *cli, const struct heddle_forecast *forecast)
{
    const struct heddle_plan_about about = {0};
    const char *page = heddle_cli_flag_value(cli, "report");
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    int status = HEDDLE_OK;
    if (page != NULL) {
        heddle_plan_report_html(forecast, &about, &text);
        status = heddle_buffer_check(&text, &error);
        if (status == HEDDLE_OK) {
            status = heddle_file_write(page, text.bytes, text.length, &error);
        }
        heddle_buffer_reset(&text);
    }
    if (status == HEDDLE_OK && cli->json) {
        status = heddle_plan_report_json(forecast, &about, &text, &error);
    } else if (status == HEDDLE_OK) {
        heddle_plan_report_text(forecast, &about, &text);
    }
    if (status != HEDDLE_OK) {
        heddle_buffer_free(&text);
        return heddle_cli_fail_local(cli, &error);
    }
    if (page != NULL && !cli->quiet) {
        fprintf(cli->err, "heddle: the page is %s\n", page);
    }
    return heddle_cli_print(cli, &text);
}

static int plan_job(struct heddle_cli *cli, const struct heddle_job *job)
{
    struct heddle_plan *plan = NULL;
    struct heddle_forecast *forecast = NULL;
    struct heddle_error error = {0};
    int code = HEDDLE_EXIT_OK;
    int status = heddle_options_set_job(&cli->options, job, &error);
    if (status == HEDDLE_OK) {
        status = heddle_plan_create(job, &plan, &error);
    }
    if (status == HEDDLE_OK) {
        status = forecast_job(cli, plan, &forecast, &error);
    }
    code = status == HEDDLE_OK ? report(cli, forecast) : heddle_cli_fail_local(cli, &error);
    heddle_forecast_destroy(forecast);
    heddle_plan_destroy(plan);
    return code;
}

int heddle_command_plan(struct heddle_cli *cli)
{
    struct heddle_job *job = NULL;
    int code = heddle_cli_read_job(cli, cli->positional[0], &job);
    if (code == HEDDLE_EXIT_OK) {
        code = plan_job(cli, job);
    }
    heddle_job_destroy(job);
    return code;
}
