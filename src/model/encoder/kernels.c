/* kernels.c: which kernels there are, and which one this CPU gets. */
#include <string.h>

#include "model/encoder/kernel.h"

static const struct heddle_kernel *const kernels[] = {
    &heddle_kernel_scalar,
#if defined(__x86_64__)
    &heddle_kernel_avx2_fp32,
    &heddle_kernel_avx512_fp32,
    &heddle_kernel_avx512_bf16,
    &heddle_kernel_amx_bf16,
    &heddle_kernel_avx512_int8,
#elif defined(__aarch64__)
    &heddle_kernel_neon_fp32,
#endif
    NULL,
};

/* In the order of `kernels`; a test holds the two against each other. */
static const char *const names[] = {
    "scalar",
#if defined(__x86_64__)
    "avx2_fp32", "avx512_fp32", "avx512_bf16", "amx_bf16", "avx512_int8",
#elif defined(__aarch64__)
    "neon_fp32",
#endif
    NULL,
};

const char *const *heddle_kernel_names(void)
{
    return names;
}

const struct heddle_kernel *const *heddle_kernels(void)
{
    return kernels;
}

bool heddle_kernel_always(void)
{
    return true;
}

size_t heddle_kernel_float_bytes(size_t outputs, size_t inputs)
{
    return outputs * inputs * sizeof(float);
}

size_t heddle_kernel_no_bytes(size_t tokens, size_t inputs)
{
    (void)tokens;
    (void)inputs;
    return 0;
}

/* "scalar, avx2_fp32": those that run here. */
static void list_runnable(char *text, size_t size)
{
    text[0] = '\0';
    size_t used = 0;
    for (size_t i = 0; kernels[i] != NULL; i++) {
        const size_t length = strlen(kernels[i]->name);
        if (kernels[i]->runs() && used + length + 3 < size) {
            memcpy(text + used, used == 0 ? "" : ", ", used == 0 ? 0 : 2);
            used += used == 0 ? 0 : 2;
            memcpy(text + used, kernels[i]->name, length + 1);
            used += length;
        }
    }
}

/* bf16 where it is faster than fp32: it is close enough to be a default. int8 is not. */
static enum heddle_precision best_precision(void)
{
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (kernels[i]->precision == HEDDLE_PRECISION_BF16 && kernels[i]->runs() && kernels[i]->is_fast()) {
            return HEDDLE_PRECISION_BF16;
        }
    }
    return HEDDLE_PRECISION_FP32;
}

int heddle_kernel_choose(const char *name, enum heddle_precision precision,
                         const struct heddle_kernel **kernel_out, struct heddle_error *error)
{
    char runnable[256];
    list_runnable(runnable, sizeof runnable);
    const struct heddle_kernel *chosen = NULL;
    const enum heddle_precision wanted = precision == HEDDLE_PRECISION_AUTO ? best_precision() : precision;
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (name != NULL && strcmp(kernels[i]->name, name) == 0) {
            chosen = kernels[i];
        } else if (name == NULL && kernels[i]->precision == wanted && kernels[i]->runs()) {
            chosen = kernels[i];
        }
    }
    if (chosen == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no kernel %s for %s; this CPU runs: %s",
                                name == NULL ? "at all" : name, heddle_precision_name(wanted), runnable);
    }
    if (!chosen->runs()) {
        return heddle_error_set(error, HEDDLE_INVALID, "this CPU cannot run kernel %s; it runs: %s",
                                chosen->name, runnable);
    }
    if (precision != HEDDLE_PRECISION_AUTO && chosen->precision != precision) {
        return heddle_error_set(error, HEDDLE_INVALID, "kernel %s computes in %s, not in %s", chosen->name,
                                heddle_precision_name(chosen->precision), heddle_precision_name(precision));
    }
    *kernel_out = chosen;
    return HEDDLE_OK;
}
