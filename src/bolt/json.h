/* json.h: between JSON and PackStream: parameters in, results out.
 *
 * Out: nodes {"elementId", "labels", "properties"}, relationships {"elementId", "type", "properties", "start",
 * "end"}, paths {"nodes", "relationships"} in walking order, temporal values ISO 8601 texts, durations likewise,
 * points {"srid", "x", "y"[, "z"]}, vectors arrays, bytes base64, and what JSON has no number for the texts "NaN",
 * "Infinity" and "-Infinity". Texts that are not UTF-8 become null.
 * In: objects become maps, arrays lists, whole numbers INTEGER, others FLOAT.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_BOLT_JSON_H
#define HEDDLE_BOLT_JSON_H

#include <jansson.h>

#include <heddle/bolt.h>

#include "base/error.h"
#include "bolt/packstream/encode.h"

/* A new reference, NULL when out of memory. */
json_t *heddle_value_to_json(const struct heddle_value *value);

/* Records as an array of objects, a column a key. A new reference, NULL when out of memory. */
json_t *heddle_records_to_json(const struct heddle_value_text *keys, size_t key_count,
                               const struct heddle_record *records, size_t record_count);

/* Writes a JSON value. */
void heddle_pack_json(struct heddle_pack *pack, const json_t *value);

/* Parses the text of a JSON object ("" or NULL: an empty one). Errors: HEDDLE_INVALID with line and column. */
HEDDLE_MUST_CHECK int heddle_json_parameters(const char *text, json_t **object_out,
                                             struct heddle_error *error);

#endif
