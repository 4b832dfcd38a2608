/* option_value.c: one value from text, by the kind of its option: numbers, sizes, times, choices, limits. */
#include "spec/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* A share of rejects always allows this many (run-contract section 1: "0.1% with a floor of 10"). */
enum { REJECT_FLOOR = 10 };

/* What a message repeats of a wrong value: enough to recognise it, never a secret. */
enum { SHOWN_MAX = 60 };

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {{"", 1},
                                         {"b", 1},
                                         {"kb", 1000},
                                         {"mb", 1000 * 1000},
                                         {"gb", 1000 * 1000 * 1000},
                                         {"k", INT64_C(1) << 10},
                                         {"m", INT64_C(1) << 20},
                                         {"g", INT64_C(1) << 30},
                                         {"kib", INT64_C(1) << 10},
                                         {"mib", INT64_C(1) << 20},
                                         {"gib", INT64_C(1) << 30},
                                         {NULL, 0}};

static const struct unit time_units[] = {{"", 1000},     {"ms", 1},       {"s", 1000},
                                         {"sec", 1000},  {"min", 60000},  {"m", 60000},
                                         {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static int refuse(const struct heddle_option *option, const char *name, const char *text,
                  const char *expected, struct heddle_error *error)
{
    if (option->secret) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s: expected %s", name, expected);
    }
    return heddle_error_set(error, HEDDLE_INVALID, "%s: expected %s, found '%.*s'", name, expected, SHOWN_MAX,
                            text);
}

/* Whole digits, then a unit of the list; false on anything else and on overflow. */
static bool parse_with_unit(const char *text, const struct unit *units, int64_t *number_out)
{
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    const intmax_t digits = strtoimax(text, &end, 10);
    if (errno != 0) {
        return false;
    }
    end += strspn(end, " ");
    for (; units->name != NULL; units++) {
        if (strcasecmp(units->name, end) == 0) {
            return !__builtin_mul_overflow(digits, units->factor, number_out);
        }
    }
    return false;
}

static int parse_flag(const struct heddle_option *option, const char *name, const char *text,
                      struct heddle_option_value *value, struct heddle_error *error)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(words[i], text) == 0) {
            value->number = (int64_t)(i % 2);
            return HEDDLE_OK;
        }
    }
    return refuse(option, name, text, "true or false", error);
}

static int parse_number(const struct heddle_option *option, const char *name, const char *text,
                        struct heddle_option_value *value, struct heddle_error *error)
{
    static const struct unit plain[] = {{"", 1}, {NULL, 0}};
    const bool with_auto = strcmp(option->default_text, "auto") == 0;
    if (with_auto && strcasecmp(text, "auto") == 0) {
        value->number = 0;
        return HEDDLE_OK;
    }
    if (parse_with_unit(text, plain, &value->number) && value->number >= option->minimum &&
        value->number <= option->maximum) {
        return HEDDLE_OK;
    }
    char expected[120];
    if (option->maximum == INT64_MAX) {
        snprintf(expected, sizeof expected, "a whole number from %" PRId64 " on%s", option->minimum,
                 with_auto ? " or auto" : "");
    } else {
        snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64 "%s",
                 option->minimum, option->maximum, with_auto ? " or auto" : "");
    }
    return refuse(option, name, text, expected, error);
}

static int parse_size(const struct heddle_option *option, const char *name, const char *text,
                      struct heddle_option_value *value, struct heddle_error *error)
{
    if (parse_with_unit(text, size_units, &value->number) && value->number >= option->minimum &&
        value->number <= option->maximum) {
        return HEDDLE_OK;
    }
    char expected[120];
    snprintf(expected, sizeof expected, "a size from %" PRId64 "KiB to %" PRId64 "MiB, such as %s",
             option->minimum / 1024, option->maximum / (1024 * 1024), option->default_text);
    return refuse(option, name, text, expected, error);
}

static int parse_duration(const struct heddle_option *option, const char *name, const char *text,
                          struct heddle_option_value *value, struct heddle_error *error)
{
    if (parse_with_unit(text, time_units, &value->number) && value->number >= option->minimum &&
        value->number <= option->maximum) {
        return HEDDLE_OK;
    }
    char expected[120];
    snprintf(expected, sizeof expected,
             "a time from %" PRId64 "s to %" PRId64 "h, such as 500ms, 30s or 5min", option->minimum / 1000,
             option->maximum / 3600000);
    return refuse(option, name, text, expected, error);
}

static int parse_choice(const struct heddle_option *option, const char *name, const char *text,
                        struct heddle_option_value *value, struct heddle_error *error)
{
    char expected[120] = "one of";
    size_t used = strlen(expected);
    /* YAML 1.1 reads `verify: off` as false before anybody can ask what was meant. */
    const char *word = strcasecmp(text, "false") == 0 ? "off" : text;
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        if (strcasecmp(option->choices[i], word) == 0) {
            value->number = (int64_t)i;
            return HEDDLE_OK;
        }
        const int more =
            snprintf(expected + used, sizeof expected - used, "%s %s", i > 0 ? "," : "", option->choices[i]);
        used += more > 0 && used + (size_t)more < sizeof expected ? (size_t)more : 0;
    }
    return refuse(option, name, text, expected, error);
}

/* N, N% or none. The share is read by strtod under a check of its characters: no exponent, sign, hex or
 * locale word. */
static int parse_limit(const struct heddle_option *option, const char *name, const char *text,
                       struct heddle_option_value *value, struct heddle_error *error)
{
    static const struct unit plain[] = {{"", 1}, {NULL, 0}};
    const size_t length = strlen(text);
    if (strcasecmp(text, "none") == 0) {
        value->number = INT64_MAX;
        return HEDDLE_OK;
    }
    if (parse_with_unit(text, plain, &value->number)) {
        return HEDDLE_OK;
    }
    if (length > 1 && length < 20 && text[length - 1] == '%' && text[0] >= '0' && text[0] <= '9' &&
        strspn(text, "0123456789.") == length - 1) {
        char *end = NULL;
        const double percent = strtod(text, &end);
        if (end == text + length - 1 && percent >= 0.0 && percent <= 100.0) {
            value->ratio = percent / 100.0;
            value->number = percent > 0.0 ? REJECT_FLOOR : 0;
            return HEDDLE_OK;
        }
    }
    return refuse(option, name, text, "a number of rows, a share such as 0.1%, or none", error);
}

int heddle_option_parse(const struct heddle_option *option, const char *name, const char *text,
                        struct heddle_option_value *value_out, struct heddle_error *error)
{
    struct heddle_option_value value = {.text = text, .ratio = -1.0};
    int status = HEDDLE_OK;
    switch (option->kind) {
    case HEDDLE_OPTION_TEXT:
        if (text[0] == '\0') {
            status = refuse(option, name, text, "a value", error);
        }
        break;
    case HEDDLE_OPTION_FLAG: status = parse_flag(option, name, text, &value, error); break;
    case HEDDLE_OPTION_NUMBER: status = parse_number(option, name, text, &value, error); break;
    case HEDDLE_OPTION_BYTES_: status = parse_size(option, name, text, &value, error); break;
    case HEDDLE_OPTION_DURATION: status = parse_duration(option, name, text, &value, error); break;
    case HEDDLE_OPTION_CHOICE: status = parse_choice(option, name, text, &value, error); break;
    case HEDDLE_OPTION_LIMIT_: status = parse_limit(option, name, text, &value, error); break;
    }
    if (status == HEDDLE_OK) {
        *value_out = value;
    }
    return status;
}
