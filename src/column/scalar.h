/* scalar.h: single values from text and to text, exactly.
 *
 * Parsing is strict: the whole text is the value, without blanks around it; what does not fit is false,
 * never a guess. Dates and times are those of ISO 8601 in the extended form
 * (https://www.w3.org/TR/NOTE-datetime, and RFC 3339 for the offset): 2024-05-01, 10:15, 10:15:30.123456789,
 * 2024-05-01T10:15:30Z, 2024-05-01 10:15:30+02:00. The calendar is the proleptic Gregorian one; day numbers
 * by Howard Hinnant's days_from_civil (https://howardhinnant.github.io/date_algorithms.html).
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_COLUMN_SCALAR_H
#define HEDDLE_COLUMN_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest text that one of the print functions below writes, with its NUL. */
enum { HEDDLE_SCALAR_TEXT_MAX = 64 };

/* [+-]digits within int64. */
bool heddle_scalar_parse_integer(const char *text, size_t length, int64_t *value_out);

/* Decimal text whose value is whole ("-12.000") and within int64. */
bool heddle_scalar_parse_whole_decimal(const char *text, size_t length, int64_t *value_out);

/* A decimal number as C and JSON write it ("-1.5e3"), or nan, inf, infinity with a sign (any case).
 * Independent of the locale; rounds to the nearest double; false where a finite text overflows to
 * infinity. */
bool heddle_scalar_parse_float(const char *text, size_t length, double *value_out);

/* "true" or "false", in any case. */
bool heddle_scalar_parse_boolean(const char *text, size_t length, bool *value_out);

/* Days since 1970-01-01. Years of more than four digits carry a sign. */
bool heddle_scalar_parse_date(const char *text, size_t length, int64_t *days_out);

/* Nanoseconds of the day. */
bool heddle_scalar_parse_time(const char *text, size_t length, int64_t *nanoseconds_out);

/* Microseconds since 1970-01-01, in UTC where the text has an offset (*zoned_out), else of the wall clock.
 * False also where the text has digits below the microsecond. */
bool heddle_scalar_parse_datetime(const char *text, size_t length, int64_t *microseconds_out,
                                  bool *zoned_out);

/* Text of a value into `out`; answer its length. Floats are the shortest text that reads back as the same
 * double ("0.1", "1e+300", "NaN", "Infinity"); whole floats keep a ".0". */
size_t heddle_scalar_print_integer(int64_t value, char out[static HEDDLE_SCALAR_TEXT_MAX]);
size_t heddle_scalar_print_float(double value, char out[static HEDDLE_SCALAR_TEXT_MAX]);
size_t heddle_scalar_print_date(int64_t days, char out[static HEDDLE_SCALAR_TEXT_MAX]);
size_t heddle_scalar_print_time(int64_t nanoseconds, char out[static HEDDLE_SCALAR_TEXT_MAX]);
size_t heddle_scalar_print_datetime(int64_t microseconds, bool zoned,
                                    char out[static HEDDLE_SCALAR_TEXT_MAX]);

#endif
