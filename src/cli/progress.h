/* progress.h: one line about a run that is under way. */
#ifndef HEDDLE_CLI_PROGRESS_H
#define HEDDLE_CLI_PROGRESS_H

#include "cli/cli.h"
#include "run/run.h"

/* Writes the line for `progress` (without newline): phase, rows, rate, time left, rejects, retries, writers. */
void heddle_progress_line(const struct heddle_run_progress *progress, struct heddle_buffer *out);

/* Shows it: on a terminal in place of the line before, elsewhere as a line of its own. */
void heddle_progress_show(const struct heddle_cli *cli, const struct heddle_run_progress *progress);

/* Takes the line away from a terminal. */
void heddle_progress_clear(const struct heddle_cli *cli);

#endif
