/* test_add_rows.c: many rows added at once lie and leave exactly as rows added one after the other, the plain way.
 *
 * Two schedulers get the same rows, one of them by heddle_scheduler_add_rows in lots of every size, the other by
 * heddle_scheduler_add_row; then both are picked from in step. All that can be seen of them must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/scheduler.h"

enum { ROWS = 6000, LOT_MAX = 400, FLYING_MAX = 3, STREAM_ROWS = 70 };

/* Pages beyond the budget, kept in memory; the `fail_at`-th write from now fails. */
struct spill {
    unsigned char bytes[2 * ROWS * sizeof(struct heddle_schedule_row)];
    size_t length;
    int fail_at; /* -1 = never */
    size_t writes;
};

static int spill_write(void *context, const void *bytes, size_t length, uint64_t *handle_out,
                       struct heddle_error *error)
{
    struct spill *spill = context;
    if (spill->fail_at >= 0 && spill->fail_at-- == 0) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the disk is full");
    }
    assert_true(spill->length + length <= sizeof spill->bytes);
    memcpy(spill->bytes + spill->length, bytes, length);
    *handle_out = spill->length;
    spill->length += length;
    spill->writes++;
    return HEDDLE_OK;
}

static int spill_read(void *context, uint64_t handle, void *bytes, size_t length, struct heddle_error *error)
{
    const struct spill *spill = context;
    (void)error;
    assert_true(handle + length <= spill->length);
    memcpy(bytes, spill->bytes + handle, length);
    return HEDDLE_OK;
}

static void spill_release(void *context, uint64_t handle, size_t length)
{
    (void)context;
    (void)handle;
    (void)length;
}

/* Rows and what they touch. */
struct shape {
    size_t spaces;
    size_t parts;
    uint64_t budget; /* of rows in memory; UINT64_MAX = no spill */
    bool has_a;
    bool has_b;
    bool gaps; /* some rows touch nothing at one end */
};

struct load {
    struct shape shape;
    uint32_t a[ROWS];
    uint32_t b[ROWS];
    struct heddle_schedule_row rows[ROWS];
};

static struct load *make_load(const struct shape *shape, uint64_t seed)
{
    struct load *load = calloc(1, sizeof *load);
    assert_non_null(load);
    load->shape = *shape;
    for (size_t i = 0; i < ROWS; i++) {
        const uint64_t bound = heddle_random_below(&seed, shape->parts) + 1; /* skewed towards low parts */
        load->a[i] = (uint32_t)heddle_random_below(&seed, bound);
        load->b[i] = (uint32_t)heddle_random_below(&seed, shape->parts);
        if (shape->gaps && heddle_random_below(&seed, 10) == 0) {
            *(heddle_random_below(&seed, 2) == 0 ? &load->a[i] : &load->b[i]) = HEDDLE_SCHEDULE_NO_PART;
        }
        load->rows[i] = (struct heddle_schedule_row){
            .batch = load, .row = (uint32_t)i, .bytes = (uint32_t)heddle_random_below(&seed, 100)};
    }
    return load;
}

struct side {
    struct heddle_scheduler *scheduler;
    struct spill spill;
    struct heddle_schedule_work *flying[FLYING_MAX];
    size_t stream;
};

static void side_open(struct side *side, const struct shape *shape)
{
    *side = (struct side){.spill = {.fail_at = -1}};
    struct heddle_schedule_options options = {
        .spaces = shape->spaces, .parts = shape->parts, .writers = FLYING_MAX};
    if (shape->budget != UINT64_MAX) {
        options.spill = (struct heddle_schedule_spill){shape->budget, &side->spill, spill_write, spill_read,
                                                       spill_release};
    }
    assert_int_equal(heddle_scheduler_create(&options, &side->scheduler, NULL), HEDDLE_OK);
    assert_int_equal(heddle_scheduler_add_stream(side->scheduler, STREAM_ROWS, 4000, &side->stream, NULL),
                     HEDDLE_OK);
}

static void side_close(struct side *side)
{
    for (size_t i = 0; i < FLYING_MAX; i++) {
        if (side->flying[i] != NULL) {
            heddle_scheduler_done(side->scheduler, side->flying[i]);
        }
    }
    heddle_scheduler_destroy(side->scheduler);
}

static int add_plainly(struct side *side, const struct load *load, size_t at)
{
    const struct shape *shape = &load->shape;
    return heddle_scheduler_add_row(
        side->scheduler, side->stream, 0, shape->has_a ? load->a[at] : HEDDLE_SCHEDULE_NO_PART,
        shape->spaces - 1, shape->has_b ? load->b[at] : HEDDLE_SCHEDULE_NO_PART, load->rows[at], NULL);
}

