/* command_generate.c: `heddle generate removals`: the seeded table as a file, or as a Delta table. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/cli.h"
#include "column/scalar.h"
#include "source/export/delta_export.h"
#include "source/files/list.h"
#include "source/generate/generate.h"

enum {
    ROWS_DEFAULT = 5000,
    SEED_DEFAULT = 7,
    FILES_DEFAULT = 4, /* of a commit: several, so that what reads the table meets more than one */
    FILES_MAX = HEDDLE_DELTA_EXPORT_FILES_MAX,
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

/* What is to be written, as the command line says it. */
struct order {
    const char *path;
    const char *format; /* NULL = by the path's ending */
    struct heddle_removals removals;
    uint64_t commits; /* of a Delta table */
    uint64_t files_per_commit;
    int64_t time_ms;
};

static int write_file(const struct order *order, struct showing *showing, uint64_t *written,
                      struct heddle_error *error)
{
    char numbers[3][32];
    snprintf(numbers[0], sizeof numbers[0], "%" PRIu64, order->removals.rows);
    snprintf(numbers[1], sizeof numbers[1], "%" PRIu64, order->removals.seed);
    snprintf(numbers[2], sizeof numbers[2], "%" PRIu64, order->removals.bad_rows);
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
    const struct heddle_export_options export = {
        .path = order->path, .format = order->format, .progress = show, .context = showing};
    const int status = heddle_source_export(source, &export, written, error);
    heddle_source_close(source);
    return status;
}

/* Where the next row of a Delta table comes from. */
struct cursor {
    const struct heddle_removals *removals;
    uint64_t row;
};

static int cursor_next(void *context, size_t rows_max, struct heddle_batch **batch_out,
                       struct heddle_error *error)
{
    struct cursor *cursor = context;
    HEDDLE_TRY(heddle_removals_batch(cursor->removals, cursor->row, rows_max, batch_out, error));
    cursor->row += rows_max;
    return HEDDLE_OK;
}

/* Ids and names of a table differ with everything that makes its files differ. */
static uint64_t table_seed(const struct order *order)
{
    const uint64_t parts[] = {order->removals.rows, order->removals.seed, order->removals.bad_rows,
                              order->commits, order->files_per_commit};
    return heddle_hash_bytes(parts, sizeof parts, 0);
}

static int write_table(const struct order *order, struct showing *showing, uint64_t *written,
                       struct heddle_error *error)
{
    struct cursor cursor = {.removals = &order->removals};
    const struct heddle_delta_rows rows = {
        .schema = heddle_removals_schema(&order->removals),
        .count = order->removals.rows,
        .next = cursor_next,
        .context = &cursor,
    };
    const struct heddle_delta_export_options options = {
        .path = order->path,
        .commits = order->commits,
        .files_per_commit = order->files_per_commit,
        .seed = table_seed(order),
        .time_ms = order->time_ms,
        .progress = show,
        .context = showing,
    };
    HEDDLE_TRY(heddle_delta_export(&rows, &options, error));
    *written = rows.count;
    return HEDDLE_OK;
}

static bool is_delta(const struct order *order)
{
    static const char *const endings[] = {".delta", NULL};
    return order->format != NULL ? strcmp(order->format, "delta") == 0
                                 : heddle_file_has_ending(order->path, endings);
}

/* Reads --time; 0, or an exit code after having said why. */
static int time_read(const struct heddle_cli *cli, int64_t *time_ms)
{
    const char *text = heddle_cli_flag_value(cli, "time");
    int64_t microseconds = 0;
    bool zoned = false;
    *time_ms = -1;
    if (text == NULL) {
        return HEDDLE_EXIT_OK;
    }
    if (!heddle_scalar_parse_datetime(text, strlen(text), &microseconds, &zoned) || microseconds < 0) {
        return heddle_cli_usage(cli, "--time %s is no time such as 2024-05-01T10:15:30Z", text);
    }
    *time_ms = microseconds / 1000;
    return HEDDLE_EXIT_OK;
}

/* Reads all flags; 0, or an exit code after having said why. */
static int order_read(const struct heddle_cli *cli, struct order *order)
{
    *order = (struct order){
        .path = heddle_cli_flag_value(cli, "o"),
        .format = heddle_cli_flag_value(cli, "format"),
        .removals = {.rows = ROWS_DEFAULT, .seed = SEED_DEFAULT},
        .commits = 1,
        .files_per_commit = 0,
    };
    struct heddle_removals *removals = &order->removals;
    int code = heddle_cli_number(cli, "rows", 1, ROWS_MAX, &removals->rows);
    code = code != 0 ? code : heddle_cli_number(cli, "seed", 0, UINT64_MAX, &removals->seed);
    code = code != 0 ? code : heddle_cli_number(cli, "bad-rows", 0, removals->rows, &removals->bad_rows);
    code = code != 0 ? code : heddle_cli_number(cli, "commits", 1, FILES_MAX, &order->commits);
    code =
        code != 0 ? code : heddle_cli_number(cli, "files-per-commit", 1, FILES_MAX, &order->files_per_commit);
    code = code != 0 ? code : time_read(cli, &order->time_ms);
    if (code != 0) {
        return code;
    }
    if (order->path == NULL) {
        order->path =
            heddle_arena_format(cli->arena, "removals.%s", order->format == NULL ? "parquet" : order->format);
        if (order->path == NULL) {
            return HEDDLE_EXIT_INTERNAL;
        }
        if (access(order->path, F_OK) == 0) {
            return heddle_cli_usage(cli, "%s is already there, and is kept: name another file with -o PATH",
                                    order->path);
        }
    }
    static const char *const of_delta[] = {"commits", "files-per-commit", "time"};
    for (size_t i = 0; i < sizeof of_delta / sizeof of_delta[0] && !is_delta(order); i++) {
        if (heddle_cli_flag_value(cli, of_delta[i]) != NULL) {
            return heddle_cli_usage(cli, "--%s is for Delta tables: add --format delta", of_delta[i]);
        }
    }
    if (order->files_per_commit == 0) {
        /* A small table gets as many as it has rows for. */
        const uint64_t most = removals->rows / order->commits;
        order->files_per_commit = most == 0 ? 1 : most < FILES_DEFAULT ? most : FILES_DEFAULT;
    }
    return HEDDLE_EXIT_OK;
}

int heddle_command_generate(struct heddle_cli *cli)
{
    struct order order;
    if (strcmp(cli->positional[0], "removals") != 0) {
        return heddle_cli_usage(cli, "cannot generate '%s'; there is: removals", cli->positional[0]);
    }
    const int code = order_read(cli, &order);
    if (code != HEDDLE_EXIT_OK) {
        return code;
    }
    struct showing showing = {.cli = cli, .rows = order.removals.rows, .shown_ns = heddle_clock_ns()};
    struct heddle_error error = {0};
    uint64_t written = 0;
    const int status = is_delta(&order) ? write_table(&order, &showing, &written, &error)
                                        : write_file(&order, &showing, &written, &error);
    if (cli->terminal && cli->show_progress && !cli->quiet) {
        fputs("\r\033[K", cli->err);
    }
    if (status != HEDDLE_OK) {
        return heddle_cli_fail_local(cli, &error);
    }
    struct heddle_buffer text = {0};
    char number[32];
    if (cli->json) {
        heddle_buffer_append_format(&text, "{\"rows\": %" PRIu64 "}\n", written);
    } else {
        heddle_buffer_append_format(&text, "%s rows in %s\n", heddle_text_grouped(written, number),
                                    order.path);
    }
    return heddle_cli_print(cli, &text);
}
