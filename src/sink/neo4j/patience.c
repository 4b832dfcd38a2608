/* patience.c: naps, and dialling until the server is back. */
#include "sink/neo4j/patience.h"

#include "base/clock.h"
#include "bolt/failure.h"

static const uint64_t NS_PER_MS = 1000000;

/* While waiting, a writer looks this often whether the load is ending. */
enum { LOOK_EVERY_MS = 50 };

/* A server that restarts is back within seconds, so the first looks come soon; later ones no further apart than this. */
enum { SOON_TRIES = 3, DIAL_PAUSE_MAX_MS = HEDDLE_PATIENCE_ABSENCE_MS / 8 };

int heddle_patience_sleep(struct heddle_writer *writer, uint32_t milliseconds, struct heddle_error *error)
{
    while (milliseconds > 0) {
        if (heddle_load_is_ending(writer->load)) {
            return heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped while waiting for the server");
        }
        const uint32_t nap = milliseconds < LOOK_EVERY_MS ? milliseconds : LOOK_EVERY_MS;
        heddle_clock_sleep_ms(nap);
        milliseconds -= nap;
    }
    return HEDDLE_OK;
}

static int connect_once(struct heddle_writer *writer, struct heddle_error *error)
{
    if (writer->connection == NULL) {
        return heddle_bolt_open(&writer->load->bolt, &writer->connection, error);
    }
    return heddle_bolt_reopen(writer->connection, error);
}

static uint32_t dial_pause_ms(struct heddle_writer *writer, unsigned attempt)
{
    const uint32_t pause =
        attempt <= SOON_TRIES
            ? heddle_bolt_backoff_ms(HEDDLE_BOLT_BACKOFF_MEMORY, attempt, &writer->random)
            : heddle_bolt_backoff_ms(HEDDLE_BOLT_BACKOFF_DRIVER, attempt - SOON_TRIES, &writer->random);
    return pause < DIAL_PAUSE_MAX_MS ? pause : DIAL_PAUSE_MAX_MS;
}

int heddle_patience_connect(struct heddle_writer *writer, struct heddle_error *error)
{
    const uint64_t start = heddle_clock_ns();
    for (unsigned attempt = 1;; attempt++) {
        struct heddle_error reason = {0};
        const int status = connect_once(writer, &reason);
        if (status == HEDDLE_OK) {
            writer->dials++;
            return HEDDLE_OK;
        }
        const struct heddle_bolt_failure *failure = heddle_bolt_failure_of(&reason);
        const bool away = status == HEDDLE_NETWORK || failure->action == HEDDLE_ACTION_RETRY;
        const uint64_t waited_ms = (heddle_clock_ns() - start) / NS_PER_MS;
        if (!away || waited_ms >= HEDDLE_PATIENCE_ABSENCE_MS) {
            if (away) {
                heddle_error_prefix(&reason, "the server was away for %u s", (unsigned)(waited_ms / 1000));
            }
            reason.action = HEDDLE_ACTION_FATAL; /* enough was tried */
            if (error != NULL) {
                *error = reason;
            }
            return status;
        }
        HEDDLE_TRY(heddle_patience_sleep(writer, dial_pause_ms(writer, attempt), error));
    }
}
