/* alignment.c: the library's bookkeeping of offsets, as far as it concerns offset 0. */
#include "model/tokenizer/alignment.h"

#include "model/tokenizer/unicode.h"

void heddle_alignment_begin(struct heddle_alignment *alignment, const char *text, size_t length,
                            size_t origin)
{
    *alignment = (struct heddle_alignment){
        .active = origin > 0, .old = text, .old_length = length, .old_origin = origin};
}

static void skip_old(struct heddle_alignment *alignment)
{
    if (alignment->old_at < alignment->old_length) {
        (void)heddle_unicode_decode(alignment->old, &alignment->old_at);
    }
}

/* Judges the waiting character; no later one can have offset 0 once one has not. */
static void settle(struct heddle_alignment *alignment)
{
    if (!alignment->waiting) {
        return;
    }
    alignment->waiting = false;
    const bool inserted = alignment->change > 0;
    const size_t stems_from = inserted && alignment->old_at > 0 ? alignment->old_at - 1 : alignment->old_at;
    if (stems_from < alignment->old_origin) {
        alignment->new_origin += alignment->length;
    } else {
        alignment->active = false;
    }
    if (!inserted) {
        skip_old(alignment);
    }
    for (ptrdiff_t removed = alignment->change; removed < 0; removed++) {
        skip_old(alignment);
    }
}

void heddle_alignment_add(struct heddle_alignment *alignment, size_t length, ptrdiff_t change)
{
    settle(alignment);
    alignment->waiting = true;
    alignment->length = length;
    alignment->change = change;
}

static ptrdiff_t count_characters(const char *text, size_t length)
{
    ptrdiff_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

void heddle_alignment_replace(struct heddle_alignment *alignment, const char *old_text, size_t old_length,
                              const char *new_text, size_t new_length)
{
    const ptrdiff_t old_count = count_characters(old_text, old_length);
    const ptrdiff_t new_count = count_characters(new_text, new_length);
    ptrdiff_t number = 0;
    for (size_t at = 0; at < new_length && alignment->active; number++) {
        const size_t start = at;
        (void)heddle_unicode_decode(new_text, &at);
        heddle_alignment_add(alignment, at - start, number < old_count ? 0 : 1);
    }
    if (new_count < old_count && alignment->waiting) {
        alignment->change += new_count - old_count;
    }
}

size_t heddle_alignment_end(struct heddle_alignment *alignment)
{
    if (alignment->active) {
        settle(alignment);
    }
    return alignment->new_origin;
}
