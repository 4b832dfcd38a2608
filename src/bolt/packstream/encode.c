/* encode.c: PackStream into chunks, in place.
 *
 * A small value is never cut: where it does not fit into what is left of a chunk, the chunk ends early. Long runs
 * of bytes fill chunks to the brim. So nothing is ever moved, and the inner loops are plain stores.
 */
#include "bolt/packstream/encode.h"

#include <string.h>

enum {
    CHUNK_HEADER = 2,
    FLOAT_SIZE = 9, /* marker and eight bytes */
    LIST_32_HEADER = 5,
};

enum {
    MARKER_UUID = 0xE0,
    MARKER_NULL = 0xC0,
    MARKER_FLOAT = 0xC1,
    MARKER_FALSE = 0xC2,
    MARKER_TRUE = 0xC3,
    MARKER_INT_8 = 0xC8,
    MARKER_INT_16 = 0xC9,
    MARKER_INT_32 = 0xCA,
    MARKER_INT_64 = 0xCB,
    MARKER_BYTES_8 = 0xCC,
    MARKER_LIST_32 = 0xD6,
    VECTOR_TYPE_F32 = 0xC6,
};

enum {
    TAG_DATE = 0x44,
    TAG_DATETIME = 0x49,
    TAG_DATETIME_LEGACY = 0x46,
    TAG_LOCAL_DATETIME = 0x64,
    TAG_LOCAL_TIME = 0x74,
    TAG_VECTOR = 0x56,
};

/* Markers of a sized type: tiny form holds sizes up to 15 (0 = there is none), then 8, 16 and 32 bits. */
struct sized {
    uint8_t tiny;
    uint8_t wide;
};
static const struct sized sized_string = {0x80, 0xD0};
static const struct sized sized_bytes = {0, MARKER_BYTES_8};
static const struct sized sized_list = {0x90, 0xD4};
static const struct sized sized_map = {0xA0, 0xD8};

static inline void store_16(uint8_t *out, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(out, &value, sizeof value);
}

static inline void store_32(uint8_t *out, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(out, &value, sizeof value);
}

static inline void store_64(uint8_t *out, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(out, &value, sizeof value);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "encode.c swaps bytes as little-endian machines need it"
#endif

static inline size_t chunk_used(const struct heddle_pack *pack)
{
    return pack->buffer->length - pack->chunk - CHUNK_HEADER;
}

static void chunk_close(struct heddle_pack *pack)
{
    store_16(pack->buffer->bytes + pack->chunk, (uint16_t)chunk_used(pack));
}

static void chunk_open(struct heddle_pack *pack)
{
    const size_t start = pack->buffer->length;
    if (heddle_buffer_reserve(pack->buffer, CHUNK_HEADER) != NULL) {
        pack->chunk = start;
        pack->buffer->length += CHUNK_HEADER;
    }
}

/* Room for `size` bytes in one piece, already counted in; NULL when out of memory. */
static inline uint8_t *piece(struct heddle_pack *pack, size_t size)
{
    struct heddle_buffer *buffer = pack->buffer;
    if (buffer->failed) {
        return NULL;
    }
    if (chunk_used(pack) + size > HEDDLE_PACK_CHUNK_MAX) {
        chunk_close(pack);
        chunk_open(pack);
    }
    uint8_t *out = buffer->capacity - buffer->length >= size && !buffer->failed
                       ? buffer->bytes + buffer->length
                       : heddle_buffer_reserve(buffer, size);
    if (out != NULL) {
        buffer->length += size;
    }
    return out;
}

/* How many items of `size` bytes go into this chunk, or into a fresh one when none does; at most `wanted`. */
static size_t items_that_fit(struct heddle_pack *pack, size_t wanted, size_t size)
{
    size_t fit = (HEDDLE_PACK_CHUNK_MAX - chunk_used(pack)) / size;
    if (fit == 0) {
        fit = HEDDLE_PACK_CHUNK_MAX / size;
    }
    return fit < wanted ? fit : wanted;
}

static void run_of_bytes(struct heddle_pack *pack, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        const size_t part = items_that_fit(pack, length, 1);
        uint8_t *out = piece(pack, part);
        if (out == NULL) {
            return;
        }
        memcpy(out, bytes, part);
        bytes += part;
        length -= part;
    }
}

