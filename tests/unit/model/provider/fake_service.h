/* fake_service.h: an embedding service inside a test: it reads requests in any provider's form and answers vectors that tell
 * which text they are of; and a clock on which nobody waits. Included by the test programs of providers only. */
#ifndef HEDDLE_TESTS_UNIT_MODEL_PROVIDER_FAKE_SERVICE_H
#define HEDDLE_TESTS_UNIT_MODEL_PROVIDER_FAKE_SERVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/provider/provider_parts.h"
#include "support/http_script.h"

#define KEY "key-8d1f0c2a"

enum { WIDTH = 4, FAKE_TEXTS_MAX = 256 };

/* What a service is like. {0} answers everything as OpenAI does. */
struct fake {
    enum heddle_request_shape shape; /* the only one that it takes */
    bool base64;                     /* it takes and answers base64, else it refuses to hear of it */
    bool backwards;                  /* answers in the opposite order, with indices */
    bool whole;                      /* it knows no `dimensions` */
    size_t items_max;                /* 413 over it; 0 = any */
    int bad_status;                  /* for a request that holds a text with BAD in it */
    const char *bad_row;             /* answered in place of such a text's vector, if bad_status is 0 */
    int short_by;                    /* answers so many vectors too few to a request with BAD in it */
    const char *head;                /* header lines of every good answer */
    int delay_ms;
    const struct http_script_answer *first; /* these answers come first, whatever is asked */
    size_t first_count;
    size_t open_first; /* requests that are answered well before `first` begins */
    atomic_size_t seen;
};

/* The vector of a text. */
static inline void fake_vector(const char *text, size_t length, float out[static WIDTH])
{
    uint64_t state = heddle_hash_bytes(text, length, 5);
    for (size_t i = 0; i < WIDTH; i++) {
        out[i] = (float)heddle_random_unit(&state) - 0.5F;
    }
}

/* The texts of a request; the array must outlive `json`. Answers how many, -1 if the form is not the service's. */
static inline int fake_texts(const struct fake *fake, const json_t *json, const char **texts)
{
    static const char *const keys[] = {
        "input", "dataframe_split", "dataframe_records", "inputs", "instances", "inputs", "input"};
    const json_t *list = json_object_get(json, keys[fake->shape]);
    const json_t *inner = json_object_get(list, fake->shape == HEDDLE_REQUEST_SPLIT ? "data" : "text");
    size_t i = 0;
    const json_t *value = NULL;
    list = inner != NULL ? inner : list;
    if (!json_is_array(list) || (json_object_get(json, "encoding_format") != NULL && !fake->base64) ||
        (json_object_get(json, "dimensions") != NULL && fake->whole)) {
        return -1;
    }
    json_array_foreach(list, i, value)
    {
        const json_t *text = json_is_array(value) ? json_array_get(value, 0) : value;
        text = json_is_object(value) ? json_object_get(value, "text") : text;
        texts[i] = json_string_value(text);
    }
    return (int)json_array_size(list);
}

static inline void fake_row(const struct fake *fake, const char *text, struct heddle_buffer *out)
{
    float vector[WIDTH];
    char base64[64] = "";
    if (fake->bad_row != NULL && strstr(text, "BAD") != NULL) {
        heddle_buffer_append_text(out, fake->bad_row);
        return;
    }
    fake_vector(text, strlen(text), vector);
    if (fake->base64) {
        heddle_text_base64(vector, sizeof vector, base64);
        heddle_buffer_append_format(out, "\"%s\"", base64);
        return;
    }
    for (size_t i = 0; i < WIDTH; i++) {
        heddle_buffer_append_format(out, "%s%.9g", i == 0 ? "[" : ",", (double)vector[i]);
    }
    heddle_buffer_append_text(out, "]");
}

static inline void fake_answer(const struct fake *fake, const char *const *texts, int count,
                               struct heddle_buffer *out)
{
    static const char *const before[] = {"{\"data\":[",        "{\"predictions\":[", "{\"predictions\":[",
                                         "{\"predictions\":[", "{\"predictions\":[", "[",
                                         "{\"embeddings\":["};
    static const char *const after[] = {"],\"usage\":{\"prompt_tokens\":70}}", "]}", "]}", "]}", "]}", "]",
                                        "],\"prompt_eval_count\":70}"};
    heddle_buffer_append_text(out, before[fake->shape]);
    for (int i = 0; i < count; i++) {
        const int index = fake->backwards ? count - 1 - i : i;
        heddle_buffer_append_text(out, i == 0 ? "" : ",");
        if (fake->shape == HEDDLE_REQUEST_OPENAI) {
            heddle_buffer_append_format(out, "{\"index\":%d,\"embedding\":", index);
        }
        fake_row(fake, texts[index], out);
        heddle_buffer_append_text(out, fake->shape == HEDDLE_REQUEST_OPENAI ? "}" : "");
    }
    heddle_buffer_append_text(out, after[fake->shape]);
}

static inline void fake_handle(void *context, const struct http_script_request *request,
                               struct http_script_answer *answer, struct heddle_buffer *scratch)
{
    struct fake *fake = context;
    const char *texts[FAKE_TEXTS_MAX];
    if (strcmp(request->target, "/info") == 0) {
        answer->body =
            "{\"model_id\":\"intfloat/tiny\",\"max_client_batch_size\":3,\"max_input_length\":512}";
        return;
    }
    const size_t number = atomic_fetch_add(&fake->seen, 1);
    if (number >= fake->open_first && number - fake->open_first < fake->first_count) {
        *answer = fake->first[number - fake->open_first];
        return;
    }
    json_t *json = json_loads(request->body, 0, NULL);
    const int count = fake_texts(fake, json, texts);
    bool bad = false;
    for (int i = 0; i < count; i++) {
        bad = bad || strstr(texts[i], "BAD") != NULL;
    }
    answer->delay_ms = fake->delay_ms;
    answer->head = fake->head;
    if (count < 0) {
        answer->status = 400;
        answer->body = "{\"error_code\":\"BAD_REQUEST\",\"message\":\"wrong form\"}";
    } else if (fake->items_max > 0 && (size_t)count > fake->items_max) {
        answer->status = 413;
        answer->body = "{\"error\":\"batch size over the maximum\",\"error_type\":\"validation\"}";
    } else if (bad && fake->bad_status != 0) {
        answer->status = fake->bad_status;
        answer->body = "{\"error\":{\"message\":\"this text is too long\",\"code\":\"tokens\"}}";
    } else {
        fake_answer(fake, texts, bad ? count - fake->short_by : count, scratch);
        answer->body = heddle_buffer_text(scratch);
    }
    json_decref(json);
}

/* ---- a clock on which nobody waits -------------------------------------------------------------------------------------- */

struct fake_clock {
    _Atomic uint64_t now_ns;
    _Atomic uint64_t slept_ms;
};

static inline uint64_t fake_now_ns(void *context)
{
    return atomic_load(&((struct fake_clock *)context)->now_ns);
}

static inline int64_t fake_unix_ms(void *context)
{
    return INT64_C(784111777) * 1000 + (int64_t)(fake_now_ns(context) / 1000000);
}

static inline void fake_sleep_ms(void *context, uint64_t milliseconds)
{
    struct fake_clock *clock = context;
    atomic_fetch_add(&clock->now_ns, milliseconds * 1000000);
    atomic_fetch_add(&clock->slept_ms, milliseconds);
}

#endif
