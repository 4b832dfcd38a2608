/* command_run.c: `heddle run JOB`. The load runs on a thread of its own; this one shows progress and takes signals. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/problems.h"
#include "cli/progress.h"
#include "run/run.h"

enum {
    SHOW_TERMINAL_MS = 200,
    SHOW_PLAIN_MS = 5000,
    TICK_MS = 50, /* how late the end of a load may be noticed */
};

struct loading {
    struct heddle_run *run;
    struct heddle_error error;
    int status;
    _Atomic bool done;
};

static void *load(void *argument)
{
    struct loading *loading = argument;
    loading->status = heddle_run_execute(loading->run, &loading->error);
    atomic_store(&loading->done, true);
    return NULL;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL); /* before any thread starts: all inherit it */
}

/* First signal: finish what is in flight. Second: stop at once. */
static void take_signal(const struct heddle_cli *cli, struct heddle_run *run, int *signals)
{
    heddle_progress_clear(cli);
    if (++*signals > 1) {
        fprintf(cli->err, "heddle: stopped at once; what was in flight may or may not be in the database\n");
        _Exit(HEDDLE_EXIT_INTERRUPTED);
    }
    fprintf(cli->err, "heddle: stopping after the transactions in flight; once more stops at once\n");
    heddle_run_stop(run);
}

static void watch(const struct heddle_cli *cli, struct loading *loading, const sigset_t *set)
{
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    const int every = cli->terminal ? SHOW_TERMINAL_MS : SHOW_PLAIN_MS;
    int since_shown = cli->terminal ? every : 0; /* a person sees at once that something happens */
    int signals = 0;
    while (!atomic_load(&loading->done)) {
        const int got = sigtimedwait(set, NULL, &tick);
        if (got == SIGINT || got == SIGTERM) {
            take_signal(cli, loading->run, &signals);
        }
        since_shown += TICK_MS;
        if (cli->show_progress && !cli->quiet && since_shown >= every) {
            struct heddle_run_progress progress;
            heddle_run_progress(loading->run, &progress);
            heddle_progress_show(cli, &progress);
            since_shown = 0;
        }
    }
    if (cli->show_progress && !cli->quiet) {
        heddle_progress_clear(cli);
    }
}

static int print_outcome(const struct heddle_cli *cli, const struct loading *loading)
{
    const struct heddle_receipt *receipt = heddle_run_receipt(loading->run);
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    const bool started = receipt->targets != NULL && (loading->status == HEDDLE_OK || receipt->rows_read > 0);
    if (started || cli->json) {
        if (!cli->json) {
            heddle_receipt_print(receipt, &text);
        } else if (heddle_receipt_json(receipt, heddle_status_name(loading->status), true, &text, &error) !=
                   HEDDLE_OK) {
            return heddle_cli_fail(cli, &error);
        }
    }
    const int printed = heddle_cli_print(cli, &text);
    if (loading->status != HEDDLE_OK) {
        heddle_cli_fail(cli, &loading->error);
        if (loading->status == HEDDLE_INTERRUPTED) {
            fprintf(cli->err,
                    "        Run the same command again: merged rows are met again, not doubled.\n");
        }
    }
    const int code = heddle_run_exit_code(loading->status, receipt->rejected);
    return code == HEDDLE_EXIT_OK ? printed : code;
}

/* --fresh throws away what an earlier run kept. 0, or an exit code after having said why not. */
static int may_start_afresh(const struct heddle_cli *cli)
{
    if (cli->options.values[HEDDLE_OPTION_FRESH].number == 0 ||
        cli->options.values[HEDDLE_OPTION_YES].number != 0) {
        return HEDDLE_EXIT_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return heddle_cli_usage(
            cli, "--fresh deletes the checkpoint, the receipt and the rejects of the load: add --yes");
    }
    fprintf(cli->err, "Delete the checkpoint, the receipt and the rejects of the load? [y/N] ");
    fflush(cli->err);
    const int answer = getchar();
    return answer == 'y' || answer == 'Y' ? HEDDLE_EXIT_OK : HEDDLE_EXIT_USAGE;
}

static int load_job(struct heddle_cli *cli, const struct heddle_job *job)
{
    struct loading loading = {.status = HEDDLE_INTERNAL};
    struct heddle_error error = {0};
    const int refused = may_start_afresh(cli);
    if (refused != HEDDLE_EXIT_OK) {
        return refused;
    }
    if (heddle_run_open(job, &cli->options, &loading.run, &error) != HEDDLE_OK) {
        return heddle_cli_fail(cli, &error);
    }
    sigset_t set;
    block_signals(&set);
    pthread_t thread;
    if (pthread_create(&thread, NULL, load, &loading) != 0) {
        heddle_run_close(loading.run);
        heddle_error_set(&error, HEDDLE_INTERNAL, "cannot start a thread");
        return heddle_cli_fail(cli, &error);
    }
    watch(cli, &loading, &set);
    pthread_join(thread, NULL);
    const int code = print_outcome(cli, &loading);
    heddle_run_close(loading.run);
    return code;
}

int heddle_command_run(struct heddle_cli *cli)
{
    struct heddle_job *job = NULL;
    int code = heddle_cli_read_job(cli, cli->positional[0], &job);
    if (code == HEDDLE_EXIT_OK) {
        code = load_job(cli, job);
    }
    heddle_job_destroy(job);
    return code;
}
