/* json_scores.c: finding the numbers in JSON text that is known to be valid, and reading them with two roundings. */
#include "model/tokenizer/json_scores.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1e308 is the largest power of ten that f64 has. */
enum { POWERS = 309, EXPONENT_MAX = 100000 };

struct cursor {
    const char *json;
    size_t length;
    size_t at;
};

static char peek(const struct cursor *cursor)
{
    return cursor->at < cursor->length ? cursor->json[cursor->at] : '\0';
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->length && memchr(" \t\r\n", cursor->json[cursor->at], 4) != NULL) {
        cursor->at++;
    }
}

/* Takes one structural character, and white space before it. */
static bool take(struct cursor *cursor, char wanted)
{
    skip_space(cursor);
    if (peek(cursor) != wanted) {
        return false;
    }
    cursor->at++;
    return true;
}

static void skip_string(struct cursor *cursor)
{
    if (!take(cursor, '"')) {
        return;
    }
    while (cursor->at < cursor->length && peek(cursor) != '"') {
        cursor->at += peek(cursor) == '\\' ? 2 : 1;
    }
    cursor->at++;
}

static void skip_value(struct cursor *cursor)
{
    size_t depth = 0;
    do {
        skip_space(cursor);
        const char c = peek(cursor);
        if (c == '"') {
            skip_string(cursor);
            continue;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (depth == 0) { /* a number or a word */
            while (cursor->at < cursor->length && memchr(",}] \t\r\n", peek(cursor), 7) == NULL) {
                cursor->at++;
            }
            return;
        }
        cursor->at++;
    } while (depth > 0 && cursor->at < cursor->length);
}

/* Moves from the start of an object to the value of one of its keys. */
static bool find_key(struct cursor *cursor, const char *key)
{
    const size_t length = strlen(key);
    if (!take(cursor, '{')) {
        return false;
    }
    do {
        skip_space(cursor);
        const size_t start = cursor->at + 1;
        skip_string(cursor);
        const bool found = cursor->at == start + length + 1 && cursor->at <= cursor->length &&
                           memcmp(cursor->json + start, key, length) == 0;
        if (!take(cursor, ':')) {
            return false;
        }
        if (found) {
            return true;
        }
        skip_value(cursor);
    } while (take(cursor, ','));
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits into a u64 for as long as they fit. Answers how many digits were read but did not fit. */
static long read_digits(struct cursor *cursor, uint64_t *significand, long *taken)
{
    long lost = 0;
    for (; is_digit(peek(cursor)); cursor->at++) {
        const uint64_t digit = (uint64_t)(peek(cursor) - '0');
        if (lost > 0 || *significand > (UINT64_MAX - digit) / 10) {
            lost++;
        } else {
            *significand = *significand * 10 + digit;
            (*taken)++;
        }
    }
    return lost;
}

static double scale(uint64_t significand, long exponent, const double *powers)
{
    double value = (double)significand;
    while (exponent < -(POWERS - 1) && value != 0) {
        value /= powers[POWERS - 1];
        exponent += POWERS - 1;
    }
    if (value == 0 || exponent > POWERS - 1) {
        return value; /* the parser before refused what is too large */
    }
    return exponent >= 0 ? value * powers[exponent] : value / powers[-exponent];
}

static bool read_number(struct cursor *cursor, const double *powers, double *number_out)
{
    const bool negative = take(cursor, '-');
    skip_space(cursor);
    if (!is_digit(peek(cursor))) {
        return false;
    }
    uint64_t significand = 0;
    long whole = 0;
    long fraction = 0;
    /* Digits of the whole part that do not fit count as zeros, those behind the point not at all. */
    long exponent = read_digits(cursor, &significand, &whole);
    if (peek(cursor) == '.') {
        cursor->at++;
        (void)read_digits(cursor, &significand, &fraction);
        exponent -= fraction;
    }
    if (peek(cursor) == 'e' || peek(cursor) == 'E') {
        cursor->at++;
        const bool down = peek(cursor) == '-';
        cursor->at += down || peek(cursor) == '+';
        long power = 0;
        for (; is_digit(peek(cursor)); cursor->at++) {
            power = power > EXPONENT_MAX ? power : power * 10 + (peek(cursor) - '0');
        }
        exponent += down ? -power : power;
    }
    const double value = scale(significand, exponent, powers);
    *number_out = negative ? -value : value;
    return true;
}

int heddle_json_scores_read(const char *json, size_t length, double *scores_out, size_t count,
                            struct heddle_error *error)
{
    double powers[POWERS];
    for (int i = 0; i < POWERS; i++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", i);
        powers[i] = strtod(text, NULL);
    }
    struct cursor cursor = {json, length, 0};
    bool good = find_key(&cursor, "model") && find_key(&cursor, "vocab") && take(&cursor, '[');
    for (size_t i = 0; good && i < count; i++) {
        good = (i == 0 || take(&cursor, ',')) && take(&cursor, '[');
        skip_string(&cursor);
        good =
            good && take(&cursor, ',') && read_number(&cursor, powers, &scores_out[i]) && take(&cursor, ']');
    }
    return good ? HEDDLE_OK
                : heddle_error_set(error, HEDDLE_MODEL, "model.vocab is not a list of [\"text\", score]");
}
