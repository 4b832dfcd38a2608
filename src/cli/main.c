/* main.c: the command `heddle`. */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { COMMANDS_MAX = 32 };

static int unknown_command(const char *name)
{
    const char *names[COMMANDS_MAX];
    size_t count = 0;
    for (const struct heddle_command *command = heddle_commands;
         command->name != NULL && count < COMMANDS_MAX; command++) {
        names[count++] = command->name;
    }
    const char *nearest = heddle_text_nearest(name, names, count);
    fprintf(stderr, "heddle: there is no command '%s'", name);
    if (nearest != NULL) {
        fprintf(stderr, "; did you mean `heddle %s`?\n", nearest);
    } else {
        fprintf(stderr, ". `heddle help` lists them.\n");
    }
    return HEDDLE_EXIT_USAGE;
}

/* Flags first, so that nothing overrides them; then the environment; the env file is named by either of the two. */
static int take_settings(struct heddle_cli *cli)
{
    struct heddle_error error = {0};
    if (heddle_options_set_environment(&cli->options, environ, &error) != HEDDLE_OK) {
        heddle_cli_fail(cli, &error);
        return HEDDLE_EXIT_USAGE;
    }
    const char *file = cli->options.values[HEDDLE_OPTION_ENV_FILE].text;
    if (file != NULL && file[0] != '\0' &&
        heddle_options_set_env_file(&cli->options, file, &error) != HEDDLE_OK) {
        heddle_cli_fail(cli, &error);
        return HEDDLE_EXIT_USAGE;
    }
    return 0;
}

static int run_command(struct heddle_cli *cli, int count, char *const *arguments)
{
    int code = heddle_cli_parse(cli, count, arguments);
    if (code != 0) {
        return code;
    }
    if (heddle_cli_flag_value(cli, "help") != NULL) {
        heddle_cli_command_help(cli->out, cli->command);
        return HEDDLE_EXIT_OK;
    }
    code = cli->command->options == NULL ? 0 : take_settings(cli);
    return code != 0 ? code : cli->command->run(cli);
}

int main(int count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe or socket is an error where it is written to, not a death */
    if (count < 2) {
        heddle_cli_help(stderr);
        return HEDDLE_EXIT_USAGE;
    }
    const char *name = arguments[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    struct heddle_cli cli = {.command = heddle_command_find(name), .out = stdout, .err = stderr};
    if (cli.command == NULL) {
        return unknown_command(name);
    }
    struct heddle_error error = {0};
    if (heddle_arena_create(0, &cli.arena, &error) != HEDDLE_OK) {
        fprintf(stderr, "heddle: %s\n", error.message);
        return HEDDLE_EXIT_INTERNAL;
    }
    heddle_options_init(&cli.options, cli.arena);
    int code = run_command(&cli, count - 2, arguments + 2);
    if (fflush(stdout) != 0 && code == HEDDLE_EXIT_OK) {
        fprintf(stderr, "heddle: cannot write to standard output\n");
        code = HEDDLE_EXIT_SOURCE;
    }
    heddle_arena_destroy(cli.arena);
    return code;
}
