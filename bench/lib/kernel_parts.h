/* kernel_parts.h: where the time of one kernel goes: each part of a layer of MiniLM's shape by itself, on random numbers.
 *
 * A part's time is the best of some rounds over one group of tokens; its share of the peak is set against a loop that only
 * touches registers, timed in the same rounds (core_peak.h).
 */
#ifndef HEDDLE_BENCH_KERNEL_PARTS_H
#define HEDDLE_BENCH_KERNEL_PARTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core_peak.h"
#include "model/encoder/kernel.h"

enum { HIDDEN = 384, WIDE = 1536, HEADS = 12, HEAD_WIDTH = 32, GROUP = 256, PART_ROUNDS = 20, PARTS = 6 };

/* Buffers of one group; a part reads and writes what the encoder would. */
struct parts {
    const struct heddle_kernel *kernel;
    struct heddle_linear qkv;
    struct heddle_linear mix;
    struct heddle_linear widen;
    struct heddle_linear narrow;
    float *ones; /* gain and bias */
    float *stream;
    float *mixed;
    void *input;
    void *qkv_out;
    void *context;
    void *wide;
    void *scratch;
    size_t length; /* tokens of a text */
};

static void *part_room(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes) != 0) {
        abort();
    }
    memset(memory, 0, bytes);
    return memory;
}

static float *part_numbers(size_t count, double width)
{
    uint64_t random = count;
    float *values = part_room(count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((heddle_random_unit(&random) - 0.5) * width);
    }
    return values;
}

static struct heddle_linear part_linear(const struct heddle_kernel *kernel, size_t outputs, size_t inputs)
{
    float *weights = part_numbers(outputs * inputs, 0.2);
    const struct heddle_linear linear = {part_room(kernel->packed_bytes(outputs, inputs)),
                                         part_numbers(outputs, 0.2), inputs, outputs};
    kernel->pack(weights, outputs, inputs, linear.weights);
    free(weights);
    return linear;
}

static struct parts parts_create(const struct heddle_kernel *kernel)
{
    const size_t tokens = GROUP + HEDDLE_TOKEN_ROOM;
    const size_t bytes = kernel->activation_bytes;
    const size_t attention = kernel->attention_bytes(GROUP, HEAD_WIDTH);
    const size_t gemm = kernel->gemm_bytes(tokens, WIDE);
    return (struct parts){.kernel = kernel,
                          .qkv = part_linear(kernel, 3 * HIDDEN, HIDDEN),
                          .mix = part_linear(kernel, HIDDEN, HIDDEN),
                          .widen = part_linear(kernel, WIDE, HIDDEN),
                          .narrow = part_linear(kernel, HIDDEN, WIDE),
                          .ones = part_numbers(HIDDEN, 2),
                          .stream = part_numbers(tokens * HIDDEN, 2),
                          .mixed = part_room(tokens * HIDDEN * sizeof(float)),
                          .input = part_room(tokens * HIDDEN * sizeof(float)),
                          .qkv_out = part_room(tokens * 3 * HIDDEN * bytes),
                          .context = part_room(tokens * HIDDEN * bytes),
                          .wide = part_room(tokens * WIDE * bytes),
                          .scratch = part_room(attention > gemm ? attention : gemm)};
}

static void parts_free(struct parts *parts)
{
    struct heddle_linear *linears[] = {&parts->qkv, &parts->mix, &parts->widen, &parts->narrow};
    for (size_t i = 0; i < 4; i++) {
        free(linears[i]->weights);
        free(linears[i]->bias);
    }
    void *rooms[] = {parts->ones,    parts->stream,  parts->mixed, parts->input,
                     parts->qkv_out, parts->context, parts->wide,  parts->scratch};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        free(rooms[i]);
    }
}

