/* deletions.c: index and checks over a serialised RoaringBitmapArray. */
#include "source/delta/deletions.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    COOKIE_PLAIN = 12346, /* no container is a list of runs */
    COOKIE_RUNS = 12347,  /* in the low half; the high half is the number of containers less one */
    OFFSETS_FROM = 4,     /* with runs, fewer containers than this come without an offset table */
    ARRAY_ROWS_MAX = 4096,
    CONTAINER_ROWS = 65536,
    BITMAP_BYTES = 8192,
};
static const uint32_t MAGIC_PORTABLE = 1681511377;
static const uint32_t MAGIC_NATIVE = 1681511376;

enum container_kind { CONTAINER_ARRAY, CONTAINER_BITMAP, CONTAINER_RUNS };

/* 65,536 rows: those whose ordinal is key * 65,536 + a 16-bit number. */
struct container {
    uint64_t key;
    const uint8_t *data; /* values, bits, or pairs (start, length - 1), little-endian 16-bit */
    uint32_t count;      /* values or runs */
    enum container_kind kind;
};

struct heddle_delta_deletions {
    struct container *containers; /* ascending keys */
    size_t count;
    size_t capacity;
    uint64_t rows;
    uint64_t last;
};

/* What is left to be read. */
struct reader {
    const uint8_t *bytes;
    size_t left;
};

static const uint8_t *take(struct reader *reader, size_t length)
{
    if (length > reader->left) {
        return NULL;
    }
    const uint8_t *at = reader->bytes;
    reader->bytes += length;
    reader->left -= length;
    return at;
}

static uint32_t u16_at(const uint8_t *bytes, size_t index)
{
    return (uint32_t)bytes[2 * index] | (uint32_t)bytes[2 * index + 1] << 8;
}

static uint32_t u32_read(const uint8_t *bytes)
{
    return u16_at(bytes, 0) | u16_at(bytes, 1) << 16;
}

static int broken(struct heddle_error *error, const char *what)
{
    return heddle_error_set(error, HEDDLE_SOURCE, "the deletion vector is damaged: %s", what);
}

static int cut_short(struct heddle_error *error)
{
    return broken(error, "it ends too early");
}

/* Reads one container's data and counts its rows; *last_out is its highest value. */
static int container_read(struct reader *reader, struct container *container, uint32_t declared,
                          uint32_t *last_out, struct heddle_error *error)
{
    uint64_t rows = 0;
    if (container->kind == CONTAINER_RUNS) {
        const uint8_t *head = take(reader, 2);
        container->count = head != NULL ? u16_at(head, 0) : 0;
        container->data = take(reader, (size_t)container->count * 4);
        if (head == NULL || container->data == NULL) {
            return cut_short(error);
        }
        uint64_t next = 0;
        for (size_t i = 0; i < container->count; i++) {
            const uint32_t start = u16_at(container->data, 2 * i);
            const uint32_t length = u16_at(container->data, 2 * i + 1) + 1;
            if (start < next || start + length > CONTAINER_ROWS) {
                return broken(error, "its runs are out of order");
            }
            next = (uint64_t)start + length;
            rows += length;
        }
        *last_out = next > 0 ? (uint32_t)next - 1 : 0;
    } else if (container->kind == CONTAINER_ARRAY) {
        container->count = declared;
        container->data = take(reader, (size_t)declared * 2);
        if (container->data == NULL) {
            return cut_short(error);
        }
        for (size_t i = 1; i < declared; i++) {
            if (u16_at(container->data, i) <= u16_at(container->data, i - 1)) {
                return broken(error, "its rows are out of order");
            }
        }
        rows = declared;
        *last_out = u16_at(container->data, declared - 1);
    } else {
        container->data = take(reader, BITMAP_BYTES);
        if (container->data == NULL) {
            return cut_short(error);
        }
        for (size_t i = 0; i < BITMAP_BYTES; i++) {
            rows += (uint64_t)__builtin_popcount(container->data[i]);
            if (container->data[i] != 0) {
                *last_out = (uint32_t)(i * 8 + 31 - (size_t)__builtin_clz(container->data[i]));
            }
        }
    }
    return rows == declared ? HEDDLE_OK
                            : broken(error, "a container holds another number of rows than it says");
}

/* The head of a bitmap: how many containers, and which of them are runs (NULL = none). */
static int head_read(struct reader *reader, uint32_t *count_out, const uint8_t **runs_out,
                     struct heddle_error *error)
{
    const uint8_t *bytes = take(reader, 4);
    if (bytes == NULL) {
        return cut_short(error);
    }
    const uint32_t cookie = u32_read(bytes);
    *runs_out = NULL;
    if ((cookie & 0xffff) == COOKIE_RUNS) {
        *count_out = (cookie >> 16) + 1;
        *runs_out = take(reader, (*count_out + 7) / 8);
        return *runs_out != NULL ? HEDDLE_OK : cut_short(error);
    }
    if (cookie != COOKIE_PLAIN) {
        return broken(error, "a bitmap does not begin with its cookie");
    }
    bytes = take(reader, 4);
    if (bytes == NULL) {
        return cut_short(error);
    }
    *count_out = u32_read(bytes);
    return *count_out <= CONTAINER_ROWS ? HEDDLE_OK
                                        : broken(error, "a bitmap has more than 65,536 containers");
}

