/* options.h: the one table of settings: it parses, validates, prints help and writes the docs.
 *
 * Every setting has one row: its name in snake case (`batch_rows`), from which the flag (`--batch-rows`), the
 * environment variable (HEDDLE_BATCH_ROWS) and the key under `config` in a job file follow; aliases are the
 * names that the ecosystem uses for the same thing (BATCH_SIZE, WRITE_PARTITIONS, CHECKPOINT_LOCATION,
 * NEO4J_URI, …). Precedence: flag, environment, job file, default (run-contract section 1). Each value keeps
 * its origin.
 *
 * Threads: a set of values belongs to one thread until it is handed out read-only. The table is static.
 */
#ifndef HEDDLE_SPEC_OPTIONS_H
#define HEDDLE_SPEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

struct heddle_job;

enum heddle_option_id {
    HEDDLE_OPTION_TO,
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
    HEDDLE_OPTION_PRECISION,
    HEDDLE_OPTION_EMBED_THREADS,
    HEDDLE_OPTION_KEEP_VECTORS,
    HEDDLE_OPTION_MODEL,
    HEDDLE_OPTION_PROVIDER,
    HEDDLE_OPTION_KERNEL,
    HEDDLE_OPTION_PROMPT,
    HEDDLE_OPTION_DIMENSIONS,
    HEDDLE_OPTION_EMBEDDING_CACHE,
    HEDDLE_OPTION_EMBEDDING_URL,
    HEDDLE_OPTION_EMBEDDING_KEY_FILE,
    HEDDLE_OPTION_EMBEDDING_SHAPE,
    HEDDLE_OPTION_EMBEDDING_COLUMN,
    HEDDLE_OPTION_EMBEDDING_ITEMS,
    HEDDLE_OPTION_EMBEDDING_CONNECTIONS,
    HEDDLE_OPTION_ONNX_LIBRARY,
    HEDDLE_OPTION_REJECT_LIMIT,
    HEDDLE_OPTION_VERIFY,
    HEDDLE_OPTION_TX_TIMEOUT,
    HEDDLE_OPTION_SHARD,
    HEDDLE_OPTION_SHARD_WAIT,
    HEDDLE_OPTION_PART_LOCKS,
    HEDDLE_OPTION_COUNT,
};

enum heddle_option_kind {
    HEDDLE_OPTION_TEXT,
    HEDDLE_OPTION_FLAG,     /* true or false */
    HEDDLE_OPTION_NUMBER,   /* whole, min..max; the word auto (0) where that is the default */
    HEDDLE_OPTION_BYTES_,   /* number with an optional unit: 4MB, 4MiB, 64KiB; k, m, g alone are binary, as
                               Spark's */
    HEDDLE_OPTION_DURATION, /* 500ms, 5s, 5min, 1h, 1d; a bare number is seconds */
    HEDDLE_OPTION_CHOICE,   /* one of `choices` */
    HEDDLE_OPTION_LIMIT_,   /* N, N% or none */
};

struct heddle_option {
    enum heddle_option_id id;
    const char *name; /* snake_case */
    enum heddle_option_kind kind;
    const char *placeholder;  /* "URI" in --to URI */
    const char *default_text; /* as a user would write it, or "" for none */
    int64_t minimum, maximum;
    const char *const *choices; /* NULL-terminated */
    const char *const *aliases; /* NULL-terminated: other environment and job-file names */
    bool on_target;             /* also allowed on a target */
    bool secret;                /* value is never printed */
    const char *help;           /* one sentence */
    const char *category;       /* "connection", "source", "writing", "embedding", "safety" */
};

enum heddle_option_origin {
    HEDDLE_ORIGIN_DEFAULT,
    HEDDLE_ORIGIN_JOB,
    HEDDLE_ORIGIN_ENV_FILE,
    HEDDLE_ORIGIN_ENVIRONMENT,
    HEDDLE_ORIGIN_FLAG,
};

struct heddle_option_value {
    const char *text; /* as given, or NULL when not set at all */
    int64_t number;   /* NUMBER, BYTES, DURATION (milliseconds), FLAG (0/1), CHOICE (index) */
    double ratio;     /* LIMIT as a share (0.001 = 0.1 %), else -1 */
    enum heddle_option_origin origin;
    const char *origin_name; /* "--writers", "HEDDLE_WRITERS", "config.writers", … */
};

/* What the environment or the env file say and what no flag or job file may: the password, and the seed's
 * pair. */
struct heddle_options_private {
    const char *text;
    enum heddle_option_origin origin;
};

/* The variables that may hold the key of an embedding service. */
enum { HEDDLE_EMBEDDING_KEYS = 4 };

/* The variables that say how object stores and catalogs are asked (heddle_options_store_variable). */
enum { HEDDLE_STORE_VARIABLES = 14 };

