/* index.c: files of kept vectors, looked through once. */
#include "run/kept/index.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "run/kept/file.h"

/* Numbers and list of positions of nearly every block fit into the first read. */
enum { FIRST_LOOK = 4096 };

const char *heddle_kept_name_text(char out[static HEDDLE_KEPT_NAME_MAX], const struct heddle_kept_name *name)
{
    if (name->part == 0) {
        snprintf(out, HEDDLE_KEPT_NAME_MAX, "%" PRIu64 "-%" PRIu32 ".started", name->batch, name->run);
    } else {
        snprintf(out, HEDDLE_KEPT_NAME_MAX, "%" PRIu64 "-%" PRIu32 "-%" PRIu32 ".vectors", name->batch,
                 name->run, name->part);
    }
    return out;
}

bool heddle_kept_name_parse(const char *text, struct heddle_kept_name *out)
{
    char again[HEDDLE_KEPT_NAME_MAX];
    *out = (struct heddle_kept_name){0};
    const bool vectors =
        sscanf(text, "%" SCNu64 "-%" SCNu32 "-%" SCNu32, &out->batch, &out->run, &out->part) == 3;
    if (!vectors) {
        out->part = 0;
        if (sscanf(text, "%" SCNu64 "-%" SCNu32, &out->batch, &out->run) != 2) {
            return false;
        }
    }
    return strcmp(heddle_kept_name_text(again, out), text) == 0;
}

/* A file that is being read. */
struct input {
    int file;
    uint64_t length;
    struct heddle_buffer bytes; /* of the block at hand */
};

/* `length` bytes from `offset` into input->bytes. False at the end, after an error, or out of memory. */
static bool fetch(struct input *input, uint64_t offset, size_t length)
{
    heddle_buffer_reset(&input->bytes);
    if (offset > input->length || length > input->length - offset) {
        return false;
    }
    uint8_t *place = heddle_buffer_reserve(&input->bytes, length + 1);
    while (place != NULL && input->bytes.length < length) {
        const ssize_t got = pread(input->file, place + input->bytes.length, length - input->bytes.length,
                                  (off_t)(offset + input->bytes.length));
        if (got <= 0) {
            return false;
        }
        input->bytes.length += (size_t)got;
    }
    return place != NULL;
}

static int note_vectors(struct heddle_kept_index *index, const struct heddle_kept_name *name, uint64_t offset,
                        const struct heddle_kept_block *block, struct heddle_error *error)
{
    struct heddle_kept_entry entry = {.slot = block->slot, .file = *name, .offset = offset};
    if (block->width == 0 || !heddle_kept_block_range(block, &entry.lowest, &entry.highest)) {
        return HEDDLE_OK;
    }
    if (heddle_grow((void **)&index->entries, &index->entry_capacity, index->entry_count + 1,
                    sizeof *index->entries) != 0) {
        return heddle_error_out_of_memory(error);
    }
    const uint64_t span = entry.highest - entry.lowest;
    index->span = span > index->span ? span : index->span;
    index->entries[index->entry_count++] = entry;
    return HEDDLE_OK;
}

static struct heddle_kept_started *find_started(const struct heddle_kept_index *index, uint64_t slot)
{
    for (size_t i = 0; i < index->started_count; i++) {
        if (index->started[i].slot == slot) {
            return &index->started[i];
        }
    }
    return NULL;
}

static int note_started(struct heddle_kept_index *index, const struct heddle_kept_block *block,
                        struct heddle_error *error)
{
    struct heddle_kept_started *started = find_started(index, block->slot);
    if (started == NULL) {
        if (heddle_grow((void **)&index->started, &index->started_capacity, index->started_count + 1,
                        sizeof *index->started) != 0) {
            return heddle_error_out_of_memory(error);
        }
        started = &index->started[index->started_count++];
        *started = (struct heddle_kept_started){.slot = block->slot};
    }
    started->times += block->rows;
    return heddle_position_set_add_list(&started->positions, block->positions, block->positions_length,
                                        error);
}

/* One block of a file of vectors: only its beginning is read now; its CRC is looked at when its vectors are asked for. */
static int take_vectors(struct heddle_kept_index *index, struct input *input,
                        const struct heddle_kept_name *name, uint64_t offset, size_t length, bool *good,
                        struct heddle_error *error)
{
    struct heddle_kept_block block;
    const uint64_t body = offset + HEDDLE_KEPT_BLOCK_HEAD;
    const size_t look = length < FIRST_LOOK ? length : FIRST_LOOK;
    *good = body + length <= input->length && fetch(input, body, look);
    if (*good && !heddle_kept_block_read(input->bytes.bytes, look, false, &block)) {
        *good =
            fetch(input, body, length) && heddle_kept_block_read(input->bytes.bytes, length, false, &block);
    }
    return *good ? note_vectors(index, name, offset, &block, error) : HEDDLE_OK;
}

