/* json_vocabulary.c: reading model.vocab in place, as strictly as the parser that sees the rest. */
#include "model/tokenizer/json_vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/json_scan.h"
#include "model/tokenizer/unicode.h"

/* Digits that any parser takes for a number: less than 64 bits of them, and exponents far from a double's ends. */
enum { WHOLE_DIGITS_MAX = 18, FRACTION_DIGITS_MAX = 40, EXPONENT_DIGITS_MAX = 2 };

enum { HEX_DIGITS = 4, ESCAPE_BYTES = 2 };

struct reader {
    struct heddle_json_scan scan;
    struct heddle_json_vocabulary *cut;
    bool out_of_memory;
};

/* ---- texts ---- */

/* The character of \uXXXX; 0 for what is none by itself: damaged, half of a pair, or NUL, which no token may hold. */
static uint32_t read_point(const char *digits, size_t length)
{
    uint32_t point = 0;
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        const char digit = i < length ? digits[i] : '\0';
        const char letter = (char)(digit | 0x20);
        if (digit >= '0' && digit <= '9') {
            point = point << 4 | (uint32_t)(digit - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            point = point << 4 | (uint32_t)(letter - 'a' + 10);
        } else {
            return 0;
        }
    }
    return point >= 0xd800 && point <= 0xdfff ? 0 : point;
}

/* The character of a backslash and what follows; *used_out is how long that is. 0 for none. */
static uint32_t read_escape(const char *text, size_t length, size_t *used_out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    *used_out = ESCAPE_BYTES;
    if (length >= ESCAPE_BYTES && text[1] == 'u') {
        *used_out = ESCAPE_BYTES + HEX_DIGITS;
        return read_point(text + ESCAPE_BYTES, length - ESCAPE_BYTES);
    }
    const char *letter = length < ESCAPE_BYTES || text[1] == '\0' ? NULL : strchr(letters, text[1]);
    return letter == NULL ? 0 : (uint32_t)meanings[letter - letters];
}

/* A copy of a text without its escapes, which are longer than what they stand for. */
static bool unescape(struct reader *reader, const char **text, size_t *length)
{
    struct heddle_arena **texts = &reader->cut->texts;
    if (*texts == NULL && heddle_arena_create(0, texts, NULL) != HEDDLE_OK) {
        reader->out_of_memory = true;
        return false;
    }
    char *copy = heddle_arena_alloc_small(*texts, *length);
    if (copy == NULL) {
        reader->out_of_memory = true;
        return false;
    }
    size_t written = 0;
    for (size_t at = 0; at < *length;) {
        size_t used = 1;
        if ((*text)[at] != '\\') {
            copy[written++] = (*text)[at];
        } else {
            const uint32_t point = read_escape(*text + at, *length - at, &used);
            if (point == 0) {
                return false;
            }
            char bytes[4];
            const size_t encoded = heddle_unicode_encode(point, bytes);
            memcpy(copy + written, bytes, encoded);
            written += encoded;
        }
        at += used;
    }
    *text = copy;
    *length = written;
    return true;
}

static bool read_text(struct reader *reader, const char **text_out, size_t *length_out)
{
    if (!heddle_json_scan_string(&reader->scan, text_out, length_out)) {
        return false;
    }
    bool plain = true;
    bool ascii = true;
    for (size_t i = 0; i < *length_out; i++) {
        const unsigned char byte = (unsigned char)(*text_out)[i];
        if (byte < 0x20) {
            return false; /* JSON wants them escaped */
        }
        plain = plain && byte != '\\';
        ascii = ascii && byte < 0x80;
    }
    return (ascii || heddle_text_is_utf8(*text_out, *length_out)) &&
           (plain || unescape(reader, text_out, length_out));
}

static bool add(struct reader *reader, const char *text, size_t length, size_t id)
{
    struct heddle_entries *entries = &reader->cut->entries;
    if (id >= HEDDLE_TOKENS_MAX || entries->count >= HEDDLE_TOKENS_MAX) {
        return false;
    }
    reader->out_of_memory = heddle_entries_add(entries, text, length, id, NULL) != HEDDLE_OK;
    return !reader->out_of_memory;
}

/* ---- numbers ---- */

/* Passes at most `most` digits and answers how many; one more if there are more. */
static size_t pass_digits(struct heddle_json_scan *scan, size_t most)
{
    size_t count = 0;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && count <= most) {
        scan->at++;
        count++;
    }
    return count;
}

static bool pass_byte(struct heddle_json_scan *scan, char one, char other)
{
    const bool passed = scan->at < scan->end && (*scan->at == one || *scan->at == other);
    scan->at += passed;
    return passed;
}