static void run_attention(struct parts *parts)
{
    const size_t bytes = HIDDEN * parts->kernel->activation_bytes;
    for (size_t first = 0; first < GROUP; first += parts->length) {
        const struct heddle_attention attention = {.qkv = (char *)parts->qkv_out + first * 3 * bytes,
                                                   .tokens = parts->length,
                                                   .heads = HEADS,
                                                   .head_width = HEAD_WIDTH,
                                                   .context = (char *)parts->context + first * bytes,
                                                   .scratch = parts->scratch};
        parts->kernel->attention(&attention);
    }
}

static const char *const part_names[PARTS] = {"qkv", "attention", "mix", "widen", "narrow", "LayerNorm"};

static void run_part(struct parts *parts, size_t part)
{
    const struct heddle_kernel *kernel = parts->kernel;
    switch (part) {
    case 0:
        kernel->gemm(&parts->qkv, parts->input, GROUP, HEDDLE_EPILOGUE_BIAS, NULL, parts->qkv_out,
                     parts->scratch);
        break;
    case 1: run_attention(parts); break;
    case 2:
        kernel->gemm(&parts->mix, parts->context, GROUP, HEDDLE_EPILOGUE_RESIDUAL, parts->stream,
                     parts->mixed, parts->scratch);
        break;
    case 3:
        kernel->gemm(&parts->widen, parts->input, GROUP, HEDDLE_EPILOGUE_GELU, NULL, parts->wide,
                     parts->scratch);
        break;
    case 4:
        kernel->gemm(&parts->narrow, parts->wide, GROUP, HEDDLE_EPILOGUE_RESIDUAL, parts->mixed,
                     parts->stream, parts->scratch);
        break;
    default: /* two a layer; the second also makes the next round's input */
        kernel->layer_norm(parts->mixed, GROUP, HIDDEN, parts->ones, parts->ones, 1e-12f, parts->input);
        kernel->layer_norm(parts->stream, GROUP, HIDDEN, parts->ones, parts->ones, 1e-12f, parts->input);
    }
}

/* Operations of a part for one token. */
static double part_operations(const struct parts *parts, size_t part)
{
    const double products[PARTS] = {3.0 * HIDDEN * HIDDEN, 2.0 * HIDDEN * (double)parts->length,
                                    1.0 * HIDDEN * HIDDEN, 1.0 * WIDE * HIDDEN,
                                    1.0 * WIDE * HIDDEN,   0};
    return 2 * products[part];
}

/* Prints microseconds a token (of one layer), share of the time and share of the peak of each part. */
static void measure_parts(const struct heddle_kernel *kernel, size_t length)
{
    struct parts parts = parts_create(kernel);
    uint64_t best[PARTS];
    double peak = 0;
    double total = 0;
    parts.length = length;
    memset(best, 0xff, sizeof best);
    if (kernel->begin != NULL) {
        kernel->begin();
    }
    for (size_t round = 0; round < PART_ROUNDS; round++) {
        const double now = core_peak(kernel->precision);
        peak = now > peak ? now : peak;
        for (size_t part = 0; part < PARTS; part++) {
            const uint64_t start = heddle_clock_ns();
            run_part(&parts, part);
            const uint64_t spent = heddle_clock_ns() - start;
            best[part] = spent < best[part] ? spent : best[part];
        }
    }
    if (kernel->end != NULL) {
        kernel->end();
    }
    for (size_t part = 0; part < PARTS; part++) {
        total += (double)best[part];
    }
    for (size_t part = 0; part < PARTS; part++) {
        const double seconds = (double)best[part] * 1e-9 / GROUP;
        printf("%-12s %-8zu %-10s %9.3f %10.1f", kernel->name, length, part_names[part], seconds * 1e6,
               100 * (double)best[part] / total);
        if (peak > 0 && part_operations(&parts, part) > 0) {
            printf(" %11.1f", 100 * part_operations(&parts, part) / seconds / peak);
        }
        printf("\n");
    }
    parts_free(&parts);
}

#endif