static int add_at_once(struct side *side, const struct load *load, size_t first, size_t count, size_t *added)
{
    const struct shape *shape = &load->shape;
    return heddle_scheduler_add_rows(side->scheduler, side->stream, 0, shape->has_a ? load->a + first : NULL,
                                     shape->spaces - 1, shape->has_b ? load->b + first : NULL,
                                     load->rows + first, count, added, NULL);
}

static void assert_same_state(const struct side *one, const struct side *other)
{
    assert_int_equal(heddle_scheduler_pending_rows(one->scheduler),
                     heddle_scheduler_pending_rows(other->scheduler));
    assert_int_equal(heddle_scheduler_pending_bytes(one->scheduler),
                     heddle_scheduler_pending_bytes(other->scheduler));
    assert_int_equal(heddle_scheduler_load_max(one->scheduler), heddle_scheduler_load_max(other->scheduler));
    assert_int_equal(heddle_scheduler_memory(one->scheduler), heddle_scheduler_memory(other->scheduler));
    assert_int_equal(heddle_scheduler_spilled(one->scheduler), heddle_scheduler_spilled(other->scheduler));
}

static void assert_same_work(const struct heddle_schedule_work *one, const struct heddle_schedule_work *other)
{
    assert_int_equal(one->id, other->id);
    assert_int_equal(one->count, other->count);
    assert_int_equal(one->bytes, other->bytes);
    assert_int_equal(one->part_count, other->part_count);
    assert_memory_equal(one->rows, other->rows, one->count * sizeof *one->rows);
    if (one->part_count > 0) { /* memcmp takes no NULL */
        assert_memory_equal(one->parts, other->parts, one->part_count * sizeof *one->parts);
    }
}

/* One pick or one end on both sides; answers the rows that left. */
static size_t step(struct side *one, struct side *other, uint64_t *random)
{
    const size_t at = (size_t)heddle_random_below(random, FLYING_MAX);
    if (one->flying[at] != NULL) {
        heddle_scheduler_done(one->scheduler, one->flying[at]);
        heddle_scheduler_done(other->scheduler, other->flying[at]);
        one->flying[at] = NULL;
        other->flying[at] = NULL;
        return 0;
    }
    const int status = heddle_scheduler_pick(one->scheduler, 1, &one->flying[at], NULL);
    assert_int_equal(heddle_scheduler_pick(other->scheduler, 1, &other->flying[at], NULL), status);
    if (status != HEDDLE_OK) {
        assert_int_equal(status, HEDDLE_END);
        return 0;
    }
    assert_same_work(one->flying[at], other->flying[at]);
    return one->flying[at]->count;
}

static void compare(const struct shape *shape, uint64_t seed)
{
    struct load *load = make_load(shape, seed);
    struct side one;
    struct side other;
    side_open(&one, shape);
    side_open(&other, shape);
    size_t left = 0;
    for (size_t first = 0; first < ROWS;) {
        const size_t wanted = 1 + (size_t)heddle_random_below(&seed, LOT_MAX);
        const size_t count = wanted < ROWS - first ? wanted : ROWS - first;
        size_t added = 0;
        assert_int_equal(add_at_once(&one, load, first, count, &added), HEDDLE_OK);
        assert_int_equal(added, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(add_plainly(&other, load, first + i), HEDDLE_OK);
        }
        assert_same_state(&one, &other);
        first += count;
        left += step(&one, &other, &seed);
    }
    while (left < ROWS) {
        left += step(&one, &other, &seed);
        assert_same_state(&one, &other);
    }
    assert_int_equal(left, ROWS);
    assert_true(shape->budget == UINT64_MAX || one.spill.writes > 0);
    side_close(&one);
    side_close(&other);
    free(load);
}

static void rows_added_at_once_leave_as_rows_added_one_by_one(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        {1, 1, UINT64_MAX, true, true, false},    {1, 8, UINT64_MAX, true, true, false},
        {2, 5, UINT64_MAX, true, true, false},    {1, 64, UINT64_MAX, true, true, true},
        {1, 4, 1024, true, true, true},           {2, 3, 1024, true, true, false},
        {1, 16, UINT64_MAX, false, true, false},  {2, 16, UINT64_MAX, true, false, false},
        {1, 16, UINT64_MAX, false, false, false}, {1, 1024, UINT64_MAX, true, true, false},
        {2, 600, UINT64_MAX, true, true, true}, /* more parts than the table of pairs has room for */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        compare(&shapes[i], 100 + i);
    }
}

