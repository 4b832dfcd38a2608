/* schedule_graphs.h: edge lists for bench/schedule.c, from a seed, equal on every machine.
 *
 * Each graph names the two keys of each row, whether both ends lie in one key space, and how many rows touch its busiest
 * node: what no schedule can do at the same time.
 */
#ifndef HEDDLE_BENCH_SCHEDULE_GRAPHS_H
#define HEDDLE_BENCH_SCHEDULE_GRAPHS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum graph_kind { GRAPH_BIPARTITE, GRAPH_MONOPARTITE, GRAPH_COMPONENTS };

struct graph {
    const char *name;
    enum graph_kind kind;
    int64_t *from; /* of components: the component */
    int64_t *to;
    size_t rows;
    size_t rows_a_transaction;
    uint64_t busiest; /* rows of the busiest node, or component */
};

static bool graph_alloc(struct graph *graph, size_t rows)
{
    graph->from = malloc(rows * sizeof *graph->from);
    graph->to = malloc(rows * sizeof *graph->to);
    graph->rows = rows;
    return graph->from != NULL && graph->to != NULL;
}

static void graph_free(struct graph *graph)
{
    free(graph->from);
    free(graph->to);
}

static int graph_compare_keys(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The longest run of equal keys in a sorted copy. A loop counts once: it is one row. */
static uint64_t graph_longest_run(int64_t *keys, size_t count)
{
    uint64_t most = 0;
    uint64_t run = 0;
    qsort(keys, count, sizeof *keys, graph_compare_keys);
    for (size_t i = 0; i < count; i++) {
        run = i > 0 && keys[i] == keys[i - 1] ? run + 1 : 1;
        most = run > most ? run : most;
    }
    return most;
}

static bool graph_find_busiest(struct graph *graph)
{
    int64_t *keys = malloc(2 * graph->rows * sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    memcpy(keys, graph->from, graph->rows * sizeof *keys);
    graph->busiest = graph_longest_run(keys, graph->rows);
    if (graph->kind == GRAPH_BIPARTITE) {
        memcpy(keys, graph->to, graph->rows * sizeof *keys);
        const uint64_t other = graph_longest_run(keys, graph->rows);
        graph->busiest = other > graph->busiest ? other : graph->busiest;
    } else if (graph->kind == GRAPH_MONOPARTITE) {
        size_t count = 0;
        for (size_t i = 0; i < graph->rows; i++) {
            keys[count++] = graph->from[i];
            if (graph->from[i] != graph->to[i]) {
                keys[count++] = graph->to[i];
            }
        }
        graph->busiest = graph_longest_run(keys, count);
    }
    free(keys);
    return true;
}

struct graph_pair {
    int64_t from;
    int64_t to;
};

static int graph_compare_pairs(const void *left, const void *right)
{
    const struct graph_pair *a = left;
    const struct graph_pair *b = right;
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from) : (a->to > b->to) - (a->to < b->to);
}

/* Each pair once, in random order. */
static bool graph_distinct(struct graph *graph, uint64_t *random)
{
    struct graph_pair *pairs = malloc(graph->rows * sizeof *pairs);
    if (pairs == NULL) {
        return false;
    }
    for (size_t i = 0; i < graph->rows; i++) {
        pairs[i] = (struct graph_pair){graph->from[i], graph->to[i]};
    }
    qsort(pairs, graph->rows, sizeof *pairs, graph_compare_pairs);
    size_t kept = 0;
    for (size_t i = 0; i < graph->rows; i++) {
        if (i == 0 || graph_compare_pairs(&pairs[i], &pairs[i - 1]) != 0) {
            pairs[kept++] = pairs[i];
        }
    }
    for (size_t i = kept; i > 1; i--) {
        const size_t other = (size_t)heddle_random_below(random, i);
        const struct graph_pair swapped = pairs[i - 1];
        pairs[i - 1] = pairs[other];
        pairs[other] = swapped;
    }
    for (size_t i = 0; i < kept; i++) {
        graph->from[i] = pairs[i].from;
        graph->to[i] = pairs[i].to;
    }
    graph->rows = kept;
    free(pairs);
    return true;
}

/* The law of the Spark loader's synthetic sets: key = whole part of 10 / u, so that one key has 9 % of all draws. */
static int64_t graph_tenth(uint64_t *random)
{
    return (int64_t)(10.0 / (heddle_random_unit(random) + 0x1.0p-54));
}

static bool graph_int10(struct graph *graph, size_t rows, uint64_t *random)
{
    *graph = (struct graph){.name = "int(10/u)", .kind = GRAPH_MONOPARTITE, .rows_a_transaction = 500};
    if (!graph_alloc(graph, rows)) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        graph->from[i] = graph_tenth(random);
        graph->to[i] = graph_tenth(random);
    }
    return graph_distinct(graph, random);
}

/* Numbers 0 .. count-1 drawn with weight (i + shift)^-power, by search in the running sum. */
struct graph_law {
    double *sums;
    size_t count;
};

