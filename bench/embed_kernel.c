/* embed_kernel.c: tokens a second of each kernel, on texts of fixed and of mixed length, and where the time goes.
 *
 *     embed_kernel [--quick] [--model DIR] [--kernel NAME] [--texts 16|32|128|256|mixed] [--threads N]
 *
 * Prints a table for people and then one line of JSON. Figures are tokens per CPU second (one core) and per second of
 * wall time, best of the rounds: a shared machine is only ever slower than itself. Texts are random words, all
 * different, so that nothing is folded; they come from a seed, equal on every machine. The share of the peak sets the
 * multiplications of dense layers and attention against what the core does at most, measured between the same rounds.
 * A second table splits one layer of MiniLM's shape into its parts.
 */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <heddle/embed.h>

#include "base/clock.h"
#include "base/hash.h"
#include "lib/core_peak.h"
#include "lib/kernel_parts.h"

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
    size_t *lengths; /* in tokens */
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
    set->lengths = calloc(set->count, sizeof *set->lengths);
    set->tokens = 0;
    for (size_t i = 0; set->texts != NULL && set->lengths != NULL && i < set->count; i++) {
        char text[TEXT_BYTES_MAX];
        size_t length = 0;
        const size_t tokens =
            set->tokens_min + heddle_random_below(&random, set->tokens_max - set->tokens_min + 1);
        for (size_t word = 0; word < tokens - 2; word++) {
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", word == 0 ? "" : " ",
                                       words[heddle_random_below(&random, sizeof words / sizeof words[0])]);
        }
        set->texts[i] = (struct heddle_embed_text){strndup(text, length), length};
        set->lengths[i] = tokens;
        set->tokens += tokens;
    }
    return set->texts != NULL && set->lengths != NULL;
}

