/* adapt.c: windows, and the step that each suggests. */
#include "sink/neo4j/adapt.h"

/* A step up must bring this much of what it could bring at best; a fall by more than this is no chance. */
static const double GAIN_LEAST = 0.3;
static const double FALL_BORNE = 0.9;

/* More deadlocks than one in so many transactions: fewer writers. */
enum { DEADLOCK_TRANSACTIONS = 20 };

/* Windows between two tries upwards: doubled after each that failed. */
enum { PATIENCE_FIRST = 4, PATIENCE_MOST = 64 };

static const uint64_t NS_PER_MS = 1000000;

void heddle_adapt_start(struct heddle_adapt *adapt, size_t start, size_t most, bool fixed)
{
    const size_t bound = most < 1 ? 1 : most;
    *adapt = (struct heddle_adapt){
        .now = start < 1       ? 1
               : start > bound ? bound
                               : start,
        .most = bound,
        .fixed = fixed || bound == 1,
        .target = SIZE_MAX,
        .patience_up = PATIENCE_FIRST,
    };
}

static void begin(struct heddle_adapt *adapt, size_t target, uint64_t deadlocks, uint64_t now_ns)
{
    adapt->target = target;
    adapt->start_ns = now_ns;
    adapt->rows = 0;
    adapt->transactions = 0;
    adapt->deadlocks = deadlocks;
}

/* Takes a step within the bounds; answers whether there was one to take. */
static bool move(struct heddle_adapt *adapt, int step)
{
    const bool possible = step > 0 ? adapt->now < adapt->most : adapt->now > 1;
    adapt->step = possible ? step : 0;
    adapt->now += possible ? (size_t)step : 0;
    return possible;
}

static void wait_longer(struct heddle_adapt *adapt)
{
    adapt->patience = adapt->patience_up;
    adapt->patience_up = adapt->patience_up * 2 > PATIENCE_MOST ? PATIENCE_MOST : adapt->patience_up * 2;
}

/* What a whole window says. True where the number of writers changes. */
static bool judge(struct heddle_adapt *adapt, double rate, uint64_t deadlocks)
{
    const double before = adapt->rate;
    const int tried = adapt->step;
    const bool deadlocked = deadlocks * DEADLOCK_TRANSACTIONS > adapt->transactions;
    adapt->rate = rate;
    adapt->step = 0;
    if (deadlocked) {
        wait_longer(adapt);
        return move(adapt, -1);
    }
    if (tried > 0) {
        /* One more of n writers could bring an nth. */
        const double hoped = before / (double)(adapt->now - 1);
        if (rate >= before + GAIN_LEAST * hoped) {
            return move(adapt, 1);
        }
        wait_longer(adapt);
        adapt->rate = before;
        const bool moved = move(adapt, -1);
        adapt->step = 0;
        return moved;
    }
    if (tried < 0 && before > 0 && rate < before * FALL_BORNE) {
        /* The one that was taken away was missed. */
        adapt->patience = adapt->patience_up;
        const bool moved = move(adapt, 1);
        adapt->step = 0;
        return moved;
    }
    if (adapt->patience > 0) {
        adapt->patience--;
        return false;
    }
    return move(adapt, 1);
}

bool heddle_adapt_note(struct heddle_adapt *adapt, size_t target, uint64_t rows, uint64_t deadlocks,
                       uint64_t now_ns)
{
    if (adapt->fixed) {
        return false;
    }
    if (adapt->target != target) {
        /* Nothing to compare the next window with. */
        begin(adapt, target, deadlocks, now_ns);
        adapt->rate = 0;
        adapt->step = 0;
        adapt->patience = adapt->patience < 1 ? 1 : adapt->patience;
        return false;
    }
    adapt->rows += rows;
    adapt->transactions++;
    const uint64_t lasted = now_ns - adapt->start_ns;
    if (adapt->transactions < HEDDLE_ADAPT_TRANSACTIONS * adapt->now ||
        lasted < HEDDLE_ADAPT_WINDOW_MS * NS_PER_MS) {
        return false;
    }
    const bool changed =
        judge(adapt, (double)adapt->rows * 1e9 / (double)lasted, deadlocks - adapt->deadlocks);
    begin(adapt, target, deadlocks, now_ns);
    return changed;
}
