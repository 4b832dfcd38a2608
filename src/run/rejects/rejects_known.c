/* rejects_known.c: keys of rejects, and the lengths of their files when a unit of work began. */
#include "run/rejects/rejects_known.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buffer.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/memory.h"

static const char UNIT_NAME[] = "unit.json";

enum { UNIT_FORMAT = 1, SLOTS_FIRST = 64, TAIL_BYTES = 4096 };

/* Any two different numbers: they make two hashes of one key. */
static const uint64_t SEED_HIGH = 0x9e3779b97f4a7c15;
static const uint64_t SEED_LOW = 0xc2b2ae3d27d4eb4f;

/* ---- keys ---- */

static uint64_t hash_of(uint64_t seed, const char *target, const char *source, const char *file, uint64_t row)
{
    /* Each text seeds the hash of the next one, its length included: no two splits of one text are equal. */
    uint64_t hash = heddle_hash_bytes(target, strlen(target) + 1, seed);
    hash = heddle_hash_bytes(source, strlen(source) + 1, hash);
    hash = heddle_hash_bytes(file, strlen(file) + 1, hash);
    return heddle_hash_bytes(&row, sizeof row, hash);
}

struct heddle_reject_key heddle_reject_key_of(const char *target, const char *source, const char *file,
                                              uint64_t row)
{
    return (struct heddle_reject_key){
        .high = hash_of(SEED_HIGH, target, source, file, row) | 1, /* never the free slot */
        .low = hash_of(SEED_LOW, target, source, file, row),
    };
}

static struct heddle_reject_key *slot_of(const struct heddle_rejects_known *known,
                                         struct heddle_reject_key key)
{
    size_t at = (size_t)key.low & (known->slot_count - 1);
    while (known->slots[at].high != 0 &&
           (known->slots[at].high != key.high || known->slots[at].low != key.low)) {
        at = (at + 1) & (known->slot_count - 1);
    }
    return &known->slots[at];
}

static int grow(struct heddle_rejects_known *known, struct heddle_error *error)
{
    const struct heddle_rejects_known old = *known;
    const size_t slots = old.slot_count == 0 ? SLOTS_FIRST : old.slot_count * 2;
    struct heddle_reject_key *fresh = heddle_calloc(slots, sizeof *fresh);
    if (fresh == NULL) {
        return heddle_error_out_of_memory(error);
    }
    known->slots = fresh;
    known->slot_count = slots;
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.slots[i].high != 0) {
            *slot_of(known, old.slots[i]) = old.slots[i];
        }
    }
    free(old.slots);
    return HEDDLE_OK;
}

int heddle_rejects_known_add(struct heddle_rejects_known *known, struct heddle_reject_key key,
                             struct heddle_error *error)
{
    if (2 * (known->count + 1) > known->slot_count) {
        HEDDLE_TRY(grow(known, error));
    }
    struct heddle_reject_key *slot = slot_of(known, key);
    known->count += slot->high == 0;
    *slot = key;
    return HEDDLE_OK;
}

bool heddle_rejects_known_has(const struct heddle_rejects_known *known, struct heddle_reject_key key)
{
    return known->count > 0 && slot_of(known, key)->high != 0;
}

void heddle_rejects_known_free(struct heddle_rejects_known *known)
{
    free(known->slots);
    *known = (struct heddle_rejects_known){0};
}

/* ---- files ---- */

static int cannot(const char *verb, const char *folder, const char *name, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_IO, "cannot %s %s/%s: %s", verb, folder, name, strerror(errno));
}

/* Calls visit() for each file of rejects, opened as `flags` say. */
static int each_file(const char *folder, int flags,
                     int (*visit)(void *context, const char *name, int file, struct heddle_error *error),
                     void *context, struct heddle_error *error)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        return errno == ENOENT ? HEDDLE_OK : cannot("read", folder, ".", error);
    }
    int status = HEDDLE_OK;
    for (struct dirent *entry = readdir(directory); entry != NULL && status == HEDDLE_OK;
         entry = readdir(directory)) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending == NULL || strcmp(ending, ".jsonl") != 0) {
            continue;
        }
        const int file = openat(dirfd(directory), entry->d_name, flags | O_CLOEXEC | O_NOFOLLOW);
        if (file < 0) {
            status = cannot("open", folder, entry->d_name, error);
        } else {
            status = visit(context, entry->d_name, file, error);
            close(file);
        }
    }
    closedir(directory);
    return status;
}

/* The length up to and with the last line end. */
static int good_length(int file, off_t length, off_t *good_out)
{
    char tail[TAIL_BYTES];
    while (length > 0) {
        const size_t part = length < TAIL_BYTES ? (size_t)length : TAIL_BYTES;
        const off_t start = length - (off_t)part;
        if (pread(file, tail, part, start) != (ssize_t)part) {
            return -1;
        }
        const char *end = memrchr(tail, '\n', part);
        if (end != NULL) {
            *good_out = start + (end - tail) + 1;
            return 0;
        }
        length = start;
    }
    *good_out = 0;
    return 0;
}

static int mend_file(void *context, const char *name, int file, struct heddle_error *error)
{
    const char *folder = context;
    struct stat state;
    off_t good = 0;
    if (fstat(file, &state) != 0 || good_length(file, state.st_size, &good) != 0) {
        return cannot("read", folder, name, error);
    }
    return good == state.st_size || ftruncate(file, good) == 0 ? HEDDLE_OK
                                                               : cannot("mend", folder, name, error);
}

