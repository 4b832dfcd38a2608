/* job_internal.h: what the parts of the job reader share. Not for other rooms.
 *
 * A job is read in three steps, and a step begins only when the one before found no error:
 *   1. shape   (job_shape.c)     is every key of the right type? Works on the document.
 *   2. build   (job_build.c)     the document becomes struct heddle_job.
 *   3. checks  (job_check_*.c)   do names, references and schema fit together? Works on the job.
 * Problems carry a JSONPath; the line is found by walking that path in the document.
 */
#ifndef HEDDLE_SPEC_JOB_INTERNAL_H
#define HEDDLE_SPEC_JOB_INTERNAL_H

#include "spec/document.h"
#include "spec/job.h"

/* More than this tells nobody anything new: errors are then only counted, warnings dropped. */
enum { HEDDLE_JOB_ERRORS_MAX = 200, HEDDLE_JOB_WARNINGS_MAX = 100 };

/* Labels, properties, schema items, dependencies and mappings of one target: checks compare them pairwise. */
enum { HEDDLE_JOB_LIST_MAX = 2000 };

/* Mistakes that get a "did you mean"; and keys of a map up to which slips are looked for. */
enum { HEDDLE_JOB_SUGGESTIONS_MAX = 50, HEDDLE_JOB_SLIP_KEYS_MAX = 200 };

/* A name of the one name space of sources, targets and actions. */
enum heddle_job_name_kind {
    HEDDLE_JOB_NAME_SOURCE,
    HEDDLE_JOB_NAME_NODE,
    HEDDLE_JOB_NAME_RELATIONSHIP,
    HEDDLE_JOB_NAME_QUERY,
    HEDDLE_JOB_NAME_ACTION,
};

struct heddle_job_name {
    const char *text;
    enum heddle_job_name_kind kind;
    size_t index; /* within its list */
};

struct heddle_job_reader {
    struct heddle_arena *arena; /* the job's; scratch of the checks lies there too */
    struct heddle_job *job;
    struct heddle_job_problems *problems;
    const struct heddle_document_node *root;
    /* The job's targets, open for change while it is read. */
    struct heddle_job_node *nodes;
    struct heddle_job_relationship *relationships;
    struct heddle_job_query *queries;
    struct heddle_job_name *names; /* sorted by text, kind, index */
    size_t name_count;
    size_t errors;   /* all of them, kept or not */
    size_t warnings; /* all of them, kept or not */
    bool out_of_memory;
};

/* Adds a problem at `path`. */
void heddle_job_report(struct heddle_job_reader *reader, const char *code, const char *path,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void heddle_job_warn(struct heddle_job_reader *reader, const char *code, const char *path, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* As report, for a path that import-spec spells differently from where the mistake stands: `place` finds the
 * line. */
void heddle_job_report_at(struct heddle_job_reader *reader, const char *code, const char *path,
                          const char *place, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* True if an error whose code begins with `code` was reported at a path that begins with `prefix`; also where
 * errors were no longer kept: checks that build on others must not run on what nobody looked at. */
bool heddle_job_reported(const struct heddle_job_reader *reader, const char *code, const char *prefix);

/* True while "did you mean" is worth its search: for the first mistakes, not for ten thousand of them. */
bool heddle_job_may_suggest(const struct heddle_job_reader *reader);

/* printf into the arena; "" and out_of_memory when it fails. */
const char *heddle_job_text(struct heddle_job_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Zeroed scratch of the arena; NULL and out_of_memory when it fails. count 0 is good. */
void *heddle_job_alloc(struct heddle_job_reader *reader, size_t count, size_t size);

/* A node as a setting's text: scalars as they are, null as "null", lists and maps as JSON. */
const char *heddle_job_value_text(struct heddle_job_reader *reader, const struct heddle_document_node *node);

/* Schema kinds in import-spec's words: "unique_constraints", its singular, and whether it names one property.
 */
struct heddle_job_schema_word {
    const char *list;
    const char *singular;
    bool one_property;
    const char *property_code; /* property is not mapped */
    const char *label_code;    /* label is not defined */
};
const struct heddle_job_schema_word *heddle_job_schema_word(enum heddle_schema_kind kind);
enum { HEDDLE_JOB_SCHEMA_KINDS = HEDDLE_SCHEMA_VECTOR_INDEX + 1 };

/* Property types: type, array form, vector form from a word in lower or UPPER case; false if there is none.
 */
bool heddle_job_type_find(const char *word, enum heddle_property_type *type_out, bool *is_array_out);
extern const char *const heddle_job_type_words[]; /* lower case, NULL-terminated */

/* The lists below `targets` and what stands in each. */
enum { HEDDLE_JOB_TARGET_LISTS = 3 };
struct heddle_job_target_list {
    const char *name;
    enum heddle_job_name_kind kind;
};
extern const struct heddle_job_target_list heddle_job_target_lists[HEDDLE_JOB_TARGET_LISTS];

/* The base of target `index` of a kind (NODE, RELATIONSHIP, QUERY). */
struct heddle_job_target *heddle_job_base(struct heddle_job_reader *reader, enum heddle_job_name_kind kind,
                                          size_t index);

/* How many targets, sources or actions of a kind there are. */
size_t heddle_job_count(const struct heddle_job *job, enum heddle_job_name_kind kind);

/* "$.targets.nodes[3]" and so on, in the arena. */
const char *heddle_job_path(struct heddle_job_reader *reader, enum heddle_job_name_kind kind, size_t index);

/* The first entry of a name, NULL if there is none; entries of the same text follow it. */
const struct heddle_job_name *heddle_job_name_find(const struct heddle_job_reader *reader, const char *text);

/* The steps. Problems and memory are reported in the reader. */
void heddle_job_shape(struct heddle_job_reader *reader);
void heddle_job_check_config(struct heddle_job_reader *reader); /* `config` and settings on targets */
void heddle_job_build(struct heddle_job_reader *reader);
void heddle_job_build_schedules(struct heddle_job_reader *reader); /* schedule and touches */
void heddle_job_check_names(struct heddle_job_reader *reader);     /* fills names */
void heddle_job_check_cycles(struct heddle_job_reader *reader);
void heddle_job_check_schema(struct heddle_job_reader *reader);
void heddle_job_check_redundancy(struct heddle_job_reader *reader);
void heddle_job_resolve_references(struct heddle_job_reader *reader); /* node keys and key mappings */
void heddle_job_check_on_delete(
    struct heddle_job_reader *reader); /* reads on_delete; keys and ends are known */
void heddle_job_check_graph_type(struct heddle_job_reader *reader);
void heddle_job_hash(struct heddle_job_reader *reader);

#endif
