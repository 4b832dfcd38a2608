/* rejects.c: JSON lines, one file a target, under one lock (rejects are rare). */
#include "run/rejects/rejects.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/folder.h"
#include "base/memory.h"
#include "base/text.h"
#include "run/rejects/rejects_copy.h"
#include "run/rejects/rejects_known.h"
#include "run/rejects/row_json.h"

enum {
    KEY_BYTES_MAX = 200, /* run-contract section 3 */
    NAME_BYTES_MAX = 255,
};

struct reject_file {
    char *target;
    FILE *stream;
};

struct heddle_rejects {
    pthread_mutex_t lock;
    char *folder;
    char *load;
    struct heddle_reject_limit limit;
    uint64_t rows_expected;
    const _Atomic uint64_t *rows_read; /* or NULL */
    uint64_t count;
    bool has_unit;
    bool unit_noted; /* on disk */
    uint64_t unit;
    struct heddle_rejects_known known; /* of the unit, by earlier runs */
    bool dirty;                        /* records may not be on disk yet */
    bool unsent;                       /* or not away */
    struct heddle_rejects_copy *copy;  /* NULL = they stay here */
    struct reject_file *files;
    size_t file_count;
    size_t file_capacity;
};

struct heddle_reject_limit heddle_reject_limit_of(const struct heddle_option_value *setting)
{
    return (struct heddle_reject_limit){
        .limited = setting->text != NULL && strcmp(setting->text, "none") != 0,
        .rows = setting->number > 0 ? (uint64_t)setting->number : 0,
        .ratio = setting->ratio,
    };
}

/* Removes what an earlier run left: only files that such a run can have made. */
static void remove_old_files(const char *folder)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        const char *ending = strrchr(entry->d_name, '.');
        if ((ending != NULL && strcmp(ending, ".jsonl") == 0) || strcmp(entry->d_name, "unit.json") == 0) {
            unlinkat(dirfd(directory), entry->d_name, 0);
        }
    }
    closedir(directory);
}

static int copy_open(struct heddle_rejects *rejects, enum heddle_rejects_start start,
                     const struct heddle_rejects_away *away, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_rejects_copy_create(away->depot, away->folder, rejects->folder, &rejects->copy, error));
    return start == HEDDLE_REJECTS_GO_ON ? heddle_rejects_copy_fetch(rejects->copy, error) : HEDDLE_OK;
}

int heddle_rejects_open(const char *folder, const char *load, enum heddle_rejects_start start,
                        const struct heddle_rejects_away *away, const struct heddle_reject_limit *limit,
                        struct heddle_rejects **rejects_out, struct heddle_error *error)
{
    struct heddle_rejects *rejects = heddle_calloc(1, sizeof *rejects);
    if (rejects == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&rejects->lock, NULL);
    rejects->limit = *limit;
    rejects->folder = heddle_strdup(folder);
    rejects->load = heddle_strdup(load);
    int status =
        rejects->folder == NULL || rejects->load == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK && away != NULL) {
        status = copy_open(rejects, start, away, error);
    }
    if (status == HEDDLE_OK && start == HEDDLE_REJECTS_GO_ON) {
        status = heddle_rejects_mend(folder, error);
    }
    if (status != HEDDLE_OK) {
        heddle_rejects_close(rejects);
        return status;
    }
    if (start == HEDDLE_REJECTS_ANEW) {
        remove_old_files(folder);
    }
    *rejects_out = rejects;
    return HEDDLE_OK;
}

void heddle_rejects_expect(struct heddle_rejects *rejects, uint64_t rows)
{
    pthread_mutex_lock(&rejects->lock);
    if (rows > rejects->rows_expected) {
        rejects->rows_expected = rows;
    }
    pthread_mutex_unlock(&rejects->lock);
}

void heddle_rejects_follow(struct heddle_rejects *rejects, const _Atomic uint64_t *rows_read)
{
    rejects->rows_read = rows_read;
}

/* A target's name as a file name: anything that could leave the folder becomes `_`. */
static void file_name(const char *target, char out[static NAME_BYTES_MAX])
{
    const char *name = target[0] == '\0' ? "source" : target;
    const size_t length = heddle_text_cut(name, strlen(name), NAME_BYTES_MAX - sizeof ".jsonl");
    for (size_t i = 0; i < length; i++) {
        const bool unsafe = name[i] == '/' || (name[i] == '.' && i == 0) || (unsigned char)name[i] < ' ';
        out[i] = unsafe ? '_' : name[i];
    }
    memcpy(out + length, ".jsonl", sizeof ".jsonl");
}

