/* embed_texts.c: embed two texts and say how alike they are.
 *
 *   cc embed_texts.c $(pkg-config --cflags --libs heddle) -lm -o embed_texts
 *   ./embed_texts MODEL-DIRECTORY "the pump leaks" "oil comes out of the pump"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/embed.h>

static int compare(const struct heddle_embedder *embedder, char **texts, struct heddle_error *error)
{
    const size_t dimensions = heddle_embedder_dimensions(embedder);
    const struct heddle_embed_text both[2] = {{texts[0], strlen(texts[0])}, {texts[1], strlen(texts[1])}};
    struct heddle_embed_status fates[2];
    float *vectors = calloc(2 * dimensions, sizeof *vectors);
    int status = vectors == NULL
                     ? HEDDLE_OUT_OF_MEMORY
                     : heddle_embedder_embed_all(embedder, 0, both, 2, vectors, fates, NULL, error);
    for (size_t i = 0; status == HEDDLE_OK && i < 2; i++) {
        if (fates[i].result != HEDDLE_EMBED_DONE) {
            fprintf(stderr, "text %zu: %s\n", i + 1, fates[i].reason);
            status = HEDDLE_MODEL;
        }
    }
    if (status == HEDDLE_OK) {
        double product = 0; /* of two vectors of length 1: the cosine of the angle between them */
        for (size_t i = 0; i < dimensions; i++) {
            product += (double)vectors[i] * (double)vectors[dimensions + i];
        }
        printf("%.4f (%s, %zu dimensions, kernel %s)\n", product, heddle_embedder_name(embedder), dimensions,
               heddle_embedder_kernel(embedder));
    }
    free(vectors);
    return status;
}

int main(int count, char **arguments)
{
    struct heddle_error error = {0};
    struct heddle_embedder *embedder = NULL;
    if (count != 4) {
        fprintf(stderr, "usage: %s MODEL-DIRECTORY TEXT TEXT\n", arguments[0]);
        return 1;
    }
    int status = heddle_embedder_open(arguments[1], NULL, &embedder, &error);
    if (status == HEDDLE_OK) {
        status = compare(embedder, arguments + 2, &error);
    }
    if (status != HEDDLE_OK && error.message[0] != '\0') {
        fprintf(stderr, "%s\n", error.message);
    }
    heddle_embedder_close(embedder);
    return status == HEDDLE_OK ? 0 : 1;
}
