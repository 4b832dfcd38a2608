/* schedule.c: how fast rows are planned, in how much memory, and how near the schedule comes to what is possible.
 *
 *     schedule [--quick] [--rows N] [--spill FILE] [--edges FILE [--bipartite]] [--only plan|simulate|windows|drive]
 *
 * Planning: rows of two whole-number keys are counted, parts are made, and rows are hashed, routed and put into tiles
 * whose pages go to a file beyond 64 MiB; then every row is picked again. Rates are rows per CPU second of one core;
 * making the rows is not counted. The same rows are then placed one after the other, the plain way, to compare with.
 *
 * Simulation: the scheduler that writes, with transactions of modelled time, against the bound max(rows / writers, rows of
 * the busiest node), and rounds with a barrier on the same tiles and on one group a writer (two where both ends are in one
 * space), as published. A transaction costs 15 % of a full one whatever its rows.
 *
 * Windows: the same while only so many rows may wait at once (as in a load, whose memory is bounded), in the order of the
 * graph and sorted by its ends: what a larger window, on disk, could bring. Drive: the planning measurement, with all its
 * rows through the pages on disk, ends in the simulation in place of a plain reading.
 *
 * Prints tables for people and then one line of JSON. Graphs come from a seed (lib/schedule_graphs.h).
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/schedule_graphs.h"
#include "schedule/layout.h"
#include "schedule/parts.h"
#include "schedule/simulate.h"

enum { CHUNK_ROWS = 2048, PLAN_WRITERS = 8, PLAN_TRANSACTION_ROWS = 5000, WRITERS_MAX = 64 };

static const uint64_t PLAN_BUDGET = UINT64_C(64) << 20;
static const uint64_t SEED = 42;
static const double ROW_US = 30;              /* a relationship on a real server */
static const double TRANSACTION_SHARE = 0.15; /* of a full transaction's rows */

struct arguments {
    bool quick;
    size_t rows;
    const char *spill;
    const char *edges;
    bool bipartite;
    const char *only;
};

/* Pages are gathered so that the disk is asked for a quarter of a MiB at once. */
enum { SPILL_GATHERED = 1 << 18 };

/* A file that pages are appended to. What lies beyond `written` is still in `gathered`. */
struct spill_file {
    int file;
    uint64_t written;
    uint64_t end;
    uint64_t cpu_ns; /* in writing */
    unsigned char gathered[SPILL_GATHERED];
};

static int spill_write(void *context, const void *bytes, size_t length, uint64_t *handle_out,
                       struct heddle_error *error)
{
    struct spill_file *spill = context;
    size_t waiting = (size_t)(spill->end - spill->written);
    if (waiting + length > SPILL_GATHERED) {
        const uint64_t start = heddle_clock_thread_cpu_ns();
        const ssize_t written = pwrite(spill->file, spill->gathered, waiting, (off_t)spill->written);
        spill->cpu_ns += heddle_clock_thread_cpu_ns() - start;
        if (written != (ssize_t)waiting) {
            return heddle_error_set(error, HEDDLE_INTERNAL, "the spill file could not be written");
        }
        spill->written = spill->end;
        waiting = 0;
    }
    memcpy(spill->gathered + waiting, bytes, length);
    *handle_out = spill->end;
    spill->end += length;
    return HEDDLE_OK;
}

static int spill_read(void *context, uint64_t handle, void *bytes, size_t length, struct heddle_error *error)
{
    const struct spill_file *spill = context;
    if (handle >= spill->written) {
        memcpy(bytes, spill->gathered + (handle - spill->written), length);
    } else if (pread(spill->file, bytes, length, (off_t)handle) != (ssize_t)length) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the spill file could not be read");
    }
    return HEDDLE_OK;
}

static void spill_release(void *context, uint64_t handle, size_t length)
{
    (void)context;
    (void)handle;
    (void)length;
}

