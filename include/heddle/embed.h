/* heddle/embed.h: text in, sentence vectors out.
 *
 * An embedder is a model opened once: a directory as sentence-transformers lays it out, computed in this process, or a
 * service behind HTTP. It never changes after opening, so threads share it. Each thread that embeds makes a worker of its
 * own: the scratch memory that one thread needs (a few MB). Workers share nothing but the weights.
 *
 *     struct heddle_error error = {0};
 *     heddle_embedder_open("models/all-MiniLM-L6-v2", NULL, &embedder, &error);
 *     heddle_embedder_worker_create(embedder, &worker, &error);               one a thread
 *     heddle_embedder_embed(worker, texts, count, vectors, status, &error);   any number of times
 *     heddle_embedder_worker_destroy(worker);
 *     heddle_embedder_close(embedder);                                         after its last worker
 *
 * heddle_embedder_embed_all() does the threads by itself.
 *
 * What holds for models computed here, and is tested: the tokens are those of the HF `tokenizers` library; a text's vector
 * is bit-identical whatever its batch, its neighbours, their order and the number of threads, on one kernel; two texts that
 * are equal after stripping are embedded once a call. With a cache file, a text is embedded once ever: vectors come back
 * bit for bit. The file is shared by any number of loads, also at the same time; it is no cause for a call to fail: a disk
 * that is full is counted (cache_failures) and named (cache_problem), and embedding goes on.
 *
 * Ownership: what comes through an `..._out` argument is the caller's to close or destroy; names that an embedder answers
 *            live as long as it does.
 * Threads:   an embedder may be used by any number of threads, a worker by one at a time. There is no global state.
 * Errors:    a status of heddle/error.h and the reason in *error, which may be NULL. A text that cannot be embedded is no
 *            failure of the call: its own status says why.
 */
#ifndef HEDDLE_EMBED_H
#define HEDDLE_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heddle/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct heddle_embedder;
struct heddle_embedder_worker;

/* The arithmetic of the encoder. AUTO is resolved when opening and then reported by name, so that a load can store what it
 * used: bf16 where this CPU has a kernel for it that runs at full rate (AMX; AVX512-BF16 on AMD Zen 4 and later), else
 * fp32; with a kernel named, what that computes in. On all-MiniLM-L6-v2 bf16 costs a cosine of 0.9999 at worst over the
 * golden texts, int8 one of 0.99; int8 is never chosen unasked. */
enum heddle_precision {
    HEDDLE_PRECISION_AUTO = 0,
    HEDDLE_PRECISION_FP32,
    HEDDLE_PRECISION_BF16,
    HEDDLE_PRECISION_INT8,
};

/* How to reach a model behind HTTP. {0} in a field is its default. */
struct heddle_embedder_service {
    const char *url;        /* of the endpoint, https://HOST/… or http://HOST/…; required */
    const char *api_key;    /* sent as a bearer token, or NULL; never printed */
    const char *ca_file;    /* certificates (PEM) to trust in place of the system's, or NULL */
    size_t items_max;       /* texts a request; 0: what the service is known to take */
    size_t tokens_max;      /* tokens a request (estimated); 0: the same */
    size_t bytes_max;       /* bytes a request; 0: the same */
    size_t connections_max; /* requests at the same time over all workers; 0: 16; it adapts below that */
    uint32_t timeout_ms;    /* for one answer; 0: 60,000 */
    uint32_t
        cold_timeout_ms; /* for the first answer: a service that was scaled to zero must wake; 0: 600,000 */
    const char *shape; /* databricks: "openai", "dataframe_split", "dataframe_records", "inputs", "instances";
                          * NULL: what the service takes is found out */
    const char *column; /* databricks: name of the text column; NULL: "text" where there must be one */
    bool normalize;     /* give each vector unit length, whatever the service does */
};

/* {0} (or a NULL pointer) is: the best kernel of this CPU at AUTO, the model's own prompt, all dimensions.
 * A model's configuration may name prompts. Where none is asked for, a question gets the one called "query", a document the
 * first of "document", "passage" and "corpus" (as sentence-transformers' encode_query() and encode_document() do), and
 * either of them else the model's default, if there is one. */
struct heddle_embedder_options {
    enum heddle_precision precision; /* of the native provider */
    const char *kernel;              /* one of heddle_embedder_kernel_names(), or NULL to choose by CPU */
    const char *provider;            /* NULL or "native"; "onnx"; "openai", "databricks", "tei", "ollama" */
    const char *library;             /* "onnx": path of libonnxruntime.so, or NULL to search for it */
    const char *prompt_name; /* a prompt of the model's own configuration; NULL: its default, if it has one */
    const char *prompt;      /* text put in front of each text in place of a named one; "" for none */
    bool is_query;           /* texts are questions, not documents: decides between the model's own prompts */
    size_t dimensions; /* keep the first so many and give the vector unit length again (Matryoshka); 0: all */
    const char *cache_file;   /* vectors of texts that any load embedded before, kept in this file; or NULL */
    uint64_t cache_bytes_max; /* the file grows no further; 0: 4 GiB. Then nothing more is kept */
    const struct heddle_embedder_service *service; /* HTTP providers */
};

