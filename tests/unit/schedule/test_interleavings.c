/* test_interleavings.c: every order in which 3 writers can pick, commit and roll back, for every load of 6 rows over 4
 * parts.
 *
 * Loads that differ only in the names of parts are one load: what is left is every way to put 6 rows on the 4 loops and 6
 * pairs of 4 parts. Paths are played one after the other like the digits of an odometer; a scheduler answers the same to
 * the same calls, so each path can be played again from its start with its last choice changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/scheduler.h"

enum { PARTS = 4, TILES = 10, ROWS_MAX = 6, WRITERS_MAX = 3, STEPS_MAX = 40 };

static const unsigned char tile_parts[TILES][2] = {{0, 0}, {1, 1}, {2, 2}, {3, 3}, {0, 1},
                                                   {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};

enum row_state { ROW_WAITS, ROW_FLIES, ROW_DONE };

/* A load and how it is played. */
struct game {
    unsigned char tiles[ROWS_MAX]; /* of each row */
    size_t rows;
    size_t writers;
    size_t rows_a_transaction;
    size_t rollbacks; /* at most so many in a path */
};

/* The choices of the path under way: choice[i] of options[i]. */
struct odometer {
    unsigned char choice[STEPS_MAX];
    unsigned char options[STEPS_MAX];
    size_t length;
};

struct totals {
    size_t paths;
    size_t most_flying;
    size_t rolled_back;
};

struct play {
    const struct game *game;
    struct heddle_scheduler *scheduler;
    struct heddle_schedule_work *flying[WRITERS_MAX];
    size_t flying_count;
    enum row_state rows[ROWS_MAX];
    size_t done;
    size_t rolled_back;
};

static unsigned parts_of_row(const struct game *game, size_t row)
{
    const unsigned char *parts = tile_parts[game->tiles[row]];
    return 1u << parts[0] | 1u << parts[1];
}

static unsigned parts_of_work(const struct game *game, const struct heddle_schedule_work *work)
{
    unsigned parts = 0;
    for (size_t i = 0; i < work->count; i++) {
        parts |= parts_of_row(game, work->rows[i].row);
    }
    return parts;
}

/* The claims: no part twice in flight; no row twice; nobody overtakes within a tile. */
static void check_pick(struct play *play, const struct heddle_schedule_work *work)
{
    const unsigned parts = parts_of_work(play->game, work);
    unsigned said = 0;
    assert_true(work->count > 0 && work->count <= play->game->rows_a_transaction);
    for (size_t i = 0; i < play->flying_count; i++) {
        assert_int_equal(parts & parts_of_work(play->game, play->flying[i]), 0);
    }
    for (size_t i = 0; i < work->part_count; i++) {
        said |= 1u << work->parts[i];
    }
    assert_int_equal(said, parts);
    for (size_t i = 0; i < work->count; i++) {
        const uint32_t row = work->rows[i].row;
        assert_int_equal(play->rows[row], ROW_WAITS);
        for (uint32_t earlier = 0; earlier < row; earlier++) {
            assert_true(play->game->tiles[earlier] != play->game->tiles[row] ||
                        play->rows[earlier] != ROW_WAITS);
        }
        play->rows[row] = ROW_FLIES;
    }
}

static void end_work(struct play *play, size_t which, bool rolls_back)
{
    struct heddle_schedule_work *work = play->flying[which];
    for (size_t i = 0; i < work->count; i++) {
        play->rows[work->rows[i].row] = rolls_back ? ROW_WAITS : ROW_DONE;
    }
    if (rolls_back) {
        play->rolled_back++;
        assert_int_equal(heddle_scheduler_give_back(play->scheduler, work, NULL), HEDDLE_OK);
    } else {
        play->done += work->count;
        heddle_scheduler_done(play->scheduler, work);
    }
    play->flying[which] = play->flying[--play->flying_count];
}

static unsigned choose(struct odometer *odometer, size_t step, unsigned options)
{
    assert_true(step < STEPS_MAX);
    if (step == odometer->length) {
        odometer->choice[step] = 0;
        odometer->length++;
    }
    odometer->options[step] = (unsigned char)options;
    return odometer->choice[step];
}

/* Plays one path to its end, or to a pick that finds nothing: not picking is another path. */
static void play_path(struct play *play, struct odometer *odometer, struct totals *totals)
{
    for (size_t step = 0; play->done < play->game->rows; step++) {
        const bool may_roll_back = play->rolled_back < play->game->rollbacks;
        const unsigned ends = (unsigned)play->flying_count * (may_roll_back ? 2 : 1);
        const bool may_pick =
            play->flying_count < play->game->writers && heddle_scheduler_pending_rows(play->scheduler) > 0;
        const unsigned picked = choose(odometer, step, ends + (may_pick ? 1 : 0));
        if (picked < ends) {
            end_work(play, picked % play->flying_count, picked >= play->flying_count);
            continue;
        }
        struct heddle_schedule_work *work = NULL;
        const int status = heddle_scheduler_pick(play->scheduler, 1, &work, NULL);
        if (status == HEDDLE_END) {
            assert_true(play->flying_count >
                        0); /* rows wait for nothing but parts: nobody starves, nothing is stuck */
            return;
        }
        assert_int_equal(status, HEDDLE_OK);
        check_pick(play, work);
        play->flying[play->flying_count++] = work;
        totals->most_flying =
            play->flying_count > totals->most_flying ? play->flying_count : totals->most_flying;
    }
    assert_int_equal(heddle_scheduler_pending_rows(play->scheduler), 0);
    for (size_t i = 0; i < play->game->rows; i++) {
        assert_int_equal(play->rows[i], ROW_DONE);
    }
    totals->paths++;
    totals->rolled_back += play->rolled_back;
}

