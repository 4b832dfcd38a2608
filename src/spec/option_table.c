/* option_table.c: the one table of settings, and finding a row by name. */
#include "spec/options.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Bounds of run-contract section 1. */
enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    BATCH_ROWS_MAX = 100 * 1000,
    WRITERS_MAX = 256,
    THREADS_MAX = 1024, /* more cores than any machine that loads tables */
    DIMENSIONS_MAX = 65536,
    SECOND_MS = 1000,
    DAY_MS = 24 * 3600 * 1000,
};

#define NAMES(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static const char *const no_names[] = {NULL};

static const struct heddle_option table[HEDDLE_OPTION_COUNT] = {
    {.id = HEDDLE_OPTION_TO,
     .name = "to",
     .placeholder = "URI",
     .aliases = NAMES("NEO4J_URI"),
     .choices = no_names,
     .default_text = "",
     .help = "Where to load: neo4j://HOST:PORT, neo4j+s://…, bolt://…, or duckdb:FILE.",
     .category = "connection"},
    {.id = HEDDLE_OPTION_DATABASE,
     .name = "database",
     .placeholder = "NAME",
     .aliases = NAMES("NEO4J_DATABASE"),
     .choices = no_names,
     .default_text = "",
     .help = "The database on the server; without it the server's home database.",
     .category = "connection"},
    {.id = HEDDLE_OPTION_USERNAME,
     .name = "username",
     .placeholder = "NAME",
     .aliases = NAMES("NEO4J_USERNAME", "NEO4J_USER"),
     .choices = no_names,
     .default_text = "",
     .help = "The user on the server. The password comes from --password-file or NEO4J_PASSWORD.",
     .category = "connection"},
    {.id = HEDDLE_OPTION_PASSWORD_FILE,
     .name = "password_file",
     .placeholder = "FILE",
     .aliases = no_names,
     .choices = no_names,
     .default_text = "",
     .help = "A file whose first line is the password.",
     .category = "connection"},
    {.id = HEDDLE_OPTION_ENV_FILE,
     .name = "env_file",
     .placeholder = "FILE",
     .aliases = no_names,
     .choices = no_names,
     .default_text = "",
     .help = "A file of NAME=VALUE lines, such as the one Aura hands out, read as if they were in the "
             "environment.",
     .category = "connection"},
    {.id = HEDDLE_OPTION_CA_FILE,
     .name = "ca_file",
     .placeholder = "FILE",
     .aliases = no_names,
     .choices = no_names,
     .default_text = "",
     .help = "Certificates (PEM) to trust in place of the system's.",
     .category = "connection"},
    {.id = HEDDLE_OPTION_CHECKPOINT,
     .name = "checkpoint",
     .placeholder = "DIR",
     .aliases = NAMES("CHECKPOINT_LOCATION"),
     .choices = no_names,
     .default_text = "",
     .help = "Where rejects and the receipt are kept; without it .heddle/ and the job's name.",
     .category = "safety"},
    {.id = HEDDLE_OPTION_FRESH,
     .name = "fresh",
     .kind = HEDDLE_OPTION_FLAG,
     .default_text = "false",
     .aliases = no_names,
     .choices = no_names,
     .placeholder = "",
     .help = "Delete the receipt and the rejects of the last run first; asks.",
     .category = "safety"},
    {.id = HEDDLE_OPTION_YES,
     .name = "yes",
     .kind = HEDDLE_OPTION_FLAG,
     .default_text = "false",
     .aliases = no_names,
     .choices = no_names,
     .placeholder = "",
     .help = "Answer every question with yes.",
     .category = "safety"},
    {.id = HEDDLE_OPTION_LIMIT,
     .name = "limit",
     .kind = HEDDLE_OPTION_NUMBER,
     .placeholder = "ROWS",
     .minimum = 1,
     .maximum = INT64_MAX,
     .aliases = no_names,
     .choices = no_names,
     .default_text = "",
     .help = "Stop after this many rows of each source.",
     .category = "source"},
    {.id = HEDDLE_OPTION_BATCH_ROWS,
     .name = "batch_rows",
     .kind = HEDDLE_OPTION_NUMBER,
     .placeholder = "ROWS",
     .default_text = "auto",
     .minimum = 1,
     .maximum = BATCH_ROWS_MAX,
     .aliases = NAMES("BATCH_SIZE"),
     .on_target = true,
     .choices = no_names,
     .help = "Rows a transaction; auto is 2000, 1000 with vectors, 250 while a vector index is live.",
     .category = "writing"},
    {.id = HEDDLE_OPTION_BATCH_BYTES,
     .name = "batch_bytes",
     .kind = HEDDLE_OPTION_BYTES_,
     .placeholder = "SIZE",
     .default_text = "4MiB",
     .minimum = 64 * KIB,
     .maximum = 64 * MIB,
     .on_target = true,
     .aliases = no_names,
     .choices = no_names,
     .help = "Bytes a transaction, whichever limit comes first.",
     .category = "writing"},
    {.id = HEDDLE_OPTION_WRITERS,
     .name = "writers",
     .kind = HEDDLE_OPTION_NUMBER,
     .placeholder = "N",
     .default_text = "auto",
     .minimum = 1,
     .maximum = WRITERS_MAX,
     .aliases = NAMES("WRITE_PARTITIONS"),
     .on_target = true,
     .choices = no_names,
     .help = "Connections that write at the same time; auto is the server's cores, at most 8.",
     .category = "writing"},
    {.id = HEDDLE_OPTION_VECTOR_INDEX,
     .name = "vector_index",
     .kind = HEDDLE_OPTION_CHOICE,
     .placeholder = "WHEN",
     .default_text = "auto",
     .choices = NAMES("auto", "before", "after", "none"),
     .aliases = no_names,
     .help = "When the vector index is made: before the rows, after them, or not at all.",
     .category = "writing"},
    {.id = HEDDLE_OPTION_PRECISION,
     .name = "precision",
     .kind = HEDDLE_OPTION_CHOICE,
     .placeholder = "TYPE",
     .default_text = "auto",
     .choices = NAMES("auto", "fp32", "bf16", "int8"),
     .aliases = no_names,
     .help = "Number type of the encoder; it is stored with the load and never mixed.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_EMBED_THREADS,
     .name = "embed_threads",
     .kind = HEDDLE_OPTION_NUMBER,
     .placeholder = "N",
     .default_text = "auto",
     .minimum = 1,
     .maximum = THREADS_MAX,
     .aliases = no_names,
     .choices = no_names,
     .help = "Threads that embed; auto is one a core.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_MODEL,
     .name = "model",
     .placeholder = "NAME",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help =
         "Embed with this model (name or directory) in place of the one that the job, or the load, names.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_PROVIDER,
     .name = "provider",
     .kind = HEDDLE_OPTION_CHOICE,
     .placeholder = "NAME",
     .default_text = "native",
     .choices = NAMES("native", "onnx", "openai", "databricks", "tei", "ollama"),
     .aliases = no_names,
     .help = "What computes the vectors: this program, ONNX Runtime, or a service at --embedding-url.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_KERNEL,
     .name = "kernel",
     .placeholder = "NAME",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help = "The encoder's kernel, for comparisons; without it the fastest of this CPU.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_PROMPT,
     .name = "prompt",
     .placeholder = "TEXT",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help = "Text put in front of each text, in place of the model's own prompt.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_DIMENSIONS,
     .name = "dimensions",
     .kind = HEDDLE_OPTION_NUMBER,
     .placeholder = "N",
     .default_text = "auto",
     .minimum = 1,
     .maximum = DIMENSIONS_MAX,
     .aliases = no_names,
     .choices = no_names,
     .help = "Keep the first N numbers of each vector (Matryoshka models); auto is all.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_EMBEDDING_CACHE,
     .name = "embedding_cache",
     .placeholder = "FILE",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help = "Keep the vectors in this file, and never embed a text again that is in it.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_EMBEDDING_URL,
     .name = "embedding_url",
     .placeholder = "URL",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help =
         "Where the provider's service is. Its key comes from --embedding-key-file or HEDDLE_EMBEDDING_KEY.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_EMBEDDING_KEY_FILE,
     .name = "embedding_key_file",
     .placeholder = "FILE",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help = "A file whose first line is the key of the embedding service.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_ONNX_LIBRARY,
     .name = "onnx_library",
     .placeholder = "FILE",
     .default_text = "",
     .aliases = no_names,
     .choices = no_names,
     .help = "libonnxruntime.so for --provider onnx; without it the usual places are searched.",
     .category = "embedding"},
    {.id = HEDDLE_OPTION_REJECT_LIMIT,
     .name = "reject_limit",
     .kind = HEDDLE_OPTION_LIMIT_,
     .placeholder = "N|N%|none",
     .default_text = "0.1%",
     .on_target = true,
     .aliases = no_names,
     .choices = no_names,
     .help = "Rejected rows before the load stops; a share always allows 10.",
     .category = "safety"},
    {.id = HEDDLE_OPTION_VERIFY,
     .name = "verify",
     .kind = HEDDLE_OPTION_CHOICE,
     .placeholder = "HOW",
     .default_text = "sample",
     .choices = NAMES("off", "sample", "strict"),
     .aliases = no_names,
     .help = "How much is read back and compared at the end.",
     .category = "safety"},
    {.id = HEDDLE_OPTION_TX_TIMEOUT,
     .name = "tx_timeout",
     .kind = HEDDLE_OPTION_DURATION,
     .placeholder = "TIME",
     .default_text = "5min",
     .minimum = SECOND_MS,
     .maximum = DAY_MS,
     .aliases = no_names,
     .choices = no_names,
     .help = "How long the server lets one transaction run.",
     .category = "writing"},
};

