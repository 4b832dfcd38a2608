/* turn.c: numbers that are taken once, and a beat that says that their holder lives. */
#include "run/checkpoint/turn.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/checkpoint/numbers.h"

enum {
    TURN_FORMAT = 1,
    FILE_BYTES_MAX = 4096,
    OWNER_MAX = 64,
    MACHINE_MAX = 128,
    TRIES_MAX = 100, /* numbers that others take at the same moment */
};

static const uint64_t NS_PER_MS = 1000000;

/* What stands in a turn's file. */
struct record {
    char owner[OWNER_MAX];
    char machine[MACHINE_MAX];
    int64_t process;
    int64_t started; /* of the process, in the kernel's ticks: numbers of processes come again */
    int64_t beat;
    bool ended;
};

struct heddle_turn {
    struct heddle_depot *depot; /* with a connection of its own */
    struct heddle_turn_options options;
    char *folder;
    int64_t number;
    struct record mine;

    pthread_mutex_t lock; /* guards all below, and one beat at a time */
    pthread_cond_t woken;
    pthread_t thread;
    bool beats; /* the thread runs */
    bool taken; /* the file of the number is this run's */
    bool stop;
    bool lost;
    uint64_t last_beat_ns;
};

/* ---- this machine ---- */

/* The first line of a file of the kernel's, cut. */
static void line_read(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    if (file != NULL) {
        if (fgets(out, (int)size, file) == NULL) {
            out[0] = '\0';
        }
        fclose(file);
    }
    out[strcspn(out, "\n")] = '\0';
}

/* Name, boot and the space that process numbers belong to: where these are equal, a number means the same process. */
static void machine_name(char out[static MACHINE_MAX])
{
    char name[64] = "";
    char boot[16];
    char space[40] = "";
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
        snprintf(name, sizeof name, "an unnamed machine");
    }
    line_read("/proc/sys/kernel/random/boot_id", boot, 9);
    const ssize_t length = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[length > 0 ? length : 0] = '\0';
    snprintf(out, MACHINE_MAX, "%s (%s %s)", name, boot, space);
}

/* When a process began, -1 where there is none of that number. */
static int64_t process_started(int64_t process)
{
    char path[64];
    char text[1024];
    enum { FIELDS_BEFORE = 20 }; /* behind the name, of proc(5)'s stat */
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", process);
    line_read(path, text, sizeof text);
    const char *at = strrchr(text, ')');
    for (int i = 0; at != NULL && i < FIELDS_BEFORE; i++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoll(at, NULL, 10) : -1;
}

/* ---- files ---- */

static const char *path_of(const char *folder, int64_t number, struct heddle_buffer *path)
{
    heddle_buffer_reset(path);
    heddle_buffer_append_format(path, "%s/%" PRId64, folder, number);
    return heddle_buffer_text(path);
}

static char *record_text(const struct record *record)
{
    json_t *object =
        json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:b}", "format", TURN_FORMAT, "owner", record->owner,
                  "machine", record->machine, "process", (json_int_t)record->process, "started",
                  (json_int_t)record->started, "beat", (json_int_t)record->beat, "ended", record->ended);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* `fresh`: only where no file of that number is there. */
static int record_put(struct heddle_depot *depot, const char *folder, int64_t number,
                      const struct record *record, bool fresh, struct heddle_error *error)
{
    struct heddle_buffer path = {0};
    char *text = record_text(record);
    const char *name = path_of(folder, number, &path);
    int status = text == NULL || name == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = fresh ? heddle_depot_create(depot, name, text, strlen(text), error)
                       : heddle_depot_write(depot, name, text, strlen(text), error);
    }
    free(text);
    heddle_buffer_free(&path);
    return status;
}

static void text_take(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* A file that says nothing is one of a holder that is not known: it is watched like any other. */
static void record_parse(const char *text, size_t length, struct record *record)
{
    json_error_t failure;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &failure);
    *record = (struct record){.process = -1, .started = -1};
    text_take(object, "owner", record->owner, sizeof record->owner);
    text_take(object, "machine", record->machine, sizeof record->machine);
    if (json_is_integer(json_object_get(object, "process"))) {
        record->process = json_integer_value(json_object_get(object, "process"));
        record->started = json_integer_value(json_object_get(object, "started"));
    }
    record->beat = json_integer_value(json_object_get(object, "beat"));
    record->ended = json_is_true(json_object_get(object, "ended"));
    json_decref(object);
}

static int record_read(struct heddle_depot *depot, const char *folder, int64_t number, struct record *record,
                       bool *found_out, struct heddle_error *error)
{
    struct heddle_buffer path = {0};
    struct heddle_buffer text = {0};
    const char *name = path_of(folder, number, &path);
    int status = name == NULL ? heddle_error_out_of_memory(error)
                              : heddle_depot_read(depot, name, FILE_BYTES_MAX, &text, found_out, error);
    if (status == HEDDLE_OK && *found_out) {
        record_parse(text.length > 0 ? (const char *)text.bytes : "", text.length, record);
    }
    heddle_buffer_free(&text);
    heddle_buffer_free(&path);
    return status;
}

