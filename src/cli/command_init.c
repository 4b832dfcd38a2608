/* command_init.c: `heddle init FILE`: a first job for a table. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "cli/cli.h"
#include "run/suggest/suggest.h"
#include "spec/job.h"

int heddle_command_init(struct heddle_cli *cli)
{
    const char *path = heddle_cli_flag_value(cli, "o");
    const char *model = heddle_cli_flag_value(cli, "model");
    if (path != NULL && access(path, F_OK) == 0) {
        return heddle_cli_usage(cli, "%s is already there, and is kept: choose another name", path);
    }
    struct heddle_buffer job = {0};
    struct heddle_error error = {0};
    struct heddle_stores stores;
    heddle_stores_fill(&cli->options, &stores);
    int status = heddle_suggest_job(cli->positional[0], &stores,
                                    model == NULL ? HEDDLE_JOB_MODEL_DEFAULT : model, &job, &error);
    heddle_stores_close(&stores);
    if (status == HEDDLE_OK && path != NULL) {
        status = heddle_file_write(path, job.bytes, job.length, &error);
        heddle_buffer_reset(&job);
        heddle_buffer_append_format(&job, "wrote %s; next: heddle check %s\n", path, path);
    }
    if (status != HEDDLE_OK) {
        heddle_buffer_free(&job);
        return heddle_cli_fail(cli, &error);
    }
    return heddle_cli_print(cli, &job);
}
