/* kept_vectors.c: vectors that wait for their commit, in files that are thrown away with it. */
#include "run/kept/kept_vectors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "run/kept/file.h"
#include "run/kept/index.h"

/* Half of the space is for the runs before, half for this one, and a part is a small share of it, so that little goes at once. */
enum { SHARES = 2, PARTS_A_SHARE = 8 };

static const char AGAIN_NAME[] = "again";

/* A file that is appended to. */
struct output {
    int file; /* or -1 */
    uint64_t bytes;
};

struct old_file {
    struct heddle_kept_name name;
    uint64_t bytes;
};

struct old_files {
    struct old_file *items;
    size_t count;
    size_t capacity;
};

struct heddle_kept_vectors {
    char *folder;
    char *identity;
    uint64_t batch;
    bool keep;
    bool ahead;
    uint64_t share;
    int directory; /* or -1: the folder is not there yet */
    uint32_t run;
    struct heddle_kept_index index; /* of earlier runs: read only once open */

    pthread_mutex_t lock; /* guards all below */
    struct output started;
    struct output vectors;
    uint32_t part;                                    /* that `vectors` is open for; 0: none yet */
    uint32_t part_first;                              /* the oldest of this run that is still there */
    uint64_t bytes;                                   /* of this run's vectors */
    bool stopped;                                     /* a write failed: nothing more is kept */
    uint64_t again_before;                            /* of the micro-batches before */
    struct heddle_kept_vectors_statistics statistics; /* `again` of this one */
};

/* ---- opening ---- */

static int list_files(struct heddle_kept_vectors *kept, struct old_files *files, struct heddle_error *error)
{
    const int again = dup(kept->directory);
    DIR *directory = again < 0 ? NULL : fdopendir(again);
    if (directory == NULL) {
        if (again >= 0) {
            close(again);
        }
        return HEDDLE_OK; /* nothing is known, so nothing is found */
    }
    rewinddir(directory);
    int status = HEDDLE_OK;
    for (struct dirent *entry = readdir(directory); entry != NULL && status == HEDDLE_OK;
         entry = readdir(directory)) {
        struct heddle_kept_name name;
        struct stat state;
        if (!heddle_kept_name_parse(entry->d_name, &name) ||
            fstatat(kept->directory, entry->d_name, &state, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        const bool next = name.batch == kept->batch + 1;
        const bool open = kept->ahead && name.batch + 1 == kept->batch;
        if (name.batch != kept->batch) {
            if (!next && !open) {
                unlinkat(kept->directory, entry->d_name, 0); /* of a micro-batch that is over */
            }
        } else if (heddle_grow((void **)&files->items, &files->capacity, files->count + 1,
                               sizeof *files->items) != 0) {
            status = heddle_error_out_of_memory(error);
        } else {
            files->items[files->count++] = (struct old_file){name, (uint64_t)state.st_size};
        }
    }
    closedir(directory);
    return status;
}

/* The newest first: where there is too much, the oldest go. */
static int by_age(const void *a, const void *b)
{
    const struct heddle_kept_name *left = &((const struct old_file *)a)->name;
    const struct heddle_kept_name *right = &((const struct old_file *)b)->name;
    if (left->run != right->run) {
        return left->run > right->run ? -1 : 1;
    }
    return (left->part < right->part) - (left->part > right->part);
}

static int read_files(struct heddle_kept_vectors *kept, const struct old_files *files,
                      struct heddle_error *error)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < files->count; i++) {
        const struct old_file *file = &files->items[i];
        kept->run = file->name.run >= kept->run ? file->name.run + 1 : kept->run;
        bool good = true;
        const bool is_small = file->name.part == 0;
        bytes += is_small ? 0 : file->bytes;
        const bool fits = is_small || bytes <= kept->share;
        if (fits) {
            HEDDLE_TRY(heddle_kept_index_add(&kept->index, kept->directory, &file->name, kept->identity,
                                             &good, error));
        }
        if (!good || !fits) {
            char text[HEDDLE_KEPT_NAME_MAX];
            unlinkat(kept->directory, heddle_kept_name_text(text, &file->name), 0);
        }
    }
    heddle_kept_index_sort(&kept->index);
    return HEDDLE_OK;
}

