/* ledger.c: the text of a transaction's mark. */
#include "sink/ledger.h"

#include <inttypes.h>
#include <stdio.h>

const char *heddle_mark_text(char *text, const char *load, uint64_t micro_batch, uint64_t token)
{
    const uint64_t counter = token & ((UINT64_C(1) << HEDDLE_TOKEN_COUNTER_BITS) - 1);
    snprintf(text, HEDDLE_MARK_TEXT_MAX, "%.*s/%" PRIu64 "/%" PRIu32 ".%" PRIu64, HEDDLE_LOAD_ID_MAX, load,
             micro_batch, heddle_token_epoch(token), counter);
    return text;
}
