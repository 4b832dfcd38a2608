/* answers.c: reading the maps of SUCCESS and FAILURE. */
#include "bolt/answers.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bolt/counters.h"
#include "bolt/failure.h"

/* How much of a server's sentence fits beside code and advice. */
enum { SENTENCE_MAX = 300 };

static bool key_is(const char *key, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(key, name, length) == 0;
}

static int read_counters(struct heddle_unpack *unpack, struct heddle_counters *counters,
                         struct heddle_error *error)
{
    uint32_t count = 0;
    HEDDLE_TRY(heddle_unpack_map(unpack, &count, error));
    for (uint32_t i = 0; i < count; i++) {
        const char *key = NULL;
        size_t length = 0;
        enum heddle_value_type type = HEDDLE_VALUE_NULL;
        HEDDLE_TRY(heddle_unpack_string(unpack, &key, &length, error));
        HEDDLE_TRY(heddle_unpack_peek(unpack, &type, error));
        int64_t *counter = heddle_counters_field(counters, key, length);
        if (counter != NULL && type == HEDDLE_VALUE_INTEGER) {
            HEDDLE_TRY(heddle_unpack_integer(unpack, counter, error));
        } else {
            HEDDLE_TRY(heddle_unpack_skip(unpack, error));
        }
    }
    return HEDDLE_OK;
}

static int read_fields(struct heddle_unpack *unpack, struct heddle_arena *arena,
                       struct heddle_bolt_success *success, struct heddle_error *error)
{
    uint32_t count = 0;
    HEDDLE_TRY(heddle_unpack_list(unpack, &count, error));
    success->fields = heddle_arena_alloc_small(arena, count * sizeof *success->fields);
    if (success->fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *text = NULL;
        size_t length = 0;
        HEDDLE_TRY(heddle_unpack_string(unpack, &text, &length, error));
        success->fields[i] = (struct heddle_value_text){heddle_arena_copy_text(arena, text, length), length};
        if (success->fields[i].text == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    success->field_count = count;
    return HEDDLE_OK;
}

/* A text into the arena; anything else (null) is stepped over. */
static int read_text(struct heddle_unpack *unpack, struct heddle_arena *arena, const char **text_out,
                     struct heddle_error *error)
{
    enum heddle_value_type type = HEDDLE_VALUE_NULL;
    HEDDLE_TRY(heddle_unpack_peek(unpack, &type, error));
    if (type != HEDDLE_VALUE_STRING) {
        return heddle_unpack_skip(unpack, error);
    }
    const char *text = NULL;
    size_t length = 0;
    HEDDLE_TRY(heddle_unpack_string(unpack, &text, &length, error));
    *text_out = heddle_arena_copy_text(arena, text, length);
    return *text_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_bolt_success_read(struct heddle_unpack *unpack, struct heddle_arena *arena,
                             struct heddle_bolt_success *success_out, struct heddle_error *error)
{
    *success_out = (struct heddle_bolt_success){0};
    uint32_t count = 0;
    HEDDLE_TRY(heddle_unpack_map(unpack, &count, error));
    for (uint32_t i = 0; i < count; i++) {
        const char *key = NULL;
        size_t length = 0;
        HEDDLE_TRY(heddle_unpack_string(unpack, &key, &length, error));
        if (key_is(key, length, "stats")) {
            HEDDLE_TRY(read_counters(unpack, &success_out->counters, error));
        } else if (key_is(key, length, "fields")) {
            HEDDLE_TRY(read_fields(unpack, arena, success_out, error));
        } else if (key_is(key, length, "bookmark")) {
            HEDDLE_TRY(read_text(unpack, arena, &success_out->bookmark, error));
        } else if (key_is(key, length, "type")) {
            HEDDLE_TRY(read_text(unpack, arena, &success_out->type, error));
        } else if (key_is(key, length, "db")) {
            HEDDLE_TRY(read_text(unpack, arena, &success_out->database, error));
        } else {
            HEDDLE_TRY(heddle_unpack_skip(unpack, error));
        }
    }
    return HEDDLE_OK;
}

/* Copies at most `size` - 1 bytes of a text, whole characters only, control characters as spaces, up to a line's
 * end: servers put the query and a caret below their sentence. */
static void copy_sentence(char *out, size_t size, const char *text, size_t length)
{
    const char *line_end = memchr(text, '\n', length);
    const size_t line = line_end != NULL ? (size_t)(line_end - text) : length;
    const size_t kept = line < size ? line : heddle_text_cut(text, line, size - 1);
    for (size_t i = 0; i < kept; i++) {
        out[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
    }
    out[kept] = '\0';
}

int heddle_bolt_failure_describe(const char *code, const char *gql_status, const char *text, size_t length,
                                 struct heddle_error *error)
{
    char sentence[SENTENCE_MAX] = "";
    char own_code[sizeof error->code];
    const struct heddle_bolt_failure *failure = heddle_bolt_failure_find(code, gql_status);
    snprintf(own_code, sizeof own_code, "%s", code); /* it may be the error's own */
    copy_sentence(sentence, sizeof sentence, text, length);
    const size_t kept = strlen(sentence);
    if (kept > 0 && sentence[kept - 1] == '.') {
        sentence[kept - 1] = '\0'; /* ours goes on */
    }
    heddle_error_set(error, HEDDLE_DATABASE, "%s%s%s%s%s%s", sentence, failure->advice[0] != '\0' ? "; " : "",
                     failure->advice, own_code[0] != '\0' ? " (" : "", own_code,
                     own_code[0] != '\0' ? ")" : "");
    if (error != NULL) {
        error->action = failure->action;
        memcpy(error->code, own_code, sizeof error->code);
    }
    return HEDDLE_DATABASE;
}
