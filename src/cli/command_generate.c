/* command_generate.c: `heddle generate removals`: the seeded table as a file. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "run/run.h"
#include "source/export/export.h"

enum {
    ROWS_DEFAULT = 5000,
    SEED_DEFAULT = 7,
};
static const uint64_t ROWS_MAX = 1000ull * 1000 * 1000 * 1000;

struct showing {
    const struct heddle_cli *cli;
    uint64_t rows;
    uint64_t shown_ns;
};

static int show(void *context, uint64_t rows)
{
    struct showing *showing = context;
    const uint64_t every = showing->cli->terminal ? 200u * 1000000u : 5000u * 1000000u;
    const uint64_t now = heddle_clock_ns();
    if (showing->cli->show_progress && !showing->cli->quiet && now - showing->shown_ns >= every) {
        char done[32], all[32];
        fprintf(showing->cli->err, "%sgenerated %s of %s rows%s", showing->cli->terminal ? "\r\033[K" : "",
                heddle_text_grouped(rows, done), heddle_text_grouped(showing->rows, all),
                showing->cli->terminal ? "" : "\n");
        fflush(showing->cli->err);
        showing->shown_ns = now;
    }
    return HEDDLE_OK;
}

static int refuse_reject(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    return heddle_error_set(error, HEDDLE_INTERNAL, "a generated row cannot be read: %s", reject->reason);
}

static int write_file(const struct heddle_cli *cli, const char *path, uint64_t rows, uint64_t seed,
                      uint64_t bad_rows, uint64_t *written, struct heddle_error *error)
{
    char numbers[3][32];
    snprintf(numbers[0], sizeof numbers[0], "%" PRIu64, rows);
    snprintf(numbers[1], sizeof numbers[1], "%" PRIu64, seed);
    snprintf(numbers[2], sizeof numbers[2], "%" PRIu64, bad_rows);
    const struct heddle_source_setting settings[] = {
        {"rows", numbers[0]}, {"seed", numbers[1]}, {"bad_rows", numbers[2]}};
    const struct heddle_source_options options = {
        .name = "removals",
        .type = "generate",
        .settings = settings,
        .setting_count = sizeof settings / sizeof settings[0],
        .limit = UINT64_MAX,
        .rejects = {.add = refuse_reject},
    };
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_source_open(&options, &source, error));
    struct showing showing = {.cli = cli, .rows = rows, .shown_ns = heddle_clock_ns()};
    const struct heddle_export_options export = {
        .path = path,
        .format = heddle_cli_flag_value(cli, "format"),
        .progress = show,
        .context = &showing,
    };
    const int status = heddle_source_export(source, &export, written, error);
    heddle_source_close(source);
    if (cli->terminal && cli->show_progress && !cli->quiet) {
        fputs("\r\033[K", cli->err);
    }
    return status;
}

int heddle_command_generate(struct heddle_cli *cli)
{
    if (strcmp(cli->positional[0], "removals") != 0) {
        return heddle_cli_usage(cli, "cannot generate '%s'; there is: removals", cli->positional[0]);
    }
    uint64_t rows = ROWS_DEFAULT, seed = SEED_DEFAULT, bad_rows = 0;
    int code = heddle_cli_number(cli, "rows", 1, ROWS_MAX, &rows);
    code = code != 0 ? code : heddle_cli_number(cli, "seed", 0, UINT64_MAX, &seed);
    code = code != 0 ? code : heddle_cli_number(cli, "bad-rows", 0, rows, &bad_rows);
    if (code != 0) {
        return code;
    }
    const char *path = heddle_cli_flag_value(cli, "o");
    if (path == NULL) {
        const char *format = heddle_cli_flag_value(cli, "format");
        path = heddle_arena_format(cli->arena, "removals.%s", format == NULL ? "parquet" : format);
        if (path == NULL) {
            return HEDDLE_EXIT_INTERNAL;
        }
        if (access(path, F_OK) == 0) {
            return heddle_cli_usage(cli, "%s is already there, and is kept: name another file with -o PATH",
                                    path);
        }
    }
    struct heddle_error error = {0};
    uint64_t written = 0;
    if (write_file(cli, path, rows, seed, bad_rows, &written, &error) != HEDDLE_OK) {
        heddle_cli_fail(cli, &error);
        return error.status == HEDDLE_IO ? HEDDLE_EXIT_SOURCE : heddle_run_exit_code(error.status, 0);
    }
    struct heddle_buffer text = {0};
    char number[32];
    if (cli->json) {
        heddle_buffer_append_format(&text, "{\"rows\": %" PRIu64 "}\n", written);
    } else {
        heddle_buffer_append_format(&text, "%s rows in %s\n", heddle_text_grouped(written, number), path);
    }
    return heddle_cli_print(cli, &text);
}
