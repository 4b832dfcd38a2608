/* fuzz_tokenizer.c: any bytes as a text, or as a tokenizer.json: no crash, no leak, and what comes out keeps its word.
 *
 * The first byte chooses: bit 0 set: the rest is a text, and bits 1 to 4 are the normalizer's switches; clear: the rest
 * is a tokenizer.json, which then tokenizes a fixed text where it is accepted.
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/strip.h"
#include "model/tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPACITY = 64, SHORT = 7, JSON_MAX = 2048 };

static const char fixed_text[] = "[CLS] Pumps leaking. \u98db e\u0301 a\u302e\U0001d165 \U0001f642 pump[SEP]";

/* Encodes twice: with room, and with little of it; the second must be the start of the first. */
static void check_text(const struct heddle_tokenizer *tokenizer, const char *text, size_t length)
{
    struct heddle_tokenizer_scratch scratch = {0};
    uint32_t ids[CAPACITY];
    uint32_t few[SHORT];
    size_t count = 0;
    size_t few_count = 0;
    bool truncated = false;
    bool few_truncated = false;
    if (heddle_tokenizer_encode(tokenizer, &scratch, text, length, ids, CAPACITY, &count, &truncated, NULL) !=
            HEDDLE_OK ||
        heddle_tokenizer_encode(tokenizer, &scratch, text, length, few, SHORT, &few_count, &few_truncated,
                                NULL) != HEDDLE_OK) {
        abort();
    }
    heddle_tokenizer_scratch_free(&scratch);
    if (count < 2 || count > CAPACITY || few_count < 2 || few_count > SHORT ||
        (truncated && count != CAPACITY) || few_truncated != (count > SHORT) ||
        memcmp(ids, few, (few_count - 1) * sizeof *ids) != 0) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        if (ids[i] > heddle_tokenizer_id_max(tokenizer)) {
            abort(); /* it would be read beyond the table of embeddings */
        }
    }
}

static void run_text(unsigned switches, const char *text, size_t length)
{
    char json[JSON_MAX];
    const char *const words[] = {"false", "true"};
    const int written = snprintf(
        json, sizeof json,
        "{\"added_tokens\": [{\"id\": 2, \"content\": \"[CLS]\"}, {\"id\": 3, \"content\": \"[SEP]\"}],"
        "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": %s, \"handle_chinese_chars\": %s,"
        "\"strip_accents\": %s, \"lowercase\": %s}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
        "\"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 2], \"sep\": [\"[SEP]\", "
        "3]},"
        "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": "
        "\"##\","
        "\"max_input_chars_per_word\": 20, \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": "
        "3,"
        "\"pump\": 4, \"##s\": 5, \"a\": 6, \"##a\": 7, \"e\": 8, \"##e\": 9, \".\": 10, \"\u98db\": 11}}}",
        words[switches & 1], words[switches >> 1 & 1], words[switches >> 2 & 1], words[switches >> 3 & 1]);
    struct heddle_tokenizer *tokenizer = NULL;
    if (heddle_tokenizer_from_json(json, (size_t)written, "fuzz", &tokenizer, NULL) != HEDDLE_OK) {
        abort();
    }
    const size_t before = length;
    check_text(tokenizer, text, length);
    heddle_strip(&text, &length);
    if (length > before) {
        abort();
    }
    check_text(tokenizer, text, length);
    heddle_tokenizer_destroy(tokenizer);
}

static void run_json(const char *json, size_t length)
{
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_error error = {0};
    if (heddle_tokenizer_from_json(json, length, "fuzz", &tokenizer, &error) == HEDDLE_OK) {
        check_text(tokenizer, fixed_text, sizeof fixed_text - 1);
    } else if (error.message[0] == '\0') {
        abort(); /* refused without a reason */
    }
    heddle_tokenizer_destroy(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    if ((data[0] & 1) == 0) {
        run_json(text, size - 1);
    } else if (heddle_text_is_utf8(text, size - 1)) {
        run_text(data[0] >> 1 & 0xf, text, size - 1);
    }
    return 0;
}
