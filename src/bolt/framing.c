/* framing.c: joining chunks. */
#include "bolt/framing.h"

static int header_complete(struct heddle_framing *framing, struct heddle_error *error)
{
    framing->header_length = 0;
    framing->chunk_left = (size_t)framing->header[0] << 8 | framing->header[1];
    if (framing->chunk_left == 0) {
        framing->complete = framing->message.length > 0; /* else a NOOP */
        return HEDDLE_OK;
    }
    if (framing->chunk_left > framing->limit - framing->message.length) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the server's answer is longer than %zu bytes",
                                framing->limit);
    }
    return HEDDLE_OK;
}

int heddle_framing_feed(struct heddle_framing *framing, const uint8_t *bytes, size_t length, size_t *used_out,
                        bool *complete_out, struct heddle_error *error)
{
    size_t used = 0;
    if (framing->complete) {
        framing->complete = false;
        heddle_buffer_reset(&framing->message);
    }
    while (used < length && !framing->complete) {
        if (framing->chunk_left > 0) {
            const size_t left = length - used;
            const size_t part = framing->chunk_left < left ? framing->chunk_left : left;
            heddle_buffer_append(&framing->message, bytes + used, part);
            HEDDLE_TRY(heddle_buffer_check(&framing->message, error));
            framing->chunk_left -= part;
            used += part;
            continue;
        }
        framing->header[framing->header_length++] = bytes[used++];
        if (framing->header_length == sizeof framing->header) {
            HEDDLE_TRY(header_complete(framing, error));
        }
    }
    *used_out = used;
    *complete_out = framing->complete;
    return HEDDLE_OK;
}

void heddle_framing_reset(struct heddle_framing *framing)
{
    heddle_buffer_reset(&framing->message);
    framing->chunk_left = 0;
    framing->header_length = 0;
    framing->complete = false;
}

void heddle_framing_free(struct heddle_framing *framing)
{
    if (framing != NULL) {
        heddle_framing_reset(framing);
        heddle_buffer_free(&framing->message);
    }
}
