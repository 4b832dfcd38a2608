/* fuzz_tokenizer.c: any bytes as a text, or as a tokenizer.json: no crash, no leak, and what comes out keeps its word.
 *
 * The first byte chooses. Bit 0 set: the rest is a text for WordPiece, and bits 1 to 4 are the normalizer's switches.
 * Bit 0 clear, by bits 1 and 2: the rest is a tokenizer.json, which then tokenizes a fixed text where it is accepted;
 * a text for Unigram; a character map (u32 length, map, text) for Unigram; bytes to repair.
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "model/strip.h"
#include "model/tokenizer/charsmap.h"
#include "model/tokenizer/tokenizer.h"
#include "model/utf8_repair.h"

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

static void run_unigram(const char *text, size_t length)
{
    static const char json[] =
        "{\"added_tokens\": [{\"id\": 0, \"content\": \"<s>\"}, {\"id\": 9, \"content\": \"tok\", "
        "\"normalized\": "
        "true, \"single_word\": true}, {\"id\": 9, \"content\": \"<m>\", \"lstrip\": true, \"rstrip\": "
        "true}],"
        "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Lowercase\"}, {\"type\": "
        "\"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \" \"}, {\"type\": \"Strip\", "
        "\"strip_left\": true, \"strip_right\": true}]}, \"pre_tokenizer\": {\"type\": \"Metaspace\", "
        "\"replacement\": \"\u2581\", \"prepend_scheme\": \"first\"}, \"post_processor\": {\"type\": "
        "\"BertProcessing\", \"cls\": [\"<s>\", 0], \"sep\": [\"<s>\", 0]}, \"model\": {\"type\": "
        "\"Unigram\", "
        "\"unk_id\": 1, \"byte_fallback\": true, \"vocab\": [[\"<s>\", 0], [\"<unk>\", 0], [\"\u2581\", -1], "
        "[\"a\", -2], [\"aa\", -2.5], [\"\u2581a\", -2], [\"<0x7A>\", -5], [\"\u98db\u884c\", -3], [\"zz\", "
        "-90]]}}";
    struct heddle_tokenizer *tokenizer = NULL;
    if (heddle_tokenizer_from_json(json, sizeof json - 1, "fuzz", &tokenizer, NULL) != HEDDLE_OK) {
        abort();
    }
    check_text(tokenizer, text, length);
    heddle_tokenizer_destroy(tokenizer);
}

/* A hostile map may say anything, but what it makes of well-formed text is well-formed. */
static void run_charsmap(const uint8_t *data, size_t size)
{
    struct heddle_charsmap *charsmap = NULL;
    uint32_t length = 0;
    if (size < sizeof length) {
        return;
    }
    memcpy(&length, data, sizeof length);
    data += sizeof length;
    size -= sizeof length;
    if (length > size || !heddle_text_is_utf8((const char *)data + length, size - length) ||
        heddle_charsmap_create(data, length, &charsmap, NULL) != HEDDLE_OK) {
        return;
    }
    struct heddle_buffer out = {0};
    struct heddle_alignment alignment;
    const char *text = (const char *)data + length;
    heddle_alignment_begin(&alignment, text, size - length, size > length ? 1 : 0);
    heddle_charsmap_apply(charsmap, text, size - length, &out, &alignment);
    if (heddle_alignment_end(&alignment) > out.length ||
        !heddle_text_is_utf8(out.length == 0 ? "" : (const char *)out.bytes, out.length)) {
        abort();
    }
    heddle_buffer_free(&out);
    heddle_charsmap_destroy(charsmap);
}

static void run_repair(const char *text, size_t length)
{
    struct heddle_buffer out = {0};
    const size_t replaced = heddle_text_repair(text, length, &out);
    if (!heddle_text_is_utf8(out.length == 0 ? "" : (const char *)out.bytes, out.length) ||
        (replaced == 0) != heddle_text_is_utf8(text, length) || (replaced == 0 && out.length != length)) {
        abort();
    }
    heddle_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    const bool good = heddle_text_is_utf8(text, size - 1);
    if ((data[0] & 1) != 0) {
        if (good) {
            run_text(data[0] >> 1 & 0xf, text, size - 1);
        }
        return 0;
    }
    switch (data[0] >> 1 & 3) {
    case 0: run_json(text, size - 1); break;
    case 1:
        if (good) {
            run_unigram(text, size - 1);
        }
        break;
    case 2: run_charsmap(data + 1, size - 1); break;
    default: run_repair(text, size - 1); break;
    }
    return 0;
}
