/* plan.h: from a job to what is done: targets with columns, texts to embed, passes over the sources.
 *
 * Pure: nothing is opened. Each source is read with one projection, the fields that any of its targets uses, so a field's
 * column is its place in that projection in every pass.
 *
 * Passes: targets have levels. A node target is on level 0; a relationship whose rows carry their own nodes (same source,
 * the very columns that key those nodes) shares their level and follows them batch by batch; where its row carries only its
 * start, the start's target is lifted above its end's, if that one depends on nothing, and it follows all the same; any
 * other relationship is one level above its nodes, because its ends may lie anywhere in their sources; `depends_on` lifts
 * a target one level above what it names. A pass is one source read once for all its targets of one level. Query targets come after all
 * others and have a pass each: nobody knows what they and others would do to each other.
 *
 * The rows that a change feed deletes go to targets of their own (plan_removals.c): they have keys and nothing else, so that what
 * a deleted row names is noted, sent, recalled and counted as any row is.
 *
 * Ownership: everything lies in the plan's arena; the job must outlive it. Threads: read-only once made.
 */
#ifndef HEDDLE_RUN_PLAN_H
#define HEDDLE_RUN_PLAN_H

#include "sink/target.h"
#include "spec/job.h"

/* A text column that becomes vectors: batch->vectors[slot] of its source's batches. */
struct heddle_plan_slot {
    const char *field;
    size_t column;
    const char *model; /* as the job names it */
};

struct heddle_plan_source {
    const struct heddle_job_source *job;
    const char *const *columns; /* projection */
    size_t column_count;
    bool whole_rows; /* a query reads it: open it without a projection, then heddle_plan_bind() */
    struct heddle_plan_slot *slots;
    size_t slot_count;
};

struct heddle_plan_pass {
    size_t source;
    const size_t *targets; /* indices into targets */
    size_t target_count;
    const size_t *removals; /* the targets that delete what some of these wrote */
    size_t removal_count;
    size_t stage; /* passes of one stage may run beside each other, in processes that load one job */
    bool embeds;
};

/* No target removes what this one writes. */
#define HEDDLE_PLAN_NO_REMOVAL SIZE_MAX

struct heddle_plan {
    struct heddle_arena *arena;
    const struct heddle_job *job;
    struct heddle_target *targets; /* active nodes in job order, then active relationships, then queries */
    size_t target_count;
    /* Behind those in `targets`, for each node and relationship target whose source reads a change feed, one that removes
     * what it writes: none of the job's, without a pass. A sink is given all of them. */
    size_t sink_target_count;
    const size_t *removals; /* a target: which one removes what it writes, or HEDDLE_PLAN_NO_REMOVAL */
    const enum heddle_on_delete *on_delete; /* a target */
    struct heddle_plan_source *sources;     /* as job->sources */
    struct heddle_plan_pass *passes;
    size_t pass_count;
    bool apart; /* made for shards */
};

/* Errors: HEDDLE_JOB where the job asks for what this version cannot do (named by its JSONPath), or for a MERGE without a
 * key; HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_plan_create(const struct heddle_job *job, struct heddle_plan **plan_out,
                                         struct heddle_error *error);

/* Tells how wide the vectors of a slot are; every target that uses it learns it. Errors: HEDDLE_MODEL where a vector index
 * of the job says otherwise (both named). */
HEDDLE_MUST_CHECK int heddle_plan_set_dimensions(struct heddle_plan *plan, size_t source, size_t slot,
                                                 uint32_t dimensions, struct heddle_error *error);

/* Of a source with `whole_rows`: each field gets its place in `schema`, which has all of the source's columns; no-op for
 * others. Before the types are checked. Errors: HEDDLE_JOB (a field that the source does not have). */
HEDDLE_MUST_CHECK int heddle_plan_bind(struct heddle_plan *plan, size_t source,
                                       const struct heddle_schema *schema, struct heddle_error *error);

/* Checks, now that the source is open, that each of its columns can become what the targets ask of it. `schema` is in the order
 * of the source's projection. Errors: HEDDLE_JOB (target, property, column and both types named). */
HEDDLE_MUST_CHECK int heddle_plan_check_types(const struct heddle_plan *plan, size_t source,
                                              const struct heddle_schema *schema, struct heddle_error *error);

/* As heddle_plan_create() for a load in several processes: a row's nodes may be another process's rows, so no relationship
 * follows its nodes in one pass; it comes a stage later. */
HEDDLE_MUST_CHECK int heddle_plan_create_for_shards(const struct heddle_job *job,
                                                    struct heddle_plan **plan_out,
                                                    struct heddle_error *error);

void heddle_plan_destroy(struct heddle_plan *plan); /* NULL is a no-op */

#endif
