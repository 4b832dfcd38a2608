/* temporal.c: dates, times and durations as text.
 *
 * Days become a date by the civil-from-days computation of Howard Hinnant's "chrono-Compatible Low-Level Date
 * Algorithms": eras of 400 years, years that begin in March. Days are reduced by whole eras first, so every int64
 * works.
 */
#include "bolt/temporal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SECONDS_A_DAY = 86400,
    SECONDS_AN_HOUR = 3600,
    SECONDS_A_MINUTE = 60,
    MONTHS_A_YEAR = 12,
    DAYS_AN_ERA = 146097,
    YEARS_AN_ERA = 400,
    DAYS_TO_1970 = 719468, /* from 0000-03-01 */
};
enum { NANOSECONDS = 1000000000 };

/* A text that grows inside a fixed array and never beyond. */
struct text {
    char *out;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const size_t room = HEDDLE_TEMPORAL_TEXT_MAX - text->length;
    const int written = vsnprintf(text->out + text->length, room, format, arguments);
    va_end(arguments);
    if (written > 0) {
        text->length += (size_t)written < room ? (size_t)written : room - 1;
    }
}

static int64_t floor_divide(int64_t value, int64_t by, int64_t *rest_out)
{
    int64_t quotient = value / by;
    *rest_out = value % by;
    if (*rest_out < 0) {
        *rest_out += by;
        quotient--;
    }
    return quotient;
}

static void put_date(struct text *text, int64_t days)
{
    int64_t day = 0;
    const int64_t era = floor_divide(days, DAYS_AN_ERA, &day);
    day += DAYS_TO_1970;
    const int64_t more_eras = day / DAYS_AN_ERA;
    day %= DAYS_AN_ERA;
    const int64_t year_of_era = (day - day / 1460 + day / 36524 - day / (DAYS_AN_ERA - 1)) / 365;
    const int64_t day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    const int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    const int64_t year = (era + more_eras) * YEARS_AN_ERA + year_of_era + (month <= 2);
    const char *sign = year < 0 ? "-" : (year > 9999 ? "+" : "");
    put(text, "%s%04" PRId64 "-%02" PRId64 "-%02" PRId64, sign, year < 0 ? -year : year, month,
        day_of_year - (153 * march_month + 2) / 5 + 1);
}

static void put_fraction(struct text *text, int64_t nanoseconds)
{
    if (nanoseconds != 0) {
        int digits = 9;
        while (nanoseconds % 10 == 0) {
            nanoseconds /= 10;
            digits--;
        }
        put(text, ".%0*" PRId64, digits, nanoseconds);
    }
}

static void put_clock(struct text *text, int64_t seconds, int64_t nanoseconds)
{
    put(text, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / SECONDS_AN_HOUR,
        seconds % SECONDS_AN_HOUR / SECONDS_A_MINUTE, seconds % SECONDS_A_MINUTE);
    put_fraction(text, nanoseconds);
}

static void put_offset(struct text *text, int64_t offset)
{
    if (offset == 0) {
        put(text, "Z");
        return;
    }
    const int64_t size = offset < 0 ? -offset : offset;
    put(text, "%c%02" PRId64 ":%02" PRId64, offset < 0 ? '-' : '+', size / SECONDS_AN_HOUR,
        size % SECONDS_AN_HOUR / SECONDS_A_MINUTE);
    if (size % SECONDS_A_MINUTE != 0) {
        put(text, ":%02" PRId64, size % SECONDS_A_MINUTE);
    }
}

static void put_datetime(struct text *text, const struct heddle_value_datetime *datetime)
{
    int64_t second_of_day = 0;
    int64_t seconds = datetime->seconds;
    if (__builtin_add_overflow(seconds, datetime->offset_seconds, &seconds)) {
        seconds = datetime->seconds; /* 292 billion years from here an hour does not matter */
    }
    put_date(text, floor_divide(seconds, SECONDS_A_DAY, &second_of_day));
    put(text, "T");
    put_clock(text, second_of_day, datetime->nanoseconds);
}

/* Neo4j writes P1Y2M3DT4H5M6.7S; zero parts are left out. Seconds and nanoseconds may differ in sign. */
static void put_duration(struct text *text, const struct heddle_value_duration *duration)
{
    const int64_t years = duration->months / MONTHS_A_YEAR;
    const int64_t months = duration->months % MONTHS_A_YEAR;
    int64_t seconds = duration->seconds;
    int64_t nanoseconds = duration->nanoseconds;
    if (seconds > 0 && nanoseconds < 0) {
        seconds--;
        nanoseconds += NANOSECONDS;
    } else if (seconds < 0 && nanoseconds > 0) {
        seconds++;
        nanoseconds -= NANOSECONDS;
    }
    const int64_t hours = seconds / SECONDS_AN_HOUR;
    const int64_t minutes = seconds % SECONDS_AN_HOUR / SECONDS_A_MINUTE;
    const int64_t rest = seconds % SECONDS_A_MINUTE;
    put(text, "P");
    const struct {
        int64_t number;
        char unit;
    } date_parts[] = {{years, 'Y'}, {months, 'M'}, {duration->days, 'D'}},
      time_parts[] = {{hours, 'H'}, {minutes, 'M'}};
    for (size_t i = 0; i < sizeof date_parts / sizeof date_parts[0]; i++) {
        if (date_parts[i].number != 0) {
            put(text, "%" PRId64 "%c", date_parts[i].number, date_parts[i].unit);
        }
    }
    if (seconds != 0 || nanoseconds != 0 || text->length == 1) {
        put(text, "T");
    }
    for (size_t i = 0; i < sizeof time_parts / sizeof time_parts[0]; i++) {
        if (time_parts[i].number != 0) {
            put(text, "%" PRId64 "%c", time_parts[i].number, time_parts[i].unit);
        }
    }
    if (rest != 0 || nanoseconds != 0 || text->out[text->length - 1] == 'T') {
        put(text, "%s%" PRId64, rest < 0 || nanoseconds < 0 ? "-" : "", rest < 0 ? -rest : rest);
        put_fraction(text, nanoseconds < 0 ? -nanoseconds : nanoseconds);
        put(text, "S");
    }
}

const char *heddle_temporal_text(const struct heddle_value *value, char out[static HEDDLE_TEMPORAL_TEXT_MAX])
{
    struct text text = {out, 0};
    out[0] = '\0';
    switch (value->type) {
    case HEDDLE_VALUE_DATE: put_date(&text, value->integer); break;
    case HEDDLE_VALUE_TIME:
    case HEDDLE_VALUE_LOCAL_TIME:
        put_clock(&text, value->time.nanoseconds / NANOSECONDS, llabs(value->time.nanoseconds % NANOSECONDS));
        if (value->type == HEDDLE_VALUE_TIME) {
            put_offset(&text, value->time.offset_seconds);
        }
        break;
    case HEDDLE_VALUE_LOCAL_DATETIME: put_datetime(&text, value->datetime); break;
    case HEDDLE_VALUE_DATETIME:
        put_datetime(&text, value->datetime);
        put_offset(&text, value->datetime->offset_seconds);
        break;
    case HEDDLE_VALUE_DATETIME_ZONE:
        put_datetime(&text, value->datetime);
        put(&text, "%s[%.64s]", value->datetime->wall_clock ? "" : "Z", value->datetime->zone);
        break;
    case HEDDLE_VALUE_DURATION: put_duration(&text, value->duration); break;
    default: break;
    }
    return out;
}
