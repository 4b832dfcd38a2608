/* job.c: reading a job file: the file, the steps in their order, and what is told in the end. */
#include "spec/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "spec/job_internal.h"

/* Long enough for any name that a checkpoint folder can have. */
enum { JOB_NAME_MAX = 200 };

void heddle_job_destroy(struct heddle_job *job)
{
    if (job != NULL) {
        heddle_arena_destroy(job->arena); /* the job itself lies in it */
    }
}

void heddle_job_problems_free(struct heddle_job_problems *problems)
{
    heddle_arena_destroy(problems->arena);
    free(problems->items);
    *problems = (struct heddle_job_problems){0};
}

/* "a/b/removals.yaml" is "removals"; what leaves no usable name is "job". */
static const char *name_from(struct heddle_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t length = dot != NULL && dot > base ? (size_t)(dot - base) : strlen(base);
    length = heddle_text_cut(base, length, JOB_NAME_MAX);
    const bool usable = length > 0 && base[0] != '.' && strcmp(base, "-") != 0;
    return usable ? heddle_arena_copy_text(arena, base, length) : heddle_arena_copy_text(arena, "job", 3);
}

/* Step 3, each check where those it builds on are clean. */
static void check(struct heddle_job_reader *reader)
{
    heddle_job_check_names(reader);
    if (!reader->out_of_memory) {
        heddle_job_check_schema(reader);
    }
    if (!reader->out_of_memory) {
        heddle_job_check_redundancy(reader);
    }
    if (!reader->out_of_memory) {
        heddle_job_resolve_references(reader);
    }
    const bool names_clean =
        !heddle_job_reported(reader, "DUPL-001", "$") && !heddle_job_reported(reader, "DUPL-003", "$") &&
        !heddle_job_reported(reader, "DANG-002", "$") && !heddle_job_reported(reader, "DANG-003", "$");
    if (!reader->out_of_memory && names_clean) {
        heddle_job_check_cycles(reader);
    }
    if (!reader->out_of_memory) {
        heddle_job_check_graph_type(reader);
    }
    /* Ends and keys are looked up there: only in a job without mistakes are they all known. */
    if (!reader->out_of_memory && reader->errors == 0) {
        heddle_job_check_on_delete(reader);
    }
}

/* The document of `text`; a text that is none becomes one problem. */
static int read_document(struct heddle_job_reader *reader, const char *text, size_t length,
                         struct heddle_error *error)
{
    struct heddle_document_fault fault;
    const int status = heddle_document_read(text, length, reader->arena, &reader->root, &fault, error);
    if (status == HEDDLE_JOB) {
        reader->root = NULL;
        heddle_job_report(reader, "HDL-008", "$", "%s", fault.message);
        if (reader->problems->count > 0) {
            reader->problems->items[reader->problems->count - 1].line = fault.line;
            reader->problems->items[reader->problems->count - 1].column = fault.column;
        }
        return HEDDLE_OK;
    }
    return status;
}

