/* layout.h: into how many parts the keys of a load are best dealt, and in which order the parts then meet.
 *
 * Many rows: four parts a writer and end, so that a writer always finds free ones, and the fullest part goes first. Few
 * rows: every pair of parts costs a transaction, and a transaction costs about what a seventh of its full rows cost
 * whatever its rows. Then
 *
 *     time  =  transactions one after the other at a part x their cost  +  rows / writers at work
 *
 * which is least at w = sqrt(k / 0.15) writers between two spaces and sqrt(k / 0.30) within one, where k is how many full
 * transactions the rows would fill: more writers than that make a small load slower, not faster. Parts are then a writer
 * and end, as few as that many writers can work on at once, and meet in the order of a tournament (`in_turn`): each part
 * takes its next partner when both are free. No tile starts later than in rounds with a barrier on the same tiles, where
 * all parts wait for the slowest pair of the round; simulated loads of 1,000 to 1,000,000 rows by 1 to 64 writers come to
 * at least 0.97 times what rounds reach, and to no less than one writer (tests/unit/schedule/test_layout.c).
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SCHEDULE_LAYOUT_H
#define HEDDLE_SCHEDULE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a row touches the parts of a space. */
enum heddle_layout_touch {
    HEDDLE_LAYOUT_ALONE = 0, /* one part, and nothing else: a node, a component */
    HEDDLE_LAYOUT_BETWEEN,   /* one part here and one of another space */
    HEDDLE_LAYOUT_WITHIN,    /* two parts of this space */
};

struct heddle_layout {
    size_t parts; /* of each space, 1..HEDDLE_SCHEDULE_PARTS_MAX */
    bool in_turn; /* for heddle_scheduler_in_turn(): where all rows of the load are there */
};

/* For `rows` rows (UINT64_MAX = without end) in transactions of at most `rows_a_transaction` (> 0) by `writers` (> 0). */
struct heddle_layout heddle_layout_of(enum heddle_layout_touch touch, size_t writers, uint64_t rows,
                                      size_t rows_a_transaction);

#endif
