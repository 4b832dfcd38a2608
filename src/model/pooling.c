/* pooling.c: the states of a text's tokens -> its vector. */
#include "model/pooling.h"

#include <math.h>
#include <string.h>

/* Mean over all tokens of a sequence, or its first token. */
static void reduce(const struct heddle_model_config *config, const float *rows, size_t tokens, float *vector)
{
    const size_t hidden = config->hidden;
    memcpy(vector, rows, hidden * sizeof *vector);
    if (config->pooling == HEDDLE_POOLING_CLS) {
        return;
    }
    for (size_t t = 1; t < tokens; t++) {
        for (size_t i = 0; i < hidden; i++) {
            vector[i] += rows[t * hidden + i];
        }
    }
    for (size_t i = 0; i < hidden; i++) {
        vector[i] /= (float)tokens;
    }
}

void heddle_vector_normalize(float *vector, size_t width)
{
    double squares = 0;
    for (size_t i = 0; i < width; i++) {
        squares += (double)vector[i] * (double)vector[i];
    }
    const double norm = fmax(sqrt(squares), 1e-12); /* the library's own floor */
    for (size_t i = 0; i < width; i++) {
        vector[i] = (float)((double)vector[i] / norm);
    }
}

void heddle_pool(const struct heddle_model_config *config, const float *rows, size_t tokens,
                 float *vector_out)
{
    reduce(config, rows, tokens, vector_out);
    if (config->normalize) {
        heddle_vector_normalize(vector_out, config->hidden);
    }
}
