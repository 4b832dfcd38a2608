/* arguments.c: from argv to settings and flags. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { NAMES_MAX = 64, NAME_BYTES_MAX = 64 };

/* Flags that every command takes. */
static const struct heddle_cli_flag COMMON[] = {
    {"json", NULL, "print the result as JSON"},
    {"quiet", NULL, "no progress, no messages but errors"},
    {"progress", NULL, "show progress also where stderr is no terminal"},
    {"no-progress", NULL, "show no progress"},
    {"no-color", NULL, "no colours"},
    {"help", NULL, "show this help"},
    {NULL, NULL, NULL},
};

const char *heddle_cli_flag_value(const struct heddle_cli *cli, const char *name)
{
    for (size_t i = cli->given_count; i > 0; i--) {
        if (strcmp(cli->given[i - 1].name, name) == 0) {
            return cli->given[i - 1].value;
        }
    }
    return NULL;
}

static const struct heddle_cli_flag *find_flag(const struct heddle_cli_flag *flags, const char *name)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (strcmp(flags->name, name) == 0) {
            return flags;
        }
    }
    return NULL;
}

static const struct heddle_option *find_option(const struct heddle_command *command, const char *name)
{
    const struct heddle_option *option = heddle_option_find(name);
    for (const enum heddle_option_id *id = command->options;
         option != NULL && id != NULL && *id != HEDDLE_OPTION_COUNT; id++) {
        if (*id == option->id) {
            return option;
        }
    }
    return NULL;
}

static void kebab(const char *name, char out[static NAME_BYTES_MAX])
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < NAME_BYTES_MAX; i++) {
        out[i] = name[i] == '_' ? '-' : name[i];
    }
    out[i] = '\0';
}

static int unknown_flag(const struct heddle_cli *cli, const char *name)
{
    char spelled[NAMES_MAX][NAME_BYTES_MAX];
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (const struct heddle_cli_flag *flag = cli->command->flags;
         flag != NULL && flag->name != NULL && count < NAMES_MAX; flag++) {
        names[count++] = flag->name;
    }
    for (const struct heddle_cli_flag *flag = COMMON; flag->name != NULL && count < NAMES_MAX; flag++) {
        names[count++] = flag->name;
    }
    for (const enum heddle_option_id *id = cli->command->options;
         id != NULL && *id != HEDDLE_OPTION_COUNT && count < NAMES_MAX; id++) {
        kebab(heddle_option_table()[*id].name, spelled[count]);
        names[count] = spelled[count];
        count++;
    }
    const char *nearest = heddle_text_nearest(name, names, count);
    if (nearest != NULL) {
        return heddle_cli_usage(cli, "there is no flag --%s here; did you mean --%s?", name, nearest);
    }
    return heddle_cli_usage(cli, "there is no flag --%s here", name);
}

static void apply_common(struct heddle_cli *cli, const char *name)
{
    cli->json = cli->json || strcmp(name, "json") == 0;
    cli->quiet = cli->quiet || strcmp(name, "quiet") == 0;
    cli->show_progress =
        strcmp(name, "progress") == 0 || (cli->show_progress && strcmp(name, "no-progress") != 0);
    cli->color = cli->color && strcmp(name, "no-color") != 0;
}

static int set_option(struct heddle_cli *cli, const struct heddle_option *option, const char *value)
{
    char name[NAME_BYTES_MAX];
    kebab(option->name, name);
    const char *origin = heddle_arena_format(cli->arena, "--%s", name);
    struct heddle_error error = {0};
    if (heddle_options_set(&cli->options, option->id, value, HEDDLE_ORIGIN_FLAG,
                           origin == NULL ? "flag" : origin, &error) != HEDDLE_OK) {
        return heddle_cli_usage(cli, "%s", error.message);
    }
    return 0;
}

