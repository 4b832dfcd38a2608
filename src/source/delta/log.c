/* log.c: names of the log's files, and which of them belong together. */
#include "source/delta/log.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

enum {
    VERSION_DIGITS = 20,
    PART_DIGITS = 10,
    UUID_LENGTH = 36,
    PARTS_MAX = 1000000,
};

enum checkpoint_kind { CHECKPOINT_SINGLE, CHECKPOINT_PARTS, CHECKPOINT_UUID_PARQUET, CHECKPOINT_UUID_JSON };

/* One file that is a checkpoint or a part of one. */
struct part {
    int64_t version;
    enum checkpoint_kind kind;
    int64_t number; /* 1-based */
    int64_t total;
    const char *file;
};

struct listing {
    struct heddle_delta_commit *commits;
    size_t commit_count;
    size_t commit_capacity;
    struct part *parts;
    size_t part_count;
    size_t part_capacity;
};

bool heddle_delta_is_table(const char *path)
{
    char folder[4096];
    struct stat info;
    const size_t length = strlen(path);
    static const char log[] = "/_delta_log";
    if (length + sizeof log > sizeof folder) {
        return false;
    }
    memcpy(folder, path, length);
    memcpy(folder + length, log, sizeof log);
    return stat(folder, &info) == 0 && S_ISDIR(info.st_mode);
}

/* `digits` decimal digits at *text, which then points behind them. */
static bool number_take(const char **text, size_t digits, int64_t *value_out)
{
    int64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        const char c = (*text)[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value)) {
            return false;
        }
    }
    *text += digits;
    *value_out = value;
    return true;
}

static bool text_take(const char **text, const char *expected)
{
    const size_t length = strlen(expected);
    if (strncmp(*text, expected, length) != 0) {
        return false;
    }
    *text += length;
    return true;
}

/* What stands behind "VERSION.checkpoint" in a name. */
static bool part_parse(const char *rest, struct part *part)
{
    part->number = 1;
    part->total = 1;
    if (strcmp(rest, ".parquet") == 0) {
        part->kind = CHECKPOINT_SINGLE;
        return true;
    }
    const char *text = rest;
    if (text_take(&text, ".") && number_take(&text, PART_DIGITS, &part->number) && text_take(&text, ".") &&
        number_take(&text, PART_DIGITS, &part->total) && strcmp(text, ".parquet") == 0) {
        part->kind = CHECKPOINT_PARTS;
        return part->number >= 1 && part->number <= part->total && part->total <= PARTS_MAX;
    }
    part->number = 1;
    part->total = 1;
    if (rest[0] != '.' || strcspn(rest + 1, ".") != UUID_LENGTH) {
        return false;
    }
    const char *ending = rest + 1 + UUID_LENGTH;
    part->kind = strcmp(ending, ".json") == 0 ? CHECKPOINT_UUID_JSON : CHECKPOINT_UUID_PARQUET;
    return part->kind == CHECKPOINT_UUID_JSON || strcmp(ending, ".parquet") == 0;
}

/* Puts one name of the folder into the listing; names that are neither commit nor checkpoint are passed over. */
static int name_add(struct listing *listing, const char *folder, const char *name, const int64_t *time_known,
                    struct heddle_arena *arena, struct heddle_error *error)
{
    const char *rest = name;
    int64_t version = 0;
    struct part part = {0};
    if (!number_take(&rest, VERSION_DIGITS, &version)) {
        return HEDDLE_OK;
    }
    const bool commit = strcmp(rest, ".json") == 0;
    if (!commit && !(text_take(&rest, ".checkpoint") && part_parse(rest, &part))) {
        return HEDDLE_OK;
    }
    struct stat info;
    const char *file = heddle_arena_format(arena, "%s/%s", folder, name);
    if (file == NULL ||
        heddle_grow((void **)&listing->commits, &listing->commit_capacity, listing->commit_count + 1,
                    sizeof *listing->commits) != 0 ||
        heddle_grow((void **)&listing->parts, &listing->part_capacity, listing->part_count + 1,
                    sizeof *listing->parts) != 0) {
        return heddle_error_out_of_memory(error);
    }
    if (time_known == NULL && (stat(file, &info) != 0 || !S_ISREG(info.st_mode))) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s of the log cannot be read: %s", file,
                                strerror(errno));
    }
    if (commit) {
        const int64_t time = time_known != NULL
                                 ? *time_known
                                 : (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
        listing->commits[listing->commit_count++] = (struct heddle_delta_commit){version, time, file};
    } else {
        part.version = version;
        part.file = file;
        listing->parts[listing->part_count++] = part;
    }
    return HEDDLE_OK;
}

