/* job_config.c: settings in a job file, under `config` and on targets, against the option table. */
#include "spec/job_internal.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "spec/options.h"

static void check_value(struct heddle_job_reader *reader, const struct heddle_option *option,
                        const char *path, const struct heddle_document_node *node)
{
    struct heddle_option_value value;
    struct heddle_error error = {0};
    const char *text = heddle_job_value_text(reader, node);
    if (node->kind >= HEDDLE_DOCUMENT_LIST || node->kind == HEDDLE_DOCUMENT_NULL) {
        heddle_job_report(reader, "HDL-004", path, "%s: expected one value, found %s", option->name,
                          heddle_document_kind_name(node->kind));
        return;
    }
    if (!reader->out_of_memory &&
        heddle_option_parse(option, option->name, text, &value, &error) != HEDDLE_OK) {
        heddle_job_report(reader, "HDL-004", path, "%s", error.message);
    }
}

static bool is_secret_name(const char *name)
{
    return strcasecmp(name, "password") == 0 || strcasecmp(name, "NEO4J_PASSWORD") == 0 ||
           strcasecmp(name, "NEO4J_HOST") == 0 || strcasecmp(name, "NEO4J_PROTOCOL") == 0;
}

static void check_setting(struct heddle_job_reader *reader, const char *name, const char *path,
                          const struct heddle_document_node *node)
{
    const struct heddle_option *option = heddle_option_find(name);
    if (is_secret_name(name) || (option != NULL && strcmp(option->category, "connection") == 0)) {
        heddle_job_report(
            reader, "HDL-005", path,
            "'%.60s' does not belong into a job file, which is shared and kept: give it as a flag, in "
            "the environment or in an env file",
            name);
        return;
    }
    if (option != NULL) {
        check_value(reader, option, path, node);
        return;
    }
    const char *nearest = heddle_option_nearest(name);
    const struct heddle_option *meant = nearest != NULL ? heddle_option_find(nearest) : NULL;
    if (meant != NULL) {
        heddle_job_report(reader, "HDL-003", path, "there is no setting '%.60s'; did you mean '%s'?", name,
                          meant->name);
    } else {
        heddle_job_warn(reader, "HDL-003", path, "'%.60s' is no setting of heddle and is ignored", name);
    }
}

static void check_target(struct heddle_job_reader *reader, const struct heddle_document_node *target,
                         const char *path)
{
    for (size_t i = 0; i < target->count; i++) {
        const char *name = heddle_document_key(target, i)->text;
        const struct heddle_document_node *value = heddle_document_value(target, i);
        const struct heddle_option *option = heddle_option_find(name);
        if (option != NULL && option->on_target) {
            check_value(reader, option, heddle_job_text(reader, "%s.%s", path, name), value);
        } else if (option != NULL) {
            heddle_job_warn(reader, "HDL-002", path,
                            "'%.60s' is a setting of the whole job: move it under config", name);
        } else if (strcmp(name, "on_bad_value") == 0) {
            const char *word = heddle_job_value_text(reader, value);
            if (strcmp(word, "reject") != 0 && strcmp(word, "null") != 0) {
                heddle_job_report(reader, "HDL-004", heddle_job_text(reader, "%s.on_bad_value", path),
                                  "on_bad_value: expected reject or null, found '%.60s'", word);
            }
        }
    }
}

void heddle_job_check_config(struct heddle_job_reader *reader)
{
    static const char *const lists[] = {"nodes", "relationships", "queries"};
    const struct heddle_document_node *config = heddle_document_get(reader->root, "config");
    const struct heddle_document_node *targets = heddle_document_get(reader->root, "targets");
    if (config != NULL && config->count > HEDDLE_JOB_LIST_MAX) {
        heddle_job_report(reader, "HDL-008", "$.config", "%zu keys; the limit is %d", config->count,
                          HEDDLE_JOB_LIST_MAX);
        config = NULL;
    }
    for (size_t i = 0; config != NULL && i < config->count; i++) {
        const char *name = heddle_document_key(config, i)->text;
        if (strcmp(name, "schedule") == 0) {
            continue; /* a map with keys of its own: job_schedule.c */
        }
        check_setting(reader, name, heddle_job_text(reader, "$.config.%s", name),
                      heddle_document_value(config, i));
    }
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        const struct heddle_document_node *list = heddle_document_get(targets, lists[l]);
        for (size_t i = 0; list != NULL && i < list->count && !reader->out_of_memory; i++) {
            check_target(reader, list->items[i], heddle_job_text(reader, "$.targets.%s[%zu]", lists[l], i));
        }
    }
}
