/* bolt_track.c: handshake, chunks and tags of both directions, and the place of a cut. */
#include "fault/bolt_track.h"

#include <stdio.h>
#include <string.h>

enum {
    OFFER_SIZE = 20,
    TAG_BEGIN = 0x11,
    TAG_COMMIT = 0x12,
    TAG_RECORD = 0x71,
    STAGE_CHOICE = 0, /* server: four bytes; client: its offer */
    STAGE_COUNT,      /* server: varint, how many ranges of versions */
    STAGE_RANGES,
    STAGE_CAPABILITIES, /* both: a varint */
    STAGE_MESSAGES,
    STAGE_REPLY, /* client: its choice from a manifest, if there is one */
};

static const uint8_t MANIFEST[4] = {0, 0, 1, 0xFF};

bool bolt_cut_parse(const char *text, struct bolt_cut *cut_out)
{
    char direction[8];
    char where[8];
    struct bolt_cut cut = {.armed = true};
    int used = 0;
    if (sscanf(text, "%7[a-z]:%u:%u:%7[a-z]%n", direction, &cut.batch, &cut.message, where, &used) != 4 ||
        text[used] != '\0' || cut.batch == 0) {
        return false;
    }
    cut.client = strcmp(direction, "client") == 0;
    cut.inside = strcmp(where, "inside") == 0;
    if ((!cut.client && strcmp(direction, "server") != 0) || (!cut.inside && strcmp(where, "before") != 0)) {
        return false;
    }
    *cut_out = cut;
    return true;
}

/* The server's part of the handshake, byte by byte: a choice of four bytes, or a manifest: four bytes, a varint, that many
 * ranges of four bytes, a varint. */
static void greet_server(struct bolt_track *track, uint8_t byte)
{
    struct bolt_side *side = &track->server;
    switch (side->stage) {
    case STAGE_CHOICE:
        track->manifest = (side->greeting == 0 || track->manifest) && byte == MANIFEST[side->greeting];
        if (++side->greeting == sizeof MANIFEST) {
            side->greeting = 0;
            side->stage = track->manifest ? STAGE_COUNT : STAGE_MESSAGES;
        }
        break;
    case STAGE_COUNT: /* fewer than 128 ranges: one byte */
        side->greeting = 4u * (byte & 0x7Fu);
        side->stage = side->greeting > 0 ? STAGE_RANGES : STAGE_CAPABILITIES;
        break;
    case STAGE_RANGES:
        if (--side->greeting == 0) {
            side->stage = STAGE_CAPABILITIES;
        }
        break;
    default:
        if ((byte & 0x80) == 0) {
            side->stage = STAGE_MESSAGES;
        }
        break;
    }
}

/* The client's: its offer, and after a manifest a choice of four bytes and a varint. */
static void greet_client(struct bolt_track *track, uint8_t byte)
{
    struct bolt_side *side = &track->client;
    side->greeting++;
    if (side->stage == STAGE_CHOICE && side->greeting == OFFER_SIZE) {
        side->greeting = 0;
        side->stage = STAGE_REPLY;
    } else if (side->stage == STAGE_REPLY && side->greeting == sizeof MANIFEST) {
        side->stage = STAGE_CAPABILITIES;
    } else if (side->stage == STAGE_CAPABILITIES && (byte & 0x80) == 0) {
        side->stage = STAGE_MESSAGES;
    }
}

/* Whether the message of the client with this ordinal, or the answer to it, is the one to cut. */
static bool cut_is_here(const struct bolt_track *track, const struct bolt_cut *cut, bool from_client,
                        uint64_t ordinal)
{
    if (!cut->armed || cut->client != from_client) {
        return false;
    }
    for (unsigned i = 0; i < BOLT_BATCHES_MAX; i++) {
        const struct bolt_batch *batch = &track->batches[i];
        if (batch->number == cut->batch && ordinal == batch->begin + cut->message) {
            return true;
        }
    }
    return false;
}

/* The first two bytes of a message of the client have come. */
static void client_message_begins(struct bolt_track *track, struct bolt_batches *batches)
{
    const uint8_t tag = track->client.start[1];
    track->client.messages++;
    if (tag == TAG_BEGIN) {
        track->newest = (track->newest + 1) % BOLT_BATCHES_MAX;
        track->batches[track->newest] =
            (struct bolt_batch){.number = ++batches->count, .begin = track->client.messages};
    } else if (tag == TAG_COMMIT) {
        track->batches[track->newest].commit = track->client.messages;
    }
}

static void server_message_ends(struct bolt_track *track)
{
    struct bolt_side *side = &track->server;
    if (side->start[1] == TAG_RECORD) {
        return;
    }
    side->messages++;
    for (unsigned i = 0; i < BOLT_BATCHES_MAX; i++) {
        const struct bolt_batch *batch = &track->batches[i];
        if (batch->commit == side->messages) {
            printf("batch %u messages %u\n", batch->number, (unsigned)(batch->commit - batch->begin + 1));
            fflush(stdout);
        }
    }
}

/* One byte of a framed stream. True where it completes the first two bytes of a message. */
static bool frame_byte(struct bolt_side *side, uint8_t byte, bool *ended_out)
{
    *ended_out = false;
    if (side->chunk > 0 && side->header == 0) {
        side->chunk--;
        if (side->start_count < sizeof side->start) {
            side->start[side->start_count++] = byte;
            return side->start_count == sizeof side->start;
        }
        return false;
    }
    side->chunk = (uint16_t)((side->chunk << 8) | byte);
    side->header++;
    if (side->header == 2) {
        side->header = 0;
        if (side->chunk == 0 && side->start_count > 0) { /* else a keep-alive between messages */
            side->start_count = 0;
            *ended_out = true;
        }
    }
    return false;
}

bool bolt_track_feed(struct bolt_track *track, struct bolt_batches *batches, struct bolt_cut *cut,
                     bool from_client, const uint8_t *bytes, size_t *length)
{
    struct bolt_side *side = from_client ? &track->client : &track->server;
    for (size_t i = 0; i < *length; i++) {
        if (from_client && side->stage == STAGE_REPLY && side->greeting == 0 && !track->manifest) {
            side->stage = STAGE_MESSAGES; /* the server chose without a manifest: no reply */
        }
        if (side->stage != STAGE_MESSAGES) {
            if (from_client) {
                greet_client(track, bytes[i]);
            } else {
                greet_server(track, bytes[i]);
            }
            continue;
        }
        bool ended = false;
        if (frame_byte(side, bytes[i], &ended)) {
            if (from_client) {
                client_message_begins(track, batches);
            }
            const uint64_t ordinal = from_client ? side->messages : side->messages + 1;
            if (cut_is_here(track, cut, from_client, ordinal)) {
                /* Chunk header and two bytes of the message have been read: four bytes back is before it. They may lie in
                 * the block before this one, and then have gone already. */
                *length = cut->inside ? i + 1 : i < 3 ? 0 : i - 3;
                cut->armed = false;
                return true;
            }
        }
        if (ended && !from_client) {
            server_message_ends(track);
        }
    }
    return false;
}
