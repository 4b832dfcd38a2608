/* kernel.h: the arithmetic of the encoder for one kind of CPU, as a table of functions.
 *
 * A kernel packs weights into its own layout and reads activations of its own width, so that narrower kinds (bf16,
 * int8) fit in beside fp32. What every kernel promises: the result for one token (attention: one sequence) depends on
 * that token's inputs only, never on how many others are in the call or where it stands among them. Each output
 * number is one chain of additions in a fixed order; that makes vectors bit-identical for any batch.
 *
 * Shapes: T tokens, K inputs, N outputs, H hidden width. All widths are multiples of 32.
 * Threads: pure functions on the caller's memory.
 */
#ifndef HEDDLE_MODEL_ENCODER_KERNEL_H
#define HEDDLE_MODEL_ENCODER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include <heddle/embed.h>

#include "base/error.h"

/* Tokens of room behind the activations of a group: a kernel that works on blocks of tokens may touch them. */
enum { HEDDLE_TOKEN_ROOM = 32 };

/* What happens to x.W + b before it is stored. */
enum heddle_epilogue {
    HEDDLE_EPILOGUE_BIAS,     /* stored as activation */
    HEDDLE_EPILOGUE_GELU,     /* erf GELU, stored as activation */
    HEDDLE_EPILOGUE_RESIDUAL, /* + residual (T,N), stored as float */
};

/* One linear layer: y (T,N) = x (T,K) . W^T + bias. */
struct heddle_linear {
    void *weights;  /* packed by the kernel, aligned to 64 */
    float *bias;    /* (N), aligned to 64 */
    size_t inputs;  /* K */
    size_t outputs; /* N */
};

/* Attention of one sequence over all heads. */
struct heddle_attention {
    const void
        *qkv; /* activations (T,3H): queries, already divided by sqrt(head_width), then keys, then values */
    size_t first;  /* tokens of the group in front of this sequence: `qkv` and `context` point behind them */
    size_t tokens; /* T, of this sequence */
    size_t heads;
    size_t head_width;
    void *context; /* activations (T,H) */
    void *scratch; /* attention_bytes(), aligned to 64 */
};

struct heddle_kernel {
    const char *name;
    enum heddle_precision precision;
    size_t activation_bytes; /* of one activation; 4: float */

    /* True if this CPU and its operating system can run it. */
    bool (*runs)(void);

    /* True if this CPU runs it at its full rate, so that a narrower precision is worth its price; asked only where
     * runs() is true. */
    bool (*is_fast)(void);

    /* Called by a thread around its calls of gemm, layer_norm and attention for one group: what the CPU must be told first,
     * and what is then taken back. NULL: nothing. */
    void (*begin)(void);
    void (*end)(void);

    /* Bytes of a packed layer: weights and what else the kernel keeps with them (scales, sums); a multiple of 64. */
    size_t (*packed_bytes)(size_t outputs, size_t inputs);

    /* weights (N,K) row-major -> packed. */
    void (*pack)(const float *weights, size_t outputs, size_t inputs, void *packed_out);

    /* Scratch that gemm needs for `tokens` of at most `inputs` numbers each; may be 0. */
    size_t (*gemm_bytes)(size_t tokens, size_t inputs);

    /* input (T,K) activations -> output (T,N). `residual` only for that epilogue; all aligned to 64. Inputs and outputs
     * have room for HEDDLE_TOKEN_ROOM more tokens behind the last, which may be read and written and mean nothing. */
    void (*gemm)(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch);

    /* values (T,H) in place: (x - mean) / sqrt(variance + epsilon) x gain + bias. Where activations are narrower than
     * float, a copy goes to narrow_out (T,H); else that is NULL. */
    void (*layer_norm)(float *values, size_t tokens, size_t width, const float *gain, const float *bias,
                       float epsilon, void *narrow_out);

    /* Scratch that attention over at most `tokens` needs. */
    size_t (*attention_bytes)(size_t tokens, size_t head_width);
    void (*attention)(const struct heddle_attention *attention);
};

/* The kernels built in, slowest first, NULL at the end. */
const struct heddle_kernel *const *heddle_kernels(void);

/* Their names in the same order, NULL at the end. */
const char *const *heddle_kernel_names(void);

/* The kernel called `name`, or with NULL the last one of `precision` that this CPU runs (AUTO: bf16 where a kernel of it
 * runs at full rate, else fp32).
 * Errors: HEDDLE_INVALID (no such kernel, or this CPU cannot run it: both say which it can). */
HEDDLE_MUST_CHECK int heddle_kernel_choose(const char *name, enum heddle_precision precision,
                                           const struct heddle_kernel **kernel_out,
                                           struct heddle_error *error);

/* What kernels of plain floats answer: every CPU runs them at full rate; N x K floats; no scratch. */
bool heddle_kernel_always(void);
size_t heddle_kernel_float_bytes(size_t outputs, size_t inputs);
size_t heddle_kernel_no_bytes(size_t tokens, size_t inputs);

extern const struct heddle_kernel heddle_kernel_scalar;
#if defined(__x86_64__)
extern const struct heddle_kernel heddle_kernel_avx2_fp32;
extern const struct heddle_kernel heddle_kernel_avx512_fp32;
extern const struct heddle_kernel heddle_kernel_avx512_bf16;
extern const struct heddle_kernel heddle_kernel_amx_bf16;
extern const struct heddle_kernel heddle_kernel_avx512_int8;
#elif defined(__aarch64__)
extern const struct heddle_kernel heddle_kernel_neon_fp32;
#endif

#endif
