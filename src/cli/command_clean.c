/* command_clean.c: `heddle clean JOB --load ID`: what one load created is deleted again. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/problems.h"
#include "run/run.h"
#include "sink/clean.h"
#include "sink/stamp.h"

enum {
    TERMINAL_EVERY_MS = 200,
    PLAIN_EVERY_MS = 5000,
    NS_PER_MS = 1000000,
};

/* How far the command went. */
enum outcome { OUTCOME_COUNTED, OUTCOME_STOPPED, OUTCOME_DONE };

struct cleaning {
    struct heddle_cli *cli;
    const char *job; /* its name */
    const char *load;
    const char *to; /* without what stands before an @ */
    struct heddle_clean *clean;
    enum outcome outcome;
    uint64_t start_ns, shown_ns;
};

static uint64_t sum(const struct cleaning *cleaning, uint64_t (*number)(const struct heddle_clean_part *part))
{
    size_t count = 0;
    const struct heddle_clean_part *parts = heddle_clean_parts(cleaning->clean, &count);
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all += number(&parts[i]);
    }
    return all;
}

static uint64_t found_of(const struct heddle_clean_part *part)
{
    return part->found;
}

static uint64_t deleted_of(const struct heddle_clean_part *part)
{
    return part->deleted;
}

static uint64_t held_of(const struct heddle_clean_part *part)
{
    return part->held;
}

static uint64_t kept_of(const struct heddle_clean_part *part)
{
    return part->kept;
}

/* ---- what is printed ---- */

/* "  (:Aircraft)                 40 found        38 deleted         2 kept" */
static void print_parts(const struct cleaning *cleaning, struct heddle_buffer *out)
{
    size_t count = 0;
    const struct heddle_clean_part *parts = heddle_clean_parts(cleaning->clean, &count);
    for (size_t i = 0; i < count; i++) {
        const struct heddle_clean_part *part = &parts[i];
        struct heddle_buffer name = {0};
        char number[32];
        heddle_buffer_append_format(&name, part->is_relationship ? "[:%s]" : "(:%s)", part->name);
        heddle_buffer_append_format(out, "  %-28s %13s found",
                                    heddle_buffer_text(&name) == NULL ? "" : heddle_buffer_text(&name),
                                    heddle_text_grouped(part->found, number));
        heddle_buffer_free(&name);
        if (cleaning->outcome != OUTCOME_COUNTED) {
            heddle_buffer_append_format(out, " %13s deleted", heddle_text_grouped(part->deleted, number));
        }
        if (cleaning->outcome == OUTCOME_DONE && part->kept > 0) {
            heddle_buffer_append_format(out, " %9s kept", heddle_text_grouped(part->kept, number));
        }
        heddle_buffer_append_text(out, "\n");
    }
}

/* Why some nodes stay, or would. */
static void print_held(const struct cleaning *cleaning, uint64_t nodes, struct heddle_buffer *out)
{
    const bool detaches = heddle_cli_flag_value(cleaning->cli, "detach") != NULL;
    const bool done = cleaning->outcome == OUTCOME_DONE;
    char number[32];
    if (nodes > 0) {
        heddle_buffer_append_format(out,
                                    "%s nodes %s: relationships that this load did not make hang on them%s\n",
                                    heddle_text_grouped(nodes, number),
                                    done       ? "were kept"
                                    : detaches ? "have company"
                                               : "will be kept",
                                    detaches ? ", which go too" : "; --detach deletes both");
    }
    if (heddle_clean_detached(cleaning->clean) > 0) {
        heddle_buffer_append_format(out, "%s relationships that others made went with their nodes\n",
                                    heddle_text_grouped(heddle_clean_detached(cleaning->clean), number));
    }
}

static void print_text(const struct cleaning *cleaning, struct heddle_buffer *out)
{
    heddle_buffer_append_format(out, "load %s of job %s in %s\n", cleaning->load, cleaning->job,
                                cleaning->to);
    print_parts(cleaning, out);
    switch (cleaning->outcome) {
    case OUTCOME_COUNTED: print_held(cleaning, sum(cleaning, held_of), out); break;
    case OUTCOME_STOPPED: print_held(cleaning, 0, out); break;
    case OUTCOME_DONE:
        print_held(cleaning, sum(cleaning, kept_of), out);
        if (sum(cleaning, kept_of) == 0) {
            heddle_buffer_append_text(out,
                                      "the load is gone; its checkpoint is of no more use: load again with "
                                      "--fresh\n");
        }
        break;
    }
}

static json_t *part_json(const struct heddle_clean_part *part)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "kind",
                     part->is_relationship ? "relationship" : "node", "name", part->name, "found",
                     (json_int_t)part->found, "held", (json_int_t)part->held, "deleted",
                     (json_int_t)part->deleted, "kept", (json_int_t)part->kept);
}

static void print_json(const struct cleaning *cleaning, struct heddle_buffer *out)
{
    static const char *const statuses[] = {"COUNTED", "INTERRUPTED", "OK"};
    size_t count = 0;
    const struct heddle_clean_part *parts = heddle_clean_parts(cleaning->clean, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, part_json(&parts[i]));
    }
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "status", statuses[cleaning->outcome], "job",
                             cleaning->job, "load_id", cleaning->load, "to", cleaning->to, "detached",
                             (json_int_t)heddle_clean_detached(cleaning->clean), "parts", list);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(2));
    if (text != NULL) {
        heddle_buffer_append_format(out, "%s\n", text);
    }
    free(text);
    json_decref(root);
}

static int print_result(const struct cleaning *cleaning)
{
    struct heddle_buffer text = {0};
    if (cleaning->cli->json) {
        print_json(cleaning, &text);
    } else {
        print_text(cleaning, &text);
    }
    return heddle_cli_print(cleaning->cli, &text);
}