/* Parts that do not exist end the lot there, and what came before them has been taken. */
static void a_row_that_is_refused_ends_the_lot_at_its_place(void **state)
{
    (void)state;
    const struct shape shape = {1, 8, UINT64_MAX, true, true, false};
    for (size_t at = 0; at < 200; at += 7) {
        struct load *load = make_load(&shape, 7);
        struct side side;
        size_t added = SIZE_MAX;
        side_open(&side, &shape);
        *(at % 2 == 0 ? &load->a[at] : &load->b[at]) = 8;
        assert_int_equal(add_at_once(&side, load, 0, 300, &added), HEDDLE_INVALID);
        assert_int_equal(added, at);
        assert_int_equal(heddle_scheduler_pending_rows(side.scheduler), at);
        assert_int_equal(
            heddle_scheduler_add_rows(side.scheduler, 1, 0, load->a, 0, load->b, load->rows, 1, &added, NULL),
            HEDDLE_INVALID);
        assert_int_equal(
            heddle_scheduler_add_rows(side.scheduler, 0, 1, load->a, 0, load->b, load->rows, 1, &added, NULL),
            HEDDLE_INVALID);
        assert_int_equal(added, 0);
        side_close(&side);
        free(load);
    }
}

/* Adds all rows although something fails now and then: what was said to be taken was taken, once. Answers the errors. */
static size_t add_all_in_spite(struct side *side, const struct load *load, int expected)
{
    size_t first = 0;
    size_t errors = 0;
    while (first < ROWS) {
        size_t added = 0;
        const int status = add_at_once(side, load, first, ROWS - first, &added);
        first += added;
        assert_int_equal(heddle_scheduler_pending_rows(side->scheduler), first);
        if (status != HEDDLE_OK) {
            assert_int_equal(status, expected);
            errors++;
        }
    }
    return errors;
}

static void a_failing_disk_costs_no_row_and_doubles_none(void **state)
{
    (void)state;
    const struct shape shape = {1, 3, 1024, true, true, false};
    struct load *load = make_load(&shape, 3);
    size_t errors = 0;
    for (int fail_at = 0; fail_at < 12; fail_at++) {
        struct side one;
        struct side other;
        uint64_t random = 5;
        size_t left = 0;
        side_open(&one, &shape);
        side_open(&other, &shape);
        one.spill.fail_at = fail_at;
        errors += add_all_in_spite(&one, load, HEDDLE_INTERNAL);
        for (size_t i = 0; i < ROWS; i++) {
            assert_int_equal(add_plainly(&other, load, i), HEDDLE_OK);
        }
        while (left < ROWS) {
            left += step(&one, &other, &random);
        }
        side_close(&one);
        side_close(&other);
    }
    assert_int_equal(errors, 12);
    free(load);
}

static void failing_memory_costs_no_row_and_doubles_none(void **state)
{
    (void)state;
    const struct shape shape = {1, 6, 4096, true, true, true};
    struct load *load = make_load(&shape, 9);
    size_t errors = 0;
    size_t without = 0;
    for (int64_t at = 0; without == 0; at++) {
        struct side side;
        side_open(&side, &shape);
        heddle_memory_fail_at(at);
        const size_t here = add_all_in_spite(&side, load, HEDDLE_OUT_OF_MEMORY);
        heddle_memory_fail_at(-1);
        without = here == 0 ? 1 : 0;
        errors += here;
        uint64_t sum = 0;
        while (heddle_scheduler_pick(side.scheduler, 1, &side.flying[0], NULL) == HEDDLE_OK) {
            for (size_t i = 0; i < side.flying[0]->count; i++) {
                sum += side.flying[0]->rows[i].row;
            }
            heddle_scheduler_done(side.scheduler, side.flying[0]);
            side.flying[0] = NULL;
        }
        assert_int_equal(sum, (uint64_t)ROWS * (ROWS - 1) / 2);
        side_close(&side);
    }
    assert_true(errors > 50);
    free(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_added_at_once_leave_as_rows_added_one_by_one),
        cmocka_unit_test(a_row_that_is_refused_ends_the_lot_at_its_place),
        cmocka_unit_test(a_failing_disk_costs_no_row_and_doubles_none),
        cmocka_unit_test(failing_memory_costs_no_row_and_doubles_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