static int file_open(struct heddle_rejects *rejects, const char *target, FILE **stream_out,
                     struct heddle_error *error)
{
    for (size_t i = 0; i < rejects->file_count; i++) {
        if (strcmp(rejects->files[i].target, target) == 0) {
            *stream_out = rejects->files[i].stream;
            return HEDDLE_OK;
        }
    }
    HEDDLE_TRY(heddle_folder_make(rejects->folder, error));
    char name[NAME_BYTES_MAX];
    file_name(target, name);
    struct heddle_buffer path = {0};
    heddle_buffer_append_format(&path, "%s/%s", rejects->folder, name);
    char *copy = heddle_strdup(target);
    const char *path_text = heddle_buffer_text(&path);
    if (copy == NULL || path_text == NULL ||
        heddle_grow((void **)&rejects->files, &rejects->file_capacity, rejects->file_count + 1,
                    sizeof *rejects->files) != 0) {
        free(copy);
        heddle_buffer_free(&path);
        return heddle_error_out_of_memory(error);
    }
    FILE *stream = fopen(path_text, "ae");
    if (stream == NULL) {
        const int reason = errno;
        heddle_error_set(error, HEDDLE_IO, "cannot write rejects to %s: %s", path_text, strerror(reason));
        free(copy);
        heddle_buffer_free(&path);
        return HEDDLE_IO;
    }
    heddle_buffer_free(&path);
    rejects->files[rejects->file_count++] = (struct reject_file){.target = copy, .stream = stream};
    *stream_out = stream;
    return HEDDLE_OK;
}

/* The record of run-contract section 3, a new reference or NULL when out of memory. */
static json_t *record_json(const struct heddle_rejects *rejects, const struct heddle_reject *reject)
{
    const struct heddle_batch *batch = reject->batch;
    const uint64_t ordinal = batch == NULL ? reject->ordinal : heddle_batch_ordinal(batch, reject->row);
    json_t *data = batch != NULL         ? heddle_row_json(batch, reject->row)
                   : reject->raw != NULL ? json_string(reject->raw)
                                         : json_null();
    json_t *key = json_null();
    if (reject->key != NULL) {
        key = json_stringn(reject->key, heddle_text_cut(reject->key, strlen(reject->key), KEY_BYTES_MAX));
    }
    if (data == NULL) { /* raw bytes that are no UTF-8 */
        data = json_null();
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:o}", "load", rejects->load, "target",
                     reject->target, "source", batch == NULL ? reject->source : batch->source, "file",
                     batch == NULL ? reject->file : batch->file, "row", (json_int_t)ordinal, "stage",
                     heddle_stage_name(reject->stage), "code", reject->code, "reason", reject->reason, "key",
                     key, "data", data);
}

static int write_record(struct heddle_rejects *rejects, const struct heddle_reject *reject,
                        struct heddle_error *error)
{
    FILE *stream = NULL;
    if (rejects->has_unit && !rejects->unit_noted) {
        HEDDLE_TRY(heddle_folder_make(rejects->folder, error));
        HEDDLE_TRY(heddle_rejects_note_unit(rejects->folder, rejects->unit, error));
        rejects->unit_noted = true;
    }
    HEDDLE_TRY(file_open(rejects, reject->target, &stream, error));
    json_t *record = record_json(rejects, reject);
    char *line = record == NULL ? NULL : json_dumps(record, JSON_COMPACT);
    json_decref(record);
    if (line == NULL) {
        return heddle_error_out_of_memory(error);
    }
    rejects->dirty = rejects->unsent = true;
    const bool written = fputs(line, stream) >= 0 && fputc('\n', stream) != EOF && fflush(stream) == 0;
    free(line);
    if (!written) {
        return heddle_error_set(error, HEDDLE_IO, "cannot write rejects below %s: %s", rejects->folder,
                                strerror(errno));
    }
    return HEDDLE_OK;
}

static bool over_limit(const struct heddle_rejects *rejects)
{
    if (!rejects->limit.limited) {
        return false;
    }
    if (rejects->limit.ratio < 0) {
        return rejects->count > rejects->limit.rows;
    }
    const uint64_t read = rejects->rows_read == NULL ? 0 : atomic_load(rejects->rows_read);
    const uint64_t rows = read > rejects->rows_expected ? read : rejects->rows_expected;
    const double share = rejects->limit.ratio * (double)rows;
    return rejects->count > HEDDLE_REJECT_LIMIT_FLOOR && (double)rejects->count > share;
}