static bool graph_law_make(struct graph_law *law, size_t count, double power, double shift)
{
    law->count = count;
    law->sums = malloc(count * sizeof *law->sums);
    double sum = 0;
    for (size_t i = 0; law->sums != NULL && i < count; i++) {
        sum += pow((double)i + shift, -power);
        law->sums[i] = sum;
    }
    return law->sums != NULL;
}

static int64_t graph_law_draw(const struct graph_law *law, uint64_t *random)
{
    const double at = heddle_random_unit(random) * law->sums[law->count - 1];
    size_t low = 0;
    size_t high = law->count - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (law->sums[middle] > at) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return (int64_t)low;
}

/* Chung and Lu 2002 with the shape of the twitch gamers graph: 168,114 nodes, the busiest with about 0.26 % of all ends. */
static bool graph_twitch(struct graph *graph, size_t rows, uint64_t *random)
{
    *graph =
        (struct graph){.name = "Chung-Lu (twitch)", .kind = GRAPH_MONOPARTITE, .rows_a_transaction = 1000};
    struct graph_law law;
    if (!graph_alloc(graph, rows) || !graph_law_make(&law, 168114, 0.7, 2.6)) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        graph->from[i] = graph_law_draw(&law, random);
        graph->to[i] = graph_law_draw(&law, random);
    }
    free(law.sums);
    return true;
}

/* One edge of R-MAT (Chakrabarti, Zhan, Faloutsos 2004) with the shares of Graph500: 57, 19, 19 and 5 %. */
static void graph_rmat_edge(unsigned scale, uint64_t *random, int64_t *from, int64_t *to)
{
    *from = 0;
    *to = 0;
    for (unsigned i = 0; i < scale; i++) {
        const uint64_t dice = heddle_random_below(random, 100);
        *from = *from * 2 + (dice >= 76 ? 1 : 0);
        *to = *to * 2 + ((dice >= 57 && dice < 76) || dice >= 95 ? 1 : 0);
    }
}

static bool graph_rmat(struct graph *graph, size_t rows, uint64_t *random)
{
    *graph = (struct graph){.name = "R-MAT 2^20", .kind = GRAPH_MONOPARTITE, .rows_a_transaction = 1000};
    if (!graph_alloc(graph, rows)) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        graph_rmat_edge(20, random, &graph->from[i], &graph->to[i]);
    }
    return true;
}

/* Even but for one node with a fifth of the rows. */
static bool graph_one_hub(struct graph *graph, size_t rows, uint64_t *random)
{
    *graph = (struct graph){.name = "one hub (20 %)", .kind = GRAPH_MONOPARTITE, .rows_a_transaction = 1000};
    if (!graph_alloc(graph, rows)) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        graph->from[i] = 1 + (int64_t)heddle_random_below(random, 200000);
        graph->to[i] =
            heddle_random_below(random, 5) == 0 ? 0 : 1 + (int64_t)heddle_random_below(random, 200000);
    }
    return true;
}

/* Every row has a leaf of its own; centres are drawn by Zipf's law, flattened. */
static bool graph_stars(struct graph *graph, size_t rows, uint64_t *random)
{
    *graph = (struct graph){.name = "star forest", .kind = GRAPH_BIPARTITE, .rows_a_transaction = 1000};
    struct graph_law law;
    if (!graph_alloc(graph, rows) || !graph_law_make(&law, 5000, 0.8, 2)) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        graph->from[i] = (int64_t)i;
        graph->to[i] = graph_law_draw(&law, random);
    }
    free(law.sums);
    return true;
}

/* Components of very different sizes; the claim of a row is its component. */
static bool graph_components(struct graph *graph, size_t rows, uint64_t *random)
{
    *graph = (struct graph){.name = "component mix", .kind = GRAPH_COMPONENTS, .rows_a_transaction = 1000};
    struct graph_law law;
    if (!graph_alloc(graph, rows) || !graph_law_make(&law, 20000, 0.9, 8)) {
        return false;
    }
    for (size_t i = 0; i < rows; i++) {
        graph->from[i] = graph_law_draw(&law, random);
        graph->to[i] = graph->from[i];
    }
    free(law.sums);
    return true;
}

/* Lines "FROM,TO" (names of any kind); bipartite or not is said by the caller. */
static bool graph_read(struct graph *graph, const char *path, bool bipartite)
{
    *graph = (struct graph){.name = "file", .rows_a_transaction = 500};
    graph->kind = bipartite ? GRAPH_BIPARTITE : GRAPH_MONOPARTITE;
    FILE *file = fopen(path, "r");
    char line[4096];
    size_t rows = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        rows++;
    }
    if (file == NULL || !graph_alloc(graph, rows)) {
        return false;
    }
    rewind(file);
    graph->rows = 0;
    while (graph->rows < rows && fgets(line, sizeof line, file) != NULL) {
        char *comma = strchr(line, ',');
        if (comma != NULL) {
            const size_t to = strcspn(comma + 1, ",\r\n");
            graph->from[graph->rows] = (int64_t)(heddle_hash_bytes(line, (size_t)(comma - line), 1) >> 1);
            graph->to[graph->rows++] = (int64_t)(heddle_hash_bytes(comma + 1, to, 1) >> 1);
        }
    }
    fclose(file);
    return true;
}

#endif
