/* command_small.c: check, version and explain: commands that touch no database. */
#include <heddle/version.h>
#include <string.h>

#include <heddle/embed.h>

#include "base/text.h"
#include "cli/problems.h"
#include "run/plan/plan.h"
#include "run/run.h"

int heddle_command_check(struct heddle_cli *cli)
{
    struct heddle_job *job = NULL;
    struct heddle_plan *plan = NULL;
    struct heddle_error error = {0};
    int code = heddle_cli_read_job(cli, cli->positional[0], &job);
    if (code != HEDDLE_EXIT_OK) {
        return code;
    }
    if (heddle_plan_create(job, &plan, &error) != HEDDLE_OK && !cli->quiet) {
        /* A valid job of import-spec may ask for more than this version runs: said, but no mistake of the file. */
        fprintf(cli->err, "%s: warning: %s\n", cli->positional[0], error.message);
    }
    struct heddle_buffer text = {0};
    if (heddle_cli_flag_value(cli, "explain") != NULL) {
        heddle_options_explain(&cli->options, &text);
    }
    if (cli->json) {
        heddle_buffer_append_text(&text, "{\"ok\": true}\n");
    } else {
        heddle_buffer_append_format(
            &text, "%s is sound: %zu sources, %zu node targets, %zu relationship targets\n",
            cli->positional[0], job->source_count, job->node_count, job->relationship_count);
    }
    code = heddle_cli_print(cli, &text);
    heddle_plan_destroy(plan);
    heddle_job_destroy(job);
    return code;
}

int heddle_command_version(struct heddle_cli *cli)
{
    struct heddle_buffer text = {0};
    if (cli->json) {
        heddle_buffer_append_format(&text, "{\"version\": \"%s\"}\n", heddle_version());
        return heddle_cli_print(cli, &text);
    }
    heddle_buffer_append_format(&text, "heddle %s\nkernels:", heddle_version());
    for (const char *const *kernel = heddle_embedder_kernel_names(); *kernel != NULL; kernel++) {
        heddle_buffer_append_format(&text, " %s%s", *kernel,
                                    heddle_embedder_kernel_runs(*kernel) ? "" : " (not on this CPU)");
    }
    heddle_buffer_append_byte(&text, '\n');
    return heddle_cli_print(cli, &text);
}

struct explanation {
    const char *code;
    const char *text;
};

/* Exit codes (DESIGN section 11) and codes of rejects (run-contract section 2). */
static const struct explanation EXPLANATIONS[] = {
    {"0", "Everything was loaded; the receipt balances."},
    {"1", "The command line is wrong, or a setting is. Nothing was touched."},
    {"2", "The job file is wrong. Each mistake was printed with its place. Nothing was touched."},
    {"3",
     "A table cannot be read: missing, of another format, damaged, or without a column that the job names."},
    {"4", "Embedding failed: the model is missing, damaged or of a kind that is not supported, or its "
          "vectors do not\n"
          "fit the index."},
    {"5", "The database cannot be reached, refused the login or a statement, or a transaction's outcome is "
          "unknown."},
    {"6", "More rows were rejected than --reject-limit allows. The load stopped; see the rejects for the "
          "reasons."},
    {"7",
     "The receipt or the verification does not balance: rows are missing or doubled. Do not trust the load."},
    {"8", "Loaded, with rejected rows within the limit. They are kept with their reasons in the checkpoint "
          "folder.\nOf 'heddle clean': done, but nodes to which others attached relationships were kept."},
    {"70", "An internal error, or out of memory. Please report it."},
    {"130", "Interrupted. The transactions in flight were finished."},
    {"KEY_NULL",
     "The row has no value, or NaN, in a column of the node's key. Without a key it cannot be merged."},
    {"KEY_TYPE", "The key's value cannot be converted to the type that the job declares for it."},
    {"END_KEY_NULL", "The relationship's row has no value for the key of its start or end node."},
    {"END_KEY_TYPE", "The key of the start or end node cannot be converted to the declared type."},
    {"END_MISSING", "No node with this key exists at the start or the end. Load the nodes first, or set\n"
                    "node_match_mode: merge to make them."},
    {"VALUE_TYPE",
     "A value cannot be converted to the type that the job declares. With on_bad_value: null on the\n"
     "target the row is written without it."},
    {"EMBED_FAILED",
     "The row's text could not be embedded; the reason says why. A service may have refused this one text."},
    {"CONSTRAINT",
     "A constraint of the database refuses this row, for example a second node with the same unique key."},
};

int heddle_command_explain(struct heddle_cli *cli)
{
    struct heddle_buffer text = {0};
    const size_t count = sizeof EXPLANATIONS / sizeof EXPLANATIONS[0];
    bool found = cli->positional_count == 0;
    for (size_t i = 0; i < count; i++) {
        if (cli->positional_count == 0 || strcmp(EXPLANATIONS[i].code, cli->positional[0]) == 0) {
            heddle_buffer_append_format(&text, "%s\n  ", EXPLANATIONS[i].code);
            for (const char *at = EXPLANATIONS[i].text; *at != '\0'; at++) {
                heddle_buffer_append(&text, at, 1);
                if (*at == '\n') {
                    heddle_buffer_append_text(&text, "  ");
                }
            }
            heddle_buffer_append_byte(&text, '\n');
            found = true;
        }
    }
    if (!found) {
        heddle_buffer_free(&text);
        return heddle_cli_usage(cli, "there is nothing to tell about '%s'; `heddle explain` lists all codes",
                                cli->positional[0]);
    }
    return heddle_cli_print(cli, &text);
}
