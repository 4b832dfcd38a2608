/* segment.c: the bytes of a journal, written and read. */
#include "run/journal/segment.h"

#include <string.h>
#include <zlib.h>

static const char MAGIC[8] = {'h', 'e', 'd', 'd', 'l', 'e', 'J', '\n'};
static const uint8_t BLOCK_MARK[4] = {0xb1, 'o', 'c', 'k'};

enum {
    FLAG_ANEW = 1,
    AT_VERSION = 8,
    AT_FLAGS = 12,
    AT_NUMBER = 16,
    AT_ZERO = 24,
    AT_CRC = 28,
    BLOCK_AT_LENGTH = 4,
    BLOCK_AT_CRC = 8,
    BLOCK_AT_ZERO = 12,
};

static void put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_u64(uint8_t *out, uint64_t value)
{
    put_u32(out, (uint32_t)value);
    put_u32(out + 4, (uint32_t)(value >> 32));
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t get_u64(const uint8_t *bytes)
{
    return (uint64_t)get_u32(bytes) | (uint64_t)get_u32(bytes + 4) << 32;
}

static uint32_t block_crc(uint64_t number, uint64_t offset, const uint8_t *body, uint32_t length)
{
    uint8_t place[20];
    put_u64(place, number);
    put_u64(place + 8, offset);
    put_u32(place + 16, length);
    return (uint32_t)crc32_z(crc32_z(0, place, sizeof place), body, length);
}

/* ---- writing ---- */

/* Type and length go first; the length of a body is known only when it is there, so it is built behind the record's place and
 * moved up: bodies are short but for lists of positions, and those are moved once. */
static void append_record(struct heddle_buffer *out, enum heddle_journal_record_type type, size_t body)
{
    uint8_t head[2 * HEDDLE_NUMBER_BYTES_MAX];
    size_t head_length = heddle_number_write(head, type);
    head_length += heddle_number_write(head + head_length, out->length - body);
    if (heddle_buffer_reserve(out, head_length) == NULL) {
        return;
    }
    memmove(out->bytes + body + head_length, out->bytes + body, out->length - body);
    memcpy(out->bytes + body, head, head_length);
    out->length += head_length;
}

void heddle_record_append_begun(struct heddle_buffer *out, uint64_t batch, uint32_t epoch, const char *load)
{
    const size_t body = out->length;
    heddle_number_append(out, batch);
    heddle_number_append(out, epoch);
    heddle_buffer_append_text(out, load);
    append_record(out, HEDDLE_RECORD_BEGUN, body);
}

void heddle_record_append_sent(struct heddle_buffer *out, uint64_t token,
                               const struct heddle_ledger_rows *rows)
{
    const size_t body = out->length;
    heddle_number_append(out, token);
    heddle_number_append(out, rows->target);
    heddle_number_append(out, rows->count);
    heddle_positions_append(out, rows->positions, rows->count);
    append_record(out, HEDDLE_RECORD_SENT, body);
}

void heddle_record_append_outcome(struct heddle_buffer *out, uint64_t token, enum heddle_verdict verdict,
                                  const struct heddle_ledger_sums *sums)
{
    const size_t body = out->length;
    heddle_number_append(out, token);
    if (verdict == HEDDLE_VERDICT_SETTLED) {
        const struct heddle_ledger_sums none = {0};
        const struct heddle_ledger_sums *all = sums == NULL ? &none : sums;
        heddle_number_append(out, all->created);
        heddle_number_append(out, all->matched);
        heddle_number_append(out, all->folded);
        heddle_number_append(out, all->rejected);
        heddle_number_append(out, all->vectors);
    }
    append_record(out,
                  verdict == HEDDLE_VERDICT_SETTLED ? HEDDLE_RECORD_SETTLED
                  : verdict == HEDDLE_VERDICT_VOID  ? HEDDLE_RECORD_VOID
                                                    : HEDDLE_RECORD_WRITTEN,
                  body);
}

void heddle_record_append_done(struct heddle_buffer *out, uint64_t batch)
{
    const size_t body = out->length;
    heddle_number_append(out, batch);
    append_record(out, HEDDLE_RECORD_DONE, body);
}

void heddle_segment_append_header(struct heddle_buffer *out, uint64_t number, bool anew)
{
    uint8_t header[HEDDLE_SEGMENT_HEADER] = {0};
    memcpy(header, MAGIC, sizeof MAGIC);
    put_u32(header + AT_VERSION, HEDDLE_SEGMENT_VERSION);
    put_u32(header + AT_FLAGS, anew ? FLAG_ANEW : 0);
    put_u64(header + AT_NUMBER, number);
    put_u32(header + AT_CRC, (uint32_t)crc32_z(0, header, AT_CRC));
    heddle_buffer_append(out, header, sizeof header);
}

void heddle_segment_append_block(struct heddle_buffer *out, uint64_t number, uint64_t offset,
                                 const void *records, size_t length)
{
    uint8_t head[HEDDLE_BLOCK_HEAD] = {0};
    memcpy(head, BLOCK_MARK, sizeof BLOCK_MARK);
    put_u32(head + BLOCK_AT_LENGTH, (uint32_t)length);
    put_u32(head + BLOCK_AT_CRC, block_crc(number, offset, records, (uint32_t)length));
    heddle_buffer_append(out, head, sizeof head);
    heddle_buffer_append(out, records, length);
}

void heddle_segment_append_seal(struct heddle_buffer *out, uint64_t number, uint64_t offset, uint64_t blocks)
{
    uint8_t body[HEDDLE_NUMBER_BYTES_MAX];
    uint8_t record[3 * HEDDLE_NUMBER_BYTES_MAX];
    const size_t body_length = heddle_number_write(body, blocks);
    size_t length = heddle_number_write(record, HEDDLE_RECORD_SEALED);
    length += heddle_number_write(record + length, body_length);
    memcpy(record + length, body, body_length);
    heddle_segment_append_block(out, number, offset, record, length + body_length);
}

/* ---- reading ---- */

static int damaged(const struct heddle_segment *segment, size_t offset, const char *what,
                   struct heddle_error *error)
{
    return heddle_error_set(
        error, HEDDLE_IO,
        "the journal is damaged: %s, byte %zu: %s. What was loaded before cannot be told from "
        "what was not; restore the checkpoint from a copy, or start over with --fresh on a graph "
        "without this load's rows",
        segment->name, offset, what);
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* A good block at `offset`. */
static bool block_is_good(const struct heddle_segment *segment, size_t offset, uint32_t *length_out)
{
    if (segment->length - offset < HEDDLE_BLOCK_HEAD ||
        memcmp(segment->bytes + offset, BLOCK_MARK, sizeof BLOCK_MARK) != 0) {
        return false;
    }
    const uint8_t *head = segment->bytes + offset;
    const uint32_t length = get_u32(head + BLOCK_AT_LENGTH);
    *length_out = length;
    return length <= segment->length - offset - HEDDLE_BLOCK_HEAD && get_u32(head + BLOCK_AT_ZERO) == 0 &&
           get_u32(head + BLOCK_AT_CRC) ==
               block_crc(segment->number, offset, head + HEDDLE_BLOCK_HEAD, length);
}

/* Is there a good block anywhere behind `offset`? */
static bool block_follows(const struct heddle_segment *segment, size_t offset)
{
    uint32_t length;
    while (offset < segment->length) {
        const uint8_t *at =
            memmem(segment->bytes + offset, segment->length - offset, BLOCK_MARK, sizeof BLOCK_MARK);
        if (at == NULL) {
            return false;
        }
        offset = (size_t)(at - segment->bytes);
        if (block_is_good(segment, offset, &length)) {
            return true;
        }
        offset++;
    }
    return false;
}

int heddle_segment_open(struct heddle_segment *segment, struct heddle_error *error)
{
    const uint8_t *header = segment->bytes;
    if (segment->length < HEDDLE_SEGMENT_HEADER || is_zero(header, HEDDLE_SEGMENT_HEADER)) {
        if (segment->length > HEDDLE_SEGMENT_HEADER && block_follows(segment, 0)) {
            return damaged(segment, 0, "its header is gone", error);
        }
        segment->torn = "the header is not whole";
        return HEDDLE_END;
    }
    if (memcmp(header, MAGIC, sizeof MAGIC) != 0) {
        return damaged(segment, 0, "it does not begin as a journal does", error);
    }
    const uint32_t version = get_u32(header + AT_VERSION);
    if (version != HEDDLE_SEGMENT_VERSION) {
        return heddle_error_set(
            error, HEDDLE_IO,
            "%s is a journal of format %u, written by another version of heddle; this one reads "
            "and writes format %d: finish the load with the version that began it",
            segment->name, version, HEDDLE_SEGMENT_VERSION);
    }
    const uint32_t flags = get_u32(header + AT_FLAGS);
    if (get_u32(header + AT_CRC) != (uint32_t)crc32_z(0, header, AT_CRC) ||
        (flags & ~(uint32_t)FLAG_ANEW) != 0) {
        return damaged(segment, 0, "the header's sum is wrong", error);
    }
    if (get_u64(header + AT_NUMBER) != segment->number) {
        return damaged(segment, AT_NUMBER, "it is a segment of another number under this name", error);
    }
    segment->anew = (flags & FLAG_ANEW) != 0;
    segment->good = HEDDLE_SEGMENT_HEADER;
    return HEDDLE_OK;
}

/* The seal is the only record of its block. */
static int read_seal(struct heddle_segment *segment, struct heddle_byte_reader records,
                     struct heddle_error *error)
{
    struct heddle_journal_record record;
    const size_t start = segment->good;
    if (records.length == 0 || records.bytes[0] != HEDDLE_RECORD_SEALED) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_record_read(&records, &record, error));
    if (record.blocks != segment->blocks) {
        return damaged(segment, start, "its seal counts other blocks", error);
    }
    segment->sealed = true;
    return HEDDLE_OK;
}

int heddle_segment_next(struct heddle_segment *segment, struct heddle_byte_reader *records_out,
                        struct heddle_error *error)
{
    if (segment->good == segment->length) {
        return HEDDLE_END;
    }
    if (segment->sealed) {
        return damaged(segment, segment->good, "there is more behind its end", error);
    }
    uint32_t length = 0;
    if (!block_is_good(segment, segment->good, &length)) {
        if (block_follows(segment, segment->good + 1)) {
            return damaged(segment, segment->good, "a block is no longer what was written", error);
        }
        segment->torn = "the last write was cut short";
        return HEDDLE_END;
    }
    *records_out = (struct heddle_byte_reader){
        .bytes = segment->bytes + segment->good + HEDDLE_BLOCK_HEAD,
        .length = length,
    };
    HEDDLE_TRY(read_seal(segment, *records_out, error));
    segment->good += HEDDLE_BLOCK_HEAD + length;
    if (segment->sealed) {
        records_out->length = 0;
    } else {
        segment->blocks++;
    }
    return HEDDLE_OK;
}

static void read_sums(struct heddle_byte_reader *body, struct heddle_ledger_sums *out)
{
    out->created = heddle_number_read(body);
    out->matched = heddle_number_read(body);
    out->folded = heddle_number_read(body);
    out->rejected = heddle_number_read(body);
    out->vectors = heddle_number_read(body);
}

static bool read_sent(struct heddle_byte_reader *body, struct heddle_journal_record *out)
{
    out->token = heddle_number_read(body);
    out->target = heddle_number_read(body);
    out->rows = heddle_number_read(body);
    out->positions_length = body->length;
    out->positions = heddle_bytes_read(body, body->length);
    uint64_t count = 0;
    return !body->failed && heddle_positions_count(out->positions, out->positions_length, &count) &&
           count == out->rows;
}

static void read_begun(struct heddle_byte_reader *body, struct heddle_journal_record *out, bool *good)
{
    out->batch = heddle_number_read(body);
    const uint64_t epoch = heddle_number_read(body);
    out->epoch = (uint32_t)epoch;
    out->load_length = body->length;
    out->load = (const char *)heddle_bytes_read(body, body->length);
    *good = epoch <= UINT32_MAX && out->load_length <= HEDDLE_LOAD_ID_MAX;
}

int heddle_record_read(struct heddle_byte_reader *records, struct heddle_journal_record *record_out,
                       struct heddle_error *error)
{
    if (records->length == 0 && !records->failed) {
        return HEDDLE_END;
    }
    const uint64_t type = heddle_number_read(records);
    const uint64_t length = heddle_number_read(records);
    const uint8_t *bytes = heddle_bytes_read(records, length);
    struct heddle_byte_reader body = {.bytes = bytes, .length = length};
    *record_out = (struct heddle_journal_record){.type = (enum heddle_journal_record_type)type};
    bool good = bytes != NULL && type <= HEDDLE_RECORD_SEALED;
    switch (good ? record_out->type : 0) {
    case HEDDLE_RECORD_BEGUN: read_begun(&body, record_out, &good); break;
    case HEDDLE_RECORD_SENT: good = read_sent(&body, record_out); break;
    case HEDDLE_RECORD_SETTLED:
        record_out->token = heddle_number_read(&body);
        read_sums(&body, &record_out->sums);
        break;
    case HEDDLE_RECORD_VOID:
    case HEDDLE_RECORD_WRITTEN: record_out->token = heddle_number_read(&body); break;
    case HEDDLE_RECORD_DONE: record_out->batch = heddle_number_read(&body); break;
    case HEDDLE_RECORD_SEALED: record_out->blocks = heddle_number_read(&body); break;
    default: good = false;
    }
    if (!good || body.failed || body.length != 0) {
        return heddle_error_set(error, HEDDLE_IO, "a record of type %llu in the journal is none",
                                (unsigned long long)type);
    }
    return HEDDLE_OK;
}
