/* job_check_graph_type.c: step 3f: what cannot be one graph type, where `config.enable_graph_type` asks for
 * that.
 *
 * heddle makes constraints one by one and needs no graph type; the checks are import-spec's, so that a file
 * that its reader refuses is refused here too.
 */
#include "spec/job_internal.h"

#include <string.h>

static void check_labels(struct heddle_job_reader *reader)
{
    const struct heddle_job *job = reader->job;
    for (size_t i = 0; i < job->node_count; i++) {
        const char *primary = job->nodes[i].labels[0];
        const char *path = heddle_job_path(reader, HEDDLE_JOB_NAME_NODE, i);
        for (size_t j = 0; j < job->node_count; j++) {
            if (j > i && strcmp(job->nodes[j].labels[0], primary) == 0) {
                heddle_job_report(
                    reader, "GTPL-001", heddle_job_text(reader, "%s.labels[0]", path),
                    "a graph type has the label '%.80s' first in one node target only; '%.80s' has it "
                    "too",
                    primary, job->nodes[j].base.name);
            }
            for (size_t l = 1; l < job->nodes[j].label_count; l++) {
                if (strcmp(job->nodes[j].labels[l], primary) == 0) {
                    heddle_job_report(
                        reader, "GTPL-002", heddle_job_text(reader, "%s.labels", path),
                        "a graph type cannot imply its own first label '%.80s', as '%.80s' has it", primary,
                        job->nodes[j].base.name);
                }
            }
        }
    }
}

void heddle_job_check_graph_type(struct heddle_job_reader *reader)
{
    const struct heddle_document_node *config = heddle_document_get(reader->root, "config");
    const struct heddle_document_node *wanted = heddle_document_get(config, "enable_graph_type");
    const struct heddle_job *job = reader->job;
    /* Compared pairwise; a schema of more labels than this is no graph type that anybody reads. */
    if (wanted == NULL || strcmp(wanted->text, "true") != 0 || job->node_count > HEDDLE_JOB_LIST_MAX ||
        job->relationship_count > HEDDLE_JOB_LIST_MAX) {
        return;
    }
    if (job->action_count > 0) {
        heddle_job_report(reader, "GTNA-001", "$.actions", "a graph type goes with no actions");
    }
    if (job->query_count > 0) {
        heddle_job_report(reader, "GTNQ-001", "$.targets.queries", "a graph type goes with no query targets");
    }
    check_labels(reader);
    for (size_t i = 0; i < job->relationship_count; i++) {
        for (size_t j = i + 1; j < job->relationship_count; j++) {
            if (strcmp(job->relationships[i].type, job->relationships[j].type) == 0) {
                heddle_job_report(
                    reader, "GTRT-001", heddle_job_text(reader, "$.targets.relationships[%zu].type", i),
                    "a graph type has the type '%.80s' in one relationship target only; '%.80s' has it "
                    "too",
                    job->relationships[i].type, job->relationships[j].base.name);
            }
        }
    }
}
