/* command_plan.c: `heddle plan JOB`: what a load would do, before it does anything. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/folder.h"
#include "base/text.h"
#include "cli/problems.h"
#include "report/plan_report.h"
#include "run/checkpoint/place.h"

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
        .settings = &cli->options,
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

/* "5s", "500ms", "5": seconds. 0 = not asked; a negative number after having said what is wrong. */
static double probe_seconds(const struct heddle_cli *cli)
{
    const char *text = heddle_cli_flag_value(cli, "probe");
    char *end = NULL;
    if (text == NULL) {
        return 0;
    }
    const double value = strtod(text, &end);
    const double unit = strcmp(end, "ms") == 0                  ? 1e-3
                        : *end == '\0' || strcmp(end, "s") == 0 ? 1
                        : strcmp(end, "min") == 0               ? 60
                                                                : 0;
    if (end == text || !(value * unit >= 0.1 && value * unit <= 3600)) {
        (void)heddle_cli_usage(cli, "--probe wants a time from 100ms to 60min, not '%s'", text);
        return -1;
    }
    return value * unit;
}

/* Loads a sample, deletes it, and says no where what may be spilled does not fit the disk. */
static int time_sample(struct heddle_cli *cli, const struct heddle_job *job, double seconds,
                       const struct heddle_forecast *forecast, struct heddle_probe *probe,
                       struct heddle_prediction *prediction, struct heddle_error *error)
{
    if (cli->show_progress && !cli->quiet) {
        fprintf(cli->err,
                "heddle: loading a sample for about %.0f s under names that begin with " HEDDLE_PROBE_PREFIX
                "\n",
                seconds);
    }
    HEDDLE_TRY(heddle_probe_run(job, &cli->options, seconds, probe, error));
    const char *place = heddle_checkpoint_place(&cli->options, job->name, cli->arena);
    if (place == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_probe_predict(probe, forecast, place, prediction);
    return heddle_probe_check_disk(prediction, error);
}

/* The page goes to a file, the summary to stdout in any case. */
static int report(struct heddle_cli *cli, const struct heddle_forecast *forecast,
                  const struct heddle_plan_about *about)
{
    const char *page = heddle_cli_flag_value(cli, "report");
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    int status = HEDDLE_OK;
    if (page != NULL) {
        heddle_plan_report_html(forecast, about, &text);
        status = heddle_buffer_check(&text, &error);
        if (status == HEDDLE_OK) {
            status = heddle_file_write(page, text.bytes, text.length, &error);
        }
        heddle_buffer_reset(&text);
    }
    if (status == HEDDLE_OK && cli->json) {
        status = heddle_plan_report_json(forecast, about, &text, &error);
    } else if (status == HEDDLE_OK) {
        heddle_plan_report_text(forecast, about, &text);
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
    struct heddle_probe probe;
    struct heddle_prediction prediction;
    struct heddle_plan_about about = {0};
    const double seconds = probe_seconds(cli);
    if (seconds < 0) {
        return HEDDLE_EXIT_USAGE;
    }
    int status = heddle_plan_create(job, &plan, &error);
    if (status == HEDDLE_OK) {
        status = forecast_job(cli, plan, &forecast, &error);
    }
    if (status == HEDDLE_OK && seconds > 0) {
        status = time_sample(cli, job, seconds, forecast, &probe, &prediction, &error);
        about =
            (struct heddle_plan_about){.server = probe.server, .probe = &probe, .prediction = &prediction};
    }
    const int code = status == HEDDLE_OK ? report(cli, forecast, &about)
                     : seconds > 0       ? heddle_cli_fail(cli, &error)
                                         : heddle_cli_fail_local(cli, &error);
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
