/* embed_texts.c: this library's embedder on texts from a file: how fast, and which vectors.
 *
 *     embed_texts [--model DIR] [--precision P] [--threads N] --texts FILE [--seconds S] [--vectors OUT]
 *     embed_texts [--model DIR] [--precision P] --serve
 *
 * FILE holds one JSON string a line, so that a text may hold any character. The answer is one line of JSON. --serve reads
 * requests from stdin, one JSON object a line, and answers each by a line, so that bench/embed can let engines take
 * turns; bench/lib/embed_peers.py speaks the same protocol:
 *
 *     {"do": "time", "texts": FILE, "threads": N, "seconds": S}   the best of the rounds that fit into S; at least one
 *     {"do": "vectors", "texts": FILE, "out": OUT}                float32, text by text
 *     {"do": "tokenize", "texts": FILE, "seconds": S}             one thread
 *     {"do": "peak"}                                              of this core, at this precision
 *
 * An answer with "error" says why there are no figures. Times are CPU seconds of all threads (cpu_s), of the best round,
 * tokenize_s of them spent before the encoder, and wall seconds (wall_s) of the best round.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "lib/core_peak.h"
#include <heddle/embed.h>

enum {
    THREADS_MAX = 64,
    SHARES_A_THREAD = 8, /* of a set: the last share is what a thread may wait for at the end of a pass */
};

struct set {
    json_t *lines; /* owns the texts */
    struct heddle_embed_text *texts;
    size_t count;
};

struct engine {
    struct heddle_embedder *embedder;
    struct heddle_embedder_worker *workers[THREADS_MAX]; /* made when first needed, kept: one warms up */
    double load_s;
};

/* One pass over a set; its threads take the next share until none is left. */
struct pass {
    const struct set *set;
    size_t width; /* floats in a vector */
    float *vectors;
    size_t share; /* texts taken at a time */
    atomic_size_t next;
    atomic_bool failed;
};

struct lane {
    struct pass *pass;
    struct heddle_embedder_worker *worker;
    uint64_t cpu_ns;
    uint64_t tokenize_ns;
    uint64_t tokens;
};

struct figures {
    double cpu_s;
    double wall_s;
    double tokenize_s;
    uint64_t tokens;
};

static double seconds_of(uint64_t ns)
{
    return (double)ns * 1e-9;
}

static json_t *problem(const char *text)
{
    return json_pack("{s:s}", "error", text);
}

static void set_free(struct set *set)
{
    free(set->texts);
    json_decref(set->lines);
    *set = (struct set){0};
}

