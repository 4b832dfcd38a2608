/* test_replay.c: long simulated loads with failures, replayed from their logs with exact ids.
 *
 * The log notes of each attempt when it ran and which nodes its rows touch; the replay knows nothing of parts. Two
 * attempts that ran at the same time must not share a node, every row must be committed once, and writes to one pair of
 * nodes must be committed in the order in which they came. The negative control routes each row by a random key of its
 * own, and the same replay must catch it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/simulate.h"
#include "schedule/table.h"

enum { ROWS = 20000, NODES = 3000, ENDS_MAX = 4, ROWS_A_TRANSACTION = 40 };

/* Kinds of load; MIXED has rows of 1 to 4 nodes in three streams. */
enum shape { BIPARTITE, MONOPARTITE, COMPONENTS, MIXED };

struct row {
    uint32_t nodes[ENDS_MAX]; /* exact ids, over all spaces */
    uint32_t node_count;
    uint32_t stream;
};

/* The log, as marks on a time line kept per node: who holds it until when. */
struct log {
    const struct row *rows;
    double *held_until; /* a node: end of the last attempt that held it */
    double *held_since;
    unsigned char *committed;
    uint32_t *last; /* a pair (hashed): the last row of it that was committed, + 1 */
    size_t meetings;
    size_t overtakings;
    size_t attempts;
    size_t rolled_back;
};

static void make_rows(struct row *rows, enum shape shape, uint64_t seed)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &rows[i];
        *row = (struct row){.node_count =
                                shape == MIXED ? 1 + (uint32_t)heddle_random_below(&seed, ENDS_MAX) : 2};
        row->stream = shape == MIXED ? (row->node_count - 1) % 3 : 0;
        for (size_t j = 0; j < row->node_count; j++) {
            const uint64_t bound = heddle_random_below(&seed, NODES) + 1;
            row->nodes[j] = (uint32_t)heddle_random_below(&seed, bound);
            if (shape == BIPARTITE) {
                row->nodes[j] =
                    row->nodes[j] / 2 * 2 + (uint32_t)j; /* even ids on one side, odd ones on the other */
            } else if (shape == COMPONENTS) {
                row->nodes[j] = row->nodes[0] / 50 * 50 + row->nodes[j] % 50; /* 50 nodes a component */
            }
        }
    }
}

static size_t pair_of(const struct row *row)
{
    uint64_t hash = row->node_count;
    for (size_t i = 0; i < row->node_count; i++) {
        hash = heddle_hash_mix(hash ^ row->nodes[i]);
    }
    return (size_t)(hash % ROWS);
}

/* Attempts come in the order of their ends, so whoever shares a node with this one and started before its end but ended
 * after its start is seen by the later of the two. */
static void note_step(void *context, const struct heddle_simulate_step *step)
{
    struct log *log = context;
    const struct heddle_schedule_work *work = step->work;
    log->attempts++;
    log->rolled_back += step->rolled_back ? 1 : 0;
    for (size_t i = 0; i < work->count; i++) {
        const struct row *row = &log->rows[work->rows[i].row];
        for (size_t j = 0; j < row->node_count; j++) {
            const uint32_t node = row->nodes[j];
            const bool ours =
                log->held_until[node] == step->end_us && log->held_since[node] == step->start_us;
            log->meetings += !ours && log->held_until[node] > step->start_us ? 1 : 0;
        }
    }
    for (size_t i = 0; i < work->count; i++) {
        const uint32_t index = work->rows[i].row;
        const struct row *row = &log->rows[index];
        for (size_t j = 0; j < row->node_count; j++) {
            log->held_until[row->nodes[j]] = step->end_us;
            log->held_since[row->nodes[j]] = step->start_us;
        }
        if (!step->rolled_back) {
            const size_t pair = pair_of(row);
            assert_int_equal(row->stream, work->stream);
            assert_int_equal(log->committed[index]++, 0);
            log->overtakings += log->last[pair] > index + 1 && memcmp(log->rows[log->last[pair] - 1].nodes,
                                                                      row->nodes, sizeof row->nodes) == 0
                                    ? 1
                                    : 0;
            log->last[pair] = index + 1;
        }
    }
}

