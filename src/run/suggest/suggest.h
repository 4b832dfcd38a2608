/* suggest.h: a first job file for a table, from a look at its first rows. */
#ifndef HEDDLE_RUN_SUGGEST_H
#define HEDDLE_RUN_SUGGEST_H

#include "base/buffer.h"
#include "run/stores.h"

/* Reads up to 10,000 rows of `path` (a Delta table, Parquet, CSV or JSON lines; here or in a store, which is asked as `stores`
 * says; NULL = without credentials) and writes a commented YAML job to *out that reads it:
 *  - the key: a column without nulls whose values are all different, by preference one whose name says so (`:ID(Label)`,
 *    `id`, `…_id`); a table without one gets a job that creates;
 *  - the text to embed: the string column with the longest values, where they are sentences (with `model`);
 *  - references: other columns called `…_id` whose values repeat: a node each, and a relationship to it;
 *  - everything else: properties, with a type where the values of a text column all read as one.
 * Errors: those of heddle_source_open and heddle_source_next; HEDDLE_SOURCE (no columns); HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_suggest_job(const char *path, struct heddle_stores *stores, const char *model,
                                         struct heddle_buffer *out, struct heddle_error *error);

#endif