/* One JSON string a line; answers false where the file cannot be read as that. */
static bool set_read(const char *path, struct set *set)
{
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    *set = (struct set){.lines = json_array()};
    bool fine = file != NULL && set->lines != NULL;
    while (fine && getline(&line, &room, file) > 0) {
        json_t *text = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        fine = json_is_string(text);
        fine = json_array_append_new(set->lines, text) == 0 && fine;
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    set->count = json_array_size(set->lines);
    set->texts = calloc(set->count + 1, sizeof *set->texts);
    for (size_t i = 0; fine && set->texts != NULL && i < set->count; i++) {
        const json_t *text = json_array_get(set->lines, i);
        set->texts[i] = (struct heddle_embed_text){json_string_value(text), json_string_length(text)};
    }
    return fine && set->texts != NULL && set->count > 0;
}

static void *run_lane(void *argument)
{
    struct lane *lane = argument;
    struct pass *pass = lane->pass;
    struct heddle_embed_statistics before;
    struct heddle_embed_statistics after;
    heddle_embedder_worker_statistics(lane->worker, &before);
    const uint64_t start = heddle_clock_thread_cpu_ns();
    size_t first = atomic_fetch_add(&pass->next, pass->share);
    while (first < pass->set->count) {
        const size_t left = pass->set->count - first;
        const size_t count = left < pass->share ? left : pass->share;
        if (heddle_embedder_embed(lane->worker, pass->set->texts + first, count,
                                  pass->vectors + first * pass->width, NULL, NULL) != HEDDLE_OK) {
            atomic_store(&pass->failed, true);
        }
        first = atomic_fetch_add(&pass->next, pass->share);
    }
    lane->cpu_ns = heddle_clock_thread_cpu_ns() - start;
    heddle_embedder_worker_statistics(lane->worker, &after);
    lane->tokenize_ns = after.tokenize_ns - before.tokenize_ns;
    lane->tokens = after.tokens - before.tokens;
    return NULL;
}

static bool run_pass(struct engine *engine, const struct set *set, size_t threads, float *vectors,
                     struct figures *out)
{
    struct pass pass = {
        .set = set, .width = heddle_embedder_dimensions(engine->embedder), .vectors = vectors};
    const size_t share = set->count / (threads * SHARES_A_THREAD);
    pass.share = threads == 1 ? set->count : (share == 0 ? 1 : share);
    struct lane lanes[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    size_t started = 0;
    const uint64_t start = heddle_clock_ns();
    while (started < threads) {
        lanes[started] = (struct lane){.pass = &pass, .worker = engine->workers[started]};
        if (pthread_create(&ids[started], NULL, run_lane, &lanes[started]) != 0) {
            break;
        }
        started++;
    }
    *out = (struct figures){0};
    for (size_t i = 0; i < started; i++) {
        pthread_join(ids[i], NULL);
        out->cpu_s += seconds_of(lanes[i].cpu_ns);
        out->tokenize_s += seconds_of(lanes[i].tokenize_ns);
        out->tokens += lanes[i].tokens;
    }
    out->wall_s = seconds_of(heddle_clock_ns() - start);
    return started == threads && !atomic_load(&pass.failed);
}

static json_t *answer_time(struct engine *engine, const struct set *set, size_t threads, double seconds)
{
    float *vectors = calloc(set->count * heddle_embedder_dimensions(engine->embedder), sizeof *vectors);
    struct figures best = {.cpu_s = 1e30, .wall_s = 1e30};
    bool fine = vectors != NULL && threads >= 1 && threads <= THREADS_MAX;
    for (size_t i = 0; fine && i < threads; i++) {
        fine = engine->workers[i] != NULL ||
               heddle_embedder_worker_create(engine->embedder, &engine->workers[i], NULL) == HEDDLE_OK;
    }
    const uint64_t start = heddle_clock_ns();
    int rounds = 0;
    while (fine && (rounds == 0 || seconds_of(heddle_clock_ns() - start) < seconds)) {
        struct figures now;
        fine = run_pass(engine, set, threads, vectors, &now);
        best.tokens = now.tokens;
        best.tokenize_s = now.cpu_s < best.cpu_s ? now.tokenize_s : best.tokenize_s;
        best.cpu_s = now.cpu_s < best.cpu_s ? now.cpu_s : best.cpu_s;
        best.wall_s = now.wall_s < best.wall_s ? now.wall_s : best.wall_s;
        rounds++;
    }
    free(vectors);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return !fine ? problem("embedding failed")
                 : json_pack("{s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:f}", "texts", (json_int_t)set->count,
                             "tokens", (json_int_t)best.tokens, "rounds", rounds, "cpu_s", best.cpu_s,
                             "wall_s", best.wall_s, "tokenize_s", best.tokenize_s, "rss_mb",
                             (double)usage.ru_maxrss / 1e3 * 1.024, "load_ms", engine->load_s * 1e3);
}

static json_t *answer_vectors(struct engine *engine, const struct set *set, const char *path)
{
    const size_t width = heddle_embedder_dimensions(engine->embedder);
    float *vectors = calloc(set->count * width, sizeof *vectors);
    struct heddle_embedder_worker *worker = NULL;
    FILE *file = path == NULL ? NULL : fopen(path, "wb");
    bool fine = vectors != NULL && file != NULL &&
                heddle_embedder_worker_create(engine->embedder, &worker, NULL) == HEDDLE_OK &&
                heddle_embedder_embed(worker, set->texts, set->count, vectors, NULL, NULL) == HEDDLE_OK &&
                fwrite(vectors, width * sizeof *vectors, set->count, file) == set->count;
    fine = (file == NULL || fclose(file) == 0) && fine;
    heddle_embedder_worker_destroy(worker);
    free(vectors);
    return fine ? json_pack("{s:I, s:I}", "texts", (json_int_t)set->count, "dimensions", (json_int_t)width)
                : problem("the vectors could not be made or written");
}

static json_t *answer_tokenize(struct engine *engine, const struct set *set, double seconds)
{
    struct heddle_embedder_worker *worker = NULL;
    bool fine = heddle_embedder_worker_create(engine->embedder, &worker, NULL) == HEDDLE_OK;
    double best = 1e30;
    size_t tokens = 0;
    const uint64_t start = heddle_clock_ns();
    do {
        const uint64_t round = heddle_clock_thread_cpu_ns();
        tokens = 0;
        for (size_t i = 0; fine && i < set->count; i++) {
            const uint32_t *ids;
            size_t count = 0;
            fine = heddle_embedder_tokenize(worker, set->texts[i].text, set->texts[i].length, &ids, &count,
                                            NULL, NULL) == HEDDLE_OK;
            tokens += count;
        }
        const double spent = seconds_of(heddle_clock_thread_cpu_ns() - round);
        best = spent < best ? spent : best;
    } while (fine && seconds_of(heddle_clock_ns() - start) < seconds);
    heddle_embedder_worker_destroy(worker);
    return fine ? json_pack("{s:I, s:I, s:f}", "texts", (json_int_t)set->count, "tokens", (json_int_t)tokens,
                            "cpu_s", best)
                : problem("a text could not be tokenized");
}

static json_t *answer(struct engine *engine, const json_t *request)
{
    const char *verb = json_string_value(json_object_get(request, "do"));
    const double seconds = json_number_value(json_object_get(request, "seconds"));
    verb = verb == NULL ? "" : verb;
    if (strcmp(verb, "peak") == 0) {
        return json_pack("{s:f, s:s}", "operations_per_s",
                         core_peak(heddle_embedder_precision(engine->embedder)), "kernel",
                         heddle_embedder_kernel(engine->embedder));
    }
    struct set set;
    json_t *result = NULL;
    if (!set_read(json_string_value(json_object_get(request, "texts")), &set)) {
        result = problem("the texts cannot be read: one JSON string a line is wanted");
    } else if (strcmp(verb, "time") == 0) {
        const json_int_t threads = json_integer_value(json_object_get(request, "threads"));
        result = answer_time(engine, &set, (size_t)threads, seconds);
    } else if (strcmp(verb, "vectors") == 0) {
        result = answer_vectors(engine, &set, json_string_value(json_object_get(request, "out")));
    } else if (strcmp(verb, "tokenize") == 0) {
        result = answer_tokenize(engine, &set, seconds);
    } else {
        result = problem("\"do\" is time, vectors, tokenize or peak");
    }
    set_free(&set);
    return result;
}

/* Prints an answer and gives it up; false if it was an error. */
static bool reply(json_t *result)
{
    const bool fine = result != NULL && json_object_get(result, "error") == NULL;
    json_dumpf(result, stdout, JSON_REAL_PRECISION(9));
    putchar('\n');
    fflush(stdout);
    json_decref(result);
    return fine;
}

static void serve(struct engine *engine)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        json_t *request = json_loads(line, 0, NULL);
        reply(answer(engine, request));
        json_decref(request);
    }
    free(line);
}

