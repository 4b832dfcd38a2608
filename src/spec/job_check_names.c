/* job_check_names.c: step 3a: names are unique, and what is named exists. */
#include "spec/job_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int compare_names(const void *a, const void *b)
{
    const struct heddle_job_name *x = a;
    const struct heddle_job_name *y = b;
    const int order = strcmp(x->text, y->text);
    if (order != 0) {
        return order;
    }
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

static const char *name_of(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index)
{
    if (kind == HEDDLE_JOB_NAME_SOURCE) {
        return reader->job->sources[index].name;
    }
    return kind == HEDDLE_JOB_NAME_ACTION ? reader->job->actions[index].name
                                          : heddle_job_base(reader, kind, index)->name;
}

static void collect_names(struct heddle_job_reader *reader)
{
    size_t total = 0;
    for (int kind = HEDDLE_JOB_NAME_SOURCE; kind <= HEDDLE_JOB_NAME_ACTION; kind++) {
        total += heddle_job_count(reader->job, (enum heddle_job_name_kind)kind);
    }
    reader->names = heddle_job_alloc(reader, total, sizeof *reader->names);
    if (reader->names == NULL) {
        return;
    }
    for (int k = HEDDLE_JOB_NAME_SOURCE; k <= HEDDLE_JOB_NAME_ACTION; k++) {
        const enum heddle_job_name_kind kind = (enum heddle_job_name_kind)k;
        for (size_t i = 0; i < heddle_job_count(reader->job, kind); i++) {
            reader->names[reader->name_count++] =
                (struct heddle_job_name){.text = name_of(reader, kind, i), .kind = kind, .index = i};
        }
    }
    qsort(reader->names, reader->name_count, sizeof *reader->names, compare_names);
}

const struct heddle_job_name *heddle_job_name_find(const struct heddle_job_reader *reader, const char *text)
{
    size_t low = 0;
    size_t high = reader->name_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(reader->names[middle].text, text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < reader->name_count && strcmp(reader->names[low].text, text) == 0 ? &reader->names[low]
                                                                                  : NULL;
}

static void check_unique(struct heddle_job_reader *reader)
{
    for (size_t i = 0; i < reader->name_count;) {
        size_t same = 1;
        while (i + same < reader->name_count &&
               strcmp(reader->names[i].text, reader->names[i + same].text) == 0) {
            same++;
        }
        if (same > 1) {
            const struct heddle_job_name *first = &reader->names[i];
            heddle_job_report(
                reader, "DUPL-001",
                heddle_job_text(reader, "%s.name", heddle_job_path(reader, first->kind, first->index)),
                "the name '%.100s' stands %zu times, next at %s: names of sources, targets and "
                "actions must differ",
                first->text, same, heddle_job_path(reader, first[1].kind, first[1].index));
        }
        i += same;
    }
}

/* The nearest name of the kinds from..to, for "did you mean"; NULL if none is near. */
static const char *nearest_name(const struct heddle_job_reader *reader, const char *text,
                                enum heddle_job_name_kind from, enum heddle_job_name_kind to)
{
    const char *best = NULL;
    for (size_t i = 0; i < reader->name_count && heddle_job_may_suggest(reader); i++) {
        const struct heddle_job_name *name = &reader->names[i];
        const char *candidates[2] = {name->text, best};
        if (name->kind >= from && name->kind <= to) {
            const char *nearest = heddle_text_nearest(text, candidates, best != NULL ? 2 : 1);
            best = nearest != NULL ? nearest : best;
        }
    }
    return best;
}

static void report_dangling(struct heddle_job_reader *reader, const char *code, const char *path,
                            const char *what, const char *name, const char *nearest)
{
    heddle_job_report(reader, code, path, "there is no %s '%.100s'%s%.100s%s", what, name,
                      nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "'?" : "");
}

static void check_source(struct heddle_job_reader *reader, struct heddle_job_target *base, const char *path)
{
    const struct heddle_job_name *source = heddle_job_name_find(reader, base->source_name);
    if (source != NULL && source->kind == HEDDLE_JOB_NAME_SOURCE) {
        base->source = source->index;
        return;
    }
    const char *nearest =
        nearest_name(reader, base->source_name, HEDDLE_JOB_NAME_SOURCE, HEDDLE_JOB_NAME_SOURCE);
    if (nearest == NULL && reader->job->source_count == 1) {
        nearest = reader->job->sources[0].name;
    }
    report_dangling(reader, "DANG-001", path, "source", base->source_name, nearest);
}

static bool is_target(const struct heddle_job_reader *reader, const struct heddle_job_name *name)
{
    for (; name != NULL && name < reader->names + reader->name_count; name++) {
        if (name->kind >= HEDDLE_JOB_NAME_NODE && name->kind <= HEDDLE_JOB_NAME_QUERY) {
            return true;
        }
        if (name + 1 == reader->names + reader->name_count || strcmp(name->text, name[1].text) != 0) {
            break;
        }
    }
    return false;
}

static void check_dependencies(struct heddle_job_reader *reader, const struct heddle_job_target *base,
                               const char *path)
{
    for (size_t i = 0; i < base->depends_on_count; i++) {
        const char *name = base->depends_on[i];
        size_t times = 0;
        bool first = true;
        for (size_t other = 0; other < base->depends_on_count; other++) {
            const bool same = strcmp(base->depends_on[other], name) == 0;
            times += same;
            first = first && !(same && other < i);
        }
        if (first && times > 1) {
            heddle_job_report(reader, "DUPL-003", heddle_job_text(reader, "%s.depends_on", path),
                              "'%.100s' stands %zu times: once is enough", name, times);
        }
        if (first && !is_target(reader, heddle_job_name_find(reader, name))) {
            report_dangling(reader, "DANG-002", path, "target", name,
                            nearest_name(reader, name, HEDDLE_JOB_NAME_NODE, HEDDLE_JOB_NAME_QUERY));
        }
    }
}

void heddle_job_check_names(struct heddle_job_reader *reader)
{
    collect_names(reader);
    if (reader->out_of_memory) {
        return;
    }
    bool active = false;
    check_unique(reader);
    for (int k = HEDDLE_JOB_NAME_NODE; k <= HEDDLE_JOB_NAME_QUERY; k++) {
        const enum heddle_job_name_kind kind = (enum heddle_job_name_kind)k;
        for (size_t i = 0; i < heddle_job_count(reader->job, kind); i++) {
            struct heddle_job_target *base = heddle_job_base(reader, kind, i);
            const char *path = heddle_job_path(reader, kind, i);
            active = active || base->active;
            check_source(reader, base, path);
            check_dependencies(reader, base, path);
        }
    }
    if (!active) {
        heddle_job_report(reader, "IDLE-001", "$.targets",
                          "no target is active: at least one needs 'active: true' or no 'active' at all");
    }
}