static int take_started(struct heddle_kept_index *index, struct input *input, uint64_t offset, size_t length,
                        bool *good, struct heddle_error *error)
{
    struct heddle_kept_block block;
    *good = fetch(input, offset, HEDDLE_KEPT_BLOCK_HEAD + length);
    const uint8_t *head = input->bytes.bytes;
    *good = *good && heddle_kept_block_is_good(head, head + HEDDLE_KEPT_BLOCK_HEAD, length) &&
            heddle_kept_block_read(head + HEDDLE_KEPT_BLOCK_HEAD, length, true, &block);
    return *good ? note_started(index, &block, error) : HEDDLE_OK;
}

static int take_blocks(struct heddle_kept_index *index, struct input *input,
                       const struct heddle_kept_name *name, uint64_t offset, struct heddle_error *error)
{
    bool good = true;
    while (good && fetch(input, offset, HEDDLE_KEPT_BLOCK_HEAD)) {
        const size_t length = heddle_kept_block_length(input->bytes.bytes);
        if (length == 0) {
            break;
        }
        HEDDLE_TRY(name->part == 0 ? take_started(index, input, offset, length, &good, error)
                                   : take_vectors(index, input, name, offset, length, &good, error));
        offset += HEDDLE_KEPT_BLOCK_HEAD + length;
    }
    return HEDDLE_OK;
}

int heddle_kept_index_add(struct heddle_kept_index *index, int folder, const struct heddle_kept_name *name,
                          const char *identity, bool *good_out, struct heddle_error *error)
{
    char text[HEDDLE_KEPT_NAME_MAX];
    struct stat state;
    struct input input = {.file = openat(folder, heddle_kept_name_text(text, name), O_RDONLY | O_CLOEXEC)};
    *good_out = true;
    if (input.file < 0 || fstat(input.file, &state) != 0 || !S_ISREG(state.st_mode)) {
        if (input.file >= 0) {
            close(input.file);
        }
        return HEDDLE_OK;
    }
    input.length = (uint64_t)state.st_size;
    const size_t look = input.length < FIRST_LOOK ? (size_t)input.length : FIRST_LOOK;
    const bool readable = fetch(&input, 0, look);
    const size_t header = readable ? heddle_kept_check_header(input.bytes.bytes, look, identity) : 0;
    *good_out = header > 0 || !readable; /* what cannot be read now may be good another time */
    const int status = header > 0 ? take_blocks(index, &input, name, header, error) : HEDDLE_OK;
    heddle_buffer_free(&input.bytes);
    close(input.file);
    return status;
}

static int by_place(const void *a, const void *b)
{
    const struct heddle_kept_entry *left = a;
    const struct heddle_kept_entry *right = b;
    if (left->slot != right->slot) {
        return left->slot < right->slot ? -1 : 1;
    }
    return (left->lowest > right->lowest) - (left->lowest < right->lowest);
}

void heddle_kept_index_sort(struct heddle_kept_index *index)
{
    if (index->entry_count > 0) {
        qsort(index->entries, index->entry_count, sizeof *index->entries, by_place);
    }
}

size_t heddle_kept_index_place(const struct heddle_kept_index *index, uint64_t slot, uint64_t first)
{
    const uint64_t from = first > index->span ? first - index->span : 0;
    size_t low = 0;
    size_t high = index->entry_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct heddle_kept_entry *entry = &index->entries[middle];
        if (entry->slot < slot || (entry->slot == slot && entry->lowest < from)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool heddle_kept_index_was_started(const struct heddle_kept_index *index, uint64_t slot, uint64_t position)
{
    const struct heddle_kept_started *started = find_started(index, slot);
    return started != NULL && heddle_position_set_has(&started->positions, position);
}

uint64_t heddle_kept_index_again(const struct heddle_kept_index *index)
{
    uint64_t again = 0;
    for (size_t i = 0; i < index->started_count; i++) {
        again += index->started[i].times - index->started[i].positions.count;
    }
    return again;
}

void heddle_kept_index_free(struct heddle_kept_index *index)
{
    for (size_t i = 0; i < index->started_count; i++) {
        heddle_position_set_free(&index->started[i].positions);
    }
    free(index->started);
    free(index->entries);
    *index = (struct heddle_kept_index){0};
}