static struct log new_log(const struct row *rows)
{
    struct log log = {
        .rows = rows,
        .held_until = calloc(NODES + 2, sizeof *log.held_until),
        .held_since = calloc(NODES + 2, sizeof *log.held_since),
        .committed = calloc(ROWS, sizeof *log.committed),
        .last = calloc(ROWS, sizeof *log.last),
    };
    assert_true(log.held_until != NULL && log.held_since != NULL && log.committed != NULL &&
                log.last != NULL);
    return log;
}

static void free_log(struct log *log)
{
    free(log->held_until);
    free(log->held_since);
    free(log->committed);
    free(log->last);
}

/* Pages kept in memory, as a disk would; counts what is still held. */
struct shelf {
    void **pages;
    size_t count;
    size_t capacity;
    size_t held;
    size_t fail_at; /* the n-th call from now fails; 0 = never */
};

static bool shelf_fails(struct shelf *shelf)
{
    return shelf->fail_at > 0 && --shelf->fail_at == 0;
}

static int shelf_write(void *context, const void *bytes, size_t length, uint64_t *handle_out,
                       struct heddle_error *error)
{
    struct shelf *shelf = context;
    if (shelf_fails(shelf)) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the shelf is full");
    }
    if (shelf->count == shelf->capacity) {
        shelf->capacity = 2 * shelf->capacity + 16; /* not by heddle_grow, which the test makes fail */
        shelf->pages = realloc(shelf->pages, shelf->capacity * sizeof(void *));
        assert_non_null(shelf->pages);
    }
    shelf->pages[shelf->count] = malloc(length);
    assert_non_null(shelf->pages[shelf->count]);
    memcpy(shelf->pages[shelf->count], bytes, length);
    *handle_out = shelf->count++;
    shelf->held++;
    return HEDDLE_OK;
}

static int shelf_read(void *context, uint64_t handle, void *bytes, size_t length, struct heddle_error *error)
{
    struct shelf *shelf = context;
    if (shelf_fails(shelf)) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the shelf cannot be read");
    }
    assert_true(handle < shelf->count && shelf->pages[handle] != NULL);
    memcpy(bytes, shelf->pages[handle], length);
    return HEDDLE_OK;
}

static void shelf_release(void *context, uint64_t handle, size_t length)
{
    struct shelf *shelf = context;
    (void)length;
    assert_non_null(shelf->pages[handle]);
    free(shelf->pages[handle]);
    shelf->pages[handle] = NULL;
    shelf->held--;
}

static void free_shelf(struct shelf *shelf)
{
    assert_int_equal(shelf->held, 0); /* every page was given back */
    free(shelf->pages);
}

/* Where rows claim their parts: `random` != 0 is the negative control. */
struct routing {
    const struct row *rows;
    enum shape shape;
    struct heddle_table table;
    uint64_t random;
};

static void claim_row(struct routing *routing, uint32_t index, struct heddle_claim *claim)
{
    const struct row *row = &routing->rows[index];
    for (size_t i = 0; i < row->node_count; i++) {
        uint64_t key = routing->shape == COMPONENTS ? row->nodes[0] / 50 : row->nodes[i];
        if (routing->random != 0) {
            key = heddle_random_next(&routing->random);
        }
        assert_true(heddle_table_claim(&routing->table, heddle_hash_mix(key), claim));
    }
}

static int route(void *context, size_t stream, const struct heddle_schedule_row *row,
                 struct heddle_claim *claim, struct heddle_error *error)
{
    struct routing *routing = context;
    (void)error;
    assert_int_equal(routing->rows[row->row].stream, stream);
    claim_row(routing, row->row, claim);
    return HEDDLE_OK;
}