static void sized_header(struct heddle_pack *pack, struct sized form, size_t size)
{
    uint8_t *out = NULL;
    if (size < 16 && form.tiny != 0) {
        if ((out = piece(pack, 1)) != NULL) {
            out[0] = (uint8_t)(form.tiny | size);
        }
    } else if (size <= UINT8_MAX) {
        if ((out = piece(pack, 2)) != NULL) {
            out[0] = form.wide;
            out[1] = (uint8_t)size;
        }
    } else if (size <= UINT16_MAX) {
        if ((out = piece(pack, 3)) != NULL) {
            out[0] = (uint8_t)(form.wide + 1);
            store_16(out + 1, (uint16_t)size);
        }
    } else if (size <= INT32_MAX) {
        if ((out = piece(pack, 5)) != NULL) {
            out[0] = (uint8_t)(form.wide + 2);
            store_32(out + 1, (uint32_t)size);
        }
    } else {
        pack->buffer->failed =
            true; /* the format ends at 2^31 - 1, and so does any server's memory for one value */
    }
}

void heddle_pack_init(struct heddle_pack *pack, struct heddle_buffer *buffer,
                      struct heddle_pack_dialect dialect)
{
    *pack = (struct heddle_pack){.buffer = buffer, .dialect = dialect};
}

void heddle_pack_message_begin(struct heddle_pack *pack, uint8_t tag, uint8_t fields)
{
    pack->message = pack->buffer->length;
    chunk_open(pack);
    heddle_pack_struct(pack, tag, fields);
}

void heddle_pack_message_end(struct heddle_pack *pack)
{
    static const uint8_t end_marker[CHUNK_HEADER] = {0, 0};
    if (!pack->buffer->failed) {
        chunk_close(pack);
        heddle_buffer_append(pack->buffer, end_marker, sizeof end_marker);
    }
}

size_t heddle_pack_message_bytes(const struct heddle_pack *pack)
{
    return pack->buffer->length - pack->message;
}

static void marker(struct heddle_pack *pack, uint8_t value)
{
    uint8_t *out = piece(pack, 1);
    if (out != NULL) {
        out[0] = value;
    }
}

void heddle_pack_null(struct heddle_pack *pack)
{
    marker(pack, MARKER_NULL);
}

void heddle_pack_bool(struct heddle_pack *pack, bool value)
{
    marker(pack, value ? MARKER_TRUE : MARKER_FALSE);
}

void heddle_pack_integer(struct heddle_pack *pack, int64_t value)
{
    uint8_t *out = NULL;
    if (value >= -16 && value <= INT8_MAX) {
        marker(pack, (uint8_t)value);
    } else if (value >= INT8_MIN && value <= INT8_MAX) {
        if ((out = piece(pack, 2)) != NULL) {
            out[0] = MARKER_INT_8;
            out[1] = (uint8_t)value;
        }
    } else if (value >= INT16_MIN && value <= INT16_MAX) {
        if ((out = piece(pack, 3)) != NULL) {
            out[0] = MARKER_INT_16;
            store_16(out + 1, (uint16_t)value);
        }
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        if ((out = piece(pack, 5)) != NULL) {
            out[0] = MARKER_INT_32;
            store_32(out + 1, (uint32_t)value);
        }
    } else if ((out = piece(pack, 9)) != NULL) {
        out[0] = MARKER_INT_64;
        store_64(out + 1, (uint64_t)value);
    }
}

static inline void store_float(uint8_t *out, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    out[0] = MARKER_FLOAT;
    store_64(out + 1, bits);
}

/* Four a turn: of a client that writes embeddings as lists this loop is most of the work. */
static void store_floats(uint8_t *out, const float *values, size_t count)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4, out += 4 * FLOAT_SIZE) {
        store_float(out, (double)values[i]);
        store_float(out + FLOAT_SIZE, (double)values[i + 1]);
        store_float(out + 2 * FLOAT_SIZE, (double)values[i + 2]);
        store_float(out + 3 * FLOAT_SIZE, (double)values[i + 3]);
    }
    for (; i < count; i++, out += FLOAT_SIZE) {
        store_float(out, (double)values[i]);
    }
}

void heddle_pack_float(struct heddle_pack *pack, double value)
{
    uint8_t *out = piece(pack, FLOAT_SIZE);
    if (out != NULL) {
        store_float(out, value);
    }
}

void heddle_pack_string(struct heddle_pack *pack, const char *text, size_t length)
{
    sized_header(pack, sized_string, length);
    run_of_bytes(pack, (const uint8_t *)text, length);
}

void heddle_pack_text(struct heddle_pack *pack, const char *text)
{
    heddle_pack_string(pack, text, strlen(text));
}

void heddle_pack_bytes(struct heddle_pack *pack, const void *bytes, size_t length)
{
    sized_header(pack, sized_bytes, length);
    run_of_bytes(pack, bytes, length);
}

void heddle_pack_list(struct heddle_pack *pack, uint32_t count)
{
    sized_header(pack, sized_list, count);
}

void heddle_pack_map(struct heddle_pack *pack, uint32_t count)
{
    sized_header(pack, sized_map, count);
}