/* ---- beating ---- */

static int refuse_lost(const struct heddle_turn *turn, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_IO,
                            "another run took the checkpoint %s over, because this one gave no sign of life: "
                            "this run ends here, and that one goes on",
                            heddle_depot_place(turn->depot));
}

/* One beat; the lock is held. */
static int beat(struct heddle_turn *turn, struct heddle_error *error)
{
    struct heddle_numbers numbers;
    if (turn->lost) {
        return refuse_lost(turn, error);
    }
    HEDDLE_TRY(heddle_numbers_list(turn->depot, turn->folder, &numbers, error));
    if (numbers.highest != turn->number) {
        turn->lost = true;
        return refuse_lost(turn, error);
    }
    turn->mine.beat++;
    HEDDLE_TRY(record_put(turn->depot, turn->folder, turn->number, &turn->mine, false, error));
    turn->last_beat_ns = heddle_clock_ns();
    return HEDDLE_OK;
}

static void *beat_on(void *context)
{
    struct heddle_turn *turn = context;
    pthread_mutex_lock(&turn->lock);
    while (!turn->stop && !turn->lost) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        const uint64_t ns = (uint64_t)until.tv_nsec + turn->options.beat_ms * NS_PER_MS;
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
        if (pthread_cond_timedwait(&turn->woken, &turn->lock, &until) == ETIMEDOUT && !turn->stop) {
            (void)!beat(turn, NULL); /* one that fails is made up for by the next; check() tells */
        }
    }
    pthread_mutex_unlock(&turn->lock);
    return NULL;
}

int heddle_turn_check(struct heddle_turn *turn, struct heddle_error *error)
{
    pthread_mutex_lock(&turn->lock);
    const uint64_t age_ms = (heddle_clock_ns() - turn->last_beat_ns) / NS_PER_MS;
    int status = turn->lost ? refuse_lost(turn, error) : HEDDLE_OK;
    if (status == HEDDLE_OK && age_ms > 2U * turn->options.beat_ms) {
        status = beat(turn, error);
    }
    pthread_mutex_unlock(&turn->lock);
    return status;
}

/* ---- taking ---- */

static int refuse_living(const struct heddle_turn *turn, const struct record *holder,
                         struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_IO,
                            "the checkpoint %s is in use by another run, process %" PRId64
                            " on %s: two runs of one load cannot be; let that one end, or stop it",
                            heddle_depot_place(turn->depot), holder->process, holder->machine);
}

/* Whether this machine itself can tell that the holder is no more. */
static bool is_known_dead(const struct heddle_turn *turn, const struct record *holder)
{
    return holder->process > 0 && strcmp(holder->machine, turn->mine.machine) == 0 &&
           process_started(holder->process) != holder->started;
}

/* Watches a turn that nobody ended. HEDDLE_OK: its holder is dead, or ended it. */
static int watch(struct heddle_turn *turn, int64_t number, const struct record *first,
                 struct heddle_error *error)
{
    const uint64_t until = heddle_clock_ns() + turn->options.dead_ms * NS_PER_MS;
    if (is_known_dead(turn, first)) {
        return HEDDLE_OK;
    }
    while (heddle_clock_ns() < until) {
        struct record now = {0};
        bool found = false;
        heddle_clock_sleep_ms(turn->options.look_ms);
        HEDDLE_TRY(record_read(turn->depot, turn->folder, number, &now, &found, error));
        if (!found || now.ended) {
            return HEDDLE_OK;
        }
        if (now.beat != first->beat || strcmp(now.owner, first->owner) != 0) {
            return refuse_living(turn, &now, error);
        }
    }
    return HEDDLE_OK;
}

/* One try. HEDDLE_CLOSED: another run took the number meanwhile. */
static int take_next(struct heddle_turn *turn, struct heddle_error *error)
{
    struct heddle_numbers numbers;
    struct record holder = {0};
    bool found = false;
    HEDDLE_TRY(heddle_numbers_list(turn->depot, turn->folder, &numbers, error));
    if (numbers.highest >= 0) {
        HEDDLE_TRY(record_read(turn->depot, turn->folder, numbers.highest, &holder, &found, error));
    }
    if (found && !holder.ended) {
        HEDDLE_TRY(watch(turn, numbers.highest, &holder, error));
    }
    turn->number = numbers.highest + 1;
    HEDDLE_TRY(record_put(turn->depot, turn->folder, turn->number, &turn->mine, true, error));
    turn->last_beat_ns = heddle_clock_ns();
    turn->taken = true;
    /* One that was slow may have taken a number that was taken, ended and tidied away since it listed them. */
    struct heddle_numbers after;
    HEDDLE_TRY(heddle_numbers_list(turn->depot, turn->folder, &after, error));
    if (after.highest != turn->number) {
        turn->taken = false;
        return heddle_error_set(error, HEDDLE_CLOSED, "%s: others take turns too fast", turn->folder);
    }
    for (int64_t i = numbers.lowest; i >= 0 && i < turn->number; i++) {
        struct heddle_buffer path = {0};
        const char *name = path_of(turn->folder, i, &path);
        if (name != NULL) {
            (void)!heddle_depot_remove(turn->depot, name, NULL); /* only tidiness: the highest counts */
        }
        heddle_buffer_free(&path);
    }
    return HEDDLE_OK;
}