static int run_steps(struct heddle_job_reader *reader, const char *text, size_t length,
                     struct heddle_error *error)
{
    HEDDLE_TRY(read_document(reader, text, length, error));
    if (reader->errors == 0 && !reader->out_of_memory) {
        heddle_job_shape(reader);
    }
    if (reader->errors == 0 && !reader->out_of_memory) {
        heddle_job_check_config(reader);
        heddle_job_build(reader);
    }
    /* Only wrong settings and types were found up to here: names can be checked all the same. */
    if (reader->nodes != NULL && !reader->out_of_memory) {
        check(reader);
    }
    if (reader->errors == 0 && !reader->out_of_memory) {
        heddle_job_hash(reader);
    }
    return reader->out_of_memory ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

/* The first error and how many more there are. */
static int sum_up(const struct heddle_job_reader *reader, const char *path, struct heddle_error *error)
{
    const struct heddle_job_problem *first = reader->problems->items;
    while (first->warning) { /* errors are counted, so there is one */
        first++;
    }
    char place[64] = "";
    char more[64] = "";
    if (first->line > 0 && first->column > 0) {
        snprintf(place, sizeof place, ":%zu:%zu", first->line, first->column);
    } else if (first->line > 0) {
        snprintf(place, sizeof place, ":%zu", first->line);
    }
    if (reader->errors > 1) {
        snprintf(more, sizeof more, " (and %zu more)", reader->errors - 1);
    }
    const bool whole = strcmp(first->path, "$") == 0;
    return heddle_error_set(error, HEDDLE_JOB, "%s%s: [%s] %.150s%s%.250s%s", path, place, first->code,
                            whole ? "" : first->path, whole ? "" : ": ", first->message, more);
}

static int parse(struct heddle_job_reader *reader, const char *path, const char *text, size_t length,
                 struct heddle_job **job_out, struct heddle_error *error)
{
    if (reader->problems->arena == NULL) {
        HEDDLE_TRY(heddle_arena_create(0, &reader->problems->arena, error));
    }
    HEDDLE_TRY(heddle_arena_create(0, &reader->arena, error));
    reader->job = heddle_arena_calloc(reader->arena, 1, sizeof *reader->job);
    if (reader->job == NULL) {
        return heddle_error_out_of_memory(error);
    }
    reader->job->arena = reader->arena;
    reader->job->path = heddle_arena_copy_text(reader->arena, path, strlen(path));
    reader->job->name = name_from(reader->arena, path);
    if (reader->job->path == NULL || reader->job->name == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(run_steps(reader, text, length, error));
    if (reader->errors > 0) {
        return sum_up(reader, path, error);
    }
    *job_out = reader->job;
    return HEDDLE_OK;
}

int heddle_job_parse(const char *path, const char *text, size_t length, struct heddle_job **job_out,
                     struct heddle_job_problems *problems, struct heddle_error *error)
{
    struct heddle_job_problems own = {0};
    struct heddle_job_reader reader = {.problems = problems != NULL ? problems : &own};
    const int status = parse(&reader, path, text, length, job_out, error);
    if (status != HEDDLE_OK) {
        heddle_arena_destroy(reader.arena);
    }
    heddle_job_problems_free(&own);
    return status;
}

/* A problem of the file as a whole, for a list that may be NULL. */
static int refuse_file(struct heddle_job_problems *problems, const char *path, const char *what,
                       struct heddle_error *error)
{
    struct heddle_job_problems own = {0};
    struct heddle_job_reader reader = {.problems = problems != NULL ? problems : &own};
    int status = HEDDLE_OK;
    if (reader.problems->arena == NULL) {
        status = heddle_arena_create(0, &reader.problems->arena, error);
    }
    if (status == HEDDLE_OK) {
        heddle_job_report(&reader, "HDL-010", "$", "%s", what);
        status = reader.out_of_memory ? heddle_error_out_of_memory(error)
                                      : heddle_error_set(error, HEDDLE_JOB, "%s: [HDL-010] %s", path, what);
    }
    heddle_job_problems_free(&own);
    return status;
}

int heddle_job_read(const char *path, struct heddle_job **job_out, struct heddle_job_problems *problems,
                    struct heddle_error *error)
{
    char what[200];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        snprintf(what, sizeof what, "the job file cannot be opened: %s", strerror(errno));
        return refuse_file(problems, path, what, error);
    }
    struct heddle_buffer text = {0};
    size_t got = 1;
    while (got > 0 && text.length <= HEDDLE_DOCUMENT_BYTES_MAX && !text.failed) {
        uint8_t *room = heddle_buffer_reserve(&text, BUFSIZ);
        got = room != NULL ? fread(room, 1, BUFSIZ, file) : 0;
        text.length += got;
    }
    const bool failed = ferror(file) != 0;
    if (failed) {
        snprintf(what, sizeof what, "the job file cannot be read: %s", strerror(errno));
    }
    fclose(file);
    int status = heddle_buffer_check(&text, error);
    if (status == HEDDLE_OK) {
        status = failed ? refuse_file(problems, path, what, error)
                        : heddle_job_parse(path, text.length > 0 ? (const char *)text.bytes : "", text.length,
                                           job_out, problems, error);
    }
    heddle_buffer_free(&text);
    return status;
}