/* The command line as a request; NULL where it is wrong. */
static json_t *parse(int argc, char **argv, const char **model_out, enum heddle_precision *precision_out,
                     bool *serve_out)
{
    json_t *request = json_pack("{s:s, s:i, s:f}", "do", "time", "threads", 1, "seconds", 0.0);
    bool fine = request != NULL;
    for (int i = 1; fine && i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--serve") == 0) {
            *serve_out = true;
            continue;
        }
        const char *value = ++i < argc ? argv[i] : "";
        if (strcmp(flag, "--model") == 0) {
            *model_out = value;
        } else if (strcmp(flag, "--precision") == 0) {
            fine = heddle_precision_parse(value, precision_out);
        } else if (strcmp(flag, "--threads") == 0) {
            json_object_set_new(request, "threads", json_integer((json_int_t)strtoul(value, NULL, 10)));
        } else if (strcmp(flag, "--seconds") == 0) {
            json_object_set_new(request, "seconds", json_real(strtod(value, NULL)));
        } else if (strcmp(flag, "--texts") == 0) {
            json_object_set_new(request, "texts", json_string(value));
        } else if (strcmp(flag, "--vectors") == 0) {
            json_object_set_new(request, "out", json_string(value));
        } else {
            fine = false;
        }
    }
    if (!fine || (!*serve_out && json_object_get(request, "texts") == NULL)) {
        json_decref(request);
        return NULL;
    }
    return request;
}

int main(int argc, char **argv)
{
    const char *model = getenv("HEDDLE_MODEL_DIR");
    model = model == NULL ? "build/deps/models/all-MiniLM-L6-v2" : model;
    struct heddle_embedder_options options = {0};
    bool serves = false;
    json_t *request = parse(argc, argv, &model, &options.precision, &serves);
    if (request == NULL) {
        fprintf(stderr,
                "usage: embed_texts [--model DIR] [--precision P] (--serve | --texts FILE [--threads 1..%d] "
                "[--seconds S] [--vectors OUT])\n",
                THREADS_MAX);
        return 1;
    }
    struct engine engine = {0};
    struct heddle_error error = {0};
    const uint64_t start = heddle_clock_ns();
    bool fine = heddle_embedder_open(model, &options, &engine.embedder, &error) == HEDDLE_OK;
    engine.load_s = seconds_of(heddle_clock_ns() - start);
    if (!fine) {
        reply(problem(error.message));
    } else if (serves) {
        reply(json_pack("{s:s}", "ready", heddle_embedder_kernel(engine.embedder)));
        serve(&engine);
    } else {
        fine = reply(answer(&engine, request));
        if (fine && json_object_get(request, "out") != NULL) {
            json_object_set_new(request, "do", json_string("vectors"));
            fine = reply(answer(&engine, request));
        }
    }
    for (size_t i = 0; i < THREADS_MAX; i++) {
        heddle_embedder_worker_destroy(engine.workers[i]);
    }
    heddle_embedder_close(engine.embedder);
    json_decref(request);
    return fine ? 0 : 1;
}
