/* fuzz_handshake.c: whatever a peer answers to the version offer: it is taken in without harm, and however the bytes are cut,
 * the outcome is the same.
 *
 * The first byte says how large the pieces are. With libFuzzer this file is the target; other builds run it over the corpus.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bolt/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Feeds everything, `piece` bytes at a time; *taken_out = how many were wanted. */
static int feed(struct heddle_handshake *handshake, const uint8_t *bytes, size_t length, size_t piece,
                size_t *taken_out)
{
    size_t at = 0;
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && at < length && handshake->step != HEDDLE_HANDSHAKE_DONE) {
        const size_t given = length - at < piece ? length - at : piece;
        size_t used = 0;
        status = heddle_handshake_feed(handshake, bytes + at, given, &used, NULL);
        if (used > given ||
            (status == HEDDLE_OK && used < given && handshake->step != HEDDLE_HANDSHAKE_DONE)) {
            abort();
        }
        at += used;
    }
    *taken_out = at;
    return status;
}

static void check_version(const struct heddle_handshake *handshake)
{
    const struct heddle_bolt_version version = handshake->version;
    const uint8_t reply[] = {0, 0, version.minor, version.major, 0};
    if (version.major < 4 || version.major > 6 || (version.major == 5 && version.minor == 5)) {
        abort();
    }
    if (handshake->reply_length != 0 &&
        (handshake->reply_length != sizeof reply || memcmp(handshake->reply, reply, sizeof reply) != 0)) {
        abort();
    }
    /* 6.x is reached through the manifest only. */
    if (version.major == 6 && handshake->reply_length == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct heddle_handshake whole = {0};
    struct heddle_handshake cut = {0};
    size_t whole_taken = 0;
    size_t cut_taken = 0;
    if (length < 2) {
        return 0;
    }
    const size_t piece = (size_t)bytes[0] % 7 + 1;
    const int status = feed(&whole, bytes + 1, length - 1, length, &whole_taken);
    if (feed(&cut, bytes + 1, length - 1, piece, &cut_taken) != status || whole.step != cut.step) {
        abort();
    }
    if (status == HEDDLE_OK && whole.step == HEDDLE_HANDSHAKE_DONE) {
        if (whole_taken != cut_taken || whole.version.major != cut.version.major ||
            whole.version.minor != cut.version.minor || whole.reply_length != cut.reply_length) {
            abort();
        }
        check_version(&whole);
    }
    return 0;
}
