/* scalar.c: strict parsing and exact printing of single values. */
#include "column/scalar.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The longest decimal text of a double that can matter: 767 significant digits decide every rounding. */
enum { FLOAT_TEXT_MAX = 1100 };

/* Years beyond these are outside every graph database; they keep all products below far from overflow. */
enum { YEAR_MAX = 999999, MONTHS = 12 };

static const int64_t MICROSECONDS_A_DAY = INT64_C(86400000000);

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool heddle_scalar_parse_integer(const char *text, size_t length, int64_t *value_out)
{
    size_t i = 0;
    const bool negative = length > 0 && text[0] == '-';
    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        i = 1;
    }
    if (i == length) {
        return false;
    }
    int64_t value = 0;
    for (; i < length; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
        /* Summed on the negative side, which reaches one further. */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, text[i] - '0', &value)) {
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow(0, value, &value)) {
        return false;
    }
    *value_out = value;
    return true;
}

bool heddle_scalar_parse_whole_decimal(const char *text, size_t length, int64_t *value_out)
{
    const char *point = length > 0 ? memchr(text, '.', length) : NULL;
    if (point == NULL) {
        return heddle_scalar_parse_integer(text, length, value_out);
    }
    for (const char *c = point + 1; c < text + length; c++) {
        if (*c != '0') {
            return false;
        }
    }
    return heddle_scalar_parse_integer(text, (size_t)(point - text), value_out);
}

