/* cli.h: what the commands of `heddle` share: arguments, streams, exit.
 *
 * stdout is the result, stderr is progress and messages. A command returns its exit code (DESIGN: 0 all loaded, 1 usage,
 * 2 job file, 3 source, 4 embedding, 5 database, 6 rejects over the limit, 7 unbalanced, 8 loaded with rejects, 70 internal,
 * 130 interrupted); only main() exits.
 */
#ifndef HEDDLE_CLI_CLI_H
#define HEDDLE_CLI_CLI_H

#include <stdio.h>

#include "base/buffer.h"
#include "spec/options.h"

enum {
    HEDDLE_EXIT_OK = 0,
    HEDDLE_EXIT_USAGE = 1,
    HEDDLE_EXIT_JOB = 2,
    HEDDLE_EXIT_SOURCE = 3,
    HEDDLE_EXIT_MODEL = 4,
    HEDDLE_EXIT_VERIFICATION = 7,
    HEDDLE_EXIT_WITH_REJECTS = 8,
    HEDDLE_EXIT_INTERNAL = 70,
    HEDDLE_EXIT_INTERRUPTED = 130,
    HEDDLE_POSITIONAL_MAX = 4,
};

/* A flag of one command; settings of the option table are listed apart. */
struct heddle_cli_flag {
    const char *name;        /* without dashes */
    const char *placeholder; /* NULL = a switch without a value */
    const char *help;
};

struct heddle_cli;

struct heddle_command {
    const char *name;
    const char *usage;                    /* behind "heddle " */
    const char *summary;                  /* one line */
    const char *details;                  /* further help, may be "" */
    const struct heddle_cli_flag *flags;  /* ended by name NULL; or NULL */
    const enum heddle_option_id *options; /* ended by HEDDLE_OPTION_COUNT; or NULL */
    size_t positional_min, positional_max;
    int (*run)(struct heddle_cli *cli);
};

struct heddle_given_flag {
    const char *name;
    const char *value;
};

struct heddle_cli {
    const struct heddle_command *command;
    struct heddle_arena *arena;
    struct heddle_options options;
    const char *positional[HEDDLE_POSITIONAL_MAX];
    size_t positional_count;
    struct heddle_given_flag *given;
    size_t given_count;
    FILE *out;
    FILE *err;
    bool json;
    bool quiet;
    bool show_progress; /* asked for, or stderr is a terminal */
    bool terminal;      /* stderr takes cursor movement */
    bool color;         /* stderr takes colour */
};

/* All commands, ended by name NULL. */
extern const struct heddle_command heddle_commands[];
const struct heddle_command *heddle_command_find(const char *name);

/* The value of a flag of the command (its last), NULL where not given; "" for a switch. */
const char *heddle_cli_flag_value(const struct heddle_cli *cli, const char *name);

/* Says an error on stderr ("heddle: …", as JSON where --json was given) and answers the exit code for its status. */
int heddle_cli_fail(const struct heddle_cli *cli, const struct heddle_error *error);

/* The same for a command that has no database: a file that cannot be read or written is the source's fault (3). */
int heddle_cli_fail_local(const struct heddle_cli *cli, const struct heddle_error *error);

/* Says what is wrong with the command line, with a pointer to the help, and answers HEDDLE_EXIT_USAGE. */
int heddle_cli_usage(const struct heddle_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints a buffer to stdout and frees it; an exit code. */
int heddle_cli_print(const struct heddle_cli *cli, struct heddle_buffer *text);

/* Parses argv behind the command's name into *cli. 0, or an exit code after having said why. */
int heddle_cli_parse(struct heddle_cli *cli, int count, char *const *arguments);

/* Help of everything, or of one command. */
void heddle_cli_help(FILE *out);
void heddle_cli_command_help(FILE *out, const struct heddle_command *command);

/* Reads a number flag with bounds; a missing flag leaves *out. 0, or an exit code after having said why. */
int heddle_cli_number(const struct heddle_cli *cli, const char *name, uint64_t minimum, uint64_t maximum,
                      uint64_t *out);

struct heddle_source;

/* Opens the table that a command line names: its kind from --type or from `path`, --columns, --limit, --version and
 * --timestamp where the command has them; rows that cannot be read are said on stderr. Errors: those of
 * heddle_source_open(). */
HEDDLE_MUST_CHECK int heddle_cli_source_open(struct heddle_cli *cli, const char *path,
                                             struct heddle_source **source_out, struct heddle_error *error);

int heddle_command_run(struct heddle_cli *cli);
int heddle_command_check(struct heddle_cli *cli);
int heddle_command_plan(struct heddle_cli *cli);
int heddle_command_status(struct heddle_cli *cli);
int heddle_command_clean(struct heddle_cli *cli);
int heddle_command_search(struct heddle_cli *cli);
int heddle_command_generate(struct heddle_cli *cli);
int heddle_command_cypher(struct heddle_cli *cli);
int heddle_command_init(struct heddle_cli *cli);
int heddle_command_embed(struct heddle_cli *cli);
int heddle_command_cat(struct heddle_cli *cli);
int heddle_command_source(struct heddle_cli *cli);
int heddle_command_model(struct heddle_cli *cli);
int heddle_command_explain(struct heddle_cli *cli);
int heddle_command_version(struct heddle_cli *cli);
int heddle_command_help(struct heddle_cli *cli);

#endif
