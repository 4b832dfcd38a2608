/* problems.h: reading a job file and its settings, and telling a person what is wrong with them. */
#ifndef HEDDLE_CLI_PROBLEMS_H
#define HEDDLE_CLI_PROBLEMS_H

#include "cli/cli.h"
#include "spec/job.h"

/* Reads the job and takes its settings (`config`) into cli->options; problems and warnings go to stderr. HEDDLE_EXIT_OK, or
 * the exit code: HEDDLE_EXIT_JOB for any mistake in the file, its settings included. *job_out is NULL then. */
int heddle_cli_read_job(struct heddle_cli *cli, const char *path, struct heddle_job **job_out);

#endif