/* Turns to the next path; false after the last. */
static bool advance(struct odometer *odometer)
{
    while (odometer->length > 0) {
        const size_t last = odometer->length - 1;
        if (++odometer->choice[last] < odometer->options[last]) {
            return true;
        }
        odometer->length--;
    }
    return false;
}

static void play_all(const struct game *game, struct totals *totals)
{
    struct odometer odometer = {.length = 0};
    do {
        struct play play = {.game = game};
        const struct heddle_schedule_options options = {
            .spaces = 1, .parts = PARTS, .writers = game->writers};
        size_t stream = 0;
        assert_int_equal(heddle_scheduler_create(&options, &play.scheduler, NULL), HEDDLE_OK);
        assert_int_equal(
            heddle_scheduler_add_stream(play.scheduler, game->rows_a_transaction, 1000, &stream, NULL),
            HEDDLE_OK);
        for (size_t i = 0; i < game->rows; i++) {
            const struct heddle_schedule_row row = {.row = (uint32_t)i, .bytes = 1};
            const unsigned char *parts = tile_parts[game->tiles[i]];
            assert_int_equal(
                heddle_scheduler_add_row(play.scheduler, 0, 0, parts[i % 2], 0, parts[1 - i % 2], row, NULL),
                HEDDLE_OK);
        }
        play_path(&play, &odometer, totals);
        while (play.flying_count > 0) {
            heddle_scheduler_done(play.scheduler, play.flying[--play.flying_count]);
        }
        heddle_scheduler_destroy(play.scheduler);
    } while (advance(&odometer));
}

static unsigned char tile_of(unsigned a, unsigned b)
{
    for (unsigned char i = 0; i < TILES; i++) {
        if ((tile_parts[i][0] == a && tile_parts[i][1] == b) ||
            (tile_parts[i][0] == b && tile_parts[i][1] == a)) {
            return i;
        }
    }
    return TILES;
}

/* No renaming of the parts makes the sorted list of tiles smaller: one load of each kind. */
static bool is_first_of_its_kind(const struct game *game)
{
    for (unsigned code = 0; code < 256; code++) {
        const unsigned names[PARTS] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        if ((1u << names[0] | 1u << names[1] | 1u << names[2] | 1u << names[3]) != 15) {
            continue;
        }
        unsigned char counts[2][TILES] = {{0}};
        for (size_t i = 0; i < game->rows; i++) {
            const unsigned char *parts = tile_parts[game->tiles[i]];
            counts[0][game->tiles[i]]++;
            counts[1][tile_of(names[parts[0]], names[parts[1]])]++;
        }
        if (memcmp(counts[1], counts[0], TILES) > 0) {
            return false;
        }
    }
    return true;
}

/* Plays every load of game->rows rows, one of each kind; answers their number. */
static size_t play_loads(struct game *game, struct totals *totals)
{
    size_t loads = 0;
    memset(game->tiles, 0, sizeof game->tiles);
    for (;;) {
        if (is_first_of_its_kind(game)) {
            loads++;
            play_all(game, totals);
        }
        size_t at = game->rows;
        while (at > 0 && game->tiles[at - 1] == TILES - 1) {
            at--;
        }
        if (at == 0) {
            return loads;
        }
        const unsigned char next = (unsigned char)(game->tiles[at - 1] + 1);
        memset(game->tiles + at - 1, next, game->rows - at + 1);
    }
}

static void six_rows_over_four_parts_by_three_writers(void **state)
{
    (void)state;
    struct totals totals = {0};
    struct game game = {.rows = 6, .writers = 3, .rows_a_transaction = 1};
    assert_true(play_loads(&game, &totals) > 200);
    assert_true(totals.paths > 10000);
    assert_int_equal(totals.most_flying, 3);
    print_message("%zu paths\n", totals.paths);
}

static void transactions_of_several_rows_and_fewer_writers(void **state)
{
    (void)state;
    for (size_t writers = 1; writers <= 3; writers++) {
        for (size_t rows = 2; rows <= 3; rows++) {
            struct totals totals = {0};
            struct game game = {.rows = 6, .writers = writers, .rows_a_transaction = rows};
            assert_true(play_loads(&game, &totals) > 200);
            assert_int_equal(totals.most_flying, writers);
        }
    }
}

static void rolled_back_work_is_done_again_in_order(void **state)
{
    (void)state;
    struct totals totals = {0};
    struct game game = {.rows = 4, .writers = 3, .rows_a_transaction = 1, .rollbacks = 2};
    assert_true(play_loads(&game, &totals) > 30);
    assert_true(totals.rolled_back > totals.paths);
    game = (struct game){.rows = 5, .writers = 2, .rows_a_transaction = 2, .rollbacks = 2};
    assert_true(play_loads(&game, &totals) > 50);
    print_message("%zu paths, %zu rollbacks\n", totals.paths, totals.rolled_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_rows_over_four_parts_by_three_writers),
        cmocka_unit_test(transactions_of_several_rows_and_fewer_writers),
        cmocka_unit_test(rolled_back_work_is_done_again_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
