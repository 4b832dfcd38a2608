/* problems.h: reading a job file and telling a person what is wrong with it. */
#ifndef HEDDLE_CLI_PROBLEMS_H
#define HEDDLE_CLI_PROBLEMS_H

#include "cli/cli.h"
#include "spec/job.h"

/* Reads the job; problems and warnings go to stderr. HEDDLE_EXIT_OK, or the exit code. */
int heddle_cli_read_job(const struct heddle_cli *cli, const char *path, struct heddle_job **job_out);

#endif
