/* plan_queries.h: query targets, and what a job says of the nodes that rows touch. Private to run/. */
#ifndef HEDDLE_RUN_PLAN_QUERIES_H
#define HEDDLE_RUN_PLAN_QUERIES_H

#include "run/plan/plan.h"

/* A query target; its source is read with all its columns. Errors: HEDDLE_JOB, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_resolve_query(struct heddle_plan *plan,
                                                const struct heddle_job_query *query,
                                                struct heddle_target *target, struct heddle_error *error);

/* Scenario, component column and groups of a target. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_resolve_claim(struct heddle_plan *plan,
                                                const struct heddle_job_target *base,
                                                struct heddle_target *target, struct heddle_error *error);

#endif
