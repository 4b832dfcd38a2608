/* file.c: header and blocks of a file of kept vectors. */
#include "run/kept/file.h"

#include <string.h>
#include <zlib.h>

static const char MAGIC[8] = {'h', 'e', 'd', 'd', 'l', 'e', 'V', '\n'};
static const uint32_t BLOCK_MARK = 0x6b63b10b;

enum { AT_LENGTH = 4, AT_CRC = 8 };

static void put_u32(uint8_t *out, uint32_t value)
{
    memcpy(out, &value, sizeof value);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t crc_of(const uint8_t *length_and_more, size_t more_at, const uint8_t *body, size_t length)
{
    return (uint32_t)crc32_z(crc32_z(0, length_and_more, more_at), body, length);
}

void heddle_kept_append_header(struct heddle_buffer *out, const char *identity)
{
    const size_t start = out->length;
    uint8_t numbers[8];
    put_u32(numbers, HEDDLE_KEPT_VERSION);
    put_u32(numbers + 4, (uint32_t)strlen(identity));
    heddle_buffer_append(out, MAGIC, sizeof MAGIC);
    heddle_buffer_append(out, numbers, sizeof numbers);
    heddle_buffer_append_text(out, identity);
    if (!out->failed) {
        uint8_t crc[4];
        put_u32(crc, (uint32_t)crc32_z(0, out->bytes + start, out->length - start));
        heddle_buffer_append(out, crc, sizeof crc);
    }
}

size_t heddle_kept_check_header(const uint8_t *bytes, size_t length, const char *identity)
{
    const size_t identity_length = strlen(identity);
    const size_t whole = sizeof MAGIC + 8 + identity_length + 4;
    if (length < whole || memcmp(bytes, MAGIC, sizeof MAGIC) != 0 ||
        get_u32(bytes + sizeof MAGIC) != HEDDLE_KEPT_VERSION ||
        get_u32(bytes + sizeof MAGIC + 4) != identity_length ||
        memcmp(bytes + sizeof MAGIC + 8, identity, identity_length) != 0 ||
        get_u32(bytes + whole - 4) != (uint32_t)crc32_z(0, bytes, whole - 4)) {
        return 0;
    }
    return whole;
}

void heddle_kept_append_block(struct heddle_buffer *out, uint64_t slot, size_t width,
                              const uint64_t *positions, const uint64_t *hashes, const float *vectors,
                              size_t count)
{
    const size_t start = out->length;
    struct heddle_buffer list = {0};
    heddle_positions_append(&list, positions, count);
    const uint8_t head[HEDDLE_KEPT_BLOCK_HEAD] = {0};
    heddle_buffer_append(out, head, sizeof head);
    heddle_number_append(out, slot);
    heddle_number_append(out, width);
    heddle_number_append(out, count);
    heddle_number_append(out, list.length);
    heddle_buffer_append(out, list.bytes, list.length);
    if (width > 0) {
        heddle_buffer_append(out, hashes, count * sizeof *hashes);
        heddle_buffer_append(out, vectors, count * width * sizeof *vectors);
    }
    out->failed = out->failed || list.failed;
    heddle_buffer_free(&list);
    if (out->failed) {
        return;
    }
    uint8_t *at = out->bytes + start;
    const size_t length = out->length - start - HEDDLE_KEPT_BLOCK_HEAD;
    put_u32(at, BLOCK_MARK);
    put_u32(at + AT_LENGTH, (uint32_t)length);
    put_u32(at + AT_CRC, crc_of(at + AT_LENGTH, 4, at + HEDDLE_KEPT_BLOCK_HEAD, length));
}

size_t heddle_kept_block_length(const uint8_t *head)
{
    const uint32_t length = get_u32(head + AT_LENGTH);
    return get_u32(head) == BLOCK_MARK && length <= HEDDLE_KEPT_BLOCK_MAX ? length : 0;
}

bool heddle_kept_block_is_good(const uint8_t *head, const uint8_t *body, size_t length)
{
    return get_u32(head + AT_CRC) == crc_of(head + AT_LENGTH, 4, body, length);
}

bool heddle_kept_block_read(const uint8_t *body, size_t length, bool whole, struct heddle_kept_block *out)
{
    struct heddle_byte_reader reader = {.bytes = body, .length = length};
    *out = (struct heddle_kept_block){0};
    out->slot = heddle_number_read(&reader);
    out->width = heddle_number_read(&reader);
    out->rows = heddle_number_read(&reader);
    out->positions_length = heddle_number_read(&reader);
    out->positions = heddle_bytes_read(&reader, out->positions_length);
    if (reader.failed || out->positions == NULL) {
        return false;
    }
    if (!whole) {
        return true;
    }
    if (out->width > HEDDLE_KEPT_BLOCK_MAX / sizeof(float) || out->rows > HEDDLE_KEPT_BLOCK_MAX) {
        return false;
    }
    uint64_t count = 0;
    if (!heddle_positions_count(out->positions, out->positions_length, &count) || count != out->rows) {
        return false;
    }
    if (out->width == 0) {
        return reader.length == 0;
    }
    out->hashes = heddle_bytes_read(&reader, out->rows * sizeof(uint64_t));
    /* width and rows are below 2^30: their product does not wrap */
    out->floats = heddle_bytes_read(&reader, out->rows * out->width * sizeof(float));
    return !reader.failed && reader.length == 0;
}

bool heddle_kept_block_range(const struct heddle_kept_block *block, uint64_t *lowest_out,
                             uint64_t *highest_out)
{
    struct heddle_positions_reader reader = heddle_positions_read(block->positions, block->positions_length);
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;
    uint64_t first;
    uint64_t length;
    while (heddle_positions_next(&reader, &first, &length)) {
        lowest = first < lowest ? first : lowest;
        highest = first + length - 1 > highest ? first + length - 1 : highest;
    }
    *lowest_out = lowest;
    *highest_out = highest;
    return !reader.bytes.failed && lowest <= highest;
}