static void free_set(struct set *set)
{
    for (size_t i = 0; set->texts != NULL && i < set->count; i++) {
        free((char *)set->texts[i].text);
    }
    free(set->texts);
    free(set->lengths);
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

/* Operations of the model for one token of the set: dense layers, and two products with each token of its own text. */
static double operations_a_token(const struct heddle_embedder *embedder, const struct set *set)
{
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    const double hidden = (double)info.dimensions;
    double squares = 0;
    for (size_t i = 0; i < set->count; i++) {
        squares += (double)set->lengths[i] * (double)set->lengths[i];
    }
    return 2 * (double)info.layers *
           (4 * hidden * hidden + 2 * hidden * (double)info.intermediate +
            2 * hidden * squares / (double)set->tokens);
}

/* Rounds of one set on one kernel; prints its row and adds to the JSON. */
static bool measure(const struct heddle_embedder *embedder, const struct set *set, size_t threads,
                    size_t rounds, FILE *json)
{
    float *vectors = calloc(set->count * heddle_embedder_dimensions(embedder), sizeof *vectors);
    double cpu_best = 1e30;
    double wall_best = 1e30;
    double tokenize_best = 1e30;
    double peak = 0;
    bool fine = vectors != NULL;
    for (size_t i = 0; fine && i < rounds; i++) {
        double cpu = 0;
        double wall = 0;
        double tokenize = 0;
        peak = fmax(peak, core_peak(heddle_embedder_precision(embedder)));
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
    const double share = peak > 0 ? 100 * tokens / cpu_best * operations_a_token(embedder, set) / peak : 0;
    printf("%-12s %-8s %10.0f %10.0f %10.0f %10.1f %10.1f\n", heddle_embedder_kernel(embedder), set->name,
           tokens / cpu_best, tokens / wall_best, texts / wall_best, tokenize_best / texts * 1e6, share);
    fprintf(json, "%s\"%s_%s_tokens_per_cpu_second\": %.0f, \"%s_%s_percent_of_peak\": %.1f",
            ftell(json) == 0 ? "" : ", ", heddle_embedder_kernel(embedder), set->name, tokens / cpu_best,
            heddle_embedder_kernel(embedder), set->name, share);
    return true;
}

static bool measure_kernel(const char *directory, const char *kernel, struct set *sets, size_t set_count,
                           size_t threads, size_t rounds, FILE *json)
{
    const struct heddle_embedder_options options = {.kernel = kernel};
    struct heddle_error error = {0};
    struct heddle_embedder *embedder = NULL;
    const uint64_t start = heddle_clock_ns();
    if (heddle_embedder_open(directory, &options, &embedder, &error) != HEDDLE_OK) {
        fprintf(stderr, "embed_kernel: %s\n", error.message);
        return false;
    }
    const double load = (double)(heddle_clock_ns() - start) * 1e-6;
    bool fine = true;
    for (size_t i = 0; fine && i < set_count; i++) {
        fine = sets[i].tokens == 0 || measure(embedder, &sets[i], threads, rounds, json);
    }
    heddle_embedder_close(embedder);
    printf("%-12s loaded in %.0f ms\n", kernel, load);
    fprintf(json, ", \"%s_load_ms\": %.0f", kernel, load);
    return fine;
}

struct arguments {
    const char *directory;
    const char *kernel;
    const char *texts;
    size_t threads;
    size_t rounds;
};

static bool parse(int argc, char **argv, struct arguments *out)
{
    const char *directory = getenv("HEDDLE_MODEL_DIR");
    *out = (struct arguments){directory == NULL ? "build/deps/models/all-MiniLM-L6-v2" : directory, NULL,
                              NULL, 1, 5};
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--quick") == 0) {
            out->rounds = 1;
        } else if (has_value && strcmp(argv[i], "--model") == 0) {
            out->directory = argv[++i];
        } else if (has_value && strcmp(argv[i], "--kernel") == 0) {
            out->kernel = argv[++i];
        } else if (has_value && strcmp(argv[i], "--texts") == 0) {
            out->texts = argv[++i];
        } else if (has_value && strcmp(argv[i], "--threads") == 0) {
            out->threads = strtoul(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return out->threads >= 1 && out->threads <= THREADS_MAX;
}

static bool asked(const struct arguments *arguments, const char *kernel)
{
    const bool wanted =
        arguments->kernel == NULL ? strcmp(kernel, "scalar") != 0 : strcmp(kernel, arguments->kernel) == 0;
    return wanted && heddle_embedder_kernel_runs(kernel);
}

static bool measure_kernels(const struct arguments *arguments, struct set *sets, size_t set_count, FILE *json)
{
    printf("%-12s %-8s %10s %10s %10s %10s %10s\n", "kernel", "tokens", "tok/cpu s", "tok/s", "texts/s",
           "us to tok", "% of peak");
    const char *const *kernels = heddle_embedder_kernel_names();
    bool fine = true;
    for (size_t i = 0; fine && kernels[i] != NULL; i++) {
        if (asked(arguments, kernels[i])) {
            fine = measure_kernel(arguments->directory, kernels[i], sets, set_count, arguments->threads,
                                  arguments->rounds, json);
        }
    }
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        printf("most memory of all kernels: %ld MB\n", usage.ru_maxrss / 1024);
        fprintf(json, ", \"rss_mb\": %ld", usage.ru_maxrss / 1024);
    }
    return fine;
}

static void print_parts(const struct arguments *arguments)
{
    printf("%-12s %-8s %-10s %9s %10s %11s\n", "kernel", "tokens", "part", "us/token", "% of time",
           "% of peak");
    const struct heddle_kernel *const *kernels = heddle_kernels();
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (asked(arguments, kernels[i]->name)) {
            measure_parts(kernels[i], 16);
            measure_parts(kernels[i], 256);
        }
    }
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
        fprintf(stderr,
                "usage: embed_kernel [--quick] [--model DIR] [--kernel NAME] [--texts 16|32|128|256|mixed] "
                "[--threads 1..%d]\n",
                THREADS_MAX);
        return 1;
    }
    char *figures = NULL;
    size_t length = 0;
    FILE *json = open_memstream(&figures, &length);
    bool fine = json != NULL;
    for (size_t i = 0; i < set_count; i++) {
        if (arguments.texts == NULL || strcmp(arguments.texts, sets[i].name) == 0) {
            fine = make_set(&sets[i]) && fine;
        }
    }
    fine = fine && measure_kernels(&arguments, sets, set_count, json);
    print_parts(&arguments);
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