static struct heddle_scheduler *new_scheduler(size_t parts, size_t writers, struct shelf *shelf)
{
    struct heddle_scheduler *scheduler = NULL;
    struct heddle_schedule_options options = {.spaces = 1, .parts = parts, .writers = writers};
    if (shelf != NULL) {
        options.spill = (struct heddle_schedule_spill){16384, shelf, shelf_write, shelf_read, shelf_release};
    }
    assert_int_equal(heddle_scheduler_create(&options, &scheduler, NULL), HEDDLE_OK);
    for (size_t i = 0; i < 3; i++) {
        size_t stream = 0;
        assert_int_equal(heddle_scheduler_add_stream(scheduler, ROWS_A_TRANSACTION, 1 << 20, &stream, NULL),
                         HEDDLE_OK);
    }
    return scheduler;
}

static void add_rows(struct heddle_scheduler *scheduler, struct routing *routing, size_t first, size_t beyond)
{
    for (size_t i = first; i < beyond; i++) {
        const struct heddle_schedule_row row = {.row = (uint32_t)i, .bytes = 10};
        struct heddle_claim claim = {0};
        claim_row(routing, row.row, &claim);
        assert_int_equal(heddle_scheduler_add_claim(scheduler, routing->rows[i].stream, &claim, row, NULL),
                         HEDDLE_OK);
    }
}

static struct heddle_parts *even_parts(size_t count)
{
    struct heddle_parts *parts = NULL;
    assert_int_equal(heddle_parts_create(NULL, count, &parts, NULL), HEDDLE_OK);
    return parts;
}

static void check_log(const struct log *log, const struct heddle_simulation *simulation)
{
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(log->committed[i], 1);
    }
    assert_int_equal(simulation->rows, ROWS);
    assert_int_equal(log->attempts, simulation->transactions + simulation->retries);
    assert_int_equal(log->rolled_back, simulation->retries);
}

/* One load; answers how often attempts met. */
static size_t run_load(enum shape shape, size_t writers, uint64_t seed, bool keeps, bool lies, bool spills)
{
    struct row *rows = calloc(ROWS, sizeof *rows);
    assert_non_null(rows);
    make_rows(rows, shape, seed);
    struct log log = new_log(rows);
    struct shelf shelf = {0};
    const size_t part_count = spills ? 6 : 8 * writers; /* few tiles fill pages */
    struct heddle_parts *parts = even_parts(part_count);
    struct routing routing = {
        .rows = rows, .shape = shape, .table = {.now = parts}, .random = lies ? seed + 1 : 0};
    struct heddle_scheduler *scheduler = new_scheduler(part_count, writers, spills ? &shelf : NULL);
    add_rows(scheduler, &routing, 0, ROWS);
    /* Tiles of many shapes never fill a page: theirs all stay open. */
    assert_true(!spills || shape == MIXED ||
                (heddle_scheduler_spilled(scheduler) > 0 &&
                 heddle_scheduler_memory(scheduler) < (uint64_t)ROWS * 16));
    const struct heddle_simulate_options options = {
        .writers = writers,
        .rows_max = ROWS_A_TRANSACTION,
        .row_us = 30,
        .transaction_us = 100,
        .jitter = 0.5,
        .retry_share = 0.1,
        .retry_keeps_parts = keeps,
        .seed = seed,
    };
    const struct heddle_simulate_watch watch = {.context = &log, .step = note_step};
    struct heddle_simulation simulation;
    assert_int_equal(heddle_simulate(scheduler, &options, &watch, &simulation, NULL), HEDDLE_OK);
    check_log(&log, &simulation);
    assert_true(simulation.retries > 10);
    assert_true(simulation.efficiency > 0 && simulation.efficiency <= 1);
    assert_true(lies || log.overtakings == 0);
    const size_t meetings = log.meetings;
    heddle_scheduler_destroy(scheduler);
    heddle_parts_destroy(parts);
    free_shelf(&shelf);
    free_log(&log);
    free(rows);
    return meetings;
}