static int commit_compare(const void *a, const void *b)
{
    const struct heddle_delta_commit *left = a;
    const struct heddle_delta_commit *right = b;
    return left->version < right->version ? -1 : left->version > right->version;
}

static int part_compare(const void *a, const void *b)
{
    const struct part *left = a;
    const struct part *right = b;
    if (left->version != right->version) {
        return left->version < right->version ? -1 : 1;
    }
    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    if (left->total != right->total) {
        return left->total < right->total ? -1 : 1;
    }
    if (left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    return strcmp(left->file, right->file);
}

/* Parts are sorted: takes those that are one whole checkpoint from `at` on, and answers how many; 0 = not whole. */
static size_t whole_checkpoint(const struct listing *listing, size_t at)
{
    const struct part *first = &listing->parts[at];
    const size_t total = (size_t)first->total;
    if (first->number != 1 || listing->part_count - at < total) {
        return 0;
    }
    for (size_t i = 0; i < total; i++) {
        const struct part *part = &first[i];
        if (part->version != first->version || part->kind != first->kind || part->total != first->total ||
            part->number != (int64_t)i + 1) {
            return 0;
        }
    }
    return total;
}

static int checkpoints_fill(const struct listing *listing, struct heddle_arena *arena,
                            struct heddle_delta_log *log, struct heddle_error *error)
{
    struct heddle_delta_checkpoint *found = heddle_arena_calloc(arena, listing->part_count, sizeof *found);
    if (found == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < listing->part_count; i++) {
        const struct part *part = &listing->parts[i];
        const size_t whole = whole_checkpoint(listing, i);
        const bool known =
            log->checkpoint_count > 0 && found[log->checkpoint_count - 1].version == part->version;
        if (whole == 0 || known) {
            continue;
        }
        const char **files = heddle_arena_calloc(arena, whole, sizeof *files);
        if (files == NULL) {
            return heddle_error_out_of_memory(error);
        }
        for (size_t k = 0; k < whole; k++) {
            files[k] = part[k].file;
        }
        found[log->checkpoint_count++] = (struct heddle_delta_checkpoint){
            .version = part->version,
            .json = part->kind == CHECKPOINT_UUID_JSON,
            .files = files,
            .file_count = whole,
        };
    }
    log->checkpoints = found;
    return HEDDLE_OK;
}

static int folder_read(const char *folder, struct heddle_arena *arena, struct listing *listing,
                       struct heddle_error *error)
{
    DIR *names = opendir(folder);
    if (names == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                errno == ENOENT ? "%s is not there: the folder is not a Delta table"
                                                : "%s cannot be read",
                                folder);
    }
    int status = HEDDLE_OK;
    for (const struct dirent *entry = readdir(names); entry != NULL && status == HEDDLE_OK;
         entry = readdir(names)) {
        status = name_add(listing, folder, entry->d_name, NULL, arena, error);
    }
    closedir(names);
    return status;
}

/* A log in a store: what it lists, with the store's times. */
struct store_listing {
    struct listing *listing;
    const char *folder;
    struct heddle_arena *arena;
};

static int stored_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    const struct store_listing *stored = context;
    const char *slash = strrchr(entry->name, '/');
    return name_add(stored->listing, stored->folder, slash != NULL ? slash + 1 : entry->name,
                    &entry->modified_ms, stored->arena, error);
}

static int log_read(const struct heddle_delta_log *log, struct heddle_arena *arena, struct listing *listing,
                    struct heddle_error *error)
{
    struct store_listing stored = {.listing = listing, .folder = log->folder, .arena = arena};
    int status = log->root.mirror != NULL
                     ? heddle_mirror_list(log->root.mirror, "_delta_log/", stored_add, &stored, error)
                     : folder_read(log->folder, arena, listing, error);
    if (status == HEDDLE_OK && listing->commit_count == 0 && listing->part_count == 0) {
        status = heddle_error_set(error, HEDDLE_SOURCE,
                                  "%s/_delta_log holds no commit: the table was never written",
                                  heddle_delta_root_shown(&log->root));
    }
    return status;
}

