/* claim.c: the lock on a checkpoint, and load.json in it. */
#include "run/checkpoint/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/memory.h"
#include "run/checkpoint/fresh.h"
#include "run/checkpoint/turn.h"

/* The version of load.json; another one is refused by number. */
enum { CLAIM_FORMAT = 1 };

/* 32 hexadecimal digits. */
enum { OWNER_TEXT = 33 };

/* More owners than this can only have been written by somebody else. */
enum { OWNERS_MAX = 100000 };

enum { FILE_BYTES_MAX = 8 * 1024 * 1024 }; /* with as many owners */

struct heddle_claim {
    struct heddle_arena *arena;
    struct heddle_depot *depot;
    struct heddle_turn *turn; /* where the place knows no locks, else NULL */
    const char *folder;
    const char *path; /* of load.json */
    const char *load;
    const char *precision; /* NULL = not decided */
    const char **known;
    size_t known_count;
    bool fresh; /* `known` is of a load that is over: it is not written again */
    char owner[OWNER_TEXT];
    char host[128];
    int lock;
};

/* Where the file system has no locks, the machine's name proves nothing: then the run's own stands for it, and others
 * wait until its heartbeat is old. */
static void name_host(struct heddle_claim *claim, bool locked)
{
    char name[64] = "";
    char boot[16] = "";
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
        snprintf(name, sizeof name, "an unnamed machine");
    }
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file != NULL) {
        if (fgets(boot, 9, file) == NULL) {
            boot[0] = '\0';
        }
        fclose(file);
    }
    snprintf(claim->host, sizeof claim->host, "%s (%s)", name, locked ? boot : claim->owner);
}

static int name_owner(struct heddle_claim *claim, struct heddle_error *error)
{
    uint64_t words[2];
    if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the system gives no random numbers: %s",
                                strerror(errno));
    }
    snprintf(claim->owner, sizeof claim->owner, "%016" PRIx64 "%016" PRIx64, words[0], words[1]);
    return HEDDLE_OK;
}

static int refuse_locked(const struct heddle_claim *claim, struct heddle_error *error)
{
    char text[32] = "";
    const ssize_t length = pread(claim->lock, text, sizeof text - 1, 0);
    text[length > 0 ? strspn(text, "0123456789") : 0] = '\0';
    return heddle_error_set(
        error, HEDDLE_IO,
        "the checkpoint %s is in use by another run%s%s: two runs of one load cannot be; let "
        "that one end, or stop it",
        claim->folder, text[0] == '\0' ? "" : ", process ", text);
}

/* A turn in place of the lock. */
static int take_turn(struct heddle_claim *claim, bool *locked_out, struct heddle_error *error)
{
    const struct heddle_turn_options options = {.owner = claim->owner};
    *locked_out = false;
    return heddle_turn_take(claim->depot, &options, &claim->turn, error);
}

