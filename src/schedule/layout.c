/* layout.c: parts for many rows and for few. */
#include "schedule/layout.h"

#include <math.h>

#include "schedule/scheduler.h"

/* Parts a writer and end where rows are many. */
enum { PARTS_A_WRITER = 4 };

/* What a transaction costs, as a share of what its rows cost when it is full (parallel loading, 3.4). */
static const double TRANSACTION_SHARE = 0.15;

/* Below so many full transactions for each pair of writers, or in all, parts meet in a fixed order; beyond, the fullest part
 * first is better, which a hub needs. Simulated: at half and twice of either the worst case is the same or worse. */
static const double PAIR_TRANSACTIONS = 2;
static const double IN_TURN_TRANSACTIONS = 32;

/* Full transactions that a part has at least, where rows touch one part: what is left over costs one more. */
static const double ALONE_TRANSACTIONS = 8;

/* A tile holds at least so much of a transaction, or has fewer parts. */
static const double TILE_SHARE = 1.0 / 16;

static size_t at_most(size_t parts)
{
    return parts < HEDDLE_SCHEDULE_PARTS_MAX ? parts : HEDDLE_SCHEDULE_PARTS_MAX;
}

/* Nobody waits for anybody: as many parts as writers, more only to even out what they hold. */
static struct heddle_layout layout_alone(size_t writers, double full)
{
    size_t times = 1;
    while (times < PARTS_A_WRITER && full / (double)writers >= ALONE_TRANSACTIONS * (double)(times + 1)) {
        times++;
    }
    return (struct heddle_layout){.parts = writers == 1 ? 1 : at_most(writers * times)};
}

struct heddle_layout heddle_layout_of(enum heddle_layout_touch touch, size_t writers, uint64_t rows,
                                      size_t rows_a_transaction)
{
    const double full = (double)rows / (double)rows_a_transaction;
    const size_t ends = touch == HEDDLE_LAYOUT_WITHIN ? 2 : 1;
    writers = writers < HEDDLE_SCHEDULE_PARTS_MAX / ends ? writers : HEDDLE_SCHEDULE_PARTS_MAX / ends;
    if (touch == HEDDLE_LAYOUT_ALONE) {
        return layout_alone(writers, full);
    }
    const double most = round(sqrt(full / (TRANSACTION_SHARE * (double)ends)));
    const size_t working = most < 1 ? 1 : most < (double)writers ? (size_t)most : writers;
    if (working == 1) {
        return (struct heddle_layout){.parts = 1};
    }
    const size_t least = working * ends;
    if (full < IN_TURN_TRANSACTIONS || full < PAIR_TRANSACTIONS * (double)writers * (double)writers) {
        return (struct heddle_layout){.parts = least, .in_turn = true};
    }
    size_t times = PARTS_A_WRITER;
    while (times > 1 && (least * times > HEDDLE_SCHEDULE_PARTS_MAX ||
                         full / (double)(least * times) / (double)(least * times) < TILE_SHARE)) {
        times--;
    }
    return (struct heddle_layout){.parts = least * times};
}