const struct heddle_option *heddle_option_table(void)
{
    return table;
}

/* Equal when `-` and `_` are the same. */
static bool same_name(const char *name, const char *given)
{
    for (; *name != '\0' && *given != '\0'; name++, given++) {
        if (*name != *given && !(*name == '_' && *given == '-')) {
            return false;
        }
    }
    return *name == *given;
}

const struct heddle_option *heddle_option_find(const char *name)
{
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        if (same_name(table[i].name, name)) {
            return &table[i];
        }
        for (const char *const *alias = table[i].aliases; *alias != NULL; alias++) {
            if (strcasecmp(*alias, name) == 0) {
                return &table[i];
            }
        }
    }
    return NULL;
}

/* Kebab-case names stand beside the table so that the answer can be static memory; a test keeps the two in
 * step. */
static const char *const kebab_names[HEDDLE_OPTION_COUNT] = {
    "to",           "database",     "username",   "password-file",   "env-file",      "ca-file",
    "checkpoint",   "fresh",        "yes",        "limit",           "batch-rows",    "batch-bytes",
    "writers",      "vector-index", "precision",  "embed-threads",   "model",         "provider",
    "kernel",       "prompt",       "dimensions", "embedding-cache", "embedding-url", "embedding-key-file",
    "onnx-library", "reject-limit", "verify",     "tx-timeout",
};

const char *heddle_option_nearest(const char *name)
{
    const char *nearest = heddle_text_nearest(name, kebab_names, HEDDLE_OPTION_COUNT);
    if (nearest != NULL) {
        return nearest;
    }
    /* A snake_case or upper-case spelling is as good: `_` against `-` would count as a mistake each. */
    const char *snake[HEDDLE_OPTION_COUNT];
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        snake[i] = table[i].name;
    }
    nearest = heddle_text_nearest(name, snake, HEDDLE_OPTION_COUNT);
    for (size_t i = 0; nearest != NULL && i < HEDDLE_OPTION_COUNT; i++) {
        if (nearest == table[i].name) {
            return kebab_names[i];
        }
    }
    return NULL;
}
