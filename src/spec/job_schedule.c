/* job_schedule.c: `schedule` on targets and under `config`, and what query targets touch. */
#include "spec/job_internal.h"

#include <stdlib.h>
#include <string.h>

/* The word in lower case: the shape allows UPPER case too. */
static const char *word_of(struct heddle_job_reader *reader, const struct heddle_document_node *map,
                           const char *name)
{
    const struct heddle_document_node *node = heddle_document_get(map, name);
    char *word = node == NULL ? NULL : heddle_job_alloc(reader, node->length + 1, 1);
    for (size_t i = 0; word != NULL && i < node->length; i++) {
        const char letter = node->text[i];
        word[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
    }
    return word;
}

static void read_schedule(struct heddle_job_reader *reader, const struct heddle_document_node *map,
                          struct heddle_job_schedule *schedule)
{
    const struct heddle_document_node *component = heddle_document_get(map, "component");
    const struct heddle_document_node *groups = heddle_document_get(map, "groups");
    schedule->road = word_of(reader, map, "road");
    schedule->scenario = word_of(reader, map, "scenario");
    schedule->component = component == NULL ? NULL : component->text;
    schedule->groups = groups == NULL ? 0 : (size_t)strtoul(groups->text, NULL, 10);
}

static bool is_predefined(const struct heddle_job_schedule *schedule)
{
    return schedule->scenario != NULL && strcmp(schedule->scenario, "predefined") == 0;
}

/* A component column and the scenario that needs it must come together, on the same target. */
static void check_schedule(struct heddle_job_reader *reader, const struct heddle_job_schedule *schedule,
                           const char *path)
{
    if (is_predefined(schedule) && schedule->component == NULL) {
        heddle_job_report(reader, "HDL-011", heddle_job_text(reader, "%s.schedule", path),
                          "scenario predefined needs to know the column that holds the component: add "
                          "component: COLUMN");
    }
    if (!is_predefined(schedule) && schedule->component != NULL) {
        heddle_job_report(reader, "HDL-011", heddle_job_text(reader, "%s.schedule.component", path),
                          "a component column belongs to scenario predefined, not to %s: add scenario: "
                          "predefined, or remove the column",
                          schedule->scenario == NULL ? "auto" : schedule->scenario);
    }
}

/* What the target says itself; the rest from `config`. A scenario of its own leaves config's component behind. */
static void merge_schedule(struct heddle_job_schedule *schedule, const struct heddle_job_schedule *common)
{
    schedule->road = schedule->road == NULL ? common->road : schedule->road;
    schedule->groups = schedule->groups == 0 ? common->groups : schedule->groups;
    if (schedule->scenario == NULL && schedule->component == NULL) {
        schedule->scenario = common->scenario;
        schedule->component = common->component;
    } else if (schedule->scenario == NULL || is_predefined(schedule)) {
        schedule->scenario = schedule->scenario == NULL ? common->scenario : schedule->scenario;
        schedule->component = schedule->component == NULL ? common->component : schedule->component;
    }
}

static void build_schedule(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index,
                           const struct heddle_document_node *target,
                           const struct heddle_job_schedule *common)
{
    struct heddle_job_schedule *schedule = &heddle_job_base(reader, kind, index)->schedule;
    const struct heddle_document_node *map = heddle_document_get(target, "schedule");
    read_schedule(reader, map, schedule);
    merge_schedule(schedule, common);
    const char *path = heddle_job_path(reader, kind, index);
    if (map == NULL) {
        return; /* config's own mistakes are told once, there */
    }
    if (kind == HEDDLE_JOB_NAME_NODE && heddle_document_get(map, "scenario") != NULL) {
        heddle_job_warn(reader, "HDL-011", heddle_job_text(reader, "%s.schedule.scenario", path),
                        "a node target's row touches one node: the scenario of its relationships is what "
                        "matters, this one is ignored");
    }
    check_schedule(reader, schedule, path);
}

static void build_touches(struct heddle_job_reader *reader, const struct heddle_document_node *list,
                          const char *path, struct heddle_job_query *query)
{
    const size_t count = list == NULL ? 0 : list->count;
    if (count > HEDDLE_JOB_TOUCHES_MAX) {
        heddle_job_report(
            reader, "HDL-008", heddle_job_text(reader, "%s.touches", path),
            "%zu nodes a row; the limit is %d: leave touches out, and one writer runs the query", count,
            HEDDLE_JOB_TOUCHES_MAX);
        return;
    }
    struct heddle_job_touch *touches = heddle_job_alloc(reader, count, sizeof *touches);
    for (size_t i = 0; touches != NULL && i < count; i++) {
        touches[i].label = heddle_document_get(list->items[i], "label")->text;
        touches[i].source_field = heddle_document_get(list->items[i], "source_field")->text;
    }
    query->touches = touches;
    query->touch_count = touches == NULL ? 0 : count;
}

void heddle_job_build_schedules(struct heddle_job_reader *reader)
{
    const struct heddle_document_node *targets = heddle_document_get(reader->root, "targets");
    const struct heddle_document_node *config = heddle_document_get(reader->root, "config");
    struct heddle_job_schedule common = {0};
    read_schedule(reader, heddle_document_get(config, "schedule"), &common);
    check_schedule(reader, &common, "$.config");
    for (size_t l = 0; l < HEDDLE_JOB_TARGET_LISTS; l++) {
        const struct heddle_document_node *list =
            heddle_document_get(targets, heddle_job_target_lists[l].name);
        for (size_t i = 0; list != NULL && i < list->count && !reader->out_of_memory; i++) {
            build_schedule(reader, heddle_job_target_lists[l].kind, i, list->items[i], &common);
            if (heddle_job_target_lists[l].kind == HEDDLE_JOB_NAME_QUERY) {
                build_touches(reader, heddle_document_get(list->items[i], "touches"),
                              heddle_job_path(reader, heddle_job_target_lists[l].kind, i),
                              &reader->queries[i]);
            }
        }
    }
}
