/* embed_kernel.c: tokens a second of each kernel, on texts of fixed and of mixed length.
 *
 *     embed_kernel [--quick] [--model DIR] [--kernel NAME] [--threads N]
 *
 * Prints a table for people and then one line of JSON. Figures are tokens per CPU second (one core) and per second of
 * wall time, best of the rounds: a shared machine is only ever slower than itself. Texts are random words, all
 * different, so that nothing is folded; they come from a seed, equal on every machine.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/embed.h>

#include "base/clock.h"
#include "base/hash.h"

enum { THREADS_MAX = 64, TEXT_BYTES_MAX = 4096, TOKENS_A_SET = 16384 };

/* Each is one token of BERT's vocabulary, so a text of n words has n + 2 tokens. */
static const char *const words[] = {
    "engine",   "pump",    "pressure", "valve",     "removed",   "failed",  "during", "inspection", "crew",
    "reported", "low",     "oil",      "warning",   "light",     "replace", "unit",   "leak",       "found",
    "at",       "gate",    "left",     "right",     "main",      "gear",    "brake",  "wheel",      "tire",
    "worn",     "beyond",  "limits",   "fuel",      "control",   "system",  "flight", "test",       "passed",
    "panel",    "door",    "sensor",   "fault",     "returned",  "service", "after",  "check",      "no",
    "power",    "battery", "voltage",  "drop",      "vibration", "cabin",   "air",    "filter",     "blocked",
    "cleaned",  "and",     "again",    "hydraulic", "line",      "loose",
};

struct set {
    const char *name;
    size_t tokens_min; /* a text has tokens_min .. tokens_max tokens */
    size_t tokens_max;
    struct heddle_embed_text *texts;
    size_t count;
    size_t tokens;
};

struct lane {
    const struct heddle_embedder *embedder;
    const struct set *set;
    size_t first;
    size_t last;
    float *vectors;
    uint64_t cpu_ns;
    struct heddle_embed_statistics statistics;
    bool failed;
};

static bool make_set(struct set *set)
{
    uint64_t random = 2026;
    const size_t mean = (set->tokens_min + set->tokens_max) / 2;
    set->count = TOKENS_A_SET / mean;
    set->texts = calloc(set->count, sizeof *set->texts);
    set->tokens = 0;
    for (size_t i = 0; set->texts != NULL && i < set->count; i++) {
        char text[TEXT_BYTES_MAX];
        size_t length = 0;
        const size_t tokens =
            set->tokens_min + heddle_random_below(&random, set->tokens_max - set->tokens_min + 1);
        for (size_t word = 0; word < tokens - 2; word++) {
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", word == 0 ? "" : " ",
                                       words[heddle_random_below(&random, sizeof words / sizeof words[0])]);
        }
        set->texts[i] = (struct heddle_embed_text){strndup(text, length), length};
        set->tokens += tokens;
    }
    return set->texts != NULL;
}

static void free_set(struct set *set)
{
    for (size_t i = 0; set->texts != NULL && i < set->count; i++) {
        free((char *)set->texts[i].text);
    }
    free(set->texts);
}

static void *run_lane(void *argument)
{
    struct lane *lane = argument;
    struct heddle_embedder_worker *worker = NULL;
    lane->failed = heddle_embedder_worker_create(lane->embedder, &worker, NULL) != HEDDLE_OK;
    const uint64_t start = heddle_clock_thread_cpu_ns();
    lane->failed = lane->failed ||
                   heddle_embedder_embed(worker, lane->set->texts + lane->first, lane->last - lane->first,
                                         lane->vectors, NULL, NULL) != HEDDLE_OK;
    lane->cpu_ns = heddle_clock_thread_cpu_ns() - start;
    if (worker != NULL) {
        heddle_embedder_worker_statistics(worker, &lane->statistics);
    }
    heddle_embedder_worker_destroy(worker);
    return NULL;
}

/* One pass over a set with `threads` lanes; answers false on failure. */
static bool pass(const struct heddle_embedder *embedder, const struct set *set, size_t threads,
                 float *vectors, double *cpu_out, double *wall_out, double *tokenize_out)
{
    struct lane lanes[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    const size_t width = heddle_embedder_dimensions(embedder);
    const uint64_t start = heddle_clock_ns();
    for (size_t i = 0; i < threads; i++) {
        const size_t first = set->count * i / threads;
        lanes[i] = (struct lane){.embedder = embedder,
                                 .set = set,
                                 .first = first,
                                 .last = set->count * (i + 1) / threads,
                                 .vectors = vectors + first * width};
        if (pthread_create(&ids[i], NULL, run_lane, &lanes[i]) != 0) {
            return false;
        }
    }
    bool failed = false;
    *cpu_out = 0;
    *tokenize_out = 0;
    uint64_t tokens = 0;
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        failed = failed || lanes[i].failed;
        *cpu_out += (double)lanes[i].cpu_ns * 1e-9;
        *tokenize_out += (double)lanes[i].statistics.tokenize_ns * 1e-9;
        tokens += lanes[i].statistics.tokens;
    }
    *wall_out = (double)(heddle_clock_ns() - start) * 1e-9;
    return !failed && tokens == set->tokens;
}