static void attempts_that_run_together_share_no_node(void **state)
{
    (void)state;
    for (int shape = BIPARTITE; shape <= MIXED; shape++) {
        assert_int_equal(run_load((enum shape)shape, 4, 10 + (uint64_t)shape, false, false, false), 0);
        assert_int_equal(run_load((enum shape)shape, 7, 20 + (uint64_t)shape, true, false, true), 0);
    }
}

static void keys_that_are_randomised_are_caught(void **state)
{
    (void)state;
    for (int shape = BIPARTITE; shape <= MIXED; shape++) {
        assert_true(run_load((enum shape)shape, 4, 30, false, true, false) > 100);
    }
}

/* A load whose part table changes half-way, with work in flight, and what was in flight given back or committed. */
struct stream_run {
    struct heddle_scheduler *scheduler;
    const struct row *rows;
    struct heddle_schedule_work *flying[8];
    size_t count;
    unsigned char node_held[NODES + 2];
    unsigned char committed[ROWS];
    uint32_t last[ROWS];
    uint64_t random;
};

static void hold_nodes(struct stream_run *run, const struct heddle_schedule_work *work, bool hold)
{
    for (int pass = hold ? 0 : 1; pass < 2;
         pass++) { /* first look, then mark: rows of one work may share nodes */
        for (size_t i = 0; i < work->count; i++) {
            const struct row *row = &run->rows[work->rows[i].row];
            for (size_t j = 0; j < row->node_count; j++) {
                assert_true(pass > 0 || run->node_held[row->nodes[j]] == 0);
                run->node_held[row->nodes[j]] = hold ? 1 : 0;
                if (pass == 0) {
                    run->node_held[row->nodes[j]] = 0;
                }
            }
        }
    }
}

static bool fly(struct stream_run *run)
{
    struct heddle_schedule_work *work = NULL;
    const int status = heddle_scheduler_pick(run->scheduler, 1, &work, NULL);
    if (status != HEDDLE_OK) {
        assert_int_equal(status, HEDDLE_END);
        return false;
    }
    hold_nodes(run, work, true);
    run->flying[run->count++] = work;
    return true;
}

static void land(struct stream_run *run)
{
    const size_t which = (size_t)heddle_random_below(&run->random, run->count);
    struct heddle_schedule_work *work = run->flying[which];
    hold_nodes(run, work, false);
    run->flying[which] = run->flying[--run->count];
    if (heddle_random_below(&run->random, 4) == 0) {
        assert_int_equal(heddle_scheduler_give_back(run->scheduler, work, NULL), HEDDLE_OK);
        return;
    }
    for (size_t i = 0; i < work->count; i++) {
        const uint32_t index = work->rows[i].row;
        const size_t pair = pair_of(&run->rows[index]);
        assert_int_equal(run->committed[index]++, 0);
        assert_false(run->last[pair] > index + 1 &&
                     memcmp(run->rows[run->last[pair] - 1].nodes, run->rows[index].nodes,
                            sizeof run->rows[index].nodes) == 0);
        run->last[pair] = index + 1;
    }
    heddle_scheduler_done(run->scheduler, work);
}

