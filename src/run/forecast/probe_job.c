/* probe_job.c: the copy with other names. */
#include "run/forecast/probe_job.h"

#include <string.h>

struct renaming {
    struct heddle_arena *arena;
    const char *prefix;
    bool failed; /* an allocation did; looked at once, at the end */
};

static const char *renamed(struct renaming *renaming, const char *name)
{
    const char *text = heddle_arena_format(renaming->arena, "%s%s", renaming->prefix, name);
    renaming->failed = renaming->failed || text == NULL;
    return text;
}

static const char *const *all_renamed(struct renaming *renaming, const char *const *names, size_t count)
{
    const char **copies = heddle_arena_calloc(renaming->arena, count + 1, sizeof *copies);
    if (copies == NULL) {
        renaming->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        copies[i] = renamed(renaming, names[i]);
    }
    return copies;
}

static void rename_target(struct renaming *renaming, struct heddle_job_target *target)
{
    struct heddle_job_schema_item *schema =
        heddle_arena_calloc(renaming->arena, target->schema_count + 1, sizeof *schema);
    if (schema == NULL) {
        renaming->failed = true;
        return;
    }
    for (size_t i = 0; i < target->schema_count; i++) {
        schema[i] = target->schema[i];
        const char *unnamed = heddle_arena_format(renaming->arena, "%s_%zu", target->name, i);
        const bool named = schema[i].name != NULL && schema[i].name[0] != '\0';
        schema[i].name = unnamed == NULL ? NULL : renamed(renaming, named ? schema[i].name : unnamed);
        schema[i].labels = all_renamed(renaming, schema[i].labels, schema[i].label_count);
        renaming->failed = renaming->failed || schema[i].name == NULL;
    }
    target->schema = schema;
}

static void rename_nodes(struct renaming *renaming, const struct heddle_job *job, struct heddle_job *copy)
{
    struct heddle_job_node *nodes = heddle_arena_calloc(renaming->arena, job->node_count + 1, sizeof *nodes);
    if (nodes == NULL) {
        renaming->failed = true;
        return;
    }
    for (size_t i = 0; i < job->node_count; i++) {
        nodes[i] = job->nodes[i];
        nodes[i].labels = all_renamed(renaming, nodes[i].labels, nodes[i].label_count);
        rename_target(renaming, &nodes[i].base);
    }
    copy->nodes = nodes;
}

static void rename_relationships(struct renaming *renaming, const struct heddle_job *job,
                                 struct heddle_job *copy)
{
    struct heddle_job_relationship *pairs =
        heddle_arena_calloc(renaming->arena, job->relationship_count + 1, sizeof *pairs);
    if (pairs == NULL) {
        renaming->failed = true;
        return;
    }
    for (size_t i = 0; i < job->relationship_count; i++) {
        pairs[i] = job->relationships[i];
        pairs[i].type = renamed(renaming, pairs[i].type);
        rename_target(renaming, &pairs[i].base);
    }
    copy->relationships = pairs;
}

int heddle_probe_job_make(const struct heddle_job *job, const char *prefix, struct heddle_arena *arena,
                          struct heddle_job **copy_out, struct heddle_error *error)
{
    struct renaming renaming = {.arena = arena, .prefix = prefix};
    struct heddle_job *copy = heddle_arena_calloc(arena, 1, sizeof *copy);
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *copy = *job;
    copy->name = renamed(&renaming, job->name);
    copy->query_count = 0;
    copy->action_count = 0;
    rename_nodes(&renaming, job, copy);
    rename_relationships(&renaming, job, copy);
    *copy_out = copy;
    return renaming.failed ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}