/* One flag at arguments[*at], with its value in the same word (--x=1) or the next. */
static int parse_flag(struct heddle_cli *cli, int count, char *const *arguments, int *at)
{
    const char *word = arguments[*at] + 2;
    const char *equals = strchr(word, '=');
    char name[NAME_BYTES_MAX];
    const size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
    if (length == 0 || length >= sizeof name) {
        return heddle_cli_usage(cli, "'%s' is no flag", arguments[*at]);
    }
    memcpy(name, word, length);
    name[length] = '\0';
    const struct heddle_cli_flag *common = find_flag(COMMON, name);
    const struct heddle_cli_flag *own = find_flag(cli->command->flags, name);
    const struct heddle_option *option =
        own == NULL && common == NULL ? find_option(cli->command, name) : NULL;
    if (common == NULL && own == NULL && option == NULL) {
        return unknown_flag(cli, name);
    }
    const bool is_switch = option != NULL ? option->kind == HEDDLE_OPTION_FLAG
                                          : (own != NULL ? own : common)->placeholder == NULL;
    const char *value = equals == NULL ? NULL : equals + 1;
    if (!is_switch && value == NULL) {
        if (*at + 1 >= count) {
            return heddle_cli_usage(cli, "--%s needs a value", name);
        }
        value = arguments[++*at];
    }
    if (option != NULL) {
        return set_option(cli, option, value == NULL ? "true" : value);
    }
    if (is_switch && value != NULL) {
        return heddle_cli_usage(cli, "--%s takes no value", name);
    }
    if (own == NULL) {
        apply_common(cli, name);
    }
    cli->given[cli->given_count++] =
        (struct heddle_given_flag){(own != NULL ? own : common)->name, value == NULL ? "" : value};
    return 0;
}

static bool is_short_help(const char *word)
{
    return strcmp(word, "-h") == 0;
}

static void look_at_terminal(struct heddle_cli *cli)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    const bool fake = getenv("HEDDLE_FAKE_TERMINAL") != NULL; /* so that tests can see what a person sees */
    cli->terminal = fake || (isatty(fileno(cli->err)) && term != NULL && strcmp(term, "dumb") != 0);
    cli->show_progress = cli->terminal || getenv("CI") == NULL;
    cli->color = cli->terminal && (no_color == NULL || no_color[0] == '\0');
}

int heddle_cli_parse(struct heddle_cli *cli, int count, char *const *arguments)
{
    look_at_terminal(cli);
    cli->given = heddle_arena_calloc(cli->arena, (size_t)count + 1, sizeof *cli->given);
    if (cli->given == NULL) {
        return HEDDLE_EXIT_INTERNAL;
    }
    bool flags_ended = false;
    for (int i = 0; i < count; i++) {
        const char *word = arguments[i];
        if (!flags_ended && is_short_help(word)) {
            cli->given[cli->given_count++] = (struct heddle_given_flag){"help", ""};
        } else if (!flags_ended && strcmp(word, "-q") == 0) {
            cli->quiet = true;
        } else if (!flags_ended && strcmp(word, "--") == 0) {
            flags_ended = true;
        } else if (!flags_ended && (strcmp(word, "-o") == 0 || strcmp(word, "-k") == 0)) {
            /* The two short flags with a value, under their own names. */
            if (find_flag(cli->command->flags, word + 1) == NULL || i + 1 >= count) {
                return heddle_cli_usage(cli, "%s is not understood here", word);
            }
            cli->given[cli->given_count++] =
                (struct heddle_given_flag){word[1] == 'o' ? "o" : "k", arguments[++i]};
        } else if (!flags_ended && strncmp(word, "--", 2) == 0) {
            const int code = parse_flag(cli, count, arguments, &i);
            if (code != 0) {
                return code;
            }
        } else if (!flags_ended && word[0] == '-' && word[1] != '\0') {
            return heddle_cli_usage(cli, "there is no flag %s here", word);
        } else if (cli->positional_count >= cli->command->positional_max) {
            return heddle_cli_usage(cli, "'%s' is one argument too many", word);
        } else {
            cli->positional[cli->positional_count++] = word;
        }
    }
    const bool help = heddle_cli_flag_value(cli, "help") != NULL;
    if (!help && cli->positional_count < cli->command->positional_min) {
        return heddle_cli_usage(cli, "an argument is missing: heddle %s", cli->command->usage);
    }
    return 0;
}

int heddle_cli_usage(const struct heddle_cli *cli, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(cli->err, "heddle %s: ", cli->command->name);
    vfprintf(cli->err, format, arguments);
    va_end(arguments);
    fprintf(cli->err, "\nTry `heddle %s --help`.\n", cli->command->name);
    return HEDDLE_EXIT_USAGE;
}

int heddle_cli_number(const struct heddle_cli *cli, const char *name, uint64_t minimum, uint64_t maximum,
                      uint64_t *out)
{
    const char *text = heddle_cli_flag_value(cli, name);
    if (text == NULL) {
        return 0;
    }
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < minimum || value > maximum) {
        return heddle_cli_usage(cli, "--%s is '%s', but must be a whole number from %llu to %llu", name, text,
                                (unsigned long long)minimum, (unsigned long long)maximum);
    }
    *out = value;
    return 0;
}
