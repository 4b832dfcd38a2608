/* output.c: results to stdout, errors to stderr. */
#include <jansson.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "run/run.h"

static void fail_json(const struct heddle_cli *cli, const struct heddle_error *error, int code)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:i}", "error", error->message, "status",
                               heddle_status_name(error->status), "code", error->code, "exit", code);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    fprintf(cli->err, "%s\n", text == NULL ? "{\"error\": \"out of memory\"}" : text);
    free(text);
    json_decref(object);
}

static int fail(const struct heddle_cli *cli, const struct heddle_error *error, int code)
{
    if (cli->json) {
        fail_json(cli, error, code);
        return code;
    }
    fprintf(cli->err, "%sheddle:%s %s\n", cli->color ? "\033[1;31m" : "", cli->color ? "\033[0m" : "",
            error->message);
    if (error->code[0] != '\0') {
        fprintf(cli->err, "        %s\n", error->code);
    }
    if (code == HEDDLE_EXIT_INTERNAL) {
        fprintf(cli->err,
                "        This should not happen: please report it with the command and this message.\n");
    }
    return code;
}

int heddle_cli_fail(const struct heddle_cli *cli, const struct heddle_error *error)
{
    return fail(cli, error, heddle_run_exit_code(error->status, 0));
}

int heddle_cli_fail_local(const struct heddle_cli *cli, const struct heddle_error *error)
{
    const bool is_file = error->status == HEDDLE_IO;
    return fail(cli, error, is_file ? HEDDLE_EXIT_SOURCE : heddle_run_exit_code(error->status, 0));
}

int heddle_cli_print(const struct heddle_cli *cli, struct heddle_buffer *text)
{
    const char *all = heddle_buffer_text(text);
    int code = HEDDLE_EXIT_OK;
    if (all == NULL || fputs(all, cli->out) < 0) {
        code = HEDDLE_EXIT_INTERNAL;
    }
    heddle_buffer_free(text);
    return code;
}
