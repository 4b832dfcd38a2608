/* model.h: text in, sentence vectors out, in this process: the contract of the room.
 *
 * An embedder is a model directory as sentence-transformers lays it out, loaded once: tokenizer, weights packed for
 * this CPU's best kernel, pooling. It never changes after opening, so threads share it. Each thread that embeds makes
 * a worker of its own: the scratch memory that one thread needs (a few MB). Workers share nothing but the weights.
 *
 *     heddle_embedder_open("models/all-MiniLM-L6-v2", NULL, &embedder, &error);
 *     heddle_embedder_worker_create(embedder, &worker, &error);             one a thread
 *     heddle_embedder_embed(worker, texts, count, vectors, status, &error);  any number of times
 *     heddle_embedder_worker_destroy(worker);
 *     heddle_embedder_close(embedder);                                       after its last worker
 *
 * What holds, and is tested: the tokens are those of the HF `tokenizers` library; a text's vector is bit-identical
 * whatever its batch, its neighbours, their order and the number of threads, on one kernel of one embedder; two texts
 * that are equal after stripping are embedded once a call.
 *
 * Supported: BERT encoders (absolute positions, erf GELU, LayerNorm after each block) with WordPiece, mean or cls
 * pooling, with or without normalising. Anything else is refused by its name when opening.
 */
#ifndef HEDDLE_MODEL_MODEL_H
#define HEDDLE_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_embedder;
struct heddle_embedder_worker;

/* The arithmetic of the encoder. AUTO is resolved when opening and then reported by name, so that a load can store what it
 * used: bf16 where this CPU has a kernel for it that runs at full rate (AMX; AVX512-BF16 on AMD Zen 4 and later), else
 * fp32; with a kernel named, what that computes in. On all-MiniLM-L6-v2 bf16 costs a cosine of 0.99994 at worst over the
 * golden texts, int8 one of 0.992; int8 is never chosen unasked. */
enum heddle_precision {
    HEDDLE_PRECISION_AUTO = 0,
    HEDDLE_PRECISION_FP32,
    HEDDLE_PRECISION_BF16,
    HEDDLE_PRECISION_INT8,
};

/* {0} (or a NULL pointer) is: the best kernel of this CPU at AUTO. */
struct heddle_embedder_options {
    enum heddle_precision precision;
    const char *kernel; /* one of heddle_embedder_kernel_names(), or NULL to choose by CPU */
};

/* What `heddle model info` prints. The strings belong to the embedder. */
struct heddle_embedder_info {
    const char *name;         /* last part of the directory's path */
    const char *architecture; /* "bert" */
    const char *pooling;      /* "mean" or "cls" */
    const char *precision;    /* "fp32", "bf16" */
    const char *kernel;       /* "scalar", "avx2_fp32", "avx512_fp32", "avx512_bf16" */
    bool normalized;          /* vectors have unit length */
    size_t dimensions;
    size_t layers;
    size_t heads;
    size_t intermediate; /* width of the feed-forward block */
    size_t vocabulary;
    size_t max_tokens;     /* per text, [CLS] and [SEP] counted */
    uint64_t parameters;   /* weights that take part (no pooler) */
    uint64_t file_bytes;   /* size of the safetensors file */
    uint64_t packed_bytes; /* memory held by packed weights */
};

/* One text: UTF-8, not terminated. A NULL pointer is a null value. */
struct heddle_embed_text {
    const char *text;
    size_t length; /* bytes */
};

enum heddle_embed_result {
    HEDDLE_EMBED_DONE = 0,
    HEDDLE_EMBED_NOT_UTF8, /* not embedded: the vector is all zeros */
};

/* What became of one text. */
struct heddle_embed_status {
    enum heddle_embed_result result;
    uint32_t
        tokens; /* that went through the encoder, [CLS] and [SEP] included; 0 for a null or refused text */
    bool truncated; /* it had more tokens than the model takes: the rest was cut off */
    bool no_text;   /* null, or empty after Python's str.strip() */
};

/* What a worker has done since it was made. */
struct heddle_embed_statistics {
    uint64_t texts;          /* asked for: embedded + folded + null + refused */
    uint64_t texts_embedded; /* went through the encoder */
    uint64_t texts_folded;   /* equal to an earlier text of the same call: vector copied */
    uint64_t tokens;         /* that went through the encoder */
    uint64_t truncated;
    uint64_t no_text;
    uint64_t refused; /* not UTF-8 */
    uint64_t tokenize_ns;
    uint64_t encode_ns;
};

