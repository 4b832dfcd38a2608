/* document_json.c: strict JSON (RFC 8259) with the place of every value.
 *
 * Written here and not taken from a library because a job file's mistakes are told by line and column, and
 * jansson keeps no positions. Numbers stay text: nothing is rounded.
 */
#include "spec/document.h"

#include <string.h>

#include "base/error.h"

struct json_reader {
    struct heddle_document_builder *builder;
    const char *at;
    const char *end;
    const char
        *marked; /* line and column are those of this byte; it only moves forward, so counting stays linear */
    uint32_t line;
    uint32_t column;
};

static void locate(struct json_reader *reader)
{
    for (; reader->marked < reader->at; reader->marked++) {
        if (*reader->marked == '\n') {
            reader->line++;
            reader->column = 1;
        } else if (((unsigned char)*reader->marked & 0xc0) != 0x80) {
            reader->column++;
        }
    }
}

/* "found X" for a message: the character at the reader, or the end of the file. */
static int refuse(struct json_reader *reader, const char *expected)
{
    locate(reader);
    if (reader->at >= reader->end) {
        return heddle_document_refuse(reader->builder, reader->line, reader->column,
                                      "expected %s, found the end of the file", expected);
    }
    size_t length = 1;
    while (length < 16 && reader->at + length < reader->end && (unsigned char)reader->at[length] > 0x20) {
        length++;
    }
    while (length > 1 && reader->at + length < reader->end &&
           ((unsigned char)reader->at[length] & 0xc0) == 0x80) {
        length--;
    }
    if ((unsigned char)reader->at[0] < 0x20) {
        return heddle_document_refuse(reader->builder, reader->line, reader->column,
                                      "expected %s, found the control character 0x%02x", expected,
                                      (unsigned)reader->at[0]);
    }
    return heddle_document_refuse(reader->builder, reader->line, reader->column, "expected %s, found '%.*s'",
                                  expected, (int)length, reader->at);
}

static void skip_blanks(struct json_reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r')) {
        reader->at++;
    }
}

static struct heddle_document_node *node_here(struct json_reader *reader, enum heddle_document_kind kind)
{
    locate(reader);
    return heddle_document_node_new(reader->builder, kind, reader->line, reader->column);
}

static int hex_unit(struct json_reader *reader, uint32_t *unit_out)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        const char digit = reader->at < reader->end ? *reader->at : '\0';
        const char *place = digit == '\0' ? NULL : strchr("0123456789abcdef", digit | 0x20);
        if (place == NULL) {
            return refuse(reader, "four hexadecimal digits behind \\u");
        }
        unit = unit * 16 + (uint32_t)(place - "0123456789abcdef");
    }
    *unit_out = unit;
    return HEDDLE_OK;
}

/* Reads what follows \u, a low surrogate included, and writes it as UTF-8. */
static int unicode_escape(struct json_reader *reader, char **out)
{
    uint32_t point = 0;
    HEDDLE_TRY(hex_unit(reader, &point));
    if (point >= 0xd800 && point < 0xdc00) {
        uint32_t low = 0;
        if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u') {
            return refuse(reader, "the second half of a surrogate pair (\\uDC00 to \\uDFFF)");
        }
        reader->at += 2;
        HEDDLE_TRY(hex_unit(reader, &low));
        if (low < 0xdc00 || low > 0xdfff) {
            return refuse(reader, "the second half of a surrogate pair (\\uDC00 to \\uDFFF)");
        }
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point < 0xe000) {
        return refuse(reader, "a first half before the second half of a surrogate pair");
    } else if (point == 0) {
        return refuse(reader, "a text without \\u0000");
    }
    if (point < 0x80) {
        *(*out)++ = (char)point;
    } else if (point < 0x800) {
        *(*out)++ = (char)(0xc0 | (point >> 6));
    } else if (point < 0x10000) {
        *(*out)++ = (char)(0xe0 | (point >> 12));
        *(*out)++ = (char)(0x80 | ((point >> 6) & 0x3f));
    } else {
        *(*out)++ = (char)(0xf0 | (point >> 18));
        *(*out)++ = (char)(0x80 | ((point >> 12) & 0x3f));
        *(*out)++ = (char)(0x80 | ((point >> 6) & 0x3f));
    }
    if (point >= 0x80) {
        *(*out)++ = (char)(0x80 | (point & 0x3f));
    }
    return HEDDLE_OK;
}

