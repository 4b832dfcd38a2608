/* vector.c: deletion vectors inline and on disk (PROTOCOL.md, "Deletion Vector File Storage Format"). */
#include "source/delta/vector.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "source/delta/z85.h"

enum {
    /* As bits this is 512 million rows of one file, far beyond what a Parquet file of any writer holds. */
    VECTOR_BYTES_MAX = 64 * 1024 * 1024,
    UUID_CHARACTERS = 20,
    UUID_BYTES = 16,
    FORMAT_VERSION = 1,
};

static int damaged(struct heddle_error *error, const char *file, const char *what)
{
    return heddle_error_set(error, HEDDLE_SOURCE, "the deletion vector in %s is damaged: %s", file, what);
}

static int inline_read(const struct heddle_delta_vector *vector, struct heddle_arena *arena,
                       const uint8_t **bytes_out, struct heddle_error *error)
{
    const size_t length = strlen(vector->place);
    uint8_t *bytes = heddle_arena_alloc(arena, length / 5 * 4);
    if (bytes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (!heddle_delta_z85_decode(vector->place, length, bytes) || (uint64_t)vector->size > length / 5 * 4) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "a deletion vector in the log is damaged: it is not %" PRId64 " bytes in Z85",
                                vector->size);
    }
    *bytes_out = bytes;
    return HEDDLE_OK;
}

/* The path of a vector's file, relative to the table: "prefix/deletion_vector_UUID.bin". */
static int name_make(const struct heddle_delta_vector *vector, struct heddle_arena *arena,
                     const char **name_out, struct heddle_error *error)
{
    const size_t length = strlen(vector->place);
    uint8_t id[UUID_BYTES];
    if (vector->storage == 'p') {
        return heddle_delta_path_decode(vector->place, length, arena, name_out, error);
    }
    if (length < UUID_CHARACTERS ||
        !heddle_delta_z85_decode(vector->place + length - UUID_CHARACTERS, UUID_CHARACTERS, id)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "a deletion vector is in a file named `%.60s`, which is no UUID",
                                vector->place);
    }
    char text[2 * UUID_BYTES + 5];
    size_t at = 0;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    }
    const int prefix = (int)(length - UUID_CHARACTERS);
    *name_out = heddle_arena_format(arena, "%.*s%sdeletion_vector_%s.bin", prefix, vector->place,
                                    prefix > 0 ? "/" : "", text);
    return *name_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Version byte; at `offset` the size, the bytes, their CRC-32. */
static int stream_read(FILE *stream, const char *file, const struct heddle_delta_vector *vector,
                       struct heddle_arena *arena, const uint8_t **bytes_out, struct heddle_error *error)
{
    const size_t size = (size_t)vector->size;
    uint8_t head[4];
    if (fread(head, 1, 1, stream) != 1 || head[0] != FORMAT_VERSION) {
        return damaged(error, file, "it is not of format version 1");
    }
    if (vector->offset > INT32_MAX || fseek(stream, (long)vector->offset, SEEK_SET) != 0 ||
        fread(head, sizeof head, 1, stream) != 1 || big_endian(head) != size) {
        return damaged(error, file, "its size is another than the log says");
    }
    uint8_t *bytes = heddle_arena_alloc(arena, size);
    if (bytes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (fread(bytes, 1, size, stream) != size || fread(head, sizeof head, 1, stream) != 1) {
        return damaged(error, file, "it ends too early");
    }
    if (crc32(0, bytes, (uInt)size) != big_endian(head)) {
        return damaged(error, file, "its checksum does not match");
    }
    *bytes_out = bytes;
    return HEDDLE_OK;
}

static int file_read(const struct heddle_delta_root *root, const struct heddle_delta_vector *vector,
                     struct heddle_arena *arena, const uint8_t **bytes_out, struct heddle_error *error)
{
    const char *name = NULL;
    const char *file = NULL;
    HEDDLE_TRY(name_make(vector, arena, &name, error));
    HEDDLE_TRY(heddle_delta_path_join(root, name, arena, &file, error));
    HEDDLE_TRY(heddle_delta_path_check(root, file, error));
    struct heddle_mirror_hold hold;
    HEDDLE_TRY(heddle_delta_file_hold(root, file, -1, &hold, error));
    FILE *stream = fopen(file, "rb");
    const int status = stream != NULL ? stream_read(stream, file, vector, arena, bytes_out, error)
                                      : heddle_error_set(error, HEDDLE_SOURCE, "%s cannot be read: %s", file,
                                                         strerror(errno));
    if (stream != NULL) {
        fclose(stream);
    }
    heddle_mirror_release(&hold);
    return status;
}

int heddle_delta_vector_load(const struct heddle_delta_root *root, const struct heddle_delta_vector *vector,
                             struct heddle_arena *arena, struct heddle_delta_deletions **deletions_out,
                             struct heddle_error *error)
{
    const uint8_t *bytes = NULL;
    if (vector->size > VECTOR_BYTES_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "a deletion vector has %" PRId64 " bytes; at most %d are read", vector->size,
                                VECTOR_BYTES_MAX);
    }
    if (vector->storage == 'i') {
        HEDDLE_TRY(inline_read(vector, arena, &bytes, error));
    } else {
        HEDDLE_TRY(file_read(root, vector, arena, &bytes, error));
    }
    HEDDLE_TRY(heddle_delta_deletions_parse(bytes, (size_t)vector->size, arena, deletions_out, error));
    const uint64_t rows = heddle_delta_deletions_count(*deletions_out);
    if (rows != (uint64_t)vector->rows) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "a deletion vector lists %" PRIu64 " rows, but the log says %" PRId64, rows,
                                vector->rows);
    }
    return HEDDLE_OK;
}