/* Rows of the planning measurement are made again in each pass: they are not kept. */
struct source {
    uint64_t random;
    bool skewed; /* int(10/u), or even over `nodes` */
    uint64_t nodes;
    int64_t from[CHUNK_ROWS];
    int64_t to[CHUNK_ROWS];
    uint64_t from_hashes[CHUNK_ROWS];
    uint64_t to_hashes[CHUNK_ROWS];
    uint32_t from_parts[CHUNK_ROWS];
    uint32_t to_parts[CHUNK_ROWS];
    struct heddle_schedule_row rows[CHUNK_ROWS];
    uint64_t cpu_ns;
};

static void make_rows(struct source *source, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!source->skewed) {
            source->from[i] = (int64_t)heddle_random_below(&source->random, source->nodes);
            source->to[i] = (int64_t)heddle_random_below(&source->random, source->nodes);
            continue;
        }
        source->from[i] = graph_tenth(&source->random);
        source->to[i] = graph_tenth(&source->random);
    }
}

static void hash_rows(struct source *source, size_t count)
{
    heddle_key_hash_integers(source->from, count, SEED, source->from_hashes);
    heddle_key_hash_integers(source->to, count, SEED, source->to_hashes);
}

static uint64_t count_rows(struct source *source, struct heddle_counts *counts, size_t rows)
{
    uint64_t cpu_ns = 0;
    source->random = SEED;
    for (size_t done = 0; done < rows; done += CHUNK_ROWS) {
        const size_t count = rows - done < CHUNK_ROWS ? rows - done : CHUNK_ROWS;
        make_rows(source, count);
        const uint64_t start = heddle_clock_thread_cpu_ns();
        hash_rows(source, count);
        heddle_counts_add(counts, source->from_hashes, count);
        heddle_counts_add(counts, source->to_hashes, count);
        cpu_ns += heddle_clock_thread_cpu_ns() - start;
    }
    return cpu_ns;
}

/* One row after the other, each step by the function for one: what the ways for many are tested against. */
static bool place_plainly(const struct source *source, const struct heddle_parts *parts,
                          struct heddle_scheduler *scheduler, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (heddle_scheduler_add_row(scheduler, 0, 0, heddle_parts_of(parts, source->from_hashes[i]), 0,
                                     heddle_parts_of(parts, source->to_hashes[i]), source->rows[i],
                                     NULL) != HEDDLE_OK) {
            return false;
        }
    }
    return true;
}

static bool place_at_once(struct source *source, const struct heddle_parts *parts,
                          struct heddle_scheduler *scheduler, size_t count)
{
    size_t added = 0;
    heddle_parts_of_all(parts, source->from_hashes, count, source->from_parts);
    heddle_parts_of_all(parts, source->to_hashes, count, source->to_parts);
    return heddle_scheduler_add_rows(scheduler, 0, 0, source->from_parts, 0, source->to_parts, source->rows,
                                     count, &added, NULL) == HEDDLE_OK;
}

/* Answers 0 where something failed. */
static uint64_t place_rows(struct source *source, const struct heddle_parts *parts,
                           struct heddle_scheduler *scheduler, size_t rows, bool plainly)
{
    uint64_t cpu_ns = 1;
    source->random = SEED;
    for (size_t done = 0; done < rows; done += CHUNK_ROWS) {
        const size_t count = rows - done < CHUNK_ROWS ? rows - done : CHUNK_ROWS;
        make_rows(source, count);
        const uint64_t start = heddle_clock_thread_cpu_ns();
        hash_rows(source, count);
        for (size_t i = 0; i < count; i++) {
            source->rows[i] = (struct heddle_schedule_row){.row = (uint32_t)(done + i), .bytes = 16};
        }
        if (!(plainly ? place_plainly(source, parts, scheduler, count)
                      : place_at_once(source, parts, scheduler, count))) {
            return 0;
        }
        cpu_ns += heddle_clock_thread_cpu_ns() - start;
    }
    return cpu_ns;
}