static void windows_with_new_tables_flow_into_each_other(void **state)
{
    (void)state;
    enum { WINDOWS = 8, PARTS = 24, WRITERS = 5 };
    struct row *rows = calloc(ROWS, sizeof *rows);
    struct stream_run *run = calloc(1, sizeof *run);
    assert_true(rows != NULL && run != NULL);
    make_rows(rows, MIXED, 99);
    struct heddle_parts *tables[WINDOWS];
    struct routing routing = {.rows = rows, .shape = MIXED};
    run->rows = rows;
    run->random = 5;
    run->scheduler = new_scheduler(PARTS, WRITERS, NULL);
    size_t changed_under_way = 0;
    for (size_t i = 0; i < WINDOWS; i++) {
        tables[i] = even_parts(PARTS - i); /* every other number of parts moves nearly every key */
        routing.table.before = i == 0 ? NULL : tables[i - 1];
        routing.table.now = tables[i];
        assert_int_equal(heddle_scheduler_reroute(run->scheduler, route, &routing, NULL), HEDDLE_OK);
        changed_under_way += heddle_scheduler_before(run->scheduler) > 0 ? 1 : 0;
        const size_t first = i * (ROWS / WINDOWS);
        add_rows(run->scheduler, &routing, first, first + ROWS / WINDOWS / 2);
        while (heddle_scheduler_before(run->scheduler) > 0) {
            if (!fly(run) || heddle_random_below(&run->random, 2) == 0) {
                land(run);
            }
        }
        routing.table.before = NULL;
        assert_int_equal(heddle_scheduler_reroute(run->scheduler, route, &routing, NULL), HEDDLE_OK);
        add_rows(run->scheduler, &routing, first + ROWS / WINDOWS / 2, first + ROWS / WINDOWS);
        for (int step = 0; step < 20; step++) {
            if ((run->count == WRITERS || !fly(run)) && run->count > 0) {
                land(run);
            }
        }
    }
    while (run->count > 0 || heddle_scheduler_pending_rows(run->scheduler) > 0) {
        if (run->count == WRITERS || !fly(run)) {
            assert_true(run->count > 0);
            land(run);
        }
    }
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(run->committed[i], 1);
    }
    assert_true(changed_under_way >= WINDOWS - 1);
    heddle_scheduler_destroy(run->scheduler);
    for (size_t i = 0; i < WINDOWS; i++) {
        heddle_parts_destroy(tables[i]);
    }
    free(run);
    free(rows);
}

static void a_light_tile_is_not_passed_over_for_ever(void **state)
{
    (void)state;
    /* With patience the one row (1, 2) goes although heavy tiles on both its parts are always full; without, never. */
    for (int patient = 0; patient < 2; patient++) {
        struct heddle_scheduler *scheduler = NULL;
        const struct heddle_schedule_options options = {
            .spaces = 1, .parts = 4, .writers = 2, .patience = patient == 0 ? 0 : UINT64_MAX};
        size_t stream = 0;
        struct heddle_schedule_work *flying[2] = {NULL, NULL};
        bool went = false;
        assert_int_equal(heddle_scheduler_create(&options, &scheduler, NULL), HEDDLE_OK);
        assert_int_equal(heddle_scheduler_add_stream(scheduler, 5, 1000, &stream, NULL), HEDDLE_OK);
        const struct heddle_schedule_row light = {.row = 1, .bytes = 1};
        assert_int_equal(heddle_scheduler_add_row(scheduler, 0, 0, 1, 0, 2, light, NULL), HEDDLE_OK);
        for (size_t i = 0; i < 2000 && !went; i++) {
            const struct heddle_schedule_row heavy = {.row = 0, .bytes = 1};
            for (int j = 0; j < 10; j++) {
                assert_int_equal(heddle_scheduler_add_row(scheduler, 0, 0, 0, 0, 1, heavy, NULL), HEDDLE_OK);
                assert_int_equal(heddle_scheduler_add_row(scheduler, 0, 0, 2, 0, 3, heavy, NULL), HEDDLE_OK);
            }
            if (flying[i % 2] != NULL) {
                heddle_scheduler_done(scheduler, flying[i % 2]);
                flying[i % 2] = NULL;
            }
            if (heddle_scheduler_pick(scheduler, 1, &flying[i % 2], NULL) == HEDDLE_OK) {
                for (size_t j = 0; j < flying[i % 2]->count; j++) {
                    went = went || flying[i % 2]->rows[j].row == 1;
                }
            }
        }
        assert_int_equal(went, patient == 0);
        for (size_t i = 0; i < 2; i++) {
            if (flying[i] != NULL) {
                heddle_scheduler_done(scheduler, flying[i]);
            }
        }
        heddle_scheduler_destroy(scheduler);
    }
}

enum { SMALL_ROWS = 2000 };