/* Rounds of one set on one kernel; prints its row and adds to the JSON. */
static bool measure(const struct heddle_embedder *embedder, const struct set *set, size_t threads,
                    size_t rounds, FILE *json)
{
    float *vectors = calloc(set->count * heddle_embedder_dimensions(embedder), sizeof *vectors);
    double cpu_best = 1e30;
    double wall_best = 1e30;
    double tokenize_best = 1e30;
    bool fine = vectors != NULL;
    for (size_t i = 0; fine && i < rounds; i++) {
        double cpu = 0;
        double wall = 0;
        double tokenize = 0;
        fine = pass(embedder, set, threads, vectors, &cpu, &wall, &tokenize);
        cpu_best = cpu < cpu_best ? cpu : cpu_best;
        wall_best = wall < wall_best ? wall : wall_best;
        tokenize_best = tokenize < tokenize_best ? tokenize : tokenize_best;
    }
    free(vectors);
    if (!fine) {
        fprintf(stderr, "embed_kernel: set %s failed, or has other tokens than expected\n", set->name);
        return false;
    }
    const double tokens = (double)set->tokens;
    const double texts = (double)set->count;
    printf("%-12s %-8s %10.0f %10.0f %10.0f %10.1f\n", heddle_embedder_kernel(embedder), set->name,
           tokens / cpu_best, tokens / wall_best, texts / wall_best, tokenize_best / texts * 1e6);
    fprintf(json, "%s\"%s_%s_tokens_per_cpu_second\": %.0f", ftell(json) == 0 ? "" : ", ",
            heddle_embedder_kernel(embedder), set->name, tokens / cpu_best);
    return true;
}

static bool measure_kernel(const char *directory, const char *kernel, struct set *sets, size_t set_count,
                           size_t threads, size_t rounds, FILE *json)
{
    const struct heddle_embedder_options options = {.kernel = kernel};
    struct heddle_error error = {0};
    struct heddle_embedder *embedder = NULL;
    if (heddle_embedder_open(directory, &options, &embedder, &error) != HEDDLE_OK) {
        fprintf(stderr, "embed_kernel: %s\n", error.message);
        return false;
    }
    bool fine = true;
    for (size_t i = 0; fine && i < set_count; i++) {
        fine = measure(embedder, &sets[i], threads, rounds, json);
    }
    heddle_embedder_close(embedder);
    return fine;
}

struct arguments {
    const char *directory;
    const char *kernel;
    size_t threads;
    size_t rounds;
};

static bool parse(int argc, char **argv, struct arguments *out)
{
    const char *directory = getenv("HEDDLE_MODEL_DIR");
    *out =
        (struct arguments){directory == NULL ? "build/deps/models/all-MiniLM-L6-v2" : directory, NULL, 1, 5};
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--quick") == 0) {
            out->rounds = 1;
        } else if (has_value && strcmp(argv[i], "--model") == 0) {
            out->directory = argv[++i];
        } else if (has_value && strcmp(argv[i], "--kernel") == 0) {
            out->kernel = argv[++i];
        } else if (has_value && strcmp(argv[i], "--threads") == 0) {
            out->threads = strtoul(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return out->threads >= 1 && out->threads <= THREADS_MAX;
}

int main(int argc, char **argv)
{
    struct set sets[] = {{.name = "16", .tokens_min = 16, .tokens_max = 16},
                         {.name = "32", .tokens_min = 32, .tokens_max = 32},
                         {.name = "128", .tokens_min = 128, .tokens_max = 128},
                         {.name = "256", .tokens_min = 256, .tokens_max = 256},
                         {.name = "mixed", .tokens_min = 10, .tokens_max = 34}};
    const size_t set_count = sizeof sets / sizeof sets[0];
    struct arguments arguments;
    if (!parse(argc, argv, &arguments)) {
        fprintf(stderr, "usage: embed_kernel [--quick] [--model DIR] [--kernel NAME] [--threads 1..%d]\n",
                THREADS_MAX);
        return 1;
    }
    char *figures = NULL;
    size_t length = 0;
    FILE *json = open_memstream(&figures, &length);
    bool fine = json != NULL;
    for (size_t i = 0; i < set_count; i++) {
        fine = make_set(&sets[i]) && fine;
    }
    printf("%-12s %-8s %10s %10s %10s %10s\n", "kernel", "tokens", "tok/cpu s", "tok/s", "texts/s",
           "us to tok");
    const char *const *kernels = heddle_embedder_kernel_names();
    for (size_t i = 0; fine && kernels[i] != NULL; i++) {
        const bool asked = arguments.kernel == NULL ? strcmp(kernels[i], "scalar") != 0
                                                    : strcmp(kernels[i], arguments.kernel) == 0;
        if (asked && heddle_embedder_kernel_runs(kernels[i])) {
            fine = measure_kernel(arguments.directory, kernels[i], sets, set_count, arguments.threads,
                                  arguments.rounds, json);
        }
    }
    for (size_t i = 0; i < set_count; i++) {
        free_set(&sets[i]);
    }
    if (json != NULL) {
        fclose(json);
    }
    if (fine) {
        printf("{\"bench\": \"embed_kernel\", \"machine\": {\"threads\": %zu}, \"figures\": {%s}, "
               "\"ratios\": {}}\n",
               arguments.threads, figures);
    }
    free(figures);
    return fine ? 0 : 1;
}
