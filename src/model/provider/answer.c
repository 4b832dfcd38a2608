/* answer.c: from the JSON of an embedding service to vectors. */
#include "model/provider/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/text.h"

/* A row being read: where its numbers go and how many there were. */
struct target {
    float *vector;
    size_t capacity;
    struct heddle_answer_row *row;
};

static void number_add(const struct target *target, float value)
{
    if (!isfinite(value)) {
        target->row->fault = HEDDLE_ANSWER_NOT_FINITE;
    }
    if (target->row->length < target->capacity) {
        target->vector[target->row->length] = value;
    }
    target->row->length++;
}

/* Little-endian floats in base64 (RFC 4648 section 4). Some JSON writers put a backslash before each slash. */
static bool base64_read(const char *text, size_t length, const struct target *target)
{
    uint32_t bits = 0;
    int bit_count = 0;
    uint32_t word = 0;
    int byte_count = 0;
    while (length > 0 && text[length - 1] == '=') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\' && i + 1 < length && text[i + 1] == '/') {
            continue;
        }
        const int digit = heddle_text_base64_digit(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            word |= (bits >> bit_count & 0xff) << (8 * byte_count);
            if (++byte_count == 4) {
                float value = 0;
                memcpy(&value, &word, sizeof value);
                number_add(target, value);
                word = 0;
                byte_count = 0;
            }
        }
    }
    return byte_count == 0 && bit_count < 6;
}

/* An array of numbers. False: the JSON itself is broken; a wrong element is the row's fault only. */
static bool array_read(struct heddle_json_scan *scan, const struct target *target)
{
    bool first = true;
    int step = 0;
    float value = 0;
    bool numbers = true;
    while ((step = heddle_json_scan_step(scan, ']', &first)) == 1) {
        if (heddle_json_scan_float(scan, &value)) {
            number_add(target, value);
        } else {
            numbers = false;
            if (!heddle_json_scan_skip(scan)) {
                return false;
            }
        }
    }
    if (!numbers) {
        target->row->fault = HEDDLE_ANSWER_NOT_A_VECTOR;
    }
    return step == 0;
}

/* The value that should be a vector. */
static bool vector_read(struct heddle_json_scan *scan, const struct target *target)
{
    const char *text = NULL;
    size_t length = 0;
    const char next = heddle_json_scan_peek(scan);
    if (next == '[') {
        scan->at++;
        return array_read(scan, target);
    }
    if (next == '"') {
        if (!heddle_json_scan_string(scan, &text, &length)) {
            return false;
        }
        if (!base64_read(text, length, target)) {
            target->row->fault = HEDDLE_ANSWER_NOT_A_VECTOR;
        }
        return true;
    }
    target->row->fault = next == 'n' ? HEDDLE_ANSWER_NULL : HEDDLE_ANSWER_NOT_A_VECTOR;
    return heddle_json_scan_skip(scan);
}

/* Reads a vector into row `index` and judges it. */
static int row_read(struct heddle_json_scan *scan, uint64_t index, struct heddle_answer *answer,
                    struct heddle_error *error)
{
    if (index >= answer->count || answer->rows[index].fault != HEDDLE_ANSWER_MISSING) {
        return heddle_error_set(
            error, HEDDLE_PROTOCOL, "the service answered a vector number %llu %s, asked for %zu",
            (unsigned long long)index, index >= answer->count ? "too many" : "twice", answer->count);
    }
    struct heddle_answer_row *row = &answer->rows[index];
    const struct target target = {answer->vectors[index], answer->capacity, row};
    *row = (struct heddle_answer_row){HEDDLE_ANSWER_GOOD, 0};
    if (!vector_read(scan, &target)) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer is cut or no JSON");
    }
    if (row->fault == HEDDLE_ANSWER_GOOD && answer->dimensions == 0 && row->length > 0 &&
        row->length <= answer->capacity) {
        answer->dimensions = row->length;
    }
    if (row->fault == HEDDLE_ANSWER_GOOD && row->length != answer->dimensions) {
        row->fault = HEDDLE_ANSWER_LENGTH;
    }
    return HEDDLE_OK;
}

/* A row that is an object: {"embedding": .., "index": ..} with the members in any order. */
static int object_row_read(struct heddle_json_scan *scan, uint64_t *index, struct heddle_answer *answer,
                           struct heddle_error *error)
{
    struct heddle_json_scan vector = {0};
    const char *key = NULL;
    size_t length = 0;
    bool first = true;
    int step = 0;
    while ((step = heddle_json_scan_step(scan, '}', &first)) == 1) {
        if (!heddle_json_scan_key(scan, &key, &length)) {
            break;
        }
        if (heddle_json_key_is(key, length, "embedding")) {
            vector = *scan;
        }
        if (heddle_json_key_is(key, length, "index") && heddle_json_scan_count(scan, index)) {
            continue;
        }
        if (!heddle_json_scan_skip(scan)) {
            break;
        }
    }
    if (step != 0) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer is cut or no JSON");
    }
    if (vector.at == NULL) {
        vector = (struct heddle_json_scan){"0", NULL}; /* anything that is no vector */
        vector.end = vector.at + 1;
    }
    return row_read(&vector, *index, answer, error);
}