/* What `heddle model info` prints. The strings belong to the embedder. Figures that a provider does not know are 0. */
struct heddle_embedder_info {
    const char *name;         /* last part of the directory's path, or the service's model */
    const char *provider;     /* "native", "onnx", "openai", … */
    const char *architecture; /* "bert", "xlm-roberta", …; "" where it is not known */
    const char *pooling;      /* "mean", "cls", …; "" where it is not known */
    const char *precision;    /* "fp32", "bf16", "int8"; of a service: "service" */
    const char *kernel;       /* "scalar", "avx2_fp32", …; of another provider: what computes */
    const char *prompt;       /* that is put in front of each text; "" for none */
    bool normalized;          /* vectors have unit length */
    size_t dimensions;        /* of the vectors that come out */
    size_t layers;
    size_t heads;
    size_t intermediate; /* width of the feed-forward block */
    size_t vocabulary;
    size_t max_tokens;     /* per text, special tokens counted */
    uint64_t parameters;   /* weights that take part (no pooler) */
    uint64_t file_bytes;   /* size of the weights' file */
    uint64_t packed_bytes; /* memory held by packed weights */
    const char
        *cache_problem; /* why texts could not be looked up or kept in the cache file, newest; "" for none */
};

/* One text: UTF-8, not terminated. A NULL pointer is a null value. Ill-formed sequences are replaced by U+FFFD, as Python's
 * bytes.decode(errors="replace") does. */
struct heddle_embed_text {
    const char *text;
    size_t length; /* bytes */
};

enum heddle_embed_result {
    HEDDLE_EMBED_DONE = 0,
    HEDDLE_EMBED_FAILED, /* not embedded: the vector is all zeros, `reason` says why */
};

/* What became of one text. */
struct heddle_embed_status {
    enum heddle_embed_result result;
    uint32_t tokens;   /* that went through the model, special ones included; 0 where it is not known */
    uint32_t replaced; /* ill-formed UTF-8 sequences that became U+FFFD */
    bool truncated;    /* it had more tokens than the model takes: the rest was cut off */
    bool no_text;      /* null, or empty after Python's str.strip() */
    bool remembered;   /* the vector came from the cache file */
    char reason[104];  /* of a failure, one sentence; "" else */
};

/* What a worker has done since it was made. */
struct heddle_embed_statistics {
    uint64_t texts;            /* asked for: embedded + folded + remembered + null + failed */
    uint64_t texts_embedded;   /* went through the model */
    uint64_t texts_folded;     /* equal to an earlier text of the same call: vector copied */
    uint64_t texts_remembered; /* found in the cache file, or kept by an earlier run of the load */
    uint64_t tokens;           /* that went through the model */
    uint64_t truncated;
    uint64_t no_text;
    uint64_t repaired; /* texts in which ill-formed UTF-8 was replaced */
    uint64_t failed;
    uint64_t
        cache_failures; /* texts that could not be looked up, or kept, in the cache file: embedded all the same */
    uint64_t tokenize_ns; /* everything but the model: stripping, folding, tokenizing, cache */
    uint64_t encode_ns;   /* in the model, or waiting for the service */
};

/* Opens `model`: a directory (native, onnx), or the name by which a service knows it. `options` may be NULL.
 * A directory: modules.json, config.json, sentence_bert_config.json, config_sentence_transformers.json, the folders of its
 * modules, tokenizer.json (or vocab.txt and tokenizer_config.json), model.safetensors. The weights are packed into private
 * memory; only the word-embedding table stays mapped from the file, which must not be changed while the embedder is open.
 * A service is asked for one vector, so that its width is known and a wrong key shows at once.
 * Errors: HEDDLE_MODEL (a file is missing, damaged or unsupported, a service refuses: named, with the remedy), HEDDLE_INVALID
 * (unknown kernel, provider or prompt, or a kernel that this CPU cannot run), HEDDLE_NETWORK, HEDDLE_IO (the cache file),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_embedder_open(const char *model,
                                                      const struct heddle_embedder_options *options,
                                                      struct heddle_embedder **embedder_out,
                                                      struct heddle_error *error);

/* Frees it. No worker may be left. NULL is a no-op. */
HEDDLE_API void heddle_embedder_close(struct heddle_embedder *embedder);

/* Ends what waits for a service, from any thread: calls under way and later ones answer HEDDLE_INTERRUPTED soon. Models
 * computed here take no notice: they never wait. */
HEDDLE_API void heddle_embedder_stop(const struct heddle_embedder *embedder);

/* Floats in a vector (384 for MiniLM). */
HEDDLE_API size_t heddle_embedder_dimensions(const struct heddle_embedder *embedder);

