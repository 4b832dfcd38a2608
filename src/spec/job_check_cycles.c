/* job_check_cycles.c: step 3b: no target waits for itself.
 *
 * Depth-first search over depends_on and node references with its own stack: a file can chain more targets
 * than a thread's stack has room for. White, grey, black as in Cormen et al., section 20.3: an edge to a grey
 * target closes a cycle.
 */
#include "spec/job_internal.h"

#include <string.h>

enum colour { WHITE, GREY, BLACK };

struct walk {
    struct heddle_job_reader *reader;
    uint8_t *colours; /* one a target, numbered nodes, relationships, queries */
    size_t *stack;    /* targets on the way */
    size_t *edges;    /* next edge of each target on the way */
    size_t depth;
};

static size_t number_of(const struct heddle_job *job, enum heddle_job_name_kind kind, size_t index)
{
    return kind == HEDDLE_JOB_NAME_NODE           ? index
           : kind == HEDDLE_JOB_NAME_RELATIONSHIP ? job->node_count + index
                                                  : job->node_count + job->relationship_count + index;
}

static enum heddle_job_name_kind kind_of(const struct heddle_job *job, size_t *number)
{
    if (*number < job->node_count) {
        return HEDDLE_JOB_NAME_NODE;
    }
    *number -= job->node_count;
    if (*number < job->relationship_count) {
        return HEDDLE_JOB_NAME_RELATIONSHIP;
    }
    *number -= job->relationship_count;
    return HEDDLE_JOB_NAME_QUERY;
}

/* The target behind edge `edge` of target `number`; false when there are no more edges. */
static bool next_target(struct walk *walk, size_t number, size_t edge, size_t *next_out)
{
    const struct heddle_job *job = walk->reader->job;
    size_t index = number;
    const enum heddle_job_name_kind kind = kind_of(job, &index);
    const struct heddle_job_target *base = heddle_job_base(walk->reader, kind, index);
    if (edge < base->depends_on_count) {
        const struct heddle_job_name *name = heddle_job_name_find(walk->reader, base->depends_on[edge]);
        *next_out = number_of(job, name->kind, name->index);
        return true;
    }
    edge -= base->depends_on_count;
    if (kind != HEDDLE_JOB_NAME_RELATIONSHIP || edge > 1 ||
        (edge == 1 && job->relationships[index].start.node == job->relationships[index].end.node)) {
        return false; /* one cycle through both ends is told once */
    }
    *next_out = edge == 0 ? job->relationships[index].start.node : job->relationships[index].end.node;
    return true;
}

static const char *name_of(struct walk *walk, size_t number)
{
    const enum heddle_job_name_kind kind = kind_of(walk->reader->job, &number);
    return heddle_job_base(walk->reader, kind, number)->name;
}

/* The cycle is the way from the grey target back to itself. */
static void report_cycle(struct walk *walk, size_t grey)
{
    struct heddle_buffer names = {0};
    size_t from = walk->depth;
    while (from > 0 && walk->stack[from - 1] != grey) {
        from--;
    }
    for (size_t i = from > 0 ? from - 1 : 0; i < walk->depth && names.length < 300; i++) {
        heddle_buffer_append_format(&names, "'%.60s' waits for ", name_of(walk, walk->stack[i]));
    }
    heddle_buffer_append_format(&names, "'%.60s'", name_of(walk, grey));
    const char *text = heddle_buffer_text(&names);
    walk->reader->out_of_memory = walk->reader->out_of_memory || text == NULL;
    size_t index = grey;
    const enum heddle_job_name_kind kind = kind_of(walk->reader->job, &index);
    heddle_job_report(walk->reader, "CYCL-001", heddle_job_path(walk->reader, kind, index),
                      "targets wait for each other: %s", text != NULL ? text : "");
    heddle_buffer_free(&names);
}

static void visit(struct walk *walk, size_t start)
{
    walk->depth = 1;
    walk->stack[0] = start;
    walk->edges[0] = 0;
    walk->colours[start] = GREY;
    while (walk->depth > 0) {
        const size_t top = walk->depth - 1;
        size_t next = 0;
        if (!next_target(walk, walk->stack[top], walk->edges[top]++, &next)) {
            walk->colours[walk->stack[top]] = BLACK;
            walk->depth--;
        } else if (walk->colours[next] == GREY) {
            report_cycle(walk, next);
        } else if (walk->colours[next] == WHITE) {
            walk->colours[next] = GREY;
            walk->stack[walk->depth] = next;
            walk->edges[walk->depth] = 0;
            walk->depth++;
        }
    }
}

void heddle_job_check_cycles(struct heddle_job_reader *reader)
{
    const size_t count = reader->job->node_count + reader->job->relationship_count + reader->job->query_count;
    struct walk walk = {
        .reader = reader,
        .colours = heddle_job_alloc(reader, count, sizeof *walk.colours),
        .stack = heddle_job_alloc(reader, count, sizeof *walk.stack),
        .edges = heddle_job_alloc(reader, count, sizeof *walk.edges),
    };
    if (reader->out_of_memory) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (walk.colours[i] == WHITE) {
            visit(&walk, i);
        }
    }
}