/* Everything that allocates or spills, on a small load; answers the first status that is not OK. */
static int small_load(struct shelf *shelf, const struct row *rows, size_t *left)
{
    struct heddle_scheduler *scheduler = NULL;
    struct heddle_parts *parts = even_parts(6);
    struct routing routing = {.rows = rows, .shape = MIXED, .table = {.now = parts}};
    const struct heddle_schedule_options options = {
        .spaces = 1, .parts = 6, .writers = 2, .spill = {512, shelf, shelf_write, shelf_read, shelf_release}};
    size_t stream = 0;
    size_t added = 0;
    *left = 0;
    int status = heddle_scheduler_create(&options, &scheduler, NULL);
    for (int i = 0; i < 3 && status == HEDDLE_OK; i++) {
        status = heddle_scheduler_add_stream(scheduler, 100, 1 << 20, &stream, NULL);
    }
    for (size_t i = 0; i < SMALL_ROWS && status == HEDDLE_OK; i++) {
        const struct heddle_schedule_row row = {.row = (uint32_t)(i % 4), .bytes = 10};
        struct heddle_claim claim = {0};
        claim_row(&routing, row.row, &claim);
        status = heddle_scheduler_add_claim(scheduler, rows[row.row].stream, &claim, row, NULL);
        added += status == HEDDLE_OK ? 1 : 0;
    }
    if (status == HEDDLE_OK) {
        status = heddle_scheduler_reroute(scheduler, route, &routing, NULL);
        assert_int_equal(heddle_scheduler_pending_rows(scheduler), added);
        assert_true(status != HEDDLE_OK || heddle_scheduler_spilled(scheduler) > 0);
    }
    while (status == HEDDLE_OK && heddle_scheduler_pending_rows(scheduler) > 0) {
        struct heddle_schedule_work *work = NULL;
        const size_t before = heddle_scheduler_pending_rows(scheduler);
        status = heddle_scheduler_pick(scheduler, 1, &work, NULL);
        if (status != HEDDLE_OK) {
            assert_int_equal(heddle_scheduler_pending_rows(scheduler), before);
            break;
        }
        if (*left == 0 && work->count > 50) {
            const size_t count = work->count;
            *left += 1; /* once */
            status = heddle_scheduler_give_back(scheduler, work, NULL);
            if (status != HEDDLE_OK) {
                heddle_scheduler_done(scheduler, work); /* still ours: nothing had changed */
                assert_int_equal(heddle_scheduler_pending_rows(scheduler), before - count);
            }
            continue;
        }
        *left += work->count;
        heddle_scheduler_done(scheduler, work);
    }
    heddle_scheduler_destroy(scheduler);
    heddle_parts_destroy(parts);
    return status;
}

static void failing_memory_and_disks_lose_nothing(void **state)
{
    (void)state;
    struct row *rows = calloc(ROWS, sizeof *rows);
    assert_non_null(rows);
    make_rows(rows, MIXED, 3);
    size_t left = 0;
    for (int disk = 0; disk < 2; disk++) {
        int status = HEDDLE_INTERNAL;
        size_t at = 0;
        for (; status != HEDDLE_OK; at++) {
            struct shelf shelf = {.fail_at = disk == 1 ? at + 1 : 0};
            heddle_memory_fail_at(disk == 0 ? (int64_t)at + 9 : -1); /* the first nine make the parts */
            status = small_load(&shelf, rows, &left);
            heddle_memory_fail_at(-1);
            assert_true(status == HEDDLE_OK ||
                        status == (disk == 0 ? HEDDLE_OUT_OF_MEMORY : HEDDLE_INTERNAL));
            free_shelf(&shelf);
        }
        assert_true(at > 4);
        assert_int_equal(left, SMALL_ROWS + 1);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_that_run_together_share_no_node),
        cmocka_unit_test(keys_that_are_randomised_are_caught),
        cmocka_unit_test(windows_with_new_tables_flow_into_each_other),
        cmocka_unit_test(a_light_tile_is_not_passed_over_for_ever),
        cmocka_unit_test(failing_memory_and_disks_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