void heddle_pack_struct(struct heddle_pack *pack, uint8_t tag, uint8_t fields)
{
    uint8_t *out = piece(pack, 2);
    if (out != NULL) {
        out[0] = (uint8_t)(0xB0 | (fields & 0x0F));
        out[1] = tag;
    }
}

void heddle_pack_uuid(struct heddle_pack *pack, const uint8_t uuid[static 16])
{
    uint8_t *out = piece(pack, 17);
    if (out != NULL) {
        out[0] = MARKER_UUID;
        memcpy(out + 1, uuid, 16);
    }
}

void heddle_pack_date(struct heddle_pack *pack, int64_t days)
{
    heddle_pack_struct(pack, TAG_DATE, 1);
    heddle_pack_integer(pack, days);
}

void heddle_pack_local_time(struct heddle_pack *pack, int64_t nanoseconds_of_day)
{
    heddle_pack_struct(pack, TAG_LOCAL_TIME, 1);
    heddle_pack_integer(pack, nanoseconds_of_day);
}

void heddle_pack_datetime(struct heddle_pack *pack, int64_t utc_seconds, int32_t nanoseconds,
                          int32_t offset_seconds)
{
    heddle_pack_struct(pack, pack->dialect.utc ? TAG_DATETIME : TAG_DATETIME_LEGACY, 3);
    heddle_pack_integer(pack, pack->dialect.utc ? utc_seconds : utc_seconds + offset_seconds);
    heddle_pack_integer(pack, nanoseconds);
    heddle_pack_integer(pack, offset_seconds);
}

void heddle_pack_local_datetime(struct heddle_pack *pack, int64_t seconds, int32_t nanoseconds)
{
    heddle_pack_struct(pack, TAG_LOCAL_DATETIME, 2);
    heddle_pack_integer(pack, seconds);
    heddle_pack_integer(pack, nanoseconds);
}

void heddle_pack_vector_native(struct heddle_pack *pack, const float *values, uint32_t count)
{
    static const uint8_t inner_type[] = {VECTOR_TYPE_F32};
    heddle_pack_struct(pack, TAG_VECTOR, 2);
    heddle_pack_bytes(pack, inner_type, sizeof inner_type);
    sized_header(pack, sized_bytes, (size_t)count * sizeof(float));
    while (count > 0) {
        const size_t part = items_that_fit(pack, count, sizeof(float));
        uint8_t *out = piece(pack, part * sizeof(float));
        if (out == NULL) {
            return;
        }
        /* Compilers turn this into one shuffle for each vector register. */
        for (size_t i = 0; i < part; i++) {
            uint32_t bits = 0;
            memcpy(&bits, values + i, sizeof bits);
            store_32(out + i * sizeof bits, bits);
        }
        values += part;
        count -= (uint32_t)part;
    }
}

void heddle_pack_vector_list(struct heddle_pack *pack, const float *values, uint32_t count)
{
    heddle_pack_list(pack, count);
    while (count > 0) {
        const size_t part = items_that_fit(pack, count, FLOAT_SIZE);
        uint8_t *out = piece(pack, part * FLOAT_SIZE);
        if (out == NULL) {
            return;
        }
        store_floats(out, values, part);
        values += part;
        count -= (uint32_t)part;
    }
}

void heddle_pack_vector(struct heddle_pack *pack, const float *values, uint32_t count)
{
    if (pack->dialect.native_vectors && count >= 1 && count <= HEDDLE_PACK_VECTOR_MAX) {
        heddle_pack_vector_native(pack, values, count);
    } else {
        heddle_pack_vector_list(pack, values, count);
    }
}

struct heddle_pack_mark heddle_pack_list_open(struct heddle_pack *pack)
{
    uint8_t *out = piece(pack, LIST_32_HEADER);
    if (out == NULL) {
        return (struct heddle_pack_mark){0};
    }
    out[0] = MARKER_LIST_32;
    store_32(out + 1, 0);
    return (struct heddle_pack_mark){.length = pack->buffer->length, .chunk = pack->chunk};
}

void heddle_pack_list_close(struct heddle_pack *pack, struct heddle_pack_mark mark, uint32_t count)
{
    if (!pack->buffer->failed) {
        store_32(pack->buffer->bytes + mark.length - sizeof count, count);
    }
}

struct heddle_pack_mark heddle_pack_mark(const struct heddle_pack *pack)
{
    return (struct heddle_pack_mark){.length = pack->buffer->length, .chunk = pack->chunk};
}

void heddle_pack_rewind(struct heddle_pack *pack, struct heddle_pack_mark mark)
{
    if (!pack->buffer->failed) {
        pack->buffer->length = mark.length;
        pack->chunk = mark.chunk; /* its header is written again when it closes */
    }
}
