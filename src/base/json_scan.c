/* json_scan.c: a forward reader of JSON in place. */
#include "base/json_scan.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Digits of a mantissa that 64 bits hold; what follows moves a float by less than it can show. */
enum { DIGITS_MAX = 19 };

/* 10^27 is the largest power of ten that 64 bits of mantissa hold exactly (5^27 < 2^64). */
enum { POWER_EXACT_MAX = 27 };

/* Beyond these a float is infinite or zero whatever its digits: FLT_MAX is 3.4e38, the least denormal 1.4e-45. */
enum { EXPONENT_MAX = 400, EXPONENT_DIGITS_MAX = 9 };

char heddle_json_scan_peek(struct heddle_json_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r')) {
        scan->at++;
    }
    return scan->at < scan->end ? *scan->at : '\0';
}

bool heddle_json_scan_take(struct heddle_json_scan *scan, char wanted)
{
    if (heddle_json_scan_peek(scan) != wanted || scan->at == scan->end) {
        return false;
    }
    scan->at++;
    return true;
}

int heddle_json_scan_step(struct heddle_json_scan *scan, char close, bool *first)
{
    if (*first) {
        *first = false;
        return heddle_json_scan_take(scan, close) ? 0 : 1;
    }
    if (heddle_json_scan_take(scan, close)) {
        return 0;
    }
    return heddle_json_scan_take(scan, ',') ? 1 : -1;
}

bool heddle_json_scan_string(struct heddle_json_scan *scan, const char **text_out, size_t *length_out)
{
    if (heddle_json_scan_peek(scan) != '"') {
        return false;
    }
    const char *start = scan->at + 1;
    for (const char *at = start; at < scan->end; at++) {
        if (*at == '"') {
            *text_out = start;
            *length_out = (size_t)(at - start);
            scan->at = at + 1;
            return true;
        }
        if (*at == '\\') {
            at++;
        }
    }
    return false;
}

bool heddle_json_scan_key(struct heddle_json_scan *scan, const char **key_out, size_t *length_out)
{
    return heddle_json_scan_string(scan, key_out, length_out) && heddle_json_scan_take(scan, ':');
}

bool heddle_json_key_is(const char *key, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(key, name, length) == 0;
}

static bool word_take(struct heddle_json_scan *scan, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0) {
        return false;
    }
    scan->at += length;
    return true;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A decimal number taken apart: mantissa x 10^exponent. */
struct decimal {
    uint64_t mantissa;
    int digits;   /* in the mantissa, leading zeros not counted */
    int exponent; /* of ten */
    bool any;     /* there was a digit */
};

/* Digits that no longer fit only move the exponent. */
static const char *digits_read(const char *at, const char *end, int step, struct decimal *decimal)
{
    for (; at < end && is_digit(*at); at++) {
        decimal->any = true;
        if (decimal->digits < DIGITS_MAX) {
            decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(*at - '0');
            decimal->digits += decimal->mantissa != 0;
            decimal->exponent -= step;
        } else if (decimal->exponent < EXPONENT_MAX) {
            decimal->exponent += 1 - step;
        }
    }
    return at;
}

static const char *exponent_read(const char *at, const char *end, struct decimal *decimal)
{
    const char *start = at;
    int exponent = 0;
    bool negative = false;
    at++;
    if (at < end && (*at == '+' || *at == '-')) {
        negative = *at == '-';
        at++;
    }
    if (at == end || !is_digit(*at)) {
        return start; /* the e is not part of the number; what follows will complain */
    }
    for (; at < end && is_digit(*at); at++) {
        exponent = exponent < EXPONENT_MAX * 2 ? exponent * 10 + (*at - '0') : exponent;
    }
    decimal->exponent += negative ? -exponent : exponent;
    return at;
}

/* In long double: 64 bits of mantissa on x86, more elsewhere. Both factors are exact, so one rounding happens here and one
 * when it becomes a float (Clinger 1990 for the idea). Larger powers take a few more roundings, still far below a float's. */
static float decimal_value(const struct decimal *decimal)
{
    static const long double powers[POWER_EXACT_MAX + 1] = {
        1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
        1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    long double value = (long double)decimal->mantissa;
    int exponent = decimal->exponent;
    exponent = exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
    while (exponent < 0) {
        const int step = -exponent < POWER_EXACT_MAX ? -exponent : POWER_EXACT_MAX;
        value /= powers[step];
        exponent += step;
    }
    while (exponent > 0) {
        const int step = exponent < POWER_EXACT_MAX ? exponent : POWER_EXACT_MAX;
        value *= powers[step];
        exponent -= step;
    }
    return value > (long double)FLT_MAX ? INFINITY : (float)value;
}

bool heddle_json_scan_float(struct heddle_json_scan *scan, float *value_out)
{
    struct decimal decimal = {0};
    (void)heddle_json_scan_peek(scan);
    const char *start = scan->at;
    const bool negative = word_take(scan, "-");
    if (word_take(scan, "NaN")) {
        *value_out = NAN;
        return true;
    }
    if (word_take(scan, "Infinity")) {
        *value_out = negative ? -INFINITY : INFINITY;
        return true;
    }
    const char *at = digits_read(scan->at, scan->end, 0, &decimal);
    if (at < scan->end && *at == '.' && decimal.any) {
        at = digits_read(at + 1, scan->end, 1, &decimal);
    }
    if (!decimal.any) {
        scan->at = start;
        return false;
    }
    if (at < scan->end && (*at == 'e' || *at == 'E')) {
        at = exponent_read(at, scan->end, &decimal);
    }
    scan->at = at;
    *value_out = negative ? -decimal_value(&decimal) : decimal_value(&decimal);
    return true;
}

bool heddle_json_scan_count(struct heddle_json_scan *scan, uint64_t *value_out)
{
    const char *start = scan->at;
    uint64_t value = 0;
    (void)heddle_json_scan_peek(scan);
    const char *digits = scan->at;
    while (scan->at < scan->end && is_digit(*scan->at) && value < (uint64_t)1 << 53) {
        value = value * 10 + (uint64_t)(*scan->at++ - '0');
    }
    const char next = scan->at < scan->end ? *scan->at : '\0';
    if (scan->at == digits || is_digit(next) || next == '.' || next == 'e' || next == 'E') {
        scan->at = start;
        return false;
    }
    *value_out = value;
    return true;
}

/* true, false, null, and numbers as their letters go. */
static bool word_skip(struct heddle_json_scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end &&
           (is_digit(*scan->at) || strchr("+-.", *scan->at) != NULL ||
            ((*scan->at | 0x20) >= 'a' && (*scan->at | 0x20) <= 'z')) &&
           *scan->at != '\0') {
        scan->at++;
    }
    return scan->at > start;
}

bool heddle_json_scan_skip(struct heddle_json_scan *scan)
{
    char open[HEDDLE_JSON_SCAN_DEPTH_MAX];
    size_t depth = 0;
    const char *text = NULL;
    size_t length = 0;
    do {
        const char next = heddle_json_scan_peek(scan);
        if (next == '{' || next == '[') {
            if (depth == HEDDLE_JSON_SCAN_DEPTH_MAX) {
                return false;
            }
            open[depth++] = next == '{' ? '}' : ']';
            scan->at++;
        } else if (depth > 0 && next == open[depth - 1]) {
            depth--;
            scan->at++;
        } else if (next == '"') {
            if (!heddle_json_scan_string(scan, &text, &length)) {
                return false;
            }
        } else if (depth > 0 && (next == ',' || next == ':')) {
            scan->at++;
        } else if (!word_skip(scan)) {
            return false;
        }
    } while (depth > 0);
    return true;
}