static int folder_fill(struct heddle_turn *turn, struct heddle_error *error)
{
    struct heddle_buffer folder = {0};
    heddle_buffer_append_format(&folder, "%s/turns", heddle_depot_place(turn->depot));
    const char *text = heddle_buffer_text(&folder);
    turn->folder = text != NULL ? heddle_strdup(text) : NULL;
    heddle_buffer_free(&folder);
    if (turn->folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_depot_make_folder(turn->depot, turn->folder, error);
}

static int turn_fill(struct heddle_turn *turn, struct heddle_depot *depot, struct heddle_error *error)
{
    const struct heddle_turn_options *options = &turn->options;
    HEDDLE_TRY(heddle_depot_twin(depot, &turn->depot, error));
    HEDDLE_TRY(folder_fill(turn, error));
    turn->mine.process = (int64_t)getpid();
    turn->mine.started = process_started(turn->mine.process);
    snprintf(turn->mine.owner, sizeof turn->mine.owner, "%s", options->owner);
    if (options->machine != NULL) {
        snprintf(turn->mine.machine, sizeof turn->mine.machine, "%s", options->machine);
    } else {
        machine_name(turn->mine.machine);
    }
    int status = HEDDLE_CLOSED;
    for (int i = 0; i < TRIES_MAX && status == HEDDLE_CLOSED; i++) {
        status = take_next(turn, error);
    }
    if (status == HEDDLE_CLOSED) {
        return heddle_error_set(error, HEDDLE_IO, "%s: others take turn after turn: try again later",
                                turn->folder);
    }
    HEDDLE_TRY(status);
    if (pthread_create(&turn->thread, NULL, beat_on, turn) != 0) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the system gives no thread: %s", strerror(errno));
    }
    turn->beats = true;
    return HEDDLE_OK;
}

int heddle_turn_take(struct heddle_depot *depot, const struct heddle_turn_options *options,
                     struct heddle_turn **turn_out, struct heddle_error *error)
{
    struct heddle_turn *turn = heddle_calloc(1, sizeof *turn);
    if (turn == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&turn->lock, NULL);
    pthread_cond_init(&turn->woken, NULL);
    turn->options = *options;
    turn->options.beat_ms = options->beat_ms > 0 ? options->beat_ms : HEDDLE_TURN_BEAT_MS;
    turn->options.dead_ms = options->dead_ms > 0 ? options->dead_ms : HEDDLE_TURN_DEAD_MS;
    turn->options.look_ms = options->look_ms > 0 ? options->look_ms : HEDDLE_TURN_LOOK_MS;
    turn->number = -1;
    const int status = turn_fill(turn, depot, error);
    if (status != HEDDLE_OK) {
        heddle_turn_end(turn);
        return status;
    }
    *turn_out = turn;
    return HEDDLE_OK;
}

void heddle_turn_end(struct heddle_turn *turn)
{
    if (turn == NULL) {
        return;
    }
    if (turn->beats) {
        pthread_mutex_lock(&turn->lock);
        turn->stop = true;
        pthread_cond_signal(&turn->woken);
        pthread_mutex_unlock(&turn->lock);
        pthread_join(turn->thread, NULL);
    }
    if (turn->taken && !turn->lost) {
        turn->mine.ended = true;
        (void)!record_put(turn->depot, turn->folder, turn->number, &turn->mine, false, NULL);
    }
    pthread_cond_destroy(&turn->woken);
    pthread_mutex_destroy(&turn->lock);
    heddle_depot_close(turn->depot);
    free(turn->folder);
    free(turn);
}

int heddle_turn_look(struct heddle_depot *depot, struct heddle_turn_holder *holder_out,
                     struct heddle_error *error)
{
    struct heddle_buffer folder = {0};
    struct heddle_numbers numbers = {-1, -1};
    struct record holder = {.ended = true};
    bool found = false;
    *holder_out = (struct heddle_turn_holder){0};
    heddle_buffer_append_format(&folder, "%s/turns", heddle_depot_place(depot));
    const char *text = heddle_buffer_text(&folder);
    int status =
        text == NULL ? heddle_error_out_of_memory(error) : heddle_numbers_list(depot, text, &numbers, error);
    if (status == HEDDLE_OK && numbers.highest >= 0) {
        status = record_read(depot, text, numbers.highest, &holder, &found, error);
    }
    heddle_buffer_free(&folder);
    holder_out->known = status == HEDDLE_OK && found && !holder.ended;
    holder_out->process = (long)holder.process;
    snprintf(holder_out->machine, sizeof holder_out->machine, "%s", holder.machine);
    return status;
}
