/* problems.c: a job file's mistakes, one a line: FILE:LINE:COLUMN: PATH: what is wrong [CODE]. */
#include "cli/problems.h"

#include "run/run.h"

static void print_problem(const struct heddle_cli *cli, const char *path,
                          const struct heddle_job_problem *problem)
{
    fprintf(cli->err, "%s:", path);
    if (problem->line > 0) {
        fprintf(cli->err, "%zu:%zu:", problem->line, problem->column);
    }
    fprintf(cli->err, " %s%s: %s [%s]\n", problem->warning ? "warning: " : "", problem->path,
            problem->message, problem->code);
}

static int read_file(const struct heddle_cli *cli, const char *path, struct heddle_job **job_out)
{
    struct heddle_job_problems problems = {0};
    struct heddle_error error = {0};
    const int status = heddle_job_read(path, job_out, &problems, &error);
    int code = HEDDLE_EXIT_OK;
    if (status != HEDDLE_OK && (cli->json || problems.count == 0)) {
        code = heddle_cli_fail(cli, &error);
    } else if (status != HEDDLE_OK) {
        code = heddle_run_exit_code(status, 0);
    }
    for (size_t i = 0; i < problems.count && !cli->json; i++) {
        if (!problems.items[i].warning || !cli->quiet) {
            print_problem(cli, path, &problems.items[i]);
        }
    }
    heddle_job_problems_free(&problems);
    return code;
}

int heddle_cli_read_job(struct heddle_cli *cli, const char *path, struct heddle_job **job_out)
{
    struct heddle_error error = {0};
    *job_out = NULL;
    const int code = read_file(cli, path, job_out);
    if (code != HEDDLE_EXIT_OK || heddle_options_set_job(&cli->options, *job_out, &error) == HEDDLE_OK) {
        return code;
    }
    heddle_cli_fail(cli, &error);
    heddle_job_destroy(*job_out);
    *job_out = NULL;
    return error.status == HEDDLE_OUT_OF_MEMORY ? HEDDLE_EXIT_INTERNAL : HEDDLE_EXIT_JOB;
}