int heddle_rejects_mend(const char *folder, struct heddle_error *error)
{
    char *copy = heddle_strdup(folder);
    const int status =
        copy == NULL ? heddle_error_out_of_memory(error) : each_file(folder, O_RDWR, mend_file, copy, error);
    free(copy);
    return status;
}

/* What happens to the files at the beginning of a unit. */
struct beginning {
    const char *folder;
    const json_t *lengths; /* of a unit that was begun before, or NULL */
    json_t *now;           /* lengths as they are */
    struct heddle_rejects_known *known;
};

static int note_length(void *context, const char *name, int file, struct heddle_error *error)
{
    struct beginning *beginning = context;
    struct stat state;
    if (fstat(file, &state) != 0) {
        return cannot("read", beginning->folder, name, error);
    }
    return json_object_set_new(beginning->now, name, json_integer(state.st_size)) == 0
               ? HEDDLE_OK
               : heddle_error_out_of_memory(error);
}

static int note_record(const struct beginning *beginning, const char *line, struct heddle_error *error)
{
    const char *target = NULL;
    const char *source = NULL;
    const char *path = NULL;
    json_int_t row = 0;
    json_t *record = json_loads(line, 0, NULL);
    int status = HEDDLE_OK;
    if (record == NULL || json_unpack(record, "{s:s, s:s, s:s, s:I}", "target", &target, "source", &source,
                                      "file", &path, "row", &row) != 0) {
        status = heddle_error_set(error, HEDDLE_IO, "there is a line in it that is no reject: %.60s", line);
    } else {
        status = heddle_rejects_known_add(beginning->known,
                                          heddle_reject_key_of(target, source, path, (uint64_t)row), error);
    }
    json_decref(record);
    return status;
}

static int note_records(void *context, const char *name, int file, struct heddle_error *error)
{
    const struct beginning *beginning = context;
    const json_int_t start =
        beginning->lengths == NULL ? 0 : json_integer_value(json_object_get(beginning->lengths, name));
    const int again = dup(file);
    FILE *stream = again < 0 ? NULL : fdopen(again, "r");
    if (stream == NULL || fseeko(stream, (off_t)start, SEEK_SET) != 0) {
        const int status = cannot("read", beginning->folder, name, error);
        if (stream != NULL) {
            fclose(stream);
        } else if (again >= 0) {
            close(again);
        }
        return status;
    }
    char *line = NULL;
    size_t capacity = 0;
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && getline(&line, &capacity, stream) > 0) {
        status = note_record(beginning, line, error);
    }
    if (status == HEDDLE_OK && ferror(stream)) {
        status = cannot("read", beginning->folder, name, error);
    } else if (status == HEDDLE_IO) {
        heddle_error_prefix(error, "%s/%s", beginning->folder, name);
    }
    free(line);
    fclose(stream);
    return status;
}

static int write_unit(struct beginning *beginning, const char *path, uint64_t unit,
                      struct heddle_error *error)
{
    beginning->now = json_object();
    if (beginning->now == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(each_file(beginning->folder, O_RDONLY, note_length, beginning, error));
    json_t *all = json_pack("{s:i, s:I, s:O}", "format", UNIT_FORMAT, "unit", (json_int_t)unit, "files",
                            beginning->now);
    char *text = all == NULL ? NULL : json_dumps(all, JSON_COMPACT);
    json_decref(all);
    const int status =
        text == NULL ? heddle_error_out_of_memory(error) : heddle_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}

static int read_unit(struct beginning *beginning, const char *path, uint64_t unit, bool *noted_out,
                     struct heddle_error *error)
{
    *noted_out = false;
    json_t *begun = json_load_file(path, 0, NULL);
    if (begun == NULL) {
        return access(path, F_OK) != 0
                   ? HEDDLE_OK
                   : heddle_error_set(error, HEDDLE_IO, "%s is damaged: restore the checkpoint from a copy",
                                      path);
    }
    int status = HEDDLE_OK;
    if (json_integer_value(json_object_get(begun, "format")) != UNIT_FORMAT) {
        status = heddle_error_set(
            error, HEDDLE_IO,
            "%s was written by another version of heddle: finish the load with that version", path);
    } else if ((uint64_t)json_integer_value(json_object_get(begun, "unit")) == unit) {
        *noted_out = true;
        beginning->lengths = json_object_get(begun, "files");
        status = each_file(beginning->folder, O_RDONLY, note_records, beginning, error);
    }
    json_decref(begun);
    return status;
}

static const char *unit_path(const char *folder, struct heddle_buffer *path)
{
    heddle_buffer_append_format(path, "%s/%s", folder, UNIT_NAME);
    return heddle_buffer_text(path);
}

int heddle_rejects_begin_unit(const char *folder, uint64_t unit, struct heddle_rejects_known *known,
                              bool *noted_out, struct heddle_error *error)
{
    heddle_rejects_known_free(known);
    struct beginning beginning = {.folder = folder, .known = known};
    struct heddle_buffer buffer = {0};
    const char *path = unit_path(folder, &buffer);
    const int status = path == NULL ? heddle_error_out_of_memory(error)
                                    : read_unit(&beginning, path, unit, noted_out, error);
    heddle_buffer_free(&buffer);
    return status;
}

int heddle_rejects_note_unit(const char *folder, uint64_t unit, struct heddle_error *error)
{
    struct beginning beginning = {.folder = folder};
    struct heddle_buffer buffer = {0};
    const char *path = unit_path(folder, &buffer);
    const int status =
        path == NULL ? heddle_error_out_of_memory(error) : write_unit(&beginning, path, unit, error);
    json_decref(beginning.now);
    heddle_buffer_free(&buffer);
    return status;
}