/* Picks everything; answers the rows that left (each is expected once, so their sum must agree too). */
static bool take_rows(struct heddle_scheduler *scheduler, size_t rows, uint64_t *transactions)
{
    struct heddle_schedule_work *work = NULL;
    uint64_t left = 0;
    uint64_t sum = 0;
    while (heddle_scheduler_pick(scheduler, 1, &work, NULL) == HEDDLE_OK) {
        left += work->count;
        for (size_t i = 0; i < work->count; i++) {
            sum += work->rows[i].row;
        }
        heddle_scheduler_done(scheduler, work);
        (*transactions)++;
    }
    return left == rows && sum == (uint64_t)rows * (rows - 1) / 2;
}

static void sum_rows(void *context, const struct heddle_simulate_step *step)
{
    uint64_t *sum = context;
    for (size_t i = 0; i < step->work->count; i++) {
        *sum += step->work->rows[i].row;
    }
}

/* The same by the simulated writers of a load. */
static bool drive_rows(struct heddle_scheduler *scheduler, size_t rows, uint64_t *transactions, FILE *json)
{
    const struct heddle_simulate_options costs = {
        .writers = PLAN_WRITERS,
        .rows_max = PLAN_TRANSACTION_ROWS,
        .row_us = ROW_US,
        .transaction_us = ROW_US * TRANSACTION_SHARE * PLAN_TRANSACTION_ROWS,
        .seed = SEED,
    };
    uint64_t sum = 0;
    const struct heddle_simulate_watch watch = {.context = &sum, .step = sum_rows};
    struct heddle_simulation simulation;
    if (heddle_simulate(scheduler, &costs, &watch, &simulation, NULL) != HEDDLE_OK) {
        return false;
    }
    *transactions = simulation.transactions;
    printf("driven by %d writers: %.2f times one writer, %.1f %% of the bound, %llu transactions\n",
           PLAN_WRITERS, simulation.speed_up, 100 * simulation.efficiency,
           (unsigned long long)simulation.transactions);
    fprintf(json, "\"driven %zu\": %.4f, ", rows, simulation.efficiency);
    return simulation.rows == rows && sum == (uint64_t)rows * (rows - 1) / 2;
}

/* What one planning measurement works with, and what it found. */
struct planning {
    const struct arguments *arguments;
    struct source *source;
    struct spill_file *spill;
    struct heddle_counts *counts;
    struct heddle_parts *parts;
    size_t part_count;
    uint64_t count_ns; /* CPU time of a step, for all rows */
    uint64_t parts_ns;
    uint64_t place_ns;
    uint64_t plain_ns;
    uint64_t pick_ns;
    uint64_t write_ns;
    uint64_t transactions;
};

static void report_plan(const struct planning *planning, FILE *json)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double rows = (double)planning->arguments->rows;
    const char *name = planning->source->skewed ? "int(10/u)" : "even";
    const double first = (double)(planning->count_ns + planning->parts_ns);
    const double whole_ns = (first + (double)planning->place_ns) / rows;
    const double plain_ns = (first + (double)planning->plain_ns) / rows;
    const double pick_us = (double)planning->pick_ns / 1e3 / (double)planning->transactions;
    const double spilled = (double)planning->spill->end;
    const double imbalance = heddle_parts_imbalance(planning->parts);
    printf("planning %.0f %s rows, %zu parts: count %.1f ns a row, parts %.1f ms, place %.1f ns a row "
           "(writing pages %.1f): %.1f million rows/s a core\n",
           rows, name, planning->part_count, (double)planning->count_ns / rows,
           (double)planning->parts_ns / 1e6, (double)planning->place_ns / rows,
           (double)planning->write_ns / rows, 1e3 / whole_ns);
    printf("  placed row by row: %.1f ns a row: %.1f million rows/s, 1 / %.2f of that\n",
           (double)planning->plain_ns / rows, 1e3 / plain_ns, plain_ns / whole_ns);
    printf("  picking again: %.1f ns a row, %.1f us a transaction; spilled %.0f MB; most memory %ld MB; "
           "fullest part %.3f x mean\n",
           (double)planning->pick_ns / rows, pick_us, spilled / 1e6, usage.ru_maxrss / 1024, imbalance);
    fprintf(json,
            "%s\"plan %s\": {\"rows\": %.0f, \"rows_a_second\": %.0f, \"plain_rows_a_second\": %.0f, "
            "\"count_ns\": %.2f, \"place_ns\": %.2f, \"write_ns\": %.2f, \"pick_us\": %.2f, "
            "\"spill_bytes\": %.0f, \"rss_mb\": %ld, \"imbalance\": %.4f}",
            planning->source->skewed ? ", " : "", name, rows, 1e9 / whole_ns, 1e9 / plain_ns,
            (double)planning->count_ns / rows, (double)planning->place_ns / rows,
            (double)planning->write_ns / rows, pick_us, spilled, usage.ru_maxrss / 1024, imbalance);
}

