/* handshake.c: the version both sides speak. */
#include "bolt/handshake.h"

#include <string.h>

/* Newest first: the order in which a manifest is searched. */
static const struct heddle_bolt_version spoken[] = {
    {6, 1}, {6, 0}, {5, 8}, {5, 7}, {5, 6}, {5, 4}, {5, 3},
    {5, 2}, {5, 1}, {5, 0}, {4, 4}, {4, 3}, {4, 2}, {4, 1},
};
enum { SPOKEN_COUNT = sizeof spoken / sizeof spoken[0] };

/* A manifest of a real server has under ten entries; more than this is somebody's joke. */
enum { MANIFEST_RANGES_MAX = 1024 };

enum { VARINT_SHIFT_MAX = 63 };

static const uint8_t manifest_v1[4] = {0x00, 0x00, 0x01, 0xFF};

void heddle_handshake_offer(uint8_t out[static HEDDLE_HANDSHAKE_OFFER_SIZE])
{
    static const uint8_t offer[HEDDLE_HANDSHAKE_OFFER_SIZE] = {
        0x60, 0x60, 0xB0, 0x17, /* magic */
        0x00, 0x00, 0x01, 0xFF, /* manifest v1 */
        0x00, 0x08, 0x08, 0x05, /* 5.8 to 5.0; a server that would choose 5.5 is refused */
        0x00, 0x02, 0x04, 0x04, /* 4.4 to 4.2 */
        0x00, 0x00, 0x01, 0x04, /* 4.1, by itself: servers of that age (4.2 too) know no ranges */
    };
    memcpy(out, offer, sizeof offer);
}

/* Place in `spoken`, SPOKEN_COUNT where we do not speak it. */
static size_t spoken_place(uint8_t major, uint8_t minor)
{
    size_t place = 0;
    while (place < SPOKEN_COUNT && (spoken[place].major != major || spoken[place].minor != minor)) {
        place++;
    }
    return place;
}

static int no_common_version(struct heddle_error *error)
{
    return heddle_error_set(
        error, HEDDLE_PROTOCOL,
        "the server speaks no Bolt version that heddle knows (4.1 to 4.4, 5.0 to 5.4, 5.6 to 5.8, "
        "6.0, 6.1); is it older than Neo4j 4.1?");
}

static int choice_made(struct heddle_handshake *handshake, struct heddle_error *error)
{
    static const uint8_t none[4] = {0};
    const uint8_t *word = handshake->word;
    if (memcmp(word, manifest_v1, sizeof manifest_v1) == 0) {
        handshake->step = HEDDLE_HANDSHAKE_COUNT;
        return HEDDLE_OK;
    }
    if (memcmp(word, none, sizeof none) == 0) {
        return no_common_version(error);
    }
    if (memcmp(word, "HTTP", 4) == 0) {
        return heddle_error_set(
            error, HEDDLE_PROTOCOL,
            "this port answers HTTP: Bolt is usually at 7687 (7474 is the browser's port)");
    }
    if (word[0] == 0x15 && word[1] == 0x03) {
        return heddle_error_set(
            error, HEDDLE_PROTOCOL,
            "this port wants TLS: use neo4j+s:// or bolt+s:// (+ssc:// for a self-signed certificate)");
    }
    const size_t place = spoken_place(word[3], word[2]);
    if (word[0] != 0 || word[1] != 0 || place == SPOKEN_COUNT || word[3] >= 6) {
        return heddle_error_set(
            error, HEDDLE_PROTOCOL,
            "this port does not speak Bolt (it answered %02X %02X %02X %02X); Neo4j's is usually 7687",
            word[0], word[1], word[2], word[3]);
    }
    handshake->version = spoken[place];
    handshake->step = HEDDLE_HANDSHAKE_DONE;
    return HEDDLE_OK;
}

/* One range of a manifest: MM.mm and RR minors below; our newest version in any range wins. */
static void range_seen(struct heddle_handshake *handshake)
{
    const uint8_t *word = handshake->word;
    const int highest = word[2];
    const int lowest = highest - word[1] < 0 ? 0 : highest - word[1];
    const size_t best = spoken_place(handshake->version.major, handshake->version.minor);
    for (size_t place = 0; place < best; place++) {
        if (spoken[place].major == word[3] && spoken[place].minor <= highest &&
            spoken[place].minor >= lowest) {
            handshake->version = spoken[place];
            return;
        }
    }
}

/* Adds one byte of a varint (7 bits each, least significant first); true when it was the last. */
static int varint_feed(struct heddle_handshake *handshake, uint8_t byte, bool *complete_out,
                       struct heddle_error *error)
{
    const uint64_t bits = byte & 0x7F;
    if (handshake->number_shift > VARINT_SHIFT_MAX ||
        (handshake->number_shift == VARINT_SHIFT_MAX && bits > 1)) {
        return heddle_error_set(error, HEDDLE_PROTOCOL,
                                "the server's version manifest holds an endless number");
    }
    handshake->number |= bits << handshake->number_shift;
    handshake->number_shift += 7;
    *complete_out = (byte & 0x80) == 0;
    return HEDDLE_OK;
}

static int varint_complete(struct heddle_handshake *handshake, struct heddle_error *error)
{
    if (handshake->step == HEDDLE_HANDSHAKE_COUNT) {
        if (handshake->number > MANIFEST_RANGES_MAX) {
            return heddle_error_set(error, HEDDLE_PROTOCOL,
                                    "the server's version manifest claims %llu entries",
                                    (unsigned long long)handshake->number);
        }
        handshake->ranges_left = handshake->number;
        handshake->step =
            handshake->ranges_left > 0 ? HEDDLE_HANDSHAKE_RANGES : HEDDLE_HANDSHAKE_CAPABILITIES;
    } else {
        if (handshake->version.major == 0) {
            return no_common_version(error);
        }
        /* Of the capabilities we take none. */
        const uint8_t reply[] = {0, 0, handshake->version.minor, handshake->version.major, 0};
        memcpy(handshake->reply, reply, sizeof reply);
        handshake->reply_length = sizeof reply;
        handshake->step = HEDDLE_HANDSHAKE_DONE;
    }
    handshake->number = 0;
    handshake->number_shift = 0;
    return HEDDLE_OK;
}

static int word_complete(struct heddle_handshake *handshake, struct heddle_error *error)
{
    handshake->word_length = 0;
    if (handshake->step == HEDDLE_HANDSHAKE_CHOICE) {
        return choice_made(handshake, error);
    }
    range_seen(handshake);
    if (--handshake->ranges_left == 0) {
        handshake->step = HEDDLE_HANDSHAKE_CAPABILITIES;
    }
    return HEDDLE_OK;
}

int heddle_handshake_feed(struct heddle_handshake *handshake, const uint8_t *bytes, size_t length,
                          size_t *used_out, struct heddle_error *error)
{
    *used_out = 0;
    while (*used_out < length && handshake->step != HEDDLE_HANDSHAKE_DONE) {
        const uint8_t byte = bytes[(*used_out)++];
        if (handshake->step == HEDDLE_HANDSHAKE_CHOICE || handshake->step == HEDDLE_HANDSHAKE_RANGES) {
            handshake->word[handshake->word_length++] = byte;
            if (handshake->word_length == sizeof handshake->word) {
                HEDDLE_TRY(word_complete(handshake, error));
            }
        } else {
            bool complete = false;
            HEDDLE_TRY(varint_feed(handshake, byte, &complete, error));
            if (complete) {
                HEDDLE_TRY(varint_complete(handshake, error));
            }
        }
    }
    return HEDDLE_OK;
}