int heddle_rejects_begin(struct heddle_rejects *rejects, uint64_t unit, struct heddle_error *error)
{
    pthread_mutex_lock(&rejects->lock);
    rejects->has_unit = true;
    rejects->unit = unit;
    const int status =
        heddle_rejects_begin_unit(rejects->folder, unit, &rejects->known, &rejects->unit_noted, error);
    rejects->count += rejects->known.count;
    pthread_mutex_unlock(&rejects->lock);
    return status;
}

static int sync_files(struct heddle_rejects *rejects, struct heddle_error *error)
{
    for (size_t i = 0; rejects->dirty && i < rejects->file_count; i++) {
        if (fdatasync(fileno(rejects->files[i].stream)) != 0) {
            return heddle_error_set(error, HEDDLE_IO, "cannot flush rejects below %s: %s", rejects->folder,
                                    strerror(errno));
        }
    }
    rejects->dirty = false;
    return HEDDLE_OK;
}

int heddle_rejects_sync(struct heddle_rejects *rejects, struct heddle_error *error)
{
    pthread_mutex_lock(&rejects->lock);
    int status = sync_files(rejects, error);
    if (status == HEDDLE_OK && rejects->copy != NULL && rejects->unsent) {
        status = heddle_rejects_copy_send(rejects->copy, HEDDLE_REJECTS_COPY_OFTEN, error);
    }
    pthread_mutex_unlock(&rejects->lock);
    return status;
}

/* The lock is held. */
static int send_all(struct heddle_rejects *rejects, struct heddle_error *error)
{
    if (rejects->copy != NULL && rejects->unsent) {
        HEDDLE_TRY(heddle_rejects_copy_send(rejects->copy, UINT64_MAX, error));
        rejects->unsent = false;
    }
    return HEDDLE_OK;
}

int heddle_rejects_end(struct heddle_rejects *rejects, struct heddle_error *error)
{
    pthread_mutex_lock(&rejects->lock);
    const int status = send_all(rejects, error);
    pthread_mutex_unlock(&rejects->lock);
    return status;
}

/* Did an earlier run write this very reject? */
static bool is_known(const struct heddle_rejects *rejects, const struct heddle_reject *reject)
{
    const struct heddle_batch *batch = reject->batch;
    if (rejects->known.count == 0) {
        return false;
    }
    return heddle_rejects_known_has(
        &rejects->known,
        heddle_reject_key_of(reject->target, batch == NULL ? reject->source : batch->source,
                             batch == NULL ? reject->file : batch->file,
                             batch == NULL ? reject->ordinal : heddle_batch_ordinal(batch, reject->row)));
}

int heddle_rejects_add(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    struct heddle_rejects *rejects = context;
    pthread_mutex_lock(&rejects->lock);
    const bool known = is_known(rejects, reject);
    int status = known ? HEDDLE_OK : write_record(rejects, reject, error);
    if (status == HEDDLE_OK) {
        rejects->count += known ? 0 : 1;
        if (over_limit(rejects)) {
            status = heddle_error_set(
                error, HEDDLE_REJECTED,
                "%llu rows were rejected, more than the limit allows; the latest: %s. See %s, "
                "mend the data or the job, or raise --reject-limit",
                (unsigned long long)rejects->count, reject->reason, rejects->folder);
        }
    }
    pthread_mutex_unlock(&rejects->lock);
    return status;
}

uint64_t heddle_rejects_count(struct heddle_rejects *rejects)
{
    pthread_mutex_lock(&rejects->lock);
    const uint64_t count = rejects->count;
    pthread_mutex_unlock(&rejects->lock);
    return count;
}

const char *heddle_rejects_folder(const struct heddle_rejects *rejects)
{
    return rejects->folder;
}

int heddle_rejects_finish(struct heddle_rejects *rejects, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    pthread_mutex_lock(&rejects->lock);
    for (size_t i = 0; i < rejects->file_count; i++) {
        if (fflush(rejects->files[i].stream) != 0 || ferror(rejects->files[i].stream)) {
            status = heddle_error_set(error, HEDDLE_IO, "cannot write rejects below %s: %s", rejects->folder,
                                      strerror(errno));
        }
    }
    if (status == HEDDLE_OK) {
        status = send_all(rejects, error);
    }
    pthread_mutex_unlock(&rejects->lock);
    return status;
}

void heddle_rejects_close(struct heddle_rejects *rejects)
{
    if (rejects == NULL) {
        return;
    }
    for (size_t i = 0; i < rejects->file_count; i++) {
        fclose(rejects->files[i].stream);
        free(rejects->files[i].target);
    }
    heddle_rejects_copy_destroy(rejects->copy);
    heddle_rejects_known_free(&rejects->known);
    free(rejects->files);
    free(rejects->folder);
    free(rejects->load);
    pthread_mutex_destroy(&rejects->lock);
    free(rejects);
}
