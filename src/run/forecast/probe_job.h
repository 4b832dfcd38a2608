/* probe_job.h: a job that writes what another one writes, under names of its own. Private to run/probe*.c. */
#ifndef HEDDLE_RUN_PROBE_JOB_H
#define HEDDLE_RUN_PROBE_JOB_H

#include "spec/job.h"

/* Copies `job` without queries and actions; every label, type, constraint and index is called `prefix` + its name (unnamed
 * ones get one). Everything lies in `arena`; `job` must outlive the copy. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_probe_job_make(const struct heddle_job *job, const char *prefix,
                                            struct heddle_arena *arena, struct heddle_job **copy_out,
                                            struct heddle_error *error);

#endif
