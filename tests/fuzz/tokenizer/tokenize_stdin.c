/* tokenize_stdin.c: the C side of the differential test: texts from stdin, token ids to stdout.
 *
 * Input, repeated: u32 length, bytes. Output, repeated: u32 count, count x u32 ids. Little endian, as written by
 * differential, which starts this program with the path of a tokenizer.json, or of a directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_file.h"
#include "model/tokenizer/tokenizer.h"

enum { CAPACITY = 1 << 22, TEXT_MAX = 1 << 24 };

static int open_tokenizer(const char *path, struct heddle_tokenizer **tokenizer_out,
                          struct heddle_error *error)
{
    if (strstr(path, ".json") == NULL) {
        return heddle_tokenizer_open(path, tokenizer_out, error);
    }
    char *json = NULL;
    size_t length = 0;
    int status = heddle_model_file_read("/", path, &json, &length, error);
    if (status == HEDDLE_OK) {
        status = heddle_tokenizer_from_json(json, length, path, tokenizer_out, error);
    }
    free(json);
    return status;
}

int main(int argc, char **argv)
{
    static uint32_t ids[CAPACITY];
    struct heddle_error error = {0};
    struct heddle_tokenizer *tokenizer = NULL;
    if (argc != 2 || open_tokenizer(argv[1], &tokenizer, &error) != HEDDLE_OK) {
        fprintf(stderr, "usage: tokenize_stdin TOKENIZER.json|DIRECTORY: %s\n", error.message);
        return 1;
    }
    struct heddle_tokenizer_scratch scratch = {0};
    char *text = malloc(TEXT_MAX);
    uint32_t length = 0;
    int result = text == NULL;
    while (result == 0 && fread(&length, sizeof length, 1, stdin) == 1) {
        size_t count = 0;
        bool truncated = false;
        if (length > TEXT_MAX || fread(text, 1, length, stdin) != length ||
            heddle_tokenizer_encode(tokenizer, &scratch, text, length, ids, CAPACITY, &count, &truncated,
                                    &error) != HEDDLE_OK) {
            result = 1;
            break;
        }
        const uint32_t written = (uint32_t)count;
        fwrite(&written, sizeof written, 1, stdout);
        fwrite(ids, sizeof ids[0], count, stdout);
    }
    free(text);
    heddle_tokenizer_scratch_free(&scratch);
    heddle_tokenizer_destroy(tokenizer);
    return result;
}
