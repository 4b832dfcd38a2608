/* heartbeat.c: the thread that says every few seconds that the run which took a load still lives. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "sink/neo4j/ask.h"
#include "sink/neo4j/epoch.h"
#include "sink/neo4j/marks.h"

struct heddle_heartbeat {
    struct heddle_load *load;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    struct heddle_bolt_connection *connection; /* of the thread alone */
};

static const char *const beat_statement = "MATCH (l:HeddleLoad {id: $id}) WHERE l.epoch = $epoch "
                                          "SET l.heartbeat = timestamp() RETURN l.epoch AS epoch";

/* One beat. A server that does not answer is the writers' trouble, not ours: the next beat tries again. */
static void beat(struct heddle_heartbeat *heartbeat, struct heddle_arena *arena)
{
    struct heddle_load *load = heartbeat->load;
    struct heddle_error error = {0};
    struct heddle_bolt_result result;
    const struct heddle_ask_parameter parameters[] = {
        {.name = "id", .text = load->options->load.id},
        {.name = "epoch", .kind = HEDDLE_ASK_INTEGER, .integer = load->epoch},
    };
    const struct heddle_ask ask = {
        .text = beat_statement,
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof parameters[0],
        .mode = HEDDLE_BOLT_WRITE,
        .database = load->ability.database,
        .timeout_ms = HEDDLE_EPOCH_BEAT_MS,
        .once = true,
    };
    if (heartbeat->connection == NULL &&
        heddle_bolt_open(&load->bolt, &heartbeat->connection, &error) != HEDDLE_OK) {
        return;
    }
    heddle_arena_reset(arena);
    if (heddle_ask_run(heartbeat->connection, &ask, arena, &result, &error) == HEDDLE_OK &&
        result.record_count == 0) {
        (void)!heddle_mark_lost(load, &error);
        heddle_load_fail(load, &error);
    }
}

/* Waits for the next beat. False when the thread shall end. */
static bool wait_for_beat(struct heddle_heartbeat *heartbeat)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HEDDLE_EPOCH_BEAT_MS / 1000;
    pthread_mutex_lock(&heartbeat->lock);
    int waited = 0;
    while (!heartbeat->stopping && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&heartbeat->changed, &heartbeat->lock, &until);
    }
    const bool goes_on = !heartbeat->stopping;
    pthread_mutex_unlock(&heartbeat->lock);
    return goes_on;
}

static void *heartbeat_main(void *context)
{
    struct heddle_heartbeat *heartbeat = context;
    struct heddle_arena *arena = NULL;
    /* Without memory for an answer there is no beat: a run elsewhere may then take over, and this one is told. */
    if (heddle_arena_create(0, &arena, NULL) == HEDDLE_OK) {
        while (wait_for_beat(heartbeat)) {
            beat(heartbeat, arena);
        }
    }
    heddle_arena_destroy(arena);
    heddle_bolt_close(heartbeat->connection);
    return NULL;
}

static void heartbeat_free(struct heddle_heartbeat *heartbeat)
{
    pthread_cond_destroy(&heartbeat->changed);
    pthread_mutex_destroy(&heartbeat->lock);
    free(heartbeat);
}

int heddle_heartbeat_start(struct heddle_load *load, struct heddle_heartbeat **heartbeat_out,
                           struct heddle_error *error)
{
    *heartbeat_out = NULL;
    if (load->epoch == 0) {
        return HEDDLE_OK;
    }
    struct heddle_heartbeat *heartbeat = heddle_calloc(1, sizeof *heartbeat);
    if (heartbeat == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heartbeat->load = load;
    pthread_mutex_init(&heartbeat->lock, NULL);
    pthread_cond_init(&heartbeat->changed, NULL);
    if (pthread_create(&heartbeat->thread, NULL, heartbeat_main, heartbeat) != 0) {
        heartbeat_free(heartbeat);
        return heddle_error_set(error, HEDDLE_INTERNAL,
                                "the system gives no thread for the load's heartbeat");
    }
    *heartbeat_out = heartbeat;
    return HEDDLE_OK;
}

void heddle_heartbeat_stop(struct heddle_heartbeat *heartbeat)
{
    if (heartbeat == NULL) {
        return;
    }
    pthread_mutex_lock(&heartbeat->lock);
    heartbeat->stopping = true;
    pthread_cond_broadcast(&heartbeat->changed);
    pthread_mutex_unlock(&heartbeat->lock);
    pthread_join(heartbeat->thread, NULL);
    heartbeat_free(heartbeat);
}