int heddle_delta_log_list(const char *path, struct heddle_mirror *mirror, struct heddle_arena *arena,
                          struct heddle_delta_log *log, struct heddle_error *error)
{
    struct listing listing = {0};
    *log = (struct heddle_delta_log){0};
    HEDDLE_TRY(heddle_delta_root_fill(path, mirror, arena, &log->root, error));
    log->folder = heddle_arena_format(arena, "%s/_delta_log", log->root.given);
    if (log->folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = log_read(log, arena, &listing, error);
    if (status == HEDDLE_OK && listing.part_count > 0) {
        qsort(listing.parts, listing.part_count, sizeof *listing.parts, part_compare);
        status = checkpoints_fill(&listing, arena, log, error);
    }
    if (status == HEDDLE_OK && listing.commit_count > 0) {
        qsort(listing.commits, listing.commit_count, sizeof *listing.commits, commit_compare);
        struct heddle_delta_commit *commits =
            heddle_arena_calloc(arena, listing.commit_count, sizeof *commits);
        if (commits == NULL) {
            status = heddle_error_out_of_memory(error);
        } else {
            memcpy(commits, listing.commits, listing.commit_count * sizeof *commits);
            log->commits = commits;
            log->commit_count = listing.commit_count;
        }
    }
    free(listing.commits);
    free(listing.parts);
    if (status == HEDDLE_OK && log->commit_count == 0 && log->checkpoint_count == 0) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s holds neither a commit nor a whole checkpoint",
                                log->folder);
    }
    return status;
}

int64_t heddle_delta_log_latest(const struct heddle_delta_log *log)
{
    int64_t latest = log->checkpoint_count > 0 ? log->checkpoints[log->checkpoint_count - 1].version : -1;
    if (log->commit_count > 0 && log->commits[log->commit_count - 1].version > latest) {
        latest = log->commits[log->commit_count - 1].version;
    }
    return latest;
}

/* The newest checkpoint at or below `version`, or NULL. */
static const struct heddle_delta_checkpoint *checkpoint_find(const struct heddle_delta_log *log,
                                                             int64_t version)
{
    const struct heddle_delta_checkpoint *found = NULL;
    for (size_t i = 0; i < log->checkpoint_count && log->checkpoints[i].version <= version; i++) {
        found = &log->checkpoints[i];
    }
    return found;
}

int heddle_delta_log_segment(const struct heddle_delta_log *log, int64_t version,
                             struct heddle_delta_segment *segment, struct heddle_error *error)
{
    const int64_t latest = heddle_delta_log_latest(log);
    const int64_t wanted = version < 0 ? latest : version;
    if (wanted > latest) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "there is no version %" PRId64 ": the newest of %s is %" PRId64, wanted,
                                log->root.given, latest);
    }
    *segment = (struct heddle_delta_segment){.version = wanted, .checkpoint = checkpoint_find(log, wanted)};
    int64_t next = segment->checkpoint != NULL ? segment->checkpoint->version + 1 : 0;
    size_t at = 0;
    while (at < log->commit_count && log->commits[at].version < next) {
        at++;
    }
    segment->commits = at < log->commit_count ? &log->commits[at] : NULL;
    for (; next <= wanted; next++, at++) {
        if (at < log->commit_count && log->commits[at].version == next) {
            segment->commit_count++;
            continue;
        }
        if (next == 0 && at < log->commit_count) {
            return heddle_error_set(error, HEDDLE_SOURCE,
                                    "version %" PRId64
                                    " cannot be read any more: the log %s begins with commit "
                                    "%" PRId64 " and has no whole checkpoint at or below that version",
                                    wanted, log->folder, log->commits[at].version);
        }
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "commit %" PRId64 " is missing from %s, which goes on to version %" PRId64
                                ": rows would be lost without it; bring %020" PRId64 ".json back",
                                next, log->folder, latest, next);
    }
    return HEDDLE_OK;
}