/* A whole number without a sign, written without needless zeros. */
static bool read_id(struct heddle_json_scan *scan, size_t *id_out)
{
    (void)heddle_json_scan_peek(scan);
    const char *digits = scan->at;
    uint64_t id = 0;
    const bool read = heddle_json_scan_count(scan, &id);
    *id_out = (size_t)id;
    return read && (digits[0] != '0' || scan->at == digits + 1);
}

static bool pass_number(struct heddle_json_scan *scan)
{
    (void)heddle_json_scan_peek(scan);
    (void)pass_byte(scan, '-', '-');
    const char *digits = scan->at;
    const size_t whole = pass_digits(scan, WHOLE_DIGITS_MAX);
    if (whole == 0 || whole > WHOLE_DIGITS_MAX || (whole > 1 && digits[0] == '0')) {
        return false;
    }
    if (pass_byte(scan, '.', '.')) {
        const size_t fraction = pass_digits(scan, FRACTION_DIGITS_MAX);
        if (fraction == 0 || fraction > FRACTION_DIGITS_MAX) {
            return false;
        }
    }
    if (pass_byte(scan, 'e', 'E')) {
        (void)pass_byte(scan, '+', '-');
        const size_t exponent = pass_digits(scan, EXPONENT_DIGITS_MAX);
        return exponent > 0 && exponent <= EXPONENT_DIGITS_MAX;
    }
    return true;
}

/* ---- the vocabulary ---- */

static bool read_map(struct reader *reader)
{
    struct heddle_json_scan *scan = &reader->scan;
    bool first = true;
    int more = 1;
    while ((more = heddle_json_scan_step(scan, '}', &first)) == 1) {
        const char *text = NULL;
        size_t length = 0;
        size_t id = 0;
        if (!read_text(reader, &text, &length) || !heddle_json_scan_take(scan, ':') || !read_id(scan, &id) ||
            !add(reader, text, length, id)) {
            return false;
        }
    }
    return more == 0;
}

static bool read_list(struct reader *reader)
{
    struct heddle_json_scan *scan = &reader->scan;
    bool first = true;
    int more = 1;
    for (size_t id = 0; (more = heddle_json_scan_step(scan, ']', &first)) == 1; id++) {
        const char *text = NULL;
        size_t length = 0;
        if (!heddle_json_scan_take(scan, '[') || !read_text(reader, &text, &length) ||
            !heddle_json_scan_take(scan, ',') || !pass_number(scan) || !heddle_json_scan_take(scan, ']') ||
            !add(reader, text, length, id)) {
            return false;
        }
    }
    return more == 0;
}

/* From before an object to the value of one of its keys. */
static bool find_key(struct heddle_json_scan *scan, const char *wanted)
{
    bool first = true;
    if (!heddle_json_scan_take(scan, '{')) {
        return false;
    }
    while (heddle_json_scan_step(scan, '}', &first) == 1) {
        const char *key = NULL;
        size_t length = 0;
        if (!heddle_json_scan_key(scan, &key, &length)) {
            return false;
        }
        if (heddle_json_key_is(key, length, wanted)) {
            return true;
        }
        if (!heddle_json_scan_skip(scan)) {
            return false;
        }
    }
    return false;
}

static bool cut_vocabulary(struct reader *reader, const char *json, size_t length)
{
    struct heddle_json_vocabulary *cut = reader->cut;
    if (!find_key(&reader->scan, "model") || !find_key(&reader->scan, "vocab")) {
        return false;
    }
    const char open = heddle_json_scan_peek(&reader->scan);
    const size_t before = (size_t)(reader->scan.at - json);
    if ((open != '{' && open != '[') || !heddle_json_scan_take(&reader->scan, open) ||
        !(open == '{' ? read_map(reader) : read_list(reader))) {
        return false;
    }
    const size_t behind = (size_t)(reader->scan.end - reader->scan.at);
    cut->rest_length = before + 2 + behind;
    cut->rest = heddle_malloc(cut->rest_length);
    reader->out_of_memory = cut->rest == NULL;
    if (cut->rest == NULL) {
        return false;
    }
    memcpy(cut->rest, json, before);
    cut->rest[before] = open;
    cut->rest[before + 1] = open == '{' ? '}' : ']';
    memcpy(cut->rest + before + 2, json + length - behind, behind);
    return true;
}

int heddle_json_vocabulary_cut(const char *json, size_t length, struct heddle_json_vocabulary *cut_out,
                               struct heddle_error *error)
{
    *cut_out = (struct heddle_json_vocabulary){0};
    struct reader reader = {.scan = {json, json + length}, .cut = cut_out};
    if (!cut_vocabulary(&reader, json, length)) {
        heddle_json_vocabulary_free(cut_out);
    }
    return reader.out_of_memory ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

void heddle_json_vocabulary_free(struct heddle_json_vocabulary *cut)
{
    free(cut->entries.list);
    heddle_arena_destroy(cut->texts);
    free(cut->rest);
    *cut = (struct heddle_json_vocabulary){0};
}