static int escape(struct json_reader *reader, char **out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    reader->at++;
    const char letter = reader->at < reader->end ? *reader->at : '\0';
    if (letter == 'u') {
        reader->at++;
        return unicode_escape(reader, out);
    }
    const char *place = letter == '\0' ? NULL : strchr(letters, letter);
    if (place == NULL) {
        return refuse(reader, "one of \" \\ / b f n r t u behind a backslash");
    }
    *(*out)++ = meanings[place - letters];
    reader->at++;
    return HEDDLE_OK;
}

static int read_text(struct json_reader *reader, struct heddle_document_node **node_out)
{
    struct heddle_document_node *node = node_here(reader, HEDDLE_DOCUMENT_TEXT);
    const char *closing = ++reader->at;
    while (closing < reader->end && *closing != '"') {
        closing += *closing == '\\' && closing + 1 < reader->end ? 2 : 1;
    }
    /* An escape is never shorter than what it stands for. */
    char *text = node == NULL
                     ? NULL
                     : heddle_arena_alloc_small(reader->builder->arena, (size_t)(closing - reader->at) + 1);
    if (text == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    char *out = text;
    while (reader->at < reader->end && *reader->at != '"') {
        if (*reader->at == '\\') {
            HEDDLE_TRY(escape(reader, &out));
        } else if ((unsigned char)*reader->at < 0x20) {
            return refuse(reader, "the closing quote of a text, or an escape like \\n");
        } else {
            *out++ = *reader->at++;
        }
    }
    if (reader->at >= reader->end) {
        return refuse(reader, "the closing quote of a text");
    }
    reader->at++;
    *out = '\0';
    node->text = text;
    node->length = (size_t)(out - text);
    *node_out = node;
    return HEDDLE_OK;
}

static size_t skip_digits(struct json_reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        reader->at++;
    }
    return (size_t)(reader->at - start);
}

static bool skip_one_of(struct json_reader *reader, const char *set)
{
    const bool found = reader->at < reader->end && *reader->at != '\0' && strchr(set, *reader->at) != NULL;
    reader->at += found;
    return found;
}

