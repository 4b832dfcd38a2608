/* fuzz_packstream.c: whatever bytes a peer sends: framing, decoder, answers and JSON must survive them.
 *
 * The first byte chooses what the rest is fed to. With libFuzzer this file is the target; tests/unit/bolt/test_corpus.c
 * runs the same function over the saved corpus.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bolt/answers.h"
#include "bolt/framing.h"
#include "bolt/json.h"
#include "bolt/packstream/decode.h"
#include "bolt/refusal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

enum { ARENA_BLOCK = 4096, FRAME_LIMIT = 1 << 20 };

static void feed_decoder(const uint8_t *bytes, size_t length)
{
    struct heddle_arena *arena = NULL;
    struct heddle_unpack unpack;
    struct heddle_value value;
    if (heddle_arena_create(ARENA_BLOCK, &arena, NULL) != HEDDLE_OK) {
        return;
    }
    heddle_unpack_init(&unpack, bytes, length);
    const int decoded = heddle_unpack_value(&unpack, arena, &value, NULL);
    const size_t end = unpack.position;
    if (decoded == HEDDLE_OK) {
        json_decref(heddle_value_to_json(&value));
    }
    heddle_unpack_init(&unpack, bytes, length);
    const int skipped = heddle_unpack_skip(&unpack, NULL);
    /* Skipping steps exactly over what the tree was made of. */
    if (decoded == HEDDLE_OK && (skipped != HEDDLE_OK || unpack.position != end)) {
        abort();
    }
    heddle_arena_destroy(arena);
}

static void feed_answers(const uint8_t *bytes, size_t length)
{
    struct heddle_arena *arena = NULL;
    struct heddle_unpack unpack;
    struct heddle_bolt_success success;
    struct heddle_error error = {0};
    struct heddle_refusal *refusal = NULL;
    if (heddle_arena_create(ARENA_BLOCK, &arena, NULL) != HEDDLE_OK) {
        return;
    }
    heddle_unpack_init(&unpack, bytes, length);
    (void)!heddle_bolt_success_read(&unpack, arena, &success, NULL);
    heddle_unpack_init(&unpack, bytes, length);
    if ((heddle_refusal_read(&unpack, &refusal, &error) == HEDDLE_DATABASE) != (refusal != NULL)) {
        abort();
    }
    heddle_refusal_destroy(refusal);
    heddle_arena_destroy(arena);
}

static void feed_framing(const uint8_t *bytes, size_t length)
{
    struct heddle_framing framing = {.limit = FRAME_LIMIT};
    for (size_t at = 0; at < length;) {
        size_t used = 0;
        bool complete = false;
        if (heddle_framing_feed(&framing, bytes + at, length - at, &used, &complete, NULL) != HEDDLE_OK) {
            break;
        }
        at += used;
        if (complete) {
            feed_decoder(framing.message.bytes, framing.message.length);
        }
    }
    heddle_framing_free(&framing);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0) {
        return 0;
    }
    switch (bytes[0] % 3) {
    case 0: feed_decoder(bytes + 1, length - 1); break;
    case 1: feed_answers(bytes + 1, length - 1); break;
    default: feed_framing(bytes + 1, length - 1); break;
    }
    return 0;
}
