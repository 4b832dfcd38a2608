/* clean.c: the order in which a load is taken back, the same for both kinds of graph. */
#include "sink/clean.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sink/backend.h"

/* A step deletes as much as takes about this long: a Neo4j statement looks anew for what is left, so few large steps are
 * cheaper than many small ones, and a person who waits wants to see something move. */
enum {
    STEP_FIRST = 10000,
    STEP_MAX = 1000000,
    STEP_SHORT_MS = 1000,
    STEP_LONG_MS = 4000,
};

enum { NS_PER_MS = 1000000 };

struct heddle_clean {
    const struct heddle_sink_backend *backend;
    const struct heddle_clean_options *options;
    struct heddle_arena *arena;
    void *self;
    struct heddle_clean_part *parts;
    size_t part_count;
    enum heddle_clean_what what; /* is being deleted */
    size_t part;                 /* of this part */
    uint64_t limit;
    uint64_t detached;
    bool taken;
};

static int count_parts(struct heddle_clean *clean, struct heddle_error *error)
{
    for (size_t i = 0; i < clean->part_count; i++) {
        struct heddle_clean_part *part = &clean->parts[i];
        HEDDLE_TRY(clean->backend->clean_count(clean->self, part, &part->found, error));
        if (!part->is_relationship && part->found > 0) {
            HEDDLE_TRY(clean->backend->clean_count_held(clean->self, part, &part->held, error));
        }
    }
    return HEDDLE_OK;
}

static int open_clean(struct heddle_clean *clean, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_arena_create(0, &clean->arena, error));
    HEDDLE_TRY(clean->backend->clean_open(clean->options, &clean->self, error));
    HEDDLE_TRY(
        clean->backend->clean_find(clean->self, clean->arena, &clean->parts, &clean->part_count, error));
    return count_parts(clean, error);
}

int heddle_clean_open(const struct heddle_clean_options *options, struct heddle_clean **clean_out,
                      struct heddle_error *error)
{
    const struct heddle_sink_backend *backend = NULL;
    HEDDLE_TRY(heddle_sink_backend_of(options->to, &backend, error));
    struct heddle_clean *clean = heddle_calloc(1, sizeof *clean);
    if (clean == NULL) {
        return heddle_error_out_of_memory(error);
    }
    clean->backend = backend;
    clean->options = options;
    clean->limit = STEP_FIRST;
    const int status = open_clean(clean, error);
    if (status != HEDDLE_OK) {
        heddle_clean_close(clean);
        return status;
    }
    *clean_out = clean;
    return HEDDLE_OK;
}

const struct heddle_clean_part *heddle_clean_parts(const struct heddle_clean *clean, size_t *count_out)
{
    *count_out = clean->part_count;
    return clean->parts;
}

uint64_t heddle_clean_detached(const struct heddle_clean *clean)
{
    return clean->detached;
}

/* Whether `what` is done to this part at all. */
static bool concerns(const struct heddle_clean *clean, const struct heddle_clean_part *part)
{
    switch (clean->what) {
    case HEDDLE_CLEAN_RELATIONSHIPS: return part->is_relationship;
    case HEDDLE_CLEAN_ATTACHED: return !part->is_relationship && clean->options->detach;
    case HEDDLE_CLEAN_NODES: return !part->is_relationship;
    case HEDDLE_CLEAN_WHAT_COUNT: break;
    }
    return false;
}

/* Moves on to the next part that there is something to do for, from the one at hand. False behind the last. */
static bool find_work(struct heddle_clean *clean)
{
    for (; clean->what < HEDDLE_CLEAN_WHAT_COUNT; clean->what++, clean->part = 0) {
        for (; clean->part < clean->part_count; clean->part++) {
            const struct heddle_clean_part *part = &clean->parts[clean->part];
            if (part->found > 0 && concerns(clean, part)) {
                return true;
            }
        }
    }
    return false;
}

static void adapt(struct heddle_clean *clean, uint64_t ns)
{
    if (ns < (uint64_t)STEP_SHORT_MS * NS_PER_MS && clean->limit * 2 <= STEP_MAX) {
        clean->limit *= 2;
    } else if (ns > (uint64_t)STEP_LONG_MS * NS_PER_MS && clean->limit > STEP_FIRST) {
        clean->limit /= 2;
    }
}

int heddle_clean_step(struct heddle_clean *clean, struct heddle_error *error)
{
    if (!clean->taken) {
        HEDDLE_TRY(clean->backend->clean_take(clean->self, error));
        clean->taken = true;
    }
    if (!find_work(clean)) {
        return HEDDLE_END;
    }
    struct heddle_clean_part *part = &clean->parts[clean->part];
    const uint64_t start = heddle_clock_ns();
    uint64_t deleted = 0;
    HEDDLE_TRY(clean->backend->clean_delete(clean->self, clean->what, part, clean->limit, &deleted, error));
    if (clean->what == HEDDLE_CLEAN_ATTACHED) {
        clean->detached += deleted;
    } else {
        part->deleted += deleted;
    }
    if (deleted == 0) {
        clean->part++;
    } else {
        adapt(clean, heddle_clock_ns() - start);
    }
    return HEDDLE_OK;
}

int heddle_clean_finish(struct heddle_clean *clean, struct heddle_error *error)
{
    bool all = true;
    for (size_t i = 0; i < clean->part_count; i++) {
        struct heddle_clean_part *part = &clean->parts[i];
        HEDDLE_TRY(clean->backend->clean_count(clean->self, part, &part->kept, error));
        /* A step whose answer was lost was sent again, and its second answer counts only what was left. */
        part->deleted = part->found > part->kept ? part->found - part->kept : 0;
        all = all && part->kept == 0;
    }
    return clean->backend->clean_forget(clean->self, all, error);
}

void heddle_clean_close(struct heddle_clean *clean)
{
    if (clean == NULL) {
        return;
    }
    if (clean->self != NULL) {
        clean->backend->clean_close(clean->self);
    }
    heddle_arena_destroy(clean->arena);
    free(clean);
}