/* Rows into tiles, and out of them again. */
static bool measure_placing(struct planning *planning, bool plainly, FILE *json)
{
    const struct arguments *arguments = planning->arguments;
    struct spill_file *spill = planning->spill;
    spill->written = 0;
    spill->end = 0;
    spill->cpu_ns = 0;
    const struct heddle_schedule_options options = {
        .spaces = 1,
        .parts = planning->part_count,
        .writers = PLAN_WRITERS,
        .spill = {PLAN_BUDGET, spill, spill_write, spill_read, spill_release},
    };
    struct heddle_scheduler *scheduler = NULL;
    size_t stream = 0;
    bool fine =
        heddle_scheduler_create(&options, &scheduler, NULL) == HEDDLE_OK &&
        heddle_scheduler_add_stream(scheduler, PLAN_TRANSACTION_ROWS, UINT64_MAX, &stream, NULL) == HEDDLE_OK;
    if (fine) {
        const uint64_t ns =
            place_rows(planning->source, planning->parts, scheduler, arguments->rows, plainly);
        *(plainly ? &planning->plain_ns : &planning->place_ns) = ns;
        fine = ns > 0;
    }
    if (fine && !plainly) {
        planning->write_ns = spill->cpu_ns;
        const uint64_t start = heddle_clock_thread_cpu_ns();
        fine = strcmp(arguments->only, "drive") == 0
                   ? drive_rows(scheduler, arguments->rows, &planning->transactions, json)
                   : take_rows(scheduler, arguments->rows, &planning->transactions);
        planning->pick_ns = heddle_clock_thread_cpu_ns() - start;
    }
    heddle_scheduler_destroy(scheduler);
    return fine;
}

