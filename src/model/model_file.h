/* model_file.h: reading the small files of a model directory, with errors that name the file and the remedy.
 *
 * Every error is HEDDLE_MODEL unless stated. Threads: pure functions.
 */
#ifndef HEDDLE_MODEL_MODEL_FILE_H
#define HEDDLE_MODEL_MODEL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/error.h"

/* What a message about a damaged or missing model file ends with. */
#define HEDDLE_MODEL_REMEDY "run scripts/bootstrap or `heddle model fetch` again"

/* Longest folder that a module may name, and room for "FOLDER/config.json". */
enum { HEDDLE_MODEL_FOLDER_MAX = 128, HEDDLE_MODEL_NAME_MAX = HEDDLE_MODEL_FOLDER_MAX + 32 };

/* "DIRECTORY/FILE", to be freed; NULL when out of memory. */
char *heddle_model_path(const char *directory, const char *file);

/* True if DIRECTORY/FILE can be read. */
bool heddle_model_file_exists(const char *directory, const char *file);

/* Reads a whole file of at most HEDDLE_MODEL_FILE_MAX bytes; *bytes_out has a NUL behind and is to be freed.
 * Also HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_model_file_read(const char *directory, const char *file, char **bytes_out,
                                             size_t *length_out, struct heddle_error *error);

/* Parses JSON; duplicate keys are refused. `label` names it in errors. *json_out is to be json_decref()ed. */
HEDDLE_MUST_CHECK int heddle_model_json_parse(const char *bytes, size_t length, const char *label,
                                              json_t **json_out, struct heddle_error *error);

/* Reads and parses DIRECTORY/FILE. */
HEDDLE_MUST_CHECK int heddle_model_json_read(const char *directory, const char *file, json_t **json_out,
                                             struct heddle_error *error);

/* A whole number minimum .. maximum under `key`; a missing key is an error that names it. */
HEDDLE_MUST_CHECK int heddle_model_json_size(const json_t *object, const char *label, const char *key,
                                             size_t minimum, size_t maximum, size_t *value_out,
                                             struct heddle_error *error);

/* A boolean under `key`; `fallback` where the key is missing or null. */
HEDDLE_MUST_CHECK int heddle_model_json_bool(const json_t *object, const char *label, const char *key,
                                             bool fallback, bool *value_out, struct heddle_error *error);

/* Refuses any value of `key` but the text `expected`; a missing key is fine if `optional`. */
HEDDLE_MUST_CHECK int heddle_model_json_expect(const json_t *object, const char *label, const char *key,
                                               const char *expected, bool optional,
                                               struct heddle_error *error);

#endif
