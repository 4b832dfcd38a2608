/* options.c: a set of values with origins: defaults, precedence, the job's config, the URI and the password.
 */
#include "spec/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "spec/job.h"

/* A password file holds one line; more than this is another file. */
enum { SECRET_BYTES_MAX = 4096 };

void heddle_options_init(struct heddle_options *options, struct heddle_arena *arena)
{
    const struct heddle_option *table = heddle_option_table();
    *options = (struct heddle_options){.arena = arena};
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        struct heddle_option_value *value = &options->values[i];
        value->ratio = -1.0;
        /* A default that its own rule refuses would be a mistake in the table: a test reads every one. */
        if (table[i].default_text[0] != '\0' &&
            heddle_option_parse(&table[i], table[i].name, table[i].default_text, value, NULL) != HEDDLE_OK) {
            value->text = NULL;
        }
        value->origin = HEDDLE_ORIGIN_DEFAULT;
        value->origin_name = "default";
    }
}

int heddle_options_set(struct heddle_options *options, enum heddle_option_id id, const char *text,
                       enum heddle_option_origin origin, const char *origin_name, struct heddle_error *error)
{
    struct heddle_option_value parsed = {0};
    HEDDLE_TRY(heddle_option_parse(&heddle_option_table()[id], origin_name, text, &parsed, error));
    if (options->values[id].origin > origin) {
        return HEDDLE_OK;
    }
    parsed.text = heddle_arena_copy_text(options->arena, text, strlen(text));
    parsed.origin = origin;
    parsed.origin_name = heddle_arena_copy_text(options->arena, origin_name, strlen(origin_name));
    if (parsed.text == NULL || parsed.origin_name == NULL) {
        return heddle_error_out_of_memory(error);
    }
    options->values[id] = parsed;
    return HEDDLE_OK;
}

int heddle_options_set_job(struct heddle_options *options, const struct heddle_job *job,
                           struct heddle_error *error)
{
    for (size_t i = 0; i < job->config_count; i++) {
        const struct heddle_option *option = heddle_option_find(job->config[i].name);
        char origin_name[80];
        if (option == NULL) {
            continue;
        }
        snprintf(origin_name, sizeof origin_name, "config.%s", job->config[i].name);
        HEDDLE_TRY(heddle_options_set(options, option->id, job->config[i].value, HEDDLE_ORIGIN_JOB,
                                      origin_name, error));
    }
    return HEDDLE_OK;
}

const char *heddle_options_uri(const struct heddle_options *options)
{
    const struct heddle_option_value *to = &options->values[HEDDLE_OPTION_TO];
    const bool pair_wins =
        options->pair_uri != NULL && (to->text == NULL || options->host.origin > to->origin);
    return pair_wins ? options->pair_uri : to->text;
}

int heddle_options_first_line(const struct heddle_options *options, const char *path, const char *what,
                              const char **line_out, struct heddle_error *error)
{
    char line[SECRET_BYTES_MAX + 2];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "cannot read the %s file %s: %s", what, path,
                                strerror(errno));
    }
    const size_t got = fread(line, 1, sizeof line - 1, file);
    const bool failed = ferror(file) != 0;
    fclose(file);
    line[got] = '\0';
    const size_t length = strcspn(line, "\r\n");
    const bool cut = length > SECRET_BYTES_MAX;
    const bool nul = length < got && line[length] == '\0';
    int status = HEDDLE_OK;
    if (failed || length == 0 || cut || nul) {
        status = heddle_error_set(error, HEDDLE_INVALID, "the %s file %s %s: its first line must be the %s",
                                  what, path,
                                  failed ? "cannot be read"
                                  : cut  ? "has a first line of more than 4096 bytes"
                                  : nul  ? "is no text"
                                         : "begins with an empty line",
                                  what);
    } else {
        *line_out = heddle_arena_copy_text(options->arena, line, length);
        status = *line_out == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    }
    explicit_bzero(line, sizeof line);
    return status;
}

int heddle_options_password(const struct heddle_options *options, const char **password_out,
                            struct heddle_error *error)
{
    const char *path = options->values[HEDDLE_OPTION_PASSWORD_FILE].text;
    if (path != NULL) {
        return heddle_options_first_line(options, path, "password", password_out, error);
    }
    *password_out = options->password.text;
    return HEDDLE_OK;
}

const char *heddle_options_bearer_token(const struct heddle_options *options)
{
    return options->bearer_token.text;
}