/* The count of the micro-batches before: a number that cannot be read counts as none. */
static void read_again(struct heddle_kept_vectors *kept)
{
    char text[32] = {0};
    kept->again_before = 0;
    const int file = openat(kept->directory, AGAIN_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0) {
            kept->again_before = strtoull(text, NULL, 10);
        }
        close(file);
    }
}

/* A count that cannot be written is no reason to fail: it is only told. */
static void write_again(const struct heddle_kept_vectors *kept)
{
    struct heddle_buffer path = {0};
    char text[32];
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)(kept->again_before + kept->statistics.again));
    heddle_buffer_append_format(&path, "%s/%s", kept->folder, AGAIN_NAME);
    const char *name = heddle_buffer_text(&path);
    if (name != NULL && heddle_file_write(name, text, strlen(text), NULL) != HEDDLE_OK) {
        unlinkat(kept->directory, AGAIN_NAME, 0);
    }
    heddle_buffer_free(&path);
}

static int read_folder(struct heddle_kept_vectors *kept, struct heddle_error *error)
{
    kept->directory = open(kept->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (kept->directory < 0) {
        return HEDDLE_OK;
    }
    read_again(kept);
    struct old_files files = {0};
    int status = list_files(kept, &files, error);
    if (status == HEDDLE_OK && files.count > 0) {
        qsort(files.items, files.count, sizeof *files.items, by_age);
        status = read_files(kept, &files, error);
    }
    free(files.items);
    kept->statistics.again += heddle_kept_index_again(&kept->index);
    return status;
}

int heddle_kept_vectors_open(const struct heddle_kept_vectors_options *options,
                             struct heddle_kept_vectors **kept_out, struct heddle_error *error)
{
    struct heddle_kept_vectors *kept = heddle_calloc(1, sizeof *kept);
    if (kept == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&kept->lock, NULL);
    kept->directory = kept->started.file = kept->vectors.file = -1;
    kept->run = 1;
    kept->part_first = 1;
    kept->batch = options->batch;
    kept->keep = options->keep;
    kept->ahead = options->ahead;
    kept->share = (options->bytes_max == 0 ? HEDDLE_KEPT_VECTORS_BYTES_MAX : options->bytes_max) / SHARES;
    kept->folder = heddle_strdup(options->folder);
    kept->identity = heddle_strdup(options->identity);
    int status = kept->folder == NULL || kept->identity == NULL ? heddle_error_out_of_memory(error)
                                                                : read_folder(kept, error);
    if (status != HEDDLE_OK) {
        heddle_kept_vectors_close(kept);
        return status;
    }
    *kept_out = kept;
    return HEDDLE_OK;
}

/* ---- reading ---- */

/* A block of an earlier run: its bytes (the caller's to free), or NULL where it is damaged or gone. */
static uint8_t *read_block(const struct heddle_kept_vectors *kept, const struct heddle_kept_entry *entry,
                           struct heddle_kept_block *block_out)
{
    char text[HEDDLE_KEPT_NAME_MAX];
    uint8_t head[HEDDLE_KEPT_BLOCK_HEAD];
    const int file = openat(kept->directory, heddle_kept_name_text(text, &entry->file), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    uint8_t *body = NULL;
    const off_t offset = (off_t)entry->offset;
    if (pread(file, head, sizeof head, offset) == (ssize_t)sizeof head) {
        const size_t length = heddle_kept_block_length(head);
        body = length == 0 ? NULL : heddle_malloc(length);
        if (body != NULL && (pread(file, body, length, offset + (off_t)sizeof head) != (ssize_t)length ||
                             !heddle_kept_block_is_good(head, body, length) ||
                             !heddle_kept_block_read(body, length, true, block_out))) {
            free(body);
            body = NULL;
        }
    }
    close(file);
    return body;
}

/* Rows that are looked for, and where their vectors go. */
struct wanted {
    uint64_t position;
    size_t rows;
    size_t width;
    const uint64_t *hashes;
    float *vectors;
    uint8_t *found;
};

/* Copies what a block has of the wanted rows. */
static size_t copy_vectors(const struct heddle_kept_block *block, const struct wanted *wanted)
{
    size_t count = 0;
    size_t at = 0; /* in the block */
    struct heddle_positions_reader reader = heddle_positions_read(block->positions, block->positions_length);
    uint64_t first;
    uint64_t length;
    while (heddle_positions_next(&reader, &first, &length)) {
        for (uint64_t position = first; position < first + length; position++, at++) {
            if (position < wanted->position || position - wanted->position >= wanted->rows) {
                continue;
            }
            const size_t row = (size_t)(position - wanted->position);
            uint64_t hash;
            memcpy(&hash, block->hashes + at * sizeof hash, sizeof hash);
            if (wanted->found[row] == 0 && wanted->hashes[row] != 0 && hash == wanted->hashes[row]) {
                memcpy(wanted->vectors + row * wanted->width,
                       block->floats + at * wanted->width * sizeof(float), wanted->width * sizeof(float));
                wanted->found[row] = 1;
                count++;
            }
        }
    }
    return count;
}

size_t heddle_kept_vectors_find(struct heddle_kept_vectors *kept, const struct heddle_kept_column *column,
                                uint64_t position, size_t rows, const uint64_t *hashes, float *vectors,
                                uint8_t *found)
{
    const struct wanted wanted = {position, rows, column->width, hashes, vectors, found};
    size_t count = 0;
    const struct heddle_kept_index *index = &kept->index;
    for (size_t i = heddle_kept_index_place(index, column->slot, position); i < index->entry_count; i++) {
        const struct heddle_kept_entry *entry = &index->entries[i];
        if (entry->slot != column->slot || entry->lowest >= position + rows) {
            break;
        }
        if (entry->highest < position) {
            continue;
        }
        struct heddle_kept_block block;
        uint8_t *bytes = read_block(kept, entry, &block);
        if (bytes != NULL && block.width == column->width && block.slot == column->slot) {
            count += copy_vectors(&block, &wanted);
        }
        free(bytes);
    }
    if (count > 0) {
        pthread_mutex_lock(&kept->lock);
        kept->statistics.found += count;
        pthread_mutex_unlock(&kept->lock);
    }
    return count;
}

/* ---- writing: with the lock ---- */

/* What cannot be kept costs an embedding after a kill, no more: it is said once, and the load goes on. */
static void stop_keeping(struct heddle_kept_vectors *kept, const char *verb, const char *name)
{
    const int reason = errno;
    kept->stopped = true;
    snprintf(kept->statistics.problem, sizeof kept->statistics.problem, "cannot %s %.150s/%.60s: %s", verb,
             kept->folder, name, strerror(reason));
}

static bool open_folder(struct heddle_kept_vectors *kept)
{
    if (kept->directory < 0) {
        struct heddle_error reason = {0};
        if (heddle_folder_make(kept->folder, &reason) == HEDDLE_OK) {
            kept->directory = open(kept->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (kept->directory < 0) {
            stop_keeping(kept, "make the folder", ".");
        }
    }
    return kept->directory >= 0;
}

static bool write_all(struct heddle_kept_vectors *kept, struct output *output, const char *name,
                      const struct heddle_buffer *bytes)
{
    if (!heddle_file_write_all(output->file, bytes->bytes, bytes->length)) {
        stop_keeping(kept, "write", name);
        return false;
    }
    output->bytes += bytes->length;
    return true;
}

/* Appends a block, behind a header where the file is new. */
static bool append_block(struct heddle_kept_vectors *kept, struct output *output, uint32_t part,
                         const struct heddle_buffer *block)
{
    char name[HEDDLE_KEPT_NAME_MAX];
    heddle_kept_name_text(name, &(struct heddle_kept_name){kept->batch, kept->run, part});
    if (!open_folder(kept)) {
        return false;
    }
    if (output->file < 0) {
        output->file =
            openat(kept->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        output->bytes = 0;
        struct heddle_buffer header = {0};
        heddle_kept_append_header(&header, kept->identity);
        if (output->file < 0) {
            stop_keeping(kept, "open", name);
        }
        const bool good = output->file >= 0 && !header.failed && write_all(kept, output, name, &header);
        heddle_buffer_free(&header);
        if (!good) {
            kept->stopped = true;
            return false;
        }
    }
    return write_all(kept, output, name, block);
}

static void close_output(struct output *output)
{
    if (output->file >= 0) {
        close(output->file);
        output->file = -1;
    }
}

/* Makes room for a block: a part that is full is closed, and the oldest ones go. */
static void roll(struct heddle_kept_vectors *kept, size_t length)
{
    if (kept->part == 0 || kept->vectors.bytes + length > kept->share / PARTS_A_SHARE) {
        close_output(&kept->vectors);
        kept->part++;
    }
    while (kept->bytes + length > kept->share && kept->part_first < kept->part) {
        char name[HEDDLE_KEPT_NAME_MAX];
        struct stat state;
        heddle_kept_name_text(name, &(struct heddle_kept_name){kept->batch, kept->run, kept->part_first++});
        if (fstatat(kept->directory, name, &state, 0) == 0 && unlinkat(kept->directory, name, 0) == 0) {
            kept->bytes -= (uint64_t)state.st_size < kept->bytes ? (uint64_t)state.st_size : kept->bytes;
        }
    }
}

void heddle_kept_vectors_start(struct heddle_kept_vectors *kept, const struct heddle_kept_column *column,
                               const uint64_t *positions, size_t count)
{
    if (count == 0) {
        return;
    }
    uint64_t again = 0;
    for (size_t i = 0; i < count; i++) {
        again += heddle_kept_index_was_started(&kept->index, column->slot, positions[i]);
    }
    struct heddle_buffer block = {0};
    heddle_kept_append_block(&block, column->slot, 0, positions, NULL, NULL, count);
    pthread_mutex_lock(&kept->lock);
    kept->statistics.again += again;
    if (!kept->stopped && !block.failed) {
        (void)append_block(kept, &kept->started, 0, &block);
    }
    pthread_mutex_unlock(&kept->lock);
    heddle_buffer_free(&block);
}

void heddle_kept_vectors_keep(struct heddle_kept_vectors *kept, const struct heddle_kept_column *column,
                              const uint64_t *positions, const uint64_t *hashes, const float *vectors,
                              size_t count)
{
    const size_t row_bytes = column->width * sizeof *vectors + sizeof *hashes + HEDDLE_NUMBER_BYTES_MAX * 2;
    if (!kept->keep || count == 0 || count > HEDDLE_KEPT_BLOCK_MAX / 2 / row_bytes) {
        return;
    }
    struct heddle_buffer block = {0};
    heddle_kept_append_block(&block, column->slot, column->width, positions, hashes, vectors, count);
    pthread_mutex_lock(&kept->lock);
    if (!kept->stopped && !block.failed && block.length <= kept->share) {
        roll(kept, block.length);
        if (append_block(kept, &kept->vectors, kept->part, &block)) {
            kept->bytes += block.length;
            kept->statistics.kept += count;
        }
    }
    pthread_mutex_unlock(&kept->lock);
    heddle_buffer_free(&block);
}

void heddle_kept_vectors_statistics(struct heddle_kept_vectors *kept,
                                    struct heddle_kept_vectors_statistics *out)
{
    pthread_mutex_lock(&kept->lock);
    *out = kept->statistics;
    out->again += kept->again_before;
    pthread_mutex_unlock(&kept->lock);
}

void heddle_kept_vectors_take_over(struct heddle_kept_vectors *kept)
{
    pthread_mutex_lock(&kept->lock);
    kept->ahead = false;
    if (kept->directory >= 0) {
        read_again(kept);
    }
    pthread_mutex_unlock(&kept->lock);
}

void heddle_kept_vectors_finish(struct heddle_kept_vectors *kept)
{
    close_output(&kept->started);
    close_output(&kept->vectors);
    kept->stopped = true;
    DIR *directory = kept->directory < 0 ? NULL : opendir(kept->folder);
    if (directory == NULL) {
        return;
    }
    if (kept->again_before + kept->statistics.again > 0) {
        write_again(kept); /* first: files that stay behind are removed uncounted */
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        struct heddle_kept_name name;
        if (heddle_kept_name_parse(entry->d_name, &name) && name.batch <= kept->batch) {
            unlinkat(kept->directory, entry->d_name, 0);
        }
    }
    closedir(directory);
}

void heddle_kept_vectors_close(struct heddle_kept_vectors *kept)
{
    if (kept == NULL) {
        return;
    }
    close_output(&kept->started);
    close_output(&kept->vectors);
    if (kept->directory >= 0) {
        close(kept->directory);
    }
    heddle_kept_index_free(&kept->index);
    pthread_mutex_destroy(&kept->lock);
    free(kept->folder);
    free(kept->identity);
    free(kept);
}
