/* fuzz_job.c: any bytes as a job file: no crash, no leak, and what is accepted can be used.
 *
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/job.h"
#include "spec/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that a run reads first: indices must be in range and texts must be texts. */
static void use(const struct heddle_job *job)
{
    size_t total = strlen(job->name);
    for (size_t i = 0; i < job->node_count; i++) {
        total += strlen(job->sources[job->nodes[i].base.source].type);
        for (size_t k = 0; k < job->nodes[i].key_count; k++) {
            total += strlen(job->nodes[i].base.properties[job->nodes[i].key[k]].source_field);
        }
    }
    for (size_t i = 0; i < job->relationship_count; i++) {
        const struct heddle_job_reference *ends[] = {&job->relationships[i].start,
                                                     &job->relationships[i].end};
        for (size_t e = 0; e < 2; e++) {
            const struct heddle_job_node *node = &job->nodes[ends[e]->node];
            if (ends[e]->mapping_count == 0) {
                abort(); /* an accepted reference finds its node by something */
            }
            for (size_t m = 0; m < ends[e]->mapping_count; m++) {
                total += strlen(ends[e]->mappings[m].source_field);
                total += strlen(node->base.properties[ends[e]->mappings[m].key_index].source_field);
            }
        }
    }
    for (size_t i = 0; i < job->config_count; i++) {
        total += strlen(job->config[i].name) + strlen(job->config[i].value);
    }
    if (total == SIZE_MAX) {
        abort(); /* keeps the sum, and with it the reads */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heddle_job *job = NULL;
    struct heddle_job_problems problems = {0};
    struct heddle_error error = {0};
    const int status =
        heddle_job_parse("fuzz.yaml", size > 0 ? (const char *)data : "", size, &job, &problems, &error);
    if (status == HEDDLE_OK) {
        use(job);
        struct heddle_options options;
        heddle_options_init(&options, job->arena);
        if (heddle_options_set_job(&options, job, &error) != HEDDLE_OK) {
            abort(); /* the reader has checked every setting */
        }
    } else if (status == HEDDLE_JOB && (problems.count == 0 || error.message[0] == '\0')) {
        abort(); /* a refusal names its reason */
    }
    heddle_job_problems_free(&problems);
    heddle_job_destroy(job);
    return 0;
}
