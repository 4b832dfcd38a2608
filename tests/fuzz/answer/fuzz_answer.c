/* fuzz_answer.c: any bytes as an embedding service's answer: nothing is written beyond the vectors, and what is accepted is
 * what was promised.
 *
 * The first byte chooses shape, rows and width; the rest is the answer. libFuzzer's entry; a runner without libFuzzer calls it
 * once for each file of corpus/.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/provider/answer.h"
#include "model/provider/reply.h"

enum { ROWS_MAX = 8, CAPACITY = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct heddle_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (answer->rows[i].fault == HEDDLE_ANSWER_MISSING) {
            abort(); /* accepted means that every row was there */
        }
        for (size_t k = 0; answer->rows[i].fault == HEDDLE_ANSWER_GOOD && k < answer->dimensions; k++) {
            if (!isfinite(answer->vectors[i][k])) {
                abort();
            }
        }
    }
}

static void parse(uint8_t choice, const char *body, size_t length)
{
    const size_t count = 1 + (choice >> 2) % ROWS_MAX;
    float *vectors[ROWS_MAX];
    struct heddle_answer_row rows[ROWS_MAX];
    struct heddle_error error = {0};
    for (size_t i = 0; i < count; i++) {
        vectors[i] =
            calloc(CAPACITY, sizeof *vectors[i]); /* apart, so that a sanitizer sees what goes over */
        if (vectors[i] == NULL) {
            abort();
        }
    }
    struct heddle_answer answer = {.count = count,
                                   .dimensions = (choice >> 5) % (CAPACITY + 1),
                                   .capacity = CAPACITY,
                                   .vectors = vectors,
                                   .rows = rows};
    const int status =
        heddle_answer_parse((enum heddle_answer_shape)(choice & 3), body, length, &answer, &error);
    if (status == HEDDLE_OK) {
        check(&answer);
    } else if (error.message[0] == '\0') {
        abort(); /* a refusal names its reason */
    }
    for (size_t i = 0; i < count; i++) {
        free(vectors[i]);
    }
}

/* The same bytes as the body and as the headers of a refusal. */
static void refuse(const char *body, size_t length)
{
    static const struct heddle_http_request request = {.authorization = "Bearer swordfish"};
    struct heddle_http_response response = {.status = 400};
    struct heddle_reply_complaint complaint;
    struct heddle_reply_hints hints;
    heddle_buffer_append(&response.body, body, length);
    heddle_buffer_append(&response.headers, body, length);
    heddle_reply_complaint_read(&request, &response, &complaint);
    heddle_reply_hints_read(&response, 1, &hints);
    if (strstr(complaint.message, "swordfish") != NULL || strstr(complaint.code, "swordfish") != NULL) {
        abort();
    }
    if (heddle_reply_delay_ms(&hints, 3, 0.5) > UINT64_C(86400000) ||
        heddle_reply_pause_ms(&hints, 9) > UINT64_C(86400000)) {
        abort(); /* nobody waits for more than a day */
    }
    heddle_http_response_free(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1) {
        parse(data[0], (const char *)data + 1, size - 1);
        refuse((const char *)data + 1, size - 1);
    }
    return 0;
}