static int read_number(struct json_reader *reader, struct heddle_document_node **node_out)
{
    struct heddle_document_node *node = node_here(reader, HEDDLE_DOCUMENT_INTEGER);
    if (node == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    const char *start = reader->at;
    skip_one_of(reader, "-");
    const bool zero = reader->at < reader->end && *reader->at == '0';
    const size_t digits = skip_digits(reader);
    if (digits == 0 || (zero && digits > 1)) {
        return refuse(reader, "a number without leading zeros");
    }
    if (skip_one_of(reader, ".")) {
        node->kind = HEDDLE_DOCUMENT_FLOAT;
        if (skip_digits(reader) == 0) {
            return refuse(reader, "a digit behind the decimal point");
        }
    }
    if (skip_one_of(reader, "eE")) {
        node->kind = HEDDLE_DOCUMENT_FLOAT;
        skip_one_of(reader, "+-");
        if (skip_digits(reader) == 0) {
            return refuse(reader, "a digit in the exponent");
        }
    }
    node->length = (size_t)(reader->at - start);
    node->text = heddle_arena_copy_text(reader->builder->arena, start, node->length);
    *node_out = node;
    return node->text == NULL ? HEDDLE_OUT_OF_MEMORY : HEDDLE_OK;
}

static int read_word(struct json_reader *reader, struct heddle_document_node **node_out)
{
    static const struct {
        const char *word;
        enum heddle_document_kind kind;
    } words[] = {{"true", HEDDLE_DOCUMENT_BOOLEAN},
                 {"false", HEDDLE_DOCUMENT_BOOLEAN},
                 {"null", HEDDLE_DOCUMENT_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t length = strlen(words[i].word);
        if ((size_t)(reader->end - reader->at) >= length && memcmp(reader->at, words[i].word, length) == 0) {
            struct heddle_document_node *node = node_here(reader, words[i].kind);
            if (node == NULL) {
                return HEDDLE_OUT_OF_MEMORY;
            }
            if (node->kind == HEDDLE_DOCUMENT_BOOLEAN) {
                node->text = words[i].word;
                node->length = length;
            }
            reader->at += length;
            *node_out = node;
            return HEDDLE_OK;
        }
    }
    return refuse(reader, "a value ({, [, a \"text\", a number, true, false or null)");
}

static int read_value(struct json_reader *reader, size_t level, struct heddle_document_node **node_out);

/* One `key: ` of a map, pushed on the stack. */
static int read_key(struct json_reader *reader)
{
    skip_blanks(reader);
    if (reader->at >= reader->end || *reader->at != '"') {
        return refuse(reader, "a key in double quotes");
    }
    struct heddle_document_node *key = NULL;
    HEDDLE_TRY(read_text(reader, &key));
    skip_blanks(reader);
    if (!skip_one_of(reader, ":")) {
        return refuse(reader, "a colon behind the key");
    }
    return heddle_document_push(reader->builder, key);
}

/* A list or a map: the reader stands on its opening bracket. */
static int read_container(struct json_reader *reader, size_t level, struct heddle_document_node **node_out)
{
    const bool map = *reader->at == '{';
    const char *closing = map ? "}" : "]";
    struct heddle_document_node *node = node_here(reader, map ? HEDDLE_DOCUMENT_MAP : HEDDLE_DOCUMENT_LIST);
    if (node == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    if (level >= HEDDLE_DOCUMENT_DEPTH_MAX) {
        return heddle_document_refuse(reader->builder, node->line, node->column,
                                      "lists and maps are nested more than %d deep",
                                      HEDDLE_DOCUMENT_DEPTH_MAX);
    }
    const size_t base = reader->builder->depth;
    reader->at++;
    skip_blanks(reader);
    if (!skip_one_of(reader, closing)) {
        do {
            struct heddle_document_node *child = NULL;
            if (map) {
                HEDDLE_TRY(read_key(reader));
            }
            HEDDLE_TRY(read_value(reader, level + 1, &child));
            HEDDLE_TRY(heddle_document_push(reader->builder, child));
            skip_blanks(reader);
        } while (skip_one_of(reader, ","));
        if (!skip_one_of(reader, closing)) {
            return refuse(reader, map ? "a comma or }" : "a comma or ]");
        }
    }
    *node_out = node;
    return heddle_document_close(reader->builder, node, base);
}

static int read_value(struct json_reader *reader, size_t level, struct heddle_document_node **node_out)
{
    skip_blanks(reader);
    if (reader->builder->nodes > HEDDLE_DOCUMENT_NODES_MAX) {
        return refuse(reader, "at most a million values");
    }
    const char first = reader->at < reader->end ? *reader->at : '\0';
    if (first == '{' || first == '[') {
        return read_container(reader, level, node_out);
    }
    if (first == '"') {
        return read_text(reader, node_out);
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return read_number(reader, node_out);
    }
    return read_word(reader, node_out);
}

int heddle_document_read_json(struct heddle_document_builder *builder, const char *text, size_t length,
                              const struct heddle_document_node **root_out)
{
    struct json_reader reader = {
        .builder = builder, .at = text, .end = text + length, .marked = text, .line = 1, .column = 1};
    struct heddle_document_node *root = NULL;
    HEDDLE_TRY(read_value(&reader, 1, &root));
    skip_blanks(&reader);
    if (reader.at < reader.end) {
        return refuse(&reader, "nothing behind the closing bracket");
    }
    *root_out = root;
    return HEDDLE_OK;
}