/* Last part of the directory's path, for example "all-MiniLM-L6-v2" (of a Hugging Face cache's
 * models--ORG--NAME/snapshots/REVISION it is NAME), or the service's model. */
HEDDLE_API const char *heddle_embedder_name(const struct heddle_embedder *embedder);

/* Name of what computes, for example "avx512_fp32". */
HEDDLE_API const char *heddle_embedder_kernel(const struct heddle_embedder *embedder);

/* The resolved precision; AUTO for a provider that does not say. */
HEDDLE_API enum heddle_precision heddle_embedder_precision(const struct heddle_embedder *embedder);

/* Tokens a text may have, special ones counted; longer texts are cut (256 for MiniLM). 0 where it is not known. */
HEDDLE_API size_t heddle_embedder_max_tokens(const struct heddle_embedder *embedder);

/* Everything at once. */
HEDDLE_API void heddle_embedder_describe(const struct heddle_embedder *embedder,
                                         struct heddle_embedder_info *info_out);

/* "auto", "fp32", "bf16", "int8". Static memory. */
HEDDLE_API const char *heddle_precision_name(enum heddle_precision precision);

/* The precision of that name; false if there is none. */
HEDDLE_API bool heddle_precision_parse(const char *name, enum heddle_precision *precision_out);

/* True if this CPU has a kernel for it (AUTO: always). */
HEDDLE_API bool heddle_precision_runs(enum heddle_precision precision);

/* Names of the kernels built into this program, slowest first, NULL behind the last one. Static memory. */
HEDDLE_API const char *const *heddle_embedder_kernel_names(void);

/* True if there is a kernel of that name and this CPU can run it. */
HEDDLE_API bool heddle_embedder_kernel_runs(const char *kernel);

/* Makes the private workspace of one thread. Errors: HEDDLE_OUT_OF_MEMORY; of a service also HEDDLE_NETWORK. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_embedder_worker_create(const struct heddle_embedder *embedder,
                                                               struct heddle_embedder_worker **worker_out,
                                                               struct heddle_error *error);

/* NULL is a no-op. */
HEDDLE_API void heddle_embedder_worker_destroy(struct heddle_embedder_worker *worker);

/* Embeds `count` texts into vectors_out (count x dimensions floats, row-major, no alignment needed).
 * Each text gets the prompt in front, is stripped as Python's str.strip() does, then tokenized, cut to the model's tokens and
 * encoded. An empty text is embedded as such ([CLS] [SEP]), as sentence-transformers does, and says `no_text`: the caller
 * decides whether the vector is used. A null text gets zeros and `no_text`. status_out (count) may be NULL.
 * Any `count` is fine; memory grows with the tokens of one call, so batches of some thousands are a good size.
 * Errors: HEDDLE_OUT_OF_MEMORY; of a service HEDDLE_NETWORK or HEDDLE_MODEL where no text could be embedded any more
 * (key refused, service gone), HEDDLE_INTERRUPTED (heddle_embedder_stop()); HEDDLE_INVALID (over 2^28 texts). vectors_out then is unspecified. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_embedder_embed(struct heddle_embedder_worker *worker,
                                                       const struct heddle_embed_text *texts, size_t count,
                                                       float *vectors_out,
                                                       struct heddle_embed_status *status_out,
                                                       struct heddle_error *error);

/* As heddle_embedder_embed() with `threads` threads and a worker for each (0: one a core that this process may use).
 * Equal texts are found within some hundred neighbours. statistics_out may be NULL. Errors: the same; of several the first. */
HEDDLE_API HEDDLE_MUST_CHECK int
heddle_embedder_embed_all(const struct heddle_embedder *embedder, size_t threads,
                          const struct heddle_embed_text *texts, size_t count, float *vectors_out,
                          struct heddle_embed_status *status_out,
                          struct heddle_embed_statistics *statistics_out, struct heddle_error *error);

/* What this worker has done so far. */
HEDDLE_API void heddle_embedder_worker_statistics(const struct heddle_embedder_worker *worker,
                                                  struct heddle_embed_statistics *statistics_out);

/* Adds what `one` counts to *total. */
HEDDLE_API void heddle_embed_statistics_add(struct heddle_embed_statistics *total,
                                            const struct heddle_embed_statistics *one);

/* The token ids of one text (prompt in front, stripped), special ones included, cut to the model's tokens. *ids_out belongs
 * to the worker and is valid until its next call. status_out may be NULL.
 * Errors: HEDDLE_INVALID (a null text, or a provider whose tokens are not known here), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_embedder_tokenize(struct heddle_embedder_worker *worker,
                                                          const char *text, size_t length,
                                                          const uint32_t **ids_out, size_t *count_out,
                                                          struct heddle_embed_status *status_out,
                                                          struct heddle_error *error);

#ifdef __cplusplus
}
#endif
#endif