struct heddle_options {
    struct heddle_arena *arena;
    struct heddle_option_value values[HEDDLE_OPTION_COUNT];
    struct heddle_options_private password;     /* never printed: read it with heddle_options_password() */
    struct heddle_options_private bearer_token; /* NEO4J_BEARER_TOKEN; never printed */
    struct heddle_options_private embedding_keys[HEDDLE_EMBEDDING_KEYS]; /* never printed */
    struct heddle_options_private stores[HEDDLE_STORE_VARIABLES];        /* never printed */
    struct heddle_options_private protocol;                              /* NEO4J_PROTOCOL */
    struct heddle_options_private host;                                  /* NEO4J_HOST */
    const char *pair_uri; /* protocol://host, or NULL; read it with heddle_options_uri() */
};

/* What the environment or the env file say under a name that object stores and catalogs know (AWS_ACCESS_KEY_ID, …, DATABRICKS_HOST),
 * NULL where absent or not such a name. The set's arena keeps it; never to be printed. */
const char *heddle_options_store_variable(const struct heddle_options *options, const char *name);

/* The table, HEDDLE_OPTION_COUNT rows in order of id. Static memory. */
const struct heddle_option *heddle_option_table(void);

/* The row called `name` (snake_case, kebab-case or an alias; case matters not for aliases), or NULL. */
const struct heddle_option *heddle_option_find(const char *name);

/* The nearest name to a misspelt one, kebab-case, or NULL. */
const char *heddle_option_nearest(const char *name);

/* Fills defaults. The set borrows `arena`. */
void heddle_options_init(struct heddle_options *options, struct heddle_arena *arena);

/* Sets one value from text unless one of higher precedence is there already. Errors: HEDDLE_INVALID (names
 * the option by `origin_name`, the text (never of a secret), what is allowed), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_options_set(struct heddle_options *options, enum heddle_option_id id,
                                         const char *text, enum heddle_option_origin origin,
                                         const char *origin_name, struct heddle_error *error);

/* Takes HEDDLE_* and NEO4J_* variables from the environment `environment` (as main's environ). */
HEDDLE_MUST_CHECK int heddle_options_set_environment(struct heddle_options *options, char *const *environment,
                                                     struct heddle_error *error);

/* Reads NAME=VALUE lines (comments, quotes, `export` allowed: what Aura's file holds) as if they were
 * environment variables of lower precedence. The password is kept apart: see heddle_options_password. */
HEDDLE_MUST_CHECK int heddle_options_set_env_file(struct heddle_options *options, const char *path,
                                                  struct heddle_error *error);

/* Parses one value of `option` without setting anything: what heddle_options_set() checks. `name` is what a
 * message calls the option. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_option_parse(const struct heddle_option *option, const char *name,
                                          const char *text, struct heddle_option_value *value_out,
                                          struct heddle_error *error);

/* Takes the job's `config`. Names that are no settings are left alone: heddle_job_read() has warned of them.
 */
HEDDLE_MUST_CHECK int heddle_options_set_job(struct heddle_options *options, const struct heddle_job *job,
                                             struct heddle_error *error);

/* The database URI after all sources: `to`, or NEO4J_URI, or NEO4J_PROTOCOL://NEO4J_HOST (the seed's pair);
 * NULL when none was given. The password: from --password-file (first line), else NEO4J_PASSWORD of the
 * environment, else of the env file; NULL when none. Both in the set's arena. Errors: HEDDLE_INVALID
 * (unreadable password file: names it). */
HEDDLE_MUST_CHECK int heddle_options_password(const struct heddle_options *options, const char **password_out,
                                              struct heddle_error *error);
/* A token to log in with instead of user and password (single sign-on): NEO4J_BEARER_TOKEN, or NULL. */
const char *heddle_options_bearer_token(const struct heddle_options *options);
const char *heddle_options_uri(const struct heddle_options *options);

/* The first line of the file `path`, without its line break, into the set's arena; `what` ("password") is what a message calls
 * it. Errors: HEDDLE_INVALID (unreadable, empty, no text: names the file). */
HEDDLE_MUST_CHECK int heddle_options_first_line(const struct heddle_options *options, const char *path,
                                                const char *what, const char **line_out,
                                                struct heddle_error *error);

/* The key of an embedding service: from --embedding-key-file (first line), else HEDDLE_EMBEDDING_KEY, else the variable that
 * the provider's own tools read: OPENAI_API_KEY (openai), DATABRICKS_TOKEN (databricks), HF_TOKEN (tei); NULL when none.
 * In the set's arena; never to be printed. Errors: HEDDLE_INVALID (unreadable file: names it). */
HEDDLE_MUST_CHECK int heddle_options_embedding_key(const struct heddle_options *options, const char *provider,
                                                   const char **key_out, struct heddle_error *error);

/* Appends the options by category: for a terminal of 80 columns, or as the Markdown tables of
 * docs/job-file.md. */
void heddle_options_help(struct heddle_buffer *out, bool markdown);

/* Appends one line an option: name, value, origin. Of secrets and of the password only "(set)" or "(not
 * set)"; what stands before the @ of a URI is left out. */
void heddle_options_explain(const struct heddle_options *options, struct heddle_buffer *out);

#endif