/* nan, inf, infinity behind an optional sign. */
static bool special_parse(const char *text, double *value_out)
{
    const bool negative = text[0] == '-';
    const char *word = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    if (strcasecmp(word, "nan") == 0) {
        *value_out = (double)NAN;
        return true;
    }
    if (strcasecmp(word, "inf") == 0 || strcasecmp(word, "infinity") == 0) {
        *value_out = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return false;
}

bool heddle_scalar_parse_float(const char *text, size_t length, double *value_out)
{
    char copy[FLOAT_TEXT_MAX];
    if (length == 0 || length >= sizeof copy || memchr(text, '\0', length) != NULL) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (special_parse(copy, value_out)) {
        return true;
    }
    /* Of what strtod reads, only decimal numbers are numbers to us: no blanks, no hexadecimal. */
    if (strspn(copy, "+-.0123456789eE") != length ||
        (copy[length - 1] != '.' && !is_digit(copy[length - 1]))) {
        return false;
    }
    /* The C locale has always a point; making one is a lookup, not an allocation, in glibc and musl. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0) {
        return false;
    }
    char *end = NULL;
    const double value = strtod_l(copy, &end, c_locale);
    freelocale(c_locale);
    if (end != copy + length || isinf(value)) {
        return false;
    }
    *value_out = value;
    return true;
}

bool heddle_scalar_parse_boolean(const char *text, size_t length, bool *value_out)
{
    if (length == 4 && strncasecmp(text, "true", 4) == 0) {
        *value_out = true;
        return true;
    }
    if (length == 5 && strncasecmp(text, "false", 5) == 0) {
        *value_out = false;
        return true;
    }
    return false;
}

/* Reads exactly `digits` digits at *at and moves on. */
static bool digits_read(const char *text, size_t length, size_t *at, size_t digits, int64_t *value_out)
{
    int64_t value = 0;
    if (length - *at < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        const char c = text[*at + i];
        if (!is_digit(c)) {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += digits;
    *value_out = value;
    return true;
}

static bool char_read(const char *text, size_t length, size_t *at, char wanted)
{
    if (*at < length && text[*at] == wanted) {
        (*at)++;
        return true;
    }
    return false;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t month_days(int64_t year, int64_t month)
{
    static const uint8_t days[MONTHS] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Hinnant's days_from_civil: years begin in March, so that the leap day is the last of a year. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year_out, int64_t *month_out, int64_t *day_out)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t day_of_era = days - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_shifted = (5 * day_of_year + 2) / 153;
    *day_out = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    *month_out = month_shifted + (month_shifted < 10 ? 3 : -9);
    *year_out = year_of_era + era * 400 + (*month_out <= 2 ? 1 : 0);
}

/* Reads a date at *at. */
static bool date_read(const char *text, size_t length, size_t *at, int64_t *days_out)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    const bool negative = char_read(text, length, at, '-');
    const bool is_signed = negative || char_read(text, length, at, '+');
    size_t digits = 0;
    while (*at + digits < length && is_digit(text[*at + digits])) {
        digits++;
    }
    if (digits < 4 || digits > 6 || (digits > 4 && !is_signed) ||
        !digits_read(text, length, at, digits, &year) || !char_read(text, length, at, '-') ||
        !digits_read(text, length, at, 2, &month) || !char_read(text, length, at, '-') ||
        !digits_read(text, length, at, 2, &day)) {
        return false;
    }
    year = negative ? -year : year;
    if (year > YEAR_MAX || month < 1 || month > MONTHS || day < 1 || day > month_days(year, month)) {
        return false;
    }
    *days_out = days_from_civil(year, month, day);
    return true;
}

/* Reads HH:MM[:SS[.fraction]] at *at. */
static bool time_read(const char *text, size_t length, size_t *at, int64_t *nanoseconds_out)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    if (!digits_read(text, length, at, 2, &hour) || !char_read(text, length, at, ':') ||
        !digits_read(text, length, at, 2, &minute)) {
        return false;
    }
    if (char_read(text, length, at, ':')) {
        if (!digits_read(text, length, at, 2, &second)) {
            return false;
        }
        if (char_read(text, length, at, '.')) {
            size_t digits = 0;
            while (*at < length && is_digit(text[*at]) && digits < 9) {
                fraction = fraction * 10 + (text[*at] - '0');
                (*at)++;
                digits++;
            }
            if (digits == 0) {
                return false;
            }
            for (; digits < 9; digits++) {
                fraction *= 10;
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *nanoseconds_out = ((hour * 60 + minute) * 60 + second) * INT64_C(1000000000) + fraction;
    return true;
}

/* Reads Z, +HH, +HHMM or +HH:MM at *at, if there is one. */
static bool offset_read(const char *text, size_t length, size_t *at, int64_t *minutes_out, bool *zoned_out)
{
    int64_t hours = 0;
    int64_t minutes = 0;
    *minutes_out = 0;
    *zoned_out = false;
    if (*at == length) {
        return true;
    }
    *zoned_out = true;
    if (char_read(text, length, at, 'Z') || char_read(text, length, at, 'z')) {
        return true;
    }
    const bool west = char_read(text, length, at, '-');
    if (!west && !char_read(text, length, at, '+')) {
        return false;
    }
    if (!digits_read(text, length, at, 2, &hours)) {
        return false;
    }
    if (*at < length) {
        char_read(text, length, at, ':');
        if (!digits_read(text, length, at, 2, &minutes)) {
            return false;
        }
    }
    if (hours > 18 || minutes > 59) {
        return false;
    }
    *minutes_out = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

bool heddle_scalar_parse_date(const char *text, size_t length, int64_t *days_out)
{
    size_t at = 0;
    return date_read(text, length, &at, days_out) && at == length;
}

bool heddle_scalar_parse_time(const char *text, size_t length, int64_t *nanoseconds_out)
{
    size_t at = 0;
    return time_read(text, length, &at, nanoseconds_out) && at == length;
}

bool heddle_scalar_parse_datetime(const char *text, size_t length, int64_t *microseconds_out, bool *zoned_out)
{
    size_t at = 0;
    int64_t days = 0;
    int64_t nanoseconds = 0;
    int64_t minutes = 0;
    if (!date_read(text, length, &at, &days) || at == length) {
        return false;
    }
    if (text[at] != 'T' && text[at] != 't' && text[at] != ' ') {
        return false;
    }
    at++;
    if (!time_read(text, length, &at, &nanoseconds) || nanoseconds % 1000 != 0 ||
        !offset_read(text, length, &at, &minutes, zoned_out) || at != length) {
        return false;
    }
    int64_t value = 0;
    if (__builtin_mul_overflow(days, MICROSECONDS_A_DAY, &value) ||
        __builtin_add_overflow(value, nanoseconds / 1000 - minutes * INT64_C(60000000), &value)) {
        return false;
    }
    *microseconds_out = value;
    return true;
}

size_t heddle_scalar_print_integer(int64_t value, char out[static HEDDLE_SCALAR_TEXT_MAX])
{
    return (size_t)snprintf(out, HEDDLE_SCALAR_TEXT_MAX, "%" PRId64, value);
}

size_t heddle_scalar_print_float(double value, char out[static HEDDLE_SCALAR_TEXT_MAX])
{
    if (isnan(value) || isinf(value)) {
        const char *word = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        return (size_t)snprintf(out, HEDDLE_SCALAR_TEXT_MAX, "%s", word);
    }
    size_t length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        double back = 0;
        length = (size_t)snprintf(out, HEDDLE_SCALAR_TEXT_MAX, "%.*g", digits, value);
        char *comma = strchr(out, ','); /* a program that set a locale must not change our texts */
        if (comma != NULL) {
            *comma = '.';
        }
        if (heddle_scalar_parse_float(out, length, &back) && back == value) {
            break;
        }
    }
    if (strpbrk(out, ".e") == NULL) {
        length += (size_t)snprintf(out + length, HEDDLE_SCALAR_TEXT_MAX - length, ".0");
    }
    return length;
}

size_t heddle_scalar_print_date(int64_t days, char out[static HEDDLE_SCALAR_TEXT_MAX])
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    civil_from_days(days, &year, &month, &day);
    const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    return (size_t)snprintf(out, HEDDLE_SCALAR_TEXT_MAX, "%s%04" PRId64 "-%02" PRId64 "-%02" PRId64, sign,
                            year < 0 ? -year : year, month, day);
}

/* Writes seconds and, where there is one, the fraction without trailing zeros. */
static size_t clock_print(int64_t seconds, int64_t fraction, int digits, char *out, size_t size)
{
    size_t length = (size_t)snprintf(out, size, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600,
                                     seconds / 60 % 60, seconds % 60);
    if (fraction != 0) {
        length += (size_t)snprintf(out + length, size - length, ".%0*" PRId64, digits, fraction);
        while (out[length - 1] == '0') {
            out[--length] = '\0';
        }
    }
    return length;
}

size_t heddle_scalar_print_time(int64_t nanoseconds, char out[static HEDDLE_SCALAR_TEXT_MAX])
{
    return clock_print(nanoseconds / INT64_C(1000000000), nanoseconds % INT64_C(1000000000), 9, out,
                       HEDDLE_SCALAR_TEXT_MAX);
}

size_t heddle_scalar_print_datetime(int64_t microseconds, bool zoned, char out[static HEDDLE_SCALAR_TEXT_MAX])
{
    int64_t days = microseconds / MICROSECONDS_A_DAY;
    int64_t rest = microseconds % MICROSECONDS_A_DAY;
    if (rest < 0) {
        rest += MICROSECONDS_A_DAY;
        days--;
    }
    size_t length = heddle_scalar_print_date(days, out);
    out[length++] = 'T';
    length += clock_print(rest / 1000000, rest % 1000000, 6, out + length, HEDDLE_SCALAR_TEXT_MAX - length);
    if (zoned) {
        out[length++] = 'Z';
        out[length] = '\0';
    }
    return length;
}