static int rows_read(struct heddle_json_scan *scan, struct heddle_answer *answer, struct heddle_error *error)
{
    bool first = true;
    int step = 0;
    uint64_t index = 0;
    uint64_t rows = 0;
    if (!heddle_json_scan_take(scan, '[')) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer holds no list of vectors");
    }
    while ((step = heddle_json_scan_step(scan, ']', &first)) == 1) {
        index = rows++;
        if (heddle_json_scan_take(scan, '{')) {
            HEDDLE_TRY(object_row_read(scan, &index, answer, error));
        } else {
            HEDDLE_TRY(row_read(scan, index, answer, error));
        }
    }
    if (step != 0) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer is cut or no JSON");
    }
    if (rows != answer->count) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service answered %llu vectors for %zu texts",
                                (unsigned long long)rows, answer->count);
    }
    return HEDDLE_OK;
}

/* {"prompt_tokens": 7, "total_tokens": 7} */
static bool usage_read(struct heddle_json_scan *scan, struct heddle_answer *answer)
{
    const char *key = NULL;
    size_t length = 0;
    bool first = true;
    int step = 0;
    if (!heddle_json_scan_take(scan, '{')) {
        return heddle_json_scan_skip(scan);
    }
    while ((step = heddle_json_scan_step(scan, '}', &first)) == 1) {
        if (!heddle_json_scan_key(scan, &key, &length)) {
            return false;
        }
        if (!(heddle_json_key_is(key, length, "prompt_tokens") &&
              heddle_json_scan_count(scan, &answer->tokens)) &&
            !heddle_json_scan_skip(scan)) {
            return false;
        }
    }
    return step == 0;
}

static bool holds_rows(enum heddle_answer_shape shape, const char *key, size_t length)
{
    switch (shape) {
    case HEDDLE_ANSWER_EMBEDDINGS: return heddle_json_key_is(key, length, "embeddings");
    case HEDDLE_ANSWER_PREDICTIONS:
        return heddle_json_key_is(key, length, "predictions") || heddle_json_key_is(key, length, "data");
    default: return heddle_json_key_is(key, length, "data");
    }
}

static int object_read(struct heddle_json_scan *scan, enum heddle_answer_shape shape,
                       struct heddle_answer *answer, struct heddle_error *error)
{
    const char *key = NULL;
    size_t length = 0;
    bool first = true;
    bool found = false;
    int step = 0;
    while ((step = heddle_json_scan_step(scan, '}', &first)) == 1) {
        bool good = heddle_json_scan_key(scan, &key, &length);
        if (good && !found && holds_rows(shape, key, length)) {
            found = true;
            HEDDLE_TRY(rows_read(scan, answer, error));
        } else if (good && heddle_json_key_is(key, length, "usage")) {
            good = usage_read(scan, answer);
        } else if (good && heddle_json_key_is(key, length, "prompt_eval_count")) {
            good = heddle_json_scan_count(scan, &answer->tokens) || heddle_json_scan_skip(scan);
        } else if (good) {
            good = heddle_json_scan_skip(scan);
        }
        if (!good) {
            break;
        }
    }
    if (step != 0) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer is cut or no JSON");
    }
    if (!found) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer holds no vectors");
    }
    return HEDDLE_OK;
}

int heddle_answer_parse(enum heddle_answer_shape shape, const char *body, size_t length,
                        struct heddle_answer *answer, struct heddle_error *error)
{
    struct heddle_json_scan scan = {body, body + length};
    memset(answer->rows, 0, answer->count * sizeof *answer->rows);
    answer->tokens = 0;
    if (shape == HEDDLE_ANSWER_ROWS) {
        HEDDLE_TRY(rows_read(&scan, answer, error));
    } else if (heddle_json_scan_take(&scan, '{')) {
        HEDDLE_TRY(object_read(&scan, shape, answer, error));
    } else {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer is no JSON object");
    }
    if (heddle_json_scan_peek(&scan) != '\0' || scan.at != scan.end) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the service's answer goes on after its end");
    }
    return HEDDLE_OK;
}

const char *heddle_answer_fault_text(const struct heddle_answer_row *row, size_t dimensions, char *out,
                                     size_t size)
{
    switch (row->fault) {
    case HEDDLE_ANSWER_GOOD: snprintf(out, size, "good"); break;
    case HEDDLE_ANSWER_LENGTH:
        snprintf(out, size, "the service answered %zu numbers, expected %zu", row->length, dimensions);
        break;
    case HEDDLE_ANSWER_NOT_FINITE:
        snprintf(out, size, "the service answered a number that is not finite");
        break;
    case HEDDLE_ANSWER_NULL: snprintf(out, size, "the service answered null"); break;
    case HEDDLE_ANSWER_NOT_A_VECTOR:
        snprintf(out, size, "the service answered something that is no vector");
        break;
    default: snprintf(out, size, "the service answered nothing"); break;
    }
    return out;
}
