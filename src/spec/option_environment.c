/* option_environment.c: settings from the environment and from NAME=VALUE files. */
#include "spec/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Such a file has ten lines; a megabyte of it is another file. */
enum { ENV_FILE_BYTES_MAX = 1024 * 1024 };

/* The variables of an embedding service's key, and whose they are (NULL: any). Ours comes first: it wins. */
static const struct {
    const char *variable;
    const char *provider;
} key_variables[HEDDLE_EMBEDDING_KEYS] = {
    {"HEDDLE_EMBEDDING_KEY", NULL},
    {"OPENAI_API_KEY", "openai"},
    {"DATABRICKS_TOKEN", "databricks"},
    {"HF_TOKEN", "tei"},
};

/* What the stores' own tools read, and where files of theirs are kept. */
static const char *const store_variables[HEDDLE_STORE_VARIABLES] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_ENDPOINT",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "STORAGE_EMULATOR_HOST",
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "XDG_CACHE_HOME",
    "HOME",
};

/* Where names are looked up: the process's environment, or the pairs of a file. */
struct scope {
    const char *const *pairs; /* NAME=VALUE, NULL-terminated */
    enum heddle_option_origin origin;
    const char *path; /* of the file, NULL for the environment */
};

/* The value of `name`; NULL when absent or empty (an empty variable counts as not set). The last of several
 * wins in a file, as it would in a shell; an environment has each name once. */
static const char *look_up(const struct scope *scope, const char *name)
{
    const size_t length = strlen(name);
    const char *found = NULL;
    for (const char *const *pair = scope->pairs; *pair != NULL; pair++) {
        if (strncmp(*pair, name, length) == 0 && (*pair)[length] == '=') {
            found = (*pair)[length + 1] != '\0' ? *pair + length + 1 : NULL;
        }
    }
    return found;
}

