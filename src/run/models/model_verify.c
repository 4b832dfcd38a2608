/* model_verify.c: a few texts whose vectors are known to relate, and every precision on the caller's own. */
#include "run/models/model_verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/models/model_open.h"

enum { LONG_WORDS = 500 };

struct verifier {
    const struct heddle_options *options;
    struct heddle_arena *arena;
    struct heddle_model_report *report;
    struct heddle_embedder *embedder;
    size_t dimensions;
};

static void note(struct verifier *verifier, const char *what, bool ok, const char *format, double a, double b)
{
    struct heddle_model_check *check = &verifier->report->checks[verifier->report->check_count++];
    check->what = what;
    check->ok = ok;
    snprintf(check->detail, sizeof check->detail, format, a, b);
    verifier->report->ok = verifier->report->ok && ok;
}

static double dot(const float *a, const float *b, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static double cosine(const float *a, const float *b, size_t width)
{
    const double norms = sqrt(dot(a, a, width)) * sqrt(dot(b, b, width));
    return norms > 0 ? dot(a, b, width) / norms : 0;
}

static int embed(struct verifier *verifier, const struct heddle_embed_text *texts, size_t count,
                 float **vectors_out, struct heddle_embed_status *status, struct heddle_error *error)
{
    *vectors_out = heddle_arena_calloc(verifier->arena, count * verifier->dimensions, sizeof **vectors_out);
    if (*vectors_out == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_embedder_embed_all(verifier->embedder, heddle_embed_threads(verifier->options), texts,
                                     count, *vectors_out, status, NULL, error);
}

static struct heddle_embed_text text_of(const char *text)
{
    return (struct heddle_embed_text){text, strlen(text)};
}

/* ---- checks ---- */

static int check_meaning(struct verifier *verifier, struct heddle_error *error)
{
    const struct heddle_embed_text texts[] = {text_of("The hydraulic pump is leaking oil."),
                                              text_of("Oil leaks from the hydraulic pump."),
                                              text_of("My sister bakes bread on Sundays.")};
    const size_t width = verifier->dimensions;
    float *vectors = NULL;
    struct heddle_embed_status status[3];
    HEDDLE_TRY(embed(verifier, texts, 3, &vectors, status, error));
    size_t done = 0;
    for (size_t i = 0; i < 3; i++) {
        done +=
            status[i].result == HEDDLE_EMBED_DONE && dot(vectors + i * width, vectors + i * width, width) > 0;
    }
    note(verifier, "three texts give three vectors", done == 3, "%.0f x %.0f", (double)done, (double)width);
    const double near = cosine(vectors, vectors + width, width);
    const double far = cosine(vectors, vectors + 2 * width, width);
    note(verifier, "a similar text is nearer than a dissimilar one", near > far, "cosine %.3f against %.3f",
         near, far);
    return HEDDLE_OK;
}

/* Every number finite, and the length 1 where the model normalises. */
static bool is_sound(const float *vector, size_t width, bool normalized)
{
    const double squares = dot(vector, vector, width);
    return isfinite(squares) && squares > 0 && (!normalized || fabs(squares - 1) < 1e-4);
}

static int check_edges(struct verifier *verifier, struct heddle_error *error)
{
    static const char word[] = "word ";
    char *many = heddle_arena_calloc(verifier->arena, LONG_WORDS, sizeof word);
    if (many == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < LONG_WORDS; i++) {
        memcpy(many + i * strlen(word), word, strlen(word));
    }
    const struct {
        const char *what;
        struct heddle_embed_text text;
    } edges[] = {{"an empty text has a vector", {"", 0}},
                 {"one letter has a vector", {"a", 1}},
                 {"500 words have a vector", {many, LONG_WORDS * strlen(word)}},
                 {"digits have a vector", text_of("1234567890")}};
    struct heddle_embedder_info info;
    heddle_embedder_describe(verifier->embedder, &info);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        float *vector = NULL;
        struct heddle_embed_status status;
        HEDDLE_TRY(embed(verifier, &edges[i].text, 1, &vector, &status, error));
        const bool ok =
            status.result == HEDDLE_EMBED_DONE && is_sound(vector, verifier->dimensions, info.normalized);
        note(verifier, edges[i].what, ok, "length %.4f, %.0f tokens",
             sqrt(dot(vector, vector, verifier->dimensions)), (double)status.tokens);
        if (status.result != HEDDLE_EMBED_DONE) {
            struct heddle_model_check *check = &verifier->report->checks[verifier->report->check_count - 1];
            snprintf(check->detail, sizeof check->detail, "%s", status.reason);
        }
    }
    return HEDDLE_OK;
}

/* The same texts alone and together. */
static int check_batches(struct verifier *verifier, const struct heddle_embed_text *texts, size_t count,
                         struct heddle_error *error)
{
    const size_t some = count < 16 ? count : 16;
    const size_t width = verifier->dimensions;
    float *together = NULL;
    double difference = 0;
    HEDDLE_TRY(embed(verifier, texts, some, &together, NULL, error));
    for (size_t i = 0; i < some; i++) {
        float *alone = NULL;
        HEDDLE_TRY(embed(verifier, &texts[i], 1, &alone, NULL, error));
        for (size_t d = 0; d < width; d++) {
            difference = fmax(difference, fabs((double)alone[d] - (double)together[i * width + d]));
        }
    }
    struct heddle_embedder_info info;
    heddle_embedder_describe(verifier->embedder, &info);
    /* Only the encoder of this process promises it to the bit. */
    const double allowed = strcmp(info.provider, "native") == 0 ? 0 : 1e-3;
    note(verifier, "a text has one vector in any batch", difference <= allowed,
         "largest difference %.1e over %.0f texts", difference, (double)some);
    return HEDDLE_OK;
}

/* ---- prices ---- */

static void compare(const float *vectors, const float *exact, size_t count, size_t width,
                    struct heddle_model_price *price)
{
    size_t compared = 0;
    price->cosine_min = 1;
    for (size_t i = 0; i < count; i++) {
        const float *a = vectors + i * width;
        const float *b = exact + i * width;
        if (dot(b, b, width) > 0) {
            const double near = cosine(a, b, width);
            price->cosine_min = fmin(price->cosine_min, near);
            price->cosine_mean += near;
            compared++;
        }
        for (size_t d = 0; d < width; d++) {
            price->difference_max = fmax(price->difference_max, fabs((double)a[d] - (double)b[d]));
        }
    }
    price->cosine_mean /= compared > 0 ? (double)compared : 1;
}

/* The sample's vectors by `embedder`, timed. */
static int measure(struct verifier *verifier, const struct heddle_embedder *embedder,
                   const struct heddle_embed_text *texts, size_t count, float *vectors,
                   struct heddle_model_price *price, struct heddle_error *error)
{
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    price->kernel = heddle_arena_copy_text(verifier->arena, info.kernel, strlen(info.kernel));
    const uint64_t start = heddle_clock_ns();
    const int status = heddle_embedder_embed_all(embedder, heddle_embed_threads(verifier->options), texts,
                                                 count, vectors, NULL, NULL, error);
    price->texts_per_second = (double)count / ((double)(heddle_clock_ns() - start) / 1e9 + 1e-9);
    return status;
}

/* Opens the model `local` here in `precision`, with the caller's prompt and dimensions. */
static int open_native(struct verifier *verifier, const char *local, const char *precision,
                       struct heddle_embedder **embedder_out, struct heddle_error *error)
{
    struct heddle_options options = *verifier->options;
    options.values[HEDDLE_OPTION_KERNEL] = (struct heddle_option_value){0};
    options.values[HEDDLE_OPTION_EMBEDDING_CACHE] = (struct heddle_option_value){0};
    HEDDLE_TRY(
        heddle_options_set(&options, HEDDLE_OPTION_PROVIDER, "native", HEDDLE_ORIGIN_FLAG, "verify", error));
    HEDDLE_TRY(heddle_options_set(&options, HEDDLE_OPTION_PRECISION, precision, HEDDLE_ORIGIN_FLAG, "verify",
                                  error));
    return heddle_model_open(&options, local, HEDDLE_MODEL_FOR_DOCUMENTS, verifier->arena, embedder_out,
                             error);
}

static int price_native(struct verifier *verifier, const char *local, const struct heddle_embed_text *texts,
                        size_t count, const float *exact, float *vectors, struct heddle_error *error)
{
    static const enum heddle_precision narrower[] = {HEDDLE_PRECISION_BF16, HEDDLE_PRECISION_INT8};
    for (size_t i = 0; i < sizeof narrower / sizeof narrower[0]; i++) {
        struct heddle_model_price *price = &verifier->report->prices[verifier->report->price_count];
        struct heddle_embedder *embedder = NULL;
        if (!heddle_precision_runs(narrower[i])) {
            continue;
        }
        price->what = heddle_precision_name(narrower[i]);
        HEDDLE_TRY(open_native(verifier, local, price->what, &embedder, error));
        const int status = measure(verifier, embedder, texts, count, vectors, price, error);
        heddle_embedder_close(embedder);
        HEDDLE_TRY(status);
        compare(vectors, exact, count, verifier->dimensions, price);
        verifier->report->price_count++;
    }
    return HEDDLE_OK;
}

static int price_provider(struct verifier *verifier, const struct heddle_embed_text *texts, size_t count,
                          const float *exact, float *vectors, struct heddle_error *error)
{
    struct heddle_model_price *price = &verifier->report->prices[verifier->report->price_count];
    HEDDLE_TRY(measure(verifier, verifier->embedder, texts, count, vectors, price, error));
    compare(vectors, exact, count, verifier->dimensions, price);
    price->what = verifier->options->values[HEDDLE_OPTION_PROVIDER].text;
    verifier->report->price_count++;
    return HEDDLE_OK;
}

static int price_all(struct verifier *verifier, const char *local, const struct heddle_embed_text *texts,
                     size_t count, struct heddle_error *error)
{
    const size_t width = verifier->dimensions;
    struct heddle_model_price *exactly = &verifier->report->prices[verifier->report->price_count++];
    struct heddle_embedder *reference = NULL;
    float *exact = heddle_arena_calloc(verifier->arena, count * width, sizeof *exact);
    float *vectors = heddle_arena_calloc(verifier->arena, count * width, sizeof *vectors);
    if (exact == NULL || vectors == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(open_native(verifier, local, "fp32", &reference, error));
    const bool same = heddle_embedder_dimensions(reference) == width;
    const int status =
        same
            ? measure(verifier, reference, texts, count, exact, exactly, error)
            : heddle_error_set(error, HEDDLE_MODEL,
                               "the service answers %zu dimensions, %s has %zu: they are different models",
                               width, heddle_embedder_name(reference), heddle_embedder_dimensions(reference));
    heddle_embedder_close(reference);
    HEDDLE_TRY(status);
    exactly->what = "fp32";
    exactly->cosine_min = exactly->cosine_mean = 1;
    struct heddle_embedder_info info;
    heddle_embedder_describe(verifier->embedder, &info);
    return strcmp(info.provider, "native") == 0
               ? price_native(verifier, local, texts, count, exact, vectors, error)
               : price_provider(verifier, texts, count, exact, vectors, error);
}

int heddle_model_verify(const struct heddle_options *options, const char *name, const char *local,
                        const struct heddle_embed_text *texts, size_t count, struct heddle_arena *arena,
                        struct heddle_model_report *report_out, struct heddle_error *error)
{
    struct verifier verifier = {.options = options, .arena = arena, .report = report_out};
    *report_out = (struct heddle_model_report){.texts = count, .ok = true};
    HEDDLE_TRY(
        heddle_model_open(options, name, HEDDLE_MODEL_FOR_DOCUMENTS, arena, &verifier.embedder, error));
    verifier.dimensions = heddle_embedder_dimensions(verifier.embedder);
    const char *found = heddle_embedder_name(verifier.embedder);
    report_out->name = heddle_arena_copy_text(arena, found, strlen(found));
    int status =
        report_out->name == NULL ? heddle_error_out_of_memory(error) : check_meaning(&verifier, error);
    status = status == HEDDLE_OK ? check_edges(&verifier, error) : status;
    status = status == HEDDLE_OK ? check_batches(&verifier, texts, count, error) : status;
    status = status == HEDDLE_OK ? price_all(&verifier, local == NULL ? name : local, texts, count, error)
                                 : status;
    heddle_embedder_close(verifier.embedder);
    return status;
}
