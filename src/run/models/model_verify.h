/* model_verify.h: is this model right on this machine, and what does each precision cost? `heddle model verify`.
 *
 * The checks need no reference: shapes, lengths, similar texts nearer than dissimilar ones, odd texts, the same vector in any
 * batch. The price of a precision is the cosine between its vectors and those of fp32 on the caller's texts. A service or
 * another engine is compared with the same model computed here in fp32.
 */
#ifndef HEDDLE_RUN_MODEL_VERIFY_H
#define HEDDLE_RUN_MODEL_VERIFY_H

#include <heddle/embed.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/options.h"

enum { HEDDLE_VERIFY_CHECKS_MAX = 12, HEDDLE_VERIFY_PRICES_MAX = 4 };

struct heddle_model_check {
    const char *what; /* a claim: "a similar text is nearer than a dissimilar one" */
    bool ok;
    char detail[120];
};

/* One way to compute, against fp32 computed here. */
struct heddle_model_price {
    const char *what;   /* "bf16", "service" */
    const char *kernel; /* what computed; lives in the report's arena */
    double cosine_min, cosine_mean;
    double difference_max; /* of a component */
    double texts_per_second;
};

struct heddle_model_report {
    const char *name; /* of the model; in the arena */
    struct heddle_model_check checks[HEDDLE_VERIFY_CHECKS_MAX];
    size_t check_count;
    struct heddle_model_price prices[HEDDLE_VERIFY_PRICES_MAX];
    size_t price_count;
    size_t texts; /* of the sample */
    bool ok;      /* every check holds */
};

/* Checks the model `name` as the settings open it (heddle_model_open), then measures: with the native provider each precision
 * that this CPU runs, else the provider, both against the model `local` (NULL: `name`) in fp32 here.
 * `texts` (count >= 1) is the sample. Errors: those of heddle_model_open() and heddle_embedder_embed(); a check that does not
 * hold is no error. */
HEDDLE_MUST_CHECK int heddle_model_verify(const struct heddle_options *options, const char *name,
                                          const char *local, const struct heddle_embed_text *texts,
                                          size_t count, struct heddle_arena *arena,
                                          struct heddle_model_report *report_out, struct heddle_error *error);

#endif
