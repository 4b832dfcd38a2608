/* command_cat.c: `heddle cat SOURCE`: the rows of any table, as JSON lines or into a file. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "run/stores.h"
#include "source/export/export.h"
#include "source/export/text_writer.h"

enum { SETTINGS_MAX = 3 };

static int say_reject(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    const struct heddle_cli *cli = context;
    (void)error;
    fprintf(cli->err, "heddle: %s: row %" PRIu64 " cannot be read: %s\n", reject->file, reject->ordinal,
            reject->reason);
    return HEDDLE_OK;
}

/* Splits "A,B" into the arena's texts; NULL when out of memory. */
static const char **names_split(struct heddle_arena *arena, const char *text, size_t *count_out)
{
    size_t count = 1;
    for (const char *c = text; *c != '\0'; c++) {
        count += *c == ',' ? 1 : 0;
    }
    const char **names = heddle_arena_calloc(arena, count, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        const size_t length = strcspn(text, ",");
        names[i] = heddle_arena_copy_text(arena, text, length);
        if (names[i] == NULL) {
            return NULL;
        }
        text += length + 1;
    }
    *count_out = count;
    return names;
}

int heddle_cli_source_open(struct heddle_cli *cli, const char *path, struct heddle_source **source_out,
                           struct heddle_error *error)
{
    static const char *const flags[SETTINGS_MAX][2] = {{"version", "versionAsOf"},
                                                       {"timestamp", "timestampAsOf"}};
    const char *type = heddle_cli_flag_value(cli, "type");
    const char *columns = heddle_cli_flag_value(cli, "columns");
    const struct heddle_option_value *limit = &cli->options.values[HEDDLE_OPTION_LIMIT];
    struct heddle_source_setting settings[SETTINGS_MAX];
    /* The source asks the store for as long as it is read. */
    struct heddle_stores *stores = heddle_arena_calloc(cli->arena, 1, sizeof *stores);
    if (stores == NULL) {
        return heddle_error_out_of_memory(error);
    }
    struct heddle_source_options options = {
        .name = path,
        .type = type,
        .path = path,
        .settings = settings,
        .limit = limit->text != NULL && limit->number > 0 ? (uint64_t)limit->number : UINT64_MAX,
        .rejects = {.add = say_reject, .context = cli},
    };
    heddle_stores_fill(&cli->options, stores);
    HEDDLE_TRY(heddle_stores_find(stores, &options, cli->arena, error));
    for (size_t i = 0; i < SETTINGS_MAX && flags[i][0] != NULL; i++) {
        const char *value = heddle_cli_flag_value(cli, flags[i][0]);
        if (value != NULL) {
            settings[options.setting_count++] = (struct heddle_source_setting){flags[i][1], value};
        }
    }
    if (columns != NULL) {
        options.columns = names_split(cli->arena, columns, &options.column_count);
        if (options.columns == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return heddle_source_open(&options, source_out, error);
}

/* Every row as a line of JSON on stdout. */
static int rows_print(const struct heddle_cli *cli, struct heddle_source *source, struct heddle_error *error)
{
    struct heddle_buffer lines = {0};
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_source_next(source, &batch, error);
        if (status != HEDDLE_OK) {
            break;
        }
        heddle_buffer_reset(&lines);
        for (size_t row = 0; row < batch->rows; row++) {
            heddle_json_row_write(&lines, batch, row);
        }
        heddle_batch_release(batch);
        status = heddle_buffer_check(&lines, error);
        if (status == HEDDLE_OK && fwrite(lines.bytes, 1, lines.length, cli->out) != lines.length) {
            status = heddle_error_set(error, HEDDLE_IO, "stdout cannot be written: %s", strerror(errno));
        }
    }
    heddle_buffer_free(&lines);
    if (status == HEDDLE_END && fflush(cli->out) != 0) {
        return heddle_error_set(error, HEDDLE_IO, "stdout cannot be written: %s", strerror(errno));
    }
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

int heddle_command_cat(struct heddle_cli *cli)
{
    const char *path = heddle_cli_flag_value(cli, "o");
    const char *format = heddle_cli_flag_value(cli, "format");
    struct heddle_error error = {0};
    struct heddle_source *source = NULL;
    uint64_t rows = 0;
    char number[32];
    if (path == NULL && format != NULL && strcmp(format, "jsonl") != 0) {
        return heddle_cli_usage(cli, "only JSON lines go to stdout: name a file with -o PATH for %s", format);
    }
    int status = heddle_cli_source_open(cli, cli->positional[0], &source, &error);
    if (status == HEDDLE_OK && path == NULL) {
        status = rows_print(cli, source, &error);
    } else if (status == HEDDLE_OK) {
        const struct heddle_export_options export = {.path = path, .format = format};
        status = heddle_source_export(source, &export, &rows, &error);
    }
    heddle_source_close(source);
    if (status != HEDDLE_OK) {
        return heddle_cli_fail_local(cli, &error);
    }
    if (path != NULL && !cli->quiet) {
        fprintf(cli->err, "%s rows in %s\n", heddle_text_grouped(rows, number), path);
    }
    return HEDDLE_EXIT_OK;
}
