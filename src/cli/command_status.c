/* command_status.c: `heddle status DIR|JOB`: how far a load has come, from its checkpoint. */
#include <sys/stat.h>

#include "cli/problems.h"
#include "run/checkpoint/place.h"
#include "run/checkpoint/standing.h"
#include "run/stores.h"

/* The checkpoint of a job, as `heddle run` finds it. */
static int folder_of_job(struct heddle_cli *cli, const char **folder_out)
{
    struct heddle_job *job = NULL;
    const int code = heddle_cli_read_job(cli, cli->positional[0], &job);
    if (code == HEDDLE_EXIT_OK) {
        *folder_out = heddle_checkpoint_place(&cli->options, job->name, cli->arena);
    }
    heddle_job_destroy(job);
    return code;
}

int heddle_command_status(struct heddle_cli *cli)
{
    struct stat kind;
    const char *folder = cli->positional[0];
    struct heddle_standing status;
    struct heddle_stores stores;
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    if (stat(folder, &kind) == 0 && S_ISREG(kind.st_mode)) {
        const int code = folder_of_job(cli, &folder);
        if (code != HEDDLE_EXIT_OK) {
            return code;
        }
    }
    heddle_stores_fill(&cli->options, &stores);
    int result = folder == NULL ? heddle_error_out_of_memory(&error)
                                : heddle_standing_read(folder, &stores.settings, cli->arena, &status, &error);
    if (result == HEDDLE_OK && cli->json) {
        result = heddle_standing_json(&status, &text, &error);
    } else if (result == HEDDLE_OK) {
        heddle_standing_print(&status, &text);
    }
    if (result != HEDDLE_OK) {
        heddle_buffer_free(&text);
        return heddle_cli_fail_local(cli, &error);
    }
    return heddle_cli_print(cli, &text);
}