/* Loads the model in `directory`. `options` may be NULL.
 * Reads modules.json, config.json, sentence_bert_config.json, 1_Pooling/config.json, tokenizer.json (or vocab.txt and
 * tokenizer_config.json) and model.safetensors. The weights are packed into private memory; only the word-embedding
 * table stays mapped from the file, which must not be changed while the embedder is open.
 * Errors: HEDDLE_MODEL (a file is missing, damaged or unsupported: named, with the remedy), HEDDLE_INVALID (unknown
 * kernel, or one that this CPU cannot run), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embedder_open(const char *directory,
                                           const struct heddle_embedder_options *options,
                                           struct heddle_embedder **embedder_out, struct heddle_error *error);

/* Frees it. No worker may be left. NULL is a no-op. */
void heddle_embedder_close(struct heddle_embedder *embedder);

/* Floats in a vector (384 for MiniLM). */
size_t heddle_embedder_dimensions(const struct heddle_embedder *embedder);

/* Last part of the directory's path, for example "all-MiniLM-L6-v2". Lives as long as the embedder. */
const char *heddle_embedder_name(const struct heddle_embedder *embedder);

/* Name of the kernel that was chosen, for example "avx512_fp32". Static memory. */
const char *heddle_embedder_kernel(const struct heddle_embedder *embedder);

/* The resolved precision, never AUTO. */
enum heddle_precision heddle_embedder_precision(const struct heddle_embedder *embedder);

/* Tokens a text may have, [CLS] and [SEP] counted; longer texts are cut (256 for MiniLM). */
size_t heddle_embedder_max_tokens(const struct heddle_embedder *embedder);

/* Everything at once. */
void heddle_embedder_describe(const struct heddle_embedder *embedder, struct heddle_embedder_info *info_out);

/* "auto", "fp32", "bf16", "int8". Static memory. */
const char *heddle_precision_name(enum heddle_precision precision);

/* The precision of that name; false if there is none. */
bool heddle_precision_parse(const char *name, enum heddle_precision *precision_out);

/* True if this CPU has a kernel for it (AUTO: always). */
bool heddle_precision_runs(enum heddle_precision precision);

/* Names of the kernels built into this program, slowest first, NULL behind the last one. Static memory. */
const char *const *heddle_embedder_kernel_names(void);

/* True if there is a kernel of that name and this CPU can run it. */
bool heddle_embedder_kernel_runs(const char *kernel);

/* Makes the private workspace of one thread. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embedder_worker_create(const struct heddle_embedder *embedder,
                                                    struct heddle_embedder_worker **worker_out,
                                                    struct heddle_error *error);

/* NULL is a no-op. */
void heddle_embedder_worker_destroy(struct heddle_embedder_worker *worker);

/* Embeds `count` texts into vectors_out (count x dimensions floats, row-major, no alignment needed).
 * Each text is stripped as Python's str.strip() does, then tokenized, cut to the model's tokens and encoded.
 * An empty text is embedded as [CLS] [SEP], as sentence-transformers does, and says `no_text`: the caller decides
 * whether the vector is used. A null text gets zeros and `no_text`. A text that is not UTF-8 gets zeros and says so
 * in its status; it is no failure of the call. status_out (count) may be NULL.
 * Any `count` is fine; memory grows with the tokens of one call, so batches of some thousands are a good size.
 * Threads: one call at a time per worker. Errors: HEDDLE_OUT_OF_MEMORY (vectors_out then is unspecified). */
HEDDLE_MUST_CHECK int heddle_embedder_embed(struct heddle_embedder_worker *worker,
                                            const struct heddle_embed_text *texts, size_t count,
                                            float *vectors_out, struct heddle_embed_status *status_out,
                                            struct heddle_error *error);

/* What this worker has done so far. */
void heddle_embedder_worker_statistics(const struct heddle_embedder_worker *worker,
                                       struct heddle_embed_statistics *statistics_out);

/* The token ids of one text (stripped first), [CLS] and [SEP] included, cut to the model's tokens. *ids_out belongs to the worker and
 * is valid until its next call. status_out may be NULL.
 * Errors: HEDDLE_INVALID (not UTF-8), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_embedder_tokenize(struct heddle_embedder_worker *worker, const char *text,
                                               size_t length, const uint32_t **ids_out, size_t *count_out,
                                               struct heddle_embed_status *status_out,
                                               struct heddle_error *error);

#endif