static void show(struct cleaning *cleaning)
{
    const struct heddle_cli *cli = cleaning->cli;
    const uint64_t now = heddle_clock_ns();
    const uint64_t every = (uint64_t)(cli->terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS) * NS_PER_MS;
    char done[32], all[32];
    if (!cli->show_progress || cli->quiet || now - cleaning->shown_ns < every) {
        return;
    }
    const uint64_t deleted = sum(cleaning, deleted_of);
    const double seconds = (double)(now - cleaning->start_ns) / 1e9;
    fprintf(cli->err, "%sdeleted %s of %s (%.0f/s)%s", cli->terminal ? "\r\033[K" : "",
            heddle_text_grouped(deleted, done), heddle_text_grouped(sum(cleaning, found_of), all),
            seconds > 0 ? (double)deleted / seconds : 0, cli->terminal ? "" : "\n");
    fflush(cli->err);
    cleaning->shown_ns = now;
}

/* ---- what is done ---- */

/* 0, or an exit code after having said why not. */
static int may_delete(const struct cleaning *cleaning)
{
    const struct heddle_cli *cli = cleaning->cli;
    struct heddle_buffer text = {0};
    if (cli->options.values[HEDDLE_OPTION_YES].number != 0) {
        return HEDDLE_EXIT_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return heddle_cli_usage(cli, "this deletes what load %s created: look with --dry-run, then add --yes",
                                cleaning->load);
    }
    print_text(cleaning, &text);
    fprintf(cli->err, "%sDelete this? [y/N] ",
            heddle_buffer_text(&text) == NULL ? "" : heddle_buffer_text(&text));
    fflush(cli->err);
    heddle_buffer_free(&text);
    const int answer = getchar();
    return answer == 'y' || answer == 'Y' ? HEDDLE_EXIT_OK : HEDDLE_EXIT_USAGE;
}

/* All steps, until a signal comes between two of them. */
static int delete_all(struct cleaning *cleaning, const sigset_t *signals, struct heddle_error *error)
{
    const struct timespec at_once = {0};
    int status = HEDDLE_OK;
    cleaning->start_ns = cleaning->shown_ns = heddle_clock_ns();
    cleaning->outcome = OUTCOME_STOPPED;
    while (status == HEDDLE_OK) {
        if (sigtimedwait(signals, NULL, &at_once) > 0) {
            return heddle_error_set(error, HEDDLE_INTERRUPTED,
                                    "stopped on request: run the same command again to go on");
        }
        status = heddle_clean_step(cleaning->clean, error);
        show(cleaning);
    }
    if (cleaning->cli->terminal && cleaning->cli->show_progress && !cleaning->cli->quiet) {
        fputs("\r\033[K", cleaning->cli->err);
    }
    if (status != HEDDLE_END) {
        return status;
    }
    HEDDLE_TRY(heddle_clean_finish(cleaning->clean, error));
    cleaning->outcome = OUTCOME_DONE;
    return HEDDLE_OK;
}

static int clean_up(struct cleaning *cleaning)
{
    struct heddle_error error = {0};
    sigset_t signals;
    if (heddle_cli_flag_value(cleaning->cli, "dry-run") != NULL) {
        return print_result(cleaning);
    }
    const int refused = may_delete(cleaning);
    if (refused != HEDDLE_EXIT_OK) {
        return refused;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    const int status = delete_all(cleaning, &signals, &error);
    const int printed = print_result(cleaning);
    if (status != HEDDLE_OK) {
        return heddle_cli_fail(cleaning->cli, &error);
    }
    return printed == HEDDLE_EXIT_OK && sum(cleaning, kept_of) > 0 ? HEDDLE_EXIT_WITH_REJECTS : printed;
}

static int clean_job(struct heddle_cli *cli, const struct heddle_job *job)
{
    struct heddle_error error = {0};
    const char *load = heddle_cli_flag_value(cli, "load");
    const char *to = heddle_options_uri(&cli->options);
    const char *password = NULL;
    if (load == NULL) {
        return heddle_cli_usage(cli, "which load? --load ID: its receipt and 'heddle status' say `load_id`");
    }
    if (to == NULL) {
        return heddle_cli_usage(cli, "no target given: use --to URI, --env-file FILE, or set NEO4J_URI");
    }
    int status = heddle_stamp_check_id(load, &error);
    if (status == HEDDLE_OK) {
        status = heddle_options_password(&cli->options, &password, &error);
    }
    if (status != HEDDLE_OK) {
        return heddle_cli_fail(cli, &error);
    }
    const struct heddle_clean_options options = {
        .to = to,
        .username = cli->options.values[HEDDLE_OPTION_USERNAME].text,
        .password = password,
        .bearer_token = heddle_options_bearer_token(&cli->options),
        .database = cli->options.values[HEDDLE_OPTION_DATABASE].text,
        .ca_file = cli->options.values[HEDDLE_OPTION_CA_FILE].text,
        .load = load,
        .job = job->name,
        .detach = heddle_cli_flag_value(cli, "detach") != NULL,
    };
    struct cleaning cleaning = {.cli = cli, .job = job->name, .load = load, .to = to};
    if (heddle_clean_open(&options, &cleaning.clean, &error) != HEDDLE_OK) {
        return heddle_cli_fail(cli, &error);
    }
    const int code = clean_up(&cleaning);
    heddle_clean_close(cleaning.clean);
    return code;
}

int heddle_command_clean(struct heddle_cli *cli)
{
    struct heddle_job *job = NULL;
    int code = heddle_cli_read_job(cli, cli->positional[0], &job);
    if (code == HEDDLE_EXIT_OK) {
        code = clean_job(cli, job);
    }
    heddle_job_destroy(job);
    return code;
}