static int set_from(struct heddle_options *options, const struct scope *scope, enum heddle_option_id id,
                    const char *name, struct heddle_error *error)
{
    const char *text = look_up(scope, name);
    if (text == NULL) {
        return HEDDLE_OK;
    }
    const char *origin_name =
        scope->path == NULL ? name : heddle_arena_format(options->arena, "%s in %s", name, scope->path);
    if (origin_name == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_options_set(options, id, text, scope->origin, origin_name, error);
}

/* Names that are ours or Neo4j's may stand in any shell; BATCH_SIZE and its like are too common to be taken from one that
 * was not written for heddle. */
static bool may_stand_in(const struct scope *scope, const char *alias)
{
    return scope->path != NULL || strncmp(alias, "NEO4J_", strlen("NEO4J_")) == 0;
}

/* One option: aliases from the last to the first, then HEDDLE_NAME: what comes later wins. */
static int set_option(struct heddle_options *options, const struct scope *scope,
                      const struct heddle_option *option, struct heddle_error *error)
{
    char own[64] = "HEDDLE_";
    size_t aliases = 0;
    while (option->aliases[aliases] != NULL) {
        aliases++;
    }
    while (aliases > 0) {
        aliases--;
        if (may_stand_in(scope, option->aliases[aliases])) {
            HEDDLE_TRY(set_from(options, scope, option->id, option->aliases[aliases], error));
        }
    }
    const size_t prefix = strlen(own);
    for (size_t i = 0; option->name[i] != '\0' && prefix + i + 1 < sizeof own; i++) {
        own[prefix + i] = (char)toupper((unsigned char)option->name[i]);
        own[prefix + i + 1] = '\0';
    }
    return set_from(options, scope, option->id, own, error);
}

/* What is no option: password, protocol, host. */
static int keep(struct heddle_options *options, const struct scope *scope, const char *name,
                struct heddle_options_private *kept, struct heddle_error *error)
{
    const char *text = look_up(scope, name);
    if (text == NULL || (kept->text != NULL && kept->origin > scope->origin)) {
        return HEDDLE_OK;
    }
    const char *copy = heddle_arena_copy_text(options->arena, text, strlen(text));
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *kept = (struct heddle_options_private){.text = copy, .origin = scope->origin};
    return HEDDLE_OK;
}

static int set_scope(struct heddle_options *options, const struct scope *scope, struct heddle_error *error)
{
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        HEDDLE_TRY(set_option(options, scope, &heddle_option_table()[i], error));
    }
    HEDDLE_TRY(keep(options, scope, "NEO4J_PASSWORD", &options->password, error));
    HEDDLE_TRY(keep(options, scope, "NEO4J_BEARER_TOKEN", &options->bearer_token, error));
    for (size_t i = 0; i < HEDDLE_EMBEDDING_KEYS; i++) {
        HEDDLE_TRY(keep(options, scope, key_variables[i].variable, &options->embedding_keys[i], error));
    }
    for (size_t i = 0; i < HEDDLE_STORE_VARIABLES; i++) {
        HEDDLE_TRY(keep(options, scope, store_variables[i], &options->stores[i], error));
    }
    HEDDLE_TRY(keep(options, scope, "NEO4J_PROTOCOL", &options->protocol, error));
    HEDDLE_TRY(keep(options, scope, "NEO4J_HOST", &options->host, error));
    if (options->host.text != NULL) {
        const char *protocol = options->protocol.text != NULL ? options->protocol.text : "neo4j";
        const bool whole = strstr(options->host.text, "://") != NULL;
        options->pair_uri = heddle_arena_format(options->arena, "%s%s%s", whole ? "" : protocol,
                                                whole ? "" : "://", options->host.text);
        if (options->pair_uri == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

int heddle_options_set_environment(struct heddle_options *options, char *const *environment,
                                   struct heddle_error *error)
{
    const struct scope scope = {.pairs = (const char *const *)environment,
                                .origin = HEDDLE_ORIGIN_ENVIRONMENT};
    return set_scope(options, &scope, error);
}

const char *heddle_options_store_variable(const struct heddle_options *options, const char *name)
{
    for (size_t i = 0; i < HEDDLE_STORE_VARIABLES; i++) {
        if (strcmp(store_variables[i], name) == 0) {
            return options->stores[i].text;
        }
    }
    return NULL;
}

int heddle_options_embedding_key(const struct heddle_options *options, const char *provider,
                                 const char **key_out, struct heddle_error *error)
{
    *key_out = NULL;
    const char *path = options->values[HEDDLE_OPTION_EMBEDDING_KEY_FILE].text;
    if (path != NULL && path[0] != '\0') {
        return heddle_options_first_line(options, path, "key", key_out, error);
    }
    for (size_t i = 0; i < HEDDLE_EMBEDDING_KEYS && *key_out == NULL; i++) {
        const char *whose = key_variables[i].provider;
        if (whose == NULL || strcmp(whose, provider) == 0) {
            *key_out = options->embedding_keys[i].text;
        }
    }
    return HEDDLE_OK;
}

/* --- the file
 * ---------------------------------------------------------------------------------------------------- */

struct env_file {
    const char *path;
    char *text; /* the whole file; lines are cut and unquoted in place */
    const char **pairs;
    size_t count;
    size_t capacity;
};

static int refuse_line(const struct env_file *file, size_t line, const char *what, struct heddle_error *error)
{
    /* The line itself may hold the password: only its number is told. */
    return heddle_error_set(error, HEDDLE_INVALID, "%s, line %zu: %s; expected NAME=VALUE", file->path, line,
                            what);
}

/* Unquotes the value at `value` in place: '…' as it stands, "…" with \" \\ \n \$, bare up to ` #`.
 * NULL where a quote is not closed or something follows it. */
static bool unquote(char *value)
{
    const char quote = value[0];
    if (quote != '"' && quote != '\'') {
        for (char *at = value; *at != '\0'; at++) {
            if (*at == '#' && at > value && (at[-1] == ' ' || at[-1] == '\t')) {
                *at = '\0';
                break;
            }
        }
        for (size_t length = strlen(value); length > 0 && strchr(" \t", value[length - 1]) != NULL;
             length--) {
            value[length - 1] = '\0';
        }
        return true;
    }
    char *out = value;
    char *at = value + 1;
    for (; *at != '\0' && *at != quote; at++) {
        if (quote == '"' && *at == '\\' && at[1] != '\0' && strchr("\"\\n$", at[1]) != NULL) {
            at++;
            *out++ = *at == 'n' ? '\n' : *at;
        } else {
            *out++ = *at;
        }
    }
    if (*at == '\0') {
        return false;
    }
    at++;
    at += strspn(at, " \t");
    const bool clean = *at == '\0' || *at == '#';
    *out = '\0';
    return clean;
}

static int read_line(struct env_file *file, char *line, size_t number, struct heddle_error *error)
{
    line += strspn(line, " \t");
    if (strncmp(line, "export ", 7) == 0) {
        line += 7;
        line += strspn(line, " \t");
    }
    if (*line == '\0' || *line == '#') {
        return HEDDLE_OK;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return refuse_line(file, number, "no '=' in it", error);
    }
    char *name_end = equals;
    while (name_end > line && strchr(" \t", name_end[-1]) != NULL) {
        name_end--;
    }
    const size_t name_length = (size_t)(name_end - line);
    if (name_length == 0 || strcspn(line, " \t'\"") < name_length) {
        return refuse_line(file, number, "no plain name before the '='", error);
    }
    char *value = equals + 1 + strspn(equals + 1, " \t");
    if (!unquote(value)) {
        return refuse_line(file, number, "a quote that is not closed, or text behind it", error);
    }
    /* NAME=VALUE close together again. */
    line[name_length] = '=';
    memmove(line + name_length + 1, value, strlen(value) + 1);
    if (heddle_grow((void **)&file->pairs, &file->capacity, file->count + 2, sizeof *file->pairs) != 0) {
        return heddle_error_out_of_memory(error);
    }
    file->pairs[file->count++] = line;
    file->pairs[file->count] = NULL;
    return HEDDLE_OK;
}

static int load_file(struct env_file *file, size_t *length_out, struct heddle_error *error)
{
    file->text = heddle_malloc(ENV_FILE_BYTES_MAX + 2);
    file->pairs = heddle_calloc(1, sizeof *file->pairs);
    file->capacity = 1;
    if (file->text == NULL || file->pairs == NULL) {
        return heddle_error_out_of_memory(error);
    }
    FILE *stream = fopen(file->path, "rbe");
    if (stream == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "cannot read the env file %s: %s", file->path,
                                strerror(errno));
    }
    const size_t length = fread(file->text, 1, ENV_FILE_BYTES_MAX + 1, stream);
    const bool failed = ferror(stream) != 0;
    fclose(stream);
    if (failed || length > ENV_FILE_BYTES_MAX || memchr(file->text, '\0', length) != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "the env file %s %s", file->path,
                                failed                        ? "cannot be read: is it a directory?"
                                : length > ENV_FILE_BYTES_MAX ? "has more than 1 MiB: is it the right file?"
                                                              : "is no text: is it the right file?");
    }
    file->text[length] = '\0';
    *length_out = length;
    return HEDDLE_OK;
}

static int read_lines(struct env_file *file, struct heddle_error *error)
{
    size_t length = 0;
    HEDDLE_TRY(load_file(file, &length, error));
    char *line = file->text;
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
    }
    for (size_t number = 1; line < file->text + length; number++) {
        char *end = line + strcspn(line, "\n");
        *end = '\0';
        if (end > line && end[-1] == '\r') {
            end[-1] = '\0';
        }
        HEDDLE_TRY(read_line(file, line, number, error));
        line = end + 1;
    }
    return HEDDLE_OK;
}

int heddle_options_set_env_file(struct heddle_options *options, const char *path, struct heddle_error *error)
{
    struct env_file file = {.path = path};
    int status = read_lines(&file, error);
    if (status == HEDDLE_OK) {
        const struct scope scope = {.pairs = file.pairs, .origin = HEDDLE_ORIGIN_ENV_FILE, .path = path};
        status = set_scope(options, &scope, error);
    }
    if (file.text != NULL) {
        explicit_bzero(file.text, ENV_FILE_BYTES_MAX + 2);
    }
    free(file.text);
    free((void *)file.pairs);
    return status;
}
