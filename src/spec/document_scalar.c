/* document_scalar.c: what a YAML scalar without quotes is: the one typing table. */
#include "spec/document.h"

#include <string.h>
#include <strings.h>

static bool is_word(const char *text, size_t length, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strlen(*words) == length && strncasecmp(*words, text, length) == 0) {
            return true;
        }
    }
    return false;
}

/* How many characters from `at` on are in `set`. */
static size_t run_of(const char *text, size_t length, size_t at, const char *set)
{
    size_t end = at;
    while (end < length && text[end] != '\0' && strchr(set, text[end]) != NULL) {
        end++;
    }
    return end - at;
}

static bool is_integer(const char *text, size_t length, size_t start)
{
    if (start >= length || text[start] < '0' || text[start] > '9') {
        return false;
    }
    const char *digits = "0123456789_";
    if (text[start] == '0' && start + 1 < length) {
        const char base = (char)(text[start + 1] | 0x20);
        const bool prefixed = base == 'x' || base == 'b';
        digits = base == 'x' ? "0123456789abcdefABCDEF_" : base == 'b' ? "01_" : "01234567_";
        start += prefixed ? 2 : 1;
    }
    return start < length && run_of(text, length, start, digits) == length - start;
}

/* [digits].[digits][e[sign]digits] with at least one digit and at least a point or an exponent. */
static bool is_float(const char *text, size_t length, size_t start)
{
    static const char *const names[] = {".inf", ".nan", NULL};
    if (is_word(text + start, length - start, names)) {
        return true;
    }
    if (start < length && text[start] == '_') {
        return false;
    }
    size_t at = start + run_of(text, length, start, "0123456789_");
    size_t digits = at - start;
    const bool point = at < length && text[at] == '.';
    if (point) {
        const size_t fraction = run_of(text, length, at + 1, "0123456789_");
        digits += fraction;
        at += 1 + fraction;
    }
    bool exponent = false;
    if (digits > 0 && at < length && (text[at] | 0x20) == 'e') {
        at++;
        at += run_of(text, length, at, "+-") > 0;
        const size_t power = run_of(text, length, at, "0123456789");
        exponent = power > 0;
        at += power;
    }
    return digits > 0 && at == length && (point || exponent);
}

enum heddle_document_kind heddle_document_type_plain(const char *text, size_t length)
{
    static const char *const nulls[] = {"", "~", "null", NULL};
    static const char *const booleans[] = {"y", "yes", "on", "true", "n", "no", "off", "false", NULL};
    if (is_word(text, length, nulls)) {
        return HEDDLE_DOCUMENT_NULL;
    }
    if (is_word(text, length, booleans)) {
        return HEDDLE_DOCUMENT_BOOLEAN;
    }
    const size_t start = text[0] == '-' || text[0] == '+';
    if (is_integer(text, length, start)) {
        return HEDDLE_DOCUMENT_INTEGER;
    }
    return is_float(text, length, start) ? HEDDLE_DOCUMENT_FLOAT : HEDDLE_DOCUMENT_TEXT;
}
