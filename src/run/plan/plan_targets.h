/* plan_targets.h: the second half of plan.c: each target of the job, resolved. Private to run/. */
#ifndef HEDDLE_RUN_PLAN_TARGETS_H
#define HEDDLE_RUN_PLAN_TARGETS_H

#include "run/plan/plan.h"

/* HEDDLE_JOB with the JSONPath of the first thing in the job that this version cannot run. */
HEDDLE_MUST_CHECK int heddle_plan_refuse_what_is_missing(const struct heddle_job *job,
                                                         struct heddle_error *error);

/* Fills plan->sources and plan->targets (but for vector_dimensions and follows_its_nodes). *bases_out answers the common
 * part of each target in the job, in the order of plan->targets. */
HEDDLE_MUST_CHECK int heddle_plan_resolve_targets(struct heddle_plan *plan,
                                                  const struct heddle_job_target ***bases_out,
                                                  struct heddle_error *error);

/* The column of a field in a source's projection, added where it is new. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_column_of(struct heddle_plan *plan, size_t source, const char *field,
                                            size_t *column_out, struct heddle_error *error);

/* Fills in what targets of all kinds have. Errors: HEDDLE_JOB, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_resolve_base(struct heddle_plan *plan, const struct heddle_job_target *base,
                                               struct heddle_target *target, struct heddle_error *error);

/* Adds the targets that remove, behind the job's: plan->sink_target_count, removals, on_delete. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_add_removals(struct heddle_plan *plan,
                                               const struct heddle_job_target *const *bases,
                                               struct heddle_error *error);

/* True where the row of a relationship writes its own start, and its end is written by other rows. */
bool heddle_plan_starts_own(const struct heddle_plan *plan, const struct heddle_target *target);

#endif