/* *locked_out = the file system has locks. */
static int take_lock(struct heddle_claim *claim, bool *locked_out, struct heddle_error *error)
{
    char text[32];
    const char *path = heddle_arena_format(claim->arena, "%s/lock", claim->folder);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *locked_out = true;
    claim->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (claim->lock < 0) {
        return heddle_error_set(error, HEDDLE_IO, "cannot write %s: %s", path, strerror(errno));
    }
    if (flock(claim->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return refuse_locked(claim, error);
        }
        *locked_out = false;
    }
    const int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(claim->lock, 0) != 0 || pwrite(claim->lock, text, (size_t)length, 0) != length) {
        return heddle_error_set(error, HEDDLE_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return HEDDLE_OK;
}

static int refuse_file(const struct heddle_claim *claim, const char *what, struct heddle_error *error)
{
    return heddle_error_set(
        error, HEDDLE_IO,
        "%s is damaged: %s; bring it back from a copy, use another --checkpoint, or start "
        "over with --fresh",
        claim->path, what);
}

static int read_owners(struct heddle_claim *claim, const json_t *owners, struct heddle_error *error)
{
    const size_t count = json_array_size(owners);
    if (!json_is_array(owners) || count > OWNERS_MAX) {
        return refuse_file(claim, "it has no list of owners", error);
    }
    claim->known = heddle_arena_calloc(claim->arena, count + 1, sizeof *claim->known);
    if (claim->known == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const char *owner = json_string_value(json_array_get(owners, i));
        if (owner == NULL || strlen(owner) != OWNER_TEXT - 1) {
            return refuse_file(claim, "an owner is no owner's name", error);
        }
        claim->known[i] = heddle_arena_format(claim->arena, "%s", owner);
        if (claim->known[i] == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    claim->known_count = count;
    return HEDDLE_OK;
}

static int read_object(struct heddle_claim *claim, const json_t *object, struct heddle_error *error)
{
    const char *load = json_string_value(json_object_get(object, "load"));
    const char *precision = json_string_value(json_object_get(object, "precision"));
    const json_t *format = json_object_get(object, "format");
    if (!json_is_integer(format) || load == NULL) {
        return refuse_file(claim, "it does not say which load it belongs to", error);
    }
    if (json_integer_value(format) != CLAIM_FORMAT) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "%s has format %lld and this version of heddle knows format %d: go on with the "
            "version that began the load, or start over with --fresh",
            claim->path, (long long)json_integer_value(format), CLAIM_FORMAT);
    }
    if (strcmp(load, claim->load) != 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "%s is the checkpoint of load %.64s and this is load %s: the job or its source "
            "has changed; give this one another --checkpoint, or start over with --fresh",
            claim->folder, load, claim->load);
    }
    if (precision != NULL) {
        claim->precision = heddle_arena_format(claim->arena, "%s", precision);
        if (claim->precision == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return read_owners(claim, json_object_get(object, "owners"), error);
}

static int read_text(struct heddle_claim *claim, const char *text, size_t length, struct heddle_error *error)
{
    json_error_t reason;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
    const int status =
        object == NULL ? refuse_file(claim, reason.text, error) : read_object(claim, object, error);
    json_decref(object);
    return status;
}

static int read_file(struct heddle_claim *claim, struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    bool found = false;
    int status = heddle_depot_read(claim->depot, claim->path, FILE_BYTES_MAX, &text, &found, error);
    if (status == HEDDLE_OK && found) { /* else no run before */
        status = read_text(claim, text.length > 0 ? (const char *)text.bytes : "", text.length, error);
    }
    heddle_buffer_free(&text);
    return status;
}

static int claim_fill(struct heddle_claim *claim, const char *folder, const char *load, bool fresh,
                      struct heddle_error *error)
{
    bool locked = true;
    HEDDLE_TRY(heddle_arena_create(0, &claim->arena, error));
    claim->folder = heddle_arena_format(claim->arena, "%s", folder);
    claim->path = heddle_arena_format(claim->arena, "%s/load.json", folder);
    claim->load = heddle_arena_format(claim->arena, "%s", load);
    if (claim->folder == NULL || claim->path == NULL || claim->load == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(name_owner(claim, error));
    HEDDLE_TRY(heddle_depot_make_folder(claim->depot, folder, error));
    HEDDLE_TRY((heddle_depot_locks(claim->depot) ? take_lock : take_turn)(claim, &locked, error));
    name_host(claim, locked);
    if (!fresh) {
        return read_file(claim, error);
    }
    /* The owners of former runs prove to the database that those ended here. A file that cannot be read proves nothing. */
    (void)!read_file(claim, NULL);
    claim->precision = NULL;
    claim->fresh = true;
    return heddle_fresh(claim->depot, folder, error);
}

int heddle_claim_open(struct heddle_depot *depot, const char *folder, const char *load, bool fresh,
                      struct heddle_claim **claim_out, struct heddle_error *error)
{
    struct heddle_claim *claim = heddle_calloc(1, sizeof *claim);
    if (claim == NULL) {
        return heddle_error_out_of_memory(error);
    }
    claim->lock = -1;
    claim->depot = depot;
    const int status = claim_fill(claim, folder, load, fresh, error);
    if (status != HEDDLE_OK) {
        heddle_claim_close(claim);
        return status;
    }
    *claim_out = claim;
    return HEDDLE_OK;
}

void heddle_claim_close(struct heddle_claim *claim)
{
    if (claim == NULL) {
        return;
    }
    heddle_turn_end(claim->turn);
    if (claim->lock >= 0) {
        close(claim->lock);
    }
    heddle_arena_destroy(claim->arena);
    free(claim);
}

int heddle_claim_check(struct heddle_claim *claim, struct heddle_error *error)
{
    return claim->turn != NULL ? heddle_turn_check(claim->turn, error) : HEDDLE_OK;
}

const char *heddle_claim_precision(const struct heddle_claim *claim)
{
    return claim->precision;
}

const char *heddle_claim_owner(const struct heddle_claim *claim)
{
    return claim->owner;
}

const char *const *heddle_claim_known(const struct heddle_claim *claim, size_t *count_out)
{
    *count_out = claim->known_count;
    return claim->known;
}

const char *heddle_claim_host(const struct heddle_claim *claim)
{
    return claim->host;
}

static int write_file(struct heddle_claim *claim, struct heddle_error *error)
{
    json_t *owners = json_array();
    bool good = owners != NULL;
    for (size_t i = 0; good && !claim->fresh && i < claim->known_count; i++) {
        good = json_array_append_new(owners, json_string(claim->known[i])) == 0;
    }
    good = good && json_array_append_new(owners, json_string(claim->owner)) == 0;
    json_t *object = good ? json_pack("{s:i, s:s, s:s, s:O}", "format", CLAIM_FORMAT, "load", claim->load,
                                      "precision", claim->precision, "owners", owners)
                          : NULL;
    char *text = object == NULL ? NULL : json_dumps(object, JSON_INDENT(2));
    const int status = text == NULL
                           ? heddle_error_out_of_memory(error)
                           : heddle_depot_write(claim->depot, claim->path, text, strlen(text), error);
    free(text);
    json_decref(object);
    json_decref(owners);
    return status;
}

int heddle_claim_announce(struct heddle_claim *claim, const char *precision, struct heddle_error *error)
{
    claim->precision = heddle_arena_format(claim->arena, "%s", precision);
    if (claim->precision == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return write_file(claim, error);
}

int heddle_claim_confirm(struct heddle_claim *claim, struct heddle_error *error)
{
    claim->known_count = 0;
    return write_file(claim, error);
}