/* One 32-bit Roaring bitmap whose rows have `high` in their upper half. */
static int bitmap_read(struct heddle_delta_deletions *deletions, struct reader *reader, uint64_t high,
                       struct heddle_error *error)
{
    uint32_t count = 0;
    const uint8_t *runs = NULL;
    HEDDLE_TRY(head_read(reader, &count, &runs, error));
    const uint8_t *keys = take(reader, (size_t)count * 4);
    const bool offsets = runs == NULL || count >= OFFSETS_FROM;
    if (keys == NULL || (offsets && take(reader, (size_t)count * 4) == NULL)) {
        return cut_short(error);
    }
    if (heddle_grow((void **)&deletions->containers, &deletions->capacity, deletions->count + count,
                    sizeof *deletions->containers) != 0) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t key = u16_at(keys, 2 * i);
        const uint32_t declared = u16_at(keys, 2 * i + 1) + 1;
        if (i > 0 && key <= u16_at(keys, 2 * i - 2)) {
            return broken(error, "its containers are out of order");
        }
        struct container *container = &deletions->containers[deletions->count];
        container->key = high << 16 | key;
        container->kind = runs != NULL && (runs[i / 8] >> (i % 8) & 1) != 0 ? CONTAINER_RUNS
                          : declared <= ARRAY_ROWS_MAX                      ? CONTAINER_ARRAY
                                                                            : CONTAINER_BITMAP;
        uint32_t last = 0;
        HEDDLE_TRY(container_read(reader, container, declared, &last, error));
        deletions->count++;
        deletions->rows += declared;
        deletions->last = container->key << 16 | last;
    }
    return HEDDLE_OK;
}

static int array_read(struct heddle_delta_deletions *deletions, struct reader *reader,
                      struct heddle_error *error)
{
    const uint8_t *head = take(reader, 12);
    if (head == NULL) {
        return cut_short(error);
    }
    if (u32_read(head) == MAGIC_NATIVE) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the deletion vector is in Delta's native format, which no table keeps on disk; only "
            "the portable format is read");
    }
    if (u32_read(head) != MAGIC_PORTABLE) {
        return broken(error, "it does not begin with its magic number");
    }
    const uint64_t buckets = (uint64_t)u32_read(head + 8) << 32 | u32_read(head + 4);
    uint64_t previous = 0;
    for (uint64_t i = 0; i < buckets; i++) {
        const uint8_t *key = take(reader, 4);
        if (key == NULL) {
            return cut_short(error);
        }
        const uint64_t high = u32_read(key);
        if (i > 0 && high <= previous) {
            return broken(error, "its buckets are out of order");
        }
        previous = high;
        HEDDLE_TRY(bitmap_read(deletions, reader, high, error));
    }
    return reader->left == 0 ? HEDDLE_OK : broken(error, "bytes follow its end");
}

int heddle_delta_deletions_parse(const uint8_t *bytes, size_t length, struct heddle_arena *arena,
                                 struct heddle_delta_deletions **deletions_out, struct heddle_error *error)
{
    struct heddle_delta_deletions found = {0};
    struct reader reader = {.bytes = bytes, .left = length};
    int status = array_read(&found, &reader, error);
    if (status == HEDDLE_OK) {
        struct heddle_delta_deletions *deletions = heddle_arena_alloc(arena, sizeof *deletions);
        struct container *containers = heddle_arena_calloc(arena, found.count, sizeof *containers);
        if (deletions == NULL || containers == NULL) {
            status = heddle_error_out_of_memory(error);
        } else {
            if (found.count > 0) {
                memcpy(containers, found.containers, found.count * sizeof *containers);
            }
            *deletions = found;
            deletions->containers = containers;
            *deletions_out = deletions;
        }
    }
    free(found.containers);
    return status;
}

uint64_t heddle_delta_deletions_count(const struct heddle_delta_deletions *deletions)
{
    return deletions->rows;
}

uint64_t heddle_delta_deletions_last(const struct heddle_delta_deletions *deletions)
{
    return deletions->last;
}

/* The container of a row, or NULL. */
static const struct container *container_find(const struct heddle_delta_deletions *deletions, uint64_t row)
{
    const uint64_t key = row >> 16;
    size_t low = 0;
    size_t high = deletions->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (deletions->containers[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < deletions->count && deletions->containers[low].key == key ? &deletions->containers[low]
                                                                           : NULL;
}

static bool container_has(const struct container *container, uint32_t value)
{
    if (container->kind == CONTAINER_BITMAP) {
        return (container->data[value >> 3] >> (value & 7) & 1) != 0;
    }
    /* The last value, or start of a run, that is not above. */
    const size_t step = container->kind == CONTAINER_RUNS ? 2 : 1;
    size_t low = 0;
    size_t high = container->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (u16_at(container->data, middle * step) <= value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    const uint32_t start = u16_at(container->data, (low - 1) * step);
    if (container->kind == CONTAINER_ARRAY) {
        return start == value;
    }
    return value - start <= u16_at(container->data, (low - 1) * step + 1);
}

bool heddle_delta_deletions_has(const struct heddle_delta_deletions *deletions, uint64_t row)
{
    const struct container *container = container_find(deletions, row);
    return container != NULL && container_has(container, (uint32_t)(row & 0xffff));
}

size_t heddle_delta_deletions_keep(const struct heddle_delta_deletions *deletions, uint64_t first,
                                   size_t count, uint64_t *kept)
{
    const struct container *container = NULL;
    uint64_t key = UINT64_MAX;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t row = first + i;
        if (row >> 16 != key) {
            key = row >> 16;
            container = container_find(deletions, row);
        }
        if (container == NULL || !container_has(container, (uint32_t)(row & 0xffff))) {
            kept[found++] = i;
        }
    }
    return found;
}
