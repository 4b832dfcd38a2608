/* prompt_tokens.c: a prompt is tokenized by itself, as sentence-transformers does to learn its length. */
#include "model/prompt_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

int heddle_prompt_tokens_count(const struct heddle_head *head, const struct heddle_tokenizer *tokenizer,
                               const char *prompt, size_t max_tokens, size_t *tokens_out,
                               struct heddle_error *error)
{
    const size_t length = strlen(prompt);
    *tokens_out = 0;
    if (!heddle_head_leaves_prompts(head) || length == 0) {
        return HEDDLE_OK;
    }
    if (!heddle_text_is_utf8(prompt, length)) {
        return heddle_error_set(error, HEDDLE_INVALID, "the prompt is not UTF-8");
    }
    struct heddle_tokenizer_scratch scratch = {0};
    bool truncated = false;
    size_t count = 0;
    uint32_t *ids = heddle_calloc(max_tokens, sizeof *ids);
    const int status = ids == NULL ? heddle_error_out_of_memory(error)
                                   : heddle_tokenizer_encode(tokenizer, &scratch, prompt, length, ids,
                                                             max_tokens, &count, &truncated, error);
    heddle_tokenizer_scratch_free(&scratch);
    free(ids);
    *tokens_out = count == 0 ? 0 : count - 1;
    return status;
}
