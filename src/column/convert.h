/* convert.h: a column in the type that a target asks for.
 *
 * Conversions are those a person would call exact: text that reads wholly as a number, boolean, date or date-time;
 * integer to float where no digit is lost; float to integer where it is whole; anything scalar to string; decimal to
 * float or integer; date to date-time at midnight; text to byte_array as UTF-8; list item by item. What is not exact
 * is a bad value, never a guess: the caller rejects the row (or, with `on_bad_value: null`, writes no value).
 */
#ifndef HEDDLE_COLUMN_CONVERT_H
#define HEDDLE_COLUMN_CONVERT_H

#include "column/batch.h"

/* True where some value of type `from` can become a value of type `to`: what heddle_column_convert() asks first, and what can
 * be known before any row is read. */
bool heddle_column_can_convert(enum heddle_type from, enum heddle_type to);

/* Converts `column` to `type` (LIST: to a list of `item_type`).
 * On success *out is a column in `arena` (or shares the input's memory where nothing had to change), with
 * out->length == column->length, and *bad_out a bitmap (bit set = the value could not be converted; such rows are null
 * in *out), or NULL when no value was bad.
 * Errors: HEDDLE_INVALID when no value of this type can ever become the other (the message names both);
 *         HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_column_convert(struct heddle_arena *arena, const struct heddle_column *column,
                                            enum heddle_type type, enum heddle_type item_type,
                                            struct heddle_column *out, const uint8_t **bad_out,
                                            struct heddle_error *error);

/* One value as a person reads it ("17", "2024-05-01", "[1, 2]", "null"), cut at `size`-1 bytes without cutting a code
 * point. Answers `out`. For keys in rejects and messages, not for data. */
char *heddle_column_print(const struct heddle_column *column, size_t row, char *out, size_t size);

#endif
