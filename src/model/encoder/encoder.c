/* encoder.c: the forward pass of BERT (Devlin et al. 2018; LayerNorm behind each block). */
#include "model/encoder/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/encoder/pages.h"

enum { ALIGNMENT = 64 };

struct heddle_encoder_workspace {
    struct heddle_model_config config;
    const struct heddle_kernel *kernel;
    void *block;   /* as allocated */
    float *hidden; /* (T,H) the residual stream */
    float *mixed;  /* (T,H) the same behind attention */
    void *narrow;  /* (T,H) activations: a narrow copy of one of them, or NULL where activations are float */
    void *qkv;     /* (T,3H) activations */
    void *context; /* (T,H) activations */
    void *wide;    /* (T,F) activations */
    void *scratch; /* of attention, and of the dense layers: never both at once */
};

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t heddle_encoder_group_tokens(const struct heddle_model_config *config)
{
    return config->max_tokens > HEDDLE_GROUP_TOKENS ? config->max_tokens : HEDDLE_GROUP_TOKENS;
}

static void *take(char **next, size_t bytes)
{
    void *place = *next;
    *next += rounded(bytes);
    return place;
}

int heddle_encoder_workspace_create(const struct heddle_model_config *config,
                                    const struct heddle_kernel *kernel,
                                    struct heddle_encoder_workspace **workspace_out,
                                    struct heddle_error *error)
{
    const size_t tokens = heddle_encoder_group_tokens(config) + HEDDLE_TOKEN_ROOM;
    const size_t widest = config->intermediate > config->hidden ? config->intermediate : config->hidden;
    const size_t floats = tokens * config->hidden * sizeof(float);
    const size_t activations = tokens * config->hidden * kernel->activation_bytes;
    const size_t wide = tokens * config->intermediate * kernel->activation_bytes;
    const size_t attention = kernel->attention_bytes(config->max_tokens, config->head_width);
    const size_t gemm = kernel->gemm_bytes(tokens, widest);
    const size_t scratch = attention > gemm ? attention : gemm;
    const size_t narrow = kernel->activation_bytes == sizeof(float) ? 0 : activations;
    const size_t total = 2 * rounded(floats) + rounded(narrow) + rounded(3 * activations) +
                         rounded(activations) + rounded(wide) + rounded(scratch);
    struct heddle_encoder_workspace *workspace = heddle_calloc(1, sizeof *workspace);
    void *block = NULL;
    char *next = heddle_pages_allocate(total, &block);
    if (workspace == NULL || block == NULL) {
        free(block);
        free(workspace);
        return heddle_error_out_of_memory(error);
    }
    workspace->config = *config;
    workspace->kernel = kernel;
    workspace->block = block;
    workspace->hidden = take(&next, floats);
    workspace->mixed = take(&next, floats);
    workspace->narrow = narrow == 0 ? NULL : take(&next, narrow);
    workspace->qkv = take(&next, 3 * activations);
    workspace->context = take(&next, activations);
    workspace->wide = take(&next, wide);
    workspace->scratch = take(&next, scratch);
    *workspace_out = workspace;
    return HEDDLE_OK;
}

void heddle_encoder_workspace_destroy(struct heddle_encoder_workspace *workspace)
{
    if (workspace == NULL) {
        return;
    }
    free(workspace->block);
    free(workspace);
}

/* Answers the number of tokens. */
static size_t embed_tokens(const struct heddle_weights *weights, struct heddle_encoder_workspace *workspace,
                           const struct heddle_sequence *sequences, size_t count)
{
    const size_t hidden = workspace->config.hidden;
    float *out = workspace->hidden;
    for (size_t s = 0; s < count; s++) {
        heddle_weights_embed(weights, sequences[s].ids, sequences[s].tokens, out);
        out += sequences[s].tokens * hidden;
    }
    return (size_t)(out - workspace->hidden) / hidden;
}

static void attend(struct heddle_encoder_workspace *workspace, const struct heddle_sequence *sequences,
                   size_t count)
{
    const size_t bytes = workspace->config.hidden * workspace->kernel->activation_bytes;
    size_t first = 0;
    for (size_t s = 0; s < count; s++) {
        const struct heddle_attention attention = {
            .qkv = (const char *)workspace->qkv + first * 3 * bytes,
            .first = first,
            .tokens = sequences[s].tokens,
            .heads = workspace->config.heads,
            .head_width = workspace->config.head_width,
            .context = (char *)workspace->context + first * bytes,
            .scratch = workspace->scratch,
        };
        workspace->kernel->attention(&attention);
        first += sequences[s].tokens;
    }
}

static void run_layer(const struct heddle_layer *layer, struct heddle_encoder_workspace *workspace,
                      const struct heddle_sequence *sequences, size_t count, size_t tokens)
{
    const struct heddle_kernel *kernel = workspace->kernel;
    const size_t hidden = workspace->config.hidden;
    const float epsilon = workspace->config.layer_norm_epsilon;
    float *stream = workspace->hidden;
    float *mixed = workspace->mixed;
    const bool is_narrow = workspace->narrow != NULL;
    kernel->gemm(&layer->qkv, is_narrow ? workspace->narrow : stream, tokens, HEDDLE_EPILOGUE_BIAS, NULL,
                 workspace->qkv, workspace->scratch);
    attend(workspace, sequences, count);
    kernel->gemm(&layer->mix, workspace->context, tokens, HEDDLE_EPILOGUE_RESIDUAL, stream, mixed,
                 workspace->scratch);
    kernel->layer_norm(mixed, tokens, hidden, layer->mix_gain, layer->mix_bias, epsilon, workspace->narrow);
    kernel->gemm(&layer->widen, is_narrow ? workspace->narrow : mixed, tokens, HEDDLE_EPILOGUE_GELU, NULL,
                 workspace->wide, workspace->scratch);
    kernel->gemm(&layer->narrow, workspace->wide, tokens, HEDDLE_EPILOGUE_RESIDUAL, mixed, stream,
                 workspace->scratch);
    kernel->layer_norm(stream, tokens, hidden, layer->output_gain, layer->output_bias, epsilon,
                       workspace->narrow);
}

const float *heddle_encoder_run(const struct heddle_weights *weights,
                                struct heddle_encoder_workspace *workspace,
                                const struct heddle_sequence *sequences, size_t count)
{
    const struct heddle_model_config *config = &workspace->config;
    const struct heddle_kernel *kernel = workspace->kernel;
    const size_t tokens = embed_tokens(weights, workspace, sequences, count);
    if (kernel->begin != NULL) {
        kernel->begin();
    }
    kernel->layer_norm(workspace->hidden, tokens, config->hidden, heddle_weights_embedding_gain(weights),
                       heddle_weights_embedding_bias(weights), config->layer_norm_epsilon, workspace->narrow);
    for (size_t i = 0; i < config->layers; i++) {
        run_layer(heddle_weights_layer(weights, i), workspace, sequences, count, tokens);
    }
    if (kernel->end != NULL) {
        kernel->end();
    }
    return workspace->hidden;
}