static bool measure_plan(const struct arguments *arguments, bool skewed, FILE *json)
{
    static struct source source;
    static struct spill_file spill;
    source = (struct source){.skewed = skewed, .nodes = arguments->rows / 10 + 1};
    spill.file = open(arguments->spill, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct planning planning = {
        .arguments = arguments,
        .source = &source,
        .spill = &spill,
        .part_count =
            heddle_layout_of(HEDDLE_LAYOUT_WITHIN, PLAN_WRITERS, arguments->rows, PLAN_TRANSACTION_ROWS)
                .parts,
    };
    bool fine = spill.file >= 0 && heddle_counts_create(&planning.counts, NULL) == HEDDLE_OK;
    if (fine) {
        planning.count_ns = count_rows(&source, planning.counts, arguments->rows);
        const uint64_t start = heddle_clock_thread_cpu_ns();
        fine = heddle_parts_create(planning.counts, planning.part_count, &planning.parts, NULL) == HEDDLE_OK;
        planning.parts_ns = heddle_clock_thread_cpu_ns() - start;
    }
    fine = fine && measure_placing(&planning, false, json) && measure_placing(&planning, true, json);
    if (fine) {
        report_plan(&planning, json);
    }
    heddle_parts_destroy(planning.parts);
    heddle_counts_destroy(planning.counts);
    if (spill.file >= 0) {
        close(spill.file);
        unlink(arguments->spill);
    }
    return fine;
}

/* A graph's rows as parts. `tables[1]` is the other space of a bipartite one. */
struct routed {
    const struct graph *graph;
    uint64_t *from;
    uint64_t *to;
    struct heddle_parts *tables[2];
    size_t parts;
};

static bool hash_graph(const struct graph *graph, struct routed *routed)
{
    *routed = (struct routed){.graph = graph};
    routed->from = malloc(graph->rows * sizeof *routed->from);
    routed->to = malloc(graph->rows * sizeof *routed->to);
    if (routed->from == NULL || routed->to == NULL) {
        return false;
    }
    heddle_key_hash_integers(graph->from, graph->rows, SEED, routed->from);
    heddle_key_hash_integers(graph->to, graph->rows, SEED, routed->to);
    return true;
}

static bool make_tables(struct routed *routed, size_t parts)
{
    struct heddle_counts *counts[2] = {NULL, NULL};
    const bool one_space = routed->graph->kind != GRAPH_BIPARTITE;
    heddle_parts_destroy(routed->tables[0]);
    heddle_parts_destroy(routed->tables[1]);
    routed->tables[0] = NULL;
    routed->tables[1] = NULL;
    routed->parts = parts;
    bool fine = heddle_counts_create(&counts[0], NULL) == HEDDLE_OK &&
                heddle_counts_create(&counts[1], NULL) == HEDDLE_OK;
    if (fine) {
        heddle_counts_add(counts[0], routed->from, routed->graph->rows);
        if (routed->graph->kind != GRAPH_COMPONENTS) {
            heddle_counts_add(counts[one_space ? 0 : 1], routed->to, routed->graph->rows);
        }
        fine = heddle_parts_create(counts[0], parts, &routed->tables[0], NULL) == HEDDLE_OK &&
               heddle_parts_create(counts[1], parts, &routed->tables[1], NULL) == HEDDLE_OK;
    }
    heddle_counts_destroy(counts[0]);
    heddle_counts_destroy(counts[1]);
    return fine;
}

static bool add_graph(const struct routed *routed, struct heddle_scheduler *scheduler)
{
    const bool bipartite = routed->graph->kind == GRAPH_BIPARTITE;
    for (size_t i = 0; i < routed->graph->rows; i++) {
        const struct heddle_schedule_row row = {.row = (uint32_t)i, .bytes = 16};
        const uint32_t a = heddle_parts_of(routed->tables[0], routed->from[i]);
        const uint32_t b = routed->graph->kind == GRAPH_COMPONENTS
                               ? HEDDLE_SCHEDULE_NO_PART
                               : heddle_parts_of(routed->tables[bipartite ? 1 : 0], routed->to[i]);
        if (heddle_scheduler_add_row(scheduler, 0, 0, a, bipartite ? 1 : 0, b, row, NULL) != HEDDLE_OK) {
            return false;
        }
    }
    return true;
}

static struct heddle_simulate_options model(const struct graph *graph, size_t writers)
{
    return (struct heddle_simulate_options){
        .writers = writers,
        .rows_max = graph->rows_a_transaction,
        .row_us = ROW_US,
        .transaction_us = ROW_US * TRANSACTION_SHARE * (double)graph->rows_a_transaction,
        .critical_rows = graph->busiest,
        .seed = SEED,
    };
}

static struct heddle_layout layout(const struct graph *graph, size_t writers)
{
    return heddle_layout_of(graph->kind == GRAPH_COMPONENTS    ? HEDDLE_LAYOUT_ALONE
                            : graph->kind == GRAPH_MONOPARTITE ? HEDDLE_LAYOUT_WITHIN
                                                               : HEDDLE_LAYOUT_BETWEEN,
                            writers, graph->rows, graph->rows_a_transaction);
}

static bool run_dynamic(const struct routed *routed, size_t writers, struct heddle_simulation *simulation)
{
    const struct heddle_schedule_options options = {.spaces = 2, .parts = routed->parts, .writers = writers};
    const struct heddle_simulate_options costs = model(routed->graph, writers);
    struct heddle_scheduler *scheduler = NULL;
    struct heddle_error error = {0};
    size_t stream = 0;
    bool fine = heddle_scheduler_create(&options, &scheduler, &error) == HEDDLE_OK;
    if (fine) {
        heddle_scheduler_in_turn(scheduler, layout(routed->graph, writers).in_turn);
    }
    fine = fine &&
           heddle_scheduler_add_stream(scheduler, routed->graph->rows_a_transaction, UINT64_MAX, &stream,
                                       &error) == HEDDLE_OK &&
           add_graph(routed, scheduler) &&
           heddle_simulate(scheduler, &costs, NULL, simulation, &error) == HEDDLE_OK &&
           simulation->rows == routed->graph->rows;
    heddle_scheduler_destroy(scheduler);
    if (!fine) {
        fprintf(stderr, "schedule: %s\n", error.message);
    }
    return fine;
}

static bool run_rounds(const struct routed *routed, size_t writers, struct heddle_simulation *simulation)
{
    const struct graph *graph = routed->graph;
    const struct heddle_simulate_options costs = model(graph, writers);
    uint64_t *tiles = calloc(routed->parts * routed->parts, sizeof *tiles);
    if (tiles == NULL) {
        return false;
    }
    for (size_t i = 0; i < graph->rows; i++) {
        const size_t a = heddle_parts_of(routed->tables[0], routed->from[i]);
        /* Components have no pairs: all in one colour. */
        const size_t b =
            graph->kind == GRAPH_COMPONENTS
                ? (routed->parts - a) % routed->parts
                : heddle_parts_of(routed->tables[graph->kind == GRAPH_BIPARTITE ? 1 : 0], routed->to[i]);
        tiles[a * routed->parts + b]++;
    }
    const int status = heddle_simulate_rounds(tiles, routed->parts, graph->kind == GRAPH_MONOPARTITE, &costs,
                                              simulation, NULL);
    free(tiles);
    return status == HEDDLE_OK;
}

static bool measure_graph(const struct graph *graph, size_t writers, FILE *json)
{
    struct routed routed;
    struct heddle_simulation ours;
    struct heddle_simulation same;
    struct heddle_simulation published;
    const bool mono = graph->kind == GRAPH_MONOPARTITE;
    const size_t parts = layout(graph, writers).parts;
    const uint64_t start = heddle_clock_thread_cpu_ns();
    bool fine =
        hash_graph(graph, &routed) && make_tables(&routed, parts) && run_dynamic(&routed, writers, &ours);
    const double cpu_s = (double)(heddle_clock_thread_cpu_ns() - start) / 1e9;
    fine = fine && run_rounds(&routed, writers, &same) &&
           make_tables(&routed, mono ? 2 * writers : writers) && run_rounds(&routed, writers, &published);
    if (fine) {
        const double bound = ours.speed_up / ours.efficiency;
        printf("%-18s %9zu %9llu %3zu %5zu %7.2f %7.2f %7.1f %9.2f %9.2f %8llu %7.2f\n", graph->name,
               graph->rows, (unsigned long long)graph->busiest, writers, parts, bound, ours.speed_up,
               100 * ours.efficiency, same.speed_up, published.speed_up,
               (unsigned long long)ours.transactions, cpu_s);
        fprintf(
            json,
            ", \"%s at %zu\": {\"bound\": %.3f, \"speed_up\": %.3f, \"efficiency\": %.4f, \"rounds\": %.3f, "
            "\"rounds_published\": %.3f}",
            graph->name, writers, bound, ours.speed_up, ours.efficiency, same.speed_up, published.speed_up);
    }
    heddle_parts_destroy(routed.tables[0]);
    heddle_parts_destroy(routed.tables[1]);
    free(routed.from);
    free(routed.to);
    return fine;
}

static bool make_graph(size_t index, const struct arguments *arguments, struct graph *graph)
{
    static bool (*const makers[])(struct graph *, size_t, uint64_t *) = {
        graph_int10, graph_twitch, graph_rmat, graph_one_hub, graph_stars, graph_components,
    };
    static const size_t rows[] = {8000000, 2000000, 2000000, 1000000, 1000000, 1000000};
    uint64_t random = SEED + index;
    bool fine = arguments->edges != NULL
                    ? graph_read(graph, arguments->edges, arguments->bipartite)
                    : makers[index](graph, arguments->quick ? rows[index] / 4 : rows[index], &random);
    return fine && graph_find_busiest(graph);
}

static bool simulate_graphs(const struct arguments *arguments, FILE *json)
{
    static const size_t writers[] = {1, 2, 4, 8, 16, 32, WRITERS_MAX};
    printf("%-18s %9s %9s %3s %5s %7s %7s %7s %9s %9s %8s %7s\n", "graph", "rows", "busiest", "W", "parts",
           "bound", "speed", "% bound", "barrier", "published", "trans", "cpu s");
    const size_t graphs = arguments->edges != NULL ? 1 : 6;
    bool fine = true;
    for (size_t i = 0; i < graphs && fine; i++) {
        struct graph graph;
        fine = make_graph(i, arguments, &graph);
        for (size_t j = 0; j < sizeof writers / sizeof writers[0] && fine; j++) {
            if (!arguments->quick || writers[j] == 8 || writers[j] == 16) {
                fine = measure_graph(&graph, writers[j], json);
            }
        }
        graph_free(&graph);
    }
    return fine;
}

/* A graph fed to the scheduler so that at most `window` rows wait. */
struct feeding {
    const struct routed *routed;
    const uint32_t *order;
    size_t next;
    size_t window;
};

static int feed_rows(void *context, struct heddle_scheduler *scheduler, struct heddle_error *error)
{
    struct feeding *feeding = context;
    const struct routed *routed = feeding->routed;
    while (feeding->next < routed->graph->rows &&
           heddle_scheduler_pending_rows(scheduler) < feeding->window) {
        const uint32_t at = feeding->order[feeding->next++];
        const struct heddle_schedule_row row = {.row = at, .bytes = 16};
        HEDDLE_TRY(heddle_scheduler_add_row(scheduler, 0, 0,
                                            heddle_parts_of(routed->tables[0], routed->from[at]), 0,
                                            heddle_parts_of(routed->tables[0], routed->to[at]), row, error));
    }
    return HEDDLE_OK;
}

static bool run_window(const struct routed *routed, const uint32_t *order, size_t window, size_t writers,
                       struct heddle_simulation *simulation)
{
    const struct heddle_schedule_options options = {.spaces = 1, .parts = routed->parts, .writers = writers};
    const struct heddle_simulate_options costs = model(routed->graph, writers);
    struct feeding feeding = {routed, order, 0, window};
    const struct heddle_simulate_watch watch = {.context = &feeding, .feed = feed_rows};
    struct heddle_scheduler *scheduler = NULL;
    size_t stream = 0;
    const bool fine = heddle_scheduler_create(&options, &scheduler, NULL) == HEDDLE_OK &&
                      heddle_scheduler_add_stream(scheduler, routed->graph->rows_a_transaction, UINT64_MAX,
                                                  &stream, NULL) == HEDDLE_OK &&
                      heddle_simulate(scheduler, &costs, &watch, simulation, NULL) == HEDDLE_OK &&
                      simulation->rows == routed->graph->rows;
    heddle_scheduler_destroy(scheduler);
    return fine;
}

static const int64_t *sorted_by;

static int by_end(const void *left, const void *right)
{
    const int64_t a = sorted_by[*(const uint32_t *)left];
    const int64_t b = sorted_by[*(const uint32_t *)right];
    return (a > b) - (a < b);
}

static bool measure_windows(const struct graph *graph, bool sorted, size_t writers, FILE *json)
{
    static const size_t windows[] = {50000, 400000, SIZE_MAX};
    struct routed routed;
    struct heddle_simulation simulation;
    uint32_t *order = malloc(graph->rows * sizeof *order);
    bool fine = order != NULL && hash_graph(graph, &routed);
    for (size_t i = 0; fine && i < graph->rows; i++) {
        order[i] = (uint32_t)i;
    }
    if (fine && sorted) {
        sorted_by = graph->to;
        qsort(order, graph->rows, sizeof *order, by_end);
    }
    for (size_t i = 0; i < sizeof windows / sizeof windows[0] && fine; i++) {
        const size_t rows = windows[i] < graph->rows ? windows[i] : graph->rows;
        const size_t parts =
            heddle_layout_of(HEDDLE_LAYOUT_WITHIN, writers, rows, graph->rows_a_transaction).parts;
        fine = make_tables(&routed, parts) && run_window(&routed, order, windows[i], writers, &simulation);
        printf("%-18s %-8s %9zu %3zu %5zu %7.2f %7.1f\n", graph->name, sorted ? "sorted" : "as is", rows,
               writers, parts, simulation.speed_up, 100 * simulation.speed_up / (double)writers);
        fprintf(json, ", \"%s %s window %zu at %zu\": %.3f", graph->name, sorted ? "sorted" : "as is", rows,
                writers, simulation.speed_up);
    }
    heddle_parts_destroy(routed.tables[0]);
    heddle_parts_destroy(routed.tables[1]);
    free(routed.from);
    free(routed.to);
    free(order);
    return fine;
}

static bool simulate_windows(const struct arguments *arguments, FILE *json)
{
    static const size_t writers[] = {2, 8, 16, 32};
    printf("%-18s %-8s %9s %3s %5s %7s %7s\n", "graph", "order", "window", "W", "parts", "speed", "% of W");
    bool fine = true;
    for (size_t i = 0; i < 3 && fine; i++) {
        struct graph graph;
        fine = make_graph(i, arguments, &graph);
        for (size_t j = 0; j < 2 * sizeof writers / sizeof writers[0] && fine; j++) {
            fine = measure_windows(&graph, j % 2 == 1, writers[j / 2], json);
        }
        graph_free(&graph);
    }
    return fine;
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){.rows = 20000000, .spill = "build/schedule.spill", .only = ""};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--quick") == 0) {
            arguments->quick = true;
            arguments->rows = 2000000;
        } else if (strcmp(argv[i], "--bipartite") == 0) {
            arguments->bipartite = true;
        } else if (value != NULL && strcmp(argv[i], "--rows") == 0) {
            arguments->rows = strtoull(argv[++i], NULL, 10);
        } else if (value != NULL && strcmp(argv[i], "--spill") == 0) {
            arguments->spill = argv[++i];
        } else if (value != NULL && strcmp(argv[i], "--edges") == 0) {
            arguments->edges = argv[++i];
        } else if (value != NULL && strcmp(argv[i], "--only") == 0) {
            arguments->only = argv[++i];
        } else {
            return false;
        }
    }
    return arguments->rows > 0 && arguments->rows <= UINT32_MAX;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (!parse(argc, argv, &arguments)) {
        fprintf(stderr, "usage: schedule [--quick] [--rows N] [--spill FILE] [--edges FILE [--bipartite]] "
                        "[--only plan|simulate|windows|drive]\n");
        return 1;
    }
    char *figures = NULL;
    size_t length = 0;
    FILE *json = open_memstream(&figures, &length);
    bool fine = json != NULL;
    if (fine && strcmp(arguments.only, "simulate") != 0 && strcmp(arguments.only, "windows") != 0) {
        fine = measure_plan(&arguments, false, json) && measure_plan(&arguments, true, json);
    } else if (fine) {
        fprintf(json, "\"plan_rows\": 0");
    }
    if (fine && strcmp(arguments.only, "windows") == 0) {
        fine = simulate_windows(&arguments, json);
    }
    if (fine && (strcmp(arguments.only, "simulate") == 0 || arguments.only[0] == '\0')) {
        fine = simulate_graphs(&arguments, json);
    }
    if (json != NULL) {
        fclose(json);
    }
    if (fine) {
        printf(
            "{\"bench\": \"schedule\", \"machine\": {\"threads\": 1}, \"figures\": {%s}, \"ratios\": {}}\n",
            figures);
    }
    free(figures);
    return fine ? 0 : 1;
}
